//! The tables: made and brought up by whoever comes first, while others wait.

use super::PostgresError;
use tokio_postgres::{Client, GenericClient};

/// What brings the tables from the version of its place to the next.
const MIGRATIONS: [&str; 6] = [
    include_str!("v1.sql"),
    include_str!("v2.sql"),
    include_str!("v3.sql"),
    include_str!("v4.sql"),
    include_str!("v5.sql"),
    include_str!("v6.sql"),
];

const VERSION: i32 = 6;

/// `weir`, as a number: whoever holds this advisory lock works on the tables.
const LOCK: i64 = 0x7765_6972;

/// Brings the tables to this version. All of it is one transaction, so that there is never half of a version.
pub(super) async fn migrate(client: &mut Client) -> Result<(), PostgresError> {
    // Most of the time there is nothing to do, and then nobody has to wait for anybody.
    if found(client).await? == Some(VERSION) {
        return Ok(());
    }
    let work = client.transaction().await?;
    work.batch_execute("SET LOCAL lock_timeout = '8s'").await?;
    work.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let found = match found(&work).await? {
        Some(found) => found,
        None => {
            work.batch_execute(
                "CREATE SCHEMA IF NOT EXISTS weir; CREATE TABLE weir.migration (version int PRIMARY KEY, at timestamptz \
                 NOT NULL DEFAULT now())",
            )
            .await?;
            0
        }
    };
    fits(found)?;
    for (version, sql) in (1i32..).zip(MIGRATIONS).skip_while(|(version, _)| *version <= found) {
        work.batch_execute(sql).await?;
        work.execute("INSERT INTO weir.migration (version) VALUES ($1)", &[&version]).await?;
    }
    Ok(work.commit().await?)
}

/// Whether the tables are there and of this version.
pub(super) async fn check(client: &Client) -> Result<(), PostgresError> {
    match found(client).await? {
        Some(VERSION) => Ok(()),
        Some(other) => {
            fits(other)?;
            let why =
                format!("they are of version {other} and not of {VERSION}: start weir once on this database");
            Err(PostgresError::Corrupt(why))
        }
        None => Err(PostgresError::Corrupt("there are none: no weir ever kept its ledger here".into())),
    }
}

const fn fits(found: i32) -> Result<(), PostgresError> {
    if found > VERSION { Err(PostgresError::Newer { found, known: VERSION }) } else { Ok(()) }
}

/// The version that is there; None where there is nothing of ours.
async fn found(client: &impl GenericClient) -> Result<Option<i32>, PostgresError> {
    // Not by to_regclass: that may remember from before the lock that there was none.
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
               WHERE n.nspname = 'weir' AND c.relname = 'migration')";
    let there = client.query_one(sql, &[]).await?;
    if !there.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let version = client.query_one("SELECT coalesce(max(version), 0) FROM weir.migration", &[]).await?;
    let found = version.try_get(0)?;
    fits(found)?;
    Ok(Some(found))
}
