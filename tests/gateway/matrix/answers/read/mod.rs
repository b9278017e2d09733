//! Answers as a right client of each protocol reads them. A stream is put together to the whole answer that it is, and read
//! as that.

mod chat;
mod gemini;
mod messages;
mod native;
mod responses;

use super::heard::Heard;
use crate::net::{Frame, Reply};
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Chat,
    Responses,
    Messages,
    Gemini,
    /// Workers AI's own.
    Native,
}

/// What a stream came to.
#[derive(Debug, Default)]
pub struct Put {
    pub whole: Value,
    pub ended: bool,
    pub error: Option<String>,
}

pub fn read(dialect: Dialect, reply: &Reply) -> Heard {
    let kind = reply.header("content-type").unwrap_or_default();
    let put = if kind.starts_with("text/event-stream") {
        let frames = reply.frames();
        put(dialect, &frames)
    } else {
        let whole: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        // Workers AI's envelope.
        let whole = if whole["success"] == true { whole["result"].clone() } else { whole };
        let error = error(dialect, &whole);
        Put { ended: reply.status == 200 && whole.is_object() && error.is_none(), whole, error }
    };
    let mut heard = match dialect {
        Dialect::Chat => chat::read(&put.whole),
        Dialect::Responses => responses::read(&put.whole),
        Dialect::Messages => messages::read(&put.whole),
        Dialect::Gemini => gemini::read(&put.whole),
        Dialect::Native => native::read(&put.whole),
    };
    (heard.ended, heard.error) = (put.ended, put.error);
    heard
}

fn put(dialect: Dialect, frames: &[Frame]) -> Put {
    let mut put = Put { whole: json!({}), ..Put::default() };
    for frame in frames {
        assert!(!put.ended || frame.data == "[DONE]", "{dialect:?}: more after the end: {}", frame.data);
        if frame.data == "[DONE]" {
            put.ended |= matches!(dialect, Dialect::Chat | Dialect::Native);
            continue;
        }
        let said = frame.json();
        if let Some(error) = error(dialect, &said) {
            put.error = Some(error);
            continue;
        }
        match dialect {
            Dialect::Chat => chat::add(&mut put, &said),
            Dialect::Responses => responses::add(&mut put, &said),
            Dialect::Messages => messages::add(&mut put, &said),
            Dialect::Gemini => gemini::add(&mut put, &said),
            Dialect::Native => native::add(&mut put, &said),
        }
    }
    if dialect == Dialect::Gemini {
        put.ended = put.error.is_none() && gemini::ended(&put.whole);
    }
    put
}

/// The word for what went wrong, where that is told in the shape of the protocol.
fn error(dialect: Dialect, said: &Value) -> Option<String> {
    let word = |value: &Value| value.as_str().map(str::to_owned);
    let told = &said["error"];
    told["message"].as_str().or(said["message"].as_str())?;
    match dialect {
        Dialect::Chat => word(&told["code"]).or_else(|| word(&told["type"])),
        Dialect::Responses if said["type"] == "error" => word(&said["code"]).or_else(|| word(&told["code"])),
        Dialect::Responses => word(&told["code"]).or_else(|| word(&told["type"])),
        Dialect::Messages => (said["type"] == "error").then(|| word(&told["type"]))?,
        Dialect::Gemini => told["code"].as_u64().and_then(|_| word(&told["status"])),
        Dialect::Native => None,
    }
}
