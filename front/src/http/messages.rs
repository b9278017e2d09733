//! Anthropic's paths: `messages`, and how many tokens one has.

use super::asks;
use super::client::{Client, Of, Whole};
use super::fields::Response;
use super::serve::{Call, Front};
use super::speak::Tongue;
use crate::anthropic::{self, Frames, Surveyed, Wanted};
use crate::openai::Label;
use crate::refusal::Refusal;
use crate::wishes;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use relay::{Trouble, Words};
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
        let client = Messaging { only, tokens_in: raw.brief.tokens_in, trailer: asked.trailer };
        self.tell(call, call.ask(words(call, raw), asked), asks::client(client), response).await
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

/// A client of Messages.
struct Messaging {
    /// What asks for Anthropic alone.
    only: Vec<String>,
    tokens_in: u32,
    trailer: bool,
}

impl Client for Messaging {
    fn whole(&self, of: Of<'_>, answer: &Whole<'_>) -> Vec<u8> {
        anthropic::whole(answer.events, &label(of, &answer.served.model))
    }

    fn tongue(&self, of: Of<'_>, model: &str) -> Tongue {
        let frames = Box::new(Frames::new(label(of, model), self.tokens_in));
        Tongue::Anthropic { frames, trailer: self.trailer }
    }

    fn refusal(&self, id: &str, trouble: &Trouble) -> Refusal {
        asks::refused(id, trouble, "an Anthropic model", &self.only)
    }
}

fn label(of: Of<'_>, model: &str) -> Label {
    Label { id: format!("msg_{}", of.id), created: of.started.as_secs(), model: model.to_owned() }
}
