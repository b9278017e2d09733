//! Tools and the choice among them.

use super::format::Schema;
use crate::json::{
    AnyObject, Array, Bool, Each, Found, Items, Maybe, Members, Object, OneOf, Read, Skip, Text, Wrong,
    filled, length,
};
use vocab::Caps;

/// The tools, added up.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Tools {
    pub count: usize,
    /// There is an array with nothing in it, which some servers refuse.
    pub empty: bool,
    pub custom: bool,
    /// Length of their JSON, roughly.
    pub bytes: usize,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Choice {
    /// The model must call.
    pub forced: bool,
    pub needs: Caps,
}

/// `tools`.
pub(super) struct List;

impl<'de> Read<'de> for List {
    type Out = Tools;
    const WANTED: &'static str = "an array";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<Tools, Wrong> {
        let mut tools = Tools::default();
        while array.next(Tool(&mut tools))?.is_some() {}
        tools.count = array.count();
        tools.empty = tools.count == 0;
        Ok(tools)
    }
}

const KINDS: [&str; 2] = ["function", "custom"];
/// A key of a few letters and what is around it and its value.
const FRAME: usize = 16;

struct Tool<'t>(&'t mut Tools);

impl<'de> Read<'de> for Tool<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let (mut kind, mut function, mut custom) = (None, false, false);
        while let Some(key) = object.key(&["type", "function", "custom"])? {
            self.0.bytes += FRAME;
            self.0.bytes += match key {
                "type" => kind.insert(object.value(OneOf(&KINDS))?).len(),
                "function" => {
                    function = true;
                    object.value(Definition)?
                }
                "custom" => {
                    custom = true;
                    object.value(Named)?
                }
                _ => object.value(Skip)?,
            };
        }
        match (kind, function, custom) {
            (None, ..) => Err(Wrong::missing_one_of("type", &KINDS)),
            (Some("function"), true, false) => Ok(()),
            (Some("custom"), false, true) => {
                self.0.custom = true;
                Ok(())
            }
            (Some(kind), ..) => {
                Err(Wrong::field(format!("a tool of type {kind:?} has a field {kind:?} and no other")))
            }
        }
    }
}

/// A function's definition: its length.
struct Definition;

impl<'de> Read<'de> for Definition {
    type Out = usize;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<usize, Wrong> {
        let mut name = false;
        let mut bytes = 0;
        while let Some(key) = object.key(&["name", "description", "parameters", "strict"])? {
            bytes += FRAME;
            bytes += match key {
                "name" => {
                    name = true;
                    object.value(Text(filled))?
                }
                "description" => object.value(Maybe(Text(length)))?.unwrap_or(0),
                "parameters" => object.value(Maybe(Schema))?.unwrap_or(0),
                "strict" => object.value(Maybe(Bool))?.map_or(0, |_| 4),
                _ => object.value(Skip)?,
            };
        }
        if name { Ok(bytes) } else { Err(Wrong::missing("name")) }
    }
}

/// An object with a name, whatever else: its length.
struct Named;

impl<'de> Read<'de> for Named {
    type Out = usize;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<usize, Wrong> {
        let mut name = false;
        let mut bytes = 0;
        while let Some(key) = object.key(&["name"])? {
            bytes += FRAME;
            bytes += match key {
                "name" => {
                    name = true;
                    object.value(Text(filled))?
                }
                _ => object.value(Skip)?,
            };
        }
        if name { Ok(bytes) } else { Err(Wrong::missing("name")) }
    }
}

/// `tool_choice`.
pub(super) struct Chosen;

impl<'de> Read<'de> for Chosen {
    type Out = Choice;
    const WANTED: &'static str = "\"none\", \"auto\", \"required\" or an object that names a tool";

    fn plain(self, found: Found<'_>) -> Result<Choice, Wrong> {
        let Found::Text(_) = found else { return Err(Wrong::instead_of(found, Self::WANTED)) };
        let choice = OneOf(&["none", "auto", "required"]).plain(found)?;
        Ok(Choice { forced: choice == "required", needs: Caps::empty() })
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Choice, Wrong> {
        const KINDS: [&str; 3] = ["function", "custom", "allowed_tools"];
        let mut kind = None;
        let mut there = [false; 3];
        let mut required = false;
        while let Some(key) = object.key(&["function", "custom", "allowed_tools", "type"])? {
            match key {
                "function" => there[0] = object.value(Named).map(|_| true)?,
                "custom" => there[1] = object.value(Named).map(|_| true)?,
                "allowed_tools" => {
                    required = object.value(Allowed)?;
                    there[2] = true;
                }
                "type" => kind = Some(object.value(OneOf(&KINDS))?),
                _ => drop(object.value(Skip)?),
            }
        }
        let Some(kind) = kind else { return Err(Wrong::missing_one_of("type", &KINDS)) };
        for (own, there) in KINDS.iter().zip(there) {
            if *own == kind && !there {
                return Err(Wrong::missing(own));
            }
            if *own != kind && there {
                return Err(Wrong::field("does not belong to this type of choice").in_key(own));
            }
        }
        Ok(match kind {
            "function" => Choice { forced: true, needs: Caps::empty() },
            "custom" => Choice { forced: true, needs: Caps::CUSTOM_TOOLS },
            _ => Choice { forced: required, needs: Caps::OPENAI_ONLY },
        })
    }
}

/// Whether one of them must be called.
struct Allowed;

impl<'de> Read<'de> for Allowed {
    type Out = bool;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<bool, Wrong> {
        const MODES: [&str; 2] = ["auto", "required"];
        let (mut mode, mut tools) = (None, false);
        while let Some(key) = object.key(&["mode", "tools"])? {
            match key {
                "mode" => mode = Some(object.value(OneOf(&MODES))?),
                "tools" => {
                    object.value(Each(AnyObject, |_, _| Ok(())))?;
                    tools = true;
                }
                _ => drop(object.value(Skip)?),
            }
        }
        match (mode, tools) {
            (Some(mode), true) => Ok(mode == "required"),
            (None, _) => Err(Wrong::missing_one_of("mode", &MODES)),
            (_, false) => Err(Wrong::missing("tools")),
        }
    }
}
