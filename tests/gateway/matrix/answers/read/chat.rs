//! Chat completions, which Workers AI's second family speaks too.

use super::super::heard::{Choice, Heard, Used, chars, extend, grow, list, number, text};
use super::Put;
use serde_json::{Value, json};

pub fn add(put: &mut Put, said: &Value) {
    let whole = &mut put.whole;
    for key in ["id", "model", "usage"] {
        if !said[key].is_null() {
            whole[key] = said[key].clone();
        }
    }
    for choice in list(&said["choices"]) {
        let at = number(&choice["index"]) as usize;
        let mut choices = list(&whole["choices"]).to_vec();
        while choices.len() <= at {
            choices.push(json!({"index": choices.len(), "message": {"role": "assistant"}}));
        }
        let known = &mut choices[at];
        let delta = &choice["delta"];
        for key in ["content", "reasoning", "reasoning_content", "reasoning_signature", "refusal"] {
            grow(&mut known["message"], key, &delta[key]);
        }
        extend(&mut known["message"], "annotations", &delta["annotations"]);
        for call in list(&delta["tool_calls"]) {
            add_call(&mut known["message"], call);
        }
        if !choice["logprobs"].is_null() {
            extend(&mut known["logprobs"], "content", &choice["logprobs"]["content"]);
        }
        if choice["finish_reason"].is_string() {
            assert!(known["finish_reason"].is_null(), "a choice ends once: {said}");
            known["finish_reason"] = choice["finish_reason"].clone();
        }
        whole["choices"] = choices.into();
    }
}

fn add_call(message: &mut Value, call: &Value) {
    let at = call["index"].as_u64().expect("fragments of calls have an index") as usize;
    let mut calls = list(&message["tool_calls"]).to_vec();
    if at == calls.len() {
        assert!(call["id"].is_string() && call["type"] == "function", "a call begins with its id: {call}");
        calls.push(json!({"id": call["id"], "type": "function", "function": {"name": call["function"]["name"], "arguments": ""}}));
    }
    let known = calls.get_mut(at).unwrap_or_else(|| panic!("indexes leave one out: {call}"));
    grow(&mut known["function"], "arguments", &call["function"]["arguments"]);
    if !call["extra_content"].is_null() {
        known["extra_content"] = call["extra_content"].clone();
    }
    message["tool_calls"] = calls.into();
}

pub fn read(whole: &Value) -> Heard {
    let usage = &whole["usage"];
    Heard {
        id: whole["id"].as_str().map(str::to_owned),
        model: whole["model"].as_str().map(str::to_owned),
        choices: list(&whole["choices"]).iter().map(choice).collect(),
        usage: Used {
            input: number(&usage["prompt_tokens"]),
            cached: number(&usage["prompt_tokens_details"]["cached_tokens"]),
            written: number(&usage["prompt_tokens_details"]["cache_write_tokens"]),
            output: number(&usage["completion_tokens"]),
            reasoning: number(&usage["completion_tokens_details"]["reasoning_tokens"]),
        },
        turn: json!([whole["choices"][0]["message"]]),
        ..Heard::default()
    }
}

fn choice(choice: &Value) -> Choice {
    let message = &choice["message"];
    let mut out = Choice {
        text: text(&message["content"]),
        reasoning: text(&message["reasoning"]) + &text(&message["reasoning_content"]),
        refusal: text(&message["refusal"]),
        finish: match choice["finish_reason"].as_str() {
            Some("stop") => Some("stop"),
            Some("length") => Some("length"),
            Some("tool_calls") => Some("tool_calls"),
            Some("content_filter") => Some("content_filter"),
            _ => None,
        },
        logprobs: list(&choice["logprobs"]["content"]).iter().map(logprob).collect(),
        ..Choice::default()
    };
    out.seal(&message["reasoning_signature"]);
    for call in list(&message["tool_calls"]) {
        out.call(&call["id"], &call["function"]["name"], &call["function"]["arguments"]);
        out.seal(&call["extra_content"]["google"]["thought_signature"]);
    }
    for annotation in list(&message["annotations"]) {
        let of = &annotation["url_citation"];
        out.cited.push((text(&of["url"]), chars(&out.text, &of["start_index"], &of["end_index"])));
    }
    out
}

/// As Responses has it too.
pub fn logprob(token: &Value) -> Value {
    let one = |of: &Value| json!([of["token"], of["logprob"]]);
    json!([one(token), list(&token["top_logprobs"]).iter().map(one).collect::<Vec<_>>()])
}
