//! `POST /api/si/ask`, as it comes in.
//!
//! Strict: a field we do not know is refused, because a misspelt limit would be no limit. What a chat says is checked
//! by the same code as OpenAI's: the fields of the same name are put into such a body and looked through there, so
//! both ways in accept the same things and name faults by the same paths.

use crate::given::{Given, Others};
use crate::json::{self, shortened};
use crate::openai;
use crate::openai::write::{json, number};
use bytes::Bytes;
use policy::{Settings, Skill};
use relay::{BadInput, Wishes};
use serde_json::{Map, Value};
use std::sync::Arc;
use tokens::{Family, OPENAI};
use vocab::{Brief, Chat, Message, Role};

/// An ask understood.
#[derive(Debug)]
pub struct SiAsk {
    pub chat: Chat,
    pub brief: Brief,
    pub wishes: Wishes,
}

const FIELDS: [&str; 21] = [
    "prompt",
    "messages",
    "system",
    "skill",
    "personality",
    "model",
    "policy",
    "max_cost_usd",
    "max_latency_ms",
    "min_quality",
    "providers",
    "session",
    "tags",
    "stream",
    "max_tokens",
    "temperature",
    "response_format",
    "json_schema",
    "tools",
    "tool_choice",
    "reasoning_effort",
];

/// Understands a body. `wishes` are those of the headers; the body's win.
pub fn read(body: &Bytes, settings: &Settings, mut wishes: Wishes) -> Result<SiAsk, BadInput> {
    let fields = Given::read(body, &FIELDS, Others::Refused("{\"prompt\": \"…\"}"))?;
    let skill = skill(&fields, settings)?;
    // The fields are only read in there; what is no JSON in them has its place in the caller's own body.
    let chat = chat(&fields, skill, settings).map_err(|bad| json::check(body).err().unwrap_or(bad));
    let (chat, brief) = chat?;
    wish(&fields, skill, &mut wishes)?;
    Ok(SiAsk { chat, brief, wishes })
}

fn skill<'s>(fields: &Given<'_>, settings: &'s Settings) -> Result<Option<&'s Skill>, BadInput> {
    let (skill, personality) = (fields.text("skill")?, fields.text("personality")?);
    let (field, name) = match (skill, personality) {
        (None, None) => return Ok(None),
        (Some(skill), Some(other)) if skill != other => {
            return Err(BadInput::at(
                "personality",
                "personality: is another name for `skill`; send one of them",
            ));
        }
        (Some(skill), _) => ("skill", skill),
        (None, Some(personality)) => ("personality", personality),
    };
    let known = || settings.skills.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let unknown =
        || BadInput::at(field, format!("{field}: {:?} is not known; allowed: {}", shortened(&name), known()));
    settings.skills.get(&name).map(Some).ok_or_else(unknown)
}

/// The conversation: what OpenAI's fields say, after the skill's words.
fn chat(fields: &Given<'_>, skill: Option<&Skill>, settings: &Settings) -> Result<(Chat, Brief), BadInput> {
    let mut body = Vec::with_capacity(256 + fields.iter().map(|(_, raw)| raw.len()).sum::<usize>());
    body.extend_from_slice(br#"{"model":"#);
    match fields.get("model") {
        Some(raw) => body.extend_from_slice(raw.as_bytes()),
        None => json(&mut body, skill.and_then(|s| s.model.as_deref()).unwrap_or("auto")),
    }
    match (fields.text("prompt")?, fields.get("messages")) {
        (Some(_), Some(_)) => {
            return Err(BadInput::at("prompt", "prompt: expected `prompt` or `messages`, got both"));
        }
        (None, None) => {
            return Err(BadInput::at("prompt", "prompt: expected `prompt` or `messages`, got neither"));
        }
        (Some(prompt), None) if prompt.trim().is_empty() => {
            return Err(BadInput::at("prompt", "prompt: expected a text, got an empty one"));
        }
        (Some(prompt), None) => {
            body.extend_from_slice(br#","messages":[{"role":"user","content":"#);
            json(&mut body, &prompt);
            body.extend_from_slice(b"}]");
        }
        (None, Some(raw)) => put(&mut body, "messages", raw),
    }
    for name in
        ["stream", "max_tokens", "temperature", "response_format", "tools", "tool_choice", "reasoning_effort"]
    {
        if let Some(raw) = fields.get(name) {
            put(&mut body, name, raw);
        }
    }
    if let (None, Some(most)) = (fields.get("max_tokens"), skill.and_then(|s| s.max_output)) {
        body.extend_from_slice(br#","max_tokens":"#);
        number(&mut body, u64::from(most));
    }
    if let (None, Some(warmth)) = (fields.get("temperature"), skill.and_then(|s| s.temperature)) {
        body.extend_from_slice(br#","temperature":"#);
        json(&mut body, &warmth);
    }
    if let Some(raw) = fields.get("json_schema") {
        if fields.get("response_format").is_some() {
            return Err(BadInput::at("json_schema", "json_schema: send it or `response_format`, not both"));
        }
        schema(&mut body, raw)?;
    }
    body.push(b'}');
    let raw = openai::survey(body.into())?;
    let mut chat = openai::parse(&raw)?;
    let mut brief = raw.brief;
    if let Some(system) = system(fields, skill, settings, &chat)? {
        let size = Arc::make_mut(&mut brief.size);
        size.say(&tokens::Text::of(&system));
        size.frame(OPENAI.message, 1);
        brief.tokens_in = Family::Other.likely(&brief.size);
        chat.messages.insert(0, Message::text(Role::System, system));
    }
    Ok((chat, brief))
}

/// The skill's words, then the caller's. Without either it is the default skill that speaks, unless the conversation
/// brings instructions of its own.
fn system(
    fields: &Given<'_>,
    skill: Option<&Skill>,
    settings: &Settings,
    chat: &Chat,
) -> Result<Option<String>, BadInput> {
    let own = fields.text("system")?;
    let instructed = chat.messages.iter().any(|m| matches!(m.role, Role::System | Role::Developer));
    let default = || settings.skills.get("default").filter(|_| own.is_none() && !instructed);
    let skilled = skill.or_else(default).map(|s| s.system.as_str()).filter(|s| !s.is_empty());
    Ok(match (skilled, own) {
        (Some(skilled), Some(own)) => Some(format!("{skilled}\n\n{own}")),
        (Some(skilled), None) => Some(skilled.to_owned()),
        (None, own) => own,
    })
}

fn put(body: &mut Vec<u8>, name: &str, raw: &str) {
    body.extend_from_slice(b",\"");
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(b"\":");
    body.extend_from_slice(raw.as_bytes());
}

/// A bare JSON Schema, or OpenAI's object around one.
fn schema(body: &mut Vec<u8>, raw: &str) -> Result<(), BadInput> {
    let told = |e| BadInput::at("json_schema", format!("json_schema: expected a JSON Schema object: {e}"));
    let given: Map<String, Value> = serde_json::from_str(raw).map_err(told)?;
    let (name, schema) = (given.get("name"), given.get("schema"));
    let wrapped = name.is_some_and(Value::is_string) && schema.is_some_and(Value::is_object);
    body.extend_from_slice(br#","response_format":{"type":"json_schema","json_schema":"#);
    if wrapped {
        body.extend_from_slice(raw.as_bytes());
    } else {
        body.extend_from_slice(br#"{"name":"answer","schema":"#);
        body.extend_from_slice(raw.as_bytes());
        body.push(b'}');
    }
    body.push(b'}');
    Ok(())
}

fn wish(fields: &Given<'_>, skill: Option<&Skill>, wishes: &mut Wishes) -> Result<(), BadInput> {
    if wishes.policy.is_none() {
        wishes.policy = skill.and_then(|s| s.policy.clone());
    }
    fields.wish(wishes)
}
