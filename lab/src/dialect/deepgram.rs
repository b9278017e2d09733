//! Deepgram's `speak` as a server reads and answers it.

use super::{Incoming, Page, Route, Told, Tongue, bearer, header, json, voice};
use crate::ask::{Ask, Refusal, Why};
use crate::prose::hash;
use crate::scenario::{Model, Provider};
use crate::task::Speech;
use crate::wire::{Framing, Part, Piece};
use http::HeaderMap;
use serde_json::{Value, json};

pub(crate) struct Deepgram;

/// "A request limit of 2,000 characters is widely quoted".
const CHARACTERS: u32 = 2_000;
/// "default aura-asteria-en".
const MODEL: &str = "aura-asteria-en";
const QUERY: [&str; 11] = [
    "model",
    "encoding",
    "container",
    "sample_rate",
    "bit_rate",
    "speed",
    "callback",
    "callback_method",
    "mip_opt_out",
    "tag",
    "priority",
];

impl Tongue for Deepgram {
    fn route(&self, _provider: &Provider, method: &str, path: &str, query: &str) -> Route {
        match (method, path) {
            ("POST", "/v1/speak" | "/v2/speak") => {
                Route::Speak { path: path.to_owned(), query: query.to_owned() }
            }
            ("GET", "/v1/models") => Route::Models,
            _ => Route::Unknown,
        }
    }

    /// "note: Token, not Bearer"; a Bearer is a short-lived one.
    fn key(&self, headers: &HeaderMap, _query: &str) -> Option<String> {
        let token = header(headers, "authorization");
        token.and_then(|value| value.strip_prefix("Token ").map(str::to_owned)).or_else(|| bearer(headers))
    }

    fn read(&self, incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
        let Route::Speak { query, .. } = incoming.route else { return Err(Refusal::of(Why::NoRoute)) };
        let map = json::object(incoming.body)?;
        let text = match (json::text(&map, "text")?, json::get(&map, "url")) {
            (Some(text), None) => text,
            _ => {
                return Err(Refusal::bad(
                    "Exactly one of `text` and `url` is required, and only `text` is read here.",
                ));
            }
        };
        let names =
            query.split('&').filter_map(|pair| pair.split('=').next()).filter(|name| !name.is_empty());
        if let Some(stranger) = names.into_iter().find(|name| !QUERY.contains(name)) {
            return Err(Refusal::bad(format!("Unknown parameter: {stranger}")));
        }
        let asked = voice::in_query(query, "model").unwrap_or_else(|| MODEL.into());
        let model =
            model(incoming.provider, &asked).ok_or_else(|| Refusal::of(Why::NoModel(asked.clone())))?;
        if text.trim().is_empty() {
            return Err(Refusal::bad("Input text contained no characters."));
        }
        if let Some((tokens, limit)) = voice::too_long(Some(model), text, CHARACTERS) {
            return Err(Refusal::of(Why::TooLong { tokens, limit }));
        }
        let said = |name: &str| voice::in_query(query, name);
        let number = |name: &'static str| match said(name).map(|text| text.parse::<u32>()) {
            None => Ok(None),
            Some(Ok(number)) => Ok(Some(number)),
            Some(Err(_)) => Err(Refusal::bad(format!("Invalid query parameter: {name}."))),
        };
        let (encoding, container) = (said("encoding"), said("container"));
        let format = voice::aura(encoding.as_deref(), container.as_deref(), number("sample_rate")?).map_err(
            |what| {
                Refusal::coded("UNSUPPORTED_AUDIO_FORMAT", None, format!("Unsupported audio format: {what}."))
            },
        )?;
        let bits = number("bit_rate")?;
        let fits = match encoding.as_deref().unwrap_or("mp3") {
            "mp3" => bits.is_none_or(|bits| matches!(bits, 32_000 | 48_000)),
            "opus" => bits.is_none_or(|bits| (4_000..=650_000).contains(&bits)),
            "aac" => bits.is_none_or(|bits| (4_000..=192_000).contains(&bits)),
            _ => bits.is_none(),
        };
        if !fits {
            return Err(Refusal::coded(
                "UNSUPPORTED_AUDIO_FORMAT",
                None,
                "Unsupported audio format: bit_rate.",
            ));
        }
        let speed = said("speed").map_or(Ok(1.0), |text| text.parse::<f64>());
        let speed = speed.ok().filter(|speed| (0.25..=4.0).contains(speed));
        let speed = speed.ok_or_else(|| Refusal::bad("Invalid query parameter: speed."))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within bounds")]
        let percent = (speed * 100.0).round() as u32;
        Ok(voice::ask(&model.name, Speech { text: text.to_owned(), format, percent, context: None }))
    }

    fn refuse(&self, _provider: &Provider, refusal: &Refusal) -> Page {
        let (status, code) = match &refusal.why {
            Why::Bad { code: "", .. } => (400, "Bad Request"),
            Why::Bad { code, .. } => (400, *code),
            Why::NoKey | Why::BadKey => (401, "INVALID_AUTH"),
            Why::Forbidden => (403, "INSUFFICIENT_PERMISSIONS"),
            Why::Payment | Why::Quota => (402, "ASR_PAYMENT_REQUIRED"),
            Why::NoModel(_) => (400, "INVALID_QUERY_PARAMETER"),
            Why::NoRoute => (404, "NOT_FOUND"),
            Why::Busy { .. } => (429, "TOO_MANY_REQUESTS"),
            Why::Server(status) => (*status, "INTERNAL_SERVER_ERROR"),
            Why::TooLong { .. } => (400, "INPUT_TEXT_TOO_LONG"),
            Why::TooLarge => (413, "PAYLOAD_TOO_LARGE"),
            Why::Filtered => (400, "CONTENT_FILTERED"),
        };
        let message = match &refusal.why {
            Why::NoKey | Why::BadKey => "Invalid credentials.".into(),
            Why::NoModel(model) => {
                format!("Failed to process request: No such model/version combination found: {model}")
            }
            Why::TooLong { limit, .. } => format!("Input text exceeds maximum character limit of {limit}."),
            Why::Payment | Why::Quota => "Project does not have enough credits for an ASR request.".into(),
            Why::Busy { .. } => "Too many requests. Please try again later.".into(),
            _ => refusal.message.clone(),
        };
        // "Three shapes".
        let body = match &refusal.why {
            Why::Forbidden => {
                json!({"category": code, "message": message, "details": "", "request_id": "lab"})
            }
            _ => json!({"err_code": code, "err_msg": message, "request_id": "lab"}),
        };
        Page::new(status, body)
    }

    fn whole(&self, told: &Told<'_>) -> Value {
        // Sound was asked for, and this comes with status 200.
        self.refuse(told.provider, &Refusal::of(Why::Server(500))).body
    }

    fn frames(&self, told: &Told<'_>) -> Vec<Piece> {
        voice::bytes(told, true)
    }

    fn framing(&self, _ask: &Ask, _crlf: bool) -> Framing {
        Framing::Bytes
    }

    fn error_frame(&self, provider: &Provider) -> Piece {
        Piece::json(Part::Close, self.refuse(provider, &Refusal::of(Why::Server(500))).body, 0)
    }

    fn models(&self, provider: &Provider) -> Value {
        let all: Vec<Value> = provider.models.iter().map(|model| self.model_card(provider, model)).collect();
        json!({"stt": [], "tts": all})
    }

    fn model_card(&self, _provider: &Provider, model: &Model) -> Value {
        json!({"name": model.name, "canonical_name": model.name, "architecture": "aura"})
    }

    fn count(&self, tokens: u64) -> Value {
        json!({"characters": tokens})
    }

    fn health(&self, _provider: &Provider) -> Value {
        json!({"status": "ok"})
    }

    fn headers(&self, _provider: &Provider, told: &Told<'_>) -> Vec<(&'static str, String)> {
        let mut out = vec![
            ("dg-request-id", told.id()),
            ("dg-model-name", told.model.name.clone()),
            ("dg-model-uuid", format!("{:016x}", hash(&[told.model.name.as_bytes()]))),
            ("dg-project-id", "lab".into()),
        ];
        if let Some(figures) = told.figures() {
            out.push(("dg-char-count", figures.characters.to_string()));
        }
        out
    }
}

/// "The voice is part of the model name": `aura-2-thalia-en` is the voice thalia of the model `aura-2`. A model that is named
/// with its voice has no other.
fn model<'p>(provider: &'p Provider, asked: &str) -> Option<&'p Model> {
    let with_voice = |model: &&Model| {
        let family = if model.name == "aura-1" { "aura" } else { &model.name };
        let Some(rest) = asked.strip_prefix(family).and_then(|rest| rest.strip_prefix('-')) else {
            return false;
        };
        let Some((by, _language)) = rest.rsplit_once('-') else { return false };
        !by.contains('-') && voice::has_voice(Some(model), by)
    };
    provider.model(asked).or_else(|| provider.models.iter().find(with_voice))
}
