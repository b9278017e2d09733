//! OpenAI's own description of its API (`openai.json`, cut down to what is written here), held against what is written.

use serde_json::Value;
use std::sync::LazyLock;

static OPENAI: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("openai.json")).unwrap());

/// What is wrong with a frame of a stream; nothing.
pub fn frame(told: &Value) -> Vec<String> {
    let kind = told["type"].as_str().unwrap_or_default();
    match OPENAI["events"][kind].as_str() {
        Some(name) => of(name, told),
        None => vec![format!("no event is called {kind:?}")],
    }
}

/// What is wrong with a value of one of the types of the API.
pub fn of(name: &str, told: &Value) -> Vec<String> {
    let mut wrong = vec![];
    check(&OPENAI["schemas"][name], told, name, &mut wrong);
    wrong
}

fn check(schema: &Value, told: &Value, at: &str, wrong: &mut Vec<String>) {
    assert!(schema.is_object(), "{at}: {schema} is no schema");
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "$ref" => {
                let name = rule.as_str().unwrap().rsplit('/').next().unwrap();
                check(&OPENAI["schemas"][name], told, at, wrong);
            }
            "allOf" => rule.as_array().unwrap().iter().for_each(|one| check(one, told, at, wrong)),
            "anyOf" | "oneOf" => {
                let of_each: Vec<Vec<String>> = rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| {
                        let mut found = vec![];
                        check(one, told, at, &mut found);
                        found
                    })
                    .collect();
                if of_each.iter().all(|found| !found.is_empty()) {
                    wrong.push(format!("{at}: none fits {told}: {of_each:?}"));
                }
            }
            "type" if !is(rule.as_str().unwrap(), told) => {
                wrong.push(format!("{at}: {told} is no {rule}"));
            }
            "enum" if !rule.as_array().unwrap().contains(told) => {
                wrong.push(format!("{at}: {told} is none of {rule}"));
            }
            "required" => {
                for field in rule.as_array().unwrap() {
                    if told.is_object() && told.get(field.as_str().unwrap()).is_none() {
                        wrong.push(format!("{at}: {field} is missing"));
                    }
                }
            }
            "properties" => {
                for (field, rule) in rule.as_object().unwrap() {
                    if let Some(value) = told.get(field) {
                        check(rule, value, &format!("{at}.{field}"), wrong);
                    }
                }
            }
            "items" => {
                for (place, item) in told.as_array().into_iter().flatten().enumerate() {
                    check(rule, item, &format!("{at}[{place}]"), wrong);
                }
            }
            "minimum" if told.as_f64().is_some_and(|n| n < rule.as_f64().unwrap()) => {
                wrong.push(format!("{at}: {told} is below {rule}"));
            }
            "maximum" if told.as_f64().is_some_and(|n| n > rule.as_f64().unwrap()) => {
                wrong.push(format!("{at}: {told} is above {rule}"));
            }
            "maxLength" if told.as_str().is_some_and(|s| s.len() as u64 > rule.as_u64().unwrap()) => {
                wrong.push(format!("{at}: {told} is too long"));
            }
            "type" | "enum" | "minimum" | "maximum" | "maxLength" | "additionalProperties" => {}
            other => panic!("{at}: the word {other:?} is not understood"),
        }
    }
}

fn is(kind: &str, told: &Value) -> bool {
    match kind {
        "object" => told.is_object(),
        "array" => told.is_array(),
        "string" => told.is_string(),
        "integer" => told.is_i64() || told.is_u64(),
        "number" => told.is_number(),
        "boolean" => told.is_boolean(),
        "null" => told.is_null(),
        other => panic!("the type {other:?} is not understood"),
    }
}

#[test]
fn what_is_wrong_is_found() {
    use serde_json::json;
    let part = json!({"type": "output_text", "text": "x", "annotations": [], "logprobs": []});
    assert_eq!(of("OutputTextContent", &part), Vec::<String>::new());
    for (field, value) in [("type", json!("text")), ("text", json!(null)), ("annotations", json!({}))] {
        let mut wrong = part.clone();
        wrong[field] = value;
        assert_eq!(of("OutputTextContent", &wrong).len(), 1, "{field}");
        wrong.as_object_mut().unwrap().remove(field);
        assert!(of("OutputTextContent", &wrong)[0].contains("missing"), "{field}");
        assert_eq!(of("OutputContent", &wrong).len(), 1, "{field}");
    }
    assert!(!frame(&json!({"type": "response.over"})).is_empty());
}
