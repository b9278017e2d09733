use crate::plain::from_unit;

/// The end of one stream and the beginning of another, one growing as the other fades: what is heard is always between the
/// two, so nothing is louder than either and nothing clicks.
///
/// The weights are a curve without corners (3w² - 2w³), by arithmetic that is the same on every platform.
#[derive(Clone, Debug, Default)]
pub struct Fade {
    tail: Vec<i16>,
    at: usize,
}

impl Fade {
    /// Over the length of `tail`, which is the end of what is left.
    pub const fn from(tail: Vec<i16>) -> Self {
        Self { tail, at: 0 }
    }

    /// Mixes what comes with what is left of the tail, and adds it to `out`. What is behind the tail passes as it is.
    pub fn feed(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        let here = samples.len().min(self.tail.len() - self.at);
        for sample in &samples[..here] {
            let mixed = self.mix(*sample);
            out.push(mixed);
        }
        out.extend_from_slice(&samples[here..]);
    }

    /// The new stream ended before the tail did: the rest of the tail fades into silence.
    pub fn end(&mut self, out: &mut Vec<i16>) {
        while !self.is_over() {
            let mixed = self.mix(0);
            out.push(mixed);
        }
    }

    pub fn is_over(&self) -> bool {
        self.at >= self.tail.len()
    }

    fn mix(&mut self, sample: i16) -> i16 {
        let old = f32::from(self.tail[self.at]);
        self.at += 1;
        // Tails are of some thousands of samples, which an f32 has whole.
        #[expect(clippy::cast_precision_loss, reason = "a share of it")]
        let along = self.at as f32 / (self.tail.len() + 1) as f32;
        let weight = along * along * (3.0 - 2.0 * along);
        from_unit(old + (f32::from(sample) - old) * weight)
    }
}
