//! Answers that are told again: under an `Idempotency-Key`, and out of the cache. What the provider saw is counted at the
//! provider, what was charged is read from the books, and the bytes are compared as they came.

mod cache;
mod keys;

use crate::books::amount;
use crate::net::{Reply, request, until};
use crate::process::{Setup, Weir};
use crate::upstream::{Call, FINISH, USAGE, Upstream, WHOLE, delta};
use crate::world::own;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// How long the answer is to a prompt with such a word.
const LENGTHS: [(&str, usize); 2] = [("medium", 10_000), ("large", 20_000)];

/// Answers in the way that it is asked, a moment later.
fn answers(mut call: Call<'_>, after: Duration) -> bool {
    std::thread::sleep(after);
    if let Some((_, length)) = LENGTHS.iter().find(|(word, _)| call.body.contains(word)) {
        return call.whole("200 OK", &WHOLE.replace("hello", &"x".repeat(*length)));
    }
    if call.body.contains(r#""stream":true"#) {
        let said = [delta("hel"), delta("lo"), FINISH.into(), USAGE.into(), "[DONE]".into()];
        call.begins() && said.iter().all(|json| call.says(json)) && call.ends()
    } else {
        call.whole("200 OK", WHOLE)
    }
}

/// One that is there, and how it is set up.
struct Place {
    upstream: Upstream,
    setup: Setup,
    weir: Weir,
}

impl Place {
    fn new(config: &str) -> Self {
        Self::slow(config, Duration::ZERO)
    }

    fn slow(config: &str, after: Duration) -> Self {
        Self::before(Upstream::start(move |call| answers(call, after)), config)
    }

    fn before(upstream: Upstream, config: &str) -> Self {
        let setup = own(&[("alpha", upstream.address)], config);
        Self { weir: setup.start(), upstream, setup }
    }

    fn ask(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        self.weir.ask("POST", path, headers, &body.to_string())
    }

    fn chat(&self, headers: &[(&str, &str)], body: &Value) -> Reply {
        self.ask("/v1/chat/completions", headers, body)
    }

    /// With this key.
    fn keyed(&self, key: &str, body: &Value) -> Reply {
        self.chat(&[("Idempotency-Key", key)], body)
    }

    /// The account's entries of a kind.
    fn entries(&self, kind: &str) -> Vec<Value> {
        let all = self.weir.get("/api/billing/ledger?limit=500").is(200).json();
        let of_kind = |entry: &&Value| entry["kind"] == kind;
        all["entries"].as_array().unwrap().iter().filter(of_kind).cloned().collect()
    }

    /// How often something was generated and charged, and how often an answer was told again: by the books, which add up.
    #[track_caller]
    fn books(&self, generated: usize, kind: &str, repeated: usize) {
        self.weir.at_rest();
        let (settled, repeats) = (self.entries("settle"), self.entries(kind));
        assert_eq!((settled.len(), repeats.len()), (generated, repeated));
        let spent: i128 = settled.iter().map(|entry| amount(&entry["amount_usd"])).sum();
        assert_eq!(amount(&self.weir.credits()["spent_usd"]), spent);
        for entry in repeats {
            assert_eq!(amount(&entry["amount_usd"]), 0, "{entry}");
            let of = entry["detail"]["of"].as_str().unwrap();
            let first = settled.iter().find(|settled| settled["op_id"] == of).expect("it was charged once");
            assert_eq!(entry["detail"]["saved"], first["amount_usd"], "{entry}");
        }
    }

    /// The export verifies by weir and by the checker that knows no weir.
    fn verifies(&self) {
        self.weir.verify();
        let data = self.setup.data();
        let data = data.to_str().unwrap();
        let export = self.setup.run(&["ledger", "export", "--data", data]);
        assert!(export.status.success());
        let file = self.setup.dir.write("export.jsonl", &String::from_utf8(export.stdout).unwrap());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/verify/verify.py");
        let out = Command::new("python3").args(["-B", script]).arg(&file).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
        let out = self.setup.run(&["ledger", "verify", file.to_str().unwrap()]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    }
}

/// A head without what is of one moment.
fn lasting(reply: &Reply) -> Vec<(String, String)> {
    let momentary = ["server-timing", "date", "idempotent-replayed"];
    reply.headers.iter().filter(|(name, _)| !momentary.contains(&name.as_str())).cloned().collect()
}

fn is_replay(reply: &Reply) -> bool {
    reply.header("idempotent-replayed") == Some("true")
}

/// The same text, asked in each protocol: whole, then as a stream.
fn every_way() -> Vec<(&'static str, Value)> {
    let user = json!([{"role": "user", "content": "hi"}]);
    let mut all = Vec::new();
    for stream in [false, true] {
        all.extend([
            (
                "/v1/chat/completions",
                json!({"model": "auto", "messages": user, "max_tokens": 40, "stream": stream}),
            ),
            ("/v1/responses", json!({"model": "auto", "input": "hi", "stream": stream})),
            ("/v1/messages", json!({"model": "auto", "messages": user, "max_tokens": 40, "stream": stream})),
            ("/api/si/ask", json!({"prompt": "hi", "max_tokens": 40, "stream": stream})),
        ]);
    }
    let contents = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    for method in ["generateContent", "streamGenerateContent", "streamGenerateContent?alt=sse"] {
        all.push((Box::leak(format!("/v1beta/models/auto:{method}").into_boxed_str()), contents.clone()));
    }
    all
}
