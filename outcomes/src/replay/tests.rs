use super::*;

const CONTEXTS: usize = 5;
const ARMS: usize = 3;
const ROWS: usize = 800;

/// A world whose truth is known: outcomes, how the logged policy chooses, how the other would, and what a model believes.
struct World {
    good: [[f64; ARMS]; CONTEXTS],
    logged: [[f64; ARMS]; CONTEXTS],
    other: [[f64; ARMS]; CONTEXTS],
    believed: [[f64; ARMS]; CONTEXTS],
    log: Vec<(usize, usize, f64)>,
}

fn shares(dice: &mut Dice, floor: f64) -> [f64; ARMS] {
    let raw: [f64; ARMS] = std::array::from_fn(|_| dice.unit() + 0.02);
    let sum: f64 = raw.iter().sum();
    raw.map(|x| floor + (1.0 - floor * ARMS as f64) * x / sum)
}

fn world(seed: u64) -> World {
    let mut dice = Dice::seeded(seed);
    let good = std::array::from_fn(|_| std::array::from_fn(|_| dice.unit()));
    let logged = std::array::from_fn(|_| shares(&mut dice, 0.05));
    let other = std::array::from_fn(|_| shares(&mut dice, 0.0));
    // Right on average and wrong in each place.
    let believed = std::array::from_fn(|c: usize| {
        std::array::from_fn(|a: usize| {
            let row: &[f64; ARMS] = &good[c];
            row[a] + 0.3 * (dice.unit() - 0.5)
        })
    });
    let log = (0..ROWS).map(|_| {
        let context = usize::try_from(dice.below(CONTEXTS as u64)).unwrap();
        let (mut left, mut arm) = (dice.unit(), 0);
        let of: &[f64; ARMS] = &logged[context];
        while arm + 1 < ARMS && left >= of[arm] {
            left -= of[arm];
            arm += 1;
        }
        let row: &[f64; ARMS] = &good[context];
        (context, arm, f64::from(u8::from(dice.unit() < row[arm])))
    });
    let log = log.collect();
    World { good, logged, other, believed, log }
}

impl World {
    fn truth(&self) -> f64 {
        let of = |c: usize| self.good[c].iter().zip(&self.other[c]).map(|(g, p)| g * p).sum::<f64>();
        (0..CONTEXTS).map(of).sum::<f64>() / CONTEXTS as f64
    }

    fn rows(&self) -> Vec<Decided<'_>> {
        let row = |(context, chosen, outcome): &(usize, usize, f64)| Decided {
            chosen: *chosen,
            outcome: *outcome,
            logged: &self.logged[*context],
            other: &self.other[*context],
            expected: &self.believed[*context],
        };
        self.log.iter().map(row).collect()
    }
}

#[test]
fn intervals_cover_the_truth_in_two_hundred_worlds() {
    let mut covered = [0; 3];
    let mut warned = 0;
    for seed in 0..200 {
        let world = world(seed);
        let found = replay(&world.rows(), 200, seed).unwrap();
        let truth = world.truth();
        for (count, estimate) in covered.iter_mut().zip([found.ips, found.snips, found.doubly_robust]) {
            *count += usize::from(estimate.interval.unwrap().contains(truth));
        }
        warned += usize::from(!found.warnings.is_empty());
    }
    println!("covered by ips, snips, doubly robust of 200: {covered:?}; warned {warned}");
    assert!(covered.iter().all(|c| *c >= 180), "{covered:?}");
    assert!(warned <= 20, "{warned} of 200 sound logs were warned about");
}

#[test]
fn a_right_model_or_right_propensities_are_enough() {
    let (mut by_model, mut by_propensity) = (0.0, 0.0);
    for seed in 0..40 {
        let mut world = world(seed);
        let truth = world.truth();
        let right = world.believed;
        world.believed = world.good;
        by_model += replay(&world.rows(), 0, 1).unwrap().doubly_robust.value - truth;
        world.believed = right.map(|row| row.map(|_| 0.9));
        by_propensity += replay(&world.rows(), 0, 1).unwrap().doubly_robust.value - truth;
        assert!(
            replay(&world.rows(), 0, 1).unwrap().direct.value > 0.89,
            "the direct model believes what it is told"
        );
    }
    assert!(
        (by_model / 40.0).abs() < 0.01 && (by_propensity / 40.0).abs() < 0.02,
        "{by_model} {by_propensity}"
    );
}

#[test]
fn the_logged_policy_is_worth_what_it_was() {
    let mut world = world(3);
    world.other = world.logged;
    let found = replay(&world.rows(), 100, 1).unwrap();
    assert!((found.ips.value - found.logged.value).abs() < 1e-12);
    assert!((found.effective_rows - ROWS as f64).abs() < 1e-6 && found.unsupported == 0.0);
    assert_eq!(found.warnings, Vec::<String>::new());
    assert_eq!(replay(&world.rows(), 100, 1), Ok(found));
}

#[test]
fn what_was_never_tried_is_warned_about() {
    let row = |chosen: usize| Decided {
        chosen,
        outcome: 1.0,
        logged: &[0.5, 0.5, 0.0],
        other: &[0.2, 0.3, 0.5],
        expected: &[1.0, 1.0, 1.0],
    };
    let rows: Vec<Decided<'_>> = (0..600).map(|i| row(i % 2)).collect();
    let found = replay(&rows, 50, 1).unwrap();
    assert!((found.unsupported - 0.5).abs() < 1e-9);
    assert!(
        found.warnings[0].starts_with("50.0 % of the other policy's choices were never made"),
        "{found:?}"
    );
    let few = replay(&rows[..20], 50, 1).unwrap();
    assert!(few.warnings.iter().any(|w| w.contains("too few")), "{few:?}");
}

#[test]
fn propensities_that_are_not_so_show_themselves() {
    let mut world = world(11);
    world.believed = world.good;
    // Logged as if each were as likely, which was not so.
    world.logged = [[1.0 / 3.0; ARMS]; CONTEXTS];
    world.other = [[0.9, 0.05, 0.05]; CONTEXTS];
    world.log.retain({
        let mut dice = Dice::seeded(1);
        move |(_, arm, outcome)| *arm != 0 || *outcome > 0.5 || dice.below(4) == 0
    });
    let found = replay(&world.rows(), 200, 1).unwrap();
    assert!(found.warnings.iter().any(|w| w.contains("standard errors")), "{found:?}");
}

#[test]
fn a_row_that_is_no_decision_is_named() {
    let good =
        Decided { chosen: 0, outcome: 1.0, logged: &[1.0, 0.0], other: &[0.5, 0.5], expected: &[0.0, 0.0] };
    for (bad, why) in [
        (Decided { chosen: 1, ..good }, "decision 2: candidate 1 was chosen with no probability"),
        (Decided { chosen: 7, ..good }, "decision 2: candidate 7 was chosen with no probability"),
        (Decided { other: &[0.5, 0.6], ..good }, "decision 2: probabilities that do not add up to 1"),
        (Decided { outcome: f64::NAN, ..good }, "decision 2: an outcome or expectation that is no number"),
        (
            Decided { expected: &[0.0], ..good },
            "decision 2: 2 logged probabilities, 2 of the other policy and 1 expectations",
        ),
    ] {
        assert_eq!(replay(&[good, bad], 0, 1).unwrap_err(), why);
    }
    assert_eq!(replay(&[], 0, 1).unwrap_err(), "no decisions");
}

#[test]
fn a_gate_says_why_it_is_shut() {
    let gate: Gate = "cost:+2%,quality:-1%".parse().unwrap();
    assert_eq!(gate.0[1], Limit { figure: "quality".into(), change: -0.01 });
    let of = |was: f64, is: f64| {
        let mut found = replay(&world(1).rows(), 0, 1).unwrap();
        found.warnings.clear();
        (found.logged.value, found.doubly_robust.value) = (was, is);
        found
    };
    let judge = |cost: f64, quality: f64| {
        gate.judge(&|figure| Some(if figure == "cost" { of(100.0, cost) } else { of(0.8, quality) }))
    };
    assert_eq!(judge(101.9, 0.793), Verdict::Holds);
    assert_eq!(judge(50.0, 0.99), Verdict::Holds, "better is never too much");
    let Verdict::Fails(why) = judge(103.0, 0.7) else { panic!("it holds") };
    assert_eq!(why[0], "cost goes from 100.000000 to 103.000000, beyond 102.000000 (+2 %)");
    assert!(why[1].starts_with("quality goes from 0.800000 to 0.700000"), "{why:?}");
    assert_eq!(
        gate.judge(&|_| None),
        Verdict::Fails(vec!["there is no figure \"cost\"".into(), "there is no figure \"quality\"".into()])
    );
    for wrong in ["cost", "cost:2%", "cost:+2", ":+2%", "cost:+x%", ""] {
        assert!(wrong.parse::<Gate>().unwrap_err().contains("like cost:+2% or quality:-1%"), "{wrong}");
    }
}
