//! Embeddings and pictures: every protocol against every provider, what stands in for what, and what is on both sides of
//! what passes.

use crate::books::amount;
use crate::failover::attempts;
use crate::net::Reply;
use crate::process::{Lab, Setup, Weir};
use crate::upstream::Upstream;
use serde_json::{Value, json};

/// Of the lab: each wire format that has any, and how long its vectors are.
const EMBEDDERS: [(&str, usize); 4] = [
    ("lab-openai/text-embed-lab", 16),
    ("lab-gemini/gemini-embedding-001-lab", 12),
    ("lab-workers/@cf/lab/bge", 8),
    ("lab-ollama/nomic-lab", 6),
];
const PAINTERS: [&str; 4] = [
    "lab-openai/gpt-image-lab",
    "lab-gemini/gemini-lab-image",
    "lab-workers/@cf/lab/flux-schnell",
    "lab-workers/@cf/lab/phoenix",
];

fn numbers(value: &Value) -> Vec<f32> {
    serde_json::from_value(value.clone()).unwrap()
}

fn base64(text: &str) -> Vec<f32> {
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u32> = text.trim_end_matches('=').chars().map(|c| digits.find(c).unwrap() as u32).collect();
    let bytes: Vec<u8> = bits
        .chunks(4)
        .flat_map(|four| {
            let word = four.iter().fold(0, |word, digit| word << 6 | digit) << (6 * (4 - four.len()));
            word.to_be_bytes()[1..four.len()].to_vec()
        })
        .collect();
    bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

fn embed(weir: &Weir, model: &str, input: Value, more: Value) -> Reply {
    let mut body = json!({ "model": model, "input": input });
    more.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
    weir.post("/v1/embeddings", &body)
}

fn line(weir: &Weir, reply: &Reply) -> Value {
    let entry = weir.ended(reply.told("x-request-id"));
    let sum: i128 = entry["detail"]["lines"].as_array().unwrap().iter().map(|l| amount(&l["amount"])).sum();
    assert_eq!(sum, amount(&entry["amount_usd"]), "{entry}");
    entry["detail"]["lines"][0].clone()
}

#[test]
fn a_text_has_the_same_vector_in_every_protocol() {
    let weir = Weir::alone();
    for (model, dimensions) in EMBEDDERS {
        let list = embed(&weir, model, json!(["Hello", "World"]), json!({})).is(200);
        let said = list.json();
        assert_eq!((&said["object"], said["data"].as_array().unwrap().len()), (&json!("list"), 2), "{model}");
        let (first, second) =
            (numbers(&said["data"][0]["embedding"]), numbers(&said["data"][1]["embedding"]));
        assert_eq!((first.len(), second.len()), (dimensions, dimensions), "{model}");
        assert_ne!(first, second);
        assert_eq!(format!("{}/{}", list.told("x-provider"), list.told("x-model")), model);
        assert_eq!(said["usage"]["prompt_tokens"].to_string(), list.told("x-tokens-in"), "{model}");

        let packed =
            embed(&weir, model, json!("Hello"), json!({ "encoding_format": "base64" })).is(200).json();
        assert_eq!(base64(packed["data"][0]["embedding"].as_str().unwrap()), first, "{model}");

        let content = |text: &str| json!({ "content": { "parts": [{ "text": text }] } });
        let one =
            weir.post(&format!("/v1beta/models/{model}:embedContent"), &content("Hello")).is(200).json();
        let batch = json!({ "requests": [content("Hello"), content("World")] });
        // Google's own wants the model in each of them.
        let named = batch["requests"].as_array().unwrap().iter().map(|request| {
            let mut request = request.clone();
            request["model"] = json!(format!("models/{model}"));
            request
        });
        let batch = json!({ "requests": named.collect::<Vec<_>>() });
        let many = weir.post(&format!("/v1beta/models/{model}:batchEmbedContents"), &batch).is(200).json();
        for (is, should) in
            [(&one["embedding"], &first), (&many["embeddings"][0], &first), (&many["embeddings"][1], &second)]
        {
            assert_eq!(numbers(&is["values"]), *should, "{model}");
        }

        let line = line(&weir, &list);
        assert_eq!(line["outcome"], "ok");
        let reports = !model.contains("workers");
        assert_eq!(line["usage"]["estimated"].is_null(), reports, "{line}");
        assert_eq!(line["usage"]["input"].to_string(), list.told("x-tokens-in"));
    }
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn vectors_can_be_shorter_where_the_provider_makes_them_so() {
    let weir = Weir::alone();
    for model in ["lab-openai/text-embed-lab", "lab-gemini/gemini-embedding-001-lab"] {
        let said = embed(&weir, model, json!("Hello"), json!({ "dimensions": 5 })).is(200).json();
        let vector = numbers(&said["data"][0]["embedding"]);
        let length: f32 = vector.iter().map(|n| n * n).sum();
        assert!(vector.len() == 5 && (length - 1.0).abs() < 1e-4, "{model}: {vector:?}");
    }
    let refused = embed(&weir, "lab-workers/@cf/lab/bge", json!("Hello"), json!({ "dimensions": 5 })).is(422);
    assert_eq!(refused.json()["error"]["param"], "dimensions");
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn what_only_one_protocol_has_words_for_goes_there_or_is_named() {
    let weir = Weir::alone();
    let tokens = json!([[1212, 318], [257]]);
    let said = embed(&weir, "lab-openai/text-embed-lab", tokens.clone(), json!({})).is(200).json();
    assert_eq!(said["usage"]["prompt_tokens"], 3);
    let refused = embed(&weir, "lab-gemini/gemini-embedding-001-lab", tokens, json!({})).is(400).json();
    assert_eq!(refused["error"]["param"], "input");

    let mut asked = json!({ "content": { "parts": [{ "text": "Hello" }] }, "taskType": "RETRIEVAL_QUERY" });
    let at = |model: &str| format!("/v1beta/models/{model}:embedContent");
    let plain = embed(&weir, "gemini-embedding-001-lab", json!("Hello"), json!({})).is(200).json();
    let query = weir.post(&at("lab-gemini/gemini-embedding-001-lab"), &asked).is(200).json();
    assert_ne!(query["embedding"]["values"], plain["data"][0]["embedding"], "its own passes");
    weir.post(&at("lab-workers/@cf/lab/qwen3-embedding"), &asked).is(200);
    let refused = weir.post(&at("lab-openai/text-embed-lab"), &asked).is(422).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("taskType"), "{refused}");
    asked["title"] = json!("T");
    let refused = weir.post(&at("lab-openai/text-embed-lab"), &asked).is(400).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("title"), "{refused}");
    let other =
        json!({ "requests": [{ "model": "models/another", "content": { "parts": [{ "text": "a" }] } }] });
    let refused =
        weir.post("/v1beta/models/gemini-embedding-001-lab:batchEmbedContents", &other).is(400).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("another model"), "{refused}");
    assert_eq!(weir.at_rest().1, 0);
}

/// Two providers that serve one model, a third with another, and one that calls the first model otherwise.
fn deployments(more: &str, faults: &str) -> (Lab, Setup) {
    let provider = |name: &str, model: &str, faults: &str| {
        format!(
            "[[provider]]\nname = \"{name}\"\ndialect = \"openai-chat\"\nflavour = \"vllm\"\n[[provider.model]]\nname = \"{model}\"\n\
             kind = \"embedding\"\ninput = \"1\"\noutput = \"0\"\nttft_ms = {{ p50 = 5, p95 = 10 }}\n{faults}"
        )
    };
    let lab = Lab::start(&format!(
        "name = \"same\"\nseed = 1\n{}{}{}{}",
        provider("one", "bge-m3", faults),
        provider("two", "bge-m3", ""),
        provider("three", "nomic", ""),
        provider("four", "BAAI/bge-m3", ""),
    ));
    let setup = Setup::new();
    let models: Vec<Value> = [("one", "bge-m3"), ("two", "bge-m3"), ("three", "nomic"), ("four", "BAAI/bge-m3")]
        .iter()
        .enumerate()
        .map(|(place, (provider, model))| {
            json!({ "id": format!("{provider}/{model}"), "kind": "embedding", "status": "active", "caps": [],
                "price": { "rates": { "per_1m_tokens": { "input": (place + 1).to_string(), "output": "0" } } },
                "sources": { "test": "2026-11-21" } })
        })
        .collect();
    let source = json!({ "test": { "name": "made up", "date": "2026-11-21", "licence": "none" } });
    let catalogue =
        json!({ "schema_version": 1, "as_of": "2026-11-21", "sources": source, "models": models });
    let file = setup.dir.write("catalogue.json", &catalogue.to_string());
    let mut text = format!("catalogue = {file:?}\n{more}\n");
    for (name, model) in [("one", "bge-m3"), ("two", "bge-m3"), ("three", "nomic"), ("four", "BAAI/bge-m3")] {
        text.push_str(&format!(
            "[providers.{name}]\nkind = \"vllm\"\nbase_url = \"http://{}/{name}/v1\"\nmodels = [\"{model}\"]\ncatalogue = \"{name}\"\n",
            lab.address
        ));
    }
    (lab, setup.config(&text))
}

const DOWN: &str = "[[provider.fault]]\nkind = \"server_error\"\nstatus = 500\n";

#[test]
fn only_the_same_model_stands_in_for_one_that_fails() {
    let (_lab, setup) = deployments("", DOWN);
    let weir = setup.start();
    // The cheaper one is asked first, and the other serves the same.
    let reply = embed(&weir, "bge-m3", json!("Hello"), json!({})).is(200);
    assert_eq!(
        (reply.told("x-provider"), reply.told("x-model"), reply.told("x-route-attempts")),
        ("two", "bge-m3", "2")
    );
    assert_eq!(reply.told("x-route-reason"), "fallback after down");
    let entry = weir.ended(reply.told("x-request-id"));
    assert_eq!(entry["detail"]["lines"].as_array().unwrap().len(), 2);
    let sum: i128 = entry["detail"]["lines"].as_array().unwrap().iter().map(|l| amount(&l["amount"])).sum();
    assert_eq!(sum, amount(&entry["amount_usd"]), "{entry}");
    // Nobody else has it: no other model is put in its place, however well it is.
    let refused = embed(&weir, "one/bge-m3", json!("Hello"), json!({}));
    assert!([502, 503].contains(&refused.status), "{}", refused.text());
    assert!(attempts(&refused).iter().all(|(provider, _)| provider == "one"));
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn deployments_under_other_names_are_the_same_where_the_operator_says_so() {
    let (_lab, setup) = deployments(
        "[embeddings]\nauto = \"m3\"\n[embeddings.same]\nm3 = [\"one/bge-m3\", \"four/BAAI/bge-m3\"]",
        DOWN,
    );
    let weir = setup.start();
    for model in ["m3", "auto", "auto:cheap"] {
        let reply = embed(&weir, model, json!("Hello"), json!({})).is(200);
        assert_eq!((reply.told("x-provider"), reply.told("x-model")), ("four", "BAAI/bge-m3"), "{model}");
    }
    let (_lab, setup) = deployments("[embeddings.same]\nm3 = [\"one/bge-m3\", \"five/x\"]", "");
    let file = setup.dir.0.join("weir-test.toml");
    let out = setup.run(&["check", "--config", file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(
        !out.status.success() && said.contains("embeddings.same.m3") && said.contains("five/x"),
        "{said}"
    );
}

#[test]
fn auto_is_one_model_or_none() {
    // Several, and nobody says which.
    let (_lab, setup) = deployments("", "");
    let weir = setup.start();
    for model in ["auto", "auto:cheap"] {
        let refused = embed(&weir, model, json!("Hello"), json!({})).is(400).json();
        assert_eq!(refused["error"]["param"], "model");
        let message = refused["error"]["message"].as_str().unwrap();
        for part in ["cannot be mixed", "embeddings.auto", "bge-m3", "nomic"] {
            assert!(message.contains(part), "{message}");
        }
    }
    // The one that is named, whichever is cheapest.
    let (_lab, setup) = deployments("[embeddings]\nauto = \"nomic\"", "");
    let weir = setup.start();
    for _ in 0..5 {
        let reply = embed(&weir, "auto", json!("Hello"), json!({})).is(200);
        assert_eq!(reply.told("x-model"), "nomic");
    }
    // The only one there is.
    let upstream = Upstream::start(|call| call.whole("200 OK", ONE));
    let weir = before(&upstream, "embeddings");
    assert_eq!(embed(&weir, "auto", json!("x"), json!({})).is(200).told("x-model"), "m");
    // None at all.
    let weir = before(&upstream, "models");
    let refused = embed(&weir, "auto", json!("x"), json!({})).is(400).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("no model for embeddings"), "{refused}");
    let refused = weir.post("/v1/images/generations", &json!({ "prompt": "x" })).is(400).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("no model for images"), "{refused}");
    let refused = embed(&weir, "m", json!("x"), json!({})).is(422).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("a model for chat"), "{refused}");
}

const ONE: &str = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,0.25]}],"model":"m","usage":{"prompt_tokens":1,"total_tokens":1}}"#;

/// A weir before a local server of the test's own, whose one model is for what `list` says.
fn before(upstream: &Upstream, list: &str) -> Weir {
    let text = format!(
        "[providers.near]\nkind = \"vllm\"\nbase_url = \"http://{}/v1\"\n{list} = [\"m\"]\n{}",
        upstream.address,
        if list == "models" { "" } else { "keys = [\"NEAR_KEY\"]\n" }
    );
    Setup::new().config(&text).variable("NEAR_KEY", "k").start()
}

#[test]
fn what_passes_is_not_touched() {
    const ODD: &str =
        " {\"input\": [\"h\\u00ef\"] ,\n \"model\":\"m\" , \"field_of_tomorrow\": 1.50e0,\"user\":null}";
    const REPLY: &str = "{\"data\":[{\"embedding\":[5.0e-1,-0.0000012345678901234567], \"index\":0,\"odd\":1}] ,\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7},\"object\":\"list\"}";
    let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let bodies = heard.clone();
    let upstream = Upstream::start(move |call| {
        bodies.lock().unwrap().push((call.head.lines().next().unwrap().to_owned(), call.body.to_owned()));
        call.whole("200 OK", REPLY)
    });
    let weir = before(&upstream, "embeddings");
    let reply = weir.ask("POST", "/v1/embeddings", &[], ODD).is(200);
    assert_eq!(reply.text(), REPLY);
    assert_eq!(reply.told("x-tokens-in"), "7");
    assert_eq!(*heard.lock().unwrap(), [("POST /v1/embeddings HTTP/1.1".to_owned(), ODD.to_owned())]);

    let pictures = "{\"created\":1,\"data\":[{\"url\":\"https://p.test/1\",\"odd\":[]}],\"x\":1.0}";
    let upstream = Upstream::start(move |call| {
        assert!(call.head.starts_with("POST /v1/images/generations "), "{}", call.head);
        assert_eq!(call.body, "{\"model\":\"m\",\"prompt\":\"p\",\"new\":{\"a\":1}}");
        call.whole("200 OK", pictures)
    });
    let weir = before(&upstream, "images");
    let reply =
        weir.ask("POST", "/v1/images/generations", &[], "{\"prompt\":\"p\",\"new\":{\"a\":1}}").is(200);
    assert_eq!(reply.text(), pictures);
}

#[test]
fn an_answer_that_lacks_a_vector_is_none() {
    for (answer, fault) in [
        (ONE.to_owned(), "garbled"),
        (ONE.replace("0.5,0.25", "null"), "garbled"),
        (r#"{"object":"list","data":[]}"#.to_owned(), "silent"),
        ("<html>".to_owned(), "garbled"),
        (r#"{"error":{"message":"busy","type":"server_error","code":503}}"#.to_owned(), "down"),
    ] {
        let upstream = Upstream::start(move |call| call.whole("200 OK", &answer));
        let weir = before(&upstream, "embeddings");
        let refused = embed(&weir, "m", json!(["a", "b"]), json!({})).is(502);
        assert!(
            attempts(&refused).iter().all(|(_, outcome)| outcome == fault),
            "{fault}: {}",
            refused.text()
        );
        assert_eq!(weir.at_rest().1, 0);
    }
}

#[test]
fn every_provider_draws() {
    let weir = Weir::alone();
    for model in PAINTERS {
        let body = json!({ "model": model, "prompt": "A weir", "response_format": "b64_json" });
        let reply = weir.post("/v1/images/generations", &body).is(200);
        let said = reply.json();
        let data = said["data"][0]["b64_json"].as_str().unwrap();
        assert!(data.starts_with("iVBORw0KGg") || data.starts_with("/9j/"), "{model}: {said}");
        assert_eq!(format!("{}/{}", reply.told("x-provider"), reply.told("x-model")), model);
        let line = line(&weir, &reply);
        let used = &line["usage"];
        if model.contains("workers") {
            assert_eq!(used["tiles"], 4, "{line}");
            assert!(used["steps"].as_u64().unwrap() >= 4 && said["usage"].is_null(), "{line} {said}");
        } else {
            assert_eq!(used["output_image"], 1_056, "{line}");
            assert_eq!(said["usage"]["output_tokens"], 1_056);
        }
        assert!(used["estimated"].is_null(), "{line}");
        assert!(amount(&line["amount"]) > 0);
    }
    // What is paid for is what was asked for: 3 × 2 tiles and forty steps at Leonardo's, say; here twenty.
    let body = json!({ "model": "lab-workers/@cf/lab/phoenix", "prompt": "A weir", "size": "1536x1024", "quality": "low" });
    let reply = weir.post("/v1/images/generations", &body).is(200);
    let line = line(&weir, &reply);
    assert_eq!((&line["usage"]["tiles"], &line["usage"]["steps"]), (&json!(6), &json!(10)));
    assert_eq!(amount(&line["amount"]), 6 * 5_830_000_000 + 10 * 110_000_000);
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn what_a_painter_cannot_be_told_is_named() {
    let weir = Weir::alone();
    for (model, field, value, status) in [
        ("lab-workers/@cf/lab/phoenix", "background", json!("transparent"), 422),
        ("lab-workers/@cf/lab/phoenix", "response_format", json!("url"), 422),
        ("lab-workers/@cf/lab/flux-schnell", "size", json!("512x512"), 422),
        ("lab-gemini/gemini-lab-image", "n", json!(2), 422),
        ("lab-gemini/gemini-lab-image", "output_format", json!("webp"), 422),
        ("lab-openai/gpt-image-lab", "response_format", json!("url"), 422),
        ("lab-openai/gpt-image-lab", "stream", json!(true), 400),
        ("lab-openai/gpt-image-lab", "partial_images", json!(1), 400),
        ("lab-openai/gpt-image-lab", "quality", json!("fine"), 400),
    ] {
        let mut body = json!({ "model": model, "prompt": "A weir" });
        body[field] = value;
        let refused = weir.post("/v1/images/generations", &body).is(status).json();
        assert_eq!(refused["error"]["param"], field, "{model}: {refused}");
    }
    // Where the choice is free, whoever can be told it does it.
    let body = json!({ "model": "auto", "prompt": "A weir", "background": "transparent" });
    let reply = weir.post("/v1/images/generations", &body).is(200);
    assert_eq!(reply.told("x-model"), "gpt-image-lab");
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn geminis_clients_draw_in_a_chat() {
    let weir = Weir::alone();
    let body = json!({ "contents": [{ "parts": [{ "text": "A weir" }] }],
        "generationConfig": { "responseModalities": ["IMAGE"], "imageConfig": { "aspectRatio": "16:9" }, "temperature": 0.5 } });
    for verb in ["generateContent", "streamGenerateContent?alt=sse"] {
        let reply = weir.post(&format!("/v1beta/models/gemini-lab-image:{verb}"), &body).is(200);
        assert!(reply.text().contains("inlineData"), "{}", reply.text());
        let line = line(&weir, &reply);
        assert_eq!(line["usage"]["output_image"], 1_056, "{line}");
    }
    let chat = json!({ "model": "gemini-lab-image", "messages": [{ "role": "user", "content": "x" }] });
    let refused = weir.post("/v1/chat/completions", &chat).is(422).json();
    assert!(refused["error"]["message"].as_str().unwrap().contains("a model for images"), "{refused}");
}

/// The worst case is set aside before anything is sent, and what is left of it given back.
#[test]
fn nobody_is_asked_for_what_cannot_be_paid() {
    let sha = crate::surface_web::sha256_of("wk_1");
    let upstream =
        Upstream::start(|call| call.whole("200 OK", r#"{"created":1,"data":[{"b64_json":"iVBORw0KGgo="}]}"#));
    let text = format!(
        "[providers.openai]\nkind = \"openai\"\nbase_url = \"http://{}/v1\"\nkeys = [\"OPENAI_KEY\"]\nmodels = [\"gpt-image-2\", \"text-embedding-3-small\"]\n\
         [[service.keys]]\nname = \"ci\"\nsha256 = \"{sha}\"\naccount = \"team\"\n[accounts.team]\ncredit_usd = \"0.2\"\noverdraft_usd = \"0\"\n",
        upstream.address
    );
    let weir = Setup::new().config(&text).variable("OPENAI_KEY", "k").start();
    let draw = |more: Value| {
        let mut body = json!({ "model": "gpt-image-2", "prompt": "A weir" });
        more.as_object().unwrap().iter().for_each(|(key, value)| body[key] = value.clone());
        weir.ask("POST", "/v1/images/generations", &[("authorization", "Bearer wk_1")], &body.to_string())
    };
    // 6,240 tokens of a picture of unknown size at 30 USD a million: 0.1872 USD and the prompt. Two of them are too many.
    draw(json!({ "n": 2 })).is(402);
    assert_eq!(upstream.calls(), 0);
    let reply = draw(json!({})).is(200);
    // Nothing was reported: a square of middling quality is what it probably was, and it is marked.
    let id = reply.told("x-request-id").to_owned();
    let path = format!("/api/billing/usage/{id}");
    let entries = weir.ask("GET", &path, &[("authorization", "Bearer wk_1")], "").is(200).json();
    let settled = entries["entries"].as_array().unwrap().last().unwrap()["detail"].clone();
    let line = &settled["lines"][0];
    assert_eq!(
        (&line["usage"]["output_image"], &line["usage"]["estimated"]),
        (&json!(1_056), &json!(true)),
        "{line}"
    );
    // And a vector still can be paid.
    draw(json!({ "quality": "low", "size": "1024x1024" })).is(200);
}

#[test]
fn decisions_are_explained() {
    let weir = Weir::alone();
    for (body, tokens) in [
        (json!({ "model": "text-embed-lab", "input": "Hello" }), true),
        (json!({ "model": "gemini-embedding-001-lab", "content": { "parts": [{ "text": "Hello" }] } }), true),
        (
            json!({ "model": "gemini-embedding-001-lab", "requests": [{ "content": { "parts": [{ "text": "Hello" }] } }] }),
            true,
        ),
        (json!({ "model": "gpt-image-lab", "prompt": "Hello" }), true),
        (json!({ "model": "auto", "prompt": "Hello", "size": "1024x1024" }), true),
    ] {
        let said = weir.post("/api/route/explain", &body).is(200).json();
        let ranked = said["record"]["candidates"].as_array().or(said["record"]["offers"].as_array());
        assert!(
            ranked.is_some_and(|all| !all.is_empty()) && (said["tokens_in"].as_u64() > Some(0)) == tokens,
            "{said}"
        );
    }
}
