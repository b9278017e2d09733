//! `GET /api/voice/session`: the way to a conversation, and the requests that its turns are made of.

use super::body::Body;
use super::fields::{Fields, Response};
use super::heads;
use super::hearing::boundary;
use super::routes::find;
use super::serve::{Call, Front, Peer};
use crate::json::shortened;
use crate::openai::transcripts;
use crate::refusal::{Protocol, Refusal};
use crate::session::{Held, Manner, Session};
use crate::si::{self, SiAsk};
use crate::voice;
use crate::wishes::{self, Asked};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, StatusCode, request};
use policy::{Caller, Claim, Settings};
use relay::{Answer, Ask, BadInput, Content, Hear, Piece, Tape, Words};
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use vocab::{Dice, Duration, Instant, Pico};

const SESSION_ID_MAX: usize = 64;

/// Who talks: their head, looked at again for each turn, so that a key that is withdrawn is withdrawn.
pub struct Converser {
    front: Front,
    head: request::Parts,
    peer: Peer,
    account: String,
    session: String,
    /// Tells the requests of this socket from those of others with the same session.
    nonce: u32,
    dice: Mutex<Dice>,
}

/// A sentence that has begun to be heard.
pub struct Spoken {
    pub sound: BoxStream<'static, Piece>,
    /// Media type.
    pub kind: &'static str,
    pub rate: Option<u32>,
}

/// Whether this is a request for a socket.
fn wants_socket(headers: &HeaderMap) -> bool {
    let says = |name, word: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .any(|v| v.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    };
    says(UPGRADE, "websocket")
        && says(CONNECTION, "upgrade")
        && headers.contains_key("sec-websocket-key")
        && headers.get("sec-websocket-version").is_some_and(|version| version == "13")
}

/// The media type of a client's sound.
fn mime(format: &str) -> Result<&'static str, BadInput> {
    Ok(match format {
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "webm" => "audio/webm",
        "flac" => "audio/flac",
        "m4a" => "audio/mp4",
        _ => {
            let format = shortened(format);
            let message = format!("format: {format:?} is not known; allowed: wav, mp3, ogg, webm, flac, m4a");
            return Err(BadInput::at("format", message));
        }
    })
}

/// The session that is asked for: `?session=`, or a new one.
fn named(query: Option<&str>, fresh: u64) -> Result<String, Refusal> {
    let asked = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("session="));
    let Some(asked) = asked else { return Ok(format!("talk_{fresh:016x}")) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !(8..=SESSION_ID_MAX).contains(&asked.len()) || !asked.bytes().all(plain) {
        let message = format!(
            "session: expected 8 to {SESSION_ID_MAX} letters, digits, `_` and `-`, got {:?}",
            shortened(asked)
        );
        return Err(BadInput::at("session", message).into());
    }
    Ok(asked.to_owned())
}

impl Front {
    /// Switches to a socket. The shell finds the session in the response's body and shakes hands.
    pub(super) fn converse(&self, call: &Call<'_>, response: &mut Response) -> Result<Duration, Refusal> {
        let Some(parked) = &self.parked else {
            let message =
                "There are no sockets on this shell of weir: POST /api/si/ask and /api/voice/tts instead.";
            return Err(Refusal::new(501, "no_sockets", message));
        };
        if !wants_socket(&call.head.headers) {
            let message = "This is a WebSocket, version 13. Ask for it with `Upgrade: websocket`.";
            let mut refusal = Refusal::new(426, "upgrade_required", message);
            refusal.header = Some(Box::new((UPGRADE, "websocket".into())));
            return Err(refusal);
        }
        // What its headers say is said of every turn: better to hear of a mistake before the first.
        wishes::of_headers(&call.head.headers)?;
        let mut dice = Dice::seeded(call.seed);
        let id = named(call.head.uri.query(), dice.roll())?;
        let number = dice.roll();
        let account = call.caller.account.clone();
        let held: Held = parked.take(&account, &id, number, call.started);
        #[expect(clippy::cast_possible_truncation, reason = "half of a throw is a throw")]
        let nonce = number as u32;
        let converser = Converser {
            front: self.clone(),
            head: call.head.clone(),
            peer: call.peer,
            account: account.clone(),
            session: id.clone(),
            nonce,
            dice: Mutex::new(dice),
        };
        response.status = StatusCode::SWITCHING_PROTOCOLS;
        let session = Session::new(Arc::new(converser), Arc::clone(parked), account, id, held);
        response.body = Body::Session(Box::new(session));
        Ok(Duration::ZERO)
    }
}

/// A request of a turn, owned.
struct Asking {
    settings: Arc<Settings>,
    caller: Caller,
    started: Instant,
    seed: u64,
}

impl Converser {
    pub fn now(&self) -> Instant {
        self.front.relay.clock().now()
    }

    pub fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        let relay = Arc::clone(&self.front.relay);
        Box::pin(async move { relay.clock().sleep(span).await })
    }

    /// The id of a request of a turn.
    pub fn name(&self, part: &str) -> String {
        format!("{}.{:08x}.{part}", self.session, self.nonce)
    }

    /// Asks the model, and does not wait longer than for the beginning of its answer.
    pub async fn ask(&self, id: &str, body: Vec<u8>) -> Result<Answer, Refusal> {
        let asking = self.admitted(id).await?;
        let call = self.call(id, &asking);
        let Asked { mut wishes, seed, trailer } = wishes::of_headers(&self.head.headers)?;
        wishes.session = Some(self.session.clone());
        let SiAsk { chat, brief, wishes } = si::read(&body.into(), call.settings, wishes)?;
        let words = Words::Chat { chat: Box::new(chat), brief };
        let ask = call.ask(words, Asked { wishes, seed, trailer });
        self.serve(&call, ask).await
    }

    /// Has a sentence spoken.
    pub async fn speak(&self, id: &str, sentence: &str, manner: &Manner) -> Result<Spoken, Refusal> {
        let asking = self.admitted(id).await?;
        let call = self.call(id, &asking);
        let Asked { wishes, seed, trailer } = wishes::of_headers(&self.head.headers)?;
        let mut body = Map::new();
        body.insert("text".into(), sentence.into());
        body.insert("format".into(), manner.format().into());
        for (name, value) in
            [("voice", &manner.voice), ("language", &manner.language), ("model", &manner.speech_model)]
        {
            value.as_deref().map(|value| body.insert(name.into(), value.into()));
        }
        manner.rate.map(|rate| body.insert("rate".into(), rate.into()));
        let body = Value::Object(body).to_string();
        let (spoken, wishes) = voice::own::read(body.as_bytes(), wishes)?;
        let (sound, brief) = (spoken.speak.sound, spoken.brief());
        let words = Words::Speak { speak: Arc::new(spoken.speak), brief };
        let ask = call.ask(words, Asked { wishes, seed, trailer });
        match self.serve(&call, ask).await? {
            Answer::Sound { sounding, .. } => {
                Ok(Spoken { sound: Box::pin(*sounding), kind: heads::media(sound.codec), rate: sound.rate })
            }
            Answer::Whole { .. } | Answer::Stream { .. } => Err(super::asks::untold(id)),
        }
    }

    /// What is said in a sound, and what it cost to hear it.
    pub async fn hear(
        &self,
        id: &str,
        sound: &[u8],
        format: &str,
        manner: &Manner,
    ) -> Result<(String, Pico), Refusal> {
        let mime = mime(format)?;
        let asking = self.admitted(id).await?;
        let call = self.call(id, &asking);
        let asked = wishes::of_headers(&self.head.headers)?;
        let mut fields = transcripts::Fields::default();
        let model = manner.transcription_model.clone().unwrap_or_else(|| "auto".into());
        fields.add("model".into(), model)?;
        if let Some(language) = &manner.language {
            fields.add("language".into(), language.clone())?;
        }
        let tape = Tape::new(sound.len());
        tape.record(sound, asking.started);
        tape.end(asking.started);
        let length = tape.length(sound.len() as u64);
        let read = fields.ask(false, format!("turn.{format}"), mime.into(), length)?;
        let boundary = boundary(asking.seed);
        let hear = Hear { brief: read.brief, listen: read.listen, tape, boundary };
        let ask = call.ask(Words::Hear(Box::new(hear)), asked);
        let Answer::Whole { content, bill, .. } = self.serve(&call, ask).await? else {
            return Err(super::asks::untold(id));
        };
        let text = match content {
            Content::Heard(said) => Some(said.text.clone()),
            Content::Raw(bytes) => serde_json::from_slice::<Value>(&bytes)
                .ok()
                .and_then(|said| said.get("text")?.as_str().map(str::to_owned)),
            Content::Events(_) | Content::Made(_) => None,
        };
        Ok((text.ok_or_else(|| super::asks::untold(id))?, bill.cost))
    }

    async fn serve(&self, call: &Call<'_>, mut ask: Ask) -> Result<Answer, Refusal> {
        let admitted = self.front.admit_whole(call, &mut ask, &mut Fields::default()).await;
        let answer = match admitted {
            Ok(()) => Box::pin(self.front.relay.serve(ask)).await,
            Err(trouble) => Err(trouble),
        };
        answer.map_err(|trouble| super::asks::troubled(call.id, &trouble))
    }

    /// Looks at the head again.
    async fn admitted(&self, id: &str) -> Result<Asking, Refusal> {
        let (relay, started) = (&self.front.relay, self.now());
        let settings = relay.settings();
        let found = find(self.head.uri.path());
        let (_, _, claim) = self.front.admit(&self.head, &settings, found, started, self.peer)?;
        let caller = match claim {
            Claim::Caller(caller) => caller,
            claim => Box::pin(self.front.callers.settle(relay, claim, started)).await?,
        };
        if caller.account != self.account {
            let message = "This conversation belongs to another account than it began with. Connect anew.";
            return Err(Refusal::new(403, "another_account", message));
        }
        let seed = self.dice.lock().unwrap_or_else(PoisonError::into_inner).roll();
        let seed = self.front.seed.map_or(seed, |service| policy::request_seed(service, id));
        Ok(Asking { settings, caller, started, seed })
    }

    fn call<'a>(&'a self, id: &'a str, asking: &'a Asking) -> Call<'a> {
        Call {
            id,
            // The session's part of it is the client's.
            chosen: true,
            head: &self.head,
            protocol: Protocol::Si,
            settings: &asking.settings,
            caller: asking.caller.clone(),
            peer: self.peer,
            rest: "",
            started: asking.started,
            seed: asking.seed,
            first: OnceLock::new(),
        }
    }
}
