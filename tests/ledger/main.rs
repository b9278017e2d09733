//! The published metering cases, from a provider's usage payload through adapter, catalogue and charge to the exact
//! nanodollar. The three crates meet here as they do in `relay`, and share no arithmetic with the cases' authors.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic in a test is a failed test")]

mod reconcile;
mod spoken;
mod verify;

use providers::catalogue::Catalogue;
use serde_json::Value;
use vocab::{Instant, Pico, Usage};

const CASES: &str = include_str!("../data/cost-cases.json");

/// Where the cases come from; present beside a checkout in development, absent in a clone of its own.
const ORIGIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/specs/cost-cases.json");

fn usage_of(case: &Value) -> Option<Usage> {
    let format = case["usage_format"].as_str()?;
    let (usage, model) = (&case["usage"], case["model"].as_str()?);
    let usage = match format.split('.').next()? {
        "gemini" => providers::gemini::usage::read(format, usage),
        "anthropic" => providers::anthropic::usage::read(format, usage),
        _ => providers::openai::usage::read(format, usage, model),
    }?;
    let modifiers = providers::openai::usage::modifiers(&case["response_fields"]);
    Some(Usage { modifiers: usage.modifiers | modifiers, ..usage })
}

fn moment(text: &str) -> Instant {
    let (date, time) = text.split_once('T').unwrap();
    let parts: Vec<u64> = time.trim_end_matches('Z').split(':').map(|n| n.parse().unwrap()).collect();
    let midnight = Instant::parse_date(date).unwrap();
    Instant::from_secs(midnight.as_secs() + parts[0] * 3_600 + parts[1] * 60 + parts[2])
}

#[test]
fn all_sixty_cases_to_the_nanodollar() {
    let catalogue = Catalogue::embedded().unwrap();
    let cases: Value = serde_json::from_str(CASES).unwrap();
    let cases = cases["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 60);
    let mut wrong = Vec::new();
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let Some(usage) = usage_of(case) else {
            wrong.push(format!("{id}: no usage was read from {}", case["usage"]));
            continue;
        };
        let (provider, model) = (case["provider"].as_str().unwrap(), case["model"].as_str().unwrap());
        let Some(price) = catalogue.find(provider, model).and_then(|e| e.card.price.clone()) else {
            wrong.push(format!("{id}: {provider}/{model} has no price"));
            continue;
        };
        let now = moment(case["request_time"].as_str().unwrap());
        match billing::charge(&price, &usage, now) {
            Ok(charge) => {
                let expected = Pico(i128::from(case["expected_nano_usd"].as_i64().unwrap()) * Pico::PER_NANO);
                if charge.total != expected {
                    wrong.push(format!("{id}: {} instead of {expected} for {usage:?}", charge.total));
                }
            }
            Err(unpriced) => wrong.push(format!("{id}: {unpriced}")),
        }
    }
    assert!(wrong.is_empty(), "{} of 60:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_copy_is_the_original() {
    match std::fs::read_to_string(ORIGIN) {
        Ok(original) => assert_eq!(CASES, original),
        Err(_) => println!("the original is not beside this checkout; nothing to compare the copy with"),
    }
}
