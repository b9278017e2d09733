//! Messages and their stream as events.
//!
//! A message is a list of blocks; OpenAI's tool index counts only those that are calls of the client's tools. Blocks
//! of the server's own tools and redacted thinking have no counterpart and are passed over. A citation stands on a block and
//! is about all of it; where in the block it is said does not matter, so it is told when the block is over.

use super::{fault, usage};
use crate::Reading;
use crate::cited::words;
use serde_json::Value;
use vocab::{Citation, Event, Fault, Finish, Usage};

pub(super) fn whole(body: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
    let message: Value =
        serde_json::from_slice(body).map_err(|e| Fault::Garbled(format!("anthropic: no JSON: {e}")))?;
    if message["type"] == "error" || message["error"].is_object() {
        return Err(fault::within(&message));
    }
    let Some(blocks) = message["content"].as_array() else {
        return Err(Fault::Garbled("anthropic: a message without content".to_owned()));
    };
    start(&message, out);
    let mut calls = 0;
    let mut reading = Reading::default();
    for block in blocks {
        match block["type"].as_str() {
            Some("text") => {
                text_begins(&mut reading, block, out);
                reading.cited.close(out);
            }
            Some("thinking") => {
                push_reasoning(&block["thinking"], out);
                push_signature(&block["signature"], out);
            }
            Some("tool_use") => {
                out.push(tool_start(calls, block));
                let fragment =
                    if block["input"].is_object() { block["input"].to_string() } else { "{}".to_owned() };
                out.push(Event::ToolArgs { choice: 0, index: calls, fragment });
                calls += 1;
            }
            _ => {}
        }
    }
    let reason = message["stop_reason"].as_str().unwrap_or_default();
    out.push(Event::Finish { choice: 0, reason: finish(reason, calls > 0) });
    if message["usage"].is_object() {
        out.push(Event::Usage(usage::after(&Usage::default(), &message["usage"])));
    }
    out.push(Event::End);
    Ok(())
}

pub(super) fn frame(
    reading: &mut Reading,
    event: &str,
    data: &str,
    out: &mut Vec<Event>,
) -> Result<(), Fault> {
    let data = data.trim();
    if data.is_empty() || data == "[DONE]" {
        return Ok(());
    }
    let said: Value = serde_json::from_str(data)
        .map_err(|e| Fault::Garbled(format!("anthropic: a frame is no JSON: {e}")))?;
    match said["type"].as_str().unwrap_or(event) {
        "message_start" if !reading.started => {
            reading.started = true;
            start(&said["message"], out);
            push_usage(reading, &said, out);
        }
        "content_block_start" => block_start(reading, &said, out),
        "content_block_delta" => delta(reading, &said, out),
        "content_block_stop" => {
            reading.cited.close(out);
            if place(&said).is_some_and(|at| reading.calls.last().is_some_and(|c| c.0 == at)) {
                close_arguments(reading, out);
            }
        }
        "message_delta" => {
            if let Some(reason) = said["delta"]["stop_reason"].as_str()
                && !reading.finished
            {
                end_choice(reading, reason, out);
            }
            push_usage(reading, &said, out);
        }
        "message_stop" => {
            if !reading.finished {
                end_choice(reading, "", out);
            }
            out.push(Event::End);
        }
        "error" => return Err(fault::within(&said)),
        // ping, and whatever will be invented.
        _ => {}
    }
    Ok(())
}

fn block_start(reading: &mut Reading, said: &Value, out: &mut Vec<Event>) {
    let block = &said["content_block"];
    match block["type"].as_str() {
        Some("text") => text_begins(reading, block, out),
        Some("thinking") => push_reasoning(&block["thinking"], out),
        Some("tool_use") => {
            close_arguments(reading, out);
            let Some(at) = place(said) else { return };
            let index = u32::try_from(reading.calls.len()).unwrap_or(u32::MAX);
            reading.calls.push((at, index));
            reading.spoke = true;
            reading.argued = false;
            out.push(tool_start(index, block));
            // Empty here and filled by deltas, except behind gateways that know it all at once.
            if block["input"].as_object().is_some_and(|input| !input.is_empty()) {
                reading.argued = true;
                out.push(Event::ToolArgs { choice: 0, index, fragment: block["input"].to_string() });
            }
        }
        _ => {}
    }
}

fn delta(reading: &mut Reading, said: &Value, out: &mut Vec<Event>) {
    let delta = &said["delta"];
    match delta["type"].as_str() {
        Some("text_delta") => push_text(reading, &delta["text"], out),
        Some("citations_delta") => reading.cited.wait(citation(&delta["citation"])),
        Some("thinking_delta") => push_reasoning(&delta["thinking"], out),
        Some("signature_delta") => push_signature(&delta["signature"], out),
        Some("input_json_delta") => {
            // The arguments of a server's tool have a block of their own that is no call of ours.
            let call = place(said).and_then(|at| reading.calls.iter().rev().find(|call| call.0 == at));
            let fragment = delta["partial_json"].as_str().unwrap_or_default();
            if let Some((_, index)) = call
                && !fragment.is_empty()
            {
                out.push(Event::ToolArgs { choice: 0, index: *index, fragment: fragment.to_owned() });
                reading.argued = true;
            }
        }
        _ => {}
    }
}

/// "may be \"\" for no arguments, meaning {}".
fn close_arguments(reading: &mut Reading, out: &mut Vec<Event>) {
    if let Some((_, index)) = reading.calls.last()
        && !reading.argued
    {
        out.push(Event::ToolArgs { choice: 0, index: *index, fragment: "{}".to_owned() });
        reading.argued = true;
    }
}

fn end_choice(reading: &mut Reading, reason: &str, out: &mut Vec<Event>) {
    reading.cited.close(out);
    close_arguments(reading, out);
    reading.finished = true;
    out.push(Event::Finish { choice: 0, reason: finish(reason, !reading.calls.is_empty()) });
}

fn push_usage(reading: &mut Reading, said: &Value, out: &mut Vec<Event>) {
    let said = usage::in_frame(said);
    if said.is_object() {
        reading.usage = usage::after(&reading.usage, said);
        out.push(Event::Usage(reading.usage));
    }
}

fn start(message: &Value, out: &mut Vec<Event>) {
    let name = |field: &str| message[field].as_str().unwrap_or_default().to_owned();
    out.push(Event::Start { id: name("id"), model: name("model") });
}

fn tool_start(index: u32, block: &Value) -> Event {
    let name = |field: &str| block[field].as_str().unwrap_or_default().to_owned();
    Event::ToolStart { choice: 0, index, id: name("id"), name: name("name"), signature: None }
}

/// A block of text, as far as it is there.
fn text_begins(reading: &mut Reading, block: &Value, out: &mut Vec<Event>) {
    reading.cited.close(out);
    reading.cited.begin();
    push_text(reading, &block["text"], out);
    for source in block["citations"].as_array().into_iter().flatten() {
        reading.cited.wait(citation(source));
    }
}

/// A page, or a passage of a document that was sent along. Which of its characters, pages or blocks that is only who has
/// the document can tell, so it goes by its title and its words.
fn citation(said: &Value) -> Citation {
    let page = words(&said["url"]).or_else(|| words(&said["source"]));
    Citation {
        url: page.filter(|url| url.starts_with("https://") || url.starts_with("http://")),
        title: words(&said["title"]).or_else(|| words(&said["document_title"])),
        quote: words(&said["cited_text"]),
        ..Citation::default()
    }
}

fn push_text(reading: &mut Reading, text: &Value, out: &mut Vec<Event>) {
    if let Some(text) = text.as_str().filter(|t| !t.is_empty()) {
        reading.spoke = true;
        reading.cited.said(text);
        out.push(Event::Text { choice: 0, text: text.to_owned(), logprobs: None });
    }
}

fn push_reasoning(text: &Value, out: &mut Vec<Event>) {
    if let Some(text) = text.as_str().filter(|t| !t.is_empty()) {
        out.push(Event::Reasoning { choice: 0, text: text.to_owned() });
    }
}

fn push_signature(signature: &Value, out: &mut Vec<Event>) {
    if let Some(signature) = signature.as_str().filter(|s| !s.is_empty()) {
        out.push(Event::Signature { choice: 0, signature: signature.to_owned() });
    }
}

/// The block's index among all blocks.
fn place(said: &Value) -> Option<u32> {
    said["index"].as_u64().and_then(|at| u32::try_from(at).ok())
}

/// A paused turn was not finished, so it is a length; a reason we do not know is an end like any other.
fn finish(reason: &str, called: bool) -> Finish {
    match reason {
        "max_tokens" | "model_context_window_exceeded" | "pause_turn" => Finish::Length,
        "refusal" => Finish::ContentFilter,
        "tool_use" => Finish::ToolCalls,
        "end_turn" | "stop_sequence" => Finish::Stop,
        _ if called => Finish::ToolCalls,
        _ => Finish::Stop,
    }
}
