//! Gemini's paths: `generateContent`, `streamGenerateContent`, `countTokens`.

use super::fields::Response;
use super::heads;
use super::query::{percent_decoded, query};
use super::serve::{Call, Front};
use super::speak::Tongue;
use crate::gemini::{self, Form, Frames, Label, Surveyed};
use crate::refusal::Refusal;
use crate::report::credits;
use crate::wishes;
use bytes::Bytes;
use http::request;
use relay::{Answer, Content, Trouble, Words};
use vocab::{Brief, Caps, Dialect, Duration};

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
        let Surveyed { raw, only, thoughts } = gemini::survey(body, &model(call), stream)?;
        let trailer = asked.trailer;
        let words = Words::Raw { dialect: Dialect::Gemini, raw, parse: gemini::parse };
        let ask = call.ask(words, asked);
        // Put aside, because every future around it is moved with all that it holds.
        let answer = Box::pin(self.relay.serve(ask)).await.map_err(|t| refused(call, &t, &only))?;
        let money = credits(call.settings);
        match answer {
            Answer::Whole { served, content, bill } => {
                let bytes = match content {
                    Content::Raw(bytes) => bytes,
                    Content::Events(events) => {
                        gemini::whole(&events, label(call, &served.model), thoughts).into()
                    }
                };
                heads::whole(&mut response.fields, &served, &bill, &money);
                response.body = bytes.into();
                Ok(bill.upstream)
            }
            Answer::Stream { served, speech } => {
                let frames = Frames::new(label(call, &served.model), form, thoughts, trailer);
                let tongue = Tongue::Gemini { frames: Box::new(frames), trailer };
                Ok(call.stream(Box::new(speech), tongue, served, money, response))
            }
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

fn label(call: &Call<'_>, model: &str) -> Label {
    Label { id: call.id.to_owned(), model: model.to_owned() }
}

/// Where nobody can do what is asked, what asks for Gemini alone is named.
fn refused(call: &Call<'_>, trouble: &Trouble, only: &[String]) -> Refusal {
    let mut refusal = super::asks::troubled(call.id, trouble);
    if let (Trouble::NoCandidate(_), Some(first)) = (trouble, only.first()) {
        refusal.message.push_str(&format!(" Only a Gemini model can be told: {}.", only.join(", ")));
        refusal.param = Some(first.as_str().into());
    }
    refusal
}
