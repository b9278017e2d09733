//! What a provider calls its part of a request, for who has to ask its support.

use crate::net::request;
use crate::upstream::{FINISH, Upstream, WHOLE, delta};
use crate::world::{body, own, with_trailer};
use serde_json::json;

/// An answer with more headers.
fn named(header: &'static str) -> Upstream {
    Upstream::start(move |mut call| {
        if !call.body.contains("\"stream\":true") {
            return call.whole(&format!("200 OK\r\n{header}"), WHOLE);
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\n{header}\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        std::io::Write::write_all(call.stream, head.as_bytes()).is_ok()
            && call.says(&delta("hello"))
            && call.says(FINISH)
            && call.says("[DONE]")
            && call.ends()
    })
}

#[test]
fn the_one_who_served_is_told_with_its_own_name_of_the_request() {
    let alpha =
        Upstream::start(|call| call.whole("500 Internal Server Error\r\nx-request-id: req_failed", "{}"));
    let beta = named("X-Request-ID: req_011CSHoE-7.x");
    let weir = own(&[("alpha", alpha.address), ("beta", beta.address)], "").start();
    let whole = weir.post("/v1/chat/completions", &body("hi")).is(200);
    assert_eq!((whole.told("x-provider"), whole.told("x-provider-request-id")), ("beta", "req_011CSHoE-7.x"));
    assert_ne!(whole.told("x-request-id"), "req_011CSHoE-7.x");

    let stream = weir.open().ask(&with_trailer("hi")).is(200);
    assert_eq!(stream.told("x-provider-request-id"), "req_011CSHoE-7.x");
    let last = stream.frames().last().unwrap().json();
    assert_eq!(last["route"]["provider_request_id"], "req_011CSHoE-7.x");

    let si = weir.post("/api/si/ask", &json!({ "prompt": "hi" })).is(200);
    assert_eq!(si.json()["route"]["provider_request_id"], si.told("x-provider-request-id"));
}

#[test]
fn pages_may_read_it_and_the_log_has_it() {
    let upstream = named("x-request-id: req_7");
    let setup = own(&[("alpha", upstream.address)], "[service.cors]\norigins = [\"https://app.example\"]");
    let weir = setup.variable("WEIR_LOG", "debug").start();
    let text = body("hi").to_string();
    let asked =
        request("POST", "/v1/chat/completions", &[("Origin", "https://app.example")], text.as_bytes());
    let reply = weir.open().ask(&asked).is(200);
    let exposed = reply.told("access-control-expose-headers");
    assert!(exposed.split(',').any(|name| name.trim() == "x-provider-request-id"), "{exposed}");
    crate::net::until(std::time::Duration::from_secs(5), "the log has it", || {
        let said = weir.process.said();
        said.lines()
            .any(|line| line.contains("req_7") && line.contains(reply.told("x-request-id")))
            .then_some(())
    });
}

#[test]
fn what_is_no_name_is_not_told() {
    let long: &'static str = Box::leak(format!("x-request-id: {}", "a".repeat(129)).into_boxed_str());
    for header in [
        "server: x",
        "x-request-id:",
        "x-request-id: a b",
        "x-request-id: <script>",
        "x-request-id: \u{e4}",
        long,
    ] {
        let upstream = named(header);
        let weir = own(&[("alpha", upstream.address)], "").start();
        let reply = weir.post("/v1/chat/completions", &body("hi")).is(200);
        assert_eq!(reply.header("x-provider-request-id"), None, "{header}");
        let si = weir.post("/api/si/ask", &json!({ "prompt": "hi" })).is(200);
        assert!(si.json()["route"].get("provider_request_id").is_none());
    }
}
