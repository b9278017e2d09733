//! What providers publish of the requests they take (`schemas.json`), held against what is sent to them.

use serde_json::Value;
use std::sync::LazyLock;

static ALL: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("schemas.json")).unwrap());

/// What is wrong with a body of the type of that name; nothing.
pub fn of(name: &str, body: &Value) -> Vec<String> {
    let mut wrong = vec![];
    check(&ALL["schemas"][name], body, name, &mut wrong);
    wrong
}

fn check(schema: &Value, told: &Value, at: &str, wrong: &mut Vec<String>) {
    let schema = schema.as_object().unwrap_or_else(|| panic!("{at}: {schema} is no schema"));
    for (word, rule) in schema {
        match word.as_str() {
            "$ref" => {
                check(&ALL["schemas"][rule.as_str().unwrap().rsplit('/').next().unwrap()], told, at, wrong)
            }
            "anyOf" | "oneOf" => {
                let fits = |one: &Value| {
                    let mut found = vec![];
                    check(one, told, at, &mut found);
                    found.is_empty()
                };
                if !rule.as_array().unwrap().iter().any(fits) {
                    wrong.push(format!("{at}: {told} is none of {rule}"));
                }
            }
            "type" if !is(rule.as_str().unwrap(), told) => wrong.push(format!("{at}: {told} is no {rule}")),
            "enum" if !rule.as_array().unwrap().contains(told) => {
                wrong.push(format!("{at}: {told} is none of {rule}"));
            }
            "required" => {
                let fields = rule.as_array().unwrap().iter().filter_map(Value::as_str);
                wrong
                    .extend(fields.filter(|f| told.get(f).is_none()).map(|f| format!("{at}.{f} is missing")));
            }
            "properties" => {
                for (field, value) in told.as_object().into_iter().flatten() {
                    match rule.get(field) {
                        Some(rule) => check(rule, value, &format!("{at}.{field}"), wrong),
                        None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                            wrong.push(format!("{at}.{field} is no field"));
                        }
                        None => {}
                    }
                }
            }
            "items" => {
                told.as_array().into_iter().flatten().for_each(|item| check(rule, item, at, wrong));
            }
            "minimum" if told.as_f64() < rule.as_f64() => wrong.push(format!("{at}: below {rule}")),
            "maximum" if told.as_f64() > rule.as_f64() => wrong.push(format!("{at}: above {rule}")),
            "minItems" if told.as_array().is_some_and(|all| (all.len() as u64) < rule.as_u64().unwrap()) => {
                wrong.push(format!("{at}: fewer than {rule}"));
            }
            "type" | "enum" | "minimum" | "maximum" | "minItems" | "maxItems" | "additionalProperties" => {}
            other => panic!("{at}: nobody here knows the word {other:?}"),
        }
    }
}

fn is(kind: &str, told: &Value) -> bool {
    match kind {
        "object" => told.is_object(),
        "array" => told.is_array(),
        "string" => told.is_string(),
        "boolean" => told.is_boolean(),
        "integer" => told.is_u64() || told.is_i64(),
        "number" => told.is_number(),
        "null" => told.is_null(),
        other => panic!("a type {other:?}"),
    }
}

#[test]
fn a_wrong_body_is_found() {
    use serde_json::json;
    for (name, body) in [
        ("CreateEmbeddingRequest", json!({ "model": "m" })),
        ("CreateEmbeddingRequest", json!({ "model": "m", "input": ["a"], "dimensions": 0 })),
        ("CreateEmbeddingRequest", json!({ "model": "m", "input": ["a"], "surprise": 1 })),
        ("CreateImageRequest", json!({ "prompt": "p", "quality": "fine" })),
        ("AiTextToImageInput", json!({ "prompt": "p", "steps": 1 })),
    ] {
        assert!(!of(name, &body).is_empty(), "{name} {body}");
    }
}
