use crate::{Broken, millis};

/// Samples a second that positions in Opus are counted in, whatever is in it (RFC 7845).
const RATE: u32 = 48_000;
/// The head of a page, without the table of its segments.
const HEAD: usize = 27;
/// What of a first page tells how much is to be left out.
const OPUS: usize = 12;

/// Walks along the pages of Ogg (RFC 3533). A page tells where the sound is when it ends.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    kept: Vec<u8>,
    /// Bytes of a page's body that are still to come and tell nothing.
    skip: usize,
    /// Samples before the first that is heard.
    before: u64,
    position: u64,
    /// Of streams that ended before this one began in the same file.
    ended: u64,
}

impl Pages {
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        loop {
            let here = self.skip.min(bytes.len());
            self.skip -= here;
            bytes = &bytes[here..];
            // A page at a time, so that no more is kept than a page's head.
            let wanted = HEAD + 255 + OPUS;
            let here = wanted.saturating_sub(self.kept.len()).min(bytes.len());
            self.kept.extend_from_slice(&bytes[..here]);
            bytes = &bytes[here..];
            if !self.page()? {
                return Ok(());
            }
        }
    }

    /// Reads the page that begins what is kept. False if it is not there yet.
    fn page(&mut self) -> Result<bool, Broken> {
        let page = &self.kept[..];
        let known = page.len().min(4);
        if page[..known] != b"OggS"[..known] {
            return Err(Broken::Foreign("expected Ogg: no page begins where one should".into()));
        }
        let Some(segments) = page.get(HEAD - 1).map(|n| usize::from(*n)) else { return Ok(false) };
        let Some(table) = page.get(HEAD..HEAD + segments) else { return Ok(false) };
        let body: usize = table.iter().map(|n| usize::from(*n)).sum();
        let begins = page[5] & 2 != 0;
        let start = HEAD + segments;
        if begins {
            let Some(opus) = page.get(start..start + OPUS.min(body)) else { return Ok(false) };
            if !opus.starts_with(b"OpusHead") || opus.len() < OPUS {
                return Err(Broken::Unread("Ogg with something else than Opus in it".into()));
            }
            self.ended += self.position.saturating_sub(self.before);
            self.before = u64::from(u16::from_le_bytes([opus[10], opus[11]]));
            self.position = 0;
        } else if let Some(granule) = page.get(6..14).and_then(|b| b.first_chunk::<8>())
            // All ones: nothing ends on this page.
            && let Ok(position) = u64::try_from(i64::from_le_bytes(*granule))
        {
            self.position = self.position.max(position);
        }
        let whole = start + body;
        let here = whole.min(self.kept.len());
        self.skip = whole - here;
        self.kept.drain(..here);
        Ok(true)
    }

    pub const fn millis(&self) -> u64 {
        millis(self.ended.saturating_add(self.position.saturating_sub(self.before)), RATE)
    }
}
