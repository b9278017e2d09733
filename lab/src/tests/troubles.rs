//! Every trouble does what it says, in every dialect.

use super::{EVERYONE, Heard, Say, hear, lab};
use crate::{End, Figures, Kind, Progress, Script, tokens};
use serde_json::{Value, json};
use vocab::Dialect;

fn prompt(what: &str) -> String {
    format!("Tell me. [[lab: tokens=20 {what}]]")
}

/// Script and what was heard of it, streamed or whole.
fn play(provider: &'static str, model: &'static str, what: &str, stream: bool) -> (Script, Heard) {
    let say = Say::to(provider, model, &prompt(what));
    let say = if stream { say.streamed() } else { say };
    let script = say.play(&lab());
    let heard = if script.has_head() { hear(say.dialect(), &script) } else { Heard::default() };
    (script, heard)
}

fn everyone(mut check: impl FnMut(&'static str, &'static str, Dialect)) {
    for (provider, model) in EVERYONE {
        check(provider, model, Say::to(provider, model, "").dialect());
    }
}

/// The text of the calm answer to the same prompt, whose marker is part of it.
fn calm(provider: &'static str, model: &'static str, stream: bool) -> Heard {
    play(provider, model, "", stream).1
}

#[test]
fn harmless_troubles_change_neither_answer_nor_bill() {
    for kind in Kind::ALL.iter().filter(|k| k.harmless()) {
        everyone(|provider, model, _| {
            for stream in [false, true] {
                let expected = calm(provider, model, stream);
                let (script, heard) = play(provider, model, &format!("fault={kind}"), stream);
                let bill = |h: &Heard| h.usage.map(|u| (u.output, u.reasoning, u.cached));
                assert_eq!(tokens(&heard.text), 20, "{provider}/{model} {kind} {stream}");
                assert_eq!(bill(&heard), bill(&expected), "{provider}/{model} {kind} {stream}");
                assert!(heard.ended && heard.finish == expected.finish, "{provider}/{model} {kind} {stream}");
                assert_eq!(script.end, End::Done);
            }
        });
    }
}

#[test]
fn breaking_off_leaves_what_came_before_and_no_end() {
    for (kind, end) in [
        (Kind::Cut, End::Done),
        (Kind::Drop, End::Close),
        (Kind::Reset, End::Reset),
        (Kind::Stall, End::Hang),
    ] {
        everyone(|provider, model, _| {
            let (script, heard) = play(provider, model, &format!("fault={kind} after=5"), true);
            assert_eq!(script.end, end, "{provider}/{model} {kind}");
            assert_eq!(tokens(&heard.text), 5, "{provider}/{model} {kind}");
            assert!(!heard.ended && heard.finish.is_none(), "{provider}/{model} {kind}");
            let (script, heard) = play(provider, model, &format!("fault={kind} after=5"), false);
            assert_eq!(script.end, end, "{provider}/{model} {kind}");
            assert!(heard.garbled, "{provider}/{model} {kind}");
        });
    }
    let (script, _) = play("openai", "gpt-lab-mini", "fault=reset after=5", true);
    assert!(!script.body().ends_with(b"\n\n"), "a reset comes in the middle of a frame");
}

#[test]
fn a_pause_is_only_a_pause() {
    everyone(|provider, model, _| {
        let (script, heard) = play(provider, model, "fault=stall after=5 ms=7000", true);
        assert_eq!(script.end, End::Done);
        assert!(heard.ended && tokens(&heard.text) == 20);
        assert!(script.steps.iter().any(|s| s.after.as_millis() >= 7_000), "{provider}/{model}");
    });
    let (slow, _) = play("openai", "gpt-lab-mini", "fault=slow_head ms=9000", false);
    assert!(slow.head_after.as_millis() >= 9_000);
    let (slow, _) = play("openai", "gpt-lab-mini", "fault=slow_tokens ms=500", true);
    assert!(slow.duration().as_millis() >= 19 * 500);
}

#[test]
fn without_an_end_mark_a_stream_is_not_whole() {
    everyone(|provider, model, _| {
        let (script, heard) = play(provider, model, "fault=no_end_mark", true);
        assert_eq!(script.end, End::Done);
        assert!(!heard.ended && tokens(&heard.text) >= 19, "{provider}/{model} {heard:?}");
    });
}

#[test]
fn unreadable_and_failed_frames() {
    everyone(|provider, model, _| {
        assert!(play(provider, model, "fault=broken_json after=5", true).1.garbled, "{provider}/{model}");
        assert!(play(provider, model, "fault=broken_json", false).1.garbled, "{provider}/{model}");
        let (script, heard) = play(provider, model, "fault=error_frame after=5", true);
        assert_eq!((script.status, tokens(&heard.text)), (200, 5), "{provider}/{model}");
        assert!(heard.error.is_some() && !heard.ended, "{provider}/{model} {heard:?}");
        let (script, heard) = play(provider, model, "fault=error_frame", false);
        assert!(script.status == 200 && heard.error.is_some(), "{provider}/{model}");
    });
}

#[test]
fn nothing_at_all() {
    everyone(|provider, model, _| {
        for stream in [false, true] {
            let (script, heard) = play(provider, model, "fault=zero_tokens", stream);
            assert_eq!(script.status, 200);
            assert!(
                heard.text.is_empty() && heard.calls.is_empty() && heard.ended,
                "{provider}/{model} {heard:?}"
            );
            assert_eq!(heard.usage.unwrap().output, 0);
        }
        for (kind, end) in [("refuse", End::Refuse), ("no_head", End::NoHead), ("no_connect", End::NoConnect)]
        {
            let (script, _) = play(provider, model, &format!("fault={kind}"), true);
            assert_eq!((script.end, script.steps.len(), script.has_head()), (end, 0, false));
        }
    });
}

#[test]
fn usage_is_missing_zero_odd_or_twice() {
    everyone(|provider, model, dialect| {
        for stream in [false, true] {
            let usage = |what: &str| play(provider, model, what, stream).1.usage;
            let true_one = usage("").unwrap();
            assert_eq!(usage("fault=usage_missing"), None, "{provider}/{model} {stream}");
            assert_eq!(usage("fault=usage_zero"), Some(Figures::default()), "{provider}/{model} {stream}");
            for odd in ["usage_odd", "usage_twice"] {
                let got = usage(&format!("fault={odd}")).unwrap();
                assert_eq!(
                    (got.output, got.reasoning),
                    (true_one.output, true_one.reasoning),
                    "{provider}/{model} {odd}"
                );
            }
            let silly = usage("fault=usage_impossible").unwrap();
            let possible = silly.cached <= silly.input && silly.reasoning <= silly.output;
            // A local server without cache figures has no way to say so.
            let mute = matches!(provider, "ollama" | "vllm");
            assert!(!possible || mute || dialect == Dialect::Anthropic, "{provider}/{model} {silly:?}");
        }
    });
    let frames = |what: &str, key: &str| {
        let say = Say::to("openai", "gpt-lab-mini", &prompt(what)).streamed();
        let body = say.play(&lab()).body();
        super::frames(&body)
            .iter()
            .filter_map(|(_, d)| serde_json::from_str::<Value>(d).ok())
            .filter(|v| !v[key].is_null())
            .collect::<Vec<_>>()
    };
    assert_eq!(frames("", "usage").len(), 1);
    assert_eq!(frames("fault=usage_twice", "usage").len(), 2);
    let odd = frames("fault=usage_odd", "usage");
    assert_eq!(odd[0]["choices"][0]["finish_reason"], "stop", "in the chunk with the finish reason");
}

#[test]
fn statuses_are_told_in_each_shape() {
    for (what, openai, gemini, anthropic, workers) in [
        ("fault=rate_limit retry_after=7", 429, 429, 429, 429),
        ("fault=quota", 429, 429, 400, 429),
        ("fault=unauthorized", 401, 400, 401, 401),
        ("fault=forbidden", 403, 403, 403, 403),
        ("fault=payment", 402, 400, 402, 403),
        ("fault=model_gone", 404, 404, 404, 400),
        ("fault=server_error", 500, 500, 500, 500),
        ("fault=server_error status=503", 503, 503, 503, 503),
        ("fault=server_error status=529", 529, 529, 529, 529),
        ("fault=context_overflow", 400, 400, 400, 413),
        ("fault=content_filter", 400, 200, 200, 400),
    ] {
        everyone(|provider, model, dialect| {
            let expected = match dialect {
                Dialect::OpenaiChat | Dialect::OpenaiResponses => openai,
                Dialect::Gemini => gemini,
                Dialect::Anthropic => anthropic,
                Dialect::WorkersAi => workers,
                Dialect::Elevenlabs | Dialect::Cartesia | Dialect::Deepgram => {
                    unreachable!("they only speak")
                }
            };
            let (script, heard) = play(provider, model, what, true);
            assert_eq!(script.status, expected, "{provider}/{model} {what}");
            assert!(heard.text.is_empty(), "{provider}/{model} {what}");
        });
    }
    let (busy, _) = play("anthropic", "claude-lab", "fault=rate_limit retry_after=7", false);
    assert_eq!(busy.headers["retry-after"], "7");
    let (busy, _) = play("gemini", "gemini-lab-flash", "fault=rate_limit retry_after=7", false);
    let body: Value = serde_json::from_slice(&busy.body()).unwrap();
    assert_eq!(body["error"]["details"][1]["retryDelay"], "7.07s");
    assert!(busy.headers.get("retry-after").is_none());
    let (busy, _) = play("workers", "@cf/lab/gpt-oss", "fault=rate_limit retry_after=7", false);
    assert!(busy.headers.get("retry-after").is_none());
    let (html, _) = play("openai", "gpt-lab-mini", "fault=server_error status=502", false);
    assert!(html.body().starts_with(b"<html>") && html.headers["content-type"] == "text/html");
    let (_, blocked) = play("gemini", "gemini-lab-flash", "fault=content_filter", true);
    assert_eq!(blocked.finish.as_deref(), Some("blocked"));
    let (_, refused) = play("anthropic", "claude-lab", "fault=content_filter after=3", true);
    assert_eq!((refused.finish.as_deref(), tokens(&refused.text)), (Some("refusal"), 3));
}

#[test]
fn labels_lie() {
    everyone(|provider, model, dialect| {
        let (script, heard) = play(provider, model, "fault=plain_json", true);
        assert_eq!(script.headers["content-type"], "application/json");
        assert!(heard.ended && tokens(&heard.text) == 20, "{provider}/{model}");
        let (script, _) = play(provider, model, "fault=wrong_content_type", true);
        assert!(script.headers["content-type"].to_str().unwrap().starts_with("text/html"));
        let (script, _) = play(provider, model, "fault=length_lie", false);
        let told: usize = script.headers["content-length"].to_str().unwrap().parse().unwrap();
        assert_eq!((told, script.end), (script.body().len() + 64, End::Close), "{provider} {dialect:?}");
    });
    let tier = |provider, model, at: &str| {
        let (script, _) = play(provider, model, "fault=other_tier", false);
        serde_json::from_slice::<Value>(&script.body()).unwrap().pointer(at).cloned()
    };
    assert_eq!(tier("openai", "gpt-lab-mini", "/service_tier"), Some(json!("priority")));
    assert_eq!(tier("anthropic", "claude-lab", "/usage/speed"), Some(json!("fast")));
    assert_eq!(tier("gemini", "gemini-lab-flash", "/usageMetadata/serviceTier"), Some(json!("priority")));
}

#[test]
fn writes_are_cut_where_they_should_be() {
    let (split, _) = play("openai", "gpt-lab-mini", "fault=split_utf8", true);
    assert!(
        split.steps.iter().any(|s| std::str::from_utf8(&s.bytes).is_err()),
        "a character is in two writes"
    );
    let (odd, _) = play("openai", "gpt-lab-mini", "fault=odd_splits size=7", true);
    assert!(odd.steps.iter().all(|s| s.bytes.len() <= 7));
    let plain = play("openai", "gpt-lab-mini", "", true).0.steps.len();
    let merged = play("openai", "gpt-lab-mini", "fault=merged size=8", true).0.steps.len();
    assert_eq!(merged, plain.div_ceil(8));
    let (huge, _) = play("gemini", "gemini-lab-flash", "fault=huge_frame size=100000", true);
    assert!(huge.steps.iter().any(|s| s.bytes.len() > 100_000));
    let (crlf, _) = play("anthropic", "claude-lab", "fault=crlf", true);
    let text = String::from_utf8(crlf.body()).unwrap();
    assert!(text.contains("\r\n\r\n") && !text.replace("\r\n", "").contains('\n'));
    let (pings, _) = play("openai", "gpt-lab-mini", "fault=pings", true);
    assert!(String::from_utf8(pings.body()).unwrap().contains(": keep-alive\n\n"));
}

#[test]
fn arguments_may_be_no_json() {
    for (provider, model) in EVERYONE {
        let say = Say::to(provider, model, "get_weather [[lab: fault=bad_arguments]]")
            .tools(&["get_weather"], false);
        for say in [say.clone(), say.streamed()] {
            let heard = say.hear(&lab());
            if say.dialect() == Dialect::Gemini {
                assert_eq!(heard.finish.as_deref(), Some("MALFORMED_FUNCTION_CALL"));
                continue;
            }
            let text = heard.calls[0].1.clone();
            let value: Option<Value> = serde_json::from_str(&text).ok();
            assert!(value.is_none_or(|v| !v.is_object()), "{provider}/{model} {text}");
        }
    }
}

#[test]
fn markers_count_their_requests_over_providers() {
    let lab = lab();
    let say =
        |provider, model| Say::to(provider, model, "x [[lab: first=2 fault=server_error]]").play(&lab).status;
    assert_eq!(say("openai", "gpt-lab-mini"), 500);
    assert_eq!(say("anthropic", "claude-lab"), 500);
    assert_eq!(say("anthropic", "claude-lab"), 200);
    let only = |provider, model| {
        Say::to(provider, model, "x [[lab: only=openai fault=server_error]]").play(&lab).status
    };
    assert_eq!((only("openai", "gpt-lab-mini"), only("anthropic", "claude-lab")), (500, 200));
}

/// What an auditor may rely on: the figures in the log are those on the wire, as far as it was played.
#[test]
fn the_log_is_what_the_wire_carried() {
    everyone(|provider, model, _| {
        for what in [
            "",
            "fault=usage_missing",
            "fault=usage_zero",
            "fault=cut after=5",
            "fault=usage_twice",
            "fault=odd_splits",
        ] {
            for stream in [false, true] {
                let lab = lab();
                let say = Say::to(provider, model, &prompt(what));
                let say = if stream { say.streamed() } else { say };
                let script = say.play(&lab);
                assert_eq!(lab.seen()[0].reported(), None, "nothing was played yet");
                lab.carried(script.ticket, Progress { steps: script.steps.len(), ended: true });
                let seen = lab.seen().remove(0);
                let heard = hear(say.dialect(), &script).usage;
                let sum = |f: Figures| (f.input, f.output + f.reasoning);
                assert_eq!(seen.reported().map(sum), heard.map(sum), "{provider}/{model} {what} {stream}");
                assert_eq!(seen.made.output, 20);
                assert_eq!((seen.provider.as_str(), seen.model.as_str()), (provider, model));
                let credential = seen.credential.unwrap();
                assert!(credential.len() == 16 && !credential.contains("key"));
            }
        }
    });
}
