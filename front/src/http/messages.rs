//! Anthropic's paths: `messages`, and how many tokens one has.

use super::asks::troubled;
use super::fields::Response;
use super::heads;
use super::serve::{Call, Front};
use super::speak::Tongue;
use crate::anthropic::{self, Frames, Surveyed, Wanted};
use crate::openai::Label;
use crate::refusal::Refusal;
use crate::report::credits;
use crate::wishes;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use relay::{Answer, Content, Trouble, Words};
use vocab::{Caps, Dialect, Duration, RawChat};

const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");

impl Front {
    pub(super) async fn messages(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let asked = wishes::of_headers(&call.head.headers)?;
        let Surveyed { raw, only } = anthropic::survey(body, Wanted::Answer)?;
        let (trailer, tokens_in) = (asked.trailer, raw.brief.tokens_in);
        let ask = call.ask(words(call, raw), asked);
        // Put aside, because every future around it is moved with all that it holds.
        let answer = Box::pin(self.relay.serve(ask)).await.map_err(|t| refused(call, &t, &only))?;
        let money = credits(call.settings);
        match answer {
            Answer::Whole { served, content, bill } => {
                let bytes = match content {
                    Content::Raw(bytes) => bytes,
                    Content::Events(events) => anthropic::whole(&events, &label(call, &served.model)).into(),
                };
                heads::whole(&mut response.fields, &served, &bill, &money);
                response.body = bytes.into();
                Ok(bill.upstream)
            }
            Answer::Stream { served, speech } => {
                let frames = Box::new(Frames::new(label(call, &served.model), tokens_in));
                let tongue = Tongue::Anthropic { frames, trailer };
                Ok(call.stream(Box::new(speech), tongue, served, money, response))
            }
        }
    }

    /// Costs nothing and is in no book.
    pub(super) async fn messages_count(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let asked = wishes::of_headers(&call.head.headers)?;
        let Surveyed { mut raw, .. } = anthropic::survey(body, Wanted::Count)?;
        // Whoever counts need not be able to answer.
        raw.brief.needs = Caps::empty();
        let ask = call.ask(words(call, raw), asked);
        self.count(call, ask, anthropic::counted, response).await
    }
}

/// With the headers that belong to the dialect.
fn words(call: &Call<'_>, mut raw: RawChat) -> Words {
    raw.headers = spoken(&call.head.headers);
    Words::Raw { dialect: Dialect::Anthropic, raw, parse: anthropic::parse }
}

fn spoken(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let of = |name: HeaderName| headers.get_all(&name).iter().map(move |value| (name.clone(), value.clone()));
    // There is one version; there may be many betas.
    of(VERSION).take(1).chain(of(BETA)).collect()
}

/// Whether a client of paths that several dialects have in common speaks this one.
pub(super) fn speaks(headers: &HeaderMap) -> bool {
    headers.contains_key(VERSION)
}

fn label(call: &Call<'_>, model: &str) -> Label {
    Label { id: format!("msg_{}", call.id), created: call.started.as_secs(), model: model.to_owned() }
}

/// Where nobody can do what is asked, what asks for Anthropic alone is named.
fn refused(call: &Call<'_>, trouble: &Trouble, only: &[String]) -> Refusal {
    let mut refusal = troubled(call.id, trouble);
    if let (Trouble::NoCandidate(_), Some(first)) = (trouble, only.first()) {
        refusal.message.push_str(&format!(" Only an Anthropic model can be told: {}.", only.join(", ")));
        refusal.param = Some(first.as_str().into());
    }
    refusal
}
