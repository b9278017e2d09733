//! What was told of accounts, in the file: noted before anybody is told, so that a restart neither forgets nor repeats it.

use super::{StoreError, schema};
use policy::alert::{Delivery, Message};
use rusqlite::{Transaction, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::time::Duration;
use vocab::Instant;

/// Where it is. Each piece of work opens the file for itself: there are a few in an hour.
#[derive(Clone, Debug)]
pub struct AlertFile {
    database: PathBuf,
    patience: Duration,
}

impl AlertFile {
    /// Notes what was not noted before.
    pub fn add(&self, messages: &[Message]) -> Result<(), StoreError> {
        self.write(|work| {
            let mut alert = work.prepare(
                "INSERT INTO alert (id, account, made, until, body) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            )?;
            let mut delivery =
                work.prepare("INSERT INTO delivery (alert, hook, due) VALUES (?1, ?2, ?3)")?;
            for Message { event, hooks } in messages {
                let (made, until) = (micros(event.at), event.until.map(micros));
                if alert.execute(params![event.id, event.account, made, until, event.body])? == 0 {
                    continue;
                }
                for hook in hooks {
                    delivery.execute(params![event.id, hook, made])?;
                }
            }
            Ok(())
        })
    }

    /// Takes what is due along, and puts its next try off until `again`, should nobody say how this one went.
    pub fn take(&self, now: Instant, again: Instant, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        self.write(|work| {
            let mut due = work.prepare(
                "SELECT d.alert, d.hook, d.tries, a.made, a.body FROM delivery AS d JOIN alert AS a ON a.id = d.alert \
                 WHERE d.due <= ?1 ORDER BY d.due LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let taken: Vec<Delivery> = due
                .query_map(params![micros(now), limit], |row| {
                    Ok(Delivery {
                        id: row.get(0)?,
                        hook: row.get(1)?,
                        tries: row.get(2)?,
                        made: Instant::from_micros(row.get::<_, i64>(3)?.cast_unsigned()),
                        body: row.get(4)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            let mut put_off = work
                .prepare("UPDATE delivery SET due = ?3, tries = tries + 1 WHERE alert = ?1 AND hook = ?2")?;
            for one in &taken {
                put_off.execute(params![one.id, one.hook, micros(again)])?;
            }
            Ok(taken)
        })
    }

    /// The next try is then; None: there is none any more.
    pub fn next(&self, of: &Delivery, due: Option<Instant>, now: Instant) -> Result<(), StoreError> {
        self.write(|work| {
            let ended = due.is_none().then(|| micros(now));
            work.execute(
                "UPDATE delivery SET due = ?3, ended = ?4 WHERE alert = ?1 AND hook = ?2",
                params![of.id, of.hook, due.map(micros), ended],
            )?;
            Ok(())
        })
    }

    /// Throws away deliveries that were over before then, or counts them.
    pub fn clear_ended(&self, before: Instant, dry_run: bool) -> Result<u64, StoreError> {
        self.clear("delivery WHERE ended <= ?1", before, dry_run)
    }

    /// The same with all that is known of what could be noticed until then, unless somebody is still to be told.
    pub fn clear_alerts(&self, before: Instant, dry_run: bool) -> Result<u64, StoreError> {
        const OVER: &str = "alert WHERE until <= ?1 AND NOT EXISTS \
                            (SELECT 1 FROM delivery AS d WHERE d.alert = alert.id AND d.due IS NOT NULL)";
        let cleared = self.clear(OVER, before, dry_run)?;
        if !dry_run {
            self.write(|work| {
                Ok(work.execute("DELETE FROM delivery WHERE alert NOT IN (SELECT id FROM alert)", ())?)
            })?;
        }
        Ok(cleared)
    }

    fn clear(&self, which: &str, before: Instant, dry_run: bool) -> Result<u64, StoreError> {
        self.write(|work| {
            let count =
                work.query_row(&format!("SELECT count(*) FROM {which}"), [micros(before)], |row| {
                    row.get::<_, i64>(0)
                })?;
            if !dry_run {
                work.execute(&format!("DELETE FROM {which}"), [micros(before)])?;
            }
            Ok(count.cast_unsigned())
        })
    }

    /// When the next try of all is.
    pub fn soonest(&self) -> Result<Option<Instant>, StoreError> {
        let connection = schema::open_to_read(&self.database)?;
        let due = connection.query_row("SELECT min(due) FROM delivery WHERE due IS NOT NULL", (), |row| {
            row.get::<_, Option<i64>>(0)
        })?;
        Ok(due.map(|micros| Instant::from_micros(micros.cast_unsigned())))
    }

    fn write<T>(
        &self,
        what: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = schema::open_again(&self.database, self.patience)?;
        let work = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
        let done = what(&work)?;
        work.commit()?;
        Ok(done)
    }
}

impl super::Store {
    /// What was told, kept beside the ledger.
    pub fn alerts(&self) -> AlertFile {
        AlertFile { database: Path::to_owned(&self.path), patience: self.options.patience }
    }
}

/// Times beyond the year 290,000 are that year's.
fn micros(at: Instant) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
}
