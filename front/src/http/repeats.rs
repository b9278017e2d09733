//! Requests that may be told what was told before: those with an `Idempotency-Key`, and those that the cache is on for. All
//! others go by with a look at two things.
//!
//! - *A key* makes its requests one. The first is answered; the same again, from the same caller, is told the same bytes. While
//!   the first is being answered others wait for it, as long as a request may take. Whole answers are kept and nothing else: a
//!   request that was refused, failed, was cut, or whose client left has generated nothing that could be told again, and one
//!   that comes after it runs anew.
//! - *The cache* has whole answers for whoever of the account asks the same.
//!
//! Neither asks a provider nor holds money; each writes an entry of its own that nothing was charged for.

use super::asks::troubled;
use super::body::Body;
use super::fields::{Fields, Response};
use super::heads;
use super::query::{percent_decoded, query};
use super::routes::{Place, Route};
use super::serve::{Call, Front};
use crate::refusal::Refusal;
use crate::repeat::canon::Canon;
use crate::repeat::kept::Kept;
use crate::repeat::taping::{Taping, Then};
use crate::wishes::{self, CacheWish};
use billing::{Op, Repeat};
use bytes::Bytes;
use futures::future::{Either, select};
use http::StatusCode;
use policy::{Caller, Digest, IDEMPOTENCY_KEY_MAX, IdempotencyKey, IdempotencySetting, Page, Slot, Tenant};
use relay::Relay;
use relay::answers::{Answers, Claim};
use relay::ports::{BooksError, Posted};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use vocab::{Dice, Duration, Instant, Kind, Pico};

const KEY: &str = "idempotency-key";
/// How much longer than a request may take one has its name who is not heard of again.
const SILENT_MAX: Duration = Duration::from_secs(60);
/// When to come again after having waited for another as long as a request may take.
const AGAIN: Duration = Duration::from_secs(5);

/// Of a head, what is of the moment in which it was written: how limits stood.
const MOMENTARY: [&str; 3] = ["x-limit-", "x-ratelimit-", "anthropic-ratelimit-"];
/// Of a head, what is told of an answer out of the cache. What it cost and why it was chosen is another's.
const LASTING: [&str; 7] = [
    "content-type",
    "x-accel-buffering",
    "x-provider",
    "x-model",
    "x-tokens-in",
    "x-tokens-out",
    "x-weir-estimated",
];

/// What is known of a request that may be told again.
struct Asked<'a> {
    slot: Option<Slot>,
    /// Of all that it says.
    digest: Digest,
    /// Where its answer is in the cache, and whether one that is there will do.
    page: Option<(Page, bool)>,
    caller: &'a Caller,
}

/// A name that is this request's. Dropped, it is let go.
struct Claimed {
    answers: Arc<dyn Answers>,
    relay: Arc<Relay>,
    slot: Slot,
    number: u64,
    request: Digest,
    rules: IdempotencySetting,
    open: bool,
}

impl Claimed {
    /// Keeps the answer. One that cannot be kept is told all the same.
    async fn keep(mut self, kept: &Kept) {
        self.open = false;
        let now = self.relay.clock().now();
        let Self { answers, slot, number, request, rules, .. } = &self;
        if let Err(down) = answers.keep(slot, *number, request, kept.encode(), rules, now).await {
            tracing::warn!(request = %kept.id, why = down.0, "an answer could not be kept under its key");
            answers.give_up(slot, *number).await;
        }
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let (answers, slot, number) = (Arc::clone(&self.answers), self.slot.clone(), self.number);
        self.relay.later().spawn(Box::pin(async move { answers.give_up(&slot, number).await }));
    }
}

impl Front {
    /// Whether there is anything to look at here.
    pub(super) fn may_repeat(route: &Route, call: &Call<'_>) -> bool {
        (!call.settings.cache.is_off() || call.head.headers.contains_key(KEY))
            && route.place.makes().is_some()
    }

    /// Answers one, anew or as before.
    pub(super) async fn repeatable(
        &self,
        route: &Route,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let asked = self.look(route, call, &body)?;
        let claimed = match &asked.slot {
            None => None,
            Some(slot) => match self.claim(route, call, slot, &asked.digest).await? {
                Ok(claimed) => Some(claimed),
                Err(kept) => return self.replay(call, &kept, response).await,
            },
        };
        if let Some((page, true)) = &asked.page
            && let Some(kept) = self.cache.get(page, &call.settings.cache, self.relay.clock().now())
        {
            let told = self.hit(&asked, call, &kept, response).await?;
            if let Some(claimed) = claimed {
                self.tape(call, Some(claimed), None, response).await;
            }
            return Ok(told);
        }
        let upstream = self.place(route.place, call, body, response).await?;
        let page = asked.page.map(|(page, _)| page);
        self.tape(call, claimed, page, response).await;
        if let Some((_, read)) = &asked.page {
            response.fields.text("x-weir-cache", if *read { "miss" } else { "refresh" });
        }
        Ok(upstream)
    }

    /// What it is that is asked, and by what name.
    fn look<'a>(&self, route: &Route, call: &'a Call<'_>, body: &[u8]) -> Result<Asked<'a>, Refusal> {
        let (settings, headers) = (call.settings, &call.head.headers);
        let tenant = Tenant::of(&call.caller);
        let key = if settings.idempotency.is_off() { None } else { named(call)? };
        let wish = wishes::cached(headers)?;
        let canon = Canon::of(body);
        let digest = |body: Digest| {
            let mut hash = Sha256::new();
            // What else than the body says how the answer is to be.
            let form = query(call, "alt").or_else(|| query(call, "output_format")).unwrap_or_default();
            let rest = percent_decoded(call.rest);
            let texts = [call.head.method.as_str(), route.template, &rest, &form];
            let pairs = wishes::decisive(headers);
            let headers = pairs.iter().flat_map(|(name, value)| [name.as_bytes(), *value]);
            for bytes in texts.iter().map(|text| text.as_bytes()).chain(headers) {
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            }
            hash.update(body.bytes());
            Digest::from_bytes(hash.finalize().into())
        };
        let mut page = None;
        if !settings.cache.is_off() {
            let fleet = self.relay.fleet();
            let leave = fleet.leave(&call.caller).map_err(|trouble| troubled(call.id, &trouble))?;
            let plan = leave.as_ref().and_then(|leave| leave.plan.as_deref());
            let by_plan = plan.and_then(|name| fleet.plan(name).ok()?.policy.as_deref());
            let policy = policy_named(route, call, &canon, by_plan);
            let of_policy = fleet.policies.get(&policy).and_then(|policy| policy.cache);
            let wanted = wish.map(|wish| wish != CacheWish::Off);
            if settings.cache.applies(wanted, of_policy) {
                let request = digest(canon.digest(idle(route.place)));
                page = Some((tenant.page(plan, &request), wish != Some(CacheWish::Refresh)));
            }
        }
        let slot = key.map(|key| tenant.slot(key));
        let digest = if slot.is_some() { digest(canon.digest(&[])) } else { Digest::from_bytes([0; 32]) };
        Ok(Asked { slot, digest, page, caller: &call.caller })
    }

    /// The name, for this request to answer under; or the answer that there is.
    async fn claim(
        &self,
        route: &Route,
        call: &Call<'_>,
        slot: &Slot,
        digest: &Digest,
    ) -> Result<Result<Claimed, Kept>, Refusal> {
        let patience = self.relay.fleet().bounds.deadline_of(route.place.makes().unwrap_or(Kind::Chat));
        let end = call.started.after(patience);
        loop {
            let now = self.relay.clock().now();
            let until = now.after(patience).after(SILENT_MAX);
            let claim = self.answers.claim(slot, digest, now, until).await.map_err(|down| {
                tracing::warn!(request = %call.id, why = down.0, "answers under keys cannot be read");
                unavailable()
            })?;
            match claim {
                Claim::Yours(number) => {
                    return Ok(Ok(Claimed {
                        answers: Arc::clone(&self.answers),
                        relay: Arc::clone(&self.relay),
                        slot: slot.clone(),
                        number,
                        request: *digest,
                        rules: call.settings.idempotency,
                        open: true,
                    }));
                }
                Claim::Kept { request, .. } | Claim::Busy { request, .. } if request != *digest => {
                    return Err(conflict());
                }
                Claim::Kept { answer, .. } => return Kept::decode(&answer).map(Err).ok_or_else(unavailable),
                Claim::Busy { over, .. } => {
                    let left = end.since(now);
                    if left.is_zero()
                        || matches!(select(over, self.relay.clock().sleep(left)).await, Either::Right(_))
                    {
                        return Err(in_flight());
                    }
                }
            }
        }
    }

    /// Tells what was told, with the head that it had.
    async fn replay(
        &self,
        call: &Call<'_>,
        kept: &Kept,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        self.count_repeat(call, response).await?;
        // The answer bears the id of the first; this one's own names the entry.
        let now = self.relay.clock().now();
        let id = policy::request_id(None, now, Dice::seeded(!call.seed).roll());
        tracing::debug!(request = %call.id, of = %kept.id, entry = %id, "an answer is told again under its key");
        self.note(call, Repeat::Replay, id, kept).await?;
        self.relay.registry().replays.inc();
        let trailers = heads::takes_trailers(&call.head.headers);
        let fields = kept.fields().filter(|(name, _)| trailers || *name != "trailer");
        fields.for_each(|(name, value)| response.fields.text(name, value));
        response.fields.text("idempotent-replayed", "true");
        response.body = told(kept, trailers);
        // It bears the id of the first.
        drop(call.first.set(kept.id.as_str().into()));
        Ok(Duration::ZERO)
    }

    /// Tells what another request was told.
    async fn hit(
        &self,
        asked: &Asked<'_>,
        call: &Call<'_>,
        kept: &Kept,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        self.count_repeat(call, response).await?;
        let posted = self.note(call, Repeat::Hit, call.id.to_owned(), kept).await?;
        tracing::debug!(request = %call.id, of = %kept.id, account = %asked.caller.account, "an answer out of the cache");
        self.relay.registry().hits.inc();
        let fields = &mut response.fields;
        for (name, value) in kept.fields().filter(|(name, _)| LASTING.contains(name)) {
            fields.text(name, value);
        }
        heads::cached(
            fields,
            self.relay.clock().now().since(kept.made),
            posted.balance.available(),
            call.settings,
        );
        response.body = told(kept, false);
        Ok(Duration::ZERO)
    }

    /// Takes its place among requests that come so fast.
    async fn count_repeat(&self, call: &Call<'_>, response: &mut Response) -> Result<(), Refusal> {
        match self.relay.admit_repeat(&call.caller).await {
            Ok(None) => Ok(()),
            Ok(Some(readings)) => {
                self.tell_limits(call, &readings, &mut response.fields);
                Ok(())
            }
            Err(trouble) => {
                self.tell_over(call, &trouble, &mut response.fields);
                Err(troubled(call.id, &trouble))
            }
        }
    }

    /// Writes down that it happened.
    async fn note(&self, call: &Call<'_>, by: Repeat, id: String, kept: &Kept) -> Result<Posted, Refusal> {
        let (books, account) = (self.relay.books(), &call.caller.account);
        let op = Op::Repeat { id, by, of: kept.id.clone(), saved: kept.cost };
        let now = self.relay.clock().now();
        let posted = match books.post_at_once(account, op, now) {
            Ok(posted) => posted,
            Err(op) => books.post(account, op, now).await,
        };
        match posted {
            // An id that its caller chose is one request's.
            Ok(posted) if posted.fresh => Ok(posted),
            Ok(_) | Err(BooksError::Refused(billing::Refusal::Conflict { .. })) => {
                Err(troubled(call.id, &relay::Trouble::Conflict))
            }
            Err(error) => Err(troubled(call.id, &relay::Trouble::from(error))),
        }
    }

    /// Takes an answer down: at once where it is whole, else as it leaves.
    async fn tape(
        &self,
        call: &Call<'_>,
        claimed: Option<Claimed>,
        page: Option<Page>,
        response: &mut Response,
    ) {
        if (claimed.is_none() && page.is_none()) || response.status != StatusCode::OK {
            return;
        }
        let of_keys = claimed.as_ref().map(|claimed| claimed.rules.entry_max);
        let of_cache = page.as_ref().map(|_| call.settings.cache.entry_max);
        let most = of_keys.into_iter().chain(of_cache).max().unwrap_or_default();
        let mut kept = Kept {
            id: call.id.to_owned(),
            made: Instant::ZERO,
            cost: charged(&response.fields),
            head: lasting(&response.fields),
            pieces: None,
            body: Bytes::new(),
            trailers: String::new(),
        };
        let (relay, cache, rules) = (Arc::clone(&self.relay), Arc::clone(&self.cache), call.settings.cache);
        // Each of the two has its own idea of what is too large.
        let put = move |kept: &mut Kept| {
            kept.made = relay.clock().now();
            if let Some(page) = page.filter(|_| kept.size() <= rules.entry_max) {
                cache.put(page, Arc::new(kept.clone()), &rules);
            }
        };
        let fits = |claimed: &Claimed, kept: &Kept| kept.size() <= claimed.rules.entry_max;
        match std::mem::replace(&mut response.body, Body::empty()) {
            Body::Whole(bytes) => {
                // A copy: what came may be a small part of a large block, which would stay as long as it.
                if page.is_some() {
                    kept.body = bytes.as_deref().map(Bytes::copy_from_slice).unwrap_or_default();
                    put(&mut kept);
                } else {
                    kept.body = bytes.clone().unwrap_or_default();
                    kept.made = self.relay.clock().now();
                }
                // Whoever has the whole answer can rely on that it will be told again.
                if let Some(claimed) = claimed.filter(|claimed| fits(claimed, &kept)) {
                    claimed.keep(&kept).await;
                }
                response.body = Body::Whole(bytes);
            }
            body => {
                let relay = Arc::clone(&self.relay);
                let then: Then = Box::new(move |mut kept| {
                    put(&mut kept);
                    if let Some(claimed) = claimed.filter(|claimed| fits(claimed, &kept)) {
                        relay.later().spawn(Box::pin(async move { claimed.keep(&kept).await }));
                    }
                });
                response.body = Body::Taped(Box::new(Taping::new(body, kept, most, then)));
            }
        }
    }
}

fn told(kept: &Kept, trailers: bool) -> Body {
    match &kept.pieces {
        None => kept.body.clone().into(),
        Some(_) => Body::Told(Box::new(kept.told(trailers))),
    }
}

/// What a whole answer was charged, as its head says.
fn charged(fields: &Fields) -> Pico {
    let cost = fields.iter().find(|(name, _)| *name == "x-cost-usd");
    cost.and_then(|(_, usd)| usd.parse().ok()).unwrap_or_default()
}

/// A head without what is of one moment.
fn lasting(fields: &Fields) -> String {
    let lasts = |line: &&str| !MOMENTARY.iter().any(|prefix| line.starts_with(prefix));
    fields.lines().split_inclusive("\r\n").filter(lasts).collect()
}

/// The key that a request came with.
fn named<'a>(call: &'a Call<'_>) -> Result<Option<IdempotencyKey<'a>>, Refusal> {
    let mut all = call.head.headers.get_all(KEY).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let key = value.to_str().ok().and_then(IdempotencyKey::new).filter(|_| all.next().is_none());
    let bad = || {
        let message = format!(
            "Idempotency-Key: expected one key of 1 to {IDEMPOTENCY_KEY_MAX} printable ASCII characters without spaces."
        );
        Refusal { param: Some(KEY.into()), ..Refusal::new(400, "invalid_request", message) }
    };
    key.map(Some).ok_or_else(bad)
}

/// The policy that decides, as far as that can be said of a request that has not been looked through.
fn policy_named(route: &Route, call: &Call<'_>, canon: &Canon<'_>, by_plan: Option<&str>) -> String {
    let model = match route.place {
        Place::Generate | Place::GenerateStream | Place::Embed | Place::EmbedBatch => {
            Some(percent_decoded(call.rest))
        }
        _ => canon.text("model").map(str::to_owned),
    };
    let header = || call.head.headers.get("x-weir-policy").and_then(|value| value.to_str().ok());
    let ours = matches!(route.place, Place::Ask | Place::Tts);
    let in_body = || if ours { canon.text("policy") } else { None };
    let named = model.as_deref().and_then(|model| model.strip_prefix("auto:"));
    let policy = named.or_else(in_body).or_else(header).or(by_plan).unwrap_or("balanced");
    policy.strip_prefix("auto:").unwrap_or(policy).to_owned()
}

/// Fields of a body that its answer does not depend on. Responses repeats them in its answer, so there they count.
const fn idle(place: Place) -> &'static [&'static str] {
    match place {
        Place::Chat => {
            &["metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store", "user"]
        }
        Place::Embeddings | Place::Images | Place::Edits => &["user"],
        Place::Messages => &["metadata"],
        Place::Ask | Place::Tts => &["tags"],
        _ => &[],
    }
}

fn conflict() -> Refusal {
    let message =
        "This Idempotency-Key was used before for another request. Send a new key with a new request.";
    Refusal { param: Some(KEY.into()), ..Refusal::new(409, "idempotency_conflict", message) }
}

fn in_flight() -> Refusal {
    let message = "The request that came first with this Idempotency-Key is still being answered.";
    let refusal = Refusal::new(409, "idempotency_in_flight", message);
    Refusal { param: Some(KEY.into()), retry_after: Some(AGAIN), ..refusal }
}

fn unavailable() -> Refusal {
    let message =
        "It cannot be said now whether this Idempotency-Key was used before, so nothing was done. Try again.";
    Refusal { retry_after: Some(AGAIN), ..Refusal::new(503, "idempotency_unavailable", message) }
}
