//! Policies tried on pools: learned on some rows, judged on others.

use crate::judge::{Draws, Ground, KNOWN_PAIRS, Named, pairs};
use crate::measure::{Choices, Yardstick, argmax};
use crate::policy::{self, Guessed, Guesses, Played, Policy, Seen, price_of};
use crate::predictions::Said;
use crate::report::{self, PolicyReport, PoolReport, Report, Setting, Single};
use crate::reword::{KINDS, reword};
use crate::{Learn, Part, Pool, Predict, Predictions, Row, Step, split};
use router::Weights;
use std::collections::BTreeMap;

/// Fewer rows of a task make no figure.
const TASK_ROWS_MIN: usize = 40;
/// How many rows of a pool are reworded.
const REWORDED: usize = 200;

/// What is tried on what.
pub struct Trial<'a> {
    pub pools: &'a [Pool],
    /// Rows to learn from instead, for [`Setting::Given`].
    pub others: &'a [Pool],
    pub learners: &'a [Box<dyn Learn>],
    pub settings: &'a [Setting],
    /// Only these policies; all where it is empty.
    pub only: &'a [String],
    pub draws: Draws,
    pub seed: u64,
    /// In how many turns whole tasks are left out.
    pub turns: usize,
    /// Whose guesses are kept, under the first setting.
    pub kept: Option<&'a str>,
}

/// A ground with what was seen before, and the rows learned from.
struct Turn<'a> {
    ground: Ground<'a>,
    seen: Seen,
    learned: usize,
    /// By policy, in the order of [`Trial::names`].
    played: Vec<Played>,
    reworded: Vec<BTreeMap<String, f64>>,
}

impl Trial<'_> {
    /// The policies that need no learner, in the order of tables.
    fn policies(&self) -> Vec<Box<dyn Policy>> {
        let mut all: Vec<Box<dyn Policy>> = vec![
            Box::new(policy::Oracle),
            Box::new(policy::Cascade { check: policy::CHECK }),
            Box::new(policy::Blind),
            Box::new(policy::Random),
            Box::new(policy::Cheapest),
            Box::new(policy::BestSingle),
        ];
        for (name, weights) in Weights::PRESETS {
            all.push(Box::new(policy::Preset { name, weights, seed: self.seed }));
        }
        all
    }

    /// Whether a policy is wanted.
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|o| o == name)
    }

    /// Every policy's name, learned ones first.
    pub fn names(&self) -> Vec<String> {
        let learned = self.learners.iter().map(|l| l.name().to_owned());
        learned.chain(self.policies().iter().map(|p| p.name().to_owned())).collect()
    }

    /// Tries them. `told` hears how far it is.
    ///
    /// # Errors
    /// Says what cannot be learned or judged.
    pub fn run(&self, told: &mut dyn FnMut(Step<'_>)) -> Result<(Report, Predictions), String> {
        let names = self.names();
        if let Some(unknown) =
            self.only.iter().map(String::as_str).chain(self.kept).find(|n| !names.iter().any(|k| k == n))
        {
            return Err(format!("there is no policy {unknown:?}; there are {}", names.join(", ")));
        }
        let (mut parts, mut kept) = (Vec::new(), Predictions::default());
        for (at, setting) in self.settings.iter().enumerate() {
            let whole = self.settings.len() as f64;
            let mut told =
                |step: Step<'_>| told(Step { done: (at as f64 + step.done) / whole, what: step.what });
            let (part, said) = self.under(*setting, &mut told)?;
            if at == 0 {
                kept = said;
            }
            parts.push(part);
        }
        Ok((Report { seed: self.seed, parts }, kept))
    }

    fn under(
        &self,
        setting: Setting,
        told: &mut dyn FnMut(Step<'_>),
    ) -> Result<(report::Part, Predictions), String> {
        // For each turn and pool: which rows are learned from, which judged.
        let splits: Vec<Vec<(Vec<usize>, Vec<usize>)>> = match setting {
            Setting::Known => vec![self.pools.iter().map(split::by_hash).collect()],
            Setting::Given => vec![self.pools.iter().map(|p| (Vec::new(), p.all())).collect()],
            Setting::Unseen => {
                let of_pools: Vec<_> = self.pools.iter().map(|p| split::by_task(p, self.turns)).collect();
                (0..self.turns).map(|t| of_pools.iter().map(|of| of[t].clone()).collect()).collect()
            }
        };
        let mut turns: Vec<Vec<Turn<'_>>> = self.pools.iter().map(|_| Vec::new()).collect();
        let share = 0.8 / splits.len() as f64;
        for (at, turn) in splits.iter().enumerate() {
            let mut told =
                |step: Step<'_>| told(Step { done: share * (at as f64 + step.done), what: step.what });
            self.turn(setting, turn, &mut turns, &mut told)?;
        }
        let (mut pools, mut kept) = (Vec::new(), Predictions::default());
        for (at, (pool, turns)) in self.pools.iter().zip(&turns).enumerate() {
            told(Step { done: 0.8 + 0.2 * at as f64 / self.pools.len() as f64, what: &pool.name });
            if let Some(report) = self.report(pool, turns) {
                pools.push(report);
            }
            self.keep(turns, &mut kept);
        }
        if pools.is_empty() {
            return Err(format!("under {:?} there is no row on which every model was run", setting.name()));
        }
        let mut means: BTreeMap<String, f64> = BTreeMap::new();
        for name in pools.iter().flat_map(|p| p.policies.iter().map(|p| p.name.clone())) {
            let figures = || pools.iter().filter_map(|p| p.policy(&name)).map(|p| p.figures.score.naiq);
            means.entry(name.clone()).or_insert_with(|| figures().sum::<f64>() / figures().count() as f64);
        }
        Ok((report::Part { setting, pools, means }, kept))
    }

    /// Learns once, and plays every policy on what is left out.
    fn turn<'a>(
        &'a self,
        setting: Setting,
        splits: &[(Vec<usize>, Vec<usize>)],
        turns: &mut [Vec<Turn<'a>>],
        told: &mut dyn FnMut(Step<'_>),
    ) -> Result<(), String> {
        let others: Vec<Vec<usize>> = self.others.iter().map(Pool::all).collect();
        let parts: Vec<Part<'_>> = if setting == Setting::Given {
            self.others.iter().zip(&others).map(|(pool, rows)| Part { pool, rows }).collect()
        } else {
            self.pools.iter().zip(splits).map(|(pool, (rows, _))| Part { pool, rows }).collect()
        };
        let mut learned: Vec<(&str, Box<dyn Predict>)> = Vec::new();
        let wanted: Vec<&Box<dyn Learn>> = self.learners.iter().filter(|l| self.wants(l.name())).collect();
        for (at, learner) in wanted.iter().enumerate() {
            let many = wanted.len() as f64;
            let mut told = |step: Step<'_>| {
                let what = format!("{}: {}", learner.name(), step.what);
                told(Step { done: 0.5 * (at as f64 + step.done) / many, what: &what });
            };
            let fitted = learner
                .fit(&parts, self.seed, &mut told)
                .map_err(|why| format!("{}: {why}", learner.name()))?;
            learned.push((learner.name(), fitted));
        }
        for (at, (pool, (rows, judged))) in self.pools.iter().zip(splits).enumerate() {
            told(Step { done: 0.5 + 0.5 * at as f64 / self.pools.len() as f64, what: &pool.name });
            if judged.is_empty() {
                continue;
            }
            let (seen, learned_rows) = match setting {
                Setting::Given => self.seen_elsewhere(pool)?,
                _ => (Seen::of(pool, rows), rows.len()),
            };
            let Some(ground) = Ground::new(pool, judged.clone()) else { continue };
            let mut turn =
                Turn { ground, seen, learned: learned_rows, played: Vec::new(), reworded: Vec::new() };
            for (name, predictor) in &learned {
                let guessed = Guessed { name, predictor: &**predictor };
                turn.played.push(guessed.play(&turn.ground, &turn.seen));
                // One turn says enough of it, and it is seven times the work.
                let first = turns[at].is_empty();
                turn.reworded.push(if first { self.reworded(&turn, &guessed) } else { BTreeMap::new() });
            }
            for policy in self.policies().iter().filter(|p| self.wants(p.name())) {
                turn.played.push(policy.play(&turn.ground, &turn.seen));
                turn.reworded.push(BTreeMap::new());
            }
            turns[at].push(turn);
        }
        Ok(())
    }

    /// The means of a pool of the same name among those to learn from, in the order of this one's models.
    fn seen_elsewhere(&self, pool: &Pool) -> Result<(Seen, usize), String> {
        let other = self.others.iter().find(|o| o.name == pool.name);
        let other = other.ok_or_else(|| format!("there is no pool {:?} to learn from", pool.name))?;
        let places: Option<Vec<usize>> = pool.models.iter().map(|m| other.model(&m.id)).collect();
        let places =
            places.ok_or_else(|| format!("{}: the pool to learn from has other models", pool.name))?;
        let seen = Seen::of(other, &other.all());
        let sorted = |of: &[f64]| places.iter().map(|p| of[*p]).collect();
        let seen = Seen {
            quality: sorted(&seen.quality),
            cost: sorted(&seen.cost),
            output: sorted(&seen.output),
            seconds: sorted(&seen.seconds),
        };
        Ok((seen, other.rows.len()))
    }

    /// Share of choices at the `balanced` price that stay when the prompt is said otherwise.
    fn reworded(&self, turn: &Turn<'_>, guessed: &Guessed<'_>) -> BTreeMap<String, f64> {
        let rows: Vec<&Row> =
            turn.ground.rows.iter().map(|r| &turn.ground.pool.rows[*r]).take(REWORDED).collect();
        let models = turn.ground.pool.models.len();
        let price = price_of(Weights::BALANCED);
        let choices = |rows: &mut dyn Iterator<Item = &Row>| -> Vec<usize> {
            let Guesses { quality, cost } = guessed.of(&turn.ground, rows, &turn.seen);
            let rows = quality.chunks(models).zip(cost.chunks(models));
            rows.map(|(q, c)| argmax(q.iter().zip(c).map(|(q, c)| q - price * c))).collect()
        };
        let usual = choices(&mut rows.iter().copied());
        let stays = |kind: &&str| {
            let other = |row: &&Row| Row {
                prompt: reword(&row.prompt, kind, self.seed).unwrap_or_default(),
                tools: row.tools.clone(),
                ..Row { tools_chars: row.tools_chars, tokens_in: row.tokens_in, ..Row::default() }
            };
            let others: Vec<Row> = rows.iter().map(other).collect();
            let choices = choices(&mut others.iter());
            let same = usual.iter().zip(&choices).filter(|(a, b)| a == b).count();
            ((*kind).to_owned(), same as f64 / usual.len() as f64)
        };
        KINDS.iter().map(stays).collect()
    }

    fn report(&self, pool: &Pool, turns: &[Turn<'_>]) -> Option<PoolReport> {
        let first = turns.first()?;
        let rows: Vec<usize> = turns.iter().flat_map(|t| t.ground.rows.iter().copied()).collect();
        let ground = Ground::new(pool, rows)?;
        let drawn = ground.drawn(self.draws);
        let yardstick = &ground.yardstick;
        let tasks = self.tasks(&ground);
        let names: Vec<String> = self.names().into_iter().filter(|n| self.wants(n)).collect();
        let policies = names.into_iter().enumerate().map(|(at, name)| {
            let choices = Choices::joined(turns.iter().map(|t| t.played[at].choices.clone()).collect());
            let naiq = |t: &Turn<'_>| {
                let points = t.ground.points(&t.played[at].choices);
                t.ground.yardstick.score(&points).naiq
            };
            let of_task = |(task, (rows, yardstick)): (&String, &(Vec<usize>, Yardstick))| {
                (task.clone(), yardstick.score(&choices.points(rows)).naiq)
            };
            PolicyReport {
                figures: ground.judge(&choices, &drawn),
                hull: yardstick.hull(&ground.points(&choices)),
                presets: at_presets(&ground, turns, at, &choices),
                turns: if turns.len() > 1 { turns.iter().map(naiq).collect() } else { Vec::new() },
                tasks: tasks.iter().map(of_task).collect(),
                pairs: self.pairs(pool, turns, at),
                reworded: first.reworded[at].clone(),
                name,
            }
        });
        Some(PoolReport {
            pool: pool.name.clone(),
            licence: pool.licence.clone(),
            rows: ground.outcomes.rows(),
            learned: first.learned,
            priors: pool.models.iter().all(|m| m.prior.is_some()),
            singles: pool
                .models
                .iter()
                .zip(&yardstick.singles)
                .map(|(model, point)| Single { model: model.id.clone(), point: *point })
                .collect(),
            zero: yardstick.zero.clone(),
            oracle: yardstick.oracle.clone(),
            tasks_judged: ground.tasks().len(),
            tasks: tasks.iter().map(|(task, (rows, _))| (task.clone(), rows.len())).collect(),
            policies: policies.collect(),
        })
    }

    /// Tasks with enough rows for a figure, with their rows and the baselines on them.
    fn tasks(&self, ground: &Ground<'_>) -> BTreeMap<String, (Vec<usize>, Yardstick)> {
        let many = ground.tasks().into_iter().filter(|(_, rows)| rows.len() >= TASK_ROWS_MIN);
        let held = |(task, rows): (&str, Vec<usize>)| {
            let yardstick = Yardstick::new(&ground.outcomes, &ground.oracle, &rows);
            (task.to_owned(), (rows, yardstick))
        };
        many.map(held).collect()
    }

    /// The two-model measures of guesses. Where no known pair is in the pool, of the best single model seen and the cheapest.
    fn pairs(
        &self,
        pool: &Pool,
        turns: &[Turn<'_>],
        at: usize,
    ) -> BTreeMap<String, crate::judge::PairFigures> {
        let (Some(first), true) = (turns.first(), turns.iter().all(|t| t.played[at].guesses.is_some()))
        else {
            return BTreeMap::new();
        };
        let id = |m: usize| pool.models[m].id.as_str();
        let usual: Named<'_> = (
            "best/cheapest",
            id(argmax(first.seen.quality.iter().copied())),
            id(argmax(first.seen.cost.iter().map(|c| -c))),
        );
        let mut found = pairs::of_pool(pool, &KNOWN_PAIRS);
        if found.is_empty() {
            found = pairs::of_pool(pool, &[usual]);
        }
        let figures = |(name, strong, weak): (&str, usize, usize)| {
            let rows: Vec<(f64, f64, f64)> = turns
                .iter()
                .flat_map(|turn| {
                    let guesses =
                        turn.played[at].guesses.iter().flat_map(|g| g.quality.chunks(pool.models.len()));
                    turn.ground.rows.iter().zip(guesses).map(|(row, q)| {
                        let row = &pool.rows[*row];
                        (q[strong] - q[weak], row.s[strong], row.s[weak])
                    })
                })
                .filter(|(rank, _, _)| !rank.is_nan())
                .collect();
            pairs::figures(&rows, self.draws).map(|f| (name.to_owned(), f))
        };
        found.into_iter().filter_map(figures).collect()
    }

    /// What the policy that was asked for guessed, as lines of a prediction file.
    fn keep(&self, turns: &[Turn<'_>], kept: &mut Predictions) {
        let Some(wanted) = self.kept else { return };
        let names: Vec<String> = self.names().into_iter().filter(|n| self.wants(n)).collect();
        let Some(at) = names.iter().position(|n| n == wanted) else { return };
        for turn in turns {
            let Some(guesses) = &turn.played[at].guesses else { continue };
            let pool = turn.ground.pool;
            let models = pool.models.len();
            let by_model = |of: &[f64]| -> BTreeMap<String, f64> {
                pool.models.iter().map(|m| m.id.clone()).zip(of.iter().copied()).collect()
            };
            let lines = guesses.quality.chunks(models).zip(guesses.cost.chunks(models));
            for (row, (quality, cost)) in turn.ground.rows.iter().zip(lines) {
                let said =
                    Said { quality: Some(by_model(quality)), cost: Some(by_model(cost)), ..Said::default() };
                kept.0.insert(pool.rows[*row].id.clone(), said);
            }
        }
    }
}

/// Where a policy stands at each preset's price of quality.
fn at_presets(
    ground: &Ground<'_>,
    turns: &[Turn<'_>],
    at: usize,
    choices: &Choices,
) -> BTreeMap<String, crate::measure::Point> {
    let points = ground.points(choices);
    if let [only] = points.as_slice() {
        return BTreeMap::from([("always".to_owned(), *only)]);
    }
    let preset = |(name, weights): (&str, Weights)| {
        let parts = turns.iter().map(|turn| {
            let Some(guesses) = &turn.played[at].guesses else { return None };
            let (models, price) = (turn.ground.outcomes.models, price_of(weights));
            let quality = turn.ground.of_complete(&guesses.quality);
            let cost = turn.ground.of_complete(&guesses.cost);
            let rows = quality.chunks(models).zip(cost.chunks(models));
            let chosen = rows.map(|(q, c)| argmax(q.iter().zip(c).map(|(q, c)| q - price * c))).collect();
            Some(Choices::new(&turn.ground.outcomes, [chosen]))
        });
        let choices = Choices::joined(parts.collect::<Option<Vec<_>>>()?);
        ground.points(&choices).first().map(|point| (name.to_owned(), *point))
    };
    // `fast` differs from `balanced` by what time is worth, which is not in a price of quality.
    Weights::PRESETS.into_iter().filter(|(name, _)| *name != "fast").filter_map(preset).collect()
}

#[cfg(test)]
mod tests;
