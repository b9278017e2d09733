//! A small world: fake providers in order of preference behind one weir, all at known prices.

use crate::net::{Reply, request};
use crate::process::{Lab, Setup, Weir};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// One dollar for a million input tokens is a millionth of a dollar for one: in picodollars.
pub const INPUT_PICO: i128 = 1_000_000;
pub const OUTPUT_PICO: i128 = 2_000_000;

/// The best is asked first as long as it is well: the gaps are wider than any latency can make up for.
const NAMES: [(&str, &str); 4] = [("alpha", "0.95"), ("beta", "0.75"), ("gamma", "0.55"), ("delta", "0.35")];

pub struct World {
    pub setup: Setup,
    pub weir: Weir,
    _lab: Lab,
}

/// A scenario of `count` providers that speak OpenAI's dialect. `more` is TOML that belongs to the provider named
/// before it, after its model.
pub fn scenario(count: usize, more: &[(&str, &str)]) -> String {
    let mut text = String::from("name = \"test\"\nseed = 3\n");
    for (name, quality) in &NAMES[..count] {
        text.push_str(&format!(
            "[[provider]]\nname = \"{name}\"\ndialect = \"openai-chat\"\nflavour = \"openai\"\n\
             keys = [\"{name}-one\", \"{name}-two\"]\n\
             [[provider.model]]\nname = \"{name}-chat\"\ninput = \"1\"\noutput = \"2\"\nquality = {quality}\n\
             ttft_ms = {{ p50 = 5, p95 = 10 }}\ntokens_per_s = 2000\n"
        ));
        for (_, rules) in more.iter().filter(|(n, _)| n == name) {
            text.push_str(rules);
        }
    }
    text
}

/// The catalogue of models `NAME-chat` at providers `NAME`.
pub fn catalogue(names: &[(&str, &str)]) -> String {
    let models: Vec<Value> = names
        .iter()
        .map(|(name, quality)| {
            json!({
                "id": format!("{name}/{name}-chat"), "kind": "chat", "status": "active",
                "price": {"rates": {"per_1m_tokens": {"input": "1", "output": "2"}}},
                "context": 100_000, "max_output": 4_000,
                "caps": ["tools", "parallel_tools", "forced_tool", "json_object", "json_schema", "schema_stream",
                    "seed", "stop", "sampling", "stream"],
                "quality": {"mean": quality.parse::<f64>().unwrap(), "confidence": 0.9, "source": "test", "date": "2026-11-21",
                    "effort": "none"},
                "latency": {"ttft_ms": 20, "tokens_per_s": 500, "source": "test", "date": "2026-11-21"},
                "sources": {"test": "2026-11-21"},
            })
        })
        .collect();
    let source = json!({"test": {"name": "made up", "date": "2026-11-21", "licence": "none"}});
    json!({"schema_version": 1, "as_of": "2026-11-21", "sources": source, "models": models}).to_string()
}

/// The part of a configuration that says where a provider is.
pub fn provider(name: &str, base_url: &str, keys: &[&str]) -> String {
    format!(
        "[providers.{name}]\nkind = \"openai\"\nbase_url = \"{base_url}\"\nkeys = {keys:?}\n\
         models = [\"{name}-chat\"]\ncatalogue = \"{name}\"\n"
    )
}

/// A setup for upstreams of the test's own. `more` comes before the tables of the providers.
pub fn own(upstreams: &[(&str, SocketAddr)], more: &str) -> Setup {
    let setup = Setup::new();
    let names: Vec<(&str, &str)> =
        NAMES.into_iter().filter(|(n, _)| upstreams.iter().any(|(u, _)| u == n)).collect();
    let file = setup.dir.write("catalogue.json", &catalogue(&names));
    let mut text = format!("catalogue = {file:?}\n{more}\n");
    for (name, address) in upstreams {
        text.push_str(&provider(name, &format!("http://{address}/v1"), &["TEST_KEY"]));
    }
    setup.config(&text).variable("TEST_KEY", "sk-test")
}

/// A weir before one model at an address of the test's own. `provider` is its name, `lines` the rest of what is said of it:
/// of what kind it is and below which path.
pub fn before(upstream: SocketAddr, provider: &str, model: &str, lines: [&str; 2]) -> Weir {
    let setup = Setup::new();
    let known = catalogue(&[(provider, "0.9")]).replace(&format!("{provider}-chat"), model);
    let file = setup.dir.write("catalogue.json", &known);
    let [kind, path] = lines;
    let text = format!(
        "catalogue = {file:?}\n[providers.{provider}]\n{kind}\nbase_url = \"http://{upstream}{path}\"\n\
         keys = [\"TEST_KEY\"]\nmodels = [{model:?}]\ncatalogue = {provider:?}\n"
    );
    setup.config(&text).variable("TEST_KEY", "sk-test").start()
}

impl World {
    pub fn new(count: usize) -> Self {
        Self::with(count, "", &[])
    }

    pub fn with(count: usize, config: &str, faults: &[(&str, &str)]) -> Self {
        let lab = Lab::start(&scenario(count, faults));
        let setup = weir_of(&lab, count, config);
        Self { weir: setup.start(), setup, _lab: lab }
    }

    pub fn chat(&self, body: &Value) -> Reply {
        self.weir.post("/v1/chat/completions", body)
    }
}

/// A weir's setup on the lab's first `count` providers.
pub fn weir_of(lab: &Lab, count: usize, config: &str) -> Setup {
    let mut setup = Setup::new();
    let file = setup.dir.write("catalogue.json", &catalogue(&NAMES[..count]));
    let mut text = format!("catalogue = {file:?}\n{config}\n");
    for (name, _) in &NAMES[..count] {
        let key = name.to_ascii_uppercase();
        text.push_str(&provider(
            name,
            &format!("http://{}/{name}/v1", lab.address),
            &[&format!("{key}_KEY")],
        ));
        setup = setup.variable(&format!("{key}_KEY"), &format!("{name}-one"));
    }
    setup.config(&text)
}

pub fn body(prompt: &str) -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": prompt}], "max_tokens": 40})
}

pub fn streamed(prompt: &str) -> Value {
    let mut body = body(prompt);
    body["stream"] = json!(true);
    body
}

/// A streamed chat with weir's own last event, as bytes to send.
pub fn with_trailer(prompt: &str) -> Vec<u8> {
    let body = streamed(prompt).to_string();
    request("POST", "/v1/chat/completions", &[("X-Weir-Trailer", "1")], body.as_bytes())
}
