//! What holds of every decision, whatever is offered.

use crate::samples::{brief, card};
use crate::{Decision, Known, Limits, Offer, Standing, State, Weights, Wish, advise, explain, plan};
use proptest::prelude::*;
use serde_json::Value;
use vocab::{Brief, Caps, Card, Dice, Duration, Instant, Kind, Pico, Quality, Status};

const NOW: Instant = Instant::from_secs(1_800_000_000);

/// An offer that owns what a real one borrows.
#[derive(Clone, Debug)]
struct Owned {
    domain: String,
    card: Card,
    cost: Option<Pico>,
    standing: Standing,
}

impl Owned {
    fn offer(&self) -> Offer<'_> {
        let dearest = self.cost.map(|c| Pico(c.0 * 3));
        let Self { domain, card, cost, standing } = self;
        Offer {
            provider: &card.provider,
            domain,
            card,
            caps: card.caps,
            tokens_in: None,
            cost: *cost,
            dearest,
            barred: false,
            unfit: None,
            learned: None,
            standing: *standing,
        }
    }
}

fn mostly<T: std::fmt::Debug + Clone + 'static>(
    strategy: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<T>> {
    prop_oneof![8 => strategy.prop_map(Some), 1 => Just(None)].boxed()
}

fn odd_float(usual: std::ops::RangeInclusive<f64>) -> BoxedStrategy<f64> {
    prop_oneof![
        12 => usual,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 7.0, f64::MAX, -0.0]),
    ]
    .boxed()
}

prop_compose! {
    fn standing()(
        open in prop_oneof![4 => Just(None), 1 => (-20i64..20).prop_map(Some)], probing in any::<bool>(),
        p50 in prop::option::of(0u64..30_000), tail in 1u64..10, speed in prop::option::of(odd_float(0.1..=500.0)),
        failure_rate in odd_float(0.0..=1.0), samples in 0u32..200,
    ) -> Standing {
        let until = |secs: i64| Instant::from_secs(NOW.as_secs().saturating_add_signed(secs));
        let state = match open {
            None => State::Closed,
            Some(secs) if probing => State::Probing { until: until(secs) },
            Some(secs) => State::Open { until: until(secs) },
        };
        let (ttft_p50, ttft_p95) = (p50.map(Duration::from_millis), p50.map(|ms| Duration::from_millis(ms * tail)));
        Standing { state, ttft_p50, ttft_p95, tokens_per_s: speed, failure_rate, samples }
    }
}

prop_compose! {
    fn owned()(
        domain in "[a-d]", tools in prop::bool::weighted(0.8), active in prop::bool::weighted(0.9),
        context in mostly(4_000u32..200_000), mean in mostly(odd_float(0.0..=1.0)), confidence in odd_float(0.0..=1.0),
        ttft_ms in mostly(0u32..20_000), tokens_per_s in mostly(0u32..400),
        cost in mostly(prop_oneof![20 => 0i128..100_000_000_000, 1 => Just(-5), 1 => Just(i128::MAX / 4)]),
        standing in standing(),
    ) -> Owned {
        let caps = if tools { Caps::TOOLS | Caps::STREAM } else { Caps::STREAM };
        let status = if active { Status::Active } else { Status::Retired };
        let quality = mean.map(|mean| Quality { mean, confidence });
        let card = Card { kind: Kind::Chat, status, context, caps, quality, ttft_ms, tokens_per_s, ..card("p/m") };
        Owned { domain, card, cost: cost.map(Pico), standing }
    }
}

/// Offers with names of their own, as a configuration has them.
fn many(most: usize) -> impl Strategy<Value = Vec<Owned>> {
    prop::collection::vec(owned(), 0..most).prop_map(|mut all| {
        for (i, owned) in all.iter_mut().enumerate() {
            owned.card.provider = format!("{}{}", owned.domain, i % 3);
            owned.card.model = format!("m{i}");
        }
        all
    })
}

prop_compose! {
    fn wishes()(
        tools in any::<bool>(), tokens_in in 0u32..100_000, max_output in prop::option::of(1u32..16_000),
        expected_out in 0u32..4_000, weights in (odd_float(0.0..=1.0), odd_float(0.0..=0.1)), most in 0usize..6,
        max_cost in prop::option::weighted(0.2, 0i128..300_000_000_000),
        max_latency in prop::option::weighted(0.2, 0u64..60_000),
        min_quality in prop::option::weighted(0.2, odd_float(0.0..=1.0)), deny in prop::option::weighted(0.2, "[a-d][0-2]"),
    ) -> (Brief, Limits, Weights, u32, usize) {
        let needs = if tools { Caps::TOOLS } else { Caps::empty() };
        let brief = Brief { needs, tokens_in, max_output, ..brief() };
        let limits = Limits {
            max_cost: max_cost.map(Pico),
            max_latency: max_latency.map(Duration::from_millis),
            min_quality,
            deny: deny.into_iter().collect(),
            ..Limits::default()
        };
        (brief, limits, Weights { answer_value: weights.0, time_value: weights.1 }, expected_out, most)
    }
}

type Made = (Brief, Limits, Weights, u32, usize);

fn wish(made: &Made) -> Wish<'_> {
    let (brief, limits, weights, expected_out, candidates_max) = made;
    Wish { brief, limits, weights: *weights, expected_out: *expected_out, candidates_max: *candidates_max }
}

fn decide(made: &Made, owned: &[Owned], seed: u64) -> Decision {
    let offers: Vec<Offer> = owned.iter().map(Owned::offer).collect();
    plan(&wish(made), &offers, NOW, &mut Dice::seeded(seed))
}

fn place(decision: &Decision, offer: usize) -> usize {
    decision.ranked.iter().position(|r| r.offer == offer).unwrap()
}

/// `changed` differs from `owned` in nothing but one offer, which got better.
fn never_ranks_lower(
    made: &Made,
    owned: &[Owned],
    changed: &[Owned],
    which: usize,
    seed: u64,
) -> Result<(), TestCaseError> {
    let (before, after) = (decide(made, owned, seed), decide(made, changed, seed));
    prop_assert!(place(&after, which) <= place(&before, which), "{:?}\n{:?}", before.ranked, after.ranked);
    if before.plan.first() == Some(&which) {
        prop_assert_eq!(after.plan.first(), Some(&which));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn cheaper_never_ranks_lower(
        made in wishes(), owned in many(12), which in any::<prop::sample::Index>(), share in 0.0f64..=1.0, seed: u64,
    ) {
        prop_assume!(!owned.is_empty());
        let (which, mut changed) = (which.index(owned.len()), owned.clone());
        if let Some(cost) = changed[which].cost.as_mut().filter(|c| c.0 >= 0) {
            *cost = Pico((cost.as_usd_f64() * share * 1e12) as i128).min(*cost);
        }
        never_ranks_lower(&made, &owned, &changed, which, seed)?;
    }

    /// What a log of decisions rests on: shares add up to one, the one chosen has the decision's, and whoever ranks the
    /// figures of the record again comes to the same.
    #[test]
    fn a_decision_can_be_made_again_from_its_record(made in wishes(), owned in many(12), seed: u64) {
        let decision = decide(&made, &owned, seed);
        let fit: Vec<_> = decision.ranked.iter().filter(|r| r.removed.is_none()).collect();
        let logged: Vec<f64> = fit.iter().map(|r| decision.share(r.offer)).collect();
        let known = |r: &&crate::Ranked| {
            Known { quality: r.quality, cost_usd: r.cost_usd, latency_s: r.latency_s }
        };
        let known: Vec<Known> = fit.iter().map(known).collect();
        prop_assert_eq!(&logged, &crate::shares(decision.weights, &known));
        if let Some(first) = decision.plan.first() {
            prop_assert_eq!(decision.share(*first), decision.propensity);
            prop_assert!((logged.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn faster_never_ranks_lower(
        made in wishes(), owned in many(12), which in any::<prop::sample::Index>(), share in 1u32..10, seed: u64,
    ) {
        prop_assume!(!owned.is_empty());
        let (which, mut changed) = (which.index(owned.len()), owned.clone());
        let one = &mut changed[which];
        one.card.ttft_ms = one.card.ttft_ms.map(|ms| ms / share);
        one.card.tokens_per_s = one.card.tokens_per_s.map(|speed| speed.saturating_mul(share));
        one.standing.ttft_p50 = one.standing.ttft_p50.map(|p| p / share);
        one.standing.ttft_p95 = one.standing.ttft_p95.map(|p| p / share);
        if let Some(speed) = one.standing.tokens_per_s.as_mut() {
            let faster = *speed * f64::from(share);
            *speed = if faster.is_finite() { faster } else { *speed };
        }
        never_ranks_lower(&made, &owned, &changed, which, seed)?;
    }

    #[test]
    fn better_never_ranks_lower(
        made in wishes(), owned in many(12), which in any::<prop::sample::Index>(), share in 0.0f64..=1.0, seed: u64,
    ) {
        prop_assume!(!owned.is_empty());
        let (which, mut changed) = (which.index(owned.len()), owned.clone());
        if let Some(q) = changed[which].card.quality.as_mut().filter(|q| (0.0..=1.0).contains(&q.mean)) {
            q.mean += (1.0 - q.mean) * share;
            q.mean = q.mean.min(1.0);
        }
        never_ranks_lower(&made, &owned, &changed, which, seed)?;
    }

    #[test]
    fn steadier_never_ranks_lower(
        made in wishes(), owned in many(12), which in any::<prop::sample::Index>(), share in 0.0f64..=1.0, seed: u64,
    ) {
        prop_assume!(!owned.is_empty());
        let (which, mut changed) = (which.index(owned.len()), owned.clone());
        let rate = &mut changed[which].standing.failure_rate;
        *rate = if (0.0..=1.0).contains(rate) { *rate * share } else { *rate };
        never_ranks_lower(&made, &owned, &changed, which, seed)?;
    }

    #[test]
    fn the_same_inputs_and_seed_decide_the_same(made in wishes(), owned in many(12), seed: u64) {
        // Compared as text, since odd weights hold NaN.
        prop_assert_eq!(format!("{:?}", decide(&made, &owned, seed)), format!("{:?}", decide(&made, &owned, seed)));
    }

    #[test]
    fn the_order_of_offers_does_not_matter(
        made in wishes(), owned in many(12), alike in any::<bool>(), shuffle: u64, seed: u64,
    ) {
        let mut owned = owned;
        if alike && let Some(first) = owned.first().cloned() {
            // All as good as one another: whoever is first, the dice decide.
            for one in &mut owned {
                let (provider, model) = (one.card.provider.clone(), one.card.model.clone());
                one.card = Card { provider, model, ..first.card.clone() };
                (one.cost, one.standing) = (first.cost, first.standing);
            }
        }
        let mut other: Vec<usize> = (0..owned.len()).collect();
        let mut dice = Dice::seeded(shuffle);
        for i in (1..other.len()).rev() {
            other.swap(i, usize::try_from(dice.below(i as u64 + 1)).unwrap());
        }
        let shuffled: Vec<Owned> = other.iter().map(|i| owned[*i].clone()).collect();
        let (a, b) = (decide(&made, &owned, seed), decide(&made, &shuffled, seed));
        prop_assert_eq!(&a.plan, &b.plan.iter().map(|i| other[*i]).collect::<Vec<_>>());
        let ranks = |d: &Decision| d.ranked.iter().map(|r| r.offer).collect::<Vec<_>>();
        prop_assert_eq!(ranks(&a), ranks(&b).iter().map(|i| other[*i]).collect::<Vec<_>>());
        prop_assert_eq!((a.propensity, a.reason.to_string()), (b.propensity, b.reason.to_string()));
    }

    #[test]
    fn plans_keep_their_promises(made in wishes(), owned in many(16), seed: u64) {
        let decision = decide(&made, &owned, seed);
        let offers: Vec<Offer> = owned.iter().map(Owned::offer).collect();

        let mut all: Vec<usize> = decision.ranked.iter().map(|r| r.offer).collect();
        all.sort_unstable();
        prop_assert_eq!(all, (0..owned.len()).collect::<Vec<_>>(), "every offer once");

        let fit: Vec<usize> = decision.ranked.iter().filter(|r| r.removed.is_none()).map(|r| r.offer).collect();
        prop_assert!(decision.plan.iter().all(|i| fit.contains(i)), "nobody removed is asked");
        prop_assert_eq!(decision.plan.first(), fit.first(), "the best is first");
        prop_assert_eq!(decision.plan.len(), fit.len().min(made.4.clamp(1, 4)));
        let mut once = decision.plan.clone();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(once.len(), decision.plan.len(), "nobody twice");

        for (n, pair) in decision.plan.windows(2).enumerate() {
            let held = &decision.plan[..=n];
            let other = fit.iter().any(|i| !held.contains(i) && offers[*i].domain != offers[pair[0]].domain);
            prop_assert!(!other || offers[pair[0]].domain != offers[pair[1]].domain, "another domain where there is one");
        }
        for pair in decision.ranked.windows(2) {
            let class = |r: &crate::Ranked| (r.removed.is_some_and(|why| !why.is_open()), r.removed.is_some());
            prop_assert!(class(&pair[0]) <= class(&pair[1]), "removed ones last, the blocked before them");
            if class(&pair[0]) == class(&pair[1]) {
                prop_assert!(pair[0].utility >= pair[1].utility, "by utility, and NaN is none");
            }
        }
        prop_assert!(decision.propensity > 0.0 && decision.propensity <= 1.0);
        prop_assert!(decision.reason.to_string().is_ascii());
        if decision.plan.is_empty() && decision.ranked.iter().any(|r| r.removed.is_some_and(|w| w.is_open())) {
            prop_assert!(decision.retry_at().is_some_and(|at| at > NOW));
        }
    }

    #[test]
    fn nonsense_never_wins(made in wishes(), owned in many(12), seed: u64) {
        let decision = decide(&made, &owned, seed);
        let known = |i: usize| {
            let Owned { card, cost, standing, .. } = &owned[i];
            let quality = card.quality.is_some_and(|q| (0.0..=1.0).contains(&q.mean));
            let live = standing.tokens_per_s.is_some_and(|s| s.is_finite() && s > 0.0);
            let speed = live || card.tokens_per_s.is_some_and(|s| s > 0);
            let wait = standing.ttft_p50.is_some() || card.ttft_ms.is_some();
            quality && speed && wait && cost.is_some_and(|c| c.0 >= 0)
        };
        // Nonsense of the wish leaves everything unknown; a weight of zero makes a part unimportant; an answer of no
        // tokens takes no speed. Here each part matters.
        let Weights { answer_value, time_value } = made.2;
        let sane = |weight: f64| weight > 0.0 && weight < 1e100;
        prop_assume!(sane(answer_value) && sane(time_value) && made.3 > 0);
        let fit: Vec<usize> =
            decision.ranked.iter().filter(|r| r.removed.is_none()).map(|r| r.offer).collect();
        prop_assert_eq!(fit.first().is_some_and(|i| known(*i)), fit.iter().any(|i| known(*i)));
    }

    #[test]
    fn advice_is_cheaper_allowed_and_known(made in wishes(), owned in many(12), seed: u64) {
        let decision = decide(&made, &owned, seed);
        let offers: Vec<Offer> = owned.iter().map(Owned::offer).collect();
        for served in &decision.plan {
            let Some(found) = advise(&decision, &offers, *served) else { continue };
            let row = decision.of(found.offer).unwrap();
            prop_assert!(offers[found.offer].cost < offers[*served].cost && found.saving > Pico::ZERO);
            prop_assert!(row.removed.is_none_or(|why| why.is_open()));
            prop_assert!(found.quality_delta.is_finite() && (0.0..=1.0).contains(&found.confidence));
            prop_assert!(found.reason.is_ascii() && !found.reason.contains('\n'));
        }
    }

    /// With a pocket calculator and the record alone.
    #[test]
    fn a_record_can_be_recomputed_by_hand(made in wishes(), owned in many(12), seed: u64) {
        let decision = decide(&made, &owned, seed);
        let offers: Vec<Offer> = owned.iter().map(Owned::offer).collect();
        let text = serde_json::to_string(&explain(&decision, &offers, &wish(&made))).unwrap();
        let record: Value = serde_json::from_str(&text).unwrap();
        let number = |v: &Value| v.as_f64();
        let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9),
            (a, b) => a == b,
        };
        let prior_weight = number(&record["prior_weight"]).unwrap();
        prop_assert_eq!(record["candidates"].as_array().unwrap().len(), owned.len());
        let mut planned = vec![None; decision.plan.len()];
        for (candidate, row) in record["candidates"].as_array().unwrap().iter().zip(&decision.ranked) {
            let blend = |v: &Value| match (number(&v["prior"]), number(&v["live"])) {
                (Some(prior), Some(live)) => {
                    let samples = number(&candidate["samples"]).unwrap();
                    Some((live * samples + prior * prior_weight) / (samples + prior_weight))
                }
                (prior, live) => live.or(prior),
            };
            let out = number(&candidate["tokens_out"]).unwrap();
            let speed = blend(&candidate["tokens_per_s"]);
            let generation = if out == 0.0 { Some(0.0) } else { speed.map(|s| out / s) };
            let answer = blend(&candidate["ttft_s"]).zip(generation).map(|(a, b)| a + b);
            prop_assert!(near(answer, number(&candidate["answer_s"])));
            let failure = number(&candidate["failure"]).unwrap();
            let p95 = number(&candidate["ttft_p95_s"]).unwrap_or(0.0);
            let latency = answer.map(|a| a + failure * a.max(p95));
            let cost = number(&candidate["price_usd"]).map(|p| p * (1.0 + failure));
            prop_assert!(near(latency, row.latency_s), "{:?} {:?}", latency, row.latency_s);
            prop_assert!(near(cost, row.cost_usd));
            let (quality, utility) = (number(&candidate["quality"]), number(&candidate["utility"]));
            if let (Some(q), Some(c), Some(l), Some(u)) = (quality, cost, latency, utility) {
                let weight = |name: &str| number(&record["weights"][name]).unwrap();
                let (value, time) = (weight("answer_value"), weight("time_value"));
                let by_hand = value * q - c - time * l;
                let size = (value * q).abs() + c.abs() + (time * l).abs();
                prop_assert!((by_hand - u).abs() <= 1e-9 * size.max(1e-9), "{} {}", by_hand, u);
            }
            prop_assert_eq!(candidate["removed"].is_null(), row.removed.is_none());
            if let Some(place) = candidate["place"].as_u64() {
                planned[usize::try_from(place).unwrap()] = Some(row.offer);
            }
        }
        prop_assert_eq!(planned, decision.plan.iter().map(|i| Some(*i)).collect::<Vec<_>>());
    }
}
