use crate::samples;

/// How far around the place that was meant a better one is looked for, in milliseconds. Rather a word twice than none.
const BEFORE: u64 = 400;
const AFTER: u64 = 200;
/// What is looked at as one, in milliseconds: shorter than the closure before a "t".
const FRAME: u64 = 10;

/// Leaves out the beginning of a stream that was heard already from somebody else: about as long as it was, up to the quietest
/// place around there, as no two speakers are equally fast.
///
/// It keeps what is around that place, six tenths of a second, and nothing else.
#[derive(Clone, Debug)]
pub struct Skip {
    rate: u32,
    /// Samples that certainly go.
    drop: u64,
    window: Vec<i16>,
    full: usize,
    /// Where in the window it was meant.
    meant: usize,
    open: bool,
}

impl Skip {
    /// `heard`: what is to be left out, in milliseconds; 0 leaves everything.
    pub fn new(rate: u32, heard: u64) -> Self {
        let sized = |millis| usize::try_from(samples(millis, rate)).unwrap_or(usize::MAX);
        let drop = samples(heard.saturating_sub(BEFORE), rate);
        Self {
            rate,
            drop,
            window: Vec::new(),
            full: if heard == 0 { 0 } else { sized(heard.min(BEFORE) + AFTER) },
            meant: sized(heard.min(BEFORE)),
            open: heard == 0,
        }
    }

    /// Takes what came, and adds to `out` what is to be heard of it.
    pub fn feed(&mut self, mut samples: &[i16], out: &mut Vec<i16>) {
        if !self.open {
            let here = usize::try_from(self.drop).unwrap_or(usize::MAX).min(samples.len());
            samples = &samples[here..];
            self.drop -= here as u64;
            let (now, later) = samples.split_at(samples.len().min(self.full - self.window.len()));
            self.window.extend_from_slice(now);
            samples = later;
            if self.drop > 0 || self.window.len() < self.full {
                return;
            }
            self.end(out);
        }
        out.extend_from_slice(samples);
    }

    /// There is no more: what is left of it is added to `out`, which is nothing if it is shorter than what was heard.
    pub fn end(&mut self, out: &mut Vec<i16>) {
        if !self.open {
            self.open = true;
            let window = std::mem::take(&mut self.window);
            if window.len() > self.meant || window.len() == self.full {
                out.extend_from_slice(&window[self.quietest(&window)..]);
            }
        }
    }

    /// Where the quietest frame begins; of those that are about as quiet (6 dB) the one that is nearest to what was meant.
    fn quietest(&self, window: &[i16]) -> usize {
        let frame = usize::try_from(samples(FRAME, self.rate)).unwrap_or(1).max(1);
        let starts = (0..window.len()).step_by(frame).filter(|start| start + frame <= window.len());
        let loud = |start: usize| {
            let peak = window[start..start + frame].iter().map(|s| s.unsigned_abs()).max();
            peak.map(|peak| u16::BITS - peak.leading_zeros())
        };
        starts.min_by_key(|start| (loud(*start), start.abs_diff(self.meant))).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tone;

    fn skipped(sound: &[i16], heard: u64, size: usize) -> Vec<i16> {
        let (mut skip, mut out) = (Skip::new(8_000, heard), Vec::new());
        for piece in sound.chunks(size) {
            skip.feed(piece, &mut out);
        }
        skip.end(&mut out);
        out
    }

    #[test]
    fn it_begins_at_the_pause_that_is_nearest() {
        // A second of one, a pause of a tenth, a second of another.
        let sound = [tone(440, 8_000, 8_000), vec![0; 800], tone(880, 8_000, 8_000)].concat();
        for size in [1, 13, 800, 100_000] {
            // Meant a little early, a little late, and right within the pause.
            assert_eq!(skipped(&sound, 900, size), sound[8_000..], "{size}");
            assert_eq!(skipped(&sound, 1_300, size), sound[8_720..], "{size}");
            assert_eq!(skipped(&sound, 1_050, size), sound[8_400..], "{size}");
            assert_eq!(skipped(&sound, 0, size), sound);
        }
    }

    #[test]
    fn what_was_heard_whole_is_not_heard_again() {
        let sound = tone(440, 8_000, 8_000);
        assert_eq!(skipped(&sound, 1_000, 100), []);
        assert_eq!(skipped(&sound, 5_000, 100), []);
        assert_eq!(skipped(&[], 5_000, 100), []);
        let rest = skipped(&sound, 900, 100);
        assert_eq!(rest.len(), 800);
    }

    #[test]
    fn it_keeps_no_more_than_its_window() {
        let mut skip = Skip::new(48_000, 60_000);
        let mut out = Vec::new();
        for _ in 0..58_000 {
            skip.feed(&[1; 48], &mut out);
        }
        assert!(out.is_empty() && skip.window.is_empty());
        for _ in 0..4_000 {
            skip.feed(&[1; 48], &mut out);
        }
        assert!(skip.window.capacity() == 0 && !out.is_empty());
    }
}
