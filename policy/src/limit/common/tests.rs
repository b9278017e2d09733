use super::*;
use crate::limit::{Readings, Scope, What};
use proptest::prelude::*;

const NOW: Instant = Instant::from_secs(1_800_000_000);
const TERMS: Terms = Terms { ahead: Duration::from_secs(1), running: Duration::from_secs(10) };

fn after(ms: u64) -> Instant {
    NOW.after(Duration::from_millis(ms))
}

/// A node as it is in earnest: it lets in what it has ahead, and tells of it when it comes to the board.
#[derive(Default)]
struct Place {
    ahead: BTreeMap<Arc<str>, Ahead>,
    ahead_until: Instant,
    running: u32,
    /// Let in and not told of.
    news: Vec<(u64, Estimate)>,
    /// Over and not told of.
    ends: Vec<(u64, Use)>,
    taken: BTreeMap<u64, Taken>,
    demand: u64,
}

/// Several nodes, what they share, and the one meter that they are held against.
struct World {
    shared: BTreeMap<Arc<str>, Common>,
    places: Vec<Place>,
    rules: Vec<Rule>,
    /// What would be if one had counted it all.
    one: super::super::Counters,
    of_one: BTreeMap<u64, Taken>,
    tickets: u64,
    at_once: u32,
}

const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    In(u64),
    Over(Option<Duration>),
    Short,
}

impl World {
    fn new(quotas: &[Quotas]) -> Self {
        let rule = |(n, quotas): (usize, &Quotas)| Rule {
            scope: if n == 0 { Scope::Key } else { Scope::Account },
            home: None,
            counter: format!("rule {n}").into(),
            quotas: Arc::new(*quotas),
        };
        let rules: Vec<Rule> = quotas.iter().enumerate().map(rule).collect();
        Self {
            shared: BTreeMap::new(),
            places: NAMES.map(|_| Place::default()).into(),
            rules,
            one: super::super::Counters::default(),
            of_one: BTreeMap::new(),
            tickets: 0,
            at_once: 0,
        }
    }

    /// One that comes to a node: let in at once, or asked for.
    fn ask(&mut self, place: usize, estimate: Estimate, now: Instant) -> Told {
        self.tickets += 1;
        let ticket = self.tickets;
        let here = &mut self.places[place];
        here.demand += 1;
        let mut spent = here.ahead.clone();
        let at_once = here.ahead_until > now
            && self.rules.iter().all(|rule| {
                let tokens = estimate.within(&rule.quotas);
                spent.get_mut(&rule.counter).is_some_and(|ahead| ahead.spend(&rule.quotas, tokens))
            });
        let told = if at_once {
            here.ahead = spent;
            here.running += 1;
            here.news.push((ticket, estimate));
            self.at_once += 1;
            Told::In(ticket)
        } else {
            self.visit(place, Some((ticket, estimate)), now)
        };
        let meant = self.one.take(self.rules.clone(), estimate, now);
        match (told, meant) {
            (Told::In(_), Ok(taken)) => {
                self.of_one.insert(ticket, taken);
            }
            (Told::In(_), Err(over)) => panic!("let in at {now:?} beyond the limit: {over:?}"),
            (Told::Over(wait), Err(over)) => {
                assert!(wait >= over.wait || wait.is_none(), "told to come too early")
            }
            (Told::Over(_) | Told::Short, Ok(taken)) => self.one.end(&taken, Use::Nothing, now),
            (Told::Short, Err(_)) => {}
        }
        told
    }

    fn end(&mut self, place: usize, ticket: u64, used: Use, now: Instant) {
        let here = &mut self.places[place];
        here.running -= 1;
        here.ends.push((ticket, used));
        if here.ahead_until > now {
            // Its place is known to be this node's.
            here.ahead.values_mut().for_each(|ahead| ahead.places += 1);
        }
        let taken = self.of_one.remove(&ticket).unwrap();
        self.one.end(&taken, used, now);
    }

    /// The node tells its news, and asks.
    fn visit(&mut self, place: usize, asked: Option<(u64, Estimate)>, now: Instant) -> Told {
        let rules = self.rules.clone();
        let here = &mut self.places[place];
        let rows = rules.iter().map(|rule| {
            let kept = self.shared.get(&rule.counter).cloned().unwrap_or_default();
            // As it is kept.
            let kept = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
            (rule.counter.clone(), kept)
        });
        let mut board = Board::new(NAMES[place], TERMS, rows);
        for (ticket, estimate) in here.news.drain(..) {
            here.taken.insert(ticket, board.took(rules.clone(), estimate, now));
        }
        for (ticket, used) in here.ends.drain(..) {
            let taken = here.taken.remove(&ticket).unwrap();
            board.over(&taken, used, now);
        }
        for rule in &rules {
            board.hear(&rule.counter, &rule.quotas, here.running, now);
        }
        let told = asked.map(|(ticket, estimate)| match board.ask(rules.clone(), estimate, now) {
            Answer::In(taken) => {
                here.running += 1;
                here.taken.insert(ticket, taken);
                Told::In(ticket)
            }
            Answer::Over(over) => Told::Over(over.wait),
            Answer::Short(..) => Told::Short,
        });
        let wanted = Ahead { requests: here.demand, tokens: here.demand * 50, places: here.demand };
        here.ahead_until = now.after(TERMS.ahead);
        here.ahead.clear();
        for rule in &rules {
            let ahead = board.give(&rule.counter, &rule.quotas, wanted, now);
            here.ahead.insert(rule.counter.clone(), ahead);
        }
        self.shared = board.rows().map(|(name, row)| (name.clone(), row.clone())).collect();
        told.unwrap_or(Told::Short)
    }

    /// Asks as a node does: once more when the others have told their news.
    fn ask_again(&mut self, place: usize, estimate: Estimate, now: Instant) -> Told {
        match self.ask(place, estimate, now) {
            Told::Short => {
                for other in 0..NAMES.len() {
                    self.visit(other, None, now);
                }
                self.ask(place, estimate, now)
            }
            told => told,
        }
    }
}

fn minute(requests: u32) -> Quotas {
    Quotas { requests_per_minute: Some(requests), ..Quotas::default() }
}

const NONE: Estimate = Estimate { input: 0, output: 0 };

#[test]
fn ten_of_fifty_are_let_in_wherever_they_come() {
    let mut world = World::new(&[minute(10)]);
    let told: Vec<Told> = (0..50).map(|n| world.ask_again(n % 3, NONE, NOW)).collect();
    assert_eq!(told.iter().filter(|told| matches!(told, Told::In(_))).count(), 10);
    let six = Some(Duration::from_secs(6));
    assert!(told[10..].iter().all(|told| *told == Told::Over(six)), "{told:?}");
    assert_eq!(world.ask_again(2, NONE, after(5_999)), Told::Over(Some(Duration::from_millis(1))));
    assert!(
        matches!(world.ask_again(2, NONE, after(6_000)), Told::In(_)),
        "whoever waits that long is let in"
    );
}

#[test]
fn where_a_lot_is_left_most_are_let_in_without_asking() {
    let mut world = World::new(&[minute(60_000), Quotas { concurrent: Some(1_000), ..minute(100_000) }]);
    for n in 0..3_000u64 {
        let (place, now) = (usize::try_from(n % 3).unwrap(), after(n));
        let Told::In(ticket) = world.ask_again(place, NONE, now) else { panic!("{n} was refused") };
        world.end(place, ticket, Use::Tokens(0), now);
        if n % 250 == 0 {
            (0..3).for_each(|place| assert_eq!(world.visit(place, None, now), Told::Short));
        }
    }
    assert!(world.at_once > 2_800, "{} without asking", world.at_once);
}

#[test]
fn what_others_have_ahead_is_called_back_rather_than_refused() {
    let mut world = World::new(&[minute(100)]);
    for _ in 0..40 {
        assert!(matches!(world.ask_again(0, NONE, NOW), Told::In(_)));
    }
    world.visit(0, None, NOW);
    assert!(world.places[0].ahead["rule 0"].requests > 0);
    let told: Vec<Told> = (0..80).map(|_| world.ask_again(1, NONE, NOW)).collect();
    assert_eq!(told.iter().filter(|told| matches!(told, Told::In(_))).count(), 60, "all that were left");
}

#[test]
fn a_node_that_dies_has_used_what_it_had_ahead_and_its_places_come_back() {
    let mut world = World::new(&[Quotas { concurrent: Some(80), ..minute(100) }]);
    for _ in 0..30 {
        assert!(matches!(world.ask_again(0, NONE, NOW), Told::In(_)));
    }
    world.visit(0, None, NOW);
    assert_eq!(world.places[0].ahead["rule 0"], Ahead { requests: 8, tokens: 0, places: 6 });
    // It is not heard of again, and may have let in that many.
    let ask = |world: &mut World, now| {
        let told = (0..100).map(|_| world.visit(1, Some((0, NONE)), now));
        told.filter(|told| matches!(told, Told::In(_))).count()
    };
    assert_eq!(ask(&mut world, after(999)), 80 - 30 - 6);
    assert_eq!(ask(&mut world, after(1_000)), 6, "places that it had ahead are nobody's");
    // Requests that it had ahead are used, and 16 have drained; its places are back.
    assert_eq!(ask(&mut world, after(10_000)), 100 - 30 - 44 - 6 - 8 + 16);
}

#[test]
fn what_nobody_closed_does_not_stay_for_ever() {
    let mut world = World::new(&[Quotas { concurrent: Some(5), ..minute(600) }]);
    let first = world.ask_again(0, NONE, NOW);
    assert!(matches!(first, Told::In(_)));
    let row = |world: &World| world.shared["rule 0"].clone();
    let idle = row(&world).idle_at();
    assert!(idle >= after(10_000), "its node is believed until then");
    // Another clears away behind it.
    world.visit(1, None, after(20_000));
    assert!(row(&world).nodes.is_empty());
    assert!(row(&world).idle_at() <= after(20_000));
    // It was alive after all: its end changes nothing for those that came later.
    for _ in 0..3 {
        world.visit(1, Some((7, NONE)), after(20_000));
    }
    let left = |world: &mut World| {
        world.shared.get_mut("rule 0").unwrap().stand(&world.rules.clone()[0].quotas, after(20_000))[0]
            .unwrap()
            .0
    };
    let before = left(&mut world);
    world.places[0].running = 0;
    world.places[0].ends.push((1, Use::Nothing));
    world.visit(0, None, after(20_000));
    assert_eq!(left(&mut world), before);
}

#[test]
fn how_limits_stand_reads_as_where_one_counts() {
    let quotas = Quotas {
        requests_per_hour: Some(50),
        tokens_per_minute: Some(1_000),
        concurrent: Some(9),
        ..minute(20)
    };
    let mut world = World::new(&[quotas]);
    world.ask_again(0, Estimate { input: 100, output: 50 }, NOW);
    let stand = world.shared.get_mut("rule 0").unwrap().stand(&quotas, after(1_500));
    let mut read = Readings::default();
    for (what, of) in What::ALL.into_iter().zip(stand) {
        let (left, reset) = of.unwrap();
        world.rules[0].reading(what, left, reset).into_iter().for_each(|reading| read.note(reading));
    }
    let mut one = Readings::default();
    world.one.meter(&world.rules[0], NOW).read(&quotas, &Scope::Key, after(1_500), &mut one);
    assert_eq!(read, one);
}

/// What happens next, somewhere.
#[derive(Clone, Debug)]
enum Step {
    Ask(usize, u64, u64),
    End(usize, u64),
    Nothing(usize),
    Visit(usize),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..3usize, 0..40u64, 0..80u64).prop_map(|(place, input, output)| Step::Ask(place, input, output)),
        6 => (0..1_000usize, 0..120u64).prop_map(|(which, used)| Step::End(which, used)),
        1 => (0..1_000usize).prop_map(Step::Nothing),
        3 => (0..3usize).prop_map(Step::Visit),
        3 => (0..900u64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..250)
}

fn quotas() -> impl Strategy<Value = Quotas> {
    let some = |most: u32| proptest::option::of(1..most);
    (some(300), some(2_000), some(20_000), some(60)).prop_map(|(minute, hour, tokens, concurrent)| Quotas {
        requests_per_minute: minute,
        requests_per_hour: hour,
        tokens_per_minute: tokens,
        concurrent,
        ..Quotas::default()
    })
}

proptest! {
    /// Whatever three nodes do, as long as they are heard of in time: one who counts everything when it happens lets in
    /// whatever any of them lets in. (`World::ask` looks.) And where all have told their news they agree with him.
    #[test]
    fn together_they_let_in_no_more_than_one_would(
        quotas in proptest::collection::vec(quotas(), 1..3),
        steps in steps(),
    ) {
        let mut world = World::new(&quotas);
        let mut under_way: Vec<(usize, u64, u64)> = Vec::new();
        let mut now = NOW;
        for step in steps {
            match step {
                Step::Ask(place, input, output) => {
                    let estimate = Estimate { input, output };
                    if let Told::In(ticket) = world.ask(place, estimate, now) {
                        let least = quotas.iter().map(|quotas| estimate.within(quotas)).min().unwrap_or_default();
                        under_way.push((place, ticket, least));
                    }
                }
                Step::End(which, used) if !under_way.is_empty() => {
                    let (place, ticket, most) = under_way.swap_remove(which % under_way.len());
                    // What is used beyond the estimate is told a moment late, and nobody can know it before.
                    world.end(place, ticket, Use::Tokens(used.min(most)), now);
                }
                Step::Nothing(which) if !under_way.is_empty() => {
                    let (place, ticket, _) = under_way.swap_remove(which % under_way.len());
                    world.end(place, ticket, Use::Nothing, now);
                }
                Step::End(..) | Step::Nothing(_) => {}
                Step::Visit(place) => {
                    world.visit(place, None, now);
                }
                Step::Wait(ms) => {
                    now = now.after(Duration::from_millis(ms));
                    // In earnest this is four times a second.
                    for place in 0..3 {
                        world.visit(place, None, now);
                    }
                }
            }
        }
        (0..3).for_each(|place| {
            world.places[place].demand = 0;
            world.visit(place, None, now);
        });
        for rule in world.rules.clone() {
            let stand = world.shared.get_mut(&rule.counter).unwrap().stand(&rule.quotas, now);
            let one = world.one.meter(&rule, now).stand(&rule.quotas, now);
            for (here, there) in stand.iter().zip(one) {
                prop_assert!(here.map(|of| of.0) <= there.map(|of| of.0), "{:?} {:?}", stand, one);
            }
        }
    }
}
