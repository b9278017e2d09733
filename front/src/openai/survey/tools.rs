//! Tools and the choice among them.

use super::message::filled;
use crate::json::{Kind, Scan, Seen, Wrong};
use vocab::Caps;

/// The tools, added up.
#[derive(Default)]
pub(super) struct Tools {
    pub count: usize,
    /// There is an array with nothing in it, which some servers refuse.
    pub empty: bool,
    pub custom: bool,
    /// Length of their JSON.
    pub bytes: usize,
}

#[derive(Default)]
pub(super) struct Choice {
    /// The model must call.
    pub forced: bool,
    pub needs: Caps,
}

pub(super) fn tools(scan: &mut Scan<'_>) -> Result<Tools, Wrong> {
    scan.kind()?;
    let start = scan.at();
    let mut custom = false;
    let count = scan.array(|scan, _| {
        custom |= tool(scan)?;
        Ok(())
    })?;
    let bytes = if count == 0 { 0 } else { scan.at() - start };
    Ok(Tools { count, empty: count == 0, custom, bytes })
}

/// Whether it is a custom one.
fn tool(scan: &mut Scan<'_>) -> Result<bool, Wrong> {
    let (mut kind, mut function, mut custom) = (None, false, false);
    let mut seen = Seen::default();
    scan.object(|scan, key| {
        match key.as_ref() {
            "type" => {
                seen.known(0)?;
                kind = Some(scan.one_of(&["function", "custom"])?);
            }
            "function" => {
                seen.known(1)?;
                definition(scan)?;
                function = true;
            }
            "custom" => {
                seen.known(2)?;
                named(scan)?;
                custom = true;
            }
            _ => {
                seen.unknown(key)?;
                scan.skip()?;
            }
        }
        Ok(())
    })?;
    match (kind, function, custom) {
        (None, ..) => {
            Err(Wrong::field("the field is missing; allowed: \"function\", \"custom\"").in_key("type"))
        }
        (Some("function"), true, false) => Ok(false),
        (Some("custom"), false, true) => Ok(true),
        (Some(kind), ..) => {
            Err(Wrong::field(format!("a tool of type {kind:?} has a field {kind:?} and no other")))
        }
    }
}

fn definition(scan: &mut Scan<'_>) -> Result<(), Wrong> {
    let mut name = false;
    let mut seen = Seen::default();
    scan.object(|scan, key| {
        match key.as_ref() {
            "name" => {
                seen.known(0)?;
                filled(scan.text()?)?;
                name = true;
            }
            "description" => {
                seen.known(1)?;
                if !scan.null()? {
                    scan.text()?;
                }
            }
            "parameters" => {
                seen.known(2)?;
                match scan.kind()? {
                    Kind::Object | Kind::Null => scan.skip()?,
                    other => {
                        return Err(Wrong::field(format!(
                            "expected a JSON Schema object, got {}",
                            other.name()
                        )));
                    }
                };
            }
            "strict" => {
                seen.known(3)?;
                if !scan.null()? {
                    scan.bool()?;
                }
            }
            _ => {
                seen.unknown(key)?;
                scan.skip()?;
            }
        }
        Ok(())
    })?;
    if name { Ok(()) } else { Err(Wrong::field("the field is missing").in_key("name")) }
}

/// An object with a name, whatever else.
fn named(scan: &mut Scan<'_>) -> Result<(), Wrong> {
    let mut name = false;
    let mut seen = Seen::default();
    scan.object(|scan, key| {
        if key == "name" {
            seen.known(0)?;
            filled(scan.text()?)?;
            name = true;
        } else {
            seen.unknown(key)?;
            scan.skip()?;
        }
        Ok(())
    })?;
    if name { Ok(()) } else { Err(Wrong::field("the field is missing").in_key("name")) }
}

pub(super) fn choice(scan: &mut Scan<'_>) -> Result<Choice, Wrong> {
    match scan.kind()? {
        Kind::Text => {
            let choice = scan.one_of(&["none", "auto", "required"])?;
            Ok(Choice { forced: choice == "required", needs: Caps::empty() })
        }
        Kind::Object => choice_object(scan),
        other => Err(Wrong::field(format!(
            "expected \"none\", \"auto\", \"required\" or an object that names a tool, got {}",
            other.name()
        ))),
    }
}

fn choice_object(scan: &mut Scan<'_>) -> Result<Choice, Wrong> {
    const KINDS: [&str; 3] = ["function", "custom", "allowed_tools"];
    let mut kind = None;
    let mut there = [false; 3];
    let mut required = false;
    let mut seen = Seen::default();
    scan.object(|scan, key| {
        match key.as_ref() {
            "type" => {
                seen.known(0)?;
                kind = Some(scan.one_of(&KINDS)?);
            }
            "function" => {
                seen.known(1)?;
                named(scan)?;
                there[0] = true;
            }
            "custom" => {
                seen.known(2)?;
                named(scan)?;
                there[1] = true;
            }
            "allowed_tools" => {
                seen.known(3)?;
                required = allowed(scan)?;
                there[2] = true;
            }
            _ => {
                seen.unknown(key)?;
                scan.skip()?;
            }
        }
        Ok(())
    })?;
    let Some(kind) = kind else {
        let allowed = KINDS.map(|k| format!("{k:?}")).join(", ");
        return Err(Wrong::field(format!("the field is missing; allowed: {allowed}")).in_key("type"));
    };
    for (own, there) in KINDS.iter().zip(there) {
        if (*own == kind) != there {
            let message =
                if there { "does not belong to this type of choice" } else { "the field is missing" };
            return Err(Wrong::field(message).in_key(own));
        }
    }
    Ok(match kind {
        "function" => Choice { forced: true, needs: Caps::empty() },
        "custom" => Choice { forced: true, needs: Caps::CUSTOM_TOOLS },
        _ => Choice { forced: required, needs: Caps::OPENAI_ONLY },
    })
}

/// Whether one of them must be called.
fn allowed(scan: &mut Scan<'_>) -> Result<bool, Wrong> {
    let (mut mode, mut tools) = (None, false);
    let mut seen = Seen::default();
    scan.object(|scan, key| {
        match key.as_ref() {
            "mode" => {
                seen.known(0)?;
                mode = Some(scan.one_of(&["auto", "required"])?);
            }
            "tools" => {
                seen.known(1)?;
                scan.array(|scan, _| super::object(scan))?;
                tools = true;
            }
            _ => {
                seen.unknown(key)?;
                scan.skip()?;
            }
        }
        Ok(())
    })?;
    match (mode, tools) {
        (Some(mode), true) => Ok(mode == "required"),
        (None, _) => {
            Err(Wrong::field("the field is missing; allowed: \"auto\", \"required\"").in_key("mode"))
        }
        (_, false) => Err(Wrong::field("the field is missing").in_key("tools")),
    }
}
