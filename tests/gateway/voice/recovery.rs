//! A provider that dies in mid-answer.

use super::studio::{
    CHARACTER_PICO, Habit, PAUSE_MS, RATE, TONE_MS, melody, pcm, samples, setup, speaker, spoken, steepest,
    texts, tones, weir,
};
use crate::books::amount;
use crate::net::request;
use crate::upstream::Upstream;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const TEXT: &str = "Say 400. Say 600. Say 800. Say 1000. Say 1200.";

#[test]
fn another_goes_on_and_every_sentence_is_heard_once() {
    // In the second part, within its second tone; at its end; in its first piece.
    for (dies_after_ms, number) in [(700, 2), (550, 2), (60, 2), (1_500, 2)] {
        let alpha = Upstream::start(move |call| {
            let second = call.number == number;
            let habit = Habit { dies_after_ms: Some(dies_after_ms), pause_ms: 2, ..Habit::default() };
            let call = crate::upstream::Call { number: if second { 1 } else { 9 }, ..call };
            super::studio::speaks(call, habit)
        });
        let (beta, heard) = speaker(Habit { rate: Some(RATE), ..Habit::default() });
        let setup = setup(&[("alpha", &alpha), ("beta", &beta)], "");
        let weir = setup.start();
        let mut conn = weir.open();
        let bytes = request("POST", "/v1/audio/speech", &[], pcm(TEXT).to_string().as_bytes());
        let head = conn.send(&bytes).head().unwrap().is(200);
        assert_eq!(head.told("x-provider"), "alpha");
        let (mut sound, mut longest, mut last) = (Vec::new(), Duration::ZERO, Instant::now());
        while let Some(chunk) = conn.chunk().unwrap() {
            longest = longest.max(last.elapsed());
            last = Instant::now();
            sound.extend(chunk);
        }
        let sound = samples(&sound);
        let heard_tones = tones(&sound, RATE);
        assert_eq!(melody(&sound, RATE), [400, 600, 800, 1000, 1200], "{dies_after_ms}: {heard_tones:?}");
        // Whoever goes on begins at a quiet place, so what broke off may be a little longer or shorter, and no more.
        for (hertz, millis) in &heard_tones {
            let meant = if *hertz == 0 { PAUSE_MS } else { TONE_MS };
            assert!(*millis <= meant + 420, "{dies_after_ms}: {hertz} Hz for {millis} ms");
        }
        let silence = heard_tones.iter().filter(|(hertz, _)| *hertz == 0).map(|(_, ms)| *ms).max().unwrap();
        assert!(silence < 300, "{silence} ms of silence");
        assert!(longest < Duration::from_millis(300), "nothing came for {longest:?}");
        let loudest_step = steepest(&spoken(TEXT, RATE));
        assert!(steepest(&sound) <= loudest_step + loudest_step / 4, "a click of {}", steepest(&sound));
        // It says the part that broke off once more, and what follows.
        assert_eq!(texts(&heard), ["Say 600. Say 800. Say 1000. Say 1200."]);

        let entry = weir.ended(head.told("x-request-id"));
        let lines = entry["detail"]["lines"].as_array().unwrap();
        let told: Vec<_> = lines.iter().map(|l| (l["provider"].as_str(), l["outcome"].as_str())).collect();
        assert_eq!(told, [(Some("alpha"), Some("cut")), (Some("beta"), Some("ok"))], "{entry}");
        assert_eq!(lines[0]["usage"], json!({"characters": 45, "partial": true}));
        assert_eq!(lines[1]["usage"], json!({"characters": 37}));
        assert_eq!(amount(&entry["amount_usd"]), (45 + 37) * CHARACTER_PICO);
        let providers = weir.get("/api/providers").is(200).json();
        let alpha =
            providers["providers"].as_array().unwrap().iter().find(|p| p["name"] == "alpha").unwrap().clone();
        assert!(alpha["models"][0]["failure_rate"].as_f64().unwrap() > 0.02, "{alpha}");
        weir.at_rest();
    }
}

#[test]
fn who_makes_another_rate_is_brought_to_the_one_that_was_begun() {
    let (alpha, _) = speaker(Habit { dies_after_ms: Some(300), ..Habit::default() });
    // A header says its rate.
    let (beta, _) = speaker(Habit { rate: Some(44_100), ..Habit::default() });
    let weir = weir(&[("alpha", &alpha), ("beta", &beta)], "");
    let mut body = pcm(TEXT);
    body["response_format"] = json!("wav");
    let reply = weir.post("/v1/audio/speech", &body).is(200);
    assert_eq!(&reply.body[24..28], RATE.to_le_bytes());
    assert_eq!(reply.body.windows(4).filter(|w| *w == b"RIFF").count(), 1, "one header");
    assert_eq!(melody(&samples(&reply.body[44..]), RATE), [400, 600, 800, 1000, 1200]);
}

#[test]
fn alone_it_is_asked_once_more() {
    let (alpha, heard) = speaker(Habit { dies_after_ms: Some(200), ..Habit::default() });
    let weir = weir(&[("alpha", &alpha)], "");
    let reply = weir.post("/v1/audio/speech", &pcm(TEXT)).is(200);
    assert_eq!(melody(&samples(&reply.body), RATE), [400, 600, 800, 1000, 1200]);
    let said = texts(&heard);
    assert_eq!(said.iter().filter(|text| *text == "Say 400.").count(), 2, "{said:?}");
    let lines = weir.ended(reply.told("x-request-id"))["detail"]["lines"].clone();
    assert_eq!(lines.as_array().unwrap().len(), 2);
}

#[test]
fn a_sound_that_nobody_goes_on_with_does_not_look_whole() {
    let dies = || {
        Upstream::start(|call| {
            super::studio::speaks(
                crate::upstream::Call { number: 1, ..call },
                Habit { dies_after_ms: Some(250), ..Habit::default() },
            )
        })
    };
    let (alpha, beta) = (dies(), dies());
    let weir = weir(&[("alpha", &alpha), ("beta", &beta)], "");
    let mut conn = weir.open();
    let bytes = request("POST", "/v1/audio/speech", &[("TE", "trailers")], pcm(TEXT).to_string().as_bytes());
    let head = conn.send(&bytes).head().unwrap().is(200);
    let ended = loop {
        match conn.chunk() {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(ended.is_err(), "a body that was cut has no end");
    assert!(conn.closes(Duration::from_secs(5)));
    let entry = weir.ended(head.told("x-request-id"));
    assert!(
        entry["detail"]["lines"].as_array().unwrap().iter().all(|line| line["outcome"] == "cut"),
        "{entry}"
    );

    let mut body = pcm(TEXT);
    body["stream_format"] = json!("sse");
    let reply = weir.post("/v1/audio/speech", &body);
    if reply.status == 200 {
        let last = reply.frames().last().unwrap().json();
        assert_eq!(last["error"]["code"], "stream_broken", "{last}");
        assert!(!reply.text().contains("speech.audio.done"));
    }
    weir.at_rest();
}

#[test]
fn what_cannot_be_joined_ends_with_its_provider() {
    let alpha = Upstream::start(|mut call| {
        super::studio::begins(&mut call, "audio/ogg");
        super::studio::gives(&mut call, b"OggS of no length");
        false
    });
    let (beta, heard) = speaker(Habit::default());
    let weir = weir(&[("alpha", &alpha), ("beta", &beta)], "");
    let mut conn = weir.open();
    let body: Value = json!({"model": "auto", "input": TEXT, "response_format": "opus"});
    let head =
        conn.send(&request("POST", "/v1/audio/speech", &[], body.to_string().as_bytes())).head().unwrap();
    assert_eq!(head.told("content-type"), "audio/ogg");
    while let Ok(Some(_)) = conn.chunk() {}
    assert!(conn.closes(Duration::from_secs(5)));
    assert!(heard.lock().unwrap().is_empty());
    weir.at_rest();
}
