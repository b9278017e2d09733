//! An answer is taken down as it leaves.

use super::kept::Kept;
use crate::http::{Body, Cut, Fields};
use bytes::Bytes;
use http_body::{Body as _, Frame};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What is done with an answer that left whole. Dropped where none does.
pub type Then = Box<dyn FnOnce(Kept) + Send>;

/// A body that is taken down, within bounds, and handed on when its last byte is out and it was whole. One that is cut, that is
/// too large or whose client leaves is forgotten.
pub struct Taping {
    body: Body,
    /// The answer's head, until there is a body to it.
    kept: Option<Kept>,
    taken: Vec<u8>,
    pieces: Vec<u32>,
    /// In bytes; beyond that nothing is taken down any more.
    most: usize,
    then: Option<Then>,
}

impl Taping {
    /// `kept` has the answer's head, and neither body nor cost.
    pub fn new(body: Body, kept: Kept, most: usize, then: Then) -> Self {
        Self { body, kept: Some(kept), taken: Vec::new(), pieces: Vec::new(), most, then: Some(then) }
    }

    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            self.take(frame);
        }
        if frame.is_none() || self.body.is_end_stream() {
            self.ends();
        }
        Poll::Ready(frame)
    }

    pub fn is_over(&self) -> bool {
        self.body.is_end_stream()
    }

    fn take(&mut self, frame: &Frame<Bytes>) {
        let Some(kept) = &mut self.kept else { return };
        match (frame.data_ref(), frame.trailers_ref()) {
            (Some(piece), _) => {
                let length = u32::try_from(piece.len()).ok();
                let length =
                    length.filter(|_| self.taken.len() + piece.len() + 4 * self.pieces.len() <= self.most);
                match length {
                    Some(length) => {
                        self.taken.extend_from_slice(piece);
                        self.pieces.push(length);
                    }
                    None => {
                        self.kept = None;
                        self.taken = Vec::new();
                        self.pieces = Vec::new();
                    }
                }
            }
            (None, Some(trailers)) => kept.trailers = Fields::from(trailers).lines().to_owned(),
            (None, None) => {}
        }
    }

    fn ends(&mut self) {
        let then = self.then.take();
        let (Some(then), Some(kept), Some(cost)) = (then, self.kept.take(), self.body.charged()) else {
            return;
        };
        let (mut body, pieces) = (std::mem::take(&mut self.taken), std::mem::take(&mut self.pieces));
        body.shrink_to_fit();
        then(Kept { cost, body: body.into(), pieces: Some(pieces), ..kept });
    }
}
