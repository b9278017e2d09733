//! Cartesia's text to speech as a server reads and answers it.

use super::json::{self, Object};
use super::{Incoming, Page, Route, Told, Tongue, bearer, header, voice};
use crate::ask::{Ask, Refusal, Why};
use crate::scenario::{Model, Provider};
use crate::sound::{Coding, Format, Sample};
use crate::task::{Speech, coded};
use crate::wire::{Framing, Part, Piece};
use http::HeaderMap;
use serde_json::{Value, json};

pub(crate) struct Cartesia;

const RATES: [u32; 6] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];
/// Nobody says how long a transcript may be; this long is refused with 413.
const CHARACTERS: u32 = 20_000;

impl Tongue for Cartesia {
    fn route(&self, _provider: &Provider, method: &str, path: &str, query: &str) -> Route {
        match (method, path) {
            ("POST", "/tts/bytes" | "/tts/sse") => {
                Route::Speak { path: path.replace("/tts/", ""), query: query.to_owned() }
            }
            ("GET", "/voices") => Route::Models,
            ("GET", "/") => Route::Health,
            _ => Route::Unknown,
        }
    }

    fn key(&self, headers: &HeaderMap, _query: &str) -> Option<String> {
        bearer(headers).or_else(|| header(headers, "x-api-key"))
    }

    fn read(&self, incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
        let Route::Speak { path, .. } = incoming.route else { return Err(Refusal::of(Why::NoRoute)) };
        let version = header(incoming.headers, "cartesia-version").unwrap_or_default();
        if vocab::Instant::parse_date(&version).is_none() {
            return Err(Refusal::coded(
                "version_required",
                None,
                "Cartesia-Version header is required, as YYYY-MM-DD",
            ));
        }
        let sse = path == "sse";
        let map = json::object(incoming.body)?;
        let missing =
            |field: &str| Refusal::coded("invalid_request", Some(field), format!("{field} is required"));
        let name = json::text(&map, "model_id")?.ok_or_else(|| missing("model_id"))?;
        let text = json::text(&map, "transcript")?.ok_or_else(|| missing("transcript"))?;
        let by = voice::voice(&map).ok_or_else(|| missing("voice"))?;
        let model = incoming.provider.model(name);
        if !voice::has_voice(model, by) {
            return Err(Refusal::coded(
                "voice_not_found",
                Some("voice"),
                format!("voice {by} was not found"),
            ));
        }
        if json::get(&map, "language").is_some() && json::get(&map, "locale").is_some() {
            return Err(Refusal::coded(
                "invalid_request",
                None,
                "only one of language and locale may be given",
            ));
        }
        // "transcripts of only punctuation or spaces are refused as invalid".
        if !text.chars().any(char::is_alphanumeric) {
            return Err(Refusal::coded("invalid_transcript", None, "Invalid transcript: it has no words"));
        }
        if let Some((tokens, limit)) = voice::too_long(model, text, CHARACTERS) {
            return Err(Refusal::of(Why::TooLong { tokens, limit }));
        }
        let format = json::inner(&map, "output_format")?.ok_or_else(|| missing("output_format"))?;
        let format = format_of(format, sse)?;
        let percent = match json::inner(&map, "generation_config")? {
            Some(config) => {
                json::real(config, "volume", 0.5, 2.0)?;
                voice::percent(config, "speed", 0.6, 1.5)?
            }
            None => 100,
        };
        let context = json::text(&map, "context_id")?.map(str::to_owned);
        let speech = Speech { text: text.to_owned(), format, percent, context };
        Ok(Ask { sse, ..voice::ask(name, speech) })
    }

    fn refuse(&self, _provider: &Provider, refusal: &Refusal) -> Page {
        let (status, code, title) = match &refusal.why {
            Why::Bad { code: "voice_not_found", .. } => (404, "voice_not_found", "Voice not found"),
            Why::Bad { code: "", .. } => (400, "invalid_request", "Invalid request"),
            Why::Bad { code, .. } => (400, *code, "Invalid request"),
            Why::NoKey | Why::BadKey => (401, "unauthorized", "Unauthorized"),
            Why::Forbidden => (403, "forbidden", "Forbidden"),
            Why::Payment | Why::Quota => (402, "quota_exceeded", "Credits used up"),
            Why::NoModel(_) => (404, "model_not_found", "Model not found"),
            Why::NoRoute => (404, "not_found", "Not found"),
            Why::Busy { .. } => (429, "concurrency_limited", "Too many concurrent requests"),
            Why::Server(status) => (*status, "internal_error", "Internal error"),
            Why::TooLong { .. } | Why::TooLarge => (413, "transcript_too_long", "Transcript too long"),
            Why::Filtered => (400, "content_filtered", "Content filtered"),
        };
        let message = match &refusal.why {
            Why::TooLong { tokens, limit } => {
                format!("the transcript has {tokens} characters, at most {limit} are allowed")
            }
            _ => refusal.message.clone(),
        };
        Page::new(
            status,
            json!({"error_code": code, "title": title, "message": message, "request_id": "req-lab",
                "doc_url": format!("https://docs.cartesia.ai/errors/{code}")}),
        )
    }

    fn whole(&self, told: &Told<'_>) -> Value {
        // Sound was asked for, and this comes with status 200.
        self.refuse(told.provider, &Refusal::of(Why::Server(500))).body
    }

    /// "No usage in replies".
    fn frames(&self, told: &Told<'_>) -> Vec<Piece> {
        let Some(speech) = voice::speech(told).filter(|_| told.ask.sse) else {
            return voice::bytes(told, false);
        };
        let context = speech.context.clone().unwrap_or_else(|| told.id());
        let mut out: Vec<Piece> = voice::sound(told, speech)
            .iter()
            .map(|chunk| {
                let frame = json!({"type": "chunk", "data": coded(&chunk.bytes), "done": false, "status_code": 206,
                    "step_time": 12.5, "context_id": context});
                Piece::json(Part::Content, frame, chunk.ms).named("chunk")
            })
            .collect();
        let made = out.last().map_or(0, |piece| piece.tokens);
        let done = json!({"type": "done", "done": true, "status_code": 200, "context_id": context});
        out.push(Piece::json(Part::End, done, made).named("done"));
        out
    }

    fn framing(&self, ask: &Ask, crlf: bool) -> Framing {
        if ask.sse { Framing::Sse { crlf } } else { Framing::Bytes }
    }

    fn error_frame(&self, provider: &Provider) -> Piece {
        let mut frame = self.refuse(provider, &Refusal::of(Why::Server(500))).body;
        frame["type"] = "error".into();
        frame["status_code"] = 500.into();
        frame["done"] = true.into();
        Piece::json(Part::Close, frame, 0).named("error")
    }

    fn models(&self, provider: &Provider) -> Value {
        let voices = provider.models.iter().flat_map(|model| &model.voices);
        let data: Vec<Value> = voices.map(|id| json!({"id": id, "name": id, "language": "en"})).collect();
        json!({"data": data, "has_more": false})
    }

    fn model_card(&self, _provider: &Provider, model: &Model) -> Value {
        json!({"id": model.name})
    }

    fn count(&self, tokens: u64) -> Value {
        json!({"characters": tokens})
    }

    fn health(&self, _provider: &Provider) -> Value {
        json!({"ok": true, "version": "lab"})
    }

    fn headers(&self, _provider: &Provider, told: &Told<'_>) -> Vec<(&'static str, String)> {
        vec![("x-request-id", told.id())]
    }
}

fn format_of(map: &Object, sse: bool) -> Result<Format, Refusal> {
    let wrong = |what: String| Refusal::coded("invalid_request", Some("output_format"), what);
    let container = json::text(map, "container")?.unwrap_or_default();
    let rate = json::count(map, "sample_rate", 0, u32::MAX)?.unwrap_or(0);
    if !RATES.contains(&rate) {
        return Err(wrong(format!("output_format.sample_rate {rate} is not supported")));
    }
    let sample = || match json::text(map, "encoding")?.unwrap_or_default() {
        "pcm_s16le" => Ok(Sample::S16),
        "pcm_f32le" => Ok(Sample::F32),
        "pcm_mulaw" => Ok(Sample::Mulaw),
        "pcm_alaw" => Ok(Sample::Alaw),
        other => Err(wrong(format!("output_format.encoding {other:?} is not supported"))),
    };
    let coding = match container {
        "raw" => Coding::Raw(sample()?),
        // "SSE and websocket: container raw only".
        other if sse => return Err(wrong(format!("container {other:?} is not supported by this endpoint"))),
        "wav" => Coding::Wav(sample()?),
        "mp3" => match json::count(map, "bit_rate", 0, u32::MAX)? {
            Some(32_000 | 64_000 | 96_000 | 128_000 | 192_000) => Coding::Mp3,
            other => return Err(wrong(format!("output_format.bit_rate {other:?} is not supported"))),
        },
        other => return Err(wrong(format!("output_format.container {other:?} is not supported"))),
    };
    Ok(Format { coding, rate })
}
