//! The call and the answer of a task: vectors, pictures.

use super::{Got, Lost, Prepared, Whole};
use crate::answer::Content;
use crate::ask::BadInput;
use crate::fleet::Candidate;
use crate::source::Seen;
use bytes::Bytes;
use providers::Product;
use vocab::{Bucket, Embed, Fault, Kind, RawTask, Task, Usage};

/// What to send to `candidate`.
pub(super) fn prepare(
    raw: &RawTask,
    parse: fn(&RawTask) -> Result<Task, BadInput>,
    candidate: &Candidate,
) -> Result<Prepared, Lost> {
    let adapter = candidate.provider.adapter;
    let passes = adapter.speaks(raw.form);
    if passes && let Some(call) = adapter.patch_task(raw, &candidate.door) {
        return Ok(Prepared::one(call, passes));
    }
    // Where nobody speaks the client's words, each that is asked makes its own of them: it happens once, or after a fault.
    let task = parse(raw).map_err(Lost::untold)?;
    let encode = |task: &Task| adapter.encode_task(task, &candidate.door);
    match task {
        Task::Embed(embed) if embed.texts.len() > adapter.texts_max() => {
            let part = |texts: &[String]| Task::Embed(Embed { texts: texts.to_vec(), ..embed_all(&embed) });
            let calls = embed.texts.chunks(adapter.texts_max().max(1)).map(|texts| encode(&part(texts)));
            let mut calls = calls.collect::<Result<Vec<_>, _>>()?.into_iter();
            let call = calls.next().ok_or_else(|| Fault::Unfit("input: there is none".into()))?;
            Ok(Prepared { call, more: calls.collect(), passes: false, framed: None })
        }
        task => Ok(Prepared::one(encode(&task)?, passes)),
    }
}

/// All that is asked for each of the texts.
fn embed_all(of: &Embed) -> Embed {
    let Embed { dimensions, purpose, extra, .. } = of;
    Embed { texts: vec![], dimensions: *dimensions, purpose: purpose.clone(), extra: extra.clone() }
}

/// Reads an answer. One that has less than was asked for is none.
pub(super) fn finish(body: &Bytes, raw: &RawTask, candidate: &Candidate, passes: bool) -> Result<Got, Lost> {
    let brief = &raw.brief;
    let Product { made, count, usage, filtered } =
        candidate.provider.adapter.read_task(brief.kind, passes.then_some(raw.form), body)?;
    let lost = |fault| Err(Lost::using(fault, usage));
    if filtered {
        return lost(Fault::Filtered("what was asked for is refused for what it would show".into()));
    }
    if count == 0 {
        return lost(Fault::Silent("the answer was empty".into()));
    }
    // A vector that is missing would put all behind it in the wrong place.
    if raw.form.kind() == Kind::Embedding && count != brief.n as usize {
        return lost(Fault::Garbled(format!("{count} vectors came for {} texts", brief.n)));
    }
    let estimated = || match brief.kind {
        Kind::Image => {
            let tokens = brief.likely(candidate.family);
            providers::pictures(&candidate.card, brief.canvas, count as u64, tokens.into(), false)
        }
        _ => {
            let tokens = brief.likely(candidate.family);
            Usage { estimated: true, ..Usage::default() }.with(Bucket::Input, tokens.into())
        }
    };
    let usage = Some(usage.unwrap_or_else(estimated));
    Ok(made_of(made.map_or_else(|| Content::Raw(body.clone()), Content::Made), usage))
}

/// A whole answer.
pub(super) fn made_of(content: Content, usage: Option<Usage>) -> Got {
    let seen = Seen { usage, content: true, done: true, ..Seen::default() };
    Got::Whole(Box::new(Whole { content, seen, request_id: None }))
}
