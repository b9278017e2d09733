//! Deepgram, `POST /v1/speak`, and `/v2/speak` for the Flux voices.
//!
//! What it does that others do not: a voice and its language are part of a model's name (`aura-2-thalia-en`), and all but the
//! text stands in the query; a reply's head says how many characters are billed; errors have three shapes.

pub(crate) mod aura;
mod fault;
mod voice;

use crate::speaker::Speaker;
use crate::{BadAddress, Voice, entrance};
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
        (kind == Kind::Tts).then_some(if flux { "v2/speak" } else { "v1/speak" })
    }

    fn voice(&self) -> &'static dyn Voice {
        &voice::Mouth
    }

    fn request_id(&self) -> Option<&'static HeaderName> {
        Some(&REQUEST_ID)
    }

    fn fault(&self, status: u16, _: &HeaderMap, body: &[u8], _: Instant) -> Fault {
        fault::of(status, body)
    }
}
