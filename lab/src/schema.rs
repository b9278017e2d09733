//! The smallest value that a JSON schema allows.

use crate::prose;
use serde_json::{Map, Value, json};
use vocab::Dice;

/// Nested schemas deeper than this become null: a recursive schema must end somewhere.
const DEPTH_MAX: u32 = 24;

/// A valid instance of `schema` with its required properties (all of them where none is said to be required).
///
/// Knows types (lists of types and Gemini's capitals too), const, enum, default, properties, items, lengths and
/// bounds, anyOf, oneOf, allOf and local references. Does not know patterns: a string with one may not match it.
pub(crate) fn instance(schema: &Value, dice: &mut Dice) -> Value {
    make(schema, schema, dice, 0)
}

fn make(schema: &Value, root: &Value, dice: &mut Dice, depth: u32) -> Value {
    let Some(map) = schema.as_object() else { return json!({}) };
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    if let Some(value) = map.get("const").or_else(|| map.get("default")) {
        return value.clone();
    }
    if let Some(first) = map.get("enum").and_then(Value::as_array).and_then(|all| all.first()) {
        return first.clone();
    }
    if let Some(target) = map.get("$ref").and_then(Value::as_str) {
        let found = target.strip_prefix('#').and_then(|at| root.pointer(at));
        return found.map_or(Value::Null, |s| make(s, root, dice, depth + 1));
    }
    if let Some(all) = map.get("allOf").and_then(Value::as_array) {
        let mut out = Map::new();
        for part in all {
            match make(part, root, dice, depth + 1) {
                Value::Object(fields) => out.extend(fields),
                other if all.len() == 1 => return other,
                _ => {}
            }
        }
        return Value::Object(out);
    }
    for key in ["anyOf", "oneOf"] {
        // The simplest wins: a branch without references ends a recursion.
        let branches = map.get(key).and_then(Value::as_array).into_iter().flatten();
        if let Some(branch) = branches.min_by_key(|b| b.get("$ref").is_some()) {
            return make(branch, root, dice, depth + 1);
        }
    }
    match kind(map).as_str() {
        "object" => object(map, root, dice, depth),
        "array" => array(map, root, dice, depth),
        "string" => string(map, dice),
        "integer" => json!(bounded(map, dice)),
        "number" => number(map, dice),
        "boolean" => json!(dice.below(2) == 1),
        _ => Value::Null,
    }
}

fn kind(map: &Map<String, Value>) -> String {
    let named = match map.get("type") {
        Some(Value::String(one)) => Some(one.as_str()),
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).find(|t| *t != "null"),
        _ if map.contains_key("properties") => Some("object"),
        _ if map.contains_key("items") => Some("array"),
        _ => Some("string"),
    };
    named.unwrap_or("null").to_ascii_lowercase()
}

fn object(map: &Map<String, Value>, root: &Value, dice: &mut Dice, depth: u32) -> Value {
    let empty = Map::new();
    let properties = map.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let required: Option<Vec<&str>> =
        map.get("required").and_then(Value::as_array).map(|r| r.iter().filter_map(Value::as_str).collect());
    let mut out = Map::new();
    for (name, schema) in properties {
        let wanted = required.as_ref().is_none_or(|r| r.contains(&name.as_str()));
        if wanted && depth < DEPTH_MAX {
            out.insert(name.clone(), make(schema, root, dice, depth + 1));
        }
    }
    Value::Object(out)
}

fn array(map: &Map<String, Value>, root: &Value, dice: &mut Dice, depth: u32) -> Value {
    let least = map.get("minItems").and_then(Value::as_u64);
    let most = map.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let items = map.get("items").cloned().unwrap_or_else(|| json!({"type": "string"}));
    let deep = items.get("$ref").is_some() && depth > 2;
    let count = least.unwrap_or(u64::from(!deep)).min(most).min(64);
    Value::Array((0..count).map(|_| make(&items, root, dice, depth + 1)).collect())
}

fn string(map: &Map<String, Value>, dice: &mut Dice) -> Value {
    match map.get("format").and_then(Value::as_str) {
        Some("date") => return json!("2026-01-31"),
        Some("date-time") => return json!("2026-01-31T12:00:00Z"),
        Some("time") => return json!("12:00:00Z"),
        Some("email") => return json!("someone@example.com"),
        Some("uri") => return json!("https://example.com/"),
        Some("uuid") => return json!("00000000-0000-4000-8000-000000000000"),
        Some("ipv4") => return json!("192.0.2.1"),
        _ => {}
    }
    let bound = |key| map.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let mut text = prose::word(dice).to_owned();
    while text.chars().count() < bound("minLength").unwrap_or(0).min(4_096) {
        text.push('s');
    }
    json!(text.chars().take(bound("maxLength").unwrap_or(usize::MAX)).collect::<String>())
}

fn bounded(map: &Map<String, Value>, dice: &mut Dice) -> i64 {
    let bound = |key: &str| map.get(key).and_then(Value::as_f64);
    let step = map.get("multipleOf").and_then(Value::as_i64).filter(|s| *s > 0).unwrap_or(1);
    #[expect(clippy::cast_possible_truncation, reason = "a bound beyond i64 saturates, which is a bound too")]
    let whole = |x: f64| x as i64;
    let least = bound("minimum").map(|x| whole(x.ceil()));
    let least = least.or(bound("exclusiveMinimum").map(|x| whole(x.floor()).saturating_add(1)));
    let most = bound("maximum").map(|x| whole(x.floor()));
    let most = most.or(bound("exclusiveMaximum").map(|x| whole(x.ceil()).saturating_sub(1)));
    let roll = i64::try_from(dice.below(10)).unwrap_or(0);
    let wish = match (least, most) {
        (Some(least), Some(most)) => least.saturating_add(roll).min(most),
        (Some(least), None) => least.saturating_add(roll),
        (None, Some(most)) => most.saturating_sub(roll),
        (None, None) => roll,
    };
    let down = wish.div_euclid(step).saturating_mul(step);
    if least.is_some_and(|l| down < l) { down.saturating_add(step) } else { down }
}

fn number(map: &Map<String, Value>, dice: &mut Dice) -> Value {
    let bound = |key: &str| map.get(key).and_then(Value::as_f64);
    let low = bound("minimum").or(bound("exclusiveMinimum"));
    let high = bound("maximum").or(bound("exclusiveMaximum"));
    match (low, high) {
        (Some(low), Some(high)) => json!(f64::midpoint(low, high)),
        (Some(low), None) => json!(low + 0.5),
        (None, Some(high)) => json!(high - 0.5),
        (None, None) => json!(f64::from(u32::try_from(dice.below(40)).unwrap_or(0)) / 4.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(schema: Value) -> Value {
        instance(&schema, &mut Dice::seeded(3))
    }

    #[test]
    fn an_instance_has_what_is_required() {
        let value = of(
            json!({"type": "object", "required": ["city", "days", "unit", "tags", "near"], "properties": {
            "city": {"type": "string", "minLength": 9, "maxLength": 9},
            "days": {"type": "integer", "minimum": 3, "maximum": 4},
            "unit": {"enum": ["c", "f"]},
            "tags": {"type": "array", "items": {"type": "boolean"}, "minItems": 2},
            "near": {"$ref": "#/$defs/place"},
            "unasked": {"type": "string"}
        }, "$defs": {"place": {"type": "OBJECT", "properties": {"x": {"type": ["null", "number"], "minimum": 1}}}}}),
        );
        assert_eq!(value["city"].as_str().unwrap().chars().count(), 9);
        assert!((3..=4).contains(&value["days"].as_i64().unwrap()));
        assert_eq!(value["unit"], "c");
        assert_eq!(value["tags"].as_array().unwrap().len(), 2);
        assert!(value["near"]["x"].as_f64().unwrap() >= 1.0);
        assert!(value.get("unasked").is_none());
    }

    #[test]
    fn recursion_ends() {
        let node = json!({"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#"}}});
        assert!(of(node).to_string().len() < 2_000);
        let list =
            json!({"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}});
        assert_eq!(of(list), json!({"next": null}));
        assert_eq!(of(json!({"multipleOf": 5, "minimum": 7, "type": "integer"})).as_i64().unwrap() % 5, 0);
    }
}
