//! How an answer is to be made, and in which shape.

use super::super::super::words::{merge, open_schema, schema};
use super::{Feature, NOTHING, feature, on_tools};
use serde_json::{Value, json};

pub(super) fn all() -> Vec<Feature> {
    let gemini = |more: Value| json!({"generationConfig": more});
    vec![
        feature(
            "Longest answer",
            json!({"max_tokens": 321}),
            json!({"max_output_tokens": 321}),
            json!({"max_tokens": 321}),
            gemini(json!({"maxOutputTokens": 321})),
            &["321"],
        ),
        feature(
            "Temperature",
            json!({"temperature": 0.625}),
            json!({"temperature": 0.625}),
            json!({"temperature": 0.625}),
            gemini(json!({"temperature": 0.625})),
            &["0.625"],
        ),
        feature(
            "Top p",
            json!({"top_p": 0.375}),
            json!({"top_p": 0.375}),
            json!({"top_p": 0.375}),
            gemini(json!({"topP": 0.375})),
            &["0.375"],
        ),
        feature("Top k", NOTHING, NOTHING, json!({"top_k": 4321}), gemini(json!({"topK": 4321})), &["4321"]),
        feature(
            "Stop sequences",
            json!({"stop": ["zq-stop"]}),
            NOTHING,
            json!({"stop_sequences": ["zq-stop"]}),
            gemini(json!({"stopSequences": ["zq-stop"]})),
            &["zq-stop"],
        ),
        feature(
            "Seed",
            json!({"seed": 424_242}),
            NOTHING,
            NOTHING,
            gemini(json!({"seed": 424_242})),
            &["424242"],
        ),
        feature(
            "Presence and frequency penalty",
            json!({"presence_penalty": 0.875, "frequency_penalty": 0.625}),
            NOTHING,
            NOTHING,
            gemini(json!({"presencePenalty": 0.875, "frequencyPenalty": 0.625})),
            &["0.875", "0.625"],
        ),
        feature(
            "Several answers (n)",
            json!({"n": 3}),
            NOTHING,
            NOTHING,
            gemini(json!({"candidateCount": 3})),
            &["3"],
        ),
        feature(
            "Log probabilities",
            json!({"logprobs": true, "top_logprobs": 4}),
            json!({"include": ["message.output_text.logprobs"], "top_logprobs": 4}),
            NOTHING,
            gemini(json!({"responseLogprobs": true, "logprobs": 4})),
            &["4"],
        ),
        feature(
            "Logit bias",
            json!({"logit_bias": {"50256": -7}}),
            NOTHING,
            NOTHING,
            NOTHING,
            &["50256", "-7"],
        ),
        feature(
            "Reasoning effort",
            json!({"reasoning_effort": "high"}),
            json!({"reasoning": {"effort": "high"}}),
            json!({"output_config": {"effort": "high"}}),
            gemini(json!({"thinkingConfig": {"thinkingLevel": "high"}})),
            &[],
        ),
        feature(
            "Reasoning budget in tokens",
            NOTHING,
            NOTHING,
            json!({"thinking": {"type": "enabled", "budget_tokens": 2_048}}),
            gemini(json!({"thinkingConfig": {"thinkingBudget": 2_048}})),
            &[],
        ),
        feature(
            "Verbosity",
            json!({"verbosity": "low"}),
            json!({"text": {"verbosity": "low"}}),
            NOTHING,
            NOTHING,
            &["low"],
        ),
    ]
}

pub(super) fn formats() -> Vec<Feature> {
    let strict = json!({"name": "zq_schema", "strict": true, "schema": schema()});
    let chat = json!({"response_format": {"type": "json_schema", "json_schema": strict}});
    let responses = json!({"text": {"format": {"type": "json_schema", "name": "zq_schema", "strict": true, "schema": schema()}}});
    let messages = json!({"output_config": {"format": {"type": "json_schema", "schema": schema()}}});
    let gemini = json!({"generationConfig": {"responseMimeType": "application/json", "responseSchema": open_schema()}});
    let streamed = |words: &Value| {
        let mut words = words.clone();
        merge(&mut words, &json!({"stream": true}));
        words
    };
    vec![
        feature(
            "JSON object",
            json!({"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "zq-question in JSON"}]}),
            json!({"text": {"format": {"type": "json_object"}}, "input": "zq-question in JSON"}),
            NOTHING,
            json!({"generationConfig": {"responseMimeType": "application/json"}}),
            &[],
        ),
        feature(
            "JSON schema",
            chat.clone(),
            responses.clone(),
            messages.clone(),
            gemini.clone(),
            &["zq_field"],
        ),
        feature(
            "JSON schema, streamed",
            streamed(&chat),
            streamed(&responses),
            streamed(&messages),
            NOTHING,
            &["zq_field"],
        ),
        on_tools("JSON schema beside tools", [chat, responses, messages, gemini], &["zq_field", "zq_tool"]),
    ]
}
