//! A look at a whole response as it passes: usage, finish, and whether there is anything in it.
//!
//! Texts stay slices of the body, measured where they stand. Whatever is out of the ordinary is decoded instead, so that a
//! glance never disagrees with a close look.

use super::Responses;
use crate::openai::usage;
use crate::watch::look::once;
use crate::{Glance, glance::by_decoding};
use bytes::Bytes;
use json::{Quoted, Walk};
use serde_json::Value;
use vocab::{Fault, Finish, Modifiers, Usage};

pub(super) fn of(adapter: &Responses, body: &Bytes) -> Result<Glance, Fault> {
    match plain(body) {
        Some(glance) => Ok(glance),
        None => by_decoding(adapter, body),
    }
}

/// What an item came to.
#[derive(Default)]
struct Said {
    text: usize,
    call: bool,
}

/// None where the response is anything but messages, calls and reasoning that is not shown.
fn plain(body: &[u8]) -> Option<Glance> {
    let mut walk = Walk::along(simdutf8::basic::from_utf8(body).ok()?);
    let (mut said, mut output, mut tier) = (Said::default(), None, None);
    let (mut status, mut reason, mut used) = (None, None, None);
    walk.object(|walk, key| match key {
        "output" => once(&mut output, walk.array(|walk| item(walk, &mut said))?),
        "status" => once(&mut status, walk.string_or_null()??.plain()?),
        "incomplete_details" => once(&mut reason, incomplete(walk)?),
        "usage" => once(&mut used, usage(walk)?),
        "service_tier" => {
            let name = walk.string_or_null()?;
            let modifiers = match name {
                Some(name) => usage::modifiers(&serde_json::json!({ "service_tier": name.plain()? })),
                None => Modifiers::empty(),
            };
            once(&mut tier, modifiers)
        }
        "error" | "tool_usage" | "usage_breakdown" | "x_groq" => walk.is_null()?.then_some(()),
        _ => walk.skip(),
    })?;
    walk.end()?;
    output?;
    let finish = match (status?, reason.flatten()) {
        ("completed" | "incomplete", Some("content_filter")) => Finish::ContentFilter,
        ("completed" | "incomplete", Some(_)) | ("incomplete", None) => Finish::Length,
        ("completed", None) if said.call => Finish::ToolCalls,
        ("completed", None) => Finish::Stop,
        _ => return None,
    };
    let usage = used.flatten().map(|mut usage: Usage| {
        usage.modifiers |= tier.unwrap_or_default();
        usage
    });
    Some(Glance { usage, useful: said.call || said.text > 0, finish: Some(finish), text_bytes: said.text })
}

fn usage(walk: &mut Walk<'_>) -> Option<Option<Usage>> {
    let (written, ()) = walk.written(Walk::skip)?;
    let tree: Value = serde_json::from_str(written).ok()?;
    Some(usage::chat(&tree))
}

fn incomplete<'a>(walk: &mut Walk<'a>) -> Option<Option<&'a str>> {
    let mut reason = None;
    if walk.peek()? == b'n' {
        walk.skip()?;
        return Some(None);
    }
    walk.object(|walk, key| match key {
        "reason" => once(&mut reason, walk.string_or_null()?.map_or(Some(None), |r| r.plain().map(Some))?),
        _ => walk.skip(),
    })?;
    Some(reason.flatten())
}

fn item(walk: &mut Walk<'_>, said: &mut Said) -> Option<()> {
    let (mut kind, mut content, mut shown, mut arguments) = (None, None, None, None);
    walk.object(|walk, key| match key {
        "type" => once(&mut kind, walk.string_or_null()??.plain()?),
        "content" => {
            let mut text = 0;
            if walk.peek()? == b'n' {
                walk.skip()?;
            } else {
                walk.array(|walk| part(walk, &mut text))?;
            }
            once(&mut content, text)
        }
        // What is shown of reasoning is put together in ways of its own.
        "summary" => once(&mut shown, walk.array(|_| None)?),
        "arguments" => once(&mut arguments, walk.string_or_null()?.map_or(0, Quoted::len)),
        _ => walk.skip(),
    })?;
    match kind? {
        "message" => said.text += content.unwrap_or(0),
        "reasoning" if content.unwrap_or(0) == 0 => {}
        "function_call" => {
            said.call = true;
            said.text += arguments.unwrap_or(0);
        }
        _ => return None,
    }
    Some(())
}

/// A part of a message: text or a refusal, without log probabilities.
fn part(walk: &mut Walk<'_>, text: &mut usize) -> Option<()> {
    let (mut kind, mut words, mut refusal) = (None, None, None);
    walk.object(|walk, key| match key {
        "type" => once(&mut kind, walk.string_or_null()??.plain()?),
        "text" => once(&mut words, walk.string_or_null()?.map_or(0, Quoted::len)),
        "refusal" => once(&mut refusal, walk.string_or_null()?.map_or(0, Quoted::len)),
        "logprobs" => walk.array(|_| None),
        _ => walk.skip(),
    })?;
    *text += match kind? {
        "output_text" => words.unwrap_or(0),
        "refusal" => refusal.unwrap_or(0),
        _ => return None,
    };
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{Responses, by_decoding, of, plain};
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn item() -> impl Strategy<Value = Value> {
        let text =
            || prop_oneof![Just(Value::Null), "[a-z\"\\\\é\n]{0,9}".prop_map(Value::from), Just(json!(3))];
        let part = (prop::sample::select(&["output_text", "refusal", "reasoning_text", "text"][..]), text(), text())
            .prop_map(|(kind, text, refusal)| json!({"type": kind, "text": text, "refusal": refusal, "logprobs": []}));
        let parts = prop_oneof![4 => prop::collection::vec(part, 0..3).prop_map(Value::Array), 1 => Just(Value::Null)];
        let kind =
            prop::sample::select(&["message", "reasoning", "function_call", "custom_tool_call", "other"][..]);
        let summary = prop_oneof![
            Just(json!([])),
            Just(json!([{"type": "summary_text", "text": "x"}])),
            Just(Value::Null)
        ];
        (kind, parts, summary, text()).prop_map(|(kind, content, summary, arguments)| {
            json!({"content": content, "summary": summary, "arguments": arguments, "name": "f", "call_id": "c",
                "encrypted_content": "e", "type": kind})
        })
    }

    proptest! {
        #[test]
        fn a_glance_tells_what_a_close_look_tells(
            items in prop::collection::vec(item(), 0..4),
            status in prop::sample::select(vec![json!("completed"), json!("incomplete"), json!("failed"), json!("queued"), json!("x"), Value::Null]),
            details in prop::sample::select(vec![Value::Null, json!({}), json!({"reason": "content_filter"}), json!({"reason": "steered"}), json!({"reason": null}), json!({"reason": 3})]),
            usage in prop::sample::select(vec![Value::Null, json!({}), json!({"input_tokens": 3, "output_tokens": 4}), json!([1])]),
            extra in prop::sample::select(vec![json!({}), json!({"service_tier": "flex"}), json!({"error": {"code": "server_error"}}), json!({"tool_usage": {"web_search": {"num_requests": 2}}})]),
        ) {
            let mut body = json!({"id": "r", "output": items, "status": status, "incomplete_details": details, "usage": usage});
            for (key, value) in extra.as_object().unwrap() {
                body[key] = value.clone();
            }
            let body = Bytes::from(body.to_string());
            prop_assert_eq!(of(&Responses, &body), by_decoding(&Responses, &body));
        }
    }

    #[test]
    fn the_usual_is_not_taken_apart() {
        let body = json!({"status": "completed", "service_tier": "default", "error": null, "usage": {"input_tokens": 1, "output_tokens": 2}, "output": [
            {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "e"},
            {"type": "message", "content": [{"type": "output_text", "text": "Hi\n", "annotations": [], "logprobs": []}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]});
        let glance = plain(body.to_string().as_bytes()).unwrap();
        assert_eq!((glance.text_bytes, glance.useful), (5, true));
    }
}
