//! Managed keys in the file: read when weir starts, written when one is changed. Nobody's request waits for it.

use super::{StoreError, schema};
use policy::{Digest, Former, ManagedKey};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vocab::Instant;

/// Where the keys are. Each piece of work opens the file for itself: changes are rare, and whoever closes the file last has
/// work to do that is the ledger's.
#[derive(Clone, Debug)]
pub struct KeyFile {
    database: PathBuf,
    patience: Duration,
}

/// A key as it was kept, with when it was used last.
pub type Kept = (ManagedKey, Option<Instant>);

impl KeyFile {
    pub(super) const fn new(database: PathBuf, patience: Duration) -> Self {
        Self { database, patience }
    }

    /// All of them, in the order in which they were made.
    pub fn all(&self) -> Result<Vec<Kept>, StoreError> {
        let connection = schema::open_to_read(&self.database)?;
        let mut former = former(&connection)?;
        let mut keys = connection.prepare(
            "SELECT id, digest, hint, name, account, user, plan, created, expires, disabled, used FROM managed_key ORDER BY id",
        )?;
        let mut rows = keys.query(())?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let (mut key, used) = kept(row)?;
            key.former = former.remove(&*key.id).unwrap_or_default();
            all.push((key, used));
        }
        Ok(all)
    }

    /// Keeps a key, new or changed. On disk when this returns.
    pub fn put(&self, key: &ManagedKey) -> Result<(), StoreError> {
        self.write(|work| {
            work.execute(
                "INSERT INTO managed_key (id, digest, hint, name, account, user, plan, created, expires, disabled) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, \
                 hint = excluded.hint, name = excluded.name, user = excluded.user, plan = excluded.plan, \
                 expires = excluded.expires, disabled = excluded.disabled",
                params![
                    &*key.id,
                    key.digest.bytes(),
                    key.hint,
                    key.name,
                    key.account,
                    key.user.as_deref(),
                    key.plan.as_deref(),
                    micros(key.created),
                    key.expires.map(micros),
                    key.disabled,
                ],
            )?;
            forget_former(work, &key.id)?;
            for old in &key.former {
                work.execute(
                    "INSERT INTO former_secret (digest, key, hint, until) VALUES (?1, ?2, ?3, ?4)",
                    params![old.digest.bytes(), &*key.id, old.hint, micros(old.until)],
                )?;
            }
            Ok(())
        })
    }

    pub fn remove(&self, id: &str) -> Result<(), StoreError> {
        self.write(|work| {
            forget_former(work, id)?;
            work.execute("DELETE FROM managed_key WHERE id = ?1", [id])?;
            Ok(())
        })
    }

    /// Notes when keys were used last.
    pub fn used(&self, when: &[(vocab::Name, Instant)]) -> Result<(), StoreError> {
        self.write(|work| {
            let mut note = work.prepare("UPDATE managed_key SET used = ?2 WHERE id = ?1")?;
            for (id, at) in when {
                note.execute(params![&**id, micros(*at)])?;
            }
            Ok(())
        })
    }

    fn write(&self, what: impl FnOnce(&Transaction<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let connection = schema::open_again(&self.database, self.patience)?;
        let work = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
        what(&work)?;
        Ok(work.commit()?)
    }
}

impl super::Store {
    /// The keys that are kept beside the ledger.
    pub fn keys(&self) -> KeyFile {
        KeyFile::new(Path::to_owned(&self.path), self.options.patience)
    }
}

fn forget_former(work: &Transaction<'_>, id: &str) -> Result<(), StoreError> {
    work.execute("DELETE FROM former_secret WHERE key = ?1", [id])?;
    Ok(())
}

fn former(connection: &Connection) -> Result<BTreeMap<String, Vec<Former>>, StoreError> {
    let mut secrets =
        connection.prepare("SELECT key, digest, hint, until FROM former_secret ORDER BY until")?;
    let mut rows = secrets.query(())?;
    let mut all = BTreeMap::<String, Vec<Former>>::new();
    while let Some(row) = rows.next()? {
        let digest: Sha256 = row.get(1)?;
        let former = Former { digest: digest.0, hint: row.get(2)?, until: instant(row.get(3)?) };
        all.entry(row.get(0)?).or_default().push(former);
    }
    Ok(all)
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let name = |column| row.get::<_, Option<String>>(column).map(|text| text.map(vocab::Name::from));
    let moment = |column| row.get::<_, Option<i64>>(column).map(|micros| micros.map(instant));
    let digest: Sha256 = row.get(1)?;
    let key = ManagedKey {
        id: row.get::<_, String>(0)?.into(),
        digest: digest.0,
        hint: row.get(2)?,
        name: row.get(3)?,
        account: row.get(4)?,
        user: name(5)?,
        plan: name(6)?,
        created: instant(row.get(7)?),
        expires: moment(8)?,
        disabled: row.get(9)?,
        former: Vec::new(),
    };
    Ok((key, moment(10)?))
}

/// Times beyond the year 290,000 are that year's.
fn micros(at: Instant) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
}

const fn instant(micros: i64) -> Instant {
    Instant::from_micros(micros.cast_unsigned())
}

struct Sha256(Digest);

impl FromSql for Sha256 {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        <[u8; 32]>::try_from(bytes).map(|bytes| Self(Digest::from_bytes(bytes))).map_err(FromSqlError::other)
    }
}
