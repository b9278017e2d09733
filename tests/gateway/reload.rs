//! Changing the configuration and stopping, while requests are under way.

use crate::net::{request, until};
use crate::process::Setup;
use crate::upstream::{FINISH, USAGE, Upstream, WHOLE, delta};
use crate::world::{World, body, catalogue, own, provider, with_trailer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_new_file_counts_from_its_signal_on_and_a_bad_one_changes_nothing() {
    let (alpha, beta) =
        (Upstream::start(|c| c.whole("200 OK", WHOLE)), Upstream::start(|c| c.whole("200 OK", WHOLE)));
    let setup = Setup::new();
    let prices = setup.dir.write("catalogue.json", &catalogue(&[("alpha", "0.95"), ("beta", "0.75")]));
    let file = |who: &[(&str, std::net::SocketAddr)], more: &str| {
        let tables: String =
            who.iter().map(|(name, at)| provider(name, &format!("http://{at}/v1"), &["TEST_KEY"])).collect();
        format!("catalogue = {prices:?}\n{more}\n{tables}")
    };
    let both = file(&[("alpha", alpha.address), ("beta", beta.address)], "");
    let setup = setup.config(&both).variable("TEST_KEY", "sk-test").variable("WEIR_LOG", "info");
    let weir = setup.start();
    let write = |text: &str| setup.dir.write("weir-test.toml", text);
    let server = || weir.post("/v1/chat/completions", &body("hi")).is(200).told("x-provider").to_owned();
    assert_eq!(server(), "alpha");

    // Every kind of bad file: the old one stays, and why is said.
    let missing_key = both.replace("TEST_KEY", "NOBODYS_KEY");
    let absent = prices.parent().unwrap().join("gone.json");
    for (text, why) in [
        ("this is not TOML [", "weir-test.toml"),
        (&*both.replace("kind = \"openai\"", "kind = \"opneai\""), "opneai"),
        (&*both.replace("base_url", "bse_url"), "bse_url"),
        (&*missing_key, "NOBODYS_KEY"),
        (&*both.replace("catalogue.json", "gone.json"), &*absent.to_string_lossy()),
        (&*file(&[("alpha", alpha.address)], "[service.cors]\norigins = [\"nonsense/path\"]"), "origin"),
    ] {
        write(text);
        let before = weir.process.said().len();
        weir.process.signal("HUP");
        until(SOON, &format!("{why:?} is said"), || {
            let said = weir.process.said()[before..].to_owned();
            (said.contains("the old one stays") && said.contains(why)).then_some(())
        });
        assert_eq!(server(), "alpha", "after {why}");
    }

    // A good one: all of it, and requests under way keep what they began with.
    write(&file(&[("beta", beta.address)], ""));
    weir.process.signal("HUP");
    until(SOON, "beta alone serves", || (server() == "beta").then_some(()));
    let gone = weir.ask(
        "POST",
        "/v1/chat/completions",
        &[],
        &body("hi").to_string().replace("\"auto\"", "\"alpha/alpha-chat\""),
    );
    assert_eq!(gone.status, 404, "alpha is not there any more");
    write(&both);
    weir.process.signal("HUP");
    until(SOON, "alpha serves again", || (server() == "alpha").then_some(()));
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn a_reload_under_load_fails_nobody() {
    let world = World::new(2);
    let done = Arc::new(AtomicBool::new(false));
    let address = world.weir.address;
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let done = done.clone();
            std::thread::spawn(move || {
                let mut conn = crate::net::Conn::open(address);
                let mut asked = 0;
                while !done.load(Ordering::SeqCst) {
                    let reply = conn.ask(&with_trailer("hi")).is(200);
                    assert_eq!(reply.frames().last().unwrap().event.as_deref(), Some("weir"));
                    asked += 1;
                }
                asked
            })
        })
        .collect();
    for turn in 0..10 {
        world.weir.process.signal("HUP");
        for _ in 0..5 {
            world.chat(&body(&format!("turn {turn}"))).is(200);
        }
    }
    done.store(true, Ordering::SeqCst);
    let asked: usize = clients.into_iter().map(|c| c.join().unwrap()).sum();
    world.weir.at_rest();
    assert_eq!(world.weir.usage().len(), asked + 50);
}

/// An upstream that says a word, waits for `go`, and ends properly.
fn patient(go: &Arc<AtomicBool>) -> Upstream {
    let go = go.clone();
    Upstream::start(move |mut call| {
        call.begins();
        call.says(&delta("first "));
        while !go.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        call.says(&delta("last"));
        call.says(FINISH);
        call.says(USAGE);
        call.says("[DONE]");
        call.ends()
    })
}

#[test]
fn sigterm_lets_a_stream_finish_and_takes_no_new_ones() {
    let go = Arc::new(AtomicBool::new(false));
    let upstream = patient(&go);
    let setup = own(&[("alpha", upstream.address)], "");
    let mut weir = setup.start();
    let mut idle = weir.open();
    assert_eq!(idle.ask(&request("GET", "/health", &[], b"")).status, 200);
    let mut conn = weir.open();
    conn.send(&with_trailer("hi")).head().unwrap().is(200);
    let mut text = String::from_utf8(conn.chunk().unwrap().unwrap()).unwrap();
    weir.process.signal("TERM");
    until(SOON, "no new connection is taken", || {
        std::net::TcpStream::connect(weir.address).is_err().then_some(())
    });
    assert!(idle.closes(SOON), "a connection with nothing under way is closed");
    assert!(weir.process.is_alive(), "it waits for the stream");
    go.store(true, Ordering::SeqCst);
    while let Some(chunk) = conn.chunk().unwrap() {
        text.push_str(&String::from_utf8(chunk).unwrap());
    }
    assert!(text.contains("last") && text.contains("[DONE]") && text.contains("event: weir"), "{text}");
    assert!(weir.process.ends(SOON).success());
    let books = setup.verified();
    assert_eq!(books[0]["entries"], 2, "the hold and its settlement");
    let balance = setup.run(&["ledger", "balance", "--json", "--data", setup.data().to_str().unwrap()]);
    assert!(String::from_utf8(balance.stdout).unwrap().contains(r#""held_usd":"0.000000000""#));
}

#[test]
fn a_stream_that_does_not_finish_is_cut_at_the_end_of_the_grace() {
    let never = Arc::new(AtomicBool::new(false));
    let upstream = patient(&never);
    let setup =
        own(&[("alpha", upstream.address)], "[bounds]\nidle_ms = 60000\n").argument("--grace").argument("1");
    let mut weir = setup.start();
    let mut conn = weir.open();
    let id = conn.send(&with_trailer("hi")).head().unwrap().is(200).told("x-request-id").to_owned();
    let began = Instant::now();
    weir.process.signal("TERM");
    assert!(weir.process.ends(Duration::from_secs(15)).success());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    setup.verified();
    // What was cut off is settled by the next start at the latest, and marked.
    let weir = setup.start();
    let entry = weir.ended(&id);
    assert_eq!(entry["kind"], "settle");
    let line = entry["detail"]["lines"][0].clone();
    assert!(
        line["usage"]["estimated"] == true || line["outcome"] == "orphan" || line["outcome"] == "left",
        "{entry}"
    );
    assert_eq!(weir.at_rest().1, 0);
    never.store(true, Ordering::SeqCst);
}
