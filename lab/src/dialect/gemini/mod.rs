//! The Gemini API as a server reads it.

mod history;
mod read;
mod say;
mod speech;
mod task;

use super::{Incoming, Page, Route, Told, Tongue, header};
use crate::ask::{Ask, Refusal, Why};
use crate::scenario::{Model, Provider};
use crate::task::Task;
use crate::wire::{Framing, Piece};
use http::HeaderMap;
use serde_json::{Value, json};
use vocab::Kind;

pub(crate) struct Gemini;

impl Tongue for Gemini {
    fn route(&self, _provider: &Provider, method: &str, path: &str, query: &str) -> Route {
        let rest = path.strip_prefix("/v1beta").or_else(|| path.strip_prefix("/v1")).unwrap_or(path);
        if (method, rest) == ("GET", "/models") {
            return Route::Models;
        }
        let Some(rest) = rest.strip_prefix("/models/") else { return Route::Unknown };
        let sse = query.split('&').any(|pair| pair == "alt=sse");
        match (method, rest.rsplit_once(':')) {
            ("POST", Some((model, "generateContent"))) => {
                Route::Chat { model: Some(model.to_owned()), stream: Some(false), sse }
            }
            ("POST", Some((model, "streamGenerateContent"))) => {
                Route::Chat { model: Some(model.to_owned()), stream: Some(true), sse }
            }
            ("POST", Some((model, "embedContent"))) => Route::Embed { model: model.to_owned(), batch: false },
            ("POST", Some((model, "batchEmbedContents"))) => {
                Route::Embed { model: model.to_owned(), batch: true }
            }
            ("POST", Some((model, "countTokens"))) => Route::Count { model: Some(model.to_owned()) },
            ("GET", None) => Route::ModelCard(rest.to_owned()),
            _ => Route::Unknown,
        }
    }

    fn key(&self, headers: &HeaderMap, query: &str) -> Option<String> {
        let in_query = || query.split('&').find_map(|pair| pair.strip_prefix("key=")).map(str::to_owned);
        header(headers, "x-goog-api-key").or_else(in_query)
    }

    fn read(&self, incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
        let kind = |name: &str| incoming.provider.model(name).map(|model| model.kind);
        match incoming.route {
            Route::Embed { model, batch } if kind(model).is_none_or(|kind| kind == Kind::Embedding) => {
                task::embed(incoming, model, *batch)
            }
            Route::Embed { model, .. } => Err(Refusal::of(Why::NoModel(model.clone()))),
            Route::Chat { model: Some(model), stream, sse } if kind(model) == Some(Kind::Image) => {
                task::draw(incoming, model, stream.unwrap_or(false), *sse)
            }
            Route::Chat { model: Some(model), stream, sse } if speech::speaks(kind(model)) => {
                speech::read(incoming, model, stream.unwrap_or(false), *sse)
            }
            Route::Chat { model: Some(model), .. } if kind(model) == Some(Kind::Embedding) => {
                Err(Refusal::of(Why::NoModel(model.clone())))
            }
            _ => read::read(incoming),
        }
    }

    fn refuse(&self, _provider: &Provider, refusal: &Refusal) -> Page {
        refuse(refusal)
    }

    fn whole(&self, told: &Told<'_>) -> Value {
        match &told.ask.task {
            Some(task) => task::whole(told, task),
            None => say::whole(told),
        }
    }

    fn frames(&self, told: &Told<'_>) -> Vec<Piece> {
        match &told.ask.task {
            Some(Task::Speech(wanted)) => speech::frames(told, wanted),
            Some(task) => vec![
                Piece::json(crate::wire::Part::Content, task::whole(told, task), told.answer.figures.output)
                    .reporting(told.figures()),
            ],
            None => say::frames(told),
        }
    }

    fn framing(&self, ask: &Ask, _crlf: bool) -> Framing {
        // "frames end with CRLF CRLF in captures".
        if ask.sse { Framing::Sse { crlf: true } } else { Framing::Array }
    }

    fn error_frame(&self, _provider: &Provider) -> Piece {
        Piece::json(crate::wire::Part::Close, refuse(&Refusal::of(Why::Server(503))).body, 0)
    }

    fn models(&self, provider: &Provider) -> Value {
        json!({"models": provider.models.iter().map(|m| self.model_card(provider, m)).collect::<Vec<_>>()})
    }

    fn model_card(&self, _provider: &Provider, model: &Model) -> Value {
        json!({"name": format!("models/{}", model.name), "displayName": model.name, "version": "1",
            "inputTokenLimit": model.context, "outputTokenLimit": model.max_output,
            "supportedGenerationMethods": ["generateContent", "countTokens"]})
    }

    fn count(&self, tokens: u64) -> Value {
        json!({"totalTokens": tokens})
    }

    fn health(&self, _provider: &Provider) -> Value {
        json!({})
    }

    fn headers(&self, _provider: &Provider, _told: &Told<'_>) -> Vec<(&'static str, String)> {
        // "No rate-limit headers exist."
        vec![]
    }
}

fn refuse(refusal: &Refusal) -> Page {
    let (status, name) = match &refusal.why {
        Why::Bad { .. } | Why::TooLong { .. } | Why::BadKey | Why::TooLarge | Why::Filtered => {
            (400, "INVALID_ARGUMENT")
        }
        Why::NoKey | Why::Forbidden => (403, "PERMISSION_DENIED"),
        Why::Payment => (400, "FAILED_PRECONDITION"),
        Why::Quota | Why::Busy { .. } => (429, "RESOURCE_EXHAUSTED"),
        Why::NoModel(_) | Why::NoRoute => (404, "NOT_FOUND"),
        Why::Server(503) => (503, "UNAVAILABLE"),
        Why::Server(504) => (504, "DEADLINE_EXCEEDED"),
        Why::Server(status) => (*status, "INTERNAL"),
    };
    let violation = |id: &str| json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id}]});
    let delay =
        |text: String| json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": text});
    let (message, details) = match &refusal.why {
        Why::BadKey => (
            "API key not valid. Please pass a valid API key.".to_owned(),
            vec![json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
                "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"}})],
        ),
        Why::NoKey => (
            "Method doesn't allow unregistered callers (callers without established identity).".into(),
            vec![],
        ),
        Why::NoModel(model) => (
            format!(
                "models/{model} is not found for API version v1beta, or is not supported for generateContent."
            ),
            vec![],
        ),
        Why::TooLong { tokens, limit } => (
            format!(
                "The input token count ({tokens}) exceeds the maximum number of tokens allowed ({limit})."
            ),
            vec![],
        ),
        Why::Quota => (
            "You exceeded your current quota, please check your plan and billing details.".into(),
            // A short delay beside a daily quota: it must not be obeyed.
            vec![violation("GenerateRequestsPerDayPerProjectPerModel-FreeTier"), delay("34s".into())],
        ),
        Why::Busy { retry_after: Some(secs) } => (
            format!("You exceeded your current quota. Please retry in {secs}.07s."),
            vec![violation("GenerateRequestsPerMinutePerProjectPerModel"), delay(format!("{secs}.07s"))],
        ),
        Why::Busy { retry_after: None } => ("Resource has been exhausted (e.g. check quota).".into(), vec![]),
        Why::Server(503) => ("The model is overloaded. Please try again later.".into(), vec![]),
        _ => (refusal.message.clone(), vec![]),
    };
    let mut error = json!({"code": status, "message": message, "status": name});
    if !details.is_empty() {
        error["details"] = details.into();
    }
    Page::new(status, json!({"error": error}))
}
