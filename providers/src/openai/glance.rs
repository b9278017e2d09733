//! A look at a whole answer as it passes: usage, finish, and whether there is anything in it.
//!
//! Nothing is taken apart but what is asked for: texts stay slices of the body, measured by where they begin and end.
//! Whatever is out of the ordinary is decoded instead, so that a glance never disagrees with a close look.

use super::{OpenAi, scan, usage};
use crate::{Glance, glance::by_decoding};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::marker::PhantomData;
use vocab::{Fault, Finish};

/// An object. (A derived struct would be read from a list as well.)
pub(super) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    choices: Vec<Object<Choice<'a>>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(default)]
    service_tier: Option<&'a str>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    x_groq: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage_breakdown: Option<&'a RawValue>,
    #[serde(default)]
    object: Option<&'a str>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    message: Object<Message<'a>>,
    #[serde(default)]
    finish_reason: Option<&'a str>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
}

pub(super) fn of(adapter: &OpenAi, body: &Bytes) -> Result<Glance, Fault> {
    match serde_json::from_slice::<Object<_>>(body).ok().and_then(|reply| plain(&reply.0)) {
        Some(glance) => Ok(glance),
        None => by_decoding(adapter, body),
    }
}

/// None where the answer is anything but one choice (or several) of plain text.
fn plain(reply: &Reply<'_>) -> Option<Glance> {
    let odd = reply.error.is_some() || reply.x_groq.is_some() || reply.usage_breakdown.is_some();
    if odd || reply.object == Some("error") {
        return None;
    }
    let mut glance = Glance::default();
    for Object(choice) in &reply.choices {
        let message = &choice.message.0;
        if message.tool_calls.is_some_and(|calls| calls.get() != "[]")
            || message.function_call.is_some()
            || message.audio.is_some()
        {
            return None;
        }
        let reasoned = match text(message.reasoning_content)? {
            0 => text(message.reasoning)?,
            bytes => bytes,
        };
        glance.text_bytes += reasoned + text(message.content)? + text(message.refusal)?;
        let finish = match choice.finish_reason {
            None | Some("") => None,
            Some("stop") => Some(Finish::Stop),
            Some("length") => Some(Finish::Length),
            Some("content_filter") => Some(Finish::ContentFilter),
            Some(_) => return None,
        };
        if choice.index == 0 && finish.is_some() {
            glance.finish = finish;
        }
    }
    glance.useful = glance.text_bytes > 0;
    if let Some(raw) = reply.usage {
        let short =
            serde_json::from_str::<Object<usage::Plain>>(raw.get()).ok().and_then(|plain| plain.0.usage());
        glance.usage = match short {
            Some(usage) => Some(usage),
            None => usage::chat(&serde_json::from_str(raw.get()).ok()?),
        };
        if let (Some(usage), Some(tier)) = (&mut glance.usage, reply.service_tier) {
            usage.modifiers = usage::modifier(tier);
        }
    }
    Some(glance)
}

/// The bytes of a text that may be null; None where it is something else.
fn text(raw: Option<&RawValue>) -> Option<usize> {
    let Some(raw) = raw else { return Some(0) };
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    scan::unescaped_len(inner.as_bytes())
}
