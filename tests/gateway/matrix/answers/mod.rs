//! What becomes of what is answered.
//!
//! The lab's providers say everything that their formats have words for. What such a provider said and what the client was
//! told are both read by a reader of the test's own, and held against each other: what is not told again was lost, and where
//! `left_out.rs` does not say why that is right, this test fails.

mod features;
mod heard;
mod left_out;
mod read;
mod world;

use super::providers::{OWN, PROVIDERS, model_at};
use super::words::{PROTOCOLS, merge, plain};
use crate::net::Reply;
use features::{Feature, When};
use heard::Heard;
use read::{Dialect, read};
use serde_json::{Value, json};
use std::fmt;
use world::{Exchange, World};

const DIALECTS: [Dialect; 6] =
    [Dialect::Chat, Dialect::Responses, Dialect::Messages, Dialect::Gemini, Dialect::Native, Dialect::Chat];

#[derive(Clone, Debug, PartialEq)]
enum Cell {
    /// The provider's own bytes.
    Native,
    Translated,
    /// The client is not told, for this reason.
    LeftOut(&'static str),
    /// This provider does not say it.
    NotSaid,
    /// This provider is not asked for it.
    Elsewhere,
    /// Something went wrong: status and word.
    Told(String),
    /// It was said and is not told, and nobody knows why.
    Lost(String),
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.write_str("native"),
            Self::Translated => f.write_str("translated"),
            Self::LeftOut(why) => write!(f, "left out ({why})"),
            Self::NotSaid => f.write_str("not said"),
            Self::Elsewhere => f.write_str("elsewhere"),
            Self::Told(what) => f.write_str(what),
            Self::Lost(what) => write!(f, "LOST: {what}"),
        }
    }
}

/// How it is asked: by whom, of whom, streamed or not.
#[derive(Clone, Copy)]
struct Way {
    protocol: usize,
    provider: usize,
    streamed: bool,
}

impl World {
    fn cell(&self, feature: &Feature, way: Way) -> Cell {
        let Way { protocol, provider, streamed } = way;
        let wrong = matches!(feature.when, When::Refused | When::Broken);
        let model = match feature.instead {
            Some((name, end)) if name == PROVIDERS[provider].name => {
                format!("{name}{end}/{}", model_at(&format!("{name}{end}")))
            }
            _ if wrong => self.fresh(provider),
            _ => PROVIDERS[provider].model(),
        };
        // What one dialect's providers remember of a prompt, others and other ways of asking must not find.
        let prompt = format!("{} {protocol}{}", feature.prompt, u8::from(streamed));
        let mut body = plain(protocol, &model, &prompt);
        merge(
            &mut body,
            feature.words[protocol].as_ref().expect("only what it has words for is asked in a protocol"),
        );
        let (mut reply, mut exchange) = self.ask(protocol, &model, &body, streamed);
        if feature.when == When::Again {
            (reply, exchange) = self.ask(protocol, &model, &body, streamed);
        }
        let Some(exchange) = exchange else {
            assert!(
                (400..500).contains(&reply.status),
                "{}: {} {}",
                feature.name,
                reply.status,
                reply.text()
            );
            return Cell::Elsewhere;
        };
        let said = heard(DIALECTS[provider], &exchange.reply, &["x-request-id", "request-id", "cf-ray"]);
        let told = heard(DIALECTS[protocol], &reply, &["x-provider-request-id"]);
        if wrong {
            return went_wrong(feature, &reply, &told);
        }
        if exchange.reply.status != 200 {
            let (sent, no) = (&exchange.sent, exchange.reply.text());
            // In its own words that is its own affair, as long as the client is told.
            return match provider == OWN[protocol] && told.error.is_some() {
                true => Cell::NotSaid,
                false => Cell::Lost(format!(
                    "the provider refused {sent}: {no}, and the client is told {}",
                    reply.text()
                )),
            };
        }
        if !told.ended {
            return Cell::Lost(format!("an answer without an end: {}", reply.text()));
        }
        let (is, again) = ((feature.of)(&said), (feature.of)(&told));
        if is_nothing(&is) {
            return Cell::NotSaid;
        }
        let same = match feature.when {
            When::Back => self.comes_back(way, &model, &body, &said, &told),
            _ if is == again => Ok(()),
            _ => Err(format!("{is} was said, {again} is told")),
        };
        match same {
            Ok(()) if provider == OWN[protocol] && exchange.reply.body == reply.body => Cell::Native,
            Ok(()) => Cell::Translated,
            Err(what) => match left_out::why(feature.name, protocol, PROVIDERS[provider].name) {
                Some(why) => Cell::LeftOut(why),
                None => Cell::Lost(what),
            },
        }
    }

    /// Goes on with what was told, as a client does, and looks whether the provider is sent its own seals.
    fn comes_back(
        &self,
        way: Way,
        model: &str,
        body: &Value,
        said: &Heard,
        told: &Heard,
    ) -> Result<(), String> {
        let next = next_turn(way.protocol, body, told);
        let (reply, exchange) = self.ask(way.protocol, model, &next, way.streamed);
        let Some(Exchange { sent, .. }) = exchange else {
            return Err(format!("the next turn: {} {}", reply.status, reply.text()));
        };
        // In some places a seal is JSON within a text.
        let sent = sent.replace("\\/", "/");
        match said.first().seals.iter().find(|seal| !sent.contains(seal.as_str())) {
            Some(lost) => Err(format!("{lost} is not in {sent}, told {}", told.turn)),
            None if reply.status != 200 => Err(format!("the next turn: {} {}", reply.status, reply.text())),
            None => Ok(()),
        }
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        _ => false,
    }
}

/// What an answer says; `names`: in which headers the provider's name of the request is.
fn heard(dialect: Dialect, reply: &Reply, names: &[&str]) -> Heard {
    let mut heard = read(dialect, reply);
    heard.request_id = names.iter().find_map(|name| reply.header(name)).map(str::to_owned);
    heard
}

/// It has to be told, in the protocol's shape, and nothing may look whole.
fn went_wrong(feature: &Feature, reply: &Reply, told: &Heard) -> Cell {
    let within = feature.when == When::Broken;
    match &told.error {
        Some(word) if !told.ended && within && reply.status == 200 => Cell::Told(format!("`{word}`")),
        Some(word) if !told.ended && reply.status >= 400 => Cell::Told(format!("{} `{word}`", reply.status)),
        // Google's and Anthropic's own way to refuse a prompt: an answer without words.
        None if told.ended
            && told.first().finish == Some("content_filter")
            && told.first().text.is_empty() =>
        {
            Cell::Told("an answer, filtered".into())
        }
        _ => Cell::Lost(format!("{} {}", reply.status, reply.text())),
    }
}

/// The request that goes on from what was told.
fn next_turn(protocol: usize, body: &Value, told: &Heard) -> Value {
    let ids: Vec<Value> = told.first().calls.iter().map(|call| json!([call.id, call.name])).collect();
    let mut next = body.clone();
    let key = ["messages", "input", "messages", "contents"][protocol];
    let mut turns = match &next[key] {
        Value::String(text) => vec![json!({"role": "user", "content": text})],
        other => heard::list(other).to_vec(),
    };
    turns.extend(heard::list(&told.turn).iter().cloned());
    let result = |call: &Value| match protocol {
        0 => json!({"role": "tool", "tool_call_id": call[0], "content": "zq-result"}),
        1 => json!({"type": "function_call_output", "call_id": call[0], "output": "zq-result"}),
        2 => json!({"type": "tool_result", "tool_use_id": call[0], "content": "zq-result"}),
        _ => {
            json!({"functionResponse": {"id": call[0], "name": call[1], "response": {"result": "zq-result"}}})
        }
    };
    let results: Vec<Value> = ids.iter().map(result).collect();
    match (results.is_empty(), protocol) {
        (true, 3) => turns.push(json!({"role": "user", "parts": [{"text": "Go on."}]})),
        (true, _) => turns.push(json!({"role": "user", "content": "Go on."})),
        (false, 0 | 1) => turns.extend(results),
        (false, 2) => turns.push(json!({"role": "user", "content": results})),
        (false, _) => turns.push(json!({"role": "user", "parts": results})),
    }
    next[key] = turns.into();
    next
}

/// Both ways of asking in one cell, where they come to the same.
fn both(feature: &Feature, world: &World, protocol: usize, provider: usize) -> (String, Vec<String>) {
    let cell = |streamed| world.cell(feature, Way { protocol, provider, streamed });
    let (whole, streamed) = match feature.when {
        When::Broken => (None, cell(true)),
        _ => (Some(cell(false)), cell(true)),
    };
    let lost: Vec<String> = whole
        .iter()
        .chain([&streamed])
        .filter(|cell| matches!(cell, Cell::Lost(_)))
        .map(|cell| {
            format!("{}, {}, {}: {cell}", PROTOCOLS[protocol].0, feature.name, PROVIDERS[provider].title)
        })
        .collect();
    let text = match whole {
        Some(whole) if whole != streamed => format!("{whole}; streamed {streamed}"),
        _ => streamed.to_string(),
    };
    (text, lost)
}

/// What is told in one protocol, and what was lost.
fn told_in(protocol: usize) -> (String, Vec<String>) {
    let (mut page, mut lost) = (format!("\n## Told in {}\n\n| |", PROTOCOLS[protocol].0), Vec::new());
    let world = World::new();
    PROVIDERS.iter().for_each(|p| page.push_str(&format!(" {} |", p.title)));
    page.push_str(&format!("\n|---|{}\n", "---|".repeat(PROVIDERS.len())));
    for feature in features::all().iter().filter(|f| f.words[protocol].is_some()) {
        page.push_str(&format!("| {} |", feature.name));
        for provider in 0..PROVIDERS.len() {
            let (cell, more) = both(feature, &world, protocol, provider);
            page.push_str(&format!(" {cell} |"));
            lost.extend(more);
        }
        page.push('\n');
    }
    (page, lost)
}

/// This part of the page, and what was lost.
pub fn page() -> (String, Vec<String>) {
    // Troubles take their time, in each protocol the same.
    let parts: Vec<(String, Vec<String>)> = std::thread::scope(|scope| {
        let all: Vec<_> =
            (0..PROTOCOLS.len()).map(|protocol| scope.spawn(move || told_in(protocol))).collect();
        all.into_iter().map(|part| part.join().unwrap()).collect()
    });
    let (pages, lost): (Vec<String>, Vec<Vec<String>>) = parts.into_iter().unzip();
    let page = pages.concat() + &left_out::legend();
    let idle = left_out::idle(&page);
    (page, [lost.concat(), idle].concat())
}
