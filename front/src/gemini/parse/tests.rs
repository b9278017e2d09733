use crate::gemini::{parse, seal, survey};
use relay::BadInput;
use serde_json::{Value, json};
use vocab::{Chat, Effort, Format, Media, Part, Role, ToolChoice};

fn told(request: &Value) -> Result<Chat, BadInput> {
    let surveyed = survey(serde_json::to_vec(request).unwrap().into(), "auto", false)
        .unwrap_or_else(|e| panic!("{request}: {e}"));
    parse(&surveyed.raw)
}

fn read(request: &Value) -> Chat {
    told(request).unwrap_or_else(|e| panic!("{request}: {e}"))
}

fn with(fields: Value) -> Chat {
    let mut request = json!({ "contents": [{ "parts": [{ "text": "hi" }] }] });
    for (key, value) in fields.as_object().unwrap() {
        request[key] = value.clone();
    }
    read(&request)
}

#[test]
fn every_field_has_its_place() {
    let chat = with(json!({
        "systemInstruction": { "role": "user", "parts": [{ "text": "Be" }, { "text": "brief." }] },
        "generationConfig": {
            "maxOutputTokens": 9, "temperature": 0.5, "topP": 0.9, "frequencyPenalty": 1, "presence_penalty": -1,
            "stopSequences": ["x"], "seed": 7, "candidateCount": 2, "responseLogprobs": true, "logprobs": 3,
            "thinkingConfig": { "thinkingLevel": "LOW", "includeThoughts": true },
            "responseMimeType": "application/json", "responseJsonSchema": { "type": "array", "items": {} },
        },
        "tools": [
            { "functionDeclarations": [{ "name": "f", "description": "d", "parameters": { "type": "OBJECT", "properties": { "a": { "type": "STRING" } } } }] },
            { "function_declarations": [{ "name": "g", "parameters_json_schema": { "type": "object", "additionalProperties": false } }, { "name": "h" }] },
            { "googleSearch": {} },
        ],
        "toolConfig": { "functionCallingConfig": { "mode": "any", "allowedFunctionNames": ["f"] } },
        "serviceTier": "standard",
    }));
    assert_eq!((chat.max_output, chat.n, chat.logprobs, chat.seed), (Some(9), Some(2), Some(3), Some(7)));
    assert_eq!((chat.temperature, chat.top_p, chat.effort), (Some(0.5), Some(0.9), Some(Effort::Low)));
    assert_eq!((chat.frequency_penalty, chat.presence_penalty), (Some(1.0), Some(-1.0)));
    assert_eq!(chat.stop, ["x"]);
    assert_eq!(chat.summary.as_deref(), Some("auto"));
    assert_eq!(chat.messages[0].role, Role::System);
    assert_eq!(chat.messages[0].plain_text(), "Be\nbrief.");
    assert_eq!(
        chat.tools[0].parameters,
        Some(json!({ "type": "object", "properties": { "a": { "type": "string" } } }))
    );
    assert_eq!(chat.tools[1].parameters, Some(json!({ "type": "object", "additionalProperties": false })));
    assert_eq!((chat.tools.len(), &chat.tools[2].parameters), (3, &None));
    assert_eq!(chat.tool_choice, ToolChoice::Function("f".into()));
    assert!(
        matches!(&chat.format, Format::JsonSchema { schema, strict: None, .. } if schema["type"] == "array")
    );
    assert_eq!(Value::Object(chat.extra), json!({ "web_search_options": {}, "service_tier": "default" }));
}

#[test]
fn nothing_said_is_nothing_set() {
    let chat = with(
        json!({ "generationConfig": { "temperature": null, "stopSequences": null }, "tools": null, "toolConfig": null }),
    );
    assert_eq!(chat, with(json!({})));
}

#[test]
fn one_of_several_functions_is_what_is_shown() {
    let tools = json!([{ "functionDeclarations": [{ "name": "f" }, { "name": "g" }, { "name": "h" }] }]);
    let choose = |config: Value| json!({ "contents": [{ "parts": [{ "text": "x" }] }], "tools": tools, "toolConfig": { "functionCallingConfig": config } });
    let chat = read(&choose(json!({ "mode": "ANY", "allowedFunctionNames": ["h", "f"] })));
    assert_eq!(chat.tool_choice, ToolChoice::Required);
    assert_eq!(chat.tools.iter().map(|t| &*t.name).collect::<Vec<_>>(), ["f", "h"]);
    assert_eq!(read(&choose(json!({ "mode": "ANY" }))).tool_choice, ToolChoice::Required);
    assert_eq!(read(&choose(json!({ "mode": "NONE" }))).tool_choice, ToolChoice::None);
    let bad = told(&choose(json!({ "mode": "ANY", "allowedFunctionNames": ["f", "x"] }))).unwrap_err();
    assert_eq!(bad.param.as_deref(), Some("toolConfig.functionCallingConfig.allowedFunctionNames[1]"));
}

#[test]
fn a_schema_of_the_subset_is_closed_and_strict_where_it_demands_all() {
    let format = |schema: Value| {
        with(json!({ "generationConfig": { "responseMimeType": "application/json", "responseSchema": schema } })).format
    };
    let all = json!({ "type": "OBJECT", "required": ["a"], "properties": { "a": { "type": "STRING" } } });
    let Format::JsonSchema { name, schema, strict, .. } = format(all) else { panic!() };
    assert_eq!(
        (name.as_str(), strict, &schema["additionalProperties"]),
        ("response", Some(true), &json!(false))
    );
    let some = json!({ "type": "OBJECT", "properties": { "a": { "type": "STRING" } } });
    assert!(matches!(format(some), Format::JsonSchema { strict: None, .. }));
}

#[test]
fn a_conversation_with_functions_comes_over() {
    let args = json!({ "city": "Zürich", "n": 1.10 });
    let chat = read(&json!({ "contents": [
        { "role": "user", "parts": [{ "text": "see" }, { "inlineData": { "mimeType": "image/png", "data": "-_8" } }] },
        { "role": "model", "parts": [
            { "text": "I" }, { "text": " look." },
            { "functionCall": { "id": "a", "name": "f", "args": args }, "thoughtSignature": "AA-_" },
            { "functionCall": { "name": "f" } }] },
        { "role": "user", "parts": [
            { "functionResponse": { "name": "f", "id": "a", "response": { "result": "18 C" } } },
            { "functionResponse": { "name": "f", "response": { "a": 1.50 } } },
            { "text": "go on" }] },
        { "role": "model", "parts": [{ "text": "Done.", "thoughtSignature": "BBBB" }] },
        { "role": "user", "parts": [{ "text": "one" }] },
        { "role": "user", "parts": [{ "text": "two" }] },
    ] }));
    let roles: Vec<Role> = chat.messages.iter().map(|m| m.role).collect();
    use Role::{Assistant, Tool, User};
    assert_eq!(roles, [User, Assistant, Tool, Tool, User, Assistant, User, User]);
    let image =
        Part::Image { source: Media::Inline { mime: "image/png".into(), data: "+/8=".into() }, detail: None };
    assert_eq!(chat.messages[0].parts[1], image, "in the alphabet that all take");
    let model = &chat.messages[1];
    assert_eq!(model.parts, [Part::Text("I look.".into())]);
    assert_eq!(model.tool_calls[0].arguments, args.to_string(), "as they were written");
    assert_eq!(model.tool_calls[0].signature.as_deref(), Some("AA+/"));
    assert_eq!((&*model.tool_calls[1].id, &*model.tool_calls[1].arguments), ("call_2", "{}"));
    assert_eq!(chat.messages[2].plain_text(), "18 C");
    assert_eq!(chat.messages[3].plain_text(), r#"{"a":1.5}"#);
    assert_eq!(chat.messages[3].tool_call_id.as_deref(), Some("call_2"));
    assert_eq!(chat.messages[3].name.as_deref(), Some("f"));
}

#[test]
fn responses_without_ids_answer_calls_in_their_order() {
    let call = |name: &str| json!({ "functionCall": { "name": name } });
    let response =
        |name: &str, is: &str| json!({ "functionResponse": { "name": name, "response": { "output": is } } });
    let chat = read(&json!({ "contents": [
        { "parts": [{ "text": "x" }] },
        { "role": "model", "parts": [call("f"), call("g"), call("f")] },
        { "role": "function", "parts": [response("f", "1"), response("f", "3"), response("g", "2")] },
    ] }));
    let answers: Vec<_> =
        chat.messages[2..].iter().map(|m| (m.tool_call_id.as_deref().unwrap(), m.plain_text())).collect();
    assert_eq!(answers, [("call_1", "1".to_owned()), ("call_3", "3".to_owned()), ("call_2", "2".to_owned())]);
    let bad = told(&json!({ "contents": [{ "parts": [{ "text": "x" }, response("f", "1")] }] })).unwrap_err();
    assert_eq!(bad.param.as_deref(), Some("contents[0].parts[1].functionResponse"));
}

#[test]
fn thoughts_go_back_to_whom_they_came_from() {
    let others = seal::wrapped("sealed");
    // As a stream brought it, and chats of the SDKs keep it.
    let model = |part: Value| json!({ "role": "model", "parts": [part] });
    let chat = read(&json!({ "contents": [
        { "parts": [{ "text": "x" }] },
        model(json!({ "text": "I th", "thought": true })),
        model(json!({ "text": "ink.", "thought": true })),
        model(json!({ "text": "", "thought": true, "thoughtSignature": others.replace('+', "-").replace('/', "_") })),
        model(json!({ "text": "Yes" })),
        model(json!({ "text": "." })),
        { "parts": [{ "text": "y" }] },
        model(json!({ "text": "Gemini's own", "thought": true, "thoughtSignature": "AAAA" })),
        model(json!({ "text": "unsealed", "thought": true })),
    ] }));
    assert_eq!(
        chat.messages[1].parts,
        [
            Part::Thinking { text: "I think.".into(), signature: Some("sealed".into()) },
            Part::Text("Yes.".into())
        ]
    );
    assert_eq!(chat.messages.len(), 3, "what nobody could take is left out");
}

#[test]
fn a_thought_that_was_not_shown_comes_back_by_its_seal() {
    let hidden = json!({ "text": "", "thoughtSignature": seal::wrapped("theirs") });
    let seal = Part::Thinking { text: String::new(), signature: Some("theirs".into()) };
    let parts = |parts: Value| {
        let asked = json!({ "parts": [{ "text": "hi" }] });
        let mut chat = with(json!({ "contents": [asked, { "role": "model", "parts": parts }, asked] }));
        (chat.messages.len() == 3).then(|| chat.messages.remove(1).parts)
    };
    let said = Part::Text("said".into());
    assert_eq!(parts(json!([hidden, { "text": "said" }])), Some(vec![seal.clone(), said.clone()]));
    let after = json!([{ "text": "said", "thoughtSignature": seal::wrapped("theirs") }]);
    assert_eq!(parts(after), Some(vec![said.clone(), seal]));
    // Gemini's own is of no use to others, and Gemini can do without.
    assert_eq!(
        parts(json!([{ "text": "said" }, { "text": "", "thoughtSignature": "AAAA" }])),
        Some(vec![said])
    );
    assert_eq!(parts(json!([{ "text": "", "thoughtSignature": "AAAA" }])), None);
}
