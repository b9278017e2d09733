//! What is asked for, in whose words, and what comes back when all goes well, or nothing does.

use super::studio::{
    CHARACTER_PICO, Habit, RATE, begins, gives, melody, pcm, samples, speaker, texts, tones, weir,
};
use crate::books::{amount, pico};
use crate::failover::attempts;
use crate::net::request;
use crate::upstream::Upstream;
use serde_json::{Value, json};
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn a_text_is_spoken_and_paid_by_its_characters() {
    let (alpha, heard) = speaker(Habit::default());
    let weir = weir(&[("alpha", &alpha)], "");
    let reply = weir.post("/v1/audio/speech", &pcm("Say 440. Say 660.")).is(200);
    assert_eq!(melody(&samples(&reply.body), RATE), [440, 660]);
    assert_eq!(reply.told("content-type"), "audio/pcm;rate=24000");
    assert_eq!((reply.told("x-provider"), reply.told("x-model")), ("alpha", "tts-1"));
    assert_eq!(reply.told("x-route-attempts"), "1");
    assert!(reply.told("server-timing").contains("upstream;dur="));
    // Two sentences, a call each, and no blank is paid.
    assert_eq!(texts(&heard), ["Say 440.", "Say 660."]);
    let cost = 16 * CHARACTER_PICO;
    assert_eq!(pico(reply.told("x-cost-usd")), cost);
    let entry = weir.ended(reply.told("x-request-id"));
    assert_eq!(amount(&entry["amount_usd"]), cost);
    let lines = entry["detail"]["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 1, "{entry}");
    assert_eq!(lines[0]["usage"], json!({"characters": 16}));
    assert_eq!(lines[0]["outcome"], "ok");
    let (head, body) = heard.lock().unwrap()[0].clone();
    assert!(head.starts_with("post /v1/audio/speech") && head.contains("bearer sk-test"));
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["voice"], "alpha-calm");
    weir.at_rest();
}

#[test]
fn the_first_sound_leaves_before_the_provider_is_done() {
    let (more, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let alpha = Upstream::start(move |mut call| {
        let piece = super::studio::bytes(&super::studio::tone(440.0, 200, RATE));
        begins(&mut call, "audio/mpeg")
            && gives(&mut call, &piece)
            && wait.lock().unwrap().recv_timeout(Duration::from_secs(20)).is_ok()
            && gives(&mut call, &piece)
            && call.ends()
    });
    let weir = weir(&[("alpha", &alpha)], "");
    let mut conn = weir.open();
    let body = pcm("Say 440.").to_string();
    let head = conn.send(&request("POST", "/v1/audio/speech", &[], body.as_bytes())).head().unwrap().is(200);
    assert_eq!(head.told("transfer-encoding"), "chunked");
    let mut sound = conn.chunk().unwrap().expect("sound comes while the provider still speaks");
    more.send(()).unwrap();
    while let Some(chunk) = conn.chunk().unwrap() {
        sound.extend(chunk);
    }
    assert_eq!(tones(&samples(&sound), RATE), [(440, 400)]);
}

#[test]
fn every_protocol_asks_in_its_own_words() {
    let (alpha, heard) = speaker(Habit::default());
    let weir = weir(&[("alpha", &alpha)], "");
    for path in ["/api/voice/tts", "/voice/tts"] {
        let body = json!({"text": "Say 500.", "format": "wav", "rate": 16000, "speed": 1.5, "voice": "calm"});
        let reply = weir.post(path, &body).is(200);
        assert_eq!(reply.told("content-type"), "audio/wav");
        assert_eq!(&reply.body[..4], b"RIFF");
        assert_eq!(&reply.body[24..28], 16_000_u32.to_le_bytes());
        assert_eq!(melody(&samples(&reply.body[44..]), 16_000), [500]);
    }
    let asked: Value = serde_json::from_str(&heard.lock().unwrap()[0].1).unwrap();
    assert_eq!(asked["speed"], 1.5);
    for path in ["/v1/text-to-speech/calm", "/v1/text-to-speech/calm/stream"] {
        let path = format!("{path}?output_format=pcm_16000");
        let reply =
            weir.ask("POST", &path, &[("xi-api-key", "any")], &json!({"text": "Say 700."}).to_string());
        let reply = reply.is(200);
        assert_eq!(reply.told("content-type"), "audio/pcm;rate=16000");
        assert_eq!(reply.told("request-id"), reply.told("x-request-id"));
        assert_eq!(melody(&samples(&reply.body), 16_000), [700]);
    }
    let mut body = pcm("Say 440. Say 550.");
    body["stream_format"] = json!("sse");
    let reply = weir.post("/v1/audio/speech", &body).is(200);
    assert_eq!(reply.told("content-type"), "text/event-stream; charset=utf-8");
    let frames = reply.frames();
    let (last, deltas) = frames.split_last().unwrap();
    let usage = json!({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "characters": 16});
    assert_eq!(last.json(), json!({"type": "speech.audio.done", "usage": usage}));
    let sound: Vec<u8> =
        deltas.iter().flat_map(|frame| crate::voice::joined::base64(&frame.json())).collect();
    assert_eq!(melody(&samples(&sound), RATE), [440, 550]);
    let voices = weir.get("/api/voice/voices").is(200).json();
    let calm = voices["voices"].as_array().unwrap().iter().find(|v| v["name"] == "calm").unwrap().clone();
    assert_eq!(calm["at"], json!([{"provider": "alpha", "model": "tts-1", "voice": "alpha-calm"}]));
    assert_eq!((&calm["default"], &calm["gender"]), (&json!(true), &json!("feminine")));
}

#[test]
fn what_is_wrong_is_said_in_the_clients_own_shape() {
    let (alpha, heard) = speaker(Habit::default());
    let weir = weir(&[("alpha", &alpha)], "");
    let mut empty = pcm(" \n");
    let openai = weir.post("/v1/audio/speech", &empty).is(400).json();
    assert_eq!(
        (&openai["error"]["param"], &openai["error"]["type"]),
        (&json!("input"), &json!("invalid_request_error"))
    );
    empty["input"] = json!("a".repeat(40_001));
    let long = weir.post("/v1/audio/speech", &empty).is(400).json();
    assert_eq!(long["error"]["code"], "string_above_max_length");
    let own = weir.post("/api/voice/tts", &json!({"text": ""})).is(400).json();
    assert_eq!((&own["error"]["param"], &own["error"]["status"]), (&json!("text"), &json!(400)));
    let eleven = weir.post("/v1/text-to-speech/calm", &json!({"text": ""})).is(400).json();
    assert_eq!(eleven["detail"]["param"], "text");
    assert_eq!(eleven["detail"]["status"], "invalid_request");

    let unknown = json!({"model": "auto", "input": "Say 440.", "voice": "roaring"});
    let refused = weir.post("/v1/audio/speech", &unknown).is(400).json();
    assert_eq!(refused["error"]["param"], "voice");
    assert!(refused["error"]["message"].as_str().unwrap().contains("calm"), "{refused}");
    let nobody =
        weir.post("/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM", &json!({"text": "Say 440."})).is(400).json();
    assert_eq!(nobody["detail"]["param"], "voice");

    // It has the voice, and not the rate: why is said, for each.
    let rated = json!({"text": "Say 440.", "format": "mp3", "rate": 22050});
    let none = weir.post("/api/voice/tts", &rated).is(422).json();
    let message = none["error"]["message"].as_str().unwrap();
    assert!(message.contains("alpha/tts-1: it does not make mp3 at 22050 Hz"), "{message}");
    let long = json!({"text": "Say 440. ".repeat(600), "format": "opus"});
    let none = weir.post("/api/voice/tts", &long).is(422).json();
    assert!(none["error"]["message"].as_str().unwrap().contains("one call takes 4096"), "{none}");
    assert!(heard.lock().unwrap().is_empty(), "nobody is asked what cannot be");
    weir.at_rest();
}

#[test]
fn a_providers_own_voice_is_asked_of_that_provider_alone() {
    let (alpha, _) = speaker(Habit::default());
    let (beta, heard) = speaker(Habit::default());
    let weir = weir(&[("alpha", &alpha), ("beta", &beta)], "");
    for (model, voice) in [("auto", "beta/nova"), ("beta/tts-1", "nova")] {
        let body = json!({"model": model, "input": "Say 440.", "voice": voice, "response_format": "pcm"});
        let reply = weir.post("/v1/audio/speech", &body).is(200);
        assert_eq!(reply.told("x-provider"), "beta");
    }
    for (_, body) in heard.lock().unwrap().iter() {
        assert_eq!(serde_json::from_str::<Value>(body).unwrap()["voice"], "nova");
    }
    // A model of another provider has no such voice.
    let body = json!({"model": "alpha/tts-1", "input": "Say 440.", "voice": "beta/nova"});
    let none = weir.post("/v1/audio/speech", &body).is(422).json();
    assert!(none["error"]["message"].as_str().unwrap().contains("no voice like"), "{none}");
}

#[test]
fn whatever_fails_before_the_first_sound_is_tried_elsewhere() {
    type Answer = fn(crate::upstream::Call<'_>) -> bool;
    let failures: [(&str, Answer); 7] = [
        ("down", |call| call.whole("500 Internal Server Error", "{}")),
        ("busy", |call| call.whole("429 Too Many Requests", "{}")),
        ("down", |_| false),
        ("cut", |mut call| {
            begins(&mut call, "audio/pcm");
            false
        }),
        ("silent", |mut call| begins(&mut call, "audio/pcm") && call.ends()),
        ("garbled", |call| call.whole("200 OK", r#"{"hello":"world"}"#)),
        ("silent", |mut call| {
            begins(&mut call, "audio/pcm");
            std::thread::sleep(Duration::from_secs(2));
            false
        }),
    ];
    for (fault, answer) in failures {
        let alpha = Upstream::start(answer);
        let (beta, _) = speaker(Habit::default());
        let weir = weir(&[("alpha", &alpha), ("beta", &beta)], "[bounds]\nfirst_content_ms = 700");
        let reply = weir.post("/v1/audio/speech", &pcm("Say 440.")).is(200);
        assert_eq!(reply.told("x-provider"), "beta", "{fault}");
        assert_eq!(reply.told("x-route-reason"), format!("fallback after {fault}"));
        assert_eq!(melody(&samples(&reply.body), RATE), [440]);
        let lines = weir.ended(reply.told("x-request-id"))["detail"]["lines"].clone();
        assert_eq!((&lines[0]["outcome"], &lines[1]["outcome"]), (&json!(fault), &json!("ok")));
        assert_eq!(amount(&lines[1]["amount"]), 8 * CHARACTER_PICO);
        weir.at_rest();
    }
    let alpha = Upstream::start(|call| call.whole("503 Service Unavailable", "{}"));
    let weir = weir(&[("alpha", &alpha)], "");
    let reply = weir.post("/v1/audio/speech", &pcm("Say 440.")).is(502);
    assert!(attempts(&reply).iter().all(|(_, outcome)| outcome == "down"));
    weir.at_rest();
}
