//! What becomes of what is asked.
//!
//! Each feature is asked for once without and once with it, and what the provider is really sent is compared: a feature
//! that leaves no trace there and was not refused was dropped in silence.

mod features;

use super::providers::{OWN, PROVIDERS, setup};
use super::words::{PROTOCOLS, merge, plain};
use crate::net::{Reply, request};
use crate::process::Weir;
use crate::upstream::Upstream;
use features::Feature;
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, Mutex};

/// How a request ends whose bytes are recognised again.
const TAIL: &str = "\n\t }";

#[derive(Clone, Debug, PartialEq)]
enum Cell {
    /// The client's own bytes.
    Native,
    Translated,
    /// It changes nothing that the client is told, and the provider has no words for it.
    LeftOut,
    /// This provider is not asked, another is; with why.
    Elsewhere(String),
    /// Nobody is asked; with the field that is named.
    Refused(u16, String),
    /// Neither refused nor told: never.
    Dropped(String),
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.write_str("native"),
            Self::Translated => f.write_str("translated"),
            Self::LeftOut => f.write_str("left out"),
            Self::Elsewhere(why) => write!(f, "elsewhere ({why})"),
            Self::Refused(status, what) => write!(f, "{status} `{what}`"),
            Self::Dropped(why) => write!(f, "DROPPED: {why}"),
        }
    }
}

struct World {
    weir: Weir,
    /// What the providers were sent last: by whom it was to be served, and the body.
    sent: Arc<Mutex<Option<(String, String)>>>,
    _upstream: Upstream,
}

impl World {
    fn new() -> Self {
        let sent = Arc::new(Mutex::new(None));
        let told = sent.clone();
        let upstream = Upstream::start(move |call| {
            let path = call.head.split(' ').nth(1).unwrap().to_owned();
            let name = path.split('/').nth(1).unwrap().to_owned();
            // Gemini is told in its path whether to stream.
            *told.lock().unwrap() = Some((name, format!("{path} {}", call.body)));
            // A refusal ends it: nobody else is asked, and nobody is held to be ill.
            call.whole("400 Bad Request", r#"{"error":{"message":"seen","type":"invalid_request_error"}}"#)
        });
        let weir = setup(upstream.address, &PROVIDERS.map(|p| p.name.to_owned())).start();
        Self { weir, sent, _upstream: upstream }
    }

    /// Asks, and says who was sent what.
    fn ask(
        &self,
        protocol: usize,
        model: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> (Reply, Option<(String, String)>) {
        let text = body.to_string();
        let odd = format!("{}{TAIL}", text.strip_suffix('}').unwrap());
        let path = PROTOCOLS[protocol].1.replace("MODEL", &model.replace('/', "%2F"));
        *self.sent.lock().unwrap() = None;
        let reply = self.weir.open().ask(&request("POST", &path, headers, odd.as_bytes()));
        (reply, self.sent.lock().unwrap().take())
    }

    fn cell(&self, feature: &Feature, protocol: usize, provider: usize) -> Cell {
        let words =
            feature.words[protocol].as_ref().expect("only what it has words for is asked in a protocol");
        let name = PROVIDERS[provider].name;
        let model = PROVIDERS[provider].model();
        let body = |model: &str, with: bool| {
            let mut body = plain(protocol, model, "zq-question");
            if let Some(without) = &feature.without[protocol] {
                merge(&mut body, without);
            }
            if with {
                merge(&mut body, words);
            }
            body
        };
        let (reply, sent) = self.ask(protocol, &model, &body(&model, true), &[]);
        let Some((who, sent)) = sent else {
            return self.not_told(feature, protocol, provider, &reply, &body("auto", true));
        };
        assert_eq!(who, name);
        if sent.ends_with(TAIL) {
            return Cell::Native;
        }
        let unescaped = sent.replace("\\/", "/");
        let missing: Vec<&str> = feature.traces.iter().copied().filter(|t| !unescaped.contains(t)).collect();
        let asks_for_more = body(&model, true) != body(&model, false);
        let (_, plainly) = self.ask(protocol, &model, &body(&model, false), &[]);
        let changes = plainly.is_none_or(|(_, plainly)| plainly != sent);
        match (missing.is_empty() && (changes || !asks_for_more), feature.hint) {
            (true, _) => Cell::Translated,
            (false, true) => Cell::LeftOut,
            (false, false) => Cell::Dropped(format!("{missing:?} in {sent}")),
        }
    }

    /// Refused for good, or only by this provider.
    fn not_told(
        &self,
        feature: &Feature,
        protocol: usize,
        provider: usize,
        reply: &Reply,
        body: &Value,
    ) -> Cell {
        let error = reply.json()["error"].clone();
        let message = error["message"].as_str().unwrap_or_default().to_owned();
        assert!((400..500).contains(&reply.status), "{}: {} {message}", feature.name, reply.status);
        let code =
            error["code"].as_str().or(error["details"][0]["metadata"]["code"].as_str()).unwrap_or_default();
        let param = error["param"].as_str().or(error["details"][0]["metadata"]["param"].as_str());
        if code != "no_candidate" {
            return Cell::Refused(reply.status, param.unwrap_or(code).to_owned());
        }
        let name = format!("{}: ", PROVIDERS[provider].model());
        let said = message.split(&name).nth(1).unwrap_or_else(|| panic!("{message}"));
        // Capabilities, or the field that there are no words for.
        let why = match said.strip_prefix("it does not support ") {
            Some(caps) => caps.split('.').next().unwrap_or(caps).to_owned(),
            None => format!("`{}`", said.split(':').next().unwrap_or(said)),
        };
        let own = PROVIDERS[OWN[protocol]].name;
        // The same once more to whom it may concern: this provider, and one that speaks as the client does.
        let both = format!("{},{own}", PROVIDERS[provider].name);
        let (_, sent) = self.ask(protocol, "auto", body, &[("X-Weir-Providers", &both)]);
        match sent {
            Some((who, _)) => {
                assert_eq!(who, own, "{}: asked after all", feature.name);
                Cell::Elsewhere(why)
            }
            None => Cell::Refused(reply.status, why.trim_matches('`').to_owned()),
        }
    }
}

/// This part of the page, and what was dropped in silence.
pub fn page() -> (String, Vec<String>) {
    let (mut page, mut dropped) = (String::new(), Vec::new());
    let world = World::new();
    let features = features::all();
    for (protocol, (title, path)) in PROTOCOLS.iter().enumerate() {
        page.push_str(&format!("\n## Asked in {title}\n\n`{}`\n\n| |", path.replace("MODEL", "…")));
        PROVIDERS.iter().for_each(|p| page.push_str(&format!(" {} |", p.title)));
        page.push_str(&format!("\n|---|{}\n", "---|".repeat(PROVIDERS.len())));
        for feature in features.iter().filter(|f| f.words[protocol].is_some()) {
            page.push_str(&format!("| {} |", feature.name));
            for (provider, of) in PROVIDERS.iter().enumerate() {
                let cell = world.cell(feature, protocol, provider);
                if matches!(cell, Cell::Dropped(_)) {
                    dropped.push(format!("{title}, {}, {}: {cell}", feature.name, of.title));
                }
                page.push_str(&format!(" {cell} |"));
            }
            page.push('\n');
        }
    }
    page.push_str("\nNot asked in any words: ");
    let mut silent = Vec::new();
    for (protocol, (title, _)) in PROTOCOLS.iter().enumerate() {
        let names: Vec<&str> =
            features.iter().filter(|f| f.words[protocol].is_none()).map(|f| f.name).collect();
        silent.push(format!("in {title} {}", names.join(", ").to_lowercase()));
    }
    page.push_str(&format!("{}.\n", silent.join("; ")));
    (page, dropped)
}
