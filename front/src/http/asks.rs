//! The paths that ask a model: chat completions, SI, the self-test.

use super::body::Body;
use super::fields::Response;
use super::heads;
use super::serve::{Call, Front};
use super::speak::{Speaking, Speech, Tongue};
use crate::openai::{self, Chunks, Label};
use crate::refusal::Refusal;
use crate::report::credits;
use crate::si::{self, Frames, SiAsk};
use crate::wishes::{self, Asked};
use billing::Credits;
use bytes::Bytes;
use relay::{Answer, Ask, Content, Served, Trouble, Words};
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
        let include_usage = raw.brief.include_usage;
        let trailer = asked.trailer;
        let ask = call.ask(Words::Raw { dialect: Dialect::OpenaiChat, raw, parse: openai::parse }, asked);
        // Put aside, because every future around it is moved with all that it holds.
        let answer = Box::pin(self.relay.serve(ask)).await.map_err(|t| troubled(call.id, &t))?;
        let money = credits(call.settings);
        match answer {
            Answer::Whole { served, content, bill } => {
                let bytes = match content {
                    Content::Raw(bytes) => bytes,
                    Content::Events(events) => openai::whole(&events, &label(call, &served)).into(),
                };
                heads::whole(&mut response.fields, &served, &bill, &money);
                response.body = bytes.into();
                Ok(bill.upstream)
            }
            Answer::Stream { served, speech } => {
                let chunks = Box::new(Chunks::new(label(call, &served), include_usage));
                let tongue = Tongue::Openai { chunks, trailer };
                Ok(call.stream(Box::new(speech), tongue, served, money, response))
            }
        }
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
        self.tell_si(call, call.ask(words, Asked { wishes, seed, trailer }), response).await
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
        self.tell_si(call, call.ask(words, asked), response).await
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
        let counted = Box::pin(self.relay.count(&ask)).await.map_err(|t| troubled(call.id, &t))?;
        heads::counted(&mut response.fields, &counted);
        response.body = told(counted.tokens).into();
        Ok(self.relay.clock().now().since(begun))
    }

    async fn tell_si(&self, call: &Call<'_>, ask: Ask, response: &mut Response) -> Result<Duration, Refusal> {
        // Put aside, because every future around it is moved with all that it holds.
        let answer = Box::pin(self.relay.serve(ask)).await.map_err(|t| troubled(call.id, &t))?;
        let money = credits(call.settings);
        match answer {
            Answer::Whole { served, content: Content::Events(events), bill } => {
                heads::whole(&mut response.fields, &served, &bill, &money);
                response.body = si::whole(&events, call.id, &served, &bill, &money).into();
                Ok(bill.upstream)
            }
            // Another dialect's bytes to a caller who does not speak it: the relay never does that.
            Answer::Whole { content: Content::Raw(_), .. } => {
                tracing::error!(request = %call.id, "a raw answer to an SI ask");
                Err(Refusal::new(502, "untranslated_answer", "The provider's answer was not translated."))
            }
            Answer::Stream { served, speech } => {
                Ok(call.stream(Box::new(speech), Tongue::Si(Frames::default()), served, money, response))
            }
        }
    }
}

impl Call<'_> {
    pub(super) fn ask(&self, words: Words, asked: Asked) -> Ask {
        Ask {
            id: self.id.to_owned(),
            account: self.caller.account.clone(),
            words,
            wishes: asked.wishes,
            started: self.started,
            seed: asked.seed.unwrap_or(self.seed),
        }
    }

    /// Answers with a stream; how long providers were waited for until it began.
    pub(super) fn stream(
        &self,
        speech: Speech,
        tongue: Tongue,
        served: Served,
        money: Credits,
        response: &mut Response,
    ) -> Duration {
        let trailers = heads::takes_trailers(&self.head.headers);
        heads::stream(&mut response.fields, tongue.kind(), &served, &money, trailers);
        let upstream = served.upstream;
        let speaking = Speaking::new(speech, tongue, self.id.to_owned(), served, money, trailers);
        response.body = Body::Stream(Box::new(speaking));
        upstream
    }
}

fn label(call: &Call<'_>, served: &Served) -> Label {
    Label {
        id: format!("chatcmpl-{}", call.id),
        created: call.started.as_secs(),
        model: served.model.to_string(),
    }
}

pub(super) fn troubled(id: &str, trouble: &Trouble) -> Refusal {
    if let Trouble::BooksDown(why) = trouble {
        tracing::warn!(request = %id, %why, "the ledger cannot be written");
    }
    Refusal::from(trouble)
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
