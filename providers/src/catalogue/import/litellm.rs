//! LiteLLM's list: an object of models, each with costs per token, character or second and `supports_…` flags
//! (`model_prices_and_context_window.json`, MIT, <https://github.com/BerriAI/litellm>).
//!
//! Its tiers and service levels are suffixes: `input_cost_per_token_above_200k_tokens`, `…_priority`, `…_flex`,
//! `…_batches`. A service level becomes a multiplier where input and output agree on one, else it stays unknown and is
//! noted. The prices of cached tokens are not asked: the page they are copied from rounds them.

use super::number::{over, shifted};
use super::{Import, Imported, Problem, dashed, means_nothing};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use vocab::Instant;

type Fields<'a> = BTreeMap<String, &'a RawValue>;

pub(super) fn list(text: &str, as_of: Instant) -> Result<Imported, Problem> {
    let models: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(|e| Problem {
        line: Some(e.line()),
        entry: None,
        message: format!("not LiteLLM's list (an object of models): {e}"),
    })?;
    let mut import = Import::new("litellm", "LiteLLM model_prices_and_context_window.json", "MIT", as_of);
    for (key, raw) in &models {
        if key == "sample_spec" {
            continue;
        }
        match serde_json::from_str::<Fields<'_>>(raw.get()) {
            Ok(fields) => one(&mut import, key, &fields),
            Err(e) => import.refuse(key, format!("a model has to be an object: {e}")),
        }
    }
    Ok(import.end())
}

fn text(fields: &Fields<'_>, name: &str) -> Option<String> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

/// Whether a flag is set; None where the list does not say.
fn said(fields: &Fields<'_>, name: &str) -> Option<bool> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

fn is(fields: &Fields<'_>, name: &str) -> bool {
    said(fields, name) == Some(true)
}

/// A limit; the list has them as numbers, as texts and as `0` or `-1` for unknown.
fn count(fields: &Fields<'_>, name: &str) -> Option<u64> {
    let text = shifted(fields.get(name)?.get(), 0)?;
    text.parse().ok().filter(|n| *n > 0)
}

fn one(import: &mut Import, key: &str, fields: &Fields<'_>) {
    let Some(said_provider) = text(fields, "litellm_provider") else {
        return import.refuse(key, "litellm_provider is missing".into());
    };
    let mode = text(fields, "mode").unwrap_or_else(|| "unknown".into());
    let kind = match mode.as_str() {
        "chat" => "chat",
        "embedding" => "embedding",
        "image_generation" | "image_edit" => "image",
        "audio_speech" => "tts",
        "audio_transcription" => "stt",
        _ => return import.skip(format!("mode {mode}")),
    };
    let provider = match said_provider.as_str() {
        "cloudflare" => "workers-ai".to_owned(),
        name if name.starts_with("vertex_ai") => "vertex-ai".to_owned(),
        name => dashed(name),
    };
    let model = model_name(key, &said_provider);
    let base = match rates(fields, kind, "") {
        Ok(base) => base,
        Err(message) => return import.refuse(key, message),
    };
    let price = if base.is_empty() || means_nothing(&provider, &base) {
        Value::Null
    } else {
        match price(import, key, fields, kind, &base) {
            Ok(price) => price,
            Err(message) => return import.refuse(key, message),
        }
    };
    let shutdown = text(fields, "deprecation_date").filter(|d| Instant::parse_date(d).is_some());
    let status = match shutdown.as_deref().and_then(Instant::parse_date) {
        Some(at) if at <= import.as_of => "retired",
        Some(_) => "deprecated",
        None => "active",
    };
    let max_output = if kind == "embedding" { None } else { count(fields, "max_output_tokens") };
    let (caps, efforts) = (caps(fields, kind, &provider), efforts(fields));
    let mut out = Map::new();
    for (name, value) in [
        ("id", json!(format!("{provider}/{model}"))),
        ("kind", json!(kind)),
        ("status", json!(status)),
        ("price", price),
        ("context", json!(count(fields, "max_input_tokens").or_else(|| count(fields, "max_tokens")))),
        ("max_output", json!(max_output)),
        ("caps", json!(caps)),
        ("efforts", json!(efforts)),
        ("reasons_always", json!(is(fields, "thinking_always_on"))),
        ("shutdown", json!(shutdown)),
    ] {
        out.insert(name.into(), value);
    }
    import.take(key, out);
}

/// The key without the provider it begins with: `groq/openai/gpt-oss-20b` is `openai/gpt-oss-20b` at Groq.
fn model_name<'a>(key: &'a str, provider: &str) -> &'a str {
    let family = provider.split('-').next().unwrap_or(provider);
    [provider, family]
        .into_iter()
        .find_map(|p| key.strip_prefix(p)?.strip_prefix('/'))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(key)
}

/// Fields that cost by the token, the bucket of each, and whether tiers exist for it.
const BY_TOKEN: [(&str, &str, bool); 11] = [
    ("input_cost_per_token", "input", true),
    ("output_cost_per_token", "output", true),
    ("cache_read_input_token_cost", "cache_read", true),
    ("cache_creation_input_token_cost", "cache_write", true),
    ("cache_creation_input_token_cost_above_1hr", "cache_write_long", true),
    ("cache_creation_input_token_cost_above_12hr", "cache_write_long", true),
    ("output_cost_per_reasoning_token", "reasoning", false),
    ("input_cost_per_audio_token", "input_audio", false),
    ("output_cost_per_audio_token", "output_audio", false),
    ("input_cost_per_image_token", "input_image", false),
    ("output_cost_per_image_token", "output_image", false),
];

/// Rates by bucket, or by unit where the unit says it all. `tier` is "" or like `_above_200k_tokens`.
fn rates(fields: &Fields<'_>, kind: &str, tier: &str) -> Result<BTreeMap<&'static str, String>, String> {
    let mut out = BTreeMap::new();
    let mut put = |field: &str, name: &'static str, places: i64| -> Result<bool, String> {
        let Some(raw) = fields.get(field).filter(|raw| raw.get() != "null") else {
            return Ok(false);
        };
        let usd =
            shifted(raw.get(), places).ok_or_else(|| format!("{field} is {raw}; a number was expected"))?;
        out.insert(name, usd);
        Ok(true)
    };
    for (field, bucket, _) in BY_TOKEN.into_iter().filter(|(.., tiered)| *tiered || tier.is_empty()) {
        put(&format!("{field}{tier}"), bucket, 6)?;
    }
    if !tier.is_empty() {
        return Ok(out);
    }
    match kind {
        "tts" => {
            put("input_cost_per_character", "per_1m_characters", 6)?;
        }
        "stt" => {
            put("input_cost_per_second", "per_second", 0)?;
        }
        "image" => {
            put("output_cost_per_image", "per_image", 0)?;
        }
        _ => {}
    }
    Ok(out)
}

/// Our own form of a price from rates by bucket or unit.
fn by_unit(rates: &BTreeMap<&'static str, String>, searches: Option<&String>) -> Value {
    let (units, tokens): (Vec<_>, Vec<_>) = rates.iter().partition(|(name, _)| name.starts_with("per_"));
    let mut out: Map<String, Value> =
        units.into_iter().map(|(name, usd)| ((*name).to_owned(), json!(usd))).collect();
    if !tokens.is_empty() {
        let tokens: Map<String, Value> =
            tokens.into_iter().map(|(name, usd)| ((*name).to_owned(), json!(usd))).collect();
        out.insert("per_1m_tokens".into(), Value::Object(tokens));
    }
    if let Some(usd) = searches {
        out.insert("per_1k_searches".into(), json!(usd));
    }
    Value::Object(out)
}

fn price(
    import: &mut Import,
    key: &str,
    fields: &Fields<'_>,
    kind: &str,
    base: &BTreeMap<&'static str, String>,
) -> Result<Value, String> {
    let searches = if matches!(kind, "chat" | "image") { searches(import, key, fields) } else { None };
    let mut tiers = Vec::new();
    for (above, suffix) in thresholds(fields) {
        // What a tier does not name goes on at the base rate.
        let mut rates = rates(fields, kind, &suffix)?;
        for (bucket, usd) in base {
            rates.entry(bucket).or_insert_with(|| usd.clone());
        }
        tiers.push(json!({ "above_input": above, "rates": by_unit(&rates, searches.as_ref()) }));
    }
    Ok(json!({
        "rates": by_unit(base, searches.as_ref()),
        "tiers": tiers,
        "multipliers": multipliers(import, key, fields)?,
    }))
}

/// The thresholds that any token price has, ascending, with the suffix each is written with.
fn thresholds(fields: &Fields<'_>) -> BTreeMap<u64, String> {
    let tiered = |field: &String| {
        let (_, _) = BY_TOKEN
            .iter()
            .find(|(name, _, tiered)| *tiered && field.starts_with(name))
            .map(|t| (t.0, t.1))?;
        let at = field.rfind("_above_")?;
        let suffix = field.get(at..)?;
        let thousands: u64 = suffix.strip_prefix("_above_")?.strip_suffix("k_tokens")?.parse().ok()?;
        Some((thousands.checked_mul(1_000)?, suffix.to_owned()))
    };
    fields.keys().filter_map(tiered).collect()
}

/// USD for 1,000 searches, where the list has one price whatever the size of the context.
fn searches(import: &mut Import, key: &str, fields: &Fields<'_>) -> Option<String> {
    let by_size: BTreeMap<String, &RawValue> =
        serde_json::from_str(fields.get("search_context_cost_per_query")?.get()).ok()?;
    let mut prices: Vec<String> = by_size.values().filter_map(|raw| shifted(raw.get(), 3)).collect();
    prices.sort();
    prices.dedup();
    match prices.len() {
        1 => prices.pop().filter(|usd| usd != "0"),
        0 => None,
        _ => {
            import.note(key, "web searches are priced by context size; their price stays unknown".into());
            None
        }
    }
}

fn multipliers(import: &mut Import, key: &str, fields: &Fields<'_>) -> Result<Value, String> {
    let mut out = Map::new();
    let cost = |field: String| -> Result<Option<String>, String> {
        let Some(raw) = fields.get(&field).filter(|raw| raw.get() != "null") else {
            return Ok(None);
        };
        shifted(raw.get(), 6).map(Some).ok_or_else(|| format!("{field} is {raw}; a number was expected"))
    };
    for (suffix, modifier) in [("batches", "batch"), ("flex", "flex"), ("priority", "priority")] {
        let mut ratios = Vec::new();
        for field in ["input_cost_per_token", "output_cost_per_token"] {
            if let (Some(here), Some(base)) = (cost(format!("{field}_{suffix}"))?, cost(field.into())?) {
                ratios.extend(over(&here, &base));
            }
        }
        ratios.dedup();
        match ratios[..] {
            [] => {}
            [(num, den)] => {
                out.insert(modifier.into(), json!(format!("{num}/{den}")));
            }
            _ => import
                .note(key, format!("{modifier} is not one multiple of the usual price; it stays unknown")),
        }
    }
    let mut plain = |modifier: &str, raw: Option<&&RawValue>| {
        if let Some(factor) = raw.and_then(|raw| shifted(raw.get(), 0)).filter(|f| f != "1") {
            out.insert(modifier.into(), json!(factor));
        }
    };
    plain("regional", fields.get("regional_processing_uplift_multiplier_us"));
    if let Some(entry) = fields.get("provider_specific_entry")
        && let Ok(entry) = serde_json::from_str::<Fields<'_>>(entry.get())
    {
        plain("regional", entry.get("us"));
        plain("fast", entry.get("fast"));
    }
    Ok(Value::Object(out))
}

fn caps(fields: &Fields<'_>, kind: &str, provider: &str) -> Vec<&'static str> {
    match kind {
        "tts" => return vec!["audio_out"],
        "stt" => return vec!["audio_in"],
        "embedding" | "image" => return if is(fields, "supports_vision") { vec!["vision"] } else { vec![] },
        _ => {}
    }
    let mut caps = Vec::new();
    for (flag, cap) in [
        ("supports_function_calling", "tools"),
        ("supports_parallel_function_calling", "parallel_tools"),
        ("supports_response_schema", "json_schema"),
        ("supports_vision", "vision"),
        ("supports_pdf_input", "pdf"),
        ("supports_audio_input", "audio_in"),
        ("supports_audio_output", "audio_out"),
        ("supports_reasoning", "reasoning"),
        ("supports_assistant_prefill", "prefill"),
        ("supports_web_search", "web_search"),
    ] {
        if is(fields, flag) {
            caps.push(cap);
        }
    }
    let forced =
        is(fields, "supports_tool_choice") && said(fields, "supports_forced_tool_use") != Some(false);
    if forced && !is(fields, "thinking_always_on") {
        caps.push("forced_tool");
    }
    if is(fields, "supports_response_schema") && provider != "anthropic" {
        caps.push("json_object");
    }
    // The list does not speak of these. Every chat provider streams; models that reason often refuse the others.
    if said(fields, "supports_native_streaming") != Some(false) {
        caps.push("stream");
    }
    if !is(fields, "supports_reasoning") && said(fields, "supports_sampling_params") != Some(false) {
        caps.extend(["sampling", "stop"]);
    }
    caps
}

fn efforts(fields: &Fields<'_>) -> Vec<&'static str> {
    let flag = |name: &str| said(fields, &format!("supports_{name}_reasoning_effort"));
    let known = ["none", "minimal", "xhigh", "max"].into_iter().any(|name| flag(name).is_some());
    if !is(fields, "supports_reasoning") || !known {
        return Vec::new();
    }
    let all = vocab::Effort::ALL.into_iter().map(vocab::Effort::name);
    all.filter(|name| matches!(*name, "low" | "medium" | "high") || flag(name) == Some(true)).collect()
}
