//! models.dev's list: an object of providers, each with an object of models; costs are USD per million tokens
//! (`api.json`, MIT, <https://models.dev>). Long-context prices are either `tiers`, each with a
//! `tier: {type: "context", size}`, or the older `context_over_200k`; where both stand, they describe the same premium
//! and `tiers` has the exact threshold.

use super::number::shifted;
use super::{Import, Imported, Problem, dashed, means_nothing};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use vocab::Instant;

#[derive(Deserialize)]
struct Provider<'a> {
    #[serde(borrow, default)]
    models: BTreeMap<String, &'a RawValue>,
}

#[derive(Deserialize)]
struct Model<'a> {
    #[serde(default)]
    attachment: bool,
    #[serde(default)]
    reasoning: bool,
    #[serde(default)]
    temperature: bool,
    #[serde(default)]
    structured_output: bool,
    tool_call: Option<ToolCall>,
    #[serde(default)]
    modalities: Modalities,
    #[serde(borrow)]
    cost: Option<BTreeMap<String, &'a RawValue>>,
    #[serde(default)]
    limit: Limit,
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ToolCall {
    Plain(bool),
    Detailed {
        supported: bool,
        #[serde(default)]
        parallel: bool,
    },
}

#[derive(Default, Deserialize)]
struct Modalities {
    #[serde(default)]
    input: Vec<String>,
    #[serde(default)]
    output: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Limit {
    context: Option<u64>,
    output: Option<u64>,
}

#[derive(Deserialize)]
struct Tier {
    tier: TierSize,
}

#[derive(Deserialize)]
struct TierSize {
    #[serde(rename = "type")]
    of: String,
    size: u64,
}

pub(super) fn list(text: &str, as_of: Instant) -> Result<Imported, Problem> {
    let providers: BTreeMap<String, Provider<'_>> = serde_json::from_str(text).map_err(|e| Problem {
        line: Some(e.line()),
        entry: None,
        message: format!("not models.dev's list (an object of providers): {e}"),
    })?;
    let mut import = Import::new("models-dev", "models.dev api.json", "MIT", as_of);
    for (provider, held) in &providers {
        for (model, raw) in &held.models {
            let name = format!("{provider}/{model}");
            match serde_json::from_str::<Model<'_>>(raw.get()) {
                Ok(fields) => one(&mut import, &name, provider, model, &fields),
                Err(e) => import.refuse(&name, format!("not a model as models.dev describes them: {e}")),
            }
        }
    }
    Ok(import.end())
}

fn one(import: &mut Import, name: &str, provider: &str, model: &str, fields: &Model<'_>) {
    let provider = match provider {
        "google" => "gemini".to_owned(),
        "google-vertex" | "google-vertex-anthropic" => "vertex-ai".to_owned(),
        "cloudflare-workers-ai" => "workers-ai".to_owned(),
        other => dashed(other),
    };
    let makes = |what: &str| fields.modalities.output.iter().any(|m| m == what);
    let takes = |what: &str| fields.modalities.input.iter().any(|m| m == what);
    let kind = match () {
        () if model.contains("embed") => "embedding",
        () if makes("text") && takes("text") => "chat",
        () if makes("text") && takes("audio") => "stt",
        () if makes("image") => "image",
        () if makes("audio") => "tts",
        () => return import.skip(format!("makes {}", fields.modalities.output.join(", "))),
    };
    let price = match fields.cost.as_ref().map(|cost| price(import, name, &provider, cost)).transpose() {
        Ok(price) => price.unwrap_or(Value::Null),
        Err(message) => return import.refuse(name, message),
    };
    let status = if fields.status.as_deref() == Some("deprecated") { "deprecated" } else { "active" };
    let known = |n: Option<u64>| n.filter(|n| *n > 0);
    let max_output = if kind == "embedding" { None } else { known(fields.limit.output) };
    let mut out = Map::new();
    for (field, value) in [
        ("id", json!(format!("{provider}/{model}"))),
        ("kind", json!(kind)),
        ("status", json!(status)),
        ("price", price),
        ("context", json!(known(fields.limit.context))),
        ("max_output", json!(max_output)),
        ("caps", json!(caps(fields, kind, &provider))),
    ] {
        out.insert(field.into(), value);
    }
    import.take(name, out);
}

const BUCKETS: [(&str, &str); 7] = [
    ("input", "input"),
    ("output", "output"),
    ("cache_read", "cache_read"),
    ("cache_write", "cache_write"),
    ("reasoning", "reasoning"),
    ("input_audio", "input_audio"),
    ("output_audio", "output_audio"),
];

fn rates(cost: &BTreeMap<String, &RawValue>) -> Result<BTreeMap<&'static str, String>, String> {
    let mut out = BTreeMap::new();
    for (field, bucket) in BUCKETS {
        if let Some(raw) = cost.get(field).filter(|raw| raw.get() != "null") {
            let usd = shifted(raw.get(), 0)
                .ok_or_else(|| format!("cost.{field} is {raw}; a number was expected"))?;
            out.insert(bucket, usd);
        }
    }
    Ok(out)
}

fn price(
    import: &mut Import,
    name: &str,
    provider: &str,
    cost: &BTreeMap<String, &RawValue>,
) -> Result<Value, String> {
    let base = rates(cost)?;
    if base.is_empty() || means_nothing(provider, &base) {
        return Ok(Value::Null);
    }
    if cost.contains_key("per_minute") {
        import.note(name, "priced by the minute beside tokens; the price stays unknown".into());
        return Ok(Value::Null);
    }
    let mut tiers: BTreeMap<u64, Value> = BTreeMap::new();
    let parts = |raw: &RawValue| -> Result<BTreeMap<&'static str, String>, String> {
        let mut rates = rates(&serde_json::from_str(raw.get()).map_err(|e| format!("cost tier: {e}"))?)?;
        // What a tier does not name goes on at the base rate.
        for (bucket, usd) in &base {
            rates.entry(bucket).or_insert_with(|| usd.clone());
        }
        Ok(rates)
    };
    let listed: Vec<&RawValue> = match cost.get("tiers") {
        Some(raw) => serde_json::from_str(raw.get()).map_err(|e| format!("cost.tiers: {e}"))?,
        None => Vec::new(),
    };
    for raw in &listed {
        let Tier { tier } = serde_json::from_str(raw.get()).map_err(|e| format!("cost.tiers: {e}"))?;
        if tier.of != "context" {
            return Err(format!("cost.tiers: a tier by {:?} cannot be billed", tier.of));
        }
        tiers.insert(tier.size, json!({ "per_1m_tokens": parts(raw)? }));
    }
    if let (true, Some(raw)) = (listed.is_empty(), cost.get("context_over_200k")) {
        tiers.insert(200_000, json!({ "per_1m_tokens": parts(raw)? }));
    }
    let tiers: Vec<Value> =
        tiers.into_iter().map(|(above, rates)| json!({ "above_input": above, "rates": rates })).collect();
    Ok(json!({ "rates": { "per_1m_tokens": base }, "tiers": tiers }))
}

fn caps(fields: &Model<'_>, kind: &str, provider: &str) -> Vec<&'static str> {
    let takes = |what: &str| fields.modalities.input.iter().any(|m| m == what);
    match kind {
        "tts" => return vec!["audio_out"],
        "stt" => return vec!["audio_in"],
        _ => {}
    }
    let mut caps = Vec::new();
    for (has, cap) in
        [(takes("image"), "vision"), (takes("pdf") && fields.attachment, "pdf"), (takes("audio"), "audio_in")]
    {
        if has {
            caps.push(cap);
        }
    }
    if kind != "chat" {
        return caps;
    }
    caps.push("stream");
    match fields.tool_call {
        Some(ToolCall::Plain(true)) => caps.push("tools"),
        Some(ToolCall::Detailed { supported: true, parallel }) => {
            caps.push("tools");
            if parallel {
                caps.push("parallel_tools");
            }
        }
        _ => {}
    }
    if fields.structured_output {
        caps.push("json_schema");
        if provider != "anthropic" {
            caps.push("json_object");
        }
    }
    if fields.reasoning {
        caps.push("reasoning");
    }
    if fields.temperature {
        caps.push("sampling");
    }
    if fields.modalities.output.iter().any(|m| m == "audio") {
        caps.push("audio_out");
    }
    caps
}
