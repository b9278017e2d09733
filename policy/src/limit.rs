//! How fast somebody may ask, and how much at a time.
//!
//! What is configured are [`Quotas`]. A request comes under several at once: its key's, its account's, its plan's. Each
//! of these is a [`Rule`] that names a counter, and a request is let in by all of them or takes from none.
//!
//! The state is here and the decision is here; who keeps the state, and who shares it with whom, is not.

mod bucket;
mod common;
mod counters;
mod meter;
mod quotas;
mod reading;

pub use bucket::{Bucket, Full, Mark, Rate};
pub use common::{Ahead, Answer, Board, Common, Stand, Terms};
pub use counters::{Counters, Estimate, Meters, Over, Rule, Taken, Use};
pub use meter::Meter;
pub use quotas::Quotas;
pub use reading::{Reading, Readings, Scope, What};
