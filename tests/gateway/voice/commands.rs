//! `weir say` and `weir voices`.

use super::studio::{Habit, RATE, melody, samples, setup, speaker};
use serde_json::Value;

#[test]
fn a_text_is_said_into_a_file_or_a_pipe() {
    let (alpha, _) = speaker(Habit { dies_after_ms: Some(300), ..Habit::default() });
    let (beta, _) = speaker(Habit::default());
    let setup = setup(&[("alpha", &alpha), ("beta", &beta)], "");
    let file = setup.dir.0.join("said.wav");
    let name = file.to_str().unwrap();
    let listen = ["--listen", "127.0.0.1:1"];
    let data = setup.data();
    let data = ["--data", data.to_str().unwrap()];
    let config = setup.dir.0.join("weir-test.toml");
    let config = ["--config", config.to_str().unwrap()];
    let run = |words: &[&str]| setup.run(&[words, &listen, &data, &config].concat());

    let out = run(&["say", "Say 400. Say 600.", "--voice", "calm", "-o", name, "--json"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let told: Value = serde_json::from_slice(&out.stdout).unwrap();
    let sound = std::fs::read(&file).unwrap();
    assert_eq!(told["bytes"], sound.len());
    assert_eq!(told["said_by"], serde_json::json!(["alpha/tts-1 (cut)", "beta/tts-1"]));
    // Eight characters at one, and both sentences at the other.
    assert_eq!(told["cost_usd"].to_string().trim_matches('"'), "0.000480000", "{told}");
    assert_eq!(melody(&samples(&sound[44..]), RATE), [400, 600]);

    let out = run(&["say", "Say 440.", "--format", "pcm", "--rate", "16000"]);
    assert_eq!(melody(&samples(&out.stdout), 16_000), [440]);
    let footer = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(footer.contains("tts-1") && footer.contains("0.000120000 USD"), "{footer}");

    let out = run(&["say", "Say 440.", "--voice", "nobody", "-o", name]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("nobody"));
    let out = run(&["say", " ", "-o", name]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("empty"));

    let out = run(&["voices"]);
    let listed = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(listed.contains("calm (default): feminine"), "{listed}");
    assert!(listed.contains("  alpha/tts-1: alpha-calm"), "{listed}");
    let out = run(&["voices", "--json"]);
    assert!(serde_json::from_slice::<Value>(&out.stdout).unwrap()["voices"].is_array());
}

#[test]
fn check_says_what_is_wrong_with_voices() {
    let (alpha, _) = speaker(Habit::default());
    let bad = "[voice.voices.\"a/b\"]\n[voice.voices.husky.ids]\nnobody = \"x\"";
    let config = setup(&[("alpha", &alpha)], "");
    let path = config.dir.0.join("weir-test.toml");
    let check = ["check", "--config", path.to_str().unwrap()];
    assert!(config.run(&check).status.success());
    let good = std::fs::read_to_string(&path).unwrap();
    let broken =
        config.config(&format!("{}\n{bad}\n", good.replace("default = \"calm\"", "default = \"huskyy\"")));
    let out = broken.run(&check);
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    for problem in ["voice.voices.a/b", "voice.voices.husky.ids.nobody", "voice.default"] {
        assert!(said.contains(problem), "{problem}: {said}");
    }
}
