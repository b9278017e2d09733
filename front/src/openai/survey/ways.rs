//! The two ways through a request: the walk that nearly all of them go, and the judge that has the last word. Where the
//! walk gets through, both have seen the same.

use super::tests::request;
use super::{Request, Survey};
use crate::json::{parsed, walked};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Whether a body goes by the walk. If so, the judge is held against it.
pub(super) fn walks(body: &str) -> bool {
    let Some(walked) = walked::read(body, Request { body }) else { return false };
    let judged = parsed::read(body, Request { body });
    assert_eq!(Ok(&walked), judged.as_ref(), "{body}");
    whole(walked)
}

fn whole(mut survey: Survey) -> bool {
    survey.together().is_ok()
}

/// A conversation as clients have them: tools and their results, a picture, code, other scripts.
fn conversation() -> Value {
    let picture = format!("data:image/png;base64,{}", "iVBORw0KGgo/+AAAA".repeat(300));
    let arguments = json!({ "city": "Zürich", "days": 3, "why": "\"hot\"\n" }).to_string();
    let parameters = json!({ "type": "object", "additionalProperties": false, "required": ["city"], "properties": {
        "city": { "type": "string", "description": "A city, e.g. \"Paris\"" },
        "share": { "type": "number", "minimum": -0.5, "maximum": 1.25, "multipleOf": 0.01 },
        "größe": { "enum": ["klein", "groß", null, 1, true] } } });
    json!({
        "model": "openai/gpt-4o-mini",
        "messages": [
            { "role": "system", "content": "You are helpful.\n\n- Be brief.\n- Say \"no\" where it is one.\t\u{1f600}" },
            { "role": "user", "content": [
                { "type": "text", "text": "Was ist das? これは何ですか。 \u{0}\u{7}\u{2028}" },
                { "type": "image_url", "image_url": { "url": picture, "detail": "low" } },
                { "type": "image_url", "image_url": { "url": "https://pictures.example/a.png?x=1&y=2" } } ] },
            { "role": "assistant", "content": null, "refusal": null, "tool_calls": [
                { "id": "call_1", "type": "function", "function": { "name": "weather", "arguments": arguments } } ] },
            { "role": "tool", "tool_call_id": "call_1", "content": "{\"degrees\": 31.5, \"path\": \"C:\\\\a\"}" },
            { "role": "user", "content": "```rust\nfn main() {\n\tprintln!(\"{}\", '\\\\');\n}\n```\n".repeat(15) },
        ],
        "tools": [{ "type": "function", "function": { "name": "weather", "strict": true, "parameters": parameters } }],
        "tool_choice": "auto",
        "temperature": 0.7, "top_p": 0.95, "presence_penalty": -0.1, "max_completion_tokens": 1024, "seed": -42, "n": 1,
        "stop": ["\n\n", "END"], "stream": true, "stream_options": { "include_usage": true },
        "metadata": { "a": "b" }, "logit_bias": { "50256": -100 }, "user": "u-1", "something_new": [1, 2.5, {}],
        "response_format": { "type": "json_schema", "json_schema": { "name": "a", "schema": parameters } },
    })
}

#[test]
fn usual_requests_are_walked() {
    let chat = conversation();
    let compact = chat.to_string();
    // Clients in other languages write every character beyond ASCII as an escape, a blank after commas, slashes escaped.
    let ascii = escaped(&compact);
    let spaced = spaced(&compact);
    let slashed = compact.replace('/', "\\/");
    let pretty = serde_json::to_string_pretty(&chat).unwrap();
    for body in [&compact, &ascii, &spaced, &slashed, &pretty, &format!("\r\n {pretty} \n")] {
        assert!(walks(body), "{body}");
    }
    let long =
        json!({ "model": "m", "messages": [{ "role": "user", "content": "a word ".repeat(100_000) }] });
    assert!(walks(&long.to_string()));
}

/// Of a long text a sample is counted, by where it stands as it is written.
#[test]
fn long_texts_with_escapes_are_counted_nearly_alike() {
    let text = "fn main() {\n\tprintln!(\"{}\", '\\\\');\n}\n".repeat(500);
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": text }] }).to_string();
    let size = |survey: Survey| survey.messages.unwrap().size;
    let walked = size(walked::read(&body, Request { body: &body }).unwrap());
    let judged = size(parsed::read(&body, Request { body: &body }).unwrap());
    let likely = |size| f64::from(tokens::Family::O200k.likely(&size));
    assert_eq!(walked.text.bytes(), judged.text.bytes());
    assert!((likely(walked) / likely(judged) - 1.0).abs() < 0.05, "{walked:?} {judged:?}");
}

#[test]
fn what_the_walk_gives_up_is_taken_all_the_same() {
    for fields in [
        r#""temperature":7e-1"#,
        r#""temperature":0.70000000000000001"#,
        r#""seed":-9223372036854775808"#,
        &format!(r#""x":{}{}"#, "[".repeat(100), "]".repeat(100)),
    ] {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{fields}}}"#);
        assert!(!walks(&body), "{body}");
        super::survey(body.into()).unwrap();
    }
}

/// All beyond ASCII as escapes.
fn escaped(json: &str) -> String {
    let mut out = String::new();
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04X}")));
        }
    }
    out
}

/// A blank after every comma and colon between values.
fn spaced(json: &str) -> String {
    let (mut out, mut inside, mut after) = (String::new(), false, false);
    for c in json.chars() {
        inside ^= c == '"' && !after;
        after = inside && c == '\\' && !after;
        out.push(c);
        if !inside && matches!(c, ',' | ':') {
            out.push(' ');
        }
    }
    out
}

proptest! {
    #[test]
    fn good_requests_are_walked(request in request()) {
        let body = request.to_string();
        // But for numbers that are merely allowed.
        prop_assert!(walks(&body) || request["seed"] == i64::MIN, "{}", body);
        prop_assert!(walks(&escaped(&body)) && walks(&spaced(&body)) || request["seed"] == i64::MIN, "{}", body);
    }

    #[test]
    fn a_slip_anywhere_is_seen_alike(
        request in prop_oneof![9 => request(), 1 => Just(conversation())],
        slips in prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..5), 1..3),
    ) {
        let mut body: Vec<char> = request.to_string().chars().collect();
        for (place, new, how) in slips {
            let at = place.index(body.len());
            match how {
                0 => body[at] = new,
                1 => body[at] = char::from(b"\"\\,:[]{}019.-eEtnu\n "[new as usize % 20]),
                2 => drop(body.remove(at)),
                3 => body.insert(at, body[new as usize % body.len()]),
                _ => body.truncate(at.max(1)),
            }
        }
        walks(&body.into_iter().collect::<String>());
    }

    /// A field twice, in places where one is looked for and where not.
    #[test]
    fn two_of_a_field_are_seen_alike(request in request(), from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
        let body = request.to_string();
        let starts: Vec<usize> = body.match_indices(",\"").map(|(at, _)| at).collect();
        let from = starts[from.index(starts.len())];
        let end = body[from + 1..].find([',', '}']).map_or(body.len(), |n| from + 1 + n);
        let to = starts[to.index(starts.len())];
        walks(&format!("{}{}{}", &body[..to], &body[from..end], &body[to..]));
    }
}
