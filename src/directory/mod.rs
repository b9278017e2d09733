//! Managed keys: who keeps them, and what of them is in memory.
//!
//! Every look-up is a look at a snapshot, without disk, wire or lock. Where the books are one node's own the keys are in the
//! same file ([`FileKeys`]); where nodes share a ledger they share its keys as well ([`SharedKeys`]).

mod file;
mod shared;
mod shelf;

#[cfg(test)]
mod tests;

pub use file::FileKeys;
pub use shared::SharedKeys;

use async_trait::async_trait;
use relay::ports::{Directory, DirectoryError};
use std::sync::Arc;
use vocab::Instant;

/// What a node does with its directory besides looking into it.
#[async_trait]
pub trait Keeping: Directory {
    /// Writes when keys were used, where that changed.
    async fn keep_marks(&self) -> Result<(), DirectoryError>;

    /// Takes away the keys that expired before then, or counts them.
    async fn clear_expired(&self, before: Instant, dry_run: bool) -> Result<u64, DirectoryError>;

    /// Takes away the secrets that were replaced and stopped opening before then, or counts them.
    async fn clear_former(&self, before: Instant, dry_run: bool) -> Result<u64, DirectoryError>;
}

pub type Keys = Arc<dyn Keeping>;
