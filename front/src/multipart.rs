//! A form (`multipart/form-data`, RFC 7578) read as it comes: its fields, and a file that is never in one piece.
//!
//! `multer` reads forms elsewhere, but takes in all that is there before it gives anything out, so a file that comes faster than
//! it goes would be gathered. What is held here is a part's head, or less than a boundary.

mod head;
#[cfg(test)]
mod tests;

pub(crate) use head::Head;

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

/// The headers of a part.
const HEAD_MAX: usize = 16 << 10;
/// Blanks behind a boundary.
const PADDING_MAX: usize = 256;
/// "Boundary delimiters must be no longer than 70 characters" (RFC 2046).
const BOUNDARY_MAX: usize = 70;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Feed more.
    More,
    /// A part begins.
    Part(Head),
    /// Some of its content. Never empty.
    Data(Bytes),
    /// It is over.
    PartEnd,
    /// The form is over.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the first part.
    Preamble,
    /// Behind a boundary.
    Boundary,
    Head,
    Body,
    Over,
}

/// Reads one form.
pub(crate) struct Parts {
    /// With the line end and the dashes before it.
    delimiter: Finder<'static>,
    length: usize,
    held: Bytes,
    at: At,
    /// That the part is over is still to be told.
    ended: bool,
}

impl Parts {
    /// None where the header says nothing of a form, or has no boundary that may be one.
    pub fn new(kind: &str) -> Option<Self> {
        let boundary =
            head::boundary(kind).filter(|boundary| (1..=BOUNDARY_MAX).contains(&boundary.len()))?;
        let delimiter = format!("\r\n--{boundary}");
        Some(Self {
            length: delimiter.len(),
            delimiter: Finder::new(delimiter.as_bytes()).into_owned(),
            // So that the first boundary is like all others.
            held: Bytes::from_static(b"\r\n"),
            at: At::Preamble,
            ended: false,
        })
    }

    /// The next bytes of the body.
    pub fn feed(&mut self, more: Bytes) {
        if self.held.is_empty() {
            self.held = more;
        } else if !more.is_empty() {
            let mut all = BytesMut::with_capacity(self.held.len() + more.len());
            all.extend_from_slice(&self.held);
            all.extend_from_slice(&more);
            self.held = all.freeze();
        }
    }

    /// What comes next. An error says what is wrong with the form.
    pub fn next(&mut self) -> Result<Step, &'static str> {
        loop {
            if std::mem::take(&mut self.ended) {
                return Ok(Step::PartEnd);
            }
            match self.at {
                At::Preamble => match self.delimiter.find(&self.held) {
                    Some(at) => self.boundary(at),
                    None if self.held.len() > HEAD_MAX => return Err("it has no boundary where it begins"),
                    None => return Ok(Step::More),
                },
                At::Boundary => match self.behind()? {
                    Some(step) => return Ok(step),
                    None if self.at == At::Boundary => return Ok(Step::More),
                    None => {}
                },
                At::Head => return self.head(),
                At::Body => match self.delimiter.find(&self.held) {
                    Some(0) => {
                        self.boundary(0);
                        self.ended = true;
                    }
                    Some(at) => {
                        let data = self.held.split_to(at);
                        return Ok(Step::Data(data));
                    }
                    None => {
                        // The end of what is there may be the beginning of a boundary.
                        let sure = self.held.len().saturating_sub(self.length - 1);
                        if sure == 0 {
                            return Ok(Step::More);
                        }
                        return Ok(Step::Data(self.held.split_to(sure)));
                    }
                },
                At::Over => {
                    // What is behind the last boundary says nothing.
                    self.held = Bytes::new();
                    return Ok(Step::End);
                }
            }
        }
    }

    /// Goes on behind the boundary at `at`.
    fn boundary(&mut self, at: usize) {
        drop(self.held.split_to(at + self.length));
        self.at = At::Boundary;
    }

    /// What is behind a boundary: dashes for the last, else the end of the line.
    fn behind(&mut self) -> Result<Option<Step>, &'static str> {
        if self.held.starts_with(b"--") {
            self.at = At::Over;
            return Ok(Some(Step::End));
        }
        let blanks = self.held.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        match self.held.get(blanks..).unwrap_or_default() {
            [b'\r', b'\n', ..] => {
                // The line end is that of the head as well, which may be empty.
                drop(self.held.split_to(blanks));
                self.at = At::Head;
                Ok(None)
            }
            _ if blanks > PADDING_MAX => Err("a boundary is not followed by the end of its line"),
            [] | [b'\r'] => Ok(None),
            [b'-'] if blanks == 0 => Ok(None),
            _ => Err("a boundary is not followed by the end of its line"),
        }
    }

    fn head(&mut self) -> Result<Step, &'static str> {
        const END: &[u8] = b"\r\n\r\n";
        let Some(end) = memchr::memmem::find(&self.held, END) else {
            if self.held.len() > HEAD_MAX {
                return Err("the headers of a part are too long");
            }
            return Ok(Step::More);
        };
        if end > HEAD_MAX {
            return Err("the headers of a part are too long");
        }
        let head = self.held.split_to(end);
        drop(self.held.split_to(END.len()));
        self.at = At::Body;
        head::of(&head).map(Step::Part)
    }
}
