//! What belongs to one protocol more than to others.

use super::{Feature, NOTHING, feature};
use serde_json::json;

/// What belongs to one protocol more than to others.
pub(super) fn all() -> Vec<Feature> {
    vec![
        feature(
            "Who is asking (user, metadata)",
            json!({"user": "zq-user"}),
            json!({"user": "zq-user"}),
            json!({"metadata": {"user_id": "zq-user"}}),
            NOTHING,
            &["zq-user"],
        )
        .hint(),
        feature(
            "Service tier",
            json!({"service_tier": "flex"}),
            json!({"service_tier": "flex"}),
            json!({"service_tier": "standard_only"}),
            NOTHING,
            &[],
        )
        .hint(),
        feature("Kept by the provider (store)", json!({"store": true}), json!({"store": true}), NOTHING, NOTHING, &[]),
        feature(
            "Spoken answer",
            json!({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}),
            NOTHING,
            NOTHING,
            json!({"generationConfig": {"responseModalities": ["AUDIO"]}}),
            &[],
        ),
        feature(
            "Predicted output",
            json!({"prediction": {"type": "content", "content": "zq-prediction"}}),
            NOTHING,
            NOTHING,
            NOTHING,
            &["zq-prediction"],
        ),
        feature(
            "Cut to fit (truncation)",
            NOTHING,
            json!({"truncation": "auto"}),
            NOTHING,
            NOTHING,
            &[],
        ),
        feature(
            "Continues a stored response",
            NOTHING,
            json!({"previous_response_id": "resp_zq"}),
            NOTHING,
            NOTHING,
            &["resp_zq"],
        ),
        feature("In the background", NOTHING, json!({"background": true}), NOTHING, NOTHING, &[]),
        feature(
            "Cache mark (cache_control)",
            NOTHING,
            NOTHING,
            json!({"system": [{"type": "text", "text": "zq-system", "cache_control": {"type": "ephemeral"}}]}),
            NOTHING,
            &["zq-system"],
        )
        .hint(),
        feature(
            "Safety settings",
            NOTHING,
            NOTHING,
            NOTHING,
            json!({"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_LOW_AND_ABOVE"}]}),
            &[],
        ),
        feature(
            "A field nobody knows yet",
            json!({"field_of_tomorrow": 1}),
            json!({"field_of_tomorrow": 1}),
            json!({"field_of_tomorrow": 1}),
            json!({"fieldOfTomorrow": 1}),
            &["1"],
        ),
    ]
}
