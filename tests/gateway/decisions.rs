//! What was decided is written down where that is wanted, and other policies are judged by it.

use crate::identity::House;
use crate::net::until;
use crate::world::{World, body, streamed};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

const LOGGED: &str = "[decisions]\nlog = \"choices\"\n";

fn replay(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let data = world.setup.data();
    let mut all = vec!["replay", "--data", data.to_str().unwrap()];
    all.extend(arguments);
    let output = world.setup.run(&all);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text + &String::from_utf8_lossy(&output.stderr))
}

fn exported(world: &World, more: &[&str]) -> Vec<Value> {
    let mut arguments = vec!["--export"];
    arguments.extend(more);
    let (code, text) = replay(world, &arguments);
    assert_eq!(code, Some(0), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn file(world: &World) -> PathBuf {
    let mut file = world.setup.data().into_os_string();
    file.push(".decisions");
    file.into()
}

/// They are written within a moment, not before the answer.
fn wait_for(count: usize, world: &World) {
    let there = || (file(world).exists() && exported(world, &[]).len() == count).then_some(());
    until(Duration::from_secs(10), "decisions are written", there);
}

#[test]
fn choices_are_written_down_with_what_came_of_them() {
    let world = World::with(3, LOGGED, &[]);
    let asked = world.chat(&body("a secret of mine")).is(200);
    let id = asked.header("x-request-id").unwrap().to_owned();
    world.chat(&streamed("another")).is(200);
    let mut pinned = body("pinned");
    pinned["model"] = json!("beta/beta-chat");
    world.chat(&pinned).is(200);
    wait_for(2, &world);
    let all = exported(&world, &["--prompts"]);
    assert!(!format!("{all:?}").contains("secret"), "no words of anybody are written unless asked for");
    let one = &all[0];
    assert_eq!((&one["request_id"], &one["account"]), (&json!(id), &json!("local")));
    assert_eq!(
        (&one["model"], &one["policy"], &one["pinned"]),
        (&json!("auto"), &json!("balanced"), &json!(false))
    );
    assert_eq!(
        (&one["outcome"]["served"], &one["outcome"]["why"]),
        (&json!("alpha/alpha-chat"), &json!("served"))
    );
    assert_eq!(&one["decision"], &json!(asked.header("x-route-decision").unwrap()));
    let cost: f64 = asked.header("x-cost-usd").unwrap().parse().unwrap();
    assert!((one["outcome"]["cost_usd"].as_f64().unwrap() - cost).abs() < 1e-12);
    let candidates = one["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 3);
    assert_eq!(
        (&candidates[0]["id"], &candidates[0]["propensity"]),
        (&json!("alpha/alpha-chat"), &json!(1.0))
    );
    assert_eq!(candidates[1]["propensity"], json!(0.0));
    assert_eq!(all[1]["outcome"]["why"], json!("served"), "streams too");
    let metrics = world.weir.get("/metrics").is(200).text();
    assert!(metrics.contains("weir_decisions_total 2") && metrics.contains("weir_decisions_dropped_total 0"));
}

#[test]
fn another_policy_is_judged_and_a_gate_shut() {
    let mut world = World::with(2, "[decisions]\nlog = \"all\"\nprompts = true\n", &[]);
    for at in 0..5 {
        world.chat(&body(&format!("question {at}"))).is(200);
    }
    wait_for(5, &world);
    world.weir.process.signal("TERM");
    world.weir.process.ends(Duration::from_secs(10));
    world.weir = world.setup.start();
    assert!(exported(&world, &[])[0].get("prompt").is_none());
    assert_eq!(exported(&world, &["--prompts"])[4]["prompt"], json!("question 4"));
    let (code, text) = replay(&world, &["--policy", "balanced", "--json"]);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &told["decisions"], &told["same"]), (Some(0), &json!(5), &json!(1.0)));
    let cost = &told["figures"]["cost"];
    assert_eq!(cost["logged"]["value"], cost["ips"]["value"], "{told}");
    // Five decisions are too few for anybody's word.
    let (code, text) = replay(&world, &["--policy", "balanced", "--gate", "cost:+2%,quality:-1%"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("gate: cost: the log is worth 5 decisions of the other policy: too few"), "{text}");
    assert!(text.contains("quality: no caller has said anything of an answer"), "{text}");
    let lines = world.setup.dir.write("log.jsonl", &replay(&world, &["--export"]).1);
    let from_lines = replay(&world, &["--log", lines.to_str().unwrap(), "--policy", "balanced", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&from_lines.1).unwrap(), told, "an export says the same");
    for (arguments, word) in [
        (vec!["--policy", "bogus"], "known: cheap, balanced, fast, best"),
        (vec!["--policy", "cheap", "--gate", "cost"], "like cost:+2% or quality:-1%"),
        (vec![], "--policy"),
    ] {
        let (code, text) = replay(&world, &arguments);
        assert!(code == Some(2) && text.contains(word), "{code:?} {text}");
    }
}

#[test]
fn without_a_wish_nothing_is_written() {
    let world = World::new(2);
    world.chat(&body("hi")).is(200);
    let (code, text) = replay(&world, &["--policy", "cheap"]);
    assert!(code == Some(2) && text.contains("decisions.log in the configuration turns that on"), "{text}");
    assert!(!file(&world).exists());
}

#[test]
fn feedback_is_kept_with_the_decision_it_speaks_of() {
    let mut world = World::with(2, LOGGED, &[]);
    let id = world.chat(&body("hi")).is(200).header("x-request-id").unwrap().to_owned();
    let say = |world: &World, id: &str, score: Value| {
        world.weir.post("/api/feedback", &json!({"request_id": id, "score": score}))
    };
    // At once: nobody has to wait until it is written.
    let told = say(&world, &id, json!(0.25)).is(200).json();
    assert_eq!(
        told,
        json!({"request_id": id, "score": 0.25, "previous_score": null, "model": "alpha/alpha-chat"})
    );
    let told = say(&world, &id, json!(1)).is(200).json();
    assert_eq!(told["previous_score"], json!(0.25));
    assert_eq!(
        say(&world, &id, json!(1)).is(200).json()["previous_score"],
        json!(1.0),
        "the same again is nothing new"
    );
    assert_eq!(say(&world, "nobody", json!(1)).is(404).json()["error"]["code"], "unknown_request");
    for (wrong, word) in [
        (json!({"request_id": id, "score": 1.5}), "score: expected a number from 0 to 1"),
        (json!({"request_id": id, "score": -0.1}), "score: expected a number from 0 to 1"),
        (json!({"request_id": id, "score": "good"}), "expected f64"),
        (json!({"request_id": id}), "missing field `score`"),
        (json!({"request_id": id, "score": 1, "why": "x"}), "unknown field `why`"),
        (json!([]), "cannot be read"),
    ] {
        let refused = world.weir.post("/api/feedback", &wrong).is(400).json();
        assert!(refused["error"]["message"].as_str().unwrap().contains(word), "{wrong}: {refused}");
    }
    wait_for(1, &world);
    assert_eq!(exported(&world, &[])[0]["feedback"]["score"], json!(1.0));
    world.weir.process.signal("TERM");
    world.weir.process.ends(Duration::from_secs(10));
    world.weir = world.setup.start();
    assert_eq!(
        say(&world, &id, json!(0)).is(200).json()["previous_score"],
        json!(1.0),
        "a restart forgets nothing"
    );
    let (_, text) = replay(&world, &["--policy", "balanced", "--json"]);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["figures"]["quality"]["logged"]["value"], json!(0.0));
}

#[test]
fn nobody_speaks_of_another_accounts_request() {
    let house = House::new(LOGGED);
    let keys = ["red", "blue"].map(|account| {
        let made =
            house.operator("POST", "/api/admin/keys", &json!({"account": account, "name": "k"})).is(200);
        let credit = json!({"account": account, "amount_usd": "1", "reason": "a gift"});
        house.operator("POST", "/api/credits/adjust", &credit).is(200);
        made.json()["key"].as_str().unwrap().to_owned()
    });
    let asked = house.with_key(&keys[0], "POST", "/v1/chat/completions", &body("hi").to_string()).is(200);
    let say = json!({"request_id": asked.header("x-request-id").unwrap(), "score": 0}).to_string();
    let refused = house.with_key(&keys[1], "POST", "/api/feedback", &say).is(404).json();
    assert_eq!(refused["error"]["code"], "unknown_request");
    house.operator("POST", "/api/feedback", &serde_json::from_str(&say).unwrap()).is(404);
    let told = house.with_key(&keys[0], "POST", "/api/feedback", &say).is(200).json();
    assert_eq!(told["previous_score"], Value::Null, "what others tried left nothing behind");
}

#[test]
fn without_a_log_there_is_nothing_to_speak_of() {
    let world = World::new(1);
    let id = world.chat(&body("hi")).is(200).header("x-request-id").unwrap().to_owned();
    let refused = world.weir.post("/api/feedback", &json!({"request_id": id, "score": 1})).is(404).json();
    assert_eq!(refused["error"]["code"], "not_configured");
}
