//! Responses and their stream as events.
//!
//! A response is a list of items. Calls are counted among themselves, whatever items stand between them; items of the
//! provider's own tools have no counterpart and are passed over. At the end of a stream's item it is said again in full:
//! what came in pieces is not heard twice, and what never came in pieces is heard then, so that a stream is read as the
//! whole answer is.

use super::{fault, seal};
use crate::Reading;
use crate::cited::page;
use crate::foreign::count;
use crate::openai::{call_id, usage};
use serde_json::{Value, json};
use vocab::{Bucket, Citation, Event, Fault, Finish, Frame, Usage};

/// More items than any response has: a stream that begins more is broken.
const ITEMS_MAX: usize = 4_096;

/// What was heard of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// The provider's index.
    pub place: u32,
    /// Which call of the answer it is.
    pub call: Option<u32>,
    /// Of [`TEXT`] and the others.
    pub heard: u8,
}

pub(super) const TEXT: u8 = 1;
pub(super) const REFUSAL: u8 = 1 << 1;
/// A summary of the reasoning. Whichever of the two comes first is heard.
pub(super) const SUMMARY: u8 = 1 << 2;
/// The reasoning itself, from open models.
pub(super) const THOUGHT: u8 = 1 << 3;
pub(super) const ARGUMENTS: u8 = 1 << 4;
const SEALED: u8 = 1 << 5;
const CITED: u8 = 1 << 6;
pub(super) const ALL: u8 = TEXT | REFUSAL | SUMMARY | ARGUMENTS;

/// What an event of that name adds to; nothing where it is not a piece of something.
pub(super) fn said_by(kind: &str) -> u8 {
    match kind {
        "response.output_text.delta" => TEXT,
        "response.refusal.delta" => REFUSAL,
        "response.reasoning_summary_text.delta" => SUMMARY,
        "response.reasoning_text.delta" => THOUGHT,
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => ARGUMENTS,
        _ => 0,
    }
}

/// What was heard of the item that a frame is about.
pub(super) fn heard_of(reading: &Reading, said: &Value) -> u8 {
    let place = place(reading, said);
    reading.items.iter().rfind(|item| item.place == place).map_or(0, |item| item.heard)
}

/// Notes what was heard of an item by somebody else.
pub(super) fn hear(reading: &mut Reading, said: &Value, what: u8) -> Result<(), Fault> {
    item_of(reading, said)?.heard |= what;
    Ok(())
}

pub(super) fn whole(body: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
    let response: Value =
        serde_json::from_slice(body).map_err(|e| Fault::Garbled(format!("the answer is not JSON: {e}")))?;
    let status = response["status"].as_str().unwrap_or("completed");
    if status == "failed" || response["error"].is_object() {
        out.extend(used(&response).map(Event::Usage));
        return Err(fault::within(&response["error"]));
    }
    let Some(items) = response["output"].as_array() else {
        return Err(Fault::Garbled("the answer has no output".into()));
    };
    unfinished(status)?;
    let mut reading = Reading::default();
    start(&mut reading, &response, out);
    for (place, item) in items.iter().enumerate() {
        done(&mut reading, u32::try_from(place).unwrap_or(u32::MAX), item, out)?;
    }
    end(&mut reading, &response, out);
    Ok(())
}

/// A response that is not over, or was ended by somebody, is no answer.
fn unfinished(status: &str) -> Result<(), Fault> {
    match status {
        "cancelled" => Err(Fault::Cut("the response was cancelled".into())),
        "queued" | "in_progress" => Err(Fault::Garbled(format!("the answer is still {status}"))),
        _ => Ok(()),
    }
}

pub(super) fn frame(reading: &mut Reading, frame: &Frame<'_>, out: &mut Vec<Event>) -> Result<(), Fault> {
    let data = frame.data.trim();
    // Some servers end with the mark of chat completions, after their own.
    if data.is_empty() || data == "[DONE]" {
        return Ok(());
    }
    let said: Value = serde_json::from_str(data)
        .map_err(|e| Fault::Garbled(format!("a frame of the stream is not JSON: {e}")))?;
    if !said.is_object() {
        return Err(Fault::Garbled("a frame of the stream is not an object".into()));
    }
    match said["type"].as_str().unwrap_or(frame.event) {
        "response.created" | "response.in_progress" | "response.queued" => {
            start(reading, &said["response"], out);
        }
        "response.output_item.added" => {
            let place = place(reading, &said);
            begin(reading, place, &said["item"], out)?;
        }
        // Indices are those of the part.
        "response.content_part.added" => reading.cited.begin(),
        "response.output_text.delta" => text(reading, &said, out)?,
        "response.output_text.annotation.added" => {
            item_of(reading, &said)?.heard |= CITED;
            cite(reading, &said["annotation"], out);
        }
        "response.refusal.delta" => {
            if let Some(text) = delta(reading, &said, REFUSAL)? {
                out.push(Event::Refusal { choice: 0, text });
            }
        }
        "response.reasoning_summary_part.added" => separate(item_of(reading, &said)?, out),
        "response.reasoning_summary_text.delta" => think(reading, &said, SUMMARY, out)?,
        "response.reasoning_text.delta" => think(reading, &said, THOUGHT, out)?,
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
            // Arguments of a call that has not begun come again at its end.
            if item_of(reading, &said)?.call.is_some()
                && let Some(fragment) = delta(reading, &said, ARGUMENTS)?
            {
                let index = item_of(reading, &said)?.call.unwrap_or_default();
                out.push(Event::ToolArgs { choice: 0, index, fragment });
            }
        }
        "response.function_call_arguments.done" => {
            arguments(item_of(reading, &said)?, &said["arguments"], out);
        }
        "response.custom_tool_call_input.done" => arguments(item_of(reading, &said)?, &said["input"], out),
        "response.output_item.done" => {
            let place = place(reading, &said);
            done(reading, place, &said["item"], out)?;
        }
        "response.completed" | "response.incomplete" if !reading.finished => {
            let response = &said["response"];
            start(reading, response, out);
            // A server that tells no items tells them here.
            if reading.items.iter().all(|item| item.heard == 0 && item.call.is_none()) {
                for (place, item) in response["output"].as_array().into_iter().flatten().enumerate() {
                    done(reading, u32::try_from(place).unwrap_or(u32::MAX), item, out)?;
                }
            }
            end(reading, response, out);
        }
        "response.failed" => {
            out.extend(used(&said["response"]).map(Event::Usage));
            return Err(fault::within(&said["response"]["error"]));
        }
        "response.cancelled" => return Err(Fault::Cut("the response was cancelled".into())),
        "error" => {
            return Err(fault::within(if said["error"].is_object() { &said["error"] } else { &said }));
        }
        // Behind a gateway an error may come in its own words.
        _ if said["error"].is_object() => return Err(fault::within(&said["error"])),
        // The provider's own tools, the ends of parts, and whatever will be invented.
        _ => {}
    }
    Ok(())
}

fn start(reading: &mut Reading, response: &Value, out: &mut Vec<Event>) {
    let name = |field: &str| response[field].as_str().unwrap_or_default().to_owned();
    let (id, model) = (name("id"), name("model"));
    let named = !id.is_empty() || !model.is_empty();
    if named && !reading.started {
        reading.started = true;
        out.push(Event::Start { id, model });
    }
}

/// Which item is meant; where that is not said, the one begun last.
fn place(reading: &Reading, said: &Value) -> u32 {
    said["output_index"]
        .as_u64()
        .and_then(|at| u32::try_from(at).ok())
        .unwrap_or_else(|| reading.items.last().map_or(0, |item| item.place))
}

fn item_of<'r>(reading: &'r mut Reading, said: &Value) -> Result<&'r mut Item, Fault> {
    let place = place(reading, said);
    item_at(reading, place)
}

/// The item of that index that was begun last, or a new one.
fn item_at(reading: &mut Reading, place: u32) -> Result<&mut Item, Fault> {
    let at = match reading.items.iter().rposition(|item| item.place == place) {
        Some(at) => at,
        None => add(reading, place)?,
    };
    reading.items.get_mut(at).ok_or_else(too_many)
}

fn add(reading: &mut Reading, place: u32) -> Result<usize, Fault> {
    if reading.items.len() >= ITEMS_MAX {
        return Err(too_many());
    }
    reading.items.push(Item { place, call: None, heard: 0 });
    Ok(reading.items.len() - 1)
}

fn too_many() -> Fault {
    Fault::Garbled(format!("more than {ITEMS_MAX} items in one response"))
}

/// An item begins. Servers that give every item the same index mean the newest by it.
fn begin(reading: &mut Reading, place: u32, item: &Value, out: &mut Vec<Event>) -> Result<(), Fault> {
    add(reading, place)?;
    reading.cited.begin();
    if is_call(item) {
        call(reading, place, item, out)?;
    }
    Ok(())
}

fn is_call(item: &Value) -> bool {
    matches!(item["type"].as_str(), Some("function_call" | "custom_tool_call"))
}

/// A call begins, unless it has. It is known by `call_id`: the item's own id is another one.
fn call(reading: &mut Reading, place: u32, item: &Value, out: &mut Vec<Event>) -> Result<(), Fault> {
    if item_at(reading, place)?.call.is_some() {
        return Ok(());
    }
    let index = u32::try_from(reading.calls.len()).unwrap_or(u32::MAX);
    reading.calls.push((place, index));
    item_at(reading, place)?.call = Some(index);
    let text = |field: &str| item[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let id = text("call_id").or_else(|| text("id")).unwrap_or_else(|| call_id(&[&index.to_string()]));
    let name = text("name").unwrap_or_default();
    out.push(Event::ToolStart { choice: 0, index, id, name, signature: None });
    Ok(())
}

/// All arguments of a call at once, unless they came in pieces.
fn arguments(item: &mut Item, all: &Value, out: &mut Vec<Event>) {
    let Some(index) = item.call.filter(|_| item.heard & ARGUMENTS == 0) else { return };
    // Arguments are text; servers that send them as an object mean its JSON.
    let fragment = match all {
        Value::String(text) => text.clone(),
        Value::Object(_) => all.to_string(),
        _ => return,
    };
    if !fragment.is_empty() {
        item.heard |= ARGUMENTS;
        out.push(Event::ToolArgs { choice: 0, index, fragment });
    }
}

/// The text of a delta that is not empty; the item it belongs to was heard of.
fn delta(reading: &mut Reading, said: &Value, what: u8) -> Result<Option<String>, Fault> {
    let Some(text) = said["delta"].as_str().filter(|text| !text.is_empty()) else { return Ok(None) };
    item_of(reading, said)?.heard |= what;
    reading.spoke = true;
    Ok(Some(text.to_owned()))
}

fn text(reading: &mut Reading, said: &Value, out: &mut Vec<Event>) -> Result<(), Fault> {
    let logprobs = logprobs(&said["logprobs"]);
    let text = delta(reading, said, TEXT)?;
    if text.is_some() || logprobs.is_some() {
        let text = text.unwrap_or_default();
        reading.cited.said(&text);
        out.push(Event::Text { choice: 0, text, logprobs });
    }
    Ok(())
}

/// A page that a passage of the part rests on that is being said.
fn cite(reading: &mut Reading, annotation: &Value, out: &mut Vec<Event>) {
    if let Some(page) = page(annotation) {
        let passage = page.passage.map(|passage| reading.cited.within(passage));
        reading.cited.tell(Citation { passage, ..page }, out);
    }
}

fn think(reading: &mut Reading, said: &Value, what: u8, out: &mut Vec<Event>) -> Result<(), Fault> {
    let other = (SUMMARY | THOUGHT) & !what;
    if item_of(reading, said)?.heard & other == 0
        && let Some(text) = delta(reading, said, what)?
    {
        out.push(Event::Reasoning { choice: 0, text });
    }
    Ok(())
}

/// A blank line between the parts of a summary.
fn separate(item: &Item, out: &mut Vec<Event>) {
    if item.heard & SUMMARY != 0 {
        out.push(Event::Reasoning { choice: 0, text: "\n\n".to_owned() });
    }
}

/// An item in full: says what was not said of it.
fn done(reading: &mut Reading, place: u32, item: &Value, out: &mut Vec<Event>) -> Result<(), Fault> {
    let heard = item_at(reading, place)?.heard;
    let mut now = 0;
    match item["type"].as_str() {
        Some("message") => {
            let parts = item["content"].as_array().map_or(&[][..], Vec::as_slice);
            // Of a message whose pieces were heard: how much of its text is from here on.
            let mut left: usize = parts.iter().map(length).sum();
            for part in parts {
                reading.cited.begun_before(if heard & TEXT == 0 { 0 } else { left });
                left = left.saturating_sub(length(part));
                let of = |field: &str| part[field].as_str().filter(|text| !text.is_empty());
                match part["type"].as_str() {
                    Some("output_text" | "text") => {
                        let (text, logprobs) = (of("text"), logprobs(&part["logprobs"]));
                        if heard & TEXT == 0 && (text.is_some() || logprobs.is_some()) {
                            now |= TEXT;
                            let text = text.unwrap_or_default().to_owned();
                            reading.cited.said(&text);
                            out.push(Event::Text { choice: 0, text, logprobs });
                        }
                        for annotation in part["annotations"].as_array().into_iter().flatten() {
                            if heard & CITED == 0 {
                                now |= CITED;
                                cite(reading, annotation, out);
                            }
                        }
                    }
                    Some("refusal") if heard & REFUSAL == 0 => {
                        if let Some(text) = of("refusal") {
                            now |= REFUSAL;
                            out.push(Event::Refusal { choice: 0, text: text.to_owned() });
                        }
                    }
                    _ => {}
                }
            }
        }
        Some("reasoning") => {
            if heard & (SUMMARY | THOUGHT) == 0 {
                now |= reflect(&item["summary"], SUMMARY, out);
                if now == 0 {
                    now |= reflect(&item["content"], THOUGHT, out);
                }
            }
            if heard & SEALED == 0
                && let Some(signature) = seal::of(item)
            {
                now |= SEALED;
                out.push(Event::Signature { choice: 0, signature });
            }
        }
        _ if is_call(item) => {
            call(reading, place, item, out)?;
            let all = if item["type"] == "function_call" { &item["arguments"] } else { &item["input"] };
            arguments(item_at(reading, place)?, all, out);
        }
        _ => {}
    }
    item_at(reading, place)?.heard |= now;
    reading.spoke |= now != 0;
    Ok(())
}

/// Characters of a part's text.
fn length(part: &Value) -> usize {
    part["text"].as_str().map_or(0, |text| text.chars().count())
}

/// The parts of a summary, or of the reasoning itself.
fn reflect(parts: &Value, what: u8, out: &mut Vec<Event>) -> u8 {
    let mut item = Item { place: 0, call: None, heard: 0 };
    for part in parts.as_array().into_iter().flatten() {
        separate(&item, out);
        if let Some(text) = part["text"].as_str().filter(|text| !text.is_empty()) {
            item.heard = what;
            out.push(Event::Reasoning { choice: 0, text: text.to_owned() });
        }
    }
    item.heard
}

/// Log probabilities in the shape of chat completions; None where there are none.
fn logprobs(list: &Value) -> Option<Value> {
    let tokens = list.as_array().filter(|list| !list.is_empty())?;
    let one = |token: &Value| json!({ "token": token["token"], "logprob": token["logprob"], "bytes": token["bytes"] });
    let content: Vec<Value> = tokens
        .iter()
        .map(|token| {
            let likeliest = token["top_logprobs"].as_array().into_iter().flatten().map(one);
            let likeliest: Vec<Value> = likeliest.collect();
            let mut token = one(token);
            token["top_logprobs"] = likeliest.into();
            token
        })
        .collect();
    Some(json!({ "content": content, "refusal": null }))
}

fn end(reading: &mut Reading, response: &Value, out: &mut Vec<Event>) {
    reading.finished = true;
    out.push(Event::Finish { choice: 0, reason: finish(response, !reading.calls.is_empty()) });
    if let Some(usage) = used(response) {
        reading.usage = usage;
        out.push(Event::Usage(usage));
    }
    out.push(Event::End);
}

/// An answer that was stopped for a reason we do not know was not finished, so it is a length.
fn finish(response: &Value, called: bool) -> Finish {
    let reason = response["incomplete_details"]["reason"].as_str();
    match reason {
        Some("content_filter") => Finish::ContentFilter,
        // max_output_tokens, max_messages, steered.
        Some(_) => Finish::Length,
        None if response["status"] == "incomplete" => Finish::Length,
        None if called => Finish::ToolCalls,
        None => Finish::Stop,
    }
}

/// What a response says was used, the provider's own searches included.
pub(super) fn used(response: &Value) -> Option<Usage> {
    let mut usage = usage::of_reply(response)?;
    let mut odd = usage.anomaly;
    let searches = count(&response["tool_usage"]["web_search"]["num_requests"], &mut odd).unwrap_or(0);
    usage.anomaly = odd;
    Some(usage.with(Bucket::Searches, searches))
}
