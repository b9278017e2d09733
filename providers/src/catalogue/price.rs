//! The price of one entry of a catalogue file.

use super::fields::Reader;
use super::units::{BY_TOKEN, SINGLE, is_token};
use super::{check, price_version};
use serde_json::{Map, Value};
use std::str::FromStr;
use vocab::{Bucket, Change, Instant, Kind, Modifiers, Price, Rate, Rates, Ratio, Tier};

/// One price. What is wrong with it goes to `problems`.
pub(super) fn price(
    fields: Map<String, Value>,
    id: &str,
    source: String,
    kind: Kind,
    problems: &mut Vec<String>,
) -> Price {
    let before = problems.len();
    let mut read = Reader { place: "price: ".into(), fields, problems };
    let mut price = Price { id: id.to_owned(), source, ..Price::default() };
    match read.object("rates") {
        Some(fields) => price.rates = rates(fields, kind, "price", read.problems),
        None => read.say("rates are missing; leave the whole price out where it is unknown".into()),
    }
    price.tiers = tiers(&mut read, kind, "price");
    for mut change in read.objects("changes") {
        let from = change.remove("from");
        let place = format!("price change from {}", from.as_ref().and_then(Value::as_str).unwrap_or("?"));
        let mut inner = Reader { place: format!("{place}: "), fields: change, problems: read.problems };
        let Some(from) = from.as_ref().and_then(Value::as_str).and_then(Instant::parse_date) else {
            inner.say("from has to be a date like 2027-01-01".into());
            continue;
        };
        let rates = inner.object("rates").map(|r| rates(r, kind, &place, inner.problems));
        let tiers = tiers(&mut inner, kind, &place);
        inner.rest();
        match rates {
            Some(rates) => price.changes.push(Change { from, rates, tiers }),
            None => inner.say("rates are missing".into()),
        }
    }
    if let Some(factors) = read.object("multipliers") {
        for (name, factor) in &factors {
            let modifier = Modifiers::from_name(&name.to_ascii_uppercase());
            match (modifier, factor.as_str().and_then(ratio)) {
                (None, _) => read
                    .say(format!("multiplier {name:?} is not one of batch, flex, priority, fast, regional")),
                (_, None) => {
                    read.say(format!("multiplier {name} is {factor}; \"0.5\" or \"5/3\" was expected"))
                }
                (Some(modifier), Some(ratio)) => price.multipliers.push((modifier, ratio)),
            }
        }
        price.multipliers.sort_by_key(|(modifier, _)| modifier.bits());
    }
    if let Some(seconds) = read.count("audio_seconds_min") {
        price.audio_millis_min = u64::from(seconds) * 1_000;
    }
    read.rest();
    // Comparing rates makes sense only once each is one.
    if problems.len() == before {
        check::price(&price, kind, problems);
    }
    price.version = price_version(&price).into();
    price
}

fn tiers(read: &mut Reader<'_>, kind: Kind, place: &str) -> Vec<Tier> {
    let mut tiers = Vec::new();
    for tier in read.objects("tiers") {
        let place = format!("{place}: tier {}", tiers.len() + 1);
        let mut inner = Reader { place: format!("{place}: "), fields: tier, problems: read.problems };
        let above = inner.count("above_input");
        let rates = inner.object("rates").map(|r| rates(r, kind, &place, inner.problems));
        inner.rest();
        match (above, rates) {
            (Some(above), Some(rates)) => tiers.push(Tier { above_input: u64::from(above), rates }),
            _ => inner.say("above_input and rates are needed".into()),
        }
    }
    tiers
}

/// Rates from units: `{"per_1m_tokens": {"input": "2"}, "per_1k_searches": "10"}`.
fn rates(fields: Map<String, Value>, kind: Kind, place: &str, problems: &mut Vec<String>) -> Rates {
    let before = problems.len();
    let mut rates = Rates::default();
    let mut one = |unit: &str, units: u32, bucket: Bucket, usd: &Value| {
        let name = bucket.name();
        if rates.get(bucket).is_some() {
            return problems.push(format!("{place}: {name} has a price in two units"));
        }
        if !check::belongs(bucket, kind) {
            return problems
                .push(format!("{place}: {unit} ({name}) is not a unit that {kind:?} models are billed in"));
        }
        let Some(usd) = usd.as_str() else {
            return problems
                .push(format!("{place}: {unit} {name} is {usd}; a decimal text like \"0.15\" was expected"));
        };
        if usd.starts_with('-') {
            return problems.push(format!("{place}: {unit} {name} is {usd}; a price cannot be negative"));
        }
        match Rate::of(usd, units) {
            Err(_) => problems.push(format!(
                "{place}: {unit} {name} is {usd:?}; a decimal number of USD with at most 12 places was expected"
            )),
            Ok(rate) => {
                problems.extend(check::rate(bucket, rate, unit).map(|message| format!("{place}: {message}")));
                rates.set(bucket, rate);
            }
        }
    };
    let mut unknown = Vec::new();
    for (unit, value) in &fields {
        if let Some((_, units)) = BY_TOKEN.into_iter().find(|(name, _)| name == unit) {
            let Some(by_bucket) = value.as_object() else {
                unknown.push(format!("{place}: {unit} has to be an object of prices by bucket"));
                continue;
            };
            for (name, usd) in by_bucket {
                match Bucket::named(name).filter(|b| is_token(*b)) {
                    Some(bucket) => one(unit, units, bucket, usd),
                    None => unknown.push(format!("{place}: {unit} has no bucket {name:?}")),
                }
            }
        } else if let Some((_, bucket, units)) = SINGLE.into_iter().find(|(name, ..)| name == unit) {
            one(unit, units, bucket, value);
        } else {
            unknown.push(format!("{place}: unknown unit {unit:?}"));
        }
    }
    problems.append(&mut unknown);
    if rates.is_empty() && problems.len() == before {
        problems.push(format!("{place}: rates are empty; leave the whole price out where it is unknown"));
    }
    rates
}

/// `0.5`, or `5/3` where the decimals would not end.
fn ratio(text: &str) -> Option<Ratio> {
    let Some((num, den)) = text.split_once('/') else {
        return Ratio::from_str(text).ok();
    };
    let (num, den): (u32, u32) = (num.parse().ok()?, den.parse().ok()?);
    (num > 0 && den > 0).then_some(Ratio { num, den })
}
