//! Gemini's paths: `generateContent`, `streamGenerateContent`, `countTokens`.

use super::asks;
use super::client::{Client, Of, Whole};
use super::fields::Response;
use super::query::{percent_decoded, query};
use super::serve::{Call, Front};
use super::speak::Tongue;
use crate::gemini::{self, Form, Frames, Label, Surveyed};
use crate::refusal::Refusal;
use crate::wishes;
use bytes::Bytes;
use http::request;
use relay::{Trouble, Words};
use vocab::{Brief, Caps, Dialect, Duration, Kind};

impl Front {
    pub(super) async fn generate(
        &self,
        call: &Call<'_>,
        body: Bytes,
        stream: bool,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let asked = wishes::of_headers(&call.head.headers)?;
        let form = form(call)?;
        let Surveyed { mut raw, only, thoughts } = gemini::survey(body, &model(call), stream)?;
        self.draws(&mut raw.brief);
        let client = Generating { only, form, thoughts, trailer: asked.trailer };
        let words = Words::Raw { dialect: Dialect::Gemini, raw, parse: gemini::parse };
        self.tell(call, call.ask(words, asked), asks::client(client), response).await
    }

    /// Gemini's models that make pictures are asked for them in a chat, which only Gemini's own clients have the words for.
    pub(super) fn draws(&self, brief: &mut Brief) {
        if self.relay.kind_of(&brief.model) == Some(Kind::Image) {
            brief.kind = Kind::Image;
            // What else they can do is for them to say.
            brief.needs = Caps::GEMINI_ONLY;
        }
    }

    /// Costs nothing and is in no book.
    pub(super) async fn generate_count(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let asked = wishes::of_headers(&call.head.headers)?;
        let Surveyed { mut raw, .. } = gemini::survey_count(body, &model(call))?;
        // Whoever counts need not be able to answer.
        raw.brief = Brief { needs: Caps::empty(), effort: None, max_output: None, n: 1, ..raw.brief };
        let words = Words::Raw { dialect: Dialect::Gemini, raw, parse: gemini::parse };
        let ask = call.ask(words, asked);
        self.count(call, ask, gemini::counted, response).await
    }
}

/// Whether a client of paths that several dialects have in common speaks this one. Google's SDKs leave the beta's version out
/// of the path where they are given another address.
pub(super) fn speaks(head: &request::Parts) -> bool {
    let ours = ["x-goog-api-client", "x-goog-api-key"];
    head.uri.path().starts_with("/v1beta/") || ours.iter().any(|name| head.headers.contains_key(*name))
}

/// The model as the path names it.
fn model(call: &Call<'_>) -> String {
    percent_decoded(call.rest)
}

/// How a stream is to be told.
fn form(call: &Call<'_>) -> Result<Form, Refusal> {
    match query(call, "alt").as_deref() {
        Some("sse") => Ok(Form::Sse),
        None | Some("json" | "") => Ok(Form::Array),
        Some(other) => {
            let message =
                format!("alt: {:?} is not known; allowed: \"sse\", \"json\".", crate::json::shortened(other));
            let mut refusal = Refusal::new(400, "invalid_request", message);
            refusal.param = Some("alt".into());
            Err(refusal)
        }
    }
}

/// A client of `generateContent`.
struct Generating {
    /// What asks for Gemini alone.
    only: Vec<String>,
    form: Form,
    thoughts: bool,
    trailer: bool,
}

impl Client for Generating {
    fn whole(&self, of: Of<'_>, answer: &Whole<'_>) -> Vec<u8> {
        gemini::whole(answer.events, label(of, &answer.served.model), self.thoughts)
    }

    fn tongue(&self, of: Of<'_>, model: &str) -> Tongue {
        let frames = Frames::new(label(of, model), self.form, self.thoughts, self.trailer);
        Tongue::Gemini { frames: Box::new(frames), trailer: self.trailer }
    }

    fn refusal(&self, id: &str, trouble: &Trouble) -> Refusal {
        asks::refused(id, trouble, "a Gemini model", &self.only)
    }
}

fn label(of: Of<'_>, model: &str) -> Label {
    Label { id: of.id.to_owned(), model: model.to_owned() }
}
