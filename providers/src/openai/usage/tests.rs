#![allow(clippy::enum_glob_use, reason = "a table of buckets")]

use super::*;
use serde_json::json;
use vocab::Bucket::*;

fn buckets(usage: Usage) -> Vec<(Bucket, u64)> {
    usage.counted().collect()
}

#[test]
fn details_are_taken_out_of_the_totals() {
    let all = json!({
        "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
        "prompt_tokens_details": { "cached_tokens": 40, "cache_write_tokens": 20, "audio_tokens": 10 },
        "completion_tokens_details": { "reasoning_tokens": 30, "audio_tokens": 5, "rejected_prediction_tokens": 9 },
    });
    let usage = chat(&all).unwrap();
    assert_eq!(
        buckets(usage),
        [
            (Input, 30),
            (CacheRead, 40),
            (CacheWrite, 20),
            (InputAudio, 10),
            (Output, 15),
            (Reasoning, 30),
            (OutputAudio, 5)
        ]
    );
    assert_eq!((usage.tokens_in(), usage.tokens_out(), usage.anomaly), (100, 50, false));
}

#[test]
fn what_cannot_be_is_clamped_and_flagged() {
    for (usage, want) in [
        (
            json!({ "prompt_tokens": 10, "prompt_tokens_details": { "cached_tokens": 15 } }),
            vec![(CacheRead, 10)],
        ),
        (json!({ "prompt_tokens": -5, "completion_tokens": 3 }), vec![(Output, 3)]),
        (
            json!({ "prompt_tokens": 5, "completion_tokens": 3, "completion_tokens_details": { "reasoning_tokens": 9 } }),
            vec![(Input, 5), (Reasoning, 3)],
        ),
        (json!({ "prompt_tokens": 5, "prompt_tokens_details": { "cached_tokens": -1 } }), vec![(Input, 5)]),
    ] {
        let read = chat(&usage).unwrap();
        assert_eq!(buckets(read), want, "{usage}");
        assert!(read.anomaly, "{usage}");
    }
}

#[test]
fn nothing_reported_is_not_zero() {
    for none in
        [json!(null), json!({}), json!("many"), json!({ "dram_cached_tokens": 5, "sram_cached_tokens": 1 })]
    {
        assert_eq!(chat(&none), None, "{none}");
    }
    assert_eq!(chat(&json!({ "prompt_tokens": 0, "completion_tokens": 0 })), Some(Usage::default()));
    let bare =
        chat(&json!({ "prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": null })).unwrap();
    assert_eq!((buckets(bare), bare.anomaly), (vec![(Input, 3), (Output, 2)], false));
}

#[test]
fn a_compound_is_billed_by_its_parts() {
    let part = |n: u64| json!({ "model": "m", "usage": { "prompt_tokens": n, "completion_tokens": 1 } });
    let body =
        json!({ "usage": { "prompt_tokens": 1 }, "usage_breakdown": { "models": [part(10), part(20)] } });
    assert_eq!(buckets(of_reply(&body).unwrap()), [(Input, 30), (Output, 2)]);
}

#[test]
fn the_tier_that_the_reply_names_counts() {
    let tier = |tier: &str| modifiers(&json!({ "service_tier": tier }));
    assert_eq!(tier("flex"), Modifiers::FLEX);
    assert_eq!(tier("priority"), Modifiers::PRIORITY);
    for plain in ["default", "auto", "on_demand", "scale", ""] {
        assert_eq!(tier(plain), Modifiers::empty(), "{plain}");
    }
}

/// Recorded meterings of every format: what each would be billed by.
#[test]
fn every_format_of_usage_is_read() {
    let frames = json!([
        { "choices": [{ "delta": { "content": "" } }], "usage": null, "x_groq": { "id": "r" } },
        { "choices": [{ "delta": {} }], "x_groq": { "usage": { "prompt_tokens": 300, "completion_tokens": 50, "completion_tokens_details": { "reasoning_tokens": 20 } } } },
        { "choices": [], "usage": { "prompt_tokens": 300, "completion_tokens": 50, "completion_tokens_details": { "reasoning_tokens": 20 } } },
    ]);
    for (format, model, usage, want) in [
        (
            "openai.chat",
            "local",
            json!({ "prompt_tokens": 900, "completion_tokens": 300 }),
            vec![(Input, 900), (Output, 300)],
        ),
        (
            "groq.chat.stream",
            "m",
            json!({ "frames": frames }),
            vec![(Input, 300), (Output, 30), (Reasoning, 20)],
        ),
        (
            "openai.chat.stream",
            "m",
            json!({ "frames": frames }),
            vec![(Input, 300), (Output, 30), (Reasoning, 20)],
        ),
        (
            "openai.responses",
            "gpt-6-sol",
            json!({ "input_tokens": 30000, "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 22000,
                "cache_write_tokens_details": { "ttl_30m_tokens": 10000, "ttl_12h_tokens": 12000 } }, "output_tokens": 500 }),
            vec![(Input, 8000), (CacheWrite, 10000), (CacheWriteLong, 12000), (Output, 500)],
        ),
        (
            "openai.responses",
            "gpt-6-astra",
            json!({ "input_tokens": 300000, "input_tokens_details": { "cached_tokens": 100000, "cache_write_tokens": 150000 }, "output_tokens": 4000, "output_tokens_details": { "reasoning_tokens": 3000 } }),
            vec![
                (Input, 50000),
                (CacheRead, 100000),
                (CacheWrite, 150000),
                (Output, 1000),
                (Reasoning, 3000),
            ],
        ),
        (
            "openai.embeddings",
            "e",
            json!({ "prompt_tokens": 8191, "total_tokens": 8191 }),
            vec![(Input, 8191)],
        ),
        (
            "openai.images",
            "gpt-image-1-mini",
            json!({ "input_tokens": 760, "input_tokens_details": { "text_tokens": 120, "image_tokens": 640 }, "output_tokens": 272, "output_tokens_details": { "image_tokens": 272, "text_tokens": 0 } }),
            vec![(Input, 120), (InputImage, 640), (OutputImage, 272)],
        ),
        (
            "openai.images",
            "gpt-image-2",
            json!({ "input_tokens": 50, "output_tokens": 1584 }),
            vec![(Input, 50), (OutputImage, 1584)],
        ),
        (
            "openai.speech.sse",
            "tts",
            json!({ "input_tokens": 42, "output_tokens": 310 }),
            vec![(Input, 42), (OutputAudio, 310)],
        ),
        (
            "openai.transcription",
            "whisper-1",
            json!({ "type": "duration", "seconds": 93 }),
            vec![(AudioMillis, 93_000)],
        ),
        (
            "openai.transcription",
            "gpt-4o-transcribe",
            json!({ "type": "tokens", "input_tokens": 1020, "input_token_details": { "audio_tokens": 1000, "text_tokens": 20 }, "output_tokens": 260 }),
            vec![(Input, 20), (InputAudio, 1000), (Output, 260)],
        ),
        ("request-derived", "tts-1", json!({ "request_characters": 1000 }), vec![(Characters, 1000)]),
        (
            "request-derived",
            "whisper",
            json!({ "request_audio_seconds": 3.2, "x_groq": {} }),
            vec![(AudioMillis, 3_200)],
        ),
        ("request-derived", "whisper", json!({ "request_audio_seconds": "0.0001" }), vec![(AudioMillis, 1)]),
        (
            "request-derived",
            "flux",
            json!({ "request": { "width": 1024, "height": 1024, "steps": 4 } }),
            vec![(Tiles, 4), (Steps, 4)],
        ),
        ("request-derived", "flux", json!({ "request": { "width": 513, "height": 512 } }), vec![(Tiles, 2)]),
        (
            "workers-ai.native",
            "m",
            json!({ "prompt_tokens": 1000, "completion_tokens": 500 }),
            vec![(Input, 1000), (Output, 500)],
        ),
        ("workers-ai.native", "bge", json!({ "request_tokens_estimate": 6000 }), vec![(Input, 6000)]),
        (
            "workers-ai.native",
            "whisper",
            json!({ "transcription_info": { "duration": 45.0 } }),
            vec![(AudioMillis, 45_000)],
        ),
        (
            "elevenlabs.header",
            "eleven_multilingual_v2",
            json!({ "response_headers": { "character-cost": "1000" } }),
            vec![(Characters, 1000)],
        ),
        (
            "elevenlabs.header",
            "eleven_flash_v2_5",
            json!({ "request_characters": 1000, "response_headers": { "character-cost": "500" } }),
            vec![(Characters, 1000)],
        ),
        (
            "elevenlabs.header",
            "eleven_flash_v2_5",
            json!({ "response_headers": { "character-cost": "500" } }),
            vec![(Characters, 1000)],
        ),
        (
            "deepgram.header",
            "aura-2",
            json!({ "response_headers": { "dg-char-count": "730" } }),
            vec![(Characters, 730)],
        ),
    ] {
        let read = read(format, &usage, model).unwrap_or_else(|| panic!("{format} {usage}"));
        assert_eq!(buckets(read), want, "{format} {usage}");
        assert_eq!(read.estimated, model == "bge");
        assert!(!read.anomaly, "{format} {usage}");
    }
    assert_eq!(read("gemini.generateContent", &json!({}), "m"), None);
    assert_eq!(read("request-derived", &json!({}), "m"), None);
    assert!(read("request-derived", &json!({ "request_audio_seconds": -2 }), "m").unwrap().anomaly);
}
