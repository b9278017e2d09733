//! Replies of a Gemini stream as they pass.
//!
//! Every frame is a whole reply with the usage so far; of those that only say more text the text is measured and the usage
//! kept as it is written. All others are parsed, by the same function as everywhere else
//! ([`decode_frame`](crate::Adapter::decode_frame)), so that the verdicts agree. There is no end mark: the answer is whole
//! once every candidate has said why it ended.

use super::shorten::Shorten;
use super::{decode, usage};
use crate::Reading;
use crate::watch::look::{Findings, Look, Rest, Verdict, once};
use json::Walk;
use serde_json::{Value, json};
use vocab::{Fault, Usage};

/// A longer usage is parsed at once.
const LATE_MAX: usize = 4 << 10;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    /// A later usage, as it was written.
    late: String,
}

impl Replies {
    fn parse(&mut self, found: &mut Findings, bytes: &[u8]) -> Result<Verdict, Fault> {
        if let Some(usage) = self.usage(found).filter(|_| !self.late.is_empty()) {
            found.usage = Some(usage);
            found.reading.usage = usage;
            self.late.clear();
        }
        found.parse(bytes, |found, frame| {
            if frame.data.trim() == "[DONE]" {
                // Of a gateway in between. Google's SDKs would take it for a broken answer.
                return Ok(Verdict::Drop);
            }
            let mut more = false;
            let (content, read) = found.take(|reading, events| {
                let (read, shows) = decode::watched(reading, frame.data, events);
                more = shows;
                read
            });
            found.content |= more;
            read.map(|()| Verdict::Pass(content | more))
        })
    }
}

impl Look for Replies {
    type Giant = Shorten;

    const LACKS: &'static str = "without a finish reason";

    fn inspect(&mut self, found: &mut Findings, frame: &[u8], line: usize) -> Result<Verdict, Fault> {
        if found.content
            && let Some((line, rest)) = frame.split_at_checked(line)
            && rest.iter().all(|b| matches!(b, b'\n' | b'\r'))
            && let Some((text, late)) = ordinary(&found.reading, line)
        {
            found.measured(text);
            if let Some(late) = late {
                self.late.clear();
                self.late.push_str(late);
            }
            return Ok(Verdict::Pass(text > 0));
        }
        self.parse(found, frame)
    }

    fn giant(&mut self, found: &mut Findings, head: &[u8]) -> (Shorten, bool) {
        // Nothing but content is that large.
        found.content = true;
        let mut shorten = Shorten::default();
        shorten.feed(head);
        (shorten, true)
    }

    fn giant_goes_on(&mut self, _: &mut Findings, shorten: &mut Shorten, more: &[u8]) -> bool {
        shorten.feed(more);
        true
    }

    /// It is read as it was left.
    fn giant_ends(&mut self, found: &mut Findings, shorten: Shorten) -> Result<bool, Fault> {
        found.measured(shorten.cut());
        if let Some(left) = shorten.left() {
            self.parse(found, left.as_bytes())?;
        }
        Ok(true)
    }

    /// The last frame may lack its blank line: what it holds is a whole reply or it is not.
    fn rest(&mut self, found: &mut Findings, rest: &[u8]) -> Rest {
        if matches!(rest, b"data: [DONE]" | b"data:[DONE]") {
            return Rest::Drop;
        }
        let whole = rest.ends_with(b"}") && self.parse(found, &[rest, b"\n\n"].concat()).is_ok();
        if whole { Rest::Instead([rest, b"\r\n\r\n"].concat().into()) } else { Rest::Cut }
    }

    fn usage(&self, found: &Findings) -> Option<Usage> {
        if self.late.is_empty() {
            return found.usage;
        }
        let late = serde_json::from_str::<Value>(&self.late).ok();
        late.and_then(|late| usage::reply(&json!({ "usageMetadata": late }), &found.reading.usage))
            .or(found.usage)
    }

    fn finished(&self, found: &Findings) -> bool {
        found.reading.finished
    }

    fn done(&self, found: &Findings) -> bool {
        found.reading.finished
    }
}

/// The bytes of text, and the usage, of a frame that tells nothing else; None for any other.
fn ordinary<'l>(reading: &Reading, line: &'l [u8]) -> Option<(usize, Option<&'l str>)> {
    let text = simdutf8::basic::from_utf8(line).ok()?;
    let mut walk = Walk::along(text.strip_prefix("data:")?);
    let (mut candidates, mut used, mut bytes) = (None, None, 0);
    walk.object(|walk, key| match key {
        "candidates" => once(&mut candidates, walk.array(|walk| candidate(reading, walk, &mut bytes))?),
        "usageMetadata" => once(&mut used, walk.written(Walk::skip)?.0),
        "error" | "promptFeedback" => None,
        _ => walk.skip(),
    })?;
    walk.end()?;
    let fits = used.is_none_or(|used| used.len() <= LATE_MAX);
    fits.then_some((bytes, used))
}

/// A candidate that has begun and only says more.
fn candidate(reading: &Reading, walk: &mut Walk<'_>, bytes: &mut usize) -> Option<()> {
    let (mut index, mut content) = (None, None);
    walk.object(|walk, key| match key {
        "index" => once(&mut index, walk.count()?),
        "content" => once(&mut content, said(walk, bytes)?),
        "safetyRatings" | "tokenCount" => walk.skip(),
        _ => None,
    })?;
    content?;
    // Where there is no index the place counts, and only the first is told apart from others here.
    let choice = index.unwrap_or(0);
    (choice < 64 && reading.open & (1 << choice) != 0).then_some(())
}

/// The bytes of text in a content that holds nothing else.
fn said(walk: &mut Walk<'_>, bytes: &mut usize) -> Option<()> {
    walk.object(|walk, key| match key {
        "parts" => walk.array(|walk| {
            walk.object(|walk, key| match key {
                "text" => {
                    *bytes += walk.string_or_null()??.len();
                    Some(())
                }
                "thought" => walk.skip(),
                _ => None,
            })
        }),
        "role" => walk.skip(),
        _ => None,
    })
}
