//! What changed between two catalogues, for people and for machines.

use super::units::{spoken, written};
use super::{Catalogue, Entry, date_text, write};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use vocab::{Bucket, Price, Rate, Rates};

/// One change of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Difference {
    Added {
        id: String,
    },
    Removed {
        id: String,
    },
    Price {
        id: String,
        /// Which part of the price: `input`, `above 272000: output`, `from 2027-01-01: input`, `multiplier flex`.
        what: String,
        /// With its unit; None where it was unknown.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// Hundredths of a percent; None where either side is unknown or the old one is free.
        #[serde(skip_serializing_if = "Option::is_none")]
        basis_points: Option<i64>,
    },
    Caps {
        id: String,
        gained: Vec<String>,
        lost: Vec<String>,
    },
    /// Any other field that steers a choice: status, context, max_output, shutdown.
    Field {
        id: String,
        field: &'static str,
        from: String,
        to: String,
    },
}

impl Difference {
    pub fn id(&self) -> &str {
        match self {
            Self::Added { id }
            | Self::Removed { id }
            | Self::Price { id, .. }
            | Self::Caps { id, .. }
            | Self::Field { id, .. } => id,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { id } => write!(f, "+ {id}"),
            Self::Removed { id } => write!(f, "- {id}"),
            Self::Price { id, what, from, to, basis_points } => {
                let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
                write!(f, "~ {id}: {what} {} -> {}", or_unknown(from), or_unknown(to))?;
                basis_points.map_or(Ok(()), |points| {
                    let sign = if points < 0 { '-' } else { '+' };
                    let abs = points.unsigned_abs();
                    write!(f, " ({sign}{}.{:02} %)", abs / 100, abs % 100)
                })
            }
            Self::Caps { id, gained, lost } => {
                write!(f, "~ {id}: caps")?;
                gained.iter().try_for_each(|cap| write!(f, " +{cap}"))?;
                lost.iter().try_for_each(|cap| write!(f, " -{cap}"))
            }
            Self::Field { id, field, from, to } => write!(f, "~ {id}: {field} {from} -> {to}"),
        }
    }
}

/// Every difference, by id, prices before capabilities before the rest.
pub fn diff(old: &Catalogue, new: &Catalogue) -> Vec<Difference> {
    let by_id =
        |c: &'_ Catalogue| c.models.iter().map(|e| (e.id(), e.clone())).collect::<BTreeMap<String, Entry>>();
    let (old, new) = (by_id(old), by_id(new));
    let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut out = Vec::new();
    for id in ids {
        match (old.get(id), new.get(id)) {
            (None, _) => out.push(Difference::Added { id: id.clone() }),
            (_, None) => out.push(Difference::Removed { id: id.clone() }),
            (Some(a), Some(b)) => one(id, a, b, &mut out),
        }
    }
    out
}

fn one(id: &str, old: &Entry, new: &Entry, out: &mut Vec<Difference>) {
    let (a, b) = (parts(old.card.price.as_deref()), parts(new.card.price.as_deref()));
    let places: BTreeSet<&Place> = a.keys().chain(b.keys()).collect();
    for place in places {
        let (from, to) = (a.get(place), b.get(place));
        if from != to {
            out.push(Difference::Price {
                id: id.to_owned(),
                what: place.2.clone(),
                from: from.map(|p| p.text.clone()),
                to: to.map(|p| p.text.clone()),
                basis_points: from.zip(to).and_then(|(from, to)| change(from.rate?, to.rate?)),
            });
        }
    }
    let (a, b) = (&old.card, &new.card);
    if a.caps != b.caps {
        let names = |caps: vocab::Caps| caps.names().collect::<Vec<_>>();
        let (gained, lost) = (names(b.caps - a.caps), names(a.caps - b.caps));
        out.push(Difference::Caps { id: id.to_owned(), gained, lost });
    }
    let or_none = |n: Option<u32>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
    let word = |status: vocab::Status| format!("{status:?}").to_ascii_lowercase();
    let day = |at: Option<vocab::Instant>| at.map_or_else(|| "none".to_owned(), date_text);
    for (field, from, to) in [
        ("status", word(a.status), word(b.status)),
        ("context", or_none(a.context), or_none(b.context)),
        ("max_output", or_none(a.max_output), or_none(b.max_output)),
        ("shutdown", day(a.shutdown), day(b.shutdown)),
    ] {
        if from != to {
            out.push(Difference::Field { id: id.to_owned(), field, from, to });
        }
    }
}

/// Where in a price a part stands: base, changes, multipliers; then bucket order; then its name.
type Place = (u64, u8, String);

#[derive(PartialEq)]
struct Part {
    text: String,
    rate: Option<Rate>,
}

fn parts(price: Option<&Price>) -> BTreeMap<Place, Part> {
    let mut out = BTreeMap::new();
    let Some(price) = price else {
        return out;
    };
    let mut put = |order: u64, prefix: &str, rates: &Rates| {
        for (bucket, rate) in rates.iter() {
            let place = (order, bucket as u8, format!("{prefix}{}", bucket.name()));
            out.insert(place, Part { text: amount(bucket, rate), rate: Some(rate) });
        }
    };
    put(0, "", &price.rates);
    for tier in &price.tiers {
        put(tier.above_input, &format!("above {}: ", tier.above_input), &tier.rates);
    }
    for change in &price.changes {
        let from = format!("from {}: ", date_text(change.from));
        put(change.from.as_micros(), &from, &change.rates);
        for tier in &change.tiers {
            put(change.from.as_micros(), &format!("{from}above {}: ", tier.above_input), &tier.rates);
        }
    }
    for (modifier, ratio) in &price.multipliers {
        let name = modifier.iter_names().next().map_or("", |(name, _)| name).to_ascii_lowercase();
        let place = (u64::MAX, modifier.bits(), format!("multiplier {name}"));
        // As a rate only so that its change has a percentage.
        let rate = Some(Rate { pico: u64::from(ratio.num), per: ratio.den });
        out.insert(place, Part { text: write::ratio(*ratio), rate });
    }
    if price.audio_millis_min > 0 {
        let text = format!("{} s", price.audio_millis_min / 1_000);
        out.insert((u64::MAX, u8::MAX, "least audio".into()), Part { text, rate: None });
    }
    out
}

fn amount(bucket: Bucket, rate: Rate) -> String {
    written(bucket, rate).map_or_else(|| "?".into(), |(unit, usd)| format!("{usd} USD {}", spoken(unit)))
}

/// By how much, in hundredths of a percent, rounded toward zero.
fn change(from: Rate, to: Rate) -> Option<i64> {
    let old = i128::from(from.pico) * i128::from(to.per);
    let new = i128::from(to.pico) * i128::from(from.per);
    if old == 0 {
        return None;
    }
    i64::try_from((new - old).checked_mul(10_000)? / old).ok()
}
