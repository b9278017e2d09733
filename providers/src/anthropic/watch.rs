//! Events of a Messages stream as they pass.
//!
//! Those are parsed that something depends on; a further piece of text, thinking or arguments, which nearly all of them
//! are, is only measured. What is parsed goes through the same function as everywhere else
//! ([`decode_frame`](crate::Adapter::decode_frame)), so that the verdicts agree. Usage is cumulative and stands in small
//! frames at both ends; a frame too large to be kept back holds content and nothing else.

use super::decode;
use crate::Reading;
use crate::watch::look::{Findings, Look, Rest, Verdict, once};
use json::Walk;
use vocab::Fault;

/// See the module.
#[derive(Debug)]
pub(crate) struct Messages;

impl Look for Messages {
    type Giant = ();

    const LACKS: &'static str = "without message_stop";

    fn inspect(&mut self, found: &mut Findings, frame: &[u8], _: usize) -> Result<Verdict, Fault> {
        if found.content
            && let Some(text) = further(&mut found.reading, frame)
        {
            found.measured(text);
            return Ok(Verdict::Pass(text > 0));
        }
        found.parse(frame, |found, frame| {
            let (content, read) =
                found.take(|reading, events| decode::frame(reading, frame.event, frame.data, events));
            read.map(|()| Verdict::Pass(content))
        })
    }

    fn giant(&mut self, found: &mut Findings, head: &[u8]) -> ((), bool) {
        found.begun = true;
        found.content = true;
        found.reading.spoke = true;
        found.measured(head.len());
        ((), true)
    }

    fn giant_goes_on(&mut self, found: &mut Findings, (): &mut (), more: &[u8]) -> bool {
        found.measured(more.len());
        true
    }

    fn giant_ends(&mut self, _: &mut Findings, (): ()) -> Result<bool, Fault> {
        Ok(true)
    }

    fn rest(&mut self, _: &mut Findings, _: &[u8]) -> Rest {
        Rest::Cut
    }
}

/// How much there is in a further piece of text, thinking or arguments; None in any other frame.
fn further(reading: &mut Reading, frame: &[u8]) -> Option<usize> {
    let text = simdutf8::basic::from_utf8(frame).ok()?;
    let data = text.strip_prefix("event: content_block_delta\ndata: ")?.strip_suffix("\n\n")?;
    let mut walk = Walk::along(data);
    let (mut kind, mut place, mut delta) = (None, None, None);
    walk.object(|walk, key| match key {
        "type" => once(&mut kind, walk.string_or_null()??.plain()?),
        "index" => once(&mut place, walk.count()?),
        "delta" => {
            let (mut kind, mut piece) = (None, None);
            walk.object(|walk, key| match key {
                "type" => once(&mut kind, walk.string_or_null()??.plain()?),
                "text" | "thinking" | "partial_json" => {
                    let length = walk.string_or_null()??.len();
                    once(&mut piece, (key, length))
                }
                _ => None,
            })?;
            once(&mut delta, (kind?, piece?))
        }
        _ => None,
    })?;
    walk.end()?;
    let (said, (field, length)) = delta?;
    if kind? != "content_block_delta" {
        return None;
    }
    match (said, field) {
        ("text_delta", "text") if length > 0 => reading.spoke = true,
        ("thinking_delta", "thinking") => {}
        ("input_json_delta", "partial_json") => {
            let place = u32::try_from(place?).ok()?;
            // Of a call of ours: the server's own tools have blocks that are none.
            let call = reading.calls.iter().rfind(|call| call.0 == place);
            if call.is_none() {
                return Some(0);
            }
            reading.argued |= length > 0;
        }
        _ => return None,
    }
    Some(length)
}
