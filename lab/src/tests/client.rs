//! A small client of every dialect, for tests: forgiving where a right client has to be, and nowhere else.

use crate::{Figures, Lab, LabRequest, Script, scenario};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use std::sync::Arc;
use vocab::{Dialect, Dice, Instant};

pub fn lab() -> Arc<Lab> {
    Arc::new(Lab::new(scenario("calm").unwrap()).unwrap())
}

/// Every chat model of the calm scenario.
pub const EVERYONE: [(&str, &str); 11] = [
    ("openai", "gpt-lab-mini"),
    ("openai", "gpt-lab-think"),
    ("responses", "gpt-lab-items"),
    ("responses", "gpt-lab-ponder"),
    ("groq", "openai/gpt-oss-lab"),
    ("gemini", "gemini-lab-flash"),
    ("anthropic", "claude-lab"),
    ("workers", "@cf/lab/llama-native"),
    ("workers", "@cf/lab/gpt-oss"),
    ("ollama", "qwen-lab:8b"),
    ("vllm", "org/big-lab"),
];

/// A request in the making, in OpenAI's words.
#[derive(Clone, Debug)]
pub struct Say {
    pub provider: &'static str,
    pub model: &'static str,
    pub stream: bool,
    pub body: Value,
    pub key: Option<&'static str>,
}

impl Say {
    pub fn to(provider: &'static str, model: &'static str, prompt: &str) -> Self {
        let lab = lab();
        let dialect = lab.scenario().provider(provider).unwrap().dialect;
        let messages = json!([{"role": "user", "content": prompt}]);
        let body = match dialect {
            Dialect::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}]}),
            Dialect::Anthropic => json!({"model": model, "max_tokens": 1000, "messages": messages}),
            Dialect::WorkersAi => json!({"messages": messages, "max_tokens": 1000}),
            Dialect::OpenaiChat => json!({"model": model, "messages": messages}),
            Dialect::OpenaiResponses => json!({"model": model, "input": messages}),
            Dialect::Elevenlabs | Dialect::Cartesia | Dialect::Deepgram => panic!("{provider} only speaks"),
        };
        Self { provider, model, stream: false, body, key: Some("some-key") }
    }

    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.body[key] = value;
        self
    }

    pub fn streamed(mut self) -> Self {
        self.stream = true;
        match self.dialect() {
            Dialect::Gemini => self,
            Dialect::OpenaiChat => {
                self.with("stream", json!(true)).with("stream_options", json!({"include_usage": true}))
            }
            _ => self.with("stream", json!(true)),
        }
    }

    /// Offers functions and perhaps forces one.
    pub fn tools(self, names: &[&str], forced: bool) -> Self {
        let schema =
            json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
        let each = |make: &dyn Fn(&str) -> Value| -> Value { names.iter().map(|n| make(n)).collect() };
        match self.dialect() {
            Dialect::Gemini => {
                let tools = each(&|n| json!({"name": n, "parametersJsonSchema": schema}));
                let mode = if forced { "ANY" } else { "AUTO" };
                self.with("tools", json!([{"functionDeclarations": tools}]))
                    .with("toolConfig", json!({"functionCallingConfig": {"mode": mode}}))
            }
            Dialect::Anthropic => {
                let tools = each(&|n| json!({"name": n, "input_schema": schema}));
                self.with("tools", tools)
                    .with("tool_choice", json!({"type": if forced { "any" } else { "auto" }}))
            }
            Dialect::OpenaiResponses => {
                let tools =
                    each(&|n| json!({"type": "function", "name": n, "parameters": schema, "strict": false}));
                self.with("tools", tools).with("tool_choice", json!(if forced { "required" } else { "auto" }))
            }
            _ => {
                let tools =
                    each(&|n| json!({"type": "function", "function": {"name": n, "parameters": schema}}));
                self.with("tools", tools).with("tool_choice", json!(if forced { "required" } else { "auto" }))
            }
        }
    }

    pub fn dialect(&self) -> Dialect {
        lab().scenario().provider(self.provider).unwrap().dialect
    }

    pub fn request(&self, lab: &Lab) -> LabRequest {
        let base = lab.base_url(self.provider, "").unwrap();
        let model = self.model;
        let path = match self.dialect() {
            Dialect::OpenaiChat => format!("{base}/chat/completions"),
            Dialect::OpenaiResponses => format!("{base}/responses"),
            Dialect::Elevenlabs | Dialect::Cartesia | Dialect::Deepgram => unreachable!("they only speak"),
            Dialect::Anthropic => format!("{base}/messages"),
            Dialect::WorkersAi => format!("{base}/ai/run/{model}"),
            Dialect::Gemini if self.stream => format!("{base}/models/{model}:streamGenerateContent?alt=sse"),
            Dialect::Gemini => format!("{base}/models/{model}:generateContent"),
        };
        let mut headers = HeaderMap::new();
        if let Some(key) = self.key {
            match self.dialect() {
                Dialect::Gemini => headers.insert("x-goog-api-key", HeaderValue::from_static(key)),
                Dialect::Anthropic => headers.insert("x-api-key", HeaderValue::from_static(key)),
                _ => headers.insert("authorization", format!("Bearer {key}").parse().unwrap()),
            };
        }
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        LabRequest { method: Method::POST, path, headers, body: self.body.to_string().into() }
    }

    pub fn play(&self, lab: &Lab) -> Script {
        lab.respond(&self.request(lab), Instant::from_secs(1), &mut Dice::seeded(5))
    }

    pub fn hear(&self, lab: &Lab) -> Heard {
        hear(self.dialect(), &self.play(lab))
    }
}

/// What a client made of a reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    pub text: String,
    pub reasoning: String,
    /// Name and arguments.
    pub calls: Vec<(String, String)>,
    pub signatures: usize,
    pub finish: Option<String>,
    pub usage: Option<Figures>,
    pub error: Option<Value>,
    /// The dialect's end mark came.
    pub ended: bool,
    /// Something was no JSON.
    pub garbled: bool,
}

/// Event name and data of each frame; comments are skipped.
pub fn frames(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8(body.to_vec()).expect("UTF-8 once it is together");
    let mut out = Vec::new();
    let (mut event, mut data) = (String::new(), Vec::new());
    for line in text.lines() {
        if line.is_empty() {
            if !data.is_empty() {
                out.push((event.clone(), data.join("\n")));
            }
            (event, data) = (String::new(), Vec::new());
        } else if let Some(rest) = line.strip_prefix("data:") {
            data.push(rest.strip_prefix(' ').unwrap_or(rest).to_owned());
        } else if let Some(rest) = line.strip_prefix("event:") {
            event = rest.trim().to_owned();
        }
    }
    out
}

pub fn hear(dialect: Dialect, script: &Script) -> Heard {
    let mut heard = Heard::default();
    let kind = script.headers.get("content-type").map_or("", |v| v.to_str().unwrap());
    if kind.starts_with("text/event-stream") {
        for (event, data) in frames(&script.body()) {
            if data == "[DONE]" {
                heard.ended = true;
                continue;
            }
            let Ok(value) = serde_json::from_str::<Value>(&data) else {
                heard.garbled = true;
                continue;
            };
            match dialect {
                Dialect::OpenaiChat | Dialect::WorkersAi => heard.completion(&value, "delta"),
                Dialect::OpenaiResponses => heard.response_event(&event, &value),
                Dialect::Gemini => heard.gemini(&value),
                Dialect::Anthropic => heard.anthropic_event(&event, &value),
                Dialect::Elevenlabs | Dialect::Cartesia | Dialect::Deepgram => {
                    unreachable!("they only speak")
                }
            }
        }
    } else {
        let Ok(mut value) = serde_json::from_slice::<Value>(&script.body()) else {
            return Heard { garbled: true, ..heard };
        };
        if dialect == Dialect::WorkersAi && value["success"] == true {
            value = value["result"].clone();
        }
        heard.ended = script.status == 200;
        match dialect {
            Dialect::OpenaiChat | Dialect::WorkersAi => heard.completion(&value, "message"),
            Dialect::OpenaiResponses => heard.response(&value),
            Dialect::Gemini => heard.gemini(&value),
            Dialect::Anthropic => heard.anthropic_whole(&value),
            Dialect::Elevenlabs | Dialect::Cartesia | Dialect::Deepgram => unreachable!("they only speak"),
        }
    }
    heard
}

fn add(to: &mut String, value: &Value) {
    to.push_str(value.as_str().unwrap_or_default());
}

impl Heard {
    fn failed(&mut self, value: &Value) -> bool {
        let found = [&value["error"], &value["x_groq"]["error"], &value["errors"]];
        if let Some(error) = found.into_iter().find(|e| !e.is_null()) {
            self.error = Some(error.clone());
        }
        self.error.is_some()
    }

    /// Both families of Workers AI and everyone who speaks like OpenAI.
    fn completion(&mut self, value: &Value, key: &str) {
        if self.failed(value) {
            return;
        }
        let text = &value["response"];
        match text {
            Value::Null | Value::String(_) => add(&mut self.text, text),
            parsed => self.text.push_str(&parsed.to_string()),
        }
        for call in value["tool_calls"].as_array().into_iter().flatten() {
            self.calls.push((call["name"].as_str().unwrap().into(), call["arguments"].to_string()));
        }
        for choice in value["choices"].as_array().into_iter().flatten() {
            if choice["index"].as_u64().unwrap_or(0) != 0 {
                continue;
            }
            let said = &choice[key];
            add(&mut self.text, &said["content"]);
            add(&mut self.reasoning, &said["reasoning"]);
            add(&mut self.reasoning, &said["reasoning_content"]);
            for (i, call) in said["tool_calls"].as_array().into_iter().flatten().enumerate() {
                let at = call["index"].as_u64().map_or(i, |i| i as usize);
                if self.calls.len() <= at {
                    assert!(call["id"].is_string() && call["type"] == "function", "{call}");
                    self.calls.push((call["function"]["name"].as_str().unwrap().into(), String::new()));
                }
                add(&mut self.calls[at].1, &call["function"]["arguments"]);
            }
            if let Some(reason) = choice["finish_reason"].as_str() {
                self.finish = Some(reason.into());
            }
        }
        for usage in [&value["x_groq"]["usage"], &value["usage"]] {
            let Some(input) = usage["prompt_tokens"].as_u64() else { continue };
            let number = |at: &str| usage.pointer(at).and_then(Value::as_u64).unwrap_or(0);
            let reasoning = number("/completion_tokens_details/reasoning_tokens");
            self.usage = Some(Figures {
                input,
                cached: number("/prompt_tokens_details/cached_tokens"),
                output: number("/completion_tokens") - reasoning,
                reasoning,
                ..Figures::default()
            });
            assert_eq!(number("/total_tokens"), input + number("/completion_tokens"));
        }
    }

    fn response_event(&mut self, event: &str, value: &Value) {
        assert_eq!(value["type"], event, "the event line is the type");
        match event {
            "response.output_text.delta" | "response.refusal.delta" => add(&mut self.text, &value["delta"]),
            "response.reasoning_summary_text.delta" => add(&mut self.reasoning, &value["delta"]),
            "response.output_item.added" if value["item"]["type"] == "function_call" => {
                self.calls.push((value["item"]["name"].as_str().unwrap().into(), String::new()));
            }
            "response.function_call_arguments.delta" => {
                add(&mut self.calls.last_mut().unwrap().1, &value["delta"])
            }
            "response.output_item.done" => {
                self.signatures += usize::from(value["item"]["encrypted_content"].is_string());
            }
            "response.completed" | "response.incomplete" => {
                let mut whole = Self::default();
                whole.response(&value["response"]);
                // Everything that came in pieces is there again, and the same.
                let mine = (&self.text, &self.reasoning, &self.calls, self.signatures);
                let again = (&whole.text, &whole.reasoning, &whole.calls, whole.signatures);
                assert!(self.garbled || mine == again, "{mine:?} but in the end {again:?}");
                *self = Self { ended: true, garbled: self.garbled, ..whole };
            }
            "error" => self.error = Some(value.clone()),
            _ => {}
        }
    }

    fn response(&mut self, value: &Value) {
        if self.failed(value) {
            return;
        }
        for item in value["output"].as_array().unwrap() {
            match item["type"].as_str().unwrap() {
                "message" => {
                    add(&mut self.text, &item["content"][0]["text"]);
                    add(&mut self.text, &item["content"][0]["refusal"]);
                }
                "reasoning" => {
                    add(&mut self.reasoning, &item["summary"][0]["text"]);
                    self.signatures += usize::from(item["encrypted_content"].is_string());
                }
                "function_call" => {
                    assert!(item["call_id"].is_string() && item["call_id"] != item["id"], "{item}");
                    let text = |field: &str| item[field].as_str().unwrap().to_owned();
                    self.calls.push((text("name"), text("arguments")));
                }
                other => panic!("{other}"),
            }
        }
        let reason = value["incomplete_details"]["reason"].as_str();
        self.finish = reason.or(value["status"].as_str()).map(str::to_owned);
        let usage = &value["usage"];
        let number = |at: &str| usage.pointer(at).and_then(Value::as_u64);
        let either = |a: &str, b: &str| number(a).or_else(|| number(b));
        if let Some(input) = either("/input_tokens", "/prompt_tokens") {
            let reasoning = either(
                "/output_tokens_details/reasoning_tokens",
                "/completion_tokens_details/reasoning_tokens",
            );
            let output = either("/output_tokens", "/completion_tokens").unwrap();
            self.usage = Some(Figures {
                input,
                cached: either("/input_tokens_details/cached_tokens", "/prompt_tokens_details/cached_tokens")
                    .unwrap(),
                output: output - reasoning.unwrap(),
                reasoning: reasoning.unwrap(),
                ..Figures::default()
            });
            assert_eq!(number("/total_tokens"), Some(input + output));
        }
    }

    fn gemini(&mut self, value: &Value) {
        if self.failed(value) {
            return;
        }
        if value["promptFeedback"]["blockReason"].is_string() {
            self.finish = Some("blocked".into());
            self.ended = true;
        }
        for part in value["candidates"][0]["content"]["parts"].as_array().into_iter().flatten() {
            if part["thought"] == true {
                add(&mut self.reasoning, &part["text"]);
            } else {
                add(&mut self.text, &part["text"]);
            }
            if let Some(name) = part["functionCall"]["name"].as_str() {
                self.calls.push((name.into(), part["functionCall"]["args"].to_string()));
            }
            self.signatures += usize::from(part["thoughtSignature"].is_string());
        }
        if let Some(reason) = value["candidates"][0]["finishReason"].as_str() {
            self.finish = Some(reason.into());
            self.ended = true;
        }
        let usage = &value["usageMetadata"];
        if let Some(input) = usage["promptTokenCount"].as_u64() {
            let number = |key: &str| usage[key].as_u64().unwrap_or(0);
            self.usage = Some(Figures {
                input,
                cached: number("cachedContentTokenCount"),
                output: number("candidatesTokenCount"),
                reasoning: number("thoughtsTokenCount"),
                ..Figures::default()
            });
        }
    }

    fn anthropic_usage(&mut self, usage: &Value) {
        let mut figures = self.usage.unwrap_or_default();
        let number = |key: &str| usage[key].as_u64();
        let read = number("cache_read_input_tokens").unwrap_or(figures.cached);
        let written = number("cache_creation_input_tokens").unwrap_or(figures.written + figures.written_long);
        let fresh = figures.input - figures.cached - figures.written - figures.written_long;
        figures.input = number("input_tokens").unwrap_or(fresh) + read + written;
        figures.cached = read;
        let long =
            usage["cache_creation"]["ephemeral_1h_input_tokens"].as_u64().unwrap_or(figures.written_long);
        (figures.written, figures.written_long) = (written - long, long);
        if let Some(output) = number("output_tokens") {
            let thinking = usage["output_tokens_details"]["thinking_tokens"].as_u64().unwrap_or(0);
            figures.reasoning = thinking;
            figures.output = output.saturating_sub(thinking);
        }
        self.usage = Some(figures);
    }

    fn anthropic_event(&mut self, event: &str, value: &Value) {
        assert_eq!(value["type"], event, "the event line is the type");
        match event {
            "message_start" if !value["message"]["usage"].is_null() => {
                self.anthropic_usage(&value["message"]["usage"]);
            }
            "content_block_start" if value["content_block"]["type"] == "tool_use" => {
                self.calls.push((value["content_block"]["name"].as_str().unwrap().into(), String::new()));
            }
            "content_block_delta" => match value["delta"]["type"].as_str().unwrap() {
                "text_delta" => add(&mut self.text, &value["delta"]["text"]),
                "thinking_delta" => add(&mut self.reasoning, &value["delta"]["thinking"]),
                "input_json_delta" => {
                    add(&mut self.calls.last_mut().unwrap().1, &value["delta"]["partial_json"])
                }
                "signature_delta" => self.signatures += 1,
                other => panic!("{other}"),
            },
            "message_delta" => {
                if let Some(reason) = value["delta"]["stop_reason"].as_str() {
                    self.finish = Some(reason.into());
                }
                if !value["usage"].is_null() {
                    self.anthropic_usage(&value["usage"]);
                }
            }
            "message_stop" => self.ended = true,
            "error" => self.error = Some(value["error"].clone()),
            _ => {}
        }
    }

    fn anthropic_whole(&mut self, value: &Value) {
        if value["type"] == "error" {
            self.error = Some(value["error"].clone());
            return;
        }
        for block in value["content"].as_array().unwrap() {
            match block["type"].as_str().unwrap() {
                "text" => add(&mut self.text, &block["text"]),
                "thinking" => {
                    add(&mut self.reasoning, &block["thinking"]);
                    self.signatures += 1;
                }
                "tool_use" => {
                    let input = &block["input"];
                    let text = input.as_str().map_or_else(|| input.to_string(), str::to_owned);
                    self.calls.push((block["name"].as_str().unwrap().into(), text));
                }
                other => panic!("{other}"),
            }
        }
        self.finish = value["stop_reason"].as_str().map(str::to_owned);
        if !value["usage"].is_null() {
            self.anthropic_usage(&value["usage"]);
        }
    }
}
