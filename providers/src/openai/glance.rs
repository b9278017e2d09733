//! A look at a whole answer as it passes: usage, finish, and whether there is anything in it.
//!
//! Nothing is taken apart but what is asked for: texts stay slices of the body, measured where they stand. Whatever is
//! out of the ordinary is decoded instead, so that a glance never disagrees with a close look.

use super::{OpenAi, usage};
use crate::{Glance, glance::by_decoding};
use bytes::Bytes;
use json::Walk;
use vocab::{Fault, Finish, Modifiers};

pub(super) fn of(adapter: &OpenAi, body: &Bytes) -> Result<Glance, Fault> {
    match plain(body) {
        Some(glance) => Ok(glance),
        None => by_decoding(adapter, body),
    }
}

/// Takes each field once: a parser would take the last of several.
struct Once(u32);

impl Once {
    fn take(&mut self, place: u32) -> Option<()> {
        let bit = 1 << place;
        (self.0 & bit == 0).then(|| self.0 |= bit)
    }
}

/// None where the answer is anything but one choice (or several) of plain text.
fn plain(body: &[u8]) -> Option<Glance> {
    let mut walk = Walk::along(simdutf8::basic::from_utf8(body).ok()?);
    let mut glance = Glance::default();
    let (mut once, mut tier) = (Once(0), Modifiers::empty());
    walk.object(|walk, key| match key {
        "choices" => {
            once.take(0)?;
            walk.array(|walk| choice(walk, &mut glance))
        }
        "usage" => {
            once.take(1)?;
            match walk.peek()? {
                b'n' => walk.skip(),
                _ => {
                    glance.usage = Some(usage::plain(walk)?);
                    Some(())
                }
            }
        }
        "service_tier" => {
            once.take(2)?;
            if let Some(name) = walk.string_or_null()? {
                tier = usage::modifier(name.plain()?);
            }
            Some(())
        }
        "error" | "x_groq" | "usage_breakdown" => walk.is_null()?.then_some(()),
        "object" => match walk.string_or_null()? {
            Some(object) if object.plain()? == "error" => None,
            _ => Some(()),
        },
        _ => walk.skip(),
    })?;
    walk.end()?;
    if let Some(usage) = &mut glance.usage {
        usage.modifiers = tier;
    }
    glance.useful = glance.text_bytes > 0;
    once.take(0).is_none().then_some(glance)
}

fn choice(walk: &mut Walk<'_>, glance: &mut Glance) -> Option<()> {
    let (mut once, mut index, mut finish, mut text) = (Once(0), 0, None, 0);
    walk.object(|walk, key| match key {
        "index" => {
            once.take(0)?;
            index = u32::try_from(walk.count()?).ok()?;
            Some(())
        }
        "message" => {
            once.take(1)?;
            text = message(walk)?;
            Some(())
        }
        "finish_reason" => {
            once.take(2)?;
            finish = match walk.string_or_null()? {
                None => None,
                Some(reason) => match reason.plain()? {
                    "" => None,
                    "stop" => Some(Finish::Stop),
                    "length" => Some(Finish::Length),
                    "content_filter" => Some(Finish::ContentFilter),
                    _ => return None,
                },
            };
            Some(())
        }
        _ => walk.skip(),
    })?;
    glance.text_bytes += text;
    if index == 0 && finish.is_some() {
        glance.finish = finish;
    }
    once.take(1).is_none().then_some(())
}

/// The bytes of text in a message.
fn message(walk: &mut Walk<'_>) -> Option<usize> {
    let mut texts = [0; 4];
    let mut once = Once(0);
    walk.object(|walk, key| {
        let place = match key {
            "content" => 0,
            "refusal" => 1,
            "reasoning_content" => 2,
            "reasoning" => 3,
            "tool_calls" => {
                if walk.peek()? == b'[' {
                    return walk.array(|_| None);
                }
                return walk.is_null()?.then_some(());
            }
            "function_call" | "audio" => return walk.is_null()?.then_some(()),
            _ => return walk.skip(),
        };
        once.take(u32::try_from(place).ok()?)?;
        texts[place] = walk.string_or_null()?.map_or(0, |text| text.len());
        Some(())
    })?;
    let [content, refusal, named, unnamed] = texts;
    Some(content + refusal + if named > 0 { named } else { unnamed })
}
