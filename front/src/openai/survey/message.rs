//! The conversation: roles, contents, parts, calls.

use super::tokens;
use crate::json::{Kind, Scan, Seen, Text, Wrong};
use vocab::Caps;

/// The messages, added up.
#[derive(Default)]
pub(super) struct Messages {
    pub count: usize,
    pub text_bytes: usize,
    /// Tokens of what is not text.
    pub extra_tokens: usize,
    pub needs: Caps,
    pub untidy: bool,
    /// The model called tools earlier.
    pub called: bool,
    /// The last message is the assistant's own beginning.
    pub prefilled: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Content {
    #[default]
    Absent,
    Null,
    Text,
    Parts,
}

/// One message, until its role is known: fields come in any order.
#[derive(Default)]
struct Message {
    role: &'static str,
    content: Content,
    /// The first part of each kind, by its place in [`PARTS`], and where it was.
    parts: [Option<usize>; PARTS.len()],
    calls: usize,
    has_calls: bool,
    call_id: bool,
    refusal: bool,
    audio: bool,
}

const ROLES: [&str; 5] = ["developer", "system", "user", "assistant", "tool"];
const PARTS: [&str; 5] = ["text", "image_url", "input_audio", "file", "refusal"];

pub(super) fn messages(scan: &mut Scan<'_>) -> Result<Messages, Wrong> {
    let mut all = Messages::default();
    all.count = scan.array(|scan, _| all.message(scan))?;
    if all.count == 0 {
        return Err(Wrong::field("expected at least one message, got an empty array"));
    }
    Ok(all)
}

impl Messages {
    fn message(&mut self, scan: &mut Scan<'_>) -> Result<(), Wrong> {
        let mut message = Message::default();
        let mut seen = Seen::default();
        scan.object(|scan, key| {
            match key.as_ref() {
                "role" => {
                    seen.known(0)?;
                    message.role = scan.one_of(&ROLES)?;
                }
                "content" => {
                    seen.known(1)?;
                    self.content(scan, &mut message)?;
                }
                "name" => {
                    seen.known(2)?;
                    self.untidy = true;
                    if !scan.null()? {
                        scan.text()?;
                    }
                }
                "tool_calls" => {
                    seen.known(3)?;
                    if scan.null()? {
                        self.untidy = true;
                    } else {
                        message.has_calls = true;
                        message.calls = scan.array(|scan, _| self.call(scan))?;
                        self.untidy |= message.calls == 0;
                    }
                }
                "tool_call_id" => {
                    seen.known(4)?;
                    if scan.null()? {
                        self.untidy = true;
                    } else {
                        filled(scan.text()?)?;
                        message.call_id = true;
                    }
                }
                "refusal" => {
                    seen.known(5)?;
                    self.untidy = true;
                    if !scan.null()? {
                        self.text_bytes += scan.text()?.raw.len();
                        message.refusal = true;
                    }
                }
                "audio" => {
                    seen.known(6)?;
                    self.untidy = true;
                    if !scan.null()? {
                        super::object(scan)?;
                        self.needs |= Caps::OPENAI_ONLY;
                        message.audio = true;
                    }
                }
                "function_call" => {
                    seen.known(7)?;
                    self.untidy = true;
                    if !scan.null()? {
                        return Err(Wrong::field("this old form is not served; send `tool_calls` instead"));
                    }
                }
                _ => {
                    seen.unknown(key)?;
                    self.untidy = true;
                    scan.skip()?;
                }
            }
            Ok(())
        })?;
        self.whole(&message)
    }

    /// Holds a message's fields against its role.
    fn whole(&mut self, message: &Message) -> Result<(), Wrong> {
        let role = message.role;
        if role.is_empty() {
            let allowed = ROLES.map(|r| format!("{r:?}")).join(", ");
            return Err(Wrong::field(format!("the field is missing; allowed: {allowed}")).in_key("role"));
        }
        self.prefilled = role == "assistant" && message.calls == 0;
        if message.has_calls && role != "assistant" {
            return Err(Wrong::field(format!(
                "only an assistant message has tool calls, this one's role is {role:?}"
            ))
            .in_key("tool_calls"));
        }
        if role == "tool" && !message.call_id {
            return Err(Wrong::field(
                "the field is missing; a tool message says which call it is the result of",
            )
            .in_key("tool_call_id"));
        }
        let allowed: &[&str] = match role {
            "user" => &["text", "image_url", "input_audio", "file"],
            "assistant" => &["text", "refusal"],
            _ => &["text"],
        };
        for (kind, at) in PARTS.iter().zip(message.parts) {
            if let Some(at) = at
                && !allowed.contains(kind)
            {
                let wrong = Wrong::field(format!("a {role} message has no parts of type {kind:?}"));
                return Err(wrong.in_key("type").in_item(at).in_key("content"));
            }
        }
        let speechless = matches!(message.content, Content::Absent | Content::Null);
        let said = message.calls > 0 || message.refusal || message.audio;
        if speechless && !(role == "assistant" && said) {
            let what = if message.content == Content::Null { "is null" } else { "is missing" };
            return Err(Wrong::field(format!("the field {what}; expected a string or an array of parts"))
                .in_key("content"));
        }
        self.called |= message.calls > 0 || role == "tool";
        if message.calls > 1 {
            self.needs |= Caps::PARALLEL_TOOLS;
        }
        Ok(())
    }

    fn content(&mut self, scan: &mut Scan<'_>, message: &mut Message) -> Result<(), Wrong> {
        message.content = match scan.kind()? {
            Kind::Text => {
                self.text_bytes += scan.text()?.raw.len();
                Content::Text
            }
            Kind::Array => {
                let count = scan.array(|scan, at| {
                    let kind = self.part(scan)?;
                    message.parts[kind].get_or_insert(at);
                    Ok(())
                })?;
                if count == 0 {
                    return Err(Wrong::field("expected at least one part, got an empty array"));
                }
                Content::Parts
            }
            Kind::Null => {
                scan.null()?;
                self.untidy = true;
                Content::Null
            }
            other => {
                return Err(Wrong::field(format!(
                    "expected a string or an array of parts, got {}",
                    other.name()
                )));
            }
        };
        Ok(())
    }

    /// One part; the place of its kind in [`PARTS`].
    fn part(&mut self, scan: &mut Scan<'_>) -> Result<usize, Wrong> {
        let mut kind = None;
        let mut there = [false; PARTS.len()];
        let mut seen = Seen::default();
        scan.object(|scan, key| {
            let number = match key.as_ref() {
                "type" => {
                    seen.known(63)?;
                    let name = scan.one_of(&PARTS)?;
                    kind = PARTS.iter().position(|p| *p == name);
                    return Ok(());
                }
                "text" => 0,
                "image_url" => 1,
                "input_audio" => 2,
                "file" => 3,
                "refusal" => 4,
                _ => {
                    seen.unknown(key)?;
                    self.untidy = true;
                    return scan.skip().map(drop);
                }
            };
            seen.known(number)?;
            if scan.null()? {
                self.untidy = true;
                return Ok(());
            }
            there[number as usize] = true;
            match number {
                1 => self.image(scan),
                2 => self.audio(scan),
                3 => self.file(scan),
                _ => {
                    self.text_bytes += scan.text()?.raw.len();
                    Ok(())
                }
            }
        })?;
        let Some(kind) = kind else {
            let allowed = PARTS.map(|p| format!("{p:?}")).join(", ");
            return Err(Wrong::field(format!("the field is missing; allowed: {allowed}")).in_key("type"));
        };
        for (number, name) in PARTS.iter().enumerate() {
            if number == kind && !there[number] {
                return Err(
                    Wrong::field(format!("the field is missing in a part of type {name:?}")).in_key(name)
                );
            }
            if number != kind && there[number] {
                let own = PARTS.get(kind).copied().unwrap_or_default();
                return Err(Wrong::field(format!("a part of type {own:?} has no such field")).in_key(name));
            }
        }
        Ok(kind)
    }

    fn image(&mut self, scan: &mut Scan<'_>) -> Result<(), Wrong> {
        let mut tokens = tokens::IMAGE;
        let mut url = None;
        let mut seen = Seen::default();
        scan.object(|scan, key| {
            match key.as_ref() {
                "url" => {
                    seen.known(0)?;
                    url = Some(image_url(scan.text()?)?);
                }
                "detail" => {
                    seen.known(1)?;
                    if !scan.null()? && scan.one_of(&["auto", "low", "high", "original"])? == "low" {
                        tokens = tokens::IMAGE_LOW;
                    }
                }
                _ => {
                    seen.unknown(key)?;
                    scan.skip()?;
                }
            }
            Ok(())
        })?;
        let needs = url.ok_or_else(|| Wrong::field("the field is missing").in_key("url"))?;
        self.needs |= Caps::VISION | needs;
        self.extra_tokens += tokens;
        Ok(())
    }

    fn audio(&mut self, scan: &mut Scan<'_>) -> Result<(), Wrong> {
        let (mut data, mut format) = (None, None);
        let mut seen = Seen::default();
        scan.object(|scan, key| {
            match key.as_ref() {
                "data" => {
                    seen.known(0)?;
                    data = Some(base64(scan.text()?.raw)?);
                }
                "format" => {
                    seen.known(1)?;
                    format = Some(scan.one_of(&["wav", "mp3"])?);
                }
                _ => {
                    seen.unknown(key)?;
                    scan.skip()?;
                }
            }
            Ok(())
        })?;
        let data = data.ok_or_else(|| Wrong::field("the field is missing").in_key("data"))?;
        if format.is_none() {
            return Err(Wrong::field("the field is missing; allowed: \"wav\", \"mp3\"").in_key("format"));
        }
        self.needs |= Caps::AUDIO_IN;
        self.extra_tokens += tokens::audio(data);
        Ok(())
    }

    fn file(&mut self, scan: &mut Scan<'_>) -> Result<(), Wrong> {
        let (mut data, mut id) = (None, false);
        let mut seen = Seen::default();
        scan.object(|scan, key| {
            match key.as_ref() {
                "file_data" => {
                    seen.known(0)?;
                    if !scan.null()? {
                        data = Some(scan.text()?.raw.len());
                    }
                }
                "file_id" => {
                    seen.known(1)?;
                    if !scan.null()? {
                        filled(scan.text()?)?;
                        id = true;
                    }
                }
                "filename" => {
                    seen.known(2)?;
                    if !scan.null()? {
                        scan.text()?;
                    }
                }
                _ => {
                    seen.unknown(key)?;
                    scan.skip()?;
                }
            }
            Ok(())
        })?;
        self.needs |= Caps::PDF;
        match (data, id) {
            (Some(data), false) => self.extra_tokens += tokens::document(data),
            // Only where it was uploaded is the id known.
            (None, true) => {
                self.needs |= Caps::OPENAI_ONLY;
                self.extra_tokens += tokens::document(0);
            }
            (Some(_), true) => return Err(Wrong::field("expected `file_data` or `file_id`, got both")),
            (None, false) => return Err(Wrong::field("expected `file_data` or `file_id`, got neither")),
        }
        Ok(())
    }

    /// A call made earlier.
    fn call(&mut self, scan: &mut Scan<'_>) -> Result<(), Wrong> {
        let (mut id, mut kind, mut function, mut custom) = (false, None, false, false);
        let mut seen = Seen::default();
        scan.object(|scan, key| {
            match key.as_ref() {
                "id" => {
                    seen.known(0)?;
                    filled(scan.text()?)?;
                    id = true;
                }
                "type" => {
                    seen.known(1)?;
                    kind = Some(scan.one_of(&["function", "custom"])?);
                }
                "function" => {
                    seen.known(2)?;
                    self.called(scan, "arguments")?;
                    function = true;
                }
                "custom" => {
                    seen.known(3)?;
                    self.called(scan, "input")?;
                    custom = true;
                }
                _ => {
                    seen.unknown(key)?;
                    self.untidy = true;
                    scan.skip()?;
                }
            }
            Ok(())
        })?;
        if !id {
            return Err(Wrong::field("the field is missing").in_key("id"));
        }
        match kind {
            None => {
                Err(Wrong::field("the field is missing; allowed: \"function\", \"custom\"").in_key("type"))
            }
            Some(kind) => match (kind, function, custom) {
                ("function", true, false) => Ok(()),
                ("custom", false, true) => {
                    self.needs |= Caps::CUSTOM_TOOLS;
                    Ok(())
                }
                ("function", false, _) | ("custom", _, false) => {
                    Err(Wrong::field("the field is missing").in_key(kind))
                }
                _ => Err(Wrong::field(format!("a call of type {kind:?} has no other kind's field"))),
            },
        }
    }

    fn called(&mut self, scan: &mut Scan<'_>, input: &str) -> Result<(), Wrong> {
        let (mut name, mut said) = (false, false);
        let mut seen = Seen::default();
        scan.object(|scan, key| {
            if key == "name" {
                seen.known(0)?;
                let text = scan.text()?;
                filled(text)?;
                self.text_bytes += text.raw.len();
                name = true;
            } else if key == input {
                seen.known(1)?;
                self.text_bytes += scan.text()?.raw.len();
                said = true;
            } else {
                seen.unknown(key)?;
                scan.skip()?;
            }
            Ok(())
        })?;
        self.extra_tokens += tokens::PER_CALL;
        if !name {
            return Err(Wrong::field("the field is missing").in_key("name"));
        }
        if !said {
            return Err(Wrong::field("the field is missing").in_key(input));
        }
        Ok(())
    }
}

pub(super) fn filled(text: Text<'_>) -> Result<(), Wrong> {
    if text.raw.is_empty() { Err(Wrong::field("expected a text, got an empty string")) } else { Ok(()) }
}

/// What an image's address needs of a model besides eyes.
fn image_url(text: Text<'_>) -> Result<Caps, Wrong> {
    let url = text.said();
    if let Some(rest) = url.strip_prefix("data:") {
        let Some((mime, data)) = rest.split_once(";base64,") else {
            return Err(Wrong::field("a data URL must be like \"data:image/png;base64,…\""));
        };
        if !mime.starts_with("image/") {
            return Err(Wrong::field("a data URL of an image must begin with \"data:image/\""));
        }
        base64(data)?;
        return Ok(Caps::empty());
    }
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(Caps::IMAGE_URL);
    }
    Err(Wrong::field("expected an https URL or a data URL with base64"))
}

/// Its length, if there is anything; the content is the provider's to decode.
fn base64(data: &str) -> Result<usize, Wrong> {
    if data.is_empty() {
        return Err(Wrong::field("the base64 data is empty"));
    }
    Ok(data.len())
}
