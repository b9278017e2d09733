//! What was said, written down.

use super::super::write::{json, number};
use serde_json::Number;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Write;
use vocab::{Bucket, Listen, Said, Script, Transcript, Usage};

/// What goes to the client, and what kind of text it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    pub kind: &'static str,
    pub body: Vec<u8>,
}

/// A transcript as the client asked for it.
pub fn whole(said: &Transcript, listen: &Listen, usage: &Usage) -> Told {
    let plain = |kind, text: String| Told { kind, body: text.into_bytes() };
    match listen.script {
        Script::Text => plain("text/plain; charset=utf-8", format!("{}\n", said.text.trim())),
        Script::Srt => plain("application/x-subrip; charset=utf-8", srt(&said.segments)),
        Script::Vtt => plain("text/vtt; charset=utf-8", vtt(&said.segments)),
        Script::Verbose => Told { kind: "application/json", body: verbose(said, listen, usage) },
        Script::Json | Script::Diarized => {
            let mut out = Vec::with_capacity(said.text.len() + 192);
            out.extend_from_slice(br#"{"text":"#);
            json(&mut out, said.text.trim());
            used(&mut out, usage);
            out.push(b'}');
            Told { kind: "application/json", body: out }
        }
    }
}

/// The same as events, of an answer in JSON: all of the text at once, then that it was all. None in a script that is not told so.
pub fn events(whole: &[u8], script: Script) -> Option<Vec<u8>> {
    #[derive(serde::Deserialize)]
    struct Whole<'a> {
        text: Cow<'a, str>,
        #[serde(borrow)]
        usage: Option<&'a RawValue>,
    }
    if script != Script::Json {
        return None;
    }
    let Whole { text, usage } = serde_json::from_slice(whole).ok()?;
    let mut out = Vec::with_capacity(text.len() * 2 + 256);
    out.extend_from_slice(br#"data: {"type":"transcript.text.delta","delta":"#);
    json(&mut out, &text);
    out.extend_from_slice(b"}\n\ndata: {\"type\":\"transcript.text.done\",\"text\":");
    json(&mut out, &text);
    if let Some(usage) = usage {
        out.extend_from_slice(br#","usage":"#);
        // On one line, however it was written: no line end is within a string.
        out.extend(usage.get().bytes().filter(|b| !matches!(b, b'\r' | b'\n')));
    }
    out.extend_from_slice(b"}\n\n");
    Some(out)
}

/// `,"usage":…`: in seconds where it is them that are paid for, begun ones as whole, else in tokens.
pub fn used(out: &mut Vec<u8>, usage: &Usage) {
    let audio = usage.get(Bucket::AudioMillis);
    if audio > 0 {
        out.extend_from_slice(br#","usage":{"type":"duration","seconds":"#);
        number(out, audio.div_ceil(1_000));
        out.push(b'}');
        return;
    }
    let (input, sound, output) = (usage.tokens_in(), usage.get(Bucket::InputAudio), usage.tokens_out());
    for (text, count) in [
        (r#","usage":{"type":"tokens","input_tokens":"#, input),
        (r#","input_token_details":{"text_tokens":"#, input - sound),
        (r#","audio_tokens":"#, sound),
        (r#"},"output_tokens":"#, output),
        (r#","total_tokens":"#, input.saturating_add(output)),
    ] {
        out.extend_from_slice(text.as_bytes());
        number(out, count);
    }
    out.push(b'}');
}

fn verbose(said: &Transcript, listen: &Listen, usage: &Usage) -> Vec<u8> {
    let mut out = Vec::with_capacity(said.text.len() * 3 + 512);
    out.extend_from_slice(if listen.translate {
        br#"{"task":"translate""#
    } else {
        br#"{"task":"transcribe""#
    });
    out.extend_from_slice(br#","language":"#);
    json(&mut out, said.language.as_deref().unwrap_or(if listen.translate { "english" } else { "unknown" }));
    out.extend_from_slice(br#","duration":"#);
    seconds(&mut out, said.duration.unwrap_or_default());
    out.extend_from_slice(br#","text":"#);
    json(&mut out, said.text.trim());
    if listen.segments || !listen.words {
        out.extend_from_slice(br#","segments":["#);
        for (at, part) in said.segments.iter().enumerate() {
            // Likelihoods and tokens that nobody told are left out: a figure of ours would be none.
            out.extend_from_slice(if at > 0 { br#",{"id":"# } else { br#"{"id":"# });
            number(&mut out, at as u64);
            times(&mut out, part);
            out.extend_from_slice(br#","text":"#);
            json(&mut out, &part.text);
            out.push(b'}');
        }
        out.push(b']');
    }
    if listen.words {
        out.extend_from_slice(br#","words":["#);
        for (at, word) in said.words.iter().enumerate() {
            out.extend_from_slice(if at > 0 { br#",{"word":"# } else { br#"{"word":"# });
            json(&mut out, &word.text);
            times(&mut out, word);
            out.push(b'}');
        }
        out.push(b']');
    }
    used(&mut out, usage);
    out.push(b'}');
    out
}

fn times(out: &mut Vec<u8>, part: &Said) {
    out.extend_from_slice(br#","start":"#);
    seconds(out, part.start);
    out.extend_from_slice(br#","end":"#);
    seconds(out, part.end);
}

fn seconds(out: &mut Vec<u8>, seconds: f64) {
    json(out, &Number::from_f64(seconds).unwrap_or_else(|| 0.into()));
}

/// `00:00:03,320`: hours, minutes, seconds, and milliseconds behind `point`, to the nearest.
struct Clock(f64, char);

impl std::fmt::Display for Clock {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded before")]
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = (self.0 * 1_000.0).round().clamp(0.0, 1e12) as u64;
        let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
        write!(f, "{hours:02}:{minutes:02}:{:02}{}{:03}", millis / 1_000 % 60, self.1, millis % 1_000)
    }
}

fn srt(segments: &[Said]) -> String {
    let mut out = String::new();
    for (at, part) in segments.iter().enumerate() {
        let (start, end) = (Clock(part.start, ','), Clock(part.end, ','));
        // Writing into a string never fails.
        let _ = write!(out, "{}\n{start} --> {end}\n{}\n\n", at + 1, cue(&part.text));
    }
    out
}

fn vtt(segments: &[Said]) -> String {
    let mut out = String::from("WEBVTT\n\n");
    for part in segments {
        let (start, end) = (Clock(part.start, '.'), Clock(part.end, '.'));
        // "The characters & and < must be escaped" (WebVTT, cue text).
        let text = cue(&part.text).replace('&', "&amp;").replace('<', "&lt;");
        let _ = write!(out, "{start} --> {end}\n{text}\n\n");
    }
    out
}

/// The text of a cue: without an arrow, which would be a time, and without an empty line, which would be its end.
fn cue(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n").replace("-->", "->")
}
