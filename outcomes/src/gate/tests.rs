use super::*;
use crate::judge::Draws;
use crate::policy::Knn;
use crate::report::Setting;
use crate::{Learn, Pool, Trial};

/// What the command line tries on the sample, without intervals.
fn report(seed: u64) -> Report {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/policies");
    let read = |name: &str| {
        let meta = std::fs::read(dir.join(format!("{name}.meta.json"))).unwrap();
        let rows = std::fs::File::open(dir.join(format!("{name}.jsonl.gz"))).unwrap();
        Pool::read(name, ["meta", "rows"], &meta, rows).unwrap()
    };
    let trial = Trial {
        pools: &[read("chat"), read("tools")],
        others: &[],
        learners: &[Box::new(Knn) as Box<dyn Learn>],
        settings: &[Setting::Known, Setting::Unseen],
        only: &[],
        draws: Draws { repeats: 0, seed },
        seed,
        turns: 5,
        kept: None,
    };
    trial.run(&mut |_| ()).unwrap().0
}

#[test]
fn the_committed_figures_stand() {
    let text = include_str!("../../../benches/policies/baseline.json");
    let baseline: Baseline = serde_json::from_str(text).unwrap();
    assert!(baseline.figures.contains_key("known/chat/knn/nAIQ"), "{baseline:?}");
    let fallen = baseline.fallen(&report(7));
    assert!(fallen.is_empty(), "{}", fallen.join("\n"));
}

#[test]
fn what_falls_is_told_with_by_how_much() {
    let report = report(7);
    let mut baseline = Baseline::of(&report, 0.01);
    assert!(baseline.fallen(&report).is_empty());
    let oracle = "known/chat/oracle/nAIQ";
    *baseline.figures.get_mut(oracle).unwrap() += 0.009;
    assert!(baseline.fallen(&report).is_empty(), "within what is allowed");
    *baseline.figures.get_mut(oracle).unwrap() += 0.021;
    assert_eq!(
        baseline.fallen(&report),
        ["known/chat/oracle/nAIQ fell from 1.0300 to 1.0000, by 0.0300 where 0.0100 is allowed"]
    );
    baseline.figures.remove(oracle);
    baseline.figures.insert("known/chat/gone/nAIQ".into(), 0.5);
    assert_eq!(baseline.fallen(&report), ["known/chat/gone/nAIQ was 0.5000 and there is no such figure now"]);
    baseline.figures.clear();
    baseline.seed = 8;
    assert_eq!(baseline.fallen(&report), ["the baseline is of seed 8 and this of seed 7"]);
}
