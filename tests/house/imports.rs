//! Which crate may import which: `vocab ← {router, providers, policy, billing} ← relay ← front ← {weir, edge}`, and
//! `json ← {providers, front}`, `tokens ← {vocab, relay, front}`, and `audio ← relay`.
//!
//! The four siblings meet in `relay` and only there. What reads JSON as it passes by shares one walk along it. `lab` implements the ports and speaks wire formats; it does not
//! know the adapters that it is there to test. What needs sockets, threads or a runtime stays in the shell.

use crate::{CRATES, EDGE, SHELLS, home, none, read, root, shown, source};
use std::collections::BTreeSet;
use toml::{Table, Value};

/// What each crate may depend on of ours.
fn allowed(name: &str) -> &'static [&'static str] {
    match name {
        "vocab" => &["tokens"],
        "router" | "policy" | "billing" => &["vocab"],
        "providers" => &["json", "vocab"],
        "relay" => &["audio", "tokens", "vocab", "router", "providers", "policy", "billing"],
        // Not router and not providers: the front door does not know how a choice is made or how a provider talks.
        "front" => &["audio", "json", "tokens", "vocab", "policy", "billing", "relay"],
        // Not providers: a fake that shared code with the adapter could only agree with it.
        "lab" => &["vocab", "billing", "relay"],
        // Judges choices by the data, so it knows how one is made and nothing of who is asked.
        "outcomes" => &["tokens", "vocab", "router"],
        "weir" => &[
            "audio",
            "tokens",
            "vocab",
            "router",
            "providers",
            "policy",
            "billing",
            "relay",
            "front",
            "lab",
            "outcomes",
        ],
        "edge" => &["vocab", "router", "providers", "policy", "billing", "relay", "front"],
        // tokens measures texts, json walks along them, audio works on sound; none imports anything of ours.
        _ => &[],
    }
}

/// What tests of a crate may use besides.
fn allowed_in_tests(name: &str) -> &'static [&'static str] {
    match name {
        "relay" => &["lab"],
        // The catalogue, to build a fleet from.
        "front" => &["lab", "providers"],
        _ => &[],
    }
}

/// What a pure crate may use of others: all of them compute and do nothing else.
const PURE_MAY_USE: [&str; 16] = [
    "audio-codec-algorithms",
    "base64",
    "bitflags",
    "bytes",
    "flate2",
    "hmac",
    "http",
    "itoa",
    "memchr",
    "rubato",
    "serde",
    "serde_json",
    "sha2",
    "simdutf8",
    "subtle",
    "unicode-segmentation",
];
const PURE: [&str; 9] = crate::purity::PURE;

/// A platform's own: only a shell knows them. `lab` may, behind its feature `serve`.
const PLATFORM: [&str; 14] = [
    "getrandom",
    "hyper",
    "hyper-util",
    "mio",
    "rand",
    "reqwest",
    "ring",
    "rusqlite",
    "rustls",
    "socket2",
    "tokio",
    "tokio-postgres",
    "tokio-rustls",
    "worker",
];

#[derive(Debug)]
struct Dependency {
    name: String,
    optional: bool,
    test_only: bool,
}

/// All dependencies of a manifest, those of single targets too.
fn dependencies(manifest: &Table) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut tables = vec![manifest];
    let targets = manifest.get("target").and_then(Value::as_table);
    tables.extend(targets.into_iter().flat_map(Table::values).filter_map(Value::as_table));
    for table in tables {
        for (kind, test_only) in
            [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
        {
            for (key, value) in table.get(kind).and_then(Value::as_table).into_iter().flatten() {
                let name = value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned();
                let optional = value.get("optional").and_then(Value::as_bool).unwrap_or(false);
                found.push(Dependency { name, optional, test_only });
            }
        }
    }
    found
}

fn complaints_of_manifest(name: &str, manifest: &Table) -> Vec<String> {
    let mut complaints = Vec::new();
    for dependency in dependencies(manifest) {
        let Dependency { name: on, optional, test_only } = dependency;
        if CRATES.contains(&on.as_str()) {
            let may = allowed(name).contains(&on.as_str())
                || test_only && allowed_in_tests(name).contains(&on.as_str());
            if !may {
                complaints
                    .push(format!("{name} depends on {on}; it may depend on {:?} of ours", allowed(name)));
            }
        } else if PURE.contains(&name) && !test_only && !PURE_MAY_USE.contains(&on.as_str()) {
            complaints.push(format!(
                "{name} is pure and depends on {on}; pure crates use {PURE_MAY_USE:?} of others"
            ));
        } else if PLATFORM.contains(&on.as_str())
            && !(test_only || SHELLS.contains(&name) || name == "lab" && optional)
        {
            complaints.push(format!(
                "{name} depends on {on}, which is a shell's matter: ask for it through a port"
            ));
        }
    }
    complaints
}

fn complaints_of_code(name: &str, place: &str, code: &str, in_tests: bool) -> Vec<String> {
    let own: BTreeSet<&str> = CRATES.into_iter().filter(|c| *c != name && *c != "weir").collect();
    let all = source::paths(code);
    let found = all.iter().filter(|n| n.path.len() > 1);
    found
        .filter(|named| !is_own_module(&all, &named.path[0]))
        .filter_map(|named| {
            let first = named.path[0].as_str();
            let may = allowed(name).contains(&first) || in_tests && allowed_in_tests(name).contains(&first);
            (own.contains(first) && !may).then(|| {
                format!(
                    "{place}:{}: {name} uses {}; the arrow does not exist",
                    named.line,
                    named.path.join("::")
                )
            })
        })
        .collect()
}

/// Whether a file means a module of its own crate by a name that a crate of ours has too: it declares it, or imports it
/// from where only modules are.
fn is_own_module(code: &[source::Named], name: &str) -> bool {
    let declared = code.windows(2).any(|two| two[0].path == ["mod"] && two[1].path == [name]);
    let imported = code.iter().map(|named| named.path.as_slice()).any(|path| {
        matches!(path, [first, .., last] if matches!(first.as_str(), "crate" | "self" | "super") && last == name)
    });
    declared || imported
}

fn manifest(text: &str) -> Table {
    toml::from_str(text).unwrap()
}

#[test]
fn arrows_point_one_way() {
    let mut complaints = Vec::new();
    for name in CRATES {
        let text = std::fs::read_to_string(home(name).join("Cargo.toml")).unwrap();
        complaints.extend(complaints_of_manifest(name, &manifest(&text)));
        for (path, code) in source::live(&home(name).join("src")) {
            complaints.extend(complaints_of_code(name, &shown(&path), &code, false));
        }
        let tests = if name == "weir" { vec![] } else { source::files(&home(name).join("tests")) };
        for path in tests {
            let code = source::plain(&std::fs::read_to_string(&path).unwrap());
            complaints.extend(complaints_of_code(name, &shown(&path), &code, true));
        }
    }
    none(&complaints);
}

#[test]
fn no_crate_is_forgotten() {
    let workspace = manifest(&read("Cargo.toml"));
    let members: BTreeSet<&str> =
        workspace["workspace"]["members"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let known: BTreeSet<&str> = CRATES.into_iter().filter(|c| *c != "weir").collect();
    assert_eq!(
        members, known,
        "a crate joined or left the workspace: say in tests/house which arrows it has"
    );
    for name in known {
        assert!(root().join(name).join("Cargo.toml").exists(), "{name}");
    }
}

#[test]
fn the_edge_needs_nothing_that_the_edge_has_not() {
    for name in EDGE {
        for on in allowed(name) {
            assert!(EDGE.contains(on), "{name} runs on the edge and may use {on}, which does not");
        }
    }
}

#[test]
fn the_check_for_wasm_names_what_the_edge_uses() {
    let script = read(".ci/run");
    let line = script.lines().find(|l| l.starts_with("EDGE=")).expect("a line EDGE=(…) in .ci/run");
    let named: Vec<&str> =
        line.trim_start_matches("EDGE=(").trim_end_matches(')').split_whitespace().collect();
    assert_eq!(named, EDGE);
}

#[test]
fn a_wrong_arrow_is_found() {
    for (name, text) in [
        ("router", "[dependencies]\nbilling = { path = \"../billing\" }"),
        ("router", "[dependencies]\nmoney = { package = \"billing\", path = \"../billing\" }"),
        ("vocab", "[dev-dependencies]\nrouter = \"1\""),
        ("json", "[dependencies]\nvocab.workspace = true"),
        ("json", "[dependencies]\ntracing = \"1\""),
        ("relay", "[dependencies]\njson.workspace = true"),
        ("front", "[dependencies]\nrouter.workspace = true"),
        ("relay", "[target.'cfg(unix)'.dependencies]\nlab = \"1\""),
        ("lab", "[dependencies]\nproviders.workspace = true"),
        ("billing", "[dependencies]\nrand = \"0.9\""),
        ("policy", "[build-dependencies]\nchrono = \"0.4\""),
        ("relay", "[dependencies]\ntokio = \"1\""),
        ("lab", "[dependencies]\ntokio = \"1\""),
    ] {
        assert_eq!(complaints_of_manifest(name, &manifest(text)).len(), 1, "{name}: {text}");
    }
    for (name, text) in [
        (
            "router",
            "[dependencies]\nvocab.workspace = true\nserde = \"1\"\n[dev-dependencies]\nproptest = \"1\"",
        ),
        ("front", "[dependencies]\nrelay.workspace = true\n[dev-dependencies]\nlab = \"1\""),
        ("lab", "[dependencies]\ntokio = { version = \"1\", optional = true }"),
        ("weir", "[dependencies]\ntokio = \"1\"\nfront = \"1\""),
    ] {
        none(&complaints_of_manifest(name, &manifest(text)));
    }
}

#[test]
fn a_wrong_use_is_found() {
    for (name, code) in [
        ("router", "use billing::charge;"),
        ("front", "use {relay::Ask, router::plan};"),
        ("policy", "fn f() -> providers::Sse { g() }"),
        ("lab", "use providers::openai;"),
        ("lab", "use super::jsons; use serde_json::json; fn f() { json::Walk::along(x) }"),
        ("json", "use vocab::Chat;"),
    ] {
        assert_eq!(complaints_of_code(name, "x.rs", code, false).len(), 1, "{code}");
    }
    for (name, code) in [
        ("router", "use vocab::Dice; use crate::plan; let router = 1; let lab = x.lab;"),
        ("relay", "use billing::Op; use crate::relay::Relay;"),
        ("lab", "use crate::lab::Lab; use relay::ports::Http;"),
        ("lab", "use super::{Page, json}; fn f() { json::object(x) }"),
        ("lab", "mod json; fn f(map: &json::Object) {}"),
        ("front", "use json::Walk;"),
    ] {
        none(&complaints_of_code(name, "x.rs", code, false));
    }
}
