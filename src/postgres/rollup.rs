//! What was used, by the hour: the lines of ended requests added up into a table.
//!
//! How far an account's record is added up is kept beside it and moves in the same transaction, so it can be ended anywhere
//! and goes on there, on whichever node. Nothing is counted twice or left out.

use super::session::{Session, within};
use super::{PostgresError, rows};
use billing::Line;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use tokio_postgres::types::ToSql;
use vocab::{Bucket, Pico};

/// So many entries of an account in one transaction, and so many transactions at a time.
const PIECE: i64 = 5_000;
const PIECES: usize = 200;

const HOUR: u64 = 3_600;

/// What the sums are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    /// Seconds since 1970.
    hour: u64,
    key: String,
    model: String,
    provider: String,
    tags: String,
}

#[derive(Default)]
struct Sum {
    requests: i64,
    calls: i64,
    usage: BTreeMap<&'static str, u128>,
    amount: Pico,
}

/// Of the detail of an entry that ended something.
#[derive(Deserialize)]
struct Ended {
    hold: i64,
    lines: Vec<Line>,
}

/// Of the detail of a hold.
#[derive(Default, Deserialize)]
struct Held<'a> {
    #[serde(default)]
    budgets: BTreeMap<String, u64>,
    #[serde(borrow, default)]
    tags: Option<&'a RawValue>,
}

/// Adds up what is not added up yet, as much as may be at a time. Returns whether that was all.
pub(super) async fn advance(session: &Session) -> Result<bool, PostgresError> {
    let sql = "SELECT a.id FROM weir.account AS a LEFT JOIN weir.rolled AS r ON r.account = a.id \
               WHERE a.head_seq > coalesce(r.seq, 0) ORDER BY a.id LIMIT $1";
    let most = i64::try_from(PIECES).unwrap_or(i64::MAX);
    let behind = within(async { Ok(session.client.query(sql, &[&most]).await?) }).await?;
    let mut pieces = 0;
    for row in &behind {
        let account = row.try_get(0)?;
        while pieces < PIECES {
            pieces += 1;
            match within(piece(session, account)).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let busy = error.is_locked();
                    if !error.ends_session() {
                        within(async { Ok(session.client.batch_execute("ROLLBACK").await?) }).await?;
                    }
                    if busy {
                        // Another node is at it.
                        break;
                    }
                    return Err(error);
                }
            }
        }
    }
    Ok(pieces < PIECES)
}

/// The next piece of an account's record. False where there is none, or another node is at it.
async fn piece(session: &Session, account: i64) -> Result<bool, PostgresError> {
    let client = &session.client;
    let of: [&(dyn ToSql + Sync); 1] = [&account];
    let (begun, made, mark) = futures::join!(
        client.batch_execute("BEGIN"),
        client.execute("INSERT INTO weir.rolled (account, seq) VALUES ($1, 0) ON CONFLICT DO NOTHING", &of),
        client.query_opt(
            "SELECT r.seq, a.head_seq FROM weir.rolled AS r JOIN weir.account AS a ON a.id = r.account \
             WHERE r.account = $1 FOR UPDATE OF r SKIP LOCKED",
            &of
        ),
    );
    begun?;
    made?;
    let (from, head): (i64, i64) = match mark? {
        Some(mark) => (mark.try_get(0)?, mark.try_get(1)?),
        None => (0, 0),
    };
    let to = head.min(from.saturating_add(PIECE));
    if to > from {
        let sums = sums(session, account, from, to).await?;
        add(session, account, sums).await?;
        client.execute("UPDATE weir.rolled SET seq = $2 WHERE account = $1", &[&account, &to]).await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(to > from)
}

async fn sums(
    session: &Session,
    account: i64,
    from: i64,
    to: i64,
) -> Result<BTreeMap<Kind, Sum>, PostgresError> {
    let unreadable = |seq: i64| PostgresError::Corrupt(format!("the detail of entry {seq} cannot be read"));
    let ends = "SELECT seq, time, detail FROM weir.entry WHERE account = $1 AND seq > $2 AND seq <= $3 \
                AND kind IN ('settle', 'release')";
    let mut ended = Vec::new();
    for row in &session.client.query(ends, &[&account, &from, &to]).await? {
        let (seq, time, detail): (i64, i64, &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let detail: Ended = serde_json::from_str(detail).map_err(|_| unreadable(seq))?;
        if !detail.lines.is_empty() {
            ended.push((rows::instant(time), detail));
        }
    }
    let holds: Vec<i64> = ended.iter().map(|(_, ended)| ended.hold).collect();
    let marks = "SELECT seq, detail FROM weir.entry WHERE account = $1 AND seq = ANY($2)";
    let mut marked = BTreeMap::new();
    for row in &session.client.query(marks, &[&account, &holds]).await? {
        let (seq, detail): (i64, &str) = (row.try_get(0)?, row.try_get(1)?);
        let held: Held<'_> = serde_json::from_str(detail).map_err(|_| unreadable(seq))?;
        let key = held.budgets.keys().find_map(|budget| budget.strip_prefix("key:"));
        let key = key.map(|key| key.rsplit_once('/').map_or(key, |(name, _)| name)).unwrap_or_default();
        marked.insert(seq, (key.to_owned(), held.tags.map(RawValue::get).unwrap_or_default().to_owned()));
    }
    let mut sums: BTreeMap<Kind, Sum> = BTreeMap::new();
    for (time, Ended { hold, lines }) in ended {
        let (key, tags) = marked.get(&hold).cloned().unwrap_or_default();
        let last = lines.len() - 1;
        for (place, line) in lines.into_iter().enumerate() {
            let kind = Kind {
                hour: time.as_secs() / HOUR * HOUR,
                key: key.clone(),
                model: line.model.to_string(),
                provider: line.provider.to_string(),
                tags: tags.clone(),
            };
            let sum = sums.entry(kind).or_default();
            sum.requests += i64::from(place == last);
            sum.calls += 1;
            sum.amount = sum.amount.plus(line.amount);
            for bucket in Bucket::ALL {
                let count = line.usage.get(bucket);
                if count > 0 {
                    *sum.usage.entry(bucket.name()).or_default() += u128::from(count);
                }
            }
        }
    }
    Ok(sums)
}

/// Adds the sums to those that are there.
async fn add(session: &Session, account: i64, sums: BTreeMap<Kind, Sum>) -> Result<(), PostgresError> {
    let sql = "\
        INSERT INTO weir.usage_hour AS u (hour, account, key, model, provider, tags, tags_hash, requests, calls, usage, amount) \
        SELECT to_timestamp(hour), $1, key, model, provider, tags, tags_hash, requests, calls, usage::jsonb, amount::numeric \
        FROM unnest($2::float8[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::int8[], $9::int8[], \
          $10::text[], $11::text[]) AS n (hour, key, model, provider, tags, tags_hash, requests, calls, usage, amount) \
        ON CONFLICT (hour, account, provider, model, key, tags_hash) DO UPDATE SET \
          requests = u.requests + excluded.requests, calls = u.calls + excluded.calls, amount = u.amount + excluded.amount, \
          usage = (SELECT coalesce(jsonb_object_agg(bucket, total), '{}') FROM (SELECT bucket, sum(count::numeric) AS total \
            FROM (SELECT * FROM jsonb_each_text(u.usage) UNION ALL SELECT * FROM jsonb_each_text(excluded.usage)) \
            AS both_of (bucket, count) GROUP BY bucket) AS added)";
    // 2^53 seconds are beyond every time there is.
    let mut hours: Vec<f64> = Vec::new();
    let [mut keys, mut models, mut providers, mut tags, mut usages, mut amounts] =
        [const { Vec::<String>::new() }; 6];
    let (mut hashes, mut requests, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for (kind, sum) in sums {
        #[expect(clippy::cast_precision_loss, reason = "hours since 1970 are small numbers")]
        hours.push(kind.hour as f64);
        hashes.push(digest(&SHA256, kind.tags.as_bytes()).as_ref().to_vec());
        keys.push(kind.key);
        models.push(kind.model);
        providers.push(kind.provider);
        tags.push(kind.tags);
        requests.push(sum.requests);
        calls.push(sum.calls);
        let counts: Vec<String> =
            sum.usage.iter().map(|(bucket, count)| format!("\"{bucket}\":{count}")).collect();
        usages.push(format!("{{{}}}", counts.join(",")));
        amounts.push(sum.amount.0.to_string());
    }
    let values: [&(dyn ToSql + Sync); 11] =
        [&account, &hours, &keys, &models, &providers, &tags, &hashes, &requests, &calls, &usages, &amounts];
    session.client.execute(sql, &values).await?;
    Ok(())
}
