use crate::{Broken, Fade, Resampler, Skip, millis, samples};

/// Puts streams of samples behind one another, as one stream at one rate.
///
/// Where one ends and the next begins, the end of the one fades out while the beginning of the other fades in, so there is no
/// click, whichever way the first ended. For this the last few milliseconds are kept until it is known what follows.
///
/// ```
/// # fn main() -> Result<(), audio::Broken> {
/// let mut joiner = audio::Joiner::new(24_000, 20);
/// let mut out = Vec::new();
/// joiner.begin(24_000, 0, &mut out)?;
/// joiner.feed(&[1; 4_800], &mut out);
/// // It broke off here; somebody else says it again, at another rate, and what was heard of it is left out.
/// let heard = joiner.part_millis();
/// joiner.begin(48_000, heard, &mut out)?;
/// joiner.feed(&[1; 48_000], &mut out);
/// joiner.end(&mut out);
/// assert_eq!(heard, 200);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Joiner {
    rate: u32,
    /// Samples over which two streams are mixed.
    overlap: usize,
    part: Option<Part>,
    fade: Fade,
    tail: Vec<i16>,
    given: u64,
    skipped: Vec<i16>,
    ready: Vec<i16>,
}

/// The stream that is being read.
#[derive(Debug)]
struct Part {
    rate: u32,
    skip: Skip,
    resampler: Resampler,
    /// Samples of it at its own rate, those that were left out too.
    taken: u64,
}

impl Joiner {
    /// `rate` of what comes out; `overlap` in milliseconds: 20 is short enough to be no pause and long enough to be no click.
    pub fn new(rate: u32, overlap: u64) -> Self {
        Self {
            rate,
            overlap: usize::try_from(samples(overlap, rate)).unwrap_or(0),
            part: None,
            fade: Fade::default(),
            tail: Vec::new(),
            given: 0,
            skipped: Vec::new(),
            ready: Vec::new(),
        }
    }

    /// Ends the stream before it and begins one at `rate`, of which the first `heard` milliseconds are left out ([`Skip`]).
    pub fn begin(&mut self, rate: u32, heard: u64, out: &mut Vec<i16>) -> Result<(), Broken> {
        let resampler = Resampler::new(rate, self.rate).ok_or_else(|| {
            Broken::Unread(format!("sound at {rate} Hz, where {} Hz is to be heard", self.rate))
        })?;
        self.finish(out);
        self.fade = Fade::from(std::mem::take(&mut self.tail));
        self.part = Some(Part { rate, skip: Skip::new(rate, heard), resampler, taken: 0 });
        Ok(())
    }

    /// Takes samples of the stream that was begun, and adds to `out` what is ready. Without one they are nobody's and go.
    pub fn feed(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        let Some(part) = &mut self.part else { return };
        part.taken += samples.len() as u64;
        self.skipped.clear();
        part.skip.feed(samples, &mut self.skipped);
        self.ready.clear();
        part.resampler.feed(&self.skipped, &mut self.ready);
        self.pass(out);
    }

    /// Nothing follows: what was kept is added to `out`.
    pub fn end(&mut self, out: &mut Vec<i16>) {
        self.finish(out);
        self.given += self.tail.len() as u64;
        out.append(&mut self.tail);
    }

    /// How much of the stream that was begun last has come, in milliseconds, with what was left out of it: what whoever says it
    /// again may leave out.
    pub fn part_millis(&self) -> u64 {
        self.part.as_ref().map_or(0, |part| millis(part.taken, part.rate))
    }

    /// How much has been put out, in milliseconds.
    pub fn millis(&self) -> u64 {
        millis(self.given, self.rate)
    }

    /// Ends the stream that was begun; its end is kept.
    fn finish(&mut self, out: &mut Vec<i16>) {
        if let Some(mut part) = self.part.take() {
            self.skipped.clear();
            part.skip.end(&mut self.skipped);
            self.ready.clear();
            part.resampler.feed(&self.skipped, &mut self.ready);
            part.resampler.end(&mut self.ready);
            self.pass(out);
        }
        self.fade.end(&mut self.tail);
        self.keep(out);
    }

    /// What is ready, but for as much as the next stream is to be mixed with.
    fn pass(&mut self, out: &mut Vec<i16>) {
        let ready = std::mem::take(&mut self.ready);
        self.fade.feed(&ready, &mut self.tail);
        self.ready = ready;
        self.keep(out);
    }

    fn keep(&mut self, out: &mut Vec<i16>) {
        let over = self.tail.len().saturating_sub(self.overlap);
        self.given += over as u64;
        out.extend(self.tail.drain(..over));
    }
}

#[cfg(test)]
mod tests;
