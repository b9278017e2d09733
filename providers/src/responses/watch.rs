//! Events of a Responses stream as they pass.
//!
//! Those are parsed that something depends on; a further piece of something that is being said, which nearly all of them
//! are, is only measured. What is parsed goes through the same function as everywhere else
//! ([`decode_frame`](crate::Adapter::decode_frame)), so that the verdicts agree. The frames at both ends of a stream hold
//! the whole request or the whole answer again: where one is too large to be kept back, it goes on as it comes, and a
//! [`Sieve`] keeps what matters of it.

use super::read;
use super::sieve::Sieve;
use crate::Reading;
use crate::watch::look::{Findings, Look, Rest, Verdict, once};
use json::Walk;
use memchr::memchr2;
use serde_json::Value;
use vocab::{Fault, Frame};

/// See the module.
#[derive(Debug)]
pub(crate) struct Items;

/// What is kept of a frame that is too large to be kept back.
#[derive(Debug)]
pub(crate) struct Giant {
    event: String,
    sieve: Sieve,
    size: usize,
}

impl Look for Items {
    type Giant = Giant;

    const LACKS: &'static str = "without an end mark";

    fn inspect(&mut self, found: &mut Findings, frame: &[u8], _: usize) -> Result<Verdict, Fault> {
        if found.content
            && let Some(text) = further(&found.reading, frame)
        {
            found.measured(text);
            return Ok(Verdict::Pass(text > 0));
        }
        found.parse(frame, |found, frame| parsed(found, frame).map(Verdict::Pass))
    }

    fn giant(&mut self, found: &mut Findings, head: &[u8]) -> (Giant, bool) {
        found.begun = true;
        let mut giant = Giant { event: String::new(), sieve: Sieve::default(), size: head.len() };
        let mut rest = head;
        while let Some(end) = memchr2(b'\n', b'\r', rest) {
            let (line, after) = rest.split_at(end + 1);
            if line.starts_with(b"data:") {
                break;
            }
            if let Some(name) = line.strip_prefix(b"event:") {
                giant.event = String::from_utf8_lossy(name.trim_ascii()).into_owned();
            }
            rest = after;
        }
        giant.sieve.feed(rest.strip_prefix(b"data:").unwrap_or_default());
        (giant, false)
    }

    fn giant_goes_on(&mut self, _: &mut Findings, giant: &mut Giant, more: &[u8]) -> bool {
        giant.size = giant.size.saturating_add(more.len());
        giant.sieve.feed(more);
        false
    }

    fn giant_ends(&mut self, found: &mut Findings, giant: Giant) -> Result<bool, Fault> {
        let Some(left) = giant.sieve.left() else { return Ok(false) };
        let tree: Value = serde_json::from_str(&left).unwrap_or_default();
        let kind = tree["type"].as_str().unwrap_or(&giant.event);
        let what = read::said_by(kind);
        let is_item = kind == "response.output_item.done";
        let before = read::heard_of(&found.reading, &tree);
        let content = parsed(found, &Frame { event: &giant.event, data: &left })?;
        // Text that nobody measured: nothing but text is that large.
        if what != 0 || (is_item && before == 0) {
            read::hear(&mut found.reading, &tree, if what == 0 { read::ALL } else { what })?;
            found.measured(giant.size);
            found.content = true;
            return Ok(true);
        }
        Ok(content)
    }

    /// Some servers end the stream in the way of chat completions.
    fn rest(&mut self, _: &mut Findings, rest: &[u8]) -> Rest {
        if matches!(rest, b"data: [DONE]" | b"data:[DONE]") { Rest::Pass } else { Rest::Cut }
    }

    fn finished(&self, found: &Findings) -> bool {
        found.done
    }
}

fn parsed(found: &mut Findings, frame: &Frame<'_>) -> Result<bool, Fault> {
    let (content, read) = found.take(|reading, events| read::frame(reading, frame, events));
    read.map(|()| content)
}

/// How much text there is in a further piece of what is being said; None in any other frame.
fn further(reading: &Reading, frame: &[u8]) -> Option<usize> {
    let text = simdutf8::basic::from_utf8(frame).ok()?;
    let data = match text.strip_prefix("event:") {
        Some(rest) => rest.split_once('\n')?.1,
        None => text,
    };
    let mut walk = Walk::along(data.strip_prefix("data:")?.strip_suffix("\n\n")?);
    let (mut kind, mut place, mut delta) = (None, None, None);
    walk.object(|walk, key| match key {
        "type" => once(&mut kind, walk.string_or_null()??.plain()?),
        "output_index" => once(&mut place, walk.count()?),
        "delta" => once(&mut delta, walk.string_or_null()??.len()),
        "error" => None,
        _ => walk.skip(),
    })?;
    walk.end()?;
    let what = read::said_by(kind?);
    let place = u32::try_from(place?).ok()?;
    let item = reading.items.iter().rfind(|item| item.place == place)?;
    (item.heard & what != 0).then_some(delta?)
}
