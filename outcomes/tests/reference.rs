//! The measures against the field's evaluator, to the last digits: its stored figures on the sample that is committed, and itself
//! on that and on the five pools where it, NumPy and the data are at hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic here is a failed test")]

use outcomes::judge::{Costs, Draws, KNOWN_PAIRS, Named, Terms, evaluate};
use outcomes::predictions::Said;
use outcomes::{Pool, Predictions};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use vocab::Dice;

const SAMPLE_PAIRS: [Named<'static>; 2] = [("fox/ant", "fox", "ant"), ("elk/bee", "elk", "bee")];

/// The same, told to the evaluator.
const SAMPLE_PAIRS_THERE: &str = "routing_eval.PAIRS = {'chat': [('fox/ant', 'fox', 'ant'), ('elk/bee', 'elk', 'bee')], \
    'tools': [('elk/bee', 'elk', 'bee')]}";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sample() -> PathBuf {
    root().join("benches/policies")
}

fn pools(dir: &Path) -> Vec<Pool> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .filter_map(|e| e.unwrap().file_name().to_str()?.strip_suffix(".meta.json").map(str::to_owned))
        .collect();
    names.sort();
    let read = |name: &String| {
        let meta = std::fs::read(dir.join(format!("{name}.meta.json"))).unwrap();
        let rows = std::fs::File::open(dir.join(format!("{name}.jsonl.gz"))).unwrap();
        Pool::read(name, ["meta", "rows"], &meta, rows).unwrap()
    };
    names.iter().map(read).collect()
}

/// Each form of prediction about nine rows in ten: part truth, part chance, with ties.
fn predictions(pools: &[Pool]) -> BTreeMap<&'static str, Predictions> {
    let mut dice = Dice::seeded(5);
    let mut all: BTreeMap<&str, Predictions> = BTreeMap::new();
    let mut say = |form, row: &str, said| all.entry(form).or_default().0.insert(row.to_owned(), said);
    let tenths = |x: f64| (x * 10.0).round() / 10.0;
    for pool in pools {
        for row in &pool.rows {
            if dice.below(10) == 0 {
                continue;
            }
            let or = |x: f64, other: f64| if x.is_nan() { other } else { x };
            let ids = || pool.models.iter().map(|m| m.id.clone());
            let mut guess = |true_part: f64| -> BTreeMap<String, f64> {
                let quality =
                    row.s.iter().map(|s| tenths(true_part * or(*s, 0.0) + (1.0 - true_part) * dice.unit()));
                ids().zip(quality.collect::<Vec<_>>()).collect()
            };
            let (good, poor) = (guess(0.3), guess(0.05));
            let cost: BTreeMap<String, f64> =
                ids().zip(row.c.iter().map(|c| or(*c, 1.0) * (0.5 + dice.unit()))).collect();
            let take = |price: f64| {
                let worth = |id: &String| good[id] - price * cost[id];
                ids().max_by(|a, b| worth(a).total_cmp(&worth(b))).unwrap()
            };
            let taken =
                (0..24u32).map(|wtp| (f64::from(wtp), take(10f64.powi(-i32::try_from(wtp / 3).unwrap()))));
            let strong = tenths(or(row.s[0], 0.0) - or(row.s[row.s.len() - 1], 0.0) + dice.unit());
            say("choices", &row.id, Said { taken: taken.collect(), ..Said::default() });
            say("ranking", &row.id, Said { strong: Some(strong), ..Said::default() });
            say("blind", &row.id, Said { quality: Some(poor), ..Said::default() });
            say("guesses", &row.id, Said { quality: Some(good), cost: Some(cost), ..Said::default() });
        }
    }
    all
}

fn ours(pools: &[Pool], said: &Predictions, pairs: &[Named<'_>], repeats: usize) -> Value {
    let terms =
        Terms { costs: &Costs::new(), pairs, by_task: repeats == 0, draws: Draws { repeats, seed: 7 } };
    serde_json::to_value(evaluate(pools, said, terms).unwrap()).unwrap()
}

/// Every figure of theirs has to be ours too. Intervals come from other dice, so they only have to be alike.
fn agree(place: &str, theirs: &Value, ours: &Value, compared: &mut usize) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                let place = format!("{place}/{key}");
                let mine = ours.get(key).unwrap_or_else(|| panic!("{place} is missing"));
                if key.ends_with("ci") && value.is_array() {
                    alike(&place, value, mine);
                } else {
                    agree(&place, value, mine, compared);
                }
            }
            let more: Vec<&String> = ours
                .iter()
                .filter(|(k, v)| !theirs.contains_key(*k) && !v.is_null())
                .map(|(k, _)| k)
                .collect();
            assert!(more.is_empty(), "{place} has {more:?} besides");
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            *compared += 1;
            assert!((a - b).abs() <= 1e-9 * a.abs().max(1.0), "{place}: {a} there, {b} here");
        }
        _ => assert_eq!(theirs, ours, "{place}"),
    }
}

fn alike(place: &str, theirs: &Value, ours: &Value) {
    let ends = |v: &Value| (v[0].as_f64().unwrap(), v[1].as_f64().unwrap());
    let (theirs, ours) = (ends(theirs), ends(ours));
    let width = theirs.1 - theirs.0;
    for (a, b) in [(theirs.0, ours.0), (theirs.1, ours.1)] {
        assert!((a - b).abs() <= 0.5 * width + 1e-9, "{place}: {theirs:?} there, {ours:?} here");
    }
}

#[test]
fn stored_figures_of_the_evaluator_are_ours() {
    let pools = pools(&sample());
    let stored = std::fs::read(root().join("outcomes/tests/reference.json")).unwrap();
    let stored: Value = serde_json::from_slice(&stored).unwrap();
    let mut compared = 0;
    for (form, said) in predictions(&pools) {
        agree(form, &stored[form], &ours(&pools, &said, &SAMPLE_PAIRS, 0), &mut compared);
    }
    assert!(compared > 400, "{compared}");
}

/// Runs the evaluator; None where it or what it needs is not here.
fn evaluator(data: &Path, said: &Predictions, pairs: &str, repeats: usize) -> Option<Value> {
    let tools = root().join("../shared/tools");
    let wanted = std::env::var("WEIR_PYTHON").ok();
    let python = wanted.iter().map(String::as_str).chain(["python3"]).find(|python| {
        let numpy = Command::new(python).args(["-c", "import numpy"]).output();
        numpy.is_ok_and(|o| o.status.success())
    });
    let (Some(python), true) = (python, tools.join("routing_eval.py").exists()) else {
        eprintln!("LEFT OUT: the evaluator, NumPy or its data is not here");
        return None;
    };
    let dir = tempfile::tempdir().unwrap();
    let [file, out] = ["said.jsonl", "out.json"].map(|name| dir.path().join(name));
    std::fs::write(&file, said.lines().collect::<Vec<_>>().join("\n")).unwrap();
    let script = format!("import routing_eval\n{pairs}\nrouting_eval.main()");
    let run = Command::new(python)
        .env("PYTHONPATH", &tools)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["-c", &script, "--boot", &repeats.to_string(), "--heldout"])
        .args([data, Path::new("--pred"), &file, Path::new("--json"), &out])
        // A task's draw may have no gap to recover, by which it would divide.
        .args((repeats == 0).then_some("--by-task"))
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    Some(serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap())
}

/// `UPDATE_REFERENCE=1` stores what the evaluator says.
#[test]
fn the_evaluator_says_the_same_of_the_sample() {
    let pools = pools(&sample());
    let mut stored = serde_json::Map::new();
    for (form, said) in predictions(&pools) {
        let Some(theirs) = evaluator(&sample(), &said, SAMPLE_PAIRS_THERE, 0) else { return };
        agree(form, &theirs, &ours(&pools, &said, &SAMPLE_PAIRS, 0), &mut 0);
        stored.insert(form.into(), theirs);
    }
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        let text = serde_json::to_string_pretty(&stored).unwrap() + "\n";
        std::fs::write(root().join("outcomes/tests/reference.json"), text).unwrap();
    }
}

#[test]
fn the_evaluator_says_the_same_of_five_pools() {
    let data = root().join("../shared/data/routing");
    if !data.exists() {
        eprintln!("LEFT OUT: the five pools are not here");
        return;
    }
    let pools = pools(&data);
    let mut compared = 0;
    for (form, said) in predictions(&pools) {
        let repeats = if form == "guesses" { 100 } else { 0 };
        let Some(theirs) = evaluator(&data, &said, "", repeats) else { return };
        agree(form, &theirs, &ours(&pools, &said, &KNOWN_PAIRS, repeats), &mut compared);
    }
    assert!(compared > 2_000, "{compared}");
}
