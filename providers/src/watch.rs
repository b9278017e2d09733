//! What watches a stream pass, in whichever dialect both sides speak.

use crate::{anthropic, gemini, openai, responses};
use bytes::Bytes;
use vocab::{Fault, Finish, Usage};

/// The state of one stream that passes. Fixed memory: at most one frame of 64 KiB is kept back.
#[derive(Debug)]
pub enum Watch {
    Chat(Box<openai::Watch>),
    Responses(Box<responses::Watch>),
    Anthropic(Box<anthropic::Watch>),
    Gemini(Box<gemini::Watch>),
}

macro_rules! each {
    ($self:expr, $watch:ident => $what:expr) => {
        match $self {
            Self::Chat($watch) => $what,
            Self::Responses($watch) => $what,
            Self::Anthropic($watch) => $what,
            Self::Gemini($watch) => $what,
        }
    };
}

impl Watch {
    /// What was reported last. None: nothing was.
    pub fn usage(&self) -> Option<Usage> {
        each!(self, watch => watch.usage())
    }

    /// Bytes of text, reasoning, refusals and tool arguments so far, to estimate tokens from.
    pub fn text_bytes(&self) -> usize {
        each!(self, watch => watch.text_bytes())
    }

    /// A client would have noticed something by now.
    pub fn content(&self) -> bool {
        each!(self, watch => watch.content())
    }

    /// A finish reason was given.
    pub fn finished(&self) -> bool {
        match self {
            Self::Chat(watch) => watch.finished(),
            Self::Responses(watch) => watch.done(),
            Self::Anthropic(watch) => watch.finish().is_some(),
            Self::Gemini(watch) => watch.done(),
        }
    }

    /// The last finish reason that was given, where its frame was small enough to be parsed.
    pub fn finish(&self) -> Option<Finish> {
        each!(self, watch => watch.finish())
    }

    /// The protocol's own end mark was there.
    pub fn done(&self) -> bool {
        each!(self, watch => watch.done())
    }

    /// Whether usage may still come after the end.
    pub const fn straggles(&self) -> bool {
        matches!(self, Self::Gemini(_))
    }

    /// What ends a stream of this dialect, where servers are known to leave it out.
    pub const fn end_mark(&self) -> Option<&'static str> {
        match self {
            Self::Chat(_) => Some("data: [DONE]\n\n"),
            _ => None,
        }
    }

    /// Takes in a chunk and puts what may go on into `out`, in order: whole frames, as slices of the chunk where it
    /// holds them whole. Says whether there was content in it.
    ///
    /// # Errors
    /// The fault that a frame holds. The frames before it are in `out`; it and what follows are not, then or later.
    pub fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<bool, Fault> {
        each!(self, watch => watch.pass(chunk, out))
    }

    /// Call when the bytes have ended without an error. What is left of them is put into `out`.
    ///
    /// # Errors
    /// `Cut` where the stream has no end mark, and the fault there was.
    pub fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        each!(self, watch => watch.end(out))
    }
}
