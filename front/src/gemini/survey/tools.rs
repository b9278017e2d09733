//! `tools` and `toolConfig`.

use super::super::names::Names;
use super::{Word, flag, note};
use crate::json::{
    AnyObject, Array, Each, Found, Items, Maybe, Members, Object, Read, Skip, Text, Wrong, filled, length,
    shortened,
};

/// The tools, added up.
#[derive(Default)]
pub(super) struct Tools {
    pub functions: usize,
    pub search: bool,
    pub bytes: usize,
    pub only: Vec<String>,
}

pub(super) struct List;

impl<'de> Read<'de> for List {
    type Out = Tools;
    const WANTED: &'static str = "an array of tools";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<Tools, Wrong> {
        let mut tools = Tools::default();
        while array.next(Tool(&mut tools))?.is_some() {}
        Ok(tools)
    }
}

struct Tool<'t>(&'t mut Tools);

const FIELDS: [&str; 4] = ["functionDeclarations", "function_declarations", "googleSearch", "google_search"];

impl<'de> Read<'de> for Tool<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let Self(tools) = self;
        let mut names = Names::of(&FIELDS);
        while let Some(key) = names.next(&mut object)? {
            match key {
                "functionDeclarations" => {
                    object.value(Maybe(Declarations(tools)))?;
                }
                "googleSearch" => {
                    if let Some(options) = object.value(Maybe(Search))? {
                        tools.search = true;
                        if options {
                            note(&mut tools.only, "tools.googleSearch");
                        }
                    }
                }
                // Code execution, addresses, maps, files: run by Google where the model runs.
                _ => {
                    if object.value(Maybe(Skip))?.is_some() {
                        note(&mut tools.only, format!("tools.{}", shortened(object.name())));
                    }
                }
            }
        }
        Ok(())
    }
}

/// `googleSearch`: whether it is told how.
#[derive(Clone, Copy)]
struct Search;

impl<'de> Read<'de> for Search {
    type Out = bool;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<bool, Wrong> {
        let mut any = false;
        while object.any_key()?.is_some() {
            any |= object.value(Maybe(Skip))?.is_some();
        }
        Ok(any)
    }
}

struct Declarations<'t>(&'t mut Tools);

impl<'de> Read<'de> for Declarations<'_> {
    type Out = ();
    const WANTED: &'static str = "an array of declarations";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<(), Wrong> {
        while array.next(Declaration(self.0))?.is_some() {}
        self.0.functions += array.count();
        Ok(())
    }
}

struct Declaration<'t>(&'t mut Tools);

const DECLARED: [&str; 9] = [
    "name",
    "description",
    "parameters",
    "parametersJsonSchema",
    "parameters_json_schema",
    "behavior",
    "response",
    "responseJsonSchema",
    "response_json_schema",
];

impl<'de> Read<'de> for Declaration<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let Self(tools) = self;
        let (mut name, mut subset, mut full) = (false, false, false);
        let mut names = Names::of(&DECLARED);
        while let Some(key) = names.next(&mut object)? {
            match key {
                "name" => {
                    tools.bytes += object.value(Text(filled))?;
                    name = true;
                }
                "description" => tools.bytes += object.value(Maybe(Text(length)))?.unwrap_or(0),
                "parameters" => {
                    let bytes = object.value(Maybe(AnyObject))?;
                    subset = bytes.is_some();
                    tools.bytes += bytes.unwrap_or(0);
                }
                "parametersJsonSchema" => {
                    let bytes = object.value(Maybe(AnyObject))?;
                    full = bytes.is_some();
                    tools.bytes += bytes.unwrap_or(0);
                }
                // What a function gives back is seen when it does: only a hint before. Google's SDKs write it unasked.
                "response" | "responseJsonSchema" => drop(object.value(Maybe(AnyObject))?),
                "behavior" => {
                    let waits = object.value(Maybe(Word(&BEHAVIORS)))?.is_none_or(|b| b != "NON_BLOCKING");
                    if !waits {
                        note(&mut tools.only, "tools.functionDeclarations.behavior");
                    }
                }
                _ => {
                    if object.value(Maybe(Skip))?.is_some() {
                        let name = shortened(object.name());
                        note(&mut tools.only, format!("tools.functionDeclarations.{name}"));
                    }
                }
            }
        }
        if !name {
            return Err(Wrong::missing("name"));
        }
        if subset && full {
            let message = "stands beside `parameters`; send one of them";
            return Err(Wrong::field(message).in_key("parametersJsonSchema"));
        }
        Ok(())
    }
}

const BEHAVIORS: [&str; 3] = ["UNSPECIFIED", "BLOCKING", "NON_BLOCKING"];

/// `toolConfig`: which functions may or must be called.
#[derive(Default)]
pub(super) struct Choice {
    /// A call is demanded.
    pub forced: bool,
    pub only: Vec<String>,
}

pub(super) struct Config;

impl<'de> Read<'de> for Config {
    type Out = Choice;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Choice, Wrong> {
        let mut choice = Choice::default();
        let mut names = Names::of(&["functionCallingConfig", "function_calling_config"]);
        while let Some(key) = names.next(&mut object)? {
            match key {
                "functionCallingConfig" => {
                    object.value(Maybe(Calling(&mut choice)))?;
                }
                _ => {
                    if object.value(Maybe(Skip))?.is_some() {
                        note(&mut choice.only, format!("toolConfig.{}", shortened(object.name())));
                    }
                }
            }
        }
        Ok(choice)
    }
}

pub(in crate::gemini) const MODES: [&str; 5] = ["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"];

struct Calling<'c>(&'c mut Choice);

impl<'de> Read<'de> for Calling<'_> {
    type Out = ();

    fn plain(self, found: Found<'_>) -> Result<(), Wrong> {
        Err(Wrong::instead_of(found, "an object like {\"mode\": \"AUTO\"}"))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        const AT: &str = "toolConfig.functionCallingConfig";
        let (mut mode, mut allowed) = (None, 0);
        let mut names = Names::of(&[
            "mode",
            "allowedFunctionNames",
            "allowed_function_names",
            "streamFunctionCallArguments",
            "stream_function_call_arguments",
        ]);
        while let Some(key) = names.next(&mut object)? {
            match key {
                "mode" => mode = object.value(Maybe(Word(&MODES)))?,
                "allowedFunctionNames" => {
                    let names = object.value(Maybe(Each(Text(filled), |_, _| Ok(()))))?;
                    allowed = names.unwrap_or(0);
                }
                "streamFunctionCallArguments" => {
                    if flag(&mut object)? {
                        note(&mut self.0.only, format!("{AT}.{key}"));
                    }
                }
                _ => {
                    object.value(Skip)?;
                    note(&mut self.0.only, format!("{AT}.{}", shortened(object.name())));
                }
            }
        }
        self.0.forced = mode == Some("ANY");
        if mode == Some("VALIDATED") {
            // A guarantee that nobody else gives for schemas like these.
            note(&mut self.0.only, format!("{AT}.mode"));
        }
        if allowed > 0 && !matches!(mode, Some("ANY" | "VALIDATED")) {
            let message = "belongs to the modes ANY and VALIDATED only";
            return Err(Wrong::field(message).in_key("allowedFunctionNames"));
        }
        Ok(())
    }
}
