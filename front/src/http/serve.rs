//! One request: its path, who asks, what they want, and the answer in their words.

use super::body::Body;
use super::routes::{Gate, Place, Route, find};
use super::speak::{Speaking, Tongue};
use super::{cors, entry, heads, pages, read};
use crate::openai::{self, Chunks, Label};
use crate::refusal::Refusal;
use crate::report::credits;
use crate::si::{self, Frames, SiAsk};
use crate::wishes::{self, Asked};
use billing::Tally;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, request};
use policy::{Caller, Settings};
use relay::ports::BooksError;
use relay::{Answer, Ask, Content, Relay, Served, Trouble, Words};
use serde_json::{Value, json};
use std::fmt::Display;
use std::sync::Arc;
use vocab::{Brief, Caps, Chat, Dice, Duration, Instant, Message, Role};

/// How many usage events one page has at most, and without a wish.
const PAGE_MAX: usize = 500;
const PAGE: usize = 50;
/// Entries read at a time to verify a record.
const VERIFY_STEP: usize = 1_000;
/// What the self-test asks.
const TEST_PROMPT: &str = "Reply with the single word: OK";
const TEST_OUTPUT_MAX: u32 = 64;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// This machine itself.
    pub loopback: bool,
    /// The connection is encrypted.
    pub tls: bool,
}

/// The front door. Holds nothing of its own: cheap to make and to clone.
#[derive(Clone)]
pub struct Front {
    relay: Arc<Relay>,
}

/// A request whose sender is known.
struct Call<'a> {
    id: &'a str,
    head: &'a request::Parts,
    settings: &'a Settings,
    caller: Caller,
    /// What stands where the route's braces are.
    rest: &'a str,
    started: Instant,
    seed: u64,
}

impl Front {
    pub const fn new(relay: Arc<Relay>) -> Self {
        Self { relay }
    }

    /// Answers a request, always. `seed` is the shell's throw of dice for it.
    pub async fn serve<B>(&self, request: Request<B>, peer: Peer, seed: u64) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Display,
    {
        let started = self.relay.clock().now();
        let settings = self.relay.settings();
        let (head, body) = request.into_parts();
        let asked_id = head.headers.get("x-request-id").and_then(|v| v.to_str().ok());
        // A throw apart: the id must not tell the seed.
        let id = policy::request_id(asked_id, started, Dice::seeded(!seed).roll());
        let mut response = Response::new(Body::empty());
        *response.headers_mut() = HeaderMap::with_capacity(heads::ROOM);
        let found = find(head.uri.path());
        if head.method == Method::OPTIONS {
            *response.status_mut() = StatusCode::NO_CONTENT;
            if let Some((route, _)) = found {
                response.headers_mut().insert(ALLOW, heads::value(&route.allow()));
            }
            cors::preflight(&settings.cors, &head.headers, response.headers_mut());
            heads::common(response.headers_mut(), &id, peer.tls || settings.behind_tls);
            return response;
        }
        let openai = found.map_or(head.uri.path().starts_with("/v1/"), |(route, _)| route.openai);
        let outcome = self.admit(&id, &head, &settings, found, started, seed, peer);
        let outcome = match outcome {
            Ok((route, call)) => self.answer(route, &call, body, &mut response).await,
            Err(refusal) => Err(refusal),
        };
        let upstream = match outcome {
            Ok(upstream) => upstream,
            Err(refusal) => {
                refuse(&mut response, &refusal, &id, openai);
                Duration::ZERO
            }
        };
        let total = self.relay.clock().now().since(started);
        let headers = response.headers_mut();
        heads::timing(headers, total, upstream);
        heads::common(headers, &id, peer.tls || settings.behind_tls);
        cors::permit(&settings.cors, &head.headers, headers);
        tracing::debug!(
            request = %id,
            method = %head.method,
            path = head.uri.path(),
            status = response.status().as_u16(),
            micros = u64::try_from(total.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
        response
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one request, taken apart once")]
    fn admit<'a>(
        &self,
        id: &'a str,
        head: &'a request::Parts,
        settings: &'a Settings,
        found: Option<(&'static Route, &'a str)>,
        started: Instant,
        seed: u64,
        peer: Peer,
    ) -> Result<(&'static Route, Call<'a>), Refusal> {
        let path = head.uri.path();
        let Some((route, rest)) = found else {
            let message = format!(
                "There is nothing at {:?}. GET /openapi.json lists every path.",
                crate::json::shortened(path)
            );
            return Err(Refusal::new(404, "not_found", message));
        };
        if !route.takes(&head.method) {
            let allow = route.allow();
            let message = format!("{} is not taken here; allowed: {allow}.", head.method);
            let mut refusal = Refusal::new(405, "method_not_allowed", message);
            refusal.header = Some(Box::new((ALLOW, allow)));
            return Err(refusal);
        }
        let caller = match route.gate {
            Gate::Open => Caller { account: String::new(), key: String::new(), admin: false },
            Gate::Caller | Gate::Admin => {
                let from = policy::Origin { loopback: peer.loopback };
                let admin = route.gate == Gate::Admin;
                if admin && !policy::is_admin(settings, &head.headers, head.uri.query()) {
                    let message = "This is the operator's. Send the admin key as `Authorization: Bearer …`.";
                    return Err(Refusal::new(401, "admin_key_required", message));
                }
                policy::identify(settings, &head.headers, head.uri.query(), from)
                    .map_err(|r| Refusal::from(&r))?
            }
        };
        Ok((route, Call { id, head, settings, caller, rest, started, seed }))
    }

    /// Fills in the response; how long providers were waited for.
    async fn answer<B>(
        &self,
        route: &Route,
        call: &Call<'_>,
        body: B,
        response: &mut Response<Body>,
    ) -> Result<Duration, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Display,
    {
        match route.place {
            Place::Chat => return self.chat(call, self.body(call, body).await?, response).await,
            Place::Ask => return self.ask(call, self.body(call, body).await?, response).await,
            Place::Test => return self.test(call, self.body(call, body).await?, response).await,
            Place::Explain => {
                let ask = explained(call, self.body(call, body).await?)?;
                let record = self.relay.explain(&ask).map_err(|t| Refusal::from(&t))?;
                tell(response, &record);
            }
            Place::Usage => {
                let body = if call.head.method == Method::POST {
                    self.body(call, body).await?
                } else {
                    Bytes::new()
                };
                tell(response, &self.usage(call, &body).await?);
            }
            Place::UsageOne => tell(response, &self.usage_one(call).await?),
            Place::Verify => tell(response, &self.verify(call).await?),
            Place::Credits => {
                let account = account(call)?;
                let balance = self.relay.books().balance(&account).await.map_err(|e| books(call.id, e))?;
                tell(response, &entry::balance(&account, &balance, &credits(call.settings)));
            }
            Place::Models => tell(response, &openai::models(&self.relay.models(), &self.relay.policies())),
            Place::Model => {
                let id = percent_decoded(call.rest);
                let (models, policies) = (self.relay.models(), self.relay.policies());
                let model = openai::model(&id, &models, &policies).ok_or_else(|| {
                    let names: Vec<&str> = models.iter().map(|m| m.id.as_str()).collect();
                    let nearest =
                        crate::nearest::nearest(&id, &names).map(str::to_owned).into_iter().collect();
                    Refusal::from(&Trouble::UnknownModel { asked: crate::json::shortened(&id), nearest })
                })?;
                tell(response, &model);
            }
            Place::Binding => tell(response, &self.binding()),
            Place::Providers => tell(response, &json!({ "providers": self.relay.providers() })),
            Place::Ping => tell(response, &json!({ "ok": true, "at": call.started.rfc3339() })),
            Place::Health => tell(response, &json!({ "status": "ok" })),
            Place::Ready => match self.relay.ready() {
                Ok(()) => tell(response, &json!({ "status": "ready" })),
                Err(why) => return Err(Refusal::new(503, "not_ready", format!("Not ready: {why}."))),
            },
            Place::Metrics => {
                let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, kind);
                *response.body_mut() = Bytes::from(self.relay.metrics()).into();
            }
            Place::OpenApi => {
                response.headers_mut().insert(CONTENT_TYPE, heads::JSON);
                *response.body_mut() = Bytes::from_static(pages::OPENAPI.as_bytes()).into();
            }
            Place::Home => {
                heads::page(response.headers_mut());
                *response.body_mut() = Bytes::from_static(pages::HOME.as_bytes()).into();
            }
        }
        Ok(Duration::ZERO)
    }

    async fn body<B>(&self, call: &Call<'_>, body: B) -> Result<Bytes, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Display,
    {
        let idle = Duration::from_millis(call.settings.body_idle_ms);
        read::whole(&call.head.headers, body, call.settings.body_max, idle, self.relay.clock()).await
    }

    async fn chat(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response<Body>,
    ) -> Result<Duration, Refusal> {
        let asked = wishes::of_headers(&call.head.headers)?;
        let raw = openai::survey(body)?;
        let include_usage = raw.brief.include_usage;
        let trailer = asked.trailer;
        let ask = call.ask(Words::Raw { raw, parse: openai::parse }, asked);
        let answer = self.relay.serve(ask).await.map_err(|t| troubled(call.id, &t))?;
        let money = credits(call.settings);
        match answer {
            Answer::Whole { served, content, bill } => {
                let bytes = match content {
                    Content::Raw(bytes) => bytes,
                    Content::Events(events) => openai::whole(&events, &label(call, &served)).into(),
                };
                heads::whole(response.headers_mut(), &served, &bill, &money);
                *response.body_mut() = bytes.into();
                Ok(bill.upstream)
            }
            Answer::Stream { served, speech } => {
                let chunks = Box::new(Chunks::new(label(call, &served), include_usage));
                heads::stream(response.headers_mut(), &served, &money);
                let upstream = served.upstream;
                let tongue = Tongue::Openai { chunks, trailer };
                let speaking = Speaking::new(speech, tongue, call.id.to_owned(), served, money);
                *response.body_mut() = Body::Stream(Box::new(speaking));
                Ok(upstream)
            }
        }
    }

    async fn ask(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response<Body>,
    ) -> Result<Duration, Refusal> {
        let Asked { wishes, seed, trailer } = wishes::of_headers(&call.head.headers)?;
        let SiAsk { chat, brief, wishes } = si::read(&body, call.settings, wishes)?;
        let words = Words::Chat { chat: Box::new(chat), brief };
        self.tell_si(call, call.ask(words, Asked { wishes, seed, trailer }), response).await
    }

    /// One small real call.
    async fn test(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response<Body>,
    ) -> Result<Duration, Refusal> {
        let asked = wishes::of_headers(&call.head.headers)?;
        let model = test_model(&body)?;
        let chat = Chat {
            messages: vec![Message::text(Role::User, TEST_PROMPT)],
            max_output: Some(TEST_OUTPUT_MAX),
            ..Chat::default()
        };
        let brief = Brief {
            model,
            needs: Caps::empty(),
            tokens_in: 16,
            max_output: chat.max_output,
            n: 1,
            ..Brief::default()
        };
        let words = Words::Chat { chat: Box::new(chat), brief };
        self.tell_si(call, call.ask(words, asked), response).await
    }

    async fn tell_si(
        &self,
        call: &Call<'_>,
        ask: Ask,
        response: &mut Response<Body>,
    ) -> Result<Duration, Refusal> {
        let answer = self.relay.serve(ask).await.map_err(|t| troubled(call.id, &t))?;
        let money = credits(call.settings);
        match answer {
            Answer::Whole { served, content: Content::Events(events), bill } => {
                heads::whole(response.headers_mut(), &served, &bill, &money);
                *response.body_mut() = si::whole(&events, call.id, &served, &bill, &money).into();
                Ok(bill.upstream)
            }
            // Another dialect's bytes to a caller who does not speak it: the relay never does that.
            Answer::Whole { content: Content::Raw(_), .. } => {
                tracing::error!(request = %call.id, "a raw answer to an SI ask");
                Err(Refusal::new(502, "untranslated_answer", "The provider's answer was not translated."))
            }
            Answer::Stream { served, speech } => {
                heads::stream(response.headers_mut(), &served, &money);
                let upstream = served.upstream;
                let speaking =
                    Speaking::new(speech, Tongue::Si(Frames::default()), call.id.to_owned(), served, money);
                *response.body_mut() = Body::Stream(Box::new(speaking));
                Ok(upstream)
            }
        }
    }

    /// Which providers there are, and whether they are known to answer: judged by the calls that were really made,
    /// because a reachable address says nothing about a working key.
    fn binding(&self) -> Value {
        let ready = self.relay.ready();
        json!({
            "ok": ready.is_ok(),
            "message": ready.err(),
            "providers": self.relay.providers(),
            "policies": self.relay.policies(),
        })
    }

    async fn usage(&self, call: &Call<'_>, body: &[u8]) -> Result<Value, Refusal> {
        let account = account(call)?;
        let (before, limit) = page(call, body)?;
        let ended = self.relay.books().ended(&account, before, limit).await.map_err(|e| books(call.id, e))?;
        let money = credits(call.settings);
        let next = (ended.len() == limit).then(|| ended.last().map(|e| e.seq.to_string())).flatten();
        let events: Vec<Value> = ended.iter().map(|e| entry::usage(e, &money)).collect();
        Ok(json!({ "account": account, "events": events, "next_cursor": next }))
    }

    async fn usage_one(&self, call: &Call<'_>) -> Result<Value, Refusal> {
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
    async fn verify(&self, call: &Call<'_>) -> Result<Value, Refusal> {
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

impl Call<'_> {
    fn ask(&self, words: Words, asked: Asked) -> Ask {
        Ask {
            id: self.id.to_owned(),
            account: self.caller.account.clone(),
            words,
            wishes: asked.wishes,
            started: self.started,
            seed: asked.seed.unwrap_or(self.seed),
        }
    }
}

fn label(call: &Call<'_>, served: &Served) -> Label {
    Label {
        id: format!("chatcmpl-{}", call.id),
        created: call.started.as_secs(),
        model: served.model.clone(),
    }
}

fn troubled(id: &str, trouble: &Trouble) -> Refusal {
    if let Trouble::BooksDown(why) = trouble {
        tracing::warn!(request = %id, %why, "the ledger cannot be written");
    }
    Refusal::from(trouble)
}

fn books(id: &str, error: BooksError) -> Refusal {
    let why = match error {
        BooksError::Refused(refusal) => refusal.to_string(),
        BooksError::Down(why) => why,
    };
    tracing::warn!(request = %id, %why, "the ledger cannot be read");
    Refusal::new(503, "ledger_unavailable", format!("The ledger cannot be read: {why}."))
}

fn tell(response: &mut Response<Body>, value: &impl serde::Serialize) {
    let mut out = Vec::with_capacity(512);
    crate::openai::write::json(&mut out, value);
    response.headers_mut().insert(CONTENT_TYPE, heads::JSON);
    *response.body_mut() = out.into();
}

fn refuse(response: &mut Response<Body>, refusal: &Refusal, id: &str, openai: bool) {
    *response.status_mut() =
        StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    heads::refusal(response.headers_mut(), refusal);
    *response.body_mut() = if openai { refusal.openai(id) } else { refusal.si(id) }.into();
}

/// Whose books are read: the caller's own, or any that the operator names.
fn account(call: &Call<'_>) -> Result<String, Refusal> {
    match query(call, "account") {
        None => Ok(call.caller.account.clone()),
        Some(named) if named == call.caller.account || call.caller.admin => Ok(named),
        Some(_) => Err(Refusal::new(403, "not_your_account", "Only the operator may read another account.")),
    }
}

fn query(call: &Call<'_>, name: &str) -> Option<String> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| percent_decoded(value))
    };
    call.head.uri.query()?.split('&').find_map(pair)
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

/// The model of a self-test: `{"model": …}`, or nothing for `auto`.
fn test_model(body: &[u8]) -> Result<String, Refusal> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Test {
        model: Option<String>,
    }
    if body.is_empty() {
        return Ok("auto".into());
    }
    let test: Test = serde_json::from_slice(body)
        .map_err(|e| Refusal::new(400, "invalid_request", format!("The body cannot be read: {e}.")))?;
    Ok(test.model.unwrap_or_else(|| "auto".into()))
}

/// An ask that is only explained, in either protocol: OpenAI's where there is a model and nothing of SI's.
fn explained(call: &Call<'_>, body: Bytes) -> Result<Ask, Refusal> {
    let asked = wishes::of_headers(&call.head.headers)?;
    if is_openai(&body) {
        let raw = openai::survey(body)?;
        return Ok(call.ask(Words::Raw { raw, parse: openai::parse }, asked));
    }
    let SiAsk { chat, brief, wishes } = si::read(&body, call.settings, asked.wishes)?;
    Ok(call
        .ask(Words::Chat { chat: Box::new(chat), brief }, Asked { wishes, seed: asked.seed, trailer: false }))
}

fn is_openai(body: &[u8]) -> bool {
    let Ok(mut scan) = crate::json::Scan::new(body) else { return false };
    let (mut model, mut si) = (false, false);
    let read = scan.object(|scan, key| {
        model |= key == "model";
        si |=
            matches!(key.as_ref(), "prompt" | "system" | "skill" | "personality" | "policy" | "max_cost_usd");
        scan.skip().map(drop)
    });
    read.is_ok() && model && !si
}

/// `%2F` and the like; what is not UTF-8 then is no name of anything.
fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(plain) if *byte == b'%' => {
                out.push(plain);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
