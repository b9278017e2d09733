//! What can be wrong with a shared ledger, in the words of the one who can fix it.

use billing::BadEntry;
use std::error::Error as _;
use std::fmt;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

#[derive(Debug)]
pub enum PostgresError {
    /// The address cannot be used as it is written.
    Address(String),
    /// Nobody answers, or not in time, or the connection broke.
    Unreachable(String),
    /// The server answered, and will not do it.
    Refused { why: String, code: SqlState },
    /// The tables were made by a later weir.
    Newer { found: i32, known: i32 },
    /// The record does not verify.
    Bad(BadEntry),
    /// What is in the tables cannot be read.
    Corrupt(String),
}

impl PostgresError {
    /// Whether the same may go well a moment later.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { code, .. } => {
                // Classes of Appendix A of PostgreSQL's manual: connection, rollback by the server, resources, operator
                // intervention (a shutdown, a cancelled statement), lock not available.
                ["08", "40", "53", "57", "55P03", "25P03"].iter().any(|class| code.code().starts_with(class))
            }
            _ => false,
        }
    }

    /// Somebody else has the lock.
    pub(super) fn is_locked(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == SqlState::LOCK_NOT_AVAILABLE)
    }

    /// The server took the session for lost, or is going down: it is not to be used any more.
    pub(super) fn ends_session(&self) -> bool {
        match self {
            Self::Refused { code, .. } => {
                ["08", "57P", "25P03", "25P04"].iter().any(|class| code.code().starts_with(class))
            }
            Self::Unreachable(_) => true,
            _ => false,
        }
    }
}

impl fmt::Display for PostgresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(why) => f.write_str(why),
            Self::Unreachable(why) => write!(f, "PostgreSQL does not answer: {why}"),
            Self::Refused { why, code } => write!(f, "PostgreSQL says: {why} ({})", code.code()),
            Self::Newer { found, known } => write!(
                f,
                "the ledger's tables are of version {found}, this weir knows up to {known}: use the newer weir"
            ),
            Self::Bad(entry) => write!(f, "the record does not verify: {entry}"),
            Self::Corrupt(why) => {
                write!(f, "the ledger's tables are damaged: {why}; restore them from a copy")
            }
        }
    }
}

impl std::error::Error for PostgresError {}

impl From<Error> for PostgresError {
    fn from(error: Error) -> Self {
        if let Some(told) = error.as_db_error() {
            // Not the detail: it may quote what callers sent.
            return Self::Refused { why: told.message().into(), code: told.code().clone() };
        }
        let why = match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        Self::Unreachable(why)
    }
}

impl From<BadEntry> for PostgresError {
    fn from(entry: BadEntry) -> Self {
        Self::Bad(entry)
    }
}
