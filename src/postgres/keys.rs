//! Managed keys in PostgreSQL: one directory for all nodes. Each change is one statement, behind the lock of the directory's one
//! row, and gives the directory another version; a node that knows a version asks for what came after it.

use super::session::{Session, within};
use super::{Inner, Postgres, PostgresError, rows};
use policy::{Digest, Former, ManagedKey};
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use vocab::{Instant, Name};

/// A key as it is kept, with when it was used last.
pub type Kept = (ManagedKey, Option<Instant>);

/// What became of the directory since some version.
#[derive(Debug)]
pub struct News {
    pub version: i64,
    /// How many keys there are now.
    pub count: usize,
    /// Keys that are new or another.
    pub changed: Vec<Kept>,
}

const COLUMNS: &str = "k.id, k.digest, k.hint, k.name, k.account, k.user_name, k.plan, k.created, k.expires, k.disabled, \
    k.used, k.former, k.former_hint, k.former_until";

/// What each change begins with.
const TURN: &str = "WITH turn AS (UPDATE weir.directory SET version = version + 1 RETURNING version)";

/// Where the keys are. Whoever has it does not keep the store open.
#[derive(Clone)]
pub struct KeyTable {
    inner: Arc<Inner>,
}

impl Postgres {
    /// The keys that are kept beside the shared ledger.
    pub fn key_table(&self) -> KeyTable {
        KeyTable { inner: Arc::clone(&self.inner) }
    }
}

/// Asks for news, again and again, on a connection of its own: whoever reads pages keeps nobody waiting for a key that was
/// taken back.
pub struct Watch {
    table: KeyTable,
    session: Option<Session>,
}

impl Watch {
    pub const fn new(table: KeyTable) -> Self {
        Self { table, session: None }
    }

    /// What is new since that version; None: nothing is. Before the first version everything is.
    pub async fn news(&mut self, since: i64) -> Result<Option<News>, PostgresError> {
        let session = match self.session.take().filter(|session| !session.is_closed()) {
            Some(session) => session,
            None => Box::pin(self.table.inner.sessions.open()).await?,
        };
        let sql = format!(
            "SELECT d.version, (SELECT count(*) FROM weir.managed_key), {COLUMNS} FROM weir.directory AS d \
             LEFT JOIN weir.managed_key AS k ON k.version > $1 WHERE d.version <> $1"
        );
        let with: &[&(dyn ToSql + Sync)] = &[&since];
        let rows = within(async { Ok(session.client.query(&sql, with).await?) }).await?;
        self.session = Some(session);
        let Some(first) = rows.first() else { return Ok(None) };
        let (version, count): (i64, i64) = (first.try_get(0)?, first.try_get(1)?);
        let mut changed = Vec::new();
        for row in &rows {
            if row.try_get::<_, Option<&str>>(2)?.is_some() {
                changed.push(kept(row, 2)?);
            }
        }
        Ok(Some(News { version, count: usize::try_from(count).unwrap_or_default(), changed }))
    }
}

impl KeyTable {
    /// Keys with ids after this one, of one account or of all.
    pub async fn keys(
        &self,
        account: Option<&str>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Kept>, PostgresError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM weir.managed_key AS k WHERE k.id COLLATE \"C\" > $2 AND ($1::text IS NULL OR k.account = $1) \
             ORDER BY k.id COLLATE \"C\" LIMIT $3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.inner.ask(&sql, &[&account, &after, &limit]).await?;
        rows.iter().map(|row| kept(row, 0)).collect()
    }

    /// A key, and the version that it is of.
    pub async fn key(&self, id: &str) -> Result<Option<(Kept, i64)>, PostgresError> {
        let sql = format!("SELECT {COLUMNS}, k.version FROM weir.managed_key AS k WHERE k.id = $1");
        let rows = self.inner.ask(&sql, &[&id]).await?;
        rows.first().map(|row| Ok((kept(row, 0)?, row.try_get(14)?))).transpose()
    }

    /// Keys of which a secret that was replaced stopped opening before then, each with its version.
    pub async fn with_former(&self, before: Instant) -> Result<Vec<(Kept, i64)>, PostgresError> {
        let sql = format!(
            "SELECT {COLUMNS}, k.version FROM weir.managed_key AS k WHERE EXISTS \
             (SELECT FROM unnest(k.former_until) AS until WHERE until <= $1)"
        );
        let rows = self.inner.ask(&sql, &[&rows::until(before)]).await?;
        rows.iter().map(|row| Ok((kept(row, 0)?, row.try_get(14)?))).collect()
    }

    pub async fn add(&self, key: &ManagedKey) -> Result<(), PostgresError> {
        let sql = format!(
            "{TURN} INSERT INTO weir.managed_key (id, digest, hint, name, account, user_name, plan, created, expires, disabled, \
             former, former_hint, former_until, version) \
             SELECT $1::text, $2::bytea, $3::text, $4::text, $5::text, $6::text, $7::text, $8::bigint, $9::bigint, $10::boolean, \
             $11::bytea[], $12::text[], $13::bigint[], turn.version FROM turn RETURNING id"
        );
        self.put(&sql, key, None).await.map(drop)
    }

    /// Keeps the key as it is now, if it is still of that version. Whether it was.
    pub async fn change(&self, key: &ManagedKey, version: i64) -> Result<bool, PostgresError> {
        let sql = format!(
            "{TURN} UPDATE weir.managed_key SET digest = $2, hint = $3, name = $4, account = $5, user_name = $6, plan = $7, \
             created = $8, expires = $9, disabled = $10, former = $11, former_hint = $12, former_until = $13, \
             version = turn.version FROM turn WHERE id = $1 AND managed_key.version = $14 RETURNING id"
        );
        Ok(self.put(&sql, key, Some(version)).await? > 0)
    }

    async fn put(&self, sql: &str, key: &ManagedKey, version: Option<i64>) -> Result<usize, PostgresError> {
        let digest = &key.digest.bytes()[..];
        let (user, plan) = (key.user.as_deref(), key.plan.as_deref());
        let (created, expires) = (rows::until(key.created), key.expires.map(rows::until));
        let former: Vec<&[u8]> = key.former.iter().map(|former| &former.digest.bytes()[..]).collect();
        let hints: Vec<&str> = key.former.iter().map(|former| former.hint.as_str()).collect();
        let until: Vec<i64> = key.former.iter().map(|former| rows::until(former.until)).collect();
        let id = &*key.id;
        let mut with: Vec<&(dyn ToSql + Sync)> = vec![
            &id,
            &digest,
            &key.hint,
            &key.name,
            &key.account,
            &user,
            &plan,
            &created,
            &expires,
            &key.disabled,
            &former,
            &hints,
            &until,
        ];
        if let Some(version) = &version {
            with.push(version);
        }
        Ok(self.inner.ask(sql, &with).await?.len())
    }

    /// Whether there was one.
    pub async fn remove(&self, id: &str) -> Result<bool, PostgresError> {
        let sql = format!("{TURN} DELETE FROM weir.managed_key WHERE id = $1 RETURNING id");
        Ok(!self.inner.ask(&sql, &[&id]).await?.is_empty())
    }

    /// Takes away those that expired before then, or counts them.
    pub async fn clear_expired(&self, before: Instant, dry_run: bool) -> Result<u64, PostgresError> {
        const WHICH: &str = "FROM weir.managed_key WHERE expires <= $1";
        let sql = if dry_run {
            format!("SELECT count(*) {WHICH}")
        } else {
            format!(
                "WITH turn AS (UPDATE weir.directory SET version = version + 1 WHERE EXISTS (SELECT {WHICH})), \
                 gone AS (DELETE {WHICH} RETURNING 1) SELECT count(*) FROM gone"
            )
        };
        let found = self.inner.ask(&sql, &[&rows::until(before)]).await?;
        let count: Option<i64> = found.first().map(|row| row.try_get(0)).transpose()?;
        Ok(count.unwrap_or_default().cast_unsigned())
    }

    /// Notes when keys were used last. No change of the directory.
    pub async fn used(&self, when: &[(Name, Instant)]) -> Result<(), PostgresError> {
        let ids: Vec<&str> = when.iter().map(|(id, _)| &**id).collect();
        let times: Vec<i64> = when.iter().map(|(_, at)| rows::until(*at)).collect();
        let sql = "UPDATE weir.managed_key AS k SET used = greatest(k.used, n.used) \
                   FROM unnest($1::text[], $2::int8[]) AS n (id, used) WHERE k.id = n.id";
        self.inner.ask(sql, &[&ids, &times]).await.map(drop)
    }

    /// Does something on this store's own thread, and to its end.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.inner.sessions.runtime().spawn(work)
    }

    /// How long a request waits for PostgreSQL.
    pub fn patience(&self) -> std::time::Duration {
        self.inner.options.patience
    }
}

fn kept(row: &Row, from: usize) -> Result<Kept, PostgresError> {
    let digest = |bytes: &[u8]| {
        let digest = <[u8; 32]>::try_from(bytes).map(Digest::from_bytes);
        digest.map_err(|_| PostgresError::Corrupt("a key's digest has not 32 bytes".into()))
    };
    let name = |column: usize| -> Result<Option<Name>, PostgresError> {
        Ok(row.try_get::<_, Option<&str>>(from + column)?.map(Name::from))
    };
    let moment = |column: usize| -> Result<Option<Instant>, PostgresError> {
        Ok(row.try_get::<_, Option<i64>>(from + column)?.map(rows::instant))
    };
    let (former, hints, until): (Vec<&[u8]>, Vec<String>, Vec<i64>) =
        (row.try_get(from + 11)?, row.try_get(from + 12)?, row.try_get(from + 13)?);
    let former = former.into_iter().zip(hints).zip(until).map(|((bytes, hint), until)| {
        Ok(Former { digest: digest(bytes)?, hint, until: rows::instant(until) })
    });
    let key = ManagedKey {
        id: row.try_get::<_, &str>(from)?.into(),
        digest: digest(row.try_get(from + 1)?)?,
        hint: row.try_get(from + 2)?,
        name: row.try_get(from + 3)?,
        account: row.try_get(from + 4)?,
        user: name(5)?,
        plan: name(6)?,
        created: rows::instant(row.try_get(from + 7)?),
        expires: moment(8)?,
        disabled: row.try_get(from + 9)?,
        former: former.collect::<Result<_, PostgresError>>()?,
    };
    Ok((key, moment(10)?))
}
