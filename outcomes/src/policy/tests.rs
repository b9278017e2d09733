use super::*;
use crate::judge::Draws;
use crate::measure::Yardstick;
use crate::{Learn, Model, Part};
use router::Weights;

/// Two models and two tasks that words tell apart: sums, which both can do, and proofs, which only the dear one can.
fn pool() -> Pool {
    let model = |id: &str, into: f64, out: f64| Model {
        id: id.into(),
        pool: "p".into(),
        usd_per_mtok_in: Some(into),
        usd_per_mtok_out: Some(out),
        prior: None,
    };
    let row = |i: u32| {
        let proof = i % 2 == 1;
        let prompt = if proof { format!("prove the theorem {i}") } else { format!("add the numbers {i}") };
        Row {
            id: i.to_string(),
            task: if proof { "proofs" } else { "sums" }.into(),
            prompt,
            tokens_in: 10,
            s: vec![if proof { 0.0 } else { 1.0 }, 1.0],
            c: vec![11.0, 1_100.0],
            ot: vec![10.0, 100.0],
            split: "dev".into(),
            ..Row::default()
        }
    };
    Pool {
        name: "p".into(),
        models: vec![model("small", 0.1, 1.0), model("large", 10.0, 10.0)],
        rows: (0..200).map(row).collect(),
        ..Pool::default()
    }
}

fn naiq(ground: &Ground<'_>, played: &Played) -> f64 {
    ground.judge(&played.choices, &ground.drawn(Draws { repeats: 0, seed: 0 })).score.naiq
}

#[test]
fn from_those_that_know_nothing_to_the_one_that_knows_all() {
    let pool = pool();
    let (learned, judged) = ((0..120).collect::<Vec<_>>(), (120..200).collect::<Vec<_>>());
    let ground = Ground::new(&pool, judged).unwrap();
    let seen = Seen::of(&pool, &learned);
    let play = |policy: &dyn Policy| naiq(&ground, &policy.play(&ground, &seen));
    for policy in [&Cheapest as &dyn Policy, &BestSingle, &Blind, &Random] {
        assert!(play(policy) <= 1e-9, "{} cannot beat mixing: {}", policy.name(), play(policy));
    }
    assert!(play(&Blind).abs() < 1e-9, "the rows to come are like those seen");
    assert!((play(&Oracle) - 1.0).abs() < 1e-9);
    let knn = Knn.fit(&[Part { pool: &pool, rows: &learned }], 0, &mut |_| ()).unwrap();
    let knn = play(&Guessed { name: "knn", predictor: &*knn });
    assert!(knn > 0.95, "words tell the tasks apart: {knn}");
    // A check that is right is worth an oracle here but for the first call; one that is a coin is worth nothing.
    assert!(play(&Cascade { check: 1.0 }) > 0.9, "{}", play(&Cascade { check: 1.0 }));
    assert!(play(&Cascade { check: 0.5 }) < 1e-9);
}

#[test]
fn a_preset_takes_what_its_worth_of_an_answer_pays_for() {
    let mut pool = pool();
    let seen = Seen::of(&pool, &pool.all());
    let point = |pool: &Pool, weights| {
        let ground = Ground::new(pool, pool.all()).unwrap();
        let played = Preset { name: "x", weights, seed: 1 }.play(&ground, &seen);
        ground.points(&played.choices)[0]
    };
    // Half a unit of quality for 1.09 thousandths of a USD: worth it from 0.0022 USD an answer on.
    assert_eq!(point(&pool, Weights { answer_value: 0.002, time_value: 1.0 }).quality, 0.5);
    assert_eq!(point(&pool, Weights { answer_value: 0.003, time_value: 1.0 }).quality, 1.0);
    for (model, prior) in pool.models.iter_mut().zip([0.9, 0.1]) {
        model.prior = Some(prior);
    }
    assert_eq!(point(&pool, Weights::BEST).quality, 0.5, "who has priors goes by them");
}

#[test]
fn what_no_model_was_run_on_is_not_judged() {
    let mut pool = pool();
    for row in &mut pool.rows {
        row.s[0] = f64::NAN;
    }
    assert!(Ground::new(&pool, pool.all()).is_none());
    pool.rows[3].s[0] = 1.0;
    let ground = Ground::new(&pool, pool.all()).unwrap();
    assert_eq!((ground.complete.clone(), ground.outcomes.rows()), (vec![3], 1));
    assert!(Yardstick::new(&ground.outcomes, &ground.oracle, &ground.every).zero_log.is_finite());
}
