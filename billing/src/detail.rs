//! The detail of an entry: JSON with its keys in alphabetical order and no white space, so that one content has one
//! text.

use crate::write::Json;
use crate::{Line, Windows};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use vocab::{Instant, Pico};

const fn not(flag: &bool) -> bool {
    !*flag
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Grant<'a> {
    pub reason: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Hold<'a> {
    /// The budgets it falls under, and when their windows began, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Windows::is_empty")]
    pub budgets: Windows,
    pub estimate: Pico,
    /// Microseconds since 1970.
    pub lease_until: Instant,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<&'a RawValue>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Extend {
    pub lease_until: Instant,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Settle<'a> {
    #[serde(default, skip_serializing_if = "not")]
    pub estimated: bool,
    /// All that was set aside and is given back.
    pub held: Pico,
    /// The `seq` of the hold.
    pub hold: u64,
    pub lines: Cow<'a, [Line]>,
    /// More was used than was set aside.
    #[serde(default, skip_serializing_if = "not")]
    pub over: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Release<'a> {
    pub held: Pico,
    pub hold: u64,
    pub lines: Cow<'a, [Line]>,
    pub why: Cow<'a, str>,
}

/// Of a hit and of a replay.
#[derive(Serialize, Deserialize)]
pub(crate) struct Repeat<'a> {
    /// The request whose answer it was.
    pub of: Cow<'a, str>,
    pub saved: Pico,
}

/// The text of a detail. Nothing here can fail to be written: no map has a key that is no string.
pub(crate) fn text(detail: &impl Serialize, room: usize) -> String {
    let mut bytes = Vec::with_capacity(room);
    match serde_json::to_writer(&mut bytes, detail) {
        Ok(()) => String::from_utf8(bytes).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

/// A hit's detail, and a replay's.
pub(crate) fn repeat_text(of: &str, saved: Pico) -> String {
    text(&Repeat { of: Cow::Borrowed(of), saved }, 40 + of.len())
}

/// A hold's detail. Tags that are no JSON are kept as a JSON string.
pub(crate) fn hold_text(windows: &Windows, estimate: Pico, lease_until: Instant, tags: &str) -> String {
    let mut json = Json::with_room(96 + tags.len() + 48 * windows.len());
    json.raw("{");
    for (n, (budget, from)) in windows.iter().enumerate() {
        json.raw(if n == 0 { "\"budgets\":{" } else { "," });
        json.string(budget);
        json.raw(":");
        json.time(*from);
    }
    json.raw(if windows.is_empty() { "\"estimate\":" } else { "},\"estimate\":" });
    json.money(estimate);
    json.raw(",\"lease_until\":");
    json.time(lease_until);
    if !tags.is_empty() {
        json.raw(",\"tags\":");
        match serde_json::from_str::<&RawValue>(tags) {
            Ok(raw) => json.raw(raw.get()),
            Err(_) => json.string(tags),
        }
    }
    json.raw("}");
    json.into_text()
}

/// A settlement's detail.
pub(crate) fn settle_text(held: Pico, hold: u64, lines: &[Line], estimated: bool, over: bool) -> String {
    let mut json = Json::with_room(64 + 256 * lines.len());
    json.raw(if estimated { "{\"estimated\":true,\"held\":" } else { "{\"held\":" });
    json.money(held);
    json.raw(",\"hold\":");
    json.number(hold);
    json.raw(",\"lines\":");
    json.lines(lines);
    json.raw(if over { ",\"over\":true}" } else { "}" });
    json.into_text()
}

/// A release's detail.
pub(crate) fn release_text(held: Pico, hold: u64, lines: &[Line], why: &str) -> String {
    let mut json = Json::with_room(64 + why.len() + 256 * lines.len());
    json.raw("{\"held\":");
    json.money(held);
    json.raw(",\"hold\":");
    json.number(hold);
    json.raw(",\"lines\":");
    json.lines(lines);
    json.raw(",\"why\":");
    json.string(why);
    json.raw("}");
    json.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vocab::{Bucket, Modifiers, Usage};

    fn line() -> impl Strategy<Value = Line> {
        let counts = prop::collection::vec((0..Bucket::COUNT, any::<u64>()), 0..4);
        let flags = (any::<[bool; 3]>(), 0u8..32);
        let texts = (".*", "[a-z/:-]{0,9}", prop::option::of("[a-z@0-9]{0,9}"), "\\PC*");
        (counts, flags, texts, any::<i64>()).prop_map(
            |(counts, (flags, bits), (provider, model, price, outcome), amount)| {
                let mut usage = Usage { modifiers: Modifiers::from_bits_truncate(bits), ..Usage::default() };
                [usage.estimated, usage.partial, usage.anomaly] = flags;
                for (bucket, count) in counts {
                    usage.counts[bucket] = count;
                }
                Line {
                    provider: provider.into(),
                    model: model.into(),
                    usage,
                    price: price.map(Into::into),
                    amount: Pico(amount.into()),
                    outcome: outcome.into(),
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_serde_writes(
            lines in prop::collection::vec(line(), 0..3), held in any::<i64>(), hold in any::<u64>(), why in ".*",
            estimated in any::<bool>(), over in any::<bool>(), until in 0..u64::MAX / 2,
            windows in prop::collection::btree_map(".*", (0..u64::MAX / 2).prop_map(Instant::from_micros), 0..3),
        ) {
            let (held, until) = (Pico(held.into()), Instant::from_micros(until));
            let settle = Settle { estimated, held, hold, lines: Cow::Borrowed(&lines), over };
            prop_assert_eq!(settle_text(held, hold, &lines, estimated, over), text(&settle, 0));
            let release = Release { held, hold, lines: Cow::Borrowed(&lines), why: Cow::Borrowed(&why) };
            prop_assert_eq!(release_text(held, hold, &lines, &why), text(&release, 0));
            let tags = serde_json::value::to_raw_value(&why).unwrap();
            let hold = Hold { budgets: windows.clone(), estimate: held, lease_until: until, tags: Some(&tags) };
            prop_assert_eq!(hold_text(&windows, held, until, tags.get()), text(&hold, 0));
            let hold = Hold { budgets: windows.clone(), estimate: held, lease_until: until, tags: None };
            prop_assert_eq!(hold_text(&windows, held, until, ""), text(&hold, 0));
        }
    }
}
