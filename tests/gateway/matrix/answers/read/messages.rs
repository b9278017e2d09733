//! Anthropic's Messages.

use super::super::heard::{Choice, Heard, Used, extend, grow, list, number, text};
use super::Put;
use serde_json::{Value, json};

pub fn add(put: &mut Put, said: &Value) {
    let whole = &mut put.whole;
    match said["type"].as_str() {
        Some("message_start") => *whole = said["message"].clone(),
        Some("content_block_start") => {
            assert_eq!(number(&said["index"]) as usize, list(&whole["content"]).len(), "blocks in order");
            extend(whole, "content", &json!([said["content_block"]]));
        }
        Some("content_block_delta") => {
            let (at, delta) = (number(&said["index"]) as usize, &said["delta"]);
            let block = &mut whole["content"][at];
            for key in ["text", "thinking", "signature"] {
                grow(block, key, &delta[key]);
            }
            grow(block, "json", &delta["partial_json"]);
            if !delta["citation"].is_null() {
                extend(block, "citations", &json!([delta["citation"]]));
            }
        }
        Some("content_block_stop") => {
            let block = &mut whole["content"][number(&said["index"]) as usize];
            if let Some(json) = block.as_object_mut().and_then(|block| block.remove("json")) {
                block["input"] = serde_json::from_str(json.as_str().unwrap()).unwrap_or(json);
            }
        }
        Some("message_delta") => {
            for key in ["stop_reason", "stop_sequence"] {
                whole[key] = said["delta"][key].clone();
            }
            for (key, value) in said["usage"].as_object().into_iter().flatten() {
                whole["usage"][key] = value.clone();
            }
        }
        Some("message_stop") => put.ended = true,
        _ => {}
    }
}

pub fn read(whole: &Value) -> Heard {
    let usage = &whole["usage"];
    let (cached, written) =
        (number(&usage["cache_read_input_tokens"]), number(&usage["cache_creation_input_tokens"]));
    Heard {
        id: whole["id"].as_str().map(str::to_owned),
        model: whole["model"].as_str().map(str::to_owned),
        choices: if whole["content"].is_array() { vec![choice(whole)] } else { vec![] },
        usage: Used {
            input: number(&usage["input_tokens"]) + cached + written,
            cached,
            written,
            output: number(&usage["output_tokens"]),
            reasoning: number(&usage["output_tokens_details"]["thinking_tokens"]),
        },
        turn: json!([{"role": "assistant", "content": whole["content"]}]),
        ..Heard::default()
    }
}

fn choice(whole: &Value) -> Choice {
    let mut out =
        Choice { sequence: whole["stop_sequence"].as_str().map(str::to_owned), ..Choice::default() };
    for block in list(&whole["content"]) {
        match block["type"].as_str() {
            Some("text") => {
                out.text += &text(&block["text"]);
                let said = text(&block["text"]);
                out.cited.extend(list(&block["citations"]).iter().map(|c| (text(&c["url"]), said.clone())));
            }
            Some("thinking") => {
                out.reasoning += &text(&block["thinking"]);
                out.seal(&block["signature"]);
            }
            Some("tool_use") => {
                out.call(&block["id"], &block["name"], &block["input"]);
                out.seal(&block["weir_signature"]);
            }
            _ => {}
        }
    }
    out.finish = match whole["stop_reason"].as_str() {
        Some("end_turn" | "stop_sequence") => Some("stop"),
        Some("max_tokens") => Some("length"),
        Some("tool_use") => Some("tool_calls"),
        Some("refusal") => Some("content_filter"),
        _ => None,
    };
    // There is no field for it: what was said is why.
    if out.finish == Some("content_filter") {
        out.refusal.clone_from(&out.text);
    }
    out
}
