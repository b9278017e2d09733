//! The operator gives and takes back credit, and everybody reads the record of their own account.

use crate::books::amount;
use crate::identity::House;
use serde_json::{Value, json};

fn adjust(house: &House, body: &Value, status: u16) -> Value {
    house.operator("POST", "/api/credits/adjust", body).is(status).json()
}

#[test]
fn credit_is_given_once_for_each_id() {
    let house = House::new("");
    let gift = json!({"account": "team", "amount_usd": "2.5", "reason": "paid №1", "id": "invoice-1"});
    let given = adjust(&house, &gift, 200);
    assert_eq!((&given["applied"], &given["id"]), (&json!(true), &json!("invoice-1")));
    assert_eq!(amount(&given["balance_usd"]), 2_500_000_000_000);
    let again = adjust(&house, &gift, 200);
    assert_eq!((&again["applied"], &again["balance_usd"]), (&json!(false), &given["balance_usd"]));
    let other = json!({"account": "team", "amount_usd": "3", "reason": "paid №1", "id": "invoice-1"});
    assert_eq!(adjust(&house, &other, 409)["error"]["code"], "idempotency_conflict");
    // The header serves where the body names nothing, and a request's id is no adjustment's.
    let bearer = "Bearer the operator's key, made up for tests";
    let plain = json!({"account": "team", "amount_usd": "-1", "reason": "a mistake"}).to_string();
    for applied in [true, false] {
        let headers = [("Authorization", bearer), ("Idempotency-Key", "back-1")];
        let said = house.weir.ask("POST", "/credits/adjust", &headers, &plain).is(200).json();
        assert_eq!((&said["applied"], amount(&said["balance_usd"])), (&json!(applied), 1_500_000_000_000));
    }
    let much = json!({"account": "team", "amount_usd": "-1.6", "reason": "too much"});
    assert_eq!(adjust(&house, &much, 402)["error"]["code"], "insufficient_credit");
    let entries = house.operator("GET", "/api/billing/ledger?account=team", &Value::Null).is(200).json();
    let told: Vec<_> = entries["entries"].as_array().unwrap().iter().map(|e| e["op_id"].clone()).collect();
    assert_eq!(told, [json!("adjust/invoice-1"), json!("adjust/back-1")]);
    assert_eq!(entries["entries"][0]["detail"]["reason"], "paid №1");
}

#[test]
fn what_is_no_adjustment_is_refused_and_changes_nothing() {
    let house = House::new("");
    let good = json!({"account": "team", "amount_usd": "1", "reason": "r"});
    for (field, bad) in [
        ("account", json!("no such name")),
        ("account", json!("")),
        ("amount_usd", json!(1)),
        ("amount_usd", json!("1.0000000000001")),
        ("amount_usd", json!("1e3")),
        ("amount_usd", json!("99999999999999999999999999")),
        ("reason", json!("  ")),
        ("reason", json!("x".repeat(501))),
        ("id", json!("a/b")),
        ("more", json!(1)),
    ] {
        let mut body = good.clone();
        body[field] = bad;
        let refused = adjust(&house, &body, 400);
        assert_eq!(refused["error"]["code"], "invalid_request", "{body}");
    }
    house.operator("POST", "/api/credits/adjust", &json!([])).is(400);
    for (name, reply) in [
        ("no key", house.weir.ask("POST", "/api/credits/adjust", &[], &good.to_string())),
        (
            "a caller's",
            house.with_key(
                house.key("team")["key"].as_str().unwrap(),
                "POST",
                "/api/credits/adjust",
                &good.to_string(),
            ),
        ),
    ] {
        assert_eq!(reply.is(401).json()["error"]["code"], "admin_key_required", "{name}");
    }
    let credits = house.operator("GET", "/api/credits?account=team", &Value::Null).is(200).json();
    assert_eq!(amount(&credits["granted_usd"]), 0);
}

#[test]
fn the_record_is_read_page_by_page_and_is_nobody_elses() {
    let house = House::new("");
    for n in 0..7 {
        adjust(&house, &json!({"account": "red", "amount_usd": "1", "reason": format!("gift {n}")}), 200);
    }
    let (red, blue) = (house.key("red"), house.key("blue"));
    let red = red["key"].as_str().unwrap();
    let (mut cursor, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let page =
            house.with_key(red, "GET", &format!("/api/billing/ledger?limit=3{cursor}"), "").is(200).json();
        pages += 1;
        seen.extend(page["entries"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((seen, pages), ((1..=7).collect(), 3));
    let blue = blue["key"].as_str().unwrap();
    house.with_key(blue, "GET", "/api/billing/ledger?account=red", "").is(403);
    let own = house.with_key(blue, "GET", "/api/billing/ledger", "").is(200).json();
    assert_eq!((&own["account"], &own["entries"]), (&json!("blue"), &json!([])));
    house.with_key(red, "GET", "/api/billing/ledger?cursor=x", "").is(400);
}

#[test]
fn the_command_line_does_the_same() {
    let house = House::new("");
    let listen = house.weir.address.to_string();
    let run = |arguments: &[&str]| {
        let out = house.setup.run(&[arguments, &["--listen", &listen]].concat());
        (out.status.code(), String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap())
    };
    let give = ["credits", "adjust", "team", "5", "--reason", "paid", "--id", "i-1"];
    let (code, said, _) = run(&give);
    assert!(
        code == Some(0) && said.contains("i-1: done") && said.contains("balance 5.000000000 USD"),
        "{said}"
    );
    assert!(run(&give).1.contains("nothing changed"));
    let (code, said, _) = run(&["credits", "adjust", "team", "-0.5", "--reason", "back", "--json"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, amount(&told["balance_usd"])), (Some(0), 4_500_000_000_000));
    assert!(run(&["credits", "show", "team"]).1.contains("balance 4.500000000 USD"));
    let (code, _, said) = run(&["credits", "adjust", "team", "-50", "--reason", "all"]);
    assert!(code != Some(0) && said.contains("available"), "{said}");
}
