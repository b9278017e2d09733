//! ElevenLabs' text to speech as a server reads and answers it.

use super::json::{self, Object};
use super::{Incoming, Page, Route, Told, Tongue, header, voice};
use crate::ask::{Ask, Refusal, Why};
use crate::scenario::{Model, Provider};
use crate::sound::{Coding, Format, Sample};
use crate::task::Speech;
use crate::wire::{Framing, Part, Piece};
use http::HeaderMap;
use serde_json::{Value, json};

pub(crate) struct Elevenlabs;

const FIELDS: &[&str] = &[
    "text",
    "model_id",
    "language_code",
    "voice_settings",
    "seed",
    "previous_text",
    "next_text",
    "previous_request_ids",
    "next_request_ids",
    "pronunciation_dictionary_locators",
    "apply_text_normalization",
    "apply_language_text_normalization",
    "use_pvc_as_ivc",
];
/// "default eleven_multilingual_v2".
const MODEL: &str = "eleven_multilingual_v2";

impl Tongue for Elevenlabs {
    fn route(&self, _provider: &Provider, method: &str, path: &str, query: &str) -> Route {
        match (method, path) {
            ("GET", "/v1/models") => Route::Models,
            ("POST", path) => match path.strip_prefix("/v1/text-to-speech/") {
                Some(rest) if !rest.is_empty() => {
                    let by = rest.strip_suffix("/stream").unwrap_or(rest);
                    match by.contains('/') {
                        true => Route::Unknown,
                        false => Route::Speak { path: by.to_owned(), query: query.to_owned() },
                    }
                }
                _ => Route::Unknown,
            },
            _ => Route::Unknown,
        }
    }

    fn key(&self, headers: &HeaderMap, _query: &str) -> Option<String> {
        header(headers, "xi-api-key")
    }

    fn read(&self, incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
        let Route::Speak { path: by, query } = incoming.route else {
            return Err(Refusal::of(Why::NoRoute));
        };
        let map = json::object(incoming.body)?;
        if let Some(stranger) = json::stranger(&map, FIELDS) {
            return Err(Refusal::at(stranger, "Extra inputs are not permitted"));
        }
        let text = json::text(&map, "text")?.ok_or_else(|| Refusal::at("text", "Field required"))?;
        let name = json::text(&map, "model_id")?.unwrap_or(MODEL);
        let model = incoming.provider.model(name);
        if !voice::has_voice(model, by) {
            let message = format!("A voice with voice_id {by} was not found.");
            return Err(Refusal::coded("voice_not_found", None, message));
        }
        if text.trim().is_empty() {
            return Err(Refusal::coded("empty_text", None, "Text must not be empty."));
        }
        if let Some((tokens, limit)) = voice::too_long(model, text, 10_000) {
            return Err(Refusal::of(Why::TooLong { tokens, limit }));
        }
        json::count(&map, "seed", 0, u32::MAX)?;
        let percent = match json::inner(&map, "voice_settings")? {
            Some(settings) => settings_speed(settings)?,
            None => 100,
        };
        let format = voice::in_query(query, "output_format");
        let format = format.as_deref().unwrap_or("mp3_44100_128");
        let format = format_named(format).ok_or_else(|| {
            Refusal::coded("invalid_output_format", None, format!("Output format {format} is not supported."))
        })?;
        Ok(voice::ask(name, Speech { text: text.to_owned(), format, percent, context: None }))
    }

    fn refuse(&self, _provider: &Provider, refusal: &Refusal) -> Page {
        if let Why::Bad { code: "", param } = &refusal.why {
            let place: Vec<&str> = ["body"].into_iter().chain(param.as_deref()).collect();
            let body = json!({"detail": [{"type": "value_error", "loc": place, "msg": refusal.message}]});
            return Page::new(422, body);
        }
        let (status, name) = match &refusal.why {
            Why::Bad { code: "invalid_type", .. } => (422, "invalid_type"),
            Why::Bad { code: "voice_not_found", .. } => (404, "voice_not_found"),
            Why::Bad { code, .. } => (400, *code),
            Why::NoKey => (401, "needs_authorization"),
            Why::BadKey => (401, "invalid_api_key"),
            Why::Forbidden => (401, "missing_permissions"),
            // "401 quota_exceeded: billing or quota".
            Why::Payment | Why::Quota => (401, "quota_exceeded"),
            Why::NoModel(_) => (400, "model_not_found"),
            Why::NoRoute => (404, "not_found"),
            Why::Busy { .. } => (429, "too_many_concurrent_requests"),
            Why::Server(429) => (429, "system_busy"),
            Why::Server(status) => (*status, "internal_server_error"),
            Why::TooLong { .. } | Why::TooLarge => (400, "max_character_limit_exceeded"),
            Why::Filtered => (403, "content_against_policy"),
        };
        let message = match &refusal.why {
            Why::TooLong { tokens, limit } => format!(
                "The text you have provided has {tokens} characters, which is above the limit of {limit} characters of this model."
            ),
            Why::Quota | Why::Payment => {
                "This request exceeds your quota of 10000. You have 12 credits remaining, while 345 credits are required for this request.".into()
            }
            Why::NoModel(model) => format!("A model with model ID {model} does not exist."),
            Why::Busy { .. } => "Too many concurrent requests. Your current subscription is associated with a maximum of 10 concurrent requests.".into(),
            _ => refusal.message.clone(),
        };
        Page::new(status, json!({"detail": {"status": name, "message": message}}))
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
        provider.models.iter().map(|model| self.model_card(provider, model)).collect()
    }

    fn model_card(&self, _provider: &Provider, model: &Model) -> Value {
        json!({"model_id": model.name, "name": model.name, "can_do_text_to_speech": true,
            "maximum_text_length_per_request": model.max_characters.unwrap_or(10_000),
            "model_rates": {"character_cost_multiplier": if halved(model) { 0.5 } else { 1.0 }}})
    }

    fn count(&self, tokens: u64) -> Value {
        json!({"characters": tokens})
    }

    fn health(&self, _provider: &Provider) -> Value {
        json!({"status": "ok"})
    }

    fn headers(&self, _provider: &Provider, told: &Told<'_>) -> Vec<(&'static str, String)> {
        let mut out = vec![
            ("request-id", told.id()),
            ("history-item-id", format!("lab{}", told.id())),
            ("current-concurrent-requests", "1".into()),
            ("maximum-concurrent-requests", "10".into()),
        ];
        if let Some(figures) = told.figures() {
            // "credits, not characters": "Flash and Turbo cost 0.5 credit per character, others 1".
            let cost = if halved(told.model) { figures.characters.div_ceil(2) } else { figures.characters };
            out.push(("character-cost", cost.to_string()));
        }
        out
    }
}

fn halved(model: &Model) -> bool {
    model.name.contains("flash") || model.name.contains("turbo")
}

fn settings_speed(settings: &Object) -> Result<u32, Refusal> {
    let known = ["stability", "similarity_boost", "style", "use_speaker_boost", "speed"];
    if let Some(stranger) = json::stranger(settings, &known) {
        return Err(Refusal::at(stranger, "Extra inputs are not permitted"));
    }
    for name in ["stability", "similarity_boost", "style"] {
        json::real(settings, name, 0.0, 1.0)?;
    }
    json::flag(settings, "use_speaker_boost")?;
    let wrong = |_| {
        Refusal::coded(
            "invalid_voice_settings",
            None,
            "Invalid setting for speed received, expected to be greater or equal to 0.7 and less or equal to 1.2.",
        )
    };
    voice::percent(settings, "speed", 0.7, 1.2).map_err(wrong)
}

/// `mp3_44100_128` and its like.
fn format_named(name: &str) -> Option<Format> {
    let mut parts = name.split('_');
    let (codec, rate, bits) = (parts.next()?, parts.next()?.parse::<u32>().ok()?, parts.next());
    let plain = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
    let coding = match (codec, bits) {
        ("mp3", Some("32" | "64" | "96" | "128" | "192")) if rate == 44_100 => Coding::Mp3,
        ("mp3", Some("32")) if rate == 22_050 => Coding::Mp3,
        ("mp3", Some("48")) if rate == 24_000 => Coding::Mp3,
        ("opus", Some("32" | "64" | "96" | "128" | "192")) if rate == 48_000 => Coding::Opus,
        ("pcm", None) if plain.contains(&rate) => Coding::Raw(Sample::S16),
        ("wav", None) if plain.contains(&rate) => Coding::Wav(Sample::S16),
        ("ulaw", None) if rate == 8_000 => Coding::Raw(Sample::Mulaw),
        ("alaw", None) if rate == 8_000 => Coding::Raw(Sample::Alaw),
        _ => return None,
    };
    parts.next().is_none().then_some(Format { coding, rate })
}
