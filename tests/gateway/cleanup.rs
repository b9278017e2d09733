//! What is of no use any more goes when the operator says so, and nothing else does.

use crate::identity::House;
use crate::world::body;
use serde_json::{Value, json};

fn cleanup(house: &House, wish: &Value) -> Value {
    house.operator("POST", "/api/admin/cleanup", wish).is(200).json()
}

fn counts(told: &Value) -> Vec<(String, u64)> {
    let kinds = told["removed"].as_object().unwrap().iter();
    kinds.map(|(kind, of)| (kind.clone(), of["count"].as_u64().unwrap())).collect()
}

fn ids(house: &House) -> Vec<String> {
    let keys = house.operator("GET", "/api/admin/keys", &Value::Null).is(200).json();
    keys["keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn expired_keys_and_replaced_secrets_go_and_the_ledger_stays() {
    let mut house = House::new("");
    let make = |name: &str, seconds: u64| {
        let wish = json!({"account": "team", "name": name, "expires_in_s": seconds});
        house.operator("POST", "/api/admin/keys", &wish).is(200).json()
    };
    let (soon, later) = (make("soon", 1), make("later", 3_600));
    let credit = json!({"account": "team", "amount_usd": "1", "reason": "a gift"});
    house.operator("POST", "/api/credits/adjust", &credit).is(200);
    let key = later["key"].as_str().unwrap();
    house.with_key(key, "POST", "/v1/chat/completions", &body("hi").to_string()).is(200);
    let rotate = format!("/api/admin/keys/{}/rotate", later["id"].as_str().unwrap());
    house.operator("POST", &rotate, &json!({"overlap_s": 1})).is(200);
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    let all = |keys, secrets| {
        let kinds =
            [("expired_keys", keys), ("replaced_secrets", secrets), ("webhook_messages", 0), ("alerts", 0)];
        kinds.map(|(kind, count)| (kind.to_owned(), count)).to_vec()
    };
    assert_eq!(counts(&cleanup(&house, &Value::Null)), all(0, 1), "a key stays for a while after it expired");
    let dry = cleanup(&house, &json!({"dry_run": true, "ttl_s": {"expired_keys": 0}}));
    assert_eq!((counts(&dry), &dry["dry_run"]), (all(1, 0), &json!(true)));
    assert_eq!(ids(&house), ["soon", "later"]);
    let only = cleanup(&house, &json!({"kinds": ["alerts"], "ttl_s": {"expired_keys": 0}}));
    assert_eq!(counts(&only), [("alerts".to_owned(), 0)]);
    let done = cleanup(&house, &json!({"ttl_s": {"expired_keys": 0}}));
    assert_eq!(counts(&done), all(1, 0));
    assert_eq!(ids(&house), ["later"]);
    house.restart();
    assert_eq!(ids(&house), ["later"]);
    house.operator("GET", &format!("/api/admin/keys/{}", soon["id"].as_str().unwrap()), &Value::Null).is(404);
    let verified = house.operator("GET", "/api/billing/verify?account=team", &Value::Null).is(200).json();
    assert_eq!((&verified["ok"], &verified["entries"]), (&json!(true), &json!(3)));
}

#[test]
fn only_the_operator_and_only_what_there_is() {
    let house = House::new("");
    for (wish, word) in [
        (json!({"kinds": ["ledger"]}), "never removed"),
        (json!({"kinds": ["sessions"]}), "known: expired_keys"),
        (json!({"ttl_s": {"entries": 0}}), "never removed"),
        (json!({"ttl_s": {"alerts": -1}}), "cannot be read"),
        (json!({"dry": true}), "cannot be read"),
    ] {
        let refused = house.operator("POST", "/api/admin/cleanup", &wish).is(400).json();
        assert!(refused["error"]["message"].as_str().unwrap().contains(word), "{refused}");
    }
    let key = house.key("team")["key"].as_str().unwrap().to_owned();
    house.with_key(&key, "POST", "/api/admin/cleanup", "{}").is(401);
    house.operator("GET", "/api/admin/cleanup", &Value::Null).is(405);
}

#[test]
fn the_command_says_what_would_go() {
    let mut house = House::new("");
    house.weir.process.kill();
    let data = house.setup.data();
    let run = |more: &[&str]| {
        let config = house.setup.dir.0.join("weir-test.toml");
        let fixed = ["cleanup", "--listen", "127.0.0.1:1", "--data", data.to_str().unwrap()];
        let out = house.setup.run(&[&["--config", config.to_str().unwrap()], &fixed[..], more].concat());
        (out.status.success(), String::from_utf8(out.stdout).unwrap() + &String::from_utf8_lossy(&out.stderr))
    };
    let (good, said) = run(&["--dry-run", "--ttl", "alerts=60"]);
    assert!(good && said.contains("expired_keys: 0 would go (older than 2592000 s)"), "{said}");
    assert!(said.contains("alerts: 0 would go (older than 60 s)"), "{said}");
    let (good, said) = run(&["--only", "ledger"]);
    assert!(!good && said.contains("never removed"), "{said}");
    assert!(!run(&["--ttl", "alerts"]).0);
}
