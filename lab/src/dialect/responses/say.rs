//! A response as the server writes it.

use crate::answer::{Choice, Cited, Finish, Made};
use crate::ask::{Shape, Showing};
use crate::dialect::Told;
use crate::seen::Figures;
use crate::tokens::pieces;
use crate::trouble::Kind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const SEAL: &str = "lab-reasoning:";

pub(super) fn accepts(sealed: &str) -> bool {
    STANDARD.decode(sealed).is_ok_and(|bytes| bytes.starts_with(SEAL.as_bytes()))
}

pub(super) fn usage(told: &Told<'_>, figures: Figures) -> Value {
    let output = figures.output + figures.reasoning;
    let written = figures.written + figures.written_long;
    let within = json!({
        "cached_tokens": figures.cached,
        "cache_write_tokens": written,
        "cache_write_tokens_details": {"ttl_30m_tokens": figures.written, "ttl_12h_tokens": figures.written_long},
    });
    let without = json!({"reasoning_tokens": figures.reasoning});
    let total = figures.input + output;
    // Behind some gateways the figures have the names of chat completions.
    if told.troubles.has(Kind::UsageOdd) {
        return json!({"prompt_tokens": figures.input, "prompt_tokens_details": within, "completion_tokens": output,
            "completion_tokens_details": without, "total_tokens": total});
    }
    json!({"input_tokens": figures.input, "input_tokens_details": within, "output_tokens": output,
        "output_tokens_details": without, "total_tokens": total})
}

/// A refusal takes the place of an answer that was to have a shape; of one that was not, the rest is filtered.
pub(super) fn refuses(told: &Told<'_>, choice: &Choice) -> bool {
    choice.refuses || (choice.finish == Finish::Filtered && told.ask.shape != Shape::Text)
}

pub(super) fn status(told: &Told<'_>, choice: &Choice) -> (&'static str, Value) {
    match choice.finish {
        Finish::Length => ("incomplete", json!({"reason": "max_output_tokens"})),
        Finish::Filtered if !refuses(told, choice) => ("incomplete", json!({"reason": "content_filter"})),
        _ => ("completed", Value::Null),
    }
}

/// The response with everything but what was said.
pub(super) fn shell(told: &Told<'_>, status: &str, output: Vec<Value>) -> Value {
    let ask = told.ask;
    let other = told.troubles.has(Kind::OtherTier);
    json!({
        "id": format!("resp_{}", told.id()),
        "object": "response",
        "created_at": told.created,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "max_output_tokens": ask.max_tokens,
        "model": told.model.name,
        "output": output,
        "parallel_tool_calls": ask.parallel,
        "previous_response_id": null,
        "reasoning": {"effort": ask.effort.map(vocab::Effort::name), "summary": null},
        "service_tier": if other { "priority" } else { "default" },
        "store": false,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": null,
        "user": null,
        "metadata": {},
    })
}

pub(super) fn whole(told: &Told<'_>) -> Value {
    if told.troubles.has(Kind::ErrorFrame) {
        let mut failed = shell(told, "failed", vec![]);
        let message = "The server had an error while processing your request.";
        failed["error"] = json!({"code": "server_error", "message": message});
        return failed;
    }
    let Some(choice) = told.answer.choices.first() else { return shell(told, "completed", vec![]) };
    let mut items = Vec::new();
    if !choice.reasoning.is_empty() {
        items.push(reasoning(told, choice, true));
    }
    if !choice.text.is_empty() {
        items.push(message(told, choice, true));
    }
    items.extend(choice.calls.iter().map(|made| call(choice, made, true)));
    ended(told, choice, items)
}

/// The response at its end.
pub(super) fn ended(told: &Told<'_>, choice: &Choice, items: Vec<Value>) -> Value {
    let (status, details) = status(told, choice);
    let mut body = shell(told, status, items);
    body["incomplete_details"] = details;
    if status == "completed" {
        body["completed_at"] = told.created.into();
    }
    if let Some(figures) = told.figures() {
        body["usage"] = usage(told, figures);
    }
    body
}

fn ended_as(choice: &Choice) -> &'static str {
    if choice.finish == Finish::Length { "incomplete" } else { "completed" }
}

pub(super) fn reasoning(told: &Told<'_>, choice: &Choice, whole: bool) -> Value {
    let mut item = json!({"id": format!("rs_{}", told.id()), "type": "reasoning", "summary": []});
    if whole && told.ask.showing == Showing::Apart {
        item["summary"] = json!([{"type": "summary_text", "text": choice.reasoning}]);
    }
    if whole && told.ask.sealed {
        item["encrypted_content"] = STANDARD.encode(format!("{SEAL}{}", told.id())).into();
    }
    item
}

pub(super) fn message(told: &Told<'_>, choice: &Choice, whole: bool) -> Value {
    let content = if whole { vec![part(told, choice, &choice.text)] } else { vec![] };
    let status = if whole { ended_as(choice) } else { "in_progress" };
    json!({"id": format!("msg_{}", told.id()), "type": "message", "status": status, "role": "assistant",
        "content": content})
}

/// A part of a message that says `text`.
pub(super) fn part(told: &Told<'_>, choice: &Choice, text: &str) -> Value {
    if refuses(told, choice) {
        return json!({"type": "refusal", "refusal": text});
    }
    let annotations: Vec<Value> =
        choice.cited().into_iter().filter(|_| !text.is_empty()).map(annotation).collect();
    json!({"type": "output_text", "annotations": annotations, "logprobs": logprobs(told, text, true), "text": text})
}

/// What the whole text rests on.
pub(super) fn annotation(Cited { url, before, passage }: Cited<'_>) -> Value {
    let start = before.chars().count();
    let end = start + passage.chars().count();
    json!({"type": "url_citation", "url": url, "title": "A page", "start_index": start, "end_index": end})
}

/// Streams leave the bytes of tokens out.
pub(super) fn logprobs(told: &Told<'_>, text: &str, bytes: bool) -> Vec<Value> {
    let Some(top) = told.ask.logprobs else { return vec![] };
    let one = |token: &str| {
        let mut one = json!({"token": token, "logprob": -0.125});
        if bytes {
            one["bytes"] = token.as_bytes().into();
        }
        one
    };
    let each = |token: &&str| {
        let mut out = one(token);
        out["top_logprobs"] = (0..top.min(1)).map(|_| one(token)).collect();
        out
    };
    pieces(text, 1).iter().map(each).collect()
}

/// An item's own id is not the call's.
pub(super) fn call(choice: &Choice, made: &Made, whole: bool) -> Value {
    let status = if whole { ended_as(choice) } else { "in_progress" };
    json!({
        "id": format!("fc_{:016x}", made.id),
        "type": "function_call",
        "status": status,
        "arguments": if whole { made.text.as_str() } else { "" },
        "call_id": format!("call_{:016x}{:08x}", made.id, made.id >> 32),
        "name": made.name,
    })
}
