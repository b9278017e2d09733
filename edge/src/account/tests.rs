use super::shelf::memory::Memory;
use super::*;
use billing::Kind;
use std::cell::Cell;

const NOW: Instant = Instant::from_secs(1_800_000_000);
const LEASE: Duration = Duration::from_secs(600);

fn later(seconds: u64) -> Instant {
    NOW.after(Duration::from_secs(seconds))
}

fn terms(opening: i128) -> Terms {
    Terms { overdraft: Some(Pico::ZERO), opening: Pico(opening) }
}

fn hold(id: &str, amount: i128) -> Op {
    let (estimate, lease_until) = (Pico(amount / 2), NOW.after(LEASE));
    Op::Hold { id: id.into(), amount: Pico(amount), estimate, lease_until, tags: String::new(), caps: vec![] }
}

fn line(amount: i128) -> Line {
    Line {
        provider: "p".into(),
        model: "m".into(),
        usage: Usage::default(),
        price: None,
        amount: Pico(amount),
        outcome: "ok".into(),
    }
}

fn settle(id: &str, amount: i128) -> Op {
    Op::Settle { id: id.into(), lines: vec![line(amount)], estimated: false }
}

fn posts(ops: impl IntoIterator<Item = Op>) -> Letter {
    let posts = ops.into_iter().map(|op| Post { now: NOW, op, leased: false }).collect();
    Letter { account: "alice".into(), terms: terms(1_000), posts, ..Letter::default() }
}

fn open(memory: &mut Memory) -> Desk<&mut Memory> {
    Desk::open(memory, "alice").unwrap()
}

/// Over the wire and back, as it goes between isolate and object.
fn serve(desk: &mut Desk<&mut Memory>, letter: &Letter) -> Reply {
    let letter = serde_json::from_str(&serde_json::to_string(letter).unwrap()).unwrap();
    let reply = desk.serve(letter, NOW).unwrap();
    serde_json::from_str(&serde_json::to_string(&reply).unwrap()).unwrap()
}

#[test]
fn fifty_holds_of_a_hundred_against_a_thousand_admit_ten() {
    let mut memory = Memory::default();
    let mut desk = open(&mut memory);
    let asked = (0..50).map(|n| hold(&format!("r-{n}"), 100));
    let posted = serve(&mut desk, &posts(asked)).posted;
    let admitted = posted.iter().filter(|p| p.is_ok()).count();
    assert_eq!(admitted, 10);
    let poor = Refusal::Poor { needed: Pico(100), available: Pico::ZERO };
    assert!(posted[10..].iter().all(|p| *p == Err(poor.clone())), "{posted:?}");
    assert!(desk.verify().unwrap().ok);
}

#[test]
fn the_opening_credit_is_granted_once() {
    let mut memory = Memory::default();
    let mut desk = open(&mut memory);
    let read = Letter { read: Some(Read::Balance), ..posts([]) };
    let Some(Found::Balance(balance)) = serve(&mut desk, &read).found else { panic!() };
    assert_eq!((balance.granted, desk.seq()), (Pico(1_000), 0));
    serve(&mut desk, &posts([hold("a", 10)]));
    serve(&mut desk, &posts([settle("a", 10), hold("b", 10)]));
    let kinds: Vec<Kind> = memory.entries.iter().map(|e| e.kind).collect();
    assert_eq!(kinds, [Kind::Grant, Kind::Hold, Kind::Settle, Kind::Hold]);
}

#[test]
fn what_comes_twice_is_done_once() {
    let mut memory = Memory::default();
    let mut desk = open(&mut memory);
    let all = [hold("a", 100), settle("a", 40), hold("b", 100)];
    let first = serve(&mut desk, &posts(all.clone()));
    assert!(first.posted.iter().all(|p| p.as_ref().unwrap().fresh));
    for _ in 0..2 {
        let again = serve(&mut desk, &posts(all.clone()));
        assert!(again.posted.iter().all(|p| !p.as_ref().unwrap().fresh), "{again:?}");
    }
    // Within one letter too, before anything of it is kept.
    let twice = serve(
        &mut desk,
        &posts([settle("b", 5), settle("b", 5), hold("c", 1), settle("c", 1), hold("c", 1)]),
    );
    let fresh: Vec<bool> = twice.posted.iter().map(|p| p.as_ref().unwrap().fresh).collect();
    assert_eq!(fresh, [true, false, true, true, false]);
    let other = serve(&mut desk, &posts([hold("a", 101), settle("a", 41)]));
    assert!(other.posted.iter().all(|p| matches!(p, Err(Refusal::Conflict { .. }))), "{other:?}");
    assert_eq!(desk.seq(), 1 + 6);
}

#[test]
fn it_wakes_up_where_it_fell_asleep() {
    let mut memory = Memory::default();
    let mut desk = open(&mut memory);
    for n in 0..400 {
        let id = format!("r-{n}");
        serve(&mut desk, &posts([hold(&id, 10), settle(&id, 1)]));
    }
    serve(&mut desk, &posts([hold("open", 100)]));
    let before = (desk.account.tally().clone(), desk.seq());
    assert!(memory.notes.contains_key(note::TALLY));
    for damage in [None, Some("{}"), Some("nonsense")] {
        if let Some(text) = damage {
            memory.notes.insert(note::TALLY.into(), text.into());
        }
        let desk = open(&mut memory);
        assert_eq!((desk.account.tally().clone(), desk.seq()), before);
    }
    // A tally that claims what the record does not say is not believed.
    let mut lie = before.0.clone();
    lie.balance.granted = Pico(9_999_999);
    memory.notes.insert(note::TALLY.into(), serde_json::to_string(&lie).unwrap());
    assert_eq!(open(&mut memory).account.balance(), before.0.balance);
    let mut desk = open(&mut memory);
    let settled = serve(&mut desk, &posts([settle("open", 100)]));
    assert_eq!(settled.posted[0].as_ref().unwrap().balance.settled, Pico(500));
}

#[test]
fn a_damaged_record_takes_nothing_more() {
    let mut memory = Memory::default();
    serve(&mut open(&mut memory), &posts([hold("a", 10), settle("a", 7)]));
    memory.entries[2].amount = Pico(6);
    let why = Desk::open(&mut memory, "alice").err().unwrap();
    assert!(matches!(&why, Broken::Record(why) if why.contains("entry 3")), "{why}");
    let why = Desk::open(&mut memory, "bob").err().unwrap();
    assert!(matches!(why, Broken::Record(_)), "{why}");
}

#[test]
fn a_disk_that_fails_costs_nothing_that_was_promised() {
    for writes in 0..4 {
        let mut memory = Memory::default();
        serve(&mut open(&mut memory), &posts([hold("a", 100)]));
        let before = memory.entries.clone();
        memory.writes = Some(Cell::new(writes));
        if let Ok(mut desk) = Desk::open(&mut memory, "alice") {
            let done = desk.serve(posts([settle("a", 60), hold("b", 50)]), NOW);
            assert_eq!(done.is_ok(), writes > 0, "{writes}");
        }
        if writes == 0 {
            assert_eq!(memory.entries, before);
        }
        memory.writes = None;
        // Sent again, as whoever got no answer does.
        let mut desk = open(&mut memory);
        let again = serve(&mut desk, &posts([settle("a", 60), hold("b", 50)]));
        assert!(again.posted.iter().all(Result::is_ok), "{again:?}");
        assert_eq!(desk.account.balance().settled, Pico(60));
        assert!(desk.verify().unwrap().ok);
    }
}

#[test]
fn an_orphan_is_settled_at_what_is_known_of_it() {
    let mut memory = Memory::default();
    let mut desk = open(&mut memory);
    let mut letter = posts([hold("known", 100), hold("silent", 100), hold("alive", 100)]);
    letter.progress = vec![Progress { id: "known".into(), at: later(30), lines: vec![line(33)] }];
    serve(&mut desk, &letter);
    let renew = Op::Extend { id: "alive".into(), more: Pico::ZERO, lease_until: later(2_000), caps: vec![] };
    serve(&mut desk, &posts([renew]));
    assert_eq!(desk.lease_ends(), Some(later(600)));
    assert_eq!(desk.sweep(later(599), None), Ok(0));
    assert_eq!(desk.sweep(later(600), None), Ok(2));
    assert_eq!(desk.sweep(later(600), None), Ok(0));
    // 33 as reported, and half of 100 as estimated.
    assert_eq!(desk.account.balance().settled, Pico(33 + 50));
    assert_eq!(desk.account.balance().held, Pico(100));
    assert!(desk.verify().unwrap().ok);
    assert!(!memory.notes.keys().any(|k| k.starts_with("progress")));
    let swept: Vec<&Entry> = memory.entries.iter().filter(|e| e.kind == Kind::Settle).collect();
    assert!(swept.iter().all(|e| e.detail.contains("\"estimated\":true")));
}

#[test]
fn an_operator_may_sweep_what_was_not_heard_of() {
    let mut memory = Memory::default();
    let mut desk = open(&mut memory);
    let mut letter = posts([hold("gone", 100), hold("speaking", 100)]);
    letter.progress = vec![Progress { id: "speaking".into(), at: later(100), lines: vec![line(1)] }];
    serve(&mut desk, &letter);
    let minute = Some(Duration::from_secs(60));
    assert_eq!(desk.sweep(later(59), minute), Ok(0));
    assert_eq!(desk.sweep(later(120), minute), Ok(1));
    assert!(desk.account.open("speaking").is_some());
    assert_eq!(desk.sweep(later(160), minute), Ok(1));
}

#[test]
fn progress_of_what_has_ended_is_not_kept() {
    let mut memory = Memory::default();
    let mut desk = open(&mut memory);
    let progress = vec![Progress { id: "a".into(), at: NOW, lines: vec![line(1)] }];
    serve(&mut desk, &Letter { progress: progress.clone(), ..posts([hold("a", 10)]) });
    assert!(desk.shelf().note(&note::progress("a")).unwrap().is_some());
    serve(&mut desk, &posts([settle("a", 2)]));
    serve(&mut desk, &Letter { progress, ..posts([]) });
    assert!(desk.shelf().note(&note::progress("a")).unwrap().is_none());
}

#[test]
fn what_is_asked_is_found() {
    let mut memory = Memory::default();
    let mut desk = open(&mut memory);
    serve(&mut desk, &posts([hold("a", 10), settle("a", 3), hold("b", 10)]));
    let mut posts_later = posts([settle("b", 4)]);
    posts_later.posts[0].now = later(3_600);
    serve(&mut desk, &posts_later);
    let mut ask = |read: Read| serve(&mut desk, &Letter { read: Some(read), ..posts([]) }).found.unwrap();
    let ids = |found: Found| match found {
        Found::Entries(list) => list.into_iter().map(|e| (e.seq, e.op_id)).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(ids(ask(Read::Entries { after: 3, limit: 9 })), [(4, "b".into()), (5, "b".into())]);
    assert_eq!(ids(ask(Read::Ended { before: 99, limit: 1 })), [(5, "b".into())]);
    assert_eq!(ids(ask(Read::OfRequest { id: "a".into() })), [(2, "a".into()), (3, "a".into())]);
    assert_eq!(ids(ask(Read::OfRequest { id: "x".into() })), []);
    assert_eq!(ask(Read::Spent { from: later(1) }), Found::Spent(Pico(4)));
    assert_eq!(ask(Read::Spent { from: Instant::ZERO }), Found::Spent(Pico(7)));
    assert!(matches!(ask(Read::Verify), Found::Verified(Verified { ok: true, entries: 5, .. })));
}

#[test]
fn what_is_copied_is_remembered() {
    let mut memory = Memory::default();
    let mut desk = open(&mut memory);
    serve(&mut desk, &posts([hold("a", 10), settle("a", 3)]));
    let seqs = |desk: &Desk<&mut Memory>| desk.uncopied(2).unwrap().iter().map(|e| e.seq).collect::<Vec<_>>();
    assert_eq!(seqs(&desk), [1, 2]);
    desk.was_copied(2).unwrap();
    assert_eq!(seqs(&desk), [3]);
    desk.was_copied(3).unwrap();
    assert!(seqs(&open(&mut memory)).is_empty());
}

mod taken_over {
    use super::*;

    fn record(ops: &[Op]) -> Vec<Entry> {
        let mut memory = Memory::default();
        serve(&mut open(&mut memory), &posts(ops.iter().cloned()));
        memory.entries
    }

    fn bring(memory: &mut Memory, entries: &[Entry], force: bool) -> Imported {
        let half = entries.len() / 2;
        let part = |entries: &[Entry], first, last| Import {
            account: "alice".into(),
            first,
            entries: entries.to_vec(),
            last,
            force,
        };
        let mut shelf = memory;
        assert_eq!(import(&mut shelf, &part(&entries[..half], true, false)), Ok(Imported::Aside));
        import(&mut shelf, &part(&entries[half..], false, true)).unwrap()
    }

    #[test]
    fn a_lost_record_comes_back_whole() {
        let entries = record(&[hold("a", 10), settle("a", 3), hold("b", 10)]);
        let mut memory = Memory::default();
        assert!(
            matches!(bring(&mut memory, &entries, false), Imported::Adopted(v) if v.entries == 4 && v.ok)
        );
        assert_eq!(memory.entries, entries);
        let mut desk = open(&mut memory);
        assert!(serve(&mut desk, &posts([settle("b", 1)])).posted[0].is_ok());
    }

    #[test]
    fn a_damaged_record_is_replaced_and_a_good_one_is_not() {
        let entries = record(&[hold("a", 10), settle("a", 3), hold("b", 10)]);
        let other = record(&[hold("x", 10), settle("x", 9)]);
        let refused = |came: Imported| matches!(came, Imported::Refused(_));
        let mut memory = Memory { entries: entries.clone(), ..Memory::default() };
        // Shorter, or another: only by force.
        assert!(refused(bring(&mut memory, &entries[..2], false)));
        assert!(refused(bring(&mut memory, &other, false)));
        assert_eq!((memory.entries.len(), memory.staged.len()), (4, 0));
        // How it goes on.
        let mut short = Memory { entries: entries[..2].to_vec(), ..Memory::default() };
        assert!(matches!(bring(&mut short, &entries, false), Imported::Adopted(_)));
        // Damaged itself.
        let mut bad = entries.clone();
        bad[2].amount = Pico(1);
        assert!(refused(bring(&mut memory, &bad, true)));
        memory.entries = bad;
        assert!(matches!(bring(&mut memory, &entries, false), Imported::Adopted(_)));
        assert_eq!(memory.entries, entries);
        assert!(matches!(bring(&mut memory, &other, true), Imported::Adopted(_)));
        assert_eq!(memory.entries, other);
    }
}
