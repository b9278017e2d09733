//! The body of an answer.

use super::speak::Speaking;
use super::waiting::{Next, Waiting};
use crate::repeat::kept::Told;
use crate::repeat::taping::Taping;
use crate::session::Session;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use vocab::Pico;

/// Why a body ends before its end: sound has no words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for Cut {}

/// Whole, or as it comes. A stream of events that was cut says so in its own protocol; sound that was cut fails, so that its
/// connection ends without the end of the body.
pub enum Body {
    Whole(Option<Bytes>),
    Stream(Box<Speaking>),
    /// A stream that has not begun.
    Waiting(Box<Waiting>),
    /// One that is taken down as it leaves.
    Taped(Box<Taping>),
    /// A stream that was told before.
    Told(Box<Told>),
    /// None: the connection becomes a socket. Whoever has the connection takes the conversation out.
    Session(Box<Session>),
}

impl Body {
    pub const fn empty() -> Self {
        Self::Whole(None)
    }

    /// The conversation that the connection is to become, where it is to become one.
    pub fn take_session(&mut self) -> Option<Box<Session>> {
        match std::mem::replace(self, Self::empty()) {
            Self::Session(session) => Some(session),
            other => {
                *self = other;
                None
            }
        }
    }

    /// What a stream that ended whole was charged.
    pub(crate) fn charged(&self) -> Option<Pico> {
        match self {
            Self::Stream(speaking) => speaking.charged(),
            Self::Told(told) if told.is_over() => Some(Pico::ZERO),
            _ => None,
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Stream(speaking) => speaking.poll_frame(cx),
            Self::Taped(taping) => taping.poll_frame(cx),
            Self::Told(told) => Poll::Ready(told.next().map(Ok)),
            Self::Session(_) => Poll::Ready(None),
            Self::Waiting(waiting) => {
                let bytes = match ready!(waiting.poll(cx)) {
                    Next::StillComing(bytes) => bytes,
                    Next::Refused(bytes) => {
                        *self = Self::empty();
                        bytes
                    }
                    Next::Speaks(speaking) => {
                        *self = Self::Stream(speaking);
                        return self.poll_frame(cx);
                    }
                };
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Stream(speaking) => speaking.is_over(),
            Self::Waiting(_) => false,
            Self::Taped(taping) => taping.is_over(),
            Self::Told(told) => told.is_over(),
            Self::Session(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            _ => SizeHint::default(),
        }
    }
}
