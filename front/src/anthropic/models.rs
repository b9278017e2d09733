//! `GET /v1/models` for clients of this API, which name its version in a header.

use relay::ModelInfo;
use serde_json::{Value, json};

/// "May be set to an epoch value if the release date is unknown" (API reference, `created_at`).
const UNKNOWN: &str = "1970-01-01T00:00:00Z";

/// The models and policies as Anthropic lists its own, on one page.
pub fn models(models: &[ModelInfo], policies: &[String]) -> Value {
    let list: Vec<Value> = policies.iter().map(|p| policy(p)).chain(models.iter().map(served)).collect();
    let id = |model: Option<&Value>| model.map(|m| m["id"].clone());
    json!({ "first_id": id(list.first()), "last_id": id(list.last()), "has_more": false, "data": list })
}

/// One of them, by its id or by a bare model name that one provider serves.
pub fn model(id: &str, models: &[ModelInfo], policies: &[String]) -> Option<Value> {
    if policies.iter().any(|p| p == id) {
        return Some(policy(id));
    }
    models.iter().find(|m| m.id == id).or_else(|| models.iter().find(|m| *m.model == *id)).map(served)
}

fn policy(id: &str) -> Value {
    json!({ "type": "model", "id": id, "display_name": id, "created_at": UNKNOWN })
}

fn served(info: &ModelInfo) -> Value {
    json!({
        "type": "model",
        "id": info.id,
        "display_name": info.id,
        "created_at": UNKNOWN,
        "max_input_tokens": info.card.context,
        "max_tokens": info.card.max_output,
    })
}
