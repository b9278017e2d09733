//! What a catalogue would say of the lab's models.

use crate::scenario::{PriceChange, Scenario};
use serde_json::{Map, Value, json};
use vocab::{Caps, Dialect, Effort, Kind};

/// One fake model with everything a catalogue entry needs. Prices are USD for a million tokens, as decimal text;
/// absent is unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSheet {
    pub provider: String,
    pub dialect: Dialect,
    pub model: String,
    pub kind: Kind,
    /// Of pictures.
    pub output_image: Option<String>,
    pub per_tile: Option<String>,
    pub per_step: Option<String>,
    /// Of sound.
    pub per_1m_characters: Option<String>,
    pub per_minute: Option<String>,
    pub output_audio: Option<String>,
    pub max_characters: Option<u32>,
    pub input_audio: Option<String>,
    pub audio_seconds_min: Option<u32>,
    pub input: Option<String>,
    pub output: Option<String>,
    pub cache_read: Option<String>,
    pub cache_write: Option<String>,
    pub price_changes: Vec<PriceChange>,
    pub context: u32,
    pub max_output: u32,
    pub caps: Caps,
    pub efforts: Vec<Effort>,
    pub reasons_always: bool,
    /// 0 to 1, and how much is known about it.
    pub quality: Option<(f64, f64)>,
    /// Milliseconds to the first token, median.
    pub ttft_ms: u32,
    pub tokens_per_s: u32,
}

/// Every model of a scenario, in its order.
pub fn sheets(scenario: &Scenario) -> Vec<ModelSheet> {
    scenario
        .providers
        .iter()
        .flat_map(|provider| {
            provider.models.iter().map(|model| ModelSheet {
                provider: provider.name.clone(),
                dialect: provider.dialect,
                model: model.name.clone(),
                kind: model.kind,
                output_image: model.output_image.clone(),
                per_tile: model.per_tile.clone(),
                per_step: model.per_step.clone(),
                per_1m_characters: model.per_1m_characters.clone(),
                per_minute: model.per_minute.clone(),
                output_audio: model.output_audio.clone(),
                max_characters: model.max_characters,
                input_audio: model.input_audio.clone(),
                audio_seconds_min: model.audio_seconds_min,
                input: model.input.clone(),
                output: model.output.clone(),
                cache_read: model.cache_read.clone(),
                cache_write: model.cache_write.clone(),
                price_changes: model.price_changes.clone(),
                context: model.context,
                max_output: model.max_output,
                caps: model.caps(provider),
                efforts: model.efforts.clone(),
                reasons_always: model.reasons_always,
                quality: model.quality.map(|q| (q, model.quality_confidence)),
                ttft_ms: model.ttft_ms.p50,
                tokens_per_s: model.tokens_per_s,
            })
        })
        .collect()
}

/// The scenario's models in the format of the product's catalogue, to be laid over it.
pub fn catalogue_overlay(scenario: &Scenario) -> String {
    let models: Vec<Value> = sheets(scenario).iter().map(entry).collect();
    json!({
        "schema_version": 1,
        "as_of": DAY,
        "sources": {"lab": {"name": format!("the lab's scenario {:?}", scenario.name), "date": DAY, "licence": "made up"}},
        "models": models,
    })
    .to_string()
}

/// The day these figures are said to be of: any will do, they are made up.
const DAY: &str = "2026-11-21";

fn entry(sheet: &ModelSheet) -> Value {
    let mut out = json!({
        "id": format!("{}/{}", sheet.provider, sheet.model),
        "kind": sheet.kind,
        "status": "active",
        "price": price(sheet),
        "context": sheet.context,
        "max_output": sheet.max_output,
        "caps": sheet.caps.names().collect::<Vec<_>>(),
        "efforts": sheet.efforts,
        "reasons_always": sheet.reasons_always,
        "latency": {"ttft_ms": sheet.ttft_ms, "tokens_per_s": sheet.tokens_per_s, "source": "lab", "date": DAY},
        "sources": {"lab": DAY},
    });
    if sheet.kind != Kind::Chat {
        let mute = if sheet.kind == Kind::Tts { "context" } else { "latency" };
        for field in ["max_output", mute, "efforts"] {
            out.as_object_mut().and_then(|out| out.remove(field));
        }
    }
    if sheet.kind == Kind::Tts {
        out["caps"] = json!(["audio_out"]);
        if let Some(latency) = out["latency"].as_object_mut() {
            latency.remove("tokens_per_s");
        }
        if let Some(most) = sheet.max_characters {
            out["max_characters"] = most.into();
        }
    }
    if let Some((mean, confidence)) = sheet.quality {
        out["quality"] = json!({"mean": mean, "confidence": confidence, "source": "lab", "date": DAY});
    }
    out
}

fn price(sheet: &ModelSheet) -> Value {
    let single = [
        ("per_tile", &sheet.per_tile),
        ("per_step", &sheet.per_step),
        ("per_1m_characters", &sheet.per_1m_characters),
        ("per_minute", &sheet.per_minute),
    ];
    let single: Map<String, Value> =
        single.into_iter().filter_map(|(name, rate)| Some((name.into(), rate.clone()?.into()))).collect();
    if !single.is_empty() {
        let mut price = json!({ "rates": single });
        if let Some(least) = sheet.audio_seconds_min {
            price["audio_seconds_min"] = least.into();
        }
        return price;
    }
    let (Some(input), Some(output)) = (&sheet.input, &sheet.output) else { return Value::Null };
    let mut rates = Map::new();
    rates.insert("input".into(), input.clone().into());
    rates.insert("output".into(), output.clone().into());
    for (name, rate) in [
        ("cache_read", &sheet.cache_read),
        ("cache_write", &sheet.cache_write),
        ("output_image", &sheet.output_image),
        ("output_audio", &sheet.output_audio),
        ("input_audio", &sheet.input_audio),
    ] {
        if let Some(rate) = rate {
            rates.insert(name.into(), rate.clone().into());
        }
    }
    let mut price = json!({"rates": {"per_1m_tokens": rates}, "multipliers": {"priority": "2", "fast": "2"}});
    if !sheet.price_changes.is_empty() {
        let change = |c: &PriceChange| json!({"from": c.from, "rates": {"per_1m_tokens": {"input": c.input, "output": c.output}}});
        price["changes"] = sheet.price_changes.iter().map(change).collect();
    }
    price
}
