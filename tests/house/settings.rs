//! The configuration as it is, as the example shows it, and as the schema describes it: one and the same.

use crate::{none, read};
use providers::catalogue::Catalogue;
use relay::config::Config;
use relay::fleet::Fleet;
use relay::metrics::Registry;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

fn example() -> Config {
    toml::from_str(&read("weir.example.toml")).unwrap_or_else(|e| panic!("weir.example.toml: {e}"))
}

/// The example with every setting taken out of its comment.
fn full_text() -> String {
    let setting = |line: &str| {
        let rest = line.strip_prefix('#')?;
        let begins = rest.starts_with(|c: char| c == '[' || c.is_ascii_alphabetic());
        begins.then(|| rest.to_owned())
    };
    let lines: Vec<String> = read("weir.example.toml")
        .lines()
        .map(|line| setting(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    lines.join("\n")
}

fn full() -> Config {
    toml::from_str(&full_text()).unwrap_or_else(|e| panic!("weir.example.toml without its comments: {e}"))
}

fn schema() -> Value {
    serde_json::from_str(&read("docs/config.schema.json")).unwrap()
}

/// A node of the schema with what it refers to.
fn resolved(schema: &Value, node: &Value) -> Map<String, Value> {
    let mut all = node.as_object().cloned().unwrap_or_default();
    if let Some(place) = node.get("$ref").and_then(Value::as_str) {
        let target =
            schema.pointer(place.trim_start_matches('#')).unwrap_or_else(|| panic!("{place} is nowhere"));
        for (key, value) in resolved(schema, target) {
            all.entry(key).or_insert(value);
        }
    }
    all
}

/// Every property of the schema, with `*` for names that are free.
fn properties(schema: &Value, node: &Value, at: &str, found: &mut BTreeSet<String>) {
    let node = resolved(schema, node);
    for (name, inner) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let place = format!("{at}/{name}");
        properties(schema, inner, &place, found);
        found.insert(place);
    }
    if let Some(free) = node.get("additionalProperties").filter(|a| a.is_object()) {
        properties(schema, free, &format!("{at}/*"), found);
    }
    if let Some(items) = node.get("items") {
        properties(schema, items, &format!("{at}/*"), found);
    }
}

/// What walking a value along the schema brings to light.
#[derive(Default)]
struct Walk {
    /// Properties that had a value.
    seen: BTreeSet<String>,
    complaints: Vec<String>,
    /// Defaults of the schema that the value does not have.
    other: Vec<String>,
}

impl Walk {
    fn along(schema: &Value, value: &Value) -> Self {
        let mut walk = Self::default();
        walk.go(schema, schema, value, "");
        walk
    }

    fn go(&mut self, schema: &Value, node: &Value, value: &Value, at: &str) {
        let node = resolved(schema, node);
        self.kind(&node, value, at);
        match value {
            Value::Object(fields) => {
                let known = node.get("properties").and_then(Value::as_object);
                for (name, inner) in fields {
                    match (known.and_then(|k| k.get(name)), node.get("additionalProperties")) {
                        (Some(rule), _) => {
                            let place = format!("{at}/{name}");
                            self.compare_default(&resolved(schema, rule), inner, &place);
                            self.go(schema, rule, inner, &place);
                            if !inner.is_null() {
                                self.seen.insert(place);
                            }
                        }
                        (None, Some(free @ Value::Object(_))) => {
                            self.go(schema, free, inner, &format!("{at}/*"))
                        }
                        _ => self
                            .complaints
                            .push(format!("{at}/{name} is a field; the schema does not know it")),
                    }
                }
                let needed = node.get("required").and_then(Value::as_array).into_iter().flatten();
                for name in needed.filter_map(Value::as_str).filter(|name| !fields.contains_key(*name)) {
                    self.complaints.push(format!("{at}/{name} is required by the schema and missing"));
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.go(schema, &node["items"], item, &format!("{at}/*"));
                }
            }
            _ => {}
        }
    }

    fn kind(&mut self, node: &Map<String, Value>, value: &Value, at: &str) {
        let is = |kind: &str| match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            "null" => value.is_null(),
            other => panic!("{at}: the schema names a type {other:?}"),
        };
        let fits = match (node.get("type"), node.get("enum")) {
            (_, Some(list)) => list.as_array().unwrap().contains(value),
            (Some(Value::Array(kinds)), None) => kinds.iter().filter_map(Value::as_str).any(is),
            (Some(kind), None) => is(kind.as_str().unwrap()),
            (None, None) => true,
        };
        let bound = |key: &str| node.get(key).and_then(Value::as_f64);
        let number = value.as_f64();
        let within = bound("minimum").zip(number).is_none_or(|(least, n)| n >= least)
            && bound("maximum").zip(number).is_none_or(|(most, n)| n <= most);
        if !fits || !within {
            self.complaints.push(format!("{at}: {value} does not fit the schema"));
        }
    }

    fn compare_default(&mut self, node: &Map<String, Value>, value: &Value, at: &str) {
        if let Some(default) = node.get("default").filter(|default| *default != value) {
            self.other.push(format!("{at}: the schema's default is {default}, here is {value}"));
        }
    }
}

/// Something that can be a secret of whatever kind.
fn secret(name: &str) -> Option<String> {
    Some(if name.contains("JWT_KEY") {
        "-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----".into()
    } else if name.contains("WEBHOOK") {
        "whsec_bm8gbGVzcyB0aGFuIDI0IGJ5dGVzIGluIGFsbA==".into()
    } else {
        "a key of no less than 32 bytes in all".into()
    })
}

#[test]
fn the_example_can_be_used_as_it_is() {
    let config = example();
    none(&config.service.faults());
    let fleet =
        Fleet::build(&config, &Catalogue::embedded().unwrap(), &secret, &Registry::default(), None).unwrap();
    assert!(!fleet.candidates.is_empty());
    none(&fleet.warnings);
}

#[test]
fn every_setting_of_the_example_can_be_used() {
    let config = full();
    none(&config.service.faults());
    let built = Fleet::build(&config, &Catalogue::embedded().unwrap(), &secret, &Registry::default(), None);
    none(&built.map_or_else(|problems| problems, |_| vec![]));
}

/// Every field of the types is in the schema with its type, and every property of the schema is a field that the
/// example shows.
#[test]
fn example_schema_and_types_agree() {
    let schema = schema();
    let walk = Walk::along(&schema, &serde_json::to_value(full()).unwrap());
    none(&walk.complaints);
    let mut all = BTreeSet::new();
    properties(&schema, &schema, "", &mut all);
    let missing: Vec<String> = all
        .difference(&walk.seen)
        .map(|place| format!("{place} is in the schema; the example does not show it or it is no field"))
        .collect();
    none(&missing);
}

#[test]
fn the_schemas_defaults_are_the_real_ones() {
    let least = json!({
        "providers": {"x": {"kind": "openai", "base_url": "https://x"}},
        "policies": {"x": {}},
        "accounts": {"x": {}},
        "service": {"keys": [{"sha256": "0".repeat(64), "account": "x"}], "skills": {"x": {}}},
    });
    let config: Config = serde_json::from_value(least).unwrap();
    let walk = Walk::along(&schema(), &serde_json::to_value(config).unwrap());
    none(&walk.complaints);
    // Those were put there to have something to walk along.
    let put = ["/providers:", "/policies:", "/accounts:", "/service/keys:"];
    none(&walk.other.into_iter().filter(|o| !put.iter().any(|p| o.starts_with(p))).collect::<Vec<_>>());
    let bare = Walk::along(&schema(), &serde_json::to_value(Config::default()).unwrap());
    none(&[bare.complaints, bare.other].concat());
}

/// What the example shows in its comments of `[bounds]` and `[service]` is what holds without it.
#[test]
fn the_example_shows_the_defaults() {
    let (shown, real) = (full(), Config::default());
    let (shown, real) = (serde_json::to_value(shown).unwrap(), serde_json::to_value(real).unwrap());
    let mut complaints = Vec::new();
    for table in ["/bounds", "/service", "/service/credits"] {
        for (name, default) in real.pointer(table).unwrap().as_object().unwrap() {
            let plain = !default.is_null() && !default.is_object() && name != "keys";
            let there = &shown.pointer(table).unwrap()[name];
            if plain && there != default {
                complaints
                    .push(format!("{table}/{name}: the example says {there}, the default is {default}"));
            }
        }
    }
    none(&complaints);
}

/// A misspelt field is refused wherever it stands, as the schema says.
#[test]
fn no_unknown_field_passes() {
    let whole = serde_json::to_value(full()).unwrap();
    let mut places = BTreeSet::from([String::new()]);
    structs(&schema(), &schema(), &whole, "", &mut places);
    assert!(places.len() > 10, "{places:?}");
    for place in places {
        let mut changed = whole.clone();
        changed.pointer_mut(&place).unwrap()["surprise"] = json!(1);
        let refused = serde_json::from_value::<Config>(changed).expect_err(&place).to_string();
        assert!(refused.contains("surprise"), "{place}: {refused}");
    }
}

/// Pointers to every object of a value whose fields the schema lists.
fn structs(schema: &Value, node: &Value, value: &Value, at: &str, found: &mut BTreeSet<String>) {
    let node = resolved(schema, node);
    let fields = node.get("properties").and_then(Value::as_object);
    if fields.is_some() {
        assert_eq!(node.get("additionalProperties"), Some(&Value::Bool(false)), "{at}");
        found.insert(at.to_owned());
    }
    match value {
        Value::Object(inner) => {
            for (name, value) in inner {
                let rule = fields.and_then(|f| f.get(name)).or_else(|| node.get("additionalProperties"));
                structs(schema, rule.unwrap(), value, &format!("{at}/{}", name.replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (place, value) in items.iter().enumerate() {
                structs(schema, &node["items"], value, &format!("{at}/{place}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn a_schema_that_lies_is_found() {
    let real = serde_json::to_value(full()).unwrap();
    type Lie = (&'static str, fn(&mut Value));
    let lies: [Lie; 4] = [
        ("a field too few", |s| {
            drop(s["$defs"]["bounds"]["properties"].as_object_mut().unwrap().remove("idle_ms"))
        }),
        ("another type", |s| s["$defs"]["service"]["properties"]["body_max"]["type"] = json!("string")),
        ("a kind too few", |s| s["$defs"]["provider"]["properties"]["kind"]["enum"] = json!(["openai"])),
        ("a field too much that is required", |s| s["$defs"]["account"]["required"] = json!(["name"])),
    ];
    for (what, lie) in lies {
        let mut schema = schema();
        lie(&mut schema);
        assert!(!Walk::along(&schema, &real).complaints.is_empty(), "{what}");
    }
    let mut schema = schema();
    schema["$defs"]["bounds"]["properties"]["attempts"]["default"] = json!(5);
    assert_eq!(Walk::along(&schema, &serde_json::to_value(Config::default()).unwrap()).other.len(), 1);
}

#[test]
fn the_readme_names_every_setting() {
    let mut all = BTreeSet::new();
    properties(&schema(), &schema(), "", &mut all);
    let readme = read("README.md");
    let named =
        |place: &String| readme.contains(&format!("`{}`", place.rsplit('/').next().unwrap_or_default()));
    let missing: Vec<String> = all
        .iter()
        .filter(|p| !named(p))
        .map(|place| format!("README.md does not name the setting {place}"))
        .collect();
    none(&missing);
}
