//! A streamed answer: each frame is a whole `GenerateContentResponse`.
//!
//! There is no end mark: the last frame carries why the answer ended and what it used. A stream that was cut has no such
//! frame but one with an `error`, which is what Google's SDKs look for.
//!
//! With `alt=sse` frames are server-sent events, without it items of one growing array. Nothing else may stand among
//! them: the SDKs take every line that is no `data:` for a broken answer. So what weir has to say at the end, to those
//! who want it, is one more field of the last frame; for that the brace that closes a frame is kept until it is known
//! whether another follows.

mod array;

use super::seal;
use super::whole::{BLOCKED, Label};
use super::write::{self, Segment};
use crate::openai::write::{json, number};
use array::Array;
use std::collections::BTreeMap;
use vocab::{Citation, Event, Finish, Ruler, ToolCall, Usage};

/// How frames are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Sse,
    Array,
}

/// Writes a stream, from events or from bytes of Gemini's own.
#[derive(Debug)]
pub struct Frames {
    label: Label,
    /// The client wants to see what the model thinks.
    thoughts: bool,
    /// weir's own field is wanted at the end.
    trailer: bool,
    array: Option<Array>,
    choices: BTreeMap<u32, State>,
    usage: Option<Usage>,
    ended: bool,
    /// The end of the last frame, from its closing brace on.
    kept: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    /// The last letter of the text so far. A frame without parts is a broken answer to the SDKs' chats, and one with an
    /// empty text cannot be sent back, so the last frame has to have something to say.
    last: String,
    /// Calls that are still being told, with the event's own number: here they come whole.
    calls: Vec<(ToolCall, u32)>,
    finish: Option<Finish>,
    refused: bool,
    said: bool,
    after: After,
    /// Told with the last frame, where Google tells it.
    cited: Vec<Citation>,
    /// Along the text: sources stand under bytes of it.
    ruler: Ruler,
}

/// What was last: a seal belongs to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum After {
    #[default]
    Other,
    Thought,
    /// A thought that is not shown.
    Hidden,
}

impl Frames {
    pub fn new(label: Label, form: Form, thoughts: bool, trailer: bool) -> Self {
        let array = (form == Form::Array).then(Array::default);
        Self {
            label,
            thoughts,
            trailer,
            array,
            choices: BTreeMap::new(),
            usage: None,
            ended: false,
            kept: Vec::new(),
        }
    }

    pub const fn form(&self) -> Form {
        if self.array.is_some() { Form::Array } else { Form::Sse }
    }

    /// Whether Gemini's own bytes go on as they are.
    pub const fn passes(&self) -> bool {
        self.array.is_none() && !self.trailer
    }

    /// Gemini's own frames, as server-sent events, in pieces of any size.
    pub fn bytes(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match &mut self.array {
            None => self.keep(bytes, out),
            Some(array) => {
                let mut items = Vec::with_capacity(bytes.len() + 4);
                array.take(bytes, &mut items);
                self.keep(&items, out);
            }
        }
    }

    /// Appends the frames of one event, none for some.
    pub fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => self.label.named(id, model),
            Event::Text { choice, text, logprobs } => {
                if text.is_empty() && logprobs.is_none() {
                    return;
                }
                self.flush_calls(*choice, out);
                let state = self.state(*choice);
                state.after = After::Other;
                state.said = true;
                state.ruler.add(text);
                let mut piece = std::mem::take(&mut state.last);
                piece.push_str(text);
                state.last.extend(piece.pop());
                if !piece.is_empty() || logprobs.is_some() {
                    self.frame(
                        *choice,
                        out,
                        |out| {
                            if !piece.is_empty() {
                                write::text_part(out, &piece, false, None);
                            }
                        },
                        logprobs.as_ref(),
                    );
                }
            }
            Event::Refusal { choice, text } => {
                self.state(*choice).refused |= !text.is_empty();
                self.event(&Event::Text { choice: *choice, text: text.clone(), logprobs: None }, out);
            }
            Event::Reasoning { choice, text } => {
                if !self.thoughts {
                    self.state(*choice).after = After::Hidden;
                } else if !text.is_empty() {
                    self.flush(*choice, out);
                    let state = self.state(*choice);
                    state.after = After::Thought;
                    state.said = true;
                    self.frame(*choice, out, |out| write::text_part(out, text, true, None), None);
                }
            }
            Event::Signature { choice, signature } => self.seal(*choice, signature, out),
            Event::ToolStart { choice, index, id, name, signature } => {
                self.flush_text(*choice, out);
                let state = self.state(*choice);
                state.after = After::Other;
                state.said = true;
                let call = ToolCall {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: String::new(),
                    signature: signature.clone(),
                };
                state.calls.push((call, *index));
            }
            Event::ToolArgs { choice, index, fragment } => {
                let calls = &mut self.state(*choice).calls;
                if let Some((call, _)) = calls.iter_mut().rev().find(|(_, own)| own == index) {
                    call.arguments.push_str(fragment);
                }
            }
            Event::Citation(cited) => self.state(cited.choice).cited.push(Citation::clone(cited)),
            Event::Finish { choice, reason } => self.state(*choice).finish = Some(*reason),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.last(out),
        }
    }

    /// After the last frame. `weir` are the fields of the bill, for who wanted them.
    pub fn end(&mut self, weir: Option<&[u8]>, out: &mut Vec<u8>) {
        if let Some(fields) = weir {
            // There may have been no frame at all.
            let alone = self.kept.is_empty();
            if alone {
                self.frame_of(b"{}", out);
            }
            out.extend_from_slice(if alone { br#""weir":{"# } else { br#","weir":{"# });
            out.extend_from_slice(fields);
            out.push(b'}');
        }
        out.append(&mut self.kept);
        if let Some(array) = &self.array {
            array.close(out);
        }
    }

    /// The stream was cut: an error, in which `weir` stands beside it for who wanted it.
    pub fn broken(&mut self, error: &[u8], weir: Option<&[u8]>, out: &mut Vec<u8>) {
        out.append(&mut self.kept);
        let mut frame = error.strip_suffix(b"}").unwrap_or(error).to_vec();
        if let Some(fields) = weir {
            frame.extend_from_slice(br#","weir":{"#);
            frame.extend_from_slice(fields);
            frame.push(b'}');
        }
        frame.push(b'}');
        self.trailer = false;
        self.frame_of(&frame, out);
        if let Some(array) = &self.array {
            array.close(out);
        }
    }

    fn state(&mut self, choice: u32) -> &mut State {
        self.choices.entry(choice).or_default()
    }

    fn seal(&mut self, choice: u32, signature: &str, out: &mut Vec<u8>) {
        match self.state(choice).after {
            After::Hidden => {}
            After::Thought => {
                let seal = seal::wrapped(signature);
                self.frame(choice, out, |out| write::text_part(out, "", true, Some(&seal)), None);
            }
            After::Other => {
                self.flush(choice, out);
                self.state(choice).said = true;
                let seal = seal::on_call(signature);
                self.frame(choice, out, |out| write::text_part(out, "", false, Some(&seal)), None);
            }
        }
        self.state(choice).after = After::Other;
    }

    fn flush(&mut self, choice: u32, out: &mut Vec<u8>) {
        self.flush_text(choice, out);
        self.flush_calls(choice, out);
    }

    fn flush_text(&mut self, choice: u32, out: &mut Vec<u8>) {
        let last = std::mem::take(&mut self.state(choice).last);
        if !last.is_empty() {
            self.frame(choice, out, |out| write::text_part(out, &last, false, None), None);
        }
    }

    fn flush_calls(&mut self, choice: u32, out: &mut Vec<u8>) {
        let calls = std::mem::take(&mut self.state(choice).calls);
        if !calls.is_empty() {
            self.frame(choice, out, |out| write_calls(out, &calls), None);
        }
    }

    /// A frame with parts of one candidate.
    fn frame(
        &mut self,
        choice: u32,
        out: &mut Vec<u8>,
        parts: impl FnOnce(&mut Vec<u8>),
        logprobs: Option<&serde_json::Value>,
    ) {
        let mut frame = Vec::with_capacity(256);
        frame.extend_from_slice(br#"{"candidates":[{"content":{"#);
        write_parts(&mut frame, parts);
        frame.extend_from_slice(br#""role":"model"},"index":"#);
        number(&mut frame, u64::from(choice));
        if let Some(logprobs) = logprobs {
            write::logprobs(&mut frame, logprobs);
        }
        frame.extend_from_slice(b"}]");
        write::tail(&mut frame, &self.label.model, &self.label.id);
        self.frame_of(&frame, out);
    }

    /// The last frame: what is left of each candidate, why it ended, and what all was used.
    fn last(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        if self.choices.is_empty() {
            self.state(0);
        }
        let mut frame = Vec::with_capacity(512);
        let silent = |state: &State| state.finish == Some(Finish::ContentFilter) && !state.said;
        let blocked = self.choices.len() == 1
            && self.choices.values().all(silent)
            && self.usage.is_none_or(|used| used.tokens_out() == 0);
        if blocked {
            frame.extend_from_slice(BLOCKED);
        } else {
            frame.extend_from_slice(br#"{"candidates":["#);
            for (at, (choice, state)) in self.choices.iter().enumerate() {
                if at > 0 {
                    frame.push(b',');
                }
                state.close(*choice, &mut frame);
            }
            frame.push(b']');
        }
        if let Some(used) = &self.usage {
            write::usage(&mut frame, used);
        }
        write::tail(&mut frame, &self.label.model, &self.label.id);
        self.frame_of(&frame, out);
    }

    /// Puts the marks of the form around a frame.
    fn frame_of(&mut self, frame: &[u8], out: &mut Vec<u8>) {
        let mut told = Vec::with_capacity(frame.len() + 16);
        match &mut self.array {
            None => {
                told.extend_from_slice(b"data: ");
                told.extend_from_slice(frame);
                told.extend_from_slice(b"\r\n\r\n");
            }
            Some(array) => array.item(frame, &mut told),
        }
        self.keep(&told, out);
    }

    /// Lets bytes go, but for the end of a frame that may be the last.
    fn keep(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if !self.trailer {
            out.extend_from_slice(bytes);
            return;
        }
        let whole = bytes.trim_ascii_end();
        if whole.is_empty() {
            // A frame's end may come in pieces. What is not kept is between frames.
            if self.kept.is_empty() {
                out.extend_from_slice(bytes);
            } else {
                self.kept.extend_from_slice(bytes);
            }
            return;
        }
        out.append(&mut self.kept);
        let end = if whole.ends_with(b"}") { whole.len() - 1 } else { bytes.len() };
        let (go, stay) = bytes.split_at(end);
        out.extend_from_slice(go);
        self.kept.extend_from_slice(stay);
    }
}

impl State {
    fn close(&self, choice: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"content":{"#);
        if !self.last.is_empty() || !self.calls.is_empty() {
            write_parts(out, |out| {
                if !self.last.is_empty() {
                    write::text_part(out, &self.last, false, None);
                }
                if !self.last.is_empty() && !self.calls.is_empty() {
                    out.push(b',');
                }
                write_calls(out, &self.calls);
            });
        }
        // Where the provider did not say why: it came to its end.
        let reason = self.finish.unwrap_or(Finish::Stop);
        out.extend_from_slice(br#""role":"model"},"finishReason":"#);
        json(out, write::finish(reason, self.refused));
        out.extend_from_slice(br#","index":"#);
        number(out, u64::from(choice));
        if !self.cited.is_empty() {
            write::grounding(out, &self.cited, |passage| {
                let bytes = self.ruler.bytes_of(passage.clone())?;
                Some(Segment { part: 0, bytes, text: None })
            });
        }
        out.push(b'}');
    }
}

/// `"parts":[…],`, or nothing.
fn write_parts(out: &mut Vec<u8>, parts: impl FnOnce(&mut Vec<u8>)) {
    const OPENING: &[u8] = br#""parts":["#;
    out.extend_from_slice(OPENING);
    let before = out.len();
    parts(out);
    if out.len() == before {
        out.truncate(before - OPENING.len());
    } else {
        out.extend_from_slice(b"],");
    }
}

fn write_calls(out: &mut Vec<u8>, calls: &[(ToolCall, u32)]) {
    for (at, (call, _)) in calls.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write::call_part(out, call);
    }
}
