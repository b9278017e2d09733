//! Gemini's generateContent. A stream is made of whole replies.

use super::super::heard::{Choice, Heard, Used, extend, list, number, text};
use super::Put;
use serde_json::{Value, json};

pub fn add(put: &mut Put, said: &Value) {
    let whole = &mut put.whole;
    for key in ["responseId", "modelVersion", "usageMetadata", "promptFeedback"] {
        if !said[key].is_null() {
            whole[key] = said[key].clone();
        }
    }
    for candidate in list(&said["candidates"]) {
        let at = number(&candidate["index"]) as usize;
        let mut all = list(&whole["candidates"]).to_vec();
        while all.len() <= at {
            all.push(json!({"content": {"role": "model"}}));
        }
        extend(&mut all[at]["content"], "parts", &candidate["content"]["parts"]);
        for key in ["finishReason", "groundingMetadata"] {
            if !candidate[key].is_null() {
                all[at][key] = candidate[key].clone();
            }
        }
        if candidate["logprobsResult"].is_object() {
            for key in ["chosenCandidates", "topCandidates"] {
                extend(&mut all[at]["logprobsResult"], key, &candidate["logprobsResult"][key]);
            }
        }
        whole["candidates"] = all.into();
    }
}

/// There is no end mark: every candidate says why it ended, or the prompt was blocked.
pub fn ended(whole: &Value) -> bool {
    let all = list(&whole["candidates"]);
    let each = !all.is_empty() && all.iter().all(|candidate| candidate["finishReason"].is_string());
    each || whole["promptFeedback"]["blockReason"].is_string()
}

pub fn read(whole: &Value) -> Heard {
    let usage = &whole["usageMetadata"];
    let reasoning = number(&usage["thoughtsTokenCount"]);
    let mut choices: Vec<Choice> = list(&whole["candidates"]).iter().map(choice).collect();
    if whole["promptFeedback"]["blockReason"].is_string() {
        choices.push(Choice { finish: Some("content_filter"), ..Choice::default() });
    }
    Heard {
        id: whole["responseId"].as_str().map(str::to_owned),
        model: whole["modelVersion"].as_str().map(str::to_owned),
        choices,
        usage: Used {
            input: number(&usage["promptTokenCount"]),
            cached: number(&usage["cachedContentTokenCount"]),
            written: 0,
            output: number(&usage["candidatesTokenCount"]) + reasoning,
            reasoning,
        },
        turn: json!([whole["candidates"][0]["content"]]),
        ..Heard::default()
    }
}

fn choice(candidate: &Value) -> Choice {
    let mut out = Choice::default();
    for part in list(&candidate["content"]["parts"]) {
        if part["thought"] == true {
            out.reasoning += &text(&part["text"]);
        } else {
            out.text += &text(&part["text"]);
        }
        if part["functionCall"].is_object() {
            let call = &part["functionCall"];
            out.call(&call["id"], &call["name"], &call["args"]);
        }
        out.seal(&part["thoughtSignature"]);
        out.pictures.extend(part["inlineData"]["data"].as_str().map(str::to_owned));
    }
    out.finish = match candidate["finishReason"].as_str() {
        Some("STOP") if !out.calls.is_empty() => Some("tool_calls"),
        Some("STOP") => Some("stop"),
        Some("MAX_TOKENS") => Some("length"),
        Some("SAFETY") => Some("content_filter"),
        _ => None,
    };
    // There is no field for it: what was said is why.
    if out.finish == Some("content_filter") {
        out.refusal.clone_from(&out.text);
    }
    let one = |of: &Value| json!([of["token"], of["logProbability"]]);
    let probable = &candidate["logprobsResult"];
    out.logprobs = list(&probable["chosenCandidates"])
        .iter()
        .zip(list(&probable["topCandidates"]))
        .map(|(chosen, top)| {
            json!([one(chosen), list(&top["candidates"]).iter().map(one).collect::<Vec<_>>()])
        })
        .collect();
    let grounding = &candidate["groundingMetadata"];
    for support in list(&grounding["groundingSupports"]) {
        let segment = &support["segment"];
        // The parts of a stream are pieces of one.
        let part = number(&segment["partIndex"]) as usize;
        let of =
            if part == 0 { out.text.clone() } else { text(&candidate["content"]["parts"][part]["text"]) };
        let bytes = number(&segment["startIndex"]) as usize..number(&segment["endIndex"]) as usize;
        let passage = of.get(bytes).expect("bytes of characters").to_owned();
        assert!(segment["text"].is_null() || segment["text"] == passage.as_str(), "{segment}");
        for chunk in list(&support["groundingChunkIndices"]) {
            let chunk = &grounding["groundingChunks"][number(chunk) as usize];
            out.cited.push((text(&chunk["web"]["uri"]), passage.clone()));
        }
    }
    out
}
