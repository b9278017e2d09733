//! The call and the answer of a task: vectors, pictures.

use super::{Got, Lost, Prepared, Whole};
use crate::answer::Content;
use crate::ask::BadInput;
use crate::fleet::Candidate;
use crate::source::Seen;
use bytes::Bytes;
use providers::Product;
use vocab::{Bucket, Fault, Kind, RawTask, Task, Usage};

/// What to send to `candidate`.
pub(super) fn prepare(
    raw: &RawTask,
    parse: fn(&RawTask) -> Result<Task, BadInput>,
    candidate: &Candidate,
) -> Result<Prepared, Lost> {
    let adapter = candidate.provider.adapter;
    let passes = adapter.speaks(raw.form);
    if passes && let Some(call) = adapter.patch_task(raw, &candidate.door) {
        return Ok(Prepared { call, passes });
    }
    // Where nobody speaks the client's words, each that is asked makes its own of them: it happens once, or after a fault.
    let task = parse(raw).map_err(Lost::untold)?;
    Ok(Prepared { call: adapter.encode_task(&task, &candidate.door)?, passes })
}

/// Reads an answer. One that has less than was asked for is none.
pub(super) fn finish(body: &Bytes, raw: &RawTask, candidate: &Candidate, passes: bool) -> Result<Got, Lost> {
    let brief = &raw.brief;
    let Product { made, count, usage, filtered } =
        candidate.provider.adapter.read_task(brief.kind, passes.then_some(raw.form), body)?;
    let lost = |fault| Err(Lost { fault, usage: usage.map(Box::new), bad_input: false });
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
    let content = made.map_or_else(|| Content::Raw(body.clone()), Content::Made);
    Ok(Got::Whole(Box::new(Whole {
        content,
        seen: Seen { usage, content: true, done: true, ..Seen::default() },
    })))
}
