//! How long a file of sound is, by its own headers, told while it goes by.
//!
//! Nothing is decoded. What is known of a file is what a reader of its frames would find: every frame of MP3 and ADTS is counted,
//! Ogg and WAV say where they are, FLAC and MP4 say how long they are. Of others nothing is known.

mod frames;
mod heads;

#[cfg(test)]
mod tests;

use frames::Frames;
use heads::{Flac, Mp4, Ogg, Wav};
use vocab::Length;

/// Bytes a second of the poorest sound that is worth hearing, speech in Opus at 6 kbit/s: a file without a header that says more
/// is at most that long.
const POOREST: u64 = 750;
/// Bytes a second of what people send, 64 kbit/s.
const USUAL: u64 = 8_000;
/// No header is longer that is read in one piece.
const HEAD_MAX: usize = 512;

/// Reads a file in whatever pieces it comes. A few hundred bytes, whatever the file.
#[derive(Debug)]
pub struct Measure {
    /// Bytes that went by.
    seen: u64,
    /// Bytes until the next header.
    skip: u64,
    /// How long that header is; 0 where nothing more is to be read.
    wants: usize,
    held: Vec<u8>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Not enough of it is there.
    New,
    Wav(Wav),
    Ogg(Ogg),
    Flac(Flac),
    Mp4(Mp4),
    Frames(Frames),
    Unknown,
}

/// What comes behind a header: so many bytes that say nothing, then one of that length.
#[derive(Clone, Copy, Debug)]
struct Then {
    skip: u64,
    wants: usize,
    /// Bytes at the end of this header that belong to the next.
    back: usize,
}

impl Then {
    const OVER: Self = Self { skip: 0, wants: 0, back: 0 };

    const fn at(skip: u64, wants: usize) -> Self {
        Self { skip, wants, back: 0 }
    }
}

/// Bytes that tell what kind of file it is.
const FIRST: usize = 12;

impl Default for Measure {
    fn default() -> Self {
        Self { seen: 0, skip: 0, wants: FIRST, held: Vec::new(), kind: Kind::New }
    }
}

impl Measure {
    /// The next bytes of the file.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        self.seen = self.seen.saturating_add(bytes.len() as u64);
        while self.wants > 0 && !bytes.is_empty() {
            if self.skip > 0 {
                let here = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                self.skip -= here as u64;
                bytes = &bytes[here..];
                continue;
            }
            let here = self.wants.saturating_sub(self.held.len()).min(bytes.len());
            self.held.extend_from_slice(&bytes[..here]);
            bytes = &bytes[here..];
            while self.wants > 0 && self.skip == 0 && self.held.len() >= self.wants {
                self.step();
            }
        }
    }

    /// A header is whole.
    fn step(&mut self) {
        let head = &self.held[..self.wants];
        let then = match &mut self.kind {
            Kind::New => {
                let (kind, then) = first(head);
                self.kind = kind;
                then
            }
            Kind::Wav(wav) => wav.read(head),
            Kind::Ogg(ogg) => ogg.read(head),
            Kind::Flac(flac) => flac.read(head),
            Kind::Mp4(mp4) => mp4.read(head),
            Kind::Frames(frames) => frames.read(head),
            Kind::Unknown => Then::OVER,
        };
        self.held.drain(..self.wants - then.back.min(self.wants));
        // What is held already counts as skipped.
        let here = usize::try_from(then.skip).unwrap_or(usize::MAX).min(self.held.len());
        self.held.drain(..here);
        self.skip = then.skip - here as u64;
        self.wants = if then.wants > HEAD_MAX { 0 } else { then.wants };
    }

    /// Bytes that went by.
    pub const fn bytes(&self) -> u64 {
        self.seen
    }

    /// Milliseconds of sound, of a file that is over. None where it does not tell.
    pub fn millis(&self) -> Option<u64> {
        let millis = match &self.kind {
            Kind::Wav(wav) => wav.millis(self.seen),
            Kind::Ogg(ogg) => ogg.millis(),
            Kind::Flac(flac) => flac.millis(),
            Kind::Mp4(mp4) => mp4.millis(),
            Kind::Frames(frames) => frames.millis(),
            Kind::New | Kind::Unknown => None,
        };
        millis.filter(|millis| *millis > 0)
    }

    /// How long a file is of which this is the beginning, or with `whole` all; `size` is how long it may be at most, in bytes.
    pub fn length(&self, size: u64, whole: bool) -> Length {
        if self.seen == 0 {
            return Length::default();
        }
        let size = size.max(self.seen);
        if let Kind::Wav(wav) = &self.kind
            && let Some(most) = wav.at_most(size)
        {
            return Length { likely: wav.millis(size).unwrap_or(most), most };
        }
        let by_size = |rate| size.saturating_mul(1_000).div_ceil(rate);
        let most = by_size(POOREST);
        let told = match &self.kind {
            // What a header says of all of it is there from the start; what is counted is there at the end.
            Kind::Flac(_) | Kind::Mp4(_) => self.millis(),
            _ => self.millis().filter(|_| whole),
        };
        // What was counted is what any reader counts; what was only said is a word.
        let counted = whole && matches!(self.kind, Kind::Frames(_));
        match told {
            Some(millis) if counted => Length { likely: millis, most: millis },
            Some(millis) => Length { likely: millis.min(most), most },
            None => Length { likely: by_size(USUAL).min(most), most },
        }
    }

    /// Milliseconds as good as they can be told of a file that went by: counted, else estimated by its size.
    pub fn estimate(&self) -> u64 {
        self.millis().unwrap_or_else(|| self.length(self.seen, true).likely.max(1))
    }
}

/// What kind of file begins so, and where to read on.
fn first(head: &[u8]) -> (Kind, Then) {
    match head {
        [b'R', b'I' | b'F', b'F' | b'6', b'F' | b'4', .., b'W', b'A', b'V', b'E'] => {
            (Kind::Wav(Wav::default()), Then::at(0, 8))
        }
        [b'O', b'g', b'g', b'S', ..] => (Kind::Ogg(Ogg::default()), back(head, 27)),
        [b'f', b'L', b'a', b'C', ..] => {
            (Kind::Flac(Flac::default()), Then { back: FIRST - 4, ..Then::at(0, 38) })
        }
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => (Kind::Mp4(Mp4::default()), back(head, 8)),
        [b'I', b'D', b'3', ..] => (Kind::Frames(Frames::default()), back(head, 10)),
        [0xff, second, ..] if second & 0xe0 == 0xe0 => (Kind::Frames(Frames::default()), back(head, 10)),
        _ => (Kind::Unknown, Then::OVER),
    }
}

/// All of it is read again.
const fn back(head: &[u8], wants: usize) -> Then {
    Then { skip: 0, wants, back: head.len() }
}
