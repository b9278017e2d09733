//! What applications are built with, against every wire format of the lab: OpenAI's SDKs, the AI SDK with its own providers,
//! LangChain; and a real llama.cpp. Unchanged but for the address.
//!
//! A model that cannot do a thing has to be refused by name; the scripts are told what each cannot.

use crate::packages::node_modules;
use crate::process::{Lab, Weir};
use crate::sdk::{base_of, in_front_of, llama, offline, python_with, script};
use crate::world::scenario;
use serde_json::{Value, json};
use std::process::Command;

const OPENAI: &str = "openai==3.52.0";
const LANGCHAIN: &str = "langchain-openai==1.7.3";

/// One of each wire format, and what it cannot do.
const MODELS: [(&str, &[&str]); 6] = [
    ("lab-openai/gpt-lab-mini", &[]),
    ("lab-responses/gpt-lab-items", &[]),
    ("lab-gemini/gemini-lab-flash", &["image_url", "serial"]),
    ("lab-anthropic/claude-lab", &[]),
    ("lab-workers/@cf/lab/llama-native", WORKERS_LACK),
    ("lab-workers/@cf/lab/gpt-oss", WORKERS_LACK),
];
const WORKERS_LACK: &[&str] = &["parallel", "forced", "vision", "image_url", "schema_stream"];

/// Runs a client for every model, each with a weir of its own: what broke before must not be resting now. `start` gives
/// the command but for what the model cannot do. Most of the time all of them wait, so they do it side by side.
fn all(stories: usize, start: impl Fn(&Weir, &str) -> Command + Sync) {
    std::thread::scope(|scope| {
        for (model, lacks) in MODELS {
            let start = &start;
            scope.spawn(move || {
                let weir = Weir::alone();
                let said = runs(start(&weir, model).args(lacks));
                let told = said.lines().filter(|line| line.starts_with("ok ")).count();
                assert_eq!(told, stories, "{model}:\n{said}");
                assert_eq!(weir.at_rest().1, 0, "{model}");
                let left =
                    |entry: &Value| entry["lines"].as_array().unwrap().iter().any(|l| l["outcome"] == "left");
                assert!(weir.usage().iter().any(left), "{model}: nobody left a stream, say the books");
            });
        }
    });
}

fn runs(command: &mut Command) -> String {
    let out = command.output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?}: {}\n{said}\n{wrong}", out.status);
    said.into_owned()
}

fn timed(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.arg("400").arg(program);
    command
}

#[test]
fn openais_python_sdk_finds_every_provider_alike() {
    if offline("openais_python_sdk_finds_every_provider_alike") {
        return;
    }
    let python = python_with(OPENAI);
    all(10, |weir, model| {
        let mut command = timed(&python);
        command.arg(script("chat.py")).arg(base_of(weir.address) + "/v1").arg(model);
        command
    });
}

#[test]
fn openais_javascript_sdk_finds_every_provider_alike() {
    if offline("openais_javascript_sdk_finds_every_provider_alike") {
        return;
    }
    let place = node_modules();
    all(11, |weir, model| {
        let mut command = timed("node");
        command.arg(script("chat.mjs")).arg(base_of(weir.address)).arg(model).arg(&place);
        command
    });
}

/// LangChain, in its usual words or in those of Responses.
fn langchain(how: &[&str]) {
    let python = python_with(LANGCHAIN);
    all(9, |weir, model| {
        let mut command = timed(&python);
        command.arg(script("langchain.py")).arg(base_of(weir.address) + "/v1").arg(model).args(how);
        command
    });
}

#[test]
fn langchain_finds_every_provider_alike() {
    if offline("langchain_finds_every_provider_alike") {
        return;
    }
    langchain(&[]);
}

#[test]
fn langchain_speaks_responses_to_every_provider() {
    if offline("langchain_speaks_responses_to_every_provider") {
        return;
    }
    langchain(&["responses"]);
}

/// The AI SDK with the provider that speaks this protocol.
fn vercel(protocol: &str) {
    let place = node_modules();
    all(10, |weir, model| {
        let mut command = timed("node");
        command.arg(script("vercel.mjs")).arg(base_of(weir.address)).args([protocol, model]).arg(&place);
        command
    });
}

#[test]
fn the_ai_sdk_speaks_chat_completions_to_every_provider() {
    if offline("the_ai_sdk_speaks_chat_completions_to_every_provider") {
        return;
    }
    vercel("chat");
}

#[test]
fn the_ai_sdk_speaks_responses_to_every_provider() {
    if offline("the_ai_sdk_speaks_responses_to_every_provider") {
        return;
    }
    vercel("responses");
}

#[test]
fn the_ai_sdk_speaks_messages_to_every_provider() {
    if offline("the_ai_sdk_speaks_messages_to_every_provider") {
        return;
    }
    vercel("anthropic");
}

#[test]
fn the_ai_sdk_speaks_generate_content_to_every_provider() {
    if offline("the_ai_sdk_speaks_generate_content_to_every_provider") {
        return;
    }
    vercel("google");
}

#[test]
fn the_ai_sdk_speaks_to_a_real_server_in_two_protocols() {
    if offline("the_ai_sdk_speaks_to_a_real_server_in_two_protocols") {
        return;
    }
    let place = node_modules();
    let (_server, address) = llama();
    let lab = Lab::start(&scenario(2, &[]));
    let weir = in_front_of(address, &lab);
    let said = runs(timed("node").arg(script("clients_llama.mjs")).arg(base_of(weir.address)).arg(&place));
    assert_eq!(said.lines().count(), 4, "{said}");
    for line in said.lines() {
        let figures: Value = serde_json::from_str(line).unwrap();
        let booked = weir.ended(figures["id"].as_str().unwrap())["detail"]["lines"][0].clone();
        let used = |bucket: &str| booked["usage"][bucket].as_u64().unwrap_or(0);
        assert_eq!(json!(used("input") + used("cache_read")), figures["input"], "{booked}");
        assert_eq!(json!(used("output")), figures["output"], "{booked}");
    }
}
