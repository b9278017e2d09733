//! What callers say of their answers changes who is asked next, and trying others stays within its budget.

use crate::world::{World, body};
use serde_json::{Value, json};
use std::time::Duration;

const LEARNS: &str = "[decisions]\nlog = \"choices\"\n[routing]\nlearn = true\n";

fn say(world: &World, id: &str, score: f64) {
    world.weir.post("/api/feedback", &json!({"request_id": id, "score": score})).is(200);
}

fn explained(world: &World, provider: &str) -> Value {
    let told = world.weir.post("/api/route/explain", &body("why")).is(200).json();
    let all = told["record"]["candidates"].as_array().unwrap();
    all.iter().find(|one| one["provider"] == provider).unwrap().clone()
}

fn restart(world: &mut World) {
    world.weir.process.signal("TERM");
    assert!(world.weir.process.ends(Duration::from_secs(10)).success());
    world.weir = world.setup.start();
}

/// Asks something new each time, as the same again would say something too. Who answered, and the request's id.
fn ask(world: &World, at: usize) -> (String, String) {
    let reply = world.chat(&body(&format!("question {at}"))).is(200);
    let provider = reply.header("x-provider").unwrap().to_owned();
    (provider, reply.header("x-request-id").unwrap().to_owned())
}

#[test]
fn answers_that_are_bad_lose_their_model_its_place_and_a_restart_forgets_nothing() {
    let mut world = World::with(2, LEARNS, &[]);
    let before = explained(&world, "alpha");
    assert_eq!((&before["quality_source"], &before["quality"]), (&json!("prior"), &json!(0.95)));
    let mut asked = 0;
    loop {
        let (provider, id) = ask(&world, asked);
        if provider == "beta" {
            break;
        }
        asked += 1;
        assert!(asked < 40, "nobody listens");
        say(&world, &id, 0.0);
        say(&world, &id, 0.0);
    }
    let after = explained(&world, "alpha");
    assert_eq!(after["quality_source"], "learned");
    let figure = |name: &str| after["quality_learned"][name].as_f64().unwrap();
    assert!((figure("basis") - 0.95).abs() < 1e-6 && figure("shift") < -0.2, "{after}");
    assert!((after["quality"].as_f64().unwrap() - (figure("basis") + figure("shift"))).abs() < 1e-6);
    assert!(figure("outcomes") <= asked as f64, "what is said twice counts once: {after}");
    restart(&mut world);
    let again = explained(&world, "alpha");
    assert_eq!(again["quality_learned"]["shift"], after["quality_learned"]["shift"]);
    assert_eq!(ask(&world, 1_000).0, "beta");
}

#[test]
fn nothing_is_tried_without_a_budget_and_propensities_are_written_with_one() {
    let more = "[policies.curious]\npreset = \"balanced\"\nexplore_usd_per_day = \"0.05\"\n";
    let world = World::with(3, &format!("{LEARNS}{more}"), &[]);
    let mut curious = body("hi");
    curious["model"] = json!("auto:curious");
    let rounds = 150;
    for at in 0..rounds {
        assert_eq!(ask(&world, at).0, "alpha", "balanced has no budget");
        curious["messages"][0]["content"] = json!(format!("curious {at}"));
        world.chat(&curious).is(200);
    }
    let data = world.setup.data();
    let lines = || {
        let output = world.setup.run(&["replay", "--data", data.to_str().unwrap(), "--export"]);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    crate::net::until(Duration::from_secs(10), "all are written", || {
        (lines().len() == 2 * rounds).then_some(())
    });
    let (mut spent, mut floors) = (0.0, 0);
    for line in lines() {
        let candidates = line["candidates"].as_array().unwrap();
        let sum: f64 = candidates.iter().map(|c| c["propensity"].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{line}");
        assert_eq!(line["features"].as_array().unwrap().len(), 4);
        let chosen = &candidates[usize::try_from(line["chosen"].as_u64().unwrap()).unwrap()];
        assert!(chosen["propensity"].as_f64().unwrap() >= 0.0099, "{line}");
        if line["policy"] != "curious" {
            assert_eq!(chosen["propensity"], json!(1.0));
            continue;
        }
        floors += usize::from(candidates.iter().any(|c| c["propensity"] == json!(0.01)));
        // What is given up by a try: at balanced a good answer is worth 0.05 USD.
        let quality = |c: &Value| c["quality"].as_f64().unwrap();
        spent += 0.05 * (quality(&candidates[0]) - quality(chosen)).max(0.0);
    }
    assert!(floors > 0, "something could be tried");
    assert!(spent <= 0.05 + 0.001, "a day's budget is not overdrawn: {spent}");
}

#[test]
fn asking_the_same_again_is_a_weak_word_against_the_answer() {
    let world = World::with(2, LEARNS, &[]);
    world.chat(&body("the same")).is(200);
    world.chat(&body("another")).is(200);
    assert_eq!(explained(&world, "alpha")["quality_source"], "prior", "what nobody spoke of is not bad");
    std::thread::sleep(Duration::from_millis(2_100));
    world.chat(&body("the same")).is(200);
    let after = explained(&world, "alpha");
    let shift = after["quality_learned"]["shift"].as_f64().unwrap();
    assert!((-0.1..-0.001).contains(&shift), "{after}");
}

#[test]
fn learning_wants_a_log() {
    let world = World::new(1);
    for (text, word) in [
        (
            "[routing]\nlearn = true\n",
            "routing.learn: nothing can be said of decisions that are not written down",
        ),
        (
            "[policies.x]\nexplore_usd_per_day = \"1\"\n",
            "policies.x.explore_usd_per_day: nothing is learned from it",
        ),
    ] {
        let file = world.setup.dir.write("bad.toml", text);
        let output = world.setup.run(&["check", "--config", file.to_str().unwrap()]);
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success() && said.contains(word), "{said}");
    }
}
