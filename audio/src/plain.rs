//! Samples out of bytes, and bytes out of samples.

use crate::wav::{self, Body, Coding, Format, Head};
use crate::{Broken, millis};
use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

/// What plain samples come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plain {
    /// A RIFF header, then samples.
    Wav,
    /// 16 bits, little-endian, without a header.
    Pcm,
    /// G.711, without a header.
    Mulaw,
    Alaw,
}

/// Reads samples from what a provider sends, wherever it was cut on its way.
///
/// WAV files may have 8 to 32 bits a sample, floats and G.711 too, and up to eight channels, of which the middle is heard.
#[derive(Clone, Debug)]
pub struct Unwrap {
    head: Option<Head>,
    format: Option<Format>,
    /// Bytes still to come of the samples, if it is known; none are read behind them.
    left: Option<u64>,
    /// The beginning of a sample of all channels.
    part: Vec<u8>,
    samples: u64,
}

impl Unwrap {
    /// `rate` of what has no header; a header knows better.
    pub const fn new(plain: Plain, rate: u32) -> Self {
        let coding = match plain {
            Plain::Wav => {
                return Self {
                    head: Some(Head::new()),
                    format: None,
                    left: None,
                    part: Vec::new(),
                    samples: 0,
                };
            }
            Plain::Pcm => Coding::Signed16,
            Plain::Mulaw => Coding::Mulaw,
            Plain::Alaw => Coding::Alaw,
        };
        let format = Some(Format { coding, channels: 1, rate });
        Self { head: None, format, left: None, part: Vec::new(), samples: 0 }
    }

    /// Samples a second; None until a header told it.
    pub fn rate(&self) -> Option<u32> {
        self.format.map(|format| format.rate)
    }

    /// How long what was read is.
    pub fn millis(&self) -> u64 {
        millis(self.samples, self.rate().unwrap_or(0))
    }

    /// Reads what came and adds its samples to `out`.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<i16>) -> Result<(), Broken> {
        self.walk(bytes, |coding, channels, whole| {
            let width = coding.width();
            match (coding, channels) {
                // What nearly everybody sends.
                (Coding::Signed16, 1) => {
                    out.extend(whole.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])));
                }
                _ => out.extend(whole.chunks_exact(width * channels).map(|frame| mixed(coding, frame))),
            }
        })
    }

    /// Reads what came for its length alone.
    pub(crate) fn skim(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.walk(bytes, |_, _, _| {})
    }

    fn walk(&mut self, mut bytes: &[u8], mut whole: impl FnMut(Coding, usize, &[u8])) -> Result<(), Broken> {
        if let Some(head) = &mut self.head {
            let Some(Body { format, length }) = head.read(&mut bytes)? else { return Ok(()) };
            self.format = Some(format);
            self.left = length;
            self.head = None;
        }
        let Some(Format { coding, channels, .. }) = self.format else { return Ok(()) };
        if let Some(left) = &mut self.left {
            let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
            bytes = &bytes[..here];
            *left -= here as u64;
        }
        let channels = usize::from(channels);
        let frame = coding.width() * channels;
        if !self.part.is_empty() {
            let here = (frame - self.part.len()).min(bytes.len());
            self.part.extend_from_slice(&bytes[..here]);
            bytes = &bytes[here..];
            if self.part.len() < frame {
                return Ok(());
            }
            whole(coding, channels, &self.part);
            self.samples += 1;
            self.part.clear();
        }
        let (now, rest) = bytes.split_at(bytes.len() - bytes.len() % frame);
        whole(coding, channels, now);
        self.samples += (now.len() / frame) as u64;
        self.part.extend_from_slice(rest);
        Ok(())
    }

    /// There is no more. Wrong if it ended within a header or a sample, or before the length that a header told.
    pub fn end(&self) -> Result<(), Broken> {
        if self.head.is_some() {
            return Err(Broken::Cut("the header"));
        }
        if self.left.is_some_and(|left| left > 0) {
            return Err(Broken::Cut("what its header tells"));
        }
        if !self.part.is_empty() {
            return Err(Broken::Cut("a sample"));
        }
        Ok(())
    }
}

/// One sample of the middle of all channels.
fn mixed(coding: Coding, frame: &[u8]) -> i16 {
    let width = coding.width();
    if frame.len() == width {
        return one(coding, frame);
    }
    let sum: i32 = frame.chunks_exact(width).map(|bytes| i32::from(one(coding, bytes))).sum();
    let channels = i32::try_from(frame.len() / width).unwrap_or(1);
    clipped(sum / channels)
}

fn one(coding: Coding, bytes: &[u8]) -> i16 {
    match (coding, bytes) {
        (Coding::Signed16, [a, b]) | (Coding::Signed24, [_, a, b]) | (Coding::Signed32, [_, _, a, b]) => {
            i16::from_le_bytes([*a, *b])
        }
        (Coding::Unsigned8, [a]) => (i16::from(*a) - 128) * 256,
        (Coding::Mulaw, [a]) => decode_ulaw(*a),
        (Coding::Alaw, [a]) => decode_alaw(*a),
        (Coding::Float32, [a, b, c, d]) => from_unit(f32::from_le_bytes([*a, *b, *c, *d]) * 32_768.0),
        _ => 0,
    }
}

/// What is beyond the loudest is the loudest; what is no number is silence.
pub fn from_unit(loud: f32) -> i16 {
    #[expect(clippy::cast_possible_truncation, reason = "as it is cut")]
    let sample = loud.round() as i16;
    sample
}

fn clipped(sample: i32) -> i16 {
    i16::try_from(sample).unwrap_or(if sample < 0 { i16::MIN } else { i16::MAX })
}

/// Writes samples as a client wants them, with a header where there is to be one.
#[derive(Clone, Debug)]
pub struct Wrap {
    plain: Plain,
    rate: u32,
    begun: bool,
}

impl Wrap {
    pub const fn new(plain: Plain, rate: u32) -> Self {
        Self { plain, rate, begun: false }
    }

    /// Adds the bytes of some samples to `out`, and before the first of them the header. As the length is not known, it is
    /// 0xFFFFFFFF there.
    pub fn feed(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        if samples.is_empty() {
            return;
        }
        if !self.begun && self.plain == Plain::Wav {
            out.extend_from_slice(&wav::header(self.rate, None));
        }
        self.begun = true;
        match self.plain {
            Plain::Wav | Plain::Pcm => {
                let start = out.len();
                out.resize(start + samples.len() * 2, 0);
                for (bytes, sample) in out[start..].chunks_exact_mut(2).zip(samples) {
                    bytes.copy_from_slice(&sample.to_le_bytes());
                }
            }
            Plain::Mulaw => out.extend(samples.iter().map(|sample| encode_ulaw(*sample))),
            Plain::Alaw => out.extend(samples.iter().map(|sample| encode_alaw(*sample))),
        }
    }

    /// All of it at once, with the length that it has.
    pub fn whole(plain: Plain, rate: u32, samples: &[i16]) -> Vec<u8> {
        let mut out = Vec::with_capacity(44 + samples.len() * 2);
        let mut wrap = Self::new(plain, rate);
        if plain == Plain::Wav {
            out.extend_from_slice(&wav::header(rate, u32::try_from(samples.len()).ok()));
            wrap.begun = true;
        }
        wrap.feed(samples, &mut out);
        out
    }
}

#[cfg(test)]
mod tests;
