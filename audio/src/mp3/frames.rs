use super::Header;
use crate::Broken;

/// More of what is no frame than anybody puts between two.
const FOREIGN: usize = 64 * 1024;

/// Finds the frames of a stream of MP3, wherever it was cut on its way. Tags (ID3 at either end) are no frames, nor is the table
/// that encoders put into a silent first one (Xing, Info, VBRI).
#[derive(Clone, Debug, Default)]
pub struct Frames {
    kept: Vec<u8>,
    /// Bytes of a tag that are still to come.
    skip: u64,
    foreign: usize,
    /// What the frames of this stream are like.
    like: Option<Header>,
}

/// What is at the beginning of some bytes.
enum Found {
    Frame(Header),
    /// A tag of so many bytes.
    Tag(u64),
    Foreign,
    /// Not to be told from so few.
    More,
}

impl Frames {
    /// Reads what came; `each` is told every frame that is whole, with its head.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Header, &[u8]) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        let here = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= here as u64;
        let mut kept = std::mem::take(&mut self.kept);
        kept.extend_from_slice(&bytes[here..]);
        let mut at = 0;
        let result = loop {
            let rest = &kept[at..];
            match self.find(rest) {
                Found::More => break Ok(()),
                Found::Frame(header) if rest.len() < header.length => break Ok(()),
                Found::Frame(header) => {
                    let frame = &rest[..header.length];
                    let first = self.like.replace(header).is_none();
                    self.foreign = 0;
                    at += header.length;
                    if !(first && is_table(header, frame))
                        && let Err(broken) = each(header, frame)
                    {
                        break Err(broken);
                    }
                }
                Found::Tag(length) => {
                    let here = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
                    self.skip = length - here as u64;
                    at += here;
                }
                Found::Foreign => {
                    self.foreign += 1;
                    at += 1;
                    if self.foreign > FOREIGN {
                        break Err(Broken::Foreign("expected MP3: there are no frames".into()));
                    }
                }
            }
        };
        kept.drain(..at);
        self.kept = kept;
        result
    }

    /// Wrong if it ended within a frame. What looked like the beginning of a tag or of a frame and was none may stay.
    pub fn end(&self) -> Result<(), Broken> {
        match self.find(&self.kept) {
            Found::Frame(_) => Err(Broken::Cut("a frame")),
            _ => Ok(()),
        }
    }

    fn find(&self, bytes: &[u8]) -> Found {
        let Some(start) = bytes.first_chunk::<4>() else { return Found::More };
        if start.starts_with(b"ID3") {
            let Some(head) = bytes.first_chunk::<10>() else { return Found::More };
            // Seven bits a byte, and ten bytes more behind it where it says so.
            let length = head[6..].iter().fold(0_u64, |sum, byte| sum << 7 | u64::from(byte & 0x7f));
            return Found::Tag(length + if head[5] & 0x10 == 0 { 10 } else { 20 });
        }
        if start.starts_with(b"TAG") {
            return Found::Tag(128);
        }
        match Header::read(*start) {
            // In the middle of a stream only what is like the rest of it: two bytes of sound may look like a head.
            Some(header)
                if header.length > header.body
                    && self.like.is_none_or(|like| self.foreign == 0 || like.follows(header)) =>
            {
                Found::Frame(header)
            }
            _ => Found::Foreign,
        }
    }
}

/// Whether a first frame holds no sound but a table of the stream.
fn is_table(header: Header, frame: &[u8]) -> bool {
    let at = |place: usize| frame.get(place..place + 4);
    matches!(at(header.body), Some(b"Xing" | b"Info")) || at(36) == Some(b"VBRI")
}
