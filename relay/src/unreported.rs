//! What was used where a provider does not say.
//!
//! An answer without usage is billed by what its text comes to, marked as estimated. Where the shell has the model's own
//! tokenizer it counts, else the family's estimate stands ([`tokens::Family`]). Counting costs a thousand times what it
//! costs to let a stream pass, so streams are listened to only where this candidate kept silent before; the first silent
//! stream is estimated from the length of its text.

use crate::answer::Piece;
use crate::ports::{Count, Tokenizers};
use bytes::Bytes;
use providers::{Adapter, Reading, Sse};
use std::fmt;
use std::sync::Arc;
use tokens::{Family, Size, Text};
use vocab::{Chat, Event, Format, Part};

/// Counted in one go, so that memory is fixed and nobody waits long. Tokenizers split texts into words before anything else,
/// so what is cut where a word begins is counted as if it were whole.
pub const PIECE_MAX: usize = 4 << 10;
/// Of a text that is there as a whole as much is counted; the rest is taken to be like it.
const COUNTED_MAX: usize = 64 << 10;

/// Adds up the tokens of a text that comes in pieces.
pub struct Meter {
    tokenizers: Arc<dyn Tokenizers>,
    family: Family,
    tokens: u64,
    /// What is not counted yet.
    kept: String,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("family", &self.family)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

impl Meter {
    /// Of nothing yet.
    pub fn new(tokenizers: Arc<dyn Tokenizers>, family: Family) -> Self {
        Self { tokenizers, family, tokens: 0, kept: String::new() }
    }

    /// More of the text, cut anywhere.
    pub fn push(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let room = boundary(rest, PIECE_MAX.saturating_sub(self.kept.len()));
            let (now, later) = rest.split_at(room);
            self.kept.push_str(now);
            rest = later;
            if !rest.is_empty() {
                let cut = cut(&self.kept);
                self.tokens += self.count(self.kept.get(..cut).unwrap_or_default());
                self.kept.drain(..cut);
            }
        }
    }

    /// So far.
    pub fn tokens(&self) -> u64 {
        self.tokens + self.count(&self.kept)
    }

    /// The text is over; what comes next is another one.
    fn close(&mut self) {
        self.tokens = self.tokens();
        self.kept.clear();
    }

    fn count(&self, text: &str) -> u64 {
        count(self.tokenizers.as_ref(), self.family, text)
    }
}

/// Where a full piece is cut: before its last word, with the space that belongs to it.
fn cut(piece: &str) -> usize {
    let bytes = piece.as_bytes();
    let begins = |at: &usize| {
        let letter = |at: usize| bytes.get(at).is_some_and(|byte| !byte.is_ascii_whitespace());
        bytes.get(*at) == Some(&b' ') && letter(*at - 1) && letter(*at + 1)
    };
    let early = piece.len() / 2;
    (early.max(1)..piece.len()).rev().find(begins).unwrap_or(piece.len())
}

/// Where a character ends, at most at `most`.
fn boundary(text: &str, most: usize) -> usize {
    (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// By the tokenizer, else estimated.
fn count(tokenizers: &dyn Tokenizers, family: Family, text: &str) -> u64 {
    if text.is_empty() {
        return 0;
    }
    match tokenizers.count(family, text) {
        Count::Tokens(tokens) => tokens,
        Count::Soon | Count::Never => family.likely(&size(text)).into(),
    }
}

fn size(text: &str) -> Size {
    Size { text: Text::of(text), ..Size::default() }
}

/// Hears what is said in a stream, besides those who pass it on.
pub struct Ear {
    adapter: &'static dyn Adapter,
    sse: Sse,
    reading: Reading,
    events: Vec<Event>,
    meter: Meter,
}

impl Ear {
    pub fn new(adapter: &'static dyn Adapter, meter: Meter) -> Self {
        Self { adapter, sse: Sse::default(), reading: Reading::default(), events: Vec::new(), meter }
    }

    /// What was said before anybody listened.
    pub fn catch_up(&mut self, piece: &Piece) {
        match piece {
            Piece::Bytes(bytes) => self.hear(bytes.clone()),
            Piece::Event(event) => said(event, &mut |text| self.meter.push(text)),
            Piece::End(_) | Piece::Broken(..) => {}
        }
    }

    /// More of the stream. What is wrong with it is told by whoever passes it on.
    pub fn hear(&mut self, chunk: Bytes) {
        self.sse.feed(chunk);
        while let Ok(Some(frame)) = self.sse.take() {
            let _ = self.adapter.decode_frame(&mut self.reading, &frame, &mut self.events);
            self.events.drain(..).for_each(|event| said(&event, &mut |text| self.meter.push(text)));
        }
    }

    pub fn tokens(&self) -> u64 {
        self.meter.tokens()
    }
}

/// What an event says that is paid for.
fn said(event: &Event, each: &mut impl FnMut(&str)) {
    match event {
        Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. } => each(text),
        Event::ToolStart { name, .. } => each(name),
        Event::ToolArgs { fragment, .. } => each(fragment),
        _ => {}
    }
}

/// The tokens of a whole answer.
pub fn of_answer<'e>(
    tokenizers: &Arc<dyn Tokenizers>,
    family: Family,
    events: impl IntoIterator<Item = &'e Event>,
) -> u64 {
    let mut whole = Whole::new(tokenizers, family);
    events.into_iter().for_each(|event| said(event, &mut |text| whole.push(text)));
    whole.tokens()
}

/// The input tokens of a request, of which `size` tells what is no text.
pub fn of_chat(tokenizers: &Arc<dyn Tokenizers>, family: Family, chat: &Chat, size: &Size) -> u32 {
    let mut whole = Whole::new(tokenizers, family);
    for message in &chat.messages {
        for part in &message.parts {
            match part {
                Part::Text(text) | Part::Refusal(text) | Part::Thinking { text, .. } => whole.one(text),
                Part::Image { .. } | Part::Audio { .. } | Part::File { .. } => {}
            }
        }
        for call in &message.tool_calls {
            whole.one(&call.name);
            whole.one(&call.arguments);
        }
    }
    for tool in &chat.tools {
        whole.one(&tool.name);
        whole.one(tool.description.as_deref().unwrap_or_default());
        if let Some(parameters) = &tool.parameters {
            whole.one(&parameters.to_string());
        }
    }
    if let Format::JsonSchema { schema, .. } = &chat.format {
        whole.one(&schema.to_string());
    }
    let besides = family.likely(&Size { text: Text::default(), json: 0, ..*size });
    let text = u32::try_from(whole.tokens()).unwrap_or(u32::MAX);
    text.saturating_add(if size.more > 0 || size.tools { besides } else { 0 })
}

/// A text that is there already: a bounded part of it is counted.
struct Whole {
    meter: Meter,
    room: usize,
    /// What the part that is counted is made of, and the rest.
    seen: Size,
    unseen: Size,
}

impl Whole {
    fn new(tokenizers: &Arc<dyn Tokenizers>, family: Family) -> Self {
        let (seen, unseen) = (Size::default(), Size::default());
        Self { meter: Meter::new(tokenizers.clone(), family), room: COUNTED_MAX, seen, unseen }
    }

    fn push(&mut self, text: &str) {
        let (now, later) = text.split_at(boundary(text, self.room));
        self.room -= now.len();
        if !later.is_empty() {
            // Once is enough: the rest is nearly all of it.
            self.room = 0;
            self.unseen.say(&Text::of(later));
        }
        self.seen.say(&Text::of(now));
        self.meter.push(now);
    }

    /// One text by itself.
    fn one(&mut self, text: &str) {
        self.push(text);
        self.meter.close();
    }

    fn tokens(&self) -> u64 {
        let counted = self.meter.tokens();
        if self.unseen == Size::default() {
            return counted;
        }
        let likely = |size: &Size| u128::from(self.meter.family.likely(size));
        let rest = u128::from(counted) * likely(&self.unseen) / likely(&self.seen);
        counted.saturating_add(u64::try_from(rest).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
