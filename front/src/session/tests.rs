use super::memory::{BYTES_MAX, Memory, TURNS_MAX};
use super::parked::{KEPT, Parked};
use super::sentences::Sentences;
use super::words::{self, Manner, Said};
use futures::FutureExt;
use proptest::prelude::*;
use vocab::{Duration, Instant};

fn messages(memory: &Memory, now: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    memory.messages(now, &mut out);
    let list: Vec<serde_json::Value> = serde_json::from_slice(&out).unwrap();
    let text = |value: &serde_json::Value, name: &str| value[name].as_str().unwrap().to_owned();
    list.iter().map(|message| (text(message, "role"), text(message, "content"))).collect()
}

#[test]
fn a_model_is_told_what_was_said_and_in_which_order() {
    let mut memory = Memory::default();
    memory.keep("Who are \"you\"?".into(), "A weir.\n".into());
    memory.keep("And now?".into(), String::new());
    let told = messages(&memory, "更多");
    let told: Vec<(&str, &str)> = told.iter().map(|(role, text)| (&**role, &**text)).collect();
    let expected = [("user", "Who are \"you\"?"), ("assistant", "A weir.\n"), ("user", "更多")];
    assert_eq!(told, expected, "a turn that brought nothing is not remembered");
}

proptest! {
    #[test]
    fn a_memory_is_bounded_and_has_the_last(sizes in prop::collection::vec((0_usize..40_000, 0_usize..40_000), 0..120)) {
        let mut memory = Memory::default();
        for (user, assistant) in &sizes {
            memory.keep("u".repeat(*user), "a".repeat(*assistant));
            prop_assert!(memory.len() <= TURNS_MAX);
            prop_assert!(memory.bytes() <= BYTES_MAX || memory.len() == 1);
        }
        let last = sizes.iter().rev().find(|(_, assistant)| *assistant > 0);
        let told = messages(&memory, "now");
        if let Some((user, assistant)) = last {
            let sizes: Vec<usize> = told.iter().rev().skip(1).take(2).map(|(_, text)| text.len()).collect();
            prop_assert_eq!(sizes, vec![*assistant, *user]);
        }
        let held: usize = told.iter().map(|(_, text)| text.len()).sum();
        prop_assert_eq!(held, memory.bytes() + 3);
    }

    /// However a text is cut into deltas, all of its words are said once and in order, and no sentence early.
    #[test]
    fn sentences_are_those_of_the_text(text in "([A-Z][a-z]{1,8}( [a-z]{1,9}){0,12}[.!?] ){0,12}[A-Za-z ]{0,30}", cuts in prop::collection::vec(1_usize..9, 1..40)) {
        let mut sentences = Sentences::default();
        let mut said = Vec::new();
        let mut rest = text.as_str();
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            rest = after;
            sentences.write(piece);
            while let Some(sentence) = sentences.next() {
                said.push(sentence);
            }
        }
        said.extend(sentences.rest());
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(words(&said.join(" ")), if audio::has_words(&text) { words(&text) } else { vec![] });
        let whole: Vec<String> = audio::sentences(&text).filter(|s| audio::has_words(s)).map(|s| s.trim().to_owned()).collect();
        prop_assert_eq!(said, whole);
    }
}

#[test]
fn a_text_without_an_end_is_not_waited_for() {
    let mut sentences = Sentences::default();
    let mut said = Vec::new();
    for n in 0..1_000 {
        sentences.write(&format!("word{n}, "));
        while let Some(sentence) = sentences.next() {
            assert!(sentence.chars().count() <= 400, "{sentence}");
            said.push(sentence);
        }
    }
    said.extend(sentences.rest());
    assert!(said.len() > 20);
    assert_eq!(said.join(" ").split_whitespace().count(), 1_000);
}

#[test]
fn whoever_comes_back_goes_on_and_whoever_was_there_is_told() {
    let parked = Parked::default();
    let at = Instant::from_secs;
    let mut first = parked.take("red", "talk", 1, at(0));
    assert!(!first.resumed);
    first.talk.lock().unwrap().memory.keep("a".into(), "b".into());
    // Another account's of the same name is another.
    assert!(!parked.take("blue", "talk", 2, at(0)).resumed);
    assert!((&mut first.taken).now_or_never().is_none());
    let second = parked.take("red", "talk", 3, at(1));
    assert!(second.resumed && second.talk.lock().unwrap().memory.len() == 1);
    assert!((&mut first.taken).now_or_never().is_some());
    // The first one's end is no end of the second.
    parked.leave("red", "talk", &first, true, at(2));
    let third = parked.take("red", "talk", 4, at(3));
    assert!(third.resumed);
    parked.leave("red", "talk", &third, false, at(4));
    let forth = parked.take("red", "talk", 5, at(4).after(KEPT.saturating_sub(Duration::from_secs(1))));
    assert!(forth.resumed, "it waits");
    parked.leave("red", "talk", &forth, false, at(1_000));
    assert!(!parked.take("red", "talk", 6, at(1_000).after(KEPT)).resumed, "and not for ever");
}

#[test]
fn what_is_closed_is_forgotten() {
    let parked = Parked::default();
    let held = parked.take("red", "talk", 1, Instant::ZERO);
    parked.leave("red", "talk", &held, true, Instant::ZERO);
    assert!(!parked.take("red", "talk", 2, Instant::ZERO).resumed);
}

#[test]
fn only_so_many_wait() {
    let parked = Parked::default();
    for n in 0..1_500_u64 {
        let (id, at) = (format!("talk-{n}"), Instant::from_millis(n));
        let held = parked.take("red", &id, n, at);
        parked.leave("red", &id, &held, false, at);
    }
    let resumed = |id: &str| parked.take("red", id, 9_999, Instant::from_millis(1_500)).resumed;
    assert!(resumed("talk-1499") && resumed("talk-600"));
    assert!(!resumed("talk-0"), "those that waited longest are forgotten");
}

#[test]
fn messages_are_understood_or_named() {
    let read = |text: &str| words::read(text);
    assert_eq!(read(r#"{"type":"text","text":"hi"}"#), Ok(Said::Text { text: "hi".into() }));
    assert_eq!(read(r#"{"type":"audio_end"}"#), Ok(Said::AudioEnd { format: None }));
    assert_eq!(read(r#"{"type":"interrupt"}"#), Ok(Said::Interrupt));
    let calm = Manner { voice: Some("calm".into()), speak: Some(false), ..Manner::default() };
    assert_eq!(
        read(r#"{"type":"settings","voice":"calm","speak":false}"#),
        Ok(Said::Settings(Box::new(calm)))
    );
    for bad in [
        "",
        "hi",
        "[]",
        r#"{"type":"shout"}"#,
        r#"{"type":"text"}"#,
        r#"{"type":"text","text":7}"#,
        r#"{"type":"text","text":"a","loud":true}"#,
        r#"{"type":"settings","voise":"calm"}"#,
    ] {
        let refusal = read(bad).unwrap_err();
        assert_eq!((refusal.status, &*refusal.code), (400, "invalid_message"), "{bad}");
    }
}

#[test]
fn settings_change_what_they_name() {
    let mut manner = Manner { voice: Some("calm".into()), rate: Some(16_000), ..Manner::default() };
    manner.change(Manner { rate: Some(8_000), personality: Some("analytical".into()), ..Manner::default() });
    let expected = Manner {
        voice: Some("calm".into()),
        rate: Some(8_000),
        personality: Some("analytical".into()),
        ..Manner::default()
    };
    assert_eq!(manner, expected);
}
