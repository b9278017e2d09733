//! Plans and limits as callers meet them: who is let in, who is told to wait and for how long, and that what was taken
//! goes back however a request ends.

use crate::net::{Reply, request, until};
use crate::process::{Setup, Weir};
use crate::sdk::{offline, python_with, script};
use crate::upstream::{Upstream, WHOLE, delta};
use crate::world::{body, own, streamed};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The account of callers on loopback has this plan: `text` are its lines.
fn planned(text: &str) -> String {
    format!("[plans.test]\n{text}\n[accounts.local]\nplan = \"test\"\n")
}

/// A weir before one provider that answers at once.
fn calm(config: &str) -> (Upstream, Weir) {
    let upstream = Upstream::start(|call| call.whole("200 OK", WHOLE));
    let weir = own(&[("alpha", upstream.address)], config).start();
    (upstream, weir)
}

fn number(reply: &Reply, header: &str) -> u64 {
    reply.told(header).parse().unwrap_or_else(|_| panic!("{header}: {}", reply.told(header)))
}

#[test]
fn of_fifty_at_once_against_ten_exactly_ten_are_let_in() {
    // An hour's, so that none comes back while this runs.
    let (upstream, weir) = calm(&planned("limits.requests_per_hour = 10"));
    let bytes = request("POST", "/v1/chat/completions", &[], body("hi").to_string().as_bytes());
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..50).map(|_| scope.spawn(|| weir.open().ask(&bytes))).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (well, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!((well.len(), refused.len(), upstream.calls()), (10, 40, 10));
    let mut left: Vec<u64> = well.iter().map(|reply| number(reply, "x-limit-remaining")).collect();
    left.sort_unstable();
    assert_eq!(left, (0..10).collect::<Vec<_>>(), "each is told what is left after it");
    for reply in refused {
        assert_eq!(
            (reply.status, number(reply, "x-limit-limit"), number(reply, "x-limit-remaining")),
            (429, 10, 0)
        );
        assert!((355..=360).contains(&number(reply, "retry-after")), "{}", reply.told("retry-after"));
        assert!((3_590..=3_600).contains(&number(reply, "x-limit-reset")), "{}", reply.told("x-limit-reset"));
    }
    let (_, open) = weir.at_rest();
    assert_eq!((weir.usage().len(), open), (10, 0), "nothing is in the books of who was not let in");
}

#[test]
fn each_protocol_is_told_in_its_own_shape() {
    let (_upstream, weir) = calm(&planned("limits = { requests_per_hour = 1, tokens_per_minute = 100000 }"));
    let first = weir.post("/v1/chat/completions", &streamed("hi")).is(200);
    assert_eq!(
        (first.told("x-limit-limit"), first.told("x-limit-remaining")),
        ("1", "0"),
        "on a stream's head too"
    );
    assert_eq!(first.told("x-ratelimit-limit-requests"), "1");
    assert_eq!(first.told("x-ratelimit-limit-tokens"), "100000");
    let reset = first.told("x-ratelimit-reset-requests");
    assert!(reset == "1h0m0s" || reset.starts_with("59m"), "{reset}");
    let messages = json!({"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    let generate = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    let asks = [
        ("/v1/chat/completions", body("hi")),
        ("/v1/responses", json!({"model": "auto", "input": "hi"})),
        ("/api/si/ask", json!({"prompt": "hi"})),
        ("/v1/messages", messages),
        ("/v1beta/models/auto:generateContent", generate),
    ];
    for (path, ask) in asks {
        let reply = weir.post(path, &ask).is(429);
        let told = reply.json();
        let (code, message) = match path {
            _ if path.contains("v1beta") => {
                assert_eq!(told["error"]["status"], "RESOURCE_EXHAUSTED", "{told}");
                let retry =
                    told["error"]["details"].as_array().unwrap().iter().find(|d| d["retryDelay"].is_string());
                assert!(retry.is_some(), "{told}");
                (&told["error"]["details"][0]["metadata"]["code"], &told["error"]["message"])
            }
            _ => (&told["error"]["code"], &told["error"]["message"]),
        };
        assert_eq!(code, "rate_limited", "{path}: {told}");
        let message = message.as_str().unwrap();
        assert!(
            message.starts_with(
                "Over the limit of 1 request per hour for an account on the plan test: 0 of 1 are left."
            ),
            "{path}: {message}"
        );
        assert!((3_590..=3_600).contains(&number(&reply, "retry-after")), "{path}");
        assert_eq!(reply.header("x-should-retry"), None, "{path}");
        match path {
            "/v1/messages" => {
                assert_eq!(
                    (&told["type"], &told["error"]["type"]),
                    (&json!("error"), &json!("rate_limit_error"))
                );
                assert_eq!(reply.told("anthropic-ratelimit-requests-remaining"), "0");
                let reset = reply.told("anthropic-ratelimit-requests-reset");
                assert!(reset.ends_with('Z') && reset.len() == 24, "{reset}");
                assert_eq!(reply.header("x-ratelimit-limit-requests"), None);
            }
            "/v1/chat/completions" | "/v1/responses" => {
                assert_eq!(told["error"]["type"], "rate_limit_error");
                assert_eq!(reply.told("x-ratelimit-remaining-requests"), "0");
                assert_eq!(reply.header("anthropic-ratelimit-requests-limit"), None);
            }
            _ => {}
        }
    }
}

#[test]
fn whoever_waits_as_long_as_told_is_let_in() {
    let (_upstream, weir) = calm(&planned("limits = { requests_per_minute = 30, burst = 1 }"));
    for _ in 0..2 {
        weir.post("/v1/chat/completions", &body("hi")).is(200);
        let reply = weir.post("/v1/chat/completions", &body("hi")).is(429);
        let wait = number(&reply, "retry-after");
        assert!((1..=2).contains(&wait), "{wait}");
        std::thread::sleep(Duration::from_secs(wait));
    }
    weir.post("/v1/chat/completions", &body("hi")).is(200);
}

#[test]
fn slots_are_free_again_however_requests_end() {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let upstream = Upstream::start(move |mut call| {
        if call.body.contains("fail") {
            return call
                .whole("400 Bad Request", r#"{"error":{"message":"no","type":"invalid_request_error"}}"#);
        }
        if !call.body.contains("\"stream\":true") {
            return call.whole("200 OK", WHOLE);
        }
        call.begins();
        while !stopped.load(Ordering::SeqCst) && call.says(&delta("word ")) {
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    });
    let config = format!("[bounds]\ndrain_ms = 300\n{}", planned("limits.concurrent = 2"));
    let weir = own(&[("alpha", upstream.address)], &config).start();
    let open = || {
        let mut conn = weir.open();
        let ask = request("POST", "/v1/chat/completions", &[], streamed("hi").to_string().as_bytes());
        conn.send(&ask).head().unwrap().is(200);
        conn.chunk().unwrap().unwrap();
        conn
    };
    let (one, two) = (open(), open());
    let reply = weir.post("/v1/chat/completions", &body("hi")).is(429);
    assert_eq!((reply.told("retry-after"), reply.header("x-limit-reset")), ("1", None));
    assert!(reply.text().contains("2 requests at a time"), "{}", reply.text());
    // Two clients leave in the middle of their streams.
    drop(one);
    let free = |count: &str| {
        until(Duration::from_secs(10), "a slot is free", || {
            let reply = weir.post("/v1/chat/completions", &body("hi"));
            (reply.status == 200 && reply.told("x-limit-remaining") == count).then_some(())
        });
    };
    free("0");
    drop(two);
    free("1");
    // A provider's refusal, a model that is not there, a body that is wrong, and what the upstream breaks off.
    for _ in 0..3 {
        weir.post("/v1/chat/completions", &body("fail")).is(400);
        weir.post("/v1/chat/completions", &json!({"model": "nobody", "messages": []}));
        weir.post("/v1/chat/completions", &json!({"model": 7}));
    }
    free("1");
    let mut broken = open();
    stop.store(true, Ordering::SeqCst);
    while broken.chunk().unwrap().is_some() {}
    free("1");
    // And those that hang up before there is anything to hear.
    let ask = request("POST", "/v1/chat/completions", &[], body("hi").to_string().as_bytes());
    for _ in 0..20 {
        weir.open().send(&ask);
    }
    free("1");
}

#[test]
fn tokens_are_estimated_and_then_corrected() {
    let (_upstream, weir) = calm(&planned("limits.tokens_per_minute = 6000"));
    let mut ask = body("hi");
    ask["max_tokens"] = json!(4_000);
    let first = weir.post("/v1/chat/completions", &ask).is(200);
    assert!(number(&first, "x-ratelimit-remaining-tokens") < 2_000, "{:?}", first.headers);
    // Ten were used; without giving back the second would have to wait for twenty seconds.
    let second = weir.post("/v1/chat/completions", &ask).is(200);
    let left = number(&second, "x-ratelimit-remaining-tokens");
    assert!((1_950..2_000).contains(&left), "{left}");
    let long = body(&"river ".repeat(9_000));
    let refused = weir.post("/v1/chat/completions", &long).is(413);
    assert_eq!(refused.json()["error"]["code"], "tokens_over_limit");
    assert_eq!((refused.header("retry-after"), refused.told("x-should-retry")), (None, "false"));
}

#[test]
fn a_plan_says_which_models_and_how_dear() {
    let start = || Upstream::start(|call| call.whole("200 OK", WHOLE));
    let (alpha, beta) = (start(), start());
    let config = planned("models = [\"b*/*\"]\npolicy = \"cheap\"\nlimits.max_cost_usd = \"0.0009\"");
    let weir = own(&[("alpha", alpha.address), ("beta", beta.address)], &config).start();
    // alpha would be the best.
    let reply = weir.post("/v1/chat/completions", &body("hi")).is(200);
    assert_eq!(reply.told("x-provider"), "beta");
    assert_eq!(reply.header("x-limit-limit"), None, "what is not counted is not told");
    let mut ask = body("hi");
    for model in ["alpha/alpha-chat", "alpha-chat"] {
        ask["model"] = json!(model);
        let refused = weir.post("/v1/chat/completions", &ask).is(403);
        let error = refused.json()["error"].clone();
        assert_eq!(
            (&error["code"], &error["type"]),
            (&json!("model_not_in_plan"), &json!("permission_error"))
        );
        assert_eq!(error["param"], "model");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("plan test") && message.contains("beta/beta-chat"), "{message}");
    }
    let ids: Vec<Value> =
        weir.get("/v1/models").json()["data"].as_array().unwrap().iter().map(|m| m["id"].clone()).collect();
    assert!(ids.contains(&json!("beta/beta-chat")) && !ids.contains(&json!("alpha/alpha-chat")), "{ids:?}");
    weir.get("/v1/models/alpha/alpha-chat").is(404);
    let explained = weir.post("/api/route/explain", &body("hi")).is(200).json();
    let candidates = explained["record"]["candidates"].as_array().unwrap().clone();
    let out = candidates.iter().find(|c| c["provider"] == "alpha").unwrap();
    assert_eq!(out["removed"]["constraint"], "plan", "{out}");
    assert_eq!(
        explained["record"]["weights"]["answer_value"],
        json!(0.005),
        "its policy is the plan's: cheap"
    );
    // 500 tokens at 2 USD a million are a tenth of a cent.
    let mut dear = body("hi");
    dear["max_tokens"] = json!(500);
    let refused = weir.post("/v1/chat/completions", &dear).is(403);
    let error = refused.json()["error"].clone();
    assert_eq!(error["code"], "cost_over_limit");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("may cost up to 0.0010") && message.contains("0.000900000 USD is the most"),
        "{message}"
    );
    assert_eq!((alpha.calls(), beta.calls()), (0, 1));
}

#[test]
fn a_keys_plan_comes_before_its_accounts_and_an_unknown_one_opens_nothing() {
    let upstream = Upstream::start(|call| call.whole("200 OK", WHOLE));
    let config = "service.plan = \"shared\"\n[plans.shared]\nshared_limits.requests_per_hour = 3\n\
                  [plans.tight]\nkey_limits.requests_per_hour = 1\n\
                  [accounts.red]\ncredit_usd = \"1\"\nplan = \"tight\"\n\
                  [accounts.blue]\ncredit_usd = \"1\"\n[accounts.green]\ncredit_usd = \"1\"\n";
    let weir = own(&[("alpha", upstream.address)], config).variable("WEIR_ADMIN_KEY", "wk_admin").start();
    let key = |wish: Value| {
        let headers = [("Authorization", "Bearer wk_admin")];
        let made = weir.ask("POST", "/api/admin/keys", &headers, &wish.to_string());
        made.json()["key"].as_str().unwrap_or_else(|| panic!("{}", made.text())).to_owned()
    };
    let ask = |key: &str| {
        let bearer = format!("Bearer {key}");
        weir.ask("POST", "/v1/chat/completions", &[("Authorization", &bearer)], &body("hi").to_string())
    };
    let (one, two) = (key(json!({"account": "red"})), key(json!({"account": "red"})));
    for key in [&one, &two] {
        ask(key).is(200);
        assert!(ask(key).is(429).text().contains("a key on the plan tight"));
    }
    let (blue, green) = (key(json!({"account": "blue"})), key(json!({"account": "green"})));
    let free = key(json!({"account": "red", "plan": "enterprise"}));
    ask(&blue).is(200);
    ask(&green).is(200);
    ask(&blue).is(200);
    assert!(ask(&green).is(429).text().contains("all accounts on the plan shared together"));
    assert_eq!(ask(&free).is(200).header("x-limit-limit"), None);
    let ghost = key(json!({"account": "red", "plan": "ghost"}));
    let refused = ask(&ghost).is(403);
    let error = refused.json()["error"].clone();
    assert_eq!(error["code"], "unknown_plan");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("\"ghost\"") && message.contains("business, enterprise, pro"), "{message}");
    // The operator comes under none of it.
    assert_eq!(ask("wk_admin").is(200).header("x-limit-limit"), None);
}

#[test]
fn without_a_word_nothing_is_limited_and_nothing_said_of_it() {
    let (_upstream, weir) = calm("");
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let reply = weir.post(path, &body("hi")).is(200);
        let told = |(name, _): &&(String, String)| name.contains("limit");
        assert!(!reply.headers.iter().any(|header| told(&header)), "{:?}", reply.headers);
    }
}

#[test]
fn what_cannot_be_is_found_before_anybody_is_let_in() {
    for (config, word) in [
        ("service.plan = \"gold\"", "service.plan: there is no plan \\\"gold\\\"; known: business"),
        ("[accounts.red]\nplan = \"gold\"", "accounts.red.plan: there is no plan"),
        ("[plans.pro]\noff = true\n[accounts.red]\nplan = \"pro\"", "accounts.red.plan: there is no plan"),
        ("[plans.gold]\npolicy = \"nice\"", "plans.gold.policy: there is no policy"),
        ("[plans.gold.limits]\nburst = 2", "plans.gold.limits.burst:"),
        ("[accounts.red.key_limits]\nconcurrent = 0", "accounts.red.key_limits.concurrent: 0"),
        ("[plans.gold]\nmodel = [\"x\"]", "unknown field `model`"),
    ] {
        let setup = Setup::new();
        let file = setup.dir.write("bad.toml", config);
        let checked = setup.run(&["check", "--json", "--config", file.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(!checked.status.success() && said.contains(word), "{config}: {said}");
    }
}

#[test]
fn the_official_sdk_waits_as_long_as_it_is_told() {
    if offline("the_official_sdk_waits_as_long_as_it_is_told") {
        return;
    }
    let python = python_with("openai==3.52.0");
    let (_upstream, weir) = calm(&planned("limits = { requests_per_minute = 20, burst = 1 }"));
    let begun = Instant::now();
    let base = format!("http://{}/v1", weir.address);
    let out =
        Command::new("timeout").arg("100").arg(python).arg(script("limits.py")).arg(base).output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.starts_with("ok waited"), "{said}\n{wrong}");
    assert!(begun.elapsed() >= Duration::from_secs(2), "the third came after three seconds: {said}");
}
