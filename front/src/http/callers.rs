//! Who is calling, where that takes more than a look at the request: keys that somebody else keeps, and tokens.

use super::issuers::Issuers;
use crate::refusal::Refusal;
use policy::jwt::{BadToken, Claims, Token};
use policy::{Caller, Claim, Refused};
use relay::Relay;
use relay::ports::{Crypto, CryptoError, Directory, DirectoryError, Holder};
use std::sync::Arc;
use vocab::Instant;

/// Who keeps keys, and what tokens are checked with.
pub(super) struct Callers {
    pub directory: Arc<dyn Directory>,
    pub crypto: Arc<dyn Crypto>,
    pub issuers: Arc<Issuers>,
}

/// Why a token lets nobody in.
#[derive(Debug)]
pub(super) enum NotTaken {
    Bad(BadToken),
    /// It could not be checked.
    Down(CryptoError),
}

impl From<BadToken> for NotTaken {
    fn from(bad: BadToken) -> Self {
        Self::Bad(bad)
    }
}

impl From<CryptoError> for NotTaken {
    fn from(error: CryptoError) -> Self {
        Self::Down(error)
    }
}

impl From<NotTaken> for Refusal {
    fn from(why: NotTaken) -> Self {
        match why {
            NotTaken::Bad(bad) => Self::from(&Refused::Token(bad)),
            NotTaken::Down(error) => {
                tracing::error!(%error, "tokens cannot be checked");
                Self::new(503, "identity_unavailable", format!("Tokens cannot be checked now: {error}."))
            }
        }
    }
}

impl Callers {
    pub fn new(directory: Arc<dyn Directory>, crypto: Arc<dyn Crypto>) -> Self {
        Self { directory, crypto, issuers: Arc::default() }
    }

    /// A key that can be settled without a wait, settled. The same refusal whatever is wrong with it.
    pub fn at_once<'h>(&self, claim: Claim<'h>, now: Instant) -> Result<Claim<'h>, Refused> {
        let Claim::Key(digest) = claim else { return Ok(claim) };
        match self.directory.holder(&digest, now) {
            Holder::Known(caller) => Ok(Claim::Caller(caller)),
            Holder::Nobody => Err(Refused::Unknown),
            Holder::Elsewhere => Ok(claim),
        }
    }

    /// Who that is, in the end.
    pub async fn settle(
        &self,
        relay: &Arc<Relay>,
        claim: Claim<'_>,
        now: Instant,
    ) -> Result<Caller, Refusal> {
        match claim {
            Claim::Caller(caller) => Ok(caller),
            Claim::Key(digest) => match self.directory.look_up(&digest, now).await {
                Ok(Some(caller)) => Ok(caller),
                Ok(None) => Err(Refusal::from(&Refused::Unknown)),
                Err(error) => {
                    tracing::error!(?error, "keys cannot be looked up");
                    Err(Refusal::new(503, "identity_unavailable", "Keys cannot be looked up now."))
                }
            },
            Claim::Token(text) => Ok(self.token(relay, text, now).await.map(|(caller, _)| caller)?),
        }
    }

    /// Whose token it is, and what it says.
    pub async fn token(
        &self,
        relay: &Arc<Relay>,
        text: &str,
        now: Instant,
    ) -> Result<(Caller, Claims), NotTaken> {
        let token = Token::read(text)?;
        let known = self.issuers.known(relay, &*self.crypto).await?;
        // A key counts for its own issuer only: neither signs in the other's name.
        if let (Some(signing), Some(key)) = (&known.settings.signing, token.named_key(&known.own)) {
            self.signed(&token, key).await?;
            let claims = token.claims(&signing.rules(), now)?;
            return Ok((signing.caller(&claims)?, claims));
        }
        let Some(jwt) = &known.settings.jwt else { return Err(BadToken::UnknownKey.into()) };
        let mut keys = self.issuers.published(jwt, &known);
        if token.key(&keys).is_none() {
            self.issuers.look_again(relay, jwt).await;
            keys = self.issuers.published(jwt, &known);
        }
        if keys.is_empty() {
            return Err(CryptoError::Failed("the issuer's keys could not be read yet".into()).into());
        }
        let key = token.key(&keys).ok_or(BadToken::UnknownKey)?;
        self.signed(&token, key).await?;
        let claims = token.claims(&jwt.rules(), now)?;
        self.issuers.keep_fresh(relay, jwt);
        Ok((jwt.caller(&claims)?, claims))
    }

    async fn signed(&self, token: &Token<'_>, key: &policy::jwt::PublicKey) -> Result<(), NotTaken> {
        let good = self.crypto.verify(key, token.signed(), token.signature()).await?;
        if good { Ok(()) } else { Err(BadToken::Signature.into()) }
    }
}

/// What an operator is told who changes keys.
pub(super) fn directory(id: &str, error: DirectoryError) -> Refusal {
    match error {
        DirectoryError::Unknown => Refusal::new(404, "unknown_key", "There is no key with this id."),
        DirectoryError::Bad(bad) => {
            Refusal { param: Some(bad.param.into()), ..Refusal::new(400, "invalid_request", bad.message) }
        }
        DirectoryError::Unavailable => Refusal::new(
            501,
            "keys_not_managed",
            "Keys are not managed here; put their SHA-256 under service.keys in the configuration.",
        ),
        DirectoryError::Down(why) => {
            tracing::error!(request = %id, %why, "keys cannot be read or changed");
            Refusal::new(503, "keys_unavailable", format!("Keys cannot be read or changed now: {why}."))
        }
    }
}
