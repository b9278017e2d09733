//! Workers AI's models that speak: Deepgram's Aura in sound as it is, MeloTTS in an envelope.

use super::json::{self, Object};
use super::{Incoming, Told, voice};
use crate::ask::{Ask, Refusal};
use crate::scenario::Model;
use crate::sound::{Coding, Format};
use crate::task::Speech;
use serde_json::{Value, json};

/// Nobody says how much it takes; this is Deepgram's.
const CHARACTERS: u32 = 2_000;

fn melo(model: &Model) -> bool {
    model.name.contains("melotts")
}

pub(super) fn read(incoming: &Incoming<'_>, model: &Model) -> Result<Ask, Refusal> {
    let map = json::object(incoming.body)?;
    let known: &[&str] = if melo(model) {
        &["prompt", "lang"]
    } else {
        &["text", "speaker", "encoding", "container", "sample_rate", "bit_rate"]
    };
    if let Some(stranger) = json::stranger(&map, known) {
        return Err(Refusal::bad(format!("unknown property '/{stranger}'")));
    }
    let field = known[0];
    let text = json::text(&map, field)?.filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| Refusal::bad(format!("required properties at '/' are '{field}'")))?;
    if let Some((length, most)) = voice::too_long(Some(model), text, CHARACTERS) {
        return Err(Refusal::bad(format!("Length of '/{field}' must be <= {most} not {length}")));
    }
    let format = if melo(model) { Format { coding: Coding::Mp3, rate: 44_100 } } else { aura(&map, model)? };
    let speech = Speech { text: text.to_owned(), format, percent: 100, context: None };
    Ok(Ask { stream: !melo(model), enveloped: true, ..voice::ask(&model.name, speech) })
}

fn aura(map: &Object, model: &Model) -> Result<Format, Refusal> {
    if let Some(by) = json::text(map, "speaker")?.filter(|by| !voice::has_voice(Some(model), by)) {
        return Err(Refusal::bad(format!("'/speaker' must be one of {}, not {by}", model.voices.join(", "))));
    }
    json::count(map, "bit_rate", 4_000, 650_000)?;
    let rate = json::count(map, "sample_rate", 0, u32::MAX)?;
    voice::aura(json::text(map, "encoding")?, json::text(map, "container")?, rate)
        .map_err(|what| Refusal::bad(format!("'/{what}' does not go with the others")))
}

/// MeloTTS in the REST envelope.
pub(super) fn whole(told: &Told<'_>, speech: &Speech) -> Value {
    json!({"result": {"audio": voice::whole(told, speech)}, "success": true, "errors": [], "messages": []})
}
