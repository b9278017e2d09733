//! Money, memory, and clients that go.

use super::studio::{CHARACTER_PICO, Habit, RATE, begins, gives, melody, pcm, samples, setup, speaker, weir};
use crate::books::amount;
use crate::net::{request, until};
use crate::upstream::Upstream;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const TEXT: &str = "Say 400. Say 600. Say 800.";

#[test]
fn a_client_that_leaves_pays_for_what_was_asked() {
    let (alpha, heard) = speaker(Habit { pause_ms: 100, ..Habit::default() });
    let weir = weir(&[("alpha", &alpha)], "");
    let text = format!("{TEXT} {}", "And say 1000. ".repeat(40));
    let mut conn = weir.open();
    let bytes = request("POST", "/v1/audio/speech", &[], pcm(&text).to_string().as_bytes());
    let id = conn.send(&bytes).head().unwrap().is(200).told("x-request-id").to_owned();
    conn.chunk().unwrap().unwrap();
    drop(conn);
    let entry = until(Duration::from_secs(5), "it is settled", || {
        let all = weir.usage();
        all.into_iter().find(|entry| entry["request_id"] == id.as_str())
    });
    let asked: usize = super::studio::texts(&heard).iter().map(|text| text.chars().count()).sum();
    assert_eq!(amount(&entry["cost_usd"]), asked as i128 * CHARACTER_PICO, "{entry}");
    assert!(asked < text.len(), "what was not asked for is not paid");
    assert_eq!(entry["lines"][0]["outcome"], "left");
    weir.at_rest();
}

#[test]
fn nothing_is_said_that_the_account_cannot_pay() {
    let (alpha, heard) = speaker(Habit::default());
    let credit = "[accounts.local]\ncredit_usd = \"0.0003\"\noverdraft_usd = \"0\"";
    let weir = weir(&[("alpha", &alpha)], credit);
    // 26 characters cost 0.00039.
    let refused = weir.post("/v1/audio/speech", &pcm(TEXT)).is(402).json();
    assert_eq!(refused["error"]["code"], "insufficient_credit");
    assert!(heard.lock().unwrap().is_empty());
    let reply = weir.post("/v1/audio/speech", &pcm("Say 440.")).is(200);
    assert_eq!(melody(&samples(&reply.body), RATE), [440]);
    let dear = json!({"text": TEXT, "max_cost_usd": "0.0001"});
    let none = weir.post("/api/voice/tts", &dear).is(422).json();
    assert!(none["error"]["message"].as_str().unwrap().contains("over the limit"), "{none}");
    weir.at_rest();
}

#[test]
fn whoever_goes_on_has_to_be_paid_for_as_well() {
    let (alpha, _) = speaker(Habit { dies_after_ms: Some(200), ..Habit::default() });
    let (beta, heard) = speaker(Habit::default());
    // Enough for the text once, and not for half of it again.
    let credit = "[accounts.local]\ncredit_usd = \"0.0004\"\noverdraft_usd = \"0\"";
    let weir = weir(&[("alpha", &alpha), ("beta", &beta)], credit);
    let mut conn = weir.open();
    conn.send(&request("POST", "/v1/audio/speech", &[], pcm(TEXT).to_string().as_bytes()))
        .head()
        .unwrap()
        .is(200);
    while let Ok(Some(_)) = conn.chunk() {}
    assert!(conn.closes(Duration::from_secs(5)));
    assert!(heard.lock().unwrap().is_empty());
    weir.at_rest();
}

#[test]
fn a_slow_listener_slows_the_provider_and_fills_no_memory() {
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let alpha = Upstream::start(move |mut call| {
        if call.number == 1 {
            return super::studio::speaks(call, Habit::default());
        }
        let piece = vec![1_u8; 64 << 10];
        begins(&mut call, "audio/pcm")
            && (0..4_096).all(|_| {
                count.fetch_add(piece.len(), Ordering::SeqCst);
                gives(&mut call, &piece)
            })
            && call.ends()
    });
    let setup = setup(&[("alpha", &alpha)], "");
    let weir = setup.start();
    // What it takes to have done it once is no memory of this stream.
    weir.post("/v1/audio/speech", &pcm("Say 440.")).is(200);
    let before = weir.process.memory("VmRSS");
    let mut conn = weir.open();
    let bytes = request("POST", "/v1/audio/speech", &[], pcm("Say 440.").to_string().as_bytes());
    conn.send(&bytes).head().unwrap().is(200);
    // It fills what the sockets hold, and then it waits.
    let held = until(Duration::from_secs(20), "the provider waits", || {
        let now = written.load(Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(500));
        (now == written.load(Ordering::SeqCst)).then_some(now)
    });
    assert!(held < 64 << 20, "{held} bytes were taken that nobody heard");
    let grown = |since: u64| weir.process.memory("VmRSS").saturating_sub(since);
    assert!(grown(before) < 16 << 10, "{} KiB more for {held} bytes", grown(before));
    // However much of it passes: of 256 MiB a fourth.
    let now = weir.process.memory("VmRSS");
    let mut passed = 0;
    while passed < 64 << 20 {
        passed += conn.chunk().unwrap().unwrap().len();
    }
    assert!(grown(now) < 4 << 10, "{} KiB more after {passed} bytes", grown(now));
    drop(conn);
    weir.at_rest();
}
