//! A decision as a record from which anyone can recompute it by hand.

use crate::score::{Blend, Parts};
use crate::{
    Decision, FORMULA, Learned, Offer, PRIOR_WEIGHT, Removed, Source, State, Weights, Wish, plan::lot,
};
use serde::Serialize;
use vocab::{Effort, Instant};

/// A decision with every candidate and every part of its score; units are in the names. Numbers that nobody knows are
/// `null`, and so is a utility for want of one.
#[derive(Clone, Debug, Serialize)]
pub struct Record<'a> {
    /// How the figures below make a utility.
    formula: &'static str,
    weights: Weights,
    prior_weight: f64,
    /// The moment of the decision, in microseconds since 1970.
    at: Instant,
    request: Request<'a>,
    reason: String,
    propensity: f64,
    /// The throw that broke ties. As text, because JSON readers lose the end of large numbers.
    throw: String,
    /// `provider/model` in the order of asking.
    plan: Vec<String>,
    /// When the first blocked one may be asked, in microseconds since 1970.
    retry_at: Option<Instant>,
    /// Best first.
    candidates: Vec<Candidate<'a>>,
}

#[derive(Clone, Debug, Serialize)]
struct Request<'a> {
    model: &'a str,
    needs: Vec<String>,
    tokens_in: u32,
    expected_out: u32,
    max_output: Option<u32>,
    effort: Option<Effort>,
    /// A decimal, because it is money.
    max_cost_usd: Option<String>,
    max_latency_s: Option<f64>,
    min_quality: Option<f64>,
    allow: &'a [String],
    deny: &'a [String],
}

#[derive(Clone, Debug, Serialize)]
struct Candidate<'a> {
    offer: usize,
    provider: &'a str,
    model: &'a str,
    domain: &'a str,
    tokens_in: u32,
    /// Place in the plan, from 0.
    place: Option<usize>,
    utility: Option<f64>,
    quality: Option<f64>,
    quality_confidence: f64,
    quality_source: Source,
    /// What the card says.
    quality_prior: Option<f64>,
    /// What else the quality is made of; None where it is the card's alone.
    quality_learned: Option<Learned>,
    price_usd: Option<f64>,
    dearest_usd: Option<String>,
    cost_usd: Option<f64>,
    latency_s: Option<f64>,
    latency_source: Source,
    answer_s: Option<f64>,
    ttft_s: Blend,
    ttft_p95_s: Option<f64>,
    tokens_per_s: Blend,
    tokens_out: u32,
    samples: u32,
    failure: f64,
    breaker: State,
    /// Among equals the lower lot goes first; 16 hexadecimal digits.
    lot: String,
    removed: Option<Removed>,
}

/// The record of a decision. `offers` and `wish` are those that [`crate::plan`] was given.
pub fn explain<'a>(decision: &Decision, offers: &[Offer<'a>], wish: &Wish<'a>) -> Record<'a> {
    let limits = wish.limits;
    let candidates = decision.ranked.iter().filter_map(|row| {
        let offer = offers.get(row.offer)?;
        let parts = Parts::of(wish, offer, decision.at);
        Some(Candidate {
            offer: row.offer,
            provider: offer.provider,
            model: &offer.card.model,
            domain: offer.domain,
            tokens_in: offer.tokens_in.unwrap_or(wish.brief.tokens_in),
            place: decision.plan.iter().position(|i| *i == row.offer),
            utility: Some(row.utility).filter(|u| u.is_finite()),
            quality: row.quality,
            quality_confidence: row.quality_confidence,
            quality_source: row.quality_source,
            quality_prior: offer.card.quality.map(|quality| quality.mean),
            quality_learned: offer.learned,
            price_usd: parts.price_usd,
            dearest_usd: offer.dearest.map(|d| d.to_string()),
            cost_usd: row.cost_usd,
            latency_s: row.latency_s,
            latency_source: row.latency_source,
            answer_s: parts.answer_s,
            ttft_s: parts.ttft_s,
            ttft_p95_s: parts.ttft_p95_s,
            tokens_per_s: parts.tokens_per_s,
            tokens_out: parts.tokens_out,
            samples: offer.standing.samples,
            failure: row.failure,
            breaker: offer.standing.state,
            lot: format!("{:016x}", lot(decision.throw, offer)),
            removed: row.removed,
        })
    });
    Record {
        formula: FORMULA,
        weights: decision.weights,
        at: decision.at,
        prior_weight: PRIOR_WEIGHT,
        request: Request {
            model: &wish.brief.model,
            needs: wish.brief.needs.names().collect(),
            tokens_in: wish.brief.tokens_in,
            expected_out: wish.expected_out,
            max_output: wish.brief.max_output,
            effort: wish.brief.effort,
            max_cost_usd: limits.max_cost.map(|c| c.to_string()),
            max_latency_s: limits.max_latency.map(|d| d.as_secs_f64()),
            min_quality: limits.min_quality,
            allow: &limits.allow,
            deny: &limits.deny,
        },
        reason: decision.reason.to_string(),
        propensity: decision.propensity,
        throw: format!("{:016x}", decision.throw),
        plan: decision
            .plan
            .iter()
            .filter_map(|i| offers.get(*i))
            .map(|o| format!("{}/{}", o.provider, o.card.model))
            .collect(),
        retry_at: decision.retry_at(),
        candidates: candidates.collect(),
    }
}
