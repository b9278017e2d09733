//! OpenAI's `embeddings` and `images/generations` as a server reads and answers them.

use crate::ask::{Ask, Refusal, Turn};
use crate::dialect::json::{self, Object};
use crate::dialect::{Incoming, Told};
use crate::prose::hash;
use crate::scenario::Flavour;
use crate::task::{PICTURE_TOKENS, Pictures, Task, Vectors, coded, normal, packed, picture, vector};
use crate::tokens::Tally;
use serde_json::{Value, json};
use vocab::Kind;

pub(super) const EMBEDDING_FIELDS: &[&str] = &["model", "input", "encoding_format", "dimensions", "user"];
pub(super) const IMAGE_FIELDS: &[&str] = &[
    "model",
    "prompt",
    "n",
    "size",
    "quality",
    "background",
    "output_format",
    "output_compression",
    "response_format",
    "style",
    "moderation",
    "user",
];

/// "JSON edits support GPT image models only".
pub(super) const EDIT_FIELDS: &[&str] = &[
    "model",
    "prompt",
    "images",
    "mask",
    "n",
    "size",
    "quality",
    "input_fidelity",
    "background",
    "output_format",
    "output_compression",
    "moderation",
    "user",
];
/// Tokens of a picture that is given.
const SOURCE_TOKENS: u64 = 323;

pub(crate) fn read(incoming: &Incoming<'_>, known: &[&str]) -> Result<Ask, Refusal> {
    let images = known.contains(&"prompt");
    let Incoming { provider, body, .. } = incoming;
    let map = json::object(body)?;
    if let (Some(stranger), Flavour::Openai) = (json::stranger(&map, known), provider.flavour) {
        let message = format!("Unrecognized request argument supplied: {stranger}");
        return Err(Refusal::coded("unknown_parameter", Some(stranger), message));
    }
    let name = json::text(&map, "model")?
        .ok_or_else(|| Refusal::at("model", "you must provide a model parameter"))?;
    let mut ask = Ask { model: name.to_owned(), n: 1, ..Ask::default() };
    let wanted = if images { Kind::Image } else { Kind::Embedding };
    if provider.model(name).is_some_and(|model| model.kind != wanted) {
        let what = if images { "generate images" } else { "generate embeddings" };
        return Err(Refusal::at("model", format!("You are not allowed to {what} from this model")));
    }
    if images {
        pictures(&map, name, &mut ask)?;
        if known.contains(&"images") {
            sources(&map, &mut ask)?;
        }
    } else {
        vectors(&map, incoming, &mut ask)?
    }
    Ok(ask)
}

fn turn(text: &str, flat: u64) -> Turn {
    let mut tally = Tally { flat, ..Tally::default() };
    tally.text(text);
    Turn { tally, hash: hash(&[text.as_bytes()]) }
}

fn vectors(map: &Object, incoming: &Incoming<'_>, ask: &mut Ask) -> Result<(), Refusal> {
    let mut wanted = Vectors::default();
    let wrong = || Refusal::coded("invalid_type", Some("input"), "Invalid type for 'input'.");
    let tokens = |list: &[Value]| list.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>();
    let mut add = |text: String, tokens: u64| {
        ask.turns.push(if tokens > 0 { turn("", tokens) } else { turn(&text, 0) });
        wanted.of.push(text);
    };
    match json::get(map, "input").ok_or_else(|| Refusal::at("input", "'input' is a required property"))? {
        Value::String(text) => add(text.clone(), 0),
        Value::Array(all) if all.is_empty() => return Err(Refusal::at("input", "'input' is too short")),
        Value::Array(all) => match tokens(all) {
            Some(list) => add(format!("{list:?}"), list.len() as u64),
            None => {
                for one in all {
                    match one {
                        Value::String(text) if text.is_empty() => {
                            return Err(Refusal::at("input", "input cannot be an empty string"));
                        }
                        Value::String(text) => add(text.clone(), 0),
                        Value::Array(list) => {
                            let list = tokens(list).filter(|list| !list.is_empty()).ok_or_else(wrong)?;
                            add(format!("{list:?}"), list.len() as u64);
                        }
                        _ => return Err(wrong()),
                    }
                }
            }
        },
        _ => return Err(wrong()),
    }
    ask.last_user = wanted.of.last().cloned().unwrap_or_default();
    wanted.base64 = match json::text(map, "encoding_format")? {
        None | Some("float") => false,
        // Older servers have never heard of it.
        Some("base64") => incoming.provider.flavour == Flavour::Openai,
        Some(_) => return Err(Refusal::coded("invalid_value", Some("encoding_format"), "Invalid value.")),
    };
    let most = incoming.provider.model(&ask.model).map_or(u32::MAX, |model| model.dimensions);
    let dimensions = json::count(map, "dimensions", 1, most)?;
    wanted.dimensions = dimensions.and_then(|n| usize::try_from(n).ok());
    ask.task = Some(Task::Vectors(wanted));
    Ok(())
}

fn pictures(map: &Object, model: &str, ask: &mut Ask) -> Result<(), Refusal> {
    let prompt = json::text(map, "prompt")?.filter(|p| !p.is_empty());
    let prompt = prompt.ok_or_else(|| Refusal::at("prompt", "You must provide a prompt."))?;
    let format = json::text(map, "response_format")?;
    let inline = model.starts_with("gpt-image");
    if inline && format.is_some() {
        let message = "Unknown parameter: 'response_format'.";
        return Err(Refusal::coded("unknown_parameter", Some("response_format"), message));
    }
    ask.n = json::count(map, "n", 1, 10)?.unwrap_or(1);
    let url = !inline && format != Some("b64_json");
    ask.turns.push(turn(prompt, 0));
    ask.last_user = prompt.to_owned();
    let tokens = if inline { PICTURE_TOKENS } else { 0 };
    ask.task = Some(Task::Pictures(Pictures { prompt: prompt.to_owned(), n: ask.n, url, tokens }));
    Ok(())
}

/// The pictures that others are to be made of: each by its address.
fn sources(map: &Object, ask: &mut Ask) -> Result<(), Refusal> {
    let given =
        json::get(map, "images").and_then(Value::as_array).filter(|all| (1..=16).contains(&all.len()));
    let given = given.ok_or_else(|| Refusal::at("images", "'images' has to have 1 to 16 pictures"))?;
    for one in given.iter().chain(json::get(map, "mask")) {
        let address = one["image_url"]
            .as_str()
            .filter(|url| url.starts_with("https://") || url.starts_with("data:image/"));
        let address = address.ok_or_else(|| Refusal::at("images", "Invalid image reference."))?;
        ask.turns.push(Turn {
            tally: Tally { flat: SOURCE_TOKENS, ..Tally::default() },
            hash: hash(&[address.as_bytes()]),
        });
    }
    Ok(())
}

pub(crate) fn whole(told: &Told<'_>, task: &Task) -> Value {
    let input = told.figures().map(|figures| figures.input);
    match task {
        Task::Vectors(wanted) => {
            let one = |(index, text): (usize, &String)| {
                let vector = normal(&vector(told.model, text, wanted));
                let embedding = if wanted.base64 { json!(packed(&vector)) } else { json!(vector) };
                json!({"object": "embedding", "index": index, "embedding": embedding})
            };
            let data: Vec<Value> = wanted.of.iter().enumerate().map(one).collect();
            let mut out = json!({"object": "list", "data": data, "model": told.model.name});
            if let Some(input) = input {
                out["usage"] = json!({"prompt_tokens": input, "total_tokens": input});
            }
            out
        }
        // Told as sound.
        Task::Speech(_) => Value::Null,
        Task::Script(script) => crate::dialect::listening::whole(told, script),
        Task::Pictures(wanted) => {
            let one = |index| {
                let made = picture(told.model, &wanted.prompt, index, false);
                match wanted.url {
                    true => json!({"url": format!("https://pictures.test/{:016x}.png", hash(&[&made])),
                        "revised_prompt": wanted.prompt}),
                    false => json!({"b64_json": coded(&made)}),
                }
            };
            let data: Vec<Value> = (0..wanted.n).map(one).collect();
            let mut out = json!({"created": told.created, "data": data});
            if let (Some(figures), true) = (told.figures(), wanted.tokens > 0) {
                out["usage"] = json!({"input_tokens": figures.input, "output_tokens": figures.output,
                    "total_tokens": figures.input + figures.output,
                    "input_tokens_details": {"text_tokens": figures.input, "image_tokens": 0}});
            }
            out
        }
    }
}
