//! The paths that ask a model: chat completions, SI, the self-test.

use super::client::{Client, Of, Whole};
use super::fields::Response;
use super::heads;
use super::serve::{Call, Front};
use super::speak::Tongue;
use crate::openai::{self, Chunks, Label};
use crate::refusal::Refusal;
use crate::si::{self, Frames, SiAsk};
use crate::wishes::{self, Asked};
use bytes::Bytes;
use relay::{Ask, Trouble, Words};
use vocab::{Brief, Caps, Chat, Dialect, Duration, Message, Role};

/// What the self-test asks.
const TEST_PROMPT: &str = "Reply with the single word: OK";
const TEST_OUTPUT_MAX: u32 = 64;

impl Front {
    pub(super) async fn chat(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let asked = wishes::of_headers(&call.head.headers)?;
        let raw = openai::survey(body)?;
        let client = Chatting { include_usage: raw.brief.include_usage, trailer: asked.trailer };
        let ask = call.ask(Words::Raw { dialect: Dialect::OpenaiChat, raw, parse: openai::parse }, asked);
        self.tell(call, ask, client, response).await
    }

    pub(super) async fn ask(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let Asked { wishes, seed, trailer } = wishes::of_headers(&call.head.headers)?;
        let SiAsk { chat, brief, wishes } = si::read(&body, call.settings, wishes)?;
        let words = Words::Chat { chat: Box::new(chat), brief };
        self.tell(call, call.ask(words, Asked { wishes, seed, trailer }), client(Si), response).await
    }

    /// One small real call.
    pub(super) async fn test(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
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
        self.tell(call, call.ask(words, asked), client(Si), response).await
    }

    /// How many tokens a request has: counted by a provider, or estimated and marked. Costs nothing, is in no book.
    pub(super) async fn count(
        &self,
        call: &Call<'_>,
        ask: Ask,
        told: fn(u64) -> Vec<u8>,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let begun = self.relay.clock().now();
        let ask = self.booked(call, ask)?;
        let counted = Box::pin(self.relay.count(&ask)).await.map_err(|t| troubled(call.id, &t))?;
        heads::counted(&mut response.fields, &counted);
        response.body = told(counted.tokens).into();
        Ok(self.relay.clock().now().since(begun))
    }
}

/// A client of chat completions.
struct Chatting {
    include_usage: bool,
    trailer: bool,
}

impl Client for Chatting {
    fn whole(&self, of: Of<'_>, answer: &Whole<'_>) -> Vec<u8> {
        openai::whole(answer.events, &label(of, &answer.served.model))
    }

    fn tongue(&self, of: Of<'_>, model: &str) -> Tongue {
        let chunks = Box::new(Chunks::new(label(of, model), self.include_usage));
        Tongue::Openai { chunks, trailer: self.trailer }
    }
}

fn label(of: Of<'_>, model: &str) -> Label {
    Label { id: format!("chatcmpl-{}", of.id), created: of.started.as_secs(), model: model.to_owned() }
}

/// A client of SI.
struct Si;

impl Client for Si {
    fn whole(&self, of: Of<'_>, answer: &Whole<'_>) -> Vec<u8> {
        si::whole(answer.events, of.id, answer.served, answer.bill, answer.credits)
    }

    fn tongue(&self, _of: Of<'_>, _model: &str) -> Tongue {
        Tongue::Si(Frames::default())
    }

    fn passes(&self) -> bool {
        false
    }
}

/// All but the chat's client are put aside, so that the way they are told is made once.
pub(super) fn client(client: impl Client) -> Box<dyn Client> {
    Box::new(client)
}

impl Call<'_> {
    pub(super) fn ask(&self, words: Words, mut asked: Asked) -> Ask {
        // Conversations of one account are nobody else's, whatever they are called.
        if let Some(session) = &mut asked.wishes.session {
            session.insert(0, '\n');
            session.insert_str(0, &self.caller.account);
        }
        Ask {
            id: self.id.to_owned(),
            chosen: self.chosen,
            account: self.caller.account.clone(),
            key: self.caller.key.clone(),
            user: self.caller.user.clone(),
            leave: None,
            words,
            wishes: asked.wishes,
            started: self.started,
            seed: asked.seed.unwrap_or(self.seed),
        }
    }
}

/// Another dialect's bytes to a caller who does not speak it, or what was not asked for: the relay never does that.
pub(super) fn untold(id: &str) -> Refusal {
    tracing::error!(request = %id, "an answer that its caller cannot be told");
    Refusal::new(502, "untranslated_answer", "The provider's answer was not translated.")
}

pub(super) fn troubled(id: &str, trouble: &Trouble) -> Refusal {
    if let Trouble::BooksDown(why) = trouble {
        tracing::warn!(request = %id, %why, "the ledger cannot be written");
    }
    Refusal::from(trouble)
}

/// Where nobody can do what is asked, what asks for one kind of provider alone is named.
pub(super) fn refused(id: &str, trouble: &Trouble, kind: &str, only: &[String]) -> Refusal {
    let mut refusal = troubled(id, trouble);
    if let (Trouble::NoCandidate(_), Some(first)) = (trouble, only.first()) {
        refusal.message.push_str(&format!(" Only {kind} can be told: {}.", only.join(", ")));
        refusal.param = Some(first.as_str().into());
    }
    refusal
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

#[cfg(test)]
mod tests {
    use super::*;
    use policy::{Caller, Settings};
    use vocab::Instant;

    fn asked_by(account: &str, session: Option<&str>) -> Ask {
        let (head, ()) = http::Request::new(()).into_parts();
        let caller = Caller { account: account.into(), ..Caller::default() };
        let settings = Settings::default();
        let call = Call {
            id: "req-1",
            chosen: true,
            head: &head,
            protocol: crate::refusal::Protocol::Si,
            settings: &settings,
            caller,
            peer: crate::Peer::default(),
            rest: "",
            started: Instant::ZERO,
            seed: 7,
            first: std::sync::OnceLock::new(),
        };
        let wishes = relay::Wishes { session: session.map(str::to_owned), ..relay::Wishes::default() };
        let words = Words::Chat { chat: Box::default(), brief: Brief::default() };
        call.ask(words, Asked { wishes, seed: None, trailer: false })
    }

    /// Else one tenant would learn from `explain` which model another's conversation of the same name is with.
    #[test]
    fn conversations_of_one_account_are_nobody_elses() {
        let name = |account, session| asked_by(account, session).wishes.session;
        assert_ne!(name("red", Some("talk")), name("blue", Some("talk")));
        assert_eq!(name("red", Some("talk")), name("red", Some("talk")));
        // What stands between them is in no account's name, so no two run into each other.
        assert!(!policy::is_account("a\nb"));
        assert_eq!(name("red", None), None);
    }
}
