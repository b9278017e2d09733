//! What becomes of everything that can be asked for, by the protocol it is asked in and the dialect of who is asked:
//! `docs/matrix.md`, made by asking.
//!
//! A weir stands before one provider of each dialect, whose models claim to be able to do everything, so that only what the
//! wire format has words for decides. Each feature is asked for once without and once with it, and what the provider is
//! really sent is compared: a feature that leaves no trace there and was not refused was dropped in silence, and this
//! test fails.
//!
//! `WEIR_WRITE_MATRIX=1 cargo test --test gateway matrix` writes the page anew; read that diff.

mod features;

use crate::net::{Reply, request};
use crate::process::{Setup, Weir};
use crate::upstream::Upstream;
use features::{Feature, PROTOCOLS, merge, plain};
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Providers: name, how the page calls them, what they are configured as, their model, and the end of their address.
const PROVIDERS: [(&str, &str, &str, &str, &str); 6] = [
    ("chat", "OpenAI chat", "openai", "gpt-zq", "/v1"),
    ("responses", "OpenAI Responses", "openai\"\napi = \"responses", "gpt-zq-items", "/v1"),
    ("anthropic", "Anthropic", "anthropic", "claude-zq", "/v1"),
    ("gemini", "Gemini", "gemini", "gemini-zq", "/v1beta"),
    ("workers", "Workers AI, native", "workers-ai", "@cf/zq/llama", ""),
    ("workers2", "Workers AI, OpenAI-like", "workers-ai", "@cf/openai/gpt-oss-zq", ""),
];
/// Who speaks the client's own words, for each protocol.
const OWN: [usize; 4] = [0, 1, 2, 3];

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
        let caps = [
            "tools",
            "parallel_tools",
            "forced_tool",
            "json_object",
            "json_schema",
            "vision",
            "image_url",
            "pdf",
            "audio_in",
            "audio_out",
            "reasoning",
            "logprobs",
            "many",
            "seed",
            "stop",
            "logit_bias",
            "penalties",
            "sampling",
            "stream",
            "prefill",
            "web_search",
            "custom_tools",
            "schema_with_tools",
            "schema_stream",
            "serial_tools",
            "openai_only",
        ];
        let models: Vec<Value> = PROVIDERS
            .iter()
            .map(|(name, _, _, model, _)| {
                json!({"id": format!("{name}/{model}"), "kind": "chat", "status": "active", "context": 200_000,
                    "max_output": 64_000, "caps": caps, "efforts": ["low", "medium", "high"],
                    "price": {"rates": {"per_1m_tokens": {"input": "1", "output": "2"}}},
                    "sources": {"test": "2026-11-21"}})
            })
            .collect();
        let source = json!({"test": {"name": "made up", "date": "2026-11-21", "licence": "none"}});
        let catalogue =
            json!({"schema_version": 1, "as_of": "2026-11-21", "sources": source, "models": models})
                .to_string();
        let setup = Setup::new();
        let mut text = format!("catalogue = {:?}\n", setup.dir.write("catalogue.json", &catalogue));
        for (name, _, kind, model, end) in PROVIDERS {
            text.push_str(&format!(
                "[providers.{name}]\nkind = \"{kind}\"\nbase_url = \"http://{}/{name}{end}\"\nkeys = [\"TEST_KEY\"]\n\
                 models = [\"{model}\"]\ncatalogue = \"{name}\"\n",
                upstream.address
            ));
        }
        let weir = setup.config(&text).variable("TEST_KEY", "sk-test").start();
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
        let (name, _, _, model, _) = PROVIDERS[provider];
        let model = format!("{name}/{model}");
        let body = |model: &str, with: bool| {
            let mut body = plain(protocol, model);
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
        let name = format!("{}/{}: ", PROVIDERS[provider].0, PROVIDERS[provider].3);
        let said = message.split(&name).nth(1).unwrap_or_else(|| panic!("{message}"));
        // Capabilities, or the field that there are no words for.
        let why = match said.strip_prefix("it does not support ") {
            Some(caps) => caps.split('.').next().unwrap_or(caps).to_owned(),
            None => format!("`{}`", said.split(':').next().unwrap_or(said)),
        };
        let own = PROVIDERS[OWN[protocol]].0;
        // The same once more to whom it may concern: this provider, and one that speaks as the client does.
        let both = format!("{},{own}", PROVIDERS[provider].0);
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

const HEAD: &str = "# What becomes of what is asked

Made by `tests/gateway/matrix`, which asks for everything in every protocol of a provider of every dialect, and looks at what
that provider is really sent. Do not edit: `WEIR_WRITE_MATRIX=1 cargo test --test gateway matrix` writes it.

- **native**: the client's own bytes go on; what weir does not know goes with them.
- **translated**: it is said in the provider's words.
- **left out**: the provider has no words for it, and the answer is as good without.
- **elsewhere (why)**: this provider is never asked. Who can is; where nobody can, the answer is 422 with this reason, and
  names the field where it is one that only one dialect has.
- **a status and a field**: refused whoever might be asked.

This is what wire formats can say. What a *model* can do is in the catalogue, and narrows it further in the same way.
";

fn page(world: &World) -> (String, Vec<String>) {
    let (mut page, mut dropped) = (HEAD.to_owned(), Vec::new());
    let features = features::all();
    for (protocol, (title, path)) in PROTOCOLS.iter().enumerate() {
        page.push_str(&format!("\n## Asked in {title}\n\n`{}`\n\n| |", path.replace("MODEL", "…")));
        PROVIDERS.iter().for_each(|p| page.push_str(&format!(" {} |", p.1)));
        page.push_str(&format!("\n|---|{}\n", "---|".repeat(PROVIDERS.len())));
        for feature in features.iter().filter(|f| f.words[protocol].is_some()) {
            page.push_str(&format!("| {} |", feature.name));
            for (provider, of) in PROVIDERS.iter().enumerate() {
                let cell = world.cell(feature, protocol, provider);
                if matches!(cell, Cell::Dropped(_)) {
                    dropped.push(format!("{title}, {}, {}: {cell}", feature.name, of.1));
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

#[test]
fn matrix_says_what_becomes_of_what_is_asked() {
    let (is, dropped) = page(&World::new());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/matrix.md");
    if std::env::var("WEIR_WRITE_MATRIX").is_ok_and(|v| v == "1") {
        std::fs::write(&file, &is).unwrap();
    }
    assert!(dropped.is_empty(), "dropped in silence:\n{}", dropped.join("\n"));
    let said = std::fs::read_to_string(&file).unwrap_or_default();
    let wrong: Vec<String> = is
        .lines()
        .filter(|line| !said.lines().any(|s| s == *line))
        .map(|line| format!("is:   {line}"))
        .chain(
            said.lines().filter(|line| !is.lines().any(|i| i == *line)).map(|line| format!("said: {line}")),
        )
        .collect();
    assert!(is == said, "docs/matrix.md is not what happens:\n{}", wrong.join("\n"));
}
