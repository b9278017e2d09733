//! The same text again: under a key, and out of the cache.

use super::studio::{CHARACTER_PICO, Habit, pcm, speaker, weir};
use crate::books::pico;
use crate::net::request;

#[test]
fn a_key_brings_the_same_sound_and_no_second_bill() {
    let (alpha, heard) = speaker(Habit::default());
    let weir = weir(&[("alpha", &alpha)], "");
    let ask = |path: &str, body: &str| weir.ask("POST", path, &[("Idempotency-Key", "k-1")], body);
    let body = pcm("Say 440. Say 660.").to_string();
    let first = ask("/v1/audio/speech", &body).is(200);
    let second = ask("/v1/audio/speech", &body).is(200);
    assert_eq!(first.body, second.body);
    assert_eq!(second.told("idempotent-replayed"), "true");
    assert_eq!(second.told("content-type"), "audio/pcm;rate=24000");
    assert_eq!(first.told("x-request-id"), second.told("x-request-id"));
    assert_eq!(heard.lock().unwrap().len(), 2, "two sentences, once");
    ask("/v1/audio/speech", &pcm("Say 441.").to_string()).is(409);
    let spent = weir.credits()["spent_usd"].as_str().unwrap().to_owned();
    assert_eq!(pico(&spent), 16 * CHARACTER_PICO);
    // The format is in the address there, and so is the voice.
    let eleven = |format: &str| {
        let path = format!("/v1/text-to-speech/calm?output_format={format}");
        weir.ask("POST", &path, &[("Idempotency-Key", "k-2")], r#"{"text":"Say 440."}"#)
    };
    eleven("pcm_16000").is(200);
    eleven("pcm_8000").is(409);
    eleven("pcm_16000").is(200);
    weir.at_rest();
}

#[test]
fn a_sound_that_broke_off_is_not_told_again() {
    let (alpha, heard) = speaker(Habit { dies_after_ms: Some(200), ..Habit::default() });
    let weir = weir(&[("alpha", &alpha)], "[bounds]\nattempts = 1");
    let body = pcm("Say 440. Say 660.").to_string();
    let bytes = request("POST", "/v1/audio/speech", &[("Idempotency-Key", "k-1")], body.as_bytes());
    let mut conn = weir.open();
    conn.send(&bytes).head().unwrap().is(200);
    while let Ok(Some(_)) = conn.chunk() {}
    let calls = heard.lock().unwrap().len();
    let reply = weir.ask("POST", "/v1/audio/speech", &[("Idempotency-Key", "k-1")], &body).is(200);
    assert!(reply.header("idempotent-replayed").is_none());
    assert!(heard.lock().unwrap().len() > calls);
}

#[test]
fn sound_is_cached_only_where_that_is_asked_for() {
    let (alpha, heard) = speaker(Habit::default());
    let weir = weir(&[("alpha", &alpha)], "[service.cache]\nmode = \"asked\"");
    let body = pcm("Say 440.").to_string();
    let ask = |wish: &str| weir.ask("POST", "/v1/audio/speech", &[("X-Weir-Cache", wish)], &body).is(200);
    let first = ask("on");
    let second = ask("on");
    assert_eq!(first.body, second.body);
    assert!(second.told("x-weir-cache").starts_with("hit"));
    assert_eq!(second.told("content-type"), "audio/pcm;rate=24000");
    assert_eq!(pico(second.told("x-cost-usd")), 0);
    weir.post("/v1/audio/speech", &pcm("Say 440.")).is(200);
    assert_eq!(heard.lock().unwrap().len(), 2);
}
