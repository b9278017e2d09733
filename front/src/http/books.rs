//! The paths that read an account's record.

use super::entry;
use super::query::{percent_decoded, query};
use super::serve::{Call, Front};
use crate::refusal::Refusal;
use crate::report::credits;
use billing::Tally;
use relay::ports::BooksError;
use serde_json::{Value, json};

/// How many usage events one page has at most, and without a wish.
const PAGE_MAX: usize = 500;
const PAGE: usize = 50;
/// Entries read at a time to verify a record.
const VERIFY_STEP: usize = 1_000;

impl Front {
    /// What the account has.
    pub(super) async fn balance(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let account = account(call)?;
        let balance = self.relay.books().balance(&account).await.map_err(|e| books(call.id, e))?;
        Ok(entry::balance(&account, &balance, &credits(call.settings)))
    }

    pub(super) async fn usage(&self, call: &Call<'_>, body: &[u8]) -> Result<Value, Refusal> {
        let account = account(call)?;
        let (before, limit) = page(call, body)?;
        let ended = self.relay.books().ended(&account, before, limit).await.map_err(|e| books(call.id, e))?;
        let money = credits(call.settings);
        let next = (ended.len() == limit).then(|| ended.last().map(|e| e.seq.to_string())).flatten();
        let events: Vec<Value> = ended.iter().map(|e| entry::usage(e, &money)).collect();
        Ok(json!({ "account": account, "events": events, "next_cursor": next }))
    }

    pub(super) async fn usage_one(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let account = account(call)?;
        let wanted = percent_decoded(call.rest);
        let entries =
            self.relay.books().of_request(&account, &wanted).await.map_err(|e| books(call.id, e))?;
        if entries.is_empty() {
            let shown = crate::json::shortened(&wanted);
            return Err(Refusal::new(
                404,
                "unknown_request",
                format!("The account has no request {shown:?}."),
            ));
        }
        let entries: Vec<Value> = entries.iter().map(entry::entry).collect();
        Ok(json!({ "account": account, "request_id": wanted, "entries": entries }))
    }

    /// Walks the account's whole record and recomputes it.
    pub(super) async fn verify(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let account = account(call)?;
        let mut tally = Tally::new(&account);
        loop {
            let page = self.relay.books().entries(&account, tally.seq, VERIFY_STEP).await;
            let page = page.map_err(|e| books(call.id, e))?;
            for item in &page {
                if let Err(bad) = tally.step(item) {
                    tracing::warn!(account = %account, %bad, "the record does not verify");
                    return Ok(entry::verified(&account, Err(bad)));
                }
            }
            if page.len() < VERIFY_STEP {
                return Ok(entry::verified(&account, Ok(tally.summary())));
            }
        }
    }
}

fn books(id: &str, error: BooksError) -> Refusal {
    let why = match error {
        BooksError::Refused(refusal) => refusal.to_string(),
        BooksError::Down(why) => why,
    };
    tracing::warn!(request = %id, %why, "the ledger cannot be read");
    Refusal::new(503, "ledger_unavailable", format!("The ledger cannot be read: {why}."))
}

/// Whose books are read: the caller's own, or any that the operator names.
fn account(call: &Call<'_>) -> Result<String, Refusal> {
    match query(call, "account") {
        None => Ok(call.caller.account.clone()),
        Some(named) if named == call.caller.account || call.caller.admin => Ok(named),
        Some(_) => Err(Refusal::new(403, "not_your_account", "Only the operator may read another account.")),
    }
}

/// Cursor and limit, from the query or from a JSON body.
fn page(call: &Call<'_>, body: &[u8]) -> Result<(u64, usize), Refusal> {
    let (mut cursor, mut limit) = (query(call, "cursor"), query(call, "limit"));
    if !body.is_empty() {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Page {
            cursor: Option<String>,
            limit: Option<u64>,
        }
        let page: Page = serde_json::from_slice(body)
            .map_err(|e| Refusal::new(400, "invalid_request", format!("The body cannot be read: {e}.")))?;
        cursor = page.cursor.or(cursor);
        limit = page.limit.map(|n| n.to_string()).or(limit);
    }
    let bad = |param: &str, message: String| Refusal {
        param: Some(param.into()),
        ..Refusal::new(400, "invalid_request", message)
    };
    // A store may keep numbers as signed.
    let newest = i64::MAX.unsigned_abs();
    let before =
        match cursor {
            None => newest,
            Some(text) => text.parse::<u64>().ok().filter(|n| *n <= newest).ok_or_else(|| {
                bad("cursor", "cursor: expected the `next_cursor` of an earlier page".into())
            })?,
        };
    let limit = match limit {
        None => PAGE,
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|n| (1..=PAGE_MAX).contains(n))
            .ok_or_else(|| bad("limit", format!("limit: expected a whole number from 1 to {PAGE_MAX}")))?,
    };
    Ok((before, limit))
}
