//! OpenAI's Responses API as a server reads and writes it. Nothing is stored: what leans on something stored is refused.

mod frames;
mod items;
mod read;
mod say;
mod wishes;

use super::{Incoming, Page, Route, Told, Tongue, bearer, json, openai};
use crate::ask::{Ask, Refusal, Why};
use crate::scenario::{Flavour, Model, Provider};
use crate::wire::{Framing, Part, Piece};
use http::HeaderMap;
use serde_json::{Value, json as value};

pub(crate) struct Responses;

impl Tongue for Responses {
    fn route(&self, provider: &Provider, method: &str, path: &str, query: &str) -> Route {
        match (method, path.strip_prefix("/v1").unwrap_or(path)) {
            ("POST", "/responses") => Route::chat(),
            ("POST", "/responses/input_tokens") => Route::Count { model: None },
            ("POST", _) => Route::Unknown,
            _ => openai::Openai.route(provider, method, path, query),
        }
    }

    fn key(&self, headers: &HeaderMap, _query: &str) -> Option<String> {
        bearer(headers)
    }

    fn read(&self, incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
        read::read(incoming.provider, &json::object(incoming.body)?)
    }

    fn refuse(&self, _provider: &Provider, refusal: &Refusal) -> Page {
        let mut page = openai::refuse(Flavour::Openai, refusal);
        match &refusal.why {
            Why::TooLong { .. } => {
                let message = "Your input exceeds the context window of this model. Please adjust your input and try again.";
                page.body["error"]["message"] = message.into();
                page.body["error"]["param"] = "input".into();
            }
            Why::Filtered => page.body["error"]["code"] = "invalid_prompt".into(),
            // "Item with id 'rs_…' not found."
            Why::Bad { code: "item_not_found", .. } => {
                page.status = 404;
                page.body["error"]["code"] = Value::Null;
            }
            _ => {}
        }
        page
    }

    fn whole(&self, told: &Told<'_>) -> Value {
        say::whole(told)
    }

    fn frames(&self, told: &Told<'_>) -> Vec<Piece> {
        frames::frames(told)
    }

    fn framing(&self, _ask: &Ask, crlf: bool) -> Framing {
        Framing::Sse { crlf }
    }

    fn error_frame(&self, _provider: &Provider) -> Piece {
        let data = value!({"type": "error", "sequence_number": 99, "code": "server_error", "param": null,
            "message": "The server had an error while processing your request."});
        Piece::json(Part::Close, data, 0).named("error")
    }

    fn models(&self, provider: &Provider) -> Value {
        openai::Openai.models(provider)
    }

    fn model_card(&self, provider: &Provider, model: &Model) -> Value {
        openai::Openai.model_card(provider, model)
    }

    fn count(&self, tokens: u64) -> Value {
        value!({"object": "response.input_tokens", "input_tokens": tokens})
    }

    fn health(&self, provider: &Provider) -> Value {
        openai::Openai.health(provider)
    }

    fn headers(&self, provider: &Provider, told: &Told<'_>) -> Vec<(&'static str, String)> {
        openai::Openai.headers(provider, told)
    }
}
