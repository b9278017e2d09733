//! OpenAI's SDK of Python, unchanged but for the address.

use super::LISTENERS;
use crate::process::Weir;
use crate::sdk::{base_of, offline, python_with, script};
use std::process::Command;

const OPENAI: &str = "openai==3.52.0";

#[test]
fn openais_python_sdk_transcribes_everywhere() {
    if offline("openais_python_sdk_transcribes_everywhere") {
        return;
    }
    let python = python_with(OPENAI);
    let weir = Weir::alone();
    let base = base_of(weir.address) + "/v1";
    for (model, timed, _) in LISTENERS {
        let timed = if timed { "timed" } else { "" };
        let out = Command::new("timeout")
            .arg("300")
            .arg(&python)
            .arg(script("ears.py"))
            .args([&base, model, timed])
            .output()
            .unwrap();
        let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{model}: {}\n{said}\n{wrong}", out.status);
        assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 7, "{said}");
    }
    assert_eq!(weir.at_rest().1, 0);
}
