//! The response cache.

use super::*;
use crate::identity::House;
use crate::world::{body, streamed};

const ON: &str = "[service.cache]\nmode = \"on\"";

fn told(reply: &Reply) -> &str {
    reply.header("x-weir-cache").unwrap_or("-")
}

fn is_hit(reply: &Reply) -> bool {
    told(reply).starts_with("hit; age=")
}

#[test]
fn who_asks_the_same_is_told_the_same_and_charged_nothing() {
    let place = Place::new(ON);
    let every = every_way();
    for (at, (path, body)) in every.iter().enumerate() {
        let first = place.ask(path, &[], body).is(200);
        assert_eq!(told(&first), "miss", "{path}");
        let id = format!("hit-{at}");
        let hit = place.ask(path, &[("X-Request-Id", &id), ("X-Weir-Tags", "a=b")], body).is(200);
        assert!(is_hit(&hit), "{path}: {}", told(&hit));
        assert_eq!(hit.body, first.body, "{path}");
        for same in
            ["x-provider", "x-model", "content-type", "x-tokens-in", "x-tokens-out", "transfer-encoding"]
        {
            assert_eq!(hit.header(same), first.header(same), "{path}: {same}");
        }
        assert_eq!(
            (hit.told("x-cost-usd"), hit.told("x-credits-used"), hit.told("x-route-attempts")),
            ("0.000000000", "0", "0"),
            "{path}"
        );
        assert_eq!(hit.told("x-request-id"), id);
        assert!(hit.header("x-credits-balance").is_some() && hit.header("idempotent-replayed").is_none());
    }
    assert_eq!(place.upstream.calls(), every.len());
    place.books(every.len(), "hit", every.len());
    place.verifies();
    let entry = &place.weir.get("/api/billing/usage/hit-0").is(200).json()["entries"][0];
    assert_eq!((&entry["kind"], amount(&entry["amount_usd"])), (&json!("hit"), 0));
    assert!(amount(&entry["detail"]["saved"]) > 0, "{entry}");
    // An id is one request's, out of the cache or not.
    let (path, body) = &every[0];
    assert_eq!(
        place.ask(path, &[("X-Request-Id", "hit-0")], body).is(409).json()["error"]["code"],
        "request_id_conflict"
    );
    let figures = place.weir.get("/metrics").text();
    assert!(figures.contains(&format!("weir_cache_hits_total {}", every.len())), "{figures}");
}

#[test]
fn only_the_same_is_the_same() {
    let place = Place::new(ON);
    let mut chat = body("hi");
    assert_eq!(told(&place.chat(&[], &chat)), "miss");
    // A stream's answer is for streams.
    assert_eq!(told(&place.chat(&[], &streamed("hi"))), "miss");
    assert!(is_hit(&place.chat(&[], &streamed("hi"))));
    for (name, value) in
        [("user", json!("u")), ("metadata", json!({"a": "b"})), ("prompt_cache_key", json!("k"))]
    {
        chat[name] = value;
        assert!(is_hit(&place.chat(&[], &chat)), "{name}");
    }
    for (name, value) in [("temperature", json!(0.5)), ("max_tokens", json!(41)), ("seed", json!(7))] {
        let mut other = chat.clone();
        other[name] = value;
        assert_eq!(told(&place.chat(&[], &other)), "miss", "{name}");
    }
    for header in [("X-Weir-Policy", "cheap"), ("X-Weir-Seed", "4"), ("X-Weir-Max-Cost-Usd", "1")] {
        assert_eq!(told(&place.chat(&[header], &chat)), "miss", "{header:?}");
        assert!(is_hit(&place.chat(&[header], &chat)), "{header:?}");
    }
}

#[test]
fn requests_policies_and_the_operator_say_whose_answers_are_cached() {
    let with = |config: &str| Place::new(config);
    let named = |header: Option<&'static str>| header.map(|value| ("X-Weir-Cache", value));
    let ask = |place: &Place, header: Option<&'static str>, body: &Value| {
        let headers: Vec<_> = named(header).into_iter().collect();
        told(&place.chat(&headers, body).is(200)).split(';').next().unwrap().to_owned()
    };
    let chat = body("hi");

    let off = with("");
    assert_eq!(
        [ask(&off, None, &chat), ask(&off, Some("on"), &chat), ask(&off, Some("on"), &chat)],
        ["-", "-", "-"]
    );

    let asked = with("[service.cache]\nmode = \"asked\"\n[policies.warm]\npreset = \"cheap\"\ncache = true");
    assert_eq!([ask(&asked, None, &chat), ask(&asked, Some("on"), &chat)], ["-", "miss"]);
    assert_eq!([ask(&asked, Some("on"), &chat), ask(&asked, None, &chat)], ["hit", "-"]);
    let mut warm = chat.clone();
    warm["model"] = json!("auto:warm");
    assert_eq!(
        [ask(&asked, None, &warm), ask(&asked, None, &warm), ask(&asked, Some("off"), &warm)],
        ["miss", "hit", "-"]
    );
    let by_header = asked.chat(&[("X-Weir-Policy", "warm")], &chat);
    assert_eq!(told(&by_header), "miss");

    let on = with(&format!("{ON}\n[policies.fresh]\npreset = \"cheap\"\ncache = false"));
    assert_eq!([ask(&on, None, &chat), ask(&on, None, &chat)], ["miss", "hit"]);
    assert_eq!([ask(&on, Some("refresh"), &chat), ask(&on, None, &chat)], ["refresh", "hit"]);
    assert_eq!([ask(&on, Some("off"), &chat), ask(&on, None, &chat)], ["-", "hit"]);
    assert_eq!(on.upstream.calls(), 3);
    let mut fresh = chat.clone();
    fresh["model"] = json!("auto:fresh");
    assert_eq!([ask(&on, None, &fresh), ask(&on, Some("on"), &fresh)], ["-", "miss"]);
    for place in [&off, &asked, &on] {
        let refused = place.chat(&[("X-Weir-Cache", "maybe")], &chat).is(400).json();
        assert_eq!(refused["error"]["param"], "x-weir-cache");
    }
}

#[test]
fn what_is_not_whole_is_not_cached() {
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let upstream =
        Upstream::start(move |mut call| match turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => call.whole("400 Bad Request", r#"{"error":{"message":"no"}}"#),
            1 => {
                call.begins();
                call.says(&delta("hel"));
                false
            }
            _ => answers(call, Duration::ZERO),
        });
    let place = Place::before(upstream, ON);
    place.chat(&[], &streamed("hi")).is(400);
    assert!(place.chat(&[], &streamed("hi")).is(200).text().contains("stream_broken"));
    assert_eq!(told(&place.chat(&[], &streamed("hi")).is(200)), "miss");
    assert!(is_hit(&place.chat(&[], &streamed("hi")).is(200)));
}

#[test]
fn an_answer_in_memory_grows_old_and_makes_room() {
    let place = Place::new("[service.cache]\nmode = \"on\"\nttl_s = 1\nentry_max = 15000\ntotal_max = 15000");
    let hit = |prompt: &str| is_hit(&place.chat(&[], &body(prompt)).is(200));
    assert_eq!([hit("medium a"), hit("medium a")], [false, true]);
    assert_eq!([hit("medium b"), hit("medium a")], [false, false], "there is room for one");
    assert_eq!(
        [hit("large"), hit("large"), hit("medium a")],
        [false, false, true],
        "and none for what is too large"
    );
    assert!(!hit("small") && hit("small"));
    std::thread::sleep(Duration::from_millis(1_100));
    assert!(!hit("small"), "it is too old");
}

#[test]
fn limits_count_a_hit_and_budgets_do_not() {
    let limited = Place::new(&format!(
        "{ON}\n[plans.test]\nlimits.requests_per_hour = 3\n[accounts.local]\nplan = \"test\"\n\
         credit_usd = \"0.0001\"\noverdraft_usd = \"0\"\n[accounts.local.budget]\nday_usd = \"0.0001\""
    ));
    // One hold fits into what there is, and a second no more once something was spent.
    limited.chat(&[], &body("hi")).is(200);
    let spent = limited.weir.credits();
    for left in ["1", "0"] {
        let hit = limited.chat(&[], &body("hi")).is(200);
        assert!(is_hit(&hit));
        assert_eq!(hit.told("x-limit-remaining"), left);
    }
    limited.chat(&[], &body("hi")).is(429);
    let after = limited.weir.credits();
    assert_eq!((&after["spent_usd"], &after["budgets"]), (&spent["spent_usd"], &spent["budgets"]));
    limited.books(1, "hit", 2);
}

#[test]
fn a_hit_can_be_replayed_too() {
    let place = Place::new(ON);
    place.chat(&[], &body("hi")).is(200);
    let hit = place.keyed("k", &body("hi")).is(200);
    assert!(is_hit(&hit) && !is_replay(&hit));
    let again = place.keyed("k", &body("hi")).is(200);
    assert!(
        is_replay(&again) && again.body == hit.body && again.told("x-request-id") == hit.told("x-request-id")
    );
    let stream = || place.keyed("s", &streamed("hi")).is(200);
    place.chat(&[], &streamed("hi")).is(200);
    assert!(is_hit(&stream()));
    until(Duration::from_secs(5), "it is kept", || Some(stream()).filter(is_replay));
    assert_eq!(place.upstream.calls(), 2);
    place.verifies();
}

/// What is in memory is an account's, and under the plan that it was asked under.
#[test]
fn nothing_in_memory_is_another_tenants() {
    let house = House::new(&format!(
        "{ON}\n[accounts.red]\ncredit_usd = \"1\"\n[accounts.blue]\ncredit_usd = \"1\"\n[plans.small]\nmodels = [\"none/such\"]"
    ));
    let key = |account: &str| house.key(account)["key"].as_str().unwrap().to_owned();
    let (red, blue) = (key("red"), key("blue"));
    let chat = body("a secret of red's").to_string();
    let ask = |key: &str| house.with_key(key, "POST", "/v1/chat/completions", &chat);
    assert_eq!(told(&ask(&red).is(200)), "miss");
    assert!(is_hit(&ask(&red).is(200)) && is_hit(&ask(&key("red")).is(200)), "all keys of red's share it");
    assert_eq!(told(&ask(&blue).is(200)), "miss");
    let made = json!({"account": "red", "plan": "small"});
    let small =
        house.operator("POST", "/api/admin/keys", &made).is(200).json()["key"].as_str().unwrap().to_owned();
    let refused = ask(&small);
    assert!(refused.status != 200, "a plan that does not have it is not told it: {}", refused.text());
}
