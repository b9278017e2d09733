//! Answers under idempotency keys in PostgreSQL, for all nodes: a row is a claim, and then what came of it.
//!
//! Of requests under one name on any nodes one inserts the row; the others find it. A claim has a lease, as its node may die. All
//! times are by the database's clock, so nodes need not agree on one.

use super::{Inner, Postgres, PostgresError};
use bytes::Bytes;
use policy::Digest;
use std::sync::Arc;
use tokio_postgres::Row;
use vocab::Duration;

/// A claim that meets one which just goes is made again.
const TRIES: usize = 8;

/// Where answers are. Whoever has it does not keep the store open.
#[derive(Clone)]
pub struct AnswerTable {
    inner: Arc<Inner>,
}

/// What is under a name.
#[derive(Debug)]
pub enum Under {
    /// Nothing: it is taken with this, for who asked.
    Taken(i64),
    Kept {
        request: Digest,
        answer: Bytes,
    },
    Busy {
        request: Digest,
    },
}

impl Postgres {
    /// The answers that are kept beside the shared ledger.
    pub fn answer_table(&self) -> AnswerTable {
        AnswerTable { inner: Arc::clone(&self.inner) }
    }
}

impl AnswerTable {
    /// Why nothing can be asked now; None where all is well.
    pub fn down(&self) -> Option<String> {
        self.inner.down()
    }

    /// Does something on the store's own thread, and to its end.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.inner.sessions.runtime().spawn(work)
    }

    /// Takes a name for as long as that, where nobody has it.
    pub async fn claim(
        &self,
        name: &[u8; 32],
        request: &Digest,
        lease: Duration,
    ) -> Result<Under, PostgresError> {
        const SQL: &str = "\
            WITH mine AS (\
              INSERT INTO weir.answer AS a (name, turn, request, until) \
              VALUES ($1, nextval('weir.answer_turn'), $2, clock_timestamp() + make_interval(secs => $3)) \
              ON CONFLICT (name) DO UPDATE SET turn = excluded.turn, request = excluded.request, until = excluded.until, \
                size = 0, answer = NULL WHERE a.until <= clock_timestamp() RETURNING turn) \
            SELECT turn, NULL::bytea, NULL::bytea FROM mine UNION ALL \
            SELECT NULL, request, answer FROM weir.answer WHERE name = $1 AND NOT EXISTS (SELECT FROM mine)";
        let (name, wanted) = (&name[..], &request.bytes()[..]);
        for _ in 0..TRIES {
            let rows = self.inner.ask(SQL, &[&name, &wanted, &lease.as_secs_f64()]).await?;
            // None: somebody took it after this statement had begun to look, or let it go.
            if let Some(row) = rows.first() {
                return under(row);
            }
        }
        Err(PostgresError::Unreachable("a key is taken and let go again and again".into()))
    }

    /// Keeps the answer under a name that is still taken with this. Whether it was.
    pub async fn keep(
        &self,
        name: &[u8; 32],
        turn: i64,
        answer: &[u8],
        ttl: Duration,
    ) -> Result<bool, PostgresError> {
        const SQL: &str = "\
            UPDATE weir.answer SET answer = $3::bytea, size = octet_length($3::bytea), turn = nextval('weir.answer_turn'), \
            until = clock_timestamp() + make_interval(secs => $4) \
            WHERE name = $1 AND turn = $2 AND answer IS NULL RETURNING turn";
        let name = &name[..];
        Ok(!self.inner.ask(SQL, &[&name, &turn, &answer, &ttl.as_secs_f64()]).await?.is_empty())
    }

    /// Lets a name go, if it is still taken with this.
    pub async fn give_up(&self, name: &[u8; 32], turn: i64) -> Result<(), PostgresError> {
        const SQL: &str = "DELETE FROM weir.answer WHERE name = $1 AND turn = $2 AND answer IS NULL";
        let name = &name[..];
        self.inner.ask(SQL, &[&name, &turn]).await.map(drop)
    }

    /// Throws away what is too old.
    pub async fn forget_old(&self) -> Result<(), PostgresError> {
        // Two that do this at once do not wait for one another.
        const SQL: &str = "\
            DELETE FROM weir.answer WHERE name IN \
            (SELECT name FROM weir.answer WHERE until <= clock_timestamp() FOR UPDATE SKIP LOCKED)";
        self.inner.ask(SQL, &[]).await.map(drop)
    }

    /// Throws away the oldest answers, until there are no more bytes of them.
    pub async fn make_room(&self, most: u64) -> Result<(), PostgresError> {
        const SQL: &str = "\
            DELETE FROM weir.answer WHERE name IN (SELECT name FROM weir.answer WHERE answer IS NOT NULL AND turn <= \
            (SELECT max(turn) FROM (SELECT turn, sum(size) OVER (ORDER BY turn DESC) AS down_to FROM weir.answer \
            WHERE answer IS NOT NULL) AS newest WHERE down_to > $1::bigint) FOR UPDATE SKIP LOCKED)";
        self.inner.ask(SQL, &[&i64::try_from(most).unwrap_or(i64::MAX)]).await.map(drop)
    }
}

fn under(row: &Row) -> Result<Under, PostgresError> {
    if let Some(turn) = row.try_get(0)? {
        return Ok(Under::Taken(turn));
    }
    let digest = <[u8; 32]>::try_from(row.try_get::<_, &[u8]>(1)?).map(Digest::from_bytes);
    let request = digest.map_err(|_| PostgresError::Corrupt("a request's digest has not 32 bytes".into()))?;
    Ok(match row.try_get::<_, Option<Vec<u8>>>(2)? {
        Some(answer) => Under::Kept { request, answer: answer.into() },
        None => Under::Busy { request },
    })
}
