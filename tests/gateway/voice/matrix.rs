//! Every wire format of the lab in every format, and what of it is heard.

use super::studio::CHARACTER_PICO;
use crate::books::amount;
use crate::process::{Lab, Setup, Weir};
use lab::sound::hear;
use serde_json::{Value, json};

const TEXT: &str =
    "This is sentence 3. And this is sentence 7, which is a little longer. At last comes sentence 12.";
const FORMATS: [&str; 8] = ["mp3", "opus", "aac", "flac", "wav", "pcm", "mulaw", "alaw"];

/// The models that have a voice, as they are asked for.
fn speakers(weir: &Weir) -> Vec<String> {
    let voices = weir.get("/api/voice/voices").is(200).json();
    let calm = voices["voices"].as_array().unwrap().iter().find(|v| v["name"] == "calm").unwrap().clone();
    let name = |at: &Value| format!("{}/{}", at["provider"].as_str().unwrap(), at["model"].as_str().unwrap());
    calm["at"].as_array().unwrap().iter().map(name).collect()
}

#[test]
fn every_provider_is_heard_in_every_format_that_it_has() {
    let weir = Weir::alone();
    let speakers = speakers(&weir);
    assert!(speakers.len() >= 9, "{speakers:?}");
    let mut heard_in = vec![0; FORMATS.len()];
    for model in &speakers {
        let mut formats = 0;
        for (at, format) in FORMATS.into_iter().enumerate() {
            let body =
                json!({"text": TEXT, "voice": "calm", "model": model, "format": format, "language": "en"});
            let reply = weir.post("/api/voice/tts", &body);
            if reply.status == 422 {
                assert!(reply.text().contains("it does not make"), "{model} {format}: {}", reply.text());
                continue;
            }
            let reply = reply.is(200);
            formats += 1;
            heard_in[at] += 1;
            assert_eq!(&format!("{}/{}", reply.told("x-provider"), reply.told("x-model")), model);
            let rate = reply
                .told("content-type")
                .rsplit_once("rate=")
                .map_or(24_000, |(_, rate)| rate.parse().unwrap());
            let heard = hear(format, rate, &reply.body).unwrap_or_else(|| panic!("{model}: no {format}"));
            assert_eq!(heard.tones(), [3, 7, 12], "{model} in {format}: {heard:?}");
            assert!(heard.whole, "{model} in {format}");
            assert!(
                heard.gaps().iter().all(|gap| (10..300).contains(gap)),
                "{model} in {format}: {:?}",
                heard.gaps()
            );
            if let Some(step) = heard.step {
                assert!(step <= heard.steepest(), "{model} in {format} clicks: {step}");
            }
            let entry = weir.ended(reply.told("x-request-id"));
            let lines = entry["detail"]["lines"].as_array().unwrap();
            assert_eq!((lines.len(), &lines[0]["outcome"]), (1, &json!("ok")), "{entry}");
            assert!(amount(&entry["amount_usd"]) > 0, "{model} in {format} is for nothing");
        }
        assert!(formats > 0, "{model} is heard in no format");
    }
    assert!(heard_in.iter().all(|models| *models > 0), "{heard_in:?}");
    weir.at_rest();
}

/// Two of the lab's providers, the first preferred, whatever goes wrong with it.
fn pair(faults: &str) -> (Lab, Setup) {
    let mut text = String::from("name = \"test\"\nseed = 3\n");
    for (name, dialect) in [("alpha", "elevenlabs"), ("beta", "cartesia")] {
        text.push_str(&format!(
            "[[provider]]\nname = \"{name}\"\ndialect = \"{dialect}\"\nkeys = [\"{name}-one\"]\n\
             [[provider.model]]\nname = \"speaks\"\nkind = \"tts\"\nper_1m_characters = \"15\"\nms_per_character = 40\nttft_ms = {{ p50 = 5, p95 = 10 }}\n"
        ));
        if name == "alpha" {
            text.push_str(faults);
        }
    }
    let lab = Lab::start(&text);
    let mut setup = Setup::new();
    let catalogue = super::studio::catalogue().replace("tts-1", "speaks");
    let file = setup.dir.write("catalogue.json", &catalogue);
    let mut text = format!(
        "catalogue = {file:?}\n[bounds]\nfirst_content_ms = 1500\nidle_ms = 1000\n[voice]\ndefault = \"calm\"\n\
         [voice.voices.calm.ids]\nalpha = \"a\"\nbeta = \"b\"\n"
    );
    for (name, kind) in [("alpha", "elevenlabs"), ("beta", "cartesia")] {
        let key = name.to_ascii_uppercase();
        text.push_str(&format!(
            "[providers.{name}]\nkind = \"{kind}\"\nbase_url = \"http://{}/{name}\"\nkeys = [\"{key}_KEY\"]\n\
             models = [\"speaks\"]\ncatalogue = \"{name}\"\n",
            lab.address
        ));
        setup = setup.variable(&format!("{key}_KEY"), &format!("{name}-one"));
    }
    (lab, setup.config(&text))
}

const STORY: &str = "Sentence 1 is first. Sentence 2 is second. Sentence 3 is third. Sentence 4 is fourth. Sentence 5 is fifth.";

#[test]
fn whatever_breaks_in_mid_answer_every_sentence_is_heard_once() {
    for (fault, after) in
        [("drop", 1_500), ("reset", 1_500), ("stall", 1_500), ("half_frame", 1_500), ("drop", 400)]
    {
        for format in ["pcm", "wav", "mp3"] {
            let (_lab, setup) = pair("");
            let weir = setup.start();
            // In what is said by the second call.
            let marker = format!("first. [[lab: only=alpha fault={fault} after={after}]]");
            let text = STORY.replace("first.", &marker);
            let body = json!({"text": text, "format": format});
            let reply = weir.post("/api/voice/tts", &body).is(200);
            let rate = reply
                .told("content-type")
                .rsplit_once("rate=")
                .map_or(24_000, |(_, rate)| rate.parse().unwrap());
            let heard = hear(format, rate, &reply.body).unwrap_or_else(|| panic!("{fault}: no {format}"));
            // Where one fades into the other within a tone, their waves may meet against each other: it is still one.
            let mut tones = heard.tones();
            tones.dedup();
            assert_eq!(tones, [1, 2, 3, 4, 5], "{fault} after {after} ms in {format}: {heard:?}");
            // 109 characters at 40 ms, and the pauses: nothing is missing, and no sentence is said again.
            assert!(
                (4_200..5_100).contains(&heard.ms),
                "{fault} after {after} ms in {format}: {} ms",
                heard.ms
            );
            assert!(heard.gaps().iter().all(|gap| *gap < 300), "{fault} in {format}: {:?}", heard.gaps());
            if let Some(step) = heard.step {
                assert!(
                    step <= heard.steepest(),
                    "{fault} in {format} clicks: {step} of {}",
                    heard.steepest()
                );
            }
            let lines = weir.ended(reply.told("x-request-id"))["detail"]["lines"].clone();
            assert_eq!(lines.as_array().unwrap().len(), 2, "{fault} in {format}: {lines}");
            assert_eq!((&lines[0]["provider"], &lines[1]["provider"]), (&json!("alpha"), &json!("beta")));
            assert_ne!(lines[0]["outcome"], "ok");
            assert_eq!(lines[1]["outcome"], "ok");
            let characters = lines[1]["usage"]["characters"].as_i64().unwrap();
            assert_eq!(amount(&lines[1]["amount"]), i128::from(characters) * CHARACTER_PICO);
            weir.at_rest();
        }
    }
}
