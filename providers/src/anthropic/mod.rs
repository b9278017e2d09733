//! The Messages API.
//!
//! What it does that others do not: a limit that must be named; only two roles, and results of tools before any
//! words; sampling, prefill and forced tools that newer models refuse; blocks whose index is not that of the calls
//! in them; an overload after the 200; cumulative usage in several places.
//!
//! What is dropped without a word, because the answer is as good without it: participant names, image detail, the
//! name and description of a response schema, unsigned reasoning of earlier turns, and the hints named in
//! [`crate::foreign::harmless`]. Everything else that has no counterpart is `Unfit`.

mod decode;
mod encode;
mod fault;
mod history;
mod patch;
mod schema;
pub mod usage;
mod watch;

#[cfg(test)]
mod tests;

pub(crate) use watch::Messages;

use crate::{Adapter, Address, BadAddress, Glance, Reading, entrance, glance};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use std::sync::Arc;
use vocab::{Call, Caps, Card, Chat, Dialect, Door, Event, Fault, Frame, Instant, RawChat};

/// The version of the format that is spoken here.
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

static REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Anthropic's Messages API (`api.anthropic.com/v1`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Anthropic;

impl Adapter for Anthropic {
    fn dialect(&self) -> Dialect {
        Dialect::Anthropic
    }

    fn expresses(&self) -> Caps {
        Caps::TOOLS
            | Caps::PARALLEL_TOOLS
            | Caps::FORCED_TOOL
            | Caps::SERIAL_TOOLS
            | Caps::JSON_SCHEMA
            | Caps::SCHEMA_WITH_TOOLS
            | Caps::SCHEMA_STREAM
            | Caps::VISION
            | Caps::IMAGE_URL
            | Caps::PDF
            | Caps::REASONING
            | Caps::STOP
            | Caps::SAMPLING
            | Caps::STREAM
            | Caps::PREFILL
            | Caps::ANTHROPIC_ONLY
    }

    fn door(&self, at: &Address, card: Arc<Card>, model: &str) -> Result<Door, BadAddress> {
        let mut named = vec![("anthropic-version", VERSION)];
        match at.key.as_deref().map(str::trim) {
            // Tokens of people rather than keys of programs.
            Some(token) if token.starts_with("sk-ant-oat") => {
                named.push(("authorization", entrance::credential(&format!("Bearer {token}"))?));
            }
            Some(key) => named.push(("x-api-key", entrance::credential(key)?)),
            None => {}
        }
        let uri = entrance::uri(&at.base_url, "messages")?;
        let headers = entrance::headers(at, &named)?;
        Ok(Door::new(uri.clone(), uri, headers, model, card))
    }

    fn encode(&self, chat: &Chat, door: &Door) -> Result<Call, Fault> {
        encode::encode(chat, door)
    }

    fn patch(&self, raw: &RawChat, door: &Door) -> Option<Call> {
        patch::call(raw, door)
    }

    fn passes(&self) -> bool {
        true
    }

    fn watch(&self, _: bool) -> Option<crate::Watch> {
        Some(crate::Watch::anthropic())
    }

    fn count(&self, raw: &RawChat, door: &Door) -> Option<Call> {
        patch::count(raw, door)
    }

    fn counted(&self, body: &[u8]) -> Option<u64> {
        serde_json::from_slice::<Value>(body).ok()?["input_tokens"].as_u64()
    }

    fn decode(&self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
        decode::whole(body, out)
    }

    fn decode_frame(
        &self,
        reading: &mut Reading,
        frame: &Frame<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        decode::frame(reading, frame.event, frame.data, out)
    }

    fn glance(&self, body: &Bytes) -> Result<Glance, Fault> {
        glance::by_decoding(self, body)
    }

    fn request_id(&self) -> Option<&'static HeaderName> {
        Some(&REQUEST_ID)
    }

    fn fault(&self, status: u16, headers: &HeaderMap, body: &[u8], now: Instant) -> Fault {
        fault::fault(status, headers, body, now)
    }
}
