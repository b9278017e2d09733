use super::figures::{Figure, Other, Report};
use outcomes::replay::{Gate, Verdict};
use relay::decisions::{Candidate, Feedback, Outcome, Record, VERSION};
use router::{Source, Weights};
use vocab::Dice;

/// A log in which the dearer is better, and each was chosen with the probability that is written there.
fn log(rows: usize, seed: u64) -> Vec<Record> {
    let mut dice = Dice::seeded(seed);
    let row = |at: usize| {
        let candidate = |id: &str, propensity, quality, cost| Candidate {
            id: id.into(),
            propensity,
            quality: Some(quality),
            quality_source: Source::Prior,
            basis: None,
            cost_usd: Some(cost),
            latency_s: Some(1.0),
            failure: 0.0,
        };
        let candidates = vec![candidate("a/dear", 0.7, 0.9, 0.01), candidate("b/cheap", 0.3, 0.6, 0.001)];
        let chosen = usize::from(dice.unit() >= 0.7);
        // About half as dear as was expected, and a tenth worse.
        let cost_usd = candidates[chosen].cost_usd.unwrap() * (0.25 + 0.5 * dice.unit());
        let good = dice.unit() < candidates[chosen].quality.unwrap() - 0.1;
        let feedback =
            at.is_multiple_of(2).then(|| Feedback { score: f64::from(u8::from(good)), at: String::new() });
        Record {
            version: VERSION,
            request_id: format!("r{at}"),
            account: "a".into(),
            user: None,
            at: "2026-11-21T00:00:00Z".into(),
            decision: String::new(),
            model: "auto".into(),
            policy: "balanced".into(),
            pinned: false,
            weights: Weights::BALANCED,
            tokens_in: 1,
            needs: vec![],
            chosen,
            outcome: Outcome {
                served: Some(candidates[chosen].id.clone()),
                cost_usd,
                seconds: 1.5 + dice.unit(),
                ..Outcome::default()
            },
            candidates,
            features: None,
            feedback,
            tags: None,
            prompt: None,
        }
    };
    (0..rows).map(row).collect()
}

fn cheap() -> Other {
    Other { name: "cheap".into(), weights: Weights::CHEAP }
}

#[test]
fn a_cheaper_policy_is_seen_to_be_cheaper_and_worse() {
    let report = Report::of(&log(4_000, 1), &cheap(), (100, 7));
    assert_eq!((report.decisions, report.without_choice), (4_000, 0));
    assert!((report.same - 0.3).abs() < 0.03, "{}", report.same);
    let of = |name| report.estimates(name).unwrap();
    for estimate in [of("cost").ips, of("cost").snips, of("cost").direct, of("cost").doubly_robust] {
        assert!((estimate.value - 0.0005).abs() < 0.000_05, "{estimate:?}");
    }
    let quality = of("quality");
    assert_eq!(quality.rows, 2_000, "an answer that nobody spoke of is not a bad one");
    assert!((quality.doubly_robust.value - 0.5).abs() < 0.06, "{quality:?}");
    assert!(quality.doubly_robust.interval.unwrap().contains(0.5));
    assert!((of("latency").doubly_robust.value - 2.0).abs() < 0.05);
    assert_eq!(of("cost").warnings, Vec::<String>::new());
    let json = report.json(None);
    assert_eq!(json["figures"]["cost"]["rows"], 4_000);
    assert_eq!(json["policy"]["answer_value"], 0.005);
}

#[test]
fn a_gate_is_shut_with_reasons() {
    let report = Report::of(&log(4_000, 2), &cheap(), (50, 7));
    let judge = |gate: &str| gate.parse::<Gate>().unwrap().judge(&|figure| report.estimates(figure).cloned());
    assert_eq!(judge("cost:+2%"), Verdict::Holds);
    let Verdict::Fails(why) = judge("cost:+2%,quality:-1%") else { panic!("it holds") };
    assert!(why[0].starts_with("quality goes from 0.7"), "{why:?}");
    assert!(matches!(judge("speed:+2%"), Verdict::Fails(_)));
}

#[test]
fn what_never_happened_is_not_made_up() {
    let mut records = log(300, 3);
    for record in &mut records {
        (record.feedback, record.chosen) = (None, 0);
        record.candidates[0].propensity = 1.0;
        record.candidates[1].propensity = 0.0;
    }
    let report = Report::of(&records, &cheap(), (20, 7));
    let told = report.figures.iter().find(|(figure, _, _)| *figure == Figure::Quality).unwrap();
    assert_eq!(told.2, Err("no caller has said anything of an answer".into()));
    let cost = report.estimates("cost").unwrap();
    assert!((cost.unsupported - 1.0).abs() < 1e-9 && !cost.warnings.is_empty(), "{cost:?}");
    let gate: Gate = "cost:+2%".parse().unwrap();
    let verdict = gate.judge(&|figure| report.estimates(figure).cloned());
    assert!(matches!(verdict, Verdict::Fails(_)), "cheaper, but nobody ever tried it");
}

#[test]
fn named_models_say_nothing_of_a_choice() {
    let mut records = log(10, 4);
    records[0].pinned = true;
    records[1].candidates.truncate(1);
    let report = Report::of(&records, &cheap(), (0, 7));
    assert_eq!((report.decisions, report.without_choice), (8, 2));
    let none = Report::of(&[], &cheap(), (10, 7));
    assert_eq!(none.decisions, 0);
    assert!(none.estimates("cost").is_none() && none.json(None)["figures"]["cost"]["unknown"].is_string());
}

/// A log of a policy that tries others, in a world whose truth is known; what the other policy would really come to: USD and quality.
fn world(seed: u64, rows: usize) -> (Vec<Record>, [f64; 2]) {
    let mut dice = Dice::seeded(seed);
    // What is expected of each is wrong by a constant of its own, and of half of them by nothing at all.
    let off: [f64; 3] = std::array::from_fn(|_| (dice.unit() - 0.5) * 0.2);
    let pattern = log(1, 1).remove(0);
    let mut truth = [0.0; 2];
    let row = |at: usize| {
        let candidate = |at: usize, dice: &mut Dice| Candidate {
            id: format!("p/m{at}"),
            propensity: [0.7, 0.2, 0.1][at],
            quality: Some(0.3 + 0.6 * dice.unit()),
            cost_usd: Some(0.002 + 0.02 * dice.unit()),
            ..pattern.candidates[0].clone()
        };
        let candidates: Vec<Candidate> = (0..3).map(|at| candidate(at, &mut dice)).collect();
        let good = |at: usize| (candidates[at].quality.unwrap() + off[at]).clamp(0.0, 1.0);
        let costs = |at: usize| candidates[at].cost_usd.unwrap() * (1.0 + off[at]);
        let known = |c: &Candidate| router::Known {
            quality: c.quality,
            cost_usd: c.cost_usd,
            latency_s: c.latency_s,
        };
        let known: Vec<router::Known> = candidates.iter().map(known).collect();
        for (at, share) in router::shares(Weights::CHEAP, &known).into_iter().enumerate() {
            truth[0] += share * costs(at) / rows as f64;
            truth[1] += share * good(at) / rows as f64;
        }
        let throw = dice.unit();
        let chosen = usize::from(throw >= 0.7) + usize::from(throw >= 0.9);
        let score = f64::from(u8::from(dice.unit() < good(chosen)));
        Record {
            request_id: format!("r{at}"),
            chosen,
            outcome: Outcome { cost_usd: costs(chosen) * (0.5 + dice.unit()), ..pattern.outcome.clone() },
            feedback: Some(Feedback { score, at: String::new() }),
            candidates,
            ..pattern.clone()
        }
    };
    let rows: Vec<Record> = (0..rows).map(row).collect();
    (rows, truth)
}

/// The claim: intervals of 95 % hold the truth in at least nine of ten worlds.
#[test]
fn estimates_cover_the_truth_in_two_hundred_worlds() {
    let mut covered = [[0; 3]; 2];
    for seed in 0..200 {
        let (records, truth) = world(seed, 600);
        let report = Report::of(&records, &cheap(), (100, seed));
        for ((name, truth), counts) in ["cost", "quality"].into_iter().zip(truth).zip(&mut covered) {
            let found = report.estimates(name).unwrap();
            for (count, estimate) in counts.iter_mut().zip([found.ips, found.snips, found.doubly_robust]) {
                *count += usize::from(estimate.interval.unwrap().contains(truth));
            }
        }
    }
    println!("covered by ips, snips, doubly robust of 200: cost {:?}, quality {:?}", covered[0], covered[1]);
    assert!(covered.iter().flatten().all(|count| *count >= 180), "{covered:?}");
}
