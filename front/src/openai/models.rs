//! `GET /v1/models`: what can be asked for. Policies are listed too: a client that picks from the list can pick one.

use relay::ModelInfo;
use serde_json::{Value, json};

/// The models and policies as OpenAI lists its own.
pub fn models(models: &[ModelInfo], policies: &[String]) -> Value {
    let list: Vec<Value> = policies.iter().map(|p| policy(p)).chain(models.iter().map(served)).collect();
    json!({ "object": "list", "data": list })
}

/// One of them, by its id or by a bare model name that one provider serves.
pub fn model(id: &str, models: &[ModelInfo], policies: &[String]) -> Option<Value> {
    if policies.iter().any(|p| p == id) {
        return Some(policy(id));
    }
    models.iter().find(|m| m.id == id).or_else(|| models.iter().find(|m| *m.model == *id)).map(served)
}

fn policy(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 0, "owned_by": "weir" })
}

fn served(info: &ModelInfo) -> Value {
    let mut value = json!({
        "id": info.id,
        "object": "model",
        "created": 0,
        "owned_by": info.provider,
        "context_window": info.card.context,
        "max_output_tokens": info.card.max_output,
        "capabilities": info.caps.names().collect::<Vec<_>>(),
    });
    if info.fake {
        value["fake"] = Value::Bool(true);
    }
    value
}
