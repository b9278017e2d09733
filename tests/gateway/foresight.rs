//! A prompt moves the quality of the models that the predictor knows, and of no others.

use crate::process::{Setup, Weir};
use crate::world::{body, catalogue, provider};
use serde_json::{Value, json};

const SUMS: &str = "Let $f(x) = x^2 + 3x$. What is the derivative at x = 2? Options: A. 5 B. 7 C. 9 D. 11";
const SMALL: &str = "llama-3.1-8b-instruct";
const LARGE: &str = "gemini-1.5-pro-002";

/// Two models that were seen and one that was not. Nobody is asked, so nobody has to be there.
fn weir(config: &str) -> Weir {
    let setup = Setup::new();
    let models = [("alpha", "0.3"), ("beta", "0.6"), ("gamma", "0.5")];
    let named = |text: String| text.replace("alpha-chat", SMALL).replace("beta-chat", LARGE);
    let file = setup.dir.write("catalogue.json", &named(catalogue(&models)));
    let mut text = format!("catalogue = {file:?}\n{config}\n");
    for (name, _) in models {
        text.push_str(&named(provider(name, "http://127.0.0.1:1/v1", &["TEST_KEY"])));
    }
    setup.config(&text).variable("TEST_KEY", "sk-test").start()
}

fn explained(weir: &Weir, model: &str, prompt: &str) -> Vec<Value> {
    let mut ask = body(prompt);
    ask["model"] = json!(model);
    let told = weir.post("/api/route/explain", &ask).is(200).json();
    told["record"]["candidates"].as_array().unwrap().clone()
}

fn of<'a>(candidates: &'a [Value], provider: &str) -> &'a Value {
    candidates.iter().find(|c| c["provider"] == provider).unwrap()
}

#[test]
fn where_a_quality_comes_from_can_be_recomputed() {
    let weir = weir("[routing]\nlearned_quality = true");
    let sums = explained(&weir, "auto", SUMS);
    for (provider, prior) in [("alpha", 0.3), ("beta", 0.6)] {
        let one = of(&sums, provider);
        assert_eq!(
            (&one["quality_source"], &one["quality_prior"]),
            (&json!("predicted"), &json!(prior)),
            "{one}"
        );
        let figure = |name: &str| one["quality_learned"][name].as_f64().unwrap();
        let by_hand = prior + figure("familiar") * (figure("predicted") - prior);
        assert!((one["quality"].as_f64().unwrap() - by_hand).abs() < 1e-6, "{one}");
        assert!(figure("familiar") > 0.3, "multiple choice is what it knows: {one}");
    }
    let unseen = of(&sums, "gamma");
    assert_eq!((&unseen["quality_source"], &unseen["quality"]), (&json!("prior"), &json!(0.5)));
    assert_eq!(unseen["quality_learned"], Value::Null);
    let chat = explained(&weir, "auto", "hey, how was your weekend?");
    let predicted = |all: &[Value]| of(all, "alpha")["quality_learned"]["predicted"].as_f64().unwrap();
    assert!((predicted(&chat) - predicted(&sums)).abs() > 0.01, "another prompt, another word");
    let pinned = explained(&weir, SMALL, SUMS);
    assert_eq!(of(&pinned, "alpha")["quality_source"], "prior", "whoever names a model is not read");
    let empty = explained(&weir, "auto", "");
    assert_eq!(empty.len(), 3);
}

#[test]
fn without_the_setting_nobody_is_read() {
    let weir = weir("");
    for one in explained(&weir, "auto", SUMS) {
        assert_eq!((&one["quality_source"], &one["quality"]), (&json!("prior"), &one["quality_prior"]));
    }
}
