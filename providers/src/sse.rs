//! Server-sent events, taken in as they come off the wire.
//!
//! Written after the parsing rules of the HTML standard (§ 9.2.6, "Interpreting an event stream"): lines end with
//! LF, CR or CRLF, a byte order mark may lead, a line that begins with a colon is a comment, `data` lines are joined
//! by newlines, an event without data is none. What the standard leaves open is decided here: a frame that is too
//! large or not UTF-8 is garbled, because a proxy may neither grow without bound nor guess at bytes.

use bytes::Bytes;
use memchr::memchr2;
use std::collections::VecDeque;
use vocab::{Fault, Frame};

/// The largest frame taken: base64 images and audio arrive in one line.
pub const FRAME_MAX: usize = 16 << 20;

/// Bytes in, frames out. Feed a chunk, then take frames until there are none; what is left waits for the next chunk.
#[derive(Debug)]
pub struct Sse {
    waiting: VecDeque<Bytes>,
    /// The line begun in an earlier chunk.
    line: Vec<u8>,
    data: String,
    event: String,
    has_data: bool,
    /// The frame in `data` was given out and is to be cleared.
    given: bool,
    /// The last line ended with a CR, so that an LF right after it belongs to that line end.
    after_cr: bool,
    /// No line has ended yet: the byte order mark is still to be looked for.
    at_start: bool,
    broken: Option<Fault>,
    limit: usize,
}

impl Default for Sse {
    fn default() -> Self {
        Self::with_limit(FRAME_MAX)
    }
}

impl Sse {
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses frames (and single lines) of more than `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            line: Vec::new(),
            data: String::new(),
            event: String::new(),
            has_data: false,
            given: false,
            after_cr: false,
            at_start: true,
            broken: None,
            limit,
        }
    }

    pub fn feed(&mut self, chunk: Bytes) {
        if !chunk.is_empty() && self.broken.is_none() {
            self.waiting.push_back(chunk);
        }
    }

    /// The next whole frame of what was fed.
    ///
    /// # Errors
    /// `Garbled` where a frame exceeds the limit or is not UTF-8, from then on always.
    pub fn take(&mut self) -> Result<Option<Frame<'_>>, Fault> {
        if let Some(fault) = &self.broken {
            return Err(fault.clone());
        }
        match self.advance() {
            Ok(true) => {
                self.given = true;
                Ok(Some(Frame { event: &self.event, data: &self.data }))
            }
            Ok(false) => Ok(None),
            Err(fault) => {
                (self.line, self.data) = (Vec::new(), String::new());
                self.waiting.clear();
                self.broken = Some(fault.clone());
                Err(fault)
            }
        }
    }

    /// Call when the stream has ended and [`take`](Self::take) gave its last frame. A `[DONE]` whose blank line is
    /// missing is given out as the frame it is; anything else begun is lost.
    ///
    /// # Errors
    /// `Cut` where the stream stopped within a frame.
    pub fn end(&mut self) -> Result<Option<Frame<'_>>, Fault> {
        if let Some(fault) = &self.broken {
            return Err(fault.clone());
        }
        self.clear_given();
        let line = std::mem::take(&mut self.line);
        match line.as_slice() {
            [] | [b':', ..] => {}
            b"data: [DONE]" | b"data:[DONE]" if !self.has_data => self.field(&line)?,
            _ => return Err(Fault::Cut("the stream stopped within a line".into())),
        }
        if self.has_data && self.data == "[DONE]" {
            self.given = true;
            return Ok(Some(Frame { event: &self.event, data: &self.data }));
        }
        if self.has_data || !self.event.is_empty() {
            return Err(Fault::Cut("the stream stopped within a frame".into()));
        }
        Ok(None)
    }

    fn clear_given(&mut self) {
        if self.given {
            self.given = false;
            self.has_data = false;
            self.data.clear();
            self.event.clear();
        }
    }

    /// Reads on until a frame is whole (true) or the bytes are used up (false).
    fn advance(&mut self) -> Result<bool, Fault> {
        self.clear_given();
        while let Some(mut chunk) = self.waiting.pop_front() {
            if self.after_cr && chunk.first() == Some(&b'\n') {
                bytes::Buf::advance(&mut chunk, 1);
            }
            if chunk.is_empty() {
                // Only the LF of a CRLF was in it.
                self.after_cr = false;
                continue;
            }
            self.after_cr = false;
            let Some(end) = memchr2(b'\n', b'\r', &chunk) else {
                self.within(self.line.len().saturating_add(chunk.len()))?;
                self.line.extend_from_slice(&chunk);
                continue;
            };
            self.after_cr = chunk.get(end) == Some(&b'\r');
            let rest = chunk.slice(end + 1..);
            if !rest.is_empty() {
                self.waiting.push_front(rest);
            }
            let head = chunk.slice(..end);
            self.within(self.line.len().saturating_add(head.len()))?;
            let whole = if self.line.is_empty() {
                self.line_ended(&head)?
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(&head);
                let whole = self.line_ended(&line)?;
                line.clear();
                self.line = line;
                whole
            };
            if whole {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The frame so far and a line of it under way, field name included.
    fn within(&self, more: usize) -> Result<(), Fault> {
        if self.data.len().saturating_add(more) > self.limit {
            return Err(Fault::Garbled(format!("a frame of the stream is larger than {} bytes", self.limit)));
        }
        Ok(())
    }

    /// Whether this line (without its end) made a frame whole.
    fn line_ended(&mut self, line: &[u8]) -> Result<bool, Fault> {
        let line = if std::mem::take(&mut self.at_start) {
            line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
        } else {
            line
        };
        if line.is_empty() {
            if !self.has_data {
                self.event.clear();
            }
            return Ok(self.has_data);
        }
        self.field(line)?;
        Ok(false)
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Fault> {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let text = |bytes| {
            std::str::from_utf8(bytes)
                .map_err(|_| Fault::Garbled("a frame of the stream is not UTF-8".into()))
        };
        match line.get(..colon).unwrap_or(line) {
            b"data" => {
                let value = text(value)?;
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            b"event" => {
                self.event.clear();
                self.event.push_str(text(value)?);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every frame as `event|data`, and how it ended.
    fn frames(pieces: &[&[u8]], limit: usize) -> Vec<String> {
        let mut sse = Sse::with_limit(limit);
        let mut out = vec![];
        for piece in pieces {
            sse.feed(Bytes::copy_from_slice(piece));
            loop {
                match sse.take() {
                    Ok(Some(frame)) => out.push(format!("{}|{}", frame.event, frame.data)),
                    Ok(None) => break,
                    Err(fault) => {
                        out.push(fault.name().to_owned());
                        return out;
                    }
                }
            }
        }
        match sse.end() {
            Ok(Some(frame)) => out.push(format!("end {}|{}", frame.event, frame.data)),
            Ok(None) => {}
            Err(fault) => out.push(fault.name().to_owned()),
        }
        out
    }

    fn whole(text: &str) -> Vec<String> {
        frames(&[text.as_bytes()], FRAME_MAX)
    }

    #[test]
    fn lines_may_end_as_they_like() {
        for end in ["\n", "\r", "\r\n"] {
            let text = "event: a\ndata: 1\ndata:2\n\n: ping\n\ndata:  3\n\n".replace('\n', end);
            assert_eq!(whole(&text), ["a|1\n2", "| 3"], "{end:?}");
        }
        assert_eq!(whole("data: 1\r\n\ndata: 2\r\r\ndata: 3\n\r\n"), ["|1", "|2", "|3"]);
    }

    #[test]
    fn odd_streams_are_read_as_the_standard_says() {
        assert_eq!(whole("\u{feff}data: x\n\n"), ["|x"]);
        assert_eq!(
            whole("data: x\n\n\u{feff}data: y\n\n"),
            ["|x"],
            "a mark elsewhere is part of a field's name"
        );
        assert_eq!(whole("data\n\n"), ["|"], "an empty data line is an event");
        assert_eq!(
            whole("event: e\n\ndata: x\n\n"),
            ["|x"],
            "an event without data is none, nor does it leave its name"
        );
        assert_eq!(whole("id: 7\nretry: 3\nnonsense\n\n"), [""; 0]);
        assert_eq!(whole("\n\n\n: c\n"), [""; 0]);
    }

    #[test]
    fn a_stream_that_stops_within_a_frame_was_cut() {
        for text in ["data: x", "data: x\n", "data: x\n\ndata", "data: [DON", "event: x\ndata: {\"a\":1}\n"] {
            assert_eq!(whole(text).last().unwrap(), "cut", "{text:?}");
        }
        assert_eq!(whole("data: x\n\ndata: [DONE]"), ["|x", "end |[DONE]"]);
        assert_eq!(whole("data: x\n\ndata: [DONE]\n"), ["|x", "end |[DONE]"]);
        assert_eq!(whole("data: x\n\n: bye"), ["|x"]);
    }

    #[test]
    fn too_much_and_not_text_are_garbled() {
        assert_eq!(frames(&[b"data: 1234\n\ndata: 12345678901\n\n"], 12), ["|1234", "garbled"]);
        assert_eq!(frames(&[b"data: 12345\ndata: 67890\n\n"], 16), ["|12345\n67890"]);
        assert_eq!(frames(&[b"data: 12345\ndata: 678901\n\n"], 16), ["garbled"]);
        assert_eq!(frames(&[b"data: 12", b"34567890", b"123"], 12), ["garbled"], "before its line has ended");
        assert_eq!(frames(&[b"data: \xff\n\n"], 99), ["garbled"]);
        assert_eq!(frames(&[b": \xff\n\ndata: x\n\n"], 99), ["|x"], "a comment may be anything");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Cut anywhere, within UTF-8 and within CRLF: the frames are the same.
        #[test]
        fn chopped_anywhere_it_is_the_same(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("data: "), Just("data:"), Just("event: e"), Just(":"), Just("\n"), Just("\r"), Just("\r\n"),
                    Just("\n\n"), Just("é€𝄞"), Just("{\"a\":1}"), Just("[DONE]"), Just("\u{feff}"), Just(" "), Just("id: 1"),
                ], 0..40),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let text = parts.concat();
            let bytes = text.as_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            let singles: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(frames(&pieces, FRAME_MAX), whole(&text));
            prop_assert_eq!(frames(&pieces, 20), frames(&[bytes], 20));
            prop_assert_eq!(frames(&singles, FRAME_MAX), whole(&text));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            frames(&[&bytes], 64);
        }
    }
}
