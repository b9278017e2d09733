use super::{elevenlabs, openai, own};
use crate::refusal::Refusal;
use relay::Wishes;
use serde_json::{Value, json};
use vocab::{Bucket, Codec, Kind, Sound, Usage};

fn spoken(body: &Value) -> super::Spoken {
    openai::read(body.to_string().as_bytes()).unwrap()
}

#[test]
fn openais_request_is_understood() {
    let body = json!({
        "model": "tts-1", "input": "Hello.", "voice": {"id": "voice_7"}, "response_format": "pcm", "speed": 1.25,
        "instructions": "Whisper.", "stream_format": "sse", "x": [1],
    });
    let got = spoken(&body);
    assert_eq!((got.model.as_str(), got.events), ("tts-1", true));
    let speak = &got.speak;
    assert_eq!((speak.text.as_str(), speak.voice.as_str()), ("Hello.", "voice_7"));
    assert_eq!(speak.sound, Sound::of(Codec::Pcm).at(24_000));
    assert_eq!((speak.speed, speak.instructions.as_deref()), (Some(125), Some("Whisper.")));
    assert_eq!(Value::Object(speak.extra.clone()), json!({"x": [1]}));
    let brief = got.brief();
    assert_eq!((brief.kind, brief.stream, brief.n), (Kind::Tts, true, 1));
    assert!(brief.tokens_in > 0);

    let least = spoken(&json!({"model": "auto", "input": "Hi", "voice": null}));
    assert_eq!((least.speak.sound, least.speak.voice.as_str()), (Sound::of(Codec::Mp3), ""));
    assert!(!least.events && !least.brief().stream);
}

#[test]
fn what_openais_request_gets_wrong_is_named() {
    let good = json!({"model": "m", "input": "Hello.", "voice": "calm"});
    for (field, wrong) in [
        ("model", json!(null)),
        ("model", json!(7)),
        ("input", json!("")),
        ("input", json!(" \n\u{3000}")),
        ("input", json!(["Hello."])),
        ("input", json!(null)),
        ("voice", json!({"name": "calm"})),
        ("voice", json!(3)),
        ("response_format", json!("ogg")),
        ("response_format", json!(1)),
        ("speed", json!(0.2)),
        ("speed", json!(4.01)),
        ("speed", json!("fast")),
        ("stream_format", json!("ws")),
    ] {
        let mut body = good.clone();
        body[field] = wrong;
        let bad = openai::read(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(bad.param.as_deref(), Some(field), "{body}: {bad}");
        assert!(bad.message.contains(field), "{bad}");
    }
    let bad = openai::read(br#"{"model":"m","input":"a","input":"b"}"#).unwrap_err();
    assert_eq!(bad.param.as_deref(), Some("input"));
    for none in [&b"[]"[..], b"", b"{", b"\xff"] {
        assert!(openai::read(none).is_err());
    }
}

#[test]
fn our_own_words_are_strict_and_hold_wishes() {
    let read = |body: Value| own::read(body.to_string().as_bytes(), Wishes::default());
    let (spoken, wishes) = read(json!({
        "text": "Grüße.", "voice": "calm", "format": "wav", "rate": 16000, "speed": 0.9, "language": "de-DE",
        "policy": "cheap", "max_cost_usd": 0.01, "providers": ["a", "-b"], "seed": 4,
    }))
    .unwrap();
    assert_eq!(spoken.model, "auto");
    assert_eq!(spoken.speak.sound, Sound::of(Codec::Wav).at(16_000));
    assert_eq!((spoken.speak.speed, spoken.speak.seed), (Some(90), Some(4)));
    assert_eq!(spoken.speak.language.as_deref(), Some("de-DE"));
    assert_eq!(wishes.policy.as_deref(), Some("cheap"));
    assert_eq!((wishes.limits.allow, wishes.limits.deny), (vec!["a".into()], vec!["b".into()]));
    for (field, wrong) in [
        ("text", json!("\t")),
        ("rate", json!(7_999)),
        ("rate", json!(44_100.5)),
        ("format", json!("mp4")),
        ("language", json!("en_US")),
        ("seed", json!(-1)),
        ("max_cost_usd", json!("1e-3")),
        ("voices", json!("calm")),
    ] {
        let mut body = json!({"text": "Hello."});
        body[field] = wrong;
        let bad = read(body).unwrap_err();
        assert_eq!(bad.param.as_deref(), Some(field), "{bad}");
    }
    assert!(
        read(json!({"voices": "x", "text": "a"})).unwrap_err().message.contains("did you mean \"voice\"")
    );
}

#[test]
fn elevenlabs_request_is_understood() {
    let body = json!({
        "text": "Hello.", "model_id": "eleven_v3", "language_code": "en", "seed": 9,
        "voice_settings": {"speed": 1.1, "stability": 0.5}, "apply_text_normalization": "on",
    })
    .to_string();
    let got = elevenlabs::read(body.as_bytes(), "calm".into(), Some("pcm_16000")).unwrap();
    assert_eq!(got.model, "eleven_v3");
    assert_eq!(got.speak.sound, Sound::of(Codec::Pcm).at(16_000));
    assert_eq!((got.speak.speed, got.speak.seed), (Some(110), Some(9)));
    let extra = Value::Object(got.speak.extra.clone());
    assert_eq!(extra, json!({"apply_text_normalization": "on", "voice_settings": {"stability": 0.5}}));

    let format = |name| elevenlabs::read(br#"{"text":"a"}"#, "v".into(), name).map(|got| got.speak.sound);
    let mp3 = |rate, bitrate| Sound { codec: Codec::Mp3, rate: Some(rate), bitrate: Some(bitrate) };
    assert_eq!(format(None).unwrap(), mp3(44_100, 128_000));
    assert_eq!(format(Some("mp3_22050_32")).unwrap(), mp3(22_050, 32_000));
    assert_eq!(format(Some("ulaw_8000")).unwrap(), Sound::of(Codec::Mulaw).at(8_000));
    assert_eq!(format(Some("opus_48000_64")).unwrap().bitrate, Some(64_000));
    for wrong in
        ["mp3", "mp3_44100_128_1", "aac_44100", "pcm_1", "pcm_x", "mp3_44100_x", "mp3_44100_9000", ""]
    {
        let bad = format(Some(wrong)).unwrap_err();
        assert_eq!(bad.param.as_deref(), Some("output_format"), "{wrong}");
    }
}

#[test]
fn errors_have_elevenlabs_shape() {
    let refusal =
        Refusal { param: Some("text".into()), ..Refusal::new(400, "invalid_request", "no \"text\"") };
    let told: Value = serde_json::from_slice(&elevenlabs::told(&refusal, "req-1")).unwrap();
    assert_eq!(told["detail"]["status"], "invalid_request");
    assert_eq!(told["detail"]["message"], "no \"text\"");
    assert_eq!(told["detail"]["param"], "text");
    assert_eq!(told["detail"]["request_id"], "req-1");
}

#[test]
fn sound_is_told_in_events() {
    let mut out = Vec::new();
    super::Deltas::default().delta(&[0, 1, 254, 255], &mut out);
    let usage =
        Usage::default().with(Bucket::Input, 3).with(Bucket::OutputAudio, 7).with(Bucket::Characters, 11);
    super::Deltas::done(&usage, &mut out);
    let text = String::from_utf8(out).unwrap();
    let frames: Vec<Value> = text
        .split_terminator("\n\n")
        .map(|f| serde_json::from_str(f.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    assert_eq!(frames[0], json!({"type": "speech.audio.delta", "audio": "AAH+/w=="}));
    let usage = json!({"input_tokens": 3, "output_tokens": 7, "total_tokens": 10, "characters": 11});
    assert_eq!(frames[1], json!({"type": "speech.audio.done", "usage": usage}));
}
