//! The paths that read an account's record, and the one by which the operator adds to it.

use super::entry;
use super::query::{percent_decoded, query};
use super::serve::{Call, Front};
use crate::refusal::Refusal;
use crate::report::credits;
use billing::{Op, Refusal as Refused, Tally};
use relay::ports::BooksError;
use serde_json::{Value, json};
use vocab::Pico;

/// How many events or entries one page has at most, and without a wish.
const PAGE_MAX: usize = 500;
const PAGE: usize = 50;
/// Entries read at a time to verify a record.
const VERIFY_STEP: usize = 1_000;
/// The longest reason of an adjustment, in bytes.
const REASON_MAX: usize = 500;

impl Front {
    /// What the account has.
    pub(super) async fn balance(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let account = account(call)?;
        let balance = self.relay.books().balance(&account).await.map_err(|e| books(call.id, e))?;
        let mut told = entry::balance(&account, &balance, &credits(call.settings));
        // The operator, who may ask for any account, is under no plan himself.
        let plan = (!call.caller.admin).then_some(call.caller.plan.as_deref()).flatten();
        let caps = self.relay.fleet().caps(&account, plan, call.started);
        if !caps.is_empty() {
            let taken = self.relay.books().budgets(&account).await.map_err(|e| books(call.id, e))?;
            told["budgets"] = caps.iter().map(|cap| entry::budget(cap, &taken)).collect();
        }
        Ok(told)
    }

    /// Credit given, or with an amount below zero taken back, for a reason. Once for each id: the body's, else the
    /// `Idempotency-Key`'s, else the request's own. On disk before it is told.
    pub(super) async fn adjust(&self, call: &Call<'_>, body: &[u8]) -> Result<Value, Refusal> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Adjustment {
            account: String,
            amount_usd: Pico,
            reason: String,
            id: Option<String>,
        }
        let wanted: Adjustment = serde_json::from_slice(body)
            .map_err(|e| Refusal::new(400, "invalid_request", format!("The body cannot be read: {e}.")))?;
        let (account, reason) = (wanted.account, wanted.reason.trim());
        if !policy::is_account(&account) {
            return Err(bad("account", "account: expected 1 to 128 letters, digits and `_.:@+-`".into()));
        }
        if reason.is_empty() || reason.len() > REASON_MAX {
            return Err(bad("reason", format!("reason: expected 1 to {REASON_MAX} bytes of text")));
        }
        let header = call.head.headers.get("idempotency-key").and_then(|value| value.to_str().ok());
        let id = wanted.id.as_deref().or(header).unwrap_or(call.id);
        if !policy::is_sane(id) {
            return Err(bad("id", "id: expected 1 to 128 letters, digits and `_.:-`".into()));
        }
        // A request's id is its caller's to choose; none has a slash, so none is in an adjustment's way.
        let op = Op::Grant { id: format!("adjust/{id}"), amount: wanted.amount_usd, reason: reason.into() };
        let now = self.relay.clock().now();
        let posted = self.relay.books().post(&account, op, now).await.map_err(|error| match error {
            BooksError::Refused(Refused::Conflict { .. }) => Refusal::new(
                409,
                "idempotency_conflict",
                format!("The id {id:?} was used before for another adjustment."),
            ),
            BooksError::Refused(refused) => Refusal::new(402, "insufficient_credit", format!("{refused}.")),
            BooksError::Down(why) => books(call.id, BooksError::Down(why)),
        })?;
        self.relay.books().durable(posted.mark).await.map_err(|e| books(call.id, e))?;
        tracing::info!(request = %call.id, %account, amount = %wanted.amount_usd, fresh = posted.fresh, "credit was adjusted");
        let mut told = entry::balance(&account, &posted.balance, &credits(call.settings));
        told["id"] = id.into();
        told["amount_usd"] = json!(wanted.amount_usd);
        told["applied"] = posted.fresh.into();
        Ok(told)
    }

    /// The record as it is, oldest first.
    pub(super) async fn ledger(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let account = account(call)?;
        // Pages go forward here, so a cursor is the last number that was seen.
        let cursor = query(call, "cursor");
        let (after, limit) = page(cursor.as_deref(), query(call, "limit").as_deref())?;
        let after = if cursor.is_some() { after } else { 0 };
        let entries = self.relay.books().entries(&account, after, limit).await;
        let entries = entries.map_err(|e| books(call.id, e))?;
        let next = (entries.len() == limit).then(|| entries.last().map(|e| e.seq.to_string())).flatten();
        let entries: Vec<Value> = entries.iter().map(entry::entry).collect();
        Ok(json!({ "account": account, "entries": entries, "next_cursor": next }))
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

pub(super) fn books(id: &str, error: BooksError) -> Refusal {
    let why = match error {
        BooksError::Refused(refusal) => refusal.to_string(),
        BooksError::Down(why) => why,
    };
    tracing::warn!(request = %id, %why, "the ledger cannot be read");
    Refusal::new(503, "ledger_unavailable", format!("The ledger cannot be read: {why}."))
}

/// Whose books are read: the caller's own, or any that the operator names.
pub(super) fn account(call: &Call<'_>) -> Result<String, Refusal> {
    match query(call, "account") {
        None => Ok(call.caller.account.clone()),
        Some(named) if named == call.caller.account || call.caller.admin => Ok(named),
        Some(_) => Err(Refusal::new(403, "not_your_account", "Only the operator may read another account.")),
    }
}

pub(super) fn bad(param: &str, message: String) -> Refusal {
    Refusal { param: Some(param.into()), ..Refusal::new(400, "invalid_request", message) }
}

/// Cursor and limit, as they were said.
pub(super) fn page(cursor: Option<&str>, limit: Option<&str>) -> Result<(u64, usize), Refusal> {
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
