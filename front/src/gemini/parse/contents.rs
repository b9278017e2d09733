//! Contents as messages.
//!
//! Two things differ from everybody else's conversations. Calls and responses may have no ids: a response without one
//! answers the earliest call of its name that has no answer yet. And what a stream brought in pieces may come back in
//! pieces, each a part or a content of its own: the model's neighbours are joined again.

use super::super::seal::{self, Seal};
use super::kinds::{Stuff, link, stuff};
use relay::BadInput;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::VecDeque;
use vocab::{Media, Message, Part, Role, ToolCall};

#[derive(Deserialize)]
pub(super) struct WireContent<'a> {
    role: Option<String>,
    #[serde(borrow)]
    parts: Option<Vec<WirePart<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePart<'a> {
    text: Option<String>,
    thought: Option<bool>,
    #[serde(borrow, alias = "thought_signature")]
    thought_signature: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "function_call")]
    function_call: Option<WireCall<'a>>,
    #[serde(borrow, alias = "function_response")]
    function_response: Option<WireResponse<'a>>,
    #[serde(borrow, alias = "inline_data")]
    inline_data: Option<WireBlob<'a>>,
    #[serde(alias = "file_data")]
    file_data: Option<WireFile>,
}

#[derive(Deserialize)]
struct WireCall<'a> {
    id: Option<String>,
    name: String,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireResponse<'a> {
    id: Option<String>,
    name: String,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    parts: Option<Vec<WireResponsePart<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResponsePart<'a> {
    #[serde(borrow, alias = "inline_data")]
    inline_data: Option<WireBlob<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireBlob<'a> {
    #[serde(alias = "mime_type")]
    mime_type: String,
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(alias = "display_name")]
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFile {
    #[serde(alias = "mime_type")]
    mime_type: Option<String>,
    #[serde(alias = "file_uri")]
    file_uri: String,
    #[serde(alias = "display_name")]
    display_name: Option<String>,
}

pub(super) fn messages(
    system: Option<WireContent<'_>>,
    contents: Vec<WireContent<'_>>,
) -> Result<Vec<Message>, BadInput> {
    let mut talk = Talk::default();
    let instructions = system.and_then(|system| system.parts).unwrap_or_default();
    let texts: Vec<Part> = instructions
        .into_iter()
        .filter_map(|part| part.text)
        .filter(|t| !t.is_empty())
        .map(Part::Text)
        .collect();
    if !texts.is_empty() {
        talk.messages.push(empty(Role::System, texts));
    }
    for (at, content) in contents.into_iter().enumerate() {
        let model = content.role.as_deref() == Some("model");
        for (place, part) in content.parts.unwrap_or_default().into_iter().enumerate() {
            if model { talk.model(part) } else { talk.user(part, at, place)? }
        }
        // What a user says in two contents stays two messages.
        if !model {
            talk.closed = true;
        }
    }
    let sealed = |part: &Part| !matches!(part, Part::Thinking { signature: None, .. });
    talk.messages.iter_mut().for_each(|message| message.parts.retain(sealed));
    talk.messages.retain(|message| !message.parts.is_empty() || !message.tool_calls.is_empty());
    Ok(talk.messages)
}

fn empty(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts, name: None, tool_calls: vec![], tool_call_id: None }
}

#[derive(Default)]
struct Talk {
    messages: Vec<Message>,
    /// Calls that nobody has answered yet: id and name.
    open: VecDeque<(String, String)>,
    /// Calls seen, for ids where there are none.
    calls: usize,
    /// The last message of the user's takes no more.
    closed: bool,
}

impl Talk {
    fn at(&mut self, role: Role) -> &mut Message {
        let fits = self.messages.last().is_some_and(|last| last.role == role)
            && !(role == Role::User && self.closed);
        if !fits {
            self.messages.push(empty(role, vec![]));
            self.closed = false;
        }
        let last = self.messages.len() - 1;
        // There is one: it was just put there, or found.
        &mut self.messages[last]
    }

    fn model(&mut self, part: WirePart<'_>) {
        let sealed = part.thought_signature.as_deref().filter(|s| !s.is_empty()).map(seal::read);
        if let Some(call) = part.function_call {
            return self.call(call, sealed);
        }
        if let Some(text) = part.text {
            if part.thought == Some(true) {
                return self.thought(&text, sealed);
            }
            let parts = &mut self.at(Role::Assistant).parts;
            match parts.last_mut() {
                _ if text.is_empty() => {}
                Some(Part::Text(before)) => before.push_str(&text),
                _ => parts.push(Part::Text(text)),
            }
            // Gemini's own seal on a text is a hint: nobody else can use it, and Gemini can do without. Another's is on a
            // thought that was not shown.
            if let Some(Seal::Others(seal)) = sealed {
                parts.push(Part::Thinking { text: String::new(), signature: Some(seal) });
            }
            return;
        }
        if let Some(media) = part.inline_data.map(inline).or_else(|| part.file_data.map(linked)) {
            self.at(Role::Assistant).parts.push(media);
        }
    }

    /// What was thought goes back to whom it came from, and only sealed: without its seal it would be refused.
    fn thought(&mut self, text: &str, sealed: Option<Seal>) {
        let message = self.at(Role::Assistant);
        if !matches!(message.parts.last(), Some(Part::Thinking { signature: None, .. })) {
            message.parts.push(Part::Thinking { text: String::new(), signature: None });
        }
        if let Some(Part::Thinking { text: all, signature }) = message.parts.last_mut() {
            all.push_str(text);
            if let Some(Seal::Others(seal)) = sealed {
                *signature = Some(seal);
            }
        }
    }

    fn call(&mut self, call: WireCall<'_>, sealed: Option<Seal>) {
        self.calls += 1;
        let id = match call.id.filter(|id| !id.is_empty()) {
            Some(id) => id,
            None => format!("call_{}", self.calls),
        };
        self.open.push_back((id.clone(), call.name.clone()));
        let signature = sealed.map(|seal| match seal {
            Seal::Gemini(seal) | Seal::Others(seal) => seal,
        });
        let arguments = call.args.map_or("{}", RawValue::get);
        let arguments = if arguments == "null" { "{}" } else { arguments };
        let arguments = arguments.to_owned();
        self.at(Role::Assistant).tool_calls.push(ToolCall { id, name: call.name, arguments, signature });
    }

    fn user(&mut self, part: WirePart<'_>, at: usize, place: usize) -> Result<(), BadInput> {
        if let Some(response) = part.function_response {
            return self.response(response, at, place);
        }
        let part = match part {
            WirePart { text: Some(text), .. } => Part::Text(text),
            WirePart { inline_data: Some(blob), .. } => inline(blob),
            WirePart { file_data: Some(file), .. } => linked(file),
            _ => return Ok(()),
        };
        self.at(Role::User).parts.push(part);
        Ok(())
    }

    fn response(&mut self, response: WireResponse<'_>, at: usize, place: usize) -> Result<(), BadInput> {
        let given = response.id.filter(|id| !id.is_empty());
        let answers = |(id, name): &(String, String)| match &given {
            Some(given) => id == given,
            None => *name == response.name,
        };
        let Some(found) = self.open.iter().position(answers).and_then(|found| self.open.remove(found)) else {
            let path = format!("contents[{at}].parts[{place}].functionResponse");
            let what = given.as_deref().unwrap_or(&response.name);
            return Err(BadInput::at(
                path.clone(),
                format!(
                    "{path}: answers no functionCall before it that is still open ({:?})",
                    crate::json::shortened(what)
                ),
            ));
        };
        let mut parts = vec![Part::Text(result(response.response))];
        parts.extend(response.parts.into_iter().flatten().filter_map(|part| part.inline_data).map(inline));
        let mut message = empty(Role::Tool, parts);
        message.name = Some(found.1);
        message.tool_call_id = Some(found.0);
        self.messages.push(message);
        Ok(())
    }
}

/// What a function gave, as text. Google's SDKs wrap what is no object into one of these two keys.
fn result(response: Option<&RawValue>) -> String {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wrapped {
        #[serde(alias = "output")]
        result: String,
    }
    let text = response.map_or("{}", RawValue::get);
    match serde_json::from_str::<Wrapped>(text) {
        Ok(Wrapped { result }) => result,
        Err(_) => text.to_owned(),
    }
}

fn inline(blob: WireBlob<'_>) -> Part {
    let data = seal::standard(&blob.data);
    match stuff(&blob.mime_type) {
        Stuff::Audio(format) => Part::Audio { format: format.to_owned(), data },
        Stuff::Image => Part::Image { source: Media::Inline { mime: blob.mime_type, data }, detail: None },
        Stuff::Document | Stuff::Other => {
            Part::File { source: Media::Inline { mime: blob.mime_type, data }, name: blob.display_name }
        }
    }
}

fn linked(file: WireFile) -> Part {
    let stuff = link(&file.file_uri, file.mime_type.as_deref().unwrap_or_default());
    let source = Media::Url(file.file_uri);
    match stuff {
        Stuff::Image => Part::Image { source, detail: None },
        _ => Part::File { source, name: file.display_name },
    }
}
