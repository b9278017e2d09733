//! What is said, and how it is to be told.

use super::{Feature, NOTHING, feature};
use serde_json::json;

pub(super) fn all() -> Vec<Feature> {
    vec![
        feature("A question", json!({}), json!({}), json!({}), json!({}), &["zq-question"]),
        feature(
            "System prompt",
            json!({"messages": [{"role": "system", "content": "zq-system"}, {"role": "user", "content": "x"}]}),
            json!({"instructions": "zq-system"}),
            json!({"system": "zq-system"}),
            json!({"systemInstruction": {"parts": [{"text": "zq-system"}]}}),
            &["zq-system"],
        ),
        feature(
            "Earlier turns",
            json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "zq-said"}, {"role": "user", "content": "y"}]}),
            json!({"input": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "zq-said"}, {"role": "user", "content": "y"}]}),
            json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "zq-said"}, {"role": "user", "content": "y"}]}),
            json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}, {"role": "model", "parts": [{"text": "zq-said"}]}, {"role": "user", "parts": [{"text": "y"}]}]}),
            &["zq-said"],
        ),
        feature(
            "An answer begun by the client",
            json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "zq-begun"}]}),
            NOTHING,
            json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "zq-begun"}]}),
            json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}, {"role": "model", "parts": [{"text": "zq-begun"}]}]}),
            &["zq-begun"],
        ),
        feature(
            "Streaming",
            json!({"stream": true}),
            json!({"stream": true}),
            json!({"stream": true}),
            NOTHING,
            &[],
        ),
    ]
}
