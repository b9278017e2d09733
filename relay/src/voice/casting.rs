//! Who can speak what is asked, and what it comes to.

use super::desk::Desk;
use super::{length, script};
use crate::fleet::{Candidate, Fleet};
use providers::Voice;
use router::Removed;
use vocab::{Call, Card, Fault, Instant, Pico, Sound, Speak, Usage, Utterance};

/// A candidate in its role.
#[derive(Clone, Debug)]
pub struct Cast {
    pub voice: &'static dyn Voice,
    /// The voice's name there.
    id: String,
    /// What it is asked to make.
    pub made: Sound,
    /// Characters that one call takes.
    pub most: usize,
    /// Characters of a part of the text; 0 where it is said in as few as can be.
    pub usual: usize,
}

impl Cast {
    /// Of a candidate that is to say the text from `at` on, in this sound.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn of(
        fleet: &Fleet,
        speak: &Speak,
        wanted: Sound,
        at: usize,
        candidate: &Candidate,
    ) -> Result<Self, Removed> {
        let voice = candidate.provider.adapter.voice().ok_or(Removed::Voice)?;
        // A name that only its provider may know was looked at before; here nobody else has it.
        let role = fleet.voices.role(&speak.voice, true).map_err(|_| Removed::Voice)?;
        let id = role.id(candidate, speak.language.as_deref()).ok_or(Removed::Voice)?.to_owned();
        let made = voice.makes(&candidate.card, wanted).ok_or(Removed::Sound(wanted))?;
        if !Desk::takes(wanted, made) {
            return Err(Removed::Sound(wanted));
        }
        let most = voice.chars_max(&candidate.card);
        let usual = fleet.utterance;
        if !script::joins(wanted.codec) {
            let needs = voice.characters(speak.text.get(at..).unwrap_or_default());
            if needs > most as u64 {
                return Err(Removed::Characters { needs, has: most as u64 });
            }
        }
        Ok(Self { voice, id, made, most, usual })
    }

    /// The call for a part of the text.
    ///
    /// # Errors
    /// What it cannot be told.
    pub fn call(
        &self,
        speak: &Speak,
        part: &std::ops::Range<usize>,
        candidate: &Candidate,
    ) -> Result<Call, Fault> {
        let said = |range| speak.text.get::<std::ops::Range<usize>>(range).unwrap_or_default();
        self.voice.encode(
            &Utterance {
                text: said(part.clone()),
                before: said(0..part.start),
                after: said(part.end..speak.text.len()),
                voice: &self.id,
                sound: self.made,
                speak,
            },
            &candidate.door,
        )
    }

    /// What it uses for all that is left to be said, as far as can be known, where each part sounds as long as `length` says.
    pub fn usage(&self, speak: &Speak, card: &Card, at: usize, length: Length) -> Usage {
        let mut sum = Usage::default();
        let mut at = at;
        while let Some(part) = script::next(speak, self, at) {
            let text = speak.text.get(part.clone()).unwrap_or_default();
            let millis = match length {
                Length::Likely => length::likely(text, speak.speed),
                Length::Most => length::most(text, speak.speed),
            };
            sum = sum.plus(&self.voice.usage(card, text, millis));
            at = part.end;
        }
        sum
    }

    /// The most that saying what is left may come to.
    pub fn dearest(&self, speak: &Speak, candidate: &Candidate, at: usize, now: Instant) -> Option<Pico> {
        let price = candidate.card.price.as_deref()?;
        billing::cost(price, &self.usage(speak, &candidate.card, at, Length::Most), now).ok()
    }
}

/// How long something sounds that nobody has heard.
#[derive(Clone, Copy, Debug)]
pub enum Length {
    Likely,
    Most,
}

/// What stands in the way of a candidate, what it probably comes to, and at most.
pub fn offered(
    fleet: &Fleet,
    speak: &Speak,
    candidate: &Candidate,
    now: Instant,
) -> (Option<Removed>, Option<Pico>, Option<Pico>) {
    let cast = match Cast::of(fleet, speak, speak.sound, 0, candidate) {
        Ok(cast) => cast,
        Err(removed) => return (Some(removed), None, None),
    };
    let card = &candidate.card;
    let Some(price) = card.price.as_deref() else { return (None, None, None) };
    let cost = |length| billing::cost(price, &cast.usage(speak, card, 0, length), now).ok();
    (None, cost(Length::Likely), cost(Length::Most))
}
