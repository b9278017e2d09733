use crate::{Ear, Voice, Watch};
use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use std::fmt;
use std::sync::Arc;
use vocab::{
    Call, Caps, Card, Chat, Dialect, Door, Event, Fault, Finish, Form, Frame, Instant, Kind, Made, RawChat,
    RawTask, Task, Usage,
};

/// Where a provider is and how to be let in. Made from the configuration; lives as long as it does.
#[derive(Clone)]
pub struct Address {
    /// Without a trailing slash, e.g. `https://api.openai.com/v1`. For Workers AI up to and with the account:
    /// `https://api.cloudflare.com/client/v4/accounts/ID`.
    pub base_url: String,
    /// None where the server wants none.
    pub key: Option<String>,
    /// More headers to send with every call.
    pub headers: Vec<(String, String)>,
}

/// An address that cannot be called: what is wrong with it, in the operator's words. Never holds the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAddress(pub String);

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadAddress {}

/// What a look at a whole answer tells, without taking it apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Glance {
    pub usage: Option<Usage>,
    /// It holds text, reasoning, a refusal or a tool call.
    pub useful: bool,
    pub finish: Option<Finish>,
    /// Bytes of text in it, to estimate tokens from where `usage` is missing.
    pub text_bytes: usize,
}

/// What came of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// None where the answer can go to the client as it came.
    pub made: Option<Made>,
    /// How many vectors or pictures there are.
    pub count: usize,
    pub usage: Option<Usage>,
    /// There is nothing because of what it would be.
    pub filtered: bool,
}

/// What has to be remembered from one frame of a stream to the next. Fixed size.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Usage as far as reported: the last value of each field wins.
    pub usage: Usage,
    /// `Start` has been said.
    pub started: bool,
    /// Tool calls begun so far, by the provider's own index, in order of appearance, per choice 0 only where the
    /// dialect has no choices.
    pub calls: Vec<(u32, u32)>,
    /// Finish reasons said so far.
    pub finished: bool,
    /// Choices that have begun and not ended, a bit each, where a dialect marks the end of every choice but not of
    /// the stream.
    pub open: u64,
    /// Something useful has been said: text, a refusal or a tool call.
    pub spoke: bool,
    /// The tool call begun last has been given arguments.
    pub argued: bool,
    /// What was heard of each item so far, where an answer is made of items.
    pub(crate) items: Vec<crate::responses::Item>,
    /// What the answer rests on.
    pub(crate) cited: crate::cited::Cited,
}

/// A wire format for chat: what to say, and what was said.
pub trait Adapter: Send + Sync + fmt::Debug {
    fn dialect(&self) -> Dialect;

    /// What the wire format can say at all, whatever the model.
    fn expresses(&self) -> Caps;

    /// Makes the way in to one model. Once per configuration, so it may be slow.
    fn door(&self, at: &Address, card: Arc<Card>, model: &str) -> Result<Door, BadAddress>;

    /// A translated call. `Unfit` names the field that this provider cannot be told.
    fn encode(&self, chat: &Chat, door: &Door) -> Result<Call, Fault>;

    /// The same request in the client's own bytes, where client and provider speak one dialect and nothing but a few
    /// top-level fields differs. None where it must be translated.
    fn patch(&self, raw: &RawChat, door: &Door) -> Option<Call>;

    /// The question how many input tokens a request has, in the client's own bytes, where the provider can be asked that.
    fn count(&self, raw: &RawChat, door: &Door) -> Option<Call> {
        let _ = (raw, door);
        None
    }

    /// What was answered to it.
    fn counted(&self, body: &[u8]) -> Option<u64> {
        let _ = body;
        None
    }

    /// Whether replies to a patched call may go to the client as they are.
    fn passes(&self) -> bool;

    /// What watches a stream that passes; None where none does. `drop_usage`: the client did not ask for the usage
    /// chunk.
    fn watch(&self, drop_usage: bool) -> Option<Watch> {
        let _ = drop_usage;
        None
    }

    /// Whether a stream that gave a finish reason and then closed cleanly, without an end mark, was whole.
    fn finish_is_end(&self) -> bool {
        false
    }

    /// A whole answer with status 2xx, as events. Ends with `End`. A 200 that holds an error is that fault.
    fn decode(&self, body: &[u8], out: &mut Vec<Event>) -> Result<(), Fault>;

    /// One frame of a stream. A frame that holds an error is that fault.
    fn decode_frame(
        &self,
        reading: &mut Reading,
        frame: &Frame<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault>;

    /// What passes by in a whole answer of the client's own dialect.
    fn glance(&self, body: &Bytes) -> Result<Glance, Fault>;

    /// Whether it can be asked for this kind of work, whatever the model.
    fn takes(&self, kind: Kind) -> bool {
        kind == Kind::Chat
    }

    /// Whether a client that asks in this form speaks its dialect: its bytes are passed on, and the answer to it.
    fn speaks(&self, form: Form) -> bool {
        let _ = form;
        false
    }

    /// A task in the client's own bytes, with nothing replaced but the model's name. Only for a form that it speaks. None
    /// where it must be translated.
    fn patch_task(&self, raw: &RawTask, door: &Door) -> Option<Call> {
        let _ = (raw, door);
        None
    }

    /// How many texts it takes at once. Of more, each as many are a call of their own.
    fn texts_max(&self) -> usize {
        usize::MAX
    }

    /// A translated call. `Unfit` names the field that this provider cannot be told.
    fn encode_task(&self, task: &Task, door: &Door) -> Result<Call, Fault> {
        let _ = task;
        Err(Fault::Unfit(format!("{} is asked for chats only", door.card.provider)))
    }

    /// An answer with status 2xx. With `passing`, it is only looked at where it is as a client of that form expects it, and
    /// taken apart where not. A 200 that holds an error is that fault.
    fn read_task(&self, kind: Kind, passing: Option<Form>, body: &Bytes) -> Result<Product, Fault> {
        let _ = (kind, passing, body);
        Err(Fault::Unfit("asked for chats only".into()))
    }

    /// How it is asked to speak; None where it cannot.
    fn voice(&self) -> Option<&'static dyn Voice> {
        None
    }

    /// How it is asked what was said; None where it does not listen.
    fn ear(&self) -> Option<&'static dyn Ear> {
        None
    }

    /// The header in which it names a request: what its support asks for. None where it has none.
    fn request_id(&self) -> Option<&'static HeaderName> {
        None
    }

    /// What a status other than 2xx means. Body first, status second.
    fn fault(&self, status: u16, headers: &HeaderMap, body: &[u8], now: Instant) -> Fault;
}
