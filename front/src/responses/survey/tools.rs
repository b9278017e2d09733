//! Tools and the choice among them.

use super::Totals;
use crate::json::{
    AnyObject, Array, Bool, Found, Items, Maybe, Members, Object, OneOf, Read, Skip, Text, Wrong, filled,
    length, owned, shortened,
};

/// The tools, added up.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Tools {
    pub count: usize,
    /// Length of their JSON, roughly.
    pub bytes: usize,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Choice {
    /// The model must call.
    pub forced: bool,
}

/// `tools`.
pub(super) struct List<'t>(pub &'t mut Totals);

impl<'de> Read<'de> for List<'_> {
    type Out = Tools;
    const WANTED: &'static str = "an array";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<Tools, Wrong> {
        let Self(all) = self;
        let mut tools = Tools::default();
        while let Some(bytes) = array.next(Tool { all, at: tools.count })? {
            tools.bytes += bytes;
            tools.count += 1;
        }
        Ok(tools)
    }
}

/// A key of a few letters and what is around it and its value.
const FRAME: usize = 16;

/// One tool: its length.
struct Tool<'t> {
    all: &'t mut Totals,
    at: usize,
}

impl<'de> Read<'de> for Tool<'_> {
    type Out = usize;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<usize, Wrong> {
        let Self { all, at } = self;
        let (mut kind, mut name, mut strange) = (None, false, None);
        let mut bytes = 0;
        while let Some(key) =
            object.key(&["type", "name", "description", "parameters", "strict", "defer_loading"])?
        {
            bytes += FRAME;
            // What a function has that others have no words for.
            let mut own = false;
            bytes += match key {
                "type" => kind.insert(object.value(Text(owned))?).len(),
                "name" => {
                    name = true;
                    object.value(Text(filled))?
                }
                "description" => object.value(Maybe(Text(length)))?.unwrap_or(0),
                "parameters" => object.value(Maybe(AnyObject))?.unwrap_or(0),
                "strict" => object.value(Maybe(Bool))?.map_or(0, |_| 4),
                "defer_loading" => {
                    own = object.value(Maybe(Bool))?.unwrap_or(false);
                    4
                }
                _ => {
                    let length = object.value(Maybe(Skip))?;
                    own = length.is_some();
                    length.unwrap_or(4)
                }
            };
            if own {
                strange.get_or_insert_with(|| shortened(object.name()));
            }
        }
        match kind.as_deref() {
            None => return Err(Wrong::missing("type")),
            Some("function") if !name => return Err(Wrong::missing("name")),
            Some("function") => {
                if let Some(field) = strange {
                    all.only(format!("tools[{at}].{field}"));
                }
            }
            // Run by the provider, or of a kind that others have not.
            Some(_) => all.only(format!("tools[{at}].type")),
        }
        Ok(bytes)
    }
}

/// `tool_choice`.
pub(super) struct Chosen<'t>(pub &'t mut Totals);

impl<'de> Read<'de> for Chosen<'_> {
    type Out = Choice;
    const WANTED: &'static str = "\"none\", \"auto\", \"required\" or an object that names a tool";

    fn plain(self, found: Found<'_>) -> Result<Choice, Wrong> {
        let Found::Text(_) = found else { return Err(Wrong::instead_of(found, Self::WANTED)) };
        let choice = OneOf(&["none", "auto", "required"]).plain(found)?;
        Ok(Choice { forced: choice == "required" })
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Choice, Wrong> {
        const MODES: [&str; 2] = ["auto", "required"];
        let Self(all) = self;
        let (mut kind, mut name, mut mode, mut among) = (None, false, None, None);
        while let Some(key) = object.key(&["type", "name", "mode", "tools"])? {
            match key {
                "type" => kind = Some(object.value(Text(owned))?),
                "name" => name = object.value(Text(filled)).map(|_| true)?,
                "mode" => mode = Some(object.value(OneOf(&MODES))?),
                "tools" => among = Some(object.value(Functions)?),
                _ => drop(object.value(Skip)?),
            }
        }
        match kind.as_deref() {
            None => Err(Wrong::missing_one_of("type", &["function", "allowed_tools"])),
            Some("function") if !name => Err(Wrong::missing("name")),
            Some("function") => Ok(Choice { forced: true }),
            Some("allowed_tools") => {
                let mode = mode.ok_or_else(|| Wrong::missing_one_of("mode", &MODES))?;
                if !among.ok_or_else(|| Wrong::missing("tools"))? {
                    all.only("tool_choice.tools");
                }
                Ok(Choice { forced: mode == "required" })
            }
            Some(_) => {
                all.only("tool_choice.type");
                Ok(Choice { forced: true })
            }
        }
    }
}

/// Some of the tools, by name: whether all are functions.
struct Functions;

impl<'de> Read<'de> for Functions {
    type Out = bool;
    const WANTED: &'static str = "an array";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<bool, Wrong> {
        let mut all = true;
        while let Some(function) = array.next(Function)? {
            all &= function;
        }
        Ok(all)
    }
}

struct Function;

impl<'de> Read<'de> for Function {
    type Out = bool;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<bool, Wrong> {
        let (mut kind, mut name) = (None, false);
        while let Some(key) = object.key(&["type", "name"])? {
            match key {
                "type" => kind = Some(object.value(Text(owned))?),
                "name" => name = object.value(Text(filled)).map(|_| true)?,
                _ => drop(object.value(Skip)?),
            }
        }
        let kind = kind.ok_or_else(|| Wrong::missing("type"))?;
        if kind == "function" && !name {
            return Err(Wrong::missing("name"));
        }
        Ok(kind == "function")
    }
}
