//! Meters of limits in PostgreSQL: rows that a node locks, reads, decides about and writes, in two round trips. What stands in
//! them says `policy::limit::Common`.
//!
//! Commits are not waited for to be on disk: of what was counted in the last half second before the server lost its power
//! something may be missing. Limits are not the record.

use super::session::{Session, within};
use super::{Inner, Postgres, PostgresError, rows};
use std::sync::Arc;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;
use vocab::Instant;

/// Where meters are. Whoever has it does not keep the store open.
#[derive(Clone)]
pub struct MeterTable {
    inner: Arc<Inner>,
}

impl Postgres {
    /// The meters that are kept beside the shared ledger.
    pub fn meter_table(&self) -> MeterTable {
        MeterTable { inner: Arc::clone(&self.inner) }
    }
}

impl MeterTable {
    /// What this node is called.
    pub fn node(&self) -> &str {
        &self.inner.options.node
    }

    /// How long a request waits for PostgreSQL.
    pub fn patience(&self) -> std::time::Duration {
        self.inner.options.patience
    }

    /// Does something on the store's own thread.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.inner.sessions.runtime().spawn(work)
    }

    /// Throws away meters that are as good as new.
    pub async fn tidy(&self) -> Result<(), PostgresError> {
        const SQL: &str = "\
            DELETE FROM weir.meter WHERE name IN (SELECT name FROM weir.meter \
            WHERE idle_at < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FOR UPDATE SKIP LOCKED)";
        self.inner.ask(SQL, &[]).await.map(drop)
    }
}

/// A connection that counts.
pub struct Counting {
    table: MeterTable,
    open: Option<Open>,
}

struct Open {
    session: Session,
    make: Statement,
    lock: Statement,
    wait: Statement,
    clock: Statement,
    write: Statement,
}

/// What is locked: each meter's name and what stands in it, empty where it is new.
pub struct Locked {
    pub rows: Vec<(Vec<u8>, String)>,
    /// By the database's clock, behind the locks.
    pub now: Instant,
}

/// A meter as it is to be kept: its name, what stands in it, and from when on it need not be kept.
pub type Written = (Vec<u8>, String, Instant);

impl Open {
    async fn new(session: Session) -> Result<Self, PostgresError> {
        let client = &session.client;
        let (make, lock, wait, clock, write) = within(async {
            Ok(futures::try_join!(
                client.prepare(
                    "INSERT INTO weir.meter (name) SELECT n FROM unnest($1::bytea[]) AS n ORDER BY n ON CONFLICT DO NOTHING"
                ),
                client.prepare(
                    "SELECT name, state FROM weir.meter WHERE name = ANY($1) ORDER BY name FOR UPDATE SKIP LOCKED"
                ),
                client.prepare("SELECT name, state FROM weir.meter WHERE name = ANY($1) ORDER BY name FOR UPDATE"),
                client.prepare("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"),
                client.prepare(
                    "UPDATE weir.meter AS m SET state = n.state, idle_at = n.idle_at \
                     FROM unnest($1::bytea[], $2::text[], $3::bigint[]) AS n (name, state, idle_at) WHERE m.name = n.name"
                ),
            )?)
        })
        .await?;
        Ok(Self { session, make, lock, wait, clock, write })
    }

    async fn begin(&self, names: &[&[u8]], wait: bool) -> Result<Locked, PostgresError> {
        let client = &self.session.client;
        let with: &[&(dyn ToSql + Sync)] = &[&names];
        let lock = if wait { &self.wait } else { &self.lock };
        let (begun, made, locked, clock) = futures::join!(
            client
                .batch_execute("BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '100ms'"),
            client.execute(&self.make, with),
            client.query(lock, with),
            client.query_one(&self.clock, &[]),
        );
        begun?;
        made?;
        let rows = locked?
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<_, PostgresError>>()?;
        Ok(Locked { rows, now: rows::instant(clock?.try_get(0)?) })
    }

    async fn end(&self, written: &[Written]) -> Result<(), PostgresError> {
        let names: Vec<&[u8]> = written.iter().map(|(name, ..)| &name[..]).collect();
        let states: Vec<&str> = written.iter().map(|(_, state, _)| state.as_str()).collect();
        let idle: Vec<i64> = written.iter().map(|(.., at)| rows::until(*at)).collect();
        let with: &[&(dyn ToSql + Sync)] = &[&names, &states, &idle];
        let client = &self.session.client;
        let (wrote, ended) =
            futures::join!(client.execute(&self.write, with), client.batch_execute("COMMIT"));
        wrote?;
        Ok(ended?)
    }
}

impl Counting {
    pub const fn new(table: MeterTable) -> Self {
        Self { table, open: None }
    }

    /// Locks meters by their names, and reads them; those that are not there are made. Of those that somebody else has locked
    /// nothing is said, unless they are waited for, a tenth of a second at most; then nothing is said of any.
    pub async fn begin(&mut self, names: &[&[u8]], wait: bool) -> Result<Locked, PostgresError> {
        let open = match self.open.take().filter(|open| !open.session.is_closed()) {
            Some(open) => open,
            None => Box::pin(async { Open::new(self.table.inner.sessions.open().await?).await }).await?,
        };
        let begun = async {
            match open.begin(names, wait).await {
                Err(error) if error.is_locked() => {
                    open.session.client.batch_execute("ROLLBACK; BEGIN").await?;
                    Ok(Locked { rows: Vec::new(), now: Instant::ZERO })
                }
                begun => begun,
            }
        };
        let locked = self.bounded(begun).await?;
        // One that failed is not used any more: then nothing that it had locked is locked.
        self.open = Some(open);
        Ok(locked)
    }

    /// Writes them, and lets them go.
    pub async fn end(&mut self, written: &[Written]) -> Result<(), PostgresError> {
        let gone = || PostgresError::Unreachable("nothing was begun".into());
        let open = self.open.take().ok_or_else(gone)?;
        self.bounded(open.end(written)).await?;
        self.open = Some(open);
        Ok(())
    }

    async fn bounded<T>(
        &self,
        what: impl Future<Output = Result<T, PostgresError>>,
    ) -> Result<T, PostgresError> {
        let late = |_| PostgresError::Unreachable("it took too long".into());
        tokio::time::timeout(self.table.patience(), what).await.map_err(late)?
    }
}
