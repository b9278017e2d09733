//! Limits that several nodes count together, in the PostgreSQL whose ledger they share.
//!
//! What is counted how is `policy::limit::Common`. A busy counter has something ahead on each node, so that most requests are let
//! in without asking, and what they took is told four times a second (`desk`). All others are asked for: those of a moment
//! together, in one transaction of two round trips (`worker`). Where nothing is limited nobody comes here.
//!
//! While PostgreSQL is away each node counts for itself, from nothing, and the log says so; holds are refused meanwhile, so nothing
//! is generated.

mod desk;
mod worker;

use crate::postgres::MeterTable;
use async_trait::async_trait;
use desk::Desk;
use policy::limit::{Estimate, Over, Rule, Taken, Use};
use relay::limits::Local;
use relay::ports::Limits;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant as Moment;
use vocab::Instant;

/// How long what is left to be told may take when the node is closed.
const FAREWELL: Duration = Duration::from_secs(2);

/// The `Limits` port over PostgreSQL.
pub struct SharedLimits {
    inner: Arc<Inner>,
    /// The worker has ended.
    ended: Mutex<Option<std::sync::mpsc::Receiver<()>>>,
}

struct Inner {
    table: MeterTable,
    desk: Mutex<Desk>,
    /// Rung when there is something to be asked or told.
    bell: Notify,
    /// PostgreSQL does not count.
    away: AtomicBool,
    closing: AtomicBool,
    /// Who counts meanwhile.
    alone: Local,
}

/// A request that was let in, until somebody sees to its end: else it never was.
struct Admitted {
    inner: Arc<Inner>,
    taken: Option<Box<Taken>>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            self.inner.end(&taken, Use::Nothing);
        }
    }
}

impl SharedLimits {
    pub fn new(table: MeterTable) -> Self {
        let inner = Arc::new(Inner {
            table: table.clone(),
            desk: Mutex::new(Desk::new()),
            bell: Notify::new(),
            away: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            alone: Local::default(),
        });
        let (tell, ended) = std::sync::mpsc::sync_channel(1);
        let work = worker::run(inner.clone());
        table.spawn(async move {
            work.await;
            drop(tell);
        });
        table.spawn(worker::tidy(inner.clone()));
        Self { inner, ended: Mutex::new(Some(ended)) }
    }

    /// Gives back what this node has of limits. A node that does not get to it has it until its lease ends.
    pub fn close(&self) {
        self.inner.closing.store(true, Ordering::Release);
        self.inner.bell.notify_one();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ended) = ended {
            // It says nothing; it goes.
            let _ = ended.recv_timeout(FAREWELL);
        }
    }
}

impl Inner {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire) || self.closing.load(Ordering::Acquire)
    }

    fn end(&self, taken: &Taken, used: Use) {
        if self.desk().end(taken, used, Moment::now()) {
            self.bell.notify_one();
        }
    }
}

#[async_trait]
impl Limits for SharedLimits {
    fn take_at_once(
        &self,
        rules: Vec<Rule>,
        estimate: Estimate,
        now: Instant,
    ) -> Result<Result<Box<Taken>, Box<Over>>, Vec<Rule>> {
        if self.inner.is_away() {
            return self.inner.alone.take_at_once(rules, estimate, now);
        }
        self.inner.desk().take(rules, estimate, Moment::now()).map(|taken| Ok(Box::new(taken)))
    }

    async fn take(
        &self,
        rules: Vec<Rule>,
        estimate: Estimate,
        now: Instant,
    ) -> Result<Box<Taken>, Box<Over>> {
        if !self.inner.is_away() {
            let (tell, told) = oneshot::channel();
            self.inner.desk().ask(rules.clone(), estimate, tell, Moment::now());
            self.inner.bell.notify_one();
            // Who counts may be calling something back; beyond that it is out of order.
            let patience = self.inner.table.patience() + worker::PATIENCE;
            match tokio::time::timeout(patience, told).await {
                Ok(Ok(Ok(mut admitted))) => {
                    if let Some(taken) = admitted.taken.take() {
                        return Ok(taken);
                    }
                }
                Ok(Ok(Err(over))) => return Err(over),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        self.inner.alone.take(rules, estimate, now).await
    }

    fn end_at_once(&self, taken: Box<Taken>, used: Use, now: Instant) -> Result<(), Box<Taken>> {
        if taken.ticket.is_none() {
            return self.inner.alone.end_at_once(taken, used, now);
        }
        self.inner.end(&taken, used);
        Ok(())
    }

    async fn end(&self, taken: Box<Taken>, used: Use, now: Instant) {
        // It is always at once.
        drop(self.end_at_once(taken, used, now));
    }
}
