//! OpenAI's Responses.

use super::super::heard::{Choice, Heard, Used, chars, extend, grow, list, number, text};
use super::Put;
use super::chat::logprob;
use serde_json::{Value, json};

/// What came in pieces is kept beside the whole, which says all of it again at the end.
const PIECES: [(&str, &str); 4] = [
    ("response.output_text.delta", "text"),
    ("response.refusal.delta", "refusal"),
    ("response.reasoning_summary_text.delta", "reasoning"),
    ("response.function_call_arguments.delta", "arguments"),
];

pub fn add(put: &mut Put, said: &Value) {
    let kind = said["type"].as_str().unwrap_or_default();
    if let Some((_, key)) = PIECES.iter().find(|(name, _)| *name == kind) {
        grow(&mut put.whole, key, &said["delta"]);
    }
    if kind == "response.output_text.annotation.added" {
        extend(&mut put.whole, "annotations", &json!([said["annotation"]]));
    }
    if matches!(kind, "response.completed" | "response.incomplete") {
        let pieces = std::mem::replace(&mut put.whole, said["response"].clone());
        let heard = read(&put.whole).first();
        for (key, again) in
            [("text", &heard.text), ("refusal", &heard.refusal), ("reasoning", &heard.reasoning)]
        {
            assert_eq!(&text(&pieces[key]), again, "{key}: what came in pieces is what it was in the end");
        }
        let arguments: String =
            list(&put.whole["output"]).iter().map(|item| text(&item["arguments"])).collect();
        assert_eq!(text(&pieces["arguments"]), arguments);
        let pages: Vec<String> = list(&pieces["annotations"]).iter().map(|a| text(&a["url"])).collect();
        assert_eq!(pages, heard.cited.iter().map(|(url, _)| url.clone()).collect::<Vec<_>>());
        put.ended = true;
    }
}

pub fn read(whole: &Value) -> Heard {
    let usage = &whole["usage"];
    Heard {
        id: whole["id"].as_str().map(str::to_owned),
        model: whole["model"].as_str().map(str::to_owned),
        choices: if whole["output"].is_array() { vec![choice(whole)] } else { vec![] },
        usage: Used {
            input: number(&usage["input_tokens"]),
            cached: number(&usage["input_tokens_details"]["cached_tokens"]),
            written: number(&usage["input_tokens_details"]["cache_write_tokens"]),
            output: number(&usage["output_tokens"]),
            reasoning: number(&usage["output_tokens_details"]["reasoning_tokens"]),
        },
        turn: whole["output"].clone(),
        ..Heard::default()
    }
}

fn choice(whole: &Value) -> Choice {
    let mut out = Choice::default();
    for item in list(&whole["output"]) {
        match item["type"].as_str() {
            Some("message") => {
                for part in list(&item["content"]) {
                    out.text += &text(&part["text"]);
                    out.refusal += &text(&part["refusal"]);
                    out.logprobs.extend(list(&part["logprobs"]).iter().map(logprob));
                    for of in list(&part["annotations"]) {
                        let passage = chars(&text(&part["text"]), &of["start_index"], &of["end_index"]);
                        out.cited.push((text(&of["url"]), passage));
                    }
                }
            }
            Some("reasoning") => {
                out.reasoning.extend(list(&item["summary"]).iter().map(|part| text(&part["text"])));
                out.seal(&item["encrypted_content"]);
            }
            Some("function_call") => out.call(&item["call_id"], &item["name"], &item["arguments"]),
            _ => {}
        }
    }
    out.finish = match (whole["status"].as_str(), whole["incomplete_details"]["reason"].as_str()) {
        (Some("completed"), _) if !out.calls.is_empty() => Some("tool_calls"),
        (Some("completed"), _) => Some("stop"),
        (Some("incomplete"), Some("max_output_tokens")) => Some("length"),
        (Some("incomplete"), Some("content_filter")) => Some("content_filter"),
        _ => None,
    };
    out
}
