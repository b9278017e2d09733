//! What a client saw and what the books say, written down such that two runs can be compared.
//!
//! What a clock measured is another in each run on the same shell too: it is replaced by `#`. Everything else stays.

use crate::differences;
use crate::net::{Frame, Reply};
use serde_json::{Map, Value, json};

/// Fields whose value was measured, or is the time of day.
const MEASURED: [&str; 13] = [
    "at",
    "created",
    "created_at",
    "failure_rate",
    "first_content_ms_p50",
    "first_content_ms_p95",
    "latency_delta_ms",
    "millis",
    "probe_ms",
    "samples",
    "tokens_per_s",
    "retry_after_ms",
    "until",
];
const MEASURED_HEADERS: [&str; 2] = ["server-timing", "x-advisor-latency-delta-ms"];

/// An answer. `warm`: something was measured before it that its decision may rest on. Of an explanation only the
/// candidates that are `ours` stay: those of other cases have fared as it happens.
pub fn of(reply: &Reply, warm: bool, ours: &dyn Fn(&str) -> bool) -> Value {
    let mut headers: Vec<(String, Value)> = reply
        .headers
        .iter()
        .filter(|(name, _)| !differences::of_headers().any(|n| n == name))
        .map(|(name, value)| {
            let measured = MEASURED_HEADERS.contains(&name.as_str()) || name == "retry-after" && warm;
            (name.clone(), if measured { json!("#") } else { json!(words(value, warm)) })
        })
        .collect();
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    let headers: Map<String, Value> = headers.into_iter().collect();
    let mut body = body(reply, warm);
    if let Some(candidates) = body.pointer_mut("/record/candidates").and_then(Value::as_array_mut) {
        candidates.retain(|c| c["provider"].as_str().is_some_and(ours));
    }
    json!({"status": reply.status, "headers": headers, "body": body})
}

fn body(reply: &Reply, warm: bool) -> Value {
    let kind = reply.header("content-type").unwrap_or_default();
    if kind.starts_with("text/event-stream") {
        return reply.frames().iter().map(|f| frame(f, warm)).collect();
    }
    match serde_json::from_slice::<Value>(&reply.body) {
        Ok(value) if kind.starts_with("application/json") => normal(value, warm),
        _ => json!(words(&String::from_utf8_lossy(&reply.body), warm)),
    }
}

fn frame(frame: &Frame, warm: bool) -> Value {
    let data = serde_json::from_str::<Value>(&frame.data);
    json!({"event": frame.event, "data": data.map_or_else(|_| json!(frame.data), |v| normal(v, warm))})
}

fn normal(value: Value, warm: bool) -> Value {
    match value {
        Value::Object(fields) => {
            let silent = differences::is_told_otherwise(&fields);
            let field = |(name, value): (String, Value)| {
                let value = if MEASURED.contains(&name.as_str()) || silent && name == "message" {
                    json!("#")
                } else if let Some(inner) = nested(&name, &value) {
                    normal(inner, warm)
                } else {
                    normal(value, warm)
                };
                (name, value)
            };
            fields.into_iter().map(field).collect()
        }
        Value::Array(items) => items.into_iter().map(|v| normal(v, warm)).collect(),
        Value::String(text) => json!(words(&text, warm)),
        other => other,
    }
}

/// JSON within a string: Google's details of an error hold texts alone.
fn nested(name: &str, value: &Value) -> Option<Value> {
    if name == "attempts" { serde_json::from_str(value.as_str()?).ok() } else { None }
}

/// `after 12 ms` is measured, and once something was measured the margin of a decision rests on it.
fn words(text: &str, warm: bool) -> String {
    let mut out: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let unit = word.trim_end_matches([',', '.', ';', ')']);
        let number = |w: &str| !w.is_empty() && w.chars().all(|c| c.is_ascii_digit() || c == '.');
        match out.last_mut() {
            Some(before) if unit == "ms" && number(before) => *before = "#".into(),
            Some(before) if word == "over" && warm && before.strip_prefix(['+', '-']).is_some_and(number) => {
                *before = "#".into();
            }
            _ => {}
        }
        out.push(word.to_owned());
    }
    out.join(" ")
}

/// Where two transcripts differ: paths with both values.
pub fn compare(native: &Value, worker: &Value, at: &str, found: &mut Vec<String>) {
    match (native, worker) {
        (Value::Object(a), Value::Object(b)) => {
            let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let (x, y) = (a.get(name).unwrap_or(&Value::Null), b.get(name).unwrap_or(&Value::Null));
                compare(x, y, &format!("{at}/{name}"), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (place, (x, y)) in a.iter().zip(b).enumerate() {
                compare(x, y, &format!("{at}/{place}"), found);
            }
        }
        _ if native == worker => {}
        _ => found.push(format!("{at}: {native} there, {worker} here")),
    }
}

#[test]
fn what_was_measured_is_left_out_and_nothing_else() {
    for (text, cold, warm) in [
        ("a/m: down after 12 ms", "a/m: down after # ms", "a/m: down after # ms"),
        ("nothing came for 1500 ms.", "nothing came for # ms.", "nothing came for # ms."),
        (
            "best utility of 2; +0.012345 over next",
            "best utility of 2; +0.012345 over next",
            "best utility of 2; # over next",
        ),
        ("all of 12 months", "all of 12 months", "all of 12 months"),
    ] {
        assert_eq!((words(text, false).as_str(), words(text, true).as_str()), (cold, warm));
    }
    let mut found = Vec::new();
    compare(&json!({"a": [1, {"b": 2}]}), &json!({"a": [1, {"b": 3}], "c": 1}), "", &mut found);
    assert_eq!(found, ["/a/1/b: 2 there, 3 here", "/c: null there, 1 here"]);
}
