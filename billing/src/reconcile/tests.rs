use super::*;
use crate::{Line, cost};
use proptest::prelude::*;
use vocab::{Bucket, Instant, Modifiers, Pico, Price, Rate, Rates, Ratio, Usage};

const COLUMNS: [Column; 4] = [
    Column { name: "input", buckets: &[Bucket::Input, Bucket::InputAudio, Bucket::InputImage] },
    Column { name: "cache_read", buckets: &[Bucket::CacheRead] },
    Column { name: "cache_write", buckets: &[Bucket::CacheWrite, Bucket::CacheWriteLong] },
    Column {
        name: "output",
        buckets: &[Bucket::Output, Bucket::Reasoning, Bucket::OutputAudio, Bucket::OutputImage],
    },
];

/// 2026-11-21.
const TODAY: Day = Day(20_778);

fn rate(usd: &str) -> Rate {
    Rate::of(usd, 1_000_000).unwrap()
}

fn price() -> Price {
    Price {
        version: "2026-11-21".into(),
        rates: Rates::default()
            .with(Bucket::Input, rate("10"))
            .with(Bucket::CacheRead, rate("1"))
            .with(Bucket::Output, rate("50")),
        multipliers: vec![
            (Modifiers::FLEX, Ratio { num: 1, den: 2 }),
            (Modifiers::PRIORITY, Ratio { num: 2, den: 1 }),
        ],
        ..Price::default()
    }
}

fn usage() -> Usage {
    let usage = Usage::default().with(Bucket::Input, 30_000).with(Bucket::CacheRead, 70_000);
    usage.with(Bucket::Output, 5_000).with(Bucket::Reasoning, 5_000)
}

fn line(model: &str, usage: Usage, price: &Price) -> Line {
    Line {
        provider: "openai".into(),
        model: model.into(),
        usage,
        price: Some(price.version.clone()),
        amount: cost(price, &usage, Instant::ZERO).unwrap(),
        outcome: "ok".into(),
    }
}

/// What a provider would say of these lines, if it agreed.
fn statement(lines: &[(Day, Line)]) -> Statement {
    let rows =
        lines.iter().filter(|(_, line)| line.usage.counted().next().is_some()).map(|(day, line)| Row {
            day: *day,
            model: Some(line.model.to_string()),
            requests: Some(1),
            counts: COLUMNS.iter().map(|column| Some(column.count(&line.usage))).collect(),
            cost: Some(line.amount),
            ..Row::default()
        });
    Statement { columns: COLUMNS.to_vec(), rows: rows.collect(), ..Statement::default() }
}

/// Ten calls of today, all alike.
fn calls() -> Vec<(Day, Line)> {
    vec![(TODAY, line("gpt", usage(), &price())); 10]
}

fn against(lines: &[(Day, Line)], statement: &Statement, price: Option<&Price>) -> Reconciliation {
    let prices = |_: &str, model: &str| price.filter(|_| model.starts_with("gpt"));
    let mut books = Books::of(["openai".to_owned()], &prices);
    for (day, line) in lines {
        books.add(day.start().after(vocab::Duration::from_secs(3_600)), line, line.usage.estimated);
    }
    reconcile(&books, statement, &Limits::default())
}

/// The causes of the only model and day that differs.
#[track_caller]
fn causes(lines: &[(Day, Line)], statement: &Statement) -> Vec<(Cause, String)> {
    let found = against(lines, statement, Some(&price()));
    let over: Vec<&Cell> = found.cells.iter().filter(|cell| cell.over).collect();
    assert_eq!(over.len(), 1, "{found:#?}");
    over[0].causes.iter().map(|likely| (likely.cause, likely.evidence.clone())).collect()
}

#[track_caller]
fn is(found: &[(Cause, String)], cause: Cause, evidence: &str) {
    assert_eq!(found.first().map(|(cause, _)| *cause), Some(cause), "{found:#?}");
    assert!(found[0].1.contains(evidence), "{}", found[0].1);
}

fn their_cost(statement: &mut Statement, change: impl Fn(Pico) -> Pico) {
    statement.rows.iter_mut().for_each(|row| row.cost = row.cost.map(&change));
}

#[test]
fn what_agrees_has_no_cause() {
    let found = against(&calls(), &statement(&calls()), Some(&price()));
    assert!(!found.over);
    assert_eq!(found.cells.len(), 1);
    assert_eq!(found.cells[0].causes, []);
    assert_eq!(found.requests, Some(Drift { ours: 10, theirs: 10 }));
    assert_eq!(found.money.unwrap().by(), Pico::ZERO);
    let names: Vec<&str> = found.cells[0].measures.iter().map(|measure| measure.name).collect();
    assert_eq!(names, ["requests", "input", "cache_read", "output"], "nobody wrote to a cache");
}

#[test]
fn cached_tokens_at_the_price_of_fresh_ones() {
    let mut theirs = statement(&calls());
    let fresh = usage().with(Bucket::CacheRead, 0).with(Bucket::Input, 100_000);
    their_cost(&mut theirs, |_| cost(&price(), &fresh, Instant::ZERO).unwrap());
    is(&causes(&calls(), &theirs), Cause::CachedPrice, "700000 cached tokens at the rate of fresh ones");
}

#[test]
fn a_catalogue_without_a_price_for_cached_tokens() {
    let lacking = Price {
        rates: Rates::default().with(Bucket::Input, rate("10")).with(Bucket::Output, rate("50")),
        ..price()
    };
    let ours = vec![(TODAY, line("gpt", usage(), &lacking)); 10];
    let found = against(&ours, &statement(&calls()), Some(&lacking));
    let likely = &found.cells[0].causes[0];
    assert_eq!(likely.cause, Cause::CachedPrice);
    assert!(
        likely.evidence.ends_with("theirs fits 1.000000000 USD per million of them"),
        "{}",
        likely.evidence
    );
}

#[test]
fn another_tier() {
    let mut theirs = statement(&calls());
    their_cost(&mut theirs, |cost| Pico(cost.0 / 2));
    theirs.rows[0].about = Some("flex".into());
    is(&causes(&calls(), &theirs), Cause::Tier, "as flex it comes to");
    assert!(causes(&calls(), &theirs)[0].1.ends_with("which fits (the export says: flex)"));
    their_cost(&mut theirs, |cost| Pico(cost.0 * 4));
    is(&causes(&calls(), &theirs), Cause::Tier, "as priority it comes to");
    // Charged by us as flex, by them as usual.
    let flex = Usage { modifiers: Modifiers::FLEX, ..usage() };
    let ours = vec![(TODAY, line("gpt", flex, &price())); 10];
    is(&causes(&ours, &statement(&calls())), Cause::Tier, "as the usual tier it comes to");
    // Where no price is known, a half is still a half.
    their_cost(&mut theirs, |cost| Pico(cost.0 / 4));
    let found = against(&calls(), &theirs, None);
    let likely: Vec<Cause> = found.cells[0].causes.iter().map(|likely| likely.cause).collect();
    assert_eq!(likely, [Cause::UnknownModel, Cause::Tier]);
}

#[test]
fn calls_that_only_one_side_has() {
    let (mut more, mut ours) = (calls(), calls());
    more.push(more[0].clone());
    let found = causes(&ours, &statement(&more));
    is(
        &found,
        Cause::Requests,
        "they count 11 requests, 1 more than the ledger's 10; all of ours ended well",
    );
    assert_eq!(found[1].0, Cause::Tokens, "and the money follows: {found:?}");
    ours[3].1.outcome = "lost".into();
    is(
        &causes(&ours, &statement(&calls()[1..])),
        Cause::Requests,
        "1 fewer than the ledger's 10; of ours, 1 lost",
    );
}

#[test]
fn what_was_refused_before_it_used_anything_is_no_request() {
    let mut ours = calls();
    let busy = Line {
        usage: Usage::default(),
        amount: Pico::ZERO,
        price: None,
        outcome: "busy".into(),
        ..ours[0].1.clone()
    };
    ours.push((TODAY, busy));
    assert!(!against(&ours, &statement(&calls()), Some(&price())).over);
}

#[test]
fn a_model_that_only_one_side_has() {
    let other = (TODAY, line("gpt-other", usage(), &price()));
    let mut both = calls();
    both.push(other.clone());
    is(&causes(&calls(), &statement(&both)), Cause::NotInLedger, "no call of gpt-other at all");
    is(&causes(&both, &statement(&calls())), Cause::NotInExport, "the ledger 1 calls");
    let found = against(&both, &statement(&calls()), Some(&price()));
    let alone = found.cells.iter().find(|cell| cell.over).unwrap();
    assert_eq!(alone.money, Some(Drift { ours: other.1.amount, theirs: Pico::ZERO }));
}

#[test]
fn a_model_that_nobody_knows() {
    let unknown = vec![(TODAY, line("other", usage(), &price()))];
    let mut theirs = statement(&unknown);
    their_cost(&mut theirs, |cost| Pico(cost.0 * 3));
    is(&causes(&unknown, &theirs), Cause::UnknownModel, "no price of other");
    let ceiling = Price { version: "ceiling".into(), ..price() };
    is(
        &causes(&[(TODAY, line("other", usage(), &ceiling))], &theirs),
        Cause::UnknownModel,
        "configured ceiling",
    );
}

#[test]
fn dated_names_mean_the_alias() {
    let mut theirs = statement(&calls());
    theirs.rows.iter_mut().for_each(|row| row.model = Some("gpt-2026-07-18".into()));
    let found = against(&calls(), &theirs, Some(&price()));
    assert!(!found.over);
    assert_eq!(
        (found.cells[0].model.as_deref(), found.cells[0].names.as_slice()),
        (Some("gpt"), ["gpt-2026-07-18".to_owned()].as_slice())
    );
}

#[test]
fn names_that_could_mean_several_are_told() {
    let dated = |date: &str| (TODAY, line(&format!("gpt-2026-{date}"), usage(), &price()));
    let ours = [dated("01-01"), dated("02-02")];
    let theirs = statement(&[(TODAY, line("gpt", usage(), &price()))]);
    let found = against(&ours, &theirs, Some(&price()));
    let causes: Vec<Cause> = found.cells.iter().map(|cell| cell.causes[0].cause).collect();
    assert_eq!(causes, [Cause::Renamed; 3], "{found:#?}");
}

#[test]
fn calls_around_midnight() {
    let day = |n| Day(TODAY.0 + n);
    let at = |days: &[Day]| days.iter().map(|day| (*day, line("gpt", usage(), &price()))).collect::<Vec<_>>();
    let ours = at(&[day(0), day(0), day(0), day(1), day(2), day(2), day(4)]);
    let theirs = at(&[day(0), day(0), day(1), day(1), day(2), day(2), day(4)]);
    let found = against(&ours, &statement(&theirs), Some(&price()));
    let over: Vec<&Cell> = found.cells.iter().filter(|cell| cell.over).collect();
    assert_eq!(over.len(), 2);
    assert!(over.iter().all(|cell| cell.causes.len() == 1 && cell.causes[0].cause == Cause::DayBoundary));
    assert!(
        over[0].causes[0]
            .evidence
            .starts_with("2026-11-21 to 2026-11-22 agree together; here requests -1, input -30000")
    );
    // Over three days.
    let theirs = at(&[day(0), day(0), day(1), day(2), day(2), day(2), day(4)]);
    let found = against(&ours, &statement(&theirs), Some(&price()));
    let over: Vec<&Cell> = found.cells.iter().filter(|cell| cell.over).collect();
    assert!(over.iter().all(|cell| cell.causes[0].cause == Cause::DayBoundary), "{over:#?}");
    // What is missing altogether, or two days off, is not about midnight.
    let theirs = at(&[day(0), day(0), day(0), day(1), day(2), day(2), day(2)]);
    let found = against(&ours, &statement(&theirs), Some(&price()));
    assert!(
        found.cells.iter().all(|cell| cell.causes.iter().all(|likely| likely.cause != Cause::DayBoundary))
    );
}

#[test]
fn estimates_of_ours() {
    let mut ours = calls();
    let guess = Usage { estimated: true, ..usage().with(Bucket::Output, 5_500) };
    ours[0].1 = line("gpt", guess, &price());
    is(&causes(&ours, &statement(&calls())), Cause::Estimates, "1 of the ledger's 10 calls are estimates");
}

#[test]
fn input_that_is_divided_otherwise() {
    let mut theirs = statement(&calls());
    let row = &mut theirs.rows[0];
    row.counts[0] = Some(100_000);
    row.counts[1] = Some(0);
    is(
        &causes(&calls(), &theirs),
        Cause::CacheSplit,
        "input is 1000000 tokens on both sides, but they read -70000",
    );
}

#[test]
fn a_price_that_has_changed() {
    let old =
        Price { version: "old".into(), rates: price().rates.with(Bucket::Output, rate("40")), ..price() };
    let ours = vec![(TODAY, line("gpt", usage(), &old)); 10];
    is(
        &causes(&ours, &statement(&calls())),
        Cause::PriceVersion,
        "charged at old; at the catalogue's 2026-11-21 it comes to",
    );
}

#[test]
fn money_that_is_tied_to_no_model() {
    // One sum for the day.
    let mut theirs = statement(&calls());
    their_cost(&mut theirs, |cost| Pico(cost.0 / 3));
    let whole: Pico = theirs.rows.iter().filter_map(|row| row.cost).sum();
    theirs.rows.iter_mut().for_each(|row| row.cost = None);
    theirs.rows.push(Row { day: TODAY, cost: Some(whole), ..Row::default() });
    let found = against(&calls(), &theirs, Some(&price()));
    assert_eq!(found.money, Some(Drift { ours: Pico(whole.0 * 3), theirs: whole }), "counted once");
    is(&causes(&calls(), &theirs), Cause::Untied, "one sum for the day");
    // A rest besides the models.
    let mut theirs = statement(&calls());
    theirs.rows.push(Row {
        day: TODAY,
        cost: Some(Pico(Pico::PER_USD)),
        about: Some("web_search".into()),
        ..Row::default()
    });
    is(
        &causes(&calls(), &theirs),
        Cause::Untied,
        "ties 1.000000000 USD to no model (web_search 1.000000000)",
    );
}

#[test]
fn what_nothing_explains_says_so() {
    let mut theirs = statement(&calls());
    their_cost(&mut theirs, |cost| Pico(cost.0 * 137 / 100));
    is(&causes(&calls(), &theirs), Cause::Unexplained, "their money is 137.00 % of the ledger's");
}

#[test]
fn limits_are_absolute_and_by_share() {
    let mut theirs = statement(&calls());
    theirs.rows[0].counts[0] = Some(30_010);
    theirs.rows[0].cost = theirs.rows[0].cost.map(|cost| cost.plus(Pico(Pico::PER_USD / 50)));
    let over = |limits: Limits| {
        let prices = |_: &str, _: &str| None;
        let mut books = Books::of([], &prices);
        calls().iter().for_each(|(day, line)| books.add(day.start(), line, false));
        reconcile(&books, &theirs, &limits).over
    };
    let (none, cents) = (Limits { money: Pico::ZERO, ..Limits::default() }, Pico(Pico::PER_USD / 50));
    assert!(over(none) && over(Limits::default()) && over(Limits { count: 10, ..Limits::default() }));
    assert!(
        over(Limits { count: 9, money: cents, ..none }) && !over(Limits { count: 10, money: cents, ..none })
    );
    assert!(!over(Limits { per_million: 3_000, ..none }) && over(Limits { per_million: 1, ..none }));
    // What was rounded to be shown may be as far off as that.
    let mut rounded = theirs.clone();
    rounded.rows[0].counts[0] = Some(30_000);
    rounded.rows[0].rounding = cents;
    assert!(!against(&calls(), &rounded, None).over);
}

#[test]
fn days_and_providers_that_are_not_meant_are_left_out() {
    let mut ours = calls();
    ours.push((Day(TODAY.0 - 1), ours[0].1.clone()));
    ours.push((TODAY, Line { provider: "groq".into(), ..ours[0].1.clone() }));
    ours.push((
        TODAY,
        Line { provider: "".into(), model: "".into(), outcome: "orphan".into(), ..ours[0].1.clone() },
    ));
    let found = against(&ours, &statement(&calls()), Some(&price()));
    assert!(!found.over, "{found:#?}");
    assert_eq!(found.notes.len(), 2, "{:?}", found.notes);
    assert!(found.notes[1].starts_with("1 requests that were never heard of again"));
}

#[test]
fn nothing_beside_nothing_is_fine() {
    let found = against(&[], &Statement::default(), None);
    assert!(!found.over && found.cells.is_empty() && found.days.is_none());
    // A day on which they say that nothing was.
    let covered = Statement { covered: [TODAY].into(), ..statement(&[]) };
    assert!(against(&calls(), &covered, None).over, "and the ledger says otherwise");
}

#[test]
fn it_is_written_as_json() {
    let mut theirs = statement(&calls());
    theirs.rows.pop();
    let found = against(&calls(), &theirs, Some(&price()));
    let cell = serde_json::to_value(&found.cells[0]).unwrap();
    assert_eq!(cell["day"], "2026-11-21");
    assert_eq!(cell["requests"], serde_json::json!({"ours": 10, "theirs": 9, "drift": -1}));
    assert_eq!(cell["usd"]["drift"], "-0.870000000");
    assert_eq!(cell["causes"][0]["cause"], Cause::Requests.name());
    for cause in [Cause::DayBoundary, Cause::PriceVersion, Cause::NotInExport] {
        assert_eq!(serde_json::to_value(cause).unwrap(), cause.name());
    }
}

fn any_lines() -> impl Strategy<Value = Vec<(Day, Line)>> {
    let counts = prop::collection::vec((0..10usize, 1..2_000_000u64), 0..5);
    let line = (0..4u64, 0..3usize, counts, 0..4u8, any::<bool>()).prop_map(
        |(day, model, counts, tier, estimated)| {
            let modifiers = Modifiers::from_bits_truncate(tier << 1);
            let mut usage = Usage { modifiers, estimated, ..Usage::default() };
            counts.into_iter().for_each(|(bucket, count)| usage.counts[bucket] = count);
            (Day(TODAY.0 + day), line(["gpt", "gpt-4o-2024-05-13", "gpt-4o"][model], usage, &price()))
        },
    );
    prop::collection::vec(line, 0..40)
}

proptest! {
    #[test]
    fn the_ledger_agrees_with_itself(lines in any_lines()) {
        let prices = |_: &str, _: &str| None;
        let mut books = Books::of([], &prices);
        lines.iter().for_each(|(day, line)| books.add(day.start(), line, false));
        let strict = Limits { count: 0, money: Pico::ZERO, per_million: 0 };
        let found = reconcile(&books, &statement(&lines), &strict);
        prop_assert!(!found.over, "{:#?}", found);
        prop_assert!(found.money.is_none_or(|money| money.by() == Pico::ZERO));
        prop_assert!(found.requests.is_none_or(|requests| requests.by() == 0));
    }

    #[test]
    fn whatever_is_missing_is_seen_and_has_a_cause(lines in any_lines(), at in any::<prop::sample::Index>()) {
        let all = statement(&lines);
        prop_assume!(!all.rows.is_empty());
        let mut less = all.clone();
        let gone = less.rows.remove(at.index(less.rows.len()));
        less.covered.insert(gone.day);
        let found = against(&lines, &less, Some(&price()));
        prop_assert!(found.over);
        let cell = found.cells.iter().find(|cell| cell.over && cell.day == gone.day).unwrap();
        prop_assert!(!cell.causes.is_empty());
    }
}
