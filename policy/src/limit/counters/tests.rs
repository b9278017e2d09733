use super::*;
use crate::limit::What;

const NONE: Estimate = Estimate { input: 0, output: 0 };

const fn input(tokens: u64) -> Estimate {
    Estimate { input: tokens, output: 0 }
}

const NOW: Instant = Instant::from_secs(1_800_000_000);

fn rule(counter: &str, scope: Scope, quotas: Quotas) -> Rule {
    Rule { scope, home: None, counter: counter.into(), quotas: Arc::new(quotas) }
}

fn per_minute(requests: u32) -> Quotas {
    Quotas { requests_per_minute: Some(requests), ..Quotas::default() }
}

#[test]
fn a_request_is_let_in_by_all_or_takes_from_none() {
    let mut counters = Counters::default();
    let key = || rule("k", Scope::Key, per_minute(10));
    let account = || rule("a", Scope::Account, per_minute(2));
    for _ in 0..2 {
        counters.take(vec![key(), account()], NONE, NOW).unwrap();
    }
    for _ in 0..20 {
        let over = counters.take(vec![key(), account()], NONE, NOW).unwrap_err();
        assert_eq!((&over.limit.scope, over.wait), (&Scope::Account, Some(Duration::from_secs(30))));
        assert_eq!(over.readings.requests.unwrap().left, 0);
    }
    // The key has lost nothing to what its account refused.
    let alone = counters.take(vec![key()], NONE, NOW).unwrap();
    assert_eq!(alone.readings.requests.unwrap().left, 7);
}

#[test]
fn the_longest_wait_is_told() {
    let mut counters = Counters::default();
    let rules = || {
        let hourly = Quotas { requests_per_hour: Some(1), ..Quotas::default() };
        let slots = Quotas { concurrent: Some(1), ..per_minute(1) };
        vec![rule("a", Scope::Account, slots), rule("h", Scope::Key, hourly)]
    };
    let first = counters.take(rules(), NONE, NOW).unwrap();
    let over = counters.take(rules(), NONE, NOW).unwrap_err();
    assert_eq!((over.limit.what, over.wait), (What::Hour, Some(Duration::from_secs(3_600))));
    assert_eq!(over.limit.words(), "1 request per hour for this key");
    counters.end(&first, Use::Tokens(0), NOW);
    let at = NOW.after(over.wait.unwrap());
    assert!(counters.take(rules(), NONE, at).is_ok(), "whoever waits that long is let in");
}

#[test]
fn a_request_that_nobody_hears_of_again_used_what_it_was_taken_for() {
    let mut counters = Counters::default();
    let limit = Quotas { concurrent: Some(1), tokens_per_minute: Some(100), ..per_minute(2) };
    let rules = || vec![rule("a", Scope::Account, limit)];
    let first = counters.take(rules(), input(30), NOW).unwrap();
    counters.end(&first, Use::Unknown, NOW);
    let second = counters.take(rules(), input(30), NOW).unwrap().readings;
    assert_eq!((second.requests.unwrap().left, second.tokens.unwrap().left), (0, 40));
}

#[test]
fn taken_up_again_it_is_what_was_taken_without_what_is_under_way() {
    let mut counters = Counters::default();
    let limit = Quotas { concurrent: Some(1), tokens_per_minute: Some(100), ..per_minute(2) };
    let rules = || vec![rule("a", Scope::Account, limit)];
    counters.take(rules(), input(30), NOW).unwrap();
    let resumed = || Counters::resume(counters.levels().map(|(name, levels)| (name.clone(), levels)));
    let mut read = resumed();
    let readings = read.take(rules(), input(30), NOW).unwrap().readings;
    assert_eq!((readings.requests.unwrap().left, readings.tokens.unwrap().left), (0, 40));
    read.tidy(NOW.after(Duration::from_secs(60)));
    assert_eq!(read.len(), 1, "one is under way");
    let mut idle = resumed();
    idle.tidy(NOW.after(Duration::from_secs(60)));
    assert!(idle.is_empty());
}

#[test]
fn slots_are_free_again_when_requests_end() {
    let mut counters = Counters::default();
    let rules = || vec![rule("a", Scope::Account, Quotas { concurrent: Some(2), ..Quotas::default() })];
    let one = counters.take(rules(), NONE, NOW).unwrap();
    let two = counters.take(rules(), NONE, NOW).unwrap();
    let over = counters.take(rules(), NONE, NOW).unwrap_err();
    assert_eq!(
        (over.limit.what, over.limit.reset, over.wait),
        (What::Concurrent, None, Some(Duration::from_secs(1)))
    );
    counters.end(&one, Use::Tokens(0), NOW);
    let three = counters.take(rules(), NONE, NOW).unwrap();
    counters.end(&two, Use::Nothing, NOW);
    counters.end(&three, Use::Tokens(9), NOW);
    assert_eq!(counters.take(rules(), NONE, NOW).unwrap().readings.concurrent.unwrap().left, 1);
}

#[test]
fn tokens_are_corrected_in_the_end() {
    let mut counters = Counters::default();
    let quotas = Quotas { tokens_per_minute: Some(600), requests_per_minute: Some(100), ..Quotas::default() };
    let rules = || vec![rule("a", Scope::Account, quotas)];
    let left = |counters: &mut Counters, at| {
        let taken = counters.take(rules(), NONE, at).unwrap();
        counters.end(&taken, Use::Nothing, at);
        (taken.readings.tokens.unwrap().left, taken.readings.requests.unwrap().left + 1)
    };
    // 400 were estimated and 100 used, then 100 and 300; then one that never was.
    for (estimate, used, expected) in [
        (400, Use::Tokens(100), (500, 99)),
        (100, Use::Tokens(300), (200, 98)),
        (150, Use::Nothing, (200, 98)),
    ] {
        let taken = counters.take(rules(), input(estimate), NOW).unwrap();
        counters.end(&taken, used, NOW);
        assert_eq!(left(&mut counters, NOW), expected, "{estimate} {used:?}");
    }
    // What is used beyond all that was left is owed.
    let taken = counters.take(rules(), input(200), NOW).unwrap();
    counters.end(&taken, Use::Tokens(900), NOW);
    let over = counters.take(rules(), input(10), NOW).unwrap_err();
    assert_eq!((over.limit.what, over.wait), (What::Tokens, Some(Duration::from_secs(71))));
    let never = counters.take(rules(), input(601), NOW).unwrap_err();
    assert_eq!((never.wait, never.estimate.whole()), (None, 601));
}

#[test]
fn what_may_be_answered_keeps_nobody_out_for_ever() {
    let mut counters = Counters::default();
    let quotas = Quotas { tokens_per_minute: Some(1_000), ..Quotas::default() };
    let rules = || vec![rule("a", Scope::Account, quotas)];
    let long = Estimate { input: 100, output: 64_000 };
    let taken = counters.take(rules(), long, NOW).unwrap();
    assert_eq!(taken.readings.tokens.as_ref().unwrap().left, 0);
    counters.end(&taken, Use::Tokens(300), NOW);
    let taken = counters.take(rules(), input(700), NOW).unwrap();
    assert_eq!(taken.readings.tokens.unwrap().left, 0, "what was really used stays taken");
}

#[test]
fn the_nearest_to_exhaustion_is_the_one_of_which_least_is_left_for_its_size() {
    let mut counters = Counters::default();
    let account = Quotas { tokens_per_minute: Some(1_000), concurrent: Some(10), ..per_minute(10) };
    let rules = || {
        vec![
            rule("a", Scope::Account, account),
            rule("k", Scope::Key, Quotas { burst: Some(4), ..per_minute(60) }),
        ]
    };
    let taken = counters.take(rules(), input(500), NOW).unwrap();
    let Readings { requests, tokens, concurrent } = &taken.readings;
    let shown = |reading: &Option<Reading>| reading.as_ref().map(|r| (r.left, r.limit)).unwrap();
    assert_eq!((shown(requests), shown(tokens), shown(concurrent)), ((3, 4), (500, 1_000), (9, 10)));
    assert_eq!(taken.readings.nearest(), tokens.as_ref());
    assert_eq!(requests.as_ref().unwrap().words(), "60 requests per minute, 4 at once, for this key");
    assert_eq!(requests.as_ref().unwrap().reset, Some(Duration::from_secs(1)));
}

#[test]
fn what_is_full_again_is_dropped() {
    let mut counters = Counters::default();
    let name = |n: usize| format!("account-{n}");
    let held = counters.take(vec![rule("held", Scope::Account, per_minute(1))], NONE, NOW).unwrap();
    for n in 0..50_000 {
        // Each comes once and is gone; a second apart they are full again a second later.
        let at = NOW.after(Duration::from_secs(n as u64));
        let taken = counters.take(vec![rule(&name(n), Scope::Account, per_minute(60))], NONE, at).unwrap();
        counters.end(&taken, Use::Tokens(0), at);
        assert!(counters.len() <= 2 * KEPT_MIN, "{n}: {}", counters.len());
    }
    assert!(counters.meters.contains_key("held"), "what is under way is kept");
    drop(held);
}
