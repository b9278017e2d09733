//! The paths that ask for something else than words: embeddings and pictures, in OpenAI's protocol and in Gemini's.

use super::asks::{troubled, untold};
use super::fields::Response;
use super::heads;
use super::query::percent_decoded;
use super::serve::{Call, Front};
use crate::refusal::Refusal;
use crate::report::credits;
use crate::{gemini, openai, wishes};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use relay::{Answer, BadInput, Content, Served, Trouble, Words};
use vocab::{Duration, Form, Made, RawTask, Task, Usage};

impl Front {
    pub(super) async fn embeddings(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        self.task(call, openai::embeddings::survey(body)?, openai::embeddings::parse, response).await
    }

    pub(super) async fn images(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        self.task(call, openai::images::survey(body)?, openai::images::parse, response).await
    }

    /// A form as the JSON that means the same; what is no form as it is.
    pub(super) async fn formed(&self, call: &Call<'_>, body: Bytes) -> Result<Bytes, Refusal> {
        match call.head.headers.get(CONTENT_TYPE) {
            Some(kind) if openai::form::is_form(kind.as_bytes()) => {
                Ok(openai::form::edit(kind.as_bytes(), body).await?)
            }
            _ => Ok(body),
        }
    }

    /// Pictures of pictures, as JSON.
    pub(super) async fn edits(
        &self,
        call: &Call<'_>,
        body: Bytes,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        self.task(call, openai::images::survey_edit(body)?, openai::images::parse_edit, response).await
    }

    /// Gemini's: one text or a batch.
    pub(super) async fn embed(
        &self,
        call: &Call<'_>,
        body: Bytes,
        form: Form,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let raw = gemini::embed::survey(body, &percent_decoded(call.rest), form)?;
        self.task(call, raw, gemini::embed::parse, response).await
    }

    async fn task(
        &self,
        call: &Call<'_>,
        raw: RawTask,
        parse: fn(&RawTask) -> Result<Task, BadInput>,
        response: &mut Response,
    ) -> Result<Duration, Refusal> {
        let asked = wishes::of_headers(&call.head.headers)?;
        let form = raw.form;
        let mut ask = call.ask(Words::Task { raw: Box::new(raw), parse }, asked);
        let admitted = self.admit_whole(call, &mut ask, &mut response.fields).await;
        let answer = match admitted {
            Ok(()) => Box::pin(self.relay.serve(ask)).await,
            Err(trouble) => {
                self.tell_over(call, &trouble, &mut response.fields);
                Err(trouble)
            }
        };
        let answer = answer.map_err(|t| refused(call, form, &t))?;
        let Answer::Whole { served, content, bill } = answer else { return Err(untold(call.id)) };
        response.body = match content {
            Content::Raw(bytes) => bytes.into(),
            Content::Made(made) => {
                told(call, form, &made, &served, &bill.usage).ok_or_else(|| untold(call.id))?.into()
            }
            Content::Events(_) | Content::Heard(_) => return Err(untold(call.id)),
        };
        heads::whole(&mut response.fields, &served, &bill, &credits(call.settings));
        Ok(bill.upstream)
    }
}

/// What was made, in the client's words.
fn told(call: &Call<'_>, form: Form, made: &Made, served: &Served, usage: &Usage) -> Option<Vec<u8>> {
    Some(match (form, made) {
        (Form::List { base64 }, Made::Vectors(all)) => {
            openai::embeddings::whole(all, base64, &served.model, usage)
        }
        (Form::One | Form::Batch, Made::Vectors(all)) => gemini::embed::whole(all, form, usage),
        (Form::Pictures | Form::Edits, Made::Pictures(all)) => {
            openai::images::whole(all, call.started.as_secs(), usage)
        }
        _ => return None,
    })
}

/// With the field's own name where it is the input that is too long.
fn refused(call: &Call<'_>, form: Form, trouble: &Trouble) -> Refusal {
    let mut refusal = troubled(call.id, trouble);
    if matches!(trouble, Trouble::TooLong { .. }) {
        let field = match form {
            Form::List { .. } => "input",
            Form::One => "content",
            Form::Batch => "requests",
            Form::Pictures | Form::Edits => "prompt",
        };
        refusal.param = Some(field.into());
    }
    // What one of them cannot be told is a field of the request.
    if let Trouble::NoCandidate(all) = trouble {
        let field = |why: &str| {
            let (field, _) = why.split_once(": ")?;
            let plain = |c: char| c.is_ascii_alphanumeric() || "._[]".contains(c);
            field.chars().all(plain).then(|| field.into())
        };
        refusal.param = all.iter().find_map(|(_, why)| field(why));
    }
    refusal
}
