use super::*;
use crate::samples::*;
use crate::{Limits, Standing, State};
use vocab::{Card, Duration, Pico};

const NOW: Instant = Instant::from_secs(1_800_000_000);

/// A candidate by name, cost in thousandths of a cent (None is unknown), and seconds until its breaker lets through.
type Row = (&'static str, Option<i128>, Option<i64>);

/// Whom a request asks, in which order, and why.
fn asks(rows: &[Row], limits: &Limits) -> (String, String) {
    let cards: Vec<Card> = rows.iter().map(|(id, ..)| card(id)).collect();
    let offers: Vec<Offer> =
        rows.iter().zip(&cards).map(|((_, cost, open), card)| row(card, *cost, *open)).collect();
    let brief = brief();
    let decision = plan(&wish(&brief, limits), &offers, NOW, &mut Dice::seeded(7));
    let names: Vec<String> = decision.plan.iter().map(|i| offers[*i].card.id()).collect();
    (names.join(" "), decision.reason.to_string())
}

fn row(card: &Card, cost: Option<i128>, open: Option<i64>) -> Offer<'_> {
    let until = |secs: i64| Instant::from_secs((1_800_000_000 + secs).try_into().unwrap());
    let state = open.map_or(State::Closed, |secs| State::Open { until: until(secs) });
    let cost = cost.map(|c| Pico(c * 10_000_000));
    Offer { cost, dearest: cost, standing: Standing { state, ..Standing::default() }, ..offer(card) }
}

#[test]
fn whom_a_request_asks() {
    let free = limits();
    let capped = Limits { max_cost: Some(Pico(100 * 10_000_000)), ..limits() };
    let picky = Limits { allow: vec!["c".into()], ..limits() };
    let cases: &[(&[Row], &Limits, &str, &str)] = &[
        (&[], &free, "", "no candidates"),
        (&[("a/x", Some(10), None)], &free, "a/x", "only candidate"),
        (
            &[("a/x", Some(20), None), ("b/y", Some(10), None)],
            &free,
            "b/y a/x",
            "best utility of 2; +0.000102 over next",
        ),
        // The next one in another failure domain, although its neighbour is cheaper.
        (
            &[
                ("a/x", Some(1), None),
                ("a/y", Some(2), None),
                ("b/z", Some(50), None),
                ("a/w", Some(3), None),
            ],
            &free,
            "a/x b/z a/y a/w",
            "best utility of 4; +0.000010 over next",
        ),
        // Never back to the domain that just failed while there is another.
        (
            &[("a/x", Some(1), None), ("b/y", Some(3), None), ("b/z", Some(2), None), ("a/w", Some(4), None)],
            &free,
            "a/x b/z a/w b/y",
            "best utility of 4; +0.000010 over next",
        ),
        (
            &[
                ("a/1", Some(1), None),
                ("b/2", Some(2), None),
                ("c/3", Some(3), None),
                ("d/4", Some(4), None),
                ("e/5", Some(5), None),
            ],
            &free,
            "a/1 b/2 c/3 d/4",
            "best utility of 5; +0.000010 over next",
        ),
        // Unknown is last, and reachable.
        (
            &[("a/x", None, None), ("b/y", Some(5_000), None)],
            &free,
            "b/y a/x",
            "best of 2; the others are not fully known",
        ),
        (&[("a/x", None, None), ("b/y", Some(200), None)], &capped, "", "no candidate fits (2 removed)"),
        (&[("a/x", Some(1), None), ("c/y", Some(9), None)], &picky, "c/y", "only candidate"),
        // Breakers.
        (&[("a/x", Some(1), Some(9)), ("b/y", Some(2), None)], &free, "b/y", "only candidate"),
        (
            &[("a/x", Some(1), Some(0)), ("b/y", Some(900), None)],
            &free,
            "a/x b/y",
            "best utility of 2; probing after a break",
        ),
        (
            &[("a/x", Some(1), Some(0)), ("b/y", Some(2), None)],
            &free,
            "b/y a/x",
            "best utility of 2; +0.001675 over next",
        ),
        (
            &[("a/x", Some(1), Some(5)), ("b/y", Some(9), Some(-1)), ("c/z", Some(7), Some(0))],
            &free,
            "c/z b/y",
            "all breakers open; best of 2 due for a probe",
        ),
        (&[("a/x", Some(1), Some(5)), ("b/y", Some(9), Some(3))], &free, "", "all breakers open (2)"),
    ];
    for (i, (rows, limits, names, why)) in cases.iter().enumerate() {
        assert_eq!(asks(rows, limits), ((*names).to_owned(), (*why).to_owned()), "case {i}");
        assert!(why.is_ascii() && why.len() < 80);
    }
}

#[test]
fn all_open_says_when_to_come_back() {
    let (a, b) = (card("a/x"), card("b/y"));
    let (brief, limits) = (brief(), Limits { deny: vec!["c".into()], ..limits() });
    let c = card("c/z");
    // The denied one opens first, and is of no use.
    let offers = [row(&a, Some(1), Some(30)), row(&b, Some(1), Some(12)), row(&c, Some(1), Some(2))];
    let decision = plan(&wish(&brief, &limits), &offers, NOW, &mut Dice::seeded(7));
    assert_eq!(decision.retry_at(), Some(NOW.after(Duration::from_secs(12))));
    assert!(decision.plan.is_empty());
    let none = plan(&wish(&brief, &limits), &offers[2..], NOW, &mut Dice::seeded(7));
    assert_eq!((none.retry_at(), none.reason), (None, Reason::NoneFits { removed: 1 }));
}

#[test]
fn a_probe_that_is_out_blocks_like_an_open_breaker() {
    let card = card("a/x");
    let (brief, limits) = (brief(), limits());
    let until = NOW.after(Duration::from_secs(4));
    let standing = Standing { state: State::Probing { until }, ..Standing::default() };
    let decision =
        plan(&wish(&brief, &limits), &[Offer { standing, ..offer(&card) }], NOW, &mut Dice::seeded(7));
    assert_eq!(decision.ranked[0].removed, Some(Removed::Open { until }));
}

#[test]
fn equals_share_the_load_evenly() {
    let cards = [card("a/x"), card("b/x"), card("c/x")];
    let offers: Vec<Offer> = cards.iter().map(offer).collect();
    let (brief, limits) = (brief(), limits());
    let mut first = [0u32; 3];
    let mut dice = Dice::seeded(1);
    for _ in 0..3_000 {
        let decision = plan(&wish(&brief, &limits), &offers, NOW, &mut dice);
        assert_eq!(decision.reason, Reason::Tie { equal: 3, of: 3 });
        assert!((decision.propensity - 1.0 / 3.0).abs() < 1e-12);
        first[decision.plan[0]] += 1;
    }
    assert!(first.iter().all(|n| (900..1_100).contains(n)), "{first:?}");
}

#[test]
fn greater_numbers_have_greater_bits() {
    let numbers = [f64::NEG_INFINITY, -1e300, -1.0, -1e-300, 0.0, 1e-300, 1.0, 1e300, f64::INFINITY];
    for pair in numbers.windows(2) {
        assert!(ascending(pair[0]) < ascending(pair[1]), "{pair:?}");
    }
    assert_eq!(ascending(-0.0), ascending(0.0));
}

#[test]
fn a_plan_is_never_empty_for_want_of_a_number() {
    let card = card("a/x");
    let (brief, limits) = (brief(), limits());
    for (candidates_max, length) in [(0, 1), (1, 1), (3, 3), (usize::MAX, PLAN_MAX)] {
        let wish = Wish { candidates_max, ..wish(&brief, &limits) };
        assert_eq!(plan(&wish, &[offer(&card); 6], NOW, &mut Dice::seeded(7)).plan.len(), length);
    }
}
