//! OpenAI's Responses API.
//!
//! What it does otherwise than chat completions: a conversation is a list of items, not of messages; tools, tool
//! choices and formats are flat; functions are strict unless told not to be, where that can be done; a limit has a least value; reasoning is an
//! item of its own that has to come back sealed ([`seal`]); streams have named events, an index for every item, whole
//! items at their end, and three events that end them.
//!
//! Nothing is stored at the provider: `store` is always false, so every request says all there is.
//!
//! What is dropped without a word, because the answer is as good without it: participant names, reasoning of earlier
//! turns that is not sealed here, the phase of earlier messages, and the hints named in [`crate::foreign::harmless`].
//! Everything else that has no counterpart is `Unfit`.

mod encode;
mod fault;
mod glance;
mod input;
mod patch;
mod read;
mod seal;
mod sieve;
mod watch;

#[cfg(test)]
mod tests;

pub(crate) use read::Item;
pub(crate) use seal::is_sealed;
pub(crate) use watch::Items;

use crate::openai::{OPENAI, OpenAi, X_REQUEST_ID};
use crate::{Adapter, Address, BadAddress, Ear, Glance, Product, Reading, Voice, entrance};
use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde_json::Value;
use std::sync::Arc;
use vocab::{
    Call, Caps, Card, Chat, Dialect, Door, Event, Fault, Form, Frame, Instant, Kind, RawChat, RawTask, Task,
};

/// OpenAI's Responses API (`api.openai.com/v1/responses`), and whoever speaks it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Responses;

/// Whoever has this API has OpenAI's for all that is no chat.
const BESIDE: OpenAi = OpenAi(&OPENAI);

impl Adapter for Responses {
    fn dialect(&self) -> Dialect {
        Dialect::OpenaiResponses
    }

    fn expresses(&self) -> Caps {
        Caps::TOOLS
            | Caps::PARALLEL_TOOLS
            | Caps::FORCED_TOOL
            | Caps::SERIAL_TOOLS
            | Caps::JSON_OBJECT
            | Caps::JSON_SCHEMA
            | Caps::SCHEMA_WITH_TOOLS
            | Caps::SCHEMA_STREAM
            | Caps::VISION
            | Caps::IMAGE_URL
            | Caps::PDF
            | Caps::REASONING
            | Caps::LOGPROBS
            | Caps::SAMPLING
            | Caps::STREAM
            | Caps::OPENAI_ONLY
            | Caps::RESPONSES_ONLY
    }

    fn door(&self, at: &Address, card: Arc<Card>, model: &str) -> Result<Door, BadAddress> {
        if card.kind != Kind::Chat {
            return BESIDE.door(at, card, model);
        }
        let uri = entrance::uri(&at.base_url, "responses")?;
        let key = at.key.as_deref().filter(|key| !key.trim().is_empty());
        let bearer = key.map(|key| entrance::credential(&format!("Bearer {}", key.trim()))).transpose()?;
        let bearer: Vec<_> = bearer.into_iter().map(|value| ("authorization", value)).collect();
        let headers = entrance::headers(at, &bearer)?;
        Ok(Door::new(uri.clone(), uri, headers, model, card))
    }

    fn encode(&self, chat: &Chat, door: &Door) -> Result<Call, Fault> {
        encode::call(chat, door)
    }

    /// The bytes have to be those of a Responses request.
    fn patch(&self, raw: &RawChat, door: &Door) -> Option<Call> {
        patch::call(raw, door)
    }

    fn count(&self, raw: &RawChat, door: &Door) -> Option<Call> {
        patch::count(raw, door)
    }

    fn counted(&self, body: &[u8]) -> Option<u64> {
        serde_json::from_slice::<Value>(body).ok()?["input_tokens"].as_u64()
    }

    fn passes(&self) -> bool {
        true
    }

    fn watch(&self, _: bool) -> Option<crate::Watch> {
        Some(crate::Watch::responses())
    }

    fn decode(&self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
        read::whole(body, out)
    }

    fn decode_frame(
        &self,
        reading: &mut Reading,
        frame: &Frame<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        read::frame(reading, frame, out)
    }

    fn glance(&self, body: &Bytes) -> Result<Glance, Fault> {
        glance::of(self, body)
    }

    fn takes(&self, kind: Kind) -> bool {
        BESIDE.takes(kind)
    }

    fn speaks(&self, form: Form) -> bool {
        BESIDE.speaks(form)
    }

    fn patch_task(&self, raw: &RawTask, door: &Door) -> Option<Call> {
        BESIDE.patch_task(raw, door)
    }

    fn encode_task(&self, task: &Task, door: &Door) -> Result<Call, Fault> {
        BESIDE.encode_task(task, door)
    }

    fn read_task(&self, kind: Kind, passing: Option<Form>, body: &Bytes) -> Result<Product, Fault> {
        BESIDE.read_task(kind, passing, body)
    }

    fn voice(&self) -> Option<&'static dyn Voice> {
        BESIDE.voice()
    }

    fn ear(&self) -> Option<&'static dyn Ear> {
        BESIDE.ear()
    }

    fn request_id(&self) -> Option<&'static HeaderName> {
        Some(&X_REQUEST_ID)
    }

    fn fault(&self, status: u16, headers: &HeaderMap, body: &[u8], now: Instant) -> Fault {
        fault::of(status, headers, body, now)
    }
}
