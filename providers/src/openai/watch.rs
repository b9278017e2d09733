//! Chunks of chat completions as they pass.
//!
//! This is where most bytes go, so of the frames only those are parsed that something depends on: all until there is
//! content (the moment a stream is committed to its upstream), then any that holds a usage, an error, a finish reason or
//! anything out of the ordinary. The others are told by a search for those words; a quoted word cannot stand within a
//! JSON string, where its quotes would be escaped. What is parsed goes through the same function as everywhere else
//! ([`decode_frame`](crate::Adapter::decode_frame)), so that the verdicts agree. Of those that are not parsed most differ
//! from the one before in nothing but their text, and are told by that ([`Mould`]). A server that writes its field names
//! with escapes would get past the search; none does.

use super::mould::Mould;
use super::{Accent, OpenAi, scan, usage};
use crate::watch::look::{Findings, Look, Rest, Verdict};
use crate::{Adapter, Reading};
use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use vocab::Fault;

/// What is kept of a frame that is not kept back, to find its usage in: it stands at the end.
const TAIL: usize = 8 << 10;

/// See the module.
#[derive(Debug)]
pub(crate) struct Chunks {
    adapter: OpenAi,
    drop_usage: bool,
    words: Words,
    mould: Mould,
}

/// Searches made ready once.
#[derive(Debug)]
struct Words {
    /// Where one of these has a value other than null, the frame is parsed.
    telling: [memmem::Finder<'static>; 3],
    delta: memmem::Finder<'static>,
}

impl Chunks {
    /// Of a stream of that accent. `drop_usage`: the client did not ask for the usage chunk and shall not get it.
    pub fn new(accent: &'static Accent, drop_usage: bool) -> Self {
        let telling = ["\"usage\"", "\"error\"", "\"finish_reason\""].map(memmem::Finder::new);
        let words = Words { telling, delta: memmem::Finder::new("\"delta\"") };
        Self { adapter: OpenAi(accent), drop_usage, words, mould: Mould::default() }
    }

    /// The text of a frame that tells nothing else, and where in the line it stands; None for any other.
    fn ordinary(&self, reading: &Reading, line: &[u8]) -> Option<scan::Text> {
        if line.first() == Some(&b':') {
            return Some(scan::Text::default());
        }
        let json = line.strip_prefix(b"data:")?;
        let json = json.strip_prefix(b" ").unwrap_or(json);
        if json.first() != Some(&b'{') {
            return None;
        }
        for word in &self.words.telling {
            for at in word.find_iter(json) {
                if !is_null(json.get(at + word.needle().len()..)?) {
                    return None;
                }
            }
        }
        let begun = |index: u32| reading.calls.iter().any(|(_, i)| *i == index);
        let mut all: Option<scan::Text> = None;
        for at in self.words.delta.find_iter(json) {
            let value =
                json.get(at + self.words.delta.needle().len()..)?.trim_ascii_start().strip_prefix(b":")?;
            let mut text = scan::delta_text(value, begun)?;
            let before = line.len() - value.len();
            text.only = text.only.map(|only| only.start + before..only.end + before);
            if let Some(other) = all {
                text.bytes = text.bytes.saturating_add(other.bytes);
                text.only = None;
            }
            all = Some(text);
        }
        Some(all.unwrap_or_default())
    }

    fn parse(&self, found: &mut Findings, bytes: &[u8]) -> Result<Verdict, Fault> {
        found.parse(bytes, |found, frame| {
            let (content, read) =
                found.take(|reading, events| self.adapter.decode_frame(reading, frame, events));
            read?;
            Ok(if self.drop_usage && is_only_usage(frame.data) {
                Verdict::Drop
            } else {
                Verdict::Pass(content)
            })
        })
    }
}

impl Look for Chunks {
    /// Its last bytes, and how many there were.
    type Giant = (Vec<u8>, usize);

    const LACKS: &'static str = "without an end mark";

    fn again(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        self.mould.fits(bytes)
    }

    fn inspect(&mut self, found: &mut Findings, frame: &[u8], line: usize) -> Result<Verdict, Fault> {
        if found.content
            && let Some((line, rest)) = frame.split_at_checked(line)
            && rest.iter().all(|b| matches!(b, b'\n' | b'\r'))
            && let Some(text) = self.ordinary(&found.reading, line)
        {
            found.measured(text.bytes);
            if let Some(inside) = text.only {
                self.mould.take(frame, inside);
            }
            return Ok(Verdict::Pass(text.bytes > 0));
        }
        self.parse(found, frame)
    }

    fn giant(&mut self, found: &mut Findings, head: &[u8]) -> (Self::Giant, bool) {
        found.begun = true;
        // Nothing but content is that large.
        found.content = true;
        let tail = head.get(head.len().saturating_sub(TAIL)..).unwrap_or_default().to_vec();
        ((tail, head.len()), true)
    }

    fn giant_goes_on(&mut self, _: &mut Findings, (tail, size): &mut Self::Giant, more: &[u8]) -> bool {
        *size = size.saturating_add(more.len());
        tail.extend_from_slice(more);
        if tail.len() > 2 * TAIL {
            tail.drain(..tail.len() - TAIL);
        }
        true
    }

    /// Its end tells its usage and whether it finished.
    fn giant_ends(&mut self, found: &mut Findings, (tail, size): Self::Giant) -> Result<bool, Fault> {
        found.measured(size);
        let [usage, _, finish] = &self.words.telling;
        let value =
            |at: usize| tail.get(at..)?.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        for at in usage.find_iter(&tail) {
            let object = value(at + usage.needle().len()).unwrap_or_default();
            let object = serde_json::Deserializer::from_slice(object).into_iter::<Value>().next();
            if let Some(Ok(object)) = object
                && let Some(used) = usage::chat(&object)
            {
                found.usage = Some(used);
                found.reading.usage = used;
            }
        }
        let ended = |at: usize| {
            value(at + finish.needle().len()).is_some_and(|v| v.starts_with(b"\"") && !v.starts_with(b"\"\""))
        };
        found.finished |= finish.find_iter(&tail).any(ended);
        Ok(true)
    }

    /// A last `[DONE]` may lack its blank line.
    fn rest(&mut self, found: &mut Findings, rest: &[u8]) -> Rest {
        if !matches!(rest, b"data: [DONE]" | b"data:[DONE]") {
            return Rest::Cut;
        }
        found.done = true;
        Rest::Pass
    }

    fn whole(&self, found: &Findings) -> bool {
        found.done || (found.finished && self.adapter.finish_is_end())
    }
}

/// Whether a chunk holds nothing but usage: its choices are empty or absent.
fn is_only_usage(data: &str) -> bool {
    #[derive(Deserialize)]
    struct Chunk<'a> {
        #[serde(default)]
        choices: Option<Vec<IgnoredAny>>,
        #[serde(borrow, default)]
        usage: Option<&'a RawValue>,
    }
    serde_json::from_str::<Chunk<'_>>(data)
        .is_ok_and(|chunk| chunk.usage.is_some() && chunk.choices.is_none_or(|choices| choices.is_empty()))
}

fn is_null(after: &[u8]) -> bool {
    after.starts_with(b":null")
        || after
            .trim_ascii_start()
            .strip_prefix(b":")
            .is_some_and(|value| value.trim_ascii_start().starts_with(b"null"))
}
