//! Tokens that weir signs: for guests, and at the operator's word; what they are checked with, and whether one holds.

use super::issuers::Known;
use super::serve::{Call, Front};
use crate::refusal::Refusal;
use policy::jwt::{self, Unsigned};
use relay::ports::CryptoError;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::{Arc, PoisonError};
use vocab::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// How many guests came in this minute.
#[derive(Default)]
pub(super) struct Guests {
    since: Instant,
    count: u32,
}

impl Guests {
    /// Lets one more in, or says how long none is.
    fn admit(&mut self, most: u32, now: Instant) -> Result<(), Duration> {
        if now.since(self.since) >= MINUTE {
            *self = Self { since: now, count: 0 };
        }
        if self.count >= most {
            return Err(MINUTE.saturating_sub(now.since(self.since)));
        }
        self.count += 1;
        Ok(())
    }
}

impl Front {
    /// Weir's own public keys; none where it signs nothing.
    pub(super) async fn jwks(&self) -> Result<Value, Refusal> {
        Ok(jwt::document(&self.signing().await?.own))
    }

    pub(super) async fn guest(&self, call: &Call<'_>) -> Result<Value, Refusal> {
        let known = self.signing().await?;
        let asked = known.settings.signing.as_ref();
        let Some((signing, guest)) = asked.and_then(|signing| Some((signing, signing.guest.as_ref()?)))
        else {
            return Err(not_configured(
                "Guests are not let in here; service.signing.guest in the configuration does.",
            ));
        };
        let room = {
            let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
            guests.admit(guest.per_minute, call.started)
        };
        if let Err(wait) = room {
            let message =
                format!("{} guests came within a minute, and no more are let in.", guest.per_minute);
            return Err(Refusal { retry_after: Some(wait), ..Refusal::new(429, "too_many_guests", message) });
        }
        let mut random = [0; 16];
        self.callers.crypto.random(&mut random).map_err(|e| unsigned(call.id, &e))?;
        let made = jwt::guest(signing, kid(&known), random, call.started);
        let (subject, token) = made.ok_or_else(|| not_configured("Guests are not let in here."))?;
        let mut told = self.sign(call, &known, token).await?;
        told["subject"] = subject.into();
        Ok(told)
    }

    /// A token with the claims of the body: `{"claims": {…}, "expires_in_s"?}`.
    pub(super) async fn generate_jwt(&self, call: &Call<'_>, body: &[u8]) -> Result<Value, Refusal> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wanted<'b> {
            #[serde(borrow)]
            claims: &'b RawValue,
            expires_in_s: Option<u64>,
        }
        let wanted: Wanted<'_> = read(body, r#"{"claims": {…}, "expires_in_s": 3600}, the latter or not"#)?;
        let known = self.signing().await?;
        let Some(signing) = &known.settings.signing else {
            return Err(not_configured("No tokens are signed here; configure service.signing."));
        };
        let token =
            jwt::asked_for(signing, kid(&known), wanted.claims.get(), wanted.expires_in_s, call.started);
        let token = token.map_err(|bad| Refusal {
            param: Some(bad.claim.into()),
            ..Refusal::new(400, "invalid_request", bad.message)
        })?;
        tracing::info!(request = %call.id, "a token was signed for the operator");
        self.sign(call, &known, token).await
    }

    /// Whether a token holds, and what it says: `{"token": …}`. The token itself is never said again.
    pub(super) async fn verify_jwt(&self, call: &Call<'_>, body: &[u8]) -> Result<Value, Refusal> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Given {
            token: String,
        }
        let given: Given = read(body, r#"{"token": "…"}"#)?;
        match self.callers.token(&self.relay, &given.token, call.started).await {
            Ok((caller, claims)) => Ok(json!({
                "valid": true, "account": caller.account, "claims": claims.to_value(),
            })),
            Err(super::callers::NotTaken::Bad(bad)) => {
                Ok(json!({ "valid": false, "code": bad.code(), "reason": bad.to_string() }))
            }
            Err(down) => Err(down.into()),
        }
    }

    async fn signing(&self) -> Result<Arc<Known>, Refusal> {
        let known = self.callers.issuers.known(&self.relay, &*self.callers.crypto).await;
        known.map_err(|error| unsigned("", &error))
    }

    async fn sign(&self, call: &Call<'_>, known: &Known, token: Unsigned) -> Result<Value, Refusal> {
        let signer = known.signers.first().ok_or_else(|| unsigned(call.id, &CryptoError::Unavailable))?;
        let signature = signer.sign(token.bytes()).await.map_err(|error| unsigned(call.id, &error))?;
        let expires = token.expires;
        Ok(json!({
            "token": token.signed(&signature),
            "token_type": "Bearer",
            "expires_in": expires.as_secs().saturating_sub(call.started.as_secs()),
            "expires_at": expires.rfc3339(),
        }))
    }
}

fn kid(known: &Known) -> &str {
    known.own.first().map_or("", |key| &key.kid)
}

/// Without the parser's own words: they repeat what stands there, and that may be a token.
fn read<'b, T: serde::Deserialize<'b>>(body: &'b [u8], expected: &str) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|e| {
        let message = format!(
            "The body cannot be read at line {} column {}; expected {expected}.",
            e.line(),
            e.column()
        );
        Refusal::new(400, "invalid_request", message)
    })
}

fn not_configured(message: &str) -> Refusal {
    Refusal::new(404, "not_configured", message)
}

fn unsigned(id: &str, error: &CryptoError) -> Refusal {
    tracing::error!(request = %id, %error, "tokens cannot be signed");
    Refusal::new(503, "signing_unavailable", format!("Tokens cannot be signed now: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_guests_come_in_a_minute_and_no_more() {
        let mut guests = Guests::default();
        let at = |s: u64| Instant::from_secs(1_000 + s);
        assert_eq!((guests.admit(2, at(0)), guests.admit(2, at(50))), (Ok(()), Ok(())));
        assert_eq!(guests.admit(2, at(59)), Err(Duration::from_secs(1)));
        assert_eq!(guests.admit(2, at(60)), Ok(()));
        assert!(guests.admit(0, at(61)).is_err());
    }
}
