//! Reading the shared record for the command line, while nodes write it or while none runs.

use super::session::{Session, Sessions, within};
use super::{Address, PostgresError, books, load};
use billing::{BadEntry, Entry, Flaw, Summary, Tally};
use tokio::runtime::{Builder, Runtime};

/// A connection of its own. Each call sees what is committed by then.
pub struct Reader {
    session: Session,
    // Dropped after the session that lives on it.
    runtime: Runtime,
}

impl Reader {
    pub fn open(address: Address) -> Result<Self, PostgresError> {
        let unable = |error: std::io::Error| PostgresError::Unreachable(error.to_string());
        let runtime = Builder::new_current_thread().enable_all().build().map_err(unable)?;
        let sessions = Sessions::new(address, runtime.handle().clone());
        let session = runtime.block_on(sessions.open_to_read())?;
        Ok(Self { session, runtime })
    }

    /// The names of all accounts, in alphabetical order.
    pub fn accounts(&self) -> Result<Vec<String>, PostgresError> {
        let sql = "SELECT name FROM weir.account WHERE head_seq > 0 ORDER BY name COLLATE \"C\"";
        let found =
            self.runtime.block_on(within(async { Ok(self.session.client.query(sql, &[]).await?) }))?;
        found.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Walks an account's whole record, some entries in memory at a time.
    pub fn verify(&self, account: &str) -> Result<Summary, PostgresError> {
        let mut tally = Tally::new(account);
        self.runtime.block_on(async {
            let Some((id, seq)) = load::find(&self.session, account).await? else {
                return Ok(tally.summary());
            };
            let walked = load::walk(&self.session, id, &mut tally, seq).await;
            match walked {
                // The row that says where the record ends and the record itself are at odds.
                Err(PostgresError::Corrupt(_)) => {
                    let flaw = Flaw::CutOff { expected: seq };
                    Err(BadEntry { account: account.into(), seq: tally.seq, flaw }.into())
                }
                walked => walked.map(|()| tally.summary()),
            }
        })
    }

    /// The entries with `seq` above `after`, oldest first.
    pub fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, PostgresError> {
        self.runtime.block_on(books::entries(&self.session, account, after, limit))
    }

    /// The last entries, newest first.
    pub fn latest(&self, account: &str, limit: usize) -> Result<Vec<Entry>, PostgresError> {
        self.runtime.block_on(books::back(&self.session, account, u64::MAX, limit, books::ALL))
    }
}
