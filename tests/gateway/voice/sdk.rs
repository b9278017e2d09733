//! Speech as applications ask for it: OpenAI's SDK, unchanged but for the address.

use crate::process::Weir;
use crate::sdk::{base_of, offline, python_with, script};
use std::process::Command;

#[test]
fn openais_python_sdk_speaks() {
    if offline("openais_python_sdk_speaks") {
        return;
    }
    let python = python_with("openai==3.52.0");
    let weir = Weir::alone();
    let base = base_of(weir.address) + "/v1";
    for model in ["lab-openai/gpt-lab-tts", "auto:fast"] {
        let mut command = Command::new("timeout");
        command.arg("200").arg(&python).arg(script("speech.py")).args([&base, model]);
        let out = command.output().unwrap();
        let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{model}: {}\n{said}\n{wrong}", out.status);
        assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 7, "{said}");
    }
    assert_eq!(weir.at_rest().1, 0);
}
