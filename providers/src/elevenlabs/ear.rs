//! ElevenLabs' Scribe, `POST /v1/speech-to-text`: a form, answered in words. How long the file is no answer says.

use crate::ear::{Coding, Ear, Form, Framed, Understood, garbled, mime_of, said, sentences, timed};
use crate::foreign::unfit;
use bytes::Bytes;
use serde_json::Value;
use vocab::{Call, Door, Fault, Listen, Script, Transcript};

const NAME: &str = "ElevenLabs";

#[derive(Clone, Copy, Debug)]
pub(super) struct Listener;

impl Ear for Listener {
    fn encode(&self, listen: &Listen, door: &Door, boundary: &str) -> Result<Framed, Fault> {
        let no = |field: &str, why: &str| Err(unfit(NAME, field, why));
        if listen.translate {
            return no("model", "does not translate");
        }
        if listen.script == Script::Diarized {
            return no("response_format", "is not asked who spoke: diarized_json is not to be had");
        }
        if listen.prompt.is_some() {
            return no("prompt", "takes no prompt");
        }
        if let Some((field, _)) = listen.extra.first() {
            return no(field, "does not know it");
        }
        let mut form = Form::new(boundary);
        form.field("model_id", &door.model);
        // Laughter is no word that was said, and nobody else writes it down.
        form.field("tag_audio_events", "false");
        form.field("timestamps_granularity", if listen.script.is_timed() { "word" } else { "none" });
        for (name, value) in [("language_code", &listen.language), ("temperature", &listen.temperature)] {
            if let Some(value) = value {
                form.field(name, value);
            }
        }
        let mime = mime_of(&listen.mime, &listen.file);
        let (before, after, headers) = form.around("file", &listen.file, &mime, &door.headers)?;
        let call = Call { uri: door.uri.clone(), headers, body: Bytes::new().into(), stream: false };
        Ok(Framed { call, before, coding: Coding::Plain, after })
    }

    fn read(&self, listen: &Listen, _: &Door, body: &Bytes) -> Result<Understood, Fault> {
        let tree: Value = serde_json::from_slice(body)
            .map_err(|e| Fault::Garbled(format!("the answer is not JSON: {e}")))?;
        let Some(text) = tree["text"].as_str() else { return Err(garbled("no text")) };
        let spoken = tree["words"].as_array().into_iter().flatten();
        // Blanks between words are words of their own.
        let spoken: Value = spoken.filter(|word| word["type"] != "spacing").cloned().collect();
        let words = said(&spoken, &["text"]);
        let transcript = Transcript {
            text: text.to_owned(),
            language: tree["language_code"].as_str().map(str::to_owned),
            duration: None,
            segments: sentences(&words),
            words,
        };
        Ok(Understood { transcript: Some(timed(transcript, listen)?), usage: None })
    }
}
