//! What a model said, in either family's shape.

use super::fault;
use crate::Reading;
use crate::openai::{COMPATIBLE, call_id, read_frame, read_whole, usage};
use serde_json::Value;
use vocab::{Event, Fault, Finish, Frame};

/// A whole answer, in the REST envelope or bare as a binding gives it.
pub(super) fn whole(body: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
    let body: Value =
        serde_json::from_slice(body).map_err(|e| Fault::Garbled(format!("the answer is not JSON: {e}")))?;
    if let Some(fault) = fault::within(&body) {
        return Err(fault);
    }
    let result = if body["result"].is_null() { &body } else { &body["result"] };
    if result["choices"].is_array() {
        return read_whole(&COMPATIBLE, result, out);
    }
    let native = result.is_string() || result.get("response").is_some() || result.get("tool_calls").is_some();
    if !native {
        return Err(Fault::Garbled("the answer has neither a response nor choices".into()));
    }
    let mut reading = Reading::default();
    native_piece(&mut reading, result, out);
    end(&mut reading, out);
    Ok(())
}

pub(super) fn frame(reading: &mut Reading, frame: &Frame<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
    let data = frame.data.trim();
    if data == "[DONE]" {
        end(reading, out);
        return Ok(());
    }
    if data.is_empty() {
        return Ok(());
    }
    let body: Value = serde_json::from_str(data)
        .map_err(|e| Fault::Garbled(format!("a frame of the stream is not JSON: {e}")))?;
    if let Some(fault) = fault::within(&body) {
        return Err(fault);
    }
    if body["choices"].is_array() || body["id"].is_string() {
        return read_frame(&COMPATIBLE, reading, &body, out);
    }
    native_piece(reading, &body, out);
    Ok(())
}

/// A native answer or a piece of one. `p` is padding.
fn native_piece(reading: &mut Reading, body: &Value, out: &mut Vec<Event>) {
    let response = if body.is_string() { body } else { &body["response"] };
    let text = match response {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        // JSON mode parses the text; it was text.
        parsed => parsed.to_string(),
    };
    if !text.is_empty() {
        out.push(Event::Text { choice: 0, text, logprobs: None });
    }
    for call in body["tool_calls"].as_array().into_iter().flatten() {
        native_call(reading, call, out);
    }
    if let Some(used) = usage::chat(&body["usage"]) {
        reading.usage = used;
        out.push(Event::Usage(used));
    }
}

/// Flat, or with a `function` around; whole in either case, and mostly without an id.
fn native_call(reading: &mut Reading, call: &Value, out: &mut Vec<Event>) {
    let function = if call["function"].is_object() { &call["function"] } else { call };
    let Some(name) = function["name"].as_str().filter(|name| !name.is_empty()) else { return };
    let arguments = match &function["arguments"] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        object => object.to_string(),
    };
    let index = u32::try_from(reading.calls.len()).unwrap_or(u32::MAX);
    reading.calls.push((0, index));
    let id = match call["id"].as_str() {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => call_id(&[name, &arguments, &index.to_string()]),
    };
    out.push(Event::ToolStart { choice: 0, index, id, name: name.to_owned(), signature: None });
    if !arguments.is_empty() {
        out.push(Event::ToolArgs { choice: 0, index, fragment: arguments });
    }
}

/// The native shape has no finish reason: the end mark is one.
fn end(reading: &mut Reading, out: &mut Vec<Event>) {
    if !reading.finished {
        reading.finished = true;
        let reason = if reading.calls.is_empty() { Finish::Stop } else { Finish::ToolCalls };
        out.push(Event::Finish { choice: 0, reason });
    }
    out.push(Event::End);
}
