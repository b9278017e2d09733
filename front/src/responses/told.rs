//! What has been said so far. The protocol says everything again where it ends, so it has to be kept.

use serde_json::Value;
use std::ops::Range;

/// An item of the output, as it grows.
#[derive(Debug)]
pub(super) struct Item {
    pub id: String,
    pub said: Said,
    /// Nothing is added to it any more.
    pub done: bool,
}

#[derive(Debug)]
pub(super) enum Said {
    /// A message.
    Words(Vec<Segment>),
    Thought {
        summary: String,
        sealed: Option<String>,
    },
    /// `index` is the provider's number of it.
    Call {
        index: u32,
        call_id: String,
        name: String,
        arguments: String,
    },
}

impl Said {
    /// What ids of such items begin with. Servers that are shown one look at it.
    pub const fn prefix(&self) -> &'static str {
        match self {
            Self::Words(_) => "msg",
            Self::Thought { .. } => "rs",
            Self::Call { .. } => "fc",
        }
    }
}

/// A part of a message: text, or a refusal.
#[derive(Debug, Default)]
pub(super) struct Segment {
    pub refusal: bool,
    pub text: String,
    pub logprobs: Vec<Value>,
    /// Where it begins, in characters of all the text.
    pub at: u32,
    pub cited: Vec<Page>,
}

/// A page that a passage of a part rests on.
#[derive(Debug)]
pub(super) struct Page {
    pub url: String,
    pub title: String,
    /// In characters of the part; empty where it is not said which passage that is.
    pub passage: Range<u32>,
}
