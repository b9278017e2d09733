//! Watches a stream pass by without taking it apart.
//!
//! A chunk is handed on as it came, in slices. Every frame is a whole reply with the usage so far; of those that only say
//! more text the text is measured and the usage kept as it is written. All others are parsed, by the same function as
//! everywhere else ([`decode_frame`](crate::Adapter::decode_frame)), so that the verdicts agree. There is no end mark: the
//! answer is whole once every candidate has said why it ended.

use super::shorten::Shorten;
use super::{decode, usage};
use crate::openai::frames::{frame_end, grow};
use crate::{Reading, Sse};
use bytes::Bytes;
use json::Walk;
use memchr::memchr2;
use serde_json::Value;
use vocab::{Event, Fault, Finish, Usage};

/// A frame of which this much is there and not its end is passed on as it comes.
const HELD_MAX: usize = 64 << 10;
/// What of such a frame's last bytes may belong to its end.
const SEAM: usize = 4;
/// A longer usage is parsed at once.
const LATE_MAX: usize = 4 << 10;

/// The state of one stream. Fixed memory: at most one frame of 64 KiB is kept back.
#[derive(Debug)]
pub struct Watch {
    /// A frame that is not whole yet.
    held: Vec<u8>,
    /// The frame under way is too large to keep back.
    giant: Option<Giant>,
    first: bool,
    /// The last frame ended with a CR, so that an LF right after it belongs to it.
    after_cr: bool,
    reading: Reading,
    events: Vec<Event>,
    usage: Option<Usage>,
    /// A later usage, as it was written.
    late: String,
    text_bytes: usize,
    content: bool,
    finish: Option<Finish>,
    fault: Option<Fault>,
}

#[derive(Debug)]
struct Giant {
    shorten: Shorten,
    seam: Vec<u8>,
}

enum Verdict {
    /// Goes on; whether there was content in it.
    Pass(bool),
    /// The end mark of a gateway in between, which Google's SDKs would take for a broken answer.
    Drop,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            held: Vec::new(),
            giant: None,
            first: true,
            after_cr: false,
            reading: Reading::default(),
            events: Vec::new(),
            usage: None,
            late: String::new(),
            text_bytes: 0,
            content: false,
            finish: None,
            fault: None,
        }
    }
}

impl Watch {
    /// What was reported last. None: nothing was.
    pub fn usage(&self) -> Option<Usage> {
        let late = || serde_json::from_str::<Value>(&self.late).ok();
        match self.late.is_empty() {
            true => self.usage,
            false => late()
                .and_then(|late| {
                    usage::reply(&serde_json::json!({ "usageMetadata": late }), &self.reading.usage)
                })
                .or(self.usage),
        }
    }

    /// Bytes of text, reasoning and arguments so far, to estimate tokens from.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// A client would have noticed something by now.
    pub fn content(&self) -> bool {
        self.content
    }

    /// How it finished, once it has.
    pub fn finish(&self) -> Option<Finish> {
        self.finish
    }

    /// Every candidate has said why it ended.
    pub fn done(&self) -> bool {
        self.reading.finished
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

    /// Call when the bytes have ended without an error.
    ///
    /// # Errors
    /// `Cut` where some candidate has not said why it ended, or a frame has no end; and the fault there was.
    pub fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let held = std::mem::take(&mut self.held);
        let begun = match held.trim_ascii() {
            [] | b"data: [DONE]" | b"data:[DONE]" => false,
            [b':', rest @ ..] => memchr2(b'\n', b'\r', rest).is_some(),
            // The last frame may lack its blank line: what it holds is a whole reply or it is not.
            frame => !self.closes(frame),
        };
        if begun || self.giant.is_some() {
            return Err(Fault::Cut("the stream stopped within a frame".into()));
        }
        if held.trim_ascii().starts_with(b"data") && !held.trim_ascii().ends_with(b"[DONE]") {
            out.push(Bytes::from(held.trim_ascii_end().to_vec()));
            out.push(Bytes::from_static(b"\r\n\r\n"));
        }
        if self.done() {
            Ok(())
        } else {
            Err(Fault::Cut("the stream stopped without a finish reason".into()))
        }
    }

    /// Whether the rest of a stream is a frame that only lacks its end.
    fn closes(&mut self, frame: &[u8]) -> bool {
        if frame.ends_with(b"}") { self.parse(&[frame, b"\n\n"].concat()).is_ok() } else { false }
    }

    fn pass_on(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<bool, Fault> {
        let mut saw = false;
        // What was begun before takes up the chunk as far as its end.
        let start = if self.giant.is_some() {
            let (end, more) = self.giant_goes_on(&chunk, out)?;
            saw |= more;
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
        if at > kept {
            out.push(if kept == 0 && at == chunk.len() { chunk.clone() } else { chunk.slice(kept..at) });
        }
        if let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
            self.held.extend_from_slice(rest);
            saw |= self.too_large(out);
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
        let mut shorten = Shorten::default();
        shorten.feed(&head);
        let seam = head.get(head.len() - SEAM..).unwrap_or_default().to_vec();
        self.giant = Some(Giant { shorten, seam });
        // Nothing but content is that large.
        self.content = true;
        out.push(Bytes::from(head));
        true
    }

    /// Passes on what of the chunk still belongs to that frame, and says how much. At its end it is read as it was left.
    fn giant_goes_on(&mut self, chunk: &Bytes, out: &mut Vec<Bytes>) -> Result<(usize, bool), Fault> {
        let Some(mut giant) = self.giant.take() else { return Ok((0, false)) };
        let (taken, whole) = grow(&mut giant.seam, chunk);
        giant.shorten.feed(chunk.get(..taken).unwrap_or_default());
        if taken > 0 {
            out.push(chunk.slice(..taken));
        }
        if !whole {
            giant.seam.drain(..giant.seam.len().saturating_sub(SEAM));
            self.giant = Some(giant);
            return Ok((taken, true));
        }
        self.after_cr = giant.seam.ends_with(b"\r");
        self.text_bytes = self.text_bytes.saturating_add(giant.shorten.cut());
        if let Some(left) = giant.shorten.left() {
            self.parse(left.as_bytes())?;
        }
        Ok((taken, true))
    }

    /// Looks at one whole frame, of which the first line is `line` long.
    fn inspect(&mut self, frame: &[u8], line: usize) -> Result<Verdict, Fault> {
        if self.content
            && let Some((line, rest)) = frame.split_at_checked(line)
            && rest.iter().all(|b| matches!(b, b'\n' | b'\r'))
            && let Some((text, late)) = self.ordinary(line)
        {
            self.text_bytes = self.text_bytes.saturating_add(text);
            if let Some(late) = late {
                self.late.clear();
                self.late.push_str(late);
            }
            return Ok(Verdict::Pass(text > 0));
        }
        self.parse(frame)
    }

    /// The bytes of text, and the usage, of a frame that tells nothing else; None for any other.
    fn ordinary<'l>(&self, line: &'l [u8]) -> Option<(usize, Option<&'l str>)> {
        let text = simdutf8::basic::from_utf8(line).ok()?;
        let mut walk = Walk::along(text.strip_prefix("data:")?);
        let (mut candidates, mut used, mut bytes) = (None, None, 0);
        walk.object(|walk, key| match key {
            "candidates" => once(&mut candidates, walk.array(|walk| self.candidate(walk, &mut bytes))?),
            "usageMetadata" => once(&mut used, walk.written(Walk::skip)?.0),
            "error" | "promptFeedback" => None,
            _ => walk.skip(),
        })?;
        walk.end()?;
        let fits = used.is_none_or(|used| used.len() <= LATE_MAX);
        fits.then_some((bytes, used))
    }

    /// A candidate that has begun and only says more.
    fn candidate(&self, walk: &mut Walk<'_>, bytes: &mut usize) -> Option<()> {
        let (mut index, mut content) = (None, None);
        walk.object(|walk, key| match key {
            "index" => once(&mut index, walk.count()?),
            "content" => once(&mut content, said(walk, bytes)?),
            "safetyRatings" | "tokenCount" => walk.skip(),
            _ => None,
        })?;
        content?;
        // Where there is no index the place counts, and only the first is told apart from others here.
        let choice = index.unwrap_or(0);
        (choice < 64 && self.reading.open & (1 << choice) != 0).then_some(())
    }

    /// The long way.
    fn parse(&mut self, frame: &[u8]) -> Result<Verdict, Fault> {
        if let Some(usage) = self.usage().filter(|_| !self.late.is_empty()) {
            self.usage = Some(usage);
            self.reading.usage = usage;
            self.late.clear();
        }
        let mut sse = Sse::with_limit(usize::MAX);
        if !std::mem::take(&mut self.first) {
            // A byte order mark counts at the beginning of a stream only.
            sse.feed(Bytes::from_static(b"\n"));
        }
        sse.feed(Bytes::copy_from_slice(frame));
        let mut verdict = Verdict::Pass(false);
        while let Some(frame) = sse.take()? {
            if frame.data.trim() == "[DONE]" {
                verdict = Verdict::Drop;
                continue;
            }
            let (read, more) = decode::watched(&mut self.reading, frame.data, &mut self.events);
            let content = self.take() | more;
            self.content |= content;
            if let Verdict::Pass(any) = &mut verdict {
                *any |= content;
            }
            read?;
        }
        Ok(verdict)
    }

    /// What the events tell; whether there was content among them.
    fn take(&mut self) -> bool {
        let mut content = false;
        for event in self.events.drain(..) {
            content |= event.is_content();
            match event {
                Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. } => {
                    self.text_bytes = self.text_bytes.saturating_add(text.len());
                }
                Event::ToolArgs { fragment, .. } => {
                    self.text_bytes = self.text_bytes.saturating_add(fragment.len());
                }
                Event::Usage(usage) => self.usage = Some(usage),
                Event::Finish { reason, .. } => self.finish = Some(reason),
                Event::Start { .. } | Event::Signature { .. } | Event::ToolStart { .. } | Event::End => {}
            }
        }
        content
    }
}

/// The bytes of text in a content that holds nothing else.
fn said(walk: &mut Walk<'_>, bytes: &mut usize) -> Option<()> {
    walk.object(|walk, key| match key {
        "parts" => walk.array(|walk| {
            walk.object(|walk, key| match key {
                "text" => {
                    *bytes += walk.string_or_null()??.len();
                    Some(())
                }
                "thought" => walk.skip(),
                _ => None,
            })
        }),
        "role" => walk.skip(),
        _ => None,
    })
}

/// A parser would take the last of several.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}
