//! Pieces of a `GenerateContentResponse` that whole answers and frames share.

use super::seal;
use crate::openai::write::{json, number};
use serde_json::{Map, Value};
use std::ops::Range;
use vocab::{Bucket, Citation, Finish, ToolCall, Usage};

/// A text part, with the seal on it.
pub(super) fn text_part(out: &mut Vec<u8>, text: &str, thought: bool, seal: Option<&str>) {
    out.extend_from_slice(br#"{"text":"#);
    json(out, text);
    if thought {
        out.extend_from_slice(br#","thought":true"#);
    }
    sealed(out, seal);
    out.push(b'}');
}

/// A call, whole. Its arguments are an object here, whatever the model wrote: one goes as it was written, nothing at
/// all means none, and what is no object is kept under one key.
pub(super) fn call_part(out: &mut Vec<u8>, call: &ToolCall) {
    out.extend_from_slice(br#"{"functionCall":{"id":"#);
    json(out, &call.id);
    out.extend_from_slice(br#","name":"#);
    json(out, &call.name);
    out.extend_from_slice(br#","args":"#);
    match call.arguments.trim() {
        "" => out.extend_from_slice(b"{}"),
        text if serde_json::from_str::<Map<String, Value>>(text).is_ok() => {
            out.extend_from_slice(text.as_bytes());
        }
        text => json(out, &serde_json::json!({ "arguments": text })),
    }
    out.push(b'}');
    let seal = call.signature.as_deref().filter(|seal| !seal.is_empty()).map(seal::on_call);
    sealed(out, seal.as_deref());
    out.push(b'}');
}

fn sealed(out: &mut Vec<u8>, seal: Option<&str>) {
    if let Some(seal) = seal {
        out.extend_from_slice(br#","thoughtSignature":"#);
        json(out, seal);
    }
}

/// Gemini's word for the end of a candidate. Calls end with STOP as well.
pub(super) const fn finish(reason: Finish, refused: bool) -> &'static str {
    match reason {
        Finish::ContentFilter => "SAFETY",
        Finish::Length => "MAX_TOKENS",
        // What the model refused to say in a field of its own is a text here, and must not be taken for an answer.
        Finish::Stop | Finish::ToolCalls if refused => "SAFETY",
        Finish::Stop | Finish::ToolCalls => "STOP",
    }
}

/// `,"usageMetadata":{…}`. The prompt includes what was cached, candidates exclude thoughts.
pub(super) fn usage(out: &mut Vec<u8>, usage: &Usage) {
    let of = |bucket| usage.get(bucket);
    let (prompt, thoughts) = (usage.tokens_in(), of(Bucket::Reasoning));
    let candidates = usage.tokens_out().saturating_sub(thoughts);
    out.extend_from_slice(br#","usageMetadata":{"promptTokenCount":"#);
    number(out, prompt);
    out.extend_from_slice(br#","candidatesTokenCount":"#);
    number(out, candidates);
    out.extend_from_slice(br#","totalTokenCount":"#);
    number(out, prompt.saturating_add(usage.tokens_out()));
    for (name, count) in
        [("cachedContentTokenCount", of(Bucket::CacheRead)), ("thoughtsTokenCount", thoughts)]
    {
        if count > 0 {
            out.extend_from_slice(format!(",\"{name}\":{count}").as_bytes());
        }
    }
    // Which part of a mixed prompt was cached is not known: it counts as text.
    let (audio, image) = (of(Bucket::InputAudio), of(Bucket::InputImage));
    let text = prompt.saturating_sub(audio).saturating_sub(image);
    modalities(out, "promptTokensDetails", text, audio, image);
    let (audio, image) = (of(Bucket::OutputAudio), of(Bucket::OutputImage));
    let text = candidates.saturating_sub(audio).saturating_sub(image);
    modalities(out, "candidatesTokensDetails", text, audio, image);
    out.push(b'}');
}

fn modalities(out: &mut Vec<u8>, name: &str, text: u64, audio: u64, image: u64) {
    let mut first = true;
    for (modality, count) in [("TEXT", text), ("AUDIO", audio), ("IMAGE", image)] {
        if count == 0 {
            continue;
        }
        if first {
            out.extend_from_slice(format!(",\"{name}\":[").as_bytes());
        } else {
            out.push(b',');
        }
        first = false;
        out.extend_from_slice(format!(r#"{{"modality":"{modality}","tokenCount":{count}}}"#).as_bytes());
    }
    if !first {
        out.push(b']');
    }
}

/// `,"modelVersion":…,"responseId":…}`: the end of every response.
pub(super) fn tail(out: &mut Vec<u8>, model: &str, id: &str) {
    out.extend_from_slice(br#","modelVersion":"#);
    json(out, model);
    out.extend_from_slice(br#","responseId":"#);
    json(out, id);
    out.push(b'}');
}

/// `,"avgLogprobs":…,"logprobsResult":{…}`, from chat completions' shape. The bytes of a token are not told.
pub(super) fn logprobs(out: &mut Vec<u8>, from: &Value) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let entry = |of: &Value| serde_json::json!({ "token": of["token"], "logProbability": of["logprob"] });
    let content = list(&from["content"]);
    if content.is_empty() {
        return;
    }
    let chosen: Vec<Value> = content.iter().map(entry).collect();
    let top: Vec<Value> = content
        .iter()
        .map(|token| serde_json::json!({ "candidates": list(&token["top_logprobs"]).iter().map(entry).collect::<Vec<_>>() }))
        .collect();
    let known: Vec<f64> = content.iter().filter_map(|token| token["logprob"].as_f64()).collect();
    if known.len() == content.len() {
        out.extend_from_slice(br#","avgLogprobs":"#);
        json(out, &(known.iter().sum::<f64>() / known.len() as f64));
    }
    out.extend_from_slice(br#","logprobsResult":"#);
    json(out, &serde_json::json!({ "chosenCandidates": chosen, "topCandidates": top }));
}

/// Where a passage is: which part, which bytes of it, and their text where it is at hand.
pub(super) struct Segment<'t> {
    pub part: usize,
    pub bytes: Range<u32>,
    pub text: Option<&'t str>,
}

/// `,"groundingMetadata":{…}`, or nothing. A page is one of the web, anything else a document that was sent along.
pub(super) fn grounding<'t>(
    out: &mut Vec<u8>,
    cited: &[Citation],
    place: impl Fn(&Range<u32>) -> Option<Segment<'t>>,
) {
    let mut sources: Vec<&Citation> = Vec::new();
    let mut supports: Vec<(&Range<u32>, Vec<usize>)> = Vec::new();
    let same = |a: &Citation, b: &Citation| a.url == b.url && a.title == b.title && a.quote == b.quote;
    for one in cited {
        let at = sources.iter().position(|source| same(source, one)).unwrap_or_else(|| {
            sources.push(one);
            sources.len() - 1
        });
        let Some(passage) = &one.passage else { continue };
        match supports.iter_mut().find(|(of, _)| *of == passage) {
            Some((_, on)) => on.push(at),
            None => supports.push((passage, vec![at])),
        }
    }
    if sources.is_empty() {
        return;
    }
    let chunk = |one: &&Citation| match &one.url {
        Some(url) => serde_json::json!({ "web": { "uri": url, "title": one.title } }),
        None => serde_json::json!({ "retrievedContext": { "title": one.title, "text": one.quote } }),
    };
    let chunks: Vec<Value> = sources.iter().map(chunk).collect();
    out.extend_from_slice(br#","groundingMetadata":{"groundingChunks":"#);
    json(out, &chunks);
    out.extend_from_slice(br#","groundingSupports":["#);
    let placed = supports.iter().filter_map(|(passage, on)| Some((place(passage)?, on)));
    for (at, (segment, on)) in placed.enumerate() {
        out.extend_from_slice(if at == 0 {
            br#"{"segment":{"partIndex":"#.as_slice()
        } else {
            br#",{"segment":{"partIndex":"#
        });
        number(out, segment.part as u64);
        out.extend_from_slice(br#","startIndex":"#);
        number(out, segment.bytes.start.into());
        out.extend_from_slice(br#","endIndex":"#);
        number(out, segment.bytes.end.into());
        if let Some(text) = segment.text {
            out.extend_from_slice(br#","text":"#);
            json(out, text);
        }
        out.extend_from_slice(br#"},"groundingChunkIndices":"#);
        json(out, on);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}
