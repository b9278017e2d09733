use super::super::shelf::memory::Memory;
use super::*;

const NOW: Instant = Instant::from_secs(1_800_000_000);

fn later(seconds: u64) -> Instant {
    NOW.after(Duration::from_secs(seconds))
}

fn rule(quotas: Quotas) -> Rule {
    Rule {
        scope: Scope::PlanAccount("pro".into()),
        home: Some("alice".into()),
        counter: "plan account\npro\nalice".into(),
        quotas: Arc::new(quotas),
    }
}

fn hourly() -> Vec<Rule> {
    vec![rule(Quotas { requests_per_hour: Some(2), ..Quotas::default() })]
}

fn single() -> Vec<Rule> {
    vec![rule(Quotas { concurrent: Some(1), tokens_per_minute: Some(60_000), ..Quotas::default() })]
}

/// Over the wire and back, as it goes between isolate and object.
fn count(counts: &mut Counts, memory: &mut Memory, what: &Count, at: Instant) -> Counted {
    let what = serde_json::from_str(&serde_json::to_string(what).unwrap()).unwrap();
    let (told, kept) = counts.count(what, at, &mut &mut *memory);
    kept.unwrap();
    serde_json::from_str(&serde_json::to_string(&told).unwrap()).unwrap()
}

const ESTIMATE: Estimate = Estimate { input: 1_000, output: 0 };

fn take(
    counts: &mut Counts,
    memory: &mut Memory,
    ticket: &str,
    rules: Vec<Rule>,
    at: Instant,
) -> Result<Readings, Box<Over>> {
    let what = Count::take(&ticket.into(), &rules, ESTIMATE);
    count(counts, memory, &what, at).read(&rules, ESTIMATE)
}

fn end(counts: &mut Counts, memory: &mut Memory, ticket: &str, used: Use, at: Instant) {
    assert_eq!(count(counts, memory, &Count::end(&ticket.into(), used), at), Counted::default());
}

#[test]
fn what_is_told_is_what_counting_here_tells() {
    let (mut counts, mut memory) = (Counts::default(), Memory::default());
    let mut here = Counters::default();
    let rules = || {
        let minute = Quotas { requests_per_minute: Some(7), burst: Some(3), ..Quotas::default() };
        let many = Quotas {
            requests_per_hour: Some(90),
            tokens_per_minute: Some(9_000),
            concurrent: Some(4),
            ..minute
        };
        let mut key = rule(minute);
        (key.scope, key.counter) = (Scope::Key, "key\nalice\n".into());
        vec![key, rule(many)]
    };
    for n in 0..8 {
        let at = later(n);
        let there = take(&mut counts, &mut memory, &n.to_string(), rules(), at);
        let here = here.take(rules(), ESTIMATE, at).map(|taken| taken.readings);
        assert_eq!(there, here, "{n}");
    }
}

#[test]
fn isolates_share_what_one_object_counts() {
    let (mut counts, mut memory) = (Counts::default(), Memory::default());
    assert!(take(&mut counts, &mut memory, "one-0", hourly(), NOW).is_ok());
    assert!(take(&mut counts, &mut memory, "two-0", hourly(), NOW).is_ok());
    let over = take(&mut counts, &mut memory, "one-1", hourly(), NOW).unwrap_err();
    assert_eq!(over.wait, Some(Duration::from_secs(1_800)));
    assert_eq!(over.limit.words(), "2 requests per hour for an account on the plan pro");
}

#[test]
fn what_ended_as_nothing_counts_nowhere_and_what_is_told_twice_counts_once() {
    let (mut counts, mut memory) = (Counts::default(), Memory::default());
    take(&mut counts, &mut memory, "a", single(), NOW).unwrap();
    assert!(take(&mut counts, &mut memory, "b", single(), NOW).is_err());
    for _ in 0..2 {
        end(&mut counts, &mut memory, "a", Use::Nothing, NOW);
    }
    let readings = take(&mut counts, &mut memory, "b", single(), NOW).unwrap();
    assert_eq!(readings.tokens.unwrap().left, 59_000, "what the first took was given back, once");
    assert!(take(&mut counts, &mut memory, "c", single(), NOW).is_err(), "one at a time, still");
}

#[test]
fn an_object_that_wakes_up_knows_what_was_taken() {
    let (mut counts, mut memory) = (Counts::default(), Memory::default());
    take(&mut counts, &mut memory, "a", hourly(), NOW).unwrap();
    take(&mut counts, &mut memory, "b", hourly(), later(2)).unwrap();
    let mut awake = Counts::open(&&mut memory);
    assert!(take(&mut awake, &mut memory, "c", hourly(), later(3)).is_err());
    end(&mut awake, &mut memory, "a", Use::Nothing, later(4));
    assert!(
        take(&mut awake, &mut memory, "c", hourly(), later(5)).is_err(),
        "nobody knows any more what it took"
    );
    assert!(take(&mut awake, &mut memory, "c", hourly(), later(1_801)).is_ok(), "it drains as ever");
}

#[test]
fn what_nobody_ends_ends_by_itself_and_stays_counted() {
    let (mut counts, mut memory) = (Counts::default(), Memory::default());
    take(&mut counts, &mut memory, "lost", single(), NOW).unwrap();
    assert!(take(&mut counts, &mut memory, "a", single(), later(600)).is_err());
    assert!(take(&mut counts, &mut memory, "b", single(), later(1_100)).is_ok());
    end(&mut counts, &mut memory, "lost", Use::Tokens(5), later(1_101));
    assert!(take(&mut counts, &mut memory, "c", single(), later(1_102)).is_err(), "b is under way");
}

#[test]
fn what_the_shelf_cannot_keep_is_counted_all_the_same() {
    let mut counts = Counts::default();
    let mut memory = Memory { writes: Some(std::cell::Cell::new(0)), ..Memory::default() };
    let what = |ticket: &str| Count::take(&ticket.into(), &hourly(), ESTIMATE);
    for (ticket, good) in [("a", true), ("b", true), ("c", false)] {
        let (told, kept) = counts.count(what(ticket), later(5), &mut &mut memory);
        assert_eq!(told.read(&hourly(), ESTIMATE).is_ok(), good);
        assert_eq!(kept.is_err(), ticket == "a", "and it is tried once a second");
    }
    memory.writes = None;
    memory.notes.insert(note::COUNTS.into(), "not to be read".into());
    assert!(Counts::open(&&mut memory).counters.is_empty());
}
