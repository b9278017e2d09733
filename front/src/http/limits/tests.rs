use super::*;
use http::HeaderMap;
use policy::limit::{Counters, Estimate, Meters, Quotas, Rule, Scope};
use std::sync::Arc;

const NOW: Instant = Instant::from_secs(1_800_000_000);

fn readings(quotas: Quotas) -> Readings {
    let rule = Rule { scope: Scope::Account, home: None, counter: "a".into(), quotas: Arc::new(quotas) };
    let estimate = Estimate { input: 30, output: 300 };
    Counters::default().take(vec![rule], estimate, NOW).unwrap().readings
}

fn heads(protocol: Protocol, quotas: Quotas) -> Vec<(String, String)> {
    let mut fields = Fields::default();
    told(&mut fields, protocol, &readings(quotas), NOW);
    let map: HeaderMap = fields.to_map();
    map.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

const BOTH: Quotas = Quotas {
    requests_per_minute: Some(7),
    burst: None,
    requests_per_hour: None,
    tokens_per_minute: Some(1_000),
    concurrent: Some(5),
    max_cost_usd: None,
};

#[test]
fn each_protocol_reads_its_own_names() {
    let ours = [("x-limit-limit", "1000"), ("x-limit-remaining", "670"), ("x-limit-reset", "20")];
    let openai = [
        ("x-ratelimit-limit-requests", "7"),
        ("x-ratelimit-remaining-requests", "6"),
        ("x-ratelimit-reset-requests", "8.572s"),
        ("x-ratelimit-limit-tokens", "1000"),
        ("x-ratelimit-remaining-tokens", "670"),
        ("x-ratelimit-reset-tokens", "19.8s"),
    ];
    let anthropic = [
        ("anthropic-ratelimit-requests-limit", "7"),
        ("anthropic-ratelimit-requests-remaining", "6"),
        ("anthropic-ratelimit-requests-reset", "2027-01-15T08:00:09.000Z"),
        ("anthropic-ratelimit-tokens-limit", "1000"),
        ("anthropic-ratelimit-tokens-remaining", "670"),
        ("anthropic-ratelimit-tokens-reset", "2027-01-15T08:00:20.000Z"),
    ];
    assert_eq!(heads(Protocol::OpenAi, BOTH), pairs(&[&ours[..], &openai].concat()));
    assert_eq!(heads(Protocol::Anthropic, BOTH), pairs(&[&ours[..], &anthropic].concat()));
    assert_eq!(heads(Protocol::Gemini, BOTH), pairs(&ours));
}

#[test]
fn what_is_not_limited_is_not_told() {
    assert_eq!(heads(Protocol::OpenAi, Quotas::default()), []);
    let slots = Quotas { concurrent: Some(3), ..Quotas::default() };
    assert_eq!(heads(Protocol::OpenAi, slots), pairs(&[("x-limit-limit", "3"), ("x-limit-remaining", "2")]));
}

#[test]
fn pages_may_read_all_of_them() {
    let both = [heads(Protocol::OpenAi, BOTH), heads(Protocol::Anthropic, BOTH)].concat();
    let exposed: Vec<&str> = super::super::cors::EXPOSED.split(", ").collect();
    for (name, _) in both {
        assert!(exposed.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn times_are_written_as_openai_writes_them() {
    for (micros, text) in [
        (0, "0s"),
        (1, "1ms"),
        (20_000, "20ms"),
        (999_001, "1s"),
        (1_000_000, "1s"),
        (8_640_000, "8.64s"),
        (59_999_500, "1m0s"),
        (360_000_000, "6m0s"),
        (361_250_000, "6m1.25s"),
        (3_600_000_000, "1h0m0s"),
    ] {
        assert_eq!(brief(Duration::from_micros(micros)), text, "{micros}");
    }
}
