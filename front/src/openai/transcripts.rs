//! OpenAI's `audio/transcriptions`: the fields of its form, and what was said in each of its formats.

#[cfg(test)]
mod tests;
mod write;

pub use write::{Told, events, whole};

use relay::BadInput;
use vocab::{Brief, Kind, Length, Listen, Script};

/// "Must be a number between 0 and 1" (API reference, `temperature`); Scribe goes up to 2.
const WARMEST: f64 = 2.0;

/// The fields of a form but its file, in order.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

/// What they ask for.
#[derive(Debug)]
pub struct Asked {
    pub brief: Brief,
    pub listen: Listen,
    /// As events.
    pub stream: bool,
}

impl Fields {
    /// A field that came. Those that may come once are wrong twice.
    pub fn add(&mut self, name: String, value: String) -> Result<(), BadInput> {
        let many = name.ends_with(']') || name == "timestamp_granularities";
        if !many && self.0.iter().any(|(known, _)| *known == name) {
            return Err(BadInput::at(name, "comes twice in the form"));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// Whether it is said who is asked.
    pub fn name_a_model(&self) -> bool {
        self.0.iter().any(|(name, _)| name == "model")
    }

    /// What is asked of a file of this name and kind. Fields we do not know are let through: they reach providers of the same
    /// dialect as they came.
    pub fn ask(self, translate: bool, file: String, mime: String, length: Length) -> Result<Asked, BadInput> {
        let brief = Brief { kind: Kind::Stt, n: 1, length, ..Brief::default() };
        let listen = Listen { translate, file, mime, ..Listen::default() };
        let mut asked = Asked { brief, listen, stream: false };
        for (name, value) in self.0 {
            asked.take(name, value)?;
        }
        if asked.brief.model.is_empty() {
            return Err(BadInput::at("model", "model: a name is expected, like \"whisper-1\" or \"auto\""));
        }
        let Listen { script, words, segments, .. } = &asked.listen;
        // "response_format must be set verbose_json to use timestamp granularities" (API reference).
        if (*words || *segments) && *script != Script::Verbose {
            let message = "timestamp_granularities: only of use with the response_format verbose_json";
            return Err(BadInput::at("timestamp_granularities", message));
        }
        Ok(asked)
    }
}

impl Asked {
    fn take(&mut self, name: String, value: String) -> Result<(), BadInput> {
        let listen = &mut self.listen;
        let wrong = |field: &str, expected: &str, got: &str| {
            let got = crate::json::shortened(got);
            Err(BadInput::at(field, format!("{field}: expected {expected}, got {got:?}")))
        };
        match name.as_str() {
            "model" => self.brief.model = value.trim().to_owned(),
            // What is empty was not filled in.
            "language" | "prompt" if value.trim().is_empty() => {}
            "language" => {
                let code = value.trim();
                let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                if code.len() > 35 || !code.bytes().all(plain) {
                    return wrong("language", "a code like \"en\"", &value);
                }
                listen.language = Some(code.to_owned());
            }
            "prompt" => listen.prompt = Some(value),
            "temperature" => {
                let number = value.trim().parse().ok().filter(|n: &f64| (0.0..=WARMEST).contains(n));
                match number {
                    Some(0.0) => {}
                    Some(_) => listen.temperature = Some(value.trim().to_owned()),
                    None => return wrong("temperature", "a number from 0 to 1", &value),
                }
            }
            "response_format" => match Script::named(value.trim()) {
                Some(script) => listen.script = script,
                None => {
                    let expected = "one of json, text, srt, verbose_json, vtt, diarized_json";
                    return wrong("response_format", expected, &value);
                }
            },
            "timestamp_granularities" | "timestamp_granularities[]" => match value.trim() {
                "word" => listen.words = true,
                "segment" => listen.segments = true,
                _ => return wrong("timestamp_granularities", "\"word\" or \"segment\"", &value),
            },
            "stream" => match value.trim() {
                "true" | "True" | "1" => self.stream = true,
                "false" | "False" | "0" | "" => {}
                _ => return wrong("stream", "true or false", &value),
            },
            _ => listen.extra.push((name, value)),
        }
        Ok(())
    }
}
