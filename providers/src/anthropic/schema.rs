//! JSON Schemas as structured outputs want them: "the schema must set additionalProperties false", in every object.

use serde_json::{Map, Value};

/// The schema with every object closed. Err where an object is a dictionary (its `additionalProperties` are
/// described), which closing would forbid.
pub(super) fn closed(schema: &Value) -> Result<Value, ()> {
    let mut schema = schema.clone();
    close(&mut schema)?;
    Ok(schema)
}

fn close(schema: &mut Value) -> Result<(), ()> {
    let Value::Object(map) = schema else { return Ok(()) };
    if is_object(map) {
        if map.get("additionalProperties").is_some_and(Value::is_object) {
            return Err(());
        }
        map.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    // Only where schemas stand: an `enum` or a `default` may hold objects that are none.
    for (key, value) in map.iter_mut() {
        match key.as_str() {
            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
                if let Value::Object(named) = value {
                    named.values_mut().try_for_each(close)?;
                }
            }
            "anyOf" | "allOf" | "oneOf" | "prefixItems" => {
                if let Value::Array(many) = value {
                    many.iter_mut().try_for_each(close)?;
                }
            }
            "items" | "contains" | "not" | "if" | "then" | "else" => match value {
                Value::Array(many) => many.iter_mut().try_for_each(close)?,
                one => close(one)?,
            },
            _ => {}
        }
    }
    Ok(())
}

fn is_object(map: &Map<String, Value>) -> bool {
    let object = |value: &Value| value == "object";
    map.contains_key("properties")
        || map
            .get("type")
            .is_some_and(|kind| object(kind) || kind.as_array().is_some_and(|k| k.iter().any(object)))
}

/// A tool's schema has to say that it is an object, and a tool without arguments has an empty one.
pub(super) fn of_tool(parameters: Option<&Value>, strict: bool) -> Result<Value, ()> {
    let mut schema = match parameters {
        Some(Value::Object(map)) => Value::Object(map.clone()),
        _ => Value::Object(Map::new()),
    };
    if let Value::Object(map) = &mut schema {
        map.entry("type").or_insert_with(|| "object".into());
        map.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    }
    if strict { closed(&schema) } else { Ok(schema) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_object_is_closed_and_nothing_else_is_touched() {
        let schema = json!({
            "type": "object",
            "properties": {
                "list": {"type": "array", "items": {"type": "object", "properties": {}}},
                "maybe": {"type": ["object", "null"], "additionalProperties": true},
                "either": {"anyOf": [{"type": "string"}, {"properties": {"a": {"$ref": "#/$defs/d"}}}]},
                "fixed": {"enum": [{"type": "object"}], "default": {"type": "object"}},
            },
            "$defs": {"d": {"type": "object"}},
        });
        let shut = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "list": {"type": "array", "items": {"type": "object", "properties": {}, "additionalProperties": false}},
                "maybe": {"type": ["object", "null"], "additionalProperties": false},
                "either": {"anyOf": [
                    {"type": "string"},
                    {"properties": {"a": {"$ref": "#/$defs/d"}}, "additionalProperties": false},
                ]},
                "fixed": {"enum": [{"type": "object"}], "default": {"type": "object"}},
            },
            "$defs": {"d": {"type": "object", "additionalProperties": false}},
        });
        assert_eq!(closed(&schema), Ok(shut));
    }

    #[test]
    fn a_dictionary_cannot_be_closed() {
        let schema = json!({"type": "object", "properties": {
            "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        }});
        assert_eq!(closed(&schema), Err(()));
    }

    #[test]
    fn a_tool_takes_an_object() {
        assert_eq!(of_tool(None, false), Ok(json!({"type": "object", "properties": {}})));
        assert_eq!(
            of_tool(Some(&json!({"properties": {"a": {"type": "string"}}})), true),
            Ok(json!({
                "type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false,
            }))
        );
    }
}
