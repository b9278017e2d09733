//! The fuzzing workspace has a lock of its own, and nobody builds it all day: it has to know what the crates under it need.

use crate::{EDGE, home, none, read};
use std::collections::BTreeSet;
use toml::{Table, Value};

/// What a lock has.
fn locked(text: &str) -> BTreeSet<String> {
    let lock: Table = toml::from_str(text).unwrap();
    let packages = lock["package"].as_array().unwrap().iter();
    packages.map(|package| package["name"].as_str().unwrap().to_owned()).collect()
}

/// What a crate needs that a lock has not got. Of what is renamed the name it has there counts.
fn missing(name: &str, manifest: &str, there: &BTreeSet<String>) -> Vec<String> {
    let manifest: Table = toml::from_str(manifest).unwrap();
    let needed = manifest.get("dependencies").and_then(Value::as_table).into_iter().flatten();
    let package = |(alias, what): (&String, &Value)| {
        what.get("package").and_then(Value::as_str).unwrap_or(alias).to_owned()
    };
    let lacking = needed.map(package).filter(|needed| !there.contains(needed));
    lacking.map(|needed| format!("fuzz/Cargo.lock has no {needed}, which {name} needs: cargo update --workspace --manifest-path fuzz/Cargo.toml")).collect()
}

#[test]
fn the_fuzzing_workspaces_lock_is_up_to_date() {
    let there = locked(&read("fuzz/Cargo.lock"));
    let lacking = EDGE.iter().flat_map(|name| missing(name, &read(home(name).join("Cargo.toml")), &there));
    none(&lacking.collect::<Vec<_>>());
}

#[test]
fn a_lock_that_is_behind_is_found() {
    let there = locked("[[package]]\nname = \"bytes\"\nversion = \"1.0.0\"\n");
    let manifest = "[dependencies]\nbytes = \"1\"\nours = { package = \"theirs\", version = \"1\" }\n";
    assert_eq!(
        missing("front", manifest, &there),
        [
            "fuzz/Cargo.lock has no theirs, which front needs: cargo update --workspace --manifest-path fuzz/Cargo.toml"
        ]
    );
}
