//! Cartesia, `POST /tts/bytes`.
//!
//! What it does that others do not: a date in a header says how everything behaves; nothing is told of what a call cost.
//!
//! Left out: `/tts/sse` and the websocket, which make plain samples only and tell no more of the bill, infill, and the voice
//! changer. What `voice.__experimental_controls` were for has fields of its own since `sonic-3`.

mod fault;
mod voice;

use crate::speaker::Speaker;
use crate::{BadAddress, Voice, entrance};
use http::{HeaderMap, HeaderName, HeaderValue};
use vocab::{Dialect, Fault, Instant, Kind};

/// Speaks to `api.cartesia.ai`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cartesia;

/// "REQUIRED": what behaviour is pinned to. An address's own headers can name another date.
const VERSION: &str = "2026-08-14";

impl Speaker for Cartesia {
    const DIALECT: Dialect = Dialect::Cartesia;

    fn headers(&self, key: Option<&str>) -> Result<Vec<(&'static str, HeaderValue)>, BadAddress> {
        let bearer = key.map(|key| entrance::credential(&format!("Bearer {key}"))).transpose()?;
        let version = ("cartesia-version", HeaderValue::from_static(VERSION));
        Ok(bearer.into_iter().map(|value| ("authorization", value)).chain([version]).collect())
    }

    fn path(&self, kind: Kind, _: &str) -> Option<&'static str> {
        (kind == Kind::Tts).then_some("tts/bytes")
    }

    fn voice(&self) -> &'static dyn Voice {
        &voice::Mouth
    }

    /// Only its errors name a request, in their body.
    fn request_id(&self) -> Option<&'static HeaderName> {
        None
    }

    fn fault(&self, status: u16, _: &HeaderMap, body: &[u8], _: Instant) -> Fault {
        fault::of(status, body)
    }
}
