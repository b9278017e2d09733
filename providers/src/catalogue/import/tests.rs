use super::*;
use vocab::{Bucket, Caps, Effort, Kind, Modifiers, Price, Rate, Status};

fn day() -> Instant {
    Instant::parse_date("2026-11-21").unwrap()
}

fn price<'a>(imported: &'a Imported, provider: &str, model: &str) -> &'a Price {
    let entry = imported.catalogue.find(provider, model);
    let entry = entry.unwrap_or_else(|| panic!("{provider}/{model} is missing: {:#?}", imported.refused));
    entry.card.price.as_deref().unwrap_or_else(|| panic!("{provider}/{model} has no price"))
}

fn per_1m(usd: &str) -> Option<Rate> {
    Some(Rate::of(usd, 1_000_000).unwrap())
}

/// Written by hand in the list's format, as of litellm 1.109.1; not an excerpt.
const LITELLM: &str = r#"{
  "sample_spec": {"max_input_tokens": "max input tokens, if the provider specifies it", "mode": "one of: chat", "litellm_provider": "one of"},
  "sol": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2e-06, "output_cost_per_token": 1e-05,
    "cache_read_input_token_cost": "2e-07", "cache_creation_input_token_cost": 2.5e-06,
    "cache_creation_input_token_cost_above_12hr": 5e-06, "cache_creation_input_token_cost_above_12hr_above_272k_tokens": 1e-05,
    "cache_creation_input_token_cost_above_12hr_above_272k_tokens_flex": 5e-06,
    "input_cost_per_token_above_272k_tokens": 4e-06, "input_cost_per_token_above_272k_tokens_priority": 8e-06,
    "output_cost_per_token_above_272k_tokens": 1.5e-05, "cache_read_input_token_cost_above_272k_tokens": 4e-07,
    "input_cost_per_token_flex": 1e-06, "output_cost_per_token_flex": 5e-06,
    "input_cost_per_token_priority": 4e-06, "output_cost_per_token_priority": 2.5e-05,
    "input_cost_per_token_batches": 1e-06, "output_cost_per_token_batches": 5e-06,
    "regional_processing_uplift_multiplier_us": 1.1,
    "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_medium": 0.01, "search_context_size_high": 0.01},
    "max_input_tokens": 922000, "max_output_tokens": 128000, "deprecation_date": "2027-04-01",
    "supports_function_calling": true, "supports_tool_choice": true, "supports_response_schema": true, "supports_vision": true,
    "supports_reasoning": true, "supports_none_reasoning_effort": true, "supports_minimal_reasoning_effort": false,
    "supports_xhigh_reasoning_effort": true},
  "gemini/pro": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05,
    "input_cost_per_token_above_200k_tokens": 2.5e-06, "output_cost_per_token_above_200k_tokens": 1.5e-05, "max_input_tokens": 1048576},
  "vertex_ai/pro": {"litellm_provider": "vertex_ai-language-models", "mode": "chat", "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05},
  "opus": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 4e-06, "output_cost_per_token": 2e-05,
    "cache_creation_input_token_cost": 5e-06, "cache_creation_input_token_cost_above_1hr": 8e-06,
    "provider_specific_entry": {"us": 1.1, "fast": 2.0}, "supports_function_calling": true, "supports_tool_choice": true,
    "supports_forced_tool_use": false, "supports_response_schema": true, "supports_sampling_params": false, "thinking_always_on": true},
  "groq/openai/oss": {"litellm_provider": "groq", "mode": "chat", "input_cost_per_token": 7.5e-08, "output_cost_per_token": 3e-07},
  "groq/whisper": {"litellm_provider": "groq", "mode": "audio_transcription", "input_cost_per_second": 3.083e-05, "output_cost_per_second": 0.0},
  "cloudflare/@cf/meta/llama": {"litellm_provider": "cloudflare", "mode": "chat", "input_cost_per_token": 2.93e-07, "output_cost_per_token": 2.253e-06},
  "elevenlabs/v3": {"litellm_provider": "elevenlabs", "mode": "audio_speech", "input_cost_per_character": 8e-05},
  "ollama/llama": {"litellm_provider": "ollama", "mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
  "copilot/sol": {"litellm_provider": "github_copilot", "mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
  "unpriced": {"litellm_provider": "openai", "mode": "chat", "max_tokens": 8192},
  "per-million-by-mistake": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2, "output_cost_per_token": 10},
  "negative": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": -1e-06, "output_cost_per_token": 1e-05},
  "words": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": "cheap", "output_cost_per_token": 1e-05},
  "nobody": {"mode": "chat", "input_cost_per_token": 1e-06},
  "guard": {"litellm_provider": "openai", "mode": "moderation"},
  "list": []
}"#;

#[test]
fn litellm_prices_come_in_exactly() {
    let got = litellm(LITELLM, day()).unwrap();
    let sol = price(&got, "openai", "sol");
    for (bucket, usd) in [
        (Bucket::Input, "2"),
        (Bucket::Output, "10"),
        (Bucket::CacheRead, "0.2"),
        (Bucket::CacheWrite, "2.5"),
        (Bucket::CacheWriteLong, "5"),
    ] {
        assert_eq!(sol.rates.get(bucket), per_1m(usd), "{bucket:?}");
    }
    assert_eq!(sol.rates.get(Bucket::Searches), Rate::of("10", 1_000).ok());
    assert_eq!(sol.tiers.len(), 1);
    let tier = &sol.tiers[0];
    assert_eq!(tier.above_input, 272_000);
    for (bucket, usd) in [
        (Bucket::Input, "4"),
        (Bucket::Output, "15"),
        (Bucket::CacheRead, "0.4"),
        (Bucket::CacheWrite, "2.5"),
        (Bucket::CacheWriteLong, "10"),
    ] {
        assert_eq!(tier.rates.get(bucket), per_1m(usd), "tier {bucket:?}");
    }
    let factors: Vec<_> = sol.multipliers.iter().map(|(m, r)| (*m, r.num, r.den)).collect();
    assert_eq!(factors, [(Modifiers::BATCH, 1, 2), (Modifiers::FLEX, 1, 2), (Modifiers::REGIONAL, 11, 10)]);
    let notes: Vec<String> = got.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["sol: priority is not one multiple of the usual price; it stays unknown"]);

    assert_eq!(price(&got, "gemini", "pro").tiers[0].above_input, 200_000);
    assert_eq!(price(&got, "vertex-ai", "pro").rates.get(Bucket::Input), per_1m("1.25"));
    assert_eq!(price(&got, "groq", "openai/oss").rates.get(Bucket::Input), per_1m("0.075"));
    assert_eq!(
        price(&got, "groq", "whisper").rates.get(Bucket::AudioMillis),
        Rate::of("0.00003083", 1_000).ok()
    );
    assert_eq!(price(&got, "workers-ai", "@cf/meta/llama").rates.get(Bucket::Output), per_1m("2.253"));
    assert_eq!(price(&got, "elevenlabs", "v3").rates.get(Bucket::Characters), per_1m("80"));
    let opus: Vec<_> =
        price(&got, "anthropic", "opus").multipliers.iter().map(|(m, r)| (*m, r.num, r.den)).collect();
    assert_eq!(opus, [(Modifiers::FAST, 2, 1), (Modifiers::REGIONAL, 11, 10)]);
}

#[test]
fn litellm_capabilities_limits_and_dates_come_in() {
    let got = litellm(LITELLM, day()).unwrap();
    let entry = got.catalogue.find("openai", "sol").unwrap();
    let card = &entry.card;
    assert_eq!((card.context, card.max_output), (Some(922_000), Some(128_000)));
    assert_eq!((card.status, card.shutdown), (Status::Deprecated, Instant::parse_date("2027-04-01")));
    assert!(
        card.caps.contains(Caps::TOOLS | Caps::FORCED_TOOL | Caps::JSON_SCHEMA | Caps::VISION | Caps::STREAM)
    );
    assert!(!card.caps.intersects(Caps::SAMPLING | Caps::PARALLEL_TOOLS | Caps::PDF));
    assert_eq!(card.efforts, [Effort::None, Effort::Low, Effort::Medium, Effort::High, Effort::Xhigh]);
    assert_eq!((card.quality, card.ttft_ms), (None, None), "the list knows neither");
    assert_eq!(entry.flags, [super::super::Flag::Imported]);
    let opus = &got.catalogue.find("anthropic", "opus").unwrap().card;
    assert!(
        opus.reasons_always && !opus.caps.intersects(Caps::FORCED_TOOL | Caps::SAMPLING | Caps::JSON_OBJECT)
    );
    assert_eq!(got.catalogue.find("groq", "whisper").unwrap().card.kind, Kind::Stt);
}

#[test]
fn litellm_unknown_stays_unknown_and_wrong_is_refused() {
    let got = litellm(LITELLM, day()).unwrap();
    let unpriced =
        |provider: &str, model: &str| got.catalogue.find(provider, model).unwrap().card.price.is_none();
    assert!(unpriced("openai", "unpriced"));
    assert!(unpriced("github-copilot", "copilot/sol"), "a subscription's zero is not free");
    assert_eq!(price(&got, "ollama", "llama").rates.get(Bucket::Input), Some(Rate::FREE));
    let refused: Vec<String> = got.refused.iter().map(ToString::to_string).collect();
    for (name, why) in [
        ("per-million-by-mistake: ", "above the plausible 1000"),
        ("negative: ", "cannot be negative"),
        ("words: ", "a number was expected"),
        ("nobody: ", "litellm_provider is missing"),
        ("list: ", "a model has to be an object"),
    ] {
        assert!(
            refused.iter().any(|r| r.starts_with(name) && r.contains(why)),
            "{name}{why} of {refused:#?}"
        );
    }
    assert_eq!(got.skipped, BTreeMap::from([("mode moderation".to_owned(), 1)]));
    assert_eq!(got.catalogue.models.len(), 11);
    assert!(litellm("[]", day()).unwrap_err().to_string().contains("not LiteLLM's list"));
}

/// Written by hand in the list's format, as of 2026-10; not an excerpt.
const MODELS_DEV: &str = r#"{
  "google": {"id": "google", "name": "Google", "env": ["K"], "npm": "@ai-sdk/google", "doc": "https://example.com", "models": {
    "pro": {"id": "pro", "name": "Pro", "attachment": true, "reasoning": true, "temperature": true, "tool_call": true, "structured_output": true,
      "release_date": "2026-01-01", "last_updated": "2026-01-01", "modalities": {"input": ["text", "image", "audio", "pdf"], "output": ["text"]},
      "open_weights": false, "cost": {"input": 1.25, "output": 10, "cache_read": 0.125, "input_audio": 1.3,
        "context_over_200k": {"input": 2.5, "output": 15, "cache_read": 0.25}}, "limit": {"context": 1048576, "output": 65536}},
    "embedding-1": {"id": "embedding-1", "modalities": {"input": ["text"], "output": ["text"]}, "cost": {"input": 0.15, "output": 0}, "limit": {"context": 2048, "output": 3072}}
  }},
  "openai": {"id": "openai", "models": {
    "both": {"id": "both", "reasoning": true, "tool_call": {"supported": true, "parallel": true}, "modalities": {"input": ["text"], "output": ["text"]},
      "cost": {"input": 5, "output": 30, "reasoning": 31.5, "cache_write": 6.25e0, "tiers": [{"input": 10, "output": 45, "tier": {"type": "context", "size": 272000}}],
        "context_over_200k": {"input": 10, "output": 45}}, "limit": {"context": 0, "output": 0}, "status": "deprecated"},
    "by-hour": {"id": "by-hour", "modalities": {"input": ["text"], "output": ["text"]}, "cost": {"input": 5, "output": 30, "tiers": [{"input": 1, "tier": {"type": "time", "size": 7}}]}},
    "tiny": {"id": "tiny", "modalities": {"input": ["text"], "output": ["text"]}, "cost": {"input": 1.5e-07, "output": 6e-07}}
  }},
  "cloudflare-workers-ai": {"models": {"@cf/a/b": {"modalities": {"input": ["text"], "output": ["text"]}, "cost": {"input": 0.35, "output": 0.75}}}},
  "subscription": {"models": {"free": {"modalities": {"input": ["text"], "output": ["text"]}, "cost": {"input": 0, "output": 0}}}},
  "films": {"models": {"film": {"modalities": {"input": ["text"], "output": ["video"]}}}}
}"#;

#[test]
fn models_dev_comes_in() {
    let got = models_dev(MODELS_DEV, day()).unwrap();
    let pro = price(&got, "gemini", "pro");
    assert_eq!(pro.rates.get(Bucket::Input), per_1m("1.25"));
    assert_eq!(pro.rates.get(Bucket::InputAudio), per_1m("1.3"));
    assert_eq!((pro.tiers.len(), pro.tiers[0].above_input), (1, 200_000));
    assert_eq!(pro.tiers[0].rates.get(Bucket::CacheRead), per_1m("0.25"));
    assert_eq!(pro.source, "models-dev 2026-11-21");
    let card = &got.catalogue.find("gemini", "pro").unwrap().card;
    let all = Caps::TOOLS
        | Caps::JSON_SCHEMA
        | Caps::VISION
        | Caps::PDF
        | Caps::AUDIO_IN
        | Caps::REASONING
        | Caps::SAMPLING;
    assert!(card.caps.contains(all), "{:?}", card.caps);
    assert_eq!((card.context, card.max_output), (Some(1_048_576), Some(65_536)));

    let both = price(&got, "openai", "both");
    assert_eq!(
        both.tiers.iter().map(|t| t.above_input).collect::<Vec<_>>(),
        [272_000],
        "the exact threshold wins"
    );
    assert_eq!(
        both.tiers[0].rates.get(Bucket::CacheWrite),
        per_1m("6.25"),
        "what a tier does not name goes on"
    );
    assert_eq!(both.rates.get(Bucket::Reasoning), per_1m("31.5"));
    let card = &got.catalogue.find("openai", "both").unwrap().card;
    assert_eq!((card.context, card.max_output, card.status), (None, None, Status::Deprecated));
    assert!(card.caps.contains(Caps::PARALLEL_TOOLS));

    assert_eq!(got.catalogue.find("gemini", "embedding-1").unwrap().card.kind, Kind::Embedding);
    assert_eq!(price(&got, "workers-ai", "@cf/a/b").rates.get(Bucket::Output), per_1m("0.75"));
    assert!(got.catalogue.find("subscription", "free").unwrap().card.price.is_none());
    let refused: Vec<String> = got.refused.iter().map(ToString::to_string).collect();
    assert!(
        refused.iter().any(|r| r.starts_with("openai/by-hour: ") && r.contains("\"time\"")),
        "{refused:#?}"
    );
    assert!(
        refused.iter().any(|r| r.starts_with("openai/tiny: ") && r.contains("price of one token")),
        "{refused:#?}"
    );
    assert_eq!(got.skipped, BTreeMap::from([("makes video".to_owned(), 1)]));
}

#[test]
fn an_import_can_be_written_and_read_again() {
    for got in [litellm(LITELLM, day()).unwrap(), models_dev(MODELS_DEV, day()).unwrap()] {
        assert_eq!(Catalogue::parse(&got.catalogue.to_json()).unwrap(), got.catalogue);
    }
}
