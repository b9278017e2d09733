//! Keys that are made, changed and taken back while weir runs.

use super::{ADMIN, House};
use crate::world::body;
use serde_json::{Value, json};

const KEYS: &str = "/api/admin/keys";

fn id(key: &Value) -> &str {
    key["id"].as_str().unwrap()
}

fn secret(key: &Value) -> &str {
    key["key"].as_str().unwrap()
}

#[test]
fn a_key_is_shown_once_and_opens_until_it_is_taken_back() {
    let house = House::new("[accounts.team]\ncredit_usd = \"1\"");
    let wish =
        json!({"account": "team", "name": "laptop", "user": "zoe", "plan": "pro", "expires_in_s": 3_600});
    let key = house.operator("POST", KEYS, &wish).is(200).json();
    let text = secret(&key);
    assert!(text.starts_with("wk_") && text.len() >= 3 + 32, "{} characters", text.len());
    assert_ne!(text, secret(&house.key("team")), "no two are the same");
    let hint = key["hint"].as_str().unwrap();
    assert!(hint.len() < 12 && text.ends_with(hint.trim_start_matches("wk_…")), "{hint}");
    for (name, value) in
        [("account", "team"), ("name", "laptop"), ("user", "zoe"), ("plan", "pro"), ("status", "active")]
    {
        assert_eq!(key[name], value);
    }
    assert!(key["last_used_at"].is_null() && key["expires_at"].as_str() > key["created_at"].as_str());

    // It opens wherever a key may be sent, and pays.
    let chat = body("hi").to_string();
    for (headers, path) in [
        (vec![("Authorization", format!("Bearer {text}"))], "/v1/chat/completions".to_owned()),
        (vec![("x-api-key", text.to_owned())], "/v1/chat/completions".into()),
        (vec![("x-goog-api-key", text.to_owned())], "/v1/chat/completions".into()),
        (vec![], format!("/v1/chat/completions?key={text}")),
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        house.weir.ask("POST", &path, &headers, &chat).is(200);
    }
    let usage = house.with_key(text, "GET", "/api/billing/usage", "").is(200).json();
    assert_eq!((&usage["account"], usage["events"].as_array().unwrap().len()), (&json!("team"), 4));

    // It is listed without its secret, with when it was used.
    let place = format!("{KEYS}/{}", id(&key));
    let listed = house.operator("GET", KEYS, &Value::Null).is(200).json();
    assert_eq!(listed["keys"].as_array().unwrap().len(), 2);
    let one = house.operator("GET", &place, &Value::Null).is(200).json();
    assert!(one["last_used_at"].is_string());
    assert!(!listed.to_string().contains(text) && one.get("key").is_none());

    // Disabled, enabled, expired, deleted.
    let patch = |change: Value| house.operator("PATCH", &place, &change);
    assert_eq!(patch(json!({"disabled": true})).is(200).json()["status"], "disabled");
    assert_eq!(house.opens(text), "401 invalid_api_key");
    assert_eq!(
        patch(json!({"disabled": false, "name": "phone", "plan": null})).is(200).json()["name"],
        "phone"
    );
    assert_eq!(house.opens(text), "team");
    assert_eq!(
        patch(json!({"expires_at": "2001-01-01T00:00:00Z"})).is(400).json()["error"]["param"],
        "expires_at"
    );
    assert_eq!(house.opens(text), "team");
    house.operator("DELETE", &place, &Value::Null).is(200);
    assert_eq!(house.opens(text), "401 invalid_api_key");
    for method in ["GET", "DELETE"] {
        assert_eq!(
            house.operator(method, &place, &Value::Null).is(404).json()["error"]["code"],
            "unknown_key"
        );
    }
    assert_eq!(patch(json!({"disabled": true})).status, 404);
    house.never_says(&[text, ADMIN]);
}

#[test]
fn a_key_expires_by_itself() {
    let house = House::new("");
    let key = house.operator("POST", KEYS, &json!({"account": "team", "expires_in_s": 2})).is(200).json();
    assert_eq!(house.opens(secret(&key)), "team");
    crate::net::until(std::time::Duration::from_secs(10), "it expires", || {
        (house.opens(secret(&key)) == "401 invalid_api_key").then_some(())
    });
    let one = house.operator("GET", &format!("{KEYS}/{}", id(&key)), &Value::Null).is(200).json();
    assert_eq!(one["status"], "expired");
}

#[test]
fn a_rotated_key_opens_with_both_secrets_for_as_long_as_was_said() {
    let house = House::new("");
    let key = house.key("team");
    let rotate = |body: Value| house.operator("POST", &format!("{KEYS}/{}/rotate", id(&key)), &body);
    let next = rotate(json!({"overlap_s": 3_600})).is(200).json();
    assert_eq!(id(&next), id(&key));
    assert_ne!(secret(&next), secret(&key));
    assert_eq!([house.opens(secret(&key)), house.opens(secret(&next))], ["team", "team"]);
    assert_eq!(next["overlap"][0]["hint"], key["hint"]);
    // Whoever lost it ends all secrets before the new one.
    let last = rotate(json!({"overlap_s": 0})).is(200).json();
    assert_eq!(
        [house.opens(secret(&key)), house.opens(secret(&next)), house.opens(secret(&last))],
        ["401 invalid_api_key", "401 invalid_api_key", "team"]
    );
    // A day is the default, and a short overlap ends by itself.
    let day = rotate(Value::Null).is(200).json();
    assert!(day["overlap"][0]["until"].as_str() > Some(day["created_at"].as_str().unwrap()));
    let short = rotate(json!({"overlap_s": 1})).is(200).json();
    crate::net::until(std::time::Duration::from_secs(10), "the overlap ends", || {
        (house.opens(secret(&day)) == "401 invalid_api_key").then_some(())
    });
    assert_eq!(house.opens(secret(&short)), "team");
    assert_eq!(house.opens(secret(&last)), "team", "its own day is not over");
    assert_eq!(rotate(json!({"overlap_s": 99_999_999})).is(400).json()["error"]["param"], "overlap_s");
}

#[test]
fn the_open_door_closes_with_the_first_key_and_keys_of_the_file_go_on() {
    let house = House::new("");
    house.weir.get("/api/credits").is(200);
    let key = house.key("team");
    assert_eq!(house.weir.get("/api/credits").is(401).json()["error"]["code"], "missing_api_key");
    assert_eq!(house.opens("sk-whatever-an-sdk-sends"), "401 invalid_api_key");
    // A disabled key is a key too.
    house.operator("PATCH", &format!("{KEYS}/{}", id(&key)), &json!({"disabled": true})).is(200);
    house.weir.get("/api/credits").is(401);
    house.weir.get("/health").is(200);
    house.operator("DELETE", &format!("{KEYS}/{}", id(&key)), &Value::Null).is(200);
    house.weir.get("/api/credits").is(200);

    let sha = crate::surface_web::sha256_of("wk_of_the_file");
    let house = House::new(&format!("[[service.keys]]\nsha256 = \"{sha}\"\naccount = \"filed\"\n"));
    let key = house.key("team");
    assert_eq!([house.opens("wk_of_the_file"), house.opens(secret(&key))], ["filed", "team"]);
}

#[test]
fn keys_outlive_the_process_and_its_death() {
    let mut house = House::new("");
    let [kept, gone, turned, off] = [(); 4].map(|()| house.key("team"));
    house.operator("DELETE", &format!("{KEYS}/{}", id(&gone)), &Value::Null).is(200);
    house.operator("PATCH", &format!("{KEYS}/{}", id(&off)), &json!({"disabled": true})).is(200);
    let next = house.operator("POST", &format!("{KEYS}/{}/rotate", id(&turned)), &Value::Null).is(200).json();
    assert_eq!(house.opens(secret(&kept)), "team");
    let before = house.operator("GET", KEYS, &Value::Null).is(200).json();
    house.restart();
    assert_eq!(house.operator("GET", KEYS, &Value::Null).is(200).json(), before, "when it was used, too");
    // Killed right after a key was made: who has the answer has the key.
    let late = house.key("late");
    house.weir.process.kill();
    house.weir = house.setup.start();
    for (key, opens) in [
        (&kept, "team"),
        (&turned, "team"),
        (&next, "team"),
        (&late, "late"),
        (&gone, "401 invalid_api_key"),
        (&off, "401 invalid_api_key"),
    ] {
        assert_eq!(house.opens(secret(key)), opens);
    }
    house.weir.get("/api/credits").is(401);
    house.weir.process.signal("TERM");
    assert!(house.weir.process.ends(std::time::Duration::from_secs(30)).success());
    house.setup.verified();
    house.never_says(&[secret(&kept), secret(&next), secret(&late)]);
}

#[test]
fn pages_of_keys_follow_one_another() {
    let house = House::new("");
    for n in 0..5 {
        house.key(if n % 2 == 0 { "even@example.com" } else { "odd" });
    }
    let (mut seen, mut cursor) = (vec![], String::new());
    loop {
        let page =
            house.operator("GET", &format!("{KEYS}?limit=2&cursor={cursor}"), &Value::Null).is(200).json();
        seen.extend(page["keys"].as_array().unwrap().iter().map(|key| id(key).to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    let even =
        house.operator("GET", &format!("{KEYS}?account=even%40example.com"), &Value::Null).is(200).json();
    assert_eq!(even["keys"].as_array().unwrap().len(), 3);
    for limit in ["0", "1001", "x"] {
        house.operator("GET", &format!("{KEYS}?limit={limit}"), &Value::Null).is(400);
    }
}

#[test]
fn many_changes_at_once_are_all_made() {
    let house = House::new("");
    let key = house.key("team");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (house, key) = (&house, &key);
            scope.spawn(move || {
                for step in 0..4 {
                    house.key("team");
                    let name = json!({"name": format!("{n}-{step}")});
                    house.operator("PATCH", &format!("{KEYS}/{}", id(key)), &name).is(200);
                    assert_eq!(house.opens(secret(key)), "team");
                }
            });
        }
    });
    let all = house.operator("GET", &format!("{KEYS}?limit=1000"), &Value::Null).is(200).json();
    assert_eq!(all["keys"].as_array().unwrap().len(), 33);
}
