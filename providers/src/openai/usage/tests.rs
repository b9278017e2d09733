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
        [(Input, 30), (CacheRead, 40), (CacheWrite, 20), (InputAudio, 10), (Output, 15), (Reasoning, 30), (OutputAudio, 5)]
    );
    assert_eq!((usage.tokens_in(), usage.tokens_out(), usage.anomaly), (100, 50, false));
}

#[test]
fn what_cannot_be_is_clamped_and_flagged() {
    for (usage, want) in [
        (json!({ "prompt_tokens": 10, "prompt_tokens_details": { "cached_tokens": 15 } }), vec![(CacheRead, 10)]),
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
    for none in [json!(null), json!({}), json!("many"), json!({ "dram_cached_tokens": 5, "sram_cached_tokens": 1 })] {
        assert_eq!(chat(&none), None, "{none}");
    }
    assert_eq!(chat(&json!({ "prompt_tokens": 0, "completion_tokens": 0 })), Some(Usage::default()));
    let bare = chat(&json!({ "prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": null })).unwrap();
    assert_eq!((buckets(bare), bare.anomaly), (vec![(Input, 3), (Output, 2)], false));
}

#[test]
fn a_compound_is_billed_by_its_parts() {
    let part = |n: u64| json!({ "model": "m", "usage": { "prompt_tokens": n, "completion_tokens": 1 } });
    let body = json!({ "usage": { "prompt_tokens": 1 }, "usage_breakdown": { "models": [part(10), part(20)] } });
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
