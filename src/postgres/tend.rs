//! What a node does now and then: says that it is there, settles what nobody will end, and adds up what was used.

use super::desk::{Job, What};
use super::session::{Session, within};
use super::{Inner, Postgres, PostgresError, rollup, rows};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant as Moment;
use vocab::Instant;

/// `weir` and one: whoever holds this advisory lock settles orphans.
const LOCK: i64 = 0x7765_6972_0001;

/// So many orphans at a time.
const ORPHANS: i64 = 500;

/// Accounts that were not used for so long are forgotten.
const IDLE: Duration = Duration::from_secs(300);

#[derive(Default)]
pub(super) struct Tending {
    session: Option<(Session, Moment)>,
}

/// How often a node says that it is there, at least.
const BEAT: Duration = Duration::from_secs(5);

/// Says that this node is there, for ever. On a connection of its own: whatever else takes its time, this does not wait. It
/// also finds out whether the database is there when nobody else asks.
pub(super) async fn beat(inner: Arc<Inner>) {
    let every = (inner.options.silent / 6).min(BEAT);
    let mut open: Option<Session> = None;
    loop {
        let said = async {
            let session = match open.take().filter(|session| !session.is_closed()) {
                Some(session) => session,
                None => inner.sessions.open().await?,
            };
            let heard = "INSERT INTO weir.node (id, heard) VALUES ($1, clock_timestamp()) \
                         ON CONFLICT (id) DO UPDATE SET heard = excluded.heard";
            within(async { Ok(session.client.execute(heard, &[&inner.options.node]).await?) }).await?;
            Ok(session)
        };
        match said.await {
            Ok(session) => {
                inner.went_well();
                open = Some(session);
            }
            Err(error) => inner.went_wrong(&error),
        }
        tokio::time::sleep(every).await;
    }
}

impl Postgres {
    /// Settles the holds that nobody will end, and adds up usage. To be called every few seconds. Returns how many holds it
    /// settled.
    ///
    /// # Errors
    /// PostgreSQL is out of reach, or something is wrong with the tables. The next call tries again.
    pub async fn tend(&self, now: Instant) -> Result<usize, PostgresError> {
        let inner = &self.inner;
        // Whoever comes while another is at it has nothing to do.
        let Ok(mut tending) = inner.tending.try_lock() else { return Ok(0) };
        if let Some(since) = Moment::now().checked_sub(IDLE) {
            inner.desk().forget(since);
        }
        let open = match tending.session.take().filter(|(session, _)| !session.is_closed()) {
            Some(open) => open,
            None => match inner.sessions.open().await {
                Ok(session) => (session, Moment::now()),
                Err(error) => {
                    inner.went_wrong(&error);
                    return Err(error);
                }
            },
        };
        let (session, since) = &open;
        let done = inner.tend(session, since.elapsed(), now).await;
        match &done {
            Ok(_) => {
                inner.went_well();
                tending.session = Some(open);
            }
            Err(error) if error.ends_session() => inner.went_wrong(error),
            Err(_) => {}
        }
        done
    }
}

impl Inner {
    /// Takes this node off the list. What it may have left open is then anybody's to settle.
    pub(super) async fn leave(&self) {
        let gone = async {
            let session = self.sessions.open().await?;
            let sql = "DELETE FROM weir.node WHERE id = $1";
            within(async { Ok(session.client.execute(sql, &[&self.options.node]).await?) }).await
        };
        if let Err(error) = gone.await {
            tracing::debug!(%error, "this node could not take its leave");
        }
    }

    async fn tend(
        &self,
        session: &Session,
        connected: Duration,
        now: Instant,
    ) -> Result<usize, PostgresError> {
        let settled = self.sweep(session, connected, now).await?;
        rollup::advance(session).await?;
        Ok(settled)
    }

    /// Settles holds at their estimate, marked: those of nodes that are silent, and those of this node whose lease has ended.
    async fn sweep(
        &self,
        session: &Session,
        connected: Duration,
        now: Instant,
    ) -> Result<usize, PostgresError> {
        // A node is silent as well while the database is away. So others are given their time from when it was back.
        let judges = connected >= self.options.silent;
        let client = &session.client;
        let begun = async {
            let (begun, limits, locked) = futures::join!(
                client.batch_execute("BEGIN"),
                client.batch_execute("SET LOCAL idle_in_transaction_session_timeout = '60s'"),
                client.query_one("SELECT pg_try_advisory_xact_lock($1)", &[&LOCK]),
            );
            begun?;
            limits?;
            Ok(locked?.try_get::<_, bool>(0)?)
        };
        if !within(begun).await? {
            return self.over(session, 0).await;
        }
        let silent = self.options.silent.as_secs_f64();
        let sql = "\
            SELECT a.name, o.op_id FROM weir.open_hold AS o JOIN weir.account AS a ON a.id = o.account \
            WHERE (o.node = $1 AND o.lease_until <= $2) OR ($3 AND o.node <> $1 AND NOT EXISTS (SELECT FROM weir.node AS n \
            WHERE n.id = o.node AND n.heard > clock_timestamp() - make_interval(secs => $4))) \
            ORDER BY o.lease_until LIMIT $5";
        let (node, lease) = (&self.options.node, rows::until(now));
        let orphans =
            within(async { Ok(client.query(sql, &[node, &lease, &judges, &silent, &ORPHANS]).await?) })
                .await?;
        let mut answers = Vec::new();
        for orphan in &orphans {
            let (account, id): (&str, &str) = (orphan.try_get(0)?, orphan.try_get(1)?);
            let (answer, answered) = oneshot::channel();
            self.push(&self.cell(account), [Job::new(What::Orphan { id: id.into() }, now, Some(answer))]);
            answers.push(answered);
        }
        // The lock is kept meanwhile, so that nobody else goes to the same trouble.
        let all = futures::future::join_all(answers);
        let answers = tokio::time::timeout(Duration::from_secs(30), all).await.unwrap_or_default();
        let settled = answers.iter().filter(|done| matches!(done, Ok(Ok(posted)) if posted.fresh)).count();
        if judges {
            let forget = "DELETE FROM weir.node AS n WHERE n.heard < clock_timestamp() - make_interval(secs => $1) \
                          AND NOT EXISTS (SELECT FROM weir.open_hold AS o WHERE o.node = n.id)";
            within(async { Ok(client.execute(forget, &[&silent]).await?) }).await?;
        }
        self.over(session, settled).await
    }

    async fn over(&self, session: &Session, settled: usize) -> Result<usize, PostgresError> {
        within(async { Ok(session.client.batch_execute("COMMIT").await?) }).await?;
        Ok(settled)
    }
}
