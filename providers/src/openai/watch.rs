//! Watches a stream pass by without taking it apart.
//!
//! This is where most bytes go, so a chunk is handed on as it came, in slices, and of its frames only those are parsed
//! that something depends on: all until there is content (the moment a stream is committed to its upstream), then any
//! that holds a usage, an error, a finish reason or anything out of the ordinary. The others are told by a search for
//! those words; a quoted word cannot stand within a JSON string, where its quotes would be escaped. What is parsed goes
//! through the same function as everywhere else ([`decode_frame`](crate::Adapter::decode_frame)), so that the verdicts
//! agree. Of those that are not parsed most differ from the one before in nothing but their text, and are told by that
//! ([`Mould`]). A server that writes its field names with escapes would get past the search; none does.

use super::frames::{frame_end, grow};
use super::mould::Mould;
use super::{Accent, OpenAi, scan, usage};
use crate::{Adapter, Reading, Sse};
use bytes::Bytes;
use memchr::{memchr2, memmem};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use vocab::{Event, Fault, Finish, Usage};

/// A frame of which this much is there and not its end is passed on as it comes.
const HELD_MAX: usize = 64 << 10;
/// What is kept of such a frame, to find its usage in: it stands at the end.
const TAIL: usize = 8 << 10;

/// The state of one stream. Fixed memory: at most one frame of 64 KiB is kept back.
#[derive(Debug)]
pub struct Watch {
    adapter: OpenAi,
    drop_usage: bool,
    words: Words,
    mould: Mould,
    /// A frame that is not whole yet.
    held: Vec<u8>,
    /// The frame under way is too large to keep back: its last bytes, and how many were passed on.
    giant: Option<(Vec<u8>, usize)>,
    first: bool,
    /// The last frame ended with a CR, so that an LF right after it belongs to it.
    after_cr: bool,
    reading: Reading,
    events: Vec<Event>,
    usage: Option<Usage>,
    text_bytes: usize,
    content: bool,
    finished: bool,
    finish: Option<Finish>,
    done: bool,
    fault: Option<Fault>,
}

/// Searches made ready once.
#[derive(Debug)]
struct Words {
    /// Where one of these has a value other than null, the frame is parsed.
    telling: [memmem::Finder<'static>; 3],
    delta: memmem::Finder<'static>,
}

enum Verdict {
    /// Pass it on; whether it held content.
    Pass(bool),
    /// The client did not ask for it.
    Drop,
}

impl Watch {
    /// Watches a stream of that accent. `drop_usage`: the client did not ask for the usage chunk and shall not get it.
    pub fn new(accent: &'static Accent, drop_usage: bool) -> Self {
        let telling = ["\"usage\"", "\"error\"", "\"finish_reason\""].map(memmem::Finder::new);
        Self {
            adapter: OpenAi(accent),
            drop_usage,
            mould: Mould::default(),
            words: Words { telling, delta: memmem::Finder::new("\"delta\"") },
            held: Vec::new(),
            giant: None,
            first: true,
            after_cr: false,
            reading: Reading::default(),
            events: Vec::new(),
            usage: None,
            text_bytes: 0,
            content: false,
            finished: false,
            finish: None,
            done: false,
            fault: None,
        }
    }

    /// What was reported last. None: nothing was.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Bytes of text, reasoning, refusals and tool arguments so far, to estimate tokens from.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// A client would have noticed something by now.
    pub fn content(&self) -> bool {
        self.content
    }

    /// A finish reason was given.
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// The last finish reason that was given, where its frame was small enough to be parsed.
    pub fn finish(&self) -> Option<Finish> {
        self.finish
    }

    /// `[DONE]` was there.
    pub fn done(&self) -> bool {
        self.done
    }

    /// Takes in a chunk and puts what may go on into `out`, in order: whole frames, as slices of the chunk where it
    /// holds them whole. Says whether there was content in it.
    ///
    /// # Errors
    /// The fault that a frame holds. The frames before it are in `out`; it and what follows are not, then or later.
    pub fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<bool, Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let passed = self.pass_on(chunk, out);
        if let Err(fault) = &passed {
            self.fault = Some(fault.clone());
            self.held = Vec::new();
            self.giant = None;
        }
        passed
    }

    /// Call when the bytes have ended without an error. A last `[DONE]` that lacks its blank line is put into `out`.
    ///
    /// # Errors
    /// `Cut` where the stream has no end mark (a finish reason is one where the accent says so), and the fault there was.
    pub fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let held = std::mem::take(&mut self.held);
        let begun = match held.trim_ascii() {
            b"data: [DONE]" | b"data:[DONE]" => {
                self.done = true;
                false
            }
            [] => false,
            [b':', rest @ ..] => memchr2(b'\n', b'\r', rest).is_some(),
            _ => true,
        };
        if begun || self.giant.is_some() {
            return Err(Fault::Cut("the stream stopped within a frame".into()));
        }
        if !held.is_empty() {
            out.push(Bytes::from(held));
        }
        if self.done || (self.finished && self.adapter.finish_is_end()) {
            Ok(())
        } else {
            Err(Fault::Cut("the stream stopped without an end mark".into()))
        }
    }

    fn pass_on(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<bool, Fault> {
        let mut saw = false;
        // What was begun before takes up the chunk as far as its end.
        let start = if self.giant.is_some() {
            let end = self.giant_goes_on(&chunk);
            saw = true;
            if end > 0 {
                out.push(chunk.slice(..end));
            }
            end
        } else if self.held.is_empty() {
            0
        } else {
            let (taken, more) = self.held_goes_on(&chunk, out)?;
            saw |= more;
            taken
        };

        let (mut kept, mut at) = (start, start);
        if let Some(next) = chunk.get(at) {
            at += usize::from(std::mem::take(&mut self.after_cr) && *next == b'\n');
        }
        loop {
            let rest = chunk.get(at..).unwrap_or_default();
            if let Some((end, text)) = self.mould.fits(rest) {
                self.text_bytes = self.text_bytes.saturating_add(text);
                saw |= text > 0;
                at += end;
                continue;
            }
            let Some((line, end)) = frame_end(rest) else { break };
            let frame = rest.get(..end).unwrap_or_default();
            self.after_cr = frame.ends_with(b"\r");
            match self.inspect(frame, line) {
                Ok(Verdict::Pass(content)) => saw |= content,
                Ok(Verdict::Drop) => {
                    if at > kept {
                        out.push(chunk.slice(kept..at));
                    }
                    kept = at + end;
                }
                Err(fault) => {
                    if at > kept {
                        out.push(chunk.slice(kept..at));
                    }
                    return Err(fault);
                }
            }
            at += end;
        }
        if let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
            self.held.extend_from_slice(rest);
            saw |= self.too_large(out);
        }
        if at > kept {
            out.push(if kept == 0 && at == chunk.len() { chunk } else { chunk.slice(kept..at) });
        }
        Ok(saw)
    }

    /// Adds to the frame kept back, up to its end if that is in the chunk. Says how much it took.
    fn held_goes_on(&mut self, chunk: &Bytes, out: &mut Vec<Bytes>) -> Result<(usize, bool), Fault> {
        let (taken, whole) = grow(&mut self.held, chunk);
        if !whole {
            return Ok((taken, self.too_large(out)));
        }
        let frame = std::mem::take(&mut self.held);
        self.after_cr = frame.ends_with(b"\r");
        let line = memchr2(b'\n', b'\r', &frame).unwrap_or(frame.len());
        match self.inspect(&frame, line)? {
            Verdict::Pass(content) => {
                out.push(Bytes::from(frame));
                Ok((taken, content))
            }
            Verdict::Drop => Ok((taken, false)),
        }
    }

    /// Lets go of a frame that has become too large to be kept back.
    fn too_large(&mut self, out: &mut Vec<Bytes>) -> bool {
        if self.held.len() <= HELD_MAX {
            return false;
        }
        let head = std::mem::take(&mut self.held);
        let tail = head.get(head.len() - TAIL..).unwrap_or_default().to_vec();
        self.giant = Some((tail, head.len()));
        self.first = false;
        // Nothing but content is that large.
        self.content = true;
        out.push(Bytes::from(head));
        true
    }

    /// Says how much of the chunk still belongs to the frame that is passed on as it comes.
    fn giant_goes_on(&mut self, chunk: &Bytes) -> usize {
        let Some((mut tail, mut size)) = self.giant.take() else { return 0 };
        let (taken, whole) = grow(&mut tail, chunk);
        size = size.saturating_add(taken);
        if whole {
            self.after_cr = tail.ends_with(b"\r");
            self.giant_ends(&tail, size);
        } else {
            if tail.len() > 2 * TAIL {
                tail.drain(..tail.len() - TAIL);
            }
            self.giant = Some((tail, size));
        }
        taken
    }

    /// What the end of such a frame tells: its usage and whether it finished.
    fn giant_ends(&mut self, tail: &[u8], size: usize) {
        self.text_bytes = self.text_bytes.saturating_add(size);
        let [usage, _, finish] = &self.words.telling;
        let value =
            |at: usize| tail.get(at..)?.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        for at in usage.find_iter(tail) {
            let object = value(at + usage.needle().len()).unwrap_or_default();
            let object = serde_json::Deserializer::from_slice(object).into_iter::<Value>().next();
            if let Some(Ok(object)) = object
                && let Some(used) = usage::chat(&object)
            {
                self.usage = Some(used);
                self.reading.usage = used;
            }
        }
        let ended = |at: usize| {
            value(at + finish.needle().len()).is_some_and(|v| v.starts_with(b"\"") && !v.starts_with(b"\"\""))
        };
        self.finished |= finish.find_iter(tail).any(ended);
    }

    /// Looks at one whole frame, of which the first line is `line` long.
    fn inspect(&mut self, frame: &[u8], line: usize) -> Result<Verdict, Fault> {
        if self.content
            && let Some((line, rest)) = frame.split_at_checked(line)
            && rest.iter().all(|b| matches!(b, b'\n' | b'\r'))
            && let Some(text) = self.ordinary(line)
        {
            self.text_bytes = self.text_bytes.saturating_add(text.bytes);
            if let Some(inside) = text.only {
                self.mould.take(frame, inside);
            }
            return Ok(Verdict::Pass(text.bytes > 0));
        }
        self.parse(frame)
    }

    /// The text of a frame that tells nothing else, and where in the line it stands; None for any other.
    fn ordinary(&self, line: &[u8]) -> Option<scan::Text> {
        if line.first() == Some(&b':') {
            return Some(scan::Text::default());
        }
        let json = line.strip_prefix(b"data:")?;
        let json = json.strip_prefix(b" ").unwrap_or(json);
        if json.first() != Some(&b'{') {
            return None;
        }
        for word in &self.words.telling {
            for at in word.find_iter(json) {
                if !is_null(json.get(at + word.needle().len()..)?) {
                    return None;
                }
            }
        }
        let begun = |index: u32| self.reading.calls.iter().any(|(_, i)| *i == index);
        let mut all: Option<scan::Text> = None;
        for at in self.words.delta.find_iter(json) {
            let value =
                json.get(at + self.words.delta.needle().len()..)?.trim_ascii_start().strip_prefix(b":")?;
            let mut text = scan::delta_text(value, begun)?;
            let before = line.len() - value.len();
            text.only = text.only.map(|only| only.start + before..only.end + before);
            if let Some(other) = all {
                text.bytes = text.bytes.saturating_add(other.bytes);
                text.only = None;
            }
            all = Some(text);
        }
        Some(all.unwrap_or_default())
    }

    /// The long way.
    fn parse(&mut self, frame: &[u8]) -> Result<Verdict, Fault> {
        let mut sse = Sse::with_limit(usize::MAX);
        if !std::mem::take(&mut self.first) {
            // A byte order mark counts at the beginning of a stream only.
            sse.feed(Bytes::from_static(b"\n"));
        }
        sse.feed(Bytes::copy_from_slice(frame));
        let mut verdict = Verdict::Pass(false);
        while let Some(frame) = sse.take()? {
            let read = self.adapter.decode_frame(&mut self.reading, &frame, &mut self.events);
            if self.drop_usage && is_only_usage(frame.data) {
                verdict = Verdict::Drop;
            }
            for event in self.events.drain(..) {
                if event.is_content() {
                    self.content = true;
                    if let Verdict::Pass(content) = &mut verdict {
                        *content = true;
                    }
                }
                match event {
                    Event::Text { text, .. }
                    | Event::Reasoning { text, .. }
                    | Event::Refusal { text, .. } => {
                        self.text_bytes = self.text_bytes.saturating_add(text.len());
                    }
                    Event::ToolArgs { fragment, .. } => {
                        self.text_bytes = self.text_bytes.saturating_add(fragment.len());
                    }
                    Event::Usage(usage) => self.usage = Some(usage),
                    Event::Finish { reason, .. } => {
                        self.finished = true;
                        self.finish = Some(reason);
                    }
                    Event::End => self.done = true,
                    Event::Start { .. } | Event::Signature { .. } | Event::ToolStart { .. } => {}
                }
            }
            read?;
        }
        Ok(verdict)
    }
}

/// Whether a chunk holds nothing but usage: its choices are empty or absent.
fn is_only_usage(data: &str) -> bool {
    #[derive(Deserialize)]
    struct Chunk<'a> {
        #[serde(default)]
        choices: Option<Vec<IgnoredAny>>,
        #[serde(borrow, default)]
        usage: Option<&'a RawValue>,
    }
    serde_json::from_str::<Chunk<'_>>(data)
        .is_ok_and(|chunk| chunk.usage.is_some() && chunk.choices.is_none_or(|choices| choices.is_empty()))
}

fn is_null(after: &[u8]) -> bool {
    after.starts_with(b":null")
        || after
            .trim_ascii_start()
            .strip_prefix(b":")
            .is_some_and(|value| value.trim_ascii_start().starts_with(b"null"))
}
