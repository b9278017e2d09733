//! What may not happen whatever the bytes are: a law for each reader of foreign input.
//!
//! Every law takes bytes and panics where it is broken. libFuzzer looks for such bytes (`fuzz/run`), and the corpora
//! that it found are held against the laws by an ordinary test (`tests/corpus.rs`).

pub mod clients;
#[allow(dead_code, reason = "the shell uses more of it than this")]
pub mod h1;
pub mod providers;
pub mod sound;
pub mod speech;
pub mod sse;
pub mod tasks;
pub mod wire;

/// One reader, and what must hold of it.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub law: fn(&[u8]),
}

macro_rules! targets {
    ($($name:literal: $law:expr,)+) => {
        pub const TARGETS: &[Target] = &[$(Target { name: $name, law: $law },)+];
    };
}

targets! {
    "sse": sse::frames,
    "openai-whole": providers::openai_whole,
    "openai-stream": providers::openai_stream,
    "responses-whole": providers::responses_whole,
    "responses-stream": providers::responses_stream,
    "gemini-whole": providers::gemini_whole,
    "gemini-stream": providers::gemini_stream,
    "anthropic-whole": providers::anthropic_whole,
    "anthropic-stream": providers::anthropic_stream,
    "workers-whole": providers::workers_whole,
    "workers-stream": providers::workers_stream,
    "chat-request": clients::chat,
    "messages-request": clients::messages,
    "responses-request": clients::responses,
    "gemini-request": clients::gemini,
    "embeddings-request": tasks::embeddings,
    "images-request": tasks::images,
    "embed-request": tasks::embed,
    "made": tasks::made,
    "sound": speech::sound,
    "speak": speech::speak,
    "sound-wav": sound::wav,
    "sound-mp3": sound::mp3,
    "sound-length": sound::length,
    "speech-text": sound::text,
    "http-head": wire::heads,
    "http-chunks": wire::chunks,
}

pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|t| t.name == name).copied()
}

pub fn names() -> Vec<&'static str> {
    TARGETS.iter().map(|t| t.name).collect()
}

/// Where to cut: the first byte of an input says how many cuts there are, the next ones where; the rest is the text.
/// So the fuzzer moves cuts and text apart from one another.
pub(crate) fn cut(bytes: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let Some((count, rest)) = bytes.split_first() else { return (vec![], bytes) };
    let (cuts, text) = rest.split_at(usize::from(count % 8).min(rest.len()));
    let mut pieces = Vec::new();
    let mut left = text;
    for cut in cuts {
        // Small steps and large ones.
        let at = if *cut < 128 { usize::from(*cut) } else { (usize::from(*cut) - 127) * 37 };
        let (head, tail) = left.split_at(at.min(left.len()));
        pieces.push(head);
        left = tail;
    }
    pieces.push(left);
    (pieces, text)
}
