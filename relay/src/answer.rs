//! What a caller gets.

use crate::ask::BadInput;
use crate::speech::Speech;
use crate::voice::Sounding;
use billing::Balance;
use bytes::Bytes;
use policy::limit::{Over, Scope, What};
use serde::Serialize;
use std::borrow::Cow;
use vocab::{Cap, Duration, Event, Made, Name, Pico, Transcript, Usage};

/// One upstream call, as the answer tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    pub provider: Name,
    pub model: Name,
    /// `ok`, or the name of the fault.
    pub outcome: Cow<'static, str>,
    /// The fault in words; empty for `ok`.
    pub message: String,
    pub millis: u64,
}

/// Who served, and why them. Known when the first content is there.
#[derive(Clone, Debug)]
pub struct Served {
    pub provider: Name,
    pub model: Name,
    /// `X-Route-Reason`.
    pub reason: Cow<'static, str>,
    /// `X-Route-Decision`: what `/api/route/explain` and the log call this decision.
    pub decision: DecisionId,
    /// Upstream calls made so far, this one included.
    pub attempts: u32,
    /// From the ask to the first content, spent waiting for providers.
    pub upstream: Duration,
    /// Account money after the hold.
    pub balance: Balance,
    /// What is held: the most this answer can cost without another hold.
    pub cost_max: Pico,
    /// What the provider calls its part of this, where it names it: what its support asks for.
    pub provider_request_id: Option<Box<str>>,
    /// The built-in lab served: fake content.
    pub fake: bool,
}

/// The name of a decision: with the request and the state of the fleet, the seed makes the same one again. Sixteen
/// hexadecimal digits, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionId([u8; 16]);

impl DecisionId {
    pub fn of(mut seed: u64) -> Self {
        let mut digits = [0; 16];
        for digit in digits.iter_mut().rev() {
            let nibble = (seed & 15) as u8;
            *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
            seed >>= 4;
        }
        Self(digits)
    }
}

impl std::ops::Deref for DecisionId {
    type Target = str;

    fn deref(&self) -> &str {
        // Nothing but digits is ever in it.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The best cheaper alternative that the caller's own policy allows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// `provider/model`.
    pub model: String,
    pub savings_usd: Pico,
    /// Whole percent of what was paid.
    pub savings_pct: u32,
    pub quality_delta: f64,
    pub latency_delta_ms: i64,
    pub confidence: f64,
    pub reason: String,
}

/// What it came to in the end. One value serves headers, the final event, metrics and the display.
#[derive(Clone, Debug)]
pub struct Bill {
    /// Of the call that served; other attempts have their own lines in the ledger.
    pub usage: Usage,
    /// All attempts together, as settled.
    pub cost: Pico,
    pub balance: Balance,
    pub attempts: Vec<Attempt>,
    pub advice: Option<Advice>,
    /// Spent waiting for providers.
    pub upstream: Duration,
}

impl Bill {
    /// A bill whose usage is known and whose sum is not yet. Boxed, so that whoever waits for the sum holds a pointer.
    pub(crate) fn open(usage: Usage, upstream: Duration) -> Box<Self> {
        let (cost, balance) = (Pico::ZERO, Balance::default());
        Box::new(Self { usage, cost, balance, attempts: Vec::new(), advice: None, upstream })
    }
}

pub enum Answer {
    Whole {
        served: Served,
        content: Content,
        bill: Box<Bill>,
    },
    Stream {
        served: Served,
        speech: Speech,
    },
    /// Sound as it comes, in pieces of bytes. `cost`: what all of it comes to, where that is known before it is said.
    Sound {
        served: Served,
        cost: Option<Pico>,
        sounding: Box<Sounding>,
    },
}

/// A whole answer.
pub enum Content {
    /// In the client's own dialect, as it came.
    Raw(Bytes),
    /// To be written in the client's dialect. Ends with `End`; `Usage` is in it.
    Events(Vec<Event>),
    /// The answer to a task, to be written in the client's dialect.
    Made(Made),
    /// What was said, to be written as the client wants it.
    Heard(Box<Transcript>),
}

/// A step of a streamed answer.
pub enum Piece {
    /// Whole frames of the client's own dialect, as they came.
    Bytes(Bytes),
    /// To be written in the client's dialect. `Event::End` is the moment for the protocol's end mark.
    Event(Event),
    /// The answer is whole and settled. The last piece.
    End(Box<Bill>),
    /// The upstream failed after content was out, or the budget ran out: no end mark, a typed error. The last piece.
    Broken(Trouble, Box<Bill>),
}

/// Why there is no (whole) answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    BadInput(BadInput),
    UnknownModel {
        asked: String,
        nearest: Vec<String>,
    },
    UnknownPolicy {
        asked: String,
        known: Vec<String>,
    },
    /// A key, a token or an account is on a plan that there is not.
    UnknownPlan {
        asked: String,
        known: Vec<String>,
    },
    /// The caller's plan has none of what is asked for.
    NotInPlan {
        asked: String,
        plan: String,
        /// Models that it has, as far as they are told.
        has: Vec<String>,
    },
    /// It may cost more than one request may.
    TooDear {
        needed: Pico,
        most: Pico,
        scope: Scope,
    },
    /// Too many requests or tokens; not to be mixed up with [`Self::Limited`], where providers had too many.
    OverLimit(Box<Over>),
    /// No candidate can do what is asked: (`provider/model`, why not) for each.
    NoCandidate(Vec<(String, String)>),
    /// Out of credit.
    Poor {
        needed: Pico,
        available: Pico,
    },
    /// A budget has no room for it.
    OverBudget {
        cap: Cap,
        taken: Pico,
        needed: Pico,
    },
    /// The id was used for another request.
    Conflict,
    /// A stream used up what could be held for it.
    BudgetExhausted,
    /// The provider says the client's request is wrong.
    Rejected {
        message: String,
        param: Option<String>,
        code: Option<String>,
    },
    Filtered {
        message: String,
    },
    TooLong {
        message: String,
    },
    /// Every attempt failed.
    Failed(Vec<Attempt>),
    /// Every attempt was refused for want of capacity.
    Limited {
        attempts: Vec<Attempt>,
        retry_after: Option<Duration>,
    },
    /// Every breaker is open.
    Resting {
        retry_after: Duration,
    },
    Deadline {
        attempts: Vec<Attempt>,
    },
    /// After content was out.
    Broken {
        fault: String,
        message: String,
    },
    BooksDown(String),
}

impl Trouble {
    /// The stable machine code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadInput(_) => "invalid_request",
            Self::UnknownModel { .. } => "model_not_found",
            Self::UnknownPolicy { .. } => "unknown_policy",
            Self::UnknownPlan { .. } => "unknown_plan",
            Self::NotInPlan { .. } => "model_not_in_plan",
            Self::TooDear { .. } => "cost_over_limit",
            Self::OverLimit(over) if over.wait.is_none() => "tokens_over_limit",
            Self::NoCandidate(_) => "no_candidate",
            Self::Poor { .. } => "insufficient_credit",
            Self::OverBudget { .. } => "budget_exceeded",
            Self::Conflict => "request_id_conflict",
            Self::BudgetExhausted => "budget_exhausted",
            Self::Rejected { .. } => "upstream_rejected",
            Self::Filtered { .. } => "content_filter",
            Self::TooLong { .. } => "context_length_exceeded",
            Self::Failed(_) => "all_attempts_failed",
            Self::Limited { .. } | Self::OverLimit(_) => "rate_limited",
            Self::Resting { .. } => "all_providers_resting",
            Self::Deadline { .. } => "deadline_exceeded",
            Self::Broken { .. } => "stream_broken",
            Self::BooksDown(_) => "ledger_unavailable",
        }
    }

    /// The HTTP status, where no byte of an answer is out yet.
    pub const fn status(&self) -> u16 {
        match self {
            Self::BadInput(_)
            | Self::UnknownPolicy { .. }
            | Self::Rejected { .. }
            | Self::Filtered { .. }
            | Self::TooLong { .. } => 400,
            Self::Poor { .. } | Self::OverBudget { .. } | Self::BudgetExhausted => 402,
            Self::UnknownPlan { .. } | Self::NotInPlan { .. } | Self::TooDear { .. } => 403,
            Self::UnknownModel { .. } => 404,
            Self::Conflict => 409,
            Self::NoCandidate(_) => 422,
            Self::OverLimit(over) if over.wait.is_none() => 413,
            Self::Limited { .. } | Self::OverLimit(_) => 429,
            Self::Failed(_) | Self::Broken { .. } => 502,
            Self::Resting { .. } | Self::BooksDown(_) => 503,
            Self::Deadline { .. } => 504,
        }
    }

    /// When to come back, where that is known.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Resting { retry_after } => Some(*retry_after),
            Self::Limited { retry_after, .. } => *retry_after,
            Self::OverLimit(over) => over.wait,
            _ => None,
        }
    }

    /// A sentence a person can act on.
    pub fn message(&self) -> String {
        match self {
            Self::BadInput(bad) => bad.message.clone(),
            Self::UnknownModel { asked, nearest } if nearest.is_empty() => {
                format!(
                    "No configured provider serves the model {asked:?}. GET /v1/models lists what is served."
                )
            }
            Self::UnknownModel { asked, nearest } => {
                format!("No configured provider serves the model {asked:?}. Nearest: {}.", nearest.join(", "))
            }
            Self::UnknownPolicy { asked, known } => {
                format!("There is no policy {asked:?}. Known: {}.", known.join(", "))
            }
            Self::UnknownPlan { asked, known } => format!(
                "The caller is on the plan {asked:?}, which there is not here, so nothing is allowed. Known: {}.",
                known.join(", ")
            ),
            Self::NotInPlan { asked, plan, has } if has.is_empty() => {
                format!("The plan {plan} does not have {asked:?}, nor any other model that is served here.")
            }
            Self::NotInPlan { asked, plan, has } => format!(
                "The plan {plan} does not have {asked:?}. It has {}. GET /v1/models lists them all.",
                has.join(", ")
            ),
            Self::TooDear { needed, most, scope } => format!(
                "This request may cost up to {needed} USD; {most} USD is the most that one request may cost for {scope}. Lower max_tokens, or ask for a cheaper model."
            ),
            Self::OverLimit(over) => over_limit(over),
            Self::NoCandidate(removed) => {
                let mut text = String::from("No candidate can do what is asked.");
                for (who, why) in removed.iter().take(8) {
                    text.push_str(&format!(" {who}: {why}."));
                }
                if removed.len() > 8 {
                    text.push_str(&format!(" And {} more.", removed.len() - 8));
                }
                text
            }
            Self::Poor { needed, available } => format!(
                "The account cannot cover this request: it may cost up to {needed} USD, {available} USD are available. Lower max_tokens or add credit."
            ),
            Self::OverBudget { cap, taken, needed } => {
                let resets = cap.until.map(|until| format!(" It begins anew at {}.", until.rfc3339()));
                format!(
                    "The budget {} is {} USD, of which {taken} are spent or set aside; this request may cost up to {needed}.{} Lower max_tokens, or ask whoever keeps the budget.",
                    cap.budget, cap.limit, resets.unwrap_or_default()
                )
            }
            Self::Conflict => {
                "This request id was used before for another request. Send a new X-Request-Id.".into()
            }
            Self::BudgetExhausted => "The account's credit, one of its budgets or what one request may cost ran out while this was streaming.".into(),
            Self::Rejected { message, .. } | Self::Filtered { message } | Self::TooLong { message } => {
                message.clone()
            }
            Self::Failed(attempts) => told("Every attempt failed", attempts),
            Self::Limited { attempts, .. } => told("Every provider is over its limit", attempts),
            Self::Resting { retry_after } => format!(
                "Every provider that could serve this has failed lately and is resting; the next may be tried in {} s.",
                retry_after.as_millis().div_ceil(1_000)
            ),
            Self::Deadline { attempts } => told("No answer before the deadline", attempts),
            Self::Broken { fault, message } => {
                format!("The answer broke off ({fault}: {message}). What came before is incomplete.")
            }
            Self::BooksDown(why) => {
                format!("The ledger cannot be written, so nothing is sent to a provider: {why}")
            }
        }
    }
}

/// Which limit, what of it is used, and when to come again.
fn over_limit(over: &Over) -> String {
    let limit = &over.limit;
    let Some(wait) = over.wait else {
        return format!(
            "This request has about {} input tokens, more than the limit of {} ever lets in at once. Send less of it at a time.",
            over.estimate.input,
            limit.words()
        );
    };
    let mut text = format!("Over the limit of {}: ", limit.words());
    text.push_str(&match limit.what {
        What::Tokens => format!(
            "{} of {} tokens are left, and this request is taken for {}.",
            limit.left,
            limit.limit,
            over.estimate.whole().min(limit.limit.max(over.estimate.input))
        ),
        What::Concurrent => format!("{} are under way.", limit.limit - limit.left),
        What::Minute | What::Hour => format!("{} of {} are left.", limit.left, limit.limit),
    });
    if let Some(reset) = limit.reset {
        text.push_str(&format!(" It is whole again in {} s.", reset.as_micros().div_ceil(1_000_000)));
    }
    text.push_str(&format!(" Try again in {} s.", wait.as_micros().div_ceil(1_000_000)));
    text
}

fn told(what: &str, attempts: &[Attempt]) -> String {
    let mut text = format!("{what}.");
    for a in attempts {
        text.push_str(&format!(
            " {}/{}: {} after {} ms ({}).",
            a.provider, a.model, a.outcome, a.millis, a.message
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_called_by_its_seed() {
        for seed in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(&*DecisionId::of(seed), format!("{seed:016x}"));
        }
    }
}
