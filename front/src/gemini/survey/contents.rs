//! The conversation: contents and their parts.

use super::super::names::Names;
use super::parts::{Kind, Part, PartFound};
use super::{note, span};
use crate::json::{Array, Found, Items, Maybe, Members, Object, Quoted, Read, Skip, Text, Wrong, shortened};
use tokens::Size;
use vocab::{Caps, Span};

/// The contents, added up.
#[derive(Default)]
pub(super) struct Contents {
    pub count: usize,
    pub size: Size,
    pub needs: Caps,
    pub only: Vec<String>,
    pub seals: Vec<Span>,
    /// The model called functions earlier.
    pub called: bool,
    /// The last content is the model's own beginning.
    pub prefilled: bool,
    /// Where seals are missing since the last words of the user.
    unsealed: Vec<Span>,
    /// The content before was the model's, and had calls.
    calling: bool,
}

/// `contents`.
#[derive(Clone, Copy)]
pub(super) struct List<'de> {
    pub body: &'de str,
}

impl<'de> Read<'de> for List<'de> {
    type Out = Contents;
    const WANTED: &'static str = "an array of contents";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<Contents, Wrong> {
        let mut all = Contents::default();
        while array.next(Content { body: self.body, all: &mut all })?.is_some() {}
        all.count = array.count();
        if all.count == 0 {
            return Err(Wrong::field("expected at least one content, got an empty array"));
        }
        let unsealed = std::mem::take(&mut all.unsealed);
        all.seals.extend(unsealed);
        all.seals.sort_by_key(|span| span.start);
        Ok(all)
    }
}

struct Content<'c, 'de> {
    body: &'de str,
    all: &'c mut Contents,
}

/// Who speaks. An absent role is the user's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Speaker {
    #[default]
    User,
    Model,
}

const ROLES: [&str; 3] = ["user", "model", "function"];

pub(super) fn speaker(text: Quoted<'_>) -> Result<Speaker, Wrong> {
    match &*text.text() {
        // Some send an empty role for their own words.
        "user" | "function" | "" => Ok(Speaker::User),
        "model" => Ok(Speaker::Model),
        other => {
            let allowed = ROLES.map(|role| format!("{role:?}")).join(", ");
            Err(Wrong::field(format!("{:?} is not known; allowed: {allowed}", shortened(other))))
        }
    }
}

impl<'de> Read<'de> for Content<'_, 'de> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let Self { body, all } = self;
        let (mut role, mut parts) = (Speaker::User, None);
        while let Some(key) = object.key(&["role", "parts"])? {
            match key {
                "role" => role = object.value(Maybe(Text(speaker)))?.unwrap_or_default(),
                "parts" => parts = object.value(Maybe(Parts { body }))?,
                _ => {
                    object.value(Skip)?;
                    note(&mut all.only, format!("contents.{}", shortened(object.name())));
                }
            }
        }
        all.take(role, parts.unwrap_or_default())
    }
}

impl Contents {
    fn take(&mut self, role: Speaker, parts: Vec<PartFound>) -> Result<(), Wrong> {
        let model = role == Speaker::Model;
        // What the model says in several contents, as the chunks of a stream are kept, is still one turn.
        let mut calling = model && self.calling;
        let user_text = !model && parts.iter().any(|part| part.kind == Kind::Text);
        if user_text {
            // "Only the current turn is validated (everything after the last user text message)".
            self.unsealed.clear();
        }
        self.prefilled = model && !parts.iter().any(|part| part.kind == Kind::Call);
        for (at, part) in parts.into_iter().enumerate() {
            let here = |wrong: Wrong| wrong.in_item(at).in_key("parts");
            match part.kind {
                Kind::Call if !model => {
                    let message = "only the model calls functions; the role of this content is not \"model\"";
                    return Err(here(Wrong::field(message).in_key("functionCall")));
                }
                Kind::Result if model => {
                    let message = "the model does not answer its own calls; send the response as \"user\"";
                    return Err(here(Wrong::field(message).in_key("functionResponse")));
                }
                Kind::Call => {
                    self.called = true;
                    // Of parallel calls only the first is sealed.
                    if !calling && !part.sealed {
                        self.unsealed.extend(part.seal_place);
                    }
                    calling = true;
                }
                Kind::Text | Kind::Thought | Kind::Result | Kind::Media | Kind::Foreign => {}
            }
            self.size.add(&part.size);
            self.needs |= part.needs;
            self.seals.extend(part.foreign_seal);
            part.only.into_iter().for_each(|path| note(&mut self.only, format!("contents.parts.{path}")));
        }
        self.calling = calling;
        Ok(())
    }
}

/// `parts`.
#[derive(Clone, Copy)]
struct Parts<'de> {
    body: &'de str,
}

impl<'de> Read<'de> for Parts<'de> {
    type Out = Vec<PartFound>;
    const WANTED: &'static str = "an array of parts";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<Vec<PartFound>, Wrong> {
        let mut all = Vec::with_capacity(2);
        while let Some(part) = array.next(Part { body: self.body })? {
            all.push(part);
        }
        Ok(all)
    }
}

/// `systemInstruction`.
#[derive(Clone, Copy)]
pub(super) struct System<'de> {
    pub body: &'de str,
}

#[derive(Default)]
pub(super) struct Instructed {
    pub size: Size,
    /// There is more in it than text.
    pub media: bool,
    pub only: Vec<String>,
}

impl<'de> Read<'de> for System<'de> {
    type Out = Instructed;

    /// "systemInstruction" may be a mere text for Google's own SDKs, but never is on the wire.
    fn plain(self, found: Found<'_>) -> Result<Instructed, Wrong> {
        Err(Wrong::instead_of(found, "an object like {\"parts\": [{\"text\": …}]}"))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Instructed, Wrong> {
        let mut out = Instructed::default();
        let mut names = Names::of(&["role", "parts"]);
        while let Some(key) = names.next(&mut object)? {
            match key {
                // Whatever it says, it is the system's.
                "role" => drop(object.value(Skip)?),
                "parts" => {
                    for part in object.value(Maybe(Parts { body: self.body }))?.unwrap_or_default() {
                        out.size.add(&part.size);
                        out.media |= part.kind != Kind::Text || part.foreign_seal.is_some();
                        part.only
                            .into_iter()
                            .for_each(|path| note(&mut out.only, format!("systemInstruction.parts.{path}")));
                    }
                }
                _ => {
                    object.value(Skip)?;
                    note(&mut out.only, format!("systemInstruction.{}", shortened(object.name())));
                }
            }
        }
        Ok(out)
    }
}

/// An empty span just behind a value.
pub(super) fn behind(body: &str, value: &str) -> Span {
    let end = span(body, value).end;
    end..end
}
