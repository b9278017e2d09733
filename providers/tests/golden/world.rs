//! What a case is told of the world: its adapter, its card, its door; and how a call is shown.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use providers::catalogue::Catalogue;
use providers::openai::{self, Accent};
use providers::{Adapter, Address};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use vocab::{Brief, Call, Caps, Card, Effort, Instant, Kind, RawChat, Span, Spans, Status};

/// The accent of OpenAI's dialect by that name.
pub fn accent(name: &str) -> Option<&'static Accent> {
    Some(match name {
        "openai" => &openai::OPENAI,
        "groq" => &openai::GROQ,
        "llamacpp" => &openai::LOCAL_LLAMACPP,
        "ollama" => &openai::OLLAMA,
        "vllm" => &openai::VLLM,
        "compatible" => &openai::COMPATIBLE,
        _ => return None,
    })
}

pub fn adapter(name: &str) -> Option<Box<dyn Adapter>> {
    if let Some(accent) = accent(name) {
        return Some(Box::new(providers::OpenAi(accent)));
    }
    Some(match name {
        "responses" => Box::new(providers::Responses),
        "workers-ai" => Box::new(providers::WorkersAi),
        "gemini" => Box::new(providers::Gemini),
        "anthropic" => Box::new(providers::Anthropic),
        "elevenlabs" => Box::new(providers::Elevenlabs),
        "cartesia" => Box::new(providers::Cartesia),
        "deepgram" => Box::new(providers::Deepgram),
        _ => return None,
    })
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub adapter: String,
    pub model: String,
    #[serde(default)]
    pub base_url: Option<String>,
    /// Names of caps; absent is all of them.
    #[serde(default)]
    caps: Option<Vec<String>>,
    /// Caps to take away from those.
    #[serde(default)]
    without: Vec<String>,
    #[serde(default)]
    efforts: Vec<Effort>,
    #[serde(default)]
    reasons_always: bool,
    #[serde(default)]
    max_output: Option<u32>,
    #[serde(default)]
    context: Option<u32>,
    #[serde(default)]
    kind: Kind,
    /// `list`, `list-base64`, `one`, `batch`, `pictures` or `edits`.
    #[serde(default)]
    pub form: Option<String>,
    /// The model of the catalogue whose price and limit of characters the card has.
    #[serde(default)]
    priced_as: Option<String>,
    /// The published type of the body that is sent.
    #[serde(default)]
    pub schema: Option<String>,
    /// Whether `reply.json` and `stream.sse` are the same answer.
    #[serde(default = "yes")]
    pub fold: bool,
}

fn yes() -> bool {
    true
}

impl Case {
    pub fn address(&self) -> Address {
        let base_url = self.base_url.clone().unwrap_or_else(|| "https://provider.test/v1".into());
        Address { base_url, key: Some("secret".into()), headers: vec![] }
    }

    pub fn card(&self) -> Arc<Card> {
        let named = |names: &[String]| {
            names.iter().map(|n| Caps::named(n).unwrap_or_else(|| panic!("no cap {n:?}"))).collect::<Caps>()
        };
        let caps = self.caps.as_deref().map_or(Caps::all(), named) - named(&self.without);
        let known = self.priced_as.as_deref().map(|id| {
            let (provider, model) = id.split_once('/').expect("provider/model");
            let catalogue = Catalogue::embedded().expect("the catalogue is sound");
            (*catalogue.find(provider, model).unwrap_or_else(|| panic!("no model {id}")).card).clone()
        });
        Arc::new(Card {
            provider: self.adapter.clone(),
            model: self.model.clone(),
            kind: self.kind,
            status: Status::Active,
            context: self.context,
            max_output: self.max_output,
            chars_max: known.as_ref().and_then(|card| card.chars_max),
            caps,
            efforts: self.efforts.clone(),
            reasons_always: self.reasons_always,
            quality: None,
            ttft_ms: None,
            tokens_per_s: None,
            price: known.and_then(|card| card.price),
            shutdown: None,
        })
    }
}

/// Path, headers without the credential, and body.
pub fn show_call(call: &Call) -> Value {
    let secret = |name: &HeaderName, value: &HeaderValue| {
        matches!(name.as_str(), "content-type") || value.as_bytes().windows(6).any(|w| w == b"secret")
    };
    let headers: Map<String, Value> = call
        .headers
        .iter()
        .filter(|(name, value)| !secret(name, value))
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    let body: Value = serde_json::from_slice(&call.body.concat()).expect("a call's body is JSON");
    json!({
        "path": call.uri.path_and_query().map(ToString::to_string),
        "stream": call.stream,
        "headers": headers,
        "body": body,
    })
}

/// One entry of `fault.json`: status, headers, body (text, or JSON) and the time.
pub fn read_fault(one: &Value) -> Result<(u16, HeaderMap, Vec<u8>, Instant), String> {
    let status = one["status"].as_u64().and_then(|s| u16::try_from(s).ok()).ok_or("fault.json: no status")?;
    let mut headers = HeaderMap::new();
    for (name, value) in one["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::try_from(name).map_err(|e| e.to_string())?;
        headers.insert(
            name,
            HeaderValue::from_str(value.as_str().unwrap_or_default()).map_err(|e| e.to_string())?,
        );
    }
    let body = match &one["body"] {
        Value::String(text) => text.clone().into_bytes(),
        Value::Null => vec![],
        json => json.to_string().into_bytes(),
    };
    let now = one["now_secs"].as_u64().map_or(Instant::from_secs(1_795_219_200), Instant::from_secs);
    Ok((status, headers, body, now))
}

/// A raw request as the front would hand it on: here found by a borrowed parse, with the offsets from the pointers.
pub fn raw_chat(text: &str, case: &Case) -> RawChat {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow, default)]
        model: Option<&'a RawValue>,
        #[serde(borrow, default)]
        stream_options: Option<&'a RawValue>,
        #[serde(borrow, default)]
        max_tokens: Option<&'a RawValue>,
        #[serde(borrow, default)]
        max_completion_tokens: Option<&'a RawValue>,
    }
    let fields: Fields<'_> = serde_json::from_str(text).expect("raw.json is a request");
    let tree: Value = serde_json::from_str(text).expect("raw.json is JSON");
    let span = |raw: Option<&RawValue>| -> Option<Span> {
        let raw = raw?.get();
        let start = raw.as_ptr() as usize - text.as_ptr() as usize;
        Some(start..start + raw.len())
    };
    let spans = Spans {
        model: span(fields.model),
        stream_options: span(fields.stream_options),
        max_tokens: span(fields.max_tokens),
        max_completion_tokens: span(fields.max_completion_tokens),
        start: text.find('{').expect("an object") + 1,
        seals: vec![],
    };
    let stricter = |m: &Value| {
        m.get("name").is_some()
            || m["role"] == "developer"
            || m.as_object().is_some_and(|m| m.values().any(Value::is_null))
    };
    let untidy = tree["messages"].as_array().is_some_and(|all| all.iter().any(stricter));
    let mut needs = Caps::empty();
    let differs = |key: &str| tree.get(key).is_some_and(|v| v.as_f64() != Some(1.0));
    needs.set(Caps::SAMPLING, differs("temperature") || differs("top_p"));
    needs.set(Caps::STOP, tree.get("stop").is_some());
    needs.set(Caps::LOGPROBS, tree["logprobs"] == true);
    needs.set(Caps::MANY, tree["n"].as_u64() > Some(1));
    needs.set(Caps::JSON_SCHEMA, tree["response_format"]["type"] == "json_schema");
    needs.set(Caps::TOOLS, tree.get("tools").is_some());
    // Of a Responses request.
    needs.set(
        Caps::JSON_SCHEMA,
        needs.contains(Caps::JSON_SCHEMA) || tree["text"]["format"]["type"] == "json_schema",
    );
    let max = |key: &str| tree[key].as_u64().and_then(|n| u32::try_from(n).ok());
    let brief = Brief {
        model: tree["model"].as_str().unwrap_or(&case.model).to_owned(),
        needs,
        max_output: max("max_completion_tokens").or(max("max_tokens")).or(max("max_output_tokens")),
        n: 1,
        effort: tree["reasoning_effort"]
            .as_str()
            .or(tree["reasoning"]["effort"].as_str())
            .and_then(Effort::named),
        stream: tree["stream"] == true,
        include_usage: tree["stream_options"]["include_usage"] == true,
        ..Brief::default()
    };
    RawChat { body: Bytes::copy_from_slice(text.as_bytes()), spans, untidy, brief, headers: vec![] }
}
