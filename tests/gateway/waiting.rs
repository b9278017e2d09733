//! Streams that are long in coming: they begin without a word and are kept alive, in every protocol, and all that follows
//! is as it would have been.

use crate::packages::node_modules;
use crate::process::Weir;
use crate::sdk::{base_of, offline, python_with, script};
use crate::upstream::{Call, FINISH, USAGE, Upstream, delta};
use crate::world::own;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Often enough that many words go out before the first content.
const OFTEN: &str = "[service]\nkeep_alive_ms = 60\n";
const LONG: Duration = Duration::from_millis(500);

const COMMENT: &str = ": still coming\n\n";
const PING: &str = "event: ping\ndata: {\"type\":\"ping\"}\n\n";

/// Every protocol: its path, its body, what keeps it alive, and how a whole stream ends.
fn protocols() -> [(&'static str, Value, &'static str, &'static str); 6] {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let contents = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    let chat = json!({"model": "auto", "stream": true, "messages": messages});
    let stream = "/v1beta/models/auto:streamGenerateContent";
    [
        ("/v1/chat/completions", chat.clone(), COMMENT, "data: [DONE]\n\n"),
        ("/api/si/ask", json!({"prompt": "hi", "stream": true}), COMMENT, "}}\n\n"),
        ("/v1/responses", json!({"model": "auto", "input": "hi", "stream": true}), COMMENT, "}}\n\n"),
        (
            "/v1/messages",
            json!({"model": "auto", "stream": true, "max_tokens": 9, "messages": messages}),
            PING,
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ),
        (Box::leak(format!("{stream}?alt=sse").into_boxed_str()), contents.clone(), "\r\n", "}\r\n\r\n"),
        (stream, contents, "\r\n", "]"),
    ]
}

fn answers(mut call: Call<'_>) -> bool {
    call.begins()
        && [&delta("well"), FINISH, USAGE, "[DONE]"].iter().all(|json| call.says(json))
        && call.ends()
}

fn slow() -> Upstream {
    Upstream::start(|call| {
        std::thread::sleep(LONG);
        answers(call)
    })
}

/// What is left of an answer behind the words that kept it alive, of which there were some.
fn behind<'a>(text: &'a str, word: &str) -> &'a str {
    let rest = text.trim_start_matches(word);
    assert!(text.len() - rest.len() >= 2 * word.len(), "it was not kept alive: {text:?}");
    rest
}

/// An answer as it is but for what is another each time.
fn still(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let json = line.trim_start_matches("data: ").trim();
        match serde_json::from_str::<Value>(json) {
            Ok(mut value) => {
                for name in ["created", "created_at", "route", "response", "balance", "cost", "credits"] {
                    value.as_object_mut().map(|fields| fields.remove(name));
                }
                out.push_str(&value.to_string());
            }
            Err(_) => out.push_str(line),
        }
    }
    out
}

#[test]
fn a_stream_that_is_long_in_coming_is_kept_alive_and_the_same() {
    let slow = slow();
    let fast = Upstream::start(answers);
    let (kept, plain) =
        (own(&[("alpha", slow.address)], OFTEN).start(), own(&[("alpha", fast.address)], "").start());
    for (n, (path, body, word, end)) in protocols().into_iter().enumerate() {
        let (id, body) = (format!("request-{n}"), body.to_string());
        let ask = |weir: &Weir| weir.ask("POST", path, &[("x-request-id", &id)], &body).is(200);
        let (reply, other) = (ask(&kept), ask(&plain));
        let text = reply.text();
        let rest = behind(&text, word);
        // Gemini's last frame brings a bit of the text.
        assert!(rest.contains("wel") && rest.ends_with(end), "{path}: {rest:?}");
        assert_eq!(still(rest), still(&other.text()), "{path}");
        assert_eq!(reply.told("content-type"), other.told("content-type"), "{path}");
        assert_eq!((reply.header("x-provider"), other.told("x-provider")), (None, "alpha"), "{path}");
        let entry = kept.ended(reply.told("x-request-id"));
        assert_eq!(
            (&entry["kind"], &entry["detail"]["lines"][0]["outcome"]),
            (&json!("settle"), &json!("ok"))
        );
    }
    assert_eq!((kept.at_rest().1, plain.at_rest().1), (0, 0));
}

#[test]
fn a_stream_that_never_begins_ends_with_an_error_and_no_end_mark() {
    let failing = || {
        Upstream::start(|call| {
            std::thread::sleep(LONG);
            call.whole("400 Bad Request", r#"{"error":{"message":"no such thing","code":"bad"}}"#)
        })
    };
    let upstream = failing();
    let weir = own(&[("alpha", upstream.address)], OFTEN).start();
    for (path, body, word, end) in protocols() {
        let reply = weir.post(path, &body).is(200);
        let text = reply.text();
        let rest = behind(&text, word);
        assert!(rest.contains("no such thing") && !rest.contains("well"), "{path}: {rest:?}");
        assert!(!rest.contains("[DONE]") && !rest.contains("message_stop"), "{path}: {rest:?}");
        match word {
            // What is between them is one JSON text, and nothing but that.
            "\r\n" if end == "]" => assert!(reply.json()[0]["error"]["code"].is_number(), "{rest:?}"),
            "\r\n" => assert!(rest.starts_with("data: {\"error\""), "{rest:?}"),
            _ => assert!(rest.contains("\"error\""), "{path}: {rest:?}"),
        }
        weir.post(
            "/v1/chat/completions",
            &json!({"model": "auto", "messages": [{"role": "user", "content": "x"}]}),
        );
    }
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn others_are_tried_behind_a_stream_that_is_kept_alive() {
    let mute = Upstream::start(|_| {
        std::thread::sleep(Duration::from_secs(3));
        false
    });
    let well = Upstream::start(answers);
    let config = format!("{OFTEN}[bounds]\nfirst_content_ms = 400\n");
    let weir = own(&[("alpha", mute.address), ("beta", well.address)], &config).start();
    let reply = weir.post("/api/si/ask", &json!({"prompt": "hi", "stream": true})).is(200);
    let text = reply.text();
    let rest = behind(&text, COMMENT);
    assert!(rest.contains("well"), "{rest:?}");
    let told = reply.frames().last().unwrap().json();
    let route = &told["route"];
    assert_eq!(
        (&route["provider"], route["attempts"].as_array().unwrap().len()),
        (&json!("beta"), 2),
        "{told}"
    );
}

#[test]
fn a_client_that_leaves_while_it_waits_is_not_asked_for() {
    let mute = Upstream::start(|_| {
        std::thread::sleep(Duration::from_secs(30));
        false
    });
    let weir = own(&[("alpha", mute.address)], OFTEN).start();
    let mut conn = weir.open();
    conn.send(&crate::world::with_trailer("hi"));
    conn.head().unwrap().is(200);
    assert_eq!(conn.chunk().unwrap().unwrap(), COMMENT.as_bytes());
    drop(conn);
    assert_eq!(weir.at_rest().1, 0);
    assert_eq!(mute.calls(), 1, "for a client that left nobody else is asked");
}

#[test]
fn who_wants_none_gets_none() {
    let slow = slow();
    let weir: Weir = own(&[("alpha", slow.address)], "[service]\nkeep_alive_ms = 0\n").start();
    let (path, body, ..) = &protocols()[0];
    let reply = weir.post(path, body).is(200);
    assert!(!reply.text().contains("still coming"));
    assert_eq!(reply.told("x-provider"), "alpha");
}

/// Weirs that keep streams alive, as the official SDKs hear them.
fn heard_by(command: &mut Command, place: Option<PathBuf>, stories: usize) {
    let slow = slow();
    let weir = own(&[("alpha", slow.address)], OFTEN).start();
    let out = command.arg(base_of(weir.address)).args(place).output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}\n{wrong}");
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), stories, "{said}");
    assert_eq!((slow.calls(), weir.at_rest().1), (stories, 0));
}

#[test]
fn pythons_sdks_do_not_mind() {
    if offline("pythons_sdks_do_not_mind") {
        return;
    }
    python_with(crate::anthropic::PYTHON_SDK);
    python_with(crate::gemini::PYTHON_SDK);
    let python = python_with(crate::responses_client::PYTHON_SDK);
    heard_by(Command::new(python).arg(script("kept_alive.py")), None, 4);
}

#[test]
fn javascripts_sdks_do_not_mind() {
    if offline("javascripts_sdks_do_not_mind") {
        return;
    }
    heard_by(Command::new("node").arg(script("kept_alive.mjs")), Some(node_modules()), 8);
}
