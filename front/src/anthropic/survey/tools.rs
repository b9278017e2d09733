//! Tools and the choice among them.

use super::Totals;
use crate::json::{
    AnyObject, Array, Bool, Each, Items, Maybe, Members, Object, OneOf, Read, Skip, Text, Wrong, filled,
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
    /// One call at a time.
    pub serial: bool,
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

const FIELDS: [&str; 10] = [
    "name",
    "description",
    "input_schema",
    "type",
    "strict",
    "cache_control",
    "eager_input_streaming",
    "allowed_callers",
    "defer_loading",
    "input_examples",
];

impl<'de> Read<'de> for Tool<'_> {
    type Out = usize;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<usize, Wrong> {
        let Self { all, at } = self;
        let (mut kind, mut name, mut schema, mut strange) = (None, false, false, None);
        let mut bytes = 0;
        while let Some(key) = object.key(&FIELDS)? {
            bytes += FRAME;
            // What a tool of the client's own has that only Anthropic knows.
            let mut own = false;
            bytes += match key {
                "type" => {
                    kind = object.value(Maybe(Text(owned)))?;
                    4
                }
                "name" => {
                    name = true;
                    object.value(Text(filled))?
                }
                "description" => object.value(Maybe(Text(length)))?.unwrap_or(0),
                "input_schema" => {
                    schema = true;
                    object.value(AnyObject)?
                }
                "strict" | "eager_input_streaming" => object.value(Maybe(Bool))?.map_or(0, |_| 4),
                "cache_control" => object.value(Maybe(AnyObject)).map(|_| 0)?,
                "defer_loading" => {
                    own = object.value(Maybe(Bool))?.unwrap_or(false);
                    4
                }
                "allowed_callers" => {
                    let mut others = false;
                    let direct = |_, caller: String| {
                        others |= caller != "direct";
                        Ok(())
                    };
                    object.value(Maybe(Each(Text(owned), direct)))?;
                    own = others;
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
            None | Some("custom") => {
                for (there, key) in [(name, "name"), (schema, "input_schema")] {
                    if !there {
                        return Err(Wrong::missing(key));
                    }
                }
                if let Some(field) = strange {
                    all.only(format!("tools[{at}].{field}"));
                }
            }
            // Run by Anthropic, or known to its models by name alone.
            Some(_) => all.only(format!("tools[{at}].type")),
        }
        Ok(bytes)
    }
}

/// `tool_choice`.
pub(super) struct Chosen<'t>(pub &'t mut Totals);

impl<'de> Read<'de> for Chosen<'_> {
    type Out = Choice;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Choice, Wrong> {
        const KINDS: [&str; 4] = ["auto", "any", "tool", "none"];
        let (mut kind, mut name, mut serial) = (None, false, false);
        while let Some(key) = object.key(&["type", "name", "disable_parallel_tool_use"])? {
            match key {
                "type" => kind = Some(object.value(OneOf(&KINDS))?),
                "name" => name = object.value(Text(filled)).map(|_| true)?,
                "disable_parallel_tool_use" => serial = object.value(Maybe(Bool))?.unwrap_or(false),
                _ => {
                    if object.value(Maybe(Skip))?.is_some() {
                        self.0.only(format!("tool_choice.{}", shortened(object.name())));
                    }
                }
            }
        }
        match kind {
            None => Err(Wrong::missing_one_of("type", &KINDS)),
            Some("tool") if !name => Err(Wrong::missing("name")),
            Some(kind) => Ok(Choice { forced: matches!(kind, "any" | "tool"), serial }),
        }
    }
}
