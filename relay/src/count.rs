//! How many input tokens a request has. Nobody is billed for the question, so nothing of it is in the books.

use crate::answer::Trouble;
use crate::ask::{Ask, Words};
use crate::attempt::{FAULT_BODY_MAX, collect};
use crate::fleet::Candidate;
use crate::offers::{Route, offers};
use crate::ports::Count;
use crate::relay::Relay;
use crate::unreported;
use futures::future::{Either, select};
use vocab::{Dice, Duration, Fault, Name};

/// Counting is quick or not worth waiting for: there is always the estimate.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often and how long a tokenizer is waited for: half a second, where half of that is much.
const READY_TRIES: u32 = 20;
const READY_PAUSE: Duration = Duration::from_millis(25);

/// An answer to the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub tokens: u64,
    /// Provider and model that counted; None: estimated from the text.
    pub by: Option<(Name, Name)>,
}

impl Relay {
    /// Asks the plan's best candidate where it speaks the client's dialect and can be asked; else estimates.
    pub async fn count(&self, ask: &Ask) -> Result<Counted, Trouble> {
        let fleet = self.fleet();
        let now = self.clock().now();
        let brief = ask.brief();
        let best = {
            let route = Route::of(&fleet, ask)?;
            let offers =
                offers(&route, &fleet, ask, ask.wishes.session.as_deref(), self.sessions(), &[], now);
            let wish = route.wish(brief, &fleet);
            let decision = router::plan(&wish, &offers, now, &mut Dice::seeded(ask.seed));
            decision.plan.first().map(|offer| route.candidates[*offer])
        };
        let Some(candidate) = best.map(|at| &fleet.candidates[at]) else {
            return Ok(Counted { tokens: u64::from(brief.tokens_in), by: None });
        };
        let work = std::pin::pin!(self.counted_by(candidate, ask, fleet.bounds.connect()));
        let told = match select(work, self.clock().sleep(PATIENCE)).await {
            Either::Left((told, _)) => told,
            Either::Right(_) => Ok(None),
        };
        match told {
            Ok(Some(tokens)) => {
                let by = Some((candidate.provider.name.clone(), candidate.door.model.clone()));
                Ok(Counted { tokens, by })
            }
            Err(Fault::Rejected { message, param, code }) => Err(Trouble::Rejected { message, param, code }),
            Err(fault) => {
                tracing::info!(request = %ask.id, candidate = %candidate.id(), %fault, "tokens could not be counted");
                Ok(self.counted_here(candidate, ask).await)
            }
            Ok(None) => Ok(self.counted_here(candidate, ask).await),
        }
    }

    /// By the model's own tokenizer, where the platform has it; else estimated.
    async fn counted_here(&self, candidate: &Candidate, ask: &Ask) -> Counted {
        let (family, size) = (candidate.family, &ask.brief().size);
        let mut tokens = ask.brief().likely(family);
        if let Some(chat) = ask.words.chat() {
            // It may have to be made ready first.
            for _ in 0..READY_TRIES {
                if self.tokenizers().count(family, ".") != Count::Soon {
                    break;
                }
                self.clock().sleep(READY_PAUSE).await;
            }
            tokens = unreported::of_chat(self.tokenizers(), family, &chat, size);
        }
        Counted { tokens: tokens.into(), by: None }
    }

    /// None where this candidate cannot be asked.
    async fn counted_by(
        &self,
        candidate: &Candidate,
        ask: &Ask,
        connect: Duration,
    ) -> Result<Option<u64>, Fault> {
        let adapter = candidate.provider.adapter;
        let Words::Raw { dialect, raw, .. } = &ask.words else { return Ok(None) };
        if adapter.dialect() != *dialect {
            return Ok(None);
        }
        let Some(call) = adapter.count(raw, &candidate.door) else { return Ok(None) };
        let reply = self.http().send(call, connect).await?;
        let body = collect(reply.body, FAULT_BODY_MAX, true).await?;
        if !(200..300).contains(&reply.status) {
            return Err(adapter.fault(reply.status, &reply.headers, &body, self.clock().now()));
        }
        Ok(adapter.counted(&body))
    }
}
