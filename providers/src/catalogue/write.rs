//! From a catalogue to its file.

use super::units::{BY_TOKEN, written};
use super::{Catalogue, Entry, Origin, date_text};
use serde_json::{Map, Value, json};
use vocab::{Price, Quality, Rates, Ratio, Tier};

pub(super) fn catalogue(catalogue: &Catalogue) -> String {
    let mut text =
        format!("{{\n\"schema_version\":1,\n\"as_of\":\"{}\",\n\"sources\":{{\n", date_text(catalogue.as_of));
    let sources = catalogue.sources.iter().map(|(key, source)| format!("{}:{}", json!(key), json!(source)));
    text.push_str(&sources.collect::<Vec<_>>().join(",\n"));
    text.push_str("\n},\n\"models\":[\n");
    text.push_str(&catalogue.models.iter().map(entry).collect::<Vec<_>>().join(",\n"));
    text.push_str("\n]\n}\n");
    text
}

/// An object on one line, its fields in the order they are put.
#[derive(Default)]
struct Line(String);

impl Line {
    fn put(&mut self, name: &str, value: &Value) {
        self.put_raw(name, &value.to_string());
    }

    fn put_raw(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&format!("\"{name}\":{value}"));
    }

    /// Leaves out what is absent, empty or false.
    fn put_if(&mut self, name: &str, value: &Value) {
        let empty = match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        if !empty {
            self.put(name, value);
        }
    }

    fn end(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

fn entry(entry: &Entry) -> String {
    let card = &entry.card;
    let mut line = Line::default();
    line.put("id", &json!(entry.id()));
    line.put("kind", &json!(card.kind));
    line.put("status", &json!(card.status));
    line.put_raw("price", &card.price.as_deref().map_or_else(|| "null".into(), price));
    line.put_if("context", &json!(card.context));
    line.put_if("max_output", &json!(card.max_output));
    line.put_if("max_characters", &json!(card.chars_max));
    let mut caps: Vec<String> = card.caps.names().collect();
    caps.sort();
    line.put("caps", &json!(caps));
    line.put_if("efforts", &json!(card.efforts.iter().map(|e| e.name()).collect::<Vec<_>>()));
    line.put_if("reasons_always", &json!(card.reasons_always));
    if let Some(Quality { mean, confidence }) = card.quality {
        let mut inner = Line::default();
        inner.put("mean", &json!(mean));
        inner.put("confidence", &json!(confidence));
        origin(&mut inner, entry.quality_from.as_ref());
        line.put_raw("quality", &inner.end());
    }
    if card.ttft_ms.is_some() || card.tokens_per_s.is_some() {
        let mut inner = Line::default();
        inner.put_if("ttft_ms", &json!(card.ttft_ms));
        inner.put_if("tokens_per_s", &json!(card.tokens_per_s));
        origin(&mut inner, entry.latency_from.as_ref());
        line.put_raw("latency", &inner.end());
    }
    line.put_if("shutdown", &json!(card.shutdown.map(date_text)));
    line.put_if("sources", &json!(entry.sources));
    line.put_if("flags", &json!(entry.flags.iter().map(|f| f.name()).collect::<Vec<_>>()));
    line.end()
}

fn origin(line: &mut Line, origin: Option<&Origin>) {
    if let Some(Origin { source, date, effort }) = origin {
        line.put("source", &json!(source));
        line.put("date", &json!(date));
        line.put_if("effort", &json!(effort.map(|e| e.name())));
    }
}

fn price(price: &Price) -> String {
    let mut line = Line::default();
    line.put_raw("rates", &rates(&price.rates));
    if !price.tiers.is_empty() {
        line.put_raw("tiers", &tiers(&price.tiers));
    }
    let changes = price.changes.iter().map(|change| {
        let mut inner = Line::default();
        inner.put("from", &json!(date_text(change.from)));
        inner.put_raw("rates", &rates(&change.rates));
        if !change.tiers.is_empty() {
            inner.put_raw("tiers", &tiers(&change.tiers));
        }
        inner.end()
    });
    let changes = changes.collect::<Vec<_>>().join(",");
    if !changes.is_empty() {
        line.put_raw("changes", &format!("[{changes}]"));
    }
    let named = |m: vocab::Modifiers| m.iter_names().next().map(|(name, _)| name.to_ascii_lowercase());
    let factors: Map<String, Value> =
        price.multipliers.iter().filter_map(|(m, r)| named(*m).map(|n| (n, json!(ratio(*r))))).collect();
    line.put_if("multipliers", &Value::Object(factors));
    if price.audio_millis_min > 0 {
        line.put("audio_seconds_min", &json!(price.audio_millis_min / 1_000));
    }
    line.end()
}

fn tiers(tiers: &[Tier]) -> String {
    let one = |tier: &Tier| {
        let mut inner = Line::default();
        inner.put("above_input", &json!(tier.above_input));
        inner.put_raw("rates", &rates(&tier.rates));
        inner.end()
    };
    format!("[{}]", tiers.iter().map(one).collect::<Vec<_>>().join(","))
}

fn rates(rates: &Rates) -> String {
    let mut line = Line::default();
    let all = || {
        rates.iter().filter_map(|(bucket, rate)| written(bucket, rate).map(|(unit, usd)| (unit, bucket, usd)))
    };
    for (unit, _) in BY_TOKEN {
        let mut inner = Line::default();
        all().filter(|(u, ..)| *u == unit).for_each(|(_, bucket, usd)| inner.put(bucket.name(), &json!(usd)));
        if !inner.0.is_empty() {
            line.put_raw(unit, &inner.end());
        }
    }
    for (unit, _, usd) in all().filter(|(u, ..)| BY_TOKEN.iter().all(|(name, _)| name != u)) {
        line.put(unit, &json!(usd));
    }
    line.end()
}

/// Decimal where that is short and exact, else a fraction.
pub(super) fn ratio(ratio: Ratio) -> String {
    let Ratio { num, den } = ratio;
    if den > 0 && 1_000_000 % den == 0 {
        let millionths = u64::from(num) * u64::from(1_000_000 / den);
        let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    format!("{num}/{den}")
}
