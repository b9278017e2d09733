//! The shared nouns of weir. This crate imports nothing of ours and does nothing: it names things.
//!
//! Everything here is a plain value. Time and chance are values too ([`Instant`], [`Dice`]), because the
//! crates built on these nouns read no clock and draw no dice of their own.

mod brief;
mod call;
mod cap;
mod chat;
mod citation;
mod dice;
mod event;
mod fault;
mod model;
mod money;
mod price;
mod speech;
mod task;
mod time;
mod transcript;
mod usage;

pub use brief::{Brief, RawChat, Span, Spans};
pub use call::{Call, Door, Frame, Segments};
pub use cap::Cap;
pub use chat::{Chat, Effort, Format, Media, Message, Part, Role, Tool, ToolCall, ToolChoice};
pub use citation::{Citation, Ruler};
pub use dice::Dice;
pub use event::{Event, Finish};
pub use fault::Fault;
pub use model::{Caps, Card, Dialect, Kind, Quality, Status};
/// A name that many values share: of a provider, a model, a version.
pub type Name = std::sync::Arc<str>;

pub use money::{BadAmount, Decimal, Pico, Rate, Ratio};
pub use price::{Change, Price, Rates, Tier};
pub use speech::{Codec, Sound, Speak, Utterance};
pub use task::{Canvas, Draw, Embed, Form, Grade, Made, Picture, RawTask, Task};
pub use time::{Duration, Instant};
pub use transcript::{Length, Listen, Said, Script, Transcript};
pub use usage::{Bucket, Modifiers, Usage};
