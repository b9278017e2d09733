//! More texts than a provider takes at once are asked for in parts, which are one attempt: one hold, one line, one outcome.

use crate::books::amount;
use crate::process::{Setup, Weir};
use crate::upstream::Upstream;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("text number {n}")).collect()
}

#[test]
fn as_many_texts_as_anybody_has_come_back_in_their_order() {
    let weir = Weir::alone();
    for model in ["lab-workers/@cf/lab/bge", "lab-gemini/gemini-embedding-001-lab"] {
        let embed =
            |input: Value| weir.post("/v1/embeddings", &json!({ "model": model, "input": input })).is(200);
        let vector = |reply: &Value, at: usize| reply["data"][at]["embedding"].clone();
        let all = texts(250);
        let many = embed(json!(all));
        let said = many.json();
        assert_eq!(said["data"].as_array().unwrap().len(), 250, "{model}");
        let places: Vec<u64> =
            said["data"].as_array().unwrap().iter().map(|one| one["index"].as_u64().unwrap()).collect();
        assert_eq!(places, (0..250).collect::<Vec<_>>());
        for at in [0, 99, 100, 199, 200, 249] {
            let alone = embed(json!(all[at])).json();
            assert_eq!(vector(&said, at), vector(&alone, 0), "{model}, {at}");
        }
        let different: BTreeSet<String> = (0..250).map(|at| vector(&said, at).to_string()).collect();
        assert_eq!(different.len(), 250);
        // Together they come to what was said of each.
        assert_eq!(many.told("x-route-attempts"), "1");
        assert_eq!(said["usage"]["prompt_tokens"].to_string(), many.told("x-tokens-in"));
        let entry = weir.ended(many.told("x-request-id"));
        let lines = entry["detail"]["lines"].as_array().unwrap();
        assert_eq!((lines.len(), &lines[0]["outcome"]), (1, &json!("ok")));
        assert_eq!(lines[0]["usage"]["input"].to_string(), many.told("x-tokens-in"));
        if model.contains("gemini") {
            let parts = all.chunks(100).map(|part| embed(json!(part)).json());
            let each: u64 = parts.map(|part| part["usage"]["prompt_tokens"].as_u64().unwrap()).sum();
            assert_eq!(many.told("x-tokens-in"), each.to_string());
        }
    }
    assert_eq!(weir.at_rest().1, 0);
}

/// What a call asks for, answered as Workers AI does: one number for each text, its own.
fn answer(body: &str) -> String {
    let asked: Value = serde_json::from_str(body).unwrap();
    let number = |text: &Value| text.as_str().unwrap().rsplit(' ').next().unwrap().parse::<f32>().unwrap();
    let data: Vec<[f32; 1]> = asked["text"].as_array().unwrap().iter().map(|text| [number(text)]).collect();
    json!({ "result": { "shape": [data.len(), 1], "data": data }, "success": true, "errors": [] }).to_string()
}

fn weir(upstream: &Upstream, more: &str) -> Weir {
    let text = format!(
        "[bounds]\nattempts = 1\n{more}[providers.workers-ai]\nkind = \"workers-ai\"\nbase_url = \"http://{}/client/v4/accounts/0\"\n\
         keys = [\"TEST_KEY\"]\nmodels = [\"@cf/baai/bge-m3\"]\n",
        upstream.address
    );
    Setup::new().config(&text).variable("TEST_KEY", "k").start()
}

fn asked(count: usize) -> Value {
    json!({ "model": "@cf/baai/bge-m3", "input": texts(count) })
}

#[test]
fn each_part_is_as_large_as_it_may_be() {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let seen = sizes.clone();
    let upstream = Upstream::start(move |call| {
        let asked: Value = serde_json::from_str(call.body).unwrap();
        seen.lock().unwrap().push(asked["text"].as_array().unwrap().len());
        // Those that come first may be late.
        if call.body.contains("text number 0\"") {
            std::thread::sleep(std::time::Duration::from_millis(60));
        }
        let body = answer(call.body);
        call.whole("200 OK", &body)
    });
    let weir = weir(&upstream, "");
    for (count, mut should) in [(1, vec![1]), (100, vec![100]), (101, vec![1, 100]), (1_000, vec![100; 10])] {
        let said = weir.post("/v1/embeddings", &asked(count)).is(200).json();
        let told: Vec<f64> = said["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["embedding"][0].as_f64().unwrap())
            .collect();
        assert_eq!(told, (0..count).map(|n| n as f64).collect::<Vec<_>>());
        let mut sizes = std::mem::take(&mut *sizes.lock().unwrap());
        sizes.sort_unstable();
        should.sort_unstable();
        assert_eq!(sizes, should);
    }
    assert_eq!(weir.at_rest().1, 0);
}

/// A part that fails is the failure of all. What the others used is paid all the same, and nothing that was not asked.
#[test]
fn a_part_that_fails_is_the_failure_of_all_and_the_others_are_on_its_line() {
    let whole = {
        let upstream = Upstream::start(|call| {
            let body = answer(call.body);
            call.whole("200 OK", &body)
        });
        let weir = weir(&upstream, "");
        let reply = weir.post("/v1/embeddings", &asked(1_000)).is(200);
        reply.told("x-tokens-in").parse::<u64>().unwrap()
    };
    for (which, status, body, outcome) in [
        (0, "500 Internal Server Error", "{}", "down"),
        (3, "500 Internal Server Error", "{}", "down"),
        (9, "500 Internal Server Error", "{}", "down"),
        (3, "200 OK", r#"{"result":{"data":[[1.0]]},"success":true}"#, "garbled"),
        (0, "200 OK", "not json", "garbled"),
    ] {
        let first = format!("\"text number {}\"", which * 100);
        let upstream = Upstream::start(move |call| {
            // All but the one that fails are there when it does.
            if call.body.contains(&first) {
                std::thread::sleep(std::time::Duration::from_millis(80));
                return call.whole(status, body);
            }
            let body = answer(call.body);
            call.whole("200 OK", &body)
        });
        let weir = weir(&upstream, "");
        let refused = weir.post("/v1/embeddings", &asked(1_000));
        assert_eq!(refused.status, 502, "{}", refused.text());
        let entry = weir.ended(refused.told("x-request-id"));
        let lines = entry["detail"]["lines"].as_array().unwrap();
        assert_eq!((lines.len(), &lines[0]["outcome"]), (1, &json!(outcome)), "{entry}");
        // Those before it, those asked beside it, and itself where it may have been done.
        let paid = which + (10 - which - 1).min(3) + usize::from(outcome == "garbled");
        let tokens = lines[0]["usage"]["input"].as_u64().unwrap_or(0);
        let share = whole * paid as u64 / 10;
        assert!(tokens >= share && tokens <= share + 10, "{tokens} of {whole} for {paid} parts");
        let marks = (&lines[0]["usage"]["partial"], &lines[0]["usage"]["estimated"]);
        assert_eq!(marks, (&json!(true), &json!(true)), "{entry}");
        assert!(amount(&entry["amount_usd"]) > 0);
        assert!(upstream.calls() <= which + 4, "{} calls", upstream.calls());
        assert_eq!(weir.at_rest().1, 0);
    }
}

#[test]
fn parts_share_one_deadline() {
    let upstream = Upstream::start(|call| {
        std::thread::sleep(std::time::Duration::from_millis(700));
        let body = answer(call.body);
        call.whole("200 OK", &body)
    });
    let weir = weir(&upstream, "deadline_ms = 1000\n");
    let began = std::time::Instant::now();
    let refused = weir.post("/v1/embeddings", &asked(1_000));
    assert!(refused.status >= 500, "{}", refused.text());
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "{:?}", began.elapsed());
    // Four came, four were under way, two were never asked.
    assert_eq!(upstream.calls(), 8);
    let entry = weir.ended(refused.told("x-request-id"));
    assert_eq!(entry["detail"]["lines"][0]["outcome"], "silent", "{entry}");
    assert_eq!(weir.at_rest().1, 0);
}
