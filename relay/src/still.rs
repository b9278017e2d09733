//! Books whose clock stands still, for tests that compare two records byte for byte.
//!
//! Everything else goes on by the real clock: what is waited for, what has rested long enough, what a token's age is.

use crate::ports::{Books, BooksError, Mark, Posted};
use async_trait::async_trait;
use billing::{Balance, Budgets, Entry, Line, Op};
use std::sync::Arc;
use vocab::{Duration, Instant, Pico};

/// The variable that both shells read: a moment as RFC 3339 has it, in UTC. A shell that sweeps by the real clock
/// needs one that is far ahead, or holds end at once.
pub const VARIABLE: &str = "WEIR_CLOCK";

/// Every entry is of one moment, and every lease is as long after it as it would have been.
pub struct Still {
    books: Arc<dyn Books>,
    at: Instant,
}

impl Still {
    pub fn new(books: Arc<dyn Books>, at: Instant) -> Self {
        Self { books, at }
    }

    fn moved(&self, op: Op, now: Instant) -> Op {
        let moved = |until: Instant| self.at.after(until.since(now));
        match op {
            Op::Hold { id, amount, estimate, lease_until, tags, caps } => {
                Op::Hold { id, amount, estimate, lease_until: moved(lease_until), tags, caps }
            }
            Op::Extend { id, more, lease_until, caps } => {
                Op::Extend { id, more, lease_until: moved(lease_until), caps }
            }
            other => other,
        }
    }
}

/// The moment that [`VARIABLE`] says: `2030-01-01T00:00:00Z`, with or without a fraction of a second.
pub fn moment(text: &str) -> Option<Instant> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let two = |text: &str, most: u64| {
        let plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u64>().ok().filter(|n| plain && *n <= most)
    };
    let mut parts = clock.splitn(3, ':');
    let (h, m, s) = (two(parts.next()?, 23)?, two(parts.next()?, 59)?, two(parts.next()?, 59)?);
    let digits = (1..=6).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    let micros = format!("{fraction:0<6}").parse::<u64>().ok().filter(|_| digits)?;
    let since = Duration::from_secs(h * 3_600 + m * 60 + s) + Duration::from_micros(micros);
    Some(Instant::parse_date(date)?.after(since))
}

#[async_trait]
impl Books for Still {
    async fn post(&self, account: &str, op: Op, now: Instant) -> Result<Posted, BooksError> {
        self.books.post(account, self.moved(op, now), self.at).await
    }

    fn post_at_once(&self, account: &str, op: Op, now: Instant) -> Result<Result<Posted, BooksError>, Op> {
        self.books.post_at_once(account, self.moved(op.clone(), now), self.at).map_err(|_| op)
    }

    fn hold_at_once(
        &self,
        account: &str,
        op: Op,
        now: Instant,
        chosen: bool,
    ) -> Result<Result<Posted, BooksError>, Op> {
        self.books.hold_at_once(account, self.moved(op.clone(), now), self.at, chosen).map_err(|_| op)
    }

    async fn durable(&self, mark: Mark) -> Result<(), BooksError> {
        self.books.durable(mark).await
    }

    async fn balance(&self, account: &str) -> Result<Balance, BooksError> {
        self.books.balance(account).await
    }

    async fn budgets(&self, account: &str) -> Result<Budgets, BooksError> {
        self.books.budgets(account).await
    }

    async fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        self.books.entries(account, after, limit).await
    }

    async fn ended(&self, account: &str, before: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        self.books.ended(account, before, limit).await
    }

    async fn seq_before(&self, account: &str, at: Instant) -> Result<u64, BooksError> {
        self.books.seq_before(account, at).await
    }

    async fn of_request(&self, account: &str, id: &str) -> Result<Vec<Entry>, BooksError> {
        self.books.of_request(account, id).await
    }

    async fn spent(&self, account: &str, from: Instant) -> Result<Pico, BooksError> {
        self.books.spent(account, from.min(self.at)).await
    }

    fn well(&self) -> Result<(), String> {
        self.books.well()
    }

    fn progress_every(&self) -> Option<Duration> {
        self.books.progress_every()
    }

    async fn progress(&self, account: &str, id: &str, lines: Vec<Line>, now: Instant) {
        self.books.progress(account, id, lines, now).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        for (text, shown) in [
            ("2030-01-01T00:00:00Z", "2030-01-01T00:00:00.000Z"),
            ("2026-11-21T23:59:59.5Z", "2026-11-21T23:59:59.500Z"),
            ("2026-11-21T08:07:06.123456Z", "2026-11-21T08:07:06.123Z"),
        ] {
            assert_eq!(moment(text).unwrap().rfc3339(), shown);
        }
        for bad in [
            "",
            "2030-01-01",
            "2030-01-01T00:00:00",
            "2030-01-01T24:00:00Z",
            "2030-01-01T0:00:00Z",
            "2030-01-01T00:00Z",
            "2030-01-01T00:00:00+01:00",
            "2030-13-01T00:00:00Z",
            "2030-01-01T00:00:00.Z",
            "2030-01-01T00:00:00.+1Z",
        ] {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }
}
