//! Where weir is worse than something simpler, said in sentences: a report that has to be searched for its bad news is an
//! advertisement.

use crate::policy::CHECK;
use crate::report::{PolicyReport, PoolReport, Report, Setting};
use router::Weights;

/// A difference that is not worth a sentence.
const SLIGHT: f64 = 0.005;

/// Every place where a preset or a predictor of weir's is behind a baseline, with why. `predictors` names those that are weir's;
/// nearest neighbours are a baseline.
pub fn findings(report: &Report, predictors: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for part in &report.parts {
        for pool in &part.pools {
            for policy in &pool.policies {
                if predictors.contains(&policy.name.as_str()) {
                    found.extend(of_predictor(part.setting, pool, policy));
                } else if Weights::named(&policy.name).is_some() && part.setting != Setting::Unseen {
                    found.extend(of_preset(pool, policy));
                }
            }
        }
    }
    found
}

fn of_predictor(setting: Setting, pool: &PoolReport, policy: &PolicyReport) -> Vec<String> {
    let place = format!("{} ({} tasks): {}", pool.pool, setting.name(), policy.name);
    let own = policy.figures.score.naiq;
    let mut found = Vec::new();
    if own < -SLIGHT {
        let sure = if policy.figures.interval.is_some_and(|i| i.1 < 0.0) {
            ""
        } else {
            ", though the interval holds 0"
        };
        found.push(format!(
            "{place} has nAIQ {own:.3}, less than mixing the single models at random{sure}: its guesses move calls between \
             models that differ less on these prompts than it believes."
        ));
    }
    for (baseline, why) in [
        ("knn", "prompts like these were among those learned from, and looking them up says more"),
        ("blind", "the averages of the rows seen are the better guess here"),
    ] {
        let other = pool.policy(baseline).map(|p| p.figures.score.naiq);
        if let Some(other) = other.filter(|other| *other > own + SLIGHT) {
            found.push(format!("{place} has nAIQ {own:.3} and {baseline} {other:.3}: {why}."));
        }
    }
    found
}

/// A preset is one point; the mix of single models at its cost is what anybody can have without looking.
fn of_preset(pool: &PoolReport, policy: &PolicyReport) -> Option<String> {
    let point = policy.presets.get("always")?;
    let mix = pool.zero.at(point.cost);
    let prior = if pool.priors {
        "the catalogue's priors order these models otherwise"
    } else {
        "it takes one model for most prompts"
    };
    (mix > point.quality + SLIGHT).then(|| {
        format!(
            "{}: the preset {} costs {} USD a thousand calls for a quality of {:.3}; a mix of single models has {mix:.3} at that cost: \
             {prior}.",
            pool.pool,
            policy.name,
            usd(point.cost / 1e3),
            point.quality,
        )
    })
}

/// Three digits that count.
pub fn usd(amount: f64) -> String {
    match amount {
        a if a >= 100.0 => format!("{a:.0}"),
        a if a >= 10.0 => format!("{a:.1}"),
        a if a >= 1.0 => format!("{a:.2}"),
        a if a >= 0.1 => format!("{a:.3}"),
        a => format!("{a:.4}"),
    }
}

/// What has to be known to read the figures.
pub fn assumptions() -> Vec<String> {
    vec![
        "blind takes each model's averages of the rows learned from; zero, from which nAIQ counts, knows those of the rows judged."
            .into(),
        "oracle knows every outcome. Nobody can have it: part of it is luck.".into(),
        format!(
            "cascade asks a second model where a check turns the first answer down, and pays both. The check is assumed to be right \
             {:.0} times in 100; no data set says what a check would have said.",
            CHECK * 100.0
        ),
        "cheap, balanced, fast and best are weir's presets without a predictor: one point each. Time counts only where the data has \
         measured it."
            .into(),
        "Intervals are of 95 %, by drawing the rows again. They do not say what other prompts would bring.".into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Draws;
    use crate::{Guess, Learn, Model, Part, Pool, Predict, Prompt, Row, Step, Trial};

    /// Believes the opposite of what is so.
    struct Wrong;

    impl Learn for Wrong {
        fn name(&self) -> &str {
            "wrong"
        }

        fn fit(
            &self,
            _: &[Part<'_>],
            _: u64,
            _: &mut dyn FnMut(Step<'_>),
        ) -> Result<Box<dyn Predict>, String> {
            Ok(Box::new(Self))
        }
    }

    impl Predict for Wrong {
        fn predict(&self, prompt: &Prompt<'_>, _: &[Model], out: &mut Vec<Guess>) {
            let hard = prompt.text.starts_with("hard");
            let guess = |quality| Guess { quality, output_tokens: 0.0, cost: None };
            *out = vec![guess(0.5), guess(if hard { 0.4 } else { 1.0 })];
        }
    }

    #[test]
    fn bad_news_is_told() {
        let row = |i: u32| {
            let hard = i.is_multiple_of(2);
            Row {
                id: i.to_string(),
                prompt: format!("{} {i}", if hard { "hard" } else { "easy" }),
                s: vec![f64::from(u8::from(!hard)), 1.0],
                c: vec![1.0, 100.0],
                ..Row::default()
            }
        };
        let model = |id: &str| Model { id: id.into(), pool: "p".into(), ..Model::default() };
        let pools = [Pool {
            name: "p".into(),
            models: vec![model("small"), model("large")],
            rows: (0..300).map(row).collect(),
            ..Pool::default()
        }];
        let trial = Trial {
            pools: &pools,
            others: &[],
            learners: &[Box::new(Wrong) as Box<dyn Learn>],
            settings: &[Setting::Known],
            only: &[],
            draws: Draws { repeats: 100, seed: 1 },
            seed: 1,
            turns: 5,
            kept: None,
        };
        let report = trial.run(&mut |_| ()).unwrap().0;
        let told = findings(&report, &["wrong"]);
        assert!(told[0].starts_with("p (known tasks): wrong has nAIQ -"), "{told:?}");
        assert!(told.iter().any(|t| t.contains("and blind -0.0") || t.contains("and blind 0.0")), "{told:?}");
        assert!(findings(&report, &[]).iter().all(|t| !t.contains("wrong")));
    }

    #[test]
    fn amounts_have_three_digits_that_count() {
        for (amount, is) in
            [(1234.0, "1234"), (12.34, "12.3"), (1.234, "1.23"), (0.1234, "0.123"), (0.01234, "0.0123")]
        {
            assert_eq!(usd(amount), is);
        }
    }
}
