//! The conversation: roles and contents.

use super::calls::Call;
use super::parts::{PARTS, Part};
use crate::json::{
    AnyObject, Array, Found, Items, Maybe, Members, Object, OneOf, Read, Skip, Spoken, Text, Wrong, filled,
    length, say,
};
use tokens::Size;
use vocab::Caps;

/// The messages, added up.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Messages {
    pub count: usize,
    pub size: Size,
    pub needs: Caps,
    pub untidy: bool,
    /// The model called tools earlier.
    pub called: bool,
    /// The last message is the assistant's own beginning.
    pub prefilled: bool,
}

const ROLES: [&str; 5] = ["developer", "system", "user", "assistant", "tool"];

/// `messages`.
pub(super) struct Conversation;

impl<'de> Read<'de> for Conversation {
    type Out = Messages;
    const WANTED: &'static str = "an array";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<Messages, Wrong> {
        let mut all = Messages::default();
        while array.next(Message { all: &mut all, own: Own::default() })?.is_some() {}
        all.count = array.count();
        if all.count == 0 {
            return Err(Wrong::field("expected at least one message, got an empty array"));
        }
        Ok(all)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Said {
    #[default]
    Absent,
    Null,
    Text,
    Parts,
}

struct Message<'m> {
    all: &'m mut Messages,
    own: Own,
}

/// What one message has, until its role is known: fields come in any order.
#[derive(Default)]
struct Own {
    role: &'static str,
    content: Said,
    /// The first part of each kind, by its place in [`PARTS`], and where it was.
    parts: [Option<usize>; PARTS.len()],
    calls: usize,
    has_calls: bool,
    call_id: bool,
    refusal: bool,
    audio: bool,
}

const FIELDS: [&str; 8] =
    ["role", "content", "tool_calls", "tool_call_id", "name", "refusal", "audio", "function_call"];

impl<'de> Read<'de> for Message<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let Self { all, mut own } = self;
        while let Some(key) = object.key(&FIELDS)? {
            // What stricter servers refuse: names, nulls, and what they do not know.
            all.untidy |= !matches!(key, "role" | "content" | "tool_calls" | "tool_call_id");
            match key {
                "role" => own.role = object.value(OneOf(&ROLES))?,
                "content" => own.content = object.value(Content { all, parts: &mut own.parts })?,
                "tool_calls" => {
                    let calls = object.value(Maybe(Calls(all)))?;
                    own.has_calls = calls.is_some();
                    own.calls = calls.unwrap_or(0);
                    all.untidy |= own.calls == 0;
                }
                "tool_call_id" => {
                    own.call_id = object.value(Maybe(Text(filled)))?.is_some();
                    all.untidy |= !own.call_id;
                }
                "name" => drop(object.value(Maybe(Text(length)))?),
                "refusal" => {
                    own.refusal = object.value(Maybe(Spoken(&mut all.size)))?.is_some();
                }
                "audio" => {
                    own.audio = object.value(Maybe(AnyObject))?.is_some();
                    all.needs.set(Caps::OPENAI_ONLY, own.audio || all.needs.contains(Caps::OPENAI_ONLY));
                }
                "function_call" => drop(object.value(Maybe(super::settings::Old("tool_calls")))?),
                _ => drop(object.value(Skip)?),
            }
        }
        all.whole(&own)
    }
}

impl Messages {
    /// Holds a message's fields against its role.
    fn whole(&mut self, own: &Own) -> Result<(), Wrong> {
        let role = own.role;
        if role.is_empty() {
            return Err(Wrong::missing_one_of("role", &ROLES));
        }
        self.prefilled = role == "assistant" && own.calls == 0;
        if own.has_calls && role != "assistant" {
            let message = format!("only an assistant message has tool calls, this one's role is {role:?}");
            return Err(Wrong::field(message).in_key("tool_calls"));
        }
        if role == "tool" && !own.call_id {
            let message = "the field is missing; a tool message says which call it is the result of";
            return Err(Wrong::field(message).in_key("tool_call_id"));
        }
        let allowed: &[&str] = match role {
            "user" => &["text", "image_url", "input_audio", "file"],
            "assistant" => &["text", "refusal"],
            _ => &["text"],
        };
        for (kind, at) in PARTS.iter().zip(own.parts) {
            if let Some(at) = at
                && !allowed.contains(kind)
            {
                let wrong = Wrong::field(format!("a {role} message has no parts of type {kind:?}"));
                return Err(wrong.in_key("type").in_item(at).in_key("content"));
            }
        }
        let speechless = matches!(own.content, Said::Absent | Said::Null);
        let said = own.calls > 0 || own.refusal || own.audio;
        if speechless && !(role == "assistant" && said) {
            let what = if own.content == Said::Null { "is null" } else { "is missing" };
            return Err(Wrong::field(format!("the field {what}; expected a string or an array of parts"))
                .in_key("content"));
        }
        self.called |= own.calls > 0 || role == "tool";
        if own.calls > 1 {
            self.needs |= Caps::PARALLEL_TOOLS;
        }
        Ok(())
    }
}

/// A string, parts, or null.
struct Content<'m> {
    all: &'m mut Messages,
    parts: &'m mut [Option<usize>; PARTS.len()],
}

impl<'de> Read<'de> for Content<'_> {
    type Out = Said;
    const WANTED: &'static str = "a string or an array of parts";

    fn plain(self, found: Found<'_>) -> Result<Said, Wrong> {
        match found {
            Found::Text(text) => {
                say(&mut self.all.size, text);
                Ok(Said::Text)
            }
            Found::Null => {
                self.all.untidy = true;
                Ok(Said::Null)
            }
            other => Err(Wrong::instead_of(other, Self::WANTED)),
        }
    }

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<Said, Wrong> {
        while let Some(kind) = array.next(Part(self.all))? {
            if let Some(first) = self.parts.get_mut(kind) {
                first.get_or_insert(array.count() - 1);
            }
        }
        if array.count() == 0 {
            return Err(Wrong::field("expected at least one part, got an empty array"));
        }
        Ok(Said::Parts)
    }
}

/// How many there are.
struct Calls<'m>(&'m mut Messages);

impl<'de> Read<'de> for Calls<'_> {
    type Out = usize;
    const WANTED: &'static str = "an array";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<usize, Wrong> {
        while array.next(Call(self.0))?.is_some() {}
        Ok(array.count())
    }
}
