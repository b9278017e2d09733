//! A chat request taken apart, for providers of another dialect.
//!
//! What OpenAI's dialect can say and [`Chat`] cannot is kept in `extra` where it is a top-level field. Inside a
//! message there is no such place, so a message that only OpenAI's own servers understand is an error here; the
//! brief's needs keep such requests with providers that get the body as it came.

mod message;
#[cfg(test)]
mod tests;

use relay::BadInput;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;
use vocab::{Chat, Effort, Format, RawChat, Tool, ToolChoice};

/// All of a request that [`super::survey`] has accepted.
pub fn parse(raw: &RawChat) -> Result<Chat, BadInput> {
    let Wire(mut chat) = serde_json::from_slice(&raw.body).map_err(|e| BadInput::new(e.to_string()))?;
    chat.max_output = raw.brief.max_output;
    Ok(chat)
}

struct Wire(Chat);

impl<'de> Deserialize<'de> for Wire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Top).map(Wire)
    }
}

struct Top;

impl<'de> Visitor<'de> for Top {
    type Value = Chat;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a chat completions request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Chat, A::Error> {
        let mut chat = Chat::default();
        let (mut logprobs, mut top_logprobs) = (false, None::<u32>);
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match key.as_ref() {
                // The door knows the model, the brief the bound; the relay asks for usage itself.
                "model" | "max_tokens" | "max_completion_tokens" | "stream_options" => {
                    map.next_value::<IgnoredAny>()?;
                }
                "messages" => chat.messages = message::messages(map.next_value()?)?,
                "tools" => tools(map.next_value()?, &mut chat)?,
                "tool_choice" => tool_choice(map.next_value()?, &mut chat)?,
                "parallel_tool_calls" => chat.parallel_tools = map.next_value()?,
                "response_format" => chat.format = format(map.next_value()?)?,
                "temperature" => chat.temperature = map.next_value()?,
                "top_p" => chat.top_p = map.next_value()?,
                "frequency_penalty" => chat.frequency_penalty = map.next_value()?,
                "presence_penalty" => chat.presence_penalty = map.next_value()?,
                "stop" => chat.stop = map.next_value::<Option<Stop>>()?.map(Stop::all).unwrap_or_default(),
                "seed" => chat.seed = map.next_value()?,
                "n" => chat.n = map.next_value()?,
                "logprobs" => logprobs = map.next_value::<Option<bool>>()?.unwrap_or(false),
                "top_logprobs" => top_logprobs = map.next_value()?,
                "reasoning_effort" => {
                    chat.effort = map.next_value::<Option<String>>()?.as_deref().and_then(Effort::named);
                }
                "user" => chat.user = map.next_value()?,
                "stream" => chat.stream = map.next_value::<Option<bool>>()?.unwrap_or(false),
                _ => {
                    let value: Value = map.next_value()?;
                    if !value.is_null() {
                        chat.extra.insert(key.into_owned(), value);
                    }
                }
            }
        }
        if logprobs {
            chat.logprobs = Some(top_logprobs.unwrap_or(0));
        }
        Ok(chat)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

impl Stop {
    fn all(self) -> Vec<String> {
        match self {
            Self::One(stop) => vec![stop],
            Self::Many(stops) => stops,
        }
    }
}

#[derive(Deserialize)]
struct WireFunction {
    name: String,
    description: Option<String>,
    parameters: Option<Value>,
    strict: Option<bool>,
}

/// Custom tools have no counterpart: then all tools stay as they came.
fn tools<E: serde::de::Error>(list: Option<Vec<Value>>, chat: &mut Chat) -> Result<(), E> {
    let list = list.unwrap_or_default();
    if list.iter().any(|tool| tool.get("type").and_then(Value::as_str) != Some("function")) {
        chat.extra.insert("tools".into(), Value::Array(list));
        return Ok(());
    }
    for mut tool in list {
        let function = tool.get_mut("function").map(Value::take).unwrap_or_default();
        let WireFunction { name, description, parameters, strict } =
            serde_json::from_value(function).map_err(E::custom)?;
        chat.tools.push(Tool { name, description, parameters, strict });
    }
    Ok(())
}

fn tool_choice<E: serde::de::Error>(choice: Value, chat: &mut Chat) -> Result<(), E> {
    chat.tool_choice = match &choice {
        Value::Null => ToolChoice::Auto,
        Value::String(word) => match word.as_str() {
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            _ => ToolChoice::Auto,
        },
        object => match object.pointer("/function/name").and_then(Value::as_str) {
            Some(name) => ToolChoice::Function(name.into()),
            None => {
                chat.extra.insert("tool_choice".into(), choice);
                return Ok(());
            }
        },
    };
    Ok(())
}

#[derive(Deserialize)]
struct WireFormat {
    #[serde(rename = "type")]
    kind: String,
    json_schema: Option<WireSchema>,
}

#[derive(Deserialize)]
struct WireSchema {
    name: String,
    description: Option<String>,
    schema: Value,
    strict: Option<bool>,
}

fn format<E: serde::de::Error>(format: Option<WireFormat>) -> Result<Format, E> {
    let Some(format) = format else { return Ok(Format::Text) };
    Ok(match (format.kind.as_str(), format.json_schema) {
        ("json_object", _) => Format::JsonObject,
        ("json_schema", Some(WireSchema { name, description, schema, strict })) => {
            Format::JsonSchema { name, description, schema, strict }
        }
        _ => Format::Text,
    })
}
