//! A streamed answer: `chat.completion.chunk` frames.

use super::whole::{Label, sealed};
use super::write::{annotation, json, number, usage};
use std::collections::BTreeMap;
use vocab::{Event, Finish, Usage};

/// Writes events as frames. Remembers what the protocol demands and the events do not repeat: who has said its role,
/// which calls a choice has had, the usage that comes last.
#[derive(Debug)]
pub struct Chunks {
    /// From `{"id":` to just before `"choices"`: the same in every chunk.
    head: Vec<u8>,
    label: Label,
    include_usage: bool,
    choices: BTreeMap<u32, State>,
    usage: Option<Usage>,
    ended: bool,
}

#[derive(Debug, Default)]
struct State {
    /// The provider's number of each call; its place is ours.
    calls: Vec<u32>,
    finished: bool,
}

impl Chunks {
    /// `include_usage` as the client asked: without it there is no usage anywhere in the stream.
    pub fn new(label: Label, include_usage: bool) -> Self {
        let mut chunks = Self {
            head: Vec::new(),
            label,
            include_usage,
            choices: BTreeMap::new(),
            usage: None,
            ended: false,
        };
        chunks.write_head();
        chunks
    }

    fn write_head(&mut self) {
        let mut head = Vec::with_capacity(160);
        head.extend_from_slice(br#"data: {"id":"#);
        json(&mut head, &self.label.id);
        head.extend_from_slice(br#","object":"chat.completion.chunk","created":"#);
        number(&mut head, self.label.created);
        head.extend_from_slice(br#","model":"#);
        json(&mut head, &self.label.model);
        head.extend_from_slice(br#","system_fingerprint":null,"choices":["#);
        self.head = head;
    }

    /// Whether the end mark is written.
    pub const fn ended(&self) -> bool {
        self.ended
    }

    /// Appends the frames of one event, none for some.
    pub fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => {
                if !id.is_empty() {
                    self.label.id.clone_from(id);
                }
                if !model.is_empty() {
                    self.label.model.clone_from(model);
                }
                self.write_head();
            }
            Event::Text { choice, text, logprobs } => {
                if text.is_empty() && logprobs.is_none() {
                    return;
                }
                self.open(out, *choice);
                out.extend_from_slice(br#""content":"#);
                json(out, text);
                out.extend_from_slice(br#"},"logprobs":"#);
                json(out, logprobs);
                self.close(out, None);
            }
            Event::Reasoning { choice, text } => self.delta(out, *choice, "reasoning_content", text),
            Event::Signature { choice, signature } => {
                self.delta(out, *choice, "reasoning_signature", signature)
            }
            Event::Refusal { choice, text } => self.delta(out, *choice, "refusal", text),
            Event::ToolStart { choice, index, id, name, signature } => {
                self.open(out, *choice);
                let calls = &mut self.choices.entry(*choice).or_default().calls;
                let place = calls.len();
                calls.push(*index);
                out.extend_from_slice(br#""tool_calls":[{"index":"#);
                number(out, place as u64);
                out.extend_from_slice(br#","id":"#);
                json(out, id);
                out.extend_from_slice(br#","type":"function","function":{"name":"#);
                json(out, name);
                out.extend_from_slice(br#","arguments":""}"#);
                sealed(out, signature.as_deref());
                out.extend_from_slice(br#"}]},"logprobs":null"#);
                self.close(out, None);
            }
            Event::ToolArgs { choice, index, fragment } => {
                let calls = self.choices.get(choice).map(|state| state.calls.as_slice()).unwrap_or_default();
                let Some(place) = calls.iter().rposition(|i| i == index) else { return };
                if fragment.is_empty() {
                    return;
                }
                self.open(out, *choice);
                out.extend_from_slice(br#""tool_calls":[{"index":"#);
                number(out, place as u64);
                out.extend_from_slice(br#","function":{"arguments":"#);
                json(out, fragment);
                out.extend_from_slice(br#"}}]},"logprobs":null"#);
                self.close(out, None);
            }
            Event::Citation(cited) => {
                if let Some(url) = &cited.url {
                    self.open(out, cited.choice);
                    out.extend_from_slice(br#""annotations":["#);
                    annotation(out, url, cited);
                    out.extend_from_slice(br#"]},"logprobs":null"#);
                    self.close(out, None);
                }
            }
            Event::Finish { choice, reason } => self.finish(out, *choice, *reason),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.end(out),
        }
    }

    fn delta(&mut self, out: &mut Vec<u8>, choice: u32, field: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        self.open(out, choice);
        out.push(b'"');
        out.extend_from_slice(field.as_bytes());
        out.extend_from_slice(br#"":"#);
        json(out, text);
        out.extend_from_slice(br#"},"logprobs":null"#);
        self.close(out, None);
    }

    /// A chunk up to the inside of its delta. The first of a choice is preceded by one with the role.
    fn open(&mut self, out: &mut Vec<u8>, choice: u32) {
        if let std::collections::btree_map::Entry::Vacant(new) = self.choices.entry(choice) {
            new.insert(State::default());
            self.start(out, choice);
            out.extend_from_slice(br#""role":"assistant","content":"","refusal":null},"logprobs":null"#);
            self.close(out, None);
        }
        self.start(out, choice);
    }

    fn start(&self, out: &mut Vec<u8>, choice: u32) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(br#"{"index":"#);
        number(out, u64::from(choice));
        out.extend_from_slice(br#","delta":{"#);
    }

    /// The rest of a chunk after its delta and logprobs.
    fn close(&self, out: &mut Vec<u8>, finish: Option<Finish>) {
        out.extend_from_slice(br#","finish_reason":"#);
        json(out, &finish.map(Finish::name));
        out.extend_from_slice(if self.include_usage { br#"}],"usage":null}"# } else { b"}]}" });
        out.extend_from_slice(b"\n\n");
    }

    fn finish(&mut self, out: &mut Vec<u8>, choice: u32, reason: Finish) {
        if self.choices.get(&choice).is_some_and(|state| state.finished) {
            return;
        }
        self.open(out, choice);
        self.choices.entry(choice).or_default().finished = true;
        out.extend_from_slice(br#"},"logprobs":null"#);
        self.close(out, Some(reason));
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        // Every choice that began says why it ended, whatever the provider forgot.
        if self.choices.is_empty() {
            self.finish(out, 0, Finish::Stop);
        }
        let open: Vec<_> =
            self.choices.iter().filter(|(_, s)| !s.finished).map(|(c, s)| (*c, s.calls.is_empty())).collect();
        for (choice, no_calls) in open {
            self.finish(out, choice, if no_calls { Finish::Stop } else { Finish::ToolCalls });
        }
        if let (true, Some(used)) = (self.include_usage, &self.usage) {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(br#"],"usage":"#);
            usage(out, used);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.ended = true;
    }
}

/// The last frame of a stream that was cut: an error object, and no `[DONE]`. `weir` holds the fields of the bill for
/// a caller who asked for them.
pub(crate) fn broken(out: &mut Vec<u8>, error: &[u8], weir: Option<&[u8]>) {
    out.extend_from_slice(b"data: ");
    match weir {
        None => out.extend_from_slice(error),
        Some(fields) => {
            out.extend_from_slice(error.strip_suffix(b"}").unwrap_or(error));
            out.extend_from_slice(br#","weir":{"#);
            out.extend_from_slice(fields);
            out.extend_from_slice(b"}}");
        }
    }
    out.extend_from_slice(b"\n\n");
}
