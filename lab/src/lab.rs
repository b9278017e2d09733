//! The lab itself: which provider is asked, whether it answers, and what is remembered of it.

use crate::answer::{self, Given};
use crate::ask::{Ask, Refusal, Showing, Why};
use crate::dialect::{Incoming, Page, Route, Told, Tongue, listening, tongue};
use crate::marker::Marker;
use crate::memory::Cached;
use crate::reply::{fits, refusing, streamed_body, whole_body};
use crate::scenario::{BadScenario, Flavour, Model, Provider, Scenario};
use crate::schedule::{self, Moment};
use crate::script::{End, Script};
use crate::seen::{Figures, Outcome, Progress, Seen, credential, sha256};
use crate::state::State;
use crate::task::Task;
use crate::trouble::{Kind, Trouble, Troubles};
use crate::wire::{self, Framing, Pace, Played};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vocab::{Dialect, Dice, Instant};

/// A request as it reached the lab's door.
#[derive(Clone, Debug)]
pub struct LabRequest {
    pub method: Method,
    /// Path and query; the first segment names the provider.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Fake providers with a memory.
#[derive(Debug)]
pub struct Lab {
    scenario: Scenario,
    state: Mutex<State>,
}

/// Larger bodies get 413 from any provider.
const BODY_MAX: usize = 32 << 20;
/// 2025-11-21 in seconds: what `created` counts from, so that replies do not depend on the day of the test.
const EPOCH: u64 = 1_763_690_000;

struct Asked<'a> {
    provider: &'a Provider,
    tongue: &'static dyn Tongue,
    key: Option<String>,
    body: &'a Bytes,
    now: Instant,
}

/// What is worth remembering of an exchange, besides its bytes.
#[derive(Default)]
struct Note {
    model: String,
    /// An answer was asked for, not a list or a count.
    chat: bool,
    stream: bool,
    made: Figures,
    troubles: Troubles,
    marker: Marker,
}

impl Lab {
    pub fn new(scenario: Scenario) -> Result<Self, BadScenario> {
        scenario.check()?;
        Ok(Self { scenario, state: Mutex::default() })
    }

    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Where the provider is reached on a server at `origin` (like `http://127.0.0.1:9000`), as its real counterpart
    /// would be configured. None where there is no such provider.
    pub fn base_url(&self, provider: &str, origin: &str) -> Option<String> {
        let found = self.scenario.provider(provider)?;
        let origin = origin.trim_end_matches('/');
        let rest = match (found.dialect, found.flavour) {
            (Dialect::OpenaiChat, Flavour::Groq) => "/openai/v1",
            (Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Anthropic, _) => "/v1",
            (Dialect::Gemini, _) => "/v1beta",
            (Dialect::WorkersAi, _) => "/client/v4/accounts/lab",
            (Dialect::Elevenlabs | Dialect::Cartesia | Dialect::Deepgram, _) => "",
        };
        Some(format!("{origin}/{provider}{rest}"))
    }

    /// What was asked so far, oldest first; at most the last 65,536.
    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.iter().cloned().collect()
    }

    /// Tells how much of a script was played. Whoever plays it says so after every step and at the end.
    pub fn carried(&self, ticket: u64, progress: Progress) {
        self.state().carried(ticket, progress);
    }

    /// What the named provider does with this request at this moment (`now` counts from the lab's start).
    ///
    /// The same scenario, history, request, moment and dice give the same script.
    pub fn respond(&self, request: &LabRequest, now: Instant, dice: &mut Dice) -> Script {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let rest = path.strip_prefix('/').unwrap_or(path);
        let (name, _) = rest.split_once('/').unwrap_or((rest, ""));
        let Some(provider) = self.scenario.provider(name) else { return self.front_desk(name) };
        let tongue = tongue(provider.dialect);
        let inner = rest.strip_prefix(name).unwrap_or_default();
        let inner = if inner.is_empty() { "/" } else { inner };
        let method = request.method.as_str();
        let heard = listening::route(provider, method, inner, query);
        let route = heard.unwrap_or_else(|| tongue.route(provider, method, inner, query));
        let key = tongue.key(&request.headers, query);
        let key = listening::key(provider, &request.headers).or(key);
        let asked = Asked { provider, tongue, key, body: &request.body, now };

        let read = self.read(&asked, &route, &request.headers);
        let model = read.as_ref().map(|ask| ask.model.clone()).unwrap_or_default();
        let stream = read.as_ref().is_ok_and(|ask| ask.stream);
        let chat = route.asks();
        let mut note = Note { model, chat, stream, ..Note::default() };
        if chat {
            (note.troubles, note.marker) = self.troubles(&asked, read.as_ref().ok(), dice);
        }
        if let Some(trouble) = refusing(provider, &note.troubles) {
            return self.refused(&asked, trouble, note);
        }
        let ask = match (read, &route) {
            (Ok(ask), _) => ask,
            (Err(refusal), _) => return self.page(&asked, tongue.refuse(provider, &refusal), note, QUICK),
        };
        let told = match &route {
            Route::Models => Some(tongue.models(provider)),
            Route::Health => Some(tongue.health(provider)),
            Route::Count { .. } => Some(tongue.count(ask.input_tokens())),
            Route::ModelCard(name) => provider.model(name).map(|m| tongue.model_card(provider, m)),
            Route::Chat { .. }
            | Route::Embeddings
            | Route::Images
            | Route::Edits
            | Route::Embed { .. }
            | Route::Speak { .. }
            | Route::Hear { .. }
            | Route::Unknown => None,
        };
        if let Some(body) = told {
            return self.page(&asked, Page::new(200, body), note, QUICK);
        }
        match provider.model(&ask.model) {
            Some(model) => self.answer(&asked, &ask, model, note, dice),
            None => {
                let name = if let Route::ModelCard(name) = route { name } else { ask.model };
                let page = tongue.refuse(provider, &Refusal::of(Why::NoModel(name)));
                self.page(&asked, page, note, QUICK)
            }
        }
    }

    /// Everything that a provider checks before a model is asked.
    fn read(&self, asked: &Asked<'_>, route: &Route, headers: &HeaderMap) -> Result<Ask, Refusal> {
        let Asked { provider, tongue, key, body, .. } = asked;
        if *route == Route::Unknown {
            return Err(Refusal::of(Why::NoRoute));
        }
        if *route == Route::Health {
            return Ok(Ask::default());
        }
        match key {
            None if provider.wants_key() => return Err(Refusal::of(Why::NoKey)),
            Some(key) if !provider.keys.is_empty() && !provider.keys.contains(key) => {
                return Err(Refusal::of(Why::BadKey));
            }
            _ => {}
        }
        if body.len() > BODY_MAX {
            return Err(Refusal::of(Why::TooLarge));
        }
        if !(route.asks() || matches!(route, Route::Count { .. })) {
            return Ok(Ask::default());
        }
        let incoming = Incoming { provider, route, headers, body };
        let ask = match route {
            Route::Hear { .. } => listening::read(&incoming)?,
            _ => tongue.read(&incoming)?,
        };
        if let (Route::Chat { .. }, Some(model)) = (route, provider.model(&ask.model)) {
            fits(provider, model, &ask)?;
        }
        Ok(ask)
    }

    fn troubles(&self, asked: &Asked<'_>, ask: Option<&Ask>, dice: &mut Dice) -> (Troubles, Marker) {
        let Asked { provider, key, now, .. } = asked;
        let mut state = self.state();
        let request = state.count(&provider.name);
        let moment = Moment {
            request,
            now: *now,
            model: ask.map_or("", |a| &a.model),
            key: key.as_deref(),
            stream: ask.is_some_and(|a| a.stream),
        };
        let scheduled = schedule::troubles(&provider.faults, &moment, dice);
        let marker = ask.map(|a| state.marker(&a.last_user, &provider.name)).unwrap_or_default();
        // What a prompt asks for comes first.
        let mut troubles = marker.troubles.clone();
        troubles.0.extend(scheduled.0);
        (troubles, marker)
    }

    fn answer(&self, asked: &Asked<'_>, ask: &Ask, model: &Model, mut note: Note, dice: &mut Dice) -> Script {
        let Asked { provider, tongue, now, .. } = asked;
        let marker = std::mem::take(&mut note.marker);
        let cached = model.cache_min_tokens.map_or_else(Cached::default, |least| {
            let place = format!("{}/{}", provider.name, model.name);
            let found = self.state().memory.look(&place, ask, least);
            // Only where caching is asked for does writing cost.
            if ask.cache_turns.is_some() { found } else { Cached { written: 0, ..found } }
        });
        let given = Given {
            provider,
            model,
            ask,
            marker: &marker,
            troubles: &note.troubles,
            cached,
            seed: self.scenario.seed,
        };
        let answer = answer::answer(&given);
        note.made = answer.figures;
        let mut pace = Pace::of(model.ttft_ms, model.tokens_per_s, dice);
        let mut troubles = note.troubles.clone();
        if let Some(Task::Speech(_)) = ask.task {
            pace.token = Duration::from_micros(1_000 / u64::from(model.realtime));
            if let Some(slow) = troubles.get(Kind::SlowTokens) {
                pace.token = Duration::from_millis(slow.ms.unwrap_or(1_000)) / 100;
                troubles.0.retain(|trouble| trouble.kind != Kind::SlowTokens);
            }
        }
        let told = Told {
            provider,
            model,
            ask,
            answer: &answer,
            troubles: &troubles,
            created: EPOCH + now.as_secs(),
        };
        let streamed = ask.stream && !troubles.has(Kind::PlainJson);
        if streamed && ask.showing == Showing::Hidden {
            // Thinking that is not shown takes its time all the same.
            pace.ttft += pace.token * u32::try_from(answer.figures.reasoning).unwrap_or(u32::MAX);
        }
        let mut played =
            if streamed { streamed_body(*tongue, &told, pace) } else { whole_body(*tongue, &told, pace) };
        if let Some(trouble) = troubles.get(Kind::SlowHead) {
            played.head_after += Duration::from_millis(trouble.ms.unwrap_or(10_000));
        }
        let framing = tongue.framing(ask, false);
        let kind = match (streamed, framing) {
            _ if troubles.has(Kind::WrongContentType) => "text/html; charset=utf-8",
            (true, Framing::Sse { .. }) => "text/event-stream; charset=utf-8",
            _ => "application/json",
        };
        let kind = match tongue.kind(&told) {
            Some(sound) if framing == Framing::Bytes && streamed && kind != "text/html; charset=utf-8" => {
                sound
            }
            _ if tongue.bytes(&told).is_some() => "image/png".to_owned(),
            _ => kind.to_owned(),
        };
        let headers = tongue.headers(provider, &told);
        self.script(asked, 200, &kind, headers, played, note)
    }

    /// A reply that a trouble asks for instead of an answer.
    fn refused(&self, asked: &Asked<'_>, trouble: Trouble, note: Note) -> Script {
        let none =
            |end| Played { head_after: Duration::ZERO, steps: vec![], end, reports: vec![], length: None };
        let limit = asked.provider.model(&note.model).map_or(0, |m| m.context);
        let why = match trouble.kind {
            Kind::Refuse => return self.script(asked, 0, "", vec![], none(End::Refuse), note),
            Kind::NoConnect => return self.script(asked, 0, "", vec![], none(End::NoConnect), note),
            Kind::NoHead => return self.script(asked, 0, "", vec![], none(End::NoHead), note),
            Kind::RateLimit => Why::Busy { retry_after: trouble.retry_after },
            Kind::Quota => Why::Quota,
            Kind::Unauthorized => Why::BadKey,
            Kind::Forbidden => Why::Forbidden,
            Kind::Payment => Why::Payment,
            Kind::ModelGone => Why::NoModel(note.model.clone()),
            Kind::ContextOverflow => Why::TooLong { tokens: u64::from(limit) + 1, limit },
            Kind::ContentFilter => Why::Filtered,
            _ => Why::Server(trouble.status.unwrap_or(500)),
        };
        let balancer = matches!(why, Why::Server(502 | 504));
        let mut page = asked.tongue.refuse(asked.provider, &Refusal::of(why));
        if balancer {
            page.body = Value::String("<html><body><h1>Bad gateway</h1></body></html>".into());
        }
        let after = Duration::from_millis(trouble.ms.unwrap_or(0)) + QUICK;
        self.page(asked, page, note, after)
    }

    fn page(&self, asked: &Asked<'_>, page: Page, note: Note, after: Duration) -> Script {
        let (kind, body) = match page.body {
            Value::String(html) => ("text/html", html.into_bytes()),
            json => ("application/json", json.to_string().into_bytes()),
        };
        self.script(asked, page.status, kind, page.headers, wire::at_once(body, after), note)
    }

    fn script(
        &self,
        asked: &Asked<'_>,
        status: u16,
        kind: &str,
        more: Vec<(&'static str, String)>,
        played: Played,
        note: Note,
    ) -> Script {
        let mut headers = HeaderMap::new();
        if let Some(kind) = Some(kind).filter(|k| !k.is_empty()).and_then(|k| HeaderValue::try_from(k).ok()) {
            headers.insert(CONTENT_TYPE, kind);
        }
        if let Some(length) = played.length {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        for (name, value) in more {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
        let outcome = match status {
            200 if !note.chat => Outcome::Told,
            200 => Outcome::Answered,
            _ => Outcome::Refused,
        };
        let ticket = self.state().remember(Seen {
            ticket: 0,
            provider: asked.provider.name.clone(),
            model: note.model,
            credential: asked.key.as_deref().map(credential),
            at: asked.now,
            stream: note.stream,
            status,
            outcome,
            troubles: note.troubles.0.iter().map(|t| t.kind).collect(),
            made: note.made,
            reports: played.reports,
            steps: played.steps.len(),
            progress: Progress::default(),
            body: sha256(asked.body),
        });
        Script {
            status,
            headers,
            head_after: played.head_after,
            steps: played.steps,
            end: played.end,
            ticket,
        }
    }

    /// What is where, for people; and that there is nothing, for everyone else. Not in the log.
    fn front_desk(&self, name: &str) -> Script {
        let (status, body) = if name.is_empty() {
            let providers: Vec<Value> = self
                .scenario
                .providers
                .iter()
                .map(|p| {
                    let models: Vec<&str> = p.models.iter().map(|m| m.name.as_str()).collect();
                    json!({"name": p.name, "dialect": p.dialect, "flavour": p.flavour, "models": models,
                        "base_url": self.base_url(&p.name, ""), "needs_key": p.wants_key()})
                })
                .collect();
            (200, json!({"lab": self.scenario.name, "providers": providers}))
        } else {
            (
                404,
                json!({"error": {"message": format!("the lab has no provider {name:?}"), "type": "not_found"}}),
            )
        };
        let played = wire::at_once(body.to_string().into_bytes(), Duration::ZERO);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Script {
            status,
            headers,
            head_after: played.head_after,
            steps: played.steps,
            end: played.end,
            ticket: u64::MAX,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a refusal takes.
const QUICK: Duration = Duration::from_millis(5);
