//! A stream on its way out: pieces in, frames of the client's protocol out.

use super::body::Cut;
use super::heads;
use crate::anthropic;
use crate::gemini;
use crate::openai::{self, Chunks};
use crate::refusal::Refusal;
use crate::report;
use crate::responses;
use crate::si::{self, Frames};
use crate::voice::Deltas;
use billing::Credits;
use bytes::Bytes;
use futures::Stream;
use http::HeaderMap;
use http_body::Frame;
use relay::{Bill, Piece, Served, Trouble};
use std::pin::Pin;
use std::task::{Context, Poll};
use vocab::{Pico, Sound};

/// What is ready is joined into one write up to this size.
const JOINED_MAX: usize = 32 << 10;

/// The client's protocol.
pub enum Tongue {
    Openai {
        chunks: Box<Chunks>,
        trailer: bool,
    },
    Si(Frames),
    Anthropic {
        frames: Box<anthropic::Frames>,
        trailer: bool,
    },
    Gemini {
        frames: Box<gemini::Frames>,
        trailer: bool,
    },
    Responses {
        frames: Box<responses::Frames>,
        trailer: bool,
    },
    /// Nothing but bytes.
    Sound(Sound),
    SoundEvents {
        deltas: Deltas,
        trailer: bool,
    },
}

impl Tongue {
    pub const fn kind(&self) -> heads::Kind {
        match self {
            Self::Gemini { frames, .. } if matches!(frames.form(), gemini::Form::Array) => heads::Kind::Array,
            Self::Sound(sound) => heads::Kind::Sound(*sound),
            _ => heads::Kind::Events,
        }
    }

    /// Whether the last event of a stream says what it came to.
    const fn tells_costs(&self) -> bool {
        match self {
            Self::Si(_) => true,
            Self::Sound(_) => false,
            Self::Openai { trailer, .. }
            | Self::Anthropic { trailer, .. }
            | Self::Gemini { trailer, .. }
            | Self::Responses { trailer, .. }
            | Self::SoundEvents { trailer, .. } => *trailer,
        }
    }

    /// What keeps a stream alive that has nothing to say yet. Comments are part of server-sent events, and `ping` is part of
    /// Anthropic's; Google's SDKs take nothing but data and empty lines.
    pub(super) const fn still_coming(&self) -> Bytes {
        Bytes::from_static(match self {
            Self::Openai { .. } | Self::Si(_) | Self::Responses { .. } | Self::SoundEvents { .. } => {
                b": still coming\n\n"
            }
            // It can say nothing but sound.
            Self::Sound(_) => b"",

            Self::Anthropic { .. } => b"event: ping\ndata: {\"type\":\"ping\"}\n\n",
            Self::Gemini { .. } => b"\r\n",
        })
    }

    /// The last bytes of a stream that is not whole. `weir` holds the fields of the bill, where they are to be told.
    pub(super) fn broken(
        &mut self,
        trouble: &Trouble,
        refusal: &Refusal,
        id: &str,
        weir: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) {
        match self {
            Self::Gemini { frames, .. } => frames.broken(&gemini::told(refusal, id), weir, out),
            Self::Openai { .. } | Self::SoundEvents { .. } => {
                openai::broken(out, &refusal.openai(id), weir);
            }
            // The end of its connection says it.
            Self::Sound(_) => {}
            Self::Responses { frames, .. } => responses::broken(out, frames.sequence(), refusal, id, weir),
            Self::Anthropic { .. } => {
                let kind = anthropic::kind_within(trouble, refusal.status);
                anthropic::broken(out, &anthropic::told(refusal, kind, id), weir);
            }
            Self::Si(_) => si::broken(out, &refusal.si(id), weir),
        }
    }

    /// Whether the bytes of the client's own dialect go on as they are.
    const fn passes(&self) -> bool {
        match self {
            Self::Gemini { frames, .. } => frames.passes(),
            Self::SoundEvents { .. } => false,
            _ => true,
        }
    }

    /// Such bytes go by.
    fn passed(&mut self, bytes: &[u8]) {
        if let Self::Responses { frames, .. } = self {
            frames.passed(bytes);
        }
    }
}

/// The pieces of an answer.
pub type Speech = Box<dyn Stream<Item = Piece> + Send + Unpin>;

/// The body of a stream. Dropping it is the client leaving: the relay settles by itself.
pub struct Speaking {
    /// None once it is over.
    speech: Option<Speech>,
    tongue: Tongue,
    request_id: String,
    served: Served,
    credits: Credits,
    trailers: Trailers,
    /// What it came to, where it ended whole.
    charged: Option<Pico>,
    /// It broke off, and the end of its connection has to say so.
    cut: bool,
}

/// What comes after the last byte.
enum Trailers {
    Unwanted,
    Wanted,
    Ready(Box<HeaderMap>),
}

impl Speaking {
    pub fn new(
        speech: Speech,
        tongue: Tongue,
        request_id: String,
        served: Served,
        credits: Credits,
        trailers: bool,
    ) -> Self {
        let trailers = if trailers { Trailers::Wanted } else { Trailers::Unwanted };
        Self {
            speech: Some(speech),
            tongue,
            request_id,
            served,
            credits,
            trailers,
            charged: None,
            cut: false,
        }
    }

    pub const fn is_over(&self) -> bool {
        self.speech.is_none() && !self.cut && !matches!(self.trailers, Trailers::Ready(_))
    }

    /// What it came to, once it has ended whole.
    pub const fn charged(&self) -> Option<Pico> {
        self.charged
    }

    /// Bytes, and at the end trailers, where the client wanted them.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.poll_bytes(cx) {
            Poll::Ready(None) if std::mem::take(&mut self.cut) => {
                self.trailers = Trailers::Unwanted;
                Poll::Ready(Some(Err(Cut)))
            }
            Poll::Ready(None) => {
                Poll::Ready(match std::mem::replace(&mut self.trailers, Trailers::Unwanted) {
                    Trailers::Ready(trailers) => Some(Ok(Frame::trailers(*trailers))),
                    Trailers::Wanted | Trailers::Unwanted => None,
                })
            }
            other => other.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    /// Everything that is ready. Bytes that are alone pass uncopied.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut alone: Option<Bytes> = None;
        let mut joined: Vec<u8> = Vec::new();
        while let Some(speech) = &mut self.speech {
            let piece = match Pin::new(speech).poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(piece) => piece,
            };
            match piece {
                Some(Piece::Bytes(bytes)) if alone.is_none() && joined.is_empty() && self.tongue.passes() => {
                    self.tongue.passed(&bytes);
                    alone = Some(bytes);
                }
                piece => {
                    if let Some(first) = alone.take() {
                        joined.extend_from_slice(&first);
                    }
                    self.say(piece, &mut joined);
                }
            }
            if joined.len() + alone.as_ref().map_or(0, Bytes::len) >= JOINED_MAX {
                break;
            }
        }
        match alone {
            Some(bytes) if !bytes.is_empty() => Poll::Ready(Some(bytes)),
            _ if !joined.is_empty() => Poll::Ready(Some(joined.into())),
            _ if self.speech.is_none() => Poll::Ready(None),
            _ => Poll::Pending,
        }
    }

    fn say(&mut self, piece: Option<Piece>, out: &mut Vec<u8>) {
        match piece {
            Some(Piece::Bytes(bytes)) => match &mut self.tongue {
                Tongue::Gemini { frames, .. } => frames.bytes(&bytes, out),
                Tongue::SoundEvents { deltas, .. } => deltas.delta(&bytes, out),
                tongue => {
                    tongue.passed(&bytes);
                    out.extend_from_slice(&bytes);
                }
            },
            Some(Piece::Event(event)) => match &mut self.tongue {
                Tongue::Openai { chunks, .. } => chunks.event(&event, out),
                Tongue::Si(frames) => frames.event(&event, out),
                Tongue::Anthropic { frames, .. } => frames.event(&event, out),
                Tongue::Gemini { frames, .. } => frames.event(&event, out),
                Tongue::Responses { frames, .. } => frames.event(&event, out),
                // What is heard has none.
                Tongue::Sound(_) | Tongue::SoundEvents { .. } => {}
            },
            Some(Piece::End(bill)) => {
                self.speech = None;
                match &mut self.tongue {
                    Tongue::Openai { trailer: false, .. }
                    | Tongue::Anthropic { trailer: false, .. }
                    | Tongue::Responses { trailer: false, .. }
                    | Tongue::Sound(_) => {}
                    Tongue::SoundEvents { trailer, .. } => {
                        Deltas::done(&bill.usage, out);
                        if *trailer {
                            si::weir(out, &self.request_id, &self.served, &bill, &self.credits);
                        }
                    }
                    Tongue::Responses { frames, .. } => {
                        let weir = fields(&self.served, &bill, &self.credits);
                        responses::trailer(out, frames.sequence(), &self.request_id, &weir);
                    }
                    Tongue::Anthropic { .. } => {
                        let weir = fields(&self.served, &bill, &self.credits);
                        anthropic::trailer(out, &self.request_id, &weir);
                    }
                    Tongue::Openai { .. } | Tongue::Si(_) => {
                        si::weir(out, &self.request_id, &self.served, &bill, &self.credits);
                    }
                    Tongue::Gemini { frames, trailer } => {
                        let weir = trailer.then(|| fields(&self.served, &bill, &self.credits));
                        frames.end(weir.as_deref(), out);
                    }
                }
                self.charged = Some(bill.cost);
                self.close(&bill, None);
                self.log("ok", &bill);
            }
            Some(Piece::Broken(trouble, bill)) => {
                self.speech = None;
                self.cut(&trouble, &bill, out);
                self.log(trouble.code(), &bill);
            }
            None => {
                self.speech = None;
                let trouble = Trouble::Broken {
                    fault: "lost".into(),
                    message: "the answer ended without its bill".into(),
                };
                tracing::warn!(request = %self.request_id, "a stream ended without a bill");
                let bill = Bill {
                    usage: vocab::Usage { partial: true, ..vocab::Usage::default() },
                    cost: Pico::ZERO,
                    balance: self.served.balance,
                    attempts: vec![],
                    advice: None,
                    upstream: self.served.upstream,
                };
                self.cut(&trouble, &bill, out);
            }
        }
    }

    fn close(&mut self, bill: &Bill, error: Option<&str>) {
        if matches!(self.trailers, Trailers::Wanted) {
            let trailers = heads::trailers(&self.served, bill, &self.credits, error);
            self.trailers = Trailers::Ready(Box::new(trailers));
        }
    }

    fn cut(&mut self, trouble: &Trouble, bill: &Bill, out: &mut Vec<u8>) {
        let refusal = Refusal::from(trouble);
        self.close(bill, Some(&refusal.code));
        let weir = self.tongue.tells_costs().then(|| fields(&self.served, bill, &self.credits));
        self.tongue.broken(trouble, &refusal, &self.request_id, weir.as_deref(), out);
        self.cut = matches!(self.tongue, Tongue::Sound(_));
    }

    fn log(&self, outcome: &str, bill: &Bill) {
        tracing::debug!(
            request = %self.request_id,
            outcome,
            provider = %self.served.provider,
            model = %self.served.model,
            provider_request_id = self.served.provider_request_id.as_deref(),
            tokens_in = bill.usage.tokens_in(),
            tokens_out = bill.usage.tokens_out(),
            cost_usd = %bill.cost,
            "stream ended"
        );
    }
}

/// The bill as fields of an object.
fn fields(served: &Served, bill: &Bill, credits: &Credits) -> Vec<u8> {
    let mut fields = Vec::with_capacity(512);
    report::fields(&mut fields, served, bill, credits);
    fields
}
