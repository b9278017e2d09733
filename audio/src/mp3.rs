//! MP3 without decoding it: where frames begin and end, how long they are, and putting streams behind one another.

mod frames;
mod header;

#[cfg(test)]
mod tests;

pub use frames::Frames;
pub use header::Header;

use crate::Broken;

/// Puts streams of MP3 of one rate behind one another: whole frames and nothing else, without the tags and tables of each,
/// which tell the length of a part only.
///
/// A frame may lean on bytes of frames before it; at the beginning of a stream none does, so a stream may follow any other.
/// Where the beginning of one is left out, decoders mute the frame or two that lean on it.
#[derive(Debug, Default)]
pub struct Mp3Joiner {
    frames: Frames,
    like: Option<Header>,
    /// Milliseconds of this stream that are left out.
    heard: u64,
    part: u64,
    given: u64,
}

impl Mp3Joiner {
    /// Begins another stream, of which the first `heard` milliseconds are left out. Half a frame of the one before it goes.
    pub fn begin(&mut self, heard: u64) {
        self.frames = Frames::default();
        self.heard = heard;
        self.part = 0;
    }

    /// Reads what came and adds whole frames to `out`.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        let Self { frames, like, heard, part, given } = self;
        frames.feed(bytes, |header, frame| {
            match like {
                Some(like) if !like.follows(header) => {
                    return Err(Broken::Unlike(format!("MP3 of {header} cannot follow {like}")));
                }
                Some(_) => {}
                None => *like = Some(header),
            }
            if *part >= heard.saturating_mul(1000) {
                out.extend_from_slice(frame);
                *given += header.micros();
            }
            *part += header.micros();
            Ok(())
        })
    }

    /// The stream is over. Wrong if it ended within a frame.
    pub fn end(&self) -> Result<(), Broken> {
        self.frames.end()
    }

    /// What all of it is, once a frame came.
    pub const fn header(&self) -> Option<Header> {
        self.like
    }

    /// How much of the stream that was begun last has come, in milliseconds, with what was left out of it.
    pub const fn part_millis(&self) -> u64 {
        self.part / 1000
    }

    /// How much has been put out, in milliseconds.
    pub const fn millis(&self) -> u64 {
        self.given / 1000
    }
}
