//! A reply as events. A stream is made of whole replies, so there is one reader for both.

use super::ground::{self, Said};
use super::{fault, usage};
use crate::Reading;
use serde_json::{Value, json};
use vocab::{Event, Fault, Finish};

/// A whole answer: one reply, or (where a stream was asked for without `alt=sse`) an array of them.
pub(super) fn whole(body: &Value, out: &mut Vec<Event>) -> Result<(), Fault> {
    let mut reading = Reading::default();
    match body {
        Value::Array(replies) => {
            for each in replies {
                reply(&mut reading, each, out)?;
            }
        }
        one => reply(&mut reading, one, out)?,
    }
    if reading.finished {
        return Ok(());
    }
    if reading.open == 0 {
        return Err(Fault::Garbled("gemini: a reply with neither candidates nor a reason".to_owned()));
    }
    // The body came to its own end, so nothing was cut: a choice without a reason simply stopped.
    for choice in (0..64).filter(|choice| reading.open & (1 << choice) != 0) {
        out.push(Event::Finish { choice, reason: stopped(&reading, choice) });
    }
    out.push(Event::End);
    Ok(())
}

pub(super) fn frame(reading: &mut Reading, data: &str, out: &mut Vec<Event>) -> Result<(), Fault> {
    watched(reading, data, out).0
}

/// The same, and whether there was something in it that no event tells of.
pub(super) fn watched(reading: &mut Reading, data: &str, out: &mut Vec<Event>) -> (Result<(), Fault>, bool) {
    let data = data.trim();
    // This dialect has no [DONE], but some of what stands before it adds one.
    if data.is_empty() || data == "[DONE]" {
        return (Ok(()), false);
    }
    let value: Value = match serde_json::from_str(data) {
        Ok(value) => value,
        Err(e) => return (Err(Fault::Garbled(format!("gemini: a frame is no JSON: {e}"))), false),
    };
    let read = match &value {
        Value::Array(replies) => replies.iter().try_for_each(|each| reply(reading, each, out)),
        one => reply(reading, one, out),
    };
    (read, shows(&value))
}

/// Whether a reply has parts of its own kind: pictures, sound, code that was run.
pub(super) fn shows(reply: &Value) -> bool {
    const KINDS: [&str; 4] = ["inlineData", "fileData", "executableCode", "codeExecutionResult"];
    let own = |part: &Value| KINDS.iter().any(|kind| part[*kind].is_object());
    let parts = |one: &Value| one["content"]["parts"].as_array().is_some_and(|all| all.iter().any(own));
    reply["candidates"].as_array().is_some_and(|all| all.iter().any(parts))
}

/// One reply. `End` comes with the reply after which no choice is open; usage may still follow it.
fn reply(reading: &mut Reading, reply: &Value, out: &mut Vec<Event>) -> Result<(), Fault> {
    if reply["error"].is_object() {
        return Err(fault::within(reply));
    }
    start(reading, reply, out);
    let mut failed: Vec<(u32, &str)> = Vec::new();
    let mut finished = false;
    let candidates = reply["candidates"].as_array().map_or(&[][..], Vec::as_slice);
    for (place, candidate) in candidates.iter().enumerate() {
        let choice =
            candidate["index"].as_u64().and_then(|i| u32::try_from(i).ok()).or(u32::try_from(place).ok());
        // A request asks for a handful; the rest of u32 is nonsense.
        let choice = choice.unwrap_or(0).min(63);
        reading.open |= 1 << choice;
        let said = parts(reading, choice, reply, candidate, out);
        ground::tell(reading, choice, candidate, &said, out);
        // Said once: some repeat the reason with the usage that follows it.
        let Some(reason) = candidate["finishReason"].as_str().filter(|_| !reading.finished) else { continue };
        let reason = match ending(reason) {
            Ending::None => continue,
            Ending::Stop => stopped(reading, choice),
            Ending::Length => Finish::Length,
            Ending::Filter => Finish::ContentFilter,
            Ending::Failed => {
                failed.push((choice, reason));
                continue;
            }
        };
        finished = true;
        reading.open &= !(1 << choice);
        out.push(Event::Finish { choice, reason });
    }
    let blocked =
        reply["promptFeedback"]["blockReason"].as_str().is_some_and(|r| !r.ends_with("_UNSPECIFIED"));
    if blocked && candidates.is_empty() && !reading.finished {
        finished = true;
        reading.open = 0;
        out.push(Event::Finish { choice: 0, reason: Finish::ContentFilter });
    }
    if reading.spoke {
        for (choice, _) in failed.drain(..) {
            finished = true;
            reading.open &= !(1 << choice);
            out.push(Event::Finish { choice, reason: stopped(reading, choice) });
        }
    }
    if let Some(usage) = usage::reply(reply, &reading.usage) {
        reading.usage = usage;
        out.push(Event::Usage(usage));
    }
    if let Some((_, reason)) = failed.first() {
        // The finishMessage quotes the model, so it is not passed on.
        return Err(Fault::Garbled(format!(
            "gemini: the generation failed: {}",
            crate::foreign::said(reason)
        )));
    }
    if finished && reading.open == 0 && !reading.finished {
        reading.finished = true;
        out.push(Event::End);
    }
    Ok(())
}

fn start(reading: &mut Reading, reply: &Value, out: &mut Vec<Event>) {
    let (id, model) = (reply["responseId"].as_str(), reply["modelVersion"].as_str());
    if reading.started || (id.is_none() && model.is_none()) {
        return;
    }
    reading.started = true;
    out.push(Event::Start {
        id: id.unwrap_or_default().to_owned(),
        model: model.unwrap_or_default().to_owned(),
    });
}

/// Tells of the parts. Where each begins, for those who lean on it.
fn parts(reading: &mut Reading, choice: u32, reply: &Value, candidate: &Value, out: &mut Vec<Event>) -> Said {
    let mut logprobs = logprobs(&candidate["logprobsResult"]);
    let parts = candidate["content"]["parts"].as_array().map_or(&[][..], Vec::as_slice);
    let mut said = Said::default();
    for part in parts {
        said.begins(reading.cited.ruler(choice).bytes());
        let signature = part["thoughtSignature"].as_str().filter(|s| !s.is_empty());
        if part["functionCall"].is_object() {
            call(reading, choice, reply, &part["functionCall"], signature, out);
            continue;
        }
        match part["text"].as_str().filter(|text| !text.is_empty()) {
            Some(text) if part["thought"] == true => {
                out.push(Event::Reasoning { choice, text: text.to_owned() });
            }
            Some(text) => {
                reading.spoke = true;
                reading.cited.ruler(choice).add(text);
                out.push(Event::Text { choice, text: text.to_owned(), logprobs: logprobs.take() });
            }
            None => {}
        }
        if let Some(signature) = signature {
            out.push(Event::Signature { choice, signature: signature.to_owned() });
        }
    }
    if logprobs.is_some() {
        out.push(Event::Text { choice, text: String::new(), logprobs });
    }
    said
}

/// Calls come whole, in one piece.
fn call(
    reading: &mut Reading,
    choice: u32,
    reply: &Value,
    call: &Value,
    signature: Option<&str>,
    out: &mut Vec<Event>,
) {
    let index = reading.calls.iter().filter(|(of, _)| *of == choice).count();
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    reading.calls.push((choice, index));
    reading.spoke = true;
    let name = call["name"].as_str().unwrap_or_default();
    let arguments = if call["args"].is_object() { call["args"].to_string() } else { "{}".to_owned() };
    let id = match call["id"].as_str() {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => made_up(&[reply["responseId"].as_str().unwrap_or_default(), name, &arguments], choice, index),
    };
    out.push(Event::ToolStart {
        choice,
        index,
        id,
        name: name.to_owned(),
        signature: signature.map(str::to_owned),
    });
    out.push(Event::ToolArgs { choice, index, fragment: arguments });
}

/// An id for a call that has none: the same call of the same reply always gets the same one, so that a stream and
/// its replay agree; short enough for every protocol (OpenAI's own have 29 characters).
fn made_up(of: &[&str], choice: u32, index: u32) -> String {
    let place = [choice.to_be_bytes(), index.to_be_bytes()];
    // 0xff is in no text, so it keeps neighbours apart.
    let bytes = of.iter().flat_map(|text| text.bytes().chain([0xff])).chain(place.into_iter().flatten());
    // FNV-1a, 64 bits: the same on every platform and in every version, unlike the standard library's hasher.
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("call_{hash:016x}")
}

pub(super) enum Ending {
    None,
    Stop,
    Length,
    Filter,
    Failed,
}

/// New reasons appear over time; one we do not know is an end like any other.
pub(super) fn ending(reason: &str) -> Ending {
    match reason {
        "" | "FINISH_REASON_UNSPECIFIED" => Ending::None,
        "MAX_TOKENS" | "CONTINUATION" => Ending::Length,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
        | "MODEL_ARMOR" => Ending::Filter,
        image if image.starts_with("IMAGE_") => Ending::Filter,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE"
        | "NO_IMAGE"
        | "OTHER"
        | "ESCALATION"
        | "PUP_LIMITED_DISABLED" => Ending::Failed,
        _ => Ending::Stop,
    }
}

/// The reason says STOP for calls too; agents look for theirs.
fn stopped(reading: &Reading, choice: u32) -> Finish {
    let called = reading.calls.iter().any(|(of, _)| *of == choice);
    if called { Finish::ToolCalls } else { Finish::Stop }
}

/// In OpenAI's shape. The bytes of a token are not told.
fn logprobs(result: &Value) -> Option<Value> {
    let chosen = result["chosenCandidates"].as_array()?;
    let entry = |of: &Value| json!({"token": of["token"], "logprob": of["logProbability"], "bytes": null});
    let content: Vec<Value> = chosen
        .iter()
        .enumerate()
        .map(|(at, token)| {
            let top = result["topCandidates"][at]["candidates"].as_array().map_or(&[][..], Vec::as_slice);
            let mut out = entry(token);
            out["top_logprobs"] = top.iter().map(entry).collect();
            out
        })
        .collect();
    Some(json!({"content": content, "refusal": null}))
}
