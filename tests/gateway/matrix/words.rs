//! How things are said in each protocol that a client may speak: what requests and answers are asked for in.

use serde_json::{Value, json};

/// The protocols of clients, in the order of everything that is given for each.
pub const PROTOCOLS: [(&str, &str); 4] = [
    ("Chat completions", "/v1/chat/completions"),
    ("Responses", "/v1/responses"),
    ("Messages", "/v1/messages"),
    ("generateContent", "/v1beta/models/MODEL:generateContent"),
];

/// Where a protocol has no words.
pub const NOTHING: Value = Value::Null;

/// A request that asks for nothing but an answer to `prompt`.
pub fn plain(protocol: usize, model: &str, prompt: &str) -> Value {
    match protocol {
        0 => {
            json!({"model": model, "max_tokens": 5_000, "messages": [{"role": "user", "content": prompt}]})
        }
        1 => json!({"model": model, "max_output_tokens": 5_000, "input": prompt}),
        2 => {
            json!({"model": model, "max_tokens": 5_000, "messages": [{"role": "user", "content": prompt}]})
        }
        _ => json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}],
            "generationConfig": {"maxOutputTokens": 5_000}}),
    }
}

/// As RFC 7396 merges.
pub fn merge(to: &mut Value, more: &Value) {
    match (to, more) {
        (Value::Object(to), Value::Object(more)) => {
            for (key, value) in more {
                if value.is_null() {
                    to.remove(key);
                } else {
                    merge(to.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (to, more) => *to = more.clone(),
    }
}

pub fn schema() -> Value {
    json!({"type": "object", "properties": {"zq_field": {"type": "string"}}, "required": ["zq_field"], "additionalProperties": false})
}

/// The same without what Gemini's own schemas do not know.
pub fn open_schema() -> Value {
    json!({"type": "object", "properties": {"zq_field": {"type": "string"}}, "required": ["zq_field"]})
}

/// A tool in each protocol's words.
pub fn tools() -> [Value; 4] {
    [
        json!({"tools": [{"type": "function", "function": {"name": "zq_tool", "description": "d", "parameters": schema()}}]}),
        json!({"tools": [{"type": "function", "name": "zq_tool", "description": "d", "parameters": schema(), "strict": false}]}),
        json!({"tools": [{"name": "zq_tool", "description": "d", "input_schema": schema()}]}),
        json!({"tools": [{"functionDeclarations": [{"name": "zq_tool", "description": "d", "parameters": open_schema()}]}]}),
    ]
}

/// Tools, and more.
pub fn with_tools(more: [Value; 4]) -> [Value; 4] {
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
