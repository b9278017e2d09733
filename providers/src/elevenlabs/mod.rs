//! ElevenLabs, `POST /v1/text-to-speech/VOICE/stream`.
//!
//! What it does that others do not: the voice stands in the path, codec and figures in one word of the query; it is told
//! what is said before and after a text, so that tone carries over; a reply's head says what it cost, in credits.
//!
//! Left out: timestamps beside the sound (`…/with-timestamps`), dialogues of several voices, and the websockets, which are for
//! texts that are not there yet. `aac` and `flac` it does not make; `wav` is made of its samples, as its own needs a higher plan
//! at some rates.

mod ear;
mod fault;
mod voice;

use crate::speaker::Speaker;
use crate::{BadAddress, Ear, Voice, entrance};
use http::{HeaderMap, HeaderName, HeaderValue};
use vocab::{Dialect, Fault, Instant, Kind};

/// Speaks to `api.elevenlabs.io`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elevenlabs;

static REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

impl Speaker for Elevenlabs {
    const DIALECT: Dialect = Dialect::Elevenlabs;

    fn headers(&self, key: Option<&str>) -> Result<Vec<(&'static str, HeaderValue)>, BadAddress> {
        let key = key.map(entrance::credential).transpose()?;
        Ok(key.into_iter().map(|key| ("xi-api-key", key)).collect())
    }

    fn path(&self, kind: Kind, _: &str) -> Option<&'static str> {
        match kind {
            Kind::Tts => Some("v1/text-to-speech"),
            Kind::Stt => Some("v1/speech-to-text"),
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

pub use voice::characters_of;
