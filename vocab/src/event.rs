//! What a model says, in no provider's words.

use crate::{Citation, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Why a choice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    Stop,
    Length,
    ToolCalls,
    ContentFilter,
}

impl Finish {
    /// OpenAI's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }
}

/// One step of an answer. A whole answer is a short stream: the same events, each at its full length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// First of all, where the provider names itself: its id for the answer and the model that made it.
    Start {
        id: String,
        model: String,
    },
    Text {
        choice: u32,
        text: String,
        /// OpenAI's logprobs object for this piece, as it came.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        logprobs: Option<Value>,
    },
    Reasoning {
        choice: u32,
        text: String,
    },
    /// The provider's seal on the reasoning so far.
    Signature {
        choice: u32,
        signature: String,
    },
    Refusal {
        choice: u32,
        text: String,
    },
    /// A tool call begins. `index` counts the calls of this choice from 0.
    ToolStart {
        choice: u32,
        index: u32,
        id: String,
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// More of its arguments, as text.
    ToolArgs {
        choice: u32,
        index: u32,
        fragment: String,
    },
    /// What something that was said rests on. After the text that it is about, unless nobody says which that is. Boxed, as
    /// it is rare and events are many.
    Citation(Box<Citation>),
    Finish {
        choice: u32,
        reason: Finish,
    },
    /// What was used so far, all of it: a later one replaces an earlier one.
    Usage(Usage),
    /// The protocol's own end mark. A stream without it was cut.
    End,
}

impl Event {
    /// Whether a client would notice: the first such event commits a stream to its upstream.
    pub fn is_content(&self) -> bool {
        match self {
            Self::Text { text, .. } | Self::Reasoning { text, .. } | Self::Refusal { text, .. } => {
                !text.is_empty()
            }
            Self::ToolStart { .. } => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events pass through queues by the million.
    #[test]
    fn an_event_is_small() {
        assert!(size_of::<Event>() <= 152, "{} bytes", size_of::<Event>());
    }
}
