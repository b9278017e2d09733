//! What the server said, whole or in frames, as events.

use super::{Accent, fault, usage};
use crate::Reading;
use crate::cited::page;
use serde_json::Value;
use std::borrow::Cow;
use vocab::{Citation, Event, Fault, Finish, Frame, Usage};

/// More tool calls than any model makes: a stream that begins more is broken.
const CALLS_MAX: usize = 4_096;

pub(super) fn whole(accent: &Accent, body: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
    let body: Value =
        serde_json::from_slice(body).map_err(|e| Fault::Garbled(format!("the answer is not JSON: {e}")))?;
    read_whole(accent, &body, out)
}

/// The same of an answer that is a tree already.
pub(crate) fn read_whole(accent: &Accent, body: &Value, out: &mut Vec<Event>) -> Result<(), Fault> {
    if let Some(fault) = fault::within(accent, body) {
        return Err(fault);
    }
    let Some(choices) = body["choices"].as_array() else {
        return Err(Fault::Garbled("the answer has no choices".into()));
    };
    let mut reading = Reading::default();
    chunk(&mut reading, body, choices, "message", out)?;
    out.push(Event::End);
    Ok(())
}

pub(super) fn frame(
    accent: &Accent,
    reading: &mut Reading,
    frame: &Frame<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Fault> {
    let data = frame.data.trim();
    if data == "[DONE]" {
        out.push(Event::End);
        return Ok(());
    }
    if data.is_empty() {
        return Ok(());
    }
    let body: Value = serde_json::from_str(data)
        .map_err(|e| Fault::Garbled(format!("a frame of the stream is not JSON: {e}")))?;
    read_frame(accent, reading, &body, out)
}

/// The same of a frame that is a tree already.
pub(crate) fn read_frame(
    accent: &Accent,
    reading: &mut Reading,
    body: &Value,
    out: &mut Vec<Event>,
) -> Result<(), Fault> {
    if !body.is_object() {
        return Err(Fault::Garbled("a frame of the stream is not an object".into()));
    }
    if let Some(fault) = fault::within(accent, body) {
        return Err(fault);
    }
    let choices = body["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
    chunk(reading, body, choices, "delta", out)
}

/// One chunk, or a whole answer, which is the same but for the name of what was said.
fn chunk(
    reading: &mut Reading,
    body: &Value,
    choices: &[Value],
    said: &str,
    out: &mut Vec<Event>,
) -> Result<(), Fault> {
    let id = body["id"].as_str().unwrap_or_default();
    let model = body["model"].as_str().unwrap_or_default();
    let named = !id.is_empty() || !model.is_empty();
    if named && !reading.started {
        reading.started = true;
        out.push(Event::Start { id: id.to_owned(), model: model.to_owned() });
    }
    for choice in choices {
        // A missing index is the only choice (vercel/ai#4031).
        let index = choice["index"].as_u64().and_then(|i| u32::try_from(i).ok()).unwrap_or(0);
        content(reading, index, id, &choice[said], &choice["logprobs"], out)?;
        if let Some(word) = choice["finish_reason"].as_str() {
            let called = reading.calls.iter().any(|(choice, _)| *choice == index);
            if let Some(reason) = finish(word, called)? {
                reading.finished = true;
                out.push(Event::Finish { choice: index, reason });
            }
        }
    }
    let modifiers = usage::modifiers(body);
    if !modifiers.is_empty() {
        reading.usage.modifiers = modifiers;
    }
    if let Some(used) = usage::of_reply(body) {
        report(reading, used, out);
    }
    Ok(())
}

/// Usage counts once: Groq reports it in `x_groq` and again in the usage chunk.
fn report(reading: &mut Reading, mut used: Usage, out: &mut Vec<Event>) {
    used.modifiers |= reading.usage.modifiers;
    let again = reading.usage == used && used.counted().next().is_some();
    reading.usage = used;
    if !again {
        out.push(Event::Usage(used));
    }
}

fn content(
    reading: &mut Reading,
    choice: u32,
    reply: &str,
    said: &Value,
    logprobs: &Value,
    out: &mut Vec<Event>,
) -> Result<(), Fault> {
    if let Some(text) = reasoning(said) {
        out.push(Event::Reasoning { choice, text: text.to_owned() });
    }
    let text = text(&said["content"]).or_else(|| said["audio"]["transcript"].as_str().map(Cow::Borrowed));
    let text = text.unwrap_or_default();
    let logprobs = if logprobs.is_null() { None } else { Some(logprobs.clone()) };
    if !text.is_empty() || logprobs.is_some() {
        out.push(Event::Text { choice, text: text.into_owned(), logprobs });
    }
    if let Some(text) = said["refusal"].as_str().filter(|t| !t.is_empty()) {
        out.push(Event::Refusal { choice, text: text.to_owned() });
    }
    for annotation in said["annotations"].as_array().into_iter().flatten() {
        if let Some(page) = page(annotation) {
            reading.cited.tell(Citation { choice, ..page }, out);
        }
    }
    for call in said["tool_calls"].as_array().into_iter().flatten() {
        tool(reading, choice, reply, call, out)?;
    }
    if said["function_call"].is_object() {
        // The one function call of old; it has neither id nor index.
        let call = serde_json::json!({ "index": 0, "function": said["function_call"] });
        tool(reading, choice, reply, &call, out)?;
    }
    Ok(())
}

/// Servers disagree about the name; some send both, with the same text.
fn reasoning(said: &Value) -> Option<&str> {
    ["reasoning_content", "reasoning"].into_iter().find_map(|f| said[f].as_str().filter(|t| !t.is_empty()))
}

/// Text as a string, or as a list of text parts.
fn text(content: &Value) -> Option<Cow<'_, str>> {
    match content {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Array(parts) => Some(Cow::Owned(parts.iter().filter_map(|p| p["text"].as_str()).collect())),
        _ => None,
    }
}

/// One fragment of a tool call: the first of its index begins it, later ones add arguments. Names are never appended:
/// some parsers send them again.
fn tool(
    reading: &mut Reading,
    choice: u32,
    reply: &str,
    call: &Value,
    out: &mut Vec<Event>,
) -> Result<(), Fault> {
    let function = if call["custom"].is_object() { &call["custom"] } else { &call["function"] };
    let name = function["name"].as_str().unwrap_or_default();
    let id = call["id"].as_str().unwrap_or_default();
    let arguments =
        arguments(if function["input"].is_null() { &function["arguments"] } else { &function["input"] });
    let nameless = id.is_empty() && name.is_empty();

    let of_choice = || reading.calls.iter().filter(|(c, _)| *c == choice).map(|(_, index)| *index);
    let theirs = match call["index"].as_u64() {
        Some(index) => {
            u32::try_from(index).map_err(|_| Fault::Garbled(format!("tool call {index} of one answer")))?
        }
        // Whole answers have no index, nor have some streams: a name begins the next call, else it is the last one.
        None if nameless => of_choice().next_back().unwrap_or(0),
        None => of_choice().max().map_or(0, |index| index.saturating_add(1)),
    };
    let known = of_choice().position(|index| index == theirs);
    let ours = match known {
        Some(ours) => ours,
        // A fragment of nothing: the null end of a call, or arguments of a call that never began.
        None if nameless => return Ok(()),
        None => {
            if reading.calls.len() >= CALLS_MAX {
                return Err(Fault::Garbled(format!("more than {CALLS_MAX} tool calls in one answer")));
            }
            let ours = of_choice().count();
            reading.calls.push((choice, theirs));
            let id = if id.is_empty() {
                call_id(&[reply, &choice.to_string(), &ours.to_string()])
            } else {
                id.to_owned()
            };
            let index = u32::try_from(ours).unwrap_or(u32::MAX);
            out.push(Event::ToolStart { choice, index, id, name: name.to_owned(), signature: None });
            ours
        }
    };
    if !arguments.is_empty() {
        let index = u32::try_from(ours).unwrap_or(u32::MAX);
        out.push(Event::ToolArgs { choice, index, fragment: arguments.into_owned() });
    }
    Ok(())
}

/// Arguments are text; servers that send them as an object mean its JSON.
fn arguments(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed(""),
        other => Cow::Owned(other.to_string()),
    }
}

/// A tool call's id where the server gave none: the same for the same answer, whole or streamed. 64-bit FNV-1a
/// (RFC 9923) over the parts.
pub(crate) fn call_id(parts: &[&str]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("call_{hash:016x}")
}

/// What the finish reason means; None is "not yet".
fn finish(word: &str, called: bool) -> Result<Option<Finish>, Fault> {
    Ok(Some(match word {
        // Some servers send an empty string rather than null before the end.
        "" => return Ok(None),
        "length" | "model_length" | "max_tokens" => Finish::Length,
        "content_filter" => Finish::ContentFilter,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        // vLLM: "aborted requests"; what was said is not the whole answer.
        "abort" | "error" | "insufficient_system_resource" => {
            return Err(Fault::Cut(format!("the server ended the answer early: {word}")));
        }
        // Older Ollama says "stop" after tool calls (BerriAI/litellm#12481); so does OpenAI where one was forced.
        _ if called => Finish::ToolCalls,
        _ => Finish::Stop,
    }))
}
