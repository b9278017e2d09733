//! One connection to PostgreSQL, made ready for work.

use super::address::Address;
use super::schema;
use super::{PostgresError, rows};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio_postgres::{Client, Statement};

/// How long a round trip may take, the wait for a lock included. What takes longer has lost its connection.
pub(super) const ROUND: Duration = Duration::from_secs(10);

/// What every session of ours says first. A node that stops in the middle of a transaction holds locks no longer than five
/// seconds. What is committed is on disk: a database that says otherwise is told.
const MANNERS: &str = "\
    SET lock_timeout = '1s'; SET statement_timeout = '8s'; SET idle_in_transaction_session_timeout = '5s'; \
    SET default_transaction_isolation = 'read committed'; SET TimeZone = 'UTC'; SET client_min_messages = 'warning'; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local');";

/// Where sessions come from.
pub(super) struct Sessions {
    address: Address,
    /// Connections live here, whoever uses them.
    runtime: Handle,
    /// The tables are there and of this version.
    migrated: AtomicBool,
}

impl Sessions {
    pub const fn new(address: Address, runtime: Handle) -> Self {
        Self { address, runtime, migrated: AtomicBool::new(false) }
    }

    pub const fn address(&self) -> &Address {
        &self.address
    }

    pub const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub async fn open(&self) -> Result<Session, PostgresError> {
        let address = self.address.clone();
        let runtime = self.runtime.clone();
        let opening = self.runtime.spawn(async move { connect(&address, &runtime).await });
        let mut session = opening.await.map_err(|why| PostgresError::Unreachable(why.to_string()))??;
        if !self.migrated.load(Ordering::Acquire) {
            within(schema::migrate(&mut session.client)).await?;
            self.migrated.store(true, Ordering::Release);
        }
        session.ready = Some(Box::new(within(Ready::prepare(&session.client)).await?));
        Ok(session)
    }

    /// One that reads whatever there is, of this version, and makes nothing.
    pub async fn open_to_read(&self) -> Result<Session, PostgresError> {
        let mut session = connect(&self.address, &self.runtime).await?;
        within(schema::check(&session.client)).await?;
        session.ready = Some(Box::new(within(Ready::prepare(&session.client)).await?));
        Ok(session)
    }
}

async fn connect(address: &Address, runtime: &Handle) -> Result<Session, PostgresError> {
    let connecting = address.config.connect(address.tls.clone());
    let (client, connection) = tokio::time::timeout(ROUND, connecting).await.map_err(late)??;
    let driver = runtime.spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = %PostgresError::from(error), "a connection to PostgreSQL ended");
        }
    });
    let session = Session { client, driver: driver.abort_handle(), ready: None };
    within(async { Ok(session.client.batch_execute(MANNERS).await?) }).await?;
    Ok(session)
}

/// No longer than a round trip may take.
pub(super) async fn within<T>(
    work: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    tokio::time::timeout(ROUND, work).await.map_err(late)?
}

fn late(_: tokio::time::error::Elapsed) -> PostgresError {
    PostgresError::Unreachable("it took too long".into())
}

/// A connection. Dropping it ends it, whatever it was doing.
pub(super) struct Session {
    pub client: Client,
    driver: AbortHandle,
    ready: Option<Box<Ready>>,
}

impl Session {
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The statements that were made ready.
    pub fn ready(&self) -> Result<&Ready, PostgresError> {
        self.ready.as_deref().ok_or_else(|| PostgresError::Unreachable("the session is not ready".into()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What is asked all day, parsed and planned once.
pub(super) struct Ready {
    pub lock: Statement,
    pub wait: Statement,
    pub past: Statement,
    pub news: Statement,
    pub insert: Statement,
    pub heads: Statement,
    pub hold: Statement,
    pub unhold: Statement,
    pub tally: Statement,
    pub slices: Statement,
    pub entries: Statement,
}

impl Ready {
    async fn prepare(client: &Client) -> Result<Self, PostgresError> {
        let columns = rows::COLUMNS;
        // What is behind LATERAL and LIMIT is looked up row by row, by index, whatever the planner believes of the table.
        let past = format!(
            "SELECT k.account, {columns} FROM unnest($1::int8[], $2::text[]) AS k (account, op_id) CROSS JOIN LATERAL \
             (SELECT * FROM weir.entry WHERE account = k.account AND op_id = k.op_id ORDER BY seq LIMIT 10000) AS e \
             ORDER BY e.account, e.seq"
        );
        let news = format!(
            "SELECT k.account, {columns} FROM unnest($1::int8[], $2::int8[]) AS k (account, seq) CROSS JOIN LATERAL \
             (SELECT * FROM weir.entry WHERE account = k.account AND seq > k.seq ORDER BY seq LIMIT $3) AS e \
             ORDER BY e.account, e.seq"
        );
        let entries = format!(
            "SELECT account, {columns} FROM weir.entry AS e WHERE account = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4"
        );
        let lock = "SELECT id, head_seq, head_hash, slices, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint \
                    FROM weir.account WHERE id = ANY($1) ORDER BY id FOR UPDATE";
        let skip = format!("{lock} SKIP LOCKED");
        let (lock, wait, past, news, insert, heads, hold, unhold, tally, slices, entries) = futures::try_join!(
            client.prepare(&skip),
            client.prepare(lock),
            client.prepare(&past),
            client.prepare(&news),
            client.prepare(
                "INSERT INTO weir.entry (account, seq, time, kind, op_id, amount, granted, settled, held, detail, prev_hash, \
                 hash) SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::text[], $5::text[], \
                 $6::text[]::numeric[], $7::text[]::numeric[], $8::text[]::numeric[], $9::text[]::numeric[], $10::text[], \
                 $11::bytea[], $12::bytea[])"
            ),
            client.prepare(
                "UPDATE weir.account AS a SET head_seq = n.seq, head_hash = n.hash FROM unnest($1::int8[], $2::int8[], \
                 $3::bytea[]) AS n (id, seq, hash) WHERE a.id = n.id"
            ),
            client.prepare(
                "INSERT INTO weir.open_hold (account, op_id, node, lease_until) SELECT * FROM unnest($1::int8[], \
                 $2::text[], $3::text[], $4::int8[]) ON CONFLICT (account, op_id) DO UPDATE \
                 SET lease_until = excluded.lease_until"
            ),
            client.prepare(
                "DELETE FROM weir.open_hold AS o USING unnest($1::int8[], $2::text[]) AS g (account, op_id) \
                 WHERE o.account = g.account AND o.op_id = g.op_id"
            ),
            client.prepare(
                "INSERT INTO weir.tally (account, seq, state) SELECT * FROM unnest($1::int8[], $2::int8[], $3::text[]) \
                 ON CONFLICT (account) DO UPDATE SET seq = excluded.seq, state = excluded.state"
            ),
            client.prepare(
                "UPDATE weir.account AS a SET slices = n.slices FROM unnest($1::int8[], $2::text[]) AS n (id, slices) \
                 WHERE a.id = n.id"
            ),
            client.prepare(&entries),
        )?;
        Ok(Self { lock, wait, past, news, insert, heads, hold, unhold, tally, slices, entries })
    }
}
