use super::*;
use crate::account::memory::Memory;
use crate::account::{Desk, Read};
use billing::{Kind, Line, Refusal};
use relay::config::Terms;
use vocab::{Dice, Usage};

const NOW: Instant = Instant::from_secs(1_800_000_000);

fn after(millis: u64) -> Instant {
    NOW.after(Duration::from_millis(millis))
}

fn hold(id: &str, amount: i128) -> Op {
    let lease_until = NOW.after(Duration::from_secs(600));
    Op::Hold {
        id: id.into(),
        amount: Pico(amount),
        estimate: Pico(amount / 2),
        lease_until,
        tags: String::new(),
        caps: vec![],
    }
}

fn settle(id: &str, amount: i128) -> Op {
    let line = Line {
        provider: "p".into(),
        model: "m".into(),
        usage: Usage::default(),
        price: None,
        amount: Pico(amount),
        outcome: "ok".into(),
    };
    Op::Settle { id: id.into(), lines: vec![line], estimated: false }
}

fn terms(opening: i128) -> Terms {
    Terms { overdraft: Some(Pico::ZERO), opening: Pico(opening) }
}

/// An account's object, and what it would say.
struct Object<'a> {
    desk: Desk<&'a mut Memory>,
    opening: i128,
}

impl<'a> Object<'a> {
    fn new(memory: &'a mut Memory, opening: i128) -> Self {
        Self { desk: Desk::open(memory, "alice").unwrap(), opening }
    }

    /// Over the wire and back.
    fn answers(&mut self, letter: &Letter, now: Instant) -> Reply {
        let letter = Letter {
            account: "alice".into(),
            terms: terms(self.opening),
            ..serde_json::from_str(&serde_json::to_string(letter).unwrap()).unwrap()
        };
        serde_json::from_str(&serde_json::to_string(&self.desk.serve(letter, now).unwrap()).unwrap()).unwrap()
    }

    /// As `worker::books` asks it: what is to be told goes along.
    fn decides(&mut self, purse: &mut Purse, op: &Op, now: Instant) -> Reply {
        let packed = purse.pack(now, false);
        let slice = purse.asks(amount_of(op), now);
        let (heard, asked) = (purse.heard(), slice.want.is_some());
        let (number, mut letter) = packed.map_or((None, Letter::default()), |p| (Some(p.number), p.letter));
        if asked || letter.slice.is_none() {
            letter.slice = Some(slice);
        }
        letter.quiet = false;
        letter.posts.push(Post { now, op: op.clone(), leased: false });
        let reply = self.answers(&letter, now);
        if let Some(number) = number {
            purse.landed(number, &reply);
        }
        let done = reply.posted.last().unwrap().as_ref().is_ok_and(|done| done.fresh);
        purse.decided(op.id(), done.then(|| amount_of(op)), &reply, asked, heard, now);
        reply
    }

    fn hears(&mut self, purse: &mut Purse, now: Instant) -> bool {
        // Somebody is there who sees to it.
        let _shift = purse.hires(now);
        let Some(Packed { number, letter }) = purse.pack(now, true) else { return false };
        let reply = self.answers(&letter, now);
        purse.landed(number, &reply);
        true
    }
}

#[test]
fn what_falls_under_a_budget_is_decided_by_the_object() {
    let mut memory = Memory::default();
    let mut object = Object::new(&mut memory, 1_000_000);
    let mut purse = Purse::new("one");
    let first = purse.hold(hold("a", 100), NOW, NOW).unwrap_err();
    assert!(object.decides(&mut purse, &first, NOW).posted[0].is_ok());
    let cap =
        vocab::Cap { budget: "account/total".into(), from: Instant::ZERO, until: None, limit: Pico(150) };
    let capped = |id: &str| match hold(id, 100) {
        Op::Hold { id, amount, estimate, lease_until, tags, .. } => {
            Op::Hold { id, amount, estimate, lease_until, tags, caps: vec![cap.clone()] }
        }
        other => other,
    };
    // There is a slice, and it is not asked.
    let asked = purse.hold(capped("b"), NOW, NOW).unwrap_err();
    assert!(object.decides(&mut purse, &asked, NOW).posted[0].is_ok());
    let asked = purse.hold(capped("c"), NOW, NOW).unwrap_err();
    let refused = object.decides(&mut purse, &asked, NOW).posted.remove(0);
    assert_eq!(refused, Err(Refusal::Budget { cap: cap.clone(), taken: Pico(100), needed: Pico(100) }));
    let more = Op::Extend { id: "b".into(), more: Pico(60), lease_until: after(1), caps: vec![cap] };
    assert!(purse.hold(more, NOW, NOW).is_err());
}

#[test]
fn the_first_request_asks_and_the_next_do_not() {
    let mut memory = Memory::default();
    let mut object = Object::new(&mut memory, 1_000_000);
    let mut purse = Purse::new("one");
    let first = purse.hold(hold("a", 100), NOW, NOW).unwrap_err();
    assert!(object.decides(&mut purse, &first, NOW).posted[0].is_ok());
    for n in 0..50 {
        let id = format!("b-{n}");
        let balance = purse.hold(hold(&id, 100), NOW, NOW).unwrap();
        assert_eq!(balance.held, Pico(100 * (n + 2)));
    }
    assert!(purse.end(settle("a", 40), NOW).is_ok());
    assert!(purse.end(settle("b-0", 30), NOW).is_ok());
    let here = purse.balance();
    assert!(object.hears(&mut purse, after(20)));
    // What was done here is what is so there.
    assert_eq!(purse.balance(), here);
    assert_eq!(here.settled, Pico(70));
    let kinds = memory.entries.iter().map(|e| e.kind).collect::<Vec<_>>();
    assert_eq!(kinds.len(), 1 + 1 + 50 + 2);
    assert_eq!(kinds[..2], [Kind::Grant, Kind::Hold]);
    assert_eq!(kinds[kinds.len() - 2..], [Kind::Settle, Kind::Settle]);
}

#[test]
fn a_slice_is_used_while_it_is_confirmed_and_goes_back_when_nothing_happens() {
    let mut memory = Memory::default();
    let mut object = Object::new(&mut memory, 1_000_000);
    let mut purse = Purse::new("one");
    object.decides(&mut purse, &hold("a", 100), NOW);
    let used = USE.as_millis() as u64;
    assert!(purse.hold(hold("b", 100), NOW, after(used)).is_ok());
    // Told late: the letter that goes now confirms it from now on.
    assert!(purse.hold(hold("c", 100), NOW, after(used + 1)).is_err());
    assert!(purse.end(settle("a", 1), NOW).is_ok());
    let shift = purse.hires(after(used)).unwrap();
    assert!(purse.hires(after(used)).is_none(), "one is enough");
    // It has not been confirmed for too long: it goes back with what is told.
    let Task::Send(packed) = purse.task(shift, after(used + 20)) else { panic!() };
    assert_eq!(packed.letter.slice.as_ref().unwrap().want, Some(Pico::ZERO));
    let reply = object.answers(&packed.letter, after(used + 20));
    purse.landed(packed.number, &reply);
    assert!(matches!(purse.task(shift, after(used + 40)), Task::Go));
    assert!(object.desk.lease_ends().unwrap() > after(500_000), "only the hold's own lease is left");
    // The next one asks again.
    assert!(purse.hold(hold("d", 100), NOW, after(used + 50)).is_err());
    object.decides(&mut purse, &hold("d", 100), after(used + 50));
    assert!(purse.hold(hold("e", 100), NOW, after(used + 51)).is_ok());
}

#[test]
fn who_is_short_of_money_gets_what_others_do_not_use() {
    let mut memory = Memory::default();
    let mut object = Object::new(&mut memory, 100_000);
    let (mut one, mut two) = (Purse::new("one"), Purse::new("two"));
    assert!(object.decides(&mut one, &hold("a", 100), NOW).slice.is_some());
    let free = 100_000 - 100 - 6_400;
    assert!(object.decides(&mut two, &hold("big", free), NOW).posted[0].is_ok());
    // All that is left is the first one's slice.
    let poor = object.decides(&mut two, &hold("more", 100), after(1));
    assert!(poor.posted[0].is_err() && poor.wait);
    // It hears of that with whatever it tells next, and gives back.
    assert!(one.hold(hold("b", 100), NOW, after(2)).is_ok());
    assert!(object.hears(&mut one, after(3)));
    assert!(one.hold(hold("c", 100), NOW, after(4)).is_err());
    assert!(object.hears(&mut one, after(5)));
    let rich = object.decides(&mut two, &hold("more", 100), after(6));
    assert!(rich.posted[0].is_ok());
    // To the last unit, and no further.
    assert!(object.decides(&mut two, &hold("rest", 6_400 - 200), after(7)).posted[0].is_ok());
    let last = object.decides(&mut two, &hold("none", 1), after(8));
    assert!(last.posted[0].is_err() && !last.wait);
}

#[test]
fn an_isolate_that_dies_owes_what_it_told_of_at_a_time() {
    let mut memory = Memory::default();
    let mut object = Object::new(&mut memory, 1_000_000);
    let mut purse = Purse::new("one");
    object.decides(&mut purse, &hold("a", 100), NOW);
    for id in ["b", "c", "d"] {
        purse.hold(hold(id, 100), NOW, NOW).unwrap();
    }
    object.hears(&mut purse, after(20));
    for id in ["a", "b", "c", "d"] {
        purse.end(settle(id, 10), NOW).unwrap();
    }
    object.hears(&mut purse, after(40));
    // These are never told of.
    for id in ["e", "f"] {
        purse.hold(hold(id, 100), NOW, after(50)).unwrap();
    }
    drop(purse);
    assert_eq!(object.desk.sweep(after(59_000), None), Ok(0));
    let end = object.desk.lease_ends().unwrap();
    assert_eq!(object.desk.sweep(end, None), Ok(1));
    assert_eq!(object.desk.sweep(end, None), Ok(0));
    assert!(object.desk.verify().unwrap().ok);
    let last = memory.entries.last().unwrap();
    // Half of a hundred for each of three, as they came.
    assert_eq!((last.kind, last.amount), (Kind::Settle, Pico(150)));
    assert!(last.op_id.starts_with("slice-one-"), "{}", last.op_id);
    assert!(last.detail.contains("\"estimated\":true") && last.detail.contains("orphan"));
    assert_eq!(last.balance_after.held, Pico::ZERO);
}

#[test]
fn a_slice_outlives_the_object() {
    let mut memory = Memory::default();
    let mut purse = Purse::new("one");
    Object::new(&mut memory, 100_000).decides(&mut purse, &hold("a", 100), NOW);
    purse.hold(hold("b", 100), NOW, NOW).unwrap();
    // Another object of the same record: what was set aside is not given to anybody else.
    let mut object = Object::new(&mut memory, 100_000);
    let refused = object.decides(&mut Purse::new("two"), &hold("all", 100_000 - 100), NOW);
    assert!(refused.posted[0].is_err());
    object.hears(&mut purse, after(20));
    assert!(object.desk.verify().unwrap().ok);
    assert_eq!(purse.balance().held, Pico(200));
}

/// Isolates that live and die, letters that are late, lost on their way there, or lost on their way back, objects that are
/// put away: nobody spends what was not granted, every entry follows from the one before, and in the end nothing is held.
#[test]
fn whatever_is_lost_the_books_are_right() {
    for seed in 0..60 {
        story(seed);
    }
}

fn story(seed: u64) {
    const GRANTED: i128 = 60_000;
    let mut dice = Dice::seeded(seed);
    let mut memory = Memory::default();
    let mut isolates: Vec<Purse> = (0..3).map(|n| Purse::new(&format!("i{n}"))).collect();
    let mut running: Vec<(usize, String, i128)> = Vec::new();
    let (mut now, mut born, mut names) = (0u64, 0, 3);
    let mut below = |n: u64| dice.roll() % n;
    for _ in 0..25 {
        // Put away, and taken up again.
        let mut object = Object::new(&mut memory, GRANTED);
        for _ in 0..16 {
            now += below(40);
            let at = after(now);
            let i = below(3) as usize;
            match below(10) {
                0..=3 => {
                    born += 1;
                    let (id, amount) = (format!("r{born}"), 50 + i128::from(below(100)));
                    let began = match isolates[i].hold(hold(&id, amount), at, at) {
                        Ok(_) => true,
                        Err(op) => object.decides(&mut isolates[i], &op, at).posted.last().unwrap().is_ok(),
                    };
                    if began {
                        running.push((i, id, amount));
                    }
                }
                4..=6 if !running.is_empty() => {
                    let (at_isolate, id, amount) = running.swap_remove(below(running.len() as u64) as usize);
                    let op = settle(&id, i128::from(below(150)).min(amount));
                    if let Err(op) = isolates[at_isolate].end(op, at) {
                        object.decides(&mut isolates[at_isolate], &op, at);
                    }
                }
                7 | 8 => {
                    let _shift = isolates[i].hires(at);
                    if let Some(Packed { number, letter }) = isolates[i].pack(at, true) {
                        let lost = below(10);
                        let reply = (lost != 0).then(|| object.answers(&letter, at));
                        match reply {
                            Some(reply) if lost != 1 => isolates[i].landed(number, &reply),
                            _ => drop(isolates[i].lost(number)),
                        }
                    }
                }
                9 if below(8) == 0 => {
                    isolates[i] = Purse::new(&format!("i{names}"));
                    names += 1;
                    running.retain(|(there, ..)| *there != i);
                }
                _ => {}
            }
            // Whatever was given out is within what was granted, told or not.
            let untold: i128 =
                isolates.iter().flat_map(|p| &p.posts).filter(|p| p.leased).map(|p| amount_of(&p.op).0).sum();
            let read = Letter { read: Some(Read::Balance), ..Letter::default() };
            let there = object.answers(&read, at).balance;
            if there.granted > Pico::ZERO {
                assert!(there.available().0 >= untold, "seed {seed}: {there:?}, {untold} untold");
            }
        }
    }
    // Everybody who lives ends what he began and tells of it; then the rest is swept.
    now += 100;
    for (i, id, amount) in running {
        let mut object = Object::new(&mut memory, GRANTED);
        if let Err(op) = isolates[i].end(settle(&id, amount), after(now)) {
            object.decides(&mut isolates[i], &op, after(now));
        }
    }
    for purse in &mut isolates {
        let mut object = Object::new(&mut memory, GRANTED);
        now += 10_000;
        while object.hears(purse, after(now)) {}
    }
    let mut object = Object::new(&mut memory, GRANTED);
    object.desk.sweep(after(now + 3_600_000), None).unwrap();
    let verified = object.desk.verify().unwrap();
    assert!(verified.ok && verified.open_holds == 0, "seed {seed}: {verified:?}");
    assert_eq!(verified.balance.held, Pico::ZERO, "seed {seed}");
    assert!(verified.balance.settled.0 <= GRANTED, "seed {seed}: {verified:?}");
    assert_eq!(object.desk.lease_ends(), None, "seed {seed}");
    // Every request that was told of ended once.
    let mut open = std::collections::BTreeSet::new();
    for entry in &memory.entries {
        match entry.kind {
            Kind::Hold => assert!(open.insert(entry.op_id.clone())),
            Kind::Settle | Kind::Release => assert!(open.remove(&entry.op_id)),
            Kind::Grant | Kind::Extend | Kind::Hit | Kind::Replay => {}
        }
    }
}
