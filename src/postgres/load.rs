//! Taking an account up where its record left it.

use super::session::{Session, within};
use super::{PostgresError, rows};
use billing::Tally;

/// Entries are read that many at a time where all of them are walked.
pub(super) const PAGE: i64 = 2_000;

/// An account's number, and where it stands. One that is not there is made.
pub(super) async fn account(session: &Session, name: &str) -> Result<(i64, Tally), PostgresError> {
    if let Some(found) = found(session, name).await? {
        return Ok(found);
    }
    within(async {
        let sql = "INSERT INTO weir.account (name) VALUES ($1) ON CONFLICT DO NOTHING";
        Ok(session.client.execute(sql, &[&name]).await?)
    })
    .await?;
    let gone = || PostgresError::Corrupt(format!("account {name} is not there"));
    found(session, name).await?.ok_or_else(gone)
}

/// Where an account stands, if it is there: from the last tally that was kept and the entries after it. Where that tally
/// does not fit the record, from the record alone.
pub(super) async fn found(session: &Session, name: &str) -> Result<Option<(i64, Tally)>, PostgresError> {
    let Some((id, seq)) = find(session, name).await? else { return Ok(None) };
    if let Some(mut tally) = kept(session, id, name).await?.filter(|tally| tally.seq <= seq) {
        match walk(session, id, &mut tally, seq).await {
            Err(PostgresError::Bad(_)) => {
                tracing::warn!(
                    account = name,
                    "the kept tally does not fit the record; the whole record is read"
                );
            }
            walked => return walked.map(|()| Some((id, tally))),
        }
    }
    let mut tally = Tally::new(name);
    walk(session, id, &mut tally, seq).await?;
    Ok(Some((id, tally)))
}

/// An account's number and the `seq` of its last entry.
pub(super) async fn find(session: &Session, name: &str) -> Result<Option<(i64, u64)>, PostgresError> {
    let asked = async {
        Ok(session
            .client
            .query_opt("SELECT id, head_seq FROM weir.account WHERE name = $1", &[&name])
            .await?)
    };
    let Some(row) = within(asked).await? else { return Ok(None) };
    Ok(Some((row.try_get(0)?, row.try_get::<_, i64>(1)?.cast_unsigned())))
}

/// Steps along the record up to an entry.
pub(super) async fn walk(
    session: &Session,
    id: i64,
    tally: &mut Tally,
    to: u64,
) -> Result<(), PostgresError> {
    let name = tally.account.clone();
    let ready = session.ready()?;
    while tally.seq < to {
        let (after, last) = (tally.seq.cast_signed(), to.cast_signed());
        let page =
            within(async { Ok(session.client.query(&ready.entries, &[&id, &after, &last, &PAGE]).await?) })
                .await?;
        if page.is_empty() {
            let missing = tally.seq + 1;
            return Err(PostgresError::Corrupt(format!("entry {missing} of account {name} is missing")));
        }
        for row in &page {
            tally.step(&rows::entry(row, &name)?)?;
        }
    }
    Ok(())
}

/// The tally that was kept, if it fits the entry that it is of.
async fn kept(session: &Session, id: i64, name: &str) -> Result<Option<Tally>, PostgresError> {
    let ready = session.ready()?;
    let asked = async {
        Ok(session.client.query_opt("SELECT state FROM weir.tally WHERE account = $1", &[&id]).await?)
    };
    let Some(row) = within(asked).await? else { return Ok(None) };
    let Ok(tally) = serde_json::from_str::<Tally>(row.try_get(0)?) else { return Ok(None) };
    let (after, last) = (tally.seq.saturating_sub(1).cast_signed(), tally.seq.cast_signed());
    let at = within(async { Ok(session.client.query(&ready.entries, &[&id, &after, &last, &1i64]).await?) })
        .await?;
    let Some(row) = at.first() else { return Ok(None) };
    let entry = rows::entry(row, name)?;
    let fits = (entry.hash, entry.balance_after, entry.time) == (tally.head, tally.balance, tally.time)
        && tally.account == name
        && tally.held() == tally.balance.held;
    Ok(fits.then_some(tally))
}
