//! What an answer rests on, as far as it was heard.

use serde_json::Value;
use std::ops::Range;
use vocab::{Citation, Event, Ruler};

/// More sources than any answer names: what comes beyond is not told.
const CITED_MAX: usize = 1_024;
/// More choices than anybody asks for.
const CHOICES_MAX: usize = 64;

/// What has to be remembered of sources and of the text that they stand under. Of fixed size, as [`Ruler`] is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cited {
    /// A fingerprint of each source told: some servers say them again with every frame.
    told: Vec<u64>,
    /// For a dialect that counts bytes, one for each choice.
    rulers: Vec<Ruler>,
    /// For dialects of one choice that count characters, or nothing: those of the text so far.
    chars: u32,
    /// Where the block or the part began that is being said.
    begun: u32,
    /// Sources of a block that is not over: what rests on them is all of it.
    waiting: Vec<Citation>,
}

impl Cited {
    /// Tells of a source, once, unless it is none.
    pub fn tell(&mut self, citation: Citation, out: &mut Vec<Event>) {
        let mark = fingerprint(&citation);
        if citation.is_empty() || self.told.len() >= CITED_MAX || self.told.contains(&mark) {
            return;
        }
        self.told.push(mark);
        out.push(Event::Citation(Box::new(citation)));
    }

    /// The ruler along the text of a choice.
    pub fn ruler(&mut self, choice: u32) -> &mut Ruler {
        let at = (choice as usize).min(CHOICES_MAX - 1);
        if self.rulers.len() <= at {
            self.rulers.resize_with(at + 1, Ruler::default);
        }
        // It was made just now.
        #[allow(clippy::indexing_slicing, reason = "see above")]
        &mut self.rulers[at]
    }

    /// A block or a part begins.
    pub const fn begin(&mut self) {
        self.begun = self.chars;
    }

    /// More text in it.
    pub fn said(&mut self, text: &str) {
        let more = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        self.chars = self.chars.saturating_add(more);
    }

    /// The part began this text ago.
    pub fn begun_before(&mut self, text: usize) {
        self.begun = self.chars.saturating_sub(u32::try_from(text).unwrap_or(u32::MAX));
    }

    /// A passage of the part that is being said, as one of the whole text.
    pub const fn within(&self, passage: Range<u32>) -> Range<u32> {
        self.begun.saturating_add(passage.start)..self.begun.saturating_add(passage.end)
    }

    /// A source of the block that is being said.
    pub fn wait(&mut self, citation: Citation) {
        if self.waiting.len() < CITED_MAX {
            self.waiting.push(citation);
        }
    }

    /// The block is over: tells its sources.
    pub fn close(&mut self, out: &mut Vec<Event>) {
        let passage = (self.begun < self.chars).then_some(self.begun..self.chars);
        for citation in std::mem::take(&mut self.waiting) {
            self.tell(Citation { passage: passage.clone(), ..citation }, out);
        }
    }
}

/// The text of a field that is not empty.
pub(crate) fn words(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A stretch from an index to another; None where it is none.
pub(crate) fn stretch(start: &Value, end: &Value) -> Option<Range<u32>> {
    let index = |value: &Value| value.as_u64().and_then(|index| u32::try_from(index).ok());
    // proto3 leaves zeros out.
    let (start, end) = (index(start).unwrap_or(0), index(end)?);
    (start < end).then_some(start..end)
}

/// OpenAI's citation of a page: "The index of the first character", "the index of the last character", which in its answers
/// is the one behind it. None for those of files.
pub(crate) fn page(annotation: &Value) -> Option<Citation> {
    if annotation["type"] != "url_citation" {
        return None;
    }
    // In chat completions there is one more layer.
    let body = &annotation["url_citation"];
    let body = if body.is_object() { body } else { annotation };
    Some(Citation {
        choice: 0,
        passage: stretch(&body["start_index"], &body["end_index"]),
        url: Some(words(&body["url"])?),
        title: words(&body["title"]),
        quote: None,
    })
}

/// FNV-1a, 64 bits (RFC 9923).
fn fingerprint(of: &Citation) -> u64 {
    let passage = of.passage.clone().unwrap_or_default();
    let figures = [of.choice, passage.start, passage.end].map(u32::to_be_bytes);
    let texts = [&of.url, &of.title, &of.quote];
    let texts = texts.into_iter().flat_map(|text| text.as_deref().unwrap_or_default().bytes().chain([0xff]));
    figures
        .into_iter()
        .flatten()
        .chain(texts)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
