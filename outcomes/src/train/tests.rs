use super::*;
use crate::Pool;

/// Two tasks, two models: one of them can count, the other knows its history.
fn pool(name: &str, licence: &str) -> Pool {
    let mut dice = Dice(3);
    let mut pick = |list: &[&str]| list[dice.below(list.len())].to_owned();
    let model = |id: &str| Model {
        id: id.to_owned(),
        pool: name.to_owned(),
        usd_per_mtok_in: Some(1.0),
        usd_per_mtok_out: Some(3.0),
        prior: None,
    };
    let rows = (0..400).map(|at| {
        let sums = at % 2 == 0;
        let prompt = if sums {
            format!(
                "Compute the {} of {} and {at}.",
                pick(&["sum", "product", "ratio"]),
                pick(&["17", "4", "230"])
            )
        } else {
            format!(
                "Which {} ruled during the {}?",
                pick(&["king", "emperor", "queen"]),
                pick(&["war", "plague", "siege"])
            )
        };
        Row {
            id: format!("{name}/{at}"),
            task: if sums { "sums" } else { "kings" }.to_owned(),
            tokens_in: 10,
            s: if sums {
                vec![1.0, f64::from(u8::from(at % 8 == 0))]
            } else {
                vec![f64::from(u8::from(at % 7 == 0)), 1.0]
            },
            c: vec![70.0, 40.0],
            ot: if sums { vec![20.0, 40.0] } else { vec![60.0, 10.0] },
            prompt,
            split: "dev".to_owned(),
            ..Row::default()
        }
    });
    Pool {
        name: name.to_owned(),
        rows: rows.collect(),
        models: vec![model("counter"), model("reader")],
        licence: licence.to_owned(),
        repo: String::new(),
    }
}

fn quiet() -> impl FnMut(Step<'_>) {
    |_| ()
}

#[test]
fn what_differs_by_task_is_learned_and_said_of_prompts_not_seen() {
    let pool = pool("p", "MIT");
    let rows: Vec<usize> = (0..300).collect();
    let trained = Trainer.fit(&[Part { pool: &pool, rows: &rows }], 7, &mut quiet()).unwrap();
    let mut out = Vec::new();
    for row in &pool.rows[300..] {
        trained.predict(&row.prompt(), &pool.models, &mut out);
        let counts = row.task == "sums";
        assert_eq!(out[0].quality > out[1].quality, counts, "{}: {out:?}", row.prompt);
        assert_eq!(out[0].output_tokens < out[1].output_tokens, counts, "{}: {out:?}", row.prompt);
    }
}

#[test]
fn the_same_rows_and_seed_give_the_same_bytes() {
    let pool = pool("p", "MIT");
    let rows = pool.all();
    let learn = |seed| train(&[Part { pool: &pool, rows: &rows }], seed, &mut quiet()).unwrap().write();
    let first = learn(7);
    assert!(first == learn(7) && first != learn(8));
    assert_eq!(Predictor::read(&first).unwrap().write(), first);
}

#[test]
fn a_pool_for_measuring_only_leaves_the_table_as_it_is() {
    let (free, bound) = (pool("free", "Apache-2.0"), pool("bound", "no licence file: for measuring only"));
    let rows = free.all();
    let part = |pool| Part { pool, rows: &rows };
    let alone = train(&[part(&free)], 7, &mut quiet()).unwrap();
    let both = train(&[part(&free), part(&bound)], 7, &mut quiet()).unwrap();
    assert!(alone.table == both.table && alone.sources[0] == both.sources[0]);
    assert_eq!(both.sources.len(), 2);
    assert!(train(&[part(&bound)], 7, &mut quiet()).is_err());
}

#[test]
fn a_pool_can_be_added_from_a_few_hundred_rows_and_nothing_else_moves() {
    let (old, new) = (pool("old", "MIT"), pool("new", "MIT"));
    let rows = old.all();
    let mut predictor = train(&[Part { pool: &old, rows: &rows }], 7, &mut quiet()).unwrap();
    let before = predictor.clone();
    let few: Vec<usize> = (0..300).collect();
    adopt(&mut predictor, Part { pool: &new, rows: &few }, 7);
    assert!(predictor.table == before.table && predictor.sources[0] == before.sources[0]);
    let trained = Trained { predictor };
    let mut out = Vec::new();
    let right = new.rows[300..].iter().filter(|row| {
        trained.predict(&row.prompt(), &new.models, &mut out);
        (out[0].quality > out[1].quality) == (row.task == "sums")
    });
    assert_eq!(right.count(), 100);
}

#[test]
fn nothing_to_learn_from_is_said() {
    let pool = pool("p", "MIT");
    assert!(train(&[], 7, &mut quiet()).is_err());
    assert!(train(&[Part { pool: &pool, rows: &[] }], 7, &mut quiet()).is_err());
}

#[test]
fn a_few_rows_of_one_task_do_no_harm() {
    let pool = pool("p", "MIT");
    for rows in [&[0usize][..], &[0, 2, 4]] {
        let trained = Trainer.fit(&[Part { pool: &pool, rows }], 7, &mut quiet()).unwrap();
        let mut out = Vec::new();
        trained.predict(&pool.rows[9].prompt(), &pool.models, &mut out);
        assert!(
            out.iter().all(|g| (0.0..=1.0).contains(&g.quality) && g.output_tokens.is_finite()),
            "{out:?}"
        );
    }
}
