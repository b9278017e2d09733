//! Deepgram, `POST /v1/speak`, and `/v2/speak` for the Flux voices.
//!
//! What it does that others do not: a voice and its language are part of a model's name (`aura-2-thalia-en`), and all but the
//! text stands in the query; a reply's head says how many characters are billed; errors have three shapes.
//!
//! Left out: the websockets, texts behind a `url`, and callbacks, as their sound would go elsewhere.

pub(crate) mod aura;
mod ear;
mod fault;
mod voice;

pub(crate) use ear::{plain, results};

use crate::speaker::Speaker;
use crate::{BadAddress, Ear, Voice, entrance};
use http::{HeaderMap, HeaderName, HeaderValue};
use vocab::{Dialect, Fault, Instant, Kind};

/// Speaks to `api.deepgram.com`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deepgram;

static REQUEST_ID: HeaderName = HeaderName::from_static("dg-request-id");

impl Speaker for Deepgram {
    const DIALECT: Dialect = Dialect::Deepgram;

    /// "Token, not Bearer".
    fn headers(&self, key: Option<&str>) -> Result<Vec<(&'static str, HeaderValue)>, BadAddress> {
        let token = key.map(|key| entrance::credential(&format!("Token {key}"))).transpose()?;
        Ok(token.into_iter().map(|value| ("authorization", value)).collect())
    }

    fn path(&self, kind: Kind, model: &str) -> Option<&'static str> {
        let flux = model.starts_with(voice::FLUX);
        match kind {
            Kind::Tts if flux => Some("v2/speak"),
            Kind::Tts => Some("v1/speak"),
            Kind::Stt => Some("v1/listen"),
            _ => None,
        }
    }

    fn voice(&self) -> &'static dyn Voice {
        &voice::Mouth
    }

    fn ear(&self) -> Option<&'static dyn Ear> {
        Some(&ear::Listener)
    }

    fn request_id(&self) -> Option<&'static HeaderName> {
        Some(&REQUEST_ID)
    }

    fn fault(&self, status: u16, _: &HeaderMap, body: &[u8], _: Instant) -> Fault {
        fault::of(status, body)
    }
}
