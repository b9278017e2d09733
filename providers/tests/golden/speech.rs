//! Cases of speech.

use crate::laws::choppings;
use crate::world::{Case, show_call};
use crate::{expect, parse, pretty, read_bytes, schema, show_fault};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use providers::{Adapter, Voice};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use vocab::{Codec, Door, Fault, Kind, Sound, Speak, Usage, Utterance};

/// `speak.json`: what is wanted, with the voice as the provider calls it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    text: String,
    #[serde(default)]
    voice: String,
    codec: Codec,
    rate: Option<u32>,
    bitrate: Option<u32>,
    speed: Option<u16>,
    language: Option<String>,
    instructions: Option<String>,
    seed: Option<u32>,
    #[serde(default)]
    extra: Map<String, Value>,
    #[serde(default)]
    before: String,
    #[serde(default)]
    after: String,
}

pub fn check(folder: &Path, case: &Case, adapter: &dyn Adapter, door: &Door) -> Result<usize, String> {
    if door.card.kind != Kind::Tts {
        return Ok(0);
    }
    let voice = adapter.voice().ok_or("it cannot speak")?;
    let wanted = parse::<Wanted>(folder, "speak.json")?;
    let mut checked = 0;
    if let Some(wanted) = &wanted {
        expect(folder, "call.json", &pretty(&call(case, voice, door, wanted)?))?;
        checked += 1;
    }
    let files = ["sound.sse", "sound.json", "sound.bin"];
    if let Some(body) = files.into_iter().find_map(|file| read_bytes(folder, file)) {
        let head = head(folder)?;
        let heard = hear(voice, door, &head, &[&body]);
        let mut shown = heard.show();
        if let (None, None, Some(wanted)) = (&heard.usage, &heard.fault, &wanted) {
            let usage = voice.usage(&door.card, &wanted.text, 1_000);
            shown += &format!("counted {}\n", serde_json::to_string(&usage).unwrap());
        }
        expect(folder, "sound.txt", &shown)?;
        for pieces in choppings(&body) {
            let is = hear(voice, door, &head, &pieces);
            if is != heard {
                let sizes: Vec<_> = pieces.iter().take(4).map(|p| p.len()).collect();
                return Err(format!(
                    "law of chopping: cut into {sizes:?}… it gives\n{is:?}\nrather than\n{heard:?}"
                ));
            }
        }
        checked += 1;
    }
    Ok(checked)
}

fn call(case: &Case, voice: &dyn Voice, door: &Door, wanted: &Wanted) -> Result<Value, String> {
    let sound = Sound { codec: wanted.codec, rate: wanted.rate, bitrate: wanted.bitrate };
    let Some(made) = voice.makes(&door.card, sound) else {
        return Ok(json!({ "makes": null }));
    };
    let speak = Speak {
        text: wanted.text.clone(),
        voice: wanted.voice.clone(),
        sound,
        speed: wanted.speed,
        language: wanted.language.clone(),
        instructions: wanted.instructions.clone(),
        seed: wanted.seed,
        extra: wanted.extra.clone(),
    };
    let said = Utterance {
        text: &wanted.text,
        before: &wanted.before,
        after: &wanted.after,
        voice: &wanted.voice,
        sound: made,
        speak: &speak,
    };
    let mut shown = match voice.encode(&said, door) {
        Ok(call) => show_call(&call),
        Err(fault) => json!({ "fault": show_fault(&fault) }),
    };
    if let (Some(name), Some(body)) = (&case.schema, shown.get("body")) {
        let wrong = schema::of(name, body);
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
    }
    let characters = (voice.characters(&wanted.text), voice.chars_max(&door.card));
    shown["makes"] = json!({ "codec": made.codec, "rate": made.rate, "bitrate": made.bitrate });
    shown["characters"] = json!(match characters {
        (are, usize::MAX) => format!("{are}, of any number"),
        (are, most) => format!("{are} of {most}"),
    });
    Ok(shown)
}

fn head(folder: &Path) -> Result<HeaderMap, String> {
    let lines = parse::<BTreeMap<String, String>>(folder, "head.json")?.unwrap_or_default();
    let mut head = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().map_err(|e| format!("head.json: {e}"))?;
        head.insert(name, HeaderValue::from_str(&value).map_err(|e| format!("head.json: {e}"))?);
    }
    Ok(head)
}

#[derive(Debug, Default, PartialEq)]
struct Heard {
    sound: Vec<u8>,
    usage: Option<Usage>,
    done: bool,
    fault: Option<Fault>,
}

impl Heard {
    fn show(&self) -> String {
        let mut out = format!("sound {} bytes {}\n", self.sound.len(), STANDARD.encode(&self.sound));
        if let Some(usage) = &self.usage {
            out += &format!("usage {}\n", serde_json::to_string(usage).unwrap());
        }
        if self.done {
            out += "done\n";
        }
        if let Some(fault) = &self.fault {
            out += &format!("fault {}\n", show_fault(fault));
        }
        out
    }
}

fn hear(voice: &dyn Voice, door: &Door, head: &HeaderMap, pieces: &[&[u8]]) -> Heard {
    let mut hearing = match voice.hear(&door.card, head) {
        Ok(hearing) => hearing,
        Err(fault) => return Heard { fault: Some(fault), ..Heard::default() },
    };
    let mut sound = vec![];
    let mut fault = None;
    for piece in pieces {
        fault = hearing.read(Bytes::copy_from_slice(piece), &mut sound).err();
        if fault.is_some() {
            break;
        }
    }
    if fault.is_none() {
        fault = hearing.end(&mut sound).err();
    }
    Heard { sound: sound.concat(), usage: hearing.usage().copied(), done: hearing.done(), fault }
}
