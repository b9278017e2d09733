use crate::millis;

/// What is quieter than this is silence, out of 32,767: some 60 dB under the loudest, so the noise of a codec is silence too.
const QUIET: u16 = 32;

/// How loud a stream was so far. A stream of nothing but silence is no speech, whatever its length.
#[derive(Clone, Debug, Default)]
pub struct Level {
    samples: u64,
    peak: u16,
    quiet: u64,
}

impl Level {
    pub fn hear(&mut self, samples: &[i16]) {
        self.samples += samples.len() as u64;
        self.peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0).max(self.peak);
        match samples.iter().rposition(|sample| sample.unsigned_abs() >= QUIET) {
            Some(last) => self.quiet = (samples.len() - last - 1) as u64,
            None => self.quiet += samples.len() as u64,
        }
    }

    /// The loudest sample so far, 0 to 32,768.
    pub const fn peak(&self) -> u16 {
        self.peak
    }

    /// Nothing was to be heard: there were no samples, or all of them were silence.
    pub const fn is_silent(&self) -> bool {
        self.peak < QUIET
    }

    /// For how long it has been silent at its end.
    pub const fn quiet_millis(&self, rate: u32) -> u64 {
        millis(self.quiet, rate)
    }

    pub const fn samples(&self) -> u64 {
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_from_speech_however_it_comes() {
        let mut sound = vec![0_i16; 1_000];
        sound.extend([400, -600, 31, -31]);
        sound.extend([5; 796]);
        for size in [1, 7, 400, 10_000] {
            let mut level = Level::default();
            assert!(level.is_silent());
            for piece in sound.chunks(size) {
                level.hear(piece);
            }
            assert_eq!((level.peak(), level.samples(), level.quiet), (600, 1_800, 798));
            assert!(!level.is_silent());
            assert_eq!(level.quiet_millis(8_000), 99);
        }
        let mut level = Level::default();
        level.hear(&[i16::MIN]);
        assert_eq!(level.peak(), 32_768);
    }
}
