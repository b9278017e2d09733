//! Ordinary values for tests to start from.

use crate::{Limits, Offer, Standing, Weights, Wish};
use vocab::{Brief, Caps, Card, Kind, Pico, Quality, Status};

/// 1,000 tokens in, nothing special.
pub fn brief() -> Brief {
    Brief { model: "auto".into(), tokens_in: 1_000, n: 1, ..Brief::default() }
}

pub fn limits() -> Limits {
    Limits::default()
}

/// Balanced, 300 tokens expected, a plan of up to four.
pub fn wish<'a>(brief: &'a Brief, limits: &'a Limits) -> Wish<'a> {
    Wish { brief, weights: Weights::BALANCED, limits, expected_out: 300, candidates_max: 4 }
}

/// `provider/model`: half a second to first content, 100 tokens/s, good four times in five.
pub fn card(id: &str) -> Card {
    let (provider, model) = id.split_once('/').unwrap_or((id, "m"));
    Card {
        provider: provider.into(),
        model: model.into(),
        kind: Kind::Chat,
        status: Status::Active,
        context: Some(128_000),
        max_output: Some(16_384),
        chars_max: None,
        caps: Caps::STREAM | Caps::TOOLS,
        efforts: Vec::new(),
        reasons_always: false,
        quality: Some(Quality { mean: 0.8, confidence: 0.5 }),
        ttft_ms: Some(500),
        tokens_per_s: Some(100),
        price: None,
        shutdown: None,
    }
}

/// A tenth of a cent, standing as if never asked, its provider its failure domain.
pub fn offer(card: &Card) -> Offer<'_> {
    Offer {
        provider: &card.provider,
        domain: &card.provider,
        card,
        caps: card.caps,
        tokens_in: None,
        cost: Some(Pico(1_000_000_000)),
        dearest: Some(Pico(5_000_000_000)),
        barred: false,
        unfit: None,
        learned: None,
        standing: Standing::default(),
    }
}
