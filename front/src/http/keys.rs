//! Keys, for the operator: made, listed, changed, rotated and taken back while weir runs.

use super::callers::directory;
use super::query::{percent_decoded, query};
use super::serve::{Call, Front};
use crate::refusal::Refusal;
use http::Method;
use policy::{KEY_RANDOM, KeyChange, KeyEdit, KeyWish, ManagedKey, OVERLAP, Secret};
use relay::ports::Used;
use relay::still::moment;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use vocab::{Dice, Duration, Instant};

/// How many keys one page has at most, and without a wish.
const PAGE_MAX: usize = 1_000;
const PAGE: usize = 100;

impl Front {
    pub(super) async fn keys(&self, call: &Call<'_>, body: &[u8]) -> Result<Value, Refusal> {
        match call.head.method {
            Method::POST => self.add_key(call, body).await,
            _ => self.list_keys(call).await,
        }
    }

    pub(super) async fn key(&self, call: &Call<'_>, body: &[u8]) -> Result<Value, Refusal> {
        let id = percent_decoded(call.rest);
        let down = |error| directory(call.id, error);
        match call.head.method {
            Method::PATCH => {
                let edit = edit(body)?;
                let key = self.callers.directory.change(&id, KeyChange::Edit(edit), call.started).await;
                let key = key.map_err(down)?;
                tracing::info!(request = %call.id, key = %key.0.id, "a key was changed");
                Ok(shown(&key, call.started))
            }
            Method::DELETE => {
                self.callers.directory.remove(&id).await.map_err(down)?;
                tracing::info!(request = %call.id, key = %id, "a key was deleted");
                Ok(json!({ "id": id, "deleted": true }))
            }
            _ => Ok(shown(&self.callers.directory.key(&id).await.map_err(down)?, call.started)),
        }
    }

    /// Another secret for the same key. The one before holds on for as long as the body says: `{"overlap_s"?}`.
    pub(super) async fn rotate_key(&self, call: &Call<'_>, body: &[u8]) -> Result<Value, Refusal> {
        #[derive(Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wanted {
            overlap_s: Option<u64>,
        }
        let wanted: Wanted = if body.is_empty() { Wanted::default() } else { read(body)? };
        let overlap = wanted.overlap_s.map_or(OVERLAP, Duration::from_secs);
        let secret = self.secret(call)?;
        let change = KeyChange::Rotate { digest: secret.digest(), hint: secret.hint(), overlap };
        let key = self.callers.directory.change(&percent_decoded(call.rest), change, call.started).await;
        let key = key.map_err(|error| directory(call.id, error))?;
        tracing::info!(request = %call.id, key = %key.0.id, overlap_s = overlap.as_secs(), "a key was rotated");
        Ok(with_secret(&key, &secret, call.started))
    }

    async fn add_key(&self, call: &Call<'_>, body: &[u8]) -> Result<Value, Refusal> {
        let wish = wish(body, call.started)?;
        let secret = self.secret(call)?;
        // A throw apart, as the request's own seed makes its decision.
        let throw = Dice::seeded(!call.seed).roll();
        let key = ManagedKey::new(&wish, &secret, throw, call.started)
            .map_err(|bad| directory(call.id, bad.into()))?;
        self.callers.directory.add(key.clone()).await.map_err(|error| directory(call.id, error))?;
        tracing::info!(request = %call.id, key = %key.id, account = %key.account, "a key was made");
        Ok(with_secret(&(key.into(), None), &secret, call.started))
    }

    async fn list_keys(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let limit = match query(call, "limit") {
            None => PAGE,
            Some(text) => text.parse().ok().filter(|n| (1..=PAGE_MAX).contains(n)).ok_or_else(|| {
                bad("limit", format!("limit: expected a whole number from 1 to {PAGE_MAX}"))
            })?,
        };
        let (account, after) = (query(call, "account"), query(call, "cursor").unwrap_or_default());
        let keys = self.callers.directory.keys(account.as_deref(), &after, limit).await;
        let keys = keys.map_err(|error| directory(call.id, error))?;
        let next = (keys.len() == limit).then(|| keys.last().map(|(key, _)| key.id.to_string())).flatten();
        let keys: Vec<Value> = keys.iter().map(|key| shown(key, call.started)).collect();
        Ok(json!({ "keys": keys, "next_cursor": next }))
    }

    fn secret(&self, call: &Call<'_>) -> Result<Secret, Refusal> {
        let mut random = [0; KEY_RANDOM];
        self.callers.crypto.random(&mut random).map_err(|error| {
            tracing::error!(request = %call.id, %error, "no key can be made");
            Refusal::new(501, "keys_not_managed", format!("No key can be made here: {error}."))
        })?;
        Ok(Secret::new(random))
    }
}

fn shown((key, used): &Used, now: Instant) -> Value {
    key.shown(*used, now)
}

/// The only time that a secret is said.
fn with_secret(key: &Used, secret: &Secret, now: Instant) -> Value {
    let mut told = shown(key, now);
    told["key"] = secret.text().into();
    told
}

fn wish(body: &[u8], now: Instant) -> Result<KeyWish, Refusal> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        account: String,
        #[serde(default)]
        name: String,
        user: Option<String>,
        plan: Option<String>,
        expires_at: Option<String>,
        expires_in_s: Option<u64>,
    }
    let wanted: Wanted = read(body)?;
    let expires = match (wanted.expires_at, wanted.expires_in_s) {
        (Some(_), Some(_)) => {
            return Err(bad("expires_at", "expires_at and expires_in_s: say one of them".into()));
        }
        (Some(text), None) => Some(date(&text)?),
        (None, span) => span.map(|seconds| now.after(Duration::from_secs(seconds))),
    };
    let Wanted { account, name, user, plan, .. } = wanted;
    Ok(KeyWish { account, name, user, plan, expires })
}

fn edit(body: &[u8]) -> Result<KeyEdit, Refusal> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        name: Option<String>,
        #[serde(default, deserialize_with = "said")]
        user: Option<Option<String>>,
        #[serde(default, deserialize_with = "said")]
        plan: Option<Option<String>>,
        #[serde(default, deserialize_with = "said")]
        expires_at: Option<Option<String>>,
        disabled: Option<bool>,
    }
    let Wanted { name, user, plan, expires_at, disabled } = read(body)?;
    let expires = expires_at.map(|at| at.map(|text| date(&text)).transpose()).transpose()?;
    Ok(KeyEdit { name, user, plan, expires, disabled })
}

/// A field that is there, `null` too: that takes away what was.
fn said<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(field).map(Some)
}

fn date(text: &str) -> Result<Instant, Refusal> {
    moment(text).ok_or_else(|| {
        bad("expires_at", "expires_at: expected a moment in UTC, like 2030-01-31T23:59:59Z".into())
    })
}

fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|e| Refusal::new(400, "invalid_request", format!("The body cannot be read: {e}.")))
}

fn bad(param: &str, message: String) -> Refusal {
    Refusal { param: Some(param.into()), ..Refusal::new(400, "invalid_request", message) }
}
