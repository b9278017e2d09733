//! The documents name what is there, and everything that a user can meet.

use crate::{none, read, root};
use std::collections::BTreeSet;
use std::process::Command;

const DOCUMENTS: [&str; 6] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/ledger-format.md",
    "docs/decisions.md",
    "CHANGELOG.md",
];

/// The texts between single backticks.
fn quoted(text: &str) -> Vec<&str> {
    // Fences are three of them in a row: they come out as empty texts and keep the parity.
    text.split('`').skip(1).step_by(2).collect()
}

/// Texts of a function of ours, by where its name stands until the function's end.
fn texts_of(file: &str, function: &str) -> Vec<String> {
    let source = read(file);
    let start = source.find(function).unwrap_or_else(|| panic!("{file} has no {function}"));
    let body = &source[start..];
    let end = body.find("\n    }\n").unwrap_or(body.len());
    body[..end].split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn missing<'a>(document: &str, what: &str, words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let text = read(document).to_ascii_lowercase();
    let words = words.into_iter().filter(|word| !text.contains(&format!("`{}`", word.to_ascii_lowercase())));
    words.map(|word| format!("{document} does not name the {what} `{word}`")).collect()
}

#[test]
fn files_that_are_named_are_there() {
    let mut complaints = Vec::new();
    for document in DOCUMENTS {
        let text = read(document);
        let file = |word: &&str| {
            let ends =
                [".rs", ".md", ".json", ".toml", ".sql", ".py", ".txt"].iter().any(|end| word.ends_with(end));
            ends && word.contains('/')
                && !word.contains(['*', '<', ' ', '{', '~', '$'])
                && !word.starts_with(['/', '.'])
        };
        for word in quoted(&text).into_iter().filter(file) {
            if !root().join(word).exists() {
                complaints.push(format!("{document} names {word}, which is not there"));
            }
        }
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            if !root().join(link.split('#').next().unwrap_or(link)).exists() {
                complaints.push(format!("{document} links to {link}, which is not there"));
            }
        }
    }
    none(&complaints);
}

#[test]
fn the_rust_that_is_needed_is_said() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let version = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    for document in ["README.md", "CONTRIBUTING.md"] {
        assert!(
            read(document).contains(&format!("{version} or later")),
            "{document} does not say Rust {version}"
        );
    }
}

#[test]
fn the_readme_lists_every_path() {
    none(&missing("README.md", "path", front::http::ROUTES.iter().map(|route| route.template)));
}

#[test]
fn the_readme_lists_every_header() {
    let cors = read("front/src/http/cors.rs");
    let list = cors.split("EXPOSED: &str = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let plain = list.replace('\\', " ");
    let exposed: Vec<&str> = plain.split(',').map(str::trim).collect();
    assert!(exposed.contains(&"x-cost-usd"), "{exposed:?}");
    none(&missing("README.md", "answer header", exposed));
    let wishes = read("front/src/wishes.rs");
    let wishes = wishes.split("#[cfg(test)]").next().unwrap();
    let ours: BTreeSet<&str> =
        wishes.split('"').skip(1).step_by(2).filter(|t| t.starts_with("x-weir-") && t.len() > 7).collect();
    assert!(ours.contains("x-weir-policy"), "{ours:?}");
    none(&missing("README.md", "request header", ours));
}

#[test]
fn the_readme_lists_every_error() {
    let codes = [
        texts_of("relay/src/answer.rs", "pub const fn code(&self)"),
        texts_of("policy/src/identity.rs", "pub const fn code(&self)"),
        texts_of("policy/src/context.rs", "pub const fn code(self)"),
    ];
    let mut codes: BTreeSet<String> = codes.concat().into_iter().collect();
    for file in crate::source::files(&root().join("front/src")) {
        let text = std::fs::read_to_string(file).unwrap();
        let calls = text.split("Refusal::new(").skip(1);
        codes.extend(calls.filter_map(|call| call.trim_start()[3..].split('"').nth(1)).map(str::to_owned));
    }
    for known in ["no_candidate", "invalid_api_key", "body_too_large"] {
        assert!(codes.contains(known), "{codes:?}");
    }
    none(&missing("README.md", "error", codes.iter().map(String::as_str)));
}

#[test]
fn the_architecture_lists_every_fault() {
    let names = texts_of("vocab/src/fault.rs", "pub const fn name(&self)");
    assert!(names.len() > 10, "{names:?}");
    none(&missing("ARCHITECTURE.md", "fault", names.iter().map(String::as_str)));
}

#[test]
fn the_readme_lists_every_command() {
    let help = Command::new(env!("CARGO_BIN_EXE_weir")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands = help.split("Commands:").nth(1).and_then(|rest| rest.split("Options:").next()).unwrap();
    let names: Vec<&str> = commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"serve") && names.contains(&"ledger"), "{names:?}");
    let readme = read("README.md");
    let missing = names.iter().filter(|name| **name != "help" && !readme.contains(&format!("weir {name}")));
    none(&missing.map(|name| format!("README.md does not show `weir {name}`")).collect::<Vec<_>>());
}

#[test]
fn the_readme_lists_every_variable() {
    let mut variables = BTreeSet::new();
    let shared = root().join("relay/src/environment.rs");
    for file in crate::source::files(&root().join("src")).into_iter().chain([shared]) {
        // What only tests read is told where they are.
        if file.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let text = std::fs::read_to_string(file).unwrap();
        for word in text.split('"') {
            let loud = word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            if loud && word.contains('_') && word.len() > 5 {
                variables.insert(word.to_owned());
            }
        }
    }
    assert!(variables.contains("WEIR_CONFIG") && variables.contains("OPENAI_API_KEY"), "{variables:?}");
    none(&missing("README.md", "variable", variables.iter().map(String::as_str)));
}

#[test]
fn what_is_not_named_is_found() {
    assert_eq!(missing("README.md", "path", ["/api/never/there"]).len(), 1);
    assert_eq!(quoted("a `b` c ```\nd\n``` e `f`"), ["b", "", "\nd\n", "", "f"]);
}
