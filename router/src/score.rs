//! The one score, in money and seconds.
//!
//! `utility = answer_value·quality − cost − time_value·latency`, in USD. Every part has a unit of its own and none is
//! set against whoever else is present, so a candidate's score is the same in any company and can be recomputed by
//! hand from what [`crate::explain`] prints.
//!
//! *Failure* is in the other parts rather than a part itself: a failed attempt is paid and waited for, and then the
//! work is paid and waited for again elsewhere. At most a whole answer is lost each time, so that is what is reckoned
//! with: `failure × price` and `failure × the longer of a whole answer and the live 95th percentile of the wait for
//! first content`. Quality is left alone, because the fallback answers in its stead.
//!
//! *Cold*, latency is the catalogue's. Live medians are weighed against it as if the catalogue were [`PRIOR_WEIGHT`]
//! answers, so the first answer moves the figure a little and the hundredth hardly leaves the prior a say.
//!
//! *Unknown* is neither zero nor average: a candidate with a part that nobody knows has no utility. It ranks behind
//! every candidate that has one, among its like by the parts that are known. A part whose weight is zero is not missed.
//! NaN, infinities, negative prices and probabilities outside 0 to 1 are treated as unknown, so nonsense cannot win.

use crate::{Offer, Removed, Weights, Wish};
use serde::{Deserialize, Serialize};
use vocab::{Duration, Effort, Instant};

/// How many answers a figure of the catalogue is worth against live ones.
pub const PRIOR_WEIGHT: f64 = 8.0;

/// The least failure probability of a candidate that would have to prove itself: its breaker is open and a probe due.
pub const FAILURE_UNPROVEN: f64 = 0.5;

/// The score as [`crate::explain`] prints it, in the names of its record.
pub const FORMULA: &str = "utility = answer_value*quality - cost_usd - time_value*latency_s; \
    cost_usd = price_usd*(1 + failure); latency_s = answer_s + failure*max(answer_s, ttft_p95_s); \
    answer_s = ttft_s + tokens_out/tokens_per_s; \
    ttft_s and tokens_per_s = (live*samples + prior*prior_weight)/(samples + prior_weight), or the one there is";

/// Where a figure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Nobody knows.
    Unknown,
    /// The catalogue.
    Prior,
    /// The catalogue, and what this prompt told the predictor.
    Predicted,
    /// Either, and what was said of answers here.
    Learned,
    /// The catalogue and what was measured here, weighed.
    Mixed,
    /// What was measured here alone.
    Live,
}

/// One offer's place in a decision, with every part of its score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// Index into the offers.
    pub offer: usize,
    /// USD; minus infinity where a part is unknown (`null` in JSON).
    pub utility: f64,
    /// Expected, with the waste if it fails; USD.
    pub cost_usd: Option<f64>,
    /// Expected until the whole answer is there, with the time lost if it fails; seconds.
    pub latency_s: Option<f64>,
    /// Probability that the answer is good.
    pub quality: Option<f64>,
    /// 0 (a guess) to 1 (certain).
    pub quality_confidence: f64,
    pub quality_source: Source,
    pub latency_source: Source,
    /// Probability that the call fails.
    pub failure: f64,
    /// Why it is out of the question now; None for a candidate.
    pub removed: Option<Removed>,
}

/// A figure of which the catalogue has one version and experience another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Blend {
    pub prior: Option<f64>,
    pub live: Option<f64>,
    pub value: Option<f64>,
}

impl Blend {
    fn of(prior: Option<f64>, live: Option<f64>, samples: u32) -> Self {
        let value = match (prior, live) {
            (Some(prior), Some(live)) => {
                let samples = f64::from(samples);
                Some((live * samples + prior * PRIOR_WEIGHT) / (samples + PRIOR_WEIGHT))
            }
            (prior, live) => live.or(prior),
        };
        Self { prior, live, value }
    }

    const fn source(self) -> Source {
        match (self.prior, self.live) {
            (None, None) => Source::Unknown,
            (Some(_), None) => Source::Prior,
            (Some(_), Some(_)) => Source::Mixed,
            (None, Some(_)) => Source::Live,
        }
    }
}

/// Every step on the way to a utility.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    /// Without the waste.
    pub price_usd: Option<f64>,
    pub ttft_s: Blend,
    pub ttft_p95_s: Option<f64>,
    pub tokens_per_s: Blend,
    pub tokens_out: u32,
    /// Without the time lost to failure.
    pub answer_s: Option<f64>,
    pub cost_usd: Option<f64>,
    pub latency_s: Option<f64>,
    pub quality: Option<f64>,
    pub quality_confidence: f64,
    pub quality_source: Source,
    pub failure: f64,
    /// The sum of the terms that are known.
    pub known: f64,
    pub missing: Missing,
}

/// Which parts of a score nobody knows, as the place that they cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Missing(pub u8);

impl Missing {
    pub const NOTHING: Self = Self(0);
    const ALL: Self = Self(7);

    /// Fewer are better; among as many an unknown time is the least harm and an unknown price the most.
    const fn of(price: bool, quality: bool, latency: bool) -> Self {
        Self(match (price, quality, latency) {
            (false, false, false) => 0,
            (false, false, true) => 1,
            (false, true, false) => 2,
            (true, false, false) => 3,
            (false, true, true) => 4,
            (true, false, true) => 5,
            (true, true, false) => 6,
            (true, true, true) => 7,
        })
    }
}

impl Parts {
    pub fn of(wish: &Wish, offer: &Offer, now: Instant) -> Self {
        let (card, standing) = (offer.card, &offer.standing);
        let secs = |d: Duration| d.as_secs_f64();

        let failure = failure(offer, now);
        let price_usd = offer.cost.filter(|c| c.0 >= 0).map(vocab::Pico::as_usd_f64);
        let ttft_s = Blend::of(
            card.ttft_ms.map(|ms| f64::from(ms) / 1_000.0),
            standing.ttft_p50.map(secs),
            standing.samples,
        );
        let tokens_per_s = Blend::of(
            card.tokens_per_s.map(f64::from).filter(|s| *s > 0.0),
            standing.tokens_per_s.filter(|s| s.is_finite() && *s > 0.0),
            standing.samples,
        );
        let ttft_p95_s = standing.ttft_p95.map(secs);
        let tokens_out = tokens_out(wish, offer);
        let generation_s = match tokens_per_s.value {
            _ if tokens_out == 0 => Some(0.0),
            Some(speed) => Some(f64::from(tokens_out) / speed),
            None => None,
        };
        let answer_s = ttft_s.value.zip(generation_s).map(|(wait, rest)| wait + rest);
        let cost_usd = price_usd.map(|price| price * (1.0 + failure));
        let latency_s = answer_s.map(|answer| answer + failure * answer.max(ttft_p95_s.unwrap_or(0.0)));
        let (quality, quality_confidence) = quality(wish, offer);

        let (known, missing) = reckon(wish.weights, quality, cost_usd, latency_s);

        Self {
            price_usd,
            ttft_s,
            ttft_p95_s,
            tokens_per_s,
            tokens_out,
            answer_s,
            cost_usd,
            latency_s,
            quality,
            quality_confidence,
            quality_source: offer.learned.map_or(Source::Prior, |learned| learned.source),
            failure,
            known,
            missing,
        }
    }

    pub fn utility(&self) -> f64 {
        if self.missing == Missing::NOTHING { self.known } else { f64::NEG_INFINITY }
    }

    pub const fn latency_source(&self) -> Source {
        match (self.latency_s, self.ttft_s.source(), self.tokens_per_s.source()) {
            (None, _, _) => Source::Unknown,
            (Some(_), source, Source::Unknown) => source,
            (Some(_), Source::Prior, Source::Prior) => Source::Prior,
            (Some(_), Source::Live, Source::Live) => Source::Live,
            (Some(_), _, _) => Source::Mixed,
        }
    }

    pub const fn ranked(&self, offer: usize, utility: f64, removed: Option<Removed>) -> Ranked {
        Ranked {
            offer,
            utility,
            cost_usd: self.cost_usd,
            latency_s: self.latency_s,
            quality: self.quality,
            quality_confidence: self.quality_confidence,
            quality_source: if self.quality.is_some() { self.quality_source } else { Source::Unknown },
            latency_source: self.latency_source(),
            failure: self.failure,
            removed,
        }
    }
}

/// The sum of the terms that are known, and which are not.
pub(crate) fn reckon(
    Weights { answer_value, time_value }: Weights,
    quality: Option<f64>,
    cost_usd: Option<f64>,
    latency_s: Option<f64>,
) -> (f64, Missing) {
    let missed = |part: Option<f64>, weight: f64| part.is_none() && weight != 0.0;
    let missing =
        Missing::of(cost_usd.is_none(), missed(quality, answer_value), missed(latency_s, time_value));
    // In this order and no other: whoever recomputes it gets the same last bit.
    let known = answer_value * quality.unwrap_or(0.0)
        - cost_usd.unwrap_or(0.0)
        - time_value * latency_s.unwrap_or(0.0);
    let sane = known.is_finite() && answer_value >= 0.0 && time_value >= 0.0;
    if sane { (known, missing) } else { (0.0, Missing::ALL) }
}

/// The client's limit and the model's hold the answer short, whatever was expected.
fn tokens_out(wish: &Wish, offer: &Offer) -> u32 {
    let most = |limit: Option<u32>| limit.unwrap_or(u32::MAX);
    wish.expected_out.min(most(wish.brief.max_output)).min(most(offer.card.max_output))
}

/// A NaN is the worst that can be said; a due probe is at best an even chance.
fn failure(offer: &Offer, now: Instant) -> f64 {
    let rate = offer.standing.failure_rate;
    let rate = if rate.is_nan() { 1.0 } else { rate.clamp(0.0, 1.0) };
    match offer.standing.state.until() {
        Some(until) if until <= now => rate.max(FAILURE_UNPROVEN),
        _ => rate,
    }
}

/// What was learned, else the card's prior. That was measured at the model's usual effort; where the client asks a model that takes efforts for
/// less than medium, nobody has measured how much is lost, so the figure stays and half of the confidence goes.
fn quality(wish: &Wish, offer: &Offer) -> (Option<f64>, f64) {
    let known = offer.learned.map(|learned| learned.quality).or(offer.card.quality);
    let Some(quality) = known.filter(|q| (0.0..=1.0).contains(&q.mean)) else {
        return (None, 0.0);
    };
    let confidence = if quality.confidence.is_nan() { 0.0 } else { quality.confidence.clamp(0.0, 1.0) };
    let spared = wish.brief.effort.is_some_and(|e| e < Effort::Medium) && !offer.card.efforts.is_empty();
    (Some(quality.mean * room(wish, offer)), if spared { confidence / 2.0 } else { confidence })
}

/// Output tokens that a model which always reasons wants before it has said anything.
const REASONING_ROOM: u32 = 1_024;

/// How much of an answer fits, 0 to 1. A model that always reasons spends the client's output limit on that first, and
/// may end it without a word; every other model uses a small limit well.
fn room(wish: &Wish, offer: &Offer) -> f64 {
    match wish.brief.max_output {
        Some(limit) if offer.card.reasons_always => {
            f64::from(limit.min(REASONING_ROOM)) / f64::from(REASONING_ROOM)
        }
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Standing, State, samples::*};
    use vocab::{Pico, Quality};

    const NOW: Instant = Instant::from_secs(1_800_000_000);

    #[test]
    fn a_score_done_by_hand() {
        let (brief, limits, card) = (brief(), limits(), card("a/m")); // quality 0.8, 500 ms, 100 tokens/s
        let standing = Standing { failure_rate: 0.1, ..Standing::default() };
        let offer = Offer { standing, cost: Some(Pico(2_000_000_000)), ..offer(&card) };
        let parts = Parts::of(&wish(&brief, &limits), &offer, NOW); // balanced, 300 tokens expected
        // 0.5 s + 300/100 s = 3.5 s, a tenth of it lost again; 0.002 USD, a tenth of it wasted.
        assert!((parts.latency_s.unwrap() - 3.85).abs() < 1e-12);
        assert!((parts.cost_usd.unwrap() - 0.0022).abs() < 1e-12);
        assert!((parts.utility() - (0.05 * 0.8 - 0.0022 - 0.001 * 3.85)).abs() < 1e-12);
        assert_eq!(parts.latency_source(), Source::Prior);
    }

    #[test]
    fn evidence_outweighs_the_prior_as_it_grows() {
        let (brief, limits, card) = (brief(), limits(), card("a/m"));
        let wait = |samples| {
            let ttft_p50 = Some(Duration::from_millis(1_500));
            let standing = Standing { ttft_p50, samples, ..Standing::default() };
            Parts::of(&wish(&brief, &limits), &Offer { standing, ..offer(&card) }, NOW).ttft_s.value.unwrap()
        };
        assert!((wait(0) - 0.5).abs() < 1e-12);
        assert!((wait(8) - 1.0).abs() < 1e-12, "eight answers weigh as much as the card");
        assert!(wait(1_000) > 1.49);
    }

    #[test]
    fn the_tail_counts_where_it_is_longer_than_an_answer() {
        let (brief, limits, card) = (brief(), limits(), card("a/m"));
        let standing =
            Standing { failure_rate: 0.5, ttft_p95: Some(Duration::from_secs(20)), ..Standing::default() };
        let parts = Parts::of(&wish(&brief, &limits), &Offer { standing, ..offer(&card) }, NOW);
        assert!((parts.latency_s.unwrap() - (3.5 + 0.5 * 20.0)).abs() < 1e-12);
    }

    #[test]
    fn a_due_probe_is_at_best_an_even_chance() {
        let (brief, limits, card) = (brief(), limits(), card("a/m"));
        let standing = Standing { state: State::Open { until: NOW }, ..Standing::default() };
        let parts = Parts::of(&wish(&brief, &limits), &Offer { standing, ..offer(&card) }, NOW);
        assert_eq!(parts.failure, FAILURE_UNPROVEN);
    }

    #[test]
    fn nonsense_is_unknown() {
        let (brief, limits, good) = (brief(), limits(), card("a/m"));
        let utility = |offer: &Offer| Parts::of(&wish(&brief, &limits), offer, NOW).utility();
        assert!(utility(&offer(&good)).is_finite());
        for mean in [f64::NAN, f64::INFINITY, -0.1, 5.0] {
            let card = vocab::Card { quality: Some(Quality { mean, confidence: 1.0 }), ..good.clone() };
            assert_eq!(utility(&offer(&card)), f64::NEG_INFINITY, "{mean}");
        }
        let stuck = vocab::Card { tokens_per_s: Some(0), ..good.clone() };
        assert_eq!(utility(&offer(&stuck)), f64::NEG_INFINITY);
        assert_eq!(utility(&Offer { cost: Some(Pico(-1)), ..offer(&good) }), f64::NEG_INFINITY);
        let nan = Standing { failure_rate: f64::NAN, ..Standing::default() };
        let parts = Parts::of(&wish(&brief, &limits), &Offer { standing: nan, ..offer(&good) }, NOW);
        assert_eq!(parts.failure, 1.0);
    }

    #[test]
    fn a_part_that_weighs_nothing_is_not_missed() {
        let (brief, limits) = (brief(), limits());
        let card = vocab::Card { quality: None, ttft_ms: None, ..card("a/m") };
        let mut wish = wish(&brief, &limits);
        assert_eq!(Parts::of(&wish, &offer(&card), NOW).utility(), f64::NEG_INFINITY);
        wish.weights = Weights { answer_value: 0.0, time_value: 0.0 };
        assert!(
            Parts::of(&wish, &offer(&card), NOW).utility() < 0.0,
            "the cheapest wins, nothing else matters"
        );
        wish.weights = Weights { answer_value: f64::INFINITY, time_value: 0.0 };
        assert_eq!(Parts::of(&wish, &offer(&card), NOW).utility(), f64::NEG_INFINITY);
    }

    #[test]
    fn less_effort_is_less_certain() {
        let (mut brief, limits) = (brief(), limits());
        brief.effort = Some(Effort::Low);
        let card = vocab::Card { efforts: vec![Effort::Low, Effort::High], ..card("a/m") };
        let parts = Parts::of(&wish(&brief, &limits), &offer(&card), NOW);
        assert_eq!((parts.quality, parts.quality_confidence), (Some(0.8), 0.25));
    }

    #[test]
    fn a_model_that_always_reasons_needs_room() {
        let (mut brief, limits) = (brief(), limits());
        let reasons = vocab::Card { reasons_always: true, ..card("a/m") };
        for (limit, reasoner, other) in
            [(None, 0.8, 0.8), (Some(4_096), 0.8, 0.8), (Some(512), 0.4, 0.8), (Some(0), 0.0, 0.8)]
        {
            brief.max_output = limit;
            let quality = |card: &vocab::Card| Parts::of(&wish(&brief, &limits), &offer(card), NOW).quality;
            assert_eq!(
                (quality(&reasons), quality(&card("a/m"))),
                (Some(reasoner), Some(other)),
                "{limit:?}"
            );
        }
    }
}
