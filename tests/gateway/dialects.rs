//! Every wire format the lab speaks, through every way in: what only looks like trouble changes neither a letter nor a
//! figure, and what is trouble never looks whole.

use crate::net::{Frame, Reply};
use crate::process::Weir;
use serde_json::{Value, json};

pub const MODELS: [&str; 12] = [
    "lab-openai/gpt-lab-mini",
    "lab-openai/gpt-lab-think",
    "lab-responses/gpt-lab-items",
    "lab-responses/gpt-lab-ponder",
    "lab-groq/openai/gpt-oss-lab",
    "lab-llamacpp/gemma-lab",
    "lab-ollama/qwen-lab:8b",
    "lab-vllm/org/big-lab",
    "lab-gemini/gemini-lab-flash",
    "lab-anthropic/claude-lab",
    "lab-workers/@cf/lab/llama-native",
    "lab-workers/@cf/lab/gpt-oss",
];

const SENTENCE: &str = "Zürich – 水 flows, “quoted”, 🙂 and a ' too.";

fn ask(weir: &Weir, model: &str, stream: bool, marker: &str) -> Reply {
    let body = json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": format!("Please. {marker}")}]});
    weir.ask("POST", "/v1/chat/completions", &[("X-Weir-Trailer", "1")], &body.to_string())
}

/// The text of an answer, and the buckets of its usage as the books have them.
fn heard(weir: &Weir, reply: &Reply) -> (String, Value) {
    let text = if reply.told("content-type").starts_with("text/event-stream") {
        let content = |f: &Frame| {
            let delta = f.json()["choices"][0]["delta"]["content"].clone();
            delta.as_str().unwrap_or_default().to_owned()
        };
        let frames = reply.frames();
        assert_eq!(frames[frames.len() - 2].data, "[DONE]", "{}", reply.text());
        frames[..frames.len() - 2].iter().map(content).collect()
    } else {
        reply.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
    };
    let line = weir.ended(reply.told("x-request-id"))["detail"]["lines"][0].clone();
    let mut usage = line["usage"].as_object().unwrap().clone();
    // What a provider remembers of an earlier prompt is its own affair: input is input.
    let cached: u64 = ["cache_read", "cache_write"].iter().filter_map(|b| usage.remove(*b)?.as_u64()).sum();
    let input = usage.get("input").and_then(Value::as_u64).unwrap_or(0);
    usage.insert("input".into(), json!(input + cached));
    (text, usage.into())
}

#[test]
fn what_only_looks_like_trouble_changes_nothing() {
    let weir = Weir::alone();
    let mut complaints = Vec::new();
    for model in MODELS {
        for stream in [false, true] {
            let say = format!("say=\"{}\"", SENTENCE.replace('"', "'"));
            let clean = heard(&weir, &ask(&weir, model, stream, &format!("[[lab: {say}]]")).is(200));
            if clean.0 != SENTENCE {
                complaints.push(format!("{model}, streamed {stream}: {:?}", clean.0));
            }
            let whole: &[&str] = &["extra_fields", "wrong_content_type", "usage_odd"];
            let streamed: &[&str] = &[
                "extra_fields",
                "split_utf8",
                "odd_splits",
                "merged",
                "pings",
                "crlf",
                "huge_frame",
                "usage_twice",
                "usage_odd",
            ];
            for trouble in if stream { streamed } else { whole } {
                let reply = ask(&weir, model, stream, &format!("[[lab: {say} fault={trouble}]]"));
                if reply.status != 200 {
                    complaints.push(format!(
                        "{model}, streamed {stream}, {trouble}: {} {}",
                        reply.status,
                        reply.text()
                    ));
                    continue;
                }
                let got = heard(&weir, &reply);
                // The marker is part of the prompt: its length counts as input.
                let same = |usage: &Value| {
                    (usage["output"].clone(), usage["reasoning"].clone(), usage["estimated"].clone())
                };
                if got.0 != clean.0 || same(&got.1) != same(&clean.1) {
                    complaints
                        .push(format!("{model}, streamed {stream}, {trouble}: {got:?} instead of {clean:?}"));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn what_is_cut_never_looks_whole_in_any_dialect() {
    let mut complaints = Vec::new();
    for model in MODELS {
        for trouble in ["cut", "drop", "reset", "no_end_mark", "error_frame"] {
            // Each with a weir of its own: what broke before must not be resting now.
            let weir = Weir::alone();
            let marker = format!("[[lab: tokens=60 reasoning=0 fault={trouble} after=20]]");
            let reply = ask(&weir, model, true, &marker);
            let frames = if reply.status == 200 { reply.frames() } else { vec![] };
            let done = frames.iter().any(|f| f.data == "[DONE]");
            let last = frames.last().map(Frame::json).unwrap_or_default();
            let told = last["error"]["code"] == "stream_broken" || reply.status == 502;
            if done || !told {
                complaints.push(format!("{model}, {trouble}: {} {:?}", reply.status, frames.last()));
            }
            let entry = weir.ended(reply.told("x-request-id"));
            let used = &entry["detail"]["lines"][0]["usage"];
            let marked = used["partial"] == true || used["estimated"] == true;
            if reply.status == 200 && !marked && trouble != "no_end_mark" {
                complaints.push(format!("{model}, {trouble}: what was used is not marked: {used}"));
            }
            assert_eq!(weir.at_rest().1, 0);
        }
    }
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn si_and_openai_hear_the_same_of_every_dialect() {
    let weir = Weir::alone();
    for model in MODELS {
        let prompt = format!("[[lab: say=\"{}\"]]", SENTENCE.replace('"', "'"));
        let si = weir.post("/api/si/ask", &json!({"prompt": prompt, "model": model})).is(200).json();
        assert_eq!(si["text"], SENTENCE, "{model}");
        assert_eq!(si["route"]["fake"], true, "{model}: fake words are called fake");
        let stream =
            weir.post("/api/si/ask", &json!({"prompt": prompt, "model": model, "stream": true})).is(200);
        let text: String = stream
            .frames()
            .iter()
            .filter(|f| f.event.as_deref() == Some("delta"))
            .map(|f| f.json()["text"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(text, SENTENCE, "{model}, streamed");
    }
}
