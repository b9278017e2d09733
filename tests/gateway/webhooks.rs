//! Webhooks, as those who run one meet them. The signature is checked by what the standard says, not by weir's code.

use crate::net::until;
use crate::postgres::{self, VARIABLE};
use crate::process::{Setup, Weir};
use crate::upstream::{Upstream, WHOLE};
use crate::world::{body, own};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECRET: &str = "c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3JlIQ==";
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody who listens.
struct Hook {
    upstream: Upstream,
    heard: Arc<Mutex<Vec<(String, Value)>>>,
    /// What it answers.
    status: Arc<AtomicU16>,
}

/// The value of a header in a head of small letters.
fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{name} in {head}")).trim()
}

/// The whole of a check, as somebody who gets webhooks writes it.
fn verified(head: &str, body: &str) -> bool {
    let signed = format!("{}.{}.{body}", header(head, "webhook-id"), header(head, "webhook-timestamp"));
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(SECRET).unwrap()).unwrap();
    mac.update(signed.as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    head.lines().filter_map(|line| line.split_once(": ")).any(|(name, value)| {
        name.eq_ignore_ascii_case("webhook-signature") && value.trim().split(' ').any(|one| one == expected)
    })
}

impl Hook {
    fn start() -> Self {
        let (heard, status) = (Arc::<Mutex<Vec<(String, Value)>>>::default(), Arc::new(AtomicU16::new(204)));
        let (tell, says) = (heard.clone(), status.clone());
        let upstream = Upstream::start(move |call| {
            assert!(verified(call.head, call.body), "{}\n{}", call.head, call.body);
            let head = call.head.to_ascii_lowercase();
            let said = serde_json::from_str(call.body).unwrap();
            tell.lock().unwrap().push((header(&head, "webhook-id").to_owned(), said));
            let status = says.load(Ordering::SeqCst);
            call.whole(&format!("{status} Said"), "{}")
        });
        Self { upstream, heard, status }
    }

    fn config(&self, more: &str) -> String {
        format!(
            "[alerts.webhooks.ops]\nurl = \"http://{}/hook\"\nsecret = \"OPS_SECRET\"\nallow_private = true\n{more}\n",
            self.upstream.address
        )
    }

    /// What was heard so far, in a word each.
    fn words(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let word = |(_, said): &(String, Value)| {
            let percent = said["data"]["percent"].as_u64().map(|p| format!(" {p}")).unwrap_or_default();
            format!("{}{percent}", said["type"].as_str().unwrap())
        };
        heard.iter().map(word).collect()
    }

    fn hears(&self, count: usize) -> Vec<String> {
        until(PATIENCE, &format!("{count} messages"), || (self.words().len() >= count).then_some(()));
        self.words()
    }
}

fn model() -> Upstream {
    Upstream::start(|call| call.whole("200 OK", WHOLE))
}

fn small() -> Value {
    let mut ask = body("hi");
    ask["max_tokens"] = json!(4);
    ask
}

/// Asks until so much of the budget is spent; each request comes to 13 millionths of a dollar.
fn spend(weir: &Weir, requests: usize) {
    for _ in 0..requests {
        let said = weir.post("/v1/chat/completions", &small()).is(200);
        weir.ended(said.told("x-request-id"));
    }
}

/// Waits until there was a try with this outcome.
fn counted(weir: &Weir, outcome: &str) {
    let metrics = || weir.get("/metrics").text().to_owned();
    let line = format!("outcome=\"{outcome}\"}} 1");
    until(PATIENCE, outcome, || metrics().contains(&line).then_some(()));
}

const BUDGET: &str = "[accounts.local.budget]\ntotal_usd = \"0.00011\"\n";

fn setup(model: &Upstream, more: &str) -> Setup {
    own(&[("alpha", model.address)], &format!("{more}{BUDGET}"))
        .variable("OPS_SECRET", &format!("whsec_{SECRET}"))
}

fn restart(setup: &Setup, mut weir: Weir) -> Weir {
    weir.process.kill();
    drop(weir);
    setup.start()
}

#[test]
fn each_crossing_is_told_once_whatever_happens_in_between() {
    let (hook, model) = (Hook::start(), model());
    let setup = setup(&model, &hook.config(""));
    let weir = setup.start();
    spend(&weir, 4);
    assert!(hook.words().is_empty());
    spend(&weir, 1);
    assert_eq!(hook.hears(1), ["budget.threshold 50"]);
    let said = hook.heard.lock().unwrap()[0].1.clone();
    assert_eq!(said["data"]["budget"], "account/total");
    assert_eq!(
        (&said["data"]["account"], &said["data"]["spent_usd"], &said["data"]["limit_usd"]),
        (&json!("local"), &json!("0.000065000"), &json!("0.000110000"))
    );
    // Killed right after the next crossing: it may be found before or afterwards, and is told once.
    spend(&weir, 2);
    let weir = restart(&setup, weir);
    assert_eq!(hook.hears(2), ["budget.threshold 50", "budget.threshold 80"]);
    let weir = restart(&setup, weir);
    // No room for another one.
    for _ in 0..3 {
        weir.post("/v1/chat/completions", &small()).is(402);
    }
    let all = hook.hears(3);
    assert_eq!(all[2..], ["budget.exceeded"]);
    // Time for one that is told twice, if there were one.
    std::thread::sleep(Duration::from_millis(1_500));
    let weir = restart(&setup, weir);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(hook.words(), all);
    weir.verify();
}

#[test]
fn who_does_not_listen_is_told_again_with_the_same_id() {
    let (hook, model) = (Hook::start(), model());
    hook.status.store(302, Ordering::SeqCst);
    let setup = setup(&model, &hook.config(""));
    let weir = setup.start();
    spend(&weir, 5);
    hook.hears(1);
    counted(&weir, "failed");
    hook.status.store(200, Ordering::SeqCst);
    let weir = restart(&setup, weir);
    hook.hears(2);
    let heard = hook.heard.lock().unwrap().clone();
    assert!(heard.iter().all(|other| *other == heard[0]), "{heard:?}");
    counted(&weir, "delivered");
    assert!(!weir.process.said().contains(SECRET) && !weir.process.said().contains("/hook"));
}

#[test]
fn a_webhook_hears_what_it_asked_for() {
    let (hook, model) = (Hook::start(), model());
    let credit = "[accounts.local]\ncredit_usd = \"0.0001\"\noverdraft_usd = \"0\"\n";
    let alerts = "[alerts]\nthresholds = [10]\ncredit_low_usd = \"0.00006\"\n";
    let events = "events = [\"credit.*\"]\naccounts = [\"loc*\"]\n";
    let setup = setup(&model, &format!("{alerts}{}{credit}", hook.config(events)));
    let weir = setup.start();
    spend(&weir, 3);
    std::thread::sleep(Duration::from_millis(1_000));
    assert!(hook.words().is_empty(), "{:?}", hook.words());
    spend(&weir, 1);
    assert_eq!(hook.hears(1), ["credit.low"]);
    let mut large = small();
    large["max_tokens"] = json!(4_000);
    weir.post("/v1/chat/completions", &large).is(402);
    assert_eq!(hook.hears(2)[1..], ["credit.exhausted"]);
}

#[test]
fn a_webhook_that_cannot_be_is_refused_at_start() {
    let model = model();
    for (lines, word) in [
        ("url = \"https://2130706433/\"", "url: 2130706433 is a number"),
        ("url = \"https://169.254.169.254/\"", "url: 169.254.169.254 is no public address"),
        ("url = \"http://hooks.example/\"", "url: only https"),
        ("url = \"https://hooks.example/\"\nevents = [\"budget\"]", "events: there is no \"budget\""),
        ("url = \"https://hooks.example/\"", "secret: OPS_SECRET must hold whsec_"),
    ] {
        let text = format!("[alerts.webhooks.ops]\nsecret = \"OPS_SECRET\"\n{lines}\n");
        let setup = own(&[("alpha", model.address)], &text).variable("OPS_SECRET", "hunter2");
        let config = setup.dir.0.join("weir-test.toml");
        let out = setup.run(&["--config", config.to_str().unwrap(), "check"]);
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success() && said.contains(&format!("alerts.webhooks.ops.{word}")), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn of_two_nodes_over_one_ledger_one_tells() {
    let Some(cluster) = postgres::shared() else { return };
    let database = cluster.database();
    let (hook, model) = (Hook::start(), model());
    let store = format!("[store]\npostgres = \"{VARIABLE}\"\n");
    let node =
        || setup(&model, &format!("{store}{}", hook.config(""))).variable(VARIABLE, &cluster.url(&database));
    let setups = [node(), node()];
    let nodes: Vec<Weir> = setups.iter().map(Setup::start).collect();
    for turn in 0..7 {
        spend(&nodes[turn % 2], 1);
    }
    // Each may be told by another node, and the later one be there first.
    let mut heard = hook.hears(2);
    heard.sort();
    assert_eq!(heard, ["budget.threshold 50", "budget.threshold 80"]);
    for node in &nodes {
        node.post("/v1/chat/completions", &small()).is(402);
    }
    hook.hears(3);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(hook.words()[2..], ["budget.exceeded"]);
}
