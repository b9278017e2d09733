//! The metering cases of speech, from a reply as the provider sends it to the exact nanodollar.

use super::{CASES, moment};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use providers::catalogue::Catalogue;
use providers::openai::{GROQ, OPENAI, OpenAi};
use providers::{Adapter, Cartesia, Deepgram, Elevenlabs, Gemini, WorkersAi};
use serde_json::{Value, json};
use vocab::{Pico, Usage};

/// So many characters, of which none has as many bytes as the next.
fn text(characters: u64) -> String {
    "aä語👋".chars().cycle().take(usize::try_from(characters).unwrap()).collect()
}

/// What comes back in a case: its head and its body.
fn reply(case: &Value) -> (HeaderMap, Vec<u8>) {
    let (format, usage) = (case["usage_format"].as_str().unwrap(), &case["usage"]);
    let mut head = HeaderMap::new();
    for (name, value) in usage["response_headers"].as_object().into_iter().flatten() {
        let name: HeaderName = name.parse().unwrap();
        head.insert(name, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
    }
    let frames =
        |all: &[Value]| all.iter().map(|frame| format!("data: {frame}\n\n")).collect::<String>().into_bytes();
    let (kind, body) = match format {
        "openai.speech.sse" => (
            "text/event-stream",
            frames(&[
                json!({ "type": "speech.audio.delta", "audio": "//uQZA==" }),
                json!({ "type": "speech.audio.done", "usage": usage }),
            ]),
        ),
        "gemini.generateContent" => {
            let part =
                json!({ "inlineData": { "mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AAABAA==" } });
            let frame = json!({
                "candidates": [{ "content": { "parts": [part], "role": "model" }, "finishReason": "STOP", "index": 0 }],
                "usageMetadata": usage,
            });
            ("text/event-stream", frames(&[frame]))
        }
        _ => ("audio/mpeg", vec![0xFF, 0xFB, 0x90, 0x64]),
    };
    head.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    (head, body)
}

/// As it is heard, byte for byte.
fn heard(case: &Value, catalogue: &Catalogue) -> Usage {
    let (provider, model) = (case["provider"].as_str().unwrap(), case["model"].as_str().unwrap());
    let adapter: &dyn Adapter = match provider {
        "openai" => &OpenAi(&OPENAI),
        "groq" => &OpenAi(&GROQ),
        "gemini" => &Gemini,
        "workers-ai" => &WorkersAi,
        "elevenlabs" => &Elevenlabs,
        "cartesia" => &Cartesia,
        _ => &Deepgram,
    };
    let voice = adapter.voice().unwrap();
    let card = &catalogue.find(provider, model).unwrap().card;
    let (head, body) = reply(case);
    let mut hearing = voice.hear(card, &head).unwrap();
    let mut sound = vec![];
    for byte in body {
        hearing.read(Bytes::from(vec![byte]), &mut sound).unwrap();
    }
    hearing.end(&mut sound).unwrap();
    assert!(!sound.concat().is_empty(), "{provider}/{model} says nothing");
    let counted = || voice.usage(card, &text(case["usage"]["request_characters"].as_u64().unwrap()), 1_000);
    hearing.usage().copied().unwrap_or_else(counted)
}

#[test]
fn what_was_spoken_costs_what_it_should_to_the_nanodollar() {
    let catalogue = Catalogue::embedded().unwrap();
    let cases: Value = serde_json::from_str(CASES).unwrap();
    let is_speech = |case: &&Value| case["tags"].as_array().unwrap().contains(&"tts".into());
    let cases: Vec<&Value> = cases["cases"].as_array().unwrap().iter().filter(is_speech).collect();
    assert_eq!(cases.len(), 9);
    for case in cases {
        let usage = heard(case, &catalogue);
        assert!(!usage.estimated && !usage.anomaly, "{}: {usage:?}", case["id"]);
        let find = catalogue.find(case["provider"].as_str().unwrap(), case["model"].as_str().unwrap());
        let price = find.unwrap().card.price.clone().unwrap();
        let charge = billing::charge(&price, &usage, moment(case["request_time"].as_str().unwrap())).unwrap();
        let expected = Pico(i128::from(case["expected_nano_usd"].as_i64().unwrap()) * Pico::PER_NANO);
        assert_eq!(charge.total, expected, "{}: {usage:?}", case["id"]);
    }
}
