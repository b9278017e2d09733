//! What can be asked for, in the words of each protocol.

use serde_json::{Value, json};

/// The protocols of clients, in the order of a feature's words.
pub const PROTOCOLS: [(&str, &str); 4] = [
    ("Chat completions", "/v1/chat/completions"),
    ("Responses", "/v1/responses"),
    ("Messages", "/v1/messages"),
    ("generateContent", "/v1beta/models/MODEL:generateContent"),
];

/// One thing that can be asked for.
pub struct Feature {
    pub name: &'static str,
    /// What is merged into a plain request, for each protocol; none where it has no words for it.
    pub words: [Option<Value>; 4],
    /// The same without the feature itself, where that is more than the plain request.
    pub without: [Option<Value>; 4],
    /// Texts that must be in whatever a provider is sent.
    pub traces: &'static [&'static str],
    /// It changes nothing that the client is told, so who has no words for it need not be told.
    pub hint: bool,
}

/// A request that asks for nothing but an answer.
pub fn plain(protocol: usize, model: &str) -> Value {
    match protocol {
        0 => {
            json!({"model": model, "max_tokens": 5_000, "messages": [{"role": "user", "content": "zq-question"}]})
        }
        1 => json!({"model": model, "max_output_tokens": 5_000, "input": "zq-question"}),
        2 => {
            json!({"model": model, "max_tokens": 5_000, "messages": [{"role": "user", "content": "zq-question"}]})
        }
        _ => json!({"contents": [{"role": "user", "parts": [{"text": "zq-question"}]}],
            "generationConfig": {"maxOutputTokens": 5_000}}),
    }
}

/// As RFC 7396 merges.
pub fn merge(to: &mut Value, more: &Value) {
    match (to, more) {
        (Value::Object(to), Value::Object(more)) => {
            for (key, value) in more {
                merge(to.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (to, more) => *to = more.clone(),
    }
}

fn feature(
    name: &'static str,
    chat: Value,
    responses: Value,
    messages: Value,
    gemini: Value,
    traces: &'static [&'static str],
) -> Feature {
    let words = [chat, responses, messages, gemini].map(|v| (!v.is_null()).then_some(v));
    Feature { name, words, without: [None, None, None, None], traces, hint: false }
}

impl Feature {
    fn beside(mut self, without: [Value; 4]) -> Self {
        self.without = without.map(|v| (!v.is_null()).then_some(v));
        self
    }

    fn hint(mut self) -> Self {
        self.hint = true;
        self
    }
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"zq_field": {"type": "string"}}, "required": ["zq_field"], "additionalProperties": false})
}

/// The same without what Gemini's own schemas do not know.
fn open_schema() -> Value {
    json!({"type": "object", "properties": {"zq_field": {"type": "string"}}, "required": ["zq_field"]})
}

/// A tool in each protocol's words.
fn tools() -> [Value; 4] {
    [
        json!({"tools": [{"type": "function", "function": {"name": "zq_tool", "description": "d", "parameters": schema()}}]}),
        json!({"tools": [{"type": "function", "name": "zq_tool", "description": "d", "parameters": schema(), "strict": false}]}),
        json!({"tools": [{"name": "zq_tool", "description": "d", "input_schema": schema()}]}),
        json!({"tools": [{"functionDeclarations": [{"name": "zq_tool", "description": "d", "parameters": open_schema()}]}]}),
    ]
}

/// Tools, and more.
fn with_tools(more: [Value; 4]) -> [Value; 4] {
    let mut all = tools();
    for (words, more) in all.iter_mut().zip(&more) {
        if more.is_null() {
            *words = Value::Null;
        } else {
            merge(words, more);
        }
    }
    all
}

fn on_tools(name: &'static str, more: [Value; 4], traces: &'static [&'static str]) -> Feature {
    let [chat, responses, messages, gemini] = with_tools(more);
    feature(name, chat, responses, messages, gemini, traces).beside(tools())
}

/// What a user says, made of parts.
fn parts(parts: [Value; 4]) -> [Value; 4] {
    let [chat, responses, messages, gemini] = parts;
    let or = |part: Value, words: Value| if part.is_null() { Value::Null } else { words };
    [
        or(
            chat.clone(),
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "zq-question"}, chat]}]}),
        ),
        or(
            responses.clone(),
            json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": "zq-question"}, responses]}]}),
        ),
        or(
            messages.clone(),
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "zq-question"}, messages]}]}),
        ),
        or(
            gemini.clone(),
            json!({"contents": [{"role": "user", "parts": [{"text": "zq-question"}, gemini]}]}),
        ),
    ]
}

fn said(name: &'static str, all: [Value; 4], traces: &'static [&'static str]) -> Feature {
    let [chat, responses, messages, gemini] = parts(all);
    feature(name, chat, responses, messages, gemini, traces)
}

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PDF: &str = "JVBERi0xLjEKenEKJSVFT0YK";
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEA";
const NOTHING: Value = Value::Null;

/// Everything that is asked about, in the order in which people look for it.
pub fn all() -> Vec<Feature> {
    let mut all = texts();
    all.extend(settings());
    all.extend(formats());
    all.extend(calls());
    all.extend(media());
    all.extend(own());
    all
}

fn texts() -> Vec<Feature> {
    vec![
        feature("A question", json!({}), json!({}), json!({}), json!({}), &["zq-question"]),
        feature(
            "System prompt",
            json!({"messages": [{"role": "system", "content": "zq-system"}, {"role": "user", "content": "x"}]}),
            json!({"instructions": "zq-system"}),
            json!({"system": "zq-system"}),
            json!({"systemInstruction": {"parts": [{"text": "zq-system"}]}}),
            &["zq-system"],
        ),
        feature(
            "Earlier turns",
            json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "zq-said"}, {"role": "user", "content": "y"}]}),
            json!({"input": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "zq-said"}, {"role": "user", "content": "y"}]}),
            json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "zq-said"}, {"role": "user", "content": "y"}]}),
            json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}, {"role": "model", "parts": [{"text": "zq-said"}]}, {"role": "user", "parts": [{"text": "y"}]}]}),
            &["zq-said"],
        ),
        feature(
            "An answer begun by the client",
            json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "zq-begun"}]}),
            NOTHING,
            json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "zq-begun"}]}),
            json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}, {"role": "model", "parts": [{"text": "zq-begun"}]}]}),
            &["zq-begun"],
        ),
        feature(
            "Streaming",
            json!({"stream": true}),
            json!({"stream": true}),
            json!({"stream": true}),
            NOTHING,
            &[],
        ),
    ]
}

fn settings() -> Vec<Feature> {
    let gemini = |more: Value| json!({"generationConfig": more});
    vec![
        feature(
            "Longest answer",
            json!({"max_tokens": 321}),
            json!({"max_output_tokens": 321}),
            json!({"max_tokens": 321}),
            gemini(json!({"maxOutputTokens": 321})),
            &["321"],
        ),
        feature(
            "Temperature",
            json!({"temperature": 0.625}),
            json!({"temperature": 0.625}),
            json!({"temperature": 0.625}),
            gemini(json!({"temperature": 0.625})),
            &["0.625"],
        ),
        feature(
            "Top p",
            json!({"top_p": 0.375}),
            json!({"top_p": 0.375}),
            json!({"top_p": 0.375}),
            gemini(json!({"topP": 0.375})),
            &["0.375"],
        ),
        feature("Top k", NOTHING, NOTHING, json!({"top_k": 4321}), gemini(json!({"topK": 4321})), &["4321"]),
        feature(
            "Stop sequences",
            json!({"stop": ["zq-stop"]}),
            NOTHING,
            json!({"stop_sequences": ["zq-stop"]}),
            gemini(json!({"stopSequences": ["zq-stop"]})),
            &["zq-stop"],
        ),
        feature(
            "Seed",
            json!({"seed": 424_242}),
            NOTHING,
            NOTHING,
            gemini(json!({"seed": 424_242})),
            &["424242"],
        ),
        feature(
            "Presence and frequency penalty",
            json!({"presence_penalty": 0.875, "frequency_penalty": 0.625}),
            NOTHING,
            NOTHING,
            gemini(json!({"presencePenalty": 0.875, "frequencyPenalty": 0.625})),
            &["0.875", "0.625"],
        ),
        feature(
            "Several answers (n)",
            json!({"n": 3}),
            NOTHING,
            NOTHING,
            gemini(json!({"candidateCount": 3})),
            &["3"],
        ),
        feature(
            "Log probabilities",
            json!({"logprobs": true, "top_logprobs": 4}),
            json!({"include": ["message.output_text.logprobs"], "top_logprobs": 4}),
            NOTHING,
            gemini(json!({"responseLogprobs": true, "logprobs": 4})),
            &["4"],
        ),
        feature(
            "Logit bias",
            json!({"logit_bias": {"50256": -7}}),
            NOTHING,
            NOTHING,
            NOTHING,
            &["50256", "-7"],
        ),
        feature(
            "Reasoning effort",
            json!({"reasoning_effort": "high"}),
            json!({"reasoning": {"effort": "high"}}),
            json!({"output_config": {"effort": "high"}}),
            gemini(json!({"thinkingConfig": {"thinkingLevel": "high"}})),
            &[],
        ),
        feature(
            "Reasoning budget in tokens",
            NOTHING,
            NOTHING,
            json!({"thinking": {"type": "enabled", "budget_tokens": 2_048}}),
            gemini(json!({"thinkingConfig": {"thinkingBudget": 2_048}})),
            &[],
        ),
        feature(
            "Verbosity",
            json!({"verbosity": "low"}),
            json!({"text": {"verbosity": "low"}}),
            NOTHING,
            NOTHING,
            &["low"],
        ),
    ]
}

fn formats() -> Vec<Feature> {
    let strict = json!({"name": "zq_schema", "strict": true, "schema": schema()});
    let chat = json!({"response_format": {"type": "json_schema", "json_schema": strict}});
    let responses = json!({"text": {"format": {"type": "json_schema", "name": "zq_schema", "strict": true, "schema": schema()}}});
    let messages = json!({"output_config": {"format": {"type": "json_schema", "schema": schema()}}});
    let gemini = json!({"generationConfig": {"responseMimeType": "application/json", "responseSchema": open_schema()}});
    let streamed = |words: &Value| {
        let mut words = words.clone();
        merge(&mut words, &json!({"stream": true}));
        words
    };
    vec![
        feature(
            "JSON object",
            json!({"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "zq-question in JSON"}]}),
            json!({"text": {"format": {"type": "json_object"}}, "input": "zq-question in JSON"}),
            NOTHING,
            json!({"generationConfig": {"responseMimeType": "application/json"}}),
            &[],
        ),
        feature(
            "JSON schema",
            chat.clone(),
            responses.clone(),
            messages.clone(),
            gemini.clone(),
            &["zq_field"],
        ),
        feature(
            "JSON schema, streamed",
            streamed(&chat),
            streamed(&responses),
            streamed(&messages),
            NOTHING,
            &["zq_field"],
        ),
        on_tools("JSON schema beside tools", [chat, responses, messages, gemini], &["zq_field", "zq_tool"]),
    ]
}

fn calls() -> Vec<Feature> {
    let [chat, responses, messages, gemini] = tools();
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "zq_tool", "arguments": "{\"zq_field\":\"zq-argument\"}"}});
    vec![
        feature("Tools", chat, responses, messages, gemini, &["zq_tool", "zq_field"]),
        on_tools(
            "Any tool is demanded",
            [
                json!({"tool_choice": "required"}),
                json!({"tool_choice": "required"}),
                json!({"tool_choice": {"type": "any"}}),
                json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
            ],
            &["zq_tool"],
        ),
        on_tools(
            "One tool is demanded",
            [
                json!({"tool_choice": {"type": "function", "function": {"name": "zq_tool"}}}),
                json!({"tool_choice": {"type": "function", "name": "zq_tool"}}),
                json!({"tool_choice": {"type": "tool", "name": "zq_tool"}}),
                json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["zq_tool"]}}}),
            ],
            &["zq_tool"],
        ),
        on_tools(
            "No tool may be called",
            [
                json!({"tool_choice": "none"}),
                json!({"tool_choice": "none"}),
                json!({"tool_choice": {"type": "none"}}),
                json!({"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}}),
            ],
            &[],
        ),
        on_tools(
            "One call at a time",
            [
                json!({"parallel_tool_calls": false}),
                json!({"parallel_tool_calls": false}),
                json!({"tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}),
                NOTHING,
            ],
            &["zq_tool"],
        ),
        on_tools(
            "Two calls and their results",
            [
                json!({"messages": [{"role": "user", "content": "x"},
                    {"role": "assistant", "content": null, "tool_calls": [call("call_1"), call("call_2")]},
                    {"role": "tool", "tool_call_id": "call_1", "content": "zq-result-1"},
                    {"role": "tool", "tool_call_id": "call_2", "content": "zq-result-2"}]}),
                json!({"input": [{"role": "user", "content": "x"},
                    {"type": "function_call", "call_id": "call_1", "name": "zq_tool", "arguments": "{\"zq_field\":\"zq-argument\"}"},
                    {"type": "function_call", "call_id": "call_2", "name": "zq_tool", "arguments": "{\"zq_field\":\"zq-argument\"}"},
                    {"type": "function_call_output", "call_id": "call_1", "output": "zq-result-1"},
                    {"type": "function_call_output", "call_id": "call_2", "output": "zq-result-2"}]}),
                json!({"messages": [{"role": "user", "content": "x"},
                    {"role": "assistant", "content": [
                        {"type": "tool_use", "id": "toolu_1", "name": "zq_tool", "input": {"zq_field": "zq-argument"}},
                        {"type": "tool_use", "id": "toolu_2", "name": "zq_tool", "input": {"zq_field": "zq-argument"}}]},
                    {"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "zq-result-1"},
                        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "zq-result-2"}]}]}),
                json!({"contents": [{"role": "user", "parts": [{"text": "x"}]},
                    {"role": "model", "parts": [
                        {"functionCall": {"id": "1", "name": "zq_tool", "args": {"zq_field": "zq-argument"}}},
                        {"functionCall": {"id": "2", "name": "zq_tool", "args": {"zq_field": "zq-argument"}}}]},
                    {"role": "user", "parts": [
                        {"functionResponse": {"id": "1", "name": "zq_tool", "response": {"result": "zq-result-1"}}},
                        {"functionResponse": {"id": "2", "name": "zq_tool", "response": {"result": "zq-result-2"}}}]}]}),
            ],
            &["zq-argument", "zq-result-1", "zq-result-2"],
        ),
        feature(
            "A tool that takes any text",
            json!({"tools": [{"type": "custom", "custom": {"name": "zq_custom", "description": "d"}}]}),
            json!({"tools": [{"type": "custom", "name": "zq_custom", "description": "d"}]}),
            NOTHING,
            NOTHING,
            &["zq_custom"],
        ),
        feature(
            "The provider's own web search",
            json!({"web_search_options": {}}),
            json!({"tools": [{"type": "web_search"}]}),
            json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
            json!({"tools": [{"googleSearch": {}}]}),
            &[],
        ),
    ]
}

fn media() -> Vec<Feature> {
    let url = "https://example.com/zq.png";
    vec![
        said(
            "Image, in place",
            [
                json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{PNG}")}}),
                json!({"type": "input_image", "image_url": format!("data:image/png;base64,{PNG}")}),
                json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}),
                json!({"inlineData": {"mimeType": "image/png", "data": PNG}}),
            ],
            &["iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"],
        ),
        said(
            "Image, by URL",
            [
                json!({"type": "image_url", "image_url": {"url": url}}),
                json!({"type": "input_image", "image_url": url}),
                json!({"type": "image", "source": {"type": "url", "url": url}}),
                json!({"fileData": {"mimeType": "image/png", "fileUri": url}}),
            ],
            &["example.com/zq.png"],
        ),
        said(
            "PDF, in place",
            [
                json!({"type": "file", "file": {"filename": "zq.pdf", "file_data": format!("data:application/pdf;base64,{PDF}")}}),
                json!({"type": "input_file", "filename": "zq.pdf", "file_data": format!("data:application/pdf;base64,{PDF}")}),
                json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}),
                json!({"inlineData": {"mimeType": "application/pdf", "data": PDF}}),
            ],
            &["JVBERi0xLjEKenEKJSVFT0YK"],
        ),
        said(
            "Audio, in place",
            [
                json!({"type": "input_audio", "input_audio": {"format": "wav", "data": WAV}}),
                NOTHING,
                NOTHING,
                json!({"inlineData": {"mimeType": "audio/wav", "data": WAV}}),
            ],
            &["UklGRiQAAABXQVZF"],
        ),
        said(
            "A file that the provider keeps",
            [
                json!({"type": "file", "file": {"file_id": "file-zq"}}),
                json!({"type": "input_file", "file_id": "file-zq"}),
                json!({"type": "document", "source": {"type": "file", "file_id": "file-zq"}}),
                json!({"fileData": {"mimeType": "application/pdf", "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/file-zq"}}),
            ],
            &["file-zq"],
        ),
    ]
}

/// What belongs to one protocol more than to others.
fn own() -> Vec<Feature> {
    vec![
        feature(
            "Who is asking (user, metadata)",
            json!({"user": "zq-user"}),
            json!({"user": "zq-user"}),
            json!({"metadata": {"user_id": "zq-user"}}),
            NOTHING,
            &["zq-user"],
        )
        .hint(),
        feature(
            "Service tier",
            json!({"service_tier": "flex"}),
            json!({"service_tier": "flex"}),
            json!({"service_tier": "standard_only"}),
            NOTHING,
            &[],
        )
        .hint(),
        feature("Kept by the provider (store)", json!({"store": true}), json!({"store": true}), NOTHING, NOTHING, &[]),
        feature(
            "Spoken answer",
            json!({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}),
            NOTHING,
            NOTHING,
            json!({"generationConfig": {"responseModalities": ["AUDIO"]}}),
            &[],
        ),
        feature(
            "Predicted output",
            json!({"prediction": {"type": "content", "content": "zq-prediction"}}),
            NOTHING,
            NOTHING,
            NOTHING,
            &["zq-prediction"],
        ),
        feature(
            "Cut to fit (truncation)",
            NOTHING,
            json!({"truncation": "auto"}),
            NOTHING,
            NOTHING,
            &[],
        ),
        feature(
            "Continues a stored response",
            NOTHING,
            json!({"previous_response_id": "resp_zq"}),
            NOTHING,
            NOTHING,
            &["resp_zq"],
        ),
        feature("In the background", NOTHING, json!({"background": true}), NOTHING, NOTHING, &[]),
        feature(
            "Cache mark (cache_control)",
            NOTHING,
            NOTHING,
            json!({"system": [{"type": "text", "text": "zq-system", "cache_control": {"type": "ephemeral"}}]}),
            NOTHING,
            &["zq-system"],
        )
        .hint(),
        feature(
            "Safety settings",
            NOTHING,
            NOTHING,
            NOTHING,
            json!({"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_LOW_AND_ABOVE"}]}),
            &[],
        ),
        feature(
            "A field nobody knows yet",
            json!({"field_of_tomorrow": 1}),
            json!({"field_of_tomorrow": 1}),
            json!({"field_of_tomorrow": 1}),
            json!({"fieldOfTomorrow": 1}),
            &["1"],
        ),
    ]
}
