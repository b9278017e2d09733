//! What a response says again of its request: fields of the response object.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    instructions: Option<&'a RawValue>,
    #[serde(borrow)]
    max_output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    max_tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    parallel_tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt_cache_key: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    safety_identifier: Option<&'a RawValue>,
    #[serde(borrow)]
    temperature: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_choice: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    top_logprobs: Option<&'a RawValue>,
    #[serde(borrow)]
    top_p: Option<&'a RawValue>,
    #[serde(borrow)]
    user: Option<&'a RawValue>,
}

/// `,"name":value` for each of them, on one line; what was not said, at its default.
pub(super) fn of(request: &Bytes) -> Vec<u8> {
    // It was read before, so it can be read.
    let said: Said<'_> = serde_json::from_slice(request).unwrap_or_default();
    let mut out = Vec::with_capacity(512);
    for (name, value, default) in [
        ("instructions", said.instructions, Some("null")),
        ("max_output_tokens", said.max_output_tokens, Some("null")),
        ("max_tool_calls", said.max_tool_calls, Some("null")),
        ("metadata", said.metadata, Some("{}")),
        ("parallel_tool_calls", said.parallel_tool_calls, Some("true")),
        ("prompt_cache_key", said.prompt_cache_key, Some("null")),
        ("reasoning", said.reasoning, Some(r#"{"effort":null,"summary":null}"#)),
        ("safety_identifier", said.safety_identifier, Some("null")),
        ("temperature", said.temperature, Some("1.0")),
        ("text", said.text, Some(r#"{"format":{"type":"text"}}"#)),
        ("tool_choice", said.tool_choice, Some(r#""auto""#)),
        ("tools", said.tools, Some("[]")),
        ("top_logprobs", said.top_logprobs, Some("0")),
        ("top_p", said.top_p, Some("1.0")),
        // Never null.
        ("user", said.user, None),
    ] {
        let Some(text) = value.map(RawValue::get).or(default) else { continue };
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        on_one_line(&mut out, text);
    }
    out
}

/// JSON without the line breaks around its tokens: within a frame there are none.
fn on_one_line(out: &mut Vec<u8>, json: &str) {
    // Within strings they are escaped.
    for line in json.split(['\n', '\r']) {
        out.extend_from_slice(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn echo(request: &str) -> Value {
        let fields = String::from_utf8(super::of(&request.to_owned().into())).unwrap();
        assert!(!fields.contains('\n'));
        serde_json::from_str(&format!("{{{}}}", &fields[1..])).unwrap()
    }

    #[test]
    fn what_was_not_said_is_at_its_default() {
        let told = echo(r#"{"model":"m","input":"x","temperature":null}"#);
        assert_eq!(
            told,
            json!({"instructions": null, "max_output_tokens": null, "max_tool_calls": null, "metadata": {},
                "parallel_tool_calls": true, "prompt_cache_key": null,
                "reasoning": {"effort": null, "summary": null}, "safety_identifier": null, "temperature": 1.0,
                "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_logprobs": 0,
                "top_p": 1.0})
        );
    }

    #[test]
    fn what_was_said_is_said_again() {
        let request = json!({"model": "m", "input": [], "instructions": "a\nb", "temperature": 0.25, "user": "u",
            "tools": [{"type": "function", "name": "f"}], "metadata": {"k": "v\r\n"}});
        let told = echo(&serde_json::to_string_pretty(&request).unwrap());
        for field in ["instructions", "temperature", "user", "tools", "metadata"] {
            assert_eq!(told[field], request[field], "{field}");
        }
    }
}
