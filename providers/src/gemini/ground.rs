//! What an answer rests on: what a search found for it (`groundingMetadata`), and what it repeats (`citationMetadata`).
//!
//! "Start index in the given Part, measured in bytes. Offset from the start of the Part, inclusive, starting at zero", and
//! the end is exclusive. A stream's parts are pieces of one: what comes at its end counts from the beginning of the text.

use crate::Reading;
use crate::cited::{stretch, words};
use serde_json::Value;
use std::ops::Range;
use vocab::{Citation, Event};

/// Where the parts of one reply begin, in bytes of the choice's text.
#[derive(Debug, Default)]
pub(super) struct Said(Vec<u32>);

impl Said {
    pub fn begins(&mut self, at: u32) {
        self.0.push(at);
    }

    /// Where the part begins that is counted from.
    fn base(&self, part: &Value) -> u32 {
        // With text before this reply its parts are pieces, and nobody counts pieces.
        let whole = self.0.first().is_none_or(|first| *first == 0);
        let part = part.as_u64().and_then(|part| usize::try_from(part).ok()).filter(|_| whole);
        part.and_then(|part| self.0.get(part)).copied().unwrap_or(0)
    }
}

/// Tells what a candidate names.
pub(super) fn tell(reading: &mut Reading, choice: u32, candidate: &Value, said: &Said, out: &mut Vec<Event>) {
    let found = &candidate["groundingMetadata"];
    let chunks = list(&found["groundingChunks"]);
    let mut named = vec![false; chunks.len()];
    for support in list(&found["groundingSupports"]) {
        let segment = &support["segment"];
        let from = said.base(&segment["partIndex"]);
        let passage = stretch(&segment["startIndex"], &segment["endIndex"]);
        let passage = passage.and_then(|bytes| chars(reading, choice, from, bytes));
        for at in list(&support["groundingChunkIndices"]) {
            let Some(at) = at.as_u64().and_then(|at| usize::try_from(at).ok()) else { continue };
            if let (Some(chunk), Some(named)) = (chunks.get(at), named.get_mut(at)) {
                *named = true;
                reading.cited.tell(Citation { choice, passage: passage.clone(), ..source(chunk) }, out);
            }
        }
    }
    // What was found and is not said to be for any passage.
    for (chunk, _) in chunks.iter().zip(named).filter(|(_, named)| !named) {
        reading.cited.tell(Citation { choice, ..source(chunk) }, out);
    }
    let repeats = &candidate["citationMetadata"];
    // Two names for it: that of the API, and that of Google's other platform and of its SDKs.
    for one in ["citationSources", "citations"].into_iter().flat_map(|name| list(&repeats[name])) {
        let passage = stretch(&one["startIndex"], &one["endIndex"]);
        let passage = passage.and_then(|bytes| chars(reading, choice, 0, bytes));
        let (url, title) = (words(&one["uri"]), words(&one["title"]));
        reading.cited.tell(Citation { choice, passage, url, title, quote: None }, out);
    }
}

fn chars(reading: &mut Reading, choice: u32, from: u32, bytes: Range<u32>) -> Option<Range<u32>> {
    let bytes = from.saturating_add(bytes.start)..from.saturating_add(bytes.end);
    reading.cited.ruler(choice).chars_of(bytes)
}

/// A page, a passage of a document, a place on the map, or a picture.
fn source(chunk: &Value) -> Citation {
    const KINDS: [&str; 4] = ["web", "retrievedContext", "maps", "image"];
    let of = KINDS.iter().map(|kind| &chunk[*kind]).find(|of| of.is_object()).unwrap_or(&Value::Null);
    Citation {
        url: words(&of["uri"]).or_else(|| words(&of["sourceUri"])),
        title: words(&of["title"]),
        quote: words(&of["text"]),
        ..Citation::default()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
