//! Translations, tested by looking: every folder of `providers/golden/<provider>/` is a case.
//!
//! | file | what |
//! | --- | --- |
//! | `case.json` | which adapter, model and card (see [`Case`]) |
//! | `chat.json` → `call.json` | a request, and what goes to the provider for it (or the fault) |
//! | `raw.json` → `patched.json` | a request in the client's own bytes, and the patched one (or `translated`) |
//! | `reply.json`, `stream.sse` → `events.txt` | a whole answer and a stream, and the events they are |
//! | `task.json` → `call.json` | the same of work that is no chat, where `case.json` names its kind |
//! | `raw.json` → `patched.json` | its request in the client's own bytes, of the form that `case.json` names |
//! | `made.json` or `made.bin` → `made.txt` | an answer to it, and what was made |
//! | `speak.json` → `call.json` | what is to be heard, and what goes to the provider for it |
//! | `head.json` with `sound.bin`, `sound.sse` or `sound.json` → `sound.txt` | a reply with sound, and what was heard |
//! | `fault.json` | a status, headers and body, and the fault that they mean |
//! | `from.txt` | where the case comes from: recorded when, or written by hand from which page |
//!
//! Laws that every case is held to: *chop* (a stream cut anywhere gives the same events, and a watched one the same
//! verdicts), *fold* (a stream adds up to what the whole answer says), *end* (events end with `End`, or a fault).
//!
//! `UPDATE_GOLDEN=1 cargo nextest run -p providers --test golden` rewrites the expected files; read that diff.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic here is a failed test")]

#[path = "golden/laws.rs"]
mod laws;
#[path = "golden/schema.rs"]
mod schema;
#[path = "golden/speech.rs"]
mod speech;
#[path = "golden/tasks.rs"]
mod tasks;
#[path = "golden/world.rs"]
mod world;

use providers::{Adapter, Reading, Sse};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use vocab::{Chat, Event, Fault};
use world::{Case, raw_chat};

macro_rules! providers_tested {
    ($($name:ident: $folder:literal),+ $(,)?) => {
        $(#[test] fn $name() { check_folder($folder); })+

        #[test]
        fn no_folder_is_forgotten() {
            let known = [$($folder),+];
            for folder in folders(&root()) {
                let name = folder.file_name().unwrap().to_string_lossy().into_owned();
                assert!(known.contains(&name.as_str()), "golden/{name} has no test: name it in tests/golden.rs");
            }
        }
    };
}

providers_tested! {
    openai: "openai",
    responses: "responses",
    groq: "groq",
    local: "local",
    workers_ai: "workers-ai",
    gemini: "gemini",
    anthropic: "anthropic",
    elevenlabs: "elevenlabs",
    cartesia: "cartesia",
    deepgram: "deepgram",
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(of) else { return vec![] };
    let mut all: Vec<_> = entries.map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    all.sort();
    all
}

fn check_folder(provider: &str) {
    let mut wrong = vec![];
    for folder in folders(&root().join(provider)) {
        let name = format!("{provider}/{}", folder.file_name().unwrap().to_string_lossy());
        if let Err(why) = check(&folder) {
            wrong.push(format!("== {name}\n{why}"));
        }
    }
    assert!(wrong.is_empty(), "{} golden cases differ:\n{}", wrong.len(), wrong.join("\n\n"));
}

fn check(folder: &Path) -> Result<(), String> {
    let case: Case = parse(folder, "case.json")?.ok_or("no case.json")?;
    if !folder.join("from.txt").exists() {
        return Err("no from.txt: say where the case comes from".into());
    }
    let adapter =
        world::adapter(&case.adapter).ok_or_else(|| format!("no adapter named {:?}", case.adapter))?;
    let door = adapter.door(&case.address(), case.card(), &case.model).map_err(|e| e.to_string())?;

    let mut checked = tasks::check(folder, &case, &*adapter, &door)?;
    checked += speech::check(folder, &case, &*adapter, &door)?;
    if let Some(chat) = parse::<Chat>(folder, "chat.json")? {
        let shown = match adapter.encode(&chat, &door) {
            Ok(call) => world::show_call(&call),
            Err(fault) => json!({ "fault": show_fault(&fault) }),
        };
        expect(folder, "call.json", &pretty(&shown))?;
        checked += 1;
    }
    if let Some(text) = read(folder, "raw.json").filter(|_| case.form.is_none()) {
        let raw = raw_chat(text.trim_end(), &case);
        let shown = match adapter.patch(&raw, &door) {
            Some(call) => {
                let body = String::from_utf8(call.body.concat().to_vec()).map_err(|e| e.to_string())?;
                serde_json::from_str::<Value>(&body)
                    .map_err(|e| format!("the patched body is not JSON: {e}\n{body}"))?;
                body + "\n"
            }
            None => "translated\n".to_owned(),
        };
        expect(folder, "patched.json", &shown)?;
        checked += 1;
    }
    let whole = read(folder, "reply.json").map(|body| decode(&*adapter, body.as_bytes()));
    let stream = read_bytes(folder, "stream.sse").map(|bytes| (decode_stream(&*adapter, &[&bytes]), bytes));
    if let Some(events) = stream.as_ref().map(|(events, _)| events).or(whole.as_ref()) {
        expect(folder, "events.txt", &show_events(events))?;
        checked += 1;
    }
    if let Some(events) = &whole {
        laws::ends(events)?;
        laws::glance(&*adapter, &read_bytes(folder, "reply.json").unwrap_or_default(), events)?;
    }
    if let Some((events, bytes)) = &stream {
        laws::ends(events)?;
        laws::chop(&*adapter, bytes, events)?;
        if adapter.watch(false).is_some() {
            laws::watch(&*adapter, bytes)?;
        }
    }
    if let (Some(whole), Some((stream, _)), true) = (&whole, &stream, case.fold) {
        laws::fold(whole, stream)?;
    }
    if let Some(mut fault) = parse::<Value>(folder, "fault.json")? {
        let cases = fault.as_array_mut().ok_or("fault.json is an array of {status, headers, body, is}")?;
        for one in cases.iter_mut() {
            let (status, headers, body, now) = world::read_fault(one)?;
            one["is"] = show_fault(&adapter.fault(status, &headers, &body, now));
            checked += 1;
        }
        expect(folder, "fault.json", &pretty(&fault))?;
    }
    if checked == 0 { Err("nothing to check in this folder".into()) } else { Ok(()) }
}

/// What came of reading: the events, and the fault that ended them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    pub events: Vec<Event>,
    pub fault: Option<Fault>,
}

fn decode(adapter: &dyn Adapter, body: &[u8]) -> Heard {
    let mut events = vec![];
    let fault = adapter.decode(body, &mut events).err();
    Heard { events, fault }
}

/// As the relay reads a stream: frames until one is the end or a fault.
fn decode_stream(adapter: &dyn Adapter, pieces: &[&[u8]]) -> Heard {
    let (mut sse, mut reading, mut events) = (Sse::new(), Reading::default(), vec![]);
    for piece in pieces {
        sse.feed(bytes::Bytes::copy_from_slice(piece));
        loop {
            match sse.take() {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    if let Err(fault) = adapter.decode_frame(&mut reading, &frame, &mut events) {
                        return Heard { events, fault: Some(fault) };
                    }
                }
                Err(fault) => return Heard { events, fault: Some(fault) },
            }
        }
    }
    let fault = match sse.end() {
        Ok(Some(frame)) => adapter.decode_frame(&mut reading, &frame, &mut events).err(),
        Ok(None) => None,
        Err(fault) => Some(fault),
    };
    let cut = || (!events.contains(&Event::End)).then(|| Fault::Cut("no end mark".into()));
    let fault = fault.or_else(cut);
    Heard { events, fault }
}

fn show_events(heard: &Heard) -> String {
    let mut out = String::new();
    for event in &heard.events {
        out += &serde_json::to_string(event).unwrap();
        out.push('\n');
    }
    if let Some(fault) = &heard.fault {
        out += &format!("fault {}\n", show_fault(fault));
    }
    out
}

fn show_fault(fault: &Fault) -> Value {
    let mut shown = json!({ "fault": fault.name(), "message": fault.message() });
    match fault {
        Fault::Busy { retry_after: Some(wait), .. } | Fault::Spent { retry_after: Some(wait), .. } => {
            shown["retry_after_ms"] = json!(u64::try_from(wait.as_millis()).unwrap());
        }
        Fault::Rejected { param, code, .. } => {
            shown["param"] = json!(param);
            shown["code"] = json!(code);
        }
        _ => {}
    }
    shown
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

fn read(folder: &Path, file: &str) -> Option<String> {
    read_bytes(folder, file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn read_bytes(folder: &Path, file: &str) -> Option<Vec<u8>> {
    fs::read(folder.join(file)).ok()
}

fn parse<T: serde::de::DeserializeOwned>(folder: &Path, file: &str) -> Result<Option<T>, String> {
    read(folder, file).map(|text| serde_json::from_str(&text).map_err(|e| format!("{file}: {e}"))).transpose()
}

/// The file says this, or is made to where `UPDATE_GOLDEN` is set.
fn expect(folder: &Path, file: &str, is: &str) -> Result<(), String> {
    let path = folder.join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return fs::write(&path, is).map_err(|e| format!("{file}: {e}"));
    }
    let should = fs::read_to_string(&path).map_err(|e| format!("{file}: {e}"))?;
    if should == is {
        return Ok(());
    }
    let (mut was, mut now) = (should.lines(), is.lines());
    loop {
        match (was.next(), now.next()) {
            (a, b) if a == b && a.is_some() => {}
            (a, b) => {
                return Err(format!("{file} differs:\n  - {}\n  + {}", a.unwrap_or(""), b.unwrap_or("")));
            }
        }
    }
}
