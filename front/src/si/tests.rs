use super::read;
use bytes::Bytes;
use policy::{Settings, Skill};
use relay::{BadInput, Wishes};
use vocab::{Caps, Format, Pico, Role};

fn ask(body: &str) -> Result<super::SiAsk, BadInput> {
    ask_with(body, Wishes::default())
}

fn ask_with(body: &str, wishes: Wishes) -> Result<super::SiAsk, BadInput> {
    let mut settings = Settings::default();
    let terse = Skill {
        system: "Be terse.".into(),
        policy: Some("fast".into()),
        model: Some("a/b".into()),
        max_output: Some(9),
        temperature: Some(0.5),
    };
    settings.skills.insert("terse".into(), terse);
    read(&Bytes::copy_from_slice(body.as_bytes()), &settings, wishes)
}

#[test]
fn a_prompt_is_enough() {
    let asked = ask(r#"{"prompt":"h\u00e9"}"#).unwrap();
    assert_eq!(asked.brief.model, "auto");
    assert_eq!(asked.chat.messages.len(), 2, "the default skill speaks first");
    assert_eq!(asked.chat.messages[0].role, Role::System);
    assert_eq!(asked.chat.messages[1].plain_text(), "hé");
}

#[test]
fn a_skill_sets_what_the_request_leaves_open() {
    let asked = ask(r#"{"prompt":"hi","skill":"terse","system":"In Dutch."}"#).unwrap();
    assert_eq!(asked.chat.messages[0].plain_text(), "Be terse.\n\nIn Dutch.");
    assert_eq!(
        (asked.brief.model.as_str(), asked.chat.max_output, asked.chat.temperature),
        ("a/b", Some(9), Some(0.5))
    );
    assert_eq!(asked.wishes.policy.as_deref(), Some("fast"));
    let own = r#"{"prompt":"hi","personality":"terse","model":"auto","max_tokens":5,"temperature":1,"policy":"auto:best"}"#;
    let asked = ask(own).unwrap();
    assert_eq!(
        (asked.brief.model.as_str(), asked.chat.max_output, asked.chat.temperature),
        ("auto", Some(5), Some(1.0))
    );
    assert_eq!(asked.wishes.policy.as_deref(), Some("best"));
    let instructed =
        ask(r#"{"messages":[{"role":"system","content":"mine"},{"role":"user","content":"hi"}]}"#).unwrap();
    assert_eq!(instructed.chat.messages.len(), 2, "own instructions are not added to");
}

#[test]
fn wishes_of_the_body_win_over_headers() {
    let mut wishes = Wishes::default();
    wishes.limits.max_cost = Some(Pico(1));
    wishes.session = Some("kept".into());
    let body = r#"{"prompt":"hi","max_cost_usd":0.002,"max_latency_ms":900,"min_quality":0.5,
        "providers":["groq","-openai"],"tags":{"b":"2","a":"1"}}"#;
    let asked = ask_with(body, wishes).unwrap().wishes;
    assert_eq!(asked.limits.max_cost, Some(Pico(2_000_000_000)));
    assert_eq!(
        (asked.limits.allow.as_slice(), asked.limits.deny.as_slice()),
        (&["groq".to_owned()][..], &["openai".to_owned()][..])
    );
    assert_eq!(asked.tags, r#"{"a":"1","b":"2"}"#);
    assert_eq!(asked.session.as_deref(), Some("kept"));
    let text = ask(r#"{"prompt":"hi","max_cost_usd":"0.002","providers":"groq,-openai"}"#).unwrap().wishes;
    assert_eq!(text.limits.max_cost, asked.limits.max_cost);
    assert_eq!(text.limits.deny, asked.limits.deny);
}

#[test]
fn a_schema_may_be_bare_or_wrapped() {
    for schema in [
        r#"{"type":"object","properties":{"name":{"type":"string"}}}"#,
        r#"{"name":"x","schema":{"type":"object"}}"#,
    ] {
        let asked = ask(&format!(r#"{{"prompt":"hi","json_schema":{schema}}}"#)).unwrap();
        assert!(asked.brief.needs.contains(Caps::JSON_SCHEMA));
        assert!(
            matches!(asked.chat.format, Format::JsonSchema { schema: ref s, .. } if s["type"] == "object")
        );
    }
}

#[test]
fn bad_asks_are_refused_in_words() {
    for (body, says) in [
        ("", "line 1, column 0: EOF"),
        ("[]", "JSON object"),
        (r#"{"prompt":"hi"} x"#, "line 1, column 17: trailing characters"),
        ("{}", "got neither"),
        (r#"{"prompt":null}"#, "got neither"),
        (r#"{"prompt":"  "}"#, "prompt: expected a text"),
        (r#"{"prompt":5}"#, "prompt: expected a string"),
        (r#"{"prompt":"a","messages":[]}"#, "got both"),
        (r#"{"promt":"a"}"#, r#"promt: there is no such field; did you mean "prompt"?"#),
        (r#"{"prompt":"a","zzzz":1}"#, "zzzz: there is no such field"),
        (r#"{"prompt":"a","prompt":"b"}"#, "prompt: the field is there twice"),
        (r#"{"messages":[]}"#, "messages: expected at least one"),
        (r#"{"messages":[{"role":"user","content":"a"},{"role":"robot"}]}"#, "messages[1].role"),
        (r#"{"prompt":"a","skill":"nope"}"#, "skill: \"nope\" is not known; allowed: analytical"),
        (r#"{"prompt":"a","skill":"default","personality":"supportive"}"#, "personality"),
        (r#"{"prompt":"a","model":5}"#, "model: expected a string"),
        (r#"{"prompt":"a","policy":"a b"}"#, "policy: expected"),
        (r#"{"prompt":"a","max_cost_usd":-1}"#, "max_cost_usd: expected"),
        (r#"{"prompt":"a","max_cost_usd":1e-3}"#, "max_cost_usd: expected"),
        (r#"{"prompt":"a","max_latency_ms":"5"}"#, "max_latency_ms: expected"),
        (r#"{"prompt":"a","min_quality":2}"#, "min_quality: expected"),
        (r#"{"prompt":"a","providers":[5]}"#, "providers: expected"),
        (r#"{"prompt":"a","session":""}"#, "session: expected"),
        (r#"{"prompt":"a","tags":{"a":1}}"#, "tags.a: expected a string"),
        (r#"{"prompt":"a","tags":{"a":"1","a":"2"}}"#, "tags: the tag \"a\" is there twice"),
        (r#"{"prompt":"a","tags":[]}"#, "tags: expected an object"),
        (r#"{"prompt":"a","stream":1}"#, "stream: expected a boolean"),
        (r#"{"prompt":"a","max_tokens":0}"#, "max_tokens: expected"),
        (r#"{"prompt":"a","temperature":3}"#, "temperature: expected"),
        (r#"{"prompt":"a","json_schema":[]}"#, "json_schema: expected a JSON Schema object"),
        (r#"{"prompt":"a","json_schema":{},"response_format":{"type":"text"}}"#, "not both"),
        (r#"{"prompt":"a","tools":[{}]}"#, "tools[0].type"),
        (r#"{"prompt":"a","response_format":{"type":"x"}}"#, "response_format.type"),
    ] {
        let bad = ask(body).err().unwrap_or_else(|| panic!("taken: {body}"));
        assert!(bad.message.contains(says), "{body}\n said: {}\n not: {says}", bad.message);
    }
}
