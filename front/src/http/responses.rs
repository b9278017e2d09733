//! OpenAI's Responses: asked, counted, and what is not there because nothing is stored.

use super::asks;
use super::client::{Client, Of, Whole};
use super::fields::Response;
use super::serve::{Call, Front};
use super::speak::Tongue;
use crate::openai::Label;
use crate::refusal::Refusal;
use crate::responses::{self, Frames, Surveyed};
use crate::wishes;
use bytes::Bytes;
use relay::{Trouble, Words};
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
        let client = Responding { only, request: raw.body.clone(), summary, trailer: asked.trailer };
        self.tell(call, call.ask(words(raw), asked), asks::client(client), response).await
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

/// A client of Responses.
struct Responding {
    /// What asks for a Responses provider alone.
    only: Vec<String>,
    /// The protocol has it repeated in the answer.
    request: Bytes,
    summary: bool,
    trailer: bool,
}

impl Client for Responding {
    fn whole(&self, of: Of<'_>, answer: &Whole<'_>) -> Vec<u8> {
        let label = label(of, &answer.served.model);
        responses::whole(answer.events, label, self.request.clone(), self.summary)
    }

    fn tongue(&self, of: Of<'_>, model: &str) -> Tongue {
        let frames = Box::new(Frames::new(label(of, model), self.request.clone(), self.summary));
        Tongue::Responses { frames, trailer: self.trailer }
    }

    fn refusal(&self, id: &str, trouble: &Trouble) -> Refusal {
        let mut refusal = asks::refused(id, trouble, "a provider of the Responses API", &self.only);
        if let Trouble::TooLong { .. } = trouble {
            refusal.param = Some("input".into());
        }
        refusal
    }
}

fn label(of: Of<'_>, model: &str) -> Label {
    Label { id: format!("resp_{}", of.id), created: of.started.as_secs(), model: model.to_owned() }
}
