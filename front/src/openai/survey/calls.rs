//! Calls of tools that the model made earlier.

use super::message::Messages;
use crate::json::{Members, Object, OneOf, Read, Skip, Spoken, Text, Wrong, filled};
use tokens::OPENAI;
use vocab::Caps;

const KINDS: [&str; 2] = ["function", "custom"];

pub(super) struct Call<'m>(pub &'m mut Messages);

impl<'de> Read<'de> for Call<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let Self(all) = self;
        let (mut id, mut kind, mut function, mut custom) = (false, None, false, false);
        while let Some(key) = object.key(&["id", "type", "function", "custom"])? {
            match key {
                "id" => id = object.value(Text(filled))? > 0,
                "type" => kind = Some(object.value(OneOf(&KINDS))?),
                "function" => {
                    object.value(Called(all, &["name", "arguments"]))?;
                    function = true;
                }
                "custom" => {
                    object.value(Called(all, &["name", "input"]))?;
                    custom = true;
                }
                _ => {
                    all.untidy = true;
                    object.value(Skip)?;
                }
            }
        }
        if !id {
            return Err(Wrong::missing("id"));
        }
        let Some(kind) = kind else { return Err(Wrong::missing_one_of("type", &KINDS)) };
        match (kind, function, custom) {
            ("function", true, false) => Ok(()),
            ("custom", false, true) => {
                all.needs |= Caps::CUSTOM_TOOLS;
                Ok(())
            }
            ("function", false, _) | ("custom", _, false) => Err(Wrong::missing(kind)),
            _ => Err(Wrong::field(format!("a call of type {kind:?} has no other kind's field"))),
        }
    }
}

/// A name and what the tool was given, by the names of these fields.
struct Called<'m>(&'m mut Messages, &'static [&'static str; 2]);

impl<'de> Read<'de> for Called<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let Self(all, names) = self;
        let (mut name, mut given) = (false, false);
        while let Some(key) = object.key(names)? {
            match key {
                "name" => {
                    all.size.define(object.value(Text(filled))?);
                    name = true;
                }
                "" => drop(object.value(Skip)?),
                _ => {
                    object.value(Spoken(&mut all.size))?;
                    given = true;
                }
            }
        }
        all.size.frame(OPENAI.call, 1);
        for (there, name) in [name, given].into_iter().zip(names) {
            if !there {
                return Err(Wrong::missing(name));
            }
        }
        Ok(())
    }
}
