//! A stream on its way through: cut into frames and handed on in slices of what came.

use super::frames::{frame_end, grow};
use super::look::{Findings, Look, Rest, Verdict};
use bytes::Bytes;
use memchr::memchr2;
use vocab::Fault;

/// A frame of which this much is there and not its end is passed on as it comes.
const HELD_MAX: usize = 64 << 10;
/// What of such a frame's last bytes may belong to its end.
const SEAM: usize = 4;

/// The state of one stream. Fixed memory: at most one frame of 64 KiB is kept back, besides what the dialect keeps of a
/// larger one.
#[derive(Debug)]
pub(crate) struct Passing<L: Look> {
    pub look: L,
    pub found: Findings,
    /// A frame that is not whole yet.
    held: Vec<u8>,
    /// The frame under way is too large to be kept back; its last bytes.
    giant: Option<(L::Giant, Vec<u8>)>,
    /// The last frame ended with a CR, so that an LF right after it belongs to it.
    after_cr: bool,
    fault: Option<Fault>,
}

impl<L: Look> Passing<L> {
    pub fn new(look: L) -> Self {
        Self { look, found: Findings::default(), held: Vec::new(), giant: None, after_cr: false, fault: None }
    }

    /// As [`Watch::pass`](super::Watch::pass).
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

    /// As [`Watch::end`](super::Watch::end).
    pub fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let held = std::mem::take(&mut self.held);
        let rest = match held.trim_ascii() {
            [] => Rest::Pass,
            [b':', comment @ ..] if memchr2(b'\n', b'\r', comment).is_none() => Rest::Pass,
            [b':', ..] => Rest::Cut,
            rest => self.look.rest(&mut self.found, rest),
        };
        match rest {
            _ if self.giant.is_some() => return Err(cut("within a frame")),
            Rest::Cut => return Err(cut("within a frame")),
            Rest::Pass if !held.is_empty() => out.push(Bytes::from(held)),
            Rest::Instead(bytes) => {
                // Blank lines before it are nobody's, and pass like all that came.
                let blank = held.len() - held.trim_ascii_start().len();
                out.extend(
                    [Bytes::from(held).slice(..blank), bytes].into_iter().filter(|part| !part.is_empty()),
                );
            }
            Rest::Pass | Rest::Drop => {}
        }
        if self.look.whole(&self.found) { Ok(()) } else { Err(cut(L::LACKS)) }
    }

    fn pass_on(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<bool, Fault> {
        // What was begun before takes up the chunk as far as its end.
        let (start, mut saw) = if self.giant.is_some() {
            self.giant_goes_on(&chunk, out)?
        } else if self.held.is_empty() {
            (0, false)
        } else {
            self.held_goes_on(&chunk, out)?
        };
        let (mut kept, mut at) = (start, start);
        if let Some(next) = chunk.get(at) {
            at += usize::from(std::mem::take(&mut self.after_cr) && *next == b'\n');
        }
        loop {
            let rest = chunk.get(at..).unwrap_or_default();
            if let Some((end, text)) = self.look.again(rest) {
                self.found.measured(text);
                saw |= text > 0;
                at += end;
                continue;
            }
            let Some((line, end)) = frame_end(rest) else { break };
            let frame = rest.get(..end).unwrap_or_default();
            self.after_cr = frame.ends_with(b"\r");
            let verdict = self.look.inspect(&mut self.found, frame, line);
            match &verdict {
                Ok(Verdict::Pass(content)) => saw |= content,
                Ok(Verdict::Drop) | Err(_) => {
                    if at > kept {
                        out.push(chunk.slice(kept..at));
                    }
                    kept = at + end;
                }
            }
            verdict?;
            at += end;
        }
        let rest = chunk.get(at..).unwrap_or_default();
        self.held.extend_from_slice(rest);
        if at > kept {
            out.push(if kept == 0 && at == chunk.len() { chunk } else { chunk.slice(kept..at) });
        }
        Ok(saw | self.too_large(out))
    }

    /// Adds to the frame kept back, up to its end if that is in the chunk. Says how much it took, and whether there was
    /// content.
    fn held_goes_on(&mut self, chunk: &Bytes, out: &mut Vec<Bytes>) -> Result<(usize, bool), Fault> {
        let (taken, whole) = grow(&mut self.held, chunk);
        if !whole {
            return Ok((taken, self.too_large(out)));
        }
        let frame = std::mem::take(&mut self.held);
        self.after_cr = frame.ends_with(b"\r");
        let line = memchr2(b'\n', b'\r', &frame).unwrap_or(frame.len());
        match self.look.inspect(&mut self.found, &frame, line)? {
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
        let (giant, content) = self.look.giant(&mut self.found, &head);
        self.giant = Some((giant, head.get(head.len() - SEAM..).unwrap_or_default().to_vec()));
        out.push(Bytes::from(head));
        content
    }

    /// Passes on what of the chunk still belongs to that frame: how much, and whether there was content.
    fn giant_goes_on(&mut self, chunk: &Bytes, out: &mut Vec<Bytes>) -> Result<(usize, bool), Fault> {
        let Some((mut giant, mut seam)) = self.giant.take() else { return Ok((0, false)) };
        let (taken, whole) = grow(&mut seam, chunk);
        let more = chunk.get(..taken).unwrap_or_default();
        let mut content = self.look.giant_goes_on(&mut self.found, &mut giant, more);
        if whole {
            self.after_cr = seam.ends_with(b"\r");
            content |= self.look.giant_ends(&mut self.found, giant)?;
        } else {
            seam.drain(..seam.len().saturating_sub(SEAM));
            self.giant = Some((giant, seam));
        }
        if taken > 0 {
            out.push(chunk.slice(..taken));
        }
        Ok((taken, content))
    }
}

fn cut(how: &str) -> Fault {
    Fault::Cut(format!("the stream stopped {how}"))
}
