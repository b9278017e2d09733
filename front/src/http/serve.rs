//! One request: its path, who asks, what they want, and the answer in their words.

use super::body::Body;
use super::fields::Response;
use super::routes::{Gate, Place, Route, find};
use super::{cors, heads, pages, read};
use crate::refusal::{Protocol, Refusal};
use bytes::Bytes;
use http::header::ALLOW;
use http::{Method, Request, StatusCode, request};
use policy::{Caller, Settings};
use relay::Relay;
use serde_json::json;
use std::fmt::Display;
use std::sync::Arc;
use vocab::{Dice, Duration, Form, Instant};

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
    pub(super) relay: Arc<Relay>,
    /// The service's own seed, where it was given one.
    seed: Option<u64>,
}

/// A request whose sender is known.
pub(super) struct Call<'a> {
    pub id: &'a str,
    pub head: &'a request::Parts,
    pub settings: &'a Settings,
    pub caller: Caller,
    /// What stands where the route's braces are.
    pub rest: &'a str,
    pub started: Instant,
    pub seed: u64,
}

impl Front {
    pub const fn new(relay: Arc<Relay>) -> Self {
        Self { relay, seed: None }
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
        let outcome = self.admit(&id, &head, &settings, found, started, seed, peer);
        let outcome = match outcome {
            Ok((route, call)) => self.answer(route, &call, body, &mut response).await,
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
        heads::common(fields, &id, peer.tls || settings.behind_tls);
        if protocol == Protocol::Anthropic {
            heads::anthropic(fields, &id);
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
            Gate::Open => Caller::default(),
            Gate::Caller | Gate::Admin => {
                let from = policy::Origin { loopback: peer.loopback };
                let admin = route.gate == Gate::Admin;
                if admin && !policy::is_admin(settings, &head.headers, head.uri.query()) {
                    let message = "This is the operator's. Send the admin key as `Authorization: Bearer …`.";
                    return Err(Refusal::new(401, "admin_key_required", message));
                }
                policy::identify(settings, &head.headers, head.uri.query(), from, started)
                    .map_err(|r| Refusal::from(&r))?
            }
        };
        Ok((route, Call { id, head, settings, caller, rest, started, seed }))
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
        let body = if call.head.method == Method::POST {
            let idle = Duration::from_millis(call.settings.body_idle_ms);
            read::whole(&call.head.headers, body, call.settings.body_max, idle, self.relay.clock()).await?
        } else {
            Bytes::new()
        };
        match route.place {
            Place::Chat => self.chat(call, body, response).await,
            place => Box::pin(self.rest(place, call, body, response)).await,
        }
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
            Place::Embed => return self.embed(call, body, Form::One, response).await,
            Place::EmbedBatch => return self.embed(call, body, Form::Batch, response).await,
            Place::Responses => return self.responses(call, body, response).await,
            Place::ResponsesCount => return self.responses_count(call, body, response).await,
            Place::ResponsesStored => return Err(crate::responses::gone(call.rest)),
            Place::Test => return self.test(call, body, response).await,
            Place::Explain => tell(response, &self.explain(call, body)?),
            Place::Usage => tell(response, &self.usage(call, &body).await?),
            Place::UsageOne => tell(response, &self.usage_one(call).await?),
            Place::Verify => tell(response, &self.verify(call).await?),
            Place::Credits => tell(response, &self.balance(call).await?),
            Place::Models | Place::GeminiModels => tell(response, &self.models(call)),
            Place::Model | Place::GeminiModel => tell(response, &self.model(call)?),
            Place::Binding => tell(response, &self.binding().await),
            Place::Providers => tell(response, &json!({ "providers": self.relay.providers() })),
            Place::Ping => tell(response, &json!({ "ok": true, "at": call.started.rfc3339() })),
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
