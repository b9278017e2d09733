//! What is to be told, written down: beside the ledger, in the node's own file or in PostgreSQL.

use crate::postgres::Postgres;
use crate::store::{AlertFile, StoreError};
use policy::alert::{Delivery, LATE, Message};
use std::sync::Arc;
use vocab::Instant;

/// So long after the end of its window a thing can be noticed.
const LATE_US: u64 = LATE.as_secs() * 1_000_000;

/// Where it is written down.
#[derive(Clone)]
pub enum Outbox {
    File(AlertFile),
    Shared(Arc<Postgres>),
}

impl Outbox {
    /// Writes down what is not there yet.
    pub async fn add(&self, messages: Vec<Message>) -> Result<(), String> {
        match self {
            Self::File(file) => beside(file, move |file| file.add(&messages)).await,
            Self::Shared(shared) => shared.alerts_add(&messages).await.map_err(|error| error.to_string()),
        }
    }

    /// What is due. Nobody else gets it until `again`.
    pub async fn take(&self, now: Instant, again: Instant, limit: usize) -> Result<Vec<Delivery>, String> {
        match self {
            Self::File(file) => beside(file, move |file| file.take(now, again, limit)).await,
            Self::Shared(shared) => {
                shared.alerts_take(now, again, limit).await.map_err(|error| error.to_string())
            }
        }
    }

    /// When the next try is; None: it is over.
    pub async fn next(&self, of: Delivery, due: Option<Instant>, now: Instant) -> Result<(), String> {
        match self {
            Self::File(file) => beside(file, move |file| file.next(&of, due, now)).await,
            Self::Shared(shared) => {
                shared.alerts_next(&of, due, now).await.map_err(|error| error.to_string())
            }
        }
    }

    /// Throws away messages that were over before then, or counts them. What they told of stays known.
    pub async fn clear_ended(&self, before: Instant, dry_run: bool) -> Result<u64, String> {
        match self {
            Self::File(file) => beside(file, move |file| file.clear_ended(before, dry_run)).await,
            Self::Shared(shared) => {
                shared.alerts_clear_ended(before, dry_run).await.map_err(|error| error.to_string())
            }
        }
    }

    /// The same with what could not have been noticed again since then, and is not being told any more.
    pub async fn clear_alerts(&self, before: Instant, dry_run: bool) -> Result<u64, String> {
        let before = Instant::from_micros(before.as_micros().saturating_sub(LATE_US));
        match self {
            Self::File(file) => beside(file, move |file| file.clear_alerts(before, dry_run)).await,
            Self::Shared(shared) => {
                shared.alerts_clear(before, dry_run).await.map_err(|error| error.to_string())
            }
        }
    }

    /// When the next try of all is.
    pub async fn soonest(&self) -> Result<Option<Instant>, String> {
        match self {
            Self::File(file) => beside(file, AlertFile::soonest).await,
            Self::Shared(shared) => shared.alerts_soonest().await.map_err(|error| error.to_string()),
        }
    }
}

/// Beside the runtime, as it may wait for the disk.
async fn beside<T: Send + 'static>(
    file: &AlertFile,
    what: impl FnOnce(&AlertFile) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, String> {
    let file = file.clone();
    let done = tokio::task::spawn_blocking(move || what(&file)).await;
    done.map_err(|why| why.to_string())?.map_err(|error| error.to_string())
}
