//! One request: its path, who asks, what they want, and the answer in their words.

use super::body::Body;
use super::callers::Callers;
use super::fields::Response;
use super::routes::{Gate, Place, Route, find};
use super::tokens::Guests;
use super::{cors, heads, pages, read};
use crate::refusal::{Protocol, Refusal};
use crate::repeat::cache::Cache;
use crate::session::Parked;
use bytes::Bytes;
use http::header::ALLOW;
use http::{Method, Request, StatusCode, request};
use policy::{Caller, Claim, Refused, Settings};
use relay::Relay;
use relay::answers::{Answers, Local};
use relay::ports::{Attic, Crypto, Directory, NotHere};
use serde_json::json;
use std::fmt::Display;
use std::sync::{Arc, Mutex, OnceLock};
use vocab::{Dice, Duration, Form, Instant};

/// Where a request comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// This machine itself.
    pub loopback: bool,
    /// The connection is encrypted.
    pub tls: bool,
}

/// The front door. Holds nothing of its own but what was read of others' keys and answers that are told again: cheap to make
/// and to clone.
#[derive(Clone)]
pub struct Front {
    pub(super) relay: Arc<Relay>,
    pub(super) callers: Arc<Callers>,
    pub(super) guests: Arc<Mutex<Guests>>,
    pub(super) answers: Arc<dyn Answers>,
    pub(super) cache: Arc<Cache>,
    pub(super) attic: Arc<dyn Attic>,
    /// Conversations; None where the shell has no sockets.
    pub(super) parked: Option<Arc<Parked>>,
    /// The service's own seed, where it was given one.
    pub(super) seed: Option<u64>,
}

/// A request whose sender is known.
pub(super) struct Call<'a> {
    pub id: &'a str,
    /// That is the caller's choice.
    pub chosen: bool,
    pub head: &'a request::Parts,
    /// In whose words it is answered.
    pub protocol: Protocol,
    pub settings: &'a Settings,
    pub caller: Caller,
    pub peer: Peer,
    /// What stands where the route's braces are.
    pub rest: &'a str,
    pub started: Instant,
    pub seed: u64,
    /// The request whose answer it is told, where that is another.
    pub first: OnceLock<Box<str>>,
}

impl Front {
    pub fn new(relay: Arc<Relay>) -> Self {
        let callers = Callers::new(Arc::new(NotHere), Arc::new(NotHere));
        Self {
            relay,
            callers: Arc::new(callers),
            guests: Arc::default(),
            answers: Arc::new(Local::default()),
            cache: Arc::default(),
            attic: Arc::new(NotHere),
            parked: None,
            seed: None,
        }
    }

    /// With keys that are managed while weir runs, and with what tokens are signed and checked with.
    #[must_use]
    pub fn knowing(self, directory: Arc<dyn Directory>, crypto: Arc<dyn Crypto>) -> Self {
        Self { callers: Arc::new(Callers::new(directory, crypto)), ..self }
    }

    /// With somebody who keeps answers under idempotency keys. Without, they are in this process's memory.
    #[must_use]
    pub fn remembering(self, answers: Arc<dyn Answers>) -> Self {
        Self { answers, ..self }
    }

    /// With leftovers that the operator may throw away.
    #[must_use]
    pub fn keeping(self, attic: Arc<dyn Attic>) -> Self {
        Self { attic, ..self }
    }

    /// With sockets for conversations: the shell takes a [`crate::session::Session`] out of a response's body.
    #[must_use]
    pub fn talking(self) -> Self {
        Self { parked: Some(Arc::default()), ..self }
    }

    /// Makes ready what the settings say of tokens, before the first comes: own keys, and others' that are published. Without
    /// it that is done when they are first asked for.
    ///
    /// # Errors
    /// Why weir's own keys cannot be used.
    pub async fn prepare(&self) -> Result<(), String> {
        let known = self.callers.issuers.known(&self.relay, &*self.callers.crypto).await;
        let known = known.map_err(|error| error.to_string())?;
        if let Some(jwt) = &known.settings.jwt {
            self.callers.issuers.read_now(&self.relay, jwt);
        }
        Ok(())
    }

    /// With a seed for the whole service each request's own follows from its id: the same requests make the same
    /// decisions, in whatever order they come and on either shell.
    #[must_use]
    pub fn seeded(self, seed: Option<u64>) -> Self {
        Self { seed, ..self }
    }

    /// Answers a request, always. `seed` is the shell's throw of dice for it; the service's own comes before it.
    pub async fn serve<B>(&self, request: Request<B>, peer: Peer, seed: u64) -> Response
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
        let seed = self.seed.map_or(seed, |service| policy::request_seed(service, &id));
        let mut response = Response::new(Body::empty());
        let found = find(head.uri.path());
        if head.method == Method::OPTIONS {
            response.status = StatusCode::NO_CONTENT;
            if let Some((route, _)) = found {
                response.fields.text("allow", &route.allow());
            }
            cors::preflight(&settings.cors, &head.headers, &mut response.fields);
            heads::common(&mut response.fields, &id, peer.tls || settings.behind_tls);
            return response;
        }
        let protocol = found.map_or_else(|| Protocol::of_path(head.uri.path()), |(route, _)| route.protocol);
        let admitted = match self.admit(&head, &settings, found, started, peer) {
            Ok((route, rest, Claim::Caller(caller))) => Ok((route, rest, caller)),
            // Boxed: what has to be asked of others is rare and large.
            Ok((route, rest, claim)) => {
                let settled = Box::pin(self.callers.settle(&self.relay, claim, started)).await;
                settled.map(|caller| (route, rest, caller))
            }
            Err(refusal) => Err(refusal),
        };
        let mut first = None;
        let outcome = match admitted {
            Ok((route, rest, caller)) => {
                let call = Call {
                    id: &id,
                    chosen: asked_id == Some(id.as_str()),
                    head: &head,
                    protocol,
                    settings: &settings,
                    caller,
                    peer,
                    rest,
                    started,
                    seed,
                    first: OnceLock::new(),
                };
                let outcome = self.answer(route, &call, body, &mut response).await;
                first = call.first.into_inner();
                outcome
            }
            Err(refusal) => Err(refusal),
        };
        let upstream = match outcome {
            Ok(upstream) => upstream,
            Err(refusal) => {
                refuse(&mut response, &refusal, &id, protocol);
                Duration::ZERO
            }
        };
        let total = self.relay.clock().now().since(started);
        let fields = &mut response.fields;
        heads::timing(fields, total, upstream);
        let told = first.as_deref().unwrap_or(&id);
        heads::common(fields, told, peer.tls || settings.behind_tls);
        if matches!(protocol, Protocol::Anthropic | Protocol::ElevenLabs) {
            heads::anthropic(fields, told);
        }
        cors::permit(&settings.cors, &head.headers, fields);
        tracing::debug!(
            request = %id,
            method = %head.method,
            path = head.uri.path(),
            status = response.status.as_u16(),
            micros = u64::try_from(total.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
        response
    }

    /// Where the request goes, and what it says of its sender.
    pub(super) fn admit<'a>(
        &self,
        head: &'a request::Parts,
        settings: &'a Settings,
        found: Option<(&'static Route, &'a str)>,
        started: Instant,
        peer: Peer,
    ) -> Result<(&'static Route, &'a str, Claim<'a>), Refusal> {
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
        if route.gate == Gate::Open {
            return Ok((route, rest, Claim::Caller(Caller::default())));
        }
        let from = policy::Origin { loopback: peer.loopback };
        let kept = self.callers.directory.has_keys();
        let claim = policy::claim(settings, &head.headers, head.uri.query(), from, started, kept);
        let claim = match (route.gate, claim) {
            (Gate::Admin, Ok(Claim::Caller(caller))) if caller.admin => Claim::Caller(caller),
            // A gateway's word that is wrong is said to be so, whatever came beside it.
            (Gate::Admin, Err(refused @ Refused::Context(_))) => return Err(Refusal::from(&refused)),
            (Gate::Admin, _) => {
                let message = "This is the operator's. Send the admin key as `Authorization: Bearer …`.";
                return Err(Refusal::new(401, "admin_key_required", message));
            }
            (_, claim) => {
                let settled = claim.and_then(|claim| self.callers.at_once(claim, started));
                settled.map_err(|refused| Refusal::from(&refused))?
            }
        };
        Ok((route, rest, claim))
    }

    /// Fills in the response; how long providers were waited for. What is asked most is told apart: the futures of
    /// all the rest are put aside, so that those of a chat are small.
    async fn answer<B>(
        &self,
        route: &Route,
        call: &Call<'_>,
        body: B,
        response: &mut Response,
    ) -> Result<Duration, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Display,
    {
        if let Place::Transcriptions | Place::Translations = route.place {
            // The file goes by while it comes.
            return Box::pin(self.hear(call, route.place == Place::Translations, body, response)).await;
        }
        let body = if matches!(call.head.method, Method::POST | Method::PATCH) {
            let idle = Duration::from_millis(call.settings.body_idle_ms);
            read::whole(&call.head.headers, body, call.settings.body_max, idle, self.relay.clock()).await?
        } else {
            Bytes::new()
        };
        // Before anybody looks at it, as a form is another each time it is sent.
        let body = if route.place == Place::Edits { Box::pin(self.formed(call, body)).await? } else { body };
        match route.place {
            _ if Self::may_repeat(route, call) => {
                Box::pin(self.repeatable(route, call, body, response)).await
            }
            Place::Chat => self.chat(call, body, response).await,
            place => Box::pin(self.rest(place, call, body, response)).await,
        }
    }

    /// Answers as if nothing had ever been told.
    pub(super) async fn place(
        &self,
        place: Place,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        Box::pin(self.rest(place, call, body, response)).await
    }

    async fn rest(
        &self,
        place: Place,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        match place {
            Place::Chat => return self.chat(call, body, response).await,
            Place::Ask => return self.ask(call, body, response).await,
            Place::Messages => return self.messages(call, body, response).await,
            Place::MessagesCount => return self.messages_count(call, body, response).await,
            Place::Generate => return self.generate(call, body, false, response).await,
            Place::GenerateStream => return self.generate(call, body, true, response).await,
            Place::GenerateCount => return self.generate_count(call, body, response).await,
            Place::Embeddings => return self.embeddings(call, body, response).await,
            Place::Images => return self.images(call, body, response).await,
            Place::Edits => return self.edits(call, body, response).await,
            Place::Speech => return self.speech(call, body, response).await,
            Place::Tts => return self.tts(call, body, response).await,
            Place::TextToSpeech => return self.text_to_speech(call, body, response).await,
            Place::Voices => tell(response, &self.voices()),
            // They take a body that is not read yet.
            Place::Transcriptions | Place::Translations => {}
            Place::Embed => return self.embed(call, body, Form::One, response).await,
            Place::EmbedBatch => return self.embed(call, body, Form::Batch, response).await,
            Place::Responses => return self.responses(call, body, response).await,
            Place::ResponsesCount => return self.responses_count(call, body, response).await,
            Place::ResponsesStored => return Err(crate::responses::gone(call.rest)),
            Place::Test => return self.test(call, body, response).await,
            Place::Session => return self.converse(call, response),
            Place::Explain => tell(response, &self.explain(call, body)?),
            Place::Feedback => tell(response, &self.feedback(call, &body).await?),
            Place::Usage => tell(response, &self.usage(call, &body).await?),
            Place::UsageOne => tell(response, &self.usage_one(call).await?),
            Place::Ledger => tell(response, &self.ledger(call).await?),
            Place::Adjust => tell(response, &self.adjust(call, &body).await?),
            Place::Verify => tell(response, &self.verify(call).await?),
            Place::Credits => tell(response, &self.balance(call).await?),
            Place::Models | Place::GeminiModels => tell(response, &self.models(call)?),
            Place::Model | Place::GeminiModel => tell(response, &self.model(call)?),
            Place::Binding => tell(response, &self.binding().await),
            Place::Providers => tell(response, &json!({ "providers": self.relay.providers() })),
            Place::Ping => tell(response, &json!({ "ok": true, "at": call.started.rfc3339() })),
            Place::Cleanup => tell(response, &self.cleanup(call, &body).await?),
            Place::Keys => tell(response, &self.keys(call, &body).await?),
            Place::Key => tell(response, &self.key(call, &body).await?),
            Place::KeyRotate => tell(response, &self.rotate_key(call, &body).await?),
            Place::Guest => tell(response, &self.guest(call).await?),
            Place::Jwks => tell(response, &self.jwks().await?),
            Place::GenerateJwt => tell(response, &self.generate_jwt(call, &body).await?),
            Place::VerifyJwt => tell(response, &self.verify_jwt(call, &body).await?),
            Place::Health => tell(response, &json!({ "status": "ok" })),
            Place::Ready => match self.relay.ready() {
                Ok(()) => tell(response, &json!({ "status": "ready" })),
                Err(why) => return Err(Refusal::new(503, "not_ready", format!("Not ready: {why}."))),
            },
            Place::Metrics => {
                heads::metrics(&mut response.fields);
                response.body = Bytes::from(self.relay.metrics()).into();
            }
            Place::OpenApi => {
                heads::json(&mut response.fields);
                response.body = Bytes::from_static(pages::OPENAPI.as_bytes()).into();
            }
            Place::Home => {
                heads::page(&mut response.fields);
                response.body = Bytes::from_static(pages::HOME.as_bytes()).into();
            }
        }
        Ok(Duration::ZERO)
    }
}

fn tell(response: &mut Response, value: &impl serde::Serialize) {
    let mut out = Vec::with_capacity(512);
    crate::openai::write::json(&mut out, value);
    heads::json(&mut response.fields);
    response.body = out.into();
}

fn refuse(response: &mut Response, refusal: &Refusal, id: &str, protocol: Protocol) {
    response.status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    heads::refusal(&mut response.fields, refusal);
    response.body = refusal.told(protocol, id).into();
}
