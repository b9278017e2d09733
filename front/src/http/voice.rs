//! The paths that ask for speech.

use super::asks;
use super::client::{Client, Of, Whole};
use super::fields::Response;
use super::query::{percent_decoded, query};
use super::serve::{Call, Front};
use super::speak::Tongue;
use crate::refusal::Refusal;
use crate::voice::{self, Deltas, Spoken};
use crate::wishes::{self, Asked};
use bytes::Bytes;
use relay::{BadInput, Trouble};
use serde_json::{Value, json};
use vocab::{Duration, Sound};

impl Front {
    /// OpenAI's.
    pub(super) async fn speech(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let asked = wishes::of_headers(&call.head.headers)?;
        self.speak(call, voice::openai::read(&body)?, "input", asked, response).await
    }

    /// Our own.
    pub(super) async fn tts(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let Asked { wishes, seed, trailer } = wishes::of_headers(&call.head.headers)?;
        let (spoken, wishes) = voice::own::read(&body, wishes)?;
        self.speak(call, spoken, "text", Asked { wishes, seed, trailer }, response).await
    }

    /// ElevenLabs'. A voice that nobody here knows is one of its own.
    pub(super) async fn text_to_speech(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let asked = wishes::of_headers(&call.head.headers)?;
        let mut name = percent_decoded(call.rest);
        if !self.relay.has_voice(&name) {
            name.insert_str(0, "elevenlabs/");
        }
        let format = query(call, "output_format");
        let spoken = voice::elevenlabs::read(&body, name, format.as_deref())?;
        self.speak(call, spoken, "text", asked, response).await
    }

    /// Every voice that somebody here has.
    pub(super) fn voices(&self) -> Value {
        json!({ "voices": self.relay.voices() })
    }

    async fn speak(
        &self,
        call: &Call<'_>,
        spoken: Spoken,
        field: &'static str,
        asked: Asked,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let most = self.relay.text_max();
        let characters = spoken.speak.text.chars().count();
        if characters > most {
            let message =
                format!("{field}: the text has {characters} characters; at most {most} are taken at once");
            let refusal = Refusal {
                param: Some(field.into()),
                ..Refusal::new(400, "string_above_max_length", message)
            };
            return Err(refusal);
        }
        let client =
            Hearing { events: spoken.events, sound: spoken.speak.sound, field, trailer: asked.trailer };
        let ask = call.ask(spoken.words(), asked);
        self.tell(call, ask, asks::client(client), response).await
    }
}

/// A client that wants to hear something.
struct Hearing {
    events: bool,
    sound: Sound,
    /// What the text is called in its request.
    field: &'static str,
    trailer: bool,
}

impl Client for Hearing {
    /// Nobody answers it so.
    fn whole(&self, _: Of<'_>, _: &Whole<'_>) -> Vec<u8> {
        Vec::new()
    }

    fn tongue(&self, _: Of<'_>, _: &str) -> Tongue {
        if self.events {
            Tongue::SoundEvents { deltas: Deltas::default(), trailer: self.trailer }
        } else {
            Tongue::Sound(self.sound)
        }
    }

    fn refusal(&self, id: &str, trouble: &Trouble) -> Refusal {
        let mut refusal = asks::troubled(id, trouble);
        match trouble {
            Trouble::TooLong { .. } => refusal.param = Some(self.field.into()),
            Trouble::BadInput(BadInput { param: Some(param), .. }) if param == "text" => {
                refusal.param = Some(self.field.into());
            }
            _ => {}
        }
        refusal
    }
}
