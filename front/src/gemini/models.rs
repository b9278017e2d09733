//! `GET /v1beta/models`: what can be asked for, as Google lists its own. Policies are listed too.

use relay::ModelInfo;
use serde_json::{Value, json};

/// All of them, on one page.
pub(crate) fn models(models: &[ModelInfo], policies: &[String]) -> Value {
    let list: Vec<Value> = policies.iter().map(|p| policy(p)).chain(models.iter().map(served)).collect();
    json!({ "models": list })
}

/// One of them, by its id or by a bare model name that one provider serves.
pub(crate) fn model(id: &str, models: &[ModelInfo], policies: &[String]) -> Option<Value> {
    if policies.iter().any(|p| p == id) {
        return Some(policy(id));
    }
    models.iter().find(|m| m.id == id).or_else(|| models.iter().find(|m| *m.model == *id)).map(served)
}

const METHODS: [&str; 3] = ["generateContent", "streamGenerateContent", "countTokens"];

fn policy(id: &str) -> Value {
    json!({ "name": format!("models/{id}"), "displayName": id, "supportedGenerationMethods": METHODS })
}

fn served(info: &ModelInfo) -> Value {
    let mut value = json!({
        "name": format!("models/{}", info.id),
        "displayName": info.id,
        "supportedGenerationMethods": METHODS,
    });
    if let Some(context) = info.card.context {
        value["inputTokenLimit"] = context.into();
    }
    if let Some(output) = info.card.max_output {
        value["outputTokenLimit"] = output.into();
    }
    value
}
