//! The clients of JavaScript, installed once for all tests.

use crate::sdk::cache;
use std::path::PathBuf;
use std::process::Command;

const PACKAGES: [&str; 8] = [
    "openai@6.49.0",
    "@anthropic-ai/sdk@1.12.0",
    "@google/genai@2.32.0",
    "ai@6.0.326",
    "@ai-sdk/openai@3.0.141",
    "@ai-sdk/anthropic@3.0.138",
    "@ai-sdk/google@3.0.141",
    "zod@4.6.7",
];

/// The folder whose `node_modules` holds all of [`PACKAGES`]. One installs them, others wait.
pub fn node_modules() -> PathBuf {
    let place = cache("node");
    std::fs::create_dir_all(&place).unwrap();
    let lock = std::fs::File::create(cache("node.lock")).unwrap();
    lock.lock().unwrap();
    let done = place.join("done");
    let wanted = PACKAGES.join("\n");
    if std::fs::read_to_string(&done).is_ok_and(|got| got == wanted) {
        return place;
    }
    std::fs::write(place.join("package.json"), "{\"private\": true}").unwrap();
    let out = Command::new("npm")
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
        .arg(&place)
        .args(PACKAGES)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(
        out.status.success(),
        "the SDKs cannot be installed from npm; WEIR_TEST_OFFLINE=1 leaves these tests out:\n{said}"
    );
    std::fs::write(done, wanted).unwrap();
    place
}
