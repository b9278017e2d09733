//! Workers AI's first family. It gives neither ids nor reasons.

use super::super::heard::{Choice, Heard, Used, extend, grow, list, number, text};
use super::Put;
use serde_json::{Value, json};

pub fn add(put: &mut Put, said: &Value) {
    grow(&mut put.whole, "response", &said["response"]);
    extend(&mut put.whole, "tool_calls", &said["tool_calls"]);
    if said["usage"].is_object() {
        put.whole["usage"] = said["usage"].clone();
    }
}

pub fn read(whole: &Value) -> Heard {
    let mut choice = Choice { text: text(&whole["response"]), ..Choice::default() };
    for call in list(&whole["tool_calls"]) {
        choice.call(&json!(""), &call["name"], &call["arguments"]);
    }
    let usage = &whole["usage"];
    Heard {
        choices: vec![choice],
        usage: Used {
            input: number(&usage["prompt_tokens"]),
            cached: number(&usage["prompt_tokens_details"]["cached_tokens"]),
            output: number(&usage["completion_tokens"]),
            ..Used::default()
        },
        ..Heard::default()
    }
}
