//! Everything that is linked in may be used as permissively as weir itself.

use crate::{none, root};
use serde_json::Value;
use std::process::Command;

/// Licences that ask for nothing but their text. A new one is read before it is added.
const PERMISSIVE: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether an SPDX expression leaves a choice that is permissive. Older crates write a slash for `OR`.
fn permissive(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest) && rest.is_empty()
}

fn any(rest: &mut &[&str]) -> bool {
    let mut fine = all(rest);
    while rest.first() == Some(&"OR") {
        *rest = &rest[1..];
        fine |= all(rest);
    }
    fine
}

fn all(rest: &mut &[&str]) -> bool {
    let mut fine = one(rest);
    while rest.first() == Some(&"AND") {
        *rest = &rest[1..];
        fine &= one(rest);
    }
    fine
}

fn one(rest: &mut &[&str]) -> bool {
    let Some((word, after)) = rest.split_first() else { return false };
    *rest = after;
    if *word == "(" {
        let fine = any(rest);
        *rest = rest.strip_prefix(&[")"]).unwrap_or_default();
        return fine;
    }
    // An exception only ever allows more.
    if let Some(after) = rest.strip_prefix(&["WITH"]) {
        *rest = after.get(1..).unwrap_or_default();
    }
    PERMISSIVE.contains(word)
}

fn cargo(arguments: &[&str]) -> String {
    let done = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(done.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn dependencies_are_permissive() {
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = cargo(&["metadata", "--format-version", "1", "--offline", "--filter-platform", host]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50, "{}", packages.len());
    let bad = packages.iter().filter(|package| !package["license"].as_str().is_some_and(permissive));
    none(&bad.map(|p| format!("{} is licensed as {}", p["name"], p["license"])).collect::<Vec<_>>());
}

#[test]
fn an_expression_is_read() {
    for fine in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR GPL-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
    ] {
        assert!(permissive(fine), "{fine}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-2.0", "(MIT OR ISC) AND MPL-2.0", "MIT GPL-3.0"] {
        assert!(!permissive(bad), "{bad}");
    }
}
