//! Google's own format: `generateContent` and `streamGenerateContent`.
//!
//! What it does that others do not: a whole reply per frame and no end mark; one running usage that each frame
//! repeats; tool calls without ids, results that need the function's name; signatures that must come back with the
//! calls they came with; errors that say 400 for a bad key and name the wait in prose.
//!
//! What is dropped without a word, because the answer is as good without it: participant names, image detail, the
//! name and description of a response schema, reasoning of earlier turns (a summary that the model does not read),
//! and the hints named in [`crate::foreign::harmless`]. Everything else that has no counterpart is `Unfit`.

mod decode;
mod encode;
mod fault;
mod glance;
mod ground;
mod history;
mod pacific;
mod patch;
mod shorten;
mod task;
pub mod usage;
mod voice;
mod watch;

#[cfg(test)]
mod tests;

pub(crate) use watch::Replies;

use crate::{Adapter, Address, BadAddress, Glance, Product, Reading, Voice, entrance};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use std::sync::Arc;
use vocab::{
    Call, Caps, Card, Chat, Dialect, Door, Event, Fault, Form, Frame, Instant, Kind, RawChat, RawTask, Task,
};

/// The Gemini API (`generativelanguage.googleapis.com/v1beta`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Gemini;

impl Adapter for Gemini {
    fn dialect(&self) -> Dialect {
        Dialect::Gemini
    }

    fn expresses(&self) -> Caps {
        Caps::TOOLS
            | Caps::PARALLEL_TOOLS
            | Caps::FORCED_TOOL
            | Caps::JSON_OBJECT
            | Caps::JSON_SCHEMA
            | Caps::VISION
            | Caps::IMAGE_URL
            | Caps::PDF
            | Caps::AUDIO_IN
            | Caps::REASONING
            | Caps::LOGPROBS
            | Caps::MANY
            | Caps::SEED
            | Caps::STOP
            | Caps::PENALTIES
            | Caps::SAMPLING
            | Caps::STREAM
            | Caps::PREFILL
            | Caps::WEB_SEARCH
            | Caps::SCHEMA_WITH_TOOLS
            | Caps::SCHEMA_STREAM
            | Caps::GEMINI_ONLY
    }

    fn door(&self, at: &Address, card: Arc<Card>, model: &str) -> Result<Door, BadAddress> {
        let path = match entrance::path_name(model)? {
            named if named.starts_with("models/") || named.starts_with("tunedModels/") => named.to_owned(),
            bare => format!("models/{bare}"),
        };
        let key = at.key.as_deref().map(entrance::credential).transpose()?;
        let named: Vec<_> = key.map(|key| ("x-goog-api-key", key)).into_iter().collect();
        let verb = if card.kind == Kind::Embedding { task::VERB } else { "generateContent" };
        Ok(Door::new(
            entrance::uri(&at.base_url, &format!("{path}:{verb}"))?,
            entrance::uri(&at.base_url, &format!("{path}:streamGenerateContent?alt=sse"))?,
            entrance::headers(at, &named)?,
            model,
            card,
        ))
    }

    fn encode(&self, chat: &Chat, door: &Door) -> Result<Call, Fault> {
        encode::encode(chat, door)
    }

    fn patch(&self, raw: &RawChat, door: &Door) -> Option<Call> {
        patch::call(raw, door)
    }

    fn count(&self, raw: &RawChat, door: &Door) -> Option<Call> {
        patch::count(raw, door)
    }

    fn counted(&self, body: &[u8]) -> Option<u64> {
        patch::counted(body)
    }

    fn passes(&self) -> bool {
        true
    }

    /// Usage stands in every frame, so there is none that could be left out.
    fn watch(&self, _: bool) -> Option<crate::Watch> {
        Some(crate::Watch::gemini())
    }

    fn decode(&self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
        let body: Value =
            serde_json::from_slice(body).map_err(|e| Fault::Garbled(format!("gemini: no JSON: {e}")))?;
        decode::whole(&body, out)
    }

    fn decode_frame(
        &self,
        reading: &mut Reading,
        frame: &Frame<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        decode::frame(reading, frame.data, out)
    }

    fn glance(&self, body: &Bytes) -> Result<Glance, Fault> {
        glance::of(body)
    }

    fn takes(&self, kind: Kind) -> bool {
        matches!(kind, Kind::Chat | Kind::Embedding | Kind::Image | Kind::Tts)
    }

    fn speaks(&self, form: Form) -> bool {
        matches!(form, Form::One | Form::Batch)
    }

    fn patch_task(&self, raw: &RawTask, door: &Door) -> Option<Call> {
        task::patch(raw, door)
    }

    fn texts_max(&self) -> usize {
        task::TEXTS_MAX
    }

    fn encode_task(&self, task: &Task, door: &Door) -> Result<Call, Fault> {
        task::encode(task, door)
    }

    fn read_task(&self, kind: Kind, passing: Option<Form>, body: &Bytes) -> Result<Product, Fault> {
        task::read(kind, passing, body)
    }

    fn voice(&self) -> Option<&'static dyn Voice> {
        Some(&voice::Mouth)
    }

    fn fault(&self, status: u16, headers: &HeaderMap, body: &[u8], now: Instant) -> Fault {
        fault::fault(status, headers, body, now)
    }
}

/// The generation a model is of: `gemini-3.8-flash` is of the third. None where the name does not say, as with
/// `gemini-flash-latest`; such are treated as the newest.
fn generation(model: &str) -> Option<u32> {
    let name = model.rsplit('/').next().unwrap_or(model).strip_prefix("gemini-")?;
    name.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
