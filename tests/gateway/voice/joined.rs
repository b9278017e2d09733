//! Parts of a text as one sound.

use super::studio::{
    Habit, PAUSE_MS, RATE, TONE_MS, melody, pcm, samples, speaker, spoken, steepest, texts, tones, weir,
};
use serde_json::{Value, json};

/// The sound of a delta.
pub fn base64(frame: &Value) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = frame["audio"].as_str().unwrap_or_else(|| panic!("{frame}"));
    let bits: Vec<u32> = text.trim_end_matches('=').chars().map(|c| DIGITS.find(c).unwrap() as u32).collect();
    let word = |four: &[u32]| {
        let word = four.iter().fold(0, |word, digit| word << 6 | digit) << (6 * (4 - four.len()));
        word.to_be_bytes()[1..four.len()].to_vec()
    };
    bits.chunks(4).flat_map(word).collect()
}

#[test]
fn sentences_follow_one_another_without_gap_or_click() {
    let text: String = (0..12).map(|n| format!("Say {}. ", 400 + n * 100)).collect();
    let (alpha, heard) = speaker(Habit { pause_ms: 1, ..Habit::default() });
    let weir = weir(&[("alpha", &alpha)], "");
    let mut body = pcm(&text);
    for (format, head) in [("pcm", 0), ("wav", 44)] {
        heard.lock().unwrap().clear();
        body["response_format"] = json!(format);
        let reply = weir.post("/v1/audio/speech", &body).is(200);
        let sound = samples(&reply.body[head..]);
        assert_eq!(melody(&sound, RATE), (0..12).map(|n| 400 + n * 100).collect::<Vec<u32>>());
        // The first sentence by itself; then as many as fit.
        let said = texts(&heard);
        assert_eq!(said[0], "Say 400.");
        assert!(said.len() > 1 && said.iter().all(|part| part.len() <= 300), "{said:?}");
        assert_eq!(said.join(" "), text.trim());
        for (hertz, millis) in tones(&sound, RATE) {
            let meant = if hertz == 0 { PAUSE_MS } else { TONE_MS };
            assert!(millis.abs_diff(meant) <= 40, "{hertz} Hz for {millis} ms");
        }
        assert!(steepest(&sound) <= steepest(&spoken(&text, RATE)), "a click");
        if format == "wav" {
            assert_eq!(&reply.body[40..44], [0xff; 4], "nobody knows how long it will be");
        }
    }
}

#[test]
fn another_rate_is_the_same_melody() {
    let (alpha, _) = speaker(Habit::default());
    let weir = weir(&[("alpha", &alpha)], "");
    for rate in [8_000, 16_000, 44_100, 48_000] {
        let body = json!({"text": "Say 500. Say 900. Say 700.", "format": "pcm", "rate": rate});
        let reply = weir.post("/api/voice/tts", &body).is(200);
        let sound = samples(&reply.body);
        assert_eq!(melody(&sound, rate), [500, 900, 700], "{rate}");
        let millis = sound.len() * 1_000 / rate as usize;
        assert!(millis.abs_diff(3 * (TONE_MS + PAUSE_MS)) <= 60, "{millis} ms at {rate} Hz");
    }
    for format in ["mulaw", "alaw"] {
        let body = json!({"text": "Say 500.", "format": format});
        let reply = weir.post("/api/voice/tts", &body).is(200);
        assert!(reply.told("content-type").ends_with(";rate=8000"));
        assert!(reply.body.len().abs_diff(8 * (TONE_MS + PAUSE_MS)) < 300, "{} bytes", reply.body.len());
    }
}

#[test]
fn the_next_part_is_asked_for_ahead_and_no_more() {
    let (alpha, heard) = speaker(Habit { pause_ms: 20, ..Habit::default() });
    let weir = weir(&[("alpha", &alpha)], "");
    let text: String = (0..6).map(|n| format!("{} Say {}. ", "So".repeat(140), 400 + n * 100)).collect();
    let mut conn = weir.open();
    let body = pcm(&text).to_string();
    let bytes = crate::net::request("POST", "/v1/audio/speech", &[], body.as_bytes());
    conn.send(&bytes).head().unwrap().is(200);
    let mut most = 0;
    let mut parts_heard = 0_usize;
    let mut sound = 0;
    while let Some(chunk) = conn.chunk().unwrap() {
        sound += chunk.len();
        // A part is a tone and its pause, of which some milliseconds fade into the next.
        parts_heard = (sound / 48 + 150) / (TONE_MS + PAUSE_MS);
        let asked = heard.lock().unwrap().len();
        most = most.max(asked.saturating_sub(parts_heard));
    }
    assert_eq!((heard.lock().unwrap().len(), parts_heard), (6, 6));
    assert!(most <= 3, "{most} parts were asked for before they were due");
}
