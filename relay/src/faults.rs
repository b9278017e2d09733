//! The error table: what an upstream outcome means, in one place.
//!
//! What a status or a body of a provider *is* (which [`Fault`]) the provider's adapter says. What follows from it
//! is here and nowhere else.

use router::Verdict;
use vocab::{Duration, Fault};

/// What is tried after a fault, before anything was shown to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next candidate of the plan; where there is none, the same again after a pause.
    CandidateOrSame,
    /// The next candidate of the plan; never the same again.
    Candidate,
    /// The next candidate that takes more context.
    Larger,
    /// Nobody: the client is told.
    Stop,
}

/// Whom the fault is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The (provider, model): its breaker counts it.
    Model,
    /// The (provider, model) rests for so long; it is no failure.
    ModelRests(Duration),
    /// Only the credential rests.
    CredentialRests(Duration),
    Nobody,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub next: Next,
    pub blame: Blame,
    /// The call may have been billed although it failed: its line holds an estimate where no usage was reported.
    pub billed: bool,
}

/// A 429 without a hint rests this long.
const BUSY_DEFAULT: Duration = Duration::from_secs(5);
/// No provider's hint is obeyed beyond this: a clock error upstream must not bench it for ever.
const REST_MAX: Duration = Duration::from_secs(24 * 3_600);
const SPENT_DEFAULT: Duration = Duration::from_secs(600);
const DENIED: Duration = Duration::from_secs(300);
const GONE: Duration = Duration::from_secs(1_800);

pub fn row(fault: &Fault) -> Row {
    let (next, blame, billed) = match fault {
        Fault::Busy { retry_after, .. } => {
            (Next::Candidate, Blame::ModelRests(retry_after.unwrap_or(BUSY_DEFAULT).min(REST_MAX)), false)
        }
        Fault::Spent { retry_after, .. } => (
            Next::Candidate,
            Blame::CredentialRests(retry_after.unwrap_or(SPENT_DEFAULT).min(REST_MAX)),
            false,
        ),
        Fault::Denied(_) => (Next::Candidate, Blame::CredentialRests(DENIED), false),
        Fault::Gone(_) => (Next::Candidate, Blame::ModelRests(GONE), false),
        Fault::TooLong(_) => (Next::Larger, Blame::Nobody, false),
        Fault::Unfit(_) => (Next::Candidate, Blame::Nobody, false),
        Fault::Rejected { .. } | Fault::Filtered(_) => (Next::Stop, Blame::Nobody, false),
        Fault::Down(_) => (Next::CandidateOrSame, Blame::Model, false),
        Fault::Silent(_) | Fault::Cut(_) | Fault::Garbled(_) => (Next::CandidateOrSame, Blame::Model, true),
    };
    Row { next, blame, billed }
}

impl Blame {
    /// As the (provider, model)'s own health sees it.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Model => Verdict::Bad,
            Self::ModelRests(span) => Verdict::Bench(span),
            Self::CredentialRests(_) | Self::Nobody => Verdict::Neutral,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_errors_are_nobodys_fault_and_go_nowhere_else() {
        for fault in [
            Fault::Rejected { message: String::new(), param: None, code: None },
            Fault::Filtered(String::new()),
        ] {
            assert_eq!(row(&fault), Row { next: Next::Stop, blame: Blame::Nobody, billed: false });
        }
    }

    #[test]
    fn an_absurd_retry_after_is_bounded() {
        let fault = Fault::Busy { retry_after: Some(Duration::from_secs(u64::MAX)), message: String::new() };
        assert_eq!(row(&fault).blame, Blame::ModelRests(REST_MAX));
    }

    #[test]
    fn a_refused_credential_leaves_the_model_alone() {
        assert_eq!(row(&Fault::Denied(String::new())).blame.verdict(), Verdict::Neutral);
    }
}
