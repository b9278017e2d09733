//! OpenAI's Responses: asked, counted, and what is not there because nothing is stored.

use super::asks::troubled;
use super::fields::Response;
use super::heads;
use super::serve::{Call, Front};
use super::speak::Tongue;
use crate::openai::Label;
use crate::refusal::Refusal;
use crate::report::credits;
use crate::responses::{self, Frames, Surveyed};
use crate::wishes;
use bytes::Bytes;
use relay::{Answer, Content, Trouble, Words};
use vocab::{Caps, Dialect, Duration, RawChat};

impl Front {
    pub(super) async fn responses(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let asked = wishes::of_headers(&call.head.headers)?;
        let Surveyed { raw, only, summary } = responses::survey(body)?;
        let (trailer, request) = (asked.trailer, raw.body.clone());
        let ask = call.ask(words(raw), asked);
        // Put aside, because every future around it is moved with all that it holds.
        let answer = Box::pin(self.relay.serve(ask)).await.map_err(|t| refused(call, &t, &only))?;
        let money = credits(call.settings);
        match answer {
            Answer::Whole { served, content, bill } => {
                let bytes = match content {
                    Content::Raw(bytes) => bytes,
                    Content::Events(events) => {
                        responses::whole(&events, label(call, &served.model), request, summary).into()
                    }
                };
                heads::whole(&mut response.fields, &served, &bill, &money);
                response.body = bytes.into();
                Ok(bill.upstream)
            }
            Answer::Stream { served, speech } => {
                let frames = Box::new(Frames::new(label(call, &served.model), request, summary));
                let tongue = Tongue::Responses { frames, trailer };
                Ok(call.stream(Box::new(speech), tongue, served, money, response))
            }
        }
    }

    /// Costs nothing and is in no book.
    pub(super) async fn responses_count(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let asked = wishes::of_headers(&call.head.headers)?;
        let Surveyed { mut raw, .. } = responses::survey(body)?;
        // Whoever counts need not be able to answer.
        raw.brief.needs = Caps::empty();
        self.count(call, call.ask(words(raw), asked), responses::counted, response).await
    }
}

pub(super) fn words(raw: RawChat) -> Words {
    Words::Raw { dialect: Dialect::OpenaiResponses, raw, parse: responses::parse }
}

fn label(call: &Call<'_>, model: &str) -> Label {
    Label { id: format!("resp_{}", call.id), created: call.started.as_secs(), model: model.to_owned() }
}

/// Where nobody can do what is asked, what asks for a Responses provider alone is named.
fn refused(call: &Call<'_>, trouble: &Trouble, only: &[String]) -> Refusal {
    let mut refusal = troubled(call.id, trouble);
    match (trouble, only.first()) {
        (Trouble::NoCandidate(_), Some(first)) => {
            let told = format!(" Only a provider of the Responses API can be told: {}.", only.join(", "));
            refusal.message.push_str(&told);
            refusal.param = Some(first.as_str().into());
        }
        (Trouble::TooLong { .. }, _) => refusal.param = Some("input".into()),
        _ => {}
    }
    refusal
}
