//! What this node keeps besides the record, and may throw away in time.

use crate::alerts::Outbox;
use crate::directory::Keys;
use async_trait::async_trait;
use relay::ports::{Attic, DirectoryError, Leftover};
use vocab::Instant;

/// The `Attic` port over the ledger's file, and over PostgreSQL where nodes share it.
pub struct Leftovers {
    pub keys: Keys,
    pub outbox: Outbox,
}

#[async_trait]
impl Attic for Leftovers {
    fn keeps(&self) -> &'static [Leftover] {
        &Leftover::ALL
    }

    async fn clear(&self, what: Leftover, before: Instant, dry_run: bool) -> Result<u64, String> {
        let down = |error| match error {
            DirectoryError::Down(why) => why,
            other => format!("{other:?}"),
        };
        match what {
            Leftover::Keys => self.keys.clear_expired(before, dry_run).await.map_err(down),
            Leftover::Secrets => self.keys.clear_former(before, dry_run).await.map_err(down),
            Leftover::Messages => self.outbox.clear_ended(before, dry_run).await,
            Leftover::Alerts => self.outbox.clear_alerts(before, dry_run).await,
        }
    }
}
