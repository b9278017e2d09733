//! From what is said to bytes, writes and pauses, and everything that can go wrong between.

use crate::script::{End, Step};
use crate::seen::Figures;
use crate::trouble::{Kind, Trouble, Troubles};
use bytes::Bytes;
use serde_json::{Value, json};
use std::time::Duration;
use vocab::Dice;

/// What a piece of a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Around content: openings, closings of blocks, pings.
    Open,
    Content,
    /// Finish reasons and usage.
    Close,
    /// The dialect's own end mark.
    End,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Json(Value),
    Text(&'static str),
    /// Bytes between frames, as they are.
    Raw(&'static str),
    /// A part of a body that has no frames.
    Bytes(Bytes),
}

/// One frame of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Piece {
    pub part: Part,
    pub event: Option<&'static str>,
    pub data: Data,
    /// Tokens of the answer up to and with this piece; milliseconds where it is sound.
    pub tokens: u64,
    /// The usage that is known after it.
    pub reported: Option<Figures>,
}

impl Piece {
    pub const fn json(part: Part, data: Value, tokens: u64) -> Self {
        Self { part, event: None, data: Data::Json(data), tokens, reported: None }
    }

    pub const fn named(mut self, event: &'static str) -> Self {
        self.event = Some(event);
        self
    }

    pub const fn reporting(mut self, figures: Option<Figures>) -> Self {
        self.reported = figures;
        self
    }

    pub const fn bytes(bytes: Bytes, millis: u64) -> Self {
        Self { part: Part::Content, event: None, data: Data::Bytes(bytes), tokens: millis, reported: None }
    }

    pub const fn end(text: &'static str, tokens: u64) -> Self {
        Self { part: Part::End, event: None, data: Data::Text(text), tokens, reported: None }
    }
}

/// How frames become bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Sse {
        crlf: bool,
    },
    /// Gemini without `alt=sse`: one JSON array that grows.
    Array,
    /// None: the body is one thing, such as sound.
    Bytes,
}

/// How fast it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub ttft: Duration,
    /// Between tokens.
    pub token: Duration,
}

impl Pace {
    /// A log-normal time to first token and a speed that varies by a tenth around the model's.
    pub fn of(latency: crate::scenario::Latency, tokens_per_s: u32, dice: &mut Dice) -> Self {
        let (p50, p95) = (f64::from(latency.p50), f64::from(latency.p95));
        // Twelve throws added up are close enough to a normal distribution, and the same on every platform.
        let normal = (0..12).map(|_| dice.unit()).sum::<f64>() - 6.0;
        // 1.645 standard deviations above the median lie 5 %.
        let ttft = p50 * (normal * (p95 / p50).ln() / 1.645).exp();
        let speed = f64::from(tokens_per_s) * (0.9 + 0.2 * dice.unit());
        let micros = |ms: f64| Duration::from_micros(whole(ms * 1_000.0));
        Self { ttft: micros(ttft), token: micros(1_000.0 / speed.max(0.001)) }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
fn whole(x: f64) -> u64 {
    x.clamp(0.0, 1e15).round() as u64
}

/// A body on its way, not yet cut into steps by whoever plays it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Played {
    pub head_after: Duration,
    pub steps: Vec<Step>,
    pub end: End,
    pub reports: Vec<(usize, Figures)>,
    /// Where `content-length` is told, and what it says.
    pub length: Option<usize>,
}

/// A stream of frames with its troubles. `oops` is the dialect's error frame.
pub(crate) fn stream(
    mut pieces: Vec<Piece>,
    framing: Framing,
    oops: Piece,
    troubles: &Troubles,
    pace: Pace,
) -> Played {
    let mut end = End::Done;
    let mut half_frame = false;
    let made = pieces.last().map_or(0, |p| p.tokens);
    let place = |pieces: &[Piece], trouble: Trouble| place(pieces, trouble, made);

    if troubles.has(Kind::NoEndMark) {
        // Where there is no mark of its own, the frame with the finish reason is the end.
        let marked = pieces.iter().any(|p| p.part == Part::End);
        pieces.retain(|p| p.part != if marked { Part::End } else { Part::Close });
    }
    extras(&mut pieces, troubles);
    if let Some(trouble) = troubles.get(Kind::BrokenJson) {
        let at = place(&pieces, trouble).min(pieces.len().saturating_sub(1));
        if let Some(piece) = pieces.get_mut(at) {
            piece.data = Data::Text("{\"choices\":[{\"delta\":{\"content\":\"br");
            piece.reported = None;
        }
    }
    if let Some(trouble) = troubles.get(Kind::ErrorFrame) {
        pieces.truncate(place(&pieces, trouble));
        pieces.push(oops);
    } else if let Some((trouble, how)) = ending(troubles) {
        let at = place(&pieces, trouble);
        half_frame = (how == End::Reset || trouble.kind == Kind::HalfFrame) && at < pieces.len();
        pieces.truncate(if half_frame { at + 1 } else { at });
        end = how;
    }

    let mut steps = Vec::with_capacity(pieces.len());
    let mut reports = Vec::new();
    let mut said = 0;
    let mut first = true;
    let stall = troubles.get(Kind::Stall);
    let stall_at = stall.map(|t| place(&pieces, t));
    let token = match troubles.get(Kind::SlowTokens) {
        Some(t) => Duration::from_millis(t.ms.unwrap_or(1_000)),
        None => pace.token,
    };
    let last = pieces.len().saturating_sub(1);
    for (i, piece) in pieces.iter().enumerate() {
        let mut after = match piece.part {
            Part::Content if first => pace.ttft - pace.ttft * 3 / 5,
            Part::Content => token * u32::try_from(piece.tokens.saturating_sub(said)).unwrap_or(1),
            _ => Duration::ZERO,
        };
        if stall_at == Some(i) {
            match stall.and_then(|t| t.ms) {
                Some(ms) => after += Duration::from_millis(ms),
                None => {
                    end = End::Hang;
                    break;
                }
            }
        }
        if piece.part == Part::Content {
            first = false;
            said = piece.tokens;
        }
        let mut bytes = encode(piece, framing, i == 0, i == last && end == End::Done);
        if half_frame && i == last {
            // An odd number of them, so that samples are cut too.
            bytes.truncate((bytes.len() / 2) | 1);
        } else if let Some(figures) = piece.reported {
            reports.push((steps.len(), figures));
        }
        steps.push(Step { after, bytes: bytes.into() });
    }
    let (steps, reports) = chop(steps, reports, troubles);
    let mut played = Played { head_after: pace.ttft * 3 / 5, steps, end, reports, length: None };
    lie(&mut played, troubles);
    played
}

/// A body that comes in one piece, once it is all made.
pub(crate) fn whole_body(
    body: Vec<u8>,
    figures: Option<Figures>,
    made: u64,
    troubles: &Troubles,
    pace: Pace,
) -> Played {
    let token = match troubles.get(Kind::SlowTokens) {
        Some(t) => Duration::from_millis(t.ms.unwrap_or(1_000)),
        None => pace.token,
    };
    let time = pace.ttft + token * u32::try_from(made).unwrap_or(u32::MAX);
    let mut length = Some(body.len());
    let mut body = body;
    let mut end = End::Done;
    let mut report = figures;
    if troubles.has(Kind::BrokenJson) {
        body.truncate(body.len() / 2);
        (length, report) = (Some(body.len()), None);
    }
    if let Some((_, how)) = ending(troubles).or_else(|| troubles.get(Kind::Stall).map(|t| (t, End::Hang))) {
        body.truncate(body.len() / 2);
        report = None;
        end = how;
        if how == End::Done {
            length = Some(body.len());
        }
    }
    let reports = report.map(|figures| (0, figures)).into_iter().collect();
    let steps = vec![Step { after: Duration::ZERO, bytes: body.into() }];
    let (steps, reports) = chop(steps, reports, troubles);
    let mut played = Played { head_after: time, steps, end, reports, length };
    lie(&mut played, troubles);
    played
}

/// The first of the troubles that end a body early, and how.
fn ending(troubles: &Troubles) -> Option<(Trouble, End)> {
    [
        (Kind::Cut, End::Done),
        (Kind::HalfFrame, End::Done),
        (Kind::Drop, End::Close),
        (Kind::Reset, End::Reset),
    ]
    .into_iter()
    .find_map(|(kind, end)| troubles.get(kind).map(|t| (t, end)))
}

/// The index of the first piece after the trouble's number of tokens; without a number, after half of them. Never
/// before the opening pieces and never behind the finish.
fn place(pieces: &[Piece], trouble: Trouble, made: u64) -> usize {
    let after = trouble.after.map_or(made / 2, u64::from);
    let beyond = |p: &Piece| match p.part {
        Part::Open => false,
        Part::Content => p.tokens > after,
        Part::Close | Part::End => true,
    };
    pieces.iter().position(beyond).unwrap_or(pieces.len())
}

/// Frames and fields that nobody asked for.
fn extras(pieces: &mut Vec<Piece>, troubles: &Troubles) {
    if troubles.has(Kind::ExtraFields) {
        for piece in pieces.iter_mut() {
            if let Data::Json(value) = &mut piece.data {
                sprinkle(value, 0);
            }
        }
    }
    if let Some(trouble) = troubles.get(Kind::HugeFrame) {
        let size = usize::try_from(trouble.size.unwrap_or(1 << 20)).unwrap_or(1 << 20).min(64 << 20);
        let content = pieces.iter_mut().find(|p| p.part == Part::Content);
        if let Some(Piece { data: Data::Json(Value::Object(map)), .. }) = content {
            map.insert("lab_padding".into(), "x".repeat(size).into());
        }
    }
    if troubles.has(Kind::Pings) {
        let mut out = Vec::with_capacity(pieces.len() * 2);
        for piece in pieces.drain(..) {
            let ping = Piece {
                part: piece.part,
                event: None,
                data: Data::Raw(": keep-alive"),
                tokens: piece.tokens,
                reported: None,
            };
            // An Open ping before Content keeps its pause with the content itself.
            out.push(Piece {
                part: if piece.part == Part::Content { Part::Open } else { piece.part },
                ..ping
            });
            out.push(piece);
        }
        *pieces = out;
    }
}

/// Unknown fields in this object and in the objects within it, a few levels deep. Objects whose keys are the
/// client's own (arguments, schemas) are left alone.
fn sprinkle(value: &mut Value, depth: u32) {
    match value {
        Value::Object(map) if depth < 6 => {
            for (key, inner) in map.iter_mut() {
                if !matches!(key.as_str(), "args" | "input" | "arguments") {
                    sprinkle(inner, depth + 1);
                }
            }
            map.insert("lab_extra".into(), json!({"nested": [1, null, "two"]}));
        }
        Value::Array(all) => all.iter_mut().for_each(|inner| sprinkle(inner, depth)),
        _ => {}
    }
}

/// For whole answers.
pub(crate) fn sprinkled(mut value: Value, troubles: &Troubles) -> Value {
    if troubles.has(Kind::ExtraFields) {
        sprinkle(&mut value, 0);
    }
    if let (Some(t), Value::Object(map)) = (troubles.get(Kind::HugeFrame), &mut value) {
        let size = usize::try_from(t.size.unwrap_or(1 << 20)).unwrap_or(1 << 20).min(64 << 20);
        map.insert("lab_padding".into(), "x".repeat(size).into());
    }
    value
}

fn encode(piece: &Piece, framing: Framing, first: bool, last: bool) -> Vec<u8> {
    let eol = if framing == (Framing::Sse { crlf: true }) { "\r\n" } else { "\n" };
    let data = match &piece.data {
        Data::Json(value) => value.to_string(),
        Data::Text(text) => (*text).to_owned(),
        Data::Bytes(bytes) => return bytes.to_vec(),
        Data::Raw(_) if !matches!(framing, Framing::Sse { .. }) => return Vec::new(),
        Data::Raw(raw) => return format!("{raw}{eol}{eol}").into_bytes(),
    };
    match framing {
        Framing::Array => {
            let open = if first { "[" } else { ",\r\n" };
            let close = if last { "\n]" } else { "" };
            format!("{open}{data}{close}")
        }
        Framing::Bytes => data,
        Framing::Sse { .. } => {
            let event = piece.event.map_or_else(String::new, |e| format!("event: {e}{eol}"));
            format!("{event}data: {data}{eol}{eol}")
        }
    }
    .into_bytes()
}

type Cutting = (Vec<Step>, Vec<(usize, Figures)>);

/// Cuts writes at odd places, or joins them.
fn chop(steps: Vec<Step>, reports: Vec<(usize, Figures)>, troubles: &Troubles) -> Cutting {
    let size = |kind, usual| {
        troubles.get(kind).map(|t| usize::try_from(t.size.unwrap_or(usual)).unwrap_or(1).max(1))
    };
    if let Some(size) = size(Kind::OddSplits, 7) {
        return recut(steps, reports, |bytes| (size..bytes.len()).step_by(size).collect());
    }
    if troubles.has(Kind::SplitUtf8) {
        return recut(steps, reports, |bytes| {
            (1..bytes.len()).filter(|i| bytes.get(*i).is_some_and(|b| b & 0xC0 == 0x80)).collect()
        });
    }
    if let Some(size) = size(Kind::Merged, 8) {
        let mut out: Vec<Step> = Vec::new();
        for group in steps.chunks(size) {
            let after = group.iter().map(|s| s.after).sum();
            let bytes: Vec<u8> = group.iter().flat_map(|s| s.bytes.iter().copied()).collect();
            out.push(Step { after, bytes: bytes.into() });
        }
        return (out, reports.into_iter().map(|(at, f)| (at / size, f)).collect());
    }
    (steps, reports)
}

/// Cuts every write where `cuts` says (ascending offsets). The parts follow one another a moment apart, so that a
/// socket does not join them again.
fn recut(steps: Vec<Step>, reports: Vec<(usize, Figures)>, cuts: impl Fn(&[u8]) -> Vec<usize>) -> Cutting {
    let mut out = Vec::with_capacity(steps.len() * 2);
    let mut last_of = Vec::with_capacity(steps.len());
    for step in steps {
        let mut from = 0;
        let mut after = step.after;
        for cut in cuts(&step.bytes).into_iter().chain([step.bytes.len()]) {
            out.push(Step { after, bytes: step.bytes.slice(from..cut) });
            (from, after) = (cut, Duration::from_micros(200));
        }
        last_of.push(out.len() - 1);
    }
    let moved = reports.into_iter().filter_map(|(at, f)| last_of.get(at).map(|last| (*last, f))).collect();
    (out, moved)
}

fn lie(played: &mut Played, troubles: &Troubles) {
    if troubles.has(Kind::LengthLie) {
        let length: usize = played.steps.iter().map(|s| s.bytes.len()).sum();
        played.length = Some(length + 64);
        if played.end == End::Done {
            played.end = End::Close;
        }
    }
}

/// A body made before, at once: errors and lists.
pub(crate) fn at_once(body: Vec<u8>, head_after: Duration) -> Played {
    Played {
        head_after,
        length: Some(body.len()),
        steps: vec![Step { after: Duration::ZERO, bytes: Bytes::from(body) }],
        end: End::Done,
        reports: vec![],
    }
}
