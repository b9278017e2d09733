//! Watches a stream pass by without taking it apart.
//!
//! A chunk is handed on as it came, in slices. Of its frames those are parsed that something depends on; a further piece
//! of something that is being said, which nearly all of them are, is only measured. What is parsed goes through the same
//! function as everywhere else ([`decode_frame`](crate::Adapter::decode_frame)), so that the verdicts agree. The frames
//! at both ends of a stream hold the whole request or the whole answer again: where one is too large to be kept back, it
//! goes on as it comes, and a [`Sieve`] keeps what matters of it.

use super::read;
use super::sieve::Sieve;
use crate::openai::frames::{frame_end, grow};
use crate::{Reading, Sse};
use bytes::Bytes;
use json::Walk;
use memchr::memchr2;
use serde_json::Value;
use vocab::{Event, Fault, Finish, Frame, Usage};

/// A frame of which this much is there and not its end is passed on as it comes.
const HELD_MAX: usize = 64 << 10;
/// What of such a frame's last bytes may belong to its end.
const SEAM: usize = 4;

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
    text_bytes: usize,
    content: bool,
    finish: Option<Finish>,
    done: bool,
    fault: Option<Fault>,
}

#[derive(Debug)]
struct Giant {
    event: String,
    sieve: Sieve,
    size: usize,
    seam: Vec<u8>,
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

    /// Bytes of text, reasoning, refusals and tool arguments so far, to estimate tokens from.
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

    /// One of the events that end a stream was there.
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

    /// Call when the bytes have ended without an error.
    ///
    /// # Errors
    /// `Cut` where none of the events that end a stream was there, or a frame has no end; and the fault there was.
    pub fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let held = std::mem::take(&mut self.held);
        let begun = match held.trim_ascii() {
            [] | b"data: [DONE]" | b"data:[DONE]" => false,
            [b':', rest @ ..] => memchr2(b'\n', b'\r', rest).is_some(),
            _ => true,
        };
        if begun || self.giant.is_some() {
            return Err(Fault::Cut("the stream stopped within a frame".into()));
        }
        if !held.is_empty() {
            out.push(Bytes::from(held));
        }
        if self.done { Ok(()) } else { Err(Fault::Cut("the stream stopped without an end mark".into())) }
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
            out.push(if at - start == chunk.len() { chunk.clone() } else { chunk.slice(start..at) });
        }
        if let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
            self.held.extend_from_slice(rest);
            self.too_large(out);
        }
        Ok(saw)
    }

    /// Adds to the frame kept back, up to its end if that is in the chunk. Says how much it took.
    fn held_goes_on(&mut self, chunk: &Bytes, out: &mut Vec<Bytes>) -> Result<(usize, bool), Fault> {
        let (taken, whole) = grow(&mut self.held, chunk);
        if !whole {
            self.too_large(out);
            return Ok((taken, false));
        }
        let frame = std::mem::take(&mut self.held);
        self.after_cr = frame.ends_with(b"\r");
        let content = self.inspect(&frame)?;
        out.push(Bytes::from(frame));
        Ok((taken, content))
    }

    /// Lets go of a frame that has become too large to be kept back.
    fn too_large(&mut self, out: &mut Vec<Bytes>) {
        if self.held.len() <= HELD_MAX {
            return;
        }
        let head = std::mem::take(&mut self.held);
        let mut giant =
            Giant { event: String::new(), sieve: Sieve::default(), size: head.len(), seam: vec![] };
        let mut rest = head.as_slice();
        while let Some(end) = memchr2(b'\n', b'\r', rest) {
            let (line, after) = rest.split_at(end + 1);
            if line.starts_with(b"data:") {
                break;
            }
            if let Some(name) = line.strip_prefix(b"event:") {
                giant.event = String::from_utf8_lossy(name.trim_ascii()).into_owned();
            }
            rest = after;
        }
        giant.sieve.feed(rest.strip_prefix(b"data:").unwrap_or_default());
        giant.seam.extend_from_slice(head.get(head.len() - SEAM..).unwrap_or_default());
        self.giant = Some(giant);
        self.first = false;
        out.push(Bytes::from(head));
    }

    /// Passes on what of the chunk still belongs to that frame, and says how much. At its end it is read as it was left.
    fn giant_goes_on(&mut self, chunk: &Bytes, out: &mut Vec<Bytes>) -> Result<(usize, bool), Fault> {
        let Some(mut giant) = self.giant.take() else { return Ok((0, false)) };
        let (taken, whole) = grow(&mut giant.seam, chunk);
        giant.size = giant.size.saturating_add(taken);
        giant.sieve.feed(chunk.get(..taken).unwrap_or_default());
        self.after_cr = whole && giant.seam.ends_with(b"\r");
        let content = if whole {
            self.giant_ends(giant)?
        } else {
            giant.seam.drain(..giant.seam.len().saturating_sub(SEAM));
            self.giant = Some(giant);
            false
        };
        if taken > 0 {
            out.push(chunk.slice(..taken));
        }
        Ok((taken, content))
    }

    fn giant_ends(&mut self, giant: Giant) -> Result<bool, Fault> {
        let Some(left) = giant.sieve.left() else { return Ok(false) };
        let tree: Value = serde_json::from_str(&left).unwrap_or_default();
        let kind = tree["type"].as_str().unwrap_or(&giant.event);
        let what = read::said_by(kind);
        let is_item = kind == "response.output_item.done";
        let before = read::heard_of(&self.reading, &tree);
        let content = self.read(&Frame { event: &giant.event, data: &left })?;
        // Text that nobody measured: nothing but text is that large.
        if what != 0 || (is_item && before == 0) {
            read::hear(&mut self.reading, &tree, if what == 0 { read::ALL } else { what })?;
            self.text_bytes = self.text_bytes.saturating_add(giant.size);
            self.content = true;
            return Ok(true);
        }
        Ok(content)
    }

    /// Looks at one whole frame.
    fn inspect(&mut self, frame: &[u8]) -> Result<bool, Fault> {
        if self.content
            && let Some(text) = self.further(frame)
        {
            self.text_bytes = self.text_bytes.saturating_add(text);
            return Ok(text > 0);
        }
        self.parse(frame)
    }

    /// How much text there is in a further piece of what is being said; None in any other frame.
    fn further(&self, frame: &[u8]) -> Option<usize> {
        let text = simdutf8::basic::from_utf8(frame).ok()?;
        let data = match text.strip_prefix("event:") {
            Some(rest) => rest.split_once('\n')?.1,
            None => text,
        };
        let mut walk = Walk::along(data.strip_prefix("data:")?.strip_suffix("\n\n")?);
        let (mut kind, mut place, mut delta) = (None, None, None);
        walk.object(|walk, key| match key {
            "type" => once(&mut kind, walk.string_or_null()??.plain()?),
            "output_index" => once(&mut place, walk.count()?),
            "delta" => once(&mut delta, walk.string_or_null()??.len()),
            "error" => None,
            _ => walk.skip(),
        })?;
        walk.end()?;
        let what = read::said_by(kind?);
        let place = u32::try_from(place?).ok()?;
        let item = self.reading.items.iter().rfind(|item| item.place == place)?;
        (item.heard & what != 0).then_some(delta?)
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
            content |= self.read(&frame)?;
        }
        Ok(content)
    }

    fn read(&mut self, frame: &Frame<'_>) -> Result<bool, Fault> {
        let read = read::frame(&mut self.reading, frame, &mut self.events);
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
                Event::End => self.done = true,
                Event::Start { .. } | Event::Signature { .. } | Event::ToolStart { .. } => {}
            }
        }
        self.content |= content;
        read.map(|()| content)
    }
}

/// A parser would take the last of several.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}
