//! What holds the house together and no compiler checks: who imports whom, that the pure crates stay pure, that a file
//! has one subject, that what is linked in may be, and that the documents say what is so.
//!
//! Each rule is also run on small offending snippets: a rule that cannot fail is no rule.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic here is a failed test")]

mod documents;
mod imports;
mod length;
mod licences;
mod locks;
mod purity;
mod settings;
mod source;

use std::path::{Path, PathBuf};

/// Everything that is ours, in the order of the arrows: the root package is `weir`.
pub const CRATES: [&str; 14] = [
    "json",
    "tokens",
    "audio",
    "vocab",
    "router",
    "providers",
    "policy",
    "billing",
    "relay",
    "front",
    "lab",
    "outcomes",
    "edge",
    "weir",
];

/// The shells: only they know a platform.
pub const SHELLS: [&str; 2] = ["edge", "weir"];

/// What runs on the edge too, and so has to compile for wasm32.
pub const EDGE: [&str; 10] =
    ["json", "tokens", "audio", "vocab", "router", "providers", "policy", "billing", "relay", "front"];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where a crate's manifest is.
pub fn home(name: &str) -> PathBuf {
    if name == "weir" { root().to_path_buf() } else { root().join(name) }
}

pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A path as people write it.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Fails with every complaint at once.
pub fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
