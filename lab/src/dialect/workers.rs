//! Cloudflare Workers AI over REST: the `ai/run` envelope with either family of text models inside, and its
//! OpenAI-compatible path.

use super::openai::{frames as openai_frames, read as openai_read, say as openai_say};
use super::{Incoming, Page, Route, Told, Tongue, bearer, json, voice, workers_task, workers_voice};
use crate::ask::{Ask, Offered, Refusal, Shape, Showing, Turn, Why};
use crate::prose::hash;
use crate::scenario::{Flavour, Model, Provider};
use crate::seen::Figures;
use crate::task::Task;
use crate::tokens::{Tally, pieces, tokens};
use crate::trouble::Kind;
use crate::wire::{Framing, Part, Piece};
use http::HeaderMap;
use openai_say::Voice;
use serde_json::{Value, json};
use vocab::Effort;

pub(crate) struct WorkersAi;

/// "native default is 256".
const MAX_TOKENS: u32 = 256;

impl Tongue for WorkersAi {
    fn route(&self, _provider: &Provider, method: &str, path: &str, _query: &str) -> Route {
        // Up to and with the account is the operator's business: `/client/v4/accounts/ID`.
        let Some((_, rest)) = path.split_once("/ai/") else { return Route::Unknown };
        match (method, rest) {
            ("POST", "v1/chat/completions") => Route::chat(),
            ("GET", "models/search") => Route::Models,
            ("POST", other) => match other.strip_prefix("run/") {
                Some(model) => Route::Chat { model: Some(model.to_owned()), stream: None, sse: true },
                None => Route::Unknown,
            },
            _ => Route::Unknown,
        }
    }

    fn key(&self, headers: &HeaderMap, _query: &str) -> Option<String> {
        bearer(headers)
    }

    fn read(&self, incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
        let map = json::object(incoming.body)?;
        let Route::Chat { model: Some(name), .. } = incoming.route else {
            let name = json::text(&map, "model")?
                .ok_or_else(|| Refusal::at("model", "Bad input: model is required"))?;
            return openai_read::read_as(incoming.provider, Flavour::Vllm, &map, name);
        };
        if let Some(model) = incoming.provider.model(name).filter(|m| m.kind != vocab::Kind::Chat) {
            return match model.kind {
                vocab::Kind::Tts => workers_voice::read(incoming, model),
                _ => workers_task::read(incoming, model),
            };
        }
        if incoming.provider.model(name).is_some_and(|m| m.family == 2) {
            let map = wrapped(map);
            let mut ask = openai_read::read_as(incoming.provider, Flavour::Vllm, &map, name)?;
            ask.max_tokens = ask.max_tokens.or(Some(MAX_TOKENS));
            ask.enveloped = true;
            return Ok(ask);
        }
        native(&map, name)
    }

    fn refuse(&self, _provider: &Provider, refusal: &Refusal) -> Page {
        let (status, code) = match &refusal.why {
            Why::Bad { code: "5023", .. } => (400, 5023),
            Why::Bad { .. } => (400, 5004),
            Why::NoKey | Why::BadKey => (401, 10000),
            Why::Forbidden => (403, 5018),
            Why::Payment => (403, 3041),
            Why::Quota => (429, 3036),
            // "5007 no such model" comes with 400, "3042 (model id)" with 404.
            Why::NoModel(_) => (400, 5007),
            Why::NoRoute => (404, 7000),
            Why::Busy { .. } => (429, 3040),
            Why::Server(504) => (408, 3007),
            Why::Server(status) => (*status, 3000),
            Why::TooLong { .. } | Why::TooLarge => (413, 3006),
            Why::Filtered => (400, 3003),
        };
        let message = match &refusal.why {
            Why::NoKey | Why::BadKey => "Authentication error".into(),
            Why::NoModel(model) => format!("No such model {model} or task"),
            Why::Quota => "you have used up your daily free allocation of 10,000 neurons".into(),
            Why::Busy { .. } => "Capacity temporarily exceeded, please try again.".into(),
            Why::TooLong { tokens, limit } => format!(
                "AiError: The estimated number of input and maximum output tokens ({tokens}) exceeded this model context window limit ({limit})."
            ),
            Why::Bad { code: "", .. } => format!("AiError: Bad input: {}", refusal.message),
            _ => format!("AiError: {}", refusal.message),
        };
        Page::new(
            status,
            json!({"result": null, "success": false, "errors": [{"code": code, "message": message}], "messages": []}),
        )
    }

    fn whole(&self, told: &Told<'_>) -> Value {
        if told.troubles.has(Kind::ErrorFrame) {
            return json!({"result": null, "success": false, "errors": [{"code": 3000, "message": "AiError: internal"}], "messages": []});
        }
        match &told.ask.task {
            Some(Task::Speech(wanted)) => return workers_voice::whole(told, wanted),
            Some(task) => return workers_task::whole(told, task),
            None => {}
        }
        let result = if family2(told) { openai_say::whole(told, Voice::Workers) } else { native_whole(told) };
        if told.ask.enveloped {
            json!({"result": result, "success": true, "errors": [], "messages": []})
        } else {
            result
        }
    }

    fn bytes(&self, told: &Told<'_>) -> Option<Vec<u8>> {
        workers_task::bytes(told).filter(|_| !told.troubles.has(Kind::ErrorFrame))
    }

    fn frames(&self, told: &Told<'_>) -> Vec<Piece> {
        if voice::speech(told).is_some() {
            return voice::bytes(told, false);
        }
        if family2(told) { openai_frames::frames(told, Voice::Workers) } else { native_frames(told) }
    }

    fn framing(&self, ask: &Ask, crlf: bool) -> Framing {
        match ask.task {
            Some(Task::Speech(_)) => Framing::Bytes,
            _ => Framing::Sse { crlf },
        }
    }

    fn error_frame(&self, _provider: &Provider) -> Piece {
        let data = json!({"errors": [{"code": 3000, "message": "AiError: internal"}], "success": false, "result": {}, "messages": []});
        Piece::json(Part::Close, data, 0)
    }

    fn models(&self, provider: &Provider) -> Value {
        let result: Vec<Value> = provider.models.iter().map(|m| self.model_card(provider, m)).collect();
        json!({"result": result, "success": true, "errors": [], "messages": []})
    }

    fn model_card(&self, _provider: &Provider, model: &Model) -> Value {
        json!({"id": format!("{:016x}", hash(&[model.name.as_bytes()])), "name": model.name, "source": 1,
            "task": {"name": "Text Generation"}, "properties": [{"property_id": "context_window", "value": model.context.to_string()}]})
    }

    fn count(&self, tokens: u64) -> Value {
        json!({"result": {"tokens": tokens}, "success": true, "errors": [], "messages": []})
    }

    fn health(&self, _provider: &Provider) -> Value {
        json!({"success": true})
    }

    fn headers(&self, _provider: &Provider, told: &Told<'_>) -> Vec<(&'static str, String)> {
        vec![("cf-ray", format!("{}-LAB", told.id()))]
    }
}

/// `ai/run` takes a bare schema and one in OpenAI's wrapping (the binding types leave `json_schema` open).
fn wrapped(mut map: json::Object) -> json::Object {
    let schema = map.get_mut("response_format").and_then(|f| f.get_mut("json_schema"));
    if let Some(schema) = schema.filter(|s| s.is_object() && s.get("schema").is_none()) {
        *schema = json!({"name": "bare", "schema": schema.take()});
    }
    map
}

fn family2(told: &Told<'_>) -> bool {
    told.model.family == 2 || !told.ask.enveloped
}

fn native(map: &json::Object, name: &str) -> Result<Ask, Refusal> {
    let mut ask = Ask {
        model: name.to_owned(),
        n: 1,
        parallel: true,
        enveloped: true,
        showing: Showing::Hidden,
        ..Ask::default()
    };
    ask.stream = json::flag(map, "stream")?.unwrap_or(false);
    ask.max_tokens = Some(json::count(map, "max_tokens", 0, u32::MAX)?.unwrap_or(MAX_TOKENS));
    ask.seed = json::number(map, "seed", i64::MIN, i64::MAX)?;
    json::real(map, "temperature", 0.0, 5.0)?;
    json::real(map, "top_p", 0.0, 2.0)?;
    ask.effort = json::text(map, "reasoning_effort")?.and_then(Effort::named);
    if let Some(format) = json::inner(map, "response_format")? {
        ask.shape = match json::text(format, "type")? {
            Some("json_object") => Shape::Object,
            Some("json_schema") => {
                // "json_schema holds the BARE schema, not {name,schema,strict}".
                let schema = format.get("json_schema").filter(|s| s.is_object()).cloned().unwrap_or_default();
                if schema.get("schema").is_some() || !schema.is_object() {
                    return Err(Refusal::bad("response_format.json_schema must be a JSON schema"));
                }
                if ask.stream {
                    return Err(Refusal::coded(
                        "5023",
                        None,
                        "JSON Schema mode is not supported with stream mode.",
                    ));
                }
                Shape::Schema(schema)
            }
            _ => Shape::Text,
        };
    }
    for tool in json::list(map, "tools")?.unwrap_or(&[]) {
        // "takes {type:"function",function:{...}} and the flat form".
        let function = tool.get("function").unwrap_or(tool);
        let Some(name) = function.get("name").and_then(Value::as_str) else {
            return Err(Refusal::bad("tools: name is required"));
        };
        let schema = function.get("parameters").cloned().unwrap_or_else(|| json!({"type": "object"}));
        ask.tools.push(Offered { name: name.to_owned(), schema });
    }
    if let Some(prompt) = json::text(map, "prompt")? {
        let mut tally = Tally::default();
        tally.text(prompt);
        ask.last_user = prompt.to_owned();
        ask.turns.push(Turn { tally, hash: hash(&[prompt.as_bytes()]) });
        return Ok(ask);
    }
    let messages = json::list(map, "messages")?.filter(|m| !m.is_empty());
    let Some(messages) = messages else {
        return Err(Refusal::bad("required properties at '/' are 'prompt' or 'messages'"));
    };
    for (i, message) in messages.iter().enumerate() {
        native_message(message, i, &mut ask)?;
    }
    Ok(ask)
}

fn native_message(message: &Value, i: usize, ask: &mut Ask) -> Result<(), Refusal> {
    let bad = |what: &str| Refusal::bad(format!("messages.{i}: {what}"));
    let role = message.get("role").and_then(Value::as_str).ok_or_else(|| bad("role is required"))?;
    let mut tally = Tally::default();
    let text = match message.get("content") {
        Some(content @ (Value::String(_) | Value::Array(_))) => {
            json::content(Some(content), "content", &mut tally)?
        }
        // "content null: refused; send """.
        _ => return Err(bad("Type mismatch of '/content', 'string' not in 'null'")),
    };
    match role {
        "tool" => {
            tally.flat();
            ask.results.get_or_insert_default().push_str(&text);
        }
        "user" => {
            ask.last_user = text;
            ask.results = None;
        }
        "system" | "assistant" => ask.results = None,
        other => return Err(bad(&format!("role '{other}' is not one of system, user, assistant, tool"))),
    }
    for _ in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        tally.flat();
    }
    ask.turns.push(Turn { tally, hash: hash(&[message.to_string().as_bytes()]) });
    Ok(())
}

fn native_usage(figures: Figures) -> Value {
    let made = figures.output + figures.reasoning;
    let mut usage = json!({"prompt_tokens": figures.input, "completion_tokens": made, "total_tokens": figures.input + made});
    if figures.cached > 0 {
        usage["prompt_tokens_details"] = json!({"cached_tokens": figures.cached});
    }
    usage
}

fn native_calls(told: &Told<'_>) -> Vec<Value> {
    let bad = told.troubles.has(Kind::BadArguments);
    let calls = told.answer.choices.iter().flat_map(|c| &c.calls);
    // "result arguments may be object or string".
    calls
        .map(|c| json!({"name": c.name, "arguments": if bad { json!(c.text) } else { c.args.clone() }}))
        .collect()
}

fn native_whole(told: &Told<'_>) -> Value {
    let text = told.answer.choices.first().map(|c| c.text.as_str()).unwrap_or_default();
    // "response can be an object or a number when JSON mode parsed it".
    let response = match told.ask.shape {
        Shape::Text => json!(text),
        _ => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    };
    let mut result = json!({"response": response});
    let calls = native_calls(told);
    if !calls.is_empty() {
        result["response"] = Value::Null;
        result["tool_calls"] = calls.into();
    }
    if let Some(figures) = told.figures() {
        result["usage"] = native_usage(figures);
    }
    result
}

fn native_frames(told: &Told<'_>) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut sum = 0;
    let text = told.answer.choices.first().map(|c| c.text.as_str()).unwrap_or_default();
    for (i, piece) in pieces(text, told.model.frame_tokens).into_iter().enumerate() {
        sum += tokens(piece);
        out.push(Piece::json(Part::Content, json!({"response": piece, "p": "abcdefgh"[..=i % 8]}), sum));
    }
    let calls = native_calls(told);
    if !calls.is_empty() {
        sum += told.answer.choices.iter().flat_map(|c| &c.calls).map(|c| tokens(&c.text)).sum::<u64>();
        out.push(Piece::json(Part::Content, json!({"response": null, "tool_calls": calls}), sum));
    }
    let figures = told.figures();
    if let Some(figures) = figures {
        // In an odd place: in every frame, with the figures so far.
        if told.troubles.has(Kind::UsageOdd) {
            for piece in &mut out {
                let so_far = Figures { output: piece.tokens, ..figures };
                if let crate::wire::Data::Json(value) = &mut piece.data {
                    value["usage"] = native_usage(so_far);
                    piece.reported = Some(so_far);
                }
            }
        }
        for _ in 0..=u8::from(told.troubles.has(Kind::UsageTwice)) {
            let last = json!({"response": "", "usage": native_usage(figures)});
            out.push(Piece::json(Part::Close, last, sum).reporting(Some(figures)));
        }
    }
    out.push(Piece::end("[DONE]", sum));
    out
}
