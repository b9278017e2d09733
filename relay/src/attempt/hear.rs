//! The call and the answer where it is asked what was said.

use super::task::made_of;
use super::{Got, Lost, Prepared, reply};
use crate::answer::Content;
use crate::config::Bounds;
use crate::fleet::Candidate;
use crate::hear::{Hear, upload};
use crate::relay::Relay;
use bytes::Bytes;
use futures::future::{BoxFuture, Either, select};
use providers::{Framed, Understood};
use vocab::{Call, Duration, Fault};

/// What is sent of a file, besides it.
pub(super) fn prepare(hear: &Hear, candidate: &Candidate) -> Result<Prepared, Lost> {
    let ear = candidate.provider.adapter.ear();
    let ear = ear.ok_or_else(|| Fault::Unfit(format!("{} does not listen", candidate.provider.name)))?;
    let framed = ear.encode(&hear.listen, &candidate.door, &hear.boundary)?;
    // Its own is inside, where it can be taken out again.
    let call = Call { body: Bytes::new().into(), ..framed.call.clone() };
    Ok(Prepared { call, more: Vec::new(), passes: false, framed: Some(Box::new(framed)) })
}

/// Sends the file and waits for what was said.
pub(super) fn fly<'a>(
    relay: &'a Relay,
    ask: &'a crate::ask::Ask,
    hear: &'a Hear,
    framed: Framed,
    candidate: &'a Candidate,
    bounds: &'a Bounds,
    patience: Duration,
) -> BoxFuture<'a, Result<Got, Lost>> {
    let (http, clock) = (relay.http(), relay.clock());
    let Framed { call, before, coding, after } = framed;
    let Some(file) = hear.tape.play() else {
        let gone = Fault::Cut("the file is no longer at hand".into());
        return Box::pin(async move { Err(gone.into()) });
    };
    let body = upload(before, coding, after, file, hear.tape.size());
    let sending = http.upload(call, body, bounds.connect().min(patience));
    Box::pin(async move {
        let begun = clock.now();
        let mut work = Box::pin(reply(sending, clock, ask, candidate, bounds, false, false));
        let mut span = patience;
        loop {
            match select(work, clock.sleep(span)).await {
                Either::Left((result, _)) => return result,
                Either::Right(((), left)) => work = left,
            }
            // A client that is slow to send is nobody's fault: the provider's time begins with the last that came.
            let until = hear.tape.latest().max(begun).after(patience);
            span = until.since(clock.now());
            if span.is_zero() {
                let why = format!("no whole answer within {} ms", patience.as_millis());
                return Err(Fault::Silent(why).into());
            }
        }
    })
}

/// Reads an answer.
pub(super) fn finish(body: &Bytes, hear: &Hear, candidate: &Candidate) -> Result<Got, Lost> {
    let Some(ear) = candidate.provider.adapter.ear() else {
        return Err(Fault::Unfit("asked for what it cannot do".into()).into());
    };
    // Who answers before all was said has heard something else.
    if !hear.tape.is_over() {
        return Err(Fault::Garbled("the answer came before the whole file was sent".into()).into());
    }
    let Understood { transcript, usage } = ear.read(&hear.listen, &candidate.door, body)?;
    let millis = hear.tape.millis();
    let text = transcript.as_ref().map_or(body.len(), |transcript| transcript.text.len());
    let usage = usage.unwrap_or_else(|| providers::sound(&candidate.card, millis, text as u64));
    let content = match transcript {
        None => Content::Raw(body.clone()),
        Some(mut said) => {
            #[allow(clippy::cast_precision_loss, reason = "no file is that long")]
            said.duration.get_or_insert(millis as f64 / 1_000.0);
            Content::Heard(Box::new(said))
        }
    };
    Ok(made_of(content, Some(usage)))
}
