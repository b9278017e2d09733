//! Embeddings and pictures as applications ask for them: OpenAI's and Google's SDKs, the AI SDK, LangChain; and a real
//! llama.cpp that makes vectors. Unchanged but for the address.

use crate::net::{Conn, request, until};
use crate::packages::node_modules;
use crate::process::{Process, Setup, Weir};
use crate::sdk::{base_of, cache, offline, python_with, script};
use serde_json::Value;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

const OPENAI: &str = "openai==3.52.0";
const GENAI: &str = "google-genai==3.4.0";
const LANGCHAIN: &str = "langchain-openai==1.7.3";

/// A model for embeddings and one for pictures of each wire format, and what they cannot do.
const MODELS: [(&str, &str, &[&str]); 4] = [
    ("lab-openai/text-embed-lab", "lab-openai/gpt-image-lab", &[]),
    ("lab-gemini/gemini-embedding-001-lab", "lab-gemini/gemini-lab-image", &[]),
    ("lab-workers/@cf/lab/bge", "lab-workers/@cf/lab/flux-schnell", &["dimensions"]),
    ("lab-ollama/nomic-lab", "lab-workers/@cf/lab/phoenix", &[]),
];

fn runs(command: &mut Command, ok: usize) {
    let out = command.output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?}: {}\n{said}\n{wrong}", out.status);
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), ok, "{said}");
}

fn timed(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.arg("400").arg(program);
    command
}

#[test]
fn openais_python_sdk_embeds_and_draws_everywhere() {
    if offline("openais_python_sdk_embeds_and_draws_everywhere") {
        return;
    }
    let python = python_with(OPENAI);
    let weir = Weir::alone();
    for (vectors, pictures, lacks) in MODELS {
        let base = base_of(weir.address) + "/v1";
        runs(timed(&python).arg(script("tasks.py")).args([&base, vectors, pictures]).args(lacks), 8);
    }
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn openais_javascript_sdk_and_the_ai_sdk_embed_and_draw_everywhere() {
    if offline("openais_javascript_sdk_and_the_ai_sdk_embed_and_draw_everywhere") {
        return;
    }
    let place = node_modules();
    let weir = Weir::alone();
    for (vectors, pictures, lacks) in MODELS {
        let base = base_of(weir.address);
        let mut command = timed("node");
        command.arg(script("tasks.mjs")).args([&base, vectors, pictures]).arg(&place).args(lacks);
        runs(&mut command, 6);
    }
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn googles_sdks_embed_everywhere() {
    if offline("googles_sdks_embed_everywhere") {
        return;
    }
    let (python, place) = (python_with(GENAI), node_modules());
    let weir = Weir::alone();
    for (vectors, ..) in MODELS {
        let base = base_of(weir.address);
        let own = if vectors.contains("gemini") { "own" } else { "" };
        runs(timed(&python).arg(script("genai_tasks.py")).args([&base, vectors, own]), 5);
        runs(timed("node").arg(script("genai_tasks.mjs")).args([&base, vectors]).arg(&place), 2);
    }
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn langchain_sends_tokens_where_they_can_be_read() {
    if offline("langchain_sends_tokens_where_they_can_be_read") {
        return;
    }
    let python = python_with(LANGCHAIN);
    let weir = Weir::alone();
    for (vectors, ..) in MODELS {
        let base = base_of(weir.address) + "/v1";
        let tokens = if vectors.contains("openai") || vectors.contains("ollama") { "tokens" } else { "" };
        runs(timed(&python).arg(script("langchain_embeddings.py")).args([&base, vectors, tokens]), 2);
    }
    assert_eq!(weir.at_rest().1, 0);
}

/// A llama.cpp that makes vectors.
fn llama() -> (Process, SocketAddr) {
    let lock = std::fs::File::create(cache("local-llm.lock")).unwrap();
    lock.lock().unwrap();
    for how in ["", "portable"] {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(script("llm.sh"));
        command.arg(address.port().to_string()).arg(how);
        // How each sequence of vectors becomes one is the model's own matter, and a chat model has no opinion.
        command
            .env("LLAMA_ARG_EMBEDDINGS", "1")
            .env("LLAMA_ARG_POOLING", "mean")
            .env("LLAMA_ARG_UBATCH", "2048");
        let mut process = Process::start(command);
        let ready = until(Duration::from_secs(400), "llama.cpp is ready", || {
            if let Some(status) = process.ended() {
                let illegal = status.signal() == Some(4) || status.code() == Some(132);
                assert!(illegal, "llama.cpp cannot be started, {status}:\n{}", process.said());
                return Some(false);
            }
            std::net::TcpStream::connect(address).ok()?;
            let health = Conn::open(address).send(&request("GET", "/health", &[], b"")).reply().ok()?;
            (health.status == 200).then_some(true)
        });
        if ready {
            return (process, address);
        }
    }
    panic!("llama.cpp runs on this processor neither as it is nor with portable libraries");
}

#[test]
fn a_real_server_makes_vectors_and_they_are_metered_as_it_counts() {
    if offline("a_real_server_makes_vectors_and_they_are_metered_as_it_counts") {
        return;
    }
    let (_server, address) = llama();
    let text = format!(
        "[providers.llama]\nkind = \"llamacpp\"\nbase_url = \"http://{address}/v1\"\nembeddings = [\"gemma-3-270m\"]\n"
    );
    let weir = Setup::new().config(&text).start();
    let near =
        |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    let vector = |value: &Value| -> Vec<f64> { serde_json::from_value(value.clone()).unwrap() };

    let asked = r#"{"model":"gemma-3-270m","input":["A weir stands across a river.","Something else."]}"#;
    let ask = |to: SocketAddr, path: &str, body: &str| {
        Conn::open(to).ask(&request("POST", path, &[], body.as_bytes())).is(200)
    };
    let direct = ask(address, "/v1/embeddings", asked).json();
    let through = ask(weir.address, "/v1/embeddings", asked);
    let said = through.json();
    for place in 0..2 {
        let of = |answer: &Value| vector(&answer["data"][place]["embedding"]);
        assert!(near(&of(&direct), &of(&said)) && of(&said).len() > 100);
    }
    // What llama.cpp says when it is asked directly is what weir's books hold.
    let line = weir.ended(through.told("x-request-id"))["detail"]["lines"][0].clone();
    assert_eq!(line["usage"]["input"], direct["usage"]["prompt_tokens"], "{line}");
    assert!(line["usage"]["estimated"].is_null() && line["usage"]["input"].as_u64() > Some(5), "{line}");

    // `auto` is the only one there is; and Gemini's client has the same vector.
    let auto = ask(weir.address, "/v1/embeddings", &asked.replace("gemma-3-270m", "auto")).json();
    assert!(near(&vector(&auto["data"][0]["embedding"]), &vector(&said["data"][0]["embedding"])));
    let gemini = r#"{"content":{"parts":[{"text":"A weir stands across a river."}]}}"#;
    let gemini = ask(weir.address, "/v1beta/models/llama%2Fgemma-3-270m:embedContent", gemini).json();
    assert!(near(&vector(&gemini["embedding"]["values"]), &vector(&said["data"][0]["embedding"])));
    assert_eq!(weir.at_rest().1, 0);
}
