//! Who is asked: one provider of each dialect, whose models claim to be able to do everything, so that only what the wire
//! format has words for decides.

use crate::process::Setup;
use serde_json::{Value, json};
use std::net::SocketAddr;

pub struct Provider {
    pub name: &'static str,
    /// How the page calls it.
    pub title: &'static str,
    /// What it is configured as.
    kind: &'static str,
    pub model: &'static str,
    /// The end of its address.
    path: &'static str,
}

const fn provider(
    name: &'static str,
    title: &'static str,
    kind: &'static str,
    model: &'static str,
    path: &'static str,
) -> Provider {
    Provider { name, title, kind, model, path }
}

impl Provider {
    pub fn model(&self) -> String {
        format!("{}/{}", self.name, self.model)
    }
}

pub const PROVIDERS: [Provider; 6] = [
    provider("chat", "OpenAI chat", "openai", "gpt-zq", "/v1"),
    provider("responses", "OpenAI Responses", "openai\"\napi = \"responses", "gpt-zq-items", "/v1"),
    provider("anthropic", "Anthropic", "anthropic", "claude-zq", "/v1"),
    provider("gemini", "Gemini", "gemini", "gemini-zq", "/v1beta"),
    provider("workers", "Workers AI, native", "workers-ai", "@cf/zq/llama", "/client/v4/accounts/zq"),
    provider(
        "workers2",
        "Workers AI, OpenAI-like",
        "workers-ai",
        "@cf/openai/gpt-oss-zq",
        "/client/v4/accounts/zq",
    ),
];

/// Who speaks the client's own words, for each protocol.
pub const OWN: [usize; 4] = [0, 1, 2, 3];

pub const CAPS: [&str; 26] = [
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

/// What draws at a provider whose name ends so; everybody else chats.
pub const DRAWS: &str = "-draws";

/// Ends the name of a server of one's own, which shows what its model thinks.
pub const OPEN: &str = "-open";

/// The model of a provider of that name.
pub fn model_at(name: &str) -> String {
    let kind = name.split('-').next();
    let model = PROVIDERS.iter().find(|p| Some(p.name) == kind).unwrap().model;
    if name.ends_with(DRAWS) { format!("{model}{DRAWS}") } else { model.to_owned() }
}

/// A weir before providers of these names at one address, each below a path of its name. What follows a dash in a name
/// tells apart providers of one dialect.
pub fn setup(address: SocketAddr, names: &[String]) -> Setup {
    let setup = Setup::new();
    let of = |name: &str| {
        let kind = name.split('-').next();
        PROVIDERS.iter().find(|p| Some(p.name) == kind).unwrap()
    };
    let models: Vec<Value> = names
        .iter()
        .map(|name| {
            let mut entry = json!({"id": format!("{name}/{}", model_at(name)), "kind": "chat", "status": "active",
                "context": 200_000, "max_output": 64_000, "caps": CAPS, "efforts": ["low", "medium", "high"],
                "price": {"rates": {"per_1m_tokens": {"input": "1", "output": "2"}}},
                "sources": {"test": "2026-11-21"}});
            if name.ends_with(DRAWS) {
                entry["kind"] = "image".into();
                entry["price"]["rates"]["per_1m_tokens"]["output_image"] = "3".into();
                entry["caps"] = json!([]);
                for key in ["max_output", "efforts"] {
                    entry.as_object_mut().unwrap().remove(key);
                }
            }
            entry
        })
        .collect();
    let source = json!({"test": {"name": "made up", "date": "2026-11-21", "licence": "none"}});
    let catalogue =
        json!({"schema_version": 1, "as_of": "2026-11-21", "sources": source, "models": models}).to_string();
    let mut text = format!("catalogue = {:?}\n", setup.dir.write("catalogue.json", &catalogue));
    for name in names {
        let (Provider { kind, path, .. }, model) = (of(name), model_at(name));
        text.push_str(&format!(
            "[providers.{name}]\nkind = \"{kind}\"\nbase_url = \"http://{address}/{name}{path}\"\nkeys = [\"TEST_KEY\"]\n\
             models = [\"{model}\"]\ncatalogue = \"{name}\"\n"
        ));
    }
    setup.config(&text).variable("TEST_KEY", "sk-test")
}
