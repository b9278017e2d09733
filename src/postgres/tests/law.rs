//! One law: whoever keeps the books, the same operations in the same order make the same entries, to the byte.

use super::*;
use billing::Book;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use vocab::Cap;

#[derive(Clone, Debug)]
enum Step {
    Op(Op, u64),
    /// Both nodes give up and are started again.
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    let id = (0u32..6).prop_map(|n| format!("r{n}"));
    let amount = prop_oneof![0i128..300, Just(1i128 << 90), Just(-1i128)];
    let cap = (0u64..3).prop_map(|from| Cap {
        budget: "account/day".into(),
        from: Instant::from_secs(from * 100),
        until: None,
        limit: Pico(400),
    });
    (id, amount, 0u8..9, 1u64..4, prop::option::of(cap)).prop_map(|(id, amount, kind, secs, cap)| {
        let (amount, caps) = (Pico(amount), Vec::from_iter(cap));
        let lease_until = Instant::from_secs(2_000 + secs);
        match kind {
            0 => Op::Grant { id: format!("g{id}"), amount, reason: "paid \"late\"".into() },
            1..=3 => {
                let tags = if secs == 1 { r#"{"team":"blü"}"#.to_owned() } else { String::new() };
                Op::Hold { id, amount, estimate: Pico(amount.0 / 2), lease_until, tags, caps }
            }
            4 => Op::Extend { id, more: amount, lease_until, caps },
            5..=7 => Op::Settle {
                id,
                lines: vec![line(amount.0 / 3), line(amount.0 - amount.0 / 3)],
                estimated: secs == 1,
            },
            _ => Op::Release { id, lines: vec![line(0)], why: "nobody".into() },
        }
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step =
        prop_oneof![30 => (op(), 0u64..400).prop_map(|(op, at)| Step::Op(op, at)), 1 => Just(Step::Restart)];
    prop::collection::vec(step, 1..40)
}

#[test]
fn two_nodes_write_what_one_book_writes() {
    let Some(base) = Base::new() else { return };
    let cases = if cfg!(debug_assertions) { 24 } else { 200 };
    let mut runner =
        TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut case = 0;
    let law = |steps: Vec<Step>| {
        case += 1;
        let account = format!("account-{case}");
        let mut book = Book::new(&account, Some(Pico(100)));
        let open = || ["a", "b"].map(|name| base.node(name, Some(100), 0));
        let mut nodes = open();
        for (n, step) in steps.into_iter().enumerate() {
            let Step::Op(op, at) = step else {
                nodes = open();
                continue;
            };
            let now = Instant::from_secs(1_000 + at);
            let expected = book.post(op.clone(), now).map(|done| (done.balance, done.entry.is_some()));
            // A request is one node's from its hold to its end. What it tells of before it is written is written before
            // anybody else asks.
            let node = match &op {
                Op::Grant { .. } => n % 2,
                other => usize::from(other.id().ends_with(['1', '3', '5'])),
            };
            let (told, balance) = runtime.block_on(async {
                let told = nodes[node].post(&account, op, now).await;
                (told, nodes[node].balance(&account).await.unwrap())
            });
            // A balance that is told before it is written knows nothing of what the other node did last.
            let told = match told {
                Ok(posted) => Ok((balance, posted.fresh)),
                Err(BooksError::Refused(refusal)) => Err(refusal),
                Err(other) => panic!("{other:?}"),
            };
            prop_assert_eq!(told, expected);
        }
        let kept = runtime.block_on(nodes[0].entries(&account, 0, 1_000)).unwrap();
        prop_assert_eq!(&kept, book.entries());
        for (kept, made) in kept.iter().zip(book.entries()) {
            prop_assert_eq!(kept.canonical_bytes(), made.canonical_bytes());
        }
        prop_assert_eq!(
            &runtime.block_on(nodes[0].budgets(&account)).unwrap(),
            &book.account().tally().budgets
        );
        let open = format!(
            "SELECT count(*) FROM weir.open_hold JOIN weir.account ON id = account WHERE name = '{account}'"
        );
        prop_assert_eq!(base.sql(&open), book.account().tally().open.len().to_string());
        Ok(())
    };
    let law = std::cell::RefCell::new(law);
    runner.run(&steps(), |steps| (law.borrow_mut())(steps)).unwrap();
}
