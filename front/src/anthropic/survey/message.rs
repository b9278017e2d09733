//! The conversation: roles and contents.

use super::Totals;
use super::blocks::{Block, KINDS, Place};
use crate::json::{Array, Found, Items, Maybe, Members, Object, OneOf, Read, Skip, Wrong, say, shortened};
use vocab::Caps;

/// The messages, added up.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Messages {
    pub count: usize,
    /// The model called tools earlier.
    pub called: bool,
    /// The last message is the assistant's own beginning.
    pub prefilled: bool,
}

const ROLES: [&str; 3] = ["user", "assistant", "system"];

/// `messages`.
pub(super) struct Conversation<'t>(pub &'t mut Totals);

impl<'de> Read<'de> for Conversation<'_> {
    type Out = Messages;
    const WANTED: &'static str = "an array";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<Messages, Wrong> {
        let mut messages = Messages::default();
        while let Some(said) = array.next(Message { all: self.0, at: messages.count })? {
            messages.count += 1;
            messages.called |= said.calls > 0 || said.results;
            messages.prefilled = said.role == "assistant" && said.calls == 0;
            if said.calls > 1 {
                self.0.needs |= Caps::PARALLEL_TOOLS;
            }
        }
        if messages.count == 0 {
            return Err(Wrong::field("expected at least one message, got an empty array"));
        }
        Ok(messages)
    }
}

struct Message<'t> {
    all: &'t mut Totals,
    at: usize,
}

#[derive(Default)]
struct Said {
    role: &'static str,
    calls: usize,
    results: bool,
}

impl<'de> Read<'de> for Message<'_> {
    type Out = Said;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Said, Wrong> {
        let Self { all, at } = self;
        let (mut role, mut content) = (None, None);
        while let Some(key) = object.key(&["role", "content"])? {
            match key {
                "role" => role = Some(object.value(OneOf(&ROLES))?),
                "content" => content = Some(object.value(Content { all, at })?),
                _ => {
                    if object.value(Maybe(Skip))?.is_some() {
                        all.only(format!("messages[{at}].{}", shortened(object.name())));
                    }
                }
            }
        }
        let role = role.ok_or_else(|| Wrong::missing_one_of("role", &ROLES))?;
        let content = content.ok_or_else(|| Wrong::missing("content"))?;
        let allowed: &[&str] = match role {
            "user" => &["text", "image", "document", "tool_result"],
            "assistant" => &["text", "tool_use", "thinking", "redacted_thinking"],
            _ => &["text"],
        };
        for (kind, first) in KINDS.iter().zip(content.first) {
            if let Some(first) = first
                && !allowed.contains(kind)
            {
                let wrong = Wrong::field(format!("a {role} message has no blocks of type {kind:?}"));
                return Err(wrong.in_key("type").in_item(first).in_key("content"));
            }
        }
        Ok(Said { role, calls: content.calls, results: content.results })
    }
}

/// What a content has of each kind.
#[derive(Default)]
struct Has {
    /// The first block of each kind, by its place in [`KINDS`], and where it was.
    first: [Option<usize>; KINDS.len()],
    calls: usize,
    results: bool,
}

/// A string, or blocks.
struct Content<'t> {
    all: &'t mut Totals,
    at: usize,
}

impl<'de> Read<'de> for Content<'_> {
    type Out = Has;
    const WANTED: &'static str = "a string or an array of blocks";

    fn plain(self, found: Found<'_>) -> Result<Has, Wrong> {
        match found {
            Found::Text(text) => {
                say(&mut self.all.size, text);
                Ok(Has::default())
            }
            other => Err(Wrong::instead_of(other, Self::WANTED)),
        }
    }

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<Has, Wrong> {
        let Self { all, at } = self;
        let mut has = Has::default();
        loop {
            let block = array.count();
            let Some(kind) = array.next(Block { all, place: Place::Message { at, block } })? else {
                return Ok(has);
            };
            if let Some(first) = has.first.get_mut(kind) {
                first.get_or_insert(block);
            }
            match KINDS.get(kind) {
                Some(&"tool_use") => has.calls += 1,
                Some(&"tool_result") => has.results = true,
                _ => {}
            }
        }
    }
}

/// `system`: a string, or blocks of text.
pub(super) struct System<'t>(pub &'t mut Totals);

impl<'de> Read<'de> for System<'_> {
    type Out = ();
    const WANTED: &'static str = "a string or an array of text blocks";

    fn plain(self, found: Found<'_>) -> Result<(), Wrong> {
        match found {
            Found::Text(text) => {
                say(&mut self.0.size, text);
                Ok(())
            }
            other => Err(Wrong::instead_of(other, Self::WANTED)),
        }
    }

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<(), Wrong> {
        loop {
            let block = array.count();
            let Some(kind) = array.next(Block { all: self.0, place: Place::System { block } })? else {
                return Ok(());
            };
            if kind != 0 && kind < KINDS.len() {
                return Err(Wrong::field("a system prompt has only blocks of type \"text\"")
                    .in_key("type")
                    .in_item(block));
            }
        }
    }
}
