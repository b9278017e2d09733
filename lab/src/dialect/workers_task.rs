//! Embeddings and pictures of Workers AI as `ai/run` reads and answers them.

use super::json::{self, Object};
use super::{Incoming, Told};
use crate::ask::{Ask, Refusal, Turn};
use crate::prose::hash;
use crate::scenario::Model;
use crate::task::{Pictures, Task, Vectors, coded, picture, vector};
use crate::tokens::Tally;
use serde_json::{Value, json};
use vocab::Kind;

/// "text: string or string[] (max 100)".
const TEXTS_MAX: usize = 100;

pub(super) fn read(incoming: &Incoming<'_>, model: &Model) -> Result<Ask, Refusal> {
    let map = json::object(incoming.body)?;
    let mut ask = Ask { model: model.name.clone(), n: 1, enveloped: true, ..Ask::default() };
    ask.task = Some(match model.kind {
        Kind::Embedding => Task::Vectors(vectors(&map, &mut ask)?),
        _ => Task::Pictures(pictures(&map, model, &mut ask)?),
    });
    Ok(ask)
}

fn turn(ask: &mut Ask, text: &str) {
    let mut tally = Tally::default();
    tally.text(text);
    ask.turns.push(Turn { tally, hash: hash(&[text.as_bytes()]) });
    text.clone_into(&mut ask.last_user);
}

fn vectors(map: &Object, ask: &mut Ask) -> Result<Vectors, Refusal> {
    if let Some(stranger) = json::stranger(map, &["text", "queries", "documents", "instruction", "pooling"]) {
        return Err(Refusal::bad(format!("unknown property '/{stranger}'")));
    }
    let named = ["text", "queries", "documents"].into_iter().find(|name| map.contains_key(*name));
    let name = named.ok_or_else(|| Refusal::bad("required properties at '/' are 'text'"))?;
    let texts: Option<Vec<String>> = match &map[name] {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(all) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    let texts = texts.filter(|all| (1..=TEXTS_MAX).contains(&all.len()));
    let of = texts.ok_or_else(|| Refusal::bad(format!("Type mismatch of '/{name}'")))?;
    of.iter().for_each(|text| turn(ask, text));
    let purpose = if name == "text" { String::new() } else { name.to_owned() };
    Ok(Vectors { of, purpose, ..Vectors::default() })
}

fn pictures(map: &Object, model: &Model, ask: &mut Ask) -> Result<Pictures, Refusal> {
    let schnell = model.name.contains("schnell");
    let known: &[&str] = if schnell {
        &["prompt", "steps", "seed"]
    } else {
        &["prompt", "width", "height", "num_steps", "guidance", "seed", "negative_prompt"]
    };
    if let Some(stranger) = json::stranger(map, known) {
        return Err(Refusal::bad(format!("unknown property '/{stranger}'")));
    }
    json::count(map, "steps", 1, 8)?;
    json::count(map, "num_steps", 1, 50)?;
    let prompt =
        json::text(map, "prompt")?.ok_or_else(|| Refusal::bad("required properties at '/' are 'prompt'"))?;
    turn(ask, prompt);
    Ok(Pictures { prompt: prompt.to_owned(), n: 1, url: false, tokens: 0 })
}

/// In the REST envelope. None where it is a picture as it is.
pub(super) fn whole(told: &Told<'_>, task: &Task) -> Value {
    let result = match task {
        Task::Vectors(wanted) => {
            let data: Vec<Vec<f32>> = wanted.of.iter().map(|text| vector(told.model, text, wanted)).collect();
            json!({"shape": [data.len(), told.model.dimensions], "data": data, "pooling": "mean"})
        }
        // Told by itself.
        Task::Speech(_) => Value::Null,
        Task::Script(script) => crate::dialect::listening::whole(told, script),
        Task::Pictures(wanted) => json!({"image": coded(&picture(told.model, &wanted.prompt, 0, true))}),
    };
    json!({"result": result, "success": true, "errors": [], "messages": []})
}

/// "SDXL returns raw PNG bytes": every model here does but one.
pub(super) fn bytes(told: &Told<'_>) -> Option<Vec<u8>> {
    match &told.ask.task {
        Some(Task::Pictures(wanted)) if !told.model.name.contains("schnell") => {
            Some(picture(told.model, &wanted.prompt, 0, false))
        }
        _ => None,
    }
}
