//! Watches a stream pass by without taking it apart.
//!
//! A chunk is handed on as it came, in slices. Of its frames those are parsed that something depends on; a further piece
//! of text, thinking or arguments, which nearly all of them are, is only measured. What is parsed goes through the same
//! function as everywhere else ([`decode_frame`](crate::Adapter::decode_frame)), so that the verdicts agree. Usage is
//! cumulative and stands in small frames at both ends; a frame too large to be kept back holds content and nothing else.

use super::decode;
use crate::openai::frames::{frame_end, grow};
use crate::{Reading, Sse};
use bytes::Bytes;
use json::Walk;
use memchr::memchr2;
use vocab::{Event, Fault, Finish, Usage};

/// A frame of which this much is there and not its end is passed on as it comes.
const HELD_MAX: usize = 64 << 10;
/// What of such a frame's last bytes may belong to its end.
const SEAM: usize = 4;

/// The state of one stream. Fixed memory: at most one frame of 64 KiB is kept back.
#[derive(Debug)]
pub struct Watch {
    /// A frame that is not whole yet.
    held: Vec<u8>,
    /// The frame under way is too large to keep back: its last bytes.
    giant: Option<Vec<u8>>,
    first: bool,
    /// The last frame ended with a CR, so that an LF right after it belongs to it.
    after_cr: bool,
    reading: Reading,
    events: Vec<Event>,
    usage: Option<Usage>,
    text_bytes: usize,
    content: bool,
    finish: Option<Finish>,
    done: bool,
    fault: Option<Fault>,
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
            text_bytes: 0,
            content: false,
            finish: None,
            done: false,
            fault: None,
        }
    }
}

impl Watch {
    /// What was reported last. None: nothing was.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Bytes of text, thinking and arguments so far, to estimate tokens from.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// A client would have noticed something by now.
    pub fn content(&self) -> bool {
        self.content
    }

    /// Why it stopped, once that was said.
    pub fn finish(&self) -> Option<Finish> {
        self.finish
    }

    /// `message_stop` was there.
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
        let passed = self.pass_on(&chunk, out);
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
    /// `Cut` where there was no `message_stop`, or a frame has no end; and the fault there was.
    pub fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let held = std::mem::take(&mut self.held);
        let begun = match held.trim_ascii() {
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
        if self.done { Ok(()) } else { Err(Fault::Cut("the stream stopped without message_stop".into())) }
    }

    fn pass_on(&mut self, chunk: &Bytes, out: &mut Vec<Bytes>) -> Result<bool, Fault> {
        let mut saw = false;
        // What was begun before takes up the chunk as far as its end.
        let start = if self.giant.is_some() {
            saw = true;
            self.giant_goes_on(chunk, out)
        } else if self.held.is_empty() {
            0
        } else {
            let (taken, more) = self.held_goes_on(chunk, out)?;
            saw |= more;
            taken
        };
        let mut at = start;
        if let Some(next) = chunk.get(at) {
            at += usize::from(std::mem::take(&mut self.after_cr) && *next == b'\n');
        }
        loop {
            let rest = chunk.get(at..).unwrap_or_default();
            let Some((_, end)) = frame_end(rest) else { break };
            let frame = rest.get(..end).unwrap_or_default();
            self.after_cr = frame.ends_with(b"\r");
            match self.inspect(frame) {
                Ok(content) => saw |= content,
                Err(fault) => {
                    if at > start {
                        out.push(chunk.slice(start..at));
                    }
                    return Err(fault);
                }
            }
            at += end;
        }
        if at > start {
            out.push(chunk.slice(start..at));
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
        let content = self.inspect(&frame)?;
        out.push(Bytes::from(frame));
        Ok((taken, content))
    }

    /// Lets go of a frame that has become too large to be kept back.
    fn too_large(&mut self, out: &mut Vec<Bytes>) -> bool {
        if self.held.len() <= HELD_MAX {
            return false;
        }
        let head = std::mem::take(&mut self.held);
        self.text_bytes = self.text_bytes.saturating_add(head.len());
        self.giant = Some(head.get(head.len() - SEAM..).unwrap_or_default().to_vec());
        self.first = false;
        self.content = true;
        self.reading.spoke = true;
        out.push(Bytes::from(head));
        true
    }

    /// Passes on what of the chunk still belongs to that frame, and says how much.
    fn giant_goes_on(&mut self, chunk: &Bytes, out: &mut Vec<Bytes>) -> usize {
        let Some(mut seam) = self.giant.take() else { return 0 };
        let (taken, whole) = grow(&mut seam, chunk);
        self.text_bytes = self.text_bytes.saturating_add(taken);
        self.after_cr = whole && seam.ends_with(b"\r");
        if !whole {
            seam.drain(..seam.len().saturating_sub(SEAM));
            self.giant = Some(seam);
        }
        if taken > 0 {
            out.push(chunk.slice(..taken));
        }
        taken
    }

    /// Looks at one whole frame; whether it held content.
    fn inspect(&mut self, frame: &[u8]) -> Result<bool, Fault> {
        if self.content
            && let Some(text) = self.further(frame)
        {
            self.text_bytes = self.text_bytes.saturating_add(text);
            return Ok(text > 0);
        }
        self.parse(frame)
    }

    /// How much there is in a further piece of text, thinking or arguments; None in any other frame.
    fn further(&mut self, frame: &[u8]) -> Option<usize> {
        let text = simdutf8::basic::from_utf8(frame).ok()?;
        let data = text.strip_prefix("event: content_block_delta\ndata: ")?.strip_suffix("\n\n")?;
        let mut walk = Walk::along(data);
        let (mut kind, mut place, mut delta) = (None, None, None);
        walk.object(|walk, key| match key {
            "type" => once(&mut kind, walk.string_or_null()??.plain()?),
            "index" => once(&mut place, walk.count()?),
            "delta" => {
                let (mut kind, mut piece) = (None, None);
                walk.object(|walk, key| match key {
                    "type" => once(&mut kind, walk.string_or_null()??.plain()?),
                    "text" | "thinking" | "partial_json" => {
                        let length = walk.string_or_null()??.len();
                        once(&mut piece, (key, length))
                    }
                    _ => None,
                })?;
                once(&mut delta, (kind?, piece?))
            }
            _ => None,
        })?;
        walk.end()?;
        let (said, (field, length)) = delta?;
        if kind? != "content_block_delta" {
            return None;
        }
        match (said, field) {
            ("text_delta", "text") if length > 0 => self.reading.spoke = true,
            ("thinking_delta", "thinking") => {}
            ("input_json_delta", "partial_json") => {
                let place = u32::try_from(place?).ok()?;
                // Of a call of ours: the server's own tools have blocks that are none.
                let call = self.reading.calls.iter().rfind(|call| call.0 == place);
                if call.is_none() {
                    return Some(0);
                }
                self.reading.argued |= length > 0;
            }
            _ => return None,
        }
        Some(length)
    }

    /// The long way.
    fn parse(&mut self, frame: &[u8]) -> Result<bool, Fault> {
        let mut sse = Sse::with_limit(usize::MAX);
        if !std::mem::take(&mut self.first) {
            // A byte order mark counts at the beginning of a stream only.
            sse.feed(Bytes::from_static(b"\n"));
        }
        sse.feed(Bytes::copy_from_slice(frame));
        let mut content = false;
        while let Some(frame) = sse.take()? {
            let read = decode::frame(&mut self.reading, frame.event, frame.data, &mut self.events);
            for event in self.events.drain(..) {
                content |= event.is_content();
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
                    Event::Finish { reason, .. } => self.finish = Some(reason),
                    Event::End => self.done = true,
                    Event::Start { .. } | Event::Signature { .. } | Event::ToolStart { .. } => {}
                }
            }
            self.content |= content;
            read?;
        }
        Ok(content)
    }
}

/// A parser would take the last of several.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}
