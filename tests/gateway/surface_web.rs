//! What browsers, SDKs and monitors rely on: ids, CORS, keys, error shapes, kept connections, metrics, the description.

use crate::net::request;
use crate::process::{Setup, Weir};
use crate::world::{World, body};
use serde_json::json;
use std::collections::BTreeMap;

#[test]
fn a_sane_request_id_comes_back_and_others_are_replaced() {
    let weir = Weir::alone();
    for id in ["abc-123", "A_b.c:9", &"x".repeat(128)] {
        assert_eq!(weir.ask("GET", "/health", &[("X-Request-Id", id)], "").told("x-request-id"), id);
    }
    let mut made = Vec::new();
    for id in ["", "a b", "<script>", "x\"y", &"x".repeat(129), "caf\u{e9}"] {
        let got = weir.ask("GET", "/health", &[("X-Request-Id", id)], "").told("x-request-id").to_owned();
        assert_ne!(got, id);
        assert!(got.len() >= 16 && got.bytes().all(|b| b.is_ascii_alphanumeric()), "{got}");
        made.push(got);
    }
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 6, "every request has its own");
    // It is on errors too, in the header and in the body.
    let missing = weir.ask("GET", "/nowhere", &[("X-Request-Id", "mine")], "").is(404);
    assert_eq!(
        (missing.told("x-request-id"), &missing.json()["error"]["request_id"]),
        ("mine", &json!("mine"))
    );
}

#[test]
fn only_listed_pages_may_read_answers() {
    let good = "https://app.example.com";
    let world = World::with(1, &format!("[service.cors]\norigins = [\"{good}\"]\ncredentials = true"), &[]);
    let text = body("hi").to_string();
    let reply = world.weir.ask("POST", "/v1/chat/completions", &[("Origin", good)], &text).is(200);
    assert_eq!(reply.told("access-control-allow-origin"), good);
    assert_eq!(reply.told("access-control-allow-credentials"), "true");
    assert!(reply.told("vary").to_ascii_lowercase().contains("origin"));
    let exposed: Vec<&str> = reply.told("access-control-expose-headers").split(',').map(str::trim).collect();
    for (name, _) in &reply.headers {
        let ours =
            name.starts_with("x-") && !["x-content-type-options", "x-frame-options"].contains(&name.as_str());
        assert!(!ours || exposed.contains(&name.as_str()), "a page cannot read {name}");
    }
    for name in ["x-request-id", "x-cost-usd", "x-advisor-model", "retry-after", "server-timing"] {
        assert!(exposed.contains(&name), "a page cannot read {name}");
    }

    let asked = [
        ("Origin", good),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,x-weir-policy"),
    ];
    let preflight = world.weir.ask("OPTIONS", "/v1/chat/completions", &asked, "").is(204);
    assert_eq!(preflight.told("access-control-allow-origin"), good);
    assert!(preflight.told("access-control-allow-methods").contains("POST"));
    let allowed = preflight.told("access-control-allow-headers");
    for name in ["authorization", "content-type", "x-weir-policy", "x-weir-trailer"] {
        assert!(allowed.contains(name), "{name} may not be sent");
    }

    for bad in
        ["https://evil.example", "https://app.example.com.evil.example", "null", "http://app.example.com"]
    {
        let refused = world.weir.ask("POST", "/v1/chat/completions", &[("Origin", bad)], &text).is(403);
        assert!(refused.header("access-control-allow-origin").is_none(), "{bad}");
        let preflight = world.weir.ask("OPTIONS", "/v1/chat/completions", &[("Origin", bad)], "");
        assert!(preflight.header("access-control-allow-origin").is_none(), "{bad}");
    }
    // A page that points a name of its own at this machine is not this machine.
    let host = world.weir.ask("GET", "/v1/models", &[("Host", "evil.example")], "").is(403);
    assert_eq!(host.json()["error"]["code"], "host_not_allowed");
    assert_eq!(world.weir.usage().len(), 1, "the refused ones paid nothing");
}

#[test]
fn behind_tls_and_on_pages_browsers_are_told_more() {
    let world = World::with(1, "[service]\nbehind_tls = true", &[]);
    assert!(world.weir.get("/health").told("strict-transport-security").contains("max-age="));
    let page = world.weir.get("/").is(200);
    let policy = page.told("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
}

#[test]
fn with_keys_nobody_else_is_let_in() {
    let sha = sha256_of("wk_test");
    let keys = format!(
        "[[service.keys]]\nname = \"ci\"\nsha256 = \"{sha}\"\naccount = \"team\"\n[accounts.team]\ncredit_usd = \"1\"\n"
    );
    let world = World::with(1, &keys, &[]);
    let text = body("hi").to_string();
    for headers in [vec![], vec![("Authorization", "Bearer wk_other")], vec![("x-api-key", "wk_")]] {
        let refused = world.weir.ask("POST", "/v1/chat/completions", &headers, &text).is(401);
        let error = &refused.json()["error"];
        assert_eq!(error["type"], "authentication_error");
        assert!(["missing_api_key", "invalid_api_key"].contains(&error["code"].as_str().unwrap()));
        assert!(!refused.text().contains("wk_other"), "a key is never said");
    }
    for (headers, path) in [
        (vec![("Authorization", "Bearer wk_test")], "/v1/chat/completions"),
        (vec![("x-api-key", "wk_test")], "/v1/chat/completions"),
        (vec![("x-goog-api-key", "wk_test")], "/v1/chat/completions"),
        (vec![], "/v1/chat/completions?key=wk_test"),
    ] {
        world.weir.ask("POST", path, &headers, &text).is(200);
    }
    let key = [("Authorization", "Bearer wk_test")];
    let credits = world.weir.ask("GET", "/api/credits", &key, "").is(200).json();
    assert_eq!((&credits["account"], &credits["granted_usd"]), (&json!("team"), &json!("1.000000000")));
    let foreign = world.weir.ask("GET", "/api/credits?account=local", &key, "").is(403);
    assert_eq!(foreign.json()["error"]["code"], "not_your_account");
    world.weir.ask("GET", "/metrics", &[], "").is(401);
    world.weir.ask("GET", "/health", &[], "").is(200);
    assert!(!world.weir.process.said().contains("wk_test"));
}

pub fn sha256_of(text: &str) -> String {
    use std::io::Write;
    let mut tool = std::process::Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("sha256sum is there");
    tool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let out = tool.wait_with_output().unwrap();
    String::from_utf8(out.stdout).unwrap()[..64].to_owned()
}

#[test]
fn out_of_credit_is_told_before_anything_is_sent() {
    let sha = sha256_of("wk_poor");
    let keys = format!(
        "[[service.keys]]\nname = \"ci\"\nsha256 = \"{sha}\"\naccount = \"poor\"\n[accounts.poor]\ncredit_usd = \"0.00002\"\noverdraft_usd = \"0\"\n"
    );
    let world = World::with(1, &keys, &[]);
    let key = [("Authorization", "Bearer wk_poor")];
    let refused = world.weir.ask("POST", "/v1/chat/completions", &key, &body("hi").to_string()).is(402);
    let error = refused.json()["error"].clone();
    assert_eq!(
        (&error["code"], &error["type"]),
        (&json!("insufficient_credit"), &json!("insufficient_quota"))
    );
    // Twenty millionths of a dollar are held for a short question and a shorter answer.
    let little = json!({"model": "auto", "max_tokens": 2, "messages": [{"role": "user", "content": "a"}]});
    world.weir.ask("POST", "/v1/chat/completions", &key, &little.to_string()).is(200);
}

#[test]
fn errors_have_the_shape_of_the_clients_protocol() {
    let world = World::new(1);
    let openai = world
        .chat(&json!({"model": "nobody", "messages": [{"role": "user", "content": "x"}]}))
        .is(404)
        .json();
    let error = &openai["error"];
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!((&error["code"], &error["param"]), (&json!("model_not_found"), &json!("model")));
    assert!(error["message"].as_str().unwrap().contains("nobody") && error["status"].is_null());
    let si = world.weir.post("/api/si/ask", &json!({"prompt": "x", "model": "nobody"})).is(404).json();
    let error = &si["error"];
    assert_eq!((&error["status"], &error["code"]), (&json!(404), &json!("model_not_found")));
    assert!(error["type"].is_null() && error["request_id"].is_string());
    let nowhere = world.weir.get("/v1/nowhere").is(404).json();
    assert_eq!(nowhere["error"]["type"], "invalid_request_error", "a path of OpenAI's: {nowhere}");
    let method = world.weir.get("/v1/chat/completions").is(405);
    assert_eq!(
        (method.told("allow"), &method.json()["error"]["code"]),
        ("POST, OPTIONS", &json!("method_not_allowed"))
    );
    let nobody = world.weir.ask(
        "POST",
        "/v1/chat/completions",
        &[("X-Weir-Min-Quality", "0.99")],
        &body("x").to_string(),
    );
    let message = nobody.is(422).json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("alpha/alpha-chat") && message.contains("quality"), "{message}");
}

#[test]
fn one_connection_serves_many_requests() {
    let weir = Weir::alone();
    let mut conn = weir.open();
    for turn in 0..20 {
        let bytes = match turn % 4 {
            0 => request("GET", "/health", &[], b""),
            1 => request("GET", "/nowhere", &[], b""),
            2 => crate::world::with_trailer("hi"),
            _ => request("POST", "/api/si/ask", &[], br#"{"prompt":"hi","max_tokens":3}"#),
        };
        let expected = if turn % 4 == 1 { 404 } else { 200 };
        assert_eq!(conn.ask(&bytes).status, expected, "turn {turn}");
    }
    // Requests sent at once are answered in order.
    let three: Vec<u8> = ["one", "two", "three"]
        .iter()
        .flat_map(|id| request("GET", "/health", &[("X-Request-Id", id)], b""))
        .collect();
    conn.send(&three);
    for id in ["one", "two", "three"] {
        assert_eq!(conn.reply().unwrap().told("x-request-id"), id);
    }
}

#[test]
fn the_same_seed_decides_the_same_and_wishes_narrow_the_route() {
    let world = World::new(3);
    let text = body("hi").to_string();
    let ask = |headers: &[(&str, &str)]| world.weir.ask("POST", "/v1/chat/completions", headers, &text);
    let first = ask(&[("X-Weir-Seed", "42")]).is(200);
    assert_eq!(first.told("x-route-decision"), ask(&[("X-Weir-Seed", "42")]).told("x-route-decision"));
    assert_eq!(ask(&[("X-Weir-Providers", "gamma")]).is(200).told("x-provider"), "gamma");
    assert_eq!(ask(&[("X-Weir-Providers", "-alpha,-beta")]).is(200).told("x-provider"), "gamma");
    assert_eq!(ask(&[("X-Weir-Min-Quality", "0.9")]).is(200).told("x-provider"), "alpha");
    let dear = ask(&[("X-Weir-Max-Cost-Usd", "0.000000001")]).is(422).json();
    assert!(dear["error"]["message"].as_str().unwrap().contains("cost"), "{dear}");
    let si = world
        .weir
        .post("/api/si/ask", &json!({"prompt": "x", "providers": ["beta"], "max_tokens": 4}))
        .is(200);
    assert_eq!(si.told("x-provider"), "beta");
    let tagged = ask(&[("X-Weir-Tags", "team=red")]).is(200);
    let path = format!("/api/billing/usage/{}", tagged.told("x-request-id"));
    let hold = world.weir.get(&path).json()["entries"][0].clone();
    assert_eq!((&hold["kind"], &hold["detail"]["tags"]), (&json!("hold"), &json!({"team": "red"})));
}

#[test]
fn the_description_lists_every_path_that_answers() {
    let weir = Weir::alone();
    let openapi = weir.get("/openapi.json").is(200).json();
    assert!(openapi["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = openapi["paths"].as_object().unwrap();
    for (path, methods) in paths {
        let real = path.replace("{request_id}", "no-such").replace("{id}", "auto");
        for method in methods.as_object().unwrap().keys().filter(|m| ["get", "post"].contains(&m.as_str())) {
            let reply = weir.ask(&method.to_ascii_uppercase(), &real, &[], "");
            assert!(reply.status != 405, "{method} {path}");
            let unknown = reply.status == 404 && reply.json()["error"]["code"] == "not_found";
            assert!(!unknown, "{method} {path} is described and not there");
        }
    }
}

/// Families with their type, and samples, of Prometheus' text format; whatever breaks its grammar fails.
fn scraped(text: &str) -> (BTreeMap<String, String>, BTreeMap<String, f64>) {
    let (mut types, mut samples) = (BTreeMap::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} has two types");
        } else if !line.starts_with('#') && !line.is_empty() {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
            let value = value.parse().unwrap_or_else(|_| panic!("{line:?}"));
            assert!(samples.insert(series.to_owned(), value).is_none(), "{series} is there twice");
            let name = series.split('{').next().unwrap();
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{name}");
        }
    }
    (types, samples)
}

#[test]
fn metrics_can_be_scraped_and_count_what_happened() {
    let world = World::new(1);
    for _ in 0..3 {
        world.chat(&body("hi")).is(200);
    }
    let reply = world.weir.get("/metrics").is(200);
    let (types, samples) = scraped(&reply.text());
    let labels = r#"{provider="alpha",model="alpha-chat""#;
    assert_eq!(samples[&format!(r#"weir_upstream_calls_total{labels},outcome="ok"}}"#)], 3.0);
    let events = world.weir.usage();
    let tokens: u64 = events.iter().map(|e| e["lines"][0]["usage"]["output"].as_u64().unwrap()).sum();
    assert_eq!(samples[&format!("weir_tokens_out_total{labels}}}")], tokens as f64);
    assert_eq!(samples["weir_requests_open"], 0.0);

    // The two formats name a counter's family differently; the content type says which one this is.
    let kind = reply.told("content-type");
    let family =
        if kind.contains("openmetrics") { "weir_upstream_calls" } else { "weir_upstream_calls_total" };
    assert_eq!(types.get(family).map(String::as_str), Some("counter"), "as {kind}");
    assert_eq!(kind.contains("openmetrics"), reply.text().ends_with("# EOF\n"), "as {kind}");
}

#[test]
fn without_keys_only_loopback_is_listened_on() {
    let setup = Setup::new();
    let out = setup.run(&["serve", "--listen", "0.0.0.0:0", "--data", "x.db"]);
    assert_eq!(out.status.code(), Some(2));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("loopback") && said.contains("keys"), "{said}");
}
