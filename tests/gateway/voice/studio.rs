//! Providers that speak in tones, a weir before them, and ears.

use crate::process::{Setup, Weir};
use crate::upstream::{Call, Heard, Upstream};
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;

/// Samples a second of what the fakes make.
pub const RATE: u32 = 24_000;
/// Of a sentence, and of the silence behind it.
pub const TONE_MS: usize = 500;
pub const PAUSE_MS: usize = 100;
const LOUD: f64 = 8_000.0;

/// What a provider does instead of speaking.
#[derive(Clone, Copy, Debug, Default)]
pub struct Habit {
    /// Hangs up after so many milliseconds of sound, in its first call.
    pub dies_after_ms: Option<usize>,
    /// Between its pieces of a tenth of a second.
    pub pause_ms: u64,
    pub rate: Option<u32>,
}

/// A tone of that frequency and length.
pub fn tone(hertz: f64, millis: usize, rate: u32) -> Vec<i16> {
    let wave = |n: usize| (n as f64 * hertz * std::f64::consts::TAU / f64::from(rate)).sin() * LOUD;
    (0..millis * rate as usize / 1_000).map(|n| wave(n) as i16).collect()
}

/// What a text sounds like: the numbers in it, one after the other.
pub fn spoken(text: &str, rate: u32) -> Vec<i16> {
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<f64>().ok());
    let mut all = Vec::new();
    for hertz in numbers {
        all.extend(tone(hertz, TONE_MS, rate));
        all.extend(vec![0; PAUSE_MS * rate as usize / 1_000]);
    }
    all
}

pub fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

pub fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes(pair.try_into().unwrap())).collect()
}

/// The head of an answer that is sound.
pub fn begins(call: &mut Call<'_>, kind: &str) -> bool {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n");
    call.stream.write_all(head.as_bytes()).is_ok()
}

/// A piece of it.
pub fn gives(call: &mut Call<'_>, bytes: &[u8]) -> bool {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    call.stream.write_all(&chunk).is_ok()
}

/// Speaks the text of a call as OpenAI would, in the format that it is asked for, as far as tones go.
pub fn speaks(mut call: Call<'_>, habit: Habit) -> bool {
    let body: Value = serde_json::from_str(call.body).unwrap();
    let rate = habit.rate.unwrap_or(RATE);
    let sound = spoken(body["input"].as_str().unwrap(), rate);
    let mut all = match body["response_format"].as_str().unwrap() {
        "wav" => wav(rate),
        _ => Vec::new(),
    };
    all.extend(bytes(&sound));
    let dies = habit.dies_after_ms.filter(|_| call.number == 1);
    let end = dies.map_or(all.len(), |ms| (ms * rate as usize * 2 / 1_000).min(all.len()));
    if !begins(&mut call, "audio/pcm") {
        return false;
    }
    for piece in all[..end].chunks(rate as usize / 5) {
        if !gives(&mut call, piece) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(habit.pause_ms));
    }
    dies.is_none() && call.ends()
}

/// A header that does not know how long it will be.
fn wav(rate: u32) -> Vec<u8> {
    let mut head = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    head.extend(rate.to_le_bytes());
    head.extend((rate * 2).to_le_bytes());
    head.extend(b"\x02\0\x10\0data\xff\xff\xff\xff");
    head
}

/// A provider of that habit, and what it was asked.
pub fn speaker(habit: Habit) -> (Upstream, Heard) {
    let heard = Heard::default();
    let calls = heard.clone();
    let upstream = Upstream::start(move |call| {
        calls.lock().unwrap().push((call.head.to_ascii_lowercase(), call.body.to_owned()));
        speaks(call, habit)
    });
    (upstream, heard)
}

/// The texts that a provider was asked to say, in order.
pub fn texts(heard: &Heard) -> Vec<String> {
    let said = |(_, body): &(String, String)| {
        let body: Value = serde_json::from_str(body).unwrap();
        body["input"].as_str().unwrap().to_owned()
    };
    heard.lock().unwrap().iter().map(said).collect()
}

/// 15 USD for a million characters: in picodollars for one.
pub const CHARACTER_PICO: i128 = 15_000_000;
const QUALITY: [(&str, f64); 3] = [("alpha", 0.95), ("beta", 0.75), ("gamma", 0.55)];

/// Models `NAME/tts-1` at providers `NAME`, the first the best.
pub fn catalogue() -> String {
    let models: Vec<Value> = QUALITY
        .iter()
        .map(|(name, quality)| {
            json!({
                "id": format!("{name}/tts-1"), "kind": "tts", "status": "active",
                "price": {"rates": {"per_1m_characters": "15"}}, "caps": ["audio_out"],
                "quality": {"mean": quality, "confidence": 0.9, "source": "test", "date": "2026-11-21"},
                "latency": {"ttft_ms": 20, "source": "test", "date": "2026-11-21"},
                "sources": {"test": "2026-11-21"},
            })
        })
        .collect();
    let source = json!({"test": {"name": "made up", "date": "2026-11-21", "licence": "none"}});
    json!({"schema_version": 1, "as_of": "2026-11-21", "sources": source, "models": models}).to_string()
}

/// A weir before these providers, all of which have the voice `calm`. `more` comes before the tables of the providers.
pub fn setup(upstreams: &[(&str, &Upstream)], more: &str) -> Setup {
    let setup = Setup::new();
    let file = setup.dir.write("catalogue.json", &catalogue());
    let ids: String = upstreams.iter().map(|(name, _)| format!("{name} = \"{name}-calm\"\n")).collect();
    let mut text = format!(
        "catalogue = {file:?}\n{more}\n[voice]\ndefault = \"calm\"\n[voice.voices.calm]\nlanguage = \"en\"\n\
         [voice.voices.calm.ids]\n{ids}"
    );
    for (name, upstream) in upstreams {
        text.push_str(&format!(
            "[providers.{name}]\nkind = \"openai\"\nbase_url = \"http://{}/v1\"\nkeys = [\"TEST_KEY\"]\n\
             models = [\"tts-1\"]\ncatalogue = \"{name}\"\n",
            upstream.address
        ));
    }
    setup.config(&text).variable("TEST_KEY", "sk-test")
}

pub fn weir(upstreams: &[(&str, &Upstream)], more: &str) -> Weir {
    setup(upstreams, more).start()
}

/// A request for this text as samples.
pub fn pcm(text: &str) -> Value {
    json!({"model": "auto", "input": text, "voice": "calm", "response_format": "pcm"})
}

/// What is heard, tone by tone: hertz (to the nearest ten; 0 is silence) and milliseconds. What is shorter than 30 ms is no tone.
pub fn tones(samples: &[i16], rate: u32) -> Vec<(u32, usize)> {
    let frame = rate as usize / 100;
    let mut heard: Vec<(u32, usize)> = Vec::new();
    for window in samples.chunks(frame) {
        let loud = window.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0) > 200;
        let hertz = if loud { pitch(window, rate) } else { 0 };
        match heard.last_mut() {
            Some((last, millis)) if last.abs_diff(hertz) <= 40 => *millis += 10,
            _ => heard.push((hertz, 10)),
        }
    }
    heard.retain(|(_, millis)| *millis >= 30);
    // What a short one stood between is one.
    heard.dedup_by(|b, a| {
        let same = a.0.abs_diff(b.0) <= 40;
        if same {
            a.1 += b.1;
        }
        same
    });
    heard.iter().map(|(hertz, millis)| ((hertz + 5) / 10 * 10, *millis)).collect()
}

/// From rising zero to rising zero, between samples.
fn pitch(window: &[i16], rate: u32) -> u32 {
    let rising = window.windows(2).enumerate().filter(|(_, w)| w[0] < 0 && w[1] >= 0);
    let places: Vec<f64> = rising
        .map(|(n, w)| n as f64 + f64::from(-w[0]) / f64::from(i32::from(w[1]) - i32::from(w[0])))
        .collect();
    match (places.first(), places.last()) {
        (Some(first), Some(last)) if places.len() > 1 => {
            let hertz = f64::from(rate) * (places.len() - 1) as f64 / (last - first);
            u32::try_from(hertz.round() as i64).unwrap_or(0)
        }
        _ => 0,
    }
}

/// Just the frequencies, without the silences.
pub fn melody(samples: &[i16], rate: u32) -> Vec<u32> {
    tones(samples, rate).into_iter().map(|(hertz, _)| hertz).filter(|hertz| *hertz > 0).collect()
}

/// The largest step from one sample to the next: a click is one that no tone makes.
pub fn steepest(samples: &[i16]) -> u16 {
    samples.windows(2).map(|w| w[0].abs_diff(w[1])).max().unwrap_or(0)
}

#[test]
fn the_ears_hear_what_the_fakes_say() {
    let sound = spoken("Say 440. Then 880, and 1000.", RATE);
    assert_eq!(melody(&sound, RATE), [440, 880, 1000]);
    assert_eq!(sound.len(), 3 * (TONE_MS + PAUSE_MS) * 24);
    let heard = tones(&sound, RATE);
    assert!(heard.iter().all(|(hertz, ms)| *ms == if *hertz == 0 { PAUSE_MS } else { TONE_MS }), "{heard:?}");
    let clicks = [tone(440.0, 101, RATE), vec![-8_000; 1]].concat();
    assert!(steepest(&clicks) > 3 * steepest(&sound));
}
