//! What only some dialects have words for: refusals, pages that an answer rests on, tokens written to a cache.

use super::{Say, frames, lab};
use serde_json::Value;

/// The whole answer, and every frame of it streamed.
fn both(provider: &'static str, model: &'static str, prompt: &str) -> (Value, Vec<Value>) {
    let say = Say::to(provider, model, prompt);
    let whole = serde_json::from_slice(&say.play(&lab()).body()).unwrap();
    let stream = say.streamed().play(&lab()).body();
    let frames = frames(&stream).into_iter().filter(|(_, data)| data != "[DONE]");
    (whole, frames.map(|(_, data)| serde_json::from_str(&data).unwrap()).collect())
}

fn joined(frames: &[Value], at: &str) -> String {
    frames.iter().filter_map(|frame| frame.pointer(at)?.as_str()).collect()
}

#[test]
fn a_refusal_has_words_of_its_own_where_the_dialect_has_them() {
    let prompt = "[[lab: refuse=\"I will not.\"]]";
    let (whole, frames) = both("openai", "gpt-lab-mini", prompt);
    let message = &whole["choices"][0]["message"];
    assert_eq!((message["refusal"].as_str(), message["content"].is_null()), (Some("I will not."), true));
    assert_eq!(joined(&frames, "/choices/0/delta/refusal"), "I will not.");
    assert_eq!(joined(&frames, "/choices/0/delta/content"), "");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");

    let (whole, frames) = both("responses", "gpt-lab-items", prompt);
    let part = &whole["output"][0]["content"][0];
    assert_eq!((part["type"].as_str(), part["refusal"].as_str()), (Some("refusal"), Some("I will not.")));
    let deltas = frames.iter().filter(|frame| frame["type"] == "response.refusal.delta").cloned();
    assert_eq!(joined(&deltas.collect::<Vec<_>>(), "/delta"), "I will not.");
    assert_eq!(whole["status"], "completed");

    for (provider, model) in [("gemini", "gemini-lab-flash"), ("anthropic", "claude-lab")] {
        assert_eq!(Say::to(provider, model, prompt).hear(&lab()).text, "I will not.", "{provider}");
    }
}

#[test]
fn a_passage_may_rest_on_a_page_and_each_dialect_counts_in_its_own_way() {
    let page = "https://example.com/page";
    let (before, passage) = ("Größe: ", "so ist es.");
    let prompt = format!("[[lab: cite=\"{page}\" say=\"{before}{passage}\"]]");
    let (whole, streamed) = both("openai", "gpt-lab-mini", &prompt);
    let added = streamed.iter().find_map(|f| f.pointer("/choices/0/delta/annotations/0")).unwrap();
    for cited in [&whole["choices"][0]["message"]["annotations"][0], added] {
        let cited = &cited["url_citation"];
        let place = (cited["start_index"].as_u64(), cited["end_index"].as_u64());
        assert_eq!((cited["url"].as_str(), place), (Some(page), (Some(7), Some(17))));
    }

    let (whole, frames) = both("responses", "gpt-lab-items", &prompt);
    assert_eq!(whole["output"][0]["content"][0]["annotations"][0]["url"], page);
    let added = frames.iter().find(|f| f["type"] == "response.output_text.annotation.added").unwrap();
    assert_eq!(
        (added["annotation"]["url"].as_str(), added["annotation"]["start_index"].as_u64()),
        (Some(page), Some(7))
    );

    let (whole, frames) = both("anthropic", "claude-lab", &prompt);
    assert_eq!(
        (whole["content"][0]["text"].as_str(), whole["content"][0]["citations"].is_null()),
        (Some(before), true)
    );
    assert_eq!(
        (whole["content"][1]["text"].as_str(), whole["content"][1]["citations"][0]["url"].as_str()),
        (Some(passage), Some(page))
    );
    let added = frames.iter().find(|f| f["delta"]["type"] == "citations_delta").unwrap();
    assert_eq!((added["delta"]["citation"]["url"].as_str(), added["index"].as_u64()), (Some(page), Some(1)));

    let (whole, frames) = both("gemini", "gemini-lab-flash", &prompt);
    for reply in [&whole, frames.last().unwrap()] {
        let grounding = &reply["candidates"][0]["groundingMetadata"];
        assert_eq!(grounding["groundingChunks"][0]["web"]["uri"], page);
        let segment = &grounding["groundingSupports"][0]["segment"];
        assert_eq!((segment["startIndex"].as_u64(), segment["endIndex"].as_u64()), (Some(9), Some(19)));
    }
}

#[test]
fn what_was_written_to_the_cache_is_said_where_it_ever_is() {
    let prompt = "Remember this. [[lab: written=4]]";
    let (whole, _) = both("openai", "gpt-lab-mini", prompt);
    assert_eq!(whole["usage"]["prompt_tokens_details"]["cache_write_tokens"], 4);
    let (whole, _) = both("responses", "gpt-lab-items", prompt);
    assert_eq!(whole["usage"]["input_tokens_details"]["cache_write_tokens"], 4);
    let (whole, _) = both("anthropic", "claude-lab", prompt);
    assert_eq!(whole["usage"]["cache_creation_input_tokens"], 4);
}
