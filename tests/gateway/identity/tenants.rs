//! No tenant sees anything of another.

use super::House;
use crate::world::body;
use serde_json::{Value, json};

const CREDIT: &str = "[accounts.red]\ncredit_usd = \"1\"\n[accounts.blue]\ncredit_usd = \"2\"";

#[test]
fn two_tenants_keys_read_nothing_of_each_other() {
    let house = House::new(CREDIT);
    let [red, blue] = ["red", "blue"].map(|account| house.key(account)["key"].as_str().unwrap().to_owned());
    let chat = body("a secret of red's").to_string();
    let asked = house.weir.ask(
        "POST",
        "/v1/chat/completions",
        &[
            ("Authorization", &format!("Bearer {red}")),
            ("X-Request-Id", "red-1"),
            ("X-Weir-Tags", "project=crimson"),
        ],
        &chat,
    );
    assert_eq!(asked.is(200).told("x-request-id"), "red-1");

    // Every path that reads books, by both spellings of the path, with every way to name another.
    let get = |key: &str, path: &str| house.with_key(key, "GET", path, "");
    for path in [
        "/api/credits",
        "/credits",
        "/api/billing/usage",
        "/billing/usage",
        "/api/billing/verify",
        "/api/billing/usage/red-1",
    ] {
        let mine = get(&red, path).is(200).json();
        assert_eq!(mine["account"], "red", "{path}");
        for named in ["red", "RED", "local", "red%00", "..", "nobody"] {
            let foreign = get(&blue, &format!("{path}?account={named}"));
            assert_eq!(foreign.status, 403, "{path}?account={named}: {}", foreign.text());
            assert_eq!(foreign.json()["error"]["code"], "not_your_account");
        }
    }
    let twice = get(&blue, "/api/credits?account=blue&account=red").is(200).json();
    assert_eq!(twice["account"], "blue");
    assert_eq!(get(&blue, "/api/billing/usage").is(200).json()["events"], json!([]));
    assert_eq!(get(&blue, "/api/billing/usage/red-1").is(404).json()["error"]["code"], "unknown_request");
    assert_eq!(
        house.with_key(&blue, "POST", "/api/billing/usage", r#"{"limit":500}"#).is(200).json()["events"],
        json!([])
    );
    house.with_key(&blue, "POST", "/api/billing/usage", r#"{"account":"red"}"#).is(400);
    assert_eq!(get(&blue, "/api/credits").is(200).json()["granted_usd"], "2.000000000");

    // An id that another tenant used is free for this one, so nothing can be found out by trying.
    let again = house.weir.ask(
        "POST",
        "/v1/chat/completions",
        &[("Authorization", &format!("Bearer {blue}")), ("X-Request-Id", "red-1")],
        &body("hi").to_string(),
    );
    again.is(200);
    assert_eq!(get(&blue, "/api/billing/usage/red-1").is(200).json()["account"], "blue");

    // What is shared by all says nothing of anybody.
    for path in ["/metrics", "/api/providers", "/api/ai/binding", "/v1/models", "/health", "/ready"] {
        let text = get(&blue, path).is(200).text();
        for word in ["red", "crimson", "wk_", "key_"] {
            let found = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|part| part == word);
            assert!(!found, "{path} says {word}");
        }
    }
    // The operator reads all of it.
    assert_eq!(
        house.operator("GET", "/api/credits?account=red", &Value::Null).is(200).json()["account"],
        "red"
    );
}
