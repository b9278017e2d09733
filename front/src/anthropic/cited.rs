//! A text as the blocks that it is where passages of it rest on something: a source stands on a block.

use super::write::citation;
use crate::openai::write::json;
use std::ops::Range;
use vocab::{Citation, Ruler};

/// A block with nothing or all of it resting on something.
pub(super) fn block(out: &mut Vec<u8>, text: &str, cited: &[&Citation]) {
    out.extend_from_slice(br#"{"type":"text","text":"#);
    json(out, text);
    // No `citations`, not even null: Anthropic leaves it out where there are none, and the AI SDK takes only a list.
    for (at, (url, one)) in cited.iter().filter_map(|one| Some((one.url.as_deref()?, one))).enumerate() {
        out.extend_from_slice(if at == 0 { br#","citations":["#.as_slice() } else { b"," });
        citation(out, url, one);
    }
    if cited.iter().any(|one| one.url.is_some()) {
        out.push(b']');
    }
    out.push(b'}');
}

/// A text that begins with this character of all the text, as blocks one after the other. `last`: no other text follows, so
/// that what is said of no passage is said here.
pub(super) fn write(out: &mut Vec<u8>, text: &str, from: u32, cited: &[Citation], last: bool) {
    let mut all = if cited.is_empty() { vec![(text, vec![])] } else { pieces(text, from, cited) };
    if let (Some((_, on)), true) = (all.last_mut(), last) {
        on.extend(cited.iter().filter(|one| one.passage.is_none()));
    }
    for (at, (piece, on)) in all.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        block(out, piece, &on);
    }
}

/// The text cut at its passages. Those that overlap are one, and white space alone is no block: Anthropic refuses it when it
/// comes back.
fn pieces<'t>(text: &'t str, from: u32, cited: &'t [Citation]) -> Vec<(&'t str, Vec<&'t Citation>)> {
    let mut out: Vec<(&str, Vec<&Citation>)> = Vec::new();
    let mut done = 0;
    for (passage, on) in passages(text, from, cited) {
        let before = text.get(done..passage.start).unwrap_or_default();
        let start = if before.trim().is_empty() { done } else { passage.start };
        if start > done {
            out.push((before, vec![]));
        }
        out.push((text.get(start..passage.end).unwrap_or_default(), on));
        done = passage.end;
    }
    let rest = text.get(done..).unwrap_or_default();
    match out.last_mut() {
        Some((last, _)) if rest.trim().is_empty() => {
            *last = text.get(done - last.len()..).unwrap_or_default();
        }
        _ => out.push((rest, vec![])),
    }
    out
}

/// What of the text rests on something, in bytes, in order and apart.
fn passages<'t>(text: &str, from: u32, cited: &'t [Citation]) -> Vec<(Range<usize>, Vec<&'t Citation>)> {
    let mut ruler = Ruler::default();
    ruler.add(text);
    let mut all: Vec<(Range<usize>, &Citation)> = cited
        .iter()
        .filter_map(|one| {
            let passage = one.passage.as_ref()?;
            let chars = passage.start.saturating_sub(from)..passage.end.saturating_sub(from);
            let bytes = ruler.bytes_of(chars)?;
            Some((bytes.start as usize..bytes.end as usize, one))
        })
        .collect();
    all.sort_by_key(|(bytes, _)| bytes.start);
    let mut apart: Vec<(Range<usize>, Vec<&Citation>)> = Vec::new();
    for (bytes, one) in all {
        match apart.last_mut() {
            Some((last, on)) if bytes.start < last.end => {
                last.end = last.end.max(bytes.end);
                on.push(one);
            }
            _ => apart.push((bytes, vec![one])),
        }
    }
    apart
}
