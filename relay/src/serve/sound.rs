//! A request to speak, where it differs from others: its calls are for parts of a text, and its answer is sound.

use super::Journey;
use crate::answer::{Answer, Trouble};
use crate::ask::Words;
use crate::attempt::{self, Got, Lost, Prepared};
use crate::fleet::Candidate;
use crate::tab::Flight;
use crate::voice::{self, Cast, Next, Part, Sounding, Talk};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::ops::Range;
use std::sync::Arc;
use vocab::{Duration, Fault, Speak};

impl<'a> Journey<'a> {
    /// The call to a candidate, whatever it is for.
    pub(super) fn prepare(&mut self, candidate: &Candidate) -> Result<Prepared, Lost> {
        let Words::Speak { speak, .. } = &self.ask.words else {
            return attempt::prepare(self.ask, &self.parsed, candidate);
        };
        let (cast, said) = self.cast(speak, candidate)?;
        let call = cast.call(speak, &said, candidate)?;
        self.tab.says_anew(speak.text.get(said).unwrap_or_default());
        Ok(Prepared::one(call, false))
    }

    /// A candidate in its role, and what it says first.
    fn cast(&self, speak: &Speak, candidate: &Candidate) -> Result<(Cast, Range<usize>), Fault> {
        let unfit = |why: &str| Fault::Unfit(why.to_owned());
        let cast = Cast::of(self.fleet, speak, speak.sound, 0, candidate);
        let cast = cast.map_err(|removed| unfit(&removed.to_string()))?;
        let said = voice::next_part(speak, &cast, 0).ok_or_else(|| unfit("there is nothing to be said"))?;
        Ok((cast, said))
    }

    /// Makes the call and waits until it is heard.
    pub(super) fn call_voice(
        &self,
        speak: &'a Arc<Speak>,
        prepared: Prepared,
        candidate: &'a Candidate,
        left: Duration,
    ) -> BoxFuture<'a, Result<Got, Lost>> {
        let bounds = &self.fleet.bounds;
        let cast = match self.cast(speak, candidate) {
            Ok((cast, _)) => cast,
            Err(fault) => return std::future::ready(Err(fault.into())).boxed(),
        };
        let sending = self.relay.http().send(prepared.into_call(), bounds.connect().min(left));
        let (clock, patience) = (self.relay.clock(), bounds.first_content().min(left));
        Box::pin(async move {
            let talk = voice::begin(sending, clock, candidate, &cast, patience).await?;
            Ok(Got::Sound(Box::new(talk)))
        })
    }

    /// The first sound is there.
    pub(super) async fn sound(
        mut self: Box<Self>,
        flight: Flight,
        mut talk: Box<Talk>,
    ) -> Result<Answer, Trouble> {
        let Words::Speak { speak, .. } = &self.ask.words else {
            return Err(Trouble::Broken { fault: "garbled".into(), message: "sound came for a chat".into() });
        };
        let now = self.relay.clock().now();
        let offer = self.offer_of(flight.candidate).unwrap_or_default();
        let advise = self.adviser(offer, now);
        let served = self.served(&flight, offer, talk.request_id.take(), now);
        let candidate = &self.fleet.candidates[flight.candidate];
        let (cast, said) = match self.cast(speak, candidate) {
            Ok(found) => found,
            Err(fault) => {
                return Err(Trouble::Broken { fault: fault.name().into(), message: fault.message().into() });
            }
        };
        self.tab.says_anew(speak.text.get(said.clone()).unwrap_or_default());
        candidate.meters.first_content(talk.first.since(flight.sent));
        self.relay.books().durable(self.tab.mark).await?;
        // Who was not asked comes first: who was may have failed for good.
        let rest = self.decision.ranked.iter().filter(|ranked| ranked.removed.is_none()).map(|r| r.offer);
        let (tried, fresh): (Vec<usize>, Vec<usize>) = rest.partition(|offer| self.tried.contains(offer));
        let others = fresh.into_iter().chain(tried).map(|offer| self.route.candidates[offer]);
        let others = others.filter(|at| *at != flight.candidate).collect();
        let part = Part { flight, cast, talk: *talk, said };
        let sounding = Sounding::new(self.tab, speak.clone(), part, Next { others, advise });
        let cost = sounding.known_cost(now);
        Ok(Answer::Sound { served, cost, sounding: Box::new(sounding) })
    }
}
