use super::*;
use serde_json::{Value, json};
use vocab::{Bucket, Said, Transcript, Usage};

fn said(text: &str, start: f64, end: f64) -> Said {
    Said { text: text.into(), start, end }
}

fn transcript() -> Transcript {
    Transcript {
        text: " Water finds. Its level. ".into(),
        language: Some("english".into()),
        duration: Some(3_725.999_6),
        segments: vec![
            said(" Water finds.", 0.0, 1.0005),
            said(" Its level.\n\n\n& <so> --> on", 1.0005, 3_725.999_6),
        ],
        words: vec![said("Water", 0.0, 0.1 + 0.2), said("finds.", 0.5, 1.0)],
    }
}

fn told(script: Script, usage: &Usage) -> String {
    let listen = Listen { script, ..Listen::default() };
    String::from_utf8(whole(&transcript(), &listen, usage).body).unwrap()
}

#[test]
fn subtitles_are_exact_to_the_millisecond() {
    assert_eq!(
        told(Script::Srt, &Usage::default()),
        "1\n00:00:00,000 --> 00:00:01,001\nWater finds.\n\n2\n00:00:01,001 --> 01:02:06,000\nIts level.\n& <so> -> on\n\n"
    );
    assert_eq!(
        told(Script::Vtt, &Usage::default()),
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.001\nWater finds.\n\n00:00:01.001 --> 01:02:06.000\nIts level.\n&amp; &lt;so> -> on\n\n"
    );
    let long = Transcript { segments: vec![said("x", 359_999.999_4, 360_000.0)], ..Transcript::default() };
    let listen = Listen { script: Script::Srt, ..Listen::default() };
    let body = String::from_utf8(whole(&long, &listen, &Usage::default()).body).unwrap();
    assert_eq!(body, "1\n99:59:59,999 --> 100:00:00,000\nx\n\n");
    assert_eq!(whole(&Transcript::default(), &listen, &Usage::default()).body, b"");
    let listen = Listen { script: Script::Vtt, ..Listen::default() };
    assert_eq!(whole(&Transcript::default(), &listen, &Usage::default()).body, b"WEBVTT\n\n");
}

#[test]
fn json_says_what_is_paid_for() {
    let seconds = Usage::default().with(Bucket::AudioMillis, 8_470);
    let value: Value = serde_json::from_str(&told(Script::Json, &seconds)).unwrap();
    assert_eq!(
        value,
        json!({"text": "Water finds. Its level.", "usage": {"type": "duration", "seconds": 9}})
    );
    let tokens =
        Usage::default().with(Bucket::Input, 20).with(Bucket::InputAudio, 1_000).with(Bucket::Output, 260);
    let value: Value = serde_json::from_str(&told(Script::Json, &tokens)).unwrap();
    let details = json!({"text_tokens": 20, "audio_tokens": 1_000});
    assert_eq!(
        value["usage"],
        json!({"type": "tokens", "input_tokens": 1_020, "input_token_details": details, "output_tokens": 260, "total_tokens": 1_280})
    );
    assert_eq!(told(Script::Text, &tokens), "Water finds. Its level.\n");
}

#[test]
fn verbose_json_has_what_was_asked_for_and_nothing_made_up() {
    let value: Value = serde_json::from_str(&told(Script::Verbose, &Usage::default())).unwrap();
    assert_eq!(
        (&value["task"], &value["language"], &value["duration"]),
        (&json!("transcribe"), &json!("english"), &json!(3725.9996))
    );
    assert_eq!(value["segments"][0], json!({"id": 0, "start": 0.0, "end": 1.0005, "text": " Water finds."}));
    assert!(value["words"].is_null());
    for (words, segments) in [(true, false), (true, true), (false, true)] {
        let listen =
            Listen { script: Script::Verbose, words, segments, translate: true, ..Listen::default() };
        let body = whole(&transcript(), &listen, &Usage::default()).body;
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((value["words"].is_array(), value["segments"].is_array()), (words, segments));
        assert_eq!(value["task"], "translate");
        if words {
            assert_eq!(value["words"][1], json!({"word": "finds.", "start": 0.5, "end": 1.0}));
        }
    }
}

#[test]
fn events_say_the_same() {
    let whole = "{\"text\":\"a\\nb \u{1f642}\",\"usage\":{\n\"type\":\"duration\",\"seconds\":1}}";
    let told = String::from_utf8(events(whole.as_bytes(), Script::Json).unwrap()).unwrap();
    let frames: Vec<Value> = told
        .split_terminator("\n\n")
        .map(|f| serde_json::from_str(f.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    assert_eq!(frames[0], json!({"type": "transcript.text.delta", "delta": "a\nb 🙂"}));
    assert_eq!(
        frames[1],
        json!({"type": "transcript.text.done", "text": "a\nb 🙂", "usage": {"type": "duration", "seconds": 1}})
    );
    assert!(events(whole.as_bytes(), Script::Text).is_none());
    assert!(events(b"WEBVTT", Script::Json).is_none());
}

fn ask(fields: &[(&str, &str)]) -> Result<Asked, relay::BadInput> {
    let mut all = Fields::default();
    for (name, value) in fields {
        all.add((*name).into(), (*value).into())?;
    }
    all.ask(false, "a.wav".into(), "audio/wav".into(), Length::default())
}

#[test]
fn fields_are_read_or_named() {
    let asked = ask(&[
        ("model", " whisper-1 "),
        ("language", ""),
        ("temperature", "0"),
        ("stream", "true"),
        ("keywords[]", "a"),
        ("keywords[]", "b"),
    ])
    .unwrap();
    assert_eq!((asked.brief.model.as_str(), asked.brief.kind, asked.stream), ("whisper-1", Kind::Stt, true));
    assert_eq!((&asked.listen.language, &asked.listen.temperature), (&None, &None));
    assert_eq!(asked.listen.extra.len(), 2);
    for (fields, param) in [
        (&[("language", "en")][..], "model"),
        (&[("model", "x"), ("model", "y")], "model"),
        (&[("model", "x"), ("language", "e\u{301}n")], "language"),
        (&[("model", "x"), ("temperature", "3")], "temperature"),
        (&[("model", "x"), ("temperature", "-1")], "temperature"),
        (&[("model", "x"), ("temperature", "inf")], "temperature"),
        (&[("model", "x"), ("response_format", "JSON")], "response_format"),
        (&[("model", "x"), ("timestamp_granularities[]", "letter")], "timestamp_granularities"),
        (&[("model", "x"), ("timestamp_granularities[]", "word")], "timestamp_granularities"),
        (&[("model", "x"), ("stream", "maybe")], "stream"),
    ] {
        assert_eq!(ask(fields).unwrap_err().param.as_deref(), Some(param), "{fields:?}");
    }
}
