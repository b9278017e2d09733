//! OpenAI's `audio/transcriptions` and `audio/translations`, which Groq and many local servers have under the same names.

use super::{Accent, COMPATIBLE, GROQ, OPENAI, fault, usage};
use crate::ear::{Coding, Ear, Form, Framed, Understood, garbled, mime_of, said, seconds, timed};
use crate::foreign::unfit;
use bytes::Bytes;
use http::Uri;
use serde_json::{Value, json};
use vocab::{Call, Door, Fault, Listen, Script, Transcript, Usage};

/// Where it is asked for.
pub(super) const PATH: &str = "audio/transcriptions";
const TRANSLATIONS: &str = "audio/translations";

/// Who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    Openai,
    Groq,
    /// Any other server that says it does.
    Plain,
}

impl Listener {
    const fn accent(self) -> &'static Accent {
        match self {
            Self::Openai => &OPENAI,
            Self::Groq => &GROQ,
            Self::Plain => &COMPATIBLE,
        }
    }

    /// Models of OpenAI's own tell words and no times, all but Whisper.
    fn is_timeless(self, model: &str) -> bool {
        self == Self::Openai && !is_whisper(model)
    }

    /// The richest format, as what is shorter can be made of it: it tells how long the file is, which is what is paid for.
    fn wanted(self, model: &str, script: Script) -> Result<Wanted, Fault> {
        let no = |why: &str| Err(unfit(self.accent().name, "response_format", why));
        let pass = |format| Ok(Wanted { format, passes: true });
        let make = |format| Ok(Wanted { format, passes: false });
        match script {
            Script::Diarized if self == Self::Openai && model.contains("diarize") => pass("diarized_json"),
            Script::Diarized => no("does not say who spoke with this model: diarized_json is not to be had"),
            Script::Srt | Script::Vtt | Script::Verbose if self.is_timeless(model) => {
                no("tells no times with this model: only json and text are to be had")
            }
            Script::Verbose => pass("verbose_json"),
            Script::Srt | Script::Vtt => make("verbose_json"),
            // "json, text, verbose_json" (API reference, Groq); its json does not tell how long the file is.
            Script::Json | Script::Text if self == Self::Groq => make("verbose_json"),
            Script::Json | Script::Text if self == Self::Openai && is_whisper(model) => make("verbose_json"),
            Script::Json => pass("json"),
            Script::Text => make("json"),
        }
    }
}

/// What is asked for, and whether the answer to it is what the client asked for.
struct Wanted {
    format: &'static str,
    passes: bool,
}

fn is_whisper(model: &str) -> bool {
    model.contains("whisper")
}

impl Ear for Listener {
    fn encode(&self, listen: &Listen, door: &Door, boundary: &str) -> Result<Framed, Fault> {
        let accent = self.accent();
        let no = |field: &str, why: &str| Err(unfit(accent.name, field, why));
        let wanted = self.wanted(&door.model, listen.script)?;
        let mut uri = door.uri.clone();
        if listen.translate {
            // "Only whisper-1 is currently available" (OpenAI); "turbo cannot translate" (Groq).
            if self.is_timeless(&door.model) || (*self == Self::Groq && door.model.contains("turbo")) {
                return no("model", "does not translate with this model");
            }
            if listen.language.is_some() {
                return no("language", "finds out itself what it translates from");
            }
            uri = translations(&uri)
                .ok_or_else(|| unfit(accent.name, "model", "has no path for translations"))?;
        }
        let mut form = Form::new(boundary);
        form.field("model", &door.model);
        form.field("response_format", wanted.format);
        for (name, value) in
            [("language", &listen.language), ("prompt", &listen.prompt), ("temperature", &listen.temperature)]
        {
            if let Some(value) = value {
                form.field(name, value);
            }
        }
        // "response_format must be set verbose_json to use timestamp granularities".
        if wanted.passes && wanted.format == "verbose_json" && !listen.translate {
            for (name, asked) in [("word", listen.words), ("segment", listen.segments)] {
                if asked {
                    form.field("timestamp_granularities[]", name);
                }
            }
        }
        for (name, value) in &listen.extra {
            if accent.strict {
                return no(name, "does not know it");
            }
            form.field(name, value);
        }
        let mime = mime_of(&listen.mime, &listen.file);
        let (before, after, headers) = form.around("file", &listen.file, &mime, &door.headers)?;
        let call = Call { uri, headers, body: Bytes::new().into(), stream: false };
        Ok(Framed { call, before, coding: Coding::Plain, after })
    }

    fn read(&self, listen: &Listen, door: &Door, body: &Bytes) -> Result<Understood, Fault> {
        let tree: Value = serde_json::from_slice(body)
            .map_err(|e| Fault::Garbled(format!("the answer is not JSON: {e}")))?;
        if let Some(fault) = fault::within(self.accent(), &tree) {
            return Err(fault);
        }
        let Some(text) = tree["text"].as_str() else { return Err(garbled("no text")) };
        let usage = used(&tree);
        if self.wanted(&door.model, listen.script)?.passes {
            return Ok(Understood { transcript: None, usage });
        }
        let transcript = Transcript {
            text: text.to_owned(),
            language: tree["language"].as_str().map(str::to_owned),
            duration: seconds(&tree["duration"]),
            segments: said(&tree["segments"], &["text"]),
            words: said(&tree["words"], &["word"]),
        };
        Ok(Understood { transcript: Some(timed(transcript, listen)?), usage })
    }
}

/// As told, else by how long the provider says that the file is.
fn used(tree: &Value) -> Option<Usage> {
    let told = Some(&tree["usage"]).filter(|usage| usage.is_object());
    let told = told.and_then(|usage| usage::read("openai.transcription", usage, ""));
    told.or_else(|| {
        let duration = json!({ "request_audio_seconds": tree["duration"] });
        usage::read("request-derived", &duration, "")
    })
}

/// The door to transcriptions, one path on.
fn translations(door: &Uri) -> Option<Uri> {
    let path = format!("{}{TRANSLATIONS}", door.path().strip_suffix(PATH)?);
    let path = door.query().map_or(path.clone(), |query| format!("{path}?{query}"));
    let mut parts = door.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}
