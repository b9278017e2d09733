//! Passages as bytes.

use super::frames::Kept;
use super::law::{to_alaw, to_mulaw};
use super::tone::{Passage, Tone};
use super::{LOUD, flac, ogg};
use bytes::Bytes;
use std::f64::consts::TAU;

/// One sample as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    S16,
    F32,
    Mulaw,
    Alaw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Mp3,
    /// In Ogg.
    Opus,
    /// In ADTS.
    Aac,
    Flac,
    Wav(Sample),
    Raw(Sample),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    pub coding: Coding,
    /// Samples a second.
    pub rate: u32,
}

impl Format {
    /// As `content-type` says it.
    pub fn kind(self) -> String {
        match self.coding {
            Coding::Mp3 => "audio/mpeg".into(),
            Coding::Opus => "audio/ogg".into(),
            Coding::Aac => "audio/aac".into(),
            Coding::Flac => "audio/flac".into(),
            Coding::Wav(_) => "audio/wav".into(),
            Coding::Raw(Sample::Mulaw) => "audio/basic".into(),
            Coding::Raw(Sample::Alaw) => "audio/x-alaw-basic".into(),
            Coding::Raw(_) => format!("audio/L16;codec=pcm;rate={}", self.rate),
        }
    }

    /// Frames of the nearest rate that there are.
    const fn kept(self) -> Option<Kept> {
        Some(match (self.coding, self.rate) {
            (Coding::Mp3, 44_100..) => Kept::Mp3At44100,
            (Coding::Mp3, 22_051..) => Kept::Mp3At24000,
            (Coding::Mp3, _) => Kept::Mp3At22050,
            (Coding::Aac, _) => Kept::AacAt24000,
            (Coding::Opus, _) => Kept::Opus,
            _ => return None,
        })
    }
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    pub bytes: Bytes,
    /// Milliseconds of sound up to and with it.
    pub ms: u64,
}

/// How long the sound in one piece is, about.
const PIECE_MS: u64 = 40;
/// Over which a tone begins and ends, so that it does not click.
const RAMP_MS: u64 = 5;

/// The whole body in pieces as they are made; no passages, no body.
pub fn chunks(passages: &[Passage], format: Format) -> Vec<Chunk> {
    if let Some(kept) = format.kept() {
        return framed(passages, kept);
    }
    let samples = samples(passages, format.rate);
    let size = (u64::from(format.rate) * PIECE_MS / 1000).max(1);
    let size = usize::try_from(size).unwrap_or(1);
    let mut out = Vec::new();
    let mut head = match format.coding {
        Coding::Wav(sample) => wav_head(sample, format.rate),
        Coding::Flac => flac::head(format.rate, u16::try_from(size).unwrap_or(u16::MAX)),
        _ => Vec::new(),
    };
    let mut done = 0;
    for (number, piece) in samples.chunks(size).enumerate() {
        let mut bytes = std::mem::take(&mut head);
        match format.coding {
            Coding::Flac => bytes.extend(flac::frame(u32::try_from(number).unwrap_or(0), piece)),
            Coding::Wav(sample) | Coding::Raw(sample) => bytes.extend(written(sample, piece)),
            Coding::Mp3 | Coding::Opus | Coding::Aac => {}
        }
        done += piece.len() as u64;
        out.push(Chunk { bytes: bytes.into(), ms: done * 1000 / u64::from(format.rate.max(1)) });
    }
    out
}

fn written(sample: Sample, piece: &[i16]) -> Vec<u8> {
    match sample {
        Sample::S16 => piece.iter().flat_map(|s| s.to_le_bytes()).collect(),
        Sample::F32 => piece.iter().flat_map(|s| (f32::from(*s) / 32_768.0).to_le_bytes()).collect(),
        Sample::Mulaw => piece.iter().map(|s| to_mulaw(*s)).collect(),
        Sample::Alaw => piece.iter().map(|s| to_alaw(*s)).collect(),
    }
}

/// A header whose lengths nobody knows yet.
fn wav_head(sample: Sample, rate: u32) -> Vec<u8> {
    let (tag, bits): (u16, u16) = match sample {
        Sample::S16 => (1, 16),
        Sample::F32 => (3, 32),
        Sample::Alaw => (6, 8),
        Sample::Mulaw => (7, 8),
    };
    let mut out = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0".to_vec();
    out.extend(tag.to_le_bytes());
    out.extend(1_u16.to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend((rate * u32::from(bits / 8)).to_le_bytes());
    out.extend((bits / 8).to_le_bytes());
    out.extend(bits.to_le_bytes());
    out.extend(b"data\xff\xff\xff\xff");
    out
}

/// Every passage as whole frames, some in a piece.
fn framed(passages: &[Passage], kept: Kept) -> Vec<Chunk> {
    let micros = u64::from(kept.samples()) * 1_000_000 / u64::from(kept.rate());
    let mut all: Vec<Option<Tone>> = Vec::new();
    for passage in passages {
        let count = (passage.ms * 1000).div_ceil(micros);
        all.extend(std::iter::repeat_n(passage.tone, usize::try_from(count).unwrap_or(0)));
    }
    let in_piece = usize::try_from((PIECE_MS * 1000 / micros).max(1)).unwrap_or(1);
    let mut out = Vec::new();
    let mut head = if kept == Kept::Opus { ogg::head() } else { Vec::new() };
    let mut done = 0;
    for (number, piece) in all.chunks(in_piece).enumerate() {
        done += piece.len() as u64;
        let frames: Vec<&[u8]> = piece.iter().map(|tone| kept.frame(*tone)).collect();
        let mut bytes = std::mem::take(&mut head);
        if kept == Kept::Opus {
            let last = done == all.len() as u64;
            bytes.extend(ogg::sound(u32::try_from(number).unwrap_or(0) + 2, done, last, &frames));
        } else {
            bytes.extend(frames.concat());
        }
        out.push(Chunk { bytes: bytes.into(), ms: done * micros / 1000 });
    }
    out
}

/// Every tone begins and ends in silence.
fn samples(passages: &[Passage], rate: u32) -> Vec<i16> {
    let mut out = Vec::new();
    let count = |ms: u64| usize::try_from(ms * u64::from(rate) / 1000).unwrap_or(0);
    let ramp = count(RAMP_MS).max(1);
    for passage in passages {
        let length = count(passage.ms);
        let Some(tone) = passage.tone else {
            out.resize(out.len() + length, 0);
            continue;
        };
        let turn = TAU * f64::from(tone.hertz()) / f64::from(rate);
        out.extend((0..length).map(|at| {
            let edge = at.min(length - 1 - at).min(ramp);
            #[expect(clippy::cast_precision_loss, reason = "samples of some minutes")]
            let loud = LOUD * (edge as f64 / ramp as f64) * (at as f64 * turn).sin();
            #[expect(clippy::cast_possible_truncation, reason = "a quarter of what there is room for")]
            let sample = loud.round() as i16;
            sample
        }));
    }
    out
}
