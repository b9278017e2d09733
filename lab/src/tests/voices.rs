//! Every dialect that speaks: what it takes, what it says, and what goes wrong with it.

use super::lab;
use crate::sound::{Heard, Tone, hear};
use crate::{End, Figures, Kind, Lab, LabRequest, Scenario, Script, Trouble};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use vocab::{Dice, Instant};

/// How one of them is asked for this text, and what its body is.
struct Mouth {
    name: &'static str,
    path: &'static str,
    key: (&'static str, &'static str),
    body: fn(&str) -> Value,
    way: Way,
    /// Kind and rate of the sound.
    sound: (&'static str, u32),
    /// What the reply tells of its usage.
    reported: fn(Figures) -> Option<Figures>,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Bytes,
    /// Frames, each with its sound at one of these places.
    Sse(&'static [&'static str]),
    Document(&'static str),
}

const BEARER: (&str, &str) = ("authorization", "Bearer some-key");
const GEMINI: &str = "/candidates/0/content/parts/0/inlineData/data";

fn gemini(text: &str) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": {
        "responseModalities": ["AUDIO"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}}})
}

fn cartesia(text: &str, format: Value) -> Value {
    json!({"model_id": "sonic-lab", "transcript": text, "voice": {"mode": "id", "id": "694f9389"}, "language": "en",
        "output_format": format, "generation_config": {"speed": 1.0}})
}

fn openai(text: &str, more: &[(&str, &str)]) -> Value {
    let mut body = json!({"model": "gpt-lab-tts", "input": text, "voice": "alloy"});
    more.iter().for_each(|(key, value)| body[key] = json!(value));
    body
}

const TOLD: fn(Figures) -> Option<Figures> = Some;
const UNTOLD: fn(Figures) -> Option<Figures> = |_| None;

#[rustfmt::skip]
fn mouths() -> Vec<Mouth> {
    let raw = |name, path, key, body, sound, reported| Mouth { name, path, key, body, way: Way::Bytes, sound, reported };
    let xi = ("xi-api-key", "some-key");
    let token = ("authorization", "Token some-key");
    vec![
        raw("openai mp3", "/openai/v1/audio/speech", BEARER, |t| openai(t, &[]), ("mp3", 0), UNTOLD),
        raw("openai pcm", "/openai/v1/audio/speech", BEARER, |t| openai(t, &[("response_format", "pcm")]), ("pcm", 24_000), UNTOLD),
        raw("openai opus", "/openai/v1/audio/speech", BEARER, |t| openai(t, &[("response_format", "opus")]), ("opus", 0), UNTOLD),
        raw("openai aac", "/openai/v1/audio/speech", BEARER, |t| openai(t, &[("response_format", "aac")]), ("aac", 0), UNTOLD),
        raw("openai flac", "/openai/v1/audio/speech", BEARER, |t| openai(t, &[("response_format", "flac")]), ("flac", 0), UNTOLD),
        Mouth { way: Way::Sse(&["/audio"]), ..raw("openai frames", "/openai/v1/audio/speech", BEARER,
            |t| openai(t, &[("stream_format", "sse"), ("response_format", "wav")]), ("wav", 0), TOLD) },
        raw("groq", "/groq/openai/v1/audio/speech", BEARER,
            |t| json!({"model": "canopylabs/orpheus-lab", "input": t, "voice": "troy", "response_format": "wav"}), ("wav", 0), UNTOLD),
        raw("elevenlabs", "/elevenlabs/v1/text-to-speech/voice1/stream?output_format=pcm_44100", xi,
            |t| json!({"text": t, "model_id": "eleven_lab_flash", "voice_settings": {"speed": 1.0}}), ("pcm", 44_100), TOLD),
        raw("elevenlabs mp3", "/elevenlabs/v1/text-to-speech/voice1", xi,
            |t| json!({"text": t, "model_id": "eleven_lab_multilingual"}), ("mp3", 0), TOLD),
        raw("elevenlabs telephone", "/elevenlabs/v1/text-to-speech/voice1/stream?output_format=ulaw_8000", xi,
            |t| json!({"text": t, "model_id": "eleven_lab_flash"}), ("mulaw", 8_000), TOLD),
        raw("cartesia", "/cartesia/tts/bytes", BEARER,
            |t| cartesia(t, json!({"container": "wav", "encoding": "pcm_s16le", "sample_rate": 22050})), ("wav", 0), UNTOLD),
        raw("cartesia mp3", "/cartesia/tts/bytes", BEARER,
            |t| cartesia(t, json!({"container": "mp3", "sample_rate": 44100, "bit_rate": 128000})), ("mp3", 0), UNTOLD),
        Mouth { way: Way::Sse(&["/data"]), ..raw("cartesia frames", "/cartesia/tts/sse", BEARER,
            |t| cartesia(t, json!({"container": "raw", "encoding": "pcm_alaw", "sample_rate": 8000})), ("alaw", 8_000), UNTOLD) },
        raw("deepgram", "/deepgram/v1/speak?model=aura-2-thalia-en&encoding=linear16&container=wav&sample_rate=48000", token,
            |t| json!({"text": t}), ("wav", 0), TOLD),
        raw("deepgram mp3", "/deepgram/v1/speak?model=aura-2-thalia-en", token, |t| json!({"text": t}), ("mp3", 0), TOLD),
        Mouth { way: Way::Document(GEMINI), ..raw("gemini", "/gemini/v1beta/models/gemini-lab-tts:generateContent",
            ("x-goog-api-key", "some-key"), gemini, ("pcm", 24_000), TOLD) },
        Mouth { way: Way::Sse(&[GEMINI]), ..raw("gemini frames", "/gemini/v1beta/models/gemini-lab-tts:streamGenerateContent?alt=sse",
            ("x-goog-api-key", "some-key"), gemini, ("pcm", 24_000), TOLD) },
        raw("workers", "/workers/client/v4/accounts/lab/ai/run/@cf/lab/aura-2-en", BEARER,
            |t| json!({"text": t, "speaker": "luna", "encoding": "linear16", "container": "none"}), ("pcm", 24_000), UNTOLD),
        Mouth { way: Way::Document("/result/audio"), ..raw("melotts", "/workers/client/v4/accounts/lab/ai/run/@cf/lab/melotts", BEARER,
            |t| json!({"prompt": t, "lang": "en"}), ("mp3", 0), UNTOLD) },
    ]
}

fn play(lab: &Lab, mouth: &Mouth, body: &Value) -> Script {
    let mut headers = HeaderMap::new();
    headers.insert(mouth.key.0, mouth.key.1.parse().unwrap());
    headers.insert("cartesia-version", "2026-08-14".parse().unwrap());
    let request =
        LabRequest { method: Method::POST, path: mouth.path.into(), headers, body: body.to_string().into() };
    lab.respond(&request, Instant::from_secs(1), &mut Dice::seeded(5))
}

fn decoded(value: &Value, place: &str) -> Vec<u8> {
    value.pointer(place).and_then(Value::as_str).map_or_else(Vec::new, |text| STANDARD.decode(text).unwrap())
}

/// The sound of a reply, as far as it can be read.
fn sound(mouth: &Mouth, script: &Script) -> Vec<u8> {
    let body = script.body();
    match mouth.way {
        Way::Bytes => body,
        Way::Document(place) => decoded(&serde_json::from_slice(&body).unwrap_or_default(), place),
        Way::Sse(places) => {
            let text = String::from_utf8_lossy(&body).replace("\r\n", "\n");
            let frames = text.split("\n\n").filter_map(|frame| frame.split_once("data: "));
            let values = frames.filter_map(|(_, data)| serde_json::from_str::<Value>(data).ok());
            values
                .flat_map(|value| places.iter().flat_map(|place| decoded(&value, place)).collect::<Vec<_>>())
                .collect()
        }
    }
}

fn heard(mouth: &Mouth, script: &Script) -> Option<Heard> {
    hear(mouth.sound.0, mouth.sound.1, &sound(mouth, script))
}

const TEXT: &str = "Here is 1. There is 2! Where is 3?";

fn said(mouth: &Mouth, marker: &str) -> (Script, Option<Heard>) {
    let script = play(&lab(), mouth, &(mouth.body)(&format!("{TEXT}{marker}")));
    let heard = heard(mouth, &script);
    (script, heard)
}

#[test]
fn every_dialect_speaks_the_text_and_nothing_else() {
    for mouth in mouths() {
        let lab = lab();
        let script = play(&lab, &mouth, &(mouth.body)(TEXT));
        let name = mouth.name;
        assert_eq!(
            (script.status, script.end),
            (200, End::Done),
            "{name} {:?}",
            String::from_utf8_lossy(&script.body())
        );
        let heard = heard(&mouth, &script).expect(name);
        assert_eq!(heard.tones(), [1, 2, 3], "{name}");
        assert!(heard.whole && heard.gaps().iter().all(|gap| (30..=90).contains(gap)), "{name} {heard:?}");
        assert!(heard.step.is_none_or(|step| step <= heard.steepest()), "{name} {heard:?}");
        let made = lab.seen()[0].made;
        assert_eq!(made.characters, 34, "{name}");
        assert!(made.audio_ms.abs_diff(heard.ms) < 200, "{name} {made:?} {heard:?}");
        let reports = lab.seen()[0].reports.last().map(|(_, figures)| *figures);
        assert_eq!(reports, (mouth.reported)(made), "{name}");
        assert!(mouth.way != Way::Bytes || script.steps.len() > 5, "{name} streams");
    }
}

/// What comes beside the sound, as each provider's documentation has it.
#[test]
fn heads_and_frames_say_what_they_should() {
    let by_name = |name: &str| mouths().into_iter().find(|mouth| mouth.name == name).unwrap();
    let head = |name: &str, header: &str| {
        let script = said(&by_name(name), "").0;
        script.headers.get(header).map(|value| value.to_str().unwrap().to_owned())
    };
    // Half a credit for each of 34 characters, or a whole one.
    assert_eq!(head("elevenlabs", "character-cost").as_deref(), Some("17"));
    assert_eq!(head("elevenlabs mp3", "character-cost").as_deref(), Some("34"));
    assert_eq!(head("elevenlabs mp3", "content-type").as_deref(), Some("audio/mpeg"));
    assert!(head("elevenlabs", "request-id").is_some());
    assert_eq!(head("deepgram", "dg-char-count").as_deref(), Some("34"));
    assert!(head("deepgram", "dg-request-id").is_some());
    assert_eq!(head("deepgram", "content-type").as_deref(), Some("audio/wav"));
    assert_eq!(head("openai opus", "content-type").as_deref(), Some("audio/ogg"));
    assert_eq!(head("openai frames", "content-type").as_deref(), Some("text/event-stream; charset=utf-8"));
    assert_eq!(head("cartesia", "character-cost"), None);

    let text = |name: &str| String::from_utf8(said(&by_name(name), "").0.body()).unwrap();
    let frames = text("openai frames");
    assert!(frames.starts_with("data: {\"type\":\"speech.audio.delta\",\"audio\":\""), "{frames:.80}");
    let done = frames.trim_end().rsplit("data: ").next().unwrap();
    let done: Value = serde_json::from_str(done).unwrap();
    // 34 characters of 20 ms without the blanks between, three pauses of 60 ms; 25 tokens a second.
    assert_eq!(
        done,
        json!({"type": "speech.audio.done", "usage": {"input_tokens": 9, "output_tokens": 21, "total_tokens": 30}})
    );
    let frames = text("cartesia frames");
    assert!(frames.starts_with("event: chunk\ndata: {\"type\":\"chunk\",\"data\":\""), "{frames:.80}");
    assert!(frames.contains("event: done\ndata: {\"type\":\"done\",\"done\":true,\"status_code\":200"));
    let page: Value = serde_json::from_str(&text("gemini")).unwrap();
    assert_eq!(
        page.pointer("/candidates/0/content/parts/0/inlineData/mimeType"),
        Some(&json!("audio/L16;codec=pcm;rate=24000"))
    );
    assert_eq!(
        page["usageMetadata"]["candidatesTokensDetails"],
        json!([{"modality": "AUDIO", "tokenCount": 21}])
    );
}

#[test]
fn sound_that_breaks_off_breaks_off_where_it_should() {
    for mouth in mouths().iter().filter(|mouth| !matches!(mouth.way, Way::Document(_))) {
        let name = mouth.name;
        for (kind, end) in [
            ("cut", End::Done),
            ("drop", End::Close),
            ("reset", End::Reset),
            ("stall", End::Hang),
            ("half_frame", End::Done),
        ] {
            let (script, _) = said(mouth, &format!("[[lab: fault={kind} after=420]]"));
            assert_eq!(script.end, end, "{name} {kind}");
            // The head of a FLAC stream or of a page may be cut too: then it is not heard, but told to be cut.
            let heard = heard(mouth, &script).unwrap_or_else(|| panic!("{name} {kind}"));
            assert_eq!(heard.tones(), [1, 2], "{name} {kind} {heard:?}");
            assert!((340..=460).contains(&heard.ms), "{name} {kind} {}", heard.ms);
        }
    }
    // In the middle of a sample, of a frame, of a page.
    for name in ["openai pcm", "openai mp3", "openai opus", "openai flac", "openai aac"] {
        let mouth = mouths().into_iter().find(|mouth| mouth.name == name).unwrap();
        assert!(!said(&mouth, "[[lab: fault=half_frame after=400]]").1.unwrap().whole, "{name}");
        assert!(said(&mouth, "[[lab: fault=cut after=400]]").1.unwrap().whole, "{name}");
    }
}

#[test]
fn silence_nothing_and_another_rate() {
    for mouth in mouths() {
        let name = mouth.name;
        let usual = said(&mouth, "").1.unwrap();
        let (script, heard) = said(&mouth, "[[lab: fault=silence]]");
        let heard = heard.expect(name);
        assert!(
            script.status == 200 && heard.tones().is_empty() && heard.ms.abs_diff(usual.ms) < 100,
            "{name}"
        );
        let (script, _) = said(&mouth, "[[lab: fault=zero_tokens]]");
        assert!(
            script.status == 200 && script.end == End::Done && sound(&mouth, &script).is_empty(),
            "{name}"
        );
    }
    let by_name = |name: &str| mouths().into_iter().find(|mouth| mouth.name == name).unwrap();
    for (name, marker, rate) in [
        ("groq", "[[lab: fault=wrong_rate]]", 16_000),
        ("cartesia", "[[lab: fault=wrong_rate size=44100]]", 44_100),
        ("openai mp3", "[[lab: fault=wrong_rate size=44100]]", 44_100),
    ] {
        let heard = said(&by_name(name), marker).1.unwrap();
        assert_eq!((heard.rate, heard.tones()), (rate, vec![1, 2, 3]), "{name}");
    }
    // Without a head nothing tells: it is heard too fast.
    let heard = said(&by_name("openai pcm"), "[[lab: fault=wrong_rate size=12000]]").1.unwrap();
    assert!(heard.ms < 600 && heard.tones() != [1, 2, 3], "{heard:?}");
}

#[test]
fn slow_starts_and_slow_sound_take_their_time() {
    for mouth in mouths().iter().filter(|mouth| mouth.way == Way::Bytes) {
        let (script, heard) = said(mouth, "[[lab: fault=stall after=0 ms=5000]]");
        assert!(script.head_after.as_millis() < 1_000, "{}", mouth.name);
        assert!(script.steps[0].after.as_millis() >= 5_000, "{}", mouth.name);
        assert_eq!(heard.unwrap().tones(), [1, 2, 3]);
        let (script, _) = said(mouth, "[[lab: fault=slow_head ms=5000]]");
        assert!(script.head_after.as_millis() >= 5_000, "{}", mouth.name);
        // A second for each tenth of one.
        let (script, heard) = said(mouth, "[[lab: fault=slow_tokens]]");
        let slow = script.duration().as_millis() / 10;
        assert!(slow.abs_diff(u128::from(heard.unwrap().ms)) < 150, "{} {slow}", mouth.name);
    }
}

#[test]
fn harmless_troubles_change_neither_sound_nor_usage() {
    for mouth in mouths() {
        let spoken = |marker: &str| {
            let script = play(&lab(), &mouth, &(mouth.body)(&format!("{TEXT}{marker}")));
            (script.status, script.end, sound(&mouth, &script))
        };
        let usual = spoken("");
        for kind in Kind::ALL.iter().filter(|kind| kind.harmless()) {
            assert!(spoken(&format!("[[lab: fault={kind}]]")) == usual, "{} {kind}", mouth.name);
        }
    }
}

#[test]
fn usage_is_left_out_or_nothing_where_that_is_asked() {
    let by_name = |name: &str| mouths().into_iter().find(|mouth| mouth.name == name).unwrap();
    for (name, header) in [("elevenlabs", "character-cost"), ("deepgram", "dg-char-count")] {
        assert!(
            said(&by_name(name), "[[lab: fault=usage_missing]]").0.headers.get(header).is_none(),
            "{name}"
        );
        assert_eq!(said(&by_name(name), "[[lab: fault=usage_zero]]").0.headers[header], "0", "{name}");
    }
    for name in ["gemini", "gemini frames", "openai frames"] {
        let body = |marker| String::from_utf8(said(&by_name(name), marker).0.body()).unwrap().to_lowercase();
        assert!(
            body("").contains("usage") && !body("[[lab: fault=usage_missing]]").contains("\"usage"),
            "{name}"
        );
    }
}

/// What each says to a wrong key, an unknown voice, a text that is too long, and when it is busy or out of credit.
#[test]
fn every_dialect_refuses_in_its_own_words() {
    let lab = lab();
    let refused = |name: &str, change: &dyn Fn(&mut Value), path: Option<&'static str>| {
        let mut mouth = mouths().into_iter().find(|mouth| mouth.name == name).unwrap();
        mouth.path = path.unwrap_or(mouth.path);
        let mut body = (mouth.body)("Say 1.");
        change(&mut body);
        let script = play(&lab, &mouth, &body);
        let page: Value = serde_json::from_slice(&script.body()).unwrap();
        (script.status, page)
    };
    let none: &dyn Fn(&mut Value) = &|_| {};
    let words = "word ".repeat(900);
    let too_long = |field: &'static str| {
        let words = words.repeat(10);
        move |body: &mut Value| body[field] = json!(words)
    };
    for (name, status, place, text) in
        [("openai mp3", 400, "/error/param", "input"), ("groq", 400, "/error/param", "input")]
    {
        let (got, page) = refused(name, &|body| body["input"] = json!(words.clone()), None);
        assert_eq!((got, page.pointer(place)), (status, Some(&json!(text))), "{name} {page}");
    }
    let (status, page) = refused("groq", &|body| body["response_format"] = json!("mp3"), None);
    assert_eq!((status, &page["error"]["message"]), (400, &json!("response_format must be one of [wav]")));
    let (status, page) = refused("openai mp3", &|body| body["voice"] = json!("nobody"), None);
    assert_eq!((status, &page["error"]["param"]), (400, &json!("voice")));
    let (status, page) = refused("openai frames", &|body| body["model"] = json!("tts-1-lab"), None);
    assert_eq!((status, &page["error"]["param"]), (400, &json!("stream_format")));
    let (status, page) = refused("elevenlabs", &too_long("text"), None);
    assert_eq!((status, &page["detail"]["status"]), (400, &json!("max_character_limit_exceeded")));
    let (status, page) = refused("elevenlabs", &|body| body["made_up"] = json!(1), None);
    assert_eq!((status, &page["detail"][0]["loc"]), (422, &json!(["body", "made_up"])));
    let (status, page) =
        refused("elevenlabs", none, Some("/elevenlabs/v1/text-to-speech/v/stream?output_format=ogg_1"));
    assert_eq!((status, &page["detail"]["status"]), (400, &json!("invalid_output_format")));
    let (status, page) = refused("cartesia", &too_long("transcript"), None);
    assert_eq!((status, &page["error_code"]), (413, &json!("transcript_too_long")));
    let (status, page) = refused("cartesia", &|body| body["transcript"] = json!("... !"), None);
    assert_eq!((status, &page["error_code"]), (400, &json!("invalid_transcript")));
    let (status, page) =
        refused("cartesia frames", &|body| body["output_format"]["container"] = json!("wav"), None);
    assert_eq!((status, &page["error_code"]), (400, &json!("invalid_request")));
    let (status, page) = refused("deepgram", &too_long("text"), None);
    assert_eq!((status, &page["err_code"]), (400, &json!("INPUT_TEXT_TOO_LONG")));
    let (status, page) = refused(
        "deepgram",
        none,
        Some("/deepgram/v1/speak?model=aura-2-thalia-en&encoding=mp3&sample_rate=8000"),
    );
    assert_eq!((status, &page["err_code"]), (400, &json!("UNSUPPORTED_AUDIO_FORMAT")));
    let (status, page) = refused("deepgram", none, Some("/deepgram/v1/speak?model=nobody-en"));
    assert_eq!(status, 400, "{page}");
    let (status, page) = refused("workers", &too_long("text"), None);
    assert_eq!((status, &page["errors"][0]["code"]), (400, &json!(5004)));
    let (status, page) =
        refused("gemini", &|body| body["generationConfig"]["responseModalities"] = json!(["TEXT"]), None);
    assert_eq!((status, &page["error"]["status"]), (400, &json!("INVALID_ARGUMENT")));
}

#[test]
fn refusals_by_trouble_have_the_right_status() {
    let status = |name: &str, kind: Kind| {
        let mouth = mouths().into_iter().find(|mouth| mouth.name == name).unwrap();
        said(&mouth, &format!("[[lab: fault={kind}]]")).0.status
    };
    for (name, expected) in [
        ("elevenlabs", [401, 401, 429, 400]),
        ("cartesia", [401, 402, 429, 413]),
        ("deepgram", [401, 402, 429, 400]),
        ("openai mp3", [401, 429, 429, 400]),
        ("groq", [401, 429, 429, 400]),
        ("gemini", [400, 429, 429, 400]),
        ("workers", [401, 429, 429, 413]),
    ] {
        let kinds = [Kind::Unauthorized, Kind::Quota, Kind::RateLimit, Kind::ContextOverflow];
        assert_eq!(kinds.map(|kind| status(name, kind)), expected, "{name}");
        assert_eq!(status(name, Kind::ServerError), 500, "{name}");
    }
    // Frames say it with status 200.
    let ends = ["\"type\":\"done\"", "speech.audio.done", "finishReason"];
    for name in ["cartesia frames", "openai frames", "gemini frames"] {
        let mouth = mouths().into_iter().find(|mouth| mouth.name == name).unwrap();
        let script = said(&mouth, "[[lab: fault=error_frame after=300]]").0;
        let body = String::from_utf8(script.body()).unwrap();
        assert!(
            script.status == 200 && body.contains("error") && !ends.iter().any(|end| body.contains(end)),
            "{name}"
        );
    }
}

#[test]
fn a_scenario_says_which_voices_there_are_and_what_they_cost() {
    let text = r#"
        [[provider]]
        name = "choir"
        dialect = "elevenlabs"
        [[provider.model]]
        name = "m"
        kind = "tts"
        voices = ["alto"]
        max_characters = 20
        per_1m_characters = "50"
        ms_per_character = 40
        [[provider.fault]]
        kind = "silence"
        from_request = 3
    "#;
    let scenario = Scenario::parse(text).unwrap();
    let overlay: Value = serde_json::from_str(&crate::catalogue_overlay(&scenario)).unwrap();
    let entry = &overlay["models"][0];
    assert_eq!((&entry["kind"], &entry["max_characters"]), (&json!("tts"), &json!(20)));
    assert_eq!(entry["price"], json!({"rates": {"per_1m_characters": "50"}}));
    let lab = Lab::new(scenario).unwrap();
    let ask = |by: &str, text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("xi-api-key", "k".parse().unwrap());
        let body = json!({"text": text, "model_id": "m"}).to_string().into();
        let path = format!("/choir/v1/text-to-speech/{by}?output_format=pcm_8000");
        lab.respond(
            &LabRequest { method: Method::POST, path, headers, body },
            Instant::from_secs(1),
            &mut Dice::seeded(1),
        )
    };
    let heard = hear("pcm", 8_000, &ask("alto", "It is 4.").body()).unwrap();
    assert_eq!((heard.tones(), heard.notes[0].tone), (vec![4], Tone::of("It is 4.")));
    assert!((300..=330).contains(&heard.notes[0].ms), "{heard:?}");
    assert_eq!(ask("bass", "It is 4.").status, 404);
    assert!(hear("pcm", 8_000, &ask("alto", "It is 4.").body()).unwrap().tones().is_empty());
    assert_eq!(ask("alto", "It is longer than it may be.").status, 400);
    assert!(lab.seen().iter().any(|seen| seen.troubles == [Trouble::of(Kind::Silence).kind]));
    for wrong in ["realtime = 0", "max_characters = 0", "per_minute = \"x\"", "output_audio = \"-1\""] {
        let text = text.replace("voices = [\"alto\"]", wrong).replace("max_characters = 20", "");
        assert!(Scenario::parse(&text).is_err(), "{wrong}");
    }
}
