//! Answers under idempotency keys, of several nodes.

use super::*;
use crate::answers::SharedAnswers;
use bytes::Bytes;
use policy::{Caller, Digest, IdempotencyKey, IdempotencySetting, Slot, Tenant};
use relay::answers::{Answers, AnswersDown, Claim};

const RULES: IdempotencySetting =
    IdempotencySetting { ttl_s: 3_600, entry_max: 1_000_000, total_max: 1_000_000 };
const LEASE: vocab::Duration = vocab::Duration::from_secs(60);

fn answers(node: &Postgres) -> SharedAnswers {
    SharedAnswers::new(node.answer_table())
}

fn slot(key: &str) -> Slot {
    let caller = Caller { account: "red".into(), ..Caller::default() };
    Tenant::of(&caller).slot(IdempotencyKey::new(key).unwrap())
}

fn request() -> Digest {
    Digest::of("r")
}

async fn claim(answers: &SharedAnswers, key: &str, lease: vocab::Duration) -> Result<Claim, AnswersDown> {
    // The nodes' own clocks may say what they like.
    answers.claim(&slot(key), &request(), NOW, NOW.after(lease)).await
}

async fn first(answers: &SharedAnswers, key: &str) -> u64 {
    match claim(answers, key, LEASE).await.unwrap() {
        Claim::Yours(number) => number,
        _ => panic!("{key} is taken"),
    }
}

async fn keep(answers: &SharedAnswers, key: &str, number: u64, answer: &[u8], rules: &IdempotencySetting) {
    let answer = Bytes::copy_from_slice(answer);
    answers.keep(&slot(key), number, &request(), answer, rules, NOW).await.unwrap();
}

async fn put(answers: &SharedAnswers, key: &str, answer: &[u8], rules: &IdempotencySetting) {
    let number = first(answers, key).await;
    keep(answers, key, number, answer, rules).await;
}

async fn found(answers: &SharedAnswers, key: &str) -> Option<Vec<u8>> {
    match claim(answers, key, LEASE).await.unwrap() {
        Claim::Kept { request: of, answer } => {
            assert_eq!(of, request());
            Some(answer.to_vec())
        }
        Claim::Yours(number) => {
            answers.give_up(&slot(key), number).await;
            None
        }
        Claim::Busy { .. } => panic!("{key} is busy"),
    }
}

#[tokio::test]
async fn of_thirty_requests_on_three_nodes_one_is_answered_and_all_are_told_that() {
    let Some(base) = Base::new() else { return };
    let nodes = ["a", "b", "c"].map(|name| base.node(name, None, 0));
    let answers = nodes.each_ref().map(answers);
    let made = AtomicUsize::new(0);
    let client = async |n: usize| loop {
        let here = &answers[n % 3];
        match claim(here, "k", LEASE).await.unwrap() {
            Claim::Yours(number) => {
                let answer = format!("made {}", made.fetch_add(1, Ordering::SeqCst));
                // Long enough that the others come meanwhile.
                tokio::time::sleep(Duration::from_millis(400)).await;
                keep(here, "k", number, answer.as_bytes(), &RULES).await;
                return answer;
            }
            Claim::Kept { request: of, answer } => {
                assert_eq!(of, request());
                return String::from_utf8(answer.to_vec()).unwrap();
            }
            Claim::Busy { request: of, over } => {
                assert_eq!(of, request());
                over.await;
            }
        }
    };
    let told = futures::future::join_all((0..30).map(client)).await;
    assert!(told.iter().all(|answer| answer == "made 0"), "{told:?}");
    assert_eq!(made.load(Ordering::SeqCst), 1);
    assert_eq!(base.sql("SELECT count(*), count(answer) FROM weir.answer"), "1|1");
    // Another caller's key is another.
    let blue = Caller { account: "blue".into(), ..Caller::default() };
    let other = Tenant::of(&blue).slot(IdempotencyKey::new("k").unwrap());
    assert!(matches!(answers[0].claim(&other, &request(), NOW, NOW).await.unwrap(), Claim::Yours(_)));
}

#[tokio::test]
async fn what_one_gives_up_another_may_have() {
    let Some(base) = Base::new() else { return };
    let nodes = ["a", "b"].map(|name| base.node(name, None, 0));
    let [a, b] = nodes.each_ref().map(answers);
    let number = first(&a, "k").await;
    let Claim::Busy { over, .. } = claim(&b, "k", LEASE).await.unwrap() else { panic!("two have it") };
    a.give_up(&slot("k"), number).await;
    over.await;
    let second = first(&b, "k").await;
    // A word that comes late changes nothing.
    a.give_up(&slot("k"), number).await;
    keep(&a, "k", number, b"late", &RULES).await;
    assert!(matches!(claim(&a, "k", LEASE).await.unwrap(), Claim::Busy { .. }));
    keep(&b, "k", second, b"right", &RULES).await;
    let told = until("it is told", async || match claim(&a, "k", LEASE).await {
        Ok(Claim::Kept { answer, .. }) => Some(answer),
        _ => None,
    });
    assert_eq!(told.await, "right");
}

#[tokio::test]
async fn the_claim_of_a_node_that_died_ends_with_its_lease() {
    let Some(base) = Base::new() else { return };
    let (dead, living) = (base.node("dead", None, 0), base.node("living", None, 0));
    let (gone, here) = (answers(&dead), answers(&living));
    let short = vocab::Duration::from_millis(700);
    let Claim::Yours(number) = claim(&gone, "k", short).await.unwrap() else { panic!() };
    assert!(matches!(claim(&here, "k", LEASE).await.unwrap(), Claim::Busy { .. }));
    let second = until("its lease ends", async || match claim(&here, "k", LEASE).await.unwrap() {
        Claim::Yours(second) => Some(second),
        Claim::Busy { over, .. } => {
            over.await;
            None
        }
        Claim::Kept { .. } => panic!("nobody answered"),
    })
    .await;
    // It was not dead at all, only slow: what it brings is nobody's any more.
    keep(&gone, "k", number, b"slow", &RULES).await;
    keep(&here, "k", second, b"right", &RULES).await;
    assert_eq!(found(&here, "k").await.as_deref(), Some(&b"right"[..]));
}

#[tokio::test]
async fn answers_have_a_time_and_the_oldest_make_room() {
    let Some(base) = Base::new() else { return };
    let nodes = ["a", "b"].map(|name| base.node(name, None, 0));
    let both = nodes.each_ref().map(answers);
    put(&both[0], "old", b"x", &IdempotencySetting { ttl_s: 1, ..RULES }).await;
    assert!(found(&both[1], "old").await.is_some());
    base.sql("UPDATE weir.answer SET until = until - interval '1 s'");
    assert_eq!(found(&both[1], "old").await, None, "its time is over");
    nodes[0].answer_table().forget_old().await.unwrap();
    assert_eq!(base.sql("SELECT count(*) FROM weir.answer"), "0");

    let rules = IdempotencySetting { total_max: 100_000, ..RULES };
    for n in 0..20 {
        put(&both[n % 2], &format!("k{n}"), &[7; 30_000], &rules).await;
    }
    let mut there = Vec::new();
    for n in 0..20 {
        if found(&both[0], &format!("k{n}")).await.is_some() {
            there.push(n);
        }
    }
    assert_eq!(there, [17, 18, 19]);
    // A claim is no answer: it takes no room and is not thrown away for any.
    let number = first(&both[0], "mine").await;
    put(&both[1], "large", &[7; 90_000], &rules).await;
    assert!(matches!(claim(&both[1], "mine", LEASE).await.unwrap(), Claim::Busy { .. }));
    keep(&both[0], "mine", number, b"x", &rules).await;
    assert_eq!(base.sql("SELECT sum(size) FROM weir.answer"), "90001");
}

#[tokio::test]
async fn a_client_that_leaves_lets_go() {
    let Some(base) = Base::new() else { return };
    let node = base.node("a", None, 0);
    let here = answers(&node);
    for n in 0..20 {
        let key = format!("k{n}");
        let mut leaving = Box::pin(claim(&here, &key, LEASE));
        let _ = futures::poll!(leaving.as_mut());
        if n % 2 == 0 {
            // Its claim may have been made by now.
            put(&here, &format!("other{n}"), b"x", &RULES).await;
        }
        drop(leaving);
        let next = until("nobody has it", async || match claim(&here, &key, LEASE).await.unwrap() {
            Claim::Yours(number) => Some(number),
            _ => None,
        });
        keep(&here, &key, next.await, b"x", &RULES).await;
        assert!(found(&here, &key).await.is_some());
    }
    assert_eq!(base.sql("SELECT count(*) FROM weir.answer WHERE answer IS NULL"), "0");
}

#[tokio::test]
async fn while_the_database_is_away_nobody_is_told_anything() {
    let Some(cluster) = Cluster::make(&[]) else { return };
    let cluster = Arc::new(cluster);
    let base = Base { name: cluster.database(), cluster: cluster.clone() };
    let patience = Duration::from_millis(300);
    let address = Address::parse(&base.url()).unwrap();
    let node = Postgres::open(address, Options { patience, ..options("a", None, 0) }).unwrap();
    let here = answers(&node);
    put(&here, "k", b"before", &RULES).await;
    let number = first(&here, "late").await;
    cluster.stop("INT");
    let begun = Moment::now();
    assert!(claim(&here, "k", LEASE).await.is_err());
    assert!(begun.elapsed() < patience * 10, "{:?}", begun.elapsed());
    let unkept = here.keep(&slot("late"), number, &request(), Bytes::new(), &RULES, NOW).await;
    assert!(unkept.is_err());
    until("nobody waits for what is known to be away", async || {
        let begun = Moment::now();
        assert!(claim(&here, "other", LEASE).await.is_err());
        (begun.elapsed() < patience / 2).then_some(())
    })
    .await;
    cluster.start();
    let back = until("it is back", async || claim(&here, "k", LEASE).await.ok()).await;
    assert!(matches!(back, Claim::Kept { answer, .. } if answer == "before"));
}
