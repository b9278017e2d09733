//! What is right: shapes, figures, determinism.

use super::{EVERYONE, Say, frames, lab};
use crate::{FLAT, Figures, SCENARIOS, Scenario, scenario, tokens};
use serde_json::{Value, json};
use vocab::{Dialect, Dice, Instant};

#[test]
fn the_scenarios_that_come_along_can_be_played() {
    for name in SCENARIOS {
        let scenario = scenario(name).unwrap();
        assert_eq!(scenario.name, name);
        let again = Scenario::parse(&toml_of(&scenario)).unwrap();
        assert_eq!(again, scenario);
    }
}

/// A scenario is data: it can be written as JSON and read as it was.
fn toml_of(scenario: &Scenario) -> String {
    let value: Value = serde_json::to_value(scenario).unwrap();
    assert_eq!(serde_json::from_value::<Scenario>(value).unwrap(), *scenario);
    match scenario.name.as_str() {
        "calm" => include_str!("../../scenarios/calm.toml").into(),
        "demo" => include_str!("../../scenarios/demo.toml").into(),
        "storms" => include_str!("../../scenarios/storms.toml").into(),
        _ => include_str!("../../scenarios/traps.toml").into(),
    }
}

#[test]
fn a_scenario_that_cannot_be_played_says_why() {
    let model = "[[provider.model]]\nname='m'\n";
    let provider = "[[provider]]\nname='p'\ndialect='gemini'\n";
    for (text, why) in [
        ("[[provider]]\nname='A b'\ndialect='gemini'\n[[provider.model]]\nname='m'".to_owned(), "lower-case"),
        (format!("{provider}{model}{provider}{model}"), "twice"),
        (format!("{provider}{model}{model}"), "twice"),
        (format!("{provider}{model}input='1,5'\noutput='2'"), "decimal"),
        (format!("{provider}{model}input='1'"), "go together"),
        (format!("{provider}{model}caps=['flight']"), "flight"),
        (format!("{provider}{model}quality=1.5"), "0 to 1"),
        (format!("{provider}{model}[[provider.fault]]\nkind='meteor'"), "meteor"),
        (format!("{provider}{model}[[provider.fault]]\nkind='cut'\nmodels=['x']"), "no model"),
        (format!("{provider}{model}[[provider.fault]]\nkind='cut'\nchance=2.0"), "0 to 1"),
        (format!("{provider}{model}colour='red'"), "colour"),
    ] {
        let said = Scenario::parse(&text).unwrap_err().to_string();
        assert!(said.contains(why), "{text}\nsaid: {said}");
    }
}

#[test]
fn a_stream_adds_up_to_the_whole_answer() {
    for (provider, model) in EVERYONE {
        for prompt in ["Why is the sky blue?", "[[lab: tokens=1]]", "[[lab: say=\"naïve 水 🙂\"]]"] {
            let whole = Say::to(provider, model, prompt).hear(&lab());
            let stream = Say::to(provider, model, prompt).streamed().hear(&lab());
            assert_eq!(whole, stream, "{provider}/{model} {prompt}");
            assert!(whole.ended && whole.error.is_none() && !whole.text.is_empty(), "{provider}/{model}");
        }
    }
}

#[test]
fn bills_can_be_computed_by_hand() {
    let prompt = "Tell me about rivers, please. [[lab: tokens=40]]";
    for (provider, model) in EVERYONE {
        let heard = Say::to(provider, model, prompt).hear(&lab());
        let usage = heard.usage.unwrap();
        assert_eq!(usage.input, tokens(prompt), "{provider}/{model}");
        assert_eq!(usage.output, 40, "{provider}/{model}");
        assert_eq!(usage.output, tokens(&heard.text), "{provider}/{model}");
        // These reason unasked, and hide what they think.
        let thinks = ["gpt-lab-think", "gpt-lab-ponder"].contains(&model);
        assert_eq!(usage.reasoning, if thinks { 60 } else { 0 }, "{provider}/{model}");
    }
}

#[test]
fn tools_are_called_when_asked_or_forced() {
    for (provider, model) in EVERYONE {
        for stream in [false, true] {
            let say = |prompt: &str, forced: bool| {
                let say = Say::to(provider, model, prompt).tools(&["get_weather", "get_time"], forced);
                if stream { say.streamed() } else { say }
            };
            let asked = say("get_weather in Paris", false).hear(&lab());
            let names: Vec<&str> = asked.calls.iter().map(|c| c.0.as_str()).collect();
            assert_eq!(names, ["get_weather"], "{provider}/{model}");
            let args: Value = serde_json::from_str(&asked.calls[0].1).unwrap();
            assert!(args["city"].is_string(), "{provider}/{model} {args}");
            assert!(asked.text.is_empty());
            let usage = asked.usage.unwrap();
            assert_eq!(usage.input, tokens("get_weather in Paris") + 2 * FLAT, "{provider}/{model}");
            assert_eq!(usage.output, tokens(&asked.calls[0].1), "{provider}/{model}");
            let finish = asked.finish.as_deref();
            match Say::to(provider, model, "").dialect() {
                Dialect::Anthropic => assert_eq!(finish, Some("tool_use")),
                Dialect::Gemini => assert_eq!(finish, Some("STOP")),
                Dialect::OpenaiChat => assert_eq!(finish, Some("tool_calls")),
                Dialect::OpenaiResponses => assert_eq!(finish, Some("completed")),
                Dialect::WorkersAi => {}
                Dialect::Elevenlabs | Dialect::Cartesia | Dialect::Deepgram => {
                    unreachable!("they only speak")
                }
            }
            assert!(say("Hello", false).hear(&lab()).calls.is_empty(), "{provider}/{model}");
            // Ollama and the native models of Workers AI do not listen to a tool choice.
            if !matches!(provider, "ollama" | "workers") {
                assert_eq!(say("Hello", true).hear(&lab()).calls.len(), 1, "{provider}/{model}");
            }
            let both = say("get_weather and get_time", false).hear(&lab());
            let expected = if model == "@cf/lab/llama-native" || model == "@cf/lab/gpt-oss" { 1 } else { 2 };
            assert_eq!(both.calls.len(), expected, "{provider}/{model}");
        }
    }
}

#[test]
fn results_of_tools_are_talked_about() {
    let say = Say::to("openai", "gpt-lab-mini", "x").tools(&["get_weather"], false).with(
        "messages",
        json!([
            {"role": "user", "content": "get_weather in Paris"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "18 degrees"}
        ]),
    );
    let heard = say.hear(&lab());
    assert!(heard.calls.is_empty() && heard.text.contains("18 degrees"), "{heard:?}");
    assert_eq!(heard.usage.unwrap().input, (20 + 10_u64).div_ceil(4) + 3 * FLAT);
}

#[test]
fn answers_have_the_shape_that_was_asked() {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["n", "name"],
        "properties": {"n": {"type": "integer", "minimum": 3}, "name": {"type": "string"}}});
    let openai =
        json!({"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": schema}});
    for (provider, model) in EVERYONE {
        let say = Say::to(provider, model, "As JSON please");
        let say = match (say.dialect(), model) {
            (Dialect::Gemini, _) => say.with(
                "generationConfig",
                json!({"responseMimeType": "application/json", "responseJsonSchema": schema}),
            ),
            (Dialect::Anthropic, _) => {
                say.with("output_config", json!({"format": {"type": "json_schema", "schema": schema}}))
            }
            (Dialect::OpenaiResponses, _) => say.with(
                "text",
                json!({"format": {"type": "json_schema", "name": "x", "strict": true, "schema": schema}}),
            ),
            (_, "@cf/lab/llama-native") => {
                say.with("response_format", json!({"type": "json_schema", "json_schema": schema}))
            }
            _ => say.with("response_format", openai.clone()),
        };
        let heard = say.hear(&lab());
        let value: Value =
            serde_json::from_str(&heard.text).unwrap_or_else(|e| panic!("{provider} {e} {heard:?}"));
        assert!(value["n"].as_i64().unwrap() >= 3 && value["name"].is_string(), "{provider}/{model} {value}");
        assert_eq!(heard.usage.unwrap().output, tokens(&heard.text), "{provider}/{model}");
    }
}

#[test]
fn limits_and_stops_are_honoured() {
    for (provider, model) in EVERYONE {
        for stream in [false, true] {
            let say = Say::to(provider, model, "Long [[lab: tokens=90]]");
            let say = match say.dialect() {
                Dialect::Gemini => say.with("generationConfig", json!({"maxOutputTokens": 10})),
                Dialect::OpenaiChat if model == "gpt-lab-think" => {
                    say.with("max_completion_tokens", json!(70))
                }
                Dialect::OpenaiResponses if model == "gpt-lab-ponder" => {
                    say.with("max_output_tokens", json!(70))
                }
                Dialect::OpenaiResponses => say.with("max_output_tokens", json!(16)),
                _ => say.with("max_tokens", json!(10)),
            };
            let say = if stream { say.streamed() } else { say };
            let heard = say.hear(&lab());
            let most = if model == "gpt-lab-items" { 16 } else { 10 };
            assert_eq!(tokens(&heard.text), most, "{provider}/{model}");
            if model != "@cf/lab/llama-native" {
                let finish = heard.finish.unwrap();
                assert!(
                    ["length", "MAX_TOKENS", "max_tokens", "max_output_tokens"].contains(&finish.as_str()),
                    "{finish}"
                );
            }
        }
    }
    let say = Say::to("anthropic", "claude-lab", "[[lab: say=\"one, two, three\"]]")
        .with("stop_sequences", json!([", t"]));
    let body: Value = serde_json::from_slice(&say.play(&lab()).body()).unwrap();
    assert_eq!((&body["content"][0]["text"], &body["stop_reason"]), (&json!("one"), &json!("stop_sequence")));
    assert_eq!(body["stop_sequence"], ", t");
    assert_eq!(body["usage"]["output_tokens"], 1);
}

#[test]
fn reasoning_is_where_each_has_it() {
    let ask = |provider, model, key: &str, value: Value| {
        Say::to(provider, model, "Think [[lab: reasoning=12]]").with(key, value)
    };
    let high = || json!("high");
    let cases = [
        (ask("openai", "gpt-lab-think", "reasoning_effort", high()), false, 1),
        (ask("responses", "gpt-lab-ponder", "reasoning", json!({"effort": "high"})), false, 1),
        (
            ask("responses", "gpt-lab-ponder", "reasoning", json!({"effort": "high", "summary": "auto"}))
                .with("include", json!(["reasoning.encrypted_content"])),
            true,
            1,
        ),
        (ask("groq", "openai/gpt-oss-lab", "reasoning_effort", high()), true, 1),
        (ask("ollama", "qwen-lab:8b", "reasoning_effort", high()), true, 0),
        (ask("vllm", "org/big-lab", "reasoning_effort", high()), true, 0),
        (ask("workers", "@cf/lab/gpt-oss", "reasoning_effort", high()), true, 0),
        (
            ask(
                "gemini",
                "gemini-lab-flash",
                "generationConfig",
                json!({"thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": true}}),
            ),
            true,
            1,
        ),
        (
            ask(
                "gemini",
                "gemini-lab-flash",
                "generationConfig",
                json!({"thinkingConfig": {"thinkingLevel": "HIGH"}}),
            ),
            false,
            1,
        ),
        (ask("anthropic", "claude-lab", "thinking", json!({"type": "adaptive"})), true, 1),
    ];
    for (say, shown, apart) in cases {
        for say in [say.clone(), say.streamed()] {
            let heard = say.hear(&lab());
            let usage = heard.usage.unwrap();
            assert_eq!(
                tokens(&heard.reasoning),
                if shown { 12 } else { 0 },
                "{}/{}",
                say.provider,
                say.model
            );
            // Local servers report one figure for both.
            assert_eq!(usage.reasoning, apart * 12, "{}/{}", say.provider, say.model);
            assert_eq!(
                usage.output,
                tokens(&heard.text) + (1 - apart) * 12,
                "{}/{}",
                say.provider,
                say.model
            );
        }
    }
}

#[test]
fn an_earlier_prompt_is_remembered() {
    let long = "word ".repeat(80);
    let lab = lab();
    let first = Say::to("openai", "gpt-lab-mini", &long).hear(&lab).usage.unwrap();
    let again = Say::to("openai", "gpt-lab-mini", &long).hear(&lab).usage.unwrap();
    assert_eq!((first.input, first.cached), (100, 0));
    assert_eq!((again.input, again.cached), (100, 99));

    let marked = json!([{"role": "user", "content": [
        {"type": "text", "text": long, "cache_control": {"type": "ephemeral"}}]}]);
    let say = Say::to("anthropic", "claude-lab", "x").with("messages", marked);
    let figures = |f: Figures| (f.input, f.cached, f.written);
    assert_eq!(figures(say.hear(&lab).usage.unwrap()), (100, 0, 100));
    assert_eq!(figures(say.hear(&lab).usage.unwrap()), (100, 99, 1));
    assert_eq!(figures(say.streamed().hear(&lab).usage.unwrap()), (100, 99, 1));
    // Where nothing is marked, nothing is cached.
    let plain = Say::to("anthropic", "claude-lab", &long);
    assert_eq!(figures(plain.hear(&lab).usage.unwrap()), (100, 0, 0));
}

#[test]
fn the_same_story_twice() {
    for (provider, model) in EVERYONE {
        let say = Say::to(provider, model, "Again?").streamed();
        let play = |seed| {
            let lab = lab();
            let mut dice = Dice::seeded(seed);
            (0..3)
                .map(|i| lab.respond(&say.request(&lab), Instant::from_secs(i), &mut dice))
                .collect::<Vec<_>>()
        };
        assert_eq!(play(1), play(1), "{provider}/{model}");
        assert_ne!(play(1), play(2), "{provider}/{model}: another seed, another pace");
        let texts: Vec<String> = (1..=2).map(|s| super::hear(say.dialect(), &play(s)[0]).text).collect();
        assert_eq!(texts[0], texts[1], "{provider}/{model}: what is said does not depend on the pace");
    }
}

#[test]
fn several_choices_are_all_billed() {
    let say = Say::to("openai", "gpt-lab-mini", "Thrice [[lab: tokens=8]]").with("n", json!(3));
    let body: Value = serde_json::from_slice(&say.play(&lab()).body()).unwrap();
    let texts: Vec<&str> = body["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["message"]["content"].as_str().unwrap())
        .collect();
    assert_eq!(texts.len(), 3);
    assert_ne!(texts[0], texts[1]);
    assert_eq!(body["usage"]["completion_tokens"], 24);
    let heard = say.streamed().hear(&lab());
    assert_eq!((heard.text.as_str(), heard.usage.unwrap().output), (texts[0], 24));
}

/// What the published schemas require of a reply, by hand: the files themselves are not part of the project.
#[test]
fn replies_have_the_fields_that_the_schemas_require() {
    let need = |value: &Value, what: &str, fields: &[&str]| {
        for field in fields {
            assert!(value.get(field).is_some(), "{what} lacks {field}: {value}");
        }
    };
    for (provider, model) in EVERYONE {
        let say = Say::to(provider, model, "Hello");
        let whole: Value = serde_json::from_slice(&say.play(&lab()).body()).unwrap();
        let chunks: Vec<Value> = frames(&say.clone().streamed().play(&lab()).body())
            .iter()
            .filter_map(|(_, data)| serde_json::from_str(data).ok())
            .collect();
        match (say.dialect(), model) {
            (Dialect::OpenaiChat, _) | (_, "@cf/lab/gpt-oss") => {
                let inner = if provider == "workers" { &whole["result"] } else { &whole };
                need(inner, provider, &["id", "object", "created", "model", "choices", "usage"]);
                assert_eq!(inner["object"], "chat.completion");
                need(&inner["choices"][0], provider, &["index", "message", "finish_reason"]);
                need(&inner["choices"][0]["message"], provider, &["role", "content"]);
                need(&inner["usage"], provider, &["prompt_tokens", "completion_tokens", "total_tokens"]);
                for chunk in &chunks {
                    need(chunk, provider, &["id", "object", "created", "model", "choices"]);
                    assert_eq!(chunk["object"], "chat.completion.chunk");
                    for choice in chunk["choices"].as_array().unwrap() {
                        need(choice, provider, &["delta", "finish_reason"]);
                        assert_ne!(choice["finish_reason"], "", "null before the end, never empty");
                    }
                }
            }
            (Dialect::OpenaiResponses, _) => {
                let fields = [
                    "id",
                    "object",
                    "created_at",
                    "error",
                    "incomplete_details",
                    "instructions",
                    "model",
                    "tools",
                    "output",
                    "parallel_tool_calls",
                    "metadata",
                    "tool_choice",
                    "temperature",
                    "top_p",
                ];
                need(&whole, provider, &fields);
                assert_eq!((&whole["object"], &whole["status"]), (&json!("response"), &json!("completed")));
                let usage =
                    ["input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details"];
                need(&whole["usage"], provider, &usage);
                let types: Vec<&str> = chunks.iter().map(|c| c["type"].as_str().unwrap()).collect();
                assert_eq!(types[..2], ["response.created", "response.in_progress"]);
                assert_eq!(types[2], "response.output_item.added");
                let end = ["response.content_part.done", "response.output_item.done", "response.completed"];
                assert_eq!(types[types.len() - 3..], end);
                for (i, chunk) in chunks.iter().enumerate() {
                    assert_eq!(chunk["sequence_number"].as_u64(), Some(i as u64));
                    if chunk["type"].as_str().unwrap().ends_with(".delta") {
                        need(
                            chunk,
                            provider,
                            &["item_id", "output_index", "content_index", "delta", "logprobs"],
                        );
                    }
                }
            }
            (Dialect::Anthropic, _) => {
                need(&whole, provider, &["id", "type", "role", "content", "model", "stop_reason", "usage"]);
                need(&whole["usage"], provider, &["input_tokens", "output_tokens"]);
                let types: Vec<&str> = chunks.iter().map(|c| c["type"].as_str().unwrap()).collect();
                assert_eq!(types[..3], ["message_start", "content_block_start", "ping"]);
                assert_eq!(types[types.len() - 3..], ["content_block_stop", "message_delta", "message_stop"]);
                need(&chunks[0]["message"], provider, &["id", "type", "role", "content", "model", "usage"]);
                need(&chunks[chunks.len() - 2]["usage"], provider, &["output_tokens"]);
            }
            (Dialect::Gemini, _) => {
                for reply in chunks.iter().chain([&whole]) {
                    need(reply, provider, &["candidates", "usageMetadata", "modelVersion", "responseId"]);
                    need(&reply["candidates"][0], provider, &["content", "index"]);
                    let usage = &reply["usageMetadata"];
                    let sum = usage["promptTokenCount"].as_u64().unwrap()
                        + usage["candidatesTokenCount"].as_u64().unwrap();
                    assert_eq!(usage["totalTokenCount"].as_u64().unwrap(), sum);
                }
                assert_eq!(whole["candidates"][0]["finishReason"], "STOP");
            }
            (Dialect::Elevenlabs | Dialect::Cartesia | Dialect::Deepgram, _) => {
                unreachable!("they only speak")
            }
            (Dialect::WorkersAi, _) => {
                need(&whole, provider, &["result", "success", "errors", "messages"]);
                need(&whole["result"], provider, &["response", "usage"]);
                chunks.iter().for_each(|c| need(c, provider, &["response"]));
            }
        }
    }
}

#[test]
fn gemini_without_sse_is_one_array() {
    let lab = lab();
    let mut request = Say::to("gemini", "gemini-lab-flash", "Hello").streamed().request(&lab);
    request.path = request.path.replace("?alt=sse", "");
    let script = lab.respond(&request, Instant::ZERO, &mut Dice::seeded(1));
    let all: Vec<Value> = serde_json::from_slice(&script.body()).unwrap();
    assert!(all.len() > 3 && all[0]["candidates"].is_array());
    assert_eq!(script.headers["content-type"], "application/json");
}

#[test]
fn models_are_listed_and_priced() {
    let lab = lab();
    let get = |path: &str| {
        let mut request = Say::to("openai", "gpt-lab-mini", "x").request(&lab);
        request.method = http::Method::GET;
        request.path = path.into();
        request.headers.insert("x-goog-api-key", "k".parse().unwrap());
        let script = lab.respond(&request, Instant::ZERO, &mut Dice::seeded(1));
        (script.status, serde_json::from_slice::<Value>(&script.body()).unwrap())
    };
    assert_eq!(get("/openai/v1/models").1["data"][0]["id"], "gpt-lab-mini");
    assert_eq!(get("/groq/openai/v1/models/openai/gpt-oss-lab").1["id"], "openai/gpt-oss-lab");
    assert_eq!(get("/ollama/v1/models").1["data"][0]["owned_by"], "library");
    assert_eq!(get("/gemini/v1beta/models").1["models"][0]["name"], "models/gemini-lab-flash");
    assert_eq!(get("/llamacpp/health").1["status"], "ok");
    assert_eq!(get("/openai/v1/models/nothing").0, 404);
    assert_eq!(get("/nobody/v1/models").0, 404);
    assert_eq!(get("/").1["providers"].as_array().unwrap().len(), lab.scenario().providers.len());

    let overlay: Value = serde_json::from_str(&crate::catalogue_overlay(lab.scenario())).unwrap();
    let models = overlay["models"].as_array().unwrap();
    assert_eq!(models.len(), lab.scenario().providers.iter().map(|p| p.models.len()).sum::<usize>());
    let claude = models.iter().find(|m| m["id"] == "anthropic/claude-lab").unwrap();
    assert_eq!(claude["price"]["rates"]["per_1m_tokens"]["cache_write"], "3.75");
}
