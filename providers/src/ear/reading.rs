//! What answers of several have in common: times in seconds, parts with times.

use serde_json::Value;
use vocab::{Fault, Listen, Said, Transcript};

/// Seconds as JSON has them, a number or its digits.
pub(crate) fn seconds(value: &Value) -> Option<f64> {
    let seconds = match value {
        Value::Number(n) => n.as_f64()?,
        Value::String(digits) => digits.parse().ok()?,
        _ => return None,
    };
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
}

/// The parts of a list: their text by one of `names`, with `start` and `end`. What has no times is left out.
pub(crate) fn said(list: &Value, names: &[&str]) -> Vec<Said> {
    let part = |value: &Value| {
        let text = names.iter().find_map(|name| value[*name].as_str())?;
        let (start, end) = (seconds(&value["start"])?, seconds(&value["end"])?);
        Some(Said { text: text.to_owned(), start, end: end.max(start) })
    };
    list.as_array().into_iter().flatten().filter_map(part).collect()
}

/// A line of a subtitle, about: two lines of 42 characters.
const CHARS_MAX: usize = 84;
/// Seconds: no subtitle stands longer.
const SECONDS_MAX: f64 = 7.0;
/// Seconds: who is silent that long begins anew.
const PAUSE: f64 = 1.0;

/// Segments of a transcript that came in words only: they end where a sentence does, at a pause, and before they are too long to
/// be read.
pub(crate) fn sentences(words: &[Said]) -> Vec<Said> {
    let mut all: Vec<Said> = Vec::new();
    let mut ended = true;
    for word in words {
        let text = word.text.trim();
        if text.is_empty() {
            continue;
        }
        match all.last_mut().filter(|last| {
            !ended
                && word.start - last.end < PAUSE
                && word.end - last.start <= SECONDS_MAX
                && last.text.chars().count() + 1 + text.chars().count() <= CHARS_MAX
        }) {
            Some(last) => {
                last.text.push(' ');
                last.text.push_str(text);
                last.end = word.end.max(last.end);
            }
            None => all.push(Said { text: text.to_owned(), start: word.start, end: word.end }),
        }
        ended = text.ends_with(['.', '?', '!', '…', '。', '？', '！']);
    }
    all
}

/// A transcript that has the times that were asked for, where anything was said at all.
pub(crate) fn timed(said: Transcript, listen: &Listen) -> Result<Transcript, Fault> {
    let silent = said.text.trim().is_empty();
    if listen.script.is_timed() && said.segments.is_empty() && !silent {
        return Err(garbled("no times of what was said"));
    }
    if listen.words && said.words.is_empty() && !silent {
        return Err(garbled("no times of words"));
    }
    Ok(said)
}

pub(crate) fn garbled(what: &str) -> Fault {
    Fault::Garbled(format!("the answer holds no transcript: {what}"))
}
