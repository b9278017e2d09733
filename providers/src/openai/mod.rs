//! OpenAI's chat completions, which Groq and every local server speak with an [`Accent`].

mod accent;
mod ear;
mod encode;
mod fault;
mod glance;
mod messages;
mod mould;
mod patch;
mod read;
mod scan;
mod task;
pub mod usage;
mod voice;
mod wait;
mod watch;

#[cfg(test)]
mod tests;

pub use accent::{Accent, COMPATIBLE, EffortField, GROQ, LOCAL_LLAMACPP, LimitField, OLLAMA, OPENAI, VLLM};
pub use ear::Listener;
pub(crate) use encode::{effort_for, tool as tool_json};
pub(crate) use fault::{of as fault, within as fault_within};
pub(crate) use messages::data_url_of;
pub(crate) use patch::apply as splice;
pub(crate) use read::{call_id, read_frame, read_whole};
pub use voice::Mouth;
pub(crate) use watch::Chunks;

use crate::{Adapter, Address, BadAddress, Ear, Glance, Product, Reading, Voice, entrance};
use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use std::sync::Arc;
use vocab::{
    Call, Caps, Card, Chat, Dialect, Door, Event, Fault, Form, Frame, Instant, Kind, RawChat, RawTask, Task,
};

/// Speaks OpenAI chat completions with one accent.
#[derive(Clone, Copy, Debug)]
pub struct OpenAi(pub &'static Accent);

/// OpenAI's, and that of nearly everybody who speaks as it does.
pub(crate) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl Adapter for OpenAi {
    fn dialect(&self) -> Dialect {
        Dialect::OpenaiChat
    }

    fn expresses(&self) -> Caps {
        self.0.expresses
    }

    fn door(&self, at: &Address, card: Arc<Card>, model: &str) -> Result<Door, BadAddress> {
        let uri = entrance::uri(&at.base_url, task::path(card.kind).unwrap_or("chat/completions"))?;
        let key = at.key.as_deref().filter(|key| !key.trim().is_empty());
        let bearer = key.map(|key| entrance::credential(&format!("Bearer {}", key.trim()))).transpose()?;
        let bearer: Vec<_> = bearer.into_iter().map(|value| ("authorization", value)).collect();
        let headers = entrance::headers(at, &bearer)?;
        Ok(Door::new(uri.clone(), uri, headers, model, card))
    }

    fn encode(&self, chat: &Chat, door: &Door) -> Result<Call, Fault> {
        encode::call(self.0, chat, door)
    }

    fn patch(&self, raw: &RawChat, door: &Door) -> Option<Call> {
        patch::call(self.0, raw, door)
    }

    fn passes(&self) -> bool {
        true
    }

    fn watch(&self, drop_usage: bool) -> Option<crate::Watch> {
        Some(crate::Watch::chat(Chunks::new(self.0, drop_usage)))
    }

    fn finish_is_end(&self) -> bool {
        self.0.finish_is_end
    }

    fn decode(&self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
        read::whole(self.0, body, out)
    }

    fn decode_frame(
        &self,
        reading: &mut Reading,
        frame: &Frame<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        read::frame(self.0, reading, frame, out)
    }

    fn glance(&self, body: &Bytes) -> Result<Glance, Fault> {
        glance::of(self, body)
    }

    fn takes(&self, kind: Kind) -> bool {
        match kind {
            Kind::Chat => true,
            Kind::Tts => self.0.mouth.is_some(),
            Kind::Stt => self.0.listener.is_some(),
            kind => self.0.tasks && task::path(kind).is_some(),
        }
    }

    fn speaks(&self, form: Form) -> bool {
        task::speaks(self.0, form)
    }

    fn patch_task(&self, raw: &RawTask, door: &Door) -> Option<Call> {
        task::patch(raw, door)
    }

    fn encode_task(&self, task: &Task, door: &Door) -> Result<Call, Fault> {
        task::encode(self.0, task, door)
    }

    fn read_task(&self, _: Kind, passing: Option<Form>, body: &Bytes) -> Result<Product, Fault> {
        task::read(self.0, passing, body)
    }

    fn voice(&self) -> Option<&'static dyn Voice> {
        self.0.mouth.as_ref().map(|mouth| mouth as &dyn Voice)
    }

    fn ear(&self) -> Option<&'static dyn Ear> {
        self.0.listener.as_ref().map(|listener| listener as &dyn Ear)
    }

    fn request_id(&self) -> Option<&'static HeaderName> {
        Some(&X_REQUEST_ID)
    }

    fn fault(&self, status: u16, headers: &HeaderMap, body: &[u8], now: Instant) -> Fault {
        fault::of(self.0, status, headers, body, now)
    }
}
