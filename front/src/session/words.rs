//! What is said over the socket, in JSON.

use crate::json::shortened;
use crate::openai::write::{json, number};
use crate::refusal::Refusal;
use serde::Deserialize;
use vocab::Pico;

/// What a client says in a text message.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Said {
    /// How it is to be answered from the next turn on.
    Settings(Box<Manner>),
    /// A turn, in writing.
    Text {
        text: String,
    },
    /// The sound that was sent since the last turn is one.
    AudioEnd {
        /// What it is in: `wav` (the default), `mp3`, `ogg`, `webm`, `flac`, `m4a`.
        format: Option<String>,
    },
    /// Be silent.
    Interrupt,
    Ping,
    /// Nobody comes back to this.
    Close,
}

/// How a client is answered. What it does not say stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manner {
    /// One of the configured personalities or skills.
    pub personality: Option<String>,
    /// Instructions behind those of the personality.
    pub system: Option<String>,
    /// Who answers: as in a request.
    pub model: Option<String>,
    pub policy: Option<String>,
    pub max_tokens: Option<u32>,
    /// Whether answers are spoken; true.
    pub speak: Option<bool>,
    pub voice: Option<String>,
    /// Who speaks: as in a request.
    pub speech_model: Option<String>,
    /// `pcm`, unless it is said.
    pub format: Option<String>,
    /// Samples a second.
    pub rate: Option<u32>,
    pub language: Option<String>,
    /// Who listens: as in a request.
    pub transcription_model: Option<String>,
}

impl Manner {
    /// The same with what is new.
    pub fn change(&mut self, new: Self) {
        fn put<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        put(&mut self.personality, new.personality);
        put(&mut self.system, new.system);
        put(&mut self.model, new.model);
        put(&mut self.policy, new.policy);
        put(&mut self.max_tokens, new.max_tokens);
        put(&mut self.speak, new.speak);
        put(&mut self.voice, new.voice);
        put(&mut self.speech_model, new.speech_model);
        put(&mut self.format, new.format);
        put(&mut self.rate, new.rate);
        put(&mut self.language, new.language);
        put(&mut self.transcription_model, new.transcription_model);
    }

    pub fn speaks(&self) -> bool {
        self.speak.unwrap_or(true)
    }

    pub fn format(&self) -> &str {
        self.format.as_deref().unwrap_or("pcm")
    }
}

/// Understands a message, or says what is wrong with it.
pub fn read(text: &str) -> Result<Said, Refusal> {
    serde_json::from_str(text).map_err(|error| {
        let message = format!(
            "This is no message that is known here ({error}): {}. Known types: settings, text, audio_end, interrupt, ping, close.",
            shortened(text)
        );
        Refusal::new(400, "invalid_message", message)
    })
}

/// An object being written.
pub struct Object(Vec<u8>);

impl Object {
    pub fn of(kind: &str) -> Self {
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(br#"{"type":""#);
        out.extend_from_slice(kind.as_bytes());
        out.push(b'"');
        Self(out)
    }

    fn key(&mut self, name: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    pub fn text(mut self, name: &str, text: &str) -> Self {
        self.key(name);
        json(&mut self.0, text);
        self
    }

    pub fn number(mut self, name: &str, value: u64) -> Self {
        self.key(name);
        number(&mut self.0, value);
        self
    }

    pub fn flag(mut self, name: &str, value: bool) -> Self {
        self.key(name);
        json(&mut self.0, &value);
        self
    }

    pub fn usd(mut self, name: &str, value: Pico) -> Self {
        self.key(name);
        json(&mut self.0, &value);
        self
    }

    pub fn end(mut self) -> String {
        self.0.push(b'}');
        String::from_utf8(self.0).unwrap_or_default()
    }
}

/// Why something was not done.
pub fn refused(refusal: &Refusal, turn: Option<u64>, request_id: Option<&str>) -> String {
    let mut told = Object::of("error").text("code", &refusal.code).text("message", &refusal.message);
    if let Some(turn) = turn {
        told = told.number("turn", turn);
    }
    if let Some(id) = request_id {
        told = told.text("request_id", id);
    }
    if let Some(param) = &refusal.param {
        told = told.text("param", param);
    }
    if let Some(wait) = refusal.retry_after {
        told = told.number("retry_after_ms", u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    }
    told.end()
}
