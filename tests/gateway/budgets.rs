//! Budgets, as callers meet them.

use crate::books::{amount, pico};
use crate::process::Weir;
use crate::upstream::{FINISH, USAGE, Upstream, WHOLE, delta};
use crate::world::{World, body, catalogue, own, streamed};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What one of the requests of these tests sets aside.
fn set_aside(weir: &Weir, body: &Value) -> i128 {
    let said = weir.post("/v1/chat/completions", body).is(200);
    weir.ended(said.told("x-request-id"));
    let entries = weir.get(&format!("/api/billing/usage/{}", said.told("x-request-id"))).json();
    let hold = entries["entries"].as_array().unwrap().iter().find(|e| e["kind"] == "hold").unwrap();
    amount(&hold["amount_usd"])
}

fn usd(pico: i128) -> String {
    format!("{}.{:012}", pico / 1_000_000_000_000, pico % 1_000_000_000_000)
}

fn local(budget: &str) -> String {
    format!("[accounts.local.budget]\n{budget}\n")
}

fn budget(weir: &Weir, name: &str) -> Value {
    let credits = weir.credits();
    let found = credits["budgets"].as_array().unwrap().iter().find(|b| b["budget"] == name);
    found.unwrap_or_else(|| panic!("{name} in {credits}")).clone()
}

#[test]
fn of_fifty_at_once_a_budget_for_ten_lets_in_ten() {
    let gate = Arc::new(AtomicBool::new(false));
    let open = gate.clone();
    let upstream = Upstream::start(move |call| {
        while !open.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        call.whole("200 OK", WHOLE)
    });
    let ask = body("hello");
    gate.store(true, Ordering::SeqCst);
    let one = set_aside(&own(&[("alpha", upstream.address)], "").start(), &ask);
    gate.store(false, Ordering::SeqCst);
    let before = upstream.calls();

    let config = local(&format!("day_usd = {:?}", usd(10 * one + one / 2)));
    let weir = own(&[("alpha", upstream.address)], &config).start();
    let asked: Vec<_> = (0..50)
        .map(|_| {
            let (address, ask) = (weir.address, ask.to_string());
            std::thread::spawn(move || {
                let bytes = crate::net::request("POST", "/v1/chat/completions", &[], ask.as_bytes());
                crate::net::Conn::open(address).ask(&bytes)
            })
        })
        .collect();
    crate::net::until(Duration::from_secs(20), "ten are on their way", || {
        (upstream.calls() - before >= 10).then_some(())
    });
    // Time for an eleventh, if there were one.
    std::thread::sleep(Duration::from_millis(200));
    gate.store(true, Ordering::SeqCst);
    let replies: Vec<_> = asked.into_iter().map(|asked| asked.join().unwrap()).collect();
    let (served, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert_eq!((served.len(), refused.len(), upstream.calls() - before), (10, 40, 10));
    for reply in refused {
        let error = reply.is(402).json()["error"].clone();
        assert_eq!(
            (&error["code"], &error["type"]),
            (&json!("budget_exceeded"), &json!("insufficient_quota"))
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("account/day") && message.contains("T00:00:00"), "{message}");
    }
    // What was not used came back to the window that it was taken from.
    let state = crate::net::until(Duration::from_secs(10), "all of it is settled", || {
        let state = budget(&weir, "account/day");
        (amount(&state["held_usd"]) == 0).then_some(state)
    });
    assert_eq!(amount(&state["spent_usd"]), 10 * pico("0.000013"));
    assert_eq!(amount(&state["left_usd"]), 10 * one + one / 2 - 10 * pico("0.000013"));
    weir.post("/v1/chat/completions", &ask).is(200);
    weir.verify();
}

#[test]
fn a_tag_has_a_budget_of_its_own_and_it_outlives_a_restart() {
    let world = World::with(1, "", &[]);
    let ask = body("hello");
    let one = set_aside(&world.weir, &ask);
    let text = format!("[accounts.local.budget.tags.\"team=red\"]\ntotal_usd = {:?}\n", usd(one + one / 10));
    let mut world = World::with(1, &text, &[]);
    let tagged = |weir: &Weir, tags: &str| {
        weir.ask("POST", "/v1/chat/completions", &[("X-Weir-Tags", tags)], &ask.to_string())
    };
    let mut served = 0;
    let refused = loop {
        let reply = tagged(&world.weir, "team=red,app=x");
        if reply.status != 200 {
            break reply.is(402);
        }
        world.weir.ended(reply.told("x-request-id"));
        served += 1;
        assert!(served < 100, "the budget never ends");
    };
    assert!(served >= 1 && refused.text().contains("tag:team=red/total"), "{}", refused.text());
    tagged(&world.weir, "team=blue").is(200);
    let spent = budget(&world.weir, "tag:team=red/total");
    world.weir.process.signal("TERM");
    // It lets go of its books last of all.
    assert!(world.weir.process.ends(Duration::from_secs(20)).success());
    let again = world.setup.start();
    assert_eq!(budget(&again, "tag:team=red/total"), spent);
    tagged(&again, "team=red").is(402);
    tagged(&again, "team=blue").is(200);
}

#[test]
fn a_stream_that_uses_up_a_budget_says_so() {
    // Far more than it was asked for, and it never ends by itself.
    let upstream = Upstream::start(|mut call| {
        call.begins()
            && (0..4_000).all(|_| {
                std::thread::sleep(Duration::from_millis(1));
                call.says(&delta(&"word ".repeat(100)))
            })
            && call.says(FINISH)
            && call.says(USAGE)
            && call.chunk("data: [DONE]\n\n")
            && call.ends()
    });
    // Nobody says how long an answer may be, so more is set aside as it grows.
    let config = format!("bounds.assumed_output = 100\n{}", local("total_usd = \"0.0009\""));
    let setup = own(&[("alpha", upstream.address)], &config);
    let known = catalogue(&[("alpha", "0.95")]).replace("\"max_output\":4000,", "");
    setup.dir.write("catalogue.json", &known);
    let weir = setup.start();
    let mut ask = streamed("go on");
    ask.as_object_mut().unwrap().remove("max_tokens");
    let said = weir.post("/v1/chat/completions", &ask).is(200);
    let text = said.text();
    assert!(text.contains("budget_exhausted") && !text.contains("[DONE]"), "{}", &text[text.len() - 300..]);
    weir.ended(said.told("x-request-id"));
    weir.verify();
    let mut more = body("more");
    more["max_tokens"] = json!(400);
    weir.post("/v1/chat/completions", &more).is(402);
}

#[test]
fn a_configuration_with_a_bad_budget_is_refused() {
    let world = World::new(1);
    let checked = world.setup.dir.write(
        "bad.toml",
        "[accounts.a.budget]\nday_usd = \"-1\"\n[accounts.a.budget.tags.red]\nmonth_usd = \"1\"\n",
    );
    let out = world.setup.run(&["check", "--config", checked.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    assert!(!out.status.success());
    assert!(said.contains("accounts.a.budget.account: a budget is not below zero"), "{said}");
    assert!(said.contains("expected KEY=VALUE"), "{said}");
}

#[test]
fn a_plan_has_budgets_and_an_account_says_otherwise_part_by_part() {
    use crate::identity::House;
    let config = "service.plan = \"small\"\n[plans.small.budget]\nday_usd = \"0.0000001\"\nmonth_usd = \"3\"\n\
                  [plans.small.budget.tags.\"team=red\"]\ntotal_usd = \"0.0000002\"\n\
                  [plans.free]\n\
                  [accounts.rich]\n[accounts.rich.budget]\nday_usd = \"1\"\ntags = {\"team=blue\" = {day_usd = \"2\"}}\n";
    let house = House::new(config);
    let key = |account: &str, plan: Option<&str>| {
        let wish = json!({"account": account, "plan": plan});
        let key = house.operator("POST", "/api/admin/keys", &wish).is(200).json();
        key["key"].as_str().unwrap().to_owned()
    };
    let ask = |key: &str, tags: &str| {
        let bearer = format!("Bearer {key}");
        let headers = [("Authorization", &*bearer), ("X-Weir-Tags", tags)];
        house.weir.ask("POST", "/v1/chat/completions", &headers, &body("hi").to_string())
    };
    let give = |account: &str| {
        let gift = json!({"account": account, "amount_usd": "1", "reason": "for tests"});
        house.operator("POST", "/api/credits/adjust", &gift).is(200);
    };
    give("poor");
    give("rich");
    let told = |key: &str| -> Vec<String> {
        let credits = house.with_key(key, "GET", "/api/credits", "").is(200).json();
        let budgets = credits["budgets"].as_array().cloned().unwrap_or_default();
        let line =
            |b: &Value| format!("{} {}", b["budget"].as_str().unwrap(), b["limit_usd"].as_str().unwrap());
        budgets.iter().map(line).collect()
    };
    let (poor, rich, free) = (key("poor", None), key("rich", None), key("poor", Some("free")));
    assert!(ask(&poor, "app=x").is(402).text().contains("account/day"));
    ask(&rich, "app=x").is(200);
    assert!(ask(&rich, "team=red").is(402).text().contains("tag:team=red/total"), "of the plan");
    // A key's own plan comes before the account's, with its budgets.
    ask(&free, "app=x").is(200);
    assert_eq!(
        told(&poor),
        ["account/day 0.000000100", "account/month 3.000000000", "tag:team=red/total 0.000000200"]
    );
    let expected = [
        "account/day 1.000000000",
        "account/month 3.000000000",
        "tag:team=blue/day 2.000000000",
        "tag:team=red/total 0.000000200",
    ];
    assert_eq!(told(&rich), expected);
    assert!(told(&free).is_empty());
    let seen = house.operator("GET", "/api/credits?account=rich", &Value::Null).is(200).json();
    assert_eq!(seen["budgets"].as_array().unwrap().len(), 4, "the operator sees the account's");
}
