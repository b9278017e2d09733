//! Hearing what was spoken, for tests.

use super::frames::Kept;
use super::law::{from_alaw, from_mulaw};
use super::tone::{TONES, Tone};
use super::{flac, ogg};
use std::f64::consts::{PI, TAU};

/// A tone as it was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    pub tone: Tone,
    /// When it begins.
    pub at_ms: u64,
    pub ms: u64,
}

/// What a piece of sound has in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// In the order in which they are heard. Good to some ten milliseconds.
    pub notes: Vec<Note>,
    /// How long all of it is, silence included.
    pub ms: u64,
    /// Samples a second, as the bytes tell it or as they were said to have.
    pub rate: u32,
    /// The largest difference between neighbouring samples, where it comes in samples: a click is larger than what any of the
    /// lab's tones has, which is [`Heard::steepest`].
    pub step: Option<u16>,
    /// The bytes end where a sample, a frame or a page ends.
    pub whole: bool,
}

impl Heard {
    pub fn tones(&self) -> Vec<u8> {
        self.notes.iter().map(|note| note.tone.number()).collect()
    }

    /// Silence between one note and the next, in milliseconds.
    pub fn gaps(&self) -> Vec<u64> {
        self.notes.windows(2).map(|two| two[1].at_ms.saturating_sub(two[0].at_ms + two[0].ms)).collect()
    }

    /// The largest step that these tones have by themselves, with a twentieth for codecs and filters.
    pub fn steepest(&self) -> u16 {
        let highest = self.notes.iter().map(|note| note.tone.hertz()).max().unwrap_or(0);
        let step = super::LOUD * TAU * f64::from(highest) / f64::from(self.rate.max(1));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as it is cut")]
        let step = (step * 1.05) as u16;
        step
    }
}

/// Windows in which a tone is looked for, and how far the next is from one, in milliseconds.
const WINDOW_MS: u32 = 24;
const HOP_MS: u32 = 4;
/// Less than this (out of 32,767, of a sine) is silence.
const QUIET: f64 = 400.0;
/// What is shorter is how two tones mix, in milliseconds.
const SHORTEST_MS: u64 = 40;

/// Listens to samples of one channel.
pub fn listen(samples: &[i16], rate: u32) -> Heard {
    let mut heard = Heard {
        ms: samples.len() as u64 * 1000 / u64::from(rate.max(1)),
        rate,
        step: Some(samples.windows(2).map(|two| two[0].abs_diff(two[1])).max().unwrap_or(0)),
        whole: true,
        ..Heard::default()
    };
    let sized = |ms: u32| usize::try_from(u64::from(ms) * u64::from(rate) / 1000).unwrap_or(1).max(1);
    let (window, hop) = (sized(WINDOW_MS), sized(HOP_MS));
    let ear = Ear::new(window, rate);
    let mut run: Option<(Tone, u64, u64)> = None;
    let mut runs = Vec::new();
    let mut padded = vec![0; window / 2];
    padded.extend_from_slice(samples);
    padded.resize(padded.len() + window / 2, 0);
    for (at, start) in (0..padded.len().saturating_sub(window) + 1).step_by(hop).enumerate() {
        let now = at as u64 * u64::from(HOP_MS);
        let tone = ear.loudest(&padded[start..start + window]);
        match (&mut run, tone) {
            (Some((of, _, end)), Some(tone)) if *of == tone => *end = now + u64::from(HOP_MS),
            (_, tone) => {
                runs.extend(run.take());
                run = tone.map(|tone| (tone, now, now + u64::from(HOP_MS)));
            }
        }
    }
    runs.extend(run);
    heard.notes = runs
        .into_iter()
        .filter(|(_, begin, end)| end - begin >= SHORTEST_MS)
        .map(|(tone, begin, end)| Note { tone, at_ms: begin, ms: end - begin })
        .collect();
    heard
}

/// Looks for tones in windows of one length, by Goertzel's measure behind a Hann window.
struct Ear {
    weights: Vec<f64>,
    /// Of each tone: twice the cosine of its turn from one sample to the next.
    turns: Vec<f64>,
}

impl Ear {
    fn new(length: usize, rate: u32) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "some hundred samples")]
        let weight = |at: usize| (PI * (at as f64 + 0.5) / length as f64).sin().powi(2);
        let turn = |tone: Tone| 2.0 * (TAU * f64::from(tone.hertz()) / f64::from(rate)).cos();
        Self {
            weights: (0..length).map(weight).collect(),
            turns: (0..TONES).filter_map(Tone::nth).map(turn).collect(),
        }
    }

    /// The tone that most of a window is; None where it is quiet, or half of a tone: there one begins or ends.
    fn loudest(&self, window: &[i16]) -> Option<Tone> {
        if window.iter().all(|s| f64::from(s.unsigned_abs()) < QUIET) {
            return None;
        }
        let weighed: Vec<f64> = window.iter().zip(&self.weights).map(|(s, w)| f64::from(*s) * w).collect();
        let power = |turn: f64| {
            let (one, two) = weighed.iter().fold((0.0, 0.0), |(one, two), s| (s + turn * one - two, one));
            one * one + two * two - turn * one * two
        };
        let powers = self.turns.iter().map(|turn| power(*turn)).enumerate();
        let (number, power) = powers.max_by(|a, b| a.1.total_cmp(&b.1))?;
        // A Hann window has half of the weight.
        let loud = power.max(0.0).sqrt() * 2.0 / self.weights.iter().sum::<f64>();
        (loud > super::LOUD / 2.0).then(|| u8::try_from(number).ok().and_then(Tone::nth)).flatten()
    }
}

/// Listens to a body of this kind: `wav`, `flac`, `mp3`, `aac`, `opus` (in Ogg), or `pcm`, `mulaw`, `alaw` at `rate`, which counts only
/// there. None if it is something else, or frames that are not the lab's.
pub fn hear(kind: &str, rate: u32, body: &[u8]) -> Option<Heard> {
    match kind {
        "pcm" => Some(Heard { whole: body.len().is_multiple_of(2), ..listen(&shorts(body), rate) }),
        "mulaw" => Some(listen(&body.iter().map(|b| from_mulaw(*b)).collect::<Vec<_>>(), rate)),
        "alaw" => Some(listen(&body.iter().map(|b| from_alaw(*b)).collect::<Vec<_>>(), rate)),
        "wav" => wav(body),
        "flac" => {
            let (rate, samples, whole) = flac::read(body)?;
            Some(Heard { whole, ..listen(&samples, rate) })
        }
        "mp3" => mp3(body),
        "aac" => {
            let (frames, whole) = cut(body, |head| {
                let sized = head.first() == Some(&0xff) && head.len() >= 6;
                sized.then(|| {
                    usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5] >> 5)
                })
            })?;
            framed(Kept::AacAt24000, &frames, whole)
        }
        "opus" => {
            let (packets, whole) = ogg::packets(body)?;
            let frames: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
            framed(Kept::Opus, &frames, whole)
        }
        _ => None,
    }
}

fn shorts(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// A header as everybody here writes it: 44 bytes.
fn wav(body: &[u8]) -> Option<Heard> {
    let (head, data) = body.split_at_checked(44)?;
    if !head.starts_with(b"RIFF") || &head[8..16] != b"WAVEfmt " || &head[36..40] != b"data" || head[22] != 1
    {
        return None;
    }
    let rate = u32::from_le_bytes([head[24], head[25], head[26], head[27]]);
    let told = u32::from_le_bytes([head[40], head[41], head[42], head[43]]);
    let (samples, width) = match head[20] {
        1 => (shorts(data), 2),
        6 => (data.iter().map(|b| from_alaw(*b)).collect(), 1),
        7 => (data.iter().map(|b| from_mulaw(*b)).collect(), 1),
        _ => return None,
    };
    let whole = data.len().is_multiple_of(width) && (told == u32::MAX || told as usize == data.len());
    Some(Heard { whole, ..listen(&samples, rate) })
}

fn mp3(body: &[u8]) -> Option<Heard> {
    let kept = [Kept::Mp3At44100, Kept::Mp3At24000, Kept::Mp3At22050];
    let kept = kept.into_iter().find(|kept| body.get(..3) == kept.frame(None).get(..3))?;
    let (frames, whole) = cut(body, |head| {
        // All frames of a codec are as long, but for a byte that the third one tells.
        let padded = usize::from(head.get(2)? >> 1 & 1);
        let silence = kept.frame(None);
        Some(silence.len() - usize::from(silence[2] >> 1 & 1) + padded)
    })?;
    framed(kept, &frames, whole)
}

/// Frames that tell their length, and whether the last of them is whole.
fn cut(mut body: &[u8], length: impl Fn(&[u8]) -> Option<usize>) -> Option<(Vec<&[u8]>, bool)> {
    let mut out = Vec::new();
    while !body.is_empty() {
        let Some(length) = length(body) else { return (body.len() < 7).then_some((out, false)) };
        let Some((frame, rest)) = body.split_at_checked(length.max(1)) else { return Some((out, false)) };
        out.push(frame);
        body = rest;
    }
    Some((out, true))
}

fn framed(kept: Kept, frames: &[&[u8]], whole: bool) -> Option<Heard> {
    let micros = u64::from(kept.samples()) * 1_000_000 / u64::from(kept.rate());
    let mut notes: Vec<Note> = Vec::new();
    let mut last = None;
    for (at, frame) in frames.iter().enumerate() {
        let tone = kept.heard(frame)?;
        let (begin, end) = (at as u64 * micros / 1000, (at as u64 + 1) * micros / 1000);
        match (tone, notes.last_mut()) {
            (Some(tone), Some(note)) if last == Some(tone) => note.ms = end - note.at_ms,
            (Some(tone), _) => notes.push(Note { tone, at_ms: begin, ms: end - begin }),
            (None, _) => {}
        }
        last = tone;
    }
    let ms = frames.len() as u64 * micros / 1000;
    Some(Heard { notes, ms, rate: kept.rate(), step: None, whole })
}
