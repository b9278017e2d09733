use super::{MemoryBooks, Net, Stuck, World, hang_up_after};
use crate::Kind;
use crate::tests::{Say, lab};
use billing::{Line, Op};
use futures::StreamExt;
use relay::ports::{Books, BooksError, Http};
use std::sync::{Arc, Mutex};
use vocab::{Call, Duration, Fault, Instant, Pico, Usage};

const SECOND: Duration = Duration::from_secs(1);
const DAWN: Instant = Instant::from_secs(1_795_219_200);

fn world(seed: u64) -> World {
    World::new(seed, DAWN)
}

#[test]
fn hours_pass_in_no_time() {
    let world = world(1);
    let told = world.run(async {
        world.sleep(SECOND * 7_200).await;
        world.now()
    });
    assert_eq!(told, Ok(DAWN.after(SECOND * 7_200)));
}

/// Who came when, in a world where everybody sleeps.
fn story(seed: u64) -> Vec<(u64, u32)> {
    let world = world(seed);
    let log = Arc::new(Mutex::new(Vec::new()));
    for task in 0..8 {
        let (world, log) = (world.clone(), Arc::clone(&log));
        world.clone().spawn(async move {
            for _ in 0..3 {
                world.sleep(SECOND).await;
                log.lock().unwrap().push((world.now().since(DAWN).as_secs(), task));
            }
        });
    }
    assert_eq!(world.settle(), 0);
    let log = log.lock().unwrap().clone();
    assert!(log.is_sorted_by_key(|(at, _)| *at));
    log
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in 0..50 {
        assert_eq!(story(seed), story(seed));
    }
    assert_ne!(story(1), story(2), "another seed, another order");
}

#[test]
fn waiting_for_nothing_and_spinning_are_told() {
    let world = world(1);
    world.spawn(std::future::pending());
    let stuck = world.run(std::future::pending::<()>());
    assert_eq!(stuck, Err(Stuck::Waiting { at: DAWN, tasks: 1 }));
    let spin = std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        std::task::Poll::<()>::Pending
    });
    assert_eq!(world.run(spin), Err(Stuck::Spinning { at: DAWN }));
    assert_eq!(world.settle(), 1);
}

#[test]
fn a_task_can_be_dropped_wherever_it_stands() {
    let world = world(1);
    let held = Arc::new(());
    let inner = Arc::clone(&held);
    let sleeper = world.clone();
    let task = world.spawn(async move {
        sleeper.sleep(SECOND * 10).await;
        drop(inner);
    });
    world.run_for(SECOND).unwrap();
    assert_eq!(Arc::strong_count(&held), 2);
    assert!(world.cancel(task));
    assert_eq!(Arc::strong_count(&held), 1);
    assert!(!world.cancel(task));
    world.run_for(SECOND * 20).unwrap();

    let three = async {
        for _ in 0..3 {
            world.sleep(SECOND).await;
        }
        "done"
    };
    assert_eq!(world.run(world.hang_up_at(world.now().after(SECOND * 2), three)), Ok(None));
    for polls in 1..6 {
        let three = async {
            for _ in 0..3 {
                world.sleep(SECOND).await;
            }
            "done"
        };
        let expected = (polls > 3).then_some("done");
        assert_eq!(world.run(hang_up_after(polls, three)), Ok(expected), "{polls}");
    }
}

fn call(say: &Say) -> Call {
    let request = say.request(&lab());
    let uri = format!("http://lab.test{}", request.path).parse().unwrap();
    Call { uri, headers: request.headers.into(), body: request.body.into(), stream: say.stream }
}

/// Status, body and how it ended.
type Came = Result<(u16, Vec<u8>, Option<Fault>), Fault>;

async fn fetch(net: &Net, say: &Say) -> Came {
    let mut reply = net.send(call(say), SECOND * 3).await?;
    let mut body = Vec::new();
    while let Some(piece) = reply.body.next().await {
        match piece {
            Ok(bytes) => body.extend_from_slice(&bytes),
            Err(fault) => return Ok((reply.status, body, Some(fault))),
        }
    }
    Ok((reply.status, body, None))
}

fn send(what: &str) -> (Result<Came, Stuck>, Duration, Net) {
    let world = world(3);
    let net = Net::new(&world, &lab());
    let say = Say::to("openai", "gpt-lab-mini", &format!("Hi [[lab: tokens=10 {what}]]")).streamed();
    let came = world.run(fetch(&net, &say));
    (came, world.now().since(DAWN), net)
}

#[test]
fn the_network_plays_scripts_in_virtual_time() {
    let (came, took, net) = send("");
    let (status, body, fault) = came.unwrap().unwrap();
    assert_eq!((status, fault), (200, None));
    assert!(String::from_utf8(body).unwrap().ends_with("data: [DONE]\n\n"));
    assert!(took > Duration::from_millis(10) && took < SECOND);
    let seen = net.lab().seen().remove(0);
    assert!(seen.progress.ended && seen.reported().unwrap().output == 10);

    let (came, took, _) = send("fault=stall after=4 ms=90000");
    assert!(came.unwrap().unwrap().2.is_none() && took > SECOND * 90);
}

#[test]
fn the_network_fails_as_asked() {
    let fault = |what: &str| match send(what).0.unwrap() {
        Err(fault) | Ok((_, _, Some(fault))) => fault.name(),
        Ok((_, _, None)) => "none",
    };
    assert_eq!(fault("fault=refuse"), "down");
    assert_eq!(fault("fault=no_connect"), "down");
    assert_eq!(send("fault=no_connect").1, SECOND * 3);
    assert_eq!(fault("fault=drop after=2"), "cut");
    assert_eq!(fault("fault=reset after=2"), "cut");
    assert_eq!(fault("fault=length_lie"), "cut");
    assert_eq!(fault("fault=cut after=2"), "none", "only the dialect can tell");
    for hang in ["fault=no_head", "fault=stall after=2"] {
        assert!(matches!(send(hang).0, Err(Stuck::Waiting { .. })), "{hang}");
    }
}

#[test]
fn who_hangs_up_is_seen() {
    let world = world(3);
    let net = Net::new(&world, &lab());
    let say = Say::to("openai", "gpt-lab-mini", "Hi [[lab: tokens=500]]").streamed();
    let at = world.now().after(Duration::from_millis(200));
    assert_eq!(world.run(world.hang_up_at(at, fetch(&net, &say))).unwrap(), None);
    let seen = net.lab().seen().remove(0);
    assert!(seen.progress.steps > 5 && seen.progress.steps < seen.steps && !seen.progress.ended);
    assert_eq!(seen.reported(), None, "the usage comes last, and it never came");
    assert_eq!(seen.made.output, 500);
}

#[test]
fn storms_are_the_same_storms_for_one_seed() {
    let day = |seed| {
        let world = world(seed);
        let lab = Arc::new(crate::Lab::new(crate::scenario("storms").unwrap()).unwrap());
        let net = Net::new(&world, &lab);
        for i in 0..60 {
            let net = net.clone();
            let sleeper = world.clone();
            world.spawn(async move {
                sleeper.sleep(SECOND * i).await;
                let mut say =
                    Say::to("openai", "gpt-lab-mini", "Hi").streamed().with("model", "gale-1".into());
                say.model = "gale-1";
                let mut call = call(&say);
                call.uri = "http://lab.test/gale/v1/chat/completions".parse().unwrap();
                if let Ok(reply) = net.send(call, SECOND).await {
                    reply.body.for_each(|_| async {}).await;
                }
            });
        }
        world.settle();
        lab.seen()
    };
    assert_eq!(day(1), day(1));
    let seen = day(1);
    assert_eq!(seen.len(), 60);
    assert_ne!(seen, day(2));
    let hit = |kind| seen.iter().filter(|s| s.troubles.contains(&kind)).count();
    assert_eq!(hit(Kind::ServerError), 16, "eight seconds of every thirty");
    assert_eq!(hit(Kind::RateLimit), 3);
    assert!(hit(Kind::Cut) > 0);
}

fn hold(id: &str, amount: i64, lease: Instant) -> Op {
    let amount = Pico::from_usd(amount);
    Op::Hold {
        id: id.into(),
        amount,
        estimate: Pico::from_usd(1),
        lease_until: lease,
        tags: String::new(),
        caps: vec![],
    }
}

fn line(amount: i64) -> Line {
    Line {
        provider: "p".into(),
        model: "m".into(),
        usage: Usage::default(),
        price: None,
        amount: Pico::from_usd(amount),
        outcome: "ok".into(),
    }
}

#[test]
fn books_lose_what_was_not_durable_and_nothing_else() {
    let world = world(1);
    let books = MemoryBooks::new(&world, Some(Pico::ZERO), Duration::from_millis(5));
    let grant = Op::Grant { id: "g".into(), amount: Pico::from_usd(10), reason: "gift".into() };
    let lease = DAWN.after(SECOND * 60);
    let lost = world.run(async {
        books.post("alice", grant.clone(), world.now()).await.unwrap();
        let held = books.post("alice", hold("h1", 4, lease), world.now()).await.unwrap();
        books.durable(held.mark).await.unwrap();
        books.post("alice", hold("h2", 4, lease), world.now()).await.unwrap();
        books.post("bob", grant.clone(), world.now()).await.unwrap();
        assert_eq!(world.now().since(DAWN), Duration::from_millis(5));
        let lost = books.crash().unwrap();
        let balance = books.balance("alice").await.unwrap();
        assert_eq!((balance.granted, balance.held), (Pico::from_usd(10), Pico::from_usd(4)));
        assert_eq!(books.balance("bob").await.unwrap().granted, Pico::ZERO);
        // What survived is known to have been done.
        assert!(!books.post("alice", grant.clone(), world.now()).await.unwrap().fresh);
        assert!(books.post("alice", hold("h2", 4, lease), world.now()).await.unwrap().fresh);
        lost
    });
    assert_eq!(lost, Ok(2));
    assert_eq!((books.open_holds(), books.sweep()), (2, 0));
    world.run_for(SECOND * 61).unwrap();
    assert_eq!((books.sweep(), books.open_holds()), (2, 0), "orphans are settled when their lease ends");
    let settled: Vec<Pico> = books.record("alice").iter().skip(3).map(|e| e.amount).collect();
    assert_eq!(settled, [Pico::from_usd(1); 2]);
    assert!(billing::verify(&books.record("alice")).is_ok());
}

#[test]
fn books_answer_and_refuse() {
    let world = world(1);
    let books = MemoryBooks::new(&world, Some(Pico::ZERO), Duration::ZERO);
    let lease = DAWN.after(SECOND);
    world
        .run(async {
            let poor = books.post("a", hold("h", 1, lease), DAWN).await;
            assert!(matches!(poor, Err(BooksError::Refused(_))));
            let grant = Op::Grant { id: "g".into(), amount: Pico::from_usd(9), reason: String::new() };
            books.post("a", grant, DAWN).await.unwrap();
            books.post("a", hold("h", 3, lease), DAWN).await.unwrap();
            let settle = Op::Settle { id: "h".into(), lines: vec![line(2)], estimated: false };
            books.post("a", settle.clone(), DAWN).await.unwrap();
            assert!(!books.post("a", settle, DAWN).await.unwrap().fresh);
            assert_eq!(books.spent("a", DAWN).await.unwrap(), Pico::from_usd(2));
            assert_eq!(books.of_request("a", "h").await.unwrap().len(), 2);
            assert_eq!(books.entries("a", 1, 1).await.unwrap()[0].seq, 2);
            assert_eq!(books.ended("a", u64::MAX, 9).await.unwrap().len(), 1);
            books.set_down(true);
            assert!(matches!(books.balance("a").await, Err(BooksError::Down(_))));
        })
        .unwrap();
}
