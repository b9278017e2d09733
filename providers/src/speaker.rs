//! Providers of sound alone: a wire format without chats.

use crate::{Adapter, Address, BadAddress, Ear, Glance, Reading, Voice, entrance};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use std::sync::Arc;
use vocab::{Call, Caps, Card, Chat, Dialect, Door, Event, Fault, Frame, Instant, Kind, RawChat};

/// What is left of an [`Adapter`] where there are no chats.
pub trait Speaker: Send + Sync + fmt::Debug {
    const DIALECT: Dialect;

    /// Headers that every call has, the credential among them.
    fn headers(&self, key: Option<&str>) -> Result<Vec<(&'static str, HeaderValue)>, BadAddress>;

    /// Where a model is asked for its kind of work; None where there is no such work.
    fn path(&self, kind: Kind, model: &str) -> Option<&'static str>;

    fn voice(&self) -> &'static dyn Voice;

    /// How it is asked what was said; None where it does not listen.
    fn ear(&self) -> Option<&'static dyn Ear> {
        None
    }

    /// The header in which it names a request.
    fn request_id(&self) -> Option<&'static HeaderName>;

    /// What a status other than 2xx means. Body first, status second.
    fn fault(&self, status: u16, headers: &HeaderMap, body: &[u8], now: Instant) -> Fault;
}

fn no_chats() -> Fault {
    Fault::Unfit("asked for speech only".into())
}

impl<T: Speaker> Adapter for T {
    fn dialect(&self) -> Dialect {
        T::DIALECT
    }

    fn expresses(&self) -> Caps {
        Caps::empty()
    }

    fn door(&self, at: &Address, card: Arc<Card>, model: &str) -> Result<Door, BadAddress> {
        let path = self.path(card.kind, model).ok_or_else(|| {
            BadAddress(format!("model: a provider of speech is not asked for {}", card.kind.name()))
        })?;
        let uri = entrance::uri(&at.base_url, path)?;
        let key = at.key.as_deref().map(str::trim).filter(|key| !key.is_empty());
        let headers = entrance::headers(at, &self.headers(key)?)?;
        Ok(Door::new(uri.clone(), uri, headers, model, card))
    }

    fn encode(&self, _: &Chat, _: &Door) -> Result<Call, Fault> {
        Err(no_chats())
    }

    fn patch(&self, _: &RawChat, _: &Door) -> Option<Call> {
        None
    }

    fn passes(&self) -> bool {
        false
    }

    fn decode(&self, _: &[u8], _: &mut Vec<Event>) -> Result<(), Fault> {
        Err(no_chats())
    }

    fn decode_frame(&self, _: &mut Reading, _: &Frame<'_>, _: &mut Vec<Event>) -> Result<(), Fault> {
        Err(no_chats())
    }

    fn glance(&self, _: &Bytes) -> Result<Glance, Fault> {
        Err(no_chats())
    }

    fn takes(&self, kind: Kind) -> bool {
        self.path(kind, "").is_some()
    }

    fn voice(&self) -> Option<&'static dyn Voice> {
        Some(Speaker::voice(self))
    }

    fn ear(&self) -> Option<&'static dyn Ear> {
        Speaker::ear(self)
    }

    fn request_id(&self) -> Option<&'static HeaderName> {
        Speaker::request_id(self)
    }

    fn fault(&self, status: u16, headers: &HeaderMap, body: &[u8], now: Instant) -> Fault {
        match Speaker::fault(self, status, headers, body, now) {
            // None of them documents the header; what stands before one of them may send it.
            Fault::Busy { retry_after: None, message } => {
                Fault::Busy { retry_after: crate::foreign::retry_after(headers), message }
            }
            fault => fault,
        }
    }
}
