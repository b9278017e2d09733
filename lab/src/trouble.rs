//! Everything that can go wrong with a provider, and some things that only look like it.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// One kind of misbehaviour. Names as scenario files and markers write them are in snake case.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind { $($(#[$doc])* $name,)+ }

        impl Kind {
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

kinds! {
    /// The connection is refused.
    Refuse = "refuse",
    /// The connection is never made; a client waits for its connect timeout.
    NoConnect = "no_connect",
    /// The head comes `ms` later (default 10 s).
    SlowHead = "slow_head",
    /// No head ever comes.
    NoHead = "no_head",
    /// After `after` tokens there is a pause of `ms`; without `ms`, for ever. Sound with `after` 0 begins so much later.
    Stall = "stall",
    /// Every token takes `ms` (default 1 s); of sound every tenth of a second does.
    SlowTokens = "slow_tokens",
    /// After `after` tokens the body ends, properly as HTTP goes, without finish reason or end mark.
    Cut = "cut",
    /// Everything is there except the dialect's end mark. A right client reports it as cut.
    NoEndMark = "no_end_mark",
    /// After `after` tokens the connection is closed without HTTP's own end of the body.
    Drop = "drop",
    /// After `after` tokens half a frame comes and the connection is reset.
    Reset = "reset",
    /// After `after` tokens a frame is not JSON; a whole answer loses its second half.
    BrokenJson = "broken_json",
    /// A character of several bytes is split over two writes. Harmless.
    SplitUtf8 = "split_utf8",
    /// Frames are split at odd places, `size` bytes a write (default 7). Harmless.
    OddSplits = "odd_splits",
    /// Many frames come in one write, `size` frames each (default 8). Harmless.
    Merged = "merged",
    /// 429 with `retry_after` seconds where given and where the dialect has a way to say so.
    RateLimit = "rate_limit",
    /// The quota or the credit of the key is used up, in the dialect's own way (429, 402, 400, …).
    Quota = "quota",
    /// 401: the key is not accepted.
    Unauthorized = "unauthorized",
    /// 403: the key may not do this.
    Forbidden = "forbidden",
    /// 402: no credit.
    Payment = "payment",
    /// 404: the model is gone.
    ModelGone = "model_gone",
    /// `status` (default 500) with the dialect's error body; 502 and 504 come as HTML, as from a load balancer.
    ServerError = "server_error",
    /// The prompt is said to be too long, whatever its length.
    ContextOverflow = "context_overflow",
    /// The prompt is refused for what it says, before anything is made; with `after`, the answer is stopped there.
    /// Gemini and Anthropic refuse with status 200.
    ContentFilter = "content_filter",
    /// 200 with nothing in it: no text, no reasoning, no call, no sound.
    ZeroTokens = "zero_tokens",
    /// After `after` tokens of a stream an error frame comes and then the end; whole: 200 with an error in it.
    ErrorFrame = "error_frame",
    /// No usage anywhere.
    UsageMissing = "usage_missing",
    /// Usage is there and every figure in it is zero.
    UsageZero = "usage_zero",
    /// Usage in the other place where this dialect's servers have been seen to put it.
    UsageOdd = "usage_odd",
    /// Usage comes twice with the same figures: a right client counts it once.
    UsageTwice = "usage_twice",
    /// Figures that cannot be: more tokens cached than read; at Anthropic more thinking than output.
    UsageImpossible = "usage_impossible",
    /// Unknown fields in unknown places. Harmless.
    ExtraFields = "extra_fields",
    /// Comments and pings between the frames. Harmless.
    Pings = "pings",
    /// Lines end with CRLF. Harmless.
    Crlf = "crlf",
    /// One frame carries `size` bytes (default 1 MiB) of padding in an unknown field. Harmless.
    HugeFrame = "huge_frame",
    /// A stream was asked and one JSON document comes, labelled as JSON.
    PlainJson = "plain_json",
    /// The content type is `text/html`, the body is right.
    WrongContentType = "wrong_content_type",
    /// `content-length` says more bytes than come.
    LengthLie = "length_lie",
    /// The reply says that it was served at another tier than asked: the price is another one.
    OtherTier = "other_tier",
    /// After `after` tokens half a frame comes, and the body ends properly as HTTP goes. Of sound: half a sample, frame or page.
    HalfFrame = "half_frame",
    /// Sound: there is as much of it as there would be, and all of it is silence.
    Silence = "silence",
    /// Sound: it is made at `size` samples a second (default 16,000; 8,000 where that was asked for), whatever was asked for.
    /// Where its head tells a rate, it tells that one. Codecs of one rate stay what they are.
    WrongRate = "wrong_rate",
    /// The arguments of tool calls are not valid JSON; where the dialect cannot say so, the call is malformed.
    BadArguments = "bad_arguments",
}

impl Kind {
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.name() == name)
    }

    /// A right client gets the same answer and the same bill as without it.
    pub const fn harmless(self) -> bool {
        matches!(
            self,
            Self::SplitUtf8
                | Self::OddSplits
                | Self::Merged
                | Self::ExtraFields
                | Self::Pings
                | Self::Crlf
                | Self::HugeFrame
                | Self::UsageTwice
        )
    }

    /// Replaces the answer: no model is asked, nothing is used.
    pub const fn refuses(self) -> bool {
        matches!(
            self,
            Self::Refuse
                | Self::NoConnect
                | Self::NoHead
                | Self::RateLimit
                | Self::Quota
                | Self::Unauthorized
                | Self::Forbidden
                | Self::Payment
                | Self::ModelGone
                | Self::ServerError
                | Self::ContextOverflow
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A kind with its figures. What each figure means stands at the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub kind: Kind,
    /// Tokens of the answer (reasoning and tool arguments included) that come before it; of sound, milliseconds. Rounded to
    /// whole frames.
    pub after: Option<u32>,
    pub ms: Option<u64>,
    pub status: Option<u16>,
    /// Seconds.
    pub retry_after: Option<u32>,
    pub size: Option<u32>,
}

impl Trouble {
    pub const fn of(kind: Kind) -> Self {
        Self { kind, after: None, ms: None, status: None, retry_after: None, size: None }
    }

    #[must_use]
    pub const fn after(mut self, tokens: u32) -> Self {
        self.after = Some(tokens);
        self
    }
}

/// The troubles of one request. Of the kinds that exclude one another, the first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Troubles(pub Vec<Trouble>);

impl Troubles {
    pub fn get(&self, kind: Kind) -> Option<Trouble> {
        self.0.iter().copied().find(|t| t.kind == kind)
    }

    pub fn has(&self, kind: Kind) -> bool {
        self.get(kind).is_some()
    }

    /// The one that replaces the answer, if any.
    pub fn refusal(&self) -> Option<Trouble> {
        self.0
            .iter()
            .copied()
            .find(|t| t.kind.refuses() || (t.kind == Kind::ContentFilter && t.after.is_none()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_name_for_files_and_markers() {
        for kind in Kind::ALL {
            assert_eq!(Kind::named(kind.name()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
