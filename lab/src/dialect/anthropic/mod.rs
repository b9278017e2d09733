//! Anthropic Messages as a server reads and writes it.

mod history;
mod read;
mod say;

use super::{Incoming, Page, Route, Told, Tongue, bearer, header, json};
use crate::ask::{Ask, Refusal, Why};
use crate::scenario::{Model, Provider};
use crate::wire::{Framing, Piece};
use http::HeaderMap;
use serde_json::{Value, json as value};

pub(crate) struct Anthropic;

impl Tongue for Anthropic {
    fn route(&self, _provider: &Provider, method: &str, path: &str, _query: &str) -> Route {
        let rest = path.strip_prefix("/v1").unwrap_or(path);
        match (method, rest) {
            ("POST", "/messages") => Route::chat(),
            ("POST", "/messages/count_tokens") => Route::Count { model: None },
            ("GET", "/models") => Route::Models,
            ("GET", other) => match other.strip_prefix("/models/") {
                Some(model) => Route::ModelCard(model.to_owned()),
                None => Route::Unknown,
            },
            _ => Route::Unknown,
        }
    }

    fn key(&self, headers: &HeaderMap, _query: &str) -> Option<String> {
        header(headers, "x-api-key").or_else(|| bearer(headers))
    }

    fn read(&self, incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
        if header(incoming.headers, "anthropic-version").is_none() {
            return Err(Refusal::bad("anthropic-version: header is required"));
        }
        let counting = matches!(incoming.route, Route::Count { .. });
        read::read(incoming.provider, &json::object(incoming.body)?, counting)
    }

    fn refuse(&self, _provider: &Provider, refusal: &Refusal) -> Page {
        let (status, kind) = match &refusal.why {
            Why::Bad { .. } | Why::TooLong { .. } | Why::Quota | Why::Filtered => {
                (400, "invalid_request_error")
            }
            Why::NoKey | Why::BadKey => (401, "authentication_error"),
            Why::Payment => (402, "billing_error"),
            Why::Forbidden => (403, "permission_error"),
            Why::NoModel(_) | Why::NoRoute => (404, "not_found_error"),
            Why::TooLarge => (413, "request_too_large"),
            Why::Busy { .. } => (429, "rate_limit_error"),
            Why::Server(529) => (529, "overloaded_error"),
            Why::Server(504) => (504, "timeout_error"),
            Why::Server(status) => (*status, "api_error"),
        };
        let message = match &refusal.why {
            Why::NoKey => "x-api-key header is required".into(),
            Why::BadKey => "invalid x-api-key".into(),
            Why::NoModel(model) => format!("model: {model}"),
            Why::TooLong { tokens, limit } => format!("prompt is too long: {tokens} tokens > {limit} maximum"),
            Why::Quota => "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.".into(),
            Why::Busy { .. } => "This request would exceed your organization's rate limit.".into(),
            _ => refusal.message.clone(),
        };
        let body =
            value!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_lab"});
        let mut page = Page::new(status, body);
        page.headers.push(("request-id", "req_lab".into()));
        if let Why::Busy { retry_after: Some(secs) } = refusal.why {
            page.headers.push(("retry-after", secs.to_string()));
        }
        page
    }

    fn whole(&self, told: &Told<'_>) -> Value {
        say::whole(told)
    }

    fn frames(&self, told: &Told<'_>) -> Vec<Piece> {
        say::frames(told)
    }

    fn framing(&self, _ask: &Ask, crlf: bool) -> Framing {
        Framing::Sse { crlf }
    }

    fn error_frame(&self, _provider: &Provider) -> Piece {
        let data = value!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
        Piece::json(crate::wire::Part::Close, data, 0).named("error")
    }

    fn models(&self, provider: &Provider) -> Value {
        let data: Vec<Value> = provider.models.iter().map(|m| self.model_card(provider, m)).collect();
        let id = |m: Option<&Model>| m.map(|m| m.name.clone());
        value!({"data": data, "has_more": false, "first_id": id(provider.models.first()), "last_id": id(provider.models.last())})
    }

    fn model_card(&self, _provider: &Provider, model: &Model) -> Value {
        value!({"type": "model", "id": model.name, "display_name": model.name, "created_at": "2026-01-31T00:00:00Z",
            "max_input_tokens": model.context, "max_tokens": model.max_output})
    }

    fn count(&self, tokens: u64) -> Value {
        value!({"input_tokens": tokens})
    }

    fn health(&self, _provider: &Provider) -> Value {
        value!({})
    }

    fn headers(&self, _provider: &Provider, told: &Told<'_>) -> Vec<(&'static str, String)> {
        vec![
            ("request-id", format!("req_{}", told.id())),
            ("anthropic-ratelimit-requests-limit", "1000".into()),
            ("anthropic-ratelimit-requests-remaining", "999".into()),
            ("anthropic-ratelimit-requests-reset", "2026-01-31T00:00:00Z".into()),
        ]
    }
}
