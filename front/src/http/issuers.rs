//! Whose tokens are believed: weir's own keys, made ready once, and those that an issuer outside publishes.
//!
//! A published set is read when weir starts and once an hour after that, while tokens come; and when a token names a key that
//! is not in it, but at most once a minute, however many such tokens come. It is read beside the requests: only those
//! that wait for an unknown key wait for it. While it cannot be read, the keys that were there stay.

use arc_swap::ArcSwapOption;
use futures::channel::oneshot;
use futures::future::{Either, Shared, select};
use futures::{FutureExt, StreamExt};
use http::{HeaderMap, HeaderValue, Uri, header};
use policy::Settings;
use policy::jwt::{JWKS_MAX, JwtSetting, PublicKey, read_jwks};
use relay::Relay;
use relay::ports::{Crypto, CryptoError, Signer};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use vocab::{Call, Duration, Instant};

/// A set is asked for no more often, whatever tokens say.
const FLOOR: Duration = Duration::from_secs(60);
/// And read again after this: keys that were taken back are believed no longer.
const STALE: Duration = Duration::from_secs(3_600);
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Issuers {
    known: ArcSwapOption<Known>,
    held: ArcSwapOption<Held>,
    turn: Mutex<Turn>,
}

/// What follows from the settings, made once for them.
pub(super) struct Known {
    pub settings: Arc<Settings>,
    /// The first signs.
    pub signers: Vec<Arc<dyn Signer>>,
    /// The public halves, in the same order.
    pub own: Vec<PublicKey>,
    inline: Arc<Vec<PublicKey>>,
}

/// A published set, as it was read last.
struct Held {
    url: String,
    keys: Arc<Vec<PublicKey>>,
    at: Instant,
}

/// Whose turn it is to read.
#[derive(Default)]
struct Turn {
    url: String,
    tried: Option<Instant>,
    running: Option<Shared<oneshot::Receiver<()>>>,
}

impl Issuers {
    /// As the settings have it now.
    pub async fn known(&self, relay: &Relay, crypto: &dyn Crypto) -> Result<Arc<Known>, CryptoError> {
        let settings = relay.settings();
        if let Some(known) = self.known.load_full().filter(|known| Arc::ptr_eq(&known.settings, &settings)) {
            return Ok(known);
        }
        let mut signers = Vec::new();
        for key in settings.signing.iter().flat_map(|signing| signing.secrets()) {
            let named = |error: CryptoError| CryptoError::Failed(format!("the key {}: {error}", key.name));
            signers.push(crypto.signer(key.pkcs8()).await.map_err(named)?);
        }
        let own = signers.iter().map(|signer| signer.public().clone()).collect();
        let inline = Arc::new(settings.jwt.as_ref().map(JwtSetting::inline).unwrap_or_default());
        let known = Arc::new(Known { settings, signers, own, inline });
        self.known.store(Some(known.clone()));
        Ok(known)
    }

    /// The keys of the issuer outside, as far as they were read.
    pub fn published(&self, jwt: &JwtSetting, known: &Known) -> Arc<Vec<PublicKey>> {
        let held = self.held.load();
        let read = held.as_ref().filter(|held| Some(&held.url) == jwt.jwks_url.as_ref());
        read.map_or_else(|| known.inline.clone(), |held| held.keys.clone())
    }

    /// A key is asked for that is not there: reads the set, or waits for whoever does, unless that was done just now.
    pub async fn look_again(self: &Arc<Self>, relay: &Arc<Relay>, jwt: &JwtSetting) {
        if let Some(running) = self.begin(relay, jwt, FLOOR) {
            // It is dropped unsaid when it is done, or when it was given up.
            let _ = running.await;
        }
    }

    /// Has the set be read, whenever that was done last: the settings are new.
    pub fn read_now(self: &Arc<Self>, relay: &Arc<Relay>, jwt: &JwtSetting) {
        drop(self.begin(relay, jwt, Duration::ZERO));
    }

    /// Has a set that was read long ago be read again, beside the requests.
    pub fn keep_fresh(self: &Arc<Self>, relay: &Arc<Relay>, jwt: &JwtSetting) {
        let now = relay.clock().now();
        let fresh = self.held.load().as_ref().is_some_and(|held| now.since(held.at) < STALE);
        if !fresh {
            drop(self.begin(relay, jwt, FLOOR));
        }
    }

    /// Begins to read, unless somebody does already, or did within `floor`; then None.
    fn begin(
        self: &Arc<Self>,
        relay: &Arc<Relay>,
        jwt: &JwtSetting,
        floor: Duration,
    ) -> Option<Shared<oneshot::Receiver<()>>> {
        let url = jwt.jwks_url.clone()?;
        let now = relay.clock().now();
        let (done, told) = oneshot::channel();
        let told = told.shared();
        {
            let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            if turn.url != url {
                *turn = Turn { url: url.clone(), ..Turn::default() };
            }
            // Asked, not looked at: of one that nobody waited for nobody has heard that it is done.
            let done = |running: &&Shared<_>| (*running).clone().now_or_never().is_some();
            if let Some(running) = turn.running.as_ref().filter(|running| !done(running)) {
                return Some(running.clone());
            }
            if turn.tried.is_some_and(|at| now.since(at) < floor) {
                return None;
            }
            turn.tried = Some(now);
            turn.running = Some(told.clone());
        }
        let (issuers, with) = (self.clone(), relay.clone());
        // Beside this request: its client may leave, and others wait for the same.
        relay.later().spawn(Box::pin(async move {
            match fetch(&with, &url).await {
                Ok(keys) => {
                    tracing::info!(url, keys = keys.len(), "an issuer's keys were read");
                    let held = Held { url, keys: Arc::new(keys), at: with.clock().now() };
                    issuers.held.store(Some(Arc::new(held)));
                }
                Err(why) => tracing::warn!(url, why, "an issuer's keys could not be read; those before stay"),
            }
            drop(done);
        }));
        Some(told)
    }
}

async fn fetch(relay: &Relay, url: &str) -> Result<Vec<PublicKey>, String> {
    let uri: Uri = url.parse().map_err(|e| format!("the address cannot be called: {e}"))?;
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let read = pin!(async {
        let call = Call::get(uri, headers.into());
        let mut reply = relay.http().send(call, PATIENCE).await.map_err(|fault| fault.to_string())?;
        if reply.status != 200 {
            return Err(format!("it answered {}", reply.status));
        }
        let mut body = Vec::new();
        while let Some(piece) = reply.body.next().await {
            body.extend_from_slice(&piece.map_err(|fault| fault.to_string())?);
            if body.len() > JWKS_MAX {
                return Err(format!("it is larger than {JWKS_MAX} bytes"));
            }
        }
        read_jwks(&body)
    });
    match select(read, relay.clock().sleep(PATIENCE)).await {
        Either::Left((keys, _)) => keys,
        Either::Right(_) => Err(format!("no answer within {} ms", PATIENCE.as_millis())),
    }
}
