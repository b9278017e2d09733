use crate::Broken;

const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
const HEAD: usize = 7;
/// More of what is no frame than anybody puts between two.
const FOREIGN: usize = 64 * 1024;

/// A frame of AAC behind its head in ADTS (ISO 13818-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    rate: u32,
    samples: u32,
    length: usize,
}

impl Frame {
    fn read(head: &[u8; HEAD]) -> Option<Self> {
        if head[0] != 0xff || head[1] & 0xf6 != 0xf0 {
            return None;
        }
        let rate = *RATES.get(usize::from(head[2] >> 2 & 15))?;
        let length = usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5] >> 5);
        let samples = 1024 * (u32::from(head[6] & 3) + 1);
        (length >= HEAD).then_some(Self { rate, samples, length })
    }

    pub const fn micros(self) -> u64 {
        self.samples as u64 * 1_000_000 / self.rate as u64
    }
}

/// Walks along frames of AAC. What was begun is counted when it is whole.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    kept: Vec<u8>,
    skip: usize,
    frame: Option<Frame>,
    foreign: usize,
}

impl Frames {
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Frame)) -> Result<(), Broken> {
        loop {
            let here = self.skip.min(bytes.len());
            self.skip -= here;
            bytes = &bytes[here..];
            if self.skip > 0 {
                return Ok(());
            }
            if let Some(frame) = self.frame.take() {
                each(frame);
            }
            let here = (HEAD - self.kept.len()).min(bytes.len());
            self.kept.extend_from_slice(&bytes[..here]);
            bytes = &bytes[here..];
            let Some(head) = self.kept.first_chunk::<HEAD>() else { return Ok(()) };
            if let Some(frame) = Frame::read(head) {
                self.skip = frame.length - HEAD;
                self.frame = Some(frame);
                self.foreign = 0;
                self.kept.clear();
            } else {
                self.foreign += 1;
                if self.foreign > FOREIGN {
                    return Err(Broken::Foreign("expected AAC in ADTS: there are no frames".into()));
                }
                self.kept.remove(0);
            }
        }
    }
}
