use crate::gemini::survey::{Surveyed, survey, survey_count};
use crate::gemini::{parse, seal};
use bytes::Bytes;
use proptest::prelude::*;
use relay::BadInput;
use serde_json::{Value, json};
use vocab::{Caps, Effort};

fn look(body: &str) -> Result<Surveyed, BadInput> {
    survey(Bytes::copy_from_slice(body.as_bytes()), "auto", false)
}

fn seen(request: &Value) -> Surveyed {
    look(&request.to_string()).unwrap_or_else(|e| panic!("{request}: {e}"))
}

/// A request with these fields besides contents.
fn with(fields: &str) -> String {
    format!(
        r#"{{"contents":[{{"role":"user","parts":[{{"text":"hi"}}]}}]{}{fields}}}"#,
        if fields.is_empty() { "" } else { "," }
    )
}

fn config(fields: &str) -> String {
    with(&format!(r#""generationConfig":{{{fields}}}"#))
}

const DECLARED: &str = r#""tools":[{"functionDeclarations":[{"name":"f"}]}]"#;

#[test]
fn a_brief_says_what_the_request_needs() {
    let schema = r#""responseMimeType":"application/json","responseSchema":{"type":"OBJECT"}"#;
    for (body, needs) in [
        (with(""), Caps::empty()),
        (
            config(r#""temperature":1,"topP":1.0,"candidateCount":1,"presencePenalty":0,"stopSequences":[]"#),
            Caps::empty(),
        ),
        (config(r#""temperature":0.7"#), Caps::SAMPLING),
        (config(r#""top_p":0.5,"temperature":1"#), Caps::SAMPLING),
        (config(r#""frequencyPenalty":-2"#), Caps::PENALTIES),
        (config(r#""candidate_count":3"#), Caps::MANY),
        (config(r#""stopSequences":["x"],"seed":-5"#), Caps::STOP.union(Caps::SEED)),
        (config(r#""responseLogprobs":true,"logprobs":5"#), Caps::LOGPROBS),
        (config(r#""thinkingConfig":{"thinkingLevel":"high"}"#), Caps::REASONING),
        (config(r#""thinkingConfig":{"thinkingBudget":0}"#), Caps::empty()),
        (config(r#""thinkingConfig":{"thinkingBudget":-1,"includeThoughts":true}"#), Caps::empty()),
        (config(r#""responseMimeType":"application/json""#), Caps::JSON_OBJECT),
        (config(r#""responseMimeType":"text/plain""#), Caps::empty()),
        (config(schema), Caps::JSON_SCHEMA),
        (config(r#""responseModalities":["TEXT"]"#), Caps::empty()),
        (
            with(&format!(r#"{DECLARED},"generationConfig":{{{schema}}}"#)),
            Caps::JSON_SCHEMA | Caps::TOOLS | Caps::SCHEMA_WITH_TOOLS,
        ),
        (
            with(&format!(r#"{DECLARED},"toolConfig":{{"functionCallingConfig":{{"mode":"ANY"}}}}"#)),
            Caps::TOOLS | Caps::FORCED_TOOL,
        ),
        (
            with(&format!(r#"{DECLARED},"tool_config":{{"function_calling_config":{{"mode":"auto"}}}}"#)),
            Caps::TOOLS,
        ),
        (
            with(
                r#""tools":[{"functionDeclarations":[{"name":"f","response_json_schema":{"type":"string"}}]}]"#,
            ),
            Caps::TOOLS,
        ),
        (with(r#""tools":[{"googleSearch":{}}]"#), Caps::WEB_SEARCH),
        (
            with(
                r#""safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}],"labels":{"a":"b"}"#,
            ),
            Caps::empty(),
        ),
        (with(r#""serviceTier":"flex","cachedContent":null"#), Caps::empty()),
    ] {
        let surveyed = look(&body).unwrap_or_else(|e| panic!("{body}: {e}"));
        assert_eq!(surveyed.raw.brief.needs, needs, "{body}");
        assert!(surveyed.only.is_empty(), "{:?}", surveyed.only);
        parse(&surveyed.raw).unwrap_or_else(|e| panic!("{body}: {e}"));
    }
}

#[test]
fn what_only_gemini_can_be_told_is_named() {
    for (body, path) in [
        (config(r#""topK":40"#), "generationConfig.topK"),
        (config(r#""speechConfig":{}"#), "generationConfig.speechConfig"),
        (config(r#""of_tomorrow":1"#), "generationConfig.of_tomorrow"),
        (
            config(r#""responseMimeType":"text/x.enum","responseSchema":{"type":"STRING"}"#),
            "generationConfig.responseMimeType",
        ),
        (config(r#""responseModalities":["IMAGE","TEXT"]"#), "generationConfig.responseModalities"),
        (config(r#""thinkingConfig":{"depth":2}"#), "generationConfig.thinkingConfig.depth"),
        (with(r#""cachedContent":"cachedContents/a""#), "cachedContent"),
        (with(r#""safetySettings":[{"category":"c","threshold":"BLOCK_ONLY_HIGH"}]"#), "safetySettings"),
        (with(r#""tools":[{"codeExecution":{}}]"#), "tools.codeExecution"),
        (with(r#""tools":[{"googleSearch":{"excludeDomains":["a"]}}]"#), "tools.googleSearch"),
        (
            with(&format!(r#"{DECLARED},"toolConfig":{{"functionCallingConfig":{{"mode":"VALIDATED"}}}}"#)),
            "toolConfig.functionCallingConfig.mode",
        ),
        (with(r#""somethingNew":{"deep":[1,2]}"#), "somethingNew"),
        (
            r#"{"contents":[{"parts":[{"text":"x","videoMetadata":{"fps":1}}]}]}"#.into(),
            "contents.parts.videoMetadata",
        ),
        (
            r#"{"contents":[{"parts":[{"executableCode":{"code":"x"}}]}]}"#.into(),
            "contents.parts.executableCode",
        ),
        (
            r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"video/mp4","data":"AAAA"}}]}]}"#.into(),
            "contents.parts.inlineData.mimeType video/mp4",
        ),
        (
            r#"{"contents":[{"parts":[{"fileData":{"fileUri":"gs://a/b.png","mimeType":"image/png"}}]}]}"#
                .into(),
            "contents.parts.fileData.fileUri",
        ),
        (
            with(r#""systemInstruction":{"parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}"#),
            "systemInstruction.parts",
        ),
    ] {
        let surveyed = look(&body).unwrap_or_else(|e| panic!("{body}: {e}"));
        assert!(surveyed.raw.brief.needs.contains(Caps::GEMINI_ONLY), "{body}");
        assert!(surveyed.only.iter().any(|told| told == path), "{body}: {:?}", surveyed.only);
    }
}

#[test]
fn media_is_what_it_is() {
    for (part, needs) in [
        (json!({"inlineData": {"mimeType": "image/png", "data": "iVBO_-w="}}), Caps::VISION),
        (json!({"inline_data": {"mime_type": "application/pdf", "data": "AAAA"}}), Caps::PDF),
        (json!({"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}), Caps::AUDIO_IN),
        (json!({"fileData": {"fileUri": "https://a.example/x.png"}}), Caps::VISION | Caps::IMAGE_URL),
    ] {
        let surveyed = seen(&json!({"contents": [{"parts": [part]}]}));
        assert_eq!(surveyed.raw.brief.needs, needs, "{part}");
    }
}

#[test]
fn every_bad_field_is_named_with_its_path() {
    for (body, param) in [
        ("[]".into(), None),
        ("{}".into(), Some("contents")),
        (r#"{"contents":[]}"#.into(), Some("contents")),
        (r#"{"contents":[{"role":"assistant","parts":[{"text":"x"}]}]}"#.into(), Some("contents[0].role")),
        (r#"{"contents":[{"parts":[{"text":"x"},{"text":7}]}]}"#.into(), Some("contents[0].parts[1].text")),
        (r#"{"contents":[{"parts":[{}]}]}"#.into(), Some("contents[0].parts[0]")),
        (
            r#"{"contents":[{"parts":[{"text":"x","functionCall":{"name":"f"}}]}]}"#.into(),
            Some("contents[0].parts[0]"),
        ),
        (
            r#"{"contents":[{"parts":[{"functionCall":{"name":"f"}}]}]}"#.into(),
            Some("contents[0].parts[0].functionCall"),
        ),
        (
            r#"{"contents":[{"role":"model","parts":[{"functionCall":{"args":{}}}]}]}"#.into(),
            Some("contents[0].parts[0].functionCall.name"),
        ),
        (
            r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":[1]}}]}]}"#.into(),
            Some("contents[0].parts[0].functionCall.args"),
        ),
        (
            r#"{"contents":[{"parts":[{"inlineData":{"data":"AAAA"}}]}]}"#.into(),
            Some("contents[0].parts[0].inlineData.mimeType"),
        ),
        (
            r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"a b"}}]}]}"#.into(),
            Some("contents[0].parts[0].inlineData.data"),
        ),
        (config(r#""maxOutputTokens":0"#), Some("generationConfig.maxOutputTokens")),
        (config(r#""max_output_tokens":"many""#), Some("generationConfig.maxOutputTokens")),
        (config(r#""temperature":2.5"#), Some("generationConfig.temperature")),
        (config(r#""stopSequences":["1","2","3","4","5","6"]"#), Some("generationConfig.stopSequences[5]")),
        (config(r#""responseSchema":{"type":"OBJECT"}"#), Some("generationConfig.responseSchema")),
        (config(r#""logprobs":3"#), Some("generationConfig.logprobs")),
        (
            config(r#""thinkingConfig":{"thinkingLevel":"huge"}"#),
            Some("generationConfig.thinkingConfig.thinkingLevel"),
        ),
        (
            config(r#""thinkingConfig":{"thinkingLevel":"LOW","thinkingBudget":1}"#),
            Some("generationConfig.thinkingConfig.thinkingBudget"),
        ),
        (config(r#""topP":0.5,"top_p":0.5"#), Some("generationConfig.top_p")),
        (
            with(r#""tools":[{"functionDeclarations":[{"description":"d"}]}]"#),
            Some("tools[0].functionDeclarations[0].name"),
        ),
        (
            with(
                r#""tools":[{"functionDeclarations":[{"name":"f","parameters":{},"parametersJsonSchema":{}}]}]"#,
            ),
            Some("tools[0].functionDeclarations[0].parametersJsonSchema"),
        ),
        (
            with(r#""toolConfig":{"functionCallingConfig":{"mode":"ANY"}}"#),
            Some("toolConfig.functionCallingConfig.mode"),
        ),
        (with(r#""safetySettings":[{"category":"c"}]"#), Some("safetySettings[0].threshold")),
        (with(r#""systemInstruction":"be brief""#), Some("systemInstruction")),
        (with(r#""serviceTier":"gold""#), Some("serviceTier")),
        (with(r#""labels":{},"labels":{}"#), Some("labels")),
        (with(r#""systemInstruction":null,"system_instruction":null"#), Some("system_instruction")),
    ] {
        let bad = look(&body).err().unwrap_or_else(|| panic!("{body} is taken"));
        // A field is named as the caller's own spelling or in camelCase: what matters is that it can be found.
        let told = bad.param.as_deref().map(|p| p.replace("max_output_tokens", "maxOutputTokens"));
        assert_eq!(told.as_deref(), param, "{body}: {bad}");
    }
    let bad = look("{\"contents\": [\n{]}").unwrap_err();
    assert!(bad.message.contains("line 2, column 2"), "{bad}");
    for model in ["", " ", "a\u{7}b", &"x".repeat(300)] {
        let bad = survey(Bytes::from(with("")), model, false).unwrap_err();
        assert_eq!(bad.param.as_deref(), Some("model"));
    }
}

#[test]
fn thinking_is_an_effort() {
    for (fields, effort) in [
        (r#""thinkingLevel":"MINIMAL""#, Some(Effort::Minimal)),
        (r#""thinking_level":"xhigh""#, Some(Effort::Xhigh)),
        (r#""thinkingLevel":"THINKING_LEVEL_UNSPECIFIED""#, None),
        (r#""thinkingBudget":0"#, Some(Effort::None)),
        (r#""thinkingBudget":128"#, Some(Effort::Low)),
        (r#""thinkingBudget":8192"#, Some(Effort::Medium)),
        (r#""thinkingBudget":24576"#, Some(Effort::High)),
        (r#""thinkingBudget":-1"#, None),
    ] {
        let surveyed = look(&config(&format!(r#""thinkingConfig":{{{fields}}}"#))).unwrap();
        assert_eq!(surveyed.raw.brief.effort, effort, "{fields}");
    }
}

/// What stands where a seal is to be patched in.
fn seals(contents: &Value) -> Vec<String> {
    let surveyed = seen(&json!({ "contents": contents }));
    let body = String::from_utf8(surveyed.raw.body.to_vec()).unwrap();
    surveyed.raw.spans.seals.iter().map(|span| body[span.clone()].to_owned()).collect()
}

#[test]
fn seals_that_gemini_would_refuse_are_found() {
    let user = |text: &str| json!({"role": "user", "parts": [{"text": text}]});
    let call = |name: &str| json!({"functionCall": {"name": name, "args": {"a": 1}}});
    let response =
        json!({"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "1"}}}]});
    let model = |parts: Vec<Value>| json!({"role": "model", "parts": parts});
    let own = json!({"functionCall": {"name": "f"}, "thoughtSignature": "AAAA"});
    let others = seal::wrapped("theirs");
    let foreign = json!({"functionCall": {"name": "f"}, "thoughtSignature": others});

    assert!(
        seals(&json!([user("a"), model(vec![own.clone(), call("g")]), response])).is_empty(),
        "of parallel calls the first is sealed"
    );
    assert_eq!(seals(&json!([user("a"), model(vec![call("f"), call("g")]), response])).len(), 1);
    assert_eq!(seals(&json!([user("a"), model(vec![call("f")]), response])).len(), 1);
    assert!(
        seals(&json!([user("a"), model(vec![call("f")]), response, user("b")])).is_empty(),
        "only the current turn is validated"
    );
    assert_eq!(
        seals(&json!([user("a"), model(vec![call("f")]), response, model(vec![call("g")]), response])).len(),
        2,
        "each step has its own"
    );
    assert_eq!(
        seals(&json!([user("a"), model(vec![call("f")]), model(vec![call("g")]), response])).len(),
        1,
        "chunks of one turn"
    );
    let found = seals(&json!([user("a"), model(vec![foreign]), response, user("b")]));
    assert_eq!(found.len(), 1, "another provider's is never shown");
    assert_eq!(found[0], format!("\"{others}\""));
}

#[test]
fn an_unsealed_call_is_patched_just_behind_itself() {
    let body = r#"{"contents":[{"role":"model","parts":[{"functionCall": {"name":"f"} }]}]}"#;
    let surveyed = look(body).unwrap();
    let span = surveyed.raw.spans.seals[0].clone();
    assert_eq!(
        (span.len(), &body[..span.start]),
        (0, r#"{"contents":[{"role":"model","parts":[{"functionCall": {"name":"f"}"#)
    );
}

#[test]
fn a_count_is_of_contents_or_of_a_whole_request() {
    let plain = survey_count(Bytes::from(with("")), "m").unwrap();
    assert!(plain.raw.brief.tokens_in > 0);
    let body = format!(
        r#"{{"generateContentRequest":{{"model":"models/x","contents":[{{"parts":[{{"text":"{}"}}]}}]}}}}"#,
        "four words of text ".repeat(25)
    );
    let whole = survey_count(Bytes::from(body.clone()), "m").unwrap();
    assert!((80..130).contains(&whole.raw.brief.tokens_in), "{:?}", whole.raw.brief);
    let span = whole.raw.spans.model.unwrap();
    assert_eq!(&body[span], "\"models/x\"");
    let both = r#"{"contents":[{"parts":[{"text":"a"}]}],"generateContentRequest":{"contents":[{"parts":[{"text":"a"}]}]}}"#;
    assert_eq!(
        survey_count(Bytes::from(both), "m").unwrap_err().param.as_deref(),
        Some("generateContentRequest")
    );
    assert!(survey_count(Bytes::from("{}"), "m").is_err());
}

fn words() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(vec![
        "contents",
        "parts",
        "role",
        "user",
        "model",
        "text",
        "thought",
        "thoughtSignature",
        "functionCall",
        "functionResponse",
        "name",
        "args",
        "response",
        "id",
        "inlineData",
        "mimeType",
        "data",
        "image/png",
        "fileData",
        "fileUri",
        "tools",
        "functionDeclarations",
        "parameters",
        "toolConfig",
        "functionCallingConfig",
        "mode",
        "ANY",
        "generationConfig",
        "responseSchema",
        "responseMimeType",
        "application/json",
        "thinkingConfig",
        "stopSequences",
        "systemInstruction",
        "d2Vpcjph",
    ]);
    prop_oneof![6 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        words().prop_map(Value::String),
    ];
    leaf.prop_recursive(7, 96, 5, |inner| {
        prop_oneof![
            2 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            4 => proptest::collection::vec((words(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// A conversation that is nearly one.
fn conversation() -> impl Strategy<Value = Value> {
    let part = prop_oneof![
        words().prop_map(|text| json!({ "text": text })),
        (words(), any::<bool>()).prop_map(
            |(text, thought)| json!({ "text": text, "thought": thought, "thoughtSignature": "d2Vpcjph" })
        ),
        Just(json!({ "functionCall": { "name": "f", "args": { "a": [1] } } })),
        Just(json!({ "functionCall": { "name": "f", "id": "1" }, "thoughtSignature": "AAAA" })),
        Just(json!({ "functionResponse": { "name": "f", "response": { "result": "x" } } })),
        Just(json!({ "functionResponse": { "name": "f", "id": "1", "response": {} } })),
        Just(json!({ "inlineData": { "mimeType": "image/png", "data": "AA-_" } })),
        anything(),
    ];
    let content = (proptest::sample::select(vec!["user", "model"]), proptest::collection::vec(part, 0..4))
        .prop_map(|(role, parts)| json!({ "role": role, "parts": parts }));
    proptest::collection::vec(content, 0..6).prop_map(|contents| json!({ "contents": contents }))
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(value in prop_oneof![anything(), conversation()], cut in any::<prop::sample::Index>()) {
        let body = value.to_string();
        if let Ok(surveyed) = look(&body) {
            let _ = parse(&surveyed.raw);
            for span in &surveyed.raw.spans.seals {
                prop_assert!(span.end <= body.len() && body.is_char_boundary(span.start));
            }
        }
        let bytes = Bytes::copy_from_slice(&body.as_bytes()[..cut.index(body.len() + 1)]);
        let _ = survey(bytes.clone(), "m", true);
        let _ = survey_count(bytes, "m");
    }

    /// What is let through is what `serde_json` reads too, and whatever can be parsed only says what was there.
    #[test]
    fn what_is_taken_can_be_parsed_or_says_why(value in conversation()) {
        let Ok(surveyed) = look(&value.to_string()) else { return Ok(()) };
        if surveyed.raw.brief.needs.contains(Caps::GEMINI_ONLY) {
            return Ok(());
        }
        match parse(&surveyed.raw) {
            Ok(chat) => prop_assert!(chat.messages.iter().all(|m| !m.parts.is_empty() || !m.tool_calls.is_empty())),
            Err(bad) => prop_assert!(bad.param.is_some(), "{}", bad),
        }
    }
}
