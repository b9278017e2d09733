//! What watches a stream pass, in whichever dialect both sides speak.
//!
//! A chunk is handed on as it came, in slices, and of its frames those are parsed that something depends on. How a stream
//! is cut into frames, kept back and handed on stands once ([`passing`]); what a frame of a dialect tells, and which need
//! not be parsed, is the dialect's own ([`look`], and the `watch.rs` of each).

mod frames;
pub(crate) mod look;
pub(crate) mod passing;

#[cfg(test)]
mod tests;

use crate::{anthropic, gemini, openai, responses};
use bytes::Bytes;
use look::Look;
use passing::Passing;
use vocab::{Fault, Finish, Usage};

/// The state of one stream that passes. Fixed memory: at most one frame of 64 KiB is kept back.
#[derive(Debug)]
pub struct Watch(Of);

#[derive(Debug)]
enum Of {
    Chat(Box<Passing<openai::Chunks>>),
    Responses(Box<Passing<responses::Items>>),
    Anthropic(Box<Passing<anthropic::Messages>>),
    Gemini(Box<Passing<gemini::Replies>>),
}

macro_rules! each {
    ($self:expr, $watch:ident => $what:expr) => {
        match &$self.0 {
            Of::Chat($watch) => $what,
            Of::Responses($watch) => $what,
            Of::Anthropic($watch) => $what,
            Of::Gemini($watch) => $what,
        }
    };
    (mut $self:expr, $watch:ident => $what:expr) => {
        match &mut $self.0 {
            Of::Chat($watch) => $what,
            Of::Responses($watch) => $what,
            Of::Anthropic($watch) => $what,
            Of::Gemini($watch) => $what,
        }
    };
}

impl Watch {
    pub(crate) fn chat(look: openai::Chunks) -> Self {
        Self(Of::Chat(Box::new(Passing::new(look))))
    }

    pub(crate) fn responses() -> Self {
        Self(Of::Responses(Box::new(Passing::new(responses::Items))))
    }

    pub(crate) fn anthropic() -> Self {
        Self(Of::Anthropic(Box::new(Passing::new(anthropic::Messages))))
    }

    pub(crate) fn gemini() -> Self {
        Self(Of::Gemini(Box::new(Passing::new(gemini::Replies::default()))))
    }

    /// What was reported last. None: nothing was.
    pub fn usage(&self) -> Option<Usage> {
        each!(self, watch => watch.look.usage(&watch.found))
    }

    /// Bytes of text, reasoning, refusals and tool arguments so far, to estimate tokens from.
    pub fn text_bytes(&self) -> usize {
        each!(self, watch => watch.found.text_bytes)
    }

    /// A client would have noticed something by now.
    pub fn content(&self) -> bool {
        each!(self, watch => watch.found.content)
    }

    /// A finish reason was given.
    pub fn finished(&self) -> bool {
        each!(self, watch => watch.look.finished(&watch.found))
    }

    /// The last finish reason that was given, where its frame was small enough to be parsed.
    pub fn finish(&self) -> Option<Finish> {
        each!(self, watch => watch.found.finish)
    }

    /// The protocol's own end mark was there.
    pub fn done(&self) -> bool {
        each!(self, watch => watch.look.done(&watch.found))
    }

    /// Whether usage may still come after the end.
    pub const fn straggles(&self) -> bool {
        matches!(self.0, Of::Gemini(_))
    }

    /// What ends a stream of this dialect, where servers are known to leave it out.
    pub const fn end_mark(&self) -> Option<&'static str> {
        match &self.0 {
            Of::Chat(_) => Some("data: [DONE]\n\n"),
            _ => None,
        }
    }

    /// Takes in a chunk and puts what may go on into `out`, in order: whole frames, as slices of the chunk where it
    /// holds them whole. Says whether there was content in it.
    ///
    /// # Errors
    /// The fault that a frame holds. The frames before it are in `out`; it and what follows are not, then or later.
    pub fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<bool, Fault> {
        each!(mut self, watch => watch.pass(chunk, out))
    }

    /// Call when the bytes have ended without an error. What is left of them is put into `out`.
    ///
    /// # Errors
    /// `Cut` where the stream has no end mark, and the fault there was.
    pub fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        each!(mut self, watch => watch.end(out))
    }
}
