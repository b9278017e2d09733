//! Gemini's `embedContent` and `batchEmbedContents`, and its models that draw, as a server reads and answers them.

use super::speech;
use crate::ask::{Ask, Refusal, Turn};
use crate::dialect::json::{self, Object};
use crate::dialect::{Incoming, Told};
use crate::prose::hash;
use crate::task::{PICTURE_TOKENS, Pictures, Task, Vectors, coded, picture, vector};
use crate::tokens::{MEDIA, Tally};
use serde_json::{Value, json};

const FIELDS: &[&str] = &["model", "content", "taskType", "title", "outputDimensionality"];
const CONFIG_FIELDS: &[&str] =
    &["responseModalities", "imageConfig", "temperature", "candidateCount", "seed"];

pub(super) fn unknown(name: &str) -> Refusal {
    Refusal::bad(format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."))
}

pub(super) fn embed(incoming: &Incoming<'_>, model: &str, batch: bool) -> Result<Ask, Refusal> {
    let map = json::object(incoming.body)?;
    let mut ask = Ask { model: model.to_owned(), n: 1, ..Ask::default() };
    let mut wanted = Vectors { single: !batch, ..Vectors::default() };
    if batch {
        if let Some(stranger) = json::stranger(&map, &["requests"]) {
            return Err(unknown(stranger));
        }
        let requests = json::list(&map, "requests")?.unwrap_or(&[]);
        if requests.is_empty() || requests.len() > 100 {
            return Err(Refusal::bad(
                "BatchEmbedContentsRequest.requests: 1 to 100 requests can be in one batch",
            ));
        }
        for request in requests {
            let Value::Object(request) = request else { return Err(Refusal::bad("requests: not an object")) };
            // "model: Required."
            json::text(request, "model")?.ok_or_else(|| Refusal::bad("requests.model: is required"))?;
            one(request, model, &mut ask, &mut wanted)?;
        }
    } else {
        one(&map, model, &mut ask, &mut wanted)?;
    }
    ask.task = Some(Task::Vectors(wanted));
    Ok(ask)
}

fn one(map: &Object, model: &str, ask: &mut Ask, wanted: &mut Vectors) -> Result<(), Refusal> {
    if let Some(stranger) = json::stranger(map, FIELDS) {
        return Err(unknown(stranger));
    }
    if json::text(map, "model")?.is_some_and(|named| named != format!("models/{model}")) {
        return Err(Refusal::bad("requests.model: must match the model of the batch"));
    }
    let content = json::inner(map, "content")?.ok_or_else(|| Refusal::bad("content: is required"))?;
    let (text, tally) = said(content)?;
    wanted.dimensions =
        json::count(map, "outputDimensionality", 1, 65_536)?.and_then(|n| usize::try_from(n).ok());
    wanted.purpose = json::text(map, "taskType")?.unwrap_or_default().to_owned();
    ask.turns.push(Turn { tally, hash: hash(&[text.as_bytes()]) });
    ask.last_user.clone_from(&text);
    wanted.of.push(text);
    Ok(())
}

pub(super) fn said(content: &Object) -> Result<(String, Tally), Refusal> {
    let (mut text, mut tally) = (String::new(), Tally::default());
    let parts = json::list(content, "parts")?.filter(|parts| !parts.is_empty());
    for part in parts.ok_or_else(|| Refusal::bad("content.parts: must not be empty"))? {
        match part.get("text").and_then(Value::as_str) {
            Some("") => return Err(Refusal::bad("content.parts.text: must not be empty")),
            Some(said) => {
                tally.text(said);
                text.push_str(said);
            }
            None => {
                tally.flat += MEDIA;
                text.push_str(&part.to_string());
            }
        }
    }
    Ok((text, tally))
}

/// `generateContent` of a model that draws.
pub(super) fn draw(incoming: &Incoming<'_>, model: &str, stream: bool, sse: bool) -> Result<Ask, Refusal> {
    let map = json::object(incoming.body)?;
    if let Some(config) = json::inner(&map, "generationConfig")? {
        if let Some(stranger) = json::stranger(config, CONFIG_FIELDS) {
            return Err(unknown(stranger));
        }
        if let Some(image) = json::inner(config, "imageConfig")?
            && let Some(stranger) = json::stranger(image, &["aspectRatio", "imageSize"])
        {
            return Err(unknown(stranger));
        }
    }
    let mut ask = Ask { model: model.to_owned(), n: 1, stream, sse, ..Ask::default() };
    let contents = json::list(&map, "contents")?.unwrap_or(&[]);
    for content in contents {
        let Value::Object(content) = content else { return Err(Refusal::bad("contents: not an object")) };
        let (text, tally) = said(content)?;
        ask.turns.push(Turn { tally, hash: hash(&[text.as_bytes()]) });
        ask.last_user = text;
    }
    if contents.is_empty() {
        return Err(Refusal::bad("GenerateContentRequest.contents: contents is not specified"));
    }
    let prompt = ask.last_user.clone();
    ask.task = Some(Task::Pictures(Pictures { prompt, n: 1, url: false, tokens: PICTURE_TOKENS }));
    Ok(ask)
}

pub(super) fn whole(told: &Told<'_>, task: &Task) -> Value {
    let figures = told.figures();
    match task {
        Task::Vectors(wanted) => {
            // "shortened vectors are not normalised".
            let one = |text: &String| json!({"values": vector(told.model, text, wanted)});
            let mut out = match wanted.single {
                true => json!({"embedding": wanted.of.first().map(one)}),
                false => json!({"embeddings": wanted.of.iter().map(one).collect::<Vec<_>>()}),
            };
            if let Some(figures) = figures {
                out["usageMetadata"] = json!({"promptTokenCount": figures.input});
            }
            out
        }
        Task::Speech(wanted) => speech::whole(told, wanted),
        Task::Script(script) => crate::dialect::listening::whole(told, script),
        Task::Pictures(wanted) => {
            let made = coded(&picture(told.model, &wanted.prompt, 0, false));
            let parts =
                json!([{"text": "Here it is."}, {"inlineData": {"mimeType": "image/png", "data": made}}]);
            let mut out = json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP",
                "index": 0}], "modelVersion": told.model.name, "responseId": told.id()});
            if let Some(figures) = figures {
                out["usageMetadata"] = json!({"promptTokenCount": figures.input, "candidatesTokenCount": figures.output,
                    "totalTokenCount": figures.input + figures.output,
                    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": figures.input}],
                    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": figures.output}]});
            }
            out
        }
    }
}
