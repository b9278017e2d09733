//! Upstream bytes on their way to the client: looked at, or translated.

use crate::answer::Piece;
use crate::unreported::Ear;
use bytes::Bytes;
use providers::{Adapter, Reading, Sse, Watch};
use std::collections::VecDeque;
use tokens::{Family, Text};
use vocab::{Bucket, Event, Fault, Finish, Usage};

/// What is known of an answer so far, whichever way it comes.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub usage: Option<Usage>,
    pub text_bytes: usize,
    /// Output tokens, where somebody listened because the provider tells none.
    pub tokens_out: Option<u64>,
    pub content: bool,
    pub finish: Option<Finish>,
    /// The protocol's own end mark was there.
    pub done: bool,
}

impl Seen {
    /// The usage to bill: as reported, else counted or estimated from the text, as a model of this family would count it
    /// that was told `before`. No provider makes more than the `output_max` it was allowed.
    pub fn bill(&self, tokens_in: u32, output_max: Option<u64>, family: Family, before: &Text) -> Usage {
        self.usage.unwrap_or_else(|| {
            let told = self.tokens_out.unwrap_or_else(|| family.answer(self.text_bytes as u64, before));
            Usage { estimated: true, ..Usage::default() }
                .with(Bucket::Input, u64::from(tokens_in))
                .with(Bucket::Output, output_max.map_or(told, |max| told.min(max)))
        })
    }

    /// An answer without content is none, unless the model was stopped or filtered before it said anything.
    pub fn useful(&self) -> bool {
        self.content || matches!(self.finish, Some(Finish::Length | Finish::ContentFilter))
    }
}

/// Upstream bytes → pieces. Fixed memory: at most one frame is kept.
pub enum Source {
    /// Client and provider speak one dialect.
    Pass {
        watch: Box<Watch>,
        out: Vec<Bytes>,
        ear: Option<Box<Ear>>,
    },
    Translate(Box<Translate>),
    /// All of it is there already: a whole answer told as a stream.
    Told(Seen),
}

pub struct Translate {
    adapter: &'static dyn Adapter,
    sse: Sse,
    reading: Reading,
    events: Vec<Event>,
    seen: Seen,
    ear: Option<Box<Ear>>,
}

impl Source {
    pub fn pass(watch: Watch) -> Self {
        Self::Pass { watch: Box::new(watch), out: Vec::new(), ear: None }
    }

    pub fn translate(adapter: &'static dyn Adapter) -> Self {
        Self::Translate(Box::new(Translate {
            adapter,
            sse: Sse::default(),
            reading: Reading::default(),
            events: Vec::new(),
            seen: Seen::default(),
            ear: None,
        }))
    }

    /// Has somebody listen, to whom what is in the queue is new as well.
    pub fn listen(&mut self, mut new: Box<Ear>, queue: &VecDeque<Piece>) {
        queue.iter().for_each(|piece| new.catch_up(piece));
        match self {
            Self::Pass { ear, .. } => *ear = Some(new),
            Self::Translate(t) => t.ear = Some(new),
            Self::Told(_) => {}
        }
    }

    /// Digests what one read brought. Pieces before a fault are in `queue` all the same.
    pub fn digest(&mut self, chunk: Bytes, queue: &mut VecDeque<Piece>) -> Result<(), Fault> {
        match self {
            Self::Pass { watch, out, ear } => {
                if let Some(ear) = ear {
                    ear.hear(chunk.clone());
                }
                let result = watch.pass(chunk, out);
                queue.extend(out.drain(..).map(Piece::Bytes));
                result.map(|_| ())
            }
            Self::Translate(t) => t.digest(chunk, queue),
            Self::Told(_) => Ok(()),
        }
    }

    /// The body is over. A stream without its end mark was cut.
    pub fn end(&mut self, queue: &mut VecDeque<Piece>) -> Result<(), Fault> {
        match self {
            Self::Pass { watch, out, .. } => {
                let result = watch.end(out);
                queue.extend(out.drain(..).map(Piece::Bytes));
                // Not every server ends with the mark that the client waits for.
                if let (Ok(()), false, Some(mark)) = (&result, watch.done(), watch.end_mark()) {
                    queue.push_back(Piece::Bytes(Bytes::from_static(mark.as_bytes())));
                }
                result
            }
            Self::Translate(t) => t.end(queue),
            Self::Told(_) => Ok(()),
        }
    }

    pub fn seen(&self) -> Seen {
        match self {
            Self::Pass { watch, ear, .. } => Seen {
                usage: watch.usage(),
                text_bytes: watch.text_bytes(),
                tokens_out: ear.as_ref().map(|ear| ear.tokens()),
                content: watch.content(),
                finish: watch.finish(),
                done: watch.done(),
            },
            Self::Translate(t) => {
                Seen { tokens_out: t.ear.as_ref().map(|ear| ear.tokens()), ..t.seen.clone() }
            }
            Self::Told(seen) => seen.clone(),
        }
    }

    /// Whether the end mark was there, so that nothing but the end of the body is to come (or late usage).
    pub fn done(&self) -> bool {
        match self {
            Self::Pass { watch, .. } => watch.done(),
            Self::Translate(t) => t.seen.done,
            Self::Told(seen) => seen.done,
        }
    }

    pub fn content(&self) -> bool {
        match self {
            Self::Pass { watch, .. } => watch.content(),
            Self::Translate(t) => t.seen.content,
            Self::Told(seen) => seen.content,
        }
    }

    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Pass { watch, .. } => watch.text_bytes(),
            Self::Translate(t) => t.seen.text_bytes,
            Self::Told(seen) => seen.text_bytes,
        }
    }
}

impl Translate {
    fn digest(&mut self, chunk: Bytes, queue: &mut VecDeque<Piece>) -> Result<(), Fault> {
        if let Some(ear) = &mut self.ear {
            ear.hear(chunk.clone());
        }
        self.sse.feed(chunk);
        while let Some(frame) = self.sse.take()? {
            let result = self.adapter.decode_frame(&mut self.reading, &frame, &mut self.events);
            self.tell(queue);
            result?;
        }
        Ok(())
    }

    fn tell(&mut self, queue: &mut VecDeque<Piece>) {
        for event in self.events.drain(..) {
            self.seen.saw(&event);
            // The end and the final usage are said once, when the body is over. What is counted before there is content
            // is the input, which some protocols tell at their beginning.
            let last = match &event {
                Event::Usage(_) => self.seen.content,
                event => *event == Event::End,
            };
            if !last {
                queue.push_back(Piece::Event(event));
            }
        }
    }

    fn end(&mut self, queue: &mut VecDeque<Piece>) -> Result<(), Fault> {
        if let Some(frame) = self.sse.end()? {
            let result = self.adapter.decode_frame(&mut self.reading, &frame, &mut self.events);
            self.tell(queue);
            result?;
        }
        let whole = self.seen.done || (self.reading.finished && self.adapter.finish_is_end());
        if !whole {
            return Err(Fault::Cut("the stream ended without its end mark".into()));
        }
        queue.extend(self.seen.usage.map(|usage| Piece::Event(Event::Usage(usage))));
        queue.push_back(Piece::Event(Event::End));
        Ok(())
    }
}

impl Seen {
    pub fn saw(&mut self, event: &Event) {
        self.content |= event.is_content();
        match event {
            Event::Text { text, .. } | Event::Reasoning { text, .. } | Event::Refusal { text, .. } => {
                self.text_bytes += text.len();
            }
            Event::ToolArgs { fragment, .. } => self.text_bytes += fragment.len(),
            Event::ToolStart { name, .. } => self.text_bytes += name.len(),
            Event::Finish { reason, .. } => self.finish = Some(*reason),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.done = true,
            Event::Start { .. } | Event::Signature { .. } | Event::Citation(_) => {}
        }
    }
}

impl Source {
    /// The end mark and the usage were there, and nothing that matters can come any more. Gemini sends usage after its
    /// finish reason.
    pub fn settled(&self) -> bool {
        match self {
            Self::Pass { watch, .. } => watch.done() && watch.usage().is_some() && !watch.straggles(),
            Self::Translate(t) => {
                t.seen.done && t.seen.usage.is_some() && t.adapter.dialect() != vocab::Dialect::Gemini
            }
            Self::Told(_) => true,
        }
    }
}
