//! Sound of one provider after another as the one sound that its client hears.

use audio::{Broken, Joiner, Level, Meter, Mp3Joiner, Plain, Unwrap, Wrap};
use bytes::Bytes;
use std::collections::VecDeque;
use vocab::{Codec, Fault, Sound};

/// Milliseconds over which one stream fades into the next: too short for a pause, long enough for no click.
const OVERLAP: u64 = 20;
/// What has no header is at least known to be this by all who ask for it.
const USUAL_RATE: u32 = 24_000;

pub struct Desk {
    wanted: Sound,
    road: Road,
    /// Bytes of sound came of the part that is being said.
    begun: bool,
    /// Milliseconds of the calls of this flight that are over.
    over: u64,
}

enum Road {
    /// Byte by byte: what cannot be put end to end, and so is said in one part by one provider.
    Pass(Meter),
    /// Whole frames.
    Frames {
        joiner: Mp3Joiner,
        out: Vec<u8>,
    },
    Samples(Box<Samples>),
}

struct Samples {
    plain: Plain,
    unwrap: Unwrap,
    /// Milliseconds of the part that were heard already from somebody else; None once its rate is known and it has begun.
    heard: Option<u64>,
    level: Level,
    way_out: Option<(Joiner, Wrap)>,
    /// Of what goes out, once that is known.
    rate: Option<u32>,
    came: Vec<i16>,
    out: Vec<i16>,
}

impl Desk {
    pub fn new(wanted: Sound, made: Sound) -> Self {
        let road = match (plain(wanted.codec), wanted.codec) {
            (Some(plain), _) => Road::Samples(Box::new(Samples {
                plain,
                unwrap: unwrap(made),
                heard: Some(0),
                level: Level::default(),
                way_out: None,
                rate: wanted.rate,
                came: Vec::new(),
                out: Vec::new(),
            })),
            (None, Codec::Mp3) => Road::Frames { joiner: Mp3Joiner::default(), out: Vec::new() },
            (None, Codec::Opus) => Road::Pass(Meter::opus()),
            (None, Codec::Aac) => Road::Pass(Meter::aac()),
            (None, _) => Road::Pass(Meter::flac()),
        };
        Self { wanted, road, begun: false, over: 0 }
    }

    /// Whether what a provider makes can become what is wanted on its way.
    pub const fn takes(wanted: Sound, made: Sound) -> bool {
        match (plain(wanted.codec), plain(made.codec)) {
            (Some(_), Some(_)) => true,
            (None, None) => wanted.codec as u8 == made.codec as u8,
            _ => false,
        }
    }

    /// The next part of the text begins, by another call of the same flight.
    pub fn part(&mut self, made: Sound) {
        self.over += self.part_millis();
        self.begin(made, 0);
    }

    /// Somebody else says again what is being said, and what was heard of it is left out.
    pub fn resume(&mut self, made: Sound) {
        let heard = match &self.road {
            // Whatever there was of it was no speech.
            Road::Samples(samples) if samples.level.is_silent() => 0,
            _ => self.part_millis(),
        };
        self.over = 0;
        self.begin(made, heard);
    }

    fn begin(&mut self, made: Sound, heard: u64) {
        self.begun = false;
        match &mut self.road {
            Road::Pass(_) => {}
            Road::Frames { joiner, .. } => joiner.begin(heard),
            Road::Samples(samples) => {
                samples.unwrap = unwrap(made);
                samples.heard = Some(heard);
                samples.level = Level::default();
            }
        }
    }

    /// What whoever goes on has to make; None where nobody can.
    pub fn goes_on(&self) -> Option<Sound> {
        match &self.road {
            Road::Pass(_) => None,
            Road::Frames { joiner, .. } => Some(Sound {
                rate: joiner.header().map(|header| header.rate).or(self.wanted.rate),
                ..self.wanted
            }),
            // Whatever its rate, it can be brought to the one that was begun.
            Road::Samples(_) => Some(self.wanted),
        }
    }

    /// Takes what came, and puts what can be heard of it behind the rest.
    pub fn take(&mut self, bytes: Bytes, queue: &mut VecDeque<Bytes>) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Ok(());
        }
        match &mut self.road {
            Road::Pass(meter) => {
                meter.feed(&bytes);
                self.begun = true;
                queue.push_back(bytes);
                Ok(())
            }
            Road::Frames { joiner, out } => {
                let fed = joiner.feed(&bytes, out);
                self.begun |= joiner.part_millis() > 0;
                give(out, queue);
                fed.map_err(fault)
            }
            Road::Samples(samples) => {
                let taken = samples.take(&bytes, queue);
                self.begun |= samples.level.samples() > 0;
                taken.map_err(fault)
            }
        }
    }

    /// A call is over that brought all of its sound.
    pub fn part_over(&self) -> Result<(), Fault> {
        if !self.begun {
            return Err(Fault::Silent("the answer had no sound".into()));
        }
        match &self.road {
            Road::Pass(_) => Ok(()),
            Road::Frames { joiner, .. } => joiner.end().map_err(fault),
            Road::Samples(samples) => {
                samples.unwrap.end().map_err(fault)?;
                if samples.level.is_silent() {
                    return Err(Fault::Silent("the answer was nothing but silence".into()));
                }
                Ok(())
            }
        }
    }

    /// Nothing follows.
    pub fn end(&mut self, queue: &mut VecDeque<Bytes>) {
        if let Road::Samples(samples) = &mut self.road {
            samples.end(queue);
        }
    }

    /// Whether sound came of the part that is being said.
    pub const fn has_sound(&self) -> bool {
        self.begun
    }

    /// How long the call that is being heard has sounded.
    pub fn part_millis(&self) -> u64 {
        match &self.road {
            Road::Pass(meter) => meter.millis(),
            Road::Frames { joiner, .. } => joiner.part_millis(),
            Road::Samples(samples) => samples.unwrap.millis(),
        }
    }

    /// The same of all calls of this flight.
    pub fn flight_millis(&self) -> u64 {
        self.over + self.part_millis()
    }
}

impl Samples {
    fn take(&mut self, bytes: &[u8], queue: &mut VecDeque<Bytes>) -> Result<(), Broken> {
        self.came.clear();
        let read = self.unwrap.feed(bytes, &mut self.came);
        self.level.hear(&self.came);
        let Some(rate) = self.unwrap.rate() else { return read };
        let (plain, out_rate) = (self.plain, *self.rate.get_or_insert(rate));
        let new = || (Joiner::new(out_rate, OVERLAP), Wrap::new(plain, out_rate));
        let (joiner, wrap) = self.way_out.get_or_insert_with(new);
        self.out.clear();
        let begun = match self.heard.take() {
            Some(heard) => joiner.begin(rate, heard, &mut self.out),
            None => Ok(()),
        };
        joiner.feed(&self.came, &mut self.out);
        let mut bytes = Vec::with_capacity(self.out.len() * 2 + 64);
        wrap.feed(&self.out, &mut bytes);
        give(&mut bytes, queue);
        read.and(begun)
    }

    fn end(&mut self, queue: &mut VecDeque<Bytes>) {
        if let Some((joiner, wrap)) = &mut self.way_out {
            self.out.clear();
            joiner.end(&mut self.out);
            let mut bytes = Vec::with_capacity(self.out.len() * 2);
            wrap.feed(&self.out, &mut bytes);
            give(&mut bytes, queue);
        }
    }
}

fn give(out: &mut Vec<u8>, queue: &mut VecDeque<Bytes>) {
    if !out.is_empty() {
        queue.push_back(std::mem::take(out).into());
    }
}

fn unwrap(made: Sound) -> Unwrap {
    let rate = made.rate.unwrap_or(USUAL_RATE);
    Unwrap::new(plain(made.codec).unwrap_or(Plain::Pcm), rate)
}

const fn plain(codec: Codec) -> Option<Plain> {
    Some(match codec {
        Codec::Wav => Plain::Wav,
        Codec::Pcm => Plain::Pcm,
        Codec::Mulaw => Plain::Mulaw,
        Codec::Alaw => Plain::Alaw,
        Codec::Mp3 | Codec::Opus | Codec::Aac | Codec::Flac => return None,
    })
}

fn fault(broken: Broken) -> Fault {
    match broken {
        Broken::Cut(_) => Fault::Cut(broken.to_string()),
        // It is as it should be, and cannot follow what somebody else made.
        Broken::Unlike(_) => Fault::Unfit(broken.to_string()),
        Broken::Foreign(_) | Broken::Unread(_) => Fault::Garbled(broken.to_string()),
    }
}

#[cfg(test)]
mod tests;
