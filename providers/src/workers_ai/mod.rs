//! Cloudflare Workers AI, `POST …/accounts/ID/ai/run/MODEL`.
//!
//! Two families of text models live behind one path: the native shape (`response`, flat tool calls) and OpenAI's
//! chat completions. Which one a model belongs to is told by its reply. The request is written so that both take it.

mod ear;
mod encode;
mod fault;
mod read;
mod task;
mod voice;

#[cfg(test)]
mod tests;

pub use fault::fault_from_text;
pub(crate) use task::steps;

use crate::glance::by_decoding;
use crate::{Adapter, Address, BadAddress, Ear, Glance, Product, Reading, Voice, entrance};
use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use std::sync::Arc;
use vocab::{Call, Caps, Card, Chat, Dialect, Door, Event, Fault, Form, Frame, Instant, Kind, RawChat, Task};

/// How the address of a binding begins; its name follows.
const BINDING: &str = "binding://";

/// Cloudflare's name of every request. A binding's answers have no headers.
static CF_RAY: HeaderName = HeaderName::from_static("cf-ray");

/// Speaks `ai/run`, over REST or a binding.
#[derive(Clone, Copy, Debug)]
pub struct WorkersAi;

impl Adapter for WorkersAi {
    fn dialect(&self) -> Dialect {
        Dialect::WorkersAi
    }

    fn expresses(&self) -> Caps {
        Caps::TOOLS
            | Caps::PARALLEL_TOOLS
            | Caps::FORCED_TOOL
            | Caps::JSON_OBJECT
            | Caps::JSON_SCHEMA
            | Caps::SCHEMA_WITH_TOOLS
            | Caps::VISION
            | Caps::REASONING
            | Caps::SEED
            | Caps::STOP
            | Caps::PENALTIES
            | Caps::SAMPLING
            | Caps::STREAM
    }

    fn door(&self, at: &Address, card: Arc<Card>, model: &str) -> Result<Door, BadAddress> {
        // The model stands in the path as it is, slashes and @ included.
        let path = entrance::path_name(model)?;
        // Inside a Worker the binding stands where the API would: `binding://AI/MODEL`.
        let uri = match at.base_url.strip_prefix(BINDING) {
            Some(_) => entrance::bound(&at.base_url, path)?,
            None => entrance::uri(&at.base_url, &format!("ai/run/{path}"))?,
        };
        let key = at.key.as_deref().filter(|key| !key.trim().is_empty());
        let bearer = key.map(|key| entrance::credential(&format!("Bearer {}", key.trim()))).transpose()?;
        let bearer: Vec<_> = bearer.into_iter().map(|value| ("authorization", value)).collect();
        let headers = entrance::headers(at, &bearer)?;
        Ok(Door::new(uri.clone(), uri, headers, model, card))
    }

    fn encode(&self, chat: &Chat, door: &Door) -> Result<Call, Fault> {
        encode::call(chat, door, self.expresses())
    }

    /// Never: the envelope, the limits and the tool ids always differ.
    fn patch(&self, _: &RawChat, _: &Door) -> Option<Call> {
        None
    }

    fn passes(&self) -> bool {
        false
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
        by_decoding(self, body)
    }

    fn takes(&self, kind: Kind) -> bool {
        matches!(kind, Kind::Chat | Kind::Embedding | Kind::Image | Kind::Tts | Kind::Stt)
    }

    fn texts_max(&self) -> usize {
        task::TEXTS_MAX
    }

    fn encode_task(&self, task: &Task, door: &Door) -> Result<Call, Fault> {
        task::encode(task, door)
    }

    fn read_task(&self, kind: Kind, _: Option<Form>, body: &Bytes) -> Result<Product, Fault> {
        task::read(kind, body)
    }

    fn voice(&self) -> Option<&'static dyn Voice> {
        Some(&voice::Mouth)
    }

    fn ear(&self) -> Option<&'static dyn Ear> {
        Some(&ear::Listener)
    }

    fn request_id(&self) -> Option<&'static HeaderName> {
        Some(&CF_RAY)
    }

    fn fault(&self, status: u16, headers: &HeaderMap, body: &[u8], now: Instant) -> Fault {
        fault::of(status, headers, body, now)
    }
}
