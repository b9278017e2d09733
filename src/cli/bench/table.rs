//! The report as tables on a terminal.

use crate::cli::say;
use outcomes::report::{Part, PolicyReport, PoolReport, Report, Setting};

/// Figures in columns, the first one to the left.
struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { rows: vec![head.into_iter().map(Into::into).collect()] }
    }

    fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn show(&self) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |c: usize| {
            self.rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).enumerate().map(|(c, (cell, width))| {
                if c == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            say(cells.collect::<Vec<_>>().join("  ").trim_end());
        }
    }
}

pub fn three(figure: f64) -> String {
    if figure.is_nan() { "-".into() } else { format!("{figure:.3}") }
}

pub fn per_cent(figure: f64) -> String {
    format!("{:.1} %", figure * 100.0)
}

pub fn title(setting: Setting) -> &'static str {
    match setting {
        Setting::Known => "Known tasks: a third of the rows, by hash",
        Setting::Unseen => "Unseen tasks: whole tasks left out in turn",
        Setting::Given => "Every row, learned from others",
    }
}

pub fn show(report: &Report, findings: &[String], tasks: bool) {
    for part in &report.parts {
        say(format_args!("\n{}\n", title(part.setting)));
        summary(part);
        for pool in &part.pools {
            say(format_args!(
                "\n{}: {} rows judged, of {} tasks, {} learned from, {} models, best single {} ({})\n",
                pool.pool,
                pool.rows,
                pool.tasks_judged,
                pool.learned,
                pool.singles.len(),
                pool.policies.first().map_or("", |p| &p.figures.best_single),
                three(pool.policies.first().map_or(f64::NAN, |p| p.figures.best_quality)),
            ));
            of_pool(pool);
            if tasks {
                of_tasks(pool);
                of_rewording(pool);
            }
        }
    }
    say("");
    outcomes::assumptions().iter().for_each(say);
    if !findings.is_empty() {
        say("\nWhere weir is worse than something simpler\n");
        findings.iter().for_each(say);
    }
}

/// nAIQ of every policy on every pool.
fn summary(part: &Part) {
    let pools = part.pools.iter().map(|p| p.pool.clone());
    let mut table = Table::new(std::iter::once("nAIQ".to_owned()).chain(pools).chain(["mean".to_owned()]));
    let names = part.pools.first().into_iter().flat_map(|p| p.policies.iter().map(|p| &p.name));
    for name in names {
        let figure = |pool: &PoolReport| pool.policy(name).map_or(f64::NAN, |p| p.figures.score.naiq);
        let mut row = vec![name.clone()];
        row.extend(part.pools.iter().map(|p| three(figure(p))));
        row.push(three(part.means.get(name).copied().unwrap_or(f64::NAN)));
        table.row(row);
    }
    table.show();
}

/// The pair that is shown: the first that is known.
pub fn apgr(policy: &PolicyReport) -> String {
    policy.pairs.values().next().map_or_else(String::new, |p| three(p.pair.apgr))
}

fn of_pool(pool: &PoolReport) {
    let head =
        ["policy", "nAIQ", "95 %", "AIQ", "CostSave", "PerfGain", "Arena", "APGR", "CPT50", "CPT80", "turns"];
    let mut table = Table::new(head);
    for policy in &pool.policies {
        let score = &policy.figures.score;
        let pair = policy.pairs.values().next().map(|p| p.pair);
        let turns = policy.turns.len();
        table.row(vec![
            policy.name.clone(),
            three(score.naiq),
            policy.figures.interval.map_or_else(String::new, |i| format!("{} … {}", three(i.0), three(i.1))),
            format!("{:.4}", score.aiq),
            score.cost_save.map_or_else(|| "-".into(), per_cent),
            per_cent(score.perf_gain),
            three(score.arena),
            apgr(policy),
            pair.map_or_else(String::new, |p| format!("{:.1}", p.cpt50)),
            pair.map_or_else(String::new, |p| format!("{:.1}", p.cpt80)),
            if turns == 0 { String::new() } else { three(policy.turns.iter().sum::<f64>() / turns as f64) },
        ]);
    }
    table.show();
}

/// Policies that look at the prompt; of the others a task says nothing new.
pub fn looking(pool: &PoolReport) -> Vec<&PolicyReport> {
    pool.policies.iter().filter(|p| !p.reworded.is_empty() || p.name == "blind").collect()
}

fn of_tasks(pool: &PoolReport) {
    if pool.tasks.is_empty() {
        return;
    }
    say("");
    let policies = looking(pool);
    let names = policies.iter().map(|p| p.name.clone());
    let mut table = Table::new(["nAIQ by task".to_owned(), "rows".to_owned()].into_iter().chain(names));
    for (task, rows) in &pool.tasks {
        let mut row = vec![task.clone(), rows.to_string()];
        row.extend(policies.iter().map(|p| three(p.tasks.get(task).copied().unwrap_or(f64::NAN))));
        table.row(row);
    }
    table.show();
}

fn of_rewording(pool: &PoolReport) {
    let policies: Vec<&PolicyReport> = pool.policies.iter().filter(|p| !p.reworded.is_empty()).collect();
    let Some(first) = policies.first() else { return };
    say("");
    let head = std::iter::once("same choice when reworded".to_owned());
    let mut table = Table::new(head.chain(policies.iter().map(|p| p.name.clone())));
    for kind in first.reworded.keys() {
        let share = |p: &&PolicyReport| p.reworded.get(kind).copied().map_or_else(String::new, per_cent);
        table.row(std::iter::once(kind.clone()).chain(policies.iter().map(share)).collect());
    }
    table.show();
}
