use super::*;
use crate::policy::Knn;

/// The sample beside the benches.
fn pools() -> Vec<Pool> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/policies");
    let read = |name: &str| {
        let meta = std::fs::read(dir.join(format!("{name}.meta.json"))).unwrap();
        let rows = std::fs::File::open(dir.join(format!("{name}.jsonl.gz"))).unwrap();
        Pool::read(name, ["meta", "rows"], &meta, rows).unwrap()
    };
    vec![read("chat"), read("tools")]
}

fn trial<'a>(pools: &'a [Pool], learners: &'a [Box<dyn Learn>], settings: &'a [Setting]) -> Trial<'a> {
    let draws = Draws { repeats: 100, seed: 7 };
    Trial { pools, others: &[], learners, settings, only: &[], draws, seed: 7, turns: 5, kept: None }
}

#[test]
fn the_same_seed_gives_the_same_report() {
    let (pools, learners) = (pools(), [Box::new(Knn) as Box<dyn Learn>]);
    let trial = trial(&pools, &learners, &[Setting::Known, Setting::Unseen]);
    let mut heard = Vec::new();
    let (report, kept) = trial.run(&mut |step| heard.push(step.done)).unwrap();
    assert!(kept.0.is_empty());
    assert!(
        heard.windows(2).all(|w| w[0] <= w[1] + 1e-9) && heard.iter().all(|d| (0.0..=1.0).contains(d)),
        "{heard:?}"
    );
    let again = trial.run(&mut |_| ()).unwrap().0;
    assert_eq!(serde_json::to_string(&report).unwrap(), serde_json::to_string(&again).unwrap());

    let naiq = |part: usize, pool: usize, name: &str| {
        report.parts[part].pools[pool].policy(name).unwrap().figures.score.naiq
    };
    for pool in 0..2 {
        assert!((naiq(0, pool, "oracle") - 1.0).abs() < 1e-9);
        assert!(naiq(0, pool, "knn") > 0.1, "tasks are known by their words: {}", naiq(0, pool, "knn"));
        for name in ["random", "cheapest", "best-single", "blind", "cheap", "balanced", "best"] {
            assert!(naiq(0, pool, name) < 1e-9, "{name} does not look at the prompt");
        }
    }
    let unseen = report.parts[1].pools[0].policy("knn").unwrap();
    assert_eq!(unseen.turns.len(), 5, "five tasks, each left out once");
    let known = &report.parts[0].pools[0];
    assert_eq!(known.tasks.len(), 5);
    assert_eq!(known.policy("knn").unwrap().reworded.len(), KINDS.len());
    assert_eq!(known.policy("knn").unwrap().pairs.keys().collect::<Vec<_>>(), ["best/cheapest"]);
    assert!(known.policy("knn").unwrap().figures.interval.unwrap().contains(naiq(0, 0, "knn")));
}

#[test]
fn what_is_kept_scores_the_same_as_a_file() {
    let (pools, learners) = (pools(), [Box::new(Knn) as Box<dyn Learn>]);
    let only = ["knn".to_owned()];
    let trial = Trial { kept: Some("knn"), only: &only, ..trial(&pools, &learners, &[Setting::Known]) };
    let (report, kept) = trial.run(&mut |_| ()).unwrap();
    let terms = crate::judge::Terms {
        costs: &BTreeMap::new(),
        pairs: &[],
        by_task: false,
        draws: Draws { repeats: 0, seed: 0 },
    };
    let file = kept.lines().collect::<Vec<_>>().join("\n");
    let said = Predictions::read("file", file.as_bytes()).unwrap();
    let groups = crate::judge::evaluate(&pools, &said, terms).unwrap();
    for pool in &report.parts[0].pools {
        let from_file = groups[&pool.pool]["dev"].pool.as_ref().unwrap();
        assert_eq!(from_file.score, pool.policies[0].figures.score);
    }
}

#[test]
fn other_rows_can_be_learned_from() {
    let (all, learners) = (pools(), [Box::new(Knn) as Box<dyn Learn>]);
    let (others, mut judged) = (&all, all.clone());
    judged[0].rows.truncate(300);
    judged.truncate(1);
    let given = Trial { others, ..trial(&judged, &learners, &[Setting::Given]) };
    let (report, _) = given.run(&mut |_| ()).unwrap();
    assert!(report.parts[0].pools[0].rows > 250);
    assert!(report.parts[0].means["knn"] > 0.1);
    let elsewhere = Trial { others: &others[1..], ..trial(&judged, &learners, &[Setting::Given]) };
    assert_eq!(elsewhere.run(&mut |_| ()).unwrap_err(), "there is no pool \"chat\" to learn from");
    let only = ["k-nn".to_owned()];
    let unknown = Trial { only: &only, ..trial(&judged, &learners, &[Setting::Known]) };
    assert!(
        unknown
            .run(&mut |_| ())
            .unwrap_err()
            .starts_with("there is no policy \"k-nn\"; there are knn, oracle,")
    );
}
