//! Files of sound that are read: every provider in every format, what is billed, and files that go by without being gathered.

mod client;
mod forms;
mod large;

use crate::books::amount;
use crate::net::{Reply, request};
use crate::process::{Lab, Setup, Weir};
use crate::upstream::Upstream;
use serde_json::{Value, json};

/// Of the lab: each shape in which transcriptions are asked for; whether it tells times, and how long the file is.
const LISTENERS: [(&str, bool, bool); 6] = [
    ("lab-openai/whisper-lab", true, true),
    ("lab-openai/gpt-lab-transcribe", false, true),
    ("lab-groq/whisper-large-lab", true, true),
    ("lab-workers/@cf/lab/whisper", true, false),
    ("lab-workers/@cf/lab/whisper-large", true, true),
    ("lab-workers/@cf/lab/deepgram/nova", true, false),
];

const BOUNDARY: &str = "a-boundary-of-the-test";

/// A part of a form: name, name of a file, content.
pub type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

pub fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, file, content) in parts {
        out.extend_from_slice(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"").as_bytes(),
        );
        if let Some(file) = file {
            out.extend_from_slice(format!("; filename=\"{file}\"\r\nContent-Type: audio/wav").as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    out
}

pub fn posted(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let mut all = vec![("content-type", kind.as_str())];
    all.extend_from_slice(headers);
    request("POST", path, &all, body)
}

pub const PATH: &str = "/v1/audio/transcriptions";

/// The fields, then the file.
pub fn hear(weir: &Weir, model: &str, file: &[u8], fields: &[(&str, &str)]) -> Reply {
    let mut parts: Vec<Part<'_>> = vec![("model", None, model.as_bytes())];
    parts.extend(fields.iter().map(|(name, value)| (*name, None, value.as_bytes())));
    parts.push(("file", Some("speech.wav"), file));
    weir.open().ask(&posted(PATH, &[], &form(&parts)))
}

/// A tone of so many milliseconds: 16 kHz, 16 bits.
pub fn wav(millis: u32) -> Vec<u8> {
    let bytes = millis * 32;
    let mut out = b"RIFF".to_vec();
    out.extend_from_slice(&(bytes + 36).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data");
    out.extend_from_slice(&bytes.to_le_bytes());
    let samples = (0..bytes / 2).map(|at| (at * 37 % 2_000) as i16 - 1_000);
    out.extend(samples.flat_map(i16::to_le_bytes));
    out
}

pub fn line(weir: &Weir, reply: &Reply) -> Value {
    let entry = weir.ended(reply.told("x-request-id"));
    let sum: i128 = entry["detail"]["lines"].as_array().unwrap().iter().map(|l| amount(&l["amount"])).sum();
    assert_eq!(sum, amount(&entry["amount_usd"]), "{entry}");
    entry["detail"]["lines"][0].clone()
}

#[test]
fn everybody_hears_the_same_in_every_format() {
    let weir = Weir::alone();
    let file = wav(9_600);
    let mut heard = None;
    for (model, timed, tells) in LISTENERS {
        let reply = hear(&weir, model, &file, &[]).is(200);
        let said = reply.json();
        let text = said["text"].as_str().unwrap().to_owned();
        assert_eq!(*heard.get_or_insert(text.clone()), text, "{model}");
        assert_eq!(format!("{}/{}", reply.told("x-provider"), reply.told("x-model")), model);
        assert_eq!(reply.told("content-type"), "application/json");
        if model.contains("transcribe") {
            assert_eq!(said["usage"]["input_token_details"]["audio_tokens"], 96, "{said}");
        } else {
            assert_eq!(said["usage"], json!({ "type": "duration", "seconds": 10 }), "{model}");
        }
        let line = line(&weir, &reply);
        assert_eq!(
            (&line["outcome"], line["usage"]["estimated"].is_null()),
            (&json!("ok"), tells),
            "{model} {line}"
        );

        let plain = hear(&weir, model, &file, &[("response_format", "text")]).is(200);
        assert_eq!(String::from_utf8(plain.body.clone()).unwrap(), format!("{text}\n"), "{model}");
        assert_eq!(plain.told("content-type"), "text/plain; charset=utf-8");

        for format in ["srt", "vtt", "verbose_json"] {
            let reply = hear(&weir, model, &file, &[("response_format", format)]);
            if !timed {
                assert_eq!(reply.is(422).json()["error"]["param"], "response_format", "{model}");
                continue;
            }
            let reply = reply.is(200);
            let told = String::from_utf8(reply.body.clone()).unwrap();
            let all = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let cues = |point: &str| {
                let lines = told.lines().filter(|l| !l.contains("-->") && l.parse::<u32>().is_err());
                let lines: Vec<&str> = lines.filter(|l| *l != "WEBVTT").collect();
                assert_eq!(
                    all(&lines.join(" ").replace("&amp;", "&").replace("&lt;", "<")),
                    all(&text),
                    "{model} {format}"
                );
                let first = told.lines().find(|l| l.contains("-->")).unwrap();
                assert!(first.starts_with(&format!("00:00:00{point}000 --> 00:00:")), "{model}: {first}");
                let last = told.lines().rfind(|l| l.contains("-->")).unwrap();
                assert!(last.ends_with(&format!("--> 00:00:09{point}600")), "{model}: {last}");
            };
            match format {
                "srt" => cues(","),
                "vtt" => cues("."),
                _ => {
                    let said = reply.json();
                    assert_eq!(
                        (&said["duration"], &said["task"]),
                        (&json!(9.6), &json!("transcribe")),
                        "{model}"
                    );
                    let segments = said["segments"].as_array().unwrap();
                    let parts: Vec<&str> = segments.iter().map(|s| s["text"].as_str().unwrap()).collect();
                    assert_eq!(all(&parts.join(" ")), all(&text), "{model}");
                    assert_eq!(
                        (&segments[0]["start"], &segments.last().unwrap()["end"]),
                        (&json!(0.0), &json!(9.6))
                    );
                }
            }
        }
        let words = [("response_format", "verbose_json"), ("timestamp_granularities[]", "word")];
        if timed {
            let said = hear(&weir, model, &file, &words).is(200).json();
            let words = said["words"].as_array().unwrap();
            assert_eq!((words.len(), &words[23]["end"]), (24, &json!(9.6)), "{model} {said}");
            assert!(said["segments"].is_null() || !said["segments"].as_array().unwrap().is_empty());
        }
    }
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn seconds_are_billed_as_each_provider_counts_them() {
    let weir = Weir::alone();
    for (model, millis, pico) in [
        // 0.006 USD a minute, begun seconds of 3.2 as OpenAI's answer counts them.
        ("lab-openai/whisper-lab", 4_000, 400_000_000),
        // 0.00185 USD a minute, ten seconds at least.
        ("lab-groq/whisper-large-lab", 3_200, 308_333_000),
        ("lab-workers/@cf/lab/whisper-large", 3_200, 26_667_000),
        ("lab-workers/@cf/lab/whisper", 3_200, 26_667_000),
    ] {
        let reply = hear(&weir, model, &wav(3_200), &[]).is(200);
        let line = line(&weir, &reply);
        assert_eq!(line["usage"]["audio_millis"], millis, "{model}: {line}");
        assert_eq!(amount(&line["amount"]), pico, "{model}: {line}");
        assert_eq!(amount(&json!(reply.told("x-cost-usd"))), pico);
    }
    let reply = hear(&weir, "lab-openai/gpt-lab-transcribe", &wav(3_200), &[]).is(200);
    let line = line(&weir, &reply);
    assert_eq!((&line["usage"]["input_audio"], line["usage"]["audio_millis"].is_null()), (&json!(32), true));
    assert_eq!(weir.at_rest().1, 0);
}

#[test]
fn who_is_asked_for_english_translates_or_is_none() {
    let weir = Weir::alone();
    for (model, status) in [
        ("lab-openai/whisper-lab", 200),
        ("lab-groq/whisper-large-lab", 200),
        ("lab-workers/@cf/lab/whisper-large", 200),
        ("lab-openai/gpt-lab-transcribe", 422),
        ("lab-workers/@cf/lab/deepgram/nova", 422),
    ] {
        let parts: [Part<'_>; 3] = [
            ("model", None, model.as_bytes()),
            ("response_format", None, b"verbose_json"),
            ("file", Some("a.wav"), &wav(2_000)),
        ];
        let reply = weir.open().ask(&posted("/v1/audio/translations", &[], &form(&parts))).is(status);
        if status == 200 {
            assert_eq!(reply.json()["task"], "translate", "{model}");
        }
    }
}

#[test]
fn a_stream_is_told_in_events() {
    let weir = Weir::alone();
    for model in ["lab-openai/gpt-lab-transcribe", "lab-groq/whisper-large-lab"] {
        let reply = hear(&weir, model, &wav(3_000), &[("stream", "true")]).is(200);
        assert_eq!(reply.told("content-type"), "text/event-stream");
        let text = String::from_utf8(reply.body.clone()).unwrap();
        let events: Vec<Value> = text
            .split("\n\n")
            .filter_map(|frame| serde_json::from_str(frame.strip_prefix("data: ")?).ok())
            .collect();
        assert_eq!(events.last().unwrap()["type"], "transcript.text.done");
        let deltas: String = events.iter().filter_map(|e| e["delta"].as_str()).collect();
        assert_eq!(events.last().unwrap()["text"], deltas, "{model}");
        assert!(!deltas.is_empty() && events.last().unwrap()["usage"].is_object());
    }
}

/// Deepgram and ElevenLabs as the lab knows them, under names of the catalogue.
const SPECIALISTS: &str = r#"
name = "specialists"
[[provider]]
name = "deepgram"
dialect = "deepgram"
keys = ["dg"]
[[provider.model]]
name = "nova-3"
kind = "stt"
per_minute = "0.0043"
[[provider]]
name = "elevenlabs"
dialect = "elevenlabs"
keys = ["el"]
[[provider.model]]
name = "scribe_v2"
kind = "stt"
per_minute = "0.0036666667"
"#;

#[test]
fn deepgram_and_elevenlabs_hear_the_same() {
    let lab = Lab::start(SPECIALISTS);
    let config = format!(
        "[providers.deepgram]\nkind = \"deepgram\"\nbase_url = \"http://{0}/deepgram\"\nkeys = [\"DG\"]\n\
         [providers.elevenlabs]\nkind = \"elevenlabs\"\nbase_url = \"http://{0}/elevenlabs\"\nkeys = [\"EL\"]\n",
        lab.address
    );
    let weir = Setup::new().config(&config).variable("DG", "dg").variable("EL", "el").start();
    let mut heard = None;
    for (model, tells) in [("deepgram/nova-3", true), ("elevenlabs/scribe_v2", false)] {
        let reply = hear(&weir, model, &wav(9_600), &[]).is(200);
        let text = reply.json()["text"].as_str().unwrap().to_owned();
        assert_eq!(*heard.get_or_insert(text.clone()), text);
        let line = line(&weir, &reply);
        assert_eq!(
            (&line["usage"]["audio_millis"], line["usage"]["estimated"].is_null()),
            (&json!(9_600), tells)
        );
        for format in ["srt", "vtt", "verbose_json"] {
            let told =
                hear(&weir, model, &wav(9_600), &[("response_format", format), ("language", "en")]).is(200);
            let told = String::from_utf8(told.body).unwrap();
            assert!(told.contains("9.6") || told.contains("09,600"), "{model}: {told}");
        }
        let refused = hear(&weir, model, &wav(9_600), &[("prompt", "names")]).is(422);
        assert_eq!(refused.json()["error"]["param"], "prompt");
    }
    assert_eq!(weir.at_rest().1, 0);
}

/// Whispers of OpenAI's kind in the order of their quality, at 0.006 USD a minute. `more` comes before the providers.
pub fn whispers(upstreams: &[&Upstream], more: &str) -> Setup {
    let setup = Setup::new();
    let names = [("alpha", 0.95), ("beta", 0.35)];
    let models: Vec<Value> = names[..upstreams.len()]
        .iter()
        .map(|(name, quality)| {
            json!({"id": format!("{name}/{name}-whisper"), "kind": "stt", "status": "active", "caps": ["audio_in"],
                "price": {"rates": {"per_minute": "0.006"}}, "sources": {"test": "2026-11-21"},
                "quality": {"mean": quality, "confidence": 0.9, "source": "test", "date": "2026-11-21", "effort": "none"}})
        })
        .collect();
    let source = json!({"test": {"name": "made up", "date": "2026-11-21", "licence": "none"}});
    let catalogue = json!({"schema_version": 1, "as_of": "2026-11-21", "sources": source, "models": models});
    let file = setup.dir.write("catalogue.json", &catalogue.to_string());
    let mut text = format!("catalogue = {file:?}\n{more}\n");
    for ((name, _), upstream) in names.iter().zip(upstreams) {
        text.push_str(&format!(
            "[providers.{name}]\nkind = \"openai\"\nbase_url = \"http://{}/v1\"\nkeys = [\"TEST_KEY\"]\n\
             models = [\"{name}-whisper\"]\ncatalogue = \"{name}\"\n",
            upstream.address
        ));
    }
    setup.config(&text).variable("TEST_KEY", "sk-test")
}

/// What a whisper answers.
pub const WHISPERED: &str = r#"{"task":"transcribe","language":"english","duration":2.0,"text":"Hello, weir.","segments":[{"id":0,"seek":0,"start":0.0,"end":2.0,"text":" Hello, weir.","tokens":[1],"temperature":0.0,"avg_logprob":-0.2,"compression_ratio":1.0,"no_speech_prob":0.0}],"usage":{"type":"duration","seconds":2}}"#;

/// The metering cases for transcriptions, from answers as the providers give them.
#[test]
fn metering_cases_are_exact() {
    let cases: Value = serde_json::from_str(include_str!("../data/cost-cases.json")).unwrap();
    let expected = |id: &str| {
        let case = cases["cases"].as_array().unwrap().iter().find(|case| case["id"] == id).unwrap();
        i128::from(case["expected_nano_usd"].as_i64().unwrap()) * 1_000
    };
    for (case, kind, path, model, body) in [
        (
            "s-oai-26",
            "openai",
            "/v1",
            "whisper-1",
            r#"{"task":"transcribe","language":"english","duration":92.4,"text":"Hi","segments":[],"usage":{"type":"duration","seconds":93}}"#,
        ),
        (
            "s-oai-27",
            "openai",
            "/v1",
            "gpt-4o-transcribe",
            r#"{"text":"Hi","usage":{"type":"tokens","input_tokens":1020,"input_token_details":{"audio_tokens":1000,"text_tokens":20},"output_tokens":260,"total_tokens":1280}}"#,
        ),
        (
            "s-groq-06",
            "groq",
            "/openai/v1",
            "whisper-large-v3-turbo",
            r#"{"task":"transcribe","language":"English","duration":3.2,"text":"Hi","segments":[],"x_groq":{"id":"req_01"}}"#,
        ),
        (
            "s-wai-06",
            "workers-ai",
            "/client/v4/accounts/1",
            "@cf/openai/whisper-large-v3-turbo",
            r#"{"result":{"transcription_info":{"language":"en","duration":45.0},"text":"Hi","segments":[]},"success":true,"errors":[],"messages":[]}"#,
        ),
    ] {
        let (upstream, _) = Upstream::telling(body);
        let config = format!(
            "[providers.{kind}]\nkind = \"{kind}\"\nbase_url = \"http://{}{path}\"\nkeys = [\"K\"]\nmodels = [\"{model}\"]\n",
            upstream.address
        );
        let weir = Setup::new().config(&config).variable("K", "k").start();
        let reply = hear(&weir, model, &wav(500), &[]).is(200);
        assert_eq!(reply.json()["text"], "Hi", "{case}");
        let line = line(&weir, &reply);
        assert_eq!(amount(&line["amount"]), expected(case), "{case}: {line}");
        assert!(line["usage"]["estimated"].is_null(), "{case}: {line}");
        assert_eq!(weir.at_rest().1, 0);
    }
}
