//! One fault at a time, told as the report that would complain. Every tale is audited like a story.

use crate::cast::{Errand, Patience};
use crate::client::{self, End, Heard, saying};
use crate::stage::{Pieces, Stage};
use crate::{auditor, story};
use lab::{Flavour, Kind, Latency, Model, Provider, Rule, Scenario};
use relay::Trouble;
use relay::config::{PolicyConfig, ProviderKind};
use serde_json::Value;
use vocab::{Dialect, Duration, Pico};

const OPENAI: (Dialect, Flavour) = (Dialect::OpenaiChat, Flavour::Openai);
const GEMINI: (Dialect, Flavour) = (Dialect::Gemini, Flavour::Openai);
const ANTHROPIC: (Dialect, Flavour) = (Dialect::Anthropic, Flavour::Openai);
const VLLM: (Dialect, Flavour) = (Dialect::OpenaiChat, Flavour::Vllm);

const SECOND: Duration = Duration::from_secs(1);

/// Providers of which the first named is the best and so asked first; all cost and take the same.
fn fleet(providers: &[(&str, (Dialect, Flavour))]) -> Pieces {
    let provider = |(place, (name, (dialect, flavour))): (usize, &(&str, (Dialect, Flavour)))| Provider {
        name: (*name).into(),
        dialect: *dialect,
        flavour: *flavour,
        keys: vec![format!("{name}-1")],
        models: vec![model(name, 0.9 - 0.1 * place as f64)],
        faults: vec![],
    };
    let providers = providers.iter().enumerate().map(provider).collect();
    Pieces::of(Scenario { name: "a tale".into(), seed: 7, providers })
}

fn model(provider: &str, quality: f64) -> Model {
    Model {
        name: format!("{provider}-a"),
        kind: vocab::Kind::Chat,
        dimensions: 8,
        output_image: None,
        per_tile: None,
        per_step: None,
        per_minute: None,
        input_audio: None,
        audio_seconds_min: None,
        input: Some("1.000000".into()),
        output: Some("4.000000".into()),
        cache_read: None,
        cache_write: None,
        price_changes: vec![],
        quality: Some(quality),
        quality_confidence: 0.9,
        context: 32_000,
        max_output: 4_096,
        caps: None,
        efforts: vec![],
        reasons_always: false,
        reasoning_tokens: 10,
        ttft_ms: Latency { p50: 100, p95: 100 },
        tokens_per_s: 100,
        answer_tokens: [20, 60],
        frame_tokens: 2,
        per_1m_characters: None,
        output_audio: None,
        max_characters: None,
        voices: vec![],
        ms_per_character: 20,
        realtime: 20,
        family: 2,
        cache_min_tokens: None,
    }
}

fn always(kind: Kind) -> Rule {
    let text = format!(
        "[[provider]]\nname='p'\ndialect='gemini'\n[[provider.model]]\nname='m'\n[[provider.fault]]\nkind='{kind}'"
    );
    Scenario::parse(&text).unwrap().providers.remove(0).faults.remove(0)
}

/// A line of a bill: provider, outcome, whether estimated.
type Told = (String, String, bool);

struct Tale {
    stage: Stage,
    heard: Vec<Heard>,
}

impl Tale {
    fn of(pieces: Pieces) -> Self {
        let stage = Stage::raise(1, pieces);
        stage.grant("rich", Pico::from_usd(1_000));
        Self { stage, heard: vec![] }
    }

    /// Asks, and waits until nothing goes on any more.
    fn ask(&mut self, errand: Errand) -> Heard {
        let diary = client::send(&self.stage, errand);
        self.stage.world.run_for(SECOND * 200).unwrap();
        let heard = diary.lock().unwrap().clone();
        self.heard.push(heard.clone());
        heard
    }

    /// Whom the wire carried a request to, in order.
    fn wire(&self, id: &str) -> Vec<String> {
        self.stage.wire.flown().iter().filter(|f| f.request == id).map(|f| f.provider.clone()).collect()
    }

    fn lines(&self, id: &str) -> Vec<Told> {
        let entries = self.stage.books.accounts().into_iter().flat_map(|a| self.stage.books.record(&a));
        let mut ends = entries.filter(|e| e.op_id == id && e.kind.ends());
        let end = ends.next_back().expect("every request ends");
        let detail: Value = serde_json::from_str(&end.detail).unwrap();
        let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
        let told = |l: &Value| (text(l, "provider"), text(l, "outcome"), l["usage"]["estimated"] == true);
        detail["lines"].as_array().unwrap().iter().map(told).collect()
    }

    fn count(&self, kind: billing::Kind) -> usize {
        let entries = self.stage.books.accounts().into_iter().flat_map(|a| self.stage.books.record(&a));
        entries.filter(|e| e.kind == kind).count()
    }

    /// The auditor goes over all of it.
    fn end(self) {
        let complaints =
            auditor::audit(&story::record(0, &self.stage, self.heard, vec![], story::Mishaps::default()));
        let complaints: Vec<_> = complaints.into_iter().filter(|c| !c.contains("never closed")).collect();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}

fn told(provider: &str, outcome: &str, estimated: bool) -> Told {
    (provider.into(), outcome.into(), estimated)
}

fn marked(marker: &str) -> Errand {
    Errand { marker: marker.into(), ..Errand::plain("it", "auto") }
}

#[track_caller]
fn hears(heard: &Heard, provider: &str) {
    assert_eq!(heard.text, saying(provider), "{:?}", heard.end);
    assert!(matches!(heard.end, End::Finished(_) | End::Whole(_)), "{:?}", heard.end);
}

#[test]
fn silence_before_the_first_content_moves_on() {
    for fault in ["no_head", "stall after=0", "slow_head ms=60000", "zero_tokens"] {
        let mut tale = Tale::of(fleet(&[("brook", OPENAI), ("creek", ANTHROPIC)]));
        let heard = tale.ask(marked(&format!("[[lab: only=brook fault={fault}]]")));
        hears(&heard, "creek");
        assert_eq!(tale.wire("it"), ["brook", "creek"]);
        let lines = tale.lines("it");
        assert_eq!((lines[0].1.as_str(), &lines[1]), ("silent", &told("creek", "ok", false)), "{fault}");
        tale.end();
    }
}

#[test]
fn sixty_four_kibibytes_without_content_are_enough() {
    let mut tale = Tale::of(fleet(&[("brook", OPENAI), ("creek", OPENAI)]));
    tale.stage.wire.drone("brook");
    let heard = tale.ask(marked(""));
    hears(&heard, "creek");
    assert_eq!(tale.lines("it"), [told("brook", "garbled", true), told("creek", "ok", false)]);
    let read = tale.stage.wire.droned();
    assert!((64 << 10..=66 << 10).contains(&read), "{read} bytes were read of a stream without content");
}

#[test]
fn an_overflow_moves_to_a_larger_context_only() {
    let mut pieces = fleet(&[("brook", OPENAI), ("creek", OPENAI), ("delta", GEMINI)]);
    pieces.scenario.providers[2].models[0].context = 128_000;
    let mut tale = Tale::of(pieces);
    let heard = tale.ask(marked("[[lab: only=brook fault=context_overflow]]"));
    hears(&heard, "delta");
    assert_eq!(tale.wire("it"), ["brook", "delta"]);
    assert_eq!(tale.lines("it")[0], told("brook", "too_long", false));
    let heard = tale.ask(Errand { id: "all".into(), ..marked("[[lab: fault=context_overflow]]") });
    assert!(matches!(heard.end, End::Refused(Trouble::TooLong { .. })), "{:?}", heard.end);
    tale.end();
}

#[test]
fn the_clients_own_mistake_is_told_and_carried_nowhere() {
    let mut pieces = fleet(&[("brook", ANTHROPIC), ("creek", OPENAI)]);
    pieces.without_output_limit.push("brook".into());
    let mut tale = Tale::of(pieces);
    let heard = tale.ask(Errand { max_tokens: Some(5_000), ..Errand::plain("long", "auto") });
    assert!(matches!(heard.end, End::Refused(Trouble::Rejected { .. })), "{:?}", heard.end);
    let heard = tale.ask(Errand { id: "rude".into(), ..marked("[[lab: fault=content_filter]]") });
    let refused = matches!(heard.end, End::Refused(Trouble::Filtered { .. }));
    assert!(refused || heard.finish.as_deref() == Some("content_filter"), "{:?}", heard.end);
    assert_eq!((tale.wire("long"), tale.wire("rude")), (vec!["brook".to_owned()], vec!["brook".to_owned()]));
    tale.end();
}

#[test]
fn a_refused_key_is_followed_by_the_next_key_of_the_same_model() {
    let mut pieces = fleet(&[("brook", OPENAI), ("creek", OPENAI)]);
    pieces.scenario.providers[0].keys.push("brook-2".into());
    pieces.scenario.providers[0]
        .faults
        .push(Rule { key: Some("brook-1".into()), ..always(Kind::Unauthorized) });
    let mut tale = Tale::of(Pieces::of(pieces.scenario));
    for id in ["one", "two", "three", "four"] {
        hears(&tale.ask(Errand::plain(id, "auto")), "brook");
    }
    let flown = tale.stage.wire.flown();
    let refused = flown.iter().filter(|f| f.key.ends_with("brook-1")).count();
    assert!(flown.iter().all(|f| f.provider == "brook"));
    assert!(
        (1..=2).contains(&refused),
        "a refused key is asked again after its rest and not before: {refused}"
    );
    tale.end();
}

#[test]
fn of_two_that_race_both_have_their_line() {
    let mut pieces = fleet(&[("brook", OPENAI), ("creek", ANTHROPIC)]);
    pieces.scenario.providers[0].faults.push(Rule {
        ms: Some(9_000),
        from_request: Some(31),
        to_request: Some(32),
        ..always(Kind::SlowHead)
    });
    pieces.config.bounds.hedge_permille = 1_000;
    let keen = PolicyConfig { preset: Some("best".into()), hedge: true, ..PolicyConfig::default() };
    pieces.config.policies.insert("keen".into(), keen);
    let mut tale = Tale::of(pieces);
    for n in 0..30 {
        // Close together: evidence fades.
        let errand = Errand { at: SECOND * n, ..Errand::plain(format!("before-{n}"), "auto:keen") };
        tale.heard.push(client::send(&tale.stage, errand).lock().unwrap().clone());
    }
    tale.heard.clear();
    tale.stage.world.run_for(SECOND * 40).unwrap();
    let heard = tale.ask(Errand::plain("it", "auto:keen"));
    hears(&heard, "creek");
    assert_eq!(tale.wire("it"), ["brook", "creek"]);
    assert_eq!(tale.lines("it"), [told("brook", "lost", true), told("creek", "ok", false)]);
    assert!(heard.attempts == 2);
}

#[test]
fn a_hold_that_runs_out_is_extended_or_ends_the_stream() {
    let pieces = || {
        let mut pieces = fleet(&[("brook", OPENAI)]);
        pieces.without_output_limit.push("brook".into());
        pieces.config.bounds.assumed_output = 20;
        pieces
    };
    let mut rich = Tale::of(pieces());
    hears(&rich.ask(Errand::plain("it", "auto")), "brook");
    assert!(rich.count(billing::Kind::Extend) > 0);
    rich.end();

    let mut poor = Tale::of(pieces());
    poor.stage.grant("poor", Pico(320_000_000));
    let heard = poor.ask(Errand { account: "poor", ..Errand::plain("it", "auto") });
    let End::Broken(Trouble::BudgetExhausted, bill) = &heard.end else { panic!("{:?}", heard.end) };
    assert!(bill.cost > Pico::ZERO && heard.end_marks == 0 && !heard.text.is_empty());
    assert_eq!(poor.lines("it")[0].1, "budget_exhausted");
    poor.end();
}

#[test]
fn one_document_in_place_of_a_stream_is_told_as_a_stream() {
    for (raw, who) in [(true, OPENAI), (false, OPENAI), (false, GEMINI), (true, ANTHROPIC)] {
        let mut tale = Tale::of(fleet(&[("brook", who)]));
        let heard = tale.ask(Errand { raw, ..marked("[[lab: fault=plain_json]]") });
        hears(&heard, "brook");
        assert_eq!((heard.end_marks, tale.wire("it").len()), (1, 1));
        tale.end();
    }
}

#[test]
fn usage_that_comes_late_is_billed_all_the_same() {
    for fault in ["usage_odd", "usage_twice", "slow_tokens ms=300"] {
        for who in [GEMINI, ANTHROPIC, OPENAI, VLLM] {
            let mut tale = Tale::of(fleet(&[("brook", who)]));
            let heard = tale.ask(marked(&format!("[[lab: fault={fault}]]")));
            hears(&heard, "brook");
            assert_eq!(tale.lines("it"), [told("brook", "ok", false)], "{fault} {who:?}");
            tale.end();
        }
    }
}

#[test]
fn a_server_nobody_knows_may_leave_out_the_end_mark_and_the_client_has_it_all_the_same() {
    let tell = |kind: ProviderKind| {
        let mut pieces = fleet(&[("brook", VLLM)]);
        pieces.config.providers.get_mut("brook").unwrap().kind = kind;
        Tale::of(pieces).ask(marked("[[lab: fault=no_end_mark]]"))
    };
    let heard = tell(ProviderKind::Compatible);
    hears(&heard, "brook");
    assert_eq!(heard.end_marks, 1);
    // One that is known to send it was cut.
    let heard = tell(ProviderKind::Vllm);
    assert!(matches!(heard.end, End::Broken(..)) && heard.end_marks == 0, "{:?}", heard.end);
}

#[test]
fn a_cut_stream_breaks_off_and_is_never_continued_elsewhere() {
    for fault in ["cut", "drop", "reset", "broken_json", "error_frame", "stall"] {
        for who in [OPENAI, GEMINI, ANTHROPIC] {
            let mut tale = Tale::of(fleet(&[("brook", who), ("creek", OPENAI)]));
            let heard = tale.ask(marked(&format!("[[lab: only=brook fault={fault} after=12]]")));
            assert!(matches!(heard.end, End::Broken(Trouble::Broken { .. }, _)), "{fault}: {:?}", heard.end);
            assert!(
                heard.end_marks == 0 && saying("brook").starts_with(&heard.text) && !heard.text.is_empty()
            );
            assert_eq!(tale.wire("it"), ["brook"], "{fault}");
            tale.end();
        }
    }
}

#[test]
fn a_client_may_leave_at_any_await() {
    let mut outcomes = std::collections::BTreeSet::new();
    for (stream, slow) in [(true, None), (true, Some(true)), (false, Some(true)), (false, Some(false))] {
        for polls in 1..=60 {
            let mut pieces = fleet(&[("brook", GEMINI), ("creek", OPENAI)]);
            pieces.books.slow = slow;
            pieces.scenario.seed = u64::from(polls);
            let mut tale = Tale::of(pieces);
            let marker = if polls % 2 == 0 { "[[lab: only=brook fault=server_error]]" } else { "" };
            let errand = Errand { stream, patience: Patience::Polls(polls), ..marked(marker) };
            tale.ask(errand);
            if tale.count(billing::Kind::Hold) > 0 {
                outcomes.extend(tale.lines("it").into_iter().map(|(_, outcome, _)| outcome));
            }
            tale.end();
        }
    }
    assert_eq!(outcomes.into_iter().collect::<Vec<_>>(), ["down", "left", "ok"]);
}

#[test]
fn the_deadline_holds_whatever_the_plan() {
    for stream in [true, false] {
        let mut pieces = fleet(&[("brook", OPENAI), ("creek", GEMINI), ("delta", ANTHROPIC), ("eddy", VLLM)]);
        pieces.config.bounds.deadline_ms = 25_000;
        let mut tale = Tale::of(pieces);
        let heard = tale.ask(Errand { stream, ..marked("[[lab: fault=no_head]]") });
        assert!(matches!(heard.end, End::Refused(Trouble::Deadline { .. })), "{:?}", heard.end);
        let ended = tale.stage.wire.flown().iter().filter_map(|f| f.ended).map(|(at, _)| at).max().unwrap();
        assert_eq!(ended.since(heard.asked), SECOND * 25);
        tale.end();
    }
}

#[test]
fn a_stream_may_last_longer_than_the_lease_of_its_hold() {
    let mut tale = Tale::of(fleet(&[("brook", OPENAI)]));
    // A piece a minute is more than an hour, and somebody looks for orphans all the time.
    let diary = client::send(&tale.stage, Errand { pause: SECOND * 60, ..Errand::plain("it", "auto") });
    for _ in 0..120 {
        tale.stage.world.run_for(SECOND * 60).unwrap();
        tale.stage.books.sweep();
    }
    let heard = diary.lock().unwrap().clone();
    hears(&heard, "brook");
    assert_eq!(tale.lines("it"), [told("brook", "ok", false)]);
    tale.heard.push(heard);
    tale.end();
}

#[test]
fn an_estimate_stays_within_what_the_request_allowed() {
    let mut tale = Tale::of(fleet(&[("brook", OPENAI)]));
    let heard = tale.ask(Errand { max_tokens: Some(10), ..marked("[[lab: fault=usage_missing]]") });
    let End::Finished(bill) = &heard.end else { panic!("{:?}", heard.end) };
    assert_eq!((bill.usage.tokens_out(), bill.usage.estimated), (10, true));
    tale.end();
}

#[test]
fn who_told_nothing_is_listened_to() {
    for who in [GEMINI, OPENAI, ANTHROPIC, VLLM] {
        let mut tale = Tale::of(fleet(&[("brook", who)]));
        let mut used = Vec::new();
        // The first is estimated by its length, the second counted as it passes, and who tells again is believed again.
        for (id, fault) in [("a", "fault=usage_missing"), ("b", "fault=usage_missing"), ("c", "")] {
            let heard = tale.ask(Errand { marker: format!("[[lab: {fault}]]"), ..Errand::plain(id, "auto") });
            let End::Finished(bill) = &heard.end else { panic!("{:?}", heard.end) };
            assert_eq!(bill.usage.estimated, !fault.is_empty(), "{who:?}: {bill:?}");
            used.push((bill.usage.tokens_in(), bill.usage.tokens_out()));
        }
        let [(_, first), (_, second), _] = used[..] else { panic!("{used:?}") };
        assert!(first > 0 && second > 0 && first.abs_diff(second) <= 2 + first / 3, "{who:?}: {used:?}");
        tale.end();
    }
}

#[test]
fn nobody_waits_for_a_connection_that_stays_open() {
    for who in [GEMINI, OPENAI, ANTHROPIC, VLLM] {
        let mut tale = Tale::of(fleet(&[("brook", who)]));
        tale.stage.wire.linger();
        let heard = tale.ask(marked(""));
        hears(&heard, "brook");
        let End::Finished(bill) = &heard.end else { panic!("{:?}", heard.end) };
        assert!(bill.attempts[0].millis < 1_500, "{who:?}: {} ms", bill.attempts[0].millis);
        tale.end();
    }
}

#[test]
fn a_slow_client_is_not_a_silent_provider() {
    let mut tale = Tale::of(fleet(&[("brook", OPENAI), ("creek", OPENAI)]));
    // Longer between two pieces than upstream may be silent.
    let slow = Errand { pause: SECOND * 20, ..Errand::plain("it", "auto") };
    let diary = client::send(&tale.stage, slow);
    tale.stage.world.run_for(SECOND * 2_000).unwrap();
    let heard = diary.lock().unwrap().clone();
    hears(&heard, "brook");
    tale.heard.push(heard);
    tale.end();
}
