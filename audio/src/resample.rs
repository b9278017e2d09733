use crate::plain::from_unit;
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

/// Samples that are gone through at once: 8 ms at 32 kHz.
const CHUNK: usize = 256;
/// Length of the filter in samples of the lower rate: the last tenth of the band is the price of one that short.
const FILTER: usize = 64;
/// Places between two of those samples at which the filter is known; between places it is a straight line.
const PLACES: usize = 128;

/// The same sound at another rate, as it comes. What comes out begins when what goes in begins, and is as long to a sample,
/// however it was cut on the way in.
pub struct Resampler {
    /// None where both rates are the same.
    inner: Option<Box<Inner>>,
}

struct Inner {
    filter: Async<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
    from: u32,
    to: u32,
    taken: u64,
    given: u64,
    /// What the filter gives before the first sample has gone through it.
    delay: usize,
}

impl Resampler {
    /// Rates in samples a second. One of them nothing, or the two more than a hundred times apart: None.
    pub fn new(from: u32, to: u32) -> Option<Self> {
        if from == 0 || to == 0 || from / to > 100 || to / from > 100 {
            return None;
        }
        if from == to {
            return Some(Self { inner: None });
        }
        // As many times longer as the band is narrower, in samples of what goes in; with bounds, for memory's sake.
        let narrower = (from.div_ceil(to) as usize).clamp(1, 8);
        let parameters = SincInterpolationParameters::new(FILTER * narrower, WindowFunction::BlackmanHarris2)
            .oversampling_factor(PLACES / narrower)
            .interpolation(SincInterpolationType::Linear);
        let ratio = f64::from(to) / f64::from(from);
        let filter = Async::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Input).ok()?;
        let (delay, most) = (filter.output_delay(), filter.output_frames_max());
        let inner = Inner {
            filter,
            input: Vec::with_capacity(CHUNK),
            output: vec![0.0; most],
            from,
            to,
            taken: 0,
            given: 0,
            delay,
        };
        Some(Self { inner: Some(Box::new(inner)) })
    }

    /// Takes samples at the first rate and adds to `out` what is ready at the second.
    pub fn feed(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        let Some(inner) = &mut self.inner else {
            out.extend_from_slice(samples);
            return;
        };
        inner.taken += samples.len() as u64;
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(CHUNK - inner.input.len()));
            inner.input.extend(now.iter().map(|sample| f32::from(*sample)));
            rest = later;
            if inner.input.len() == CHUNK {
                inner.turn(u64::MAX, out);
            }
        }
    }

    /// Adds to `out` what is still in the filter. The next sample that comes is the first of another sound.
    pub fn end(&mut self, out: &mut Vec<i16>) {
        let Some(inner) = &mut self.inner else { return };
        let whole = (inner.taken * u64::from(inner.to)).div_ceil(u64::from(inner.from));
        while inner.given < whole {
            inner.input.resize(CHUNK, 0.0);
            let before = (inner.given, inner.delay);
            inner.turn(whole, out);
            if (inner.given, inner.delay) == before {
                break;
            }
        }
        inner.filter.reset();
        inner.input.clear();
        inner.delay = inner.filter.output_delay();
        (inner.taken, inner.given) = (0, 0);
    }
}

impl Inner {
    /// Sends a full chunk through the filter. Of what comes out, `whole` samples are wanted in all.
    fn turn(&mut self, whole: u64, out: &mut Vec<i16>) {
        let room = self.output.len();
        let made = InterleavedSlice::new(&self.input, 1, CHUNK).ok().and_then(|input| {
            let mut output = InterleavedSlice::new_mut(&mut self.output, 1, room).ok()?;
            self.filter.process_into_buffer(&input, &mut output, None::<&Indexing>).ok()
        });
        self.input.clear();
        let Some((_, made)) = made else { return };
        let skipped = self.delay.min(made);
        self.delay -= skipped;
        let wanted = usize::try_from(whole - self.given).unwrap_or(usize::MAX).min(made - skipped);
        out.extend(self.output[skipped..skipped + wanted].iter().map(|loud| from_unit(*loud)));
        self.given += wanted as u64;
    }
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rates = self.inner.as_ref().map(|inner| (inner.from, inner.to));
        f.debug_struct("Resampler").field("rates", &rates).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
