//! The chunked transfer coding (RFC 9112, 7.1).

use std::ops::Range;

/// What all chunk extensions of a body may take.
const EXTENSIONS_MAX: u32 = 16 << 10;
/// What all trailer fields of a body may take.
const TRAILERS_MAX: usize = 16 << 10;
const TRAILERS_COUNT_MAX: usize = 100;

/// Why bytes are no chunked body. They are of no use from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotChunked(pub &'static str);

/// Where the decoder is between two reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    Start,
    Size,
    /// White space after a size: tolerated, as long as no digit follows it.
    SizeSpace,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the beginning of a line after the last chunk.
    EndCr,
    EndLf,
    Trailer,
    TrailerLf,
    End,
}

/// Takes a chunked body apart as it comes.
#[derive(Clone, Debug)]
pub struct Decoder {
    state: State,
    /// Of the size that is being read, then of the chunk that is missing still.
    left: u64,
    extensions: u32,
    /// None for nearly every body. Trailers say nothing here, but they have to be well-formed.
    trailers: Option<Box<Trailers>>,
}

#[derive(Clone, Debug, Default)]
struct Trailers {
    text: Vec<u8>,
    count: usize,
}

/// What one read brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Where the payload of all its chunks is now, in one piece.
    pub payload: Range<usize>,
    pub end: End,
}

/// What comes after what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    More,
    /// Nothing: the body is over. What lies behind `used` is not part of it.
    Done {
        used: usize,
    },
    /// What came after the payload is no chunk.
    Broken(NotChunked),
}

impl Default for Decoder {
    fn default() -> Self {
        Self { state: State::Start, left: 0, extensions: 0, trailers: None }
    }
}

impl Decoder {
    /// Takes all of `bytes`, up to the body's end. A payload in one chunk stays where it is; what comes after it in other
    /// chunks is moved up to it, so that one read is one piece.
    pub fn decode(&mut self, bytes: &mut [u8]) -> Decoded {
        let mut payload = 0..0;
        let mut at = 0;
        while self.state != State::End {
            let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else {
                return Decoded { payload, end: End::More };
            };
            if self.state == State::Data {
                let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                if payload.is_empty() {
                    payload = at..at + here;
                } else {
                    bytes.copy_within(at..at + here, payload.end);
                    payload.end += here;
                }
                at += here;
                self.left -= here as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
            } else {
                match self.step(rest[0]) {
                    Ok(state) => self.state = state,
                    Err(broken) => return Decoded { payload, end: End::Broken(broken) },
                }
                at += 1;
            }
        }
        Decoded { payload, end: End::Done { used: at } }
    }

    fn step(&mut self, byte: u8) -> Result<State, NotChunked> {
        let expected = |wanted: u8, next: State, what: &'static str| {
            if byte == wanted { Ok(next) } else { Err(NotChunked(what)) }
        };
        match self.state {
            State::Start => self.digit(byte).ok_or(NotChunked("a chunk does not begin with its size"))??,
            State::Size => match self.digit(byte) {
                Some(grown) => grown?,
                None => return self.after_size(byte),
            },
            State::SizeSpace => return self.after_size(byte),
            State::Extension => return self.extension(byte),
            State::SizeLf => {
                let next = if self.left == 0 { State::EndCr } else { State::Data };
                return expected(b'\n', next, "a chunk's size does not end with CR LF");
            }
            State::DataCr => {
                return expected(b'\r', State::DataLf, "a chunk is longer than its size says");
            }
            State::DataLf => {
                return expected(b'\n', State::Start, "a chunk does not end with CR LF");
            }
            State::EndCr if byte == b'\r' => {
                self.trailer(byte)?;
                return Ok(State::EndLf);
            }
            State::EndCr => {
                self.trailers.get_or_insert_default().text.push(byte);
                return Ok(State::Trailer);
            }
            State::EndLf => {
                if byte != b'\n' {
                    return Err(NotChunked("a chunked body does not end with CR LF"));
                }
                self.trailer(byte)?;
                return self.end();
            }
            State::Trailer => {
                self.trailer(byte)?;
                return Ok(if byte == b'\r' { State::TrailerLf } else { State::Trailer });
            }
            State::TrailerLf => return self.trailer_line(byte),
            // Both are dealt with before.
            State::Data | State::End => return Ok(self.state),
        }
        Ok(State::Size)
    }

    /// None where it is no digit.
    fn digit(&mut self, byte: u8) -> Option<Result<(), NotChunked>> {
        let value = u64::from(char::from(byte).to_digit(16)?);
        let grown = self.left.checked_mul(16).and_then(|left| left.checked_add(value));
        Some(match grown {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(NotChunked("a chunk's size is beyond all numbers")),
        })
    }

    fn after_size(&self, byte: u8) -> Result<State, NotChunked> {
        match byte {
            b'\t' | b' ' => Ok(State::SizeSpace),
            b';' => Ok(State::Extension),
            b'\r' => Ok(State::SizeLf),
            _ => Err(NotChunked("a chunk's size is no number")),
        }
    }

    fn extension(&mut self, byte: u8) -> Result<State, NotChunked> {
        match byte {
            b'\r' => Ok(State::SizeLf),
            // Who takes a bare line feed for the end of the line reads another body than we.
            b'\n' => Err(NotChunked("a line feed alone in a chunk extension")),
            _ => {
                self.extensions += 1;
                if self.extensions >= EXTENSIONS_MAX {
                    return Err(NotChunked("the chunk extensions are too long"));
                }
                Ok(State::Extension)
            }
        }
    }

    fn trailer(&mut self, byte: u8) -> Result<(), NotChunked> {
        if let Some(trailers) = &mut self.trailers {
            trailers.text.push(byte);
            if trailers.text.len() >= TRAILERS_MAX {
                return Err(NotChunked("the trailers are too long"));
            }
        }
        Ok(())
    }

    fn trailer_line(&mut self, byte: u8) -> Result<State, NotChunked> {
        if byte != b'\n' {
            return Err(NotChunked("a trailer does not end with CR LF"));
        }
        self.trailer(byte)?;
        if let Some(trailers) = &mut self.trailers {
            trailers.count += 1;
            if trailers.count > TRAILERS_COUNT_MAX {
                return Err(NotChunked("there are too many trailers"));
            }
        }
        Ok(State::EndCr)
    }

    fn end(&mut self) -> Result<State, NotChunked> {
        let Some(trailers) = self.trailers.take() else { return Ok(State::End) };
        let mut fields = vec![httparse::EMPTY_HEADER; trailers.count];
        match httparse::parse_headers(&trailers.text, &mut fields) {
            Ok(httparse::Status::Complete(_)) => Ok(State::End),
            _ => Err(NotChunked("the trailers are no header fields")),
        }
    }
}

/// The line before a chunk of that size, written behind what `out` holds.
pub fn size_line(out: &mut Vec<u8>, size: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut shift = (usize::BITS - size.leading_zeros()).saturating_sub(1) / 4 * 4;
    loop {
        out.push(DIGITS[(size >> shift) & 15]);
        if shift == 0 {
            break;
        }
        shift -= 4;
    }
    out.extend_from_slice(b"\r\n");
}

/// What ends a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";
/// What ends a chunk that was the last, and the body.
pub const CHUNK_AND_BODY_END: &[u8] = b"\r\n0\r\n\r\n";
/// What ends a body.
pub const BODY_END: &[u8] = b"0\r\n\r\n";
