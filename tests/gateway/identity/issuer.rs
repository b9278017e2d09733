//! Tokens of an issuer outside, whose public keys are read from where it publishes them.

use super::{House, ISSUER, NEXT, ONE, Rsa, now};
use crate::upstream::{Call, Upstream};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What is published now: a status and a text; None: nobody answers.
type Published = Arc<Mutex<Option<(&'static str, String)>>>;

struct Issuer {
    published: Published,
    served: Upstream,
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

impl Issuer {
    fn new(keys: &[Value]) -> Self {
        let published: Published = Arc::new(Mutex::new(Some(("200 OK", set(keys)))));
        let shown = published.clone();
        let served = Upstream::start(move |call: Call<'_>| {
            let now = shown.lock().unwrap().clone();
            match now {
                Some((status, text)) => call.whole(status, &text),
                None => {
                    // Longer than anybody waits.
                    std::thread::sleep(Duration::from_secs(20));
                    false
                }
            }
        });
        Self { published, served }
    }

    fn publishes(&self, status: &'static str, text: &str) {
        *self.published.lock().unwrap() = Some((status, text.into()));
    }

    fn house(&self) -> House {
        House::new(&format!(
            "[service.jwt]\nissuer = \"https://id.example\"\naudience = \"weir\"\njwks_url = \"http://{}/jwks\"\n",
            self.served.address
        ))
    }
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": ["weir"], "exp": now() + 600, "email": "Alice@Example.com", "sub": "u-1"})
}

#[test]
fn a_token_of_the_issuer_opens_and_its_keys_are_read_once() {
    let issuer = Issuer::new(&[Rsa::of(ISSUER).jwk("a")]);
    let house = issuer.house();
    let token = Rsa::of(ISSUER).token("a", &claims());
    for _ in 0..5 {
        assert_eq!(house.opens(&token), "alice@example.com");
    }
    assert_eq!(issuer.served.calls(), 1);
    house.weir.get("/api/credits").is(401);
    // Any of the headers that keys may be in.
    house.weir.ask("GET", "/api/credits", &[("x-api-key", &token)], "").is(200);
    assert_eq!(house.opens(&Rsa::of(ONE).token("a", &claims())), "401 invalid_token");
}

#[test]
fn a_new_key_is_found_and_unknown_ones_are_looked_for_once_a_minute() {
    let issuer = Issuer::new(&[Rsa::of(ISSUER).jwk("a")]);
    let house = issuer.house();
    let old = Rsa::of(ISSUER).token("a", &claims());
    assert_eq!(house.opens(&old), "alice@example.com");
    // It was read at the start: for a minute nothing is read, however many tokens name whatever keys.
    for n in 0..50 {
        assert_eq!(
            house.opens(&Rsa::of(NEXT).token(&format!("no-such-{n}"), &claims())),
            "401 invalid_token"
        );
    }
    assert_eq!(issuer.served.calls(), 1);
    assert_eq!(house.opens(&old), "alice@example.com");
}

#[test]
fn while_the_issuer_does_not_answer_nobody_waits_and_its_keys_stay() {
    let issuer = Issuer::new(&[]);
    *issuer.published.lock().unwrap() = None;
    let house = issuer.house();
    let key = house.key("team")["key"].as_str().unwrap().to_owned();
    let token = Rsa::of(ISSUER).token("a", &claims());
    std::thread::scope(|scope| {
        // This one has a key that could still come, so it waits, for a while.
        let waits = scope.spawn(|| {
            let begun = Instant::now();
            (house.opens(&token), begun.elapsed())
        });
        for _ in 0..20 {
            let begun = Instant::now();
            assert_eq!(house.opens(&key), "team");
            house.weir.get("/health").is(200);
            assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        }
        let (answer, took) = waits.join().unwrap();
        assert_eq!(answer, "503 identity_unavailable", "it is not the token's fault");
        assert!(took < Duration::from_secs(15), "{took:?}");
    });
    crate::net::until(Duration::from_secs(10), "what went wrong is said", || {
        house.weir.process.said().contains("could not be read").then_some(())
    });
}

#[test]
fn keys_in_the_file_need_no_address() {
    let inline = set(&[Rsa::of(ISSUER).jwk("a"), Rsa::of(NEXT).jwk("b")]);
    let house = House::new(&format!(
        "[service.jwt]\nissuer = \"https://id.example\"\naudience = \"weir\"\naccount = [\"sub\"]\naccount_prefix = \"acme:\"\n\
         jwks = '{inline}'\n"
    ));
    for (key, kid) in [(ISSUER, "a"), (NEXT, "b")] {
        assert_eq!(house.opens(&Rsa::of(key).token(kid, &claims())), "acme:u-1");
    }
    // A key answers to its own name only, and where there are two a token has to say which.
    assert_eq!(house.opens(&Rsa::of(NEXT).token("a", &claims())), "401 invalid_token");
    assert_eq!(
        house.opens(&Rsa::of(ISSUER).sign(r#"{"alg":"RS256"}"#, &claims().to_string())),
        "401 invalid_token"
    );
}

/// What an issuer publishes after it broke is no keys, and takes none away.
#[test]
fn a_broken_answer_takes_no_key_away() {
    let issuer = Issuer::new(&[Rsa::of(ISSUER).jwk("a")]);
    let house = issuer.house();
    let token = Rsa::of(ISSUER).token("a", &claims());
    assert_eq!(house.opens(&token), "alice@example.com");
    for (status, text) in [("500 Oops", "{}"), ("200 OK", "<html>"), ("200 OK", "{\"keys\":[]}")] {
        issuer.publishes(status, text);
        let before = issuer.served.calls();
        // A reload reads the keys again.
        house.weir.process.signal("HUP");
        crate::net::until(Duration::from_secs(30), "the keys are read again", || {
            (issuer.served.calls() > before).then_some(())
        });
        assert_eq!(house.opens(&token), "alice@example.com", "{status} {text}");
    }
    issuer.publishes("200 OK", &set(&[Rsa::of(NEXT).jwk("b")]));
    house.weir.process.signal("HUP");
    let next = Rsa::of(NEXT).token("b", &claims());
    crate::net::until(Duration::from_secs(30), "the next key is believed", || {
        (house.opens(&next) == "alice@example.com").then_some(())
    });
    assert_eq!(house.opens(&token), "401 invalid_token", "and the one that is gone is not");
}
