//! The field's measures of a routing policy, each as its source defines it.
//!
//! | measure | source | what it is |
//! | --- | --- | --- |
//! | zero | RouterBench | the hull of the single models: the best that mixing them without a look at the prompt can do |
//! | oracle | RouterBench | for each prompt the best of true quality less price × true cost |
//! | AIQ | RouterBench | mean height of the policy's hull between the cheapest and the dearest single model's cost |
//! | AIQlog | | the same over the logarithm of cost, up to the best single model's |
//! | nAIQ | | (AIQlog − zero's) / (oracle's − zero's): the share won of what can be won by looking |
//! | PerfGain, CostSave, Gap@O | LLMRouterBench | highest quality, and least cost at the best single model's |
//! | Arena | RouterArena | accuracy and log cost in one figure, at the best point |
//! | APGR, CPT | RouteLLM | of two models, by the share of calls that the stronger gets |
//!
//! Sums run in the order of the rows, so a figure is the same wherever it is computed, up to the last digits of `exp`, `ln` and `pow`.

mod bootstrap;
mod curve;
mod numeric;
mod pair;
mod yardstick;

pub use bootstrap::{Interval, bootstrap};
pub use curve::{Hull, Point, prices};
pub(crate) use numeric::argmax;
pub use numeric::quantile;
pub use pair::{Pair, pair};
pub use yardstick::{Choices, Outcomes, Score, Yardstick};
