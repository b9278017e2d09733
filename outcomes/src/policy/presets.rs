//! The presets of weir as it chooses without a predictor: the router's own plan, with what is known of each model before any
//! prompt is.

use super::{Played, Policy, Seen};
use crate::judge::Ground;
use crate::measure::{Choices, argmax};
use router::{Limits, Offer, Standing, Weights, Wish, plan};
use vocab::{Brief, Caps, Card, Dice, Instant, Kind, Pico, Quality, Status};

/// Quality that has to be gained for each millionth of a USD more, by a preset's worth of an answer.
pub fn price_of(weights: Weights) -> f64 {
    1.0 / (weights.answer_value * 1e6)
}

/// One preset. A model's quality is its prior; where a pool has a model without one, that of all of them is their mean on the rows
/// seen, as two scales cannot be compared. Time counts where the data has measured it.
pub struct Preset {
    pub name: &'static str,
    pub weights: Weights,
    pub seed: u64,
}

impl Preset {
    fn cards(&self, ground: &Ground<'_>, seen: &Seen) -> Vec<Card> {
        let models = &ground.pool.models;
        let known = models.iter().all(|m| m.prior.is_some());
        let card = |at: usize| {
            let prior = if known { models[at].prior } else { Some(seen.quality[at]) };
            let wait = seen.seconds[at];
            Card {
                provider: "pool".into(),
                model: models[at].id.as_str().into(),
                kind: Kind::Chat,
                status: Status::Active,
                context: None,
                max_output: None,
                chars_max: None,
                caps: Caps::empty(),
                efforts: Vec::new(),
                reasons_always: false,
                quality: prior.filter(|q| !q.is_nan()).map(|mean| Quality { mean, confidence: 1.0 }),
                // The whole call, so nothing is left to be generated.
                ttft_ms: (!wait.is_nan()).then(|| whole(wait * 1e3)),
                tokens_per_s: Some(u32::MAX),
                price: None,
                shutdown: None,
            }
        };
        (0..models.len()).map(card).collect()
    }
}

#[allow(clippy::cast_sign_loss, reason = "held between 0 and the most")]
fn whole(number: f64) -> u32 {
    number.round().clamp(0.0, f64::from(u32::MAX)) as u32
}

impl Policy for Preset {
    fn name(&self) -> &str {
        self.name
    }

    fn play(&self, ground: &Ground<'_>, seen: &Seen) -> Played {
        let cards = self.cards(ground, seen);
        let timed = cards.iter().all(|c| c.ttft_ms.is_some());
        let weights =
            Weights { time_value: if timed { self.weights.time_value } else { 0.0 }, ..self.weights };
        let (limits, mut dice) = (Limits::default(), Dice::seeded(self.seed));
        let choose = |at: &usize| {
            let row = &ground.pool.rows[ground.rows[*at]];
            let brief = Brief { tokens_in: row.tokens_in, n: 1, ..Brief::default() };
            let offers: Vec<Offer<'_>> = cards
                .iter()
                .enumerate()
                .map(|(m, card)| Offer {
                    provider: &card.provider,
                    domain: &card.provider,
                    card,
                    caps: Caps::all(),
                    tokens_in: None,
                    cost: cost(ground, seen, m, row.tokens_in),
                    dearest: None,
                    barred: false,
                    unfit: None,
                    learned: None,
                    standing: Standing::default(),
                })
                .collect();
            let wish = Wish { brief: &brief, weights, limits: &limits, expected_out: 0, candidates_max: 1 };
            let decision = plan(&wish, &offers, Instant::from_secs(0), &mut dice);
            // Nobody is out of the question here; the dearest guess is the cheapest model.
            decision.ranked.first().map_or_else(|| argmax(seen.cost.iter().map(|c| -c)), |r| r.offer)
        };
        let choices: Vec<usize> = ground.complete.iter().map(choose).collect();
        Played { choices: Choices::new(&ground.outcomes, [choices]), guesses: None }
    }
}

/// Prices × the row's own input and the output seen on average; where there are no prices, the mean cost seen.
fn cost(ground: &Ground<'_>, seen: &Seen, model: usize, tokens_in: u32) -> Option<Pico> {
    let of = &ground.pool.models[model];
    let priced = of.usd_per_mtok_in.zip(of.usd_per_mtok_out).filter(|_| !seen.output[model].is_nan());
    let micros =
        priced.map_or(seen.cost[model], |(into, out)| into * f64::from(tokens_in) + out * seen.output[model]);
    (!micros.is_nan()).then(|| Pico((micros * 1e6).round() as i128))
}
