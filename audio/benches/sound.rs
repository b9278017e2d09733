//! What does a piece of sound cost on its way? Each is 4,096 bytes, as they come from a socket: 85 ms of samples at 24 kHz.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot start is none")]

use audio::{Joiner, Lengths, Meter, Mp3Joiner, Plain, Unwrap, Utterances, Wrap};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const PIECE: usize = 4_096;

fn samples() -> Vec<i16> {
    (0..2_048_i16).map(|n| (n % 109) * 300 - 16_000).collect()
}

fn plain(c: &mut Criterion) {
    let mut group = c.benchmark_group("sound");
    group.throughput(Throughput::Bytes(PIECE as u64));
    let bytes = Wrap::whole(Plain::Pcm, 24_000, &samples());
    group.bench_function("unwrap and wrap", |b| {
        let (mut unwrap, mut wrap) = (Unwrap::new(Plain::Pcm, 24_000), Wrap::new(Plain::Pcm, 24_000));
        let (mut samples, mut out) = (Vec::new(), Vec::new());
        b.iter(|| {
            samples.clear();
            out.clear();
            unwrap.feed(black_box(&bytes), &mut samples).unwrap();
            wrap.feed(&samples, &mut out);
            out.len()
        });
    });
    for rate in [24_000, 22_050, 44_100, 48_000] {
        group.bench_function(BenchmarkId::new("join at 24000", rate), |b| {
            let (mut joiner, samples, mut out) = (Joiner::new(24_000, 20), samples(), Vec::new());
            joiner.begin(rate, 0, &mut out).unwrap();
            b.iter(|| {
                out.clear();
                joiner.feed(black_box(&samples), &mut out);
                out.len()
            });
        });
    }
}

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("frames");
    group.throughput(Throughput::Bytes(PIECE as u64));
    // 128 kbit/s at 44.1 kHz.
    let mut frame = vec![0xff, 0xfb, 0x90, 0xc4];
    frame.resize(417, 7);
    let bytes: Vec<u8> = frame.iter().copied().cycle().take(417 * 4_096).collect();
    let mut pieces = bytes.chunks_exact(PIECE).cycle();
    group.bench_function("join mp3", |b| {
        let (mut joiner, mut out) = (Mp3Joiner::default(), Vec::new());
        b.iter(|| {
            out.clear();
            joiner.feed(black_box(pieces.next().unwrap()), &mut out).unwrap();
            out.len()
        });
    });
    group.bench_function("measure mp3", |b| {
        let mut meter = Meter::mp3();
        b.iter(|| meter.feed(black_box(pieces.next().unwrap())));
    });
}

fn text(c: &mut Criterion) {
    let text = "Here is a sentence of some length, as people write them. And Dr. Smith says another one! "
        .repeat(45);
    let mut group = c.benchmark_group("text");
    group.throughput(Throughput::Bytes(text.len() as u64));
    let lengths = Lengths { first: 60, usual: 300, most: 2_000 };
    group.bench_function("4,000 characters in utterances", |b| {
        b.iter(|| Utterances::of(black_box(&text), lengths).count());
    });
}

criterion_group!(benches, plain, frames, text);
criterion_main!(benches);
