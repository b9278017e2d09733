//! What was told of accounts, in PostgreSQL: noted once, whichever node noticed it, and told by whichever node comes first.

use super::{Postgres, PostgresError, rows};
use policy::alert::{Delivery, Message};
use vocab::Instant;

impl Postgres {
    /// Notes what was not noted before.
    pub async fn alerts_add(&self, messages: &[Message]) -> Result<(), PostgresError> {
        let sql = "\
            WITH made AS (INSERT INTO weir.alert (id, account, made, until, body) VALUES ($1, $2, $3, $4, $5) \
              ON CONFLICT DO NOTHING RETURNING id) \
            INSERT INTO weir.delivery (alert, hook, due) SELECT made.id, hook, $3 FROM made, unnest($6::text[]) AS hook";
        for Message { event, hooks } in messages {
            let (made, until) = (rows::until(event.at), event.until.map(rows::until));
            self.inner.ask(sql, &[&event.id, &event.account, &made, &until, &event.body, hooks]).await?;
        }
        Ok(())
    }

    /// Takes what is due along, and puts its next try off until `again`, should nobody say how this one went. Of two nodes
    /// that ask at once one gets it.
    pub async fn alerts_take(
        &self,
        now: Instant,
        again: Instant,
        limit: usize,
    ) -> Result<Vec<Delivery>, PostgresError> {
        let sql = "\
            WITH next AS (SELECT alert, hook FROM weir.delivery WHERE due <= $1 ORDER BY due LIMIT $3 FOR UPDATE SKIP LOCKED) \
            UPDATE weir.delivery AS d SET due = $2, tries = d.tries + 1 FROM next, weir.alert AS a \
            WHERE d.alert = next.alert AND d.hook = next.hook AND a.id = d.alert \
            RETURNING d.alert, d.hook, d.tries - 1, a.made, a.body";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = self.inner.ask(sql, &[&rows::until(now), &rows::until(again), &limit]).await?;
        let delivery = |row: &tokio_postgres::Row| {
            Ok(Delivery {
                id: row.try_get(0)?,
                hook: row.try_get(1)?,
                tries: row.try_get(2)?,
                made: rows::instant(row.try_get(3)?),
                body: row.try_get(4)?,
            })
        };
        found.iter().map(delivery).collect()
    }

    /// The next try is then; None: there is none any more.
    pub async fn alerts_next(
        &self,
        of: &Delivery,
        due: Option<Instant>,
        now: Instant,
    ) -> Result<(), PostgresError> {
        let sql = "UPDATE weir.delivery SET due = $3, ended = $4 WHERE alert = $1 AND hook = $2";
        let (ended, due) = (due.is_none().then(|| rows::until(now)), due.map(rows::until));
        self.inner.ask(sql, &[&of.id, &of.hook, &due, &ended]).await.map(drop)
    }

    /// Throws away deliveries that were over before then, or counts them.
    pub async fn alerts_clear_ended(&self, before: Instant, dry_run: bool) -> Result<u64, PostgresError> {
        self.clear("weir.delivery WHERE ended <= $1", before, dry_run).await
    }

    /// The same with all that is known of what could be noticed until then, unless somebody is still to be told.
    pub async fn alerts_clear(&self, before: Instant, dry_run: bool) -> Result<u64, PostgresError> {
        const OVER: &str = "weir.alert AS a WHERE a.until <= $1 AND NOT EXISTS \
                            (SELECT FROM weir.delivery AS d WHERE d.alert = a.id AND d.due IS NOT NULL)";
        self.clear(OVER, before, dry_run).await
    }

    async fn clear(&self, which: &str, before: Instant, dry_run: bool) -> Result<u64, PostgresError> {
        let sql = if dry_run {
            format!("SELECT count(*) FROM {which}")
        } else {
            format!("WITH gone AS (DELETE FROM {which} RETURNING 1) SELECT count(*) FROM gone")
        };
        let found = self.inner.ask(&sql, &[&rows::until(before)]).await?;
        let count: Option<i64> = found.first().map(|row| row.try_get(0)).transpose()?;
        Ok(count.unwrap_or_default().cast_unsigned())
    }

    /// When the next try of all is.
    pub async fn alerts_soonest(&self) -> Result<Option<Instant>, PostgresError> {
        let found = self.inner.ask("SELECT min(due) FROM weir.delivery WHERE due IS NOT NULL", &[]).await?;
        let due: Option<i64> = found.first().map(|row| row.try_get(0)).transpose()?.flatten();
        Ok(due.map(rows::instant))
    }

    /// The names of all accounts.
    pub async fn accounts(&self) -> Result<Vec<String>, PostgresError> {
        let found =
            self.inner.ask("SELECT name FROM weir.account WHERE head_seq > 0 ORDER BY id", &[]).await?;
        found.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}
