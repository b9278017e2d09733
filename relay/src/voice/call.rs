//! One call to have a part of a text spoken.

use super::casting::Cast;
use crate::attempt::{self, FAULT_BODY_MAX, Lost, collect};
use crate::fleet::Candidate;
use crate::ports::{ByteStream, Clock, Reply};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::{BoxFuture, Either, select};
use providers::Hearing;
use vocab::{Duration, Fault, Instant};

/// A good reply, as far as it was read.
pub struct Talk {
    pub body: ByteStream,
    pub hearing: Hearing,
    /// What came and was not passed on yet.
    pub heard: Vec<Bytes>,
    /// The body has ended, and ended well.
    pub over: bool,
    /// When the first sound of it came; when its head did, where none has.
    pub first: Instant,
    /// What the provider calls it.
    pub request_id: Option<Box<str>>,
}

/// Until the head is there. `sending` is under way.
pub async fn head(
    sending: BoxFuture<'_, Result<Reply, Fault>>,
    clock: &dyn Clock,
    candidate: &Candidate,
    cast: &Cast,
) -> Result<Talk, Lost> {
    let Reply { status, headers, body } = sending.await?;
    let request_id = attempt::named(candidate, &headers);
    let lost = |fault: Fault, request_id| Lost { request_id, ..fault.into() };
    if !(200..300).contains(&status) {
        let told = collect(body, FAULT_BODY_MAX, true).await;
        let fault = match told {
            Ok(told) => candidate.provider.adapter.fault(status, &headers, &told, clock.now()),
            Err(fault) => fault,
        };
        return Err(lost(fault, request_id));
    }
    match cast.voice.hear(&candidate.card, &headers) {
        Ok(hearing) => Ok(Talk { body, hearing, heard: vec![], over: false, first: clock.now(), request_id }),
        Err(fault) => Err(lost(fault, request_id)),
    }
}

/// Until the first sound is there, or `patience` ends.
pub async fn begin(
    sending: BoxFuture<'_, Result<Reply, Fault>>,
    clock: &dyn Clock,
    candidate: &Candidate,
    cast: &Cast,
    patience: Duration,
) -> Result<Talk, Lost> {
    let listening = std::pin::pin!(async {
        let mut talk = head(sending, clock, candidate, cast).await?;
        let request_id = talk.request_id.take();
        match listen(&mut talk, clock).await {
            Ok(()) => Ok(Talk { request_id, ..talk }),
            Err(fault) => {
                let usage = talk.hearing.usage().copied();
                Err(Lost { request_id, ..Lost::using(fault, usage) })
            }
        }
    });
    match select(listening, clock.sleep(patience)).await {
        Either::Left((talk, _)) => talk,
        Either::Right(_) => Err(Fault::Silent(format!("no sound within {} ms", patience.as_millis())).into()),
    }
}

/// Reads on until there is sound.
async fn listen(talk: &mut Talk, clock: &dyn Clock) -> Result<(), Fault> {
    while talk.heard.is_empty() {
        match talk.body.next().await {
            Some(Ok(chunk)) => talk.hearing.read(chunk, &mut talk.heard)?,
            Some(Err(fault)) => return Err(fault),
            None => {
                talk.hearing.end(&mut talk.heard)?;
                talk.over = true;
                if talk.heard.is_empty() {
                    return Err(Fault::Silent("the answer had no sound".into()));
                }
            }
        }
        talk.heard.retain(|bytes| !bytes.is_empty());
    }
    talk.first = clock.now();
    Ok(())
}
