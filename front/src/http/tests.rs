use super::body::Body;
use super::speak::{Speaking, Tongue};
use super::{Fields, ROUTES, cors, heads};
use crate::openai::{Chunks, Label, write};
use crate::refusal::Refusal;
use crate::si::Frames;
use billing::{Balance, Credits};
use bytes::Bytes;
use futures::executor::block_on;
use futures::stream;
use http::{HeaderMap, HeaderValue};
use policy::{Cors, Settings};
use relay::{Advice, Attempt, Bill, DecisionId, Piece, Served, Trouble, Wishes};
use serde_json::Value;
use std::future::poll_fn;
use std::pin::Pin;
use vocab::{Bucket, Duration, Event, Finish, Pico, Usage};

fn served() -> Served {
    Served {
        provider: "groq".into(),
        model: "openai/gpt-oss-20b".into(),
        reason: "best utility of 5".into(),
        decision: DecisionId::of(0xd1),
        attempts: 1,
        upstream: Duration::from_millis(431),
        balance: Balance { granted: Pico::from_usd(10), settled: Pico::ZERO, held: Pico::from_usd(1) },
        cost_max: Pico(3_000_000_000),
        provider_request_id: Some("req_7".into()),
        fake: false,
    }
}

fn bill(advice: bool) -> Bill {
    let attempt = |provider: &str, outcome: &'static str| Attempt {
        provider: provider.into(),
        model: "m".into(),
        outcome: outcome.into(),
        message: String::new(),
        millis: 5,
    };
    Bill {
        usage: Usage::default().with(Bucket::Input, 9).with(Bucket::CacheRead, 10).with(Bucket::Output, 4),
        cost: Pico(42_500_000),
        balance: Balance { granted: Pico::from_usd(10), settled: Pico(42_500_000), held: Pico::ZERO },
        attempts: vec![attempt("openai", "down"), attempt("groq", "ok")],
        advice: advice.then(|| Advice {
            model: "a/b".into(),
            savings_usd: Pico(31_000_000),
            savings_pct: 73,
            quality_delta: -0.040_000_000_3,
            latency_delta_ms: -120,
            confidence: 0.8,
            reason: "quality counts — more".into(),
        }),
        upstream: Duration::from_millis(431),
    }
}

/// The fields as a map: every name must be there once.
fn made(make: impl FnOnce(&mut Fields)) -> HeaderMap {
    let mut fields = Fields::default();
    make(&mut fields);
    let map = fields.to_map();
    assert_eq!(map.keys_len(), fields.iter().count(), "{}", fields.lines());
    assert_eq!(map.len(), fields.lines().matches("\r\n").count(), "{}", fields.lines());
    map
}

/// The frames of a body, one string each.
fn frames(body: Body) -> Vec<String> {
    let (all, trailers) = read(body);
    assert!(trailers.is_none(), "nobody wanted them");
    all
}

/// The same, and its trailers.
fn read(mut body: Body) -> (Vec<String>, Option<HeaderMap>) {
    let (mut all, mut trailers) = (vec![], None);
    while let Some(frame) = block_on(poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut body), cx))) {
        assert!(trailers.is_none(), "nothing comes after the trailers");
        match frame.unwrap().into_data() {
            Ok(bytes) => all.push(String::from_utf8(bytes.to_vec()).unwrap()),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    assert!(http_body::Body::is_end_stream(&body));
    (all, trailers)
}

fn speaking(pieces: Vec<Piece>, tongue: Tongue) -> Vec<String> {
    frames(body(pieces, tongue, false))
}

fn body(pieces: Vec<Piece>, tongue: Tongue, trailers: bool) -> Body {
    let speech = Box::new(stream::iter(pieces));
    let speaking = Speaking::new(speech, tongue, "req-1".into(), served(), Credits::default(), trailers);
    Body::Stream(Box::new(speaking))
}

fn openai(trailer: bool) -> Tongue {
    let label = Label { id: "c".into(), created: 1, model: "m".into() };
    Tongue::Openai { chunks: Box::new(Chunks::new(label, false)), trailer }
}

fn data(event: &str, text: &str) -> Option<Value> {
    let frame = text.split("\n\n").find(|f| f.starts_with(&format!("event: {event}\n")))?;
    Some(serde_json::from_str(frame.split_once("data: ")?.1).unwrap())
}

#[test]
fn ready_bytes_are_joined_and_lone_bytes_are_not_copied() {
    let bytes = Bytes::from_static(b"data: x\n\n");
    let many =
        vec![Piece::Bytes(bytes.clone()), Piece::Bytes(bytes.clone()), Piece::End(Box::new(bill(false)))];
    assert_eq!(speaking(many, openai(false)), ["data: x\n\ndata: x\n\n"]);
    let speech = stream::iter(vec![Piece::Bytes(bytes.clone())]).chain_pending();
    let mut speaking =
        Speaking::new(Box::new(speech), openai(false), "r".into(), served(), Credits::default(), false);
    let out = block_on(poll_fn(|cx| speaking.poll_frame(cx))).unwrap().unwrap().into_data().unwrap();
    assert_eq!(out.as_ptr(), bytes.as_ptr());
}

trait ChainPending: Sized {
    fn chain_pending(self) -> futures::stream::Chain<Self, stream::Pending<Piece>>;
}

impl<S: futures::Stream<Item = Piece>> ChainPending for S {
    fn chain_pending(self) -> futures::stream::Chain<Self, stream::Pending<Piece>> {
        futures::StreamExt::chain(self, stream::pending())
    }
}

#[test]
fn the_trailer_comes_after_the_end_mark_and_only_when_asked_for() {
    let pieces = || {
        vec![
            Piece::Event(Event::Text { choice: 0, text: "hi".into(), logprobs: None }),
            Piece::Event(Event::End),
            Piece::End(Box::new(bill(true))),
        ]
    };
    let plain = speaking(pieces(), openai(false)).concat();
    assert!(plain.ends_with("data: [DONE]\n\n") && !plain.contains("event: weir"));
    let told = speaking(pieces(), openai(true)).concat();
    let (before, after) = told.split_once("data: [DONE]\n\n").unwrap();
    assert!(!before.contains("event:"));
    let weir = data("weir", after).unwrap();
    assert_eq!(weir["cost"]["usd"], "0.000042500");
    assert_eq!(weir["cost"]["credits"], "0.00425");
    assert_eq!(weir["usage"]["tokens_in"], 19);
    assert_eq!(weir["route"]["attempts"][0]["outcome"], "down");
    assert_eq!(weir["advice"]["savings_pct"], 73);
}

#[test]
fn a_cut_stream_never_looks_whole() {
    let pieces = || {
        vec![
            Piece::Event(Event::Text { choice: 0, text: "half".into(), logprobs: None }),
            Piece::Broken(
                Trouble::Broken { fault: "cut".into(), message: "gone".into() },
                Box::new(bill(false)),
            ),
        ]
    };
    for trailer in [false, true] {
        let text = speaking(pieces(), openai(trailer)).concat();
        assert!(!text.contains("[DONE]") && !text.contains("event: weir"), "{text}");
        let last = text.trim_end().rsplit_once("data: ").unwrap().1;
        let error: Value = serde_json::from_str(last).unwrap();
        assert_eq!(error["error"]["code"], "stream_broken");
        assert_eq!(error["error"]["request_id"], "req-1");
        assert_eq!(error.get("weir").is_some(), trailer);
    }
    let text = speaking(pieces(), Tongue::Si(Frames::default())).concat();
    assert!(data("weir", &text).is_none());
    let error = data("error", &text).unwrap();
    assert_eq!(
        (error["error"]["status"].as_u64(), error["cost"]["usd"].as_str()),
        (Some(502), Some("0.000042500"))
    );
    let lost = speaking(vec![], openai(false)).concat();
    assert!(lost.contains("stream_broken"), "a stream that just stops is cut too");
}

#[test]
fn trailers_carry_the_bill_and_why_a_stream_was_cut() {
    let end = || vec![Piece::Event(Event::End), Piece::End(Box::new(bill(true)))];
    let cut = Trouble::Broken { fault: "cut".into(), message: "gone".into() };
    let broken = || vec![Piece::Broken(cut.clone(), Box::new(bill(false)))];
    let head = made(|head| heads::stream(head, heads::Kind::Events, &served(), &Credits::default(), true));
    let announced: Vec<&str> = head["trailer"].to_str().unwrap().split(", ").collect();
    for (pieces, tongue, error) in [
        (end(), openai(false), None),
        (end(), Tongue::Si(Frames::default()), None),
        (broken(), openai(false), Some("stream_broken")),
        (broken(), Tongue::Si(Frames::default()), Some("stream_broken")),
        (vec![], openai(false), Some("stream_broken")),
    ] {
        let lost = pieces.is_empty();
        let (text, trailers) = read(body(pieces, tongue, true));
        assert_eq!(text.len(), 1);
        let trailers = trailers.unwrap();
        assert_eq!(trailers.get("x-weir-error").map(|v| v.to_str().unwrap()), error);
        assert_eq!(trailers.contains_key("x-advisor-model"), error.is_none());
        assert_eq!(trailers["x-cost-usd"], if lost { "0.000000000" } else { "0.000042500" });
        for name in ["x-tokens-in", "x-tokens-out", "x-credits-used", "x-credits-balance", "x-route-attempts"]
        {
            assert!(trailers.contains_key(name), "{name}");
        }
        for name in trailers.keys() {
            assert!(announced.contains(&name.as_str()), "{name} is not announced");
        }
    }
    let asked = |te: &[&'static str]| {
        let headers = te.iter().map(|v| (http::header::TE, HeaderValue::from_static(v))).collect();
        heads::takes_trailers(&headers)
    };
    assert!(asked(&["trailers"]) && asked(&["gzip;q=0.5, Trailers"]) && asked(&["gzip", "trailers"]));
    assert!(!asked(&[]) && !asked(&["gzip"]) && !asked(&["trailers-not"]));
}

#[test]
fn credits_are_marked_up_dollars_are_not() {
    let money = Credits { usd_per_credit: "0.01".parse().unwrap(), markup: "1.2".parse().unwrap() };
    let headers = made(|headers| heads::whole(headers, &served(), &bill(false), &money));
    assert_eq!(
        (&headers["x-cost-usd"], &headers["x-credits-used"]),
        (&"0.000042500".parse().unwrap(), &"0.0051".parse().unwrap())
    );
    assert_eq!(headers["x-credits-balance"], "1199.9949", "with what was used it is all that was granted");
    let mut out = vec![b'{'];
    crate::report::fields(&mut out, &served(), &bill(true), &money);
    out.push(b'}');
    let told: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(told["cost"]["usd"], "0.000042500");
    assert_eq!(
        (&told["cost"]["credits"], &told["cost"]["balance_credits"]),
        (&"0.0051".into(), &"1199.9949".into())
    );
    assert_eq!(told["advice"]["quality_delta"].to_string(), "-0.04");
    let balance = super::entry::balance("a", &bill(false).balance, &money);
    assert_eq!(
        (&balance["spent_credits"], &balance["balance_credits"]),
        (&"0.0051".into(), &"1199.9949".into())
    );
}

#[test]
fn an_si_stream_says_everything_by_name() {
    let start = Event::ToolStart { choice: 0, index: 7, id: "t".into(), name: "f".into(), signature: None };
    let text = speaking(
        vec![
            Piece::Event(Event::Start { id: "x".into(), model: "y".into() }),
            Piece::Event(Event::Reasoning { choice: 0, text: "hm".into() }),
            Piece::Event(Event::Text { choice: 0, text: "a\nb".into(), logprobs: None }),
            Piece::Event(start),
            Piece::Event(Event::ToolArgs { choice: 0, index: 7, fragment: "{}".into() }),
            Piece::Event(Event::Finish { choice: 0, reason: Finish::ToolCalls }),
            Piece::Event(Event::End),
            Piece::End(Box::new(bill(false))),
        ],
        Tongue::Si(Frames::default()),
    )
    .concat();
    let (head, weir) = text.split_once("event: weir").unwrap();
    assert_eq!(
        head,
        "event: reasoning\ndata: {\"text\":\"hm\"}\n\n\
         event: delta\ndata: {\"text\":\"a\\nb\"}\n\n\
         event: tool_call\ndata: {\"index\":0,\"id\":\"t\",\"name\":\"f\"}\n\n\
         event: tool_call\ndata: {\"index\":0,\"arguments\":\"{}\"}\n\n\
         event: finish\ndata: {\"finish_reason\":\"tool_calls\"}\n\n"
    );
    assert!(weir.starts_with("\ndata: {\"id\":\"req-1\",\"usage\":"));
}

#[test]
fn whole_answers_carry_every_header() {
    let headers = made(|headers| {
        heads::whole(headers, &served(), &bill(true), &Credits::default());
        heads::timing(headers, Duration::from_micros(431_412), Duration::from_millis(431));
        heads::common(headers, "req-1", true);
    });
    for (name, expected) in [
        ("x-request-id", "req-1"),
        ("x-provider", "groq"),
        ("x-model", "openai/gpt-oss-20b"),
        ("x-tokens-in", "19"),
        ("x-tokens-out", "4"),
        ("x-cost-usd", "0.000042500"),
        ("x-credits-used", "0.00425"),
        ("x-credits-balance", "999.99575"),
        ("x-route-reason", "best utility of 5"),
        ("x-route-decision", "00000000000000d1"),
        ("x-route-attempts", "2"),
        ("x-advisor-model", "a/b"),
        ("x-advisor-savings-usd", "0.000031000"),
        ("x-advisor-savings-pct", "73"),
        ("x-advisor-quality-delta", "-0.040"),
        ("x-advisor-latency-delta-ms", "-120"),
        ("x-advisor-confidence", "0.80"),
        ("x-advisor-reason", "quality counts ? more"),
        ("server-timing", "weir;dur=0.412, upstream;dur=431.000"),
        ("cache-control", "no-store"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ] {
        assert_eq!(headers[name], expected, "{name}");
        let exposed = cors::EXPOSED.split(", ").any(|e| e == name);
        assert_eq!(exposed, name.starts_with("x-") || name == "server-timing", "{name} exposed to pages");
    }
    let quiet = made(|quiet| {
        heads::whole(quiet, &served(), &bill(false), &Credits::default());
        heads::common(quiet, "req-1", false);
    });
    assert!(!quiet.keys().any(|k| k.as_str().starts_with("x-advisor")), "no advice, no header");
    assert!(!quiet.contains_key("strict-transport-security"));
}

#[test]
fn a_field_is_one_line_whatever_is_put_into_it() {
    let fields = made(|fields| {
        fields.text("x-model", "a\r\nset-cookie: b\n\u{7f}\u{e9}\u{1f600}");
        fields.text("x-provider", "");
    });
    assert_eq!(fields["x-model"], "a??set-cookie: b????");
    assert_eq!(fields["x-provider"], "");
    assert_eq!(fields.len(), 2);
    assert_eq!(Fields::from(&fields).to_map(), fields);
}

#[test]
fn refusals_say_when_to_come_back() {
    let head = |trouble: &Trouble| made(|headers| heads::refusal(headers, &Refusal::from(trouble)));
    let resting = head(&Trouble::Resting { retry_after: Duration::from_millis(1_200) });
    assert_eq!(resting["retry-after"], "2");
    assert_eq!(head(&Trouble::Conflict)["x-should-retry"], "false");
    assert!(!head(&Trouble::Failed(vec![])).contains_key("x-should-retry"));
}

#[test]
fn only_listed_pages_may_read() {
    let cors = |origins: &[&str], credentials| Cors {
        origins: origins.iter().map(|o| (*o).into()).collect(),
        credentials,
    };
    let ask = |cors: &Cors, origin: &'static str| {
        let mut asked = HeaderMap::new();
        asked.insert("origin", HeaderValue::from_static(origin));
        made(|answer| cors::preflight(cors, &asked, answer))
    };
    let listed = cors(&["https://a.example"], true);
    let yes = ask(&listed, "https://a.example");
    assert_eq!(yes["access-control-allow-origin"], "https://a.example");
    assert_eq!(yes["access-control-allow-credentials"], "true");
    assert!(yes["access-control-allow-headers"].to_str().unwrap().contains("x-weir-policy"));
    for foreign in ["https://b.example", "http://a.example", "https://a.example.evil", "null"] {
        let no = ask(&listed, foreign);
        assert!(!no.contains_key("access-control-allow-origin"), "{foreign}");
        assert_eq!(no["vary"], "origin");
    }
    let all = ask(&cors(&["*"], true), "https://b.example");
    assert!(!all.contains_key("access-control-allow-credentials"), "never credentials for everybody");
    assert!(ask(&cors(&[], false), "https://a.example").is_empty());
}

#[test]
fn numbers_of_text_are_exact() {
    let mut out = vec![];
    write::number(&mut out, u64::MAX);
    assert_eq!(out, b"18446744073709551615");
}

fn document() -> Value {
    serde_json::from_str(super::pages::OPENAPI).unwrap()
}

#[test]
fn every_route_is_documented_and_every_documented_path_routed() {
    let document = document();
    let mut documented = vec![];
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // What is never there says so.
            let answer = match path.as_str() {
                path if path.starts_with("/v1/responses/{id}") => "404",
                "/api/voice/session" => "101",
                _ => "200",
            };
            assert!(operation["responses"][answer].is_object(), "{method} {path} has no answer");
            documented.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    let mut routed: Vec<String> =
        ROUTES.iter().flat_map(|r| r.methods.iter().map(|m| format!("{m} {}", r.template))).collect();
    documented.sort();
    routed.sort();
    assert_eq!(documented, routed);
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn walk(node: &Value, root: &Value) {
        match node {
            Value::Object(map) => {
                if let Some(target) = map.get("$ref").and_then(Value::as_str) {
                    let pointer = target.strip_prefix('#').unwrap();
                    assert!(root.pointer(pointer).is_some(), "{target}");
                }
                map.values().for_each(|v| walk(v, root));
            }
            Value::Array(list) => list.iter().for_each(|v| walk(v, root)),
            _ => {}
        }
    }
    let document = document();
    walk(&document, &document);
}

#[test]
fn the_documents_examples_are_taken() {
    let document = document();
    let examples = |path: &str| -> Vec<Value> {
        let content = &document["paths"][path]["post"]["requestBody"]["content"]["application/json"];
        content["examples"].as_object().unwrap().values().map(|e| e["value"].clone()).collect()
    };
    let chat = examples("/v1/chat/completions");
    assert!(chat.len() >= 2);
    for body in &chat {
        crate::openai::survey(serde_json::to_vec(body).unwrap().into())
            .unwrap_or_else(|e| panic!("{body}: {e}"));
    }
    for verb in ["generateContent", "streamGenerateContent"] {
        for body in examples(&format!("/v1beta/models/{{model}}:{verb}")) {
            let bytes = serde_json::to_vec(&body).unwrap().into();
            let surveyed =
                crate::gemini::survey(bytes, "auto", true).unwrap_or_else(|e| panic!("{body}: {e}"));
            assert!(surveyed.only.is_empty(), "{:?}", surveyed.only);
        }
    }
    for body in examples("/v1beta/models/{model}:countTokens") {
        let bytes = serde_json::to_vec(&body).unwrap().into();
        crate::gemini::survey_count(bytes, "auto").unwrap_or_else(|e| panic!("{body}: {e}"));
    }
    for (path, wanted) in [
        ("/v1/messages", crate::anthropic::Wanted::Answer),
        ("/v1/messages/count_tokens", crate::anthropic::Wanted::Count),
    ] {
        for body in examples(path) {
            let bytes = serde_json::to_vec(&body).unwrap().into();
            let surveyed = crate::anthropic::survey(bytes, wanted).unwrap_or_else(|e| panic!("{body}: {e}"));
            assert!(surveyed.only.is_empty(), "{:?}", surveyed.only);
        }
    }
    let asks = examples("/api/si/ask");
    assert!(asks.len() >= 3);
    for body in &asks {
        let bytes = serde_json::to_vec(body).unwrap().into();
        crate::si::read(&bytes, &Settings::default(), Wishes::default())
            .unwrap_or_else(|e| panic!("{body}: {e}"));
    }
}

#[test]
fn the_documents_headers_are_those_that_pages_may_read() {
    let document = document();
    let headers = document["components"]["headers"].as_object().unwrap();
    for name in cors::EXPOSED.split(", ").filter(|n| *n != "x-should-retry") {
        assert!(headers.keys().any(|h| h.eq_ignore_ascii_case(name)), "{name} is not documented");
    }
}

/// The future and the body go from thread to thread on the native shell.
#[test]
fn what_shells_hold_can_travel() {
    fn travels<T: Send>() {}
    travels::<Body>();
    travels::<super::Front>();
    fn future(
        front: &super::Front,
        request: http::Request<Body>,
    ) -> impl Future<Output = super::Response> + Send {
        front.serve(request, super::Peer::default(), 0)
    }
    let _ = future;
}
