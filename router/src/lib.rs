//! Which candidate next: one score in money and seconds, constraints that are never traded for it, and the memory of
//! what each provider did lately.
//!
//! Everything here is a value or a plain state machine. No clock is read and no dice are drawn: the moment and the
//! [`vocab::Dice`] are arguments, so the same inputs and seed give the same decision on every platform. For that
//! reason there is no transcendental function here either: `exp` and `ln` differ in the last bit between platforms.
//!
//! One request reads like this: a [`Standing`] is taken from every candidate's [`Health`], [`plan`] turns the
//! [`Offer`]s into a [`Decision`], each attempt asks [`Health::admit`] for a [`Pass`], and hands the pass back to
//! [`Health::record`] with what came of it. [`explain`] and [`advise`] look back at the decision.
//!
//! Not here, on purpose: prices (an offer brings its cost), requests (a [`vocab::Brief`] is enough), anything async.

mod advise;
mod again;
mod breaker;
mod cache;
mod constraints;
mod decay;
mod explain;
mod explore;
mod health;
mod hearsay;
mod hedge;
mod learn;
mod offer;
mod plan;
pub mod predictor;
mod score;
mod sketch;
mod wish;

pub use advise::{Alternative, advise};
pub use again::{Known, shares};
pub use breaker::{Breaker, Pass, Rules};
pub use cache::{LastUse, PromptCache, cached_share, cached_tokens};
pub use constraints::{OUTPUT_RESERVE, Removed};
pub use explain::{Record, explain};
pub use explore::{FLOOR, OPTIMISM, explore};
pub use health::{Health, Outcome, Verdict};
pub use hearsay::Hearsay;
pub use hedge::{HEDGE_SAMPLES_MIN, HedgeBudget, hedge_after};
pub use learn::{FEATURES, Features, Judged, Mind, features};
pub use offer::{Learned, Offer, Standing, State};
pub use plan::{Decision, PLAN_MAX, Reason, plan};
pub use score::{FAILURE_UNPROVEN, FORMULA, PRIOR_WEIGHT, Ranked, Source};
pub use sketch::Sketch;
pub use wish::{Limits, Weights, Wish};

#[cfg(test)]
mod laws;
#[cfg(test)]
mod samples;
