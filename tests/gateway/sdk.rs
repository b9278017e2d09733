//! The official `openai` SDK of Python as the client, the lab and a real llama.cpp as the providers.
//!
//! SDK, server and model come from PyPI. Where that cannot be reached these tests fail and say so, unless
//! `WEIR_TEST_OFFLINE=1` admits that they are left out.

use crate::net::{Conn, request, until};
use crate::process::{Lab, Process, Setup, Weir};
use crate::world::{World, scenario};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const SDK: &str = "openai==3.52.0";
/// The first installation takes its time.
const INSTALL: Duration = Duration::from_secs(400);

pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway/sdk").join(name)
}

pub fn cache(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Whether these tests are left out on purpose; said loudly, because a test that did not run proves nothing.
pub fn offline(test: &str) -> bool {
    let offline = std::env::var("WEIR_TEST_OFFLINE").is_ok_and(|v| v == "1");
    if offline {
        eprintln!("\n*** WEIR_TEST_OFFLINE=1: {test} WAS NOT RUN ***\n");
    }
    offline
}

/// A Python that has the SDK.
fn python() -> PathBuf {
    python_with(SDK)
}

/// A Python that has this package. One installs it, others wait.
pub fn python_with(package: &str) -> PathBuf {
    let venv = cache("sdk-venv");
    std::fs::create_dir_all(&venv).unwrap();
    let lock = std::fs::File::create(cache("sdk-venv.lock")).unwrap();
    lock.lock().unwrap();
    let python = venv.join("bin/python");
    let run = |command: &mut Command| {
        let out = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        out.status.success().then_some(()).ok_or(said)
    };
    let done = venv.join(format!("{package}.done"));
    if !done.exists() {
        let installed = run(Command::new("python3").args(["-m", "venv"]).arg(&venv))
            .and_then(|()| run(Command::new(&python).args(["-m", "pip", "install", "-q", package])));
        if let Err(why) = installed {
            panic!(
                "the official SDK cannot be installed from PyPI; WEIR_TEST_OFFLINE=1 leaves these tests out:\n{why}"
            );
        }
        std::fs::write(done, "").unwrap();
    }
    python
}

/// Runs a script to its end; what it printed.
fn runs(name: &str, arguments: &[String]) -> String {
    let out =
        Command::new("timeout").arg("400").arg(python()).arg(script(name)).args(arguments).output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{name}: {}\n{said}\n{wrong}", out.status);
    said.into_owned()
}

/// The address that Google's SDKs are given: they know the rest of the path themselves.
pub fn base_of(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn base(address: SocketAddr) -> String {
    format!("http://{address}/v1")
}

#[test]
fn the_official_sdk_finds_nothing_strange() {
    if offline("the_official_sdk_finds_nothing_strange") {
        return;
    }
    let world = World::new(2);
    let said = runs("lab.py", &[base(world.weir.address)]);
    assert_eq!(said.lines().filter(|l| l.starts_with("ok ")).count(), 10, "{said}");
    let (_, open) = world.weir.at_rest();
    assert_eq!(open, 0);
    let left = world
        .weir
        .usage()
        .iter()
        .filter(|e| e["lines"].as_array().unwrap().iter().any(|l| l["outcome"] == "left"))
        .count();
    assert!(left >= 1, "the cancelled stream is in the books as one whose client left");
}

#[test]
fn the_official_sdk_is_told_that_its_key_is_bad() {
    if offline("the_official_sdk_is_told_that_its_key_is_bad") {
        return;
    }
    let sha = crate::surface_web::sha256_of("wk_good");
    let keys = format!(
        "[[service.keys]]\nname = \"ci\"\nsha256 = \"{sha}\"\naccount = \"team\"\n[accounts.team]\ncredit_usd = \"1\"\n"
    );
    let world = World::with(1, &keys, &[]);
    runs("keys.py", &[base(world.weir.address)]);
}

/// A llama.cpp that is ready to answer.
pub fn llama() -> (Process, SocketAddr) {
    let lock = std::fs::File::create(cache("local-llm.lock")).unwrap();
    lock.lock().unwrap();
    for how in ["", "portable"] {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(script("llm.sh"));
        command.arg(address.port().to_string()).arg(how);
        let mut process = Process::start(command);
        let ready = until(INSTALL, "llama.cpp is ready", || {
            if let Some(status) = process.ended() {
                // Built for a processor with other instructions than this one has: 132 as a shell tells it.
                let illegal = status.signal() == Some(4) || status.code() == Some(132);
                assert!(
                    illegal,
                    "llama.cpp cannot be started, {status}; WEIR_TEST_OFFLINE=1 leaves this out:\n{}",
                    process.said()
                );
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

/// A weir with llama.cpp as its first choice and two of the lab's providers behind it. However long a model takes on a busy
/// machine, who answers is told in the head.
pub fn in_front_of(llama: SocketAddr, lab: &Lab) -> Weir {
    let names = [("llama", "0.95"), ("alpha", "0.6"), ("beta", "0.4")];
    let prices = crate::world::catalogue(&names).replace("llama-chat", "gemma-3-270m");
    let setup = Setup::new();
    let file = setup.dir.write("catalogue.json", &prices);
    let mut text = format!(
        "catalogue = {file:?}\n[bounds]\nfirst_content_ms = 40000\n[service]\nkeep_alive_ms = 0\n[providers.llama]\nkind = \"llamacpp\"\n\
         base_url = \"http://{llama}/v1\"\nmodels = [\"gemma-3-270m\"]\ncatalogue = \"llama\"\n"
    );
    for name in ["alpha", "beta"] {
        text.push_str(&crate::world::provider(
            name,
            &format!("http://{}/{name}/v1", lab.address),
            &["LAB_KEY"],
        ));
    }
    setup.config(&text).variable("LAB_KEY", "any").start()
}

#[test]
fn a_real_server_is_metered_as_it_counts_and_may_die() {
    if offline("a_real_server_is_metered_as_it_counts_and_may_die") {
        return;
    }
    let (mut server, address) = llama();
    let lab = Lab::start(
        &scenario(2, &[])
            .replace("keys = [\"alpha-one\", \"alpha-two\"]\n", "")
            .replace("keys = [\"beta-one\", \"beta-two\"]\n", ""),
    );
    let weir = in_front_of(address, &lab);

    // What llama.cpp says when it is asked directly is what weir's books hold.
    let said = runs("llama.py", &[base(weir.address), base(address)]);
    let told: Vec<Value> = said.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(told.len(), 2);
    for figures in told {
        let entry = weir.ended(figures["id"].as_str().unwrap());
        let line = entry["detail"]["lines"][0].clone();
        assert_eq!((&line["provider"], &line["outcome"]), (&json!("llama"), &json!("ok")));
        let used = |bucket: &str| line["usage"][bucket].as_u64().unwrap_or(0);
        assert_eq!(json!(used("input") + used("cache_read")), figures["input"], "{line}");
        assert_eq!(json!(used("output")), figures["output"], "{line}");
        assert!(line["usage"]["estimated"].is_null(), "{line}");
    }

    // It dies while it is being asked from all sides; nobody who has no word of it yet notices.
    let mut traffic = Command::new("timeout")
        .arg("400")
        .arg(python())
        .arg(script("traffic.py"))
        .arg(base(weir.address))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(traffic.stdout.take().unwrap()).lines() {
        lines.push(line.unwrap());
        if server.is_alive() && lines.iter().filter(|l| *l == "served llama").count() >= 3 {
            server.kill();
        }
    }
    let out = traffic.wait_with_output().unwrap();
    assert!(out.status.success(), "{}\n{lines:?}\n{}", out.status, String::from_utf8_lossy(&out.stderr));
    let count = |who: &str| lines.iter().filter(|l| *l == who).count();
    assert!(count("served llama") >= 3 && count("served alpha") >= 8, "{lines:?}");
    eprintln!(
        "llama.cpp served {}, then alpha {} and beta {}; {} stream was cut by its death",
        count("served llama"),
        count("served alpha"),
        count("served beta"),
        count("broken llama")
    );
    assert!(count("broken llama") <= 1, "one thread streams: {lines:?}");
    assert_eq!(weir.at_rest().1, 0);
}
