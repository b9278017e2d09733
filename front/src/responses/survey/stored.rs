//! What leans on something kept elsewhere: there is nothing kept here.

use crate::json::{Bool, Maybe, Members, Object, Skip, Wrong};

/// Takes the value of such a field. An explicit null, and `false`, ask for nothing.
pub(super) fn field<'de, M: Members<'de>>(key: &str, object: &mut Object<'de, M>) -> Result<(), Wrong> {
    let asked = match key {
        "store" | "background" => object.value(Maybe(Bool))? == Some(true),
        _ => object.value(Maybe(Skip))?.is_some(),
    };
    if asked { Err(Wrong::field(why(key)).in_key(key)) } else { Ok(()) }
}

fn why(key: &str) -> &'static str {
    match key {
        "store" => "weir stores no responses; send false, or leave this out",
        "background" => "weir stores no responses, so nobody could ask for this one later; leave this out",
        "previous_response_id" => {
            "weir stores no responses; send the whole conversation in `input` and leave this out"
        }
        "conversation" => "weir holds no conversations; send all of it in `input` and leave this out",
        _ => "weir holds no prompts; send it in `instructions` and `input` and leave this out",
    }
}

/// An item that is only named.
pub(super) fn reference() -> Wrong {
    Wrong::field(
        "weir stores no items, so none can be referred to; send the item itself (SDKs do with `store: false`)",
    )
    .in_key("type")
}
