//! OpenAI chat completions as a server speaks it, with the accents of Groq and of the local servers.

pub(super) mod frames;
mod history;
pub(super) mod read;
pub(super) mod say;
mod speech;
pub(super) mod task;
mod wishes;

use super::{Incoming, Page, Route, Told, Tongue, bearer};
use crate::ask::{Ask, Refusal, Why};
use crate::scenario::{Flavour, Model, Provider};
use crate::task::Task;
use crate::wire::{Framing, Part, Piece};
use http::HeaderMap;
use serde_json::{Value, json};

pub(crate) struct Openai;

impl Tongue for Openai {
    fn route(&self, provider: &Provider, method: &str, path: &str, _query: &str) -> Route {
        let local = provider.flavour.local();
        let rest = path.strip_prefix("/openai").unwrap_or(path);
        match (method, rest.strip_prefix("/v1").unwrap_or(rest)) {
            ("POST", "/chat/completions") => Route::chat(),
            ("POST", "/embeddings") => Route::Embeddings,
            ("POST", "/images/generations") => Route::Images,
            ("POST", "/images/edits") if provider.flavour == Flavour::Openai => Route::Edits,
            ("POST", "/audio/speech") => Route::Speak { path: String::new(), query: String::new() },
            ("GET", "/models") => Route::Models,
            ("GET", "/health" | "/api/version" | "/") if local => Route::Health,
            ("GET", other) => match other.strip_prefix("/models/") {
                Some(model) => Route::ModelCard(model.to_owned()),
                None => Route::Unknown,
            },
            _ => Route::Unknown,
        }
    }

    fn key(&self, headers: &HeaderMap, _query: &str) -> Option<String> {
        bearer(headers)
    }

    fn read(&self, incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
        match incoming.route {
            Route::Embeddings => task::read(incoming, task::EMBEDDING_FIELDS),
            Route::Images => task::read(incoming, task::IMAGE_FIELDS),
            Route::Edits => task::read(incoming, task::EDIT_FIELDS),
            Route::Speak { .. } => speech::read(incoming),
            _ => read::read(incoming.provider, incoming.body),
        }
    }

    fn refuse(&self, provider: &Provider, refusal: &Refusal) -> Page {
        refuse(provider.flavour, refusal)
    }

    fn whole(&self, told: &Told<'_>) -> Value {
        match &told.ask.task {
            // Sound was asked for, and this comes with status 200.
            Some(Task::Speech(_)) => refuse(told.provider.flavour, &Refusal::of(Why::Server(500))).body,
            Some(task) => task::whole(told, task),
            None => say::whole(told, told.provider.flavour.into()),
        }
    }

    fn frames(&self, told: &Told<'_>) -> Vec<Piece> {
        match &told.ask.task {
            Some(Task::Speech(_)) => speech::frames(told),
            _ => frames::frames(told, told.provider.flavour.into()),
        }
    }

    fn framing(&self, ask: &Ask, crlf: bool) -> Framing {
        match ask.task {
            Some(Task::Speech(_)) if !ask.sse => Framing::Bytes,
            _ => Framing::Sse { crlf },
        }
    }

    fn error_frame(&self, provider: &Provider) -> Piece {
        // Groq: "x_groq.error (string) in the last chunk means the generation failed after HTTP 200".
        let data = if provider.flavour == Flavour::Groq {
            json!({"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 0, "model": "",
                "choices": [{"index": 0, "delta": {}, "logprobs": null, "finish_reason": null}],
                "x_groq": {"id": "req_0", "error": "over capacity"}})
        } else {
            refuse(provider.flavour, &Refusal::of(Why::Server(500))).body
        };
        Piece::json(Part::Close, data, 0)
    }

    fn models(&self, provider: &Provider) -> Value {
        let data: Vec<Value> = provider.models.iter().map(|m| self.model_card(provider, m)).collect();
        json!({"object": "list", "data": data})
    }

    fn model_card(&self, provider: &Provider, model: &Model) -> Value {
        // Probing tells local servers apart by `owned_by`.
        let owner = match provider.flavour {
            Flavour::Ollama => "library",
            Flavour::Llamacpp => "llamacpp",
            Flavour::Vllm => "vllm",
            Flavour::Openai | Flavour::Groq => "lab",
        };
        let mut card =
            json!({"id": model.name, "object": "model", "created": 1_763_690_000, "owned_by": owner});
        match provider.flavour {
            Flavour::Vllm => card["max_model_len"] = model.context.into(),
            Flavour::Groq => card["context_window"] = model.context.into(),
            Flavour::Llamacpp => card["meta"] = json!({"n_ctx_train": model.context}),
            _ => {}
        }
        card
    }

    fn count(&self, tokens: u64) -> Value {
        json!({"total_tokens": tokens})
    }

    fn health(&self, provider: &Provider) -> Value {
        match provider.flavour {
            Flavour::Ollama => json!({"version": "0.6.3"}),
            _ => json!({"status": "ok"}),
        }
    }

    fn headers(&self, provider: &Provider, told: &Told<'_>) -> Vec<(&'static str, String)> {
        if provider.flavour.local() {
            return vec![];
        }
        vec![
            ("x-request-id", format!("req_{}", told.id())),
            ("x-ratelimit-limit-requests", "10000".into()),
            ("x-ratelimit-remaining-requests", "9999".into()),
            ("x-ratelimit-reset-requests", "8.64s".into()),
        ]
    }
}

/// OpenAI's words for why not: status, type, code, parameter.
fn words(refusal: &Refusal) -> (u16, &'static str, &'static str, Option<String>) {
    match &refusal.why {
        Why::Bad { code, param } => (400, "invalid_request_error", code, param.clone()),
        Why::NoKey => (401, "invalid_request_error", "", None),
        Why::BadKey => (401, "invalid_request_error", "invalid_api_key", None),
        Why::Forbidden => (403, "invalid_request_error", "unsupported_country_region_territory", None),
        Why::Payment => (402, "insufficient_quota", "insufficient_quota", None),
        Why::Quota => (429, "insufficient_quota", "insufficient_quota", None),
        Why::NoModel(_) => (404, "invalid_request_error", "model_not_found", None),
        Why::NoRoute => (404, "invalid_request_error", "unknown_url", None),
        Why::Busy { .. } => (429, "requests", "rate_limit_exceeded", None),
        Why::Server(498) => (498, "flex_capacity_exceeded", "capacity_exceeded", None),
        Why::Server(status) => (*status, "server_error", "", None),
        Why::TooLong { .. } => {
            (400, "invalid_request_error", "context_length_exceeded", Some("messages".into()))
        }
        Why::Filtered => (400, "invalid_request_error", "content_policy_violation", None),
        Why::TooLarge => (413, "invalid_request_error", "", None),
    }
}

/// The error page of a flavour.
pub(crate) fn refuse(flavour: Flavour, refusal: &Refusal) -> Page {
    let (mut status, kind, code, param) = words(refusal);
    let code = Some(code).filter(|c| !c.is_empty());
    let message = match (&refusal.why, flavour) {
        (Why::TooLong { tokens, limit }, Flavour::Openai | Flavour::Vllm) => format!(
            "This model's maximum context length is {limit} tokens. However, your messages resulted in {tokens} tokens. Please reduce the length of the messages."
        ),
        (Why::TooLong { .. }, Flavour::Ollama) => {
            "prompt too long; exceeded max context length by 1 tokens".into()
        }
        (Why::TooLong { .. }, Flavour::Groq) => {
            "Please reduce the length of the messages or completion.".into()
        }
        (Why::TooLong { tokens, limit }, Flavour::Llamacpp) => {
            format!("the request exceeds the available context size ({tokens} > {limit}), try increasing it")
        }
        (Why::NoModel(model), Flavour::Ollama) => format!("model '{model}' not found"),
        (Why::Busy { retry_after: Some(secs) }, Flavour::Openai) => {
            format!("Rate limit reached for requests. Please try again in {secs}s.")
        }
        _ => refusal.message.clone(),
    };
    let body = match flavour {
        Flavour::Openai => json!({"message": message, "type": kind, "param": param, "code": code}),
        Flavour::Groq => {
            let mut error = json!({"message": message, "type": kind});
            if let Some(code) = code {
                error["code"] = code.into();
            }
            if let Some(param) = param {
                error["param"] = param.into();
            }
            error
        }
        Flavour::Ollama => json!({"message": message, "type": "api_error", "param": null, "code": null}),
        // Integer codes, and types of their own.
        Flavour::Vllm => {
            let kind = match status {
                401 => "Unauthorized",
                404 => "NotFoundError",
                500.. => "InternalServerError",
                _ => "BadRequestError",
            };
            json!({"message": message, "type": kind, "param": param, "code": status})
        }
        Flavour::Llamacpp => {
            let kind = match (&refusal.why, status) {
                (Why::TooLong { .. }, _) => "exceed_context_size_error",
                (_, 401) => "authentication_error",
                (_, 403) => "permission_error",
                (_, 404) => "not_found_error",
                (_, 501) => "not_supported_error",
                (_, 503) => "unavailable_error",
                (_, 500..) => "server_error",
                _ => "invalid_request_error",
            };
            let mut error = json!({"code": status, "message": message, "type": kind});
            if let Why::TooLong { tokens, limit } = refusal.why {
                error["n_prompt_tokens"] = tokens.into();
                error["n_ctx"] = limit.into();
            }
            if status == 503 {
                error["message"] = "Loading model".into();
            }
            error
        }
    };
    if flavour == Flavour::Groq && matches!(refusal.why, Why::TooLarge) {
        status = 413;
    }
    let mut page = Page::new(status, json!({"error": body}));
    if let Why::Busy { retry_after: Some(secs) } = refusal.why {
        page.headers.push(("retry-after", secs.to_string()));
    }
    page
}
