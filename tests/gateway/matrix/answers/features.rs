//! What can be answered: how each protocol asks for it, and what of an answer it is.

use super::super::providers::{DRAWS, OPEN};
use super::super::words::{NOTHING, tools, with_tools};
use super::heard::Heard;
use serde_json::{Value, json};

/// When it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Once,
    /// When the same was asked before.
    Again,
    /// The turn goes back, and with it what only its provider can make anything of.
    Back,
    /// It goes wrong before there is an answer.
    Refused,
    /// It goes wrong in the middle of a stream.
    Broken,
}

/// One thing that can be in an answer.
pub struct Feature {
    pub name: &'static str,
    /// What is merged into a plain request, for each protocol; none where it has no words for it.
    pub words: [Option<Value>; 4],
    /// What the user says. The lab does what a marker in it asks for.
    pub prompt: &'static str,
    pub when: When,
    /// Whom else to ask in a provider's place, who speaks as that does and says more: the end of its name.
    pub instead: Option<(&'static str, &'static str)>,
    /// The thing itself; null, or an empty list or text, where it was not said.
    pub of: fn(&Heard) -> Value,
}

impl Feature {
    const fn instead(mut self, provider: &'static str, end: &'static str) -> Self {
        self.instead = Some((provider, end));
        self
    }

    const fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }
}

fn feature(name: &'static str, prompt: &'static str, words: [Value; 4], of: fn(&Heard) -> Value) -> Feature {
    let words = words.map(|v| (!v.is_null()).then_some(v));
    Feature { name, words, prompt, when: When::Once, instead: None, of }
}

/// Nothing more than an answer is asked for.
fn plainly() -> [Value; 4] {
    [json!({}), json!({}), json!({}), json!({})]
}

/// Thinking that is to be seen.
fn thinking() -> [Value; 4] {
    [
        json!({"reasoning_effort": "high"}),
        json!({"reasoning": {"effort": "high", "summary": "auto"}}),
        json!({"thinking": {"type": "enabled", "budget_tokens": 2_048, "display": "summarized"}}),
        json!({"generationConfig": {"thinkingConfig": {"thinkingLevel": "high", "includeThoughts": true}}}),
    ]
}

fn longest(chat: u32, responses: u32) -> [Value; 4] {
    [
        json!({"max_tokens": chat}),
        json!({"max_output_tokens": responses}),
        json!({"max_tokens": chat}),
        json!({"generationConfig": {"maxOutputTokens": chat}}),
    ]
}

fn searching() -> [Value; 4] {
    [
        json!({"web_search_options": {}}),
        json!({"tools": [{"type": "web_search"}]}),
        json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        json!({"tools": [{"googleSearch": {}}]}),
    ]
}

fn calls(heard: &Heard) -> Value {
    let calls = heard.first().calls;
    calls.iter().map(|call| json!([call.name, call.arguments])).collect()
}

/// With nothing said of ids, unless they are of no use: every call needs one of its own.
fn parallel(heard: &Heard) -> Value {
    let all = heard.first().calls;
    let ids: std::collections::BTreeSet<&str> = all.iter().map(|call| call.id.as_str()).collect();
    let given = ids.iter().any(|id| !id.is_empty());
    if all.len() < 2 {
        return Value::Null;
    }
    if given && ids.len() < all.len() { json!("ids that are the same") } else { calls(heard) }
}

fn reason(heard: &Heard) -> Value {
    json!(heard.first().finish)
}

/// Everything that is asked about, in the order in which people look for it.
pub fn all() -> Vec<Feature> {
    [content(), ends(), figures(), names(), wrong()].into_iter().flatten().collect()
}

/// Every protocol counts the passage in its own way: none of its characters is one of a byte before it.
const CITED: &str = "[[lab: cite=\"https://example.com/zq\" say=\"Größe 𝄞 3 €: so zq ist es.\"]]";

fn content() -> Vec<Feature> {
    vec![
        feature("Text", "[[lab: tokens=12]]", plainly(), |heard| json!(heard.first().text)),
        feature("A tool call", "[[lab: calls=1]]", tools(), calls),
        feature("Calls at the same time", "[[lab: calls=3]]", tools(), parallel),
        feature("The id of a call", "[[lab: calls=1]]", tools(), |heard| {
            heard.first().calls.iter().map(|call| call.id.as_str()).filter(|id| !id.is_empty()).collect()
        }),
        feature(
            "Several answers (n)",
            "[[lab: tokens=12]]",
            [json!({"n": 3}), NOTHING, NOTHING, json!({"generationConfig": {"candidateCount": 3}})],
            |heard| {
                if heard.choices.len() < 2 {
                    NOTHING
                } else {
                    heard.choices.iter().map(|c| c.text.as_str()).collect()
                }
            },
        ),
        feature("Reasoning", "[[lab: reasoning=20 tokens=5]]", thinking(), |heard| {
            json!(heard.first().reasoning)
        }).instead("chat", OPEN),
        feature(
            "The seal on reasoning before a call, and back",
            "[[lab: reasoning=20 calls=1]]",
            with_tools(thinking()),
            |heard| json!(heard.first().seals),
        )
        .when(When::Back),
        feature(
            "The seal on reasoning before a text, and back",
            "[[lab: reasoning=20 tokens=5]]",
            thinking(),
            |heard| json!(heard.first().seals),
        )
        .when(When::Back),
        feature("Refusal in words", "[[lab: refuse=\"I will not say zq.\"]]", plainly(), |heard| {
            json!(heard.first().refusal)
        }),
        feature(
            "Log probabilities",
            "[[lab: tokens=6]]",
            [
                json!({"logprobs": true, "top_logprobs": 1}),
                json!({"include": ["message.output_text.logprobs"], "top_logprobs": 1}),
                NOTHING,
                json!({"generationConfig": {"responseLogprobs": true, "logprobs": 1}}),
            ],
            |heard| json!(heard.first().logprobs),
        ),
        feature("Pages that it rests on (citations)", CITED, plainly(), |heard| {
            heard.first().cited.iter().map(|(page, _)| page.as_str()).collect()
        }),
        feature("The passage that rests on them", CITED, plainly(), |heard| json!(heard.first().cited)),
        feature("Pages of a search that was asked for", CITED, searching(), |heard| {
            json!(heard.first().cited)
        }),
        feature(
            "Pictures",
            "Draw a zq.",
            [
                NOTHING,
                NOTHING,
                NOTHING,
                json!({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "maxOutputTokens": null}}),
            ],
            |heard| json!(heard.first().pictures),
        )
        .instead("gemini", DRAWS),
    ]
}

fn ends() -> Vec<Feature> {
    vec![
        feature("It came to its end", "[[lab: tokens=5]]", plainly(), reason),
        feature("It was stopped for its length", "[[lab: tokens=90]]", longest(16, 16), reason),
        feature("It ended to call", "[[lab: calls=1]]", tools(), reason),
        feature(
            "It was stopped for what it said",
            "[[lab: tokens=30 fault=content_filter after=9]]",
            plainly(),
            reason,
        ),
        feature(
            "A stop sequence ended it",
            "[[lab: say=\"one zq-stop two\"]]",
            [
                json!({"stop": ["zq-stop"]}),
                NOTHING,
                json!({"stop_sequences": ["zq-stop"]}),
                json!({"generationConfig": {"stopSequences": ["zq-stop"]}}),
            ],
            |heard| heard.first().finish.map_or(NOTHING, |reason| json!([heard.first().text, reason])),
        ),
        feature(
            "Which one it was",
            "[[lab: say=\"one zq-stop two\"]]",
            [
                json!({"stop": ["zq-stop"]}),
                NOTHING,
                json!({"stop_sequences": ["zq-stop"]}),
                json!({"generationConfig": {"stopSequences": ["zq-stop"]}}),
            ],
            |heard| json!(heard.first().sequence),
        ),
    ]
}

fn figures() -> Vec<Feature> {
    fn count(figure: u64) -> Value {
        if figure == 0 { Value::Null } else { json!(figure) }
    }
    let marked = [json!({}), json!({}), json!({"cache_control": {"type": "ephemeral"}}), json!({})];
    vec![
        feature("Tokens in and out", "[[lab: tokens=7]]", plainly(), |heard| {
            if heard.usage.input == 0 { Value::Null } else { json!([heard.usage.input, heard.usage.output]) }
        }),
        feature("Tokens from the cache", "Remember zq. [[lab: tokens=7]]", marked, |heard| {
            count(heard.usage.cached)
        })
        .when(When::Again),
        feature("Tokens written to the cache", "[[lab: written=4 tokens=7]]", plainly(), |heard| {
            count(heard.usage.written)
        }),
        feature("Tokens of reasoning", "[[lab: reasoning=20 tokens=5]]", thinking(), |heard| {
            count(heard.usage.reasoning)
        }),
    ]
}

fn names() -> Vec<Feature> {
    vec![
        feature("The model's name", "[[lab: tokens=5]]", plainly(), |heard| json!(heard.model)),
        feature("The answer's id", "[[lab: tokens=5]]", plainly(), |heard| json!(heard.id)),
        feature("The provider's id of the request", "[[lab: tokens=5]]", plainly(), |heard| {
            json!(heard.request_id)
        }),
    ]
}

fn wrong() -> Vec<Feature> {
    let fails = |name, prompt, when| feature(name, prompt, plainly(), |heard| json!(heard.error)).when(when);
    vec![
        fails("The prompt is refused for what it says", "[[lab: fault=content_filter]]", When::Refused),
        fails("The provider is busy", "[[lab: fault=rate_limit retry_after=3]]", When::Refused),
        fails("The provider fails", "[[lab: fault=server_error]]", When::Refused),
        fails("An error in the middle", "[[lab: tokens=60 fault=error_frame after=9]]", When::Broken),
        fails("A cut in the middle", "[[lab: tokens=60 fault=cut after=9]]", When::Broken),
    ]
}
