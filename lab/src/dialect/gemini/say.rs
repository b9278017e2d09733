//! The Gemini API as a server writes it.

use crate::answer::{Choice, Cited, Finish};
use crate::ask::Showing;
use crate::dialect::Told;
use crate::prose::hash;
use crate::scenario::Provider;
use crate::seen::Figures;
use crate::tokens::{pieces, tokens};
use crate::trouble::Kind;
use crate::wire::{Part, Piece};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vocab::Caps;

const BYPASS: &str = "skip_thought_signature_validator";

fn seal(provider: &Provider, model: &str) -> String {
    format!("lab-thought:{:016x}", hash(&[provider.name.as_bytes(), model.as_bytes()]))
}

/// Made anew for each call, valid for this provider and model only.
fn signature(told: &Told<'_>, id: u64) -> String {
    STANDARD.encode(format!("{}:{id:016x}", seal(told.provider, &told.model.name)))
}

/// Its own seal, or the documented bypass value.
pub(super) fn accepts(provider: &Provider, model: &str, signature: &str) -> bool {
    let decoded = STANDARD.decode(signature).unwrap_or_default();
    signature == BYPASS
        || decoded == BYPASS.as_bytes()
        || decoded.starts_with(seal(provider, model).as_bytes())
}

pub(super) fn usage(told: &Told<'_>, figures: Figures) -> Value {
    let total = figures.input + figures.output + figures.reasoning;
    let mut usage = json!({
        "promptTokenCount": figures.input,
        "candidatesTokenCount": figures.output,
        "totalTokenCount": total,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": figures.input}],
        "serviceTier": if told.troubles.has(Kind::OtherTier) { "priority" } else { "standard" },
    });
    if figures.reasoning > 0 {
        usage["thoughtsTokenCount"] = figures.reasoning.into();
    }
    if figures.cached > 0 {
        usage["cachedContentTokenCount"] = figures.cached.into();
        usage["cacheTokensDetails"] = json!([{"modality": "TEXT", "tokenCount": figures.cached}]);
    }
    usage
}

fn finish_name(told: &Told<'_>, choice: &Choice) -> &'static str {
    if told.troubles.has(Kind::BadArguments) && !choice.calls.is_empty() {
        return "MALFORMED_FUNCTION_CALL";
    }
    match choice.finish {
        // STOP even where functions are called.
        Finish::Stop | Finish::Sequence(_) | Finish::Calls => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Filtered => "SAFETY",
    }
}

fn thinks(told: &Told<'_>) -> bool {
    told.model.caps(told.provider).contains(Caps::REASONING)
}

/// Function calls come whole; of parallel ones the first is signed. A malformed call has no part at all.
fn call_parts(told: &Told<'_>, choice: &Choice) -> Vec<Value> {
    if told.troubles.has(Kind::BadArguments) {
        return vec![];
    }
    let part = |(i, call): (usize, &crate::answer::Made)| {
        let mut part = json!({"functionCall": {"id": format!("{:08x}", call.id >> 32), "name": call.name, "args": call.args}});
        if i == 0 && thinks(told) {
            part["thoughtSignature"] = signature(told, call.id).into();
        }
        part
    };
    choice.calls.iter().enumerate().map(part).collect()
}

/// What the answer rests on, as a search found it. Offsets count bytes.
fn ground(candidate: &mut Value, choice: &Choice) {
    if let Some(Cited { url, before, passage }) = choice.cited() {
        let segment =
            json!({"startIndex": before.len(), "endIndex": before.len() + passage.len(), "text": passage});
        candidate["groundingMetadata"] = json!({
            "groundingChunks": [{"web": {"uri": url, "title": "A page"}}],
            "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
        });
    }
}

/// "logprobsResult": the tokens chosen, and for each the likeliest.
fn weigh(candidate: &mut Value, told: &Told<'_>, text: &str) {
    let Some(top) = told.ask.logprobs.filter(|_| !text.is_empty()) else { return };
    let one = |token: &&str| json!({"token": token, "tokenId": 7, "logProbability": -0.125});
    let each = |token: &&str| json!({"candidates": (0..top.min(1)).map(|_| one(token)).collect::<Vec<_>>()});
    let all = pieces(text, 1);
    candidate["avgLogprobs"] = (-0.125).into();
    candidate["logprobsResult"] = json!({"chosenCandidates": all.iter().map(one).collect::<Vec<_>>(),
        "topCandidates": all.iter().map(each).collect::<Vec<_>>()});
}

fn prompt_blocked(told: &Told<'_>) -> bool {
    told.troubles.get(Kind::ContentFilter).is_some_and(|t| t.after.is_none())
}

fn body(told: &Told<'_>, candidates: Option<Value>, figures: Option<Figures>) -> Value {
    let mut body = json!({"modelVersion": told.model.name, "responseId": told.id()});
    if let Some(candidates) = candidates {
        body["candidates"] = candidates;
    }
    if prompt_blocked(told) {
        body["promptFeedback"] = json!({"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []});
    }
    if let Some(figures) = figures {
        body["usageMetadata"] = usage(told, figures);
    }
    body
}

pub(super) fn whole(told: &Told<'_>) -> Value {
    if told.troubles.has(Kind::ErrorFrame) {
        return json!({"error": {"code": 503, "message": "The model is overloaded. Please try again later.", "status": "UNAVAILABLE"}});
    }
    if prompt_blocked(told) {
        return body(told, None, told.figures());
    }
    let candidate = |(index, choice): (usize, &Choice)| {
        let mut parts = Vec::new();
        if told.ask.showing == Showing::Apart && !choice.reasoning.is_empty() {
            parts.push(json!({"text": choice.reasoning, "thought": true}));
        }
        if !choice.text.is_empty() {
            parts.push(json!({"text": choice.text}));
        }
        parts.extend(call_parts(told, choice));
        if choice.calls.is_empty()
            && thinks(told)
            && let Some(last) = parts.last_mut()
        {
            last["thoughtSignature"] = signature(told, told.answer.id).into();
        }
        let mut out =
            json!({"finishReason": finish_name(told, choice), "index": index, "content": {"role": "model"}});
        if !parts.is_empty() {
            out["content"]["parts"] = parts.into();
        }
        ground(&mut out, choice);
        weigh(&mut out, told, &choice.text);
        out
    };
    let candidates: Vec<Value> = told.answer.choices.iter().enumerate().map(candidate).collect();
    body(told, Some(candidates.into()), told.figures())
}

pub(super) fn frames(told: &Told<'_>) -> Vec<Piece> {
    let figures = told.figures();
    if prompt_blocked(told) {
        return vec![Piece::json(Part::Close, body(told, None, figures), 0).reporting(figures)];
    }
    // What comes, in order: parts of one frame, and the tokens of reasoning and of output in it.
    let mut groups: Vec<(Vec<Value>, u64, u64)> = Vec::new();
    let per = told.model.frame_tokens;
    let Some(choice) = told.answer.choices.first() else { return vec![] };
    if told.ask.showing == Showing::Apart {
        for piece in pieces(&choice.reasoning, per) {
            groups.push((vec![json!({"text": piece, "thought": true})], tokens(piece), 0));
        }
    }
    for piece in pieces(&choice.text, per) {
        groups.push((vec![json!({"text": piece})], 0, tokens(piece)));
    }
    let calls = call_parts(told, choice);
    let called = choice.calls.iter().map(|c| tokens(&c.text)).sum();
    if !calls.is_empty() {
        groups.push((calls, 0, called));
    }
    if choice.calls.is_empty() && thinks(told) && !groups.is_empty() {
        let part = json!({"text": "", "thoughtSignature": signature(told, told.answer.id)});
        groups.push((vec![part], 0, 0));
    }
    if groups.is_empty() {
        groups.push((vec![], 0, 0));
    }
    let odd = told.troubles.has(Kind::UsageOdd);
    let hidden = if told.ask.showing == Showing::Apart { 0 } else { told.answer.figures.reasoning };
    let (mut thought, mut said) = (hidden, 0);
    let last = groups.len() - 1;
    let mut out = Vec::new();
    for (i, (parts, thoughts, text)) in groups.into_iter().enumerate() {
        thought += thoughts;
        said += text;
        let mut candidate = json!({"content": {"role": "model"}, "index": 0});
        for part in parts.iter().filter(|part| part.get("thought").is_none()) {
            weigh(&mut candidate, told, part.get("text").and_then(Value::as_str).unwrap_or_default());
        }
        if !parts.is_empty() {
            candidate["content"]["parts"] = parts.into();
        }
        let part = if i == last {
            candidate["finishReason"] = finish_name(told, choice).into();
            ground(&mut candidate, choice);
            Part::Close
        } else {
            Part::Content
        };
        // Cumulative in every frame; the last one has it all.
        let so_far = figures.filter(|_| !odd).map(|f| {
            if i == last || f == Figures::default() {
                f
            } else {
                Figures { output: said, reasoning: thought, ..f }
            }
        });
        let data = body(told, Some(json!([candidate])), so_far);
        out.push(Piece::json(part, data, said + thought - hidden).reporting(so_far));
    }
    // "A frame may have usage and no candidates."
    if let Some(figures) = figures
        && (odd || told.troubles.has(Kind::UsageTwice))
    {
        let data = body(told, None, Some(figures));
        out.push(Piece::json(Part::Close, data, said + thought - hidden).reporting(Some(figures)));
    }
    out
}
