//! What would have been cheaper, and why it was not taken.

use crate::{Decision, Offer, Ranked, Removed};
use vocab::Pico;

/// A cheaper candidate that the wish allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// Index into the offers.
    pub offer: usize,
    /// Expected to be saved on this request.
    pub saving: Pico,
    /// Its quality minus the server's: below zero is worse.
    pub quality_delta: f64,
    /// Its latency minus the server's: above zero is slower.
    pub latency_delta_ms: i64,
    /// That of the less certain quality of the two, 0 to 1.
    pub confidence: f64,
    /// One short line of ASCII.
    pub reason: String,
}

/// The best cheaper alternative to the offer that served: of those that meet every constraint and cost less, the one
/// with the highest utility. One whose breaker is open counts, since the client may choose it tomorrow.
///
/// Never a guess: where price, quality or latency of either is unknown there is no advice.
pub fn advise(decision: &Decision, offers: &[Offer], served: usize) -> Option<Alternative> {
    let mine = decision.of(served)?;
    let price = |r: &Ranked| offers.get(r.offer)?.cost.filter(|cost| cost.0 >= 0);
    let (paid, quality, latency) = (price(mine)?, mine.quality?, mine.latency_s?);
    let best = decision
        .ranked
        .iter()
        .filter(|r| r.removed.is_none_or(|why| why.is_open()) && r.utility.is_finite())
        .filter_map(|r| Some((r, price(r)?, r.quality?, r.latency_s?)))
        .filter(|(_, cost, ..)| *cost < paid)
        // The first of equals, which is the better placed.
        .reduce(|best, other| if other.0.utility > best.0.utility { other } else { best });
    let (other, cost, its_quality, its_latency) = best?;
    let (quality_delta, latency_delta) = (its_quality - quality, its_latency - latency);
    Some(Alternative {
        offer: other.offer,
        saving: paid.minus(cost),
        quality_delta,
        latency_delta_ms: (latency_delta * 1_000.0).round() as i64,
        confidence: other.quality_confidence.min(mine.quality_confidence),
        reason: reason(decision, mine, other, quality_delta, latency_delta),
    })
}

/// The dearer of what is lost in quality and in time, as the weights price them.
fn reason(
    decision: &Decision,
    mine: &Ranked,
    other: &Ranked,
    quality_delta: f64,
    latency_delta: f64,
) -> String {
    if let Some(Removed::Open { .. }) = other.removed {
        return "its breaker is open".into();
    }
    if other.utility == mine.utility {
        return "it is as good, and the dice fell otherwise".into();
    }
    if other.utility > mine.utility {
        let asked = decision.plan.iter().position(|i| *i == other.offer);
        let before = asked < decision.plan.iter().position(|i| *i == mine.offer);
        return match asked {
            Some(_) if before => "it was asked first and did not serve".into(),
            _ => "it shares a failure domain with one asked before".into(),
        };
    }
    let lost_quality = -quality_delta * decision.weights.answer_value;
    let lost_time = latency_delta * decision.weights.time_value;
    if lost_quality <= 0.0 && lost_time <= 0.0 {
        return format!("it fails more often ({:.0}% of calls)", other.failure * 100.0);
    }
    if lost_quality >= lost_time {
        format!("quality is expected {:.3} lower", -quality_delta)
    } else {
        format!("the answer is expected {latency_delta:.1} s later")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Standing, State, plan, samples::*};
    use vocab::{Card, Dice, Instant, Quality};

    const NOW: Instant = Instant::from_secs(1_800_000_000);
    const CENT: i128 = 10_000_000_000;

    /// What is advised beside `good/m` (0.2 cents, quality 0.9), once the case has changed the cheap one.
    fn advised(
        change: impl FnOnce(&mut Card, &mut Standing, &mut Option<Pico>, &mut Limits),
    ) -> Option<Alternative> {
        let good = Card { quality: Some(Quality { mean: 0.9, confidence: 0.8 }), ..card("good/m") };
        let mut cheap = Card { quality: Some(Quality { mean: 0.7, confidence: 0.6 }), ..card("cheap/m") };
        let (mut standing, mut cost, mut limits) = (Standing::default(), Some(Pico(CENT / 50)), limits());
        change(&mut cheap, &mut standing, &mut cost, &mut limits);
        let offers = [
            Offer { cost: Some(Pico(CENT / 5)), ..offer(&good) },
            Offer { cost, dearest: cost, standing, ..offer(&cheap) },
        ];
        let brief = brief();
        let decision = plan(&wish(&brief, &limits), &offers, NOW, &mut Dice::seeded(7));
        advise(&decision, &offers, 0)
    }

    #[test]
    fn the_cheaper_one_says_what_it_would_cost_otherwise() {
        let found = advised(|_, _, _, _| {}).unwrap();
        assert_eq!((found.offer, found.saving, found.latency_delta_ms), (1, Pico(CENT / 5 - CENT / 50), 0));
        assert!((found.quality_delta + 0.2).abs() < 1e-12 && found.confidence == 0.6);
        assert_eq!(found.reason, "quality is expected 0.200 lower");
    }

    #[test]
    fn why_it_was_not_taken() {
        type Change = fn(&mut Card, &mut Standing, &mut Option<Pico>, &mut Limits);
        let same = Some(Quality { mean: 0.9, confidence: 0.6 });
        assert_eq!(
            advised(|c, _, _, _| (c.quality, c.tokens_per_s) = (same, Some(10))).unwrap().reason,
            "the answer is expected 27.5 s later"
        );
        assert_eq!(
            advised(|c, s, _, _| {
                c.quality = same;
                s.state = State::Open { until: Instant::from_secs(1_900_000_000) };
            })
            .unwrap()
            .reason,
            "its breaker is open"
        );
        assert_eq!(
            advised(|c, _, _, _| c.quality = same).unwrap().reason,
            "it was asked first and did not serve"
        );
        let none: &[(&str, Change)] = &[
            ("unknown price", |_, _, cost, _| *cost = None),
            ("unknown quality", |c, _, _, _| c.quality = None),
            ("NaN quality", |c, _, _, _| c.quality = Some(Quality { mean: f64::NAN, confidence: 1.0 })),
            ("unknown latency", |c, _, _, _| c.ttft_ms = None),
            ("not cheaper", |_, _, cost, _| *cost = Some(Pico(CENT / 5))),
            ("not allowed", |_, _, _, l| l.allow = vec!["good".into()]),
            ("not good enough", |_, _, _, l| l.min_quality = Some(0.75)),
        ];
        for (case, change) in none {
            assert_eq!(advised(change), None, "{case}");
        }
    }

    #[test]
    fn an_index_that_is_none_gets_no_advice() {
        let card = card("a/m");
        let (brief, limits) = (brief(), limits());
        let offers = [offer(&card)];
        let decision = plan(&wish(&brief, &limits), &offers, NOW, &mut Dice::seeded(7));
        assert_eq!(advise(&decision, &offers, 9), None);
        assert_eq!(advise(&decision, &[], 0), None);
    }
}
