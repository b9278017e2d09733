//! A file within the body of a call, in pieces as they come.

use super::tape::Playing;
use crate::ports::{ByteStream, Upload};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream;
use providers::Coding;
use std::future::poll_fn;

/// What is sent around the file and how it is written.
enum Step {
    Before,
    File,
    After,
    Over,
}

struct Body {
    step: Step,
    before: Bytes,
    after: Bytes,
    coding: Coding,
    file: Playing,
    /// Bytes that do not make a group of three yet.
    rest: Vec<u8>,
}

/// The body of a call. `size` is that of the file, where it is known.
pub(crate) fn upload(
    before: Bytes,
    coding: Coding,
    after: Bytes,
    file: Playing,
    size: Option<u64>,
) -> Upload {
    let around = (before.len() + after.len()) as u64;
    let length = size.map(|size| coding.length(size).saturating_add(around));
    let body = Body { step: Step::Before, before, after, coding, file, rest: Vec::new() };
    let body: ByteStream = Box::pin(stream::unfold(body, |mut body| async {
        let piece = body.next().await?;
        Some((Ok(piece), body))
    }));
    Upload { length, body }
}

impl Body {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let piece = match self.step {
                Step::Before => {
                    self.step = Step::File;
                    std::mem::take(&mut self.before)
                }
                Step::File => match poll_fn(|cx| self.file.poll_next(cx)).await {
                    Some(piece) => self.coded(piece),
                    None => {
                        self.step = Step::After;
                        STANDARD.encode(std::mem::take(&mut self.rest)).into()
                    }
                },
                Step::After => {
                    self.step = Step::Over;
                    std::mem::take(&mut self.after)
                }
                Step::Over => return None,
            };
            if !piece.is_empty() {
                return Some(piece);
            }
        }
    }

    fn coded(&mut self, piece: Bytes) -> Bytes {
        if self.coding == Coding::Plain {
            return piece;
        }
        let mut out = String::with_capacity(piece.len().div_ceil(3) * 4 + 8);
        let mut piece = &piece[..];
        if !self.rest.is_empty() {
            let here = piece.len().min(3 - self.rest.len());
            self.rest.extend_from_slice(&piece[..here]);
            piece = &piece[here..];
            if self.rest.len() < 3 {
                return Bytes::new();
            }
            STANDARD.encode_string(std::mem::take(&mut self.rest), &mut out);
        }
        let (groups, rest) = piece.split_at(piece.len() - piece.len() % 3);
        STANDARD.encode_string(groups, &mut out);
        self.rest.extend_from_slice(rest);
        out.into()
    }
}
