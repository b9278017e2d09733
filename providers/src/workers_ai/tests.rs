use super::encode::short_id;
use super::*;
use vocab::Duration;

#[test]
fn what_a_binding_throws_is_read_by_its_number() {
    for (text, name) in [
        ("3040: Capacity temporarily exceeded, please try again.", "busy"),
        ("AiError: 3040: Capacity temporarily exceeded", "busy"),
        ("AiError: AiError: 5007: No such model @cf/x/y or task", "gone"),
        (
            "InferenceUpstreamError: AiError: 3036: you have used up your daily free allocation of 10,000 neurons",
            "spent",
        ),
        ("5023: JSON Schema mode is not supported with stream mode.", "unfit"),
        ("5016: Account not allowed", "denied"),
        ("3006: Request is too large", "too_long"),
        ("3008: Timeout", "silent"),
        ("5004: bad input: required properties at '/' are 'prompt'", "rejected"),
        ("AiError: something else", "down"),
        ("12345678901234567890123: x", "down"),
        ("", "down"),
        (":", "down"),
    ] {
        assert_eq!(fault_from_text(text).name(), name, "{text}");
    }
}

#[test]
fn the_daily_allocation_comes_back_at_midnight() {
    let body =
        br#"{"success":false,"errors":[{"code":3036,"message":"daily free allocation used"}],"result":null}"#;
    let evening = Instant::parse_date("2026-11-21").unwrap().after(Duration::from_secs(23 * 3_600));
    let fault = WorkersAi.fault(429, &HeaderMap::new(), body, evening);
    assert!(
        matches!(fault, Fault::Spent { retry_after: Some(wait), .. } if wait == Duration::from_secs(3_600)),
        "{fault:?}"
    );
}

#[test]
fn tool_ids_are_nine_letters_or_digits_and_always_the_same() {
    assert_eq!(short_id("abcDEF123"), "abcDEF123");
    for id in ["chatcmpl-tool-875d3ec6179676ae", "", "call_1", "é"] {
        let short = short_id(id);
        assert!(short.len() == 9 && short.bytes().all(|b| b.is_ascii_alphanumeric()), "{short}");
        assert_eq!(short, short_id(id));
    }
    assert_ne!(short_id("call_1"), short_id("call_2"));
}

#[test]
fn a_binding_is_an_address() {
    let card = Arc::new(Card { provider: "workers-ai".into(), ..catalogue_card() });
    let at = |base_url: &str| Address { base_url: base_url.into(), key: None, headers: vec![] };
    let door = WorkersAi.door(&at("binding://AI"), card.clone(), "@cf/meta/llama-3.1-8b-instruct").unwrap();
    assert_eq!(door.uri.scheme_str(), Some("binding"));
    assert_eq!(door.uri.authority().map(|a| a.as_str()), Some("AI"));
    assert_eq!(door.uri.path(), "/@cf/meta/llama-3.1-8b-instruct");
    for bad in ["binding://", "binding://AI/x", "binding://AI?x", "binding://a b", "ftp://AI"] {
        assert!(WorkersAi.door(&at(bad), card.clone(), "m").is_err(), "{bad}");
    }
}

fn catalogue_card() -> Card {
    let catalogue = crate::catalogue::Catalogue::embedded().unwrap();
    (*catalogue.models[0].card).clone()
}
