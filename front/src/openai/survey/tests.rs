use crate::openai::{parse, survey};
use bytes::Bytes;
use proptest::prelude::*;
use relay::BadInput;
use serde_json::{Value, json};
use vocab::{Caps, Effort, RawChat};

fn look(body: &str) -> Result<RawChat, BadInput> {
    let looked = survey(Bytes::copy_from_slice(body.as_bytes()));
    // All that is usual is walked, and nothing that is refused.
    assert_eq!(super::ways::walks(body), looked.is_ok(), "{body}");
    looked
}

/// A request with these fields besides model and messages.
fn with(fields: &str) -> String {
    format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{}{fields}}}"#,
        if fields.is_empty() { "" } else { "," }
    )
}

/// A request with this as its only message.
fn saying(message: &str) -> String {
    format!(r#"{{"model":"m","messages":[{message}]}}"#)
}

#[test]
fn a_brief_says_what_the_request_needs() {
    for (fields, needs) in [
        ("", Caps::empty()),
        (r#""temperature":1,"top_p":1.0,"n":1,"presence_penalty":0"#, Caps::empty()),
        (r#""temperature":0.7"#, Caps::SAMPLING),
        (r#""top_p":0.5,"temperature":1"#, Caps::SAMPLING),
        (r#""frequency_penalty":-2"#, Caps::PENALTIES),
        (r#""n":3"#, Caps::MANY),
        (r#""stop":"x","seed":-5"#, Caps::STOP.union(Caps::SEED)),
        (r#""stop":[]"#, Caps::empty()),
        (r#""logprobs":true,"top_logprobs":5"#, Caps::LOGPROBS),
        (r#""logit_bias":{"50256":-100}"#, Caps::LOGIT_BIAS),
        (r#""logit_bias":{}"#, Caps::empty()),
        (r#""reasoning_effort":"high""#, Caps::REASONING),
        (r#""reasoning_effort":"none""#, Caps::empty()),
        (r#""stream":true"#, Caps::STREAM),
        (r#""response_format":{"type":"json_object"}"#, Caps::JSON_OBJECT),
        (r#""response_format":{"type":"text"}"#, Caps::empty()),
        (
            r#""stream":true,"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{}}}"#,
            Caps::JSON_SCHEMA.union(Caps::STREAM).union(Caps::SCHEMA_STREAM),
        ),
        (
            r#""response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{}}},"tools":[{"type":"function","function":{"name":"f"}}]"#,
            Caps::JSON_SCHEMA.union(Caps::TOOLS).union(Caps::SCHEMA_WITH_TOOLS),
        ),
        (
            r#""tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required","parallel_tool_calls":false"#,
            Caps::TOOLS.union(Caps::FORCED_TOOL).union(Caps::SERIAL_TOOLS),
        ),
        (
            r#""tools":[{"type":"custom","custom":{"name":"f"}}],"tool_choice":"auto""#,
            Caps::TOOLS.union(Caps::CUSTOM_TOOLS),
        ),
        (r#""tools":[]"#, Caps::empty()),
        (r#""verbosity":"low""#, Caps::OPENAI_ONLY),
        (r#""store":false"#, Caps::empty()),
        (r#""store":true"#, Caps::OPENAI_ONLY),
        (
            r#""modalities":["text","audio"],"audio":{"voice":"alloy","format":"mp3"}"#,
            Caps::AUDIO_OUT.union(Caps::OPENAI_ONLY),
        ),
        (r#""prediction":{"type":"content","content":"x"}"#, Caps::OPENAI_ONLY),
        (r#""web_search_options":{}"#, Caps::WEB_SEARCH),
        (r#""something_new":{"deep":[1,2]}"#, Caps::empty()),
    ] {
        let raw = look(&with(fields)).unwrap_or_else(|e| panic!("{fields}: {e}"));
        assert_eq!(raw.brief.needs, needs, "{fields}");
        parse(&raw).unwrap_or_else(|e| panic!("{fields}: {e}"));
    }
}

#[test]
fn messages_say_what_they_need() {
    let user = |part: &str| saying(&format!(r#"{{"role":"user","content":[{part}]}}"#));
    let data = "data:image/png;base64,AAAA";
    for (body, needs) in [
        (user(r#"{"type":"text","text":"hi"}"#), Caps::empty()),
        (user(&format!(r#"{{"type":"image_url","image_url":{{"url":"{data}"}}}}"#)), Caps::VISION),
        (
            user(r#"{"type":"image_url","image_url":{"url":"https://x.example/a.png","detail":"low"}}"#),
            Caps::VISION.union(Caps::IMAGE_URL),
        ),
        (user(r#"{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}"#), Caps::AUDIO_IN),
        (user(r#"{"type":"file","file":{"file_data":"data:application/pdf;base64,AAAA"}}"#), Caps::PDF),
        (user(r#"{"type":"file","file":{"file_id":"file-1"}}"#), Caps::PDF.union(Caps::OPENAI_ONLY)),
        (saying(r#"{"role":"user","content":"a"},{"role":"assistant","content":"b"}"#), Caps::PREFILL),
        (
            saying(
                r#"{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[
                {"id":"1","type":"function","function":{"name":"f","arguments":"{}"}},
                {"id":"2","type":"function","function":{"name":"f","arguments":"{}"}}]},
                {"role":"tool","tool_call_id":"1","content":"x"},{"role":"tool","tool_call_id":"2","content":"y"}"#,
            ),
            Caps::TOOLS.union(Caps::PARALLEL_TOOLS),
        ),
    ] {
        assert_eq!(look(&body).unwrap_or_else(|e| panic!("{body}: {e}")).brief.needs, needs, "{body}");
    }
}

#[test]
fn spans_are_those_of_the_values() {
    let body = r#" {"stream_options" : {"include_usage":true}, "model": "gp\u0074" ,"max_tokens":5,"messages":[{"role":"user","content":"hi"}], "max_completion_tokens":null}"#;
    let raw = look(body).unwrap();
    let at = |span: Option<vocab::Span>| &body[span.unwrap()];
    assert_eq!(at(raw.spans.model.clone()), r#""gp\u0074""#);
    assert_eq!(at(raw.spans.stream_options.clone()), r#"{"include_usage":true}"#);
    assert_eq!(at(raw.spans.max_tokens.clone()), "5");
    assert_eq!(at(raw.spans.max_completion_tokens.clone()), "null");
    assert_eq!(&body[..raw.spans.start], " {");
    assert_eq!((raw.brief.model.as_str(), raw.brief.max_output, raw.brief.n), ("gpt", Some(5), 1));
    assert!(raw.brief.include_usage && raw.untidy, "an explicit null is untidy");
}

#[test]
fn what_stricter_servers_refuse_is_untidy() {
    for (body, untidy) in [
        (with(""), false),
        (with(r#""temperature":null"#), true),
        (with(r#""tools":[]"#), true),
        (saying(r#"{"role":"user","content":"a","name":"ann"}"#), true),
        (saying(r#"{"role":"assistant","content":"a","refusal":null}"#), true),
        (saying(r#"{"role":"assistant","content":"a","reasoning_content":"b"}"#), true),
        (saying(r#"{"role":"user","content":[{"type":"text","text":"a"}]}"#), false),
    ] {
        assert_eq!(look(&body).unwrap().untidy, untidy, "{body}");
    }
}

#[test]
fn tokens_grow_with_what_is_said() {
    let text = |n: usize| {
        look(&saying(&format!(r#"{{"role":"user","content":"{}"}}"#, "two words ".repeat(n)))).unwrap()
    };
    assert!((190..230).contains(&text(100).brief.tokens_in), "{}", text(100).brief.tokens_in);
    assert_eq!(text(0).brief.tokens_in, 7);
    // As it is written makes no difference.
    let plain = look(&saying(r#"{"role":"user","content":"a\nb é 😀/"}"#)).unwrap().brief;
    let escaped =
        look(&saying(r#"{"role":"user","content":"\u0061\n\u0062 \u00e9 \ud83d\ude00\/"}"#)).unwrap().brief;
    assert_eq!((plain.size, plain.tokens_in), (escaped.size, escaped.tokens_in));
    let effort = look(&with(r#""reasoning_effort":"xhigh""#)).unwrap().brief.effort;
    assert_eq!(effort, Some(Effort::Xhigh));
}

/// Every one of these is told apart by a path or a place, and in words.
#[test]
fn bad_requests_are_refused_where_they_are_wrong() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let (deep_200, deep_100k) =
        (with(&format!(r#""x":{}"#, deep(200))), with(&format!(r#""x":{}"#, deep(100_000))));
    let deep_options = with(&format!(r#""stream_options":{{"x":{}}}"#, deep(126)));
    let huge =
        format!(r#"{{"model":"{}","messages":[{{"role":"user","content":"a"}}]}}"#, "m".repeat(1 << 20));
    let many = with(&(0..65).map(|i| format!(r#""x{i}":1"#)).collect::<Vec<_>>().join(","));
    let m = |fields: &str| with(fields);
    let s = |message: &str| saying(message);
    let part = |part: &str| saying(&format!(r#"{{"role":"user","content":[{part}]}}"#));
    let tool = |tool: &str| with(&format!(r#""tools":[{tool}]"#));
    let called = |call: &str| saying(&format!(r#"{{"role":"assistant","tool_calls":[{call}]}}"#));
    let cases: Vec<(String, &str)> = vec![
        // Not JSON.
        ("".into(), "line 1, column 0: EOF"),
        ("{".into(), "line 1, column 1: EOF"),
        (r#"{"model":"m","messages":[{"role":"us"#.into(), "EOF while parsing a string"),
        (r#"{"model":"m",}"#.into(), "line 1, column 14: trailing comma"),
        (with("") + "x", "trailing characters"),
        ("\u{feff}".to_owned() + &with(""), "byte order mark"),
        (m(r#""temperature":NaN"#), "expected value"),
        (m(r#""temperature":1e999"#), "out of range"),
        (m(r#""x":1e999"#), "out of range"),
        (m(r#""x":01"#), "column"),
        (s(r#"{"role":"user","content":"\ud800"}"#), "hex escape"),
        (m(r#""x":"\ud800""#), "hex escape"),
        (s("{\"role\":\"user\",\"content\":\"a\0b\"}"), "control character"),
        (deep_200, "nested deeper than 127 levels"),
        (deep_100k, "nested deeper than 127 levels"),
        (deep_options, "nested deeper than 127 levels"),
        // The wrong thing altogether.
        ("[]".into(), "JSON object"),
        ("\"hi\"".into(), "JSON object"),
        ("{}".into(), "model: the field is missing"),
        (r#"{"model":"m"}"#.into(), "messages: the field is missing"),
        (r#"{"messages":[{"role":"user","content":"a"}]}"#.into(), "model: the field is missing"),
        // Twice.
        (m(r#""model":"n""#), "model: the field is there twice"),
        (m(r#""mod\u0065l":"n""#), "twice"),
        (m(r#""n":1,"n":null"#), "n: the field is there twice"),
        (m(r#""x":1,"x":1"#), "x: the field is there twice"),
        (s(r#"{"role":"user","role":"system","content":"a"}"#), "messages[0].role: the field is there twice"),
        (s(r#"{"role":"user","content":"a","x":1,"x":2}"#), "messages[0].x"),
        (
            m(r#""stream_options":{"include_usage":true,"include_usage":false}"#),
            "stream_options.include_usage",
        ),
        (tool(r#"{"type":"function","function":{"name":"a","name":"b"}}"#), "tools[0].function.name"),
        (many, "more than 64 unknown"),
        // Fields of the wrong kind or out of bounds.
        (r#"{"model":5,"messages":[]}"#.into(), "model: expected a string, got a number"),
        (r#"{"model":null,"messages":[]}"#.into(), "model: expected a string, got null"),
        (r#"{"model":"","messages":[]}"#.into(), "model"),
        (r#"{"model":"a\u0000b","messages":[]}"#.into(), "control character"),
        (huge, "at most 256 bytes"),
        (r#"{"model":"m","messages":[]}"#.into(), "messages: expected at least one"),
        (r#"{"model":"m","messages":{}}"#.into(), "messages: expected an array, got an object"),
        (r#"{"model":"m","messages":null}"#.into(), "messages: expected an array, got null"),
        (s("5"), "messages[0]: expected an object, got a number"),
        (s("{}"), "messages[0].role: the field is missing"),
        (
            s(r#"{"role":"robot","content":"a"}"#),
            r#"messages[0].role: "robot" is not known; allowed: "developer""#,
        ),
        (s(r#"{"role":"function","content":"a","name":"f"}"#), "messages[0].role"),
        (s(r#"{"role":5}"#), "messages[0].role: expected one of"),
        (s(r#"{"role":"user"}"#), "messages[0].content: the field is missing"),
        (s(r#"{"role":"user","content":null}"#), "messages[0].content: the field is null"),
        (s(r#"{"role":"user","content":5}"#), "messages[0].content"),
        (s(r#"{"role":"user","content":[]}"#), "at least one part"),
        (s(r#"{"role":"assistant","content":null}"#), "messages[0].content"),
        (s(r#"{"role":"tool","content":"a"}"#), "messages[0].tool_call_id"),
        (s(r#"{"role":"user","content":"a","tool_calls":[]}"#), "messages[0].tool_calls"),
        (s(r#"{"role":"user","content":"a","name":5}"#), "messages[0].name"),
        (
            s(r#"{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://a"}}]}"#),
            "messages[0].content[0].type",
        ),
        (part("5"), "messages[0].content[0]: expected an object"),
        (part("{}"), "messages[0].content[0].type: the field is missing"),
        (part(r#"{"type":"video"}"#), r#""video" is not known"#),
        (part(r#"{"type":"text"}"#), "messages[0].content[0].text"),
        (part(r#"{"type":"text","text":5}"#), "messages[0].content[0].text: expected a string"),
        (part(r#"{"type":"text","image_url":{"url":"https://a"}}"#), "messages[0].content[0]"),
        (
            part(r#"{"type":"image_url","image_url":"https://a"}"#),
            "messages[0].content[0].image_url: expected an object",
        ),
        (part(r#"{"type":"image_url","image_url":{"url":"ftp://a"}}"#), "image_url.url"),
        (part(r#"{"type":"image_url","image_url":{"url":"data:text/plain;base64,AA"}}"#), "data:image/"),
        (part(r#"{"type":"image_url","image_url":{"url":"https://a","detail":"huge"}}"#), "image_url.detail"),
        (part(r#"{"type":"input_audio","input_audio":{"data":"AA"}}"#), "input_audio.format"),
        (part(r#"{"type":"input_audio","input_audio":{"data":"","format":"wav"}}"#), "input_audio.data"),
        (part(r#"{"type":"file","file":{}}"#), "got neither"),
        (called("{}"), "messages[0].tool_calls[0].id"),
        (called(r#"{"id":"1","type":"function"}"#), "tool_calls[0].function"),
        (
            called(r#"{"id":"1","type":"function","function":{"name":"f","arguments":{}}}"#),
            "function.arguments: expected a string",
        ),
        (m(r#""stream":"true""#), "stream: expected a boolean, got a string"),
        (m(r#""stream_options":true"#), "stream_options: expected an object"),
        (m(r#""max_tokens":0"#), "max_tokens: expected a whole number from 1"),
        (m(r#""max_tokens":-1"#), "max_tokens"),
        (m(r#""max_tokens":1e20"#), "max_tokens"),
        (m(r#""max_tokens":99999999999999999999"#), "max_tokens"),
        (m(r#""max_tokens":5.5"#), "max_tokens"),
        (m(r#""max_tokens":"5""#), "max_tokens: expected a whole number from 1 to 1073741824, got a string"),
        (m(r#""max_tokens":5,"max_completion_tokens":6"#), "max_tokens: 5 contradicts"),
        (m(r#""temperature":2.1"#), "temperature: expected a number from 0 to 2, got 2.1"),
        (m(r#""temperature":-0.1"#), "temperature"),
        (m(r#""temperature":"hot""#), "temperature"),
        (m(r#""top_p":1.5"#), "top_p"),
        (m(r#""presence_penalty":-3"#), "presence_penalty"),
        (m(r#""n":0"#), "n: expected a whole number from 1 to 128, got 0"),
        (m(r#""n":-0"#), "n:"),
        (m(r#""n":129"#), "n:"),
        (m(r#""stop":["a","b","c","d","e"]"#), "stop[4]: at most 4"),
        (m(r#""stop":[5]"#), "stop[0]"),
        (m(r#""stop":{}"#), "stop:"),
        (m(r#""seed":"x""#), "seed:"),
        (m(r#""seed":-0"#), "seed:"),
        (m(r#""seed":1.0"#), "seed:"),
        (m(r#""seed":9223372036854775808"#), "seed:"),
        (m(r#""top_logprobs":3"#), "top_logprobs: needs"),
        (m(r#""logprobs":true,"top_logprobs":21"#), "top_logprobs:"),
        (m(r#""logit_bias":{"1":101}"#), "logit_bias.1:"),
        (m(r#""reasoning_effort":"extreme""#), "reasoning_effort:"),
        (m(r#""response_format":"json""#), "response_format: expected an object"),
        (m(r#""response_format":{"type":"yaml"}"#), "response_format.type"),
        (m(r#""response_format":{"type":"json_schema"}"#), "response_format.json_schema"),
        (m(r#""response_format":{"type":"json_schema","json_schema":{"name":"a"}}"#), "json_schema.schema"),
        (m(r#""tools":{}"#), "tools: expected an array"),
        (tool(r#"{"type":"web_search"}"#), "tools[0].type"),
        (tool(r#"{"type":"function"}"#), "tools[0]"),
        (tool(r#"{"type":"function","function":{"name":""}}"#), "tools[0].function.name"),
        (
            tool(r#"{"type":"function","function":{"name":"a","parameters":[]}}"#),
            "tools[0].function.parameters",
        ),
        (m(r#""tool_choice":"maybe""#), "tool_choice:"),
        (m(r#""tool_choice":"required""#), "there are no `tools`"),
        (m(r#""tool_choice":{"type":"function"}"#), "tool_choice.function"),
        (m(r#""parallel_tool_calls":1"#), "parallel_tool_calls: expected a boolean"),
        (m(r#""verbosity":"loud""#), "verbosity:"),
        (m(r#""modalities":["video"]"#), "modalities[0]:"),
        (m(r#""metadata":{"a":1}"#), "metadata.a:"),
        (m(r#""service_tier":"gold""#), "service_tier:"),
        (m(r#""user":5"#), "user:"),
        (m(r#""functions":[]"#), "`tools`"),
        (m(r#""function_call":"auto""#), "`tool_choice`"),
    ];
    assert!(cases.len() > 90);
    for (body, says) in &cases {
        let shown: String = body.chars().take(200).collect();
        match look(body) {
            Ok(_) => panic!("taken: {shown}"),
            Err(bad) => assert!(bad.message.contains(says), "{shown}\n said: {}\n not: {says}", bad.message),
        }
    }
    let bytes = survey(Bytes::from_static(b"{\"model\":\"\xff\"}")).unwrap_err();
    assert!(bytes.message.contains("column 11: the bytes here are not UTF-8"), "{bytes}");
}

pub(super) fn message() -> impl Strategy<Value = Value> {
    prop_oneof![
        ".{0,40}".prop_map(|t| json!({ "role": "user", "content": t })),
        ".{0,40}".prop_map(|t| json!({ "content": t, "role": "system" })),
        ".{0,20}".prop_map(|t| json!({ "role": "user", "content": [{ "type": "text", "text": t }] })),
        (".{1,9}", ".{0,9}").prop_map(|(id, args)| json!({ "role": "assistant", "content": null,
            "tool_calls": [{ "id": id, "type": "function", "function": { "name": "f", "arguments": args } }] })),
        (".{1,9}", ".{0,9}").prop_map(|(id, t)| json!({ "role": "tool", "tool_call_id": id, "content": t })),
    ]
}

pub(super) fn request() -> impl Strategy<Value = Value> {
    (
        "[a-z/:.-]{1,20}",
        prop::collection::vec(message(), 1..6),
        prop::option::of(1u32..100_000),
        prop::option::of(0u32..=20),
        any::<bool>(),
        prop::option::of(any::<i64>()),
    )
        .prop_map(|(model, messages, max, heat, stream, seed)| {
            let mut request = json!({ "model": model, "messages": messages, "stream": stream });
            if let Some(max) = max {
                request["max_tokens"] = max.into();
            }
            if let Some(heat) = heat {
                request["temperature"] = (f64::from(heat) / 10.0).into();
            }
            if let Some(seed) = seed {
                request["seed"] = seed.into();
            }
            request
        })
}

proptest! {
    #[test]
    fn good_requests_are_taken_and_taken_apart_alike(request in request()) {
        let body = if request["stream"] == true { serde_json::to_vec(&request) } else { serde_json::to_vec_pretty(&request) };
        let raw = survey(body.unwrap().into()).unwrap();
        let chat = parse(&raw).unwrap();
        prop_assert_eq!(&raw.brief.model, request["model"].as_str().unwrap());
        let model: String = serde_json::from_slice(&raw.body[raw.spans.model.clone().unwrap()]).unwrap();
        prop_assert_eq!(model, raw.brief.model);
        prop_assert_eq!(chat.stream, raw.brief.stream);
        prop_assert_eq!(chat.max_output.map(u64::from), request.get("max_tokens").and_then(Value::as_u64));
        prop_assert_eq!(raw.brief.max_output, chat.max_output);
        prop_assert_eq!(chat.temperature, request.get("temperature").and_then(Value::as_f64));
        prop_assert_eq!(chat.seed, request.get("seed").and_then(Value::as_i64));
        let messages = request["messages"].as_array().unwrap();
        prop_assert_eq!(chat.messages.len(), messages.len());
        for (ours, theirs) in chat.messages.iter().zip(messages) {
            if let Some(text) = theirs["content"].as_str() {
                prop_assert_eq!(ours.plain_text(), text);
            }
        }
    }

    /// What is taken is JSON, can be taken apart, and nothing makes the survey fall over.
    #[test]
    fn a_slip_anywhere_is_refused_or_still_consistent(request in request(), place in any::<prop::sample::Index>(), byte: u8) {
        let mut body = serde_json::to_vec(&request).unwrap();
        let place = place.index(body.len());
        body[place] = byte;
        if let Ok(raw) = survey(body.clone().into()) {
            prop_assert!(serde_json::from_slice::<Value>(&body).is_ok());
            parse(&raw).unwrap();
        }
    }

    #[test]
    fn any_bytes_get_a_verdict(body in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = survey(body.into());
    }
}
