//! What each upstream outcome means, walked through row by row over the wire: who serves, what is told, what is
//! charged, and who is asked by the next request.

use crate::failover::attempts;
use crate::net::Reply;
use crate::process::{Lab, Weir};
use crate::world::{scenario, streamed, weir_of};
use serde_json::{Value, json};

/// What a request with a marker for alpha comes to.
struct Row {
    /// The lab's words for the trouble.
    trouble: &'static str,
    stream: bool,
    /// Outcome of the call to alpha; empty where it serves.
    fault: &'static str,
    /// Who serves, or the status and the code that the client is told.
    then: Then,
    /// Whether alpha is asked by the very next request.
    alpha_next: bool,
}

#[derive(Clone, Copy)]
enum Then {
    Alpha,
    Beta,
    Told(u16, &'static str),
}

const fn row(trouble: &'static str, fault: &'static str, then: Then, alpha_next: bool) -> Row {
    Row { trouble, stream: false, fault, then, alpha_next }
}

const fn stream(trouble: &'static str, fault: &'static str, then: Then) -> Row {
    Row { trouble, stream: true, fault, then, alpha_next: true }
}

use Then::{Alpha, Beta, Told};

const ROWS: &[Row] = &[
    row("fault=refuse", "down", Beta, true),
    row("fault=server_error", "down", Beta, true),
    row("fault=server_error status=502", "down", Beta, true),
    row("fault=server_error status=504", "silent", Beta, true),
    row("fault=no_head", "silent", Told(504, "deadline_exceeded"), true),
    row("fault=zero_tokens", "silent", Beta, true),
    row("fault=broken_json", "garbled", Beta, true),
    row("fault=length_lie", "cut", Beta, true),
    row("fault=rate_limit retry_after=30", "busy", Beta, false),
    row("fault=rate_limit", "busy", Beta, false),
    row("fault=quota", "spent", Beta, false),
    row("fault=payment", "spent", Beta, false),
    row("fault=unauthorized", "denied", Beta, false),
    row("fault=forbidden", "denied", Beta, false),
    row("fault=model_gone", "gone", Beta, false),
    row("fault=content_filter", "filtered", Told(400, "content_filter"), true),
    row("fault=wrong_content_type", "", Alpha, true),
    row("fault=extra_fields", "", Alpha, true),
    row("fault=usage_missing", "", Alpha, true),
    row("fault=usage_zero", "", Alpha, true),
    stream("fault=refuse", "down", Beta),
    stream("fault=server_error", "down", Beta),
    stream("fault=no_head", "silent", Beta),
    stream("fault=slow_head ms=3000", "silent", Beta),
    stream("fault=stall after=0", "silent", Beta),
    stream("fault=cut after=0", "cut", Beta),
    stream("fault=drop after=0", "cut", Beta),
    stream("fault=reset after=0", "cut", Beta),
    stream("fault=zero_tokens", "silent", Beta),
    stream("fault=error_frame after=0", "down", Beta),
    stream("fault=split_utf8", "", Alpha),
    stream("fault=odd_splits size=50", "", Alpha),
    stream("fault=merged", "", Alpha),
    stream("fault=crlf", "", Alpha),
    stream("fault=pings", "", Alpha),
    stream("fault=huge_frame", "", Alpha),
    stream("fault=plain_json", "", Alpha),
    stream("fault=usage_twice", "", Alpha),
    stream("fault=usage_missing", "", Alpha),
];

const BOUNDS: &str =
    "[bounds]\nfirst_content_ms = 700\nidle_ms = 700\ndeadline_ms = 4000\nconnect_ms = 500\n";

fn ask(weir: &Weir, prompt: &str, stream: bool) -> Reply {
    if stream {
        return weir.ask(
            "POST",
            "/v1/chat/completions",
            &[("X-Weir-Trailer", "1")],
            &streamed(prompt).to_string(),
        );
    }
    weir.post("/api/si/ask", &json!({"prompt": prompt, "max_tokens": 20}))
}

/// Everything that is not as the row has it.
fn walk(lab: &Lab, row: &Row) -> Vec<String> {
    let weir = weir_of(lab, 2, BOUNDS).start();
    let reply = ask(&weir, &format!("hi [[lab: only=alpha {}]]", row.trouble), row.stream);
    let mut wrong = Vec::new();
    let mut same = |what: &str, got: String, expected: String| {
        if got != expected {
            wrong.push(format!(
                "{}{}: {what} is {got}, not {expected}",
                if row.stream { "stream " } else { "" },
                row.trouble
            ));
        }
    };
    match row.then {
        Told(status, code) => {
            same("status", reply.status.to_string(), status.to_string());
            same("code", reply.json()["error"]["code"].to_string(), json!(code).to_string());
        }
        Alpha | Beta => {
            let name = if matches!(row.then, Alpha) { "alpha" } else { "beta" };
            same("status", reply.status.to_string(), "200".into());
            same("provider", reply.header("x-provider").unwrap_or_default().into(), name.into());
            if reply.status == 200 {
                let told = attempts(&reply);
                let first = told.first().map(|(_, outcome)| outcome.clone()).unwrap_or_default();
                same(
                    "first outcome",
                    first,
                    if row.fault.is_empty() { "ok".into() } else { row.fault.into() },
                );
                same("last outcome", told.last().unwrap().1.clone(), "ok".into());
                if row.stream {
                    let frames = reply.frames();
                    same("end mark", frames[frames.len() - 2].data.clone(), "[DONE]".into());
                }
            }
        }
    }
    if let Some(id) = reply.header("x-request-id") {
        let entry = weir.ended(id);
        let detail: Value = serde_json::from_str(entry["detail_text"].as_str().unwrap()).unwrap();
        let lines = detail["lines"].as_array().unwrap();
        let charged = |l: &Value| crate::books::amount(&l["amount"]);
        let total: i128 = lines.iter().map(charged).sum();
        same("sum of the lines", total.to_string(), crate::books::amount(&entry["amount_usd"]).to_string());
        // Refused calls cost nothing; an answer without a usage is never free, and is marked.
        if ["down", "busy", "spent", "denied", "gone", "filtered"].contains(&row.fault) {
            same("charge for the refused call", charged(&lines[0]).to_string(), "0".into());
        }
        if row.trouble == "fault=usage_missing" {
            same("estimated", lines[0]["usage"]["estimated"].to_string(), "true".into());
            same("free of charge", (charged(&lines[0]) == 0).to_string(), "false".into());
        }
    }
    let next = ask(&weir, "and now?", false);
    let expected = if row.alpha_next { "alpha" } else { "beta" };
    same(
        "provider of the next request",
        next.header("x-provider").unwrap_or_default().into(),
        expected.into(),
    );
    let (_, open) = weir.at_rest();
    same("open holds", open.to_string(), "0".into());
    wrong
}

#[test]
fn every_row_of_the_error_table() {
    let lab = Lab::start(&scenario(2, &[]));
    let mut complaints = Vec::new();
    // A few at a time: most of each is waiting.
    for some in ROWS.chunks(6) {
        std::thread::scope(|scope| {
            let walks: Vec<_> = some.iter().map(|row| scope.spawn(|| walk(&lab, row))).collect();
            complaints.extend(walks.into_iter().flat_map(|w| w.join().expect("the row could be walked")));
        });
    }
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
}
