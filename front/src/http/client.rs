//! The client's side of an answer, whatever its protocol: told whole, as a stream, or kept waiting until it begins.

use super::asks::{troubled, untold};
use super::body::Body;
use super::fields::Response;
use super::heads;
use super::limits::Begun;
use super::serve::{Call, Front};
use super::speak::{Speaking, Speech, Tongue};
use super::waiting::{Answering, For, Waiting};
use crate::refusal::Refusal;
use crate::report::credits;
use billing::Credits;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Either, select};
use relay::{Answer, Ask, Bill, Content, Served, Trouble};
use std::sync::Arc;
use vocab::{Duration, Event, Instant};

/// Of which request an answer is told.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub id: &'a str,
    pub started: Instant,
}

impl<'a> Of<'a> {
    const fn call(call: &Call<'a>) -> Self {
        Self { id: call.id, started: call.started }
    }
}

/// A whole answer that is no bytes of the client's own dialect.
pub(super) struct Whole<'a> {
    pub events: &'a [Event],
    pub served: &'a Served,
    pub bill: &'a Bill,
    pub credits: &'a Credits,
}

/// How one request's client is told things: its protocol, and what it asked to see. Owns what it needs, as it may be
/// needed when the request is long gone.
pub(super) trait Client: Send + 'static {
    fn whole(&self, of: Of<'_>, answer: &Whole<'_>) -> Vec<u8>;

    /// What a stream is told by, with the name of the model that answers.
    fn tongue(&self, of: Of<'_>, model: &str) -> Tongue;

    /// Whether bytes of a provider can be bytes of this client's dialect.
    fn passes(&self) -> bool {
        true
    }

    fn refusal(&self, id: &str, trouble: &Trouble) -> Refusal {
        troubled(id, trouble)
    }
}

impl Client for Box<dyn Client> {
    fn whole(&self, of: Of<'_>, answer: &Whole<'_>) -> Vec<u8> {
        (**self).whole(of, answer)
    }

    fn tongue(&self, of: Of<'_>, model: &str) -> Tongue {
        (**self).tongue(of, model)
    }

    fn passes(&self) -> bool {
        (**self).passes()
    }

    fn refusal(&self, id: &str, trouble: &Trouble) -> Refusal {
        (**self).refusal(id, trouble)
    }
}

/// What there is when patience ends.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the usual one, and a box for it is what every answer would pay"
)]
pub(super) enum Soon {
    Answer(Result<Answer, Trouble>),
    Not(Answering),
}

impl Front {
    /// Asks, and waits for an answer that is no stream as long as it takes.
    pub(super) fn asked(&self, ask: Ask, patience: Duration) -> BoxFuture<'_, Soon> {
        if !ask.brief().stream || patience == Duration::ZERO {
            return Box::pin(self.relay.serve(ask).map(Soon::Answer));
        }
        let relay = Arc::clone(&self.relay);
        let answer: Answering = Box::pin(async move { relay.serve(ask).await });
        Box::pin(select(answer, self.relay.clock().sleep(patience)).map(|first| match first {
            Either::Left((answer, _)) => Soon::Answer(answer),
            Either::Right(((), answer)) => Soon::Not(answer),
        }))
    }

    /// Asks, and fills in the response; how long providers were waited for. What is asked is put aside at once, because
    /// every future around this one is moved with all that it holds.
    pub(super) fn tell<'a>(
        &'a self,
        call: &'a Call<'_>,
        ask: Ask,
        client: impl Client,
        response: &'a mut Response,
    ) -> impl Future<Output = Result<Duration, Refusal>> + Send + 'a {
        let patience = Duration::from_millis(call.settings.keep_alive_ms);
        let begun = self.begin(call, ask, patience, &mut response.fields);
        async move {
            let soon = match begun {
                Ok(Begun::Asked(answer)) => answer.await,
                Ok(Begun::Asking(answer)) => {
                    let (soon, readings) = answer.await;
                    if let Some(readings) = readings {
                        self.tell_limits(call, &readings, &mut response.fields);
                    }
                    soon
                }
                Err(trouble) => Soon::Answer(Err(trouble)),
            };
            match soon {
                Soon::Answer(Ok(answer)) => told(call, answer, &client, response),
                Soon::Answer(Err(trouble)) => {
                    self.tell_over(call, &trouble, &mut response.fields);
                    Err(client.refusal(call.id, &trouble))
                }
                Soon::Not(answer) => {
                    let trailers = heads::takes_trailers(&call.head.headers);
                    let whom = For { client: Box::new(client), credits: credits(call.settings), trailers };
                    let waiting =
                        Waiting::new(Arc::clone(&self.relay), answer, patience, Of::call(call), whom);
                    heads::unsaid(&mut response.fields, waiting.kind(), trailers);
                    response.body = Body::Waiting(Box::new(waiting));
                    Ok(patience)
                }
            }
        }
    }
}

fn told(
    call: &Call<'_>,
    answer: Answer,
    client: &impl Client,
    response: &mut Response,
) -> Result<Duration, Refusal> {
    let (of, credits) = (Of::call(call), credits(call.settings));
    match answer {
        Answer::Whole { served, content, bill } => {
            let bytes = match content {
                Content::Raw(bytes) if client.passes() => bytes,
                Content::Events(events) => {
                    let answer = Whole { events: &events, served: &served, bill: &bill, credits: &credits };
                    Bytes::from(client.whole(of, &answer))
                }
                Content::Raw(_) | Content::Made(_) | Content::Heard(_) => return Err(untold(call.id)),
            };
            heads::whole(&mut response.fields, &served, &bill, &credits);
            response.body = bytes.into();
            Ok(bill.upstream)
        }
        Answer::Stream { served, speech } => {
            Ok(streamed(call, served, Box::new(speech), client, credits, response))
        }
        Answer::Sound { served, cost, sounding } => {
            heads::known_cost(&mut response.fields, cost, &credits);
            Ok(streamed(call, served, sounding, client, credits, response))
        }
    }
}

/// A stream on its way; how long its provider was waited for.
fn streamed(
    call: &Call,
    served: Served,
    speech: Speech,
    client: &impl Client,
    credits: Credits,
    response: &mut Response,
) -> Duration {
    let tongue = client.tongue(Of::call(call), &served.model);
    let trailers = heads::takes_trailers(&call.head.headers);
    heads::stream(&mut response.fields, tongue.kind(), &served, &credits, trailers);
    let upstream = served.upstream;
    let speaking = Speaking::new(speech, tongue, call.id.to_owned(), served, credits, trailers);
    response.body = Body::Stream(Box::new(speaking));
    upstream
}
