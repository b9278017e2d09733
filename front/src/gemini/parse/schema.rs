//! Google's `Schema`, a subset of OpenAPI 3.0's with types in capitals, as JSON Schema.

use serde_json::{Map, Value, json};

/// A schema for everybody else.
pub(super) fn from_subset(schema: Value) -> Value {
    let Value::Object(from) = schema else { return schema };
    let mut out = Map::with_capacity(from.len());
    let (mut nullable, mut order) = (false, Vec::new());
    for (key, value) in from {
        match key.as_str() {
            "type" => {
                let name = value.as_str().unwrap_or_default().to_ascii_lowercase();
                if !matches!(name.as_str(), "" | "type_unspecified") {
                    out.insert(key, name.into());
                }
            }
            "nullable" => nullable = value == Value::Bool(true),
            // Formats of numbers and of enumerations are OpenAPI's own.
            "format" if value.as_str().is_some_and(is_openapis) => {}
            "propertyOrdering" | "property_ordering" => {
                let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                order = names.map(str::to_owned).collect();
            }
            "properties" => {
                out.insert(key, each(value));
            }
            "defs" | "$defs" => {
                out.insert("$defs".into(), each(value));
            }
            "ref" => {
                out.insert("$ref".into(), value);
            }
            "items" => {
                out.insert(key, from_subset(value));
            }
            "additionalProperties" | "additional_properties" => {
                out.insert("additionalProperties".into(), from_subset(value));
            }
            "anyOf" | "any_of" => {
                let all = match value {
                    Value::Array(all) => all.into_iter().map(from_subset).collect(),
                    other => other,
                };
                out.insert("anyOf".into(), all);
            }
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties"
            | "min_items" | "max_items" | "min_length" | "max_length" | "min_properties"
            | "max_properties" => {
                out.insert(camel(&key), number(value));
            }
            "example" => {
                out.insert("examples".into(), Value::Array(vec![value]));
            }
            _ => {
                out.insert(key, value);
            }
        }
    }
    if let Some(Value::Object(properties)) = out.get_mut("properties") {
        in_order(properties, &order);
    }
    if nullable { or_null(out) } else { Value::Object(out) }
}

fn is_openapis(format: &str) -> bool {
    matches!(format, "enum" | "int32" | "int64" | "float" | "double")
}

fn each(properties: Value) -> Value {
    match properties {
        Value::Object(all) => all.into_iter().map(|(name, schema)| (name, from_subset(schema))).collect(),
        other => other,
    }
}

/// Proto3 writes 64-bit integers as texts.
fn number(value: Value) -> Value {
    match value.as_str().and_then(|digits| digits.parse::<u64>().ok()) {
        Some(number) => number.into(),
        None => value,
    }
}

fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

/// Those named first, as named; the others behind them, as they came.
fn in_order(properties: &mut Map<String, Value>, order: &[String]) {
    if order.is_empty() {
        return;
    }
    let mut sorted = Map::with_capacity(properties.len());
    for name in order {
        if let Some(schema) = properties.remove(name) {
            sorted.insert(name.clone(), schema);
        }
    }
    sorted.append(properties);
    *properties = sorted;
}

/// The same, or null.
fn or_null(mut schema: Map<String, Value>) -> Value {
    if let Some(Value::Array(choices)) = schema.get_mut("enum")
        && !choices.contains(&Value::Null)
    {
        choices.push(Value::Null);
    }
    match schema.get_mut("type") {
        Some(kind) => {
            let alone = kind.take();
            *kind = Value::Array(vec![alone, "null".into()]);
        }
        None => {
            if let Some(Value::Array(any)) = schema.get_mut("anyOf") {
                any.push(json!({ "type": "null" }));
            }
        }
    }
    Value::Object(schema)
}

/// Closes every object of a schema from the subset: Gemini makes no properties but those that are declared.
pub(super) fn closed(schema: &mut Value) {
    walk(schema, &mut |object| {
        if object.contains_key("properties") && !object.contains_key("additionalProperties") {
            object.insert("additionalProperties".into(), Value::Bool(false));
        }
    });
}

/// What OpenAI's strict mode takes; anything else is refused there.
const STRICT: [&str; 23] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "anyOf",
    "$ref",
    "$defs",
    "title",
    "description",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
];

/// Whether OpenAI's strict mode takes a schema: every object is closed and demands all it has, and there are no words in
/// it that the mode does not know.
pub(super) fn is_strict(schema: &Value) -> bool {
    let mut strict = schema["type"] == "object" && schema["properties"].is_object();
    walk(&mut schema.clone(), &mut |object| {
        strict &= object.keys().all(|key| STRICT.contains(&key.as_str()));
        let kind = object.get("type");
        if kind.is_some_and(|t| *t == "object" || *t == json!(["object", "null"])) {
            strict &= demands_all(object) && object.get("additionalProperties") == Some(&Value::Bool(false));
        }
    });
    strict
}

fn demands_all(object: &Map<String, Value>) -> bool {
    let required = object.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let names = object.get("properties").and_then(Value::as_object);
    names.is_some_and(|names| names.keys().all(|name| required.iter().any(|one| one == name.as_str())))
}

/// Every schema in a schema.
fn walk(schema: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    let Value::Object(object) = schema else { return };
    visit(object);
    for (key, value) in object {
        match (key.as_str(), value) {
            ("properties" | "$defs" | "definitions" | "patternProperties", Value::Object(named)) => {
                named.iter_mut().for_each(|(_, schema)| walk(schema, visit));
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(all)) => {
                all.iter_mut().for_each(|schema| walk(schema, visit));
            }
            ("items" | "additionalProperties" | "not", schema) => walk(schema, visit),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subset_becomes_a_schema() {
        let subset = json!({
            "type": "OBJECT", "propertyOrdering": ["b", "a"], "required": ["a", "b"],
            "properties": {
                "a": { "type": "INTEGER", "format": "int32", "nullable": true, "example": 3 },
                "b": { "type": "ARRAY", "minItems": "1", "max_items": 4,
                    "items": { "type": "STRING", "format": "enum", "enum": ["x", "y"], "nullable": true } },
                "c": { "anyOf": [{ "type": "STRING", "format": "date-time" }, { "type": "NUMBER" }], "nullable": true },
            },
        });
        let schema = from_subset(subset);
        let want = json!({
            "type": "object", "required": ["a", "b"],
            "properties": {
                "b": { "type": "array", "minItems": 1, "maxItems": 4,
                    "items": { "type": ["string", "null"], "enum": ["x", "y", null] } },
                "a": { "type": ["integer", "null"], "examples": [3] },
                "c": { "anyOf": [{ "type": "string", "format": "date-time" }, { "type": "number" }, { "type": "null" }] },
            },
        });
        assert_eq!(schema, want);
        assert_eq!(schema.to_string(), want.to_string(), "in the order that was asked for");
    }

    #[test]
    fn properties_may_be_named_like_keywords() {
        let subset = json!({ "type": "OBJECT", "properties": { "type": { "type": "STRING" }, "nullable": { "type": "BOOLEAN" } } });
        let want = json!({ "type": "object", "properties": { "type": { "type": "string" }, "nullable": { "type": "boolean" } } });
        assert_eq!(from_subset(subset), want);
    }

    #[test]
    fn strict_is_what_is_closed_and_demands_all() {
        let mut schema = json!({ "type": "object", "required": ["a"], "properties": {
            "a": { "type": "object", "required": ["b"], "properties": { "b": { "type": "string" } } } } });
        assert!(!is_strict(&schema));
        closed(&mut schema);
        assert!(is_strict(&schema), "{schema}");
        schema["required"] = json!([]);
        assert!(!is_strict(&schema));
        assert!(!is_strict(&json!({ "type": "array", "items": {} })));
        let with_default = json!({ "type": "object", "additionalProperties": false, "required": ["a"],
            "properties": { "a": { "type": "string", "default": "x" } } });
        assert!(!is_strict(&with_default));
    }
}
