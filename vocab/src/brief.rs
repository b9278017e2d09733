//! What can be told of a request without building a tree of it.

use crate::{Canvas, Caps, Effort, Kind, Length};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use std::ops::Range;
use std::sync::Arc;
use tokens::{Family, Size};

/// What the router needs to know of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Brief {
    /// The model or policy as the client named it.
    pub model: String,
    pub needs: Caps,
    /// Input tokens, estimated for a model of no known family: see [`Self::size`] for all others.
    pub tokens_in: u32,
    /// What the input tokens of each family of models are estimated from.
    pub size: Arc<Size>,
    /// The most output tokens the client allows; None is the model's own limit.
    pub max_output: Option<u32>,
    /// Choices wanted (vectors, pictures), at least 1.
    pub n: u32,
    pub effort: Option<Effort>,
    pub stream: bool,
    /// The client asked for the usage chunk of a stream.
    pub include_usage: bool,
    /// What kind of model it is for.
    pub kind: Kind,
    /// Of pictures.
    pub canvas: Canvas,
    /// Of sound that is to be read.
    pub length: Length,
}

impl Brief {
    /// About how many input tokens a model of this family makes of it.
    pub fn likely(&self, family: Family) -> u32 {
        if *self.size == Size::default() { self.tokens_in } else { family.likely(&self.size) }
    }

    /// How many it makes of it at most, but for one request in a hundred.
    pub fn most(&self, family: Family) -> u32 {
        if *self.size == Size::default() { self.tokens_in } else { family.most(&self.size) }
    }
}

/// Byte offsets into a body.
pub type Span = Range<usize>;

/// Where the fields are that a same-dialect call may have to replace. A span is that of the value; `None` where the
/// field is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    pub model: Option<Span>,
    pub stream_options: Option<Span>,
    pub max_tokens: Option<Span>,
    pub max_completion_tokens: Option<Span>,
    /// Just after the opening brace: where a field can be put in.
    pub start: usize,
    /// Gemini only: seals on what the model thought that are not Gemini's own, and empty spans where a call of the
    /// current turn should have one and has none.
    pub seals: Vec<Span>,
}

/// A chat request in its client's own words, looked through once but not taken apart. It is valid JSON with the fields of
/// the right types and none of them twice: what weir read is what an upstream will read.
#[derive(Clone, Debug)]
pub struct RawChat {
    pub body: Bytes,
    pub spans: Spans,
    /// Some message has a null field, a name, or another thing that stricter servers refuse.
    pub untidy: bool,
    pub brief: Brief,
    /// Headers of the client's that are part of its dialect: they go along with the body to who speaks the same.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}
