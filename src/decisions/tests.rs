use super::*;
use crate::node::block_on;
use relay::config::DecisionsConfig;
use relay::decisions::{Candidate, Outcome, Record, VERSION};
use router::{Source, Weights};
use tempfile::TempDir;

const DAY: u64 = 86_400;
const NOW: Instant = Instant::from_secs(1_800_000_000);

fn record(account: &str, id: &str) -> Record {
    let candidate = |id: &str, propensity| Candidate {
        id: id.into(),
        propensity,
        quality: Some(0.5),
        quality_source: Source::Prior,
        basis: None,
        cost_usd: Some(0.001),
        latency_s: None,
        failure: 0.01,
    };
    Record {
        version: VERSION,
        request_id: id.into(),
        account: account.into(),
        user: None,
        at: NOW.rfc3339(),
        decision: "00000000000000aa".into(),
        model: "auto".into(),
        policy: "balanced".into(),
        pinned: false,
        weights: Weights::BALANCED,
        tokens_in: 7,
        needs: vec![],
        chosen: 0,
        candidates: vec![candidate("a/m", 1.0), candidate("b/m", 0.0)],
        outcome: Outcome { served: Some("a/m".into()), why: "served".into(), ..Outcome::default() },
        features: None,
        feedback: None,
        tags: None,
        prompt: None,
    }
}

fn say(account: &str, user: Option<&str>, id: &str, score: f64) -> Say {
    Say { account: account.into(), user: user.map(Into::into), request_id: id.into(), score }
}

fn ids(log: &Log, wanted: &Wanted) -> Vec<String> {
    let mut ids = Vec::new();
    let told = |record: Record| {
        ids.push(record.request_id);
        true
    };
    log.each(wanted, told).unwrap();
    ids
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn ledger(&self) -> PathBuf {
        self.0.path().join("weir.db")
    }

    fn log(&self) -> Log {
        Log::open(&beside(&self.ledger())).unwrap()
    }
}

#[test]
fn the_oldest_go_when_there_are_too_many_or_they_are_too_old() {
    let folder = Folder::new();
    let mut log = folder.log();
    let size = serde_json::to_string(&record("a", "r0")).unwrap().len() as u64;
    let rules = DecisionsConfig { total_max: 3 * size, days: 2, ..DecisionsConfig::default() };
    let put = |log: &mut Log, at: u64| {
        let at_time = NOW.after(Duration::from_secs(at));
        log.transact(|log| log.put(&record("a", &format!("r{}", at % 10)), at_time, &rules)).unwrap();
    };
    for at in 0..5 {
        put(&mut log, at);
    }
    assert_eq!(ids(&log, &Wanted::default()), ["r2", "r3", "r4"]);
    put(&mut log, 2 * DAY + 3 + 5);
    let last = format!("r{}", (2 * DAY + 8) % 10);
    assert_eq!(ids(&log, &Wanted::default()), [last.as_str()], "two days after, all else is gone");
    // What is counted is what is there, after a restart too.
    drop(log);
    let mut log = folder.log();
    for at in 2 * DAY + 11..2 * DAY + 16 {
        put(&mut log, at);
    }
    assert_eq!(ids(&log, &Wanted::default()).len(), 3);
}

#[test]
fn nobody_speaks_of_anothers_request() {
    let folder = Folder::new();
    let mut log = folder.log();
    let rules = DecisionsConfig::default();
    let anns = Record { user: Some("ann".into()), ..record("red", "r1") };
    log.put(&anns, NOW, &rules).unwrap();
    log.put(&record("blue", "r2"), NOW, &rules).unwrap();
    for (account, user, id) in [
        ("blue", None, "r1"),
        ("red", Some("bob"), "r1"),
        ("red", None, "r2"),
        ("red", None, "r3"),
        ("", None, "r1"),
    ] {
        assert_eq!(log.say(&say(account, user, id, 1.0), NOW).unwrap(), None, "{account} {user:?} {id}");
    }
    for (user, score, before) in
        [(Some("ann"), 0.5, None), (Some("ann"), 0.5, Some(0.5)), (None, 0.25, Some(0.5))]
    {
        let said = log.say(&say("red", user, "r1", score), NOW).unwrap().unwrap();
        assert_eq!((said.before, said.record.request_id.as_str()), (before, "r1"));
    }
    let mut scores = Vec::new();
    log.each(&Wanted { account: Some("red".into()), ..Wanted::default() }, |record| {
        scores.push(record.feedback.unwrap().score);
        true
    })
    .unwrap();
    assert_eq!(scores, [0.25], "the last word counts, once");
}

#[test]
fn a_request_is_decided_once() {
    let folder = Folder::new();
    let mut log = folder.log();
    let rules = DecisionsConfig::default();
    log.put(&record("a", "r"), NOW, &rules).unwrap();
    log.say(&say("a", None, "r", 1.0), NOW).unwrap();
    log.put(&Record { tokens_in: 9, ..record("a", "r") }, NOW, &rules).unwrap();
    let mut told = Vec::new();
    log.each(&Wanted::default(), |record| {
        told.push((record.tokens_in, record.feedback.is_some()));
        true
    })
    .unwrap();
    assert_eq!(told, [(7, true)]);
}

#[test]
fn times_and_accounts_are_told_apart() {
    let folder = Folder::new();
    let mut log = folder.log();
    let rules = DecisionsConfig::default();
    for (at, account) in [(0, "a"), (10, "b"), (20, "a")] {
        let at_time = NOW.after(Duration::from_secs(at));
        log.put(&record(account, &format!("r{at}")), at_time, &rules).unwrap();
    }
    let at = |seconds| Some(NOW.after(Duration::from_secs(seconds)));
    let wanted = |account: Option<&str>, from, to| Wanted { account: account.map(Into::into), from, to };
    assert_eq!(ids(&log, &wanted(Some("a"), None, None)), ["r0", "r20"]);
    assert_eq!(ids(&log, &wanted(None, at(10), at(20))), ["r10"]);
    assert_eq!(
        ids(&Log::read_only(&beside(&folder.ledger())).unwrap(), &wanted(None, at(10), None)),
        ["r10", "r20"]
    );
}

#[test]
fn who_asks_where_nothing_was_written_makes_no_file() {
    let folder = Folder::new();
    let file = DecisionFile::beside(&folder.ledger(), NativeClock::start());
    let said = block_on(file.say(say("a", None, "r", 1.0), NOW)).unwrap();
    assert_eq!(said, Err(SayError::Unknown));
    assert!(!beside(&folder.ledger()).exists());
    file.close();
    folder.log().put(&record("a", "r"), NOW, &DecisionsConfig::default()).unwrap();
    let said = block_on(file.say(say("a", None, "r", 1.0), NOW)).unwrap();
    assert!(matches!(said, Err(SayError::Down(_))), "a closed file takes no words: {said:?}");
    let file = DecisionFile::beside(&folder.ledger(), NativeClock::start());
    let said = block_on(file.say(say("a", None, "r", 1.0), NOW)).unwrap();
    assert_eq!(said.unwrap().record, record("a", "r"));
    file.close();
}

#[test]
fn what_was_learned_is_there_after_a_restart() {
    let folder = Folder::new();
    let file = DecisionFile::beside(&folder.ledger(), NativeClock::start());
    assert_eq!(file.learned(), None);
    file.keep("one".into());
    file.keep("two".into());
    file.close();
    let file = DecisionFile::beside(&folder.ledger(), NativeClock::start());
    assert_eq!(file.learned().as_deref(), Some("two"));
    file.close();
}

#[test]
fn a_file_that_cannot_be_opened_is_said_to_be_so() {
    let folder = Folder::new();
    std::fs::create_dir(beside(&folder.ledger())).unwrap();
    let file = DecisionFile::beside(&folder.ledger(), NativeClock::start());
    let said = block_on(file.say(say("a", None, "r", 1.0), NOW)).unwrap();
    assert!(matches!(said, Err(SayError::Down(_))), "{said:?}");
    file.close();
}
