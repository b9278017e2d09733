//! What clients get wrong in a request that HTTP itself can read: each is a clear 4xx in the client's own shape, nobody
//! is asked, nothing is billed, and nothing stays behind.

use crate::net::request;
use crate::process::Weir;
use crate::world::World;
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const ASK: &str = "/api/si/ask";

/// One kind of wrong request and the answer it has to get.
pub struct Case {
    pub name: &'static str,
    pub sent: Vec<u8>,
    pub status: &'static [u16],
    pub code: &'static str,
    /// Words that the message has to say, so that a person can act on it.
    pub says: &'static [&'static str],
}

fn case(
    name: &'static str,
    sent: Vec<u8>,
    status: u16,
    code: &'static str,
    says: &'static [&'static str],
) -> Case {
    let status: &'static [u16] = Box::leak(Box::new([status]));
    Case { name, sent, status, code, says }
}

fn chat(name: &'static str, body: &str, says: &'static [&'static str]) -> Case {
    case(name, request("POST", CHAT, &[], body.as_bytes()), 400, "invalid_request", says)
}

fn ask(name: &'static str, body: &str, says: &'static [&'static str]) -> Case {
    case(name, request("POST", ASK, &[], body.as_bytes()), 400, "invalid_request", says)
}

fn header(name: &'static str, header: (&str, &str), says: &'static [&'static str]) -> Case {
    let body = crate::world::body("hi").to_string();
    case(name, request("POST", CHAT, &[header], body.as_bytes()), 400, "invalid_request", says)
}

/// A chat with these fields instead of the usual ones.
fn with(fields: &Value) -> String {
    let mut body = crate::world::body("hi");
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

fn bodies() -> Vec<Case> {
    let deep = format!(
        r#"{{"model":"auto","messages":[{{"role":"user","content":"x"}}],"x":{}"#,
        "[".repeat(100_000)
    );
    let deep_schema = format!(
        r#"{{"model":"auto","messages":[{{"role":"user","content":"x"}}],"tools":[{{"type":"function","function":{{"name":"f","parameters":{}1{}}}}}]}}"#,
        r#"{"a":"#.repeat(50_000),
        "}".repeat(50_000)
    );
    let mut not_utf8 = br#"{"model":"auto","messages":[{"role":"user","content":"caf"#.to_vec();
    not_utf8.extend_from_slice(&[0xe9, 0xff, 0xc3]);
    not_utf8.extend_from_slice(br#""}]}"#);
    let surrogate = r#"{"model":"auto","messages":[{"role":"user","content":"\ud800"}]}"#;
    let control = "{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"a\u{0}b\"}]}";
    vec![
        chat("an empty body", "", &[]),
        chat("white space", "  \r\n\t ", &[]),
        chat("truncated JSON", r#"{"model":"auto","messages":[{"role":"us"#, &["line 1", "column"]),
        chat("truncated in a later line", "{\"model\":\"auto\",\n\"messages\":[\n{\"role\":", &["line 3"]),
        chat(
            "a trailing comma",
            r#"{"model":"auto","messages":[{"role":"user","content":"x"},]}"#,
            &["line 1", "column"],
        ),
        chat(
            "two documents",
            r#"{"model":"auto","messages":[{"role":"user","content":"x"}]} {}"#,
            &["column"],
        ),
        chat("no object", "[]", &["object"]),
        chat("a bare text", "\"hello\"", &["object"]),
        chat("a form", "model=auto&prompt=hi", &["line 1"]),
        chat(
            "NaN",
            r#"{"model":"auto","temperature":NaN,"messages":[{"role":"user","content":"x"}]}"#,
            &["column"],
        ),
        chat("a byte order mark alone", "\u{feff}", &[]),
        case("invalid UTF-8", request("POST", CHAT, &[], &not_utf8), 400, "invalid_request", &["UTF-8"]),
        chat("half a surrogate pair", surrogate, &[]),
        chat("a NUL byte in a text", control, &["column"]),
        chat("brackets 100,000 deep in a field nobody knows", &deep, &["nested"]),
        chat("a tool's schema 50,000 deep", &deep_schema, &["nested"]),
        chat(
            "the model twice",
            r#"{"model":"auto","model":"other","messages":[{"role":"user","content":"x"}]}"#,
            &["model", "twice"],
        ),
        chat(
            "the messages twice",
            r#"{"model":"auto","messages":[{"role":"user","content":"x"}],"messages":[{"role":"user","content":"x"}]}"#,
            &["messages", "twice"],
        ),
        chat("no model", r#"{"messages":[{"role":"user","content":"x"}]}"#, &["model"]),
        chat("a model that is a number", &with(&json!({"model": 7})), &["model", "string"]),
        chat("an empty model", &with(&json!({"model": ""})), &["model"]),
        chat("no messages", r#"{"model":"auto"}"#, &["messages"]),
        chat("empty messages", &with(&json!({"messages": []})), &["messages"]),
        chat("messages that are a text", &with(&json!({"messages": "hi"})), &["messages", "array"]),
        chat("a message that is a text", &with(&json!({"messages": ["hi"]})), &["messages[0]"]),
        chat(
            "an unknown role",
            &with(&json!({"messages": [{"role": "wizard", "content": "x"}]})),
            &["messages[0].role", "user"],
        ),
        chat(
            "content that is a number",
            &with(&json!({"messages": [{"role": "user", "content": 7}]})),
            &["messages[0].content"],
        ),
        chat(
            "an unknown part",
            &with(&json!({"messages": [{"role": "user", "content": [{"type": "smell"}]}]})),
            &["messages[0].content[0].type"],
        ),
        chat("stream as a text", &with(&json!({"stream": "yes"})), &["stream"]),
        chat("max_tokens below zero", &with(&json!({"max_tokens": -1})), &["max_tokens"]),
        chat("max_tokens of zero", &with(&json!({"max_tokens": 0})), &["max_tokens"]),
        chat("max_tokens beyond all numbers", &with(&json!({"max_tokens": 1e30})), &["max_tokens"]),
        chat("temperature of a million", &with(&json!({"temperature": 1e6})), &["temperature"]),
        chat(
            "a number of 10,000 digits",
            &with(&json!({"seed": 0})).replace("\"seed\":0", &format!("\"seed\":{}", "9".repeat(10_000))),
            &["number", "range"],
        ),
        chat("an absurd n", &with(&json!({"n": 1_000_000_000})), &["n"]),
        chat("tools that are an object", &with(&json!({"tools": {}})), &["tools"]),
        chat(
            "a tool without a name",
            &with(&json!({"tools": [{"type": "function", "function": {}}]})),
            &["tools[0].function.name"],
        ),
        chat(
            "an unknown response format",
            &with(&json!({"response_format": {"type": "yaml"}})),
            &["response_format.type"],
        ),
        chat(
            "an answer to a call that nobody made",
            &with(&json!({"messages": [{"role": "tool", "content": "x"}]})),
            &["tool_call_id"],
        ),
    ]
}

fn names() -> Vec<Case> {
    let chat = |model: &str| request("POST", CHAT, &[], with(&json!({"model": model})).as_bytes());
    let long = "m".repeat(100_000);
    vec![
        case(
            "an unknown model",
            chat("alpha-chit"),
            404,
            "model_not_found",
            &["alpha-chit", "Nearest", "alpha-chat"],
        ),
        case("an unknown provider", chat("nobody/alpha-chat"), 404, "model_not_found", &["nobody"]),
        case("a model that is a path", chat("../../etc/passwd"), 404, "model_not_found", &[]),
        case("a model of 100,000 letters", chat(&long), 400, "invalid_request", &["model", "256"]),
        case(
            "a model with a line break",
            chat("a\r\nX-Evil: 1"),
            400,
            "invalid_request",
            &["model", "control"],
        ),
        case("an unknown policy", chat("auto:chaep"), 400, "unknown_policy", &["chaep", "cheap"]),
    ]
}

fn asks() -> Vec<Case> {
    vec![
        ask("an unknown field", r#"{"prompt":"x","max_cost":"1"}"#, &["max_cost", "did you mean"]),
        ask("prompt and messages", r#"{"prompt":"x","messages":[{"role":"user","content":"x"}]}"#, &["both"]),
        ask("neither prompt nor messages", r#"{"stream":true}"#, &["neither"]),
        ask("an empty prompt", r#"{"prompt":"  "}"#, &["prompt"]),
        ask("an unknown skill", r#"{"prompt":"x","skill":"juggling"}"#, &["juggling", "allowed"]),
        ask("an unknown personality", r#"{"prompt":"x","personality":"rude"}"#, &["personality", "allowed"]),
        ask("a cost that is no money", r#"{"prompt":"x","max_cost_usd":"a lot"}"#, &["max_cost_usd"]),
        ask("a cost with an exponent", r#"{"prompt":"x","max_cost_usd":1e-3}"#, &["max_cost_usd"]),
        ask("a quality above one", r#"{"prompt":"x","min_quality":2}"#, &["min_quality"]),
        ask("a session with spaces", r#"{"prompt":"x","session":"a b"}"#, &["session"]),
        ask("tags that are a list", r#"{"prompt":"x","tags":["a"]}"#, &["tags"]),
        ask("providers that are a number", r#"{"prompt":"x","providers":7}"#, &["providers"]),
        ask("a schema that is a text", r#"{"prompt":"x","json_schema":"{}"}"#, &["json_schema"]),
        ask("a prompt twice", r#"{"prompt":"x","prompt":"y"}"#, &["prompt", "twice"]),
        case(
            "a policy nobody has",
            request("POST", ASK, &[], br#"{"prompt":"x","policy":"wild"}"#),
            400,
            "unknown_policy",
            &["wild", "cheap"],
        ),
        case(
            "a self-test of what is not there",
            request("POST", "/api/ai/test", &[], br#"{"model":"none"}"#),
            404,
            "model_not_found",
            &["none"],
        ),
        case(
            "a self-test with more",
            request("POST", "/api/ai/test", &[], br#"{"modell":"auto"}"#),
            400,
            "invalid_request",
            &["modell"],
        ),
    ]
}

fn heads() -> Vec<Case> {
    let get = |path: &str| request("GET", path, &[], b"");
    let text = crate::world::body("hi").to_string();
    vec![
        header("a policy with a space", ("X-Weir-Policy", "a b"), &["x-weir-policy"]),
        header("a misspelt header of ours", ("X-Weir-Max-Cost", "1"), &["x-weir-max-cost-usd"]),
        header("a cost below zero", ("X-Weir-Max-Cost-Usd", "-1"), &["x-weir-max-cost-usd"]),
        header("an infinite quality", ("X-Weir-Min-Quality", "inf"), &["x-weir-min-quality"]),
        header(
            "a latency that overflows",
            ("X-Weir-Max-Latency-Ms", "99999999999999999999999"),
            &["x-weir-max-latency-ms"],
        ),
        header("a trailer of maybe", ("X-Weir-Trailer", "maybe"), &["x-weir-trailer"]),
        header("a tag twice", ("X-Weir-Tags", "a=1,a=2"), &["x-weir-tags"]),
        header("a session that is not ASCII", ("X-Weir-Session", "caf\u{e9}"), &["x-weir-session"]),
        case(
            "a compressed body",
            request("POST", CHAT, &[("Content-Encoding", "gzip")], text.as_bytes()),
            415,
            "unsupported_encoding",
            &["gzip"],
        ),
        case("the wrong method", get(CHAT), 405, "method_not_allowed", &["POST"]),
        case("a method of one's own", request("BREW", CHAT, &[], b""), 405, "method_not_allowed", &["POST"]),
        case(
            "DELETE of the books",
            request("DELETE", "/api/billing/usage", &[], b""),
            405,
            "method_not_allowed",
            &["GET"],
        ),
        case("an unknown path", get("/v1/chat/completion"), 404, "not_found", &["/openapi.json"]),
        case("a path that climbs", get("/api/../../etc/passwd"), 404, "not_found", &[]),
        case("a path that climbs, encoded", get("/%2e%2e/%2e%2e/etc/passwd"), 404, "not_found", &[]),
        case("a path with a NUL, encoded", get("/api/si/ask%00"), 404, "not_found", &[]),
        case(
            "usage of nobody's request",
            get("/api/billing/usage/..%2f..%2fetc"),
            404,
            "unknown_request",
            &[],
        ),
        case(
            "a cursor that is no number",
            get("/api/billing/usage?cursor=abc"),
            400,
            "invalid_request",
            &["cursor"],
        ),
        case(
            "a limit of a million",
            get("/api/billing/usage?limit=1000000"),
            400,
            "invalid_request",
            &["limit", "500"],
        ),
        case(
            "a page that is no JSON",
            request("POST", "/api/billing/usage", &[], b"{"),
            400,
            "invalid_request",
            &["body"],
        ),
        case("another's books", get("/api/credits?account=somebody"), 403, "not_your_account", &[]),
        case(
            "the operator's without a key",
            get("/api/admin/ping"),
            401,
            "admin_key_required",
            &["admin key"],
        ),
    ]
}

/// What a wrong request must leave as it was.
pub struct Before {
    entries: u64,
    memory: u64,
}

impl Before {
    pub fn of(weir: &Weir) -> Self {
        Self { entries: weir.at_rest().0, memory: weir.process.memory("VmRSS") }
    }

    pub fn still(self, weir: &mut Weir) {
        assert!(weir.process.is_alive(), "{}", weir.process.said());
        assert_eq!(weir.at_rest().0, self.entries, "nothing was written to the books");
        let grown = weir.process.memory("VmRSS").saturating_sub(self.memory);
        assert!(grown < 24 << 10, "{grown} KiB more than before");
        assert!(!weir.process.said().contains("panicked"), "{}", weir.process.said());
    }
}

#[test]
fn every_wrong_request_is_told_what_is_wrong() {
    let mut world = World::new(2);
    // Once around, so that what is grown once is grown.
    world.chat(&crate::world::body("hi")).is(200);
    let cases: Vec<Case> = [bodies(), names(), asks(), heads()].into_iter().flatten().collect();
    assert!(cases.len() >= 40, "{} kinds", cases.len());
    let before = Before::of(&world.weir);
    let mut complaints = Vec::new();
    for case in &cases {
        let reply = world.weir.open().ask(&case.sent);
        let error = serde_json::from_slice::<Value>(&reply.body).unwrap_or_default()["error"].clone();
        let message = error["message"].as_str().unwrap_or_default();
        let short = |text: &str| text.chars().take(300).collect::<String>();
        let mut wrong = |what: String| {
            complaints.push(format!("{}: {what}: {} {}", case.name, reply.status, short(message)))
        };
        if !case.status.contains(&reply.status) {
            wrong(format!("status, not {:?}", case.status));
        }
        if error["code"] != case.code {
            wrong(format!("code {}, not {}", error["code"], case.code));
        }
        for word in case.says.iter().filter(|w| !message.contains(**w)) {
            wrong(format!("does not say {word:?}"));
        }
        let text = String::from_utf8_lossy(&case.sent[..case.sent.len().min(200)]).into_owned();
        let openai = text.contains(" /v1/");
        if openai != error["type"].is_string() || openai == error["status"].is_u64() {
            wrong("the shape of another protocol".into());
        }
        if error["request_id"] != reply.told("x-request-id") {
            wrong("no request id".into());
        }
        if message.len() > 2_000 {
            wrong(format!("a message of {} bytes", message.len()));
        }
        if reply.header("x-evil").is_some() {
            wrong("a header was smuggled".into());
        }
    }
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
    before.still(&mut world.weir);
}
