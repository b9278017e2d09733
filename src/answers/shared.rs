//! Answers under idempotency keys of several nodes: in PostgreSQL, beside the ledger that they share.
//!
//! Of requests with one key on any nodes one is answered. Those that came to its node are woken when it is over; others ask again a
//! few times a second, one for all of a node. A node that dies leaves its claims, which end with their leases. While PostgreSQL is
//! away nobody can say whether a key was used, and requests with one are told so.
//!
//! How many bytes there may be of all answers is looked after whenever a node has kept a part of that, so each node may add as
//! much once more before the oldest go.

use super::Leaving;
use crate::postgres::{AnswerTable, PostgresError, Under};
use async_trait::async_trait;
use bytes::Bytes;
use foldhash::HashMap;
use policy::{Digest, IdempotencySetting, Slot};
use relay::answers::{Answers, AnswersDown, Claim, Flight, Flights};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::oneshot;
use vocab::Instant;

/// How often a node asks for an answer that another is making.
const AGAIN: Duration = Duration::from_millis(250);
/// How often what is too old is removed.
const TIDY: Duration = Duration::from_secs(60);
/// Room is made whenever a node has kept this part of all that may be.
const PART: u64 = 64;

/// The `Answers` port over PostgreSQL.
pub struct SharedAnswers {
    inner: Arc<Inner>,
}

struct Inner {
    table: AnswerTable,
    /// Requests of this node, those that ask for others included.
    flights: Arc<Flights>,
    /// By flight: what its name is taken with.
    turns: Mutex<HashMap<u64, i64>>,
    /// Bytes that were kept since room was made.
    kept: AtomicU64,
}

/// A name that was taken for somebody who may have left meanwhile.
struct Handed {
    table: AnswerTable,
    name: [u8; 32],
    turn: i64,
    open: bool,
}

impl Handed {
    fn accepted(mut self) -> i64 {
        self.open = false;
        self.turn
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        if self.open {
            let (table, name, turn) = (self.table.clone(), self.name, self.turn);
            self.table.spawn(async move { let_go(&table, &name, turn).await });
        }
    }
}

enum Asked {
    Handed(Handed),
    Other(Under),
}

async fn let_go(table: &AnswerTable, name: &[u8; 32], turn: i64) {
    if let Err(error) = table.give_up(name, turn).await {
        tracing::debug!(%error, "a key could not be let go; it is with its lease");
    }
}

fn down(error: PostgresError) -> AnswersDown {
    AnswersDown(error.to_string())
}

fn stopped<T>(_: T) -> AnswersDown {
    AnswersDown("the shared ledger is closed".into())
}

impl SharedAnswers {
    pub fn new(table: AnswerTable) -> Self {
        let (flights, turns, kept) = (Arc::default(), Mutex::default(), AtomicU64::new(0));
        let inner = Arc::new(Inner { table: table.clone(), flights, turns, kept });
        table.spawn(tidy(Arc::downgrade(&inner)));
        Self { inner }
    }
}

/// Removes what is too old, for as long as somebody is interested.
async fn tidy(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(TIDY).await;
        let Some(table) = inner.upgrade().map(|inner| inner.table.clone()) else { return };
        if let Err(error) = table.forget_old().await {
            tracing::debug!(%error, "answers that are too old are still there");
        }
    }
}

impl Inner {
    fn turns(&self) -> MutexGuard<'_, HashMap<u64, i64>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks what is under a name, and takes it where nothing is. A name that is taken for one who has left is let go.
    async fn ask(&self, slot: &Slot, request: &Digest, lease: vocab::Duration) -> Result<Asked, AnswersDown> {
        if let Some(why) = self.table.down() {
            return Err(AnswersDown(why));
        }
        let (table, name, request) = (self.table.clone(), *slot.name(), *request);
        let (tell, told) = oneshot::channel();
        self.table.spawn(async move {
            let asked = table.claim(&name, &request, lease).await.map(|under| match under {
                Under::Taken(turn) => Asked::Handed(Handed { table, name, turn, open: true }),
                other => Asked::Other(other),
            });
            // Whoever has left leaves it behind, and then it goes.
            drop(tell.send(asked));
        });
        told.await.map_err(stopped)?.map_err(down)
    }

    /// Makes room, once in a while.
    async fn kept(&self, bytes: u64, most: u64) {
        let before = self.kept.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes < most / PART {
            return;
        }
        self.kept.store(0, Ordering::Relaxed);
        if let Err(error) = self.table.make_room(most).await {
            tracing::warn!(%error, "answers under keys may be more than their bound");
        }
    }
}

#[async_trait]
impl Answers for SharedAnswers {
    async fn claim(
        &self,
        slot: &Slot,
        request: &Digest,
        now: Instant,
        until: Instant,
    ) -> Result<Claim, AnswersDown> {
        let inner = &self.inner;
        let number = match inner.flights.begin(slot, request) {
            Flight::Yours(number) => number,
            Flight::Busy { request, over } => return Ok(Claim::Busy { request, over }),
        };
        // Whoever leaves while PostgreSQL is asked leaves the name behind.
        let leaving = Leaving::new(&inner.flights, slot, number);
        match inner.ask(slot, request, until.since(now)).await? {
            Asked::Handed(handed) => {
                inner.turns().insert(number, handed.accepted());
                leaving.stays();
                Ok(Claim::Yours(number))
            }
            Asked::Other(Under::Kept { request, answer }) => Ok(Claim::Kept { request, answer }),
            Asked::Other(Under::Busy { request }) => {
                // Others of this node wait for this one rather than ask as well.
                let over = async move {
                    tokio::time::sleep(AGAIN).await;
                    drop(leaving);
                };
                Ok(Claim::Busy { request, over: Box::pin(over) })
            }
            Asked::Other(Under::Taken(_)) => Err(AnswersDown("a key was taken for nobody".into())),
        }
    }

    async fn keep(
        &self,
        slot: &Slot,
        number: u64,
        _: &Digest,
        answer: Bytes,
        rules: &IdempotencySetting,
        _: Instant,
    ) -> Result<(), AnswersDown> {
        let inner = Arc::clone(&self.inner);
        let leaving = Leaving::new(&inner.flights, slot, number);
        let Some(turn) = inner.turns().remove(&number) else { return Ok(()) };
        let (name, rules) = (*slot.name(), *rules);
        // To its end, whoever leaves.
        let keeping = self.inner.table.spawn(async move {
            let kept = inner.table.keep(&name, turn, &answer, rules.ttl()).await;
            drop(leaving);
            match kept {
                Ok(true) => inner.kept(answer.len() as u64, rules.total_max).await,
                // Its lease had ended and another has the name by now.
                Ok(false) => {}
                Err(error) => {
                    let_go(&inner.table, &name, turn).await;
                    return Err(down(error));
                }
            }
            Ok(())
        });
        keeping.await.map_err(stopped)?
    }

    async fn give_up(&self, slot: &Slot, number: u64) {
        let turn = self.inner.turns().remove(&number);
        if let Some(turn) = turn {
            let (table, name) = (self.inner.table.clone(), *slot.name());
            // The name is let go there before anybody here asks for it.
            drop(self.inner.table.spawn(async move { let_go(&table, &name, turn).await }).await);
        }
        self.inner.flights.end(slot, number);
    }
}
