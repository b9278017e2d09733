//! Whether a price can be right.
//!
//! The commonest mistakes are of scale: a price per token where one per million belongs, per thousand characters, per
//! second for per minute. Published prices span less than the factor between two units, so bounds find them. The bounds
//! are wide: ten times below the cheapest and above the dearest that any provider lists.

use super::units::{is_token, plain, spoken, written};
use vocab::{Bucket, Kind, Pico, Price, Rate, Rates, Tier};

/// Least and most USD (in picodollars) for a number of the bucket's units, and what that number is called.
const fn bounds(bucket: Bucket) -> (u128, u128, u32, &'static str) {
    const USD: u128 = 1_000_000_000_000;
    match bucket {
        Bucket::Characters => (USD / 10, 2_000 * USD, 1_000_000, "1M characters"),
        Bucket::AudioMillis => (USD / 100_000, USD, 60_000, "minute"),
        Bucket::Images => (USD / 100_000, 10 * USD, 1, "image"),
        Bucket::Tiles => (USD / 10_000_000, USD, 1, "tile"),
        Bucket::Steps => (USD / 10_000_000, USD, 1, "step"),
        Bucket::Searches => (USD / 10, 1_000 * USD, 1_000, "1,000 searches"),
        Bucket::Requests => (USD / 1_000_000, 10 * USD, 1, "request"),
        _ => (USD / 1_000, 1_000 * USD, 1_000_000, "1M tokens"),
    }
}

/// What is implausible about one rate, written in `unit`. Free (zero) is a statement and passes.
pub(super) fn rate(bucket: Bucket, rate: Rate, unit: &str) -> Option<String> {
    let (least, most, units, called) = bounds(bucket);
    let pico = u128::from(rate.pico) * u128::from(units) / u128::from(rate.per.max(1));
    if rate.pico == 0 || (least..=most).contains(&pico) {
        return None;
    }
    let usd = |pico: u128| plain(Pico(i128::try_from(pico).unwrap_or(i128::MAX)));
    let (side, bound) = if pico < least { ("below", least) } else { ("above", most) };
    let guess = match (unit, pico < least) {
        ("per_1m_tokens", true) => "; is it the price of one token?",
        ("per_token", false) => "; is it the price of a million?",
        ("per_1m_characters", true) => "; is it the price of one or a thousand characters?",
        ("per_character", false) => "; is it the price of a million?",
        ("per_minute", true) => "; is it the price of a second?",
        ("per_second", false) => "; is it the price of a minute or an hour?",
        ("per_minute", false) => "; is it the price of an hour?",
        _ => "",
    };
    let (name, written) = (bucket.name(), spoken(unit));
    let written =
        if written == format!("per {called}") { String::new() } else { format!(" (written {written})") };
    Some(format!(
        "{name} is {} USD per {called}{written}, {side} the plausible {}{guess}",
        usd(pico),
        usd(bound)
    ))
}

/// Whether a model of this kind can be billed by this bucket.
pub(super) const fn belongs(bucket: Bucket, kind: Kind) -> bool {
    match bucket {
        Bucket::Requests => true,
        Bucket::Characters => matches!(kind, Kind::Tts),
        Bucket::AudioMillis => matches!(kind, Kind::Tts | Kind::Stt),
        Bucket::Images | Bucket::Tiles | Bucket::Steps => matches!(kind, Kind::Image),
        Bucket::Searches => matches!(kind, Kind::Chat | Kind::Image),
        _ => is_token(bucket),
    }
}

/// Exact order of two rates: whether `a` is more than `times` times `b`.
fn exceeds(a: Rate, b: Rate, times: u128) -> bool {
    let left = u128::from(a.pico) * u128::from(b.per);
    let right = u128::from(b.pico).saturating_mul(u128::from(a.per));
    left > right.saturating_mul(times)
}

fn said(bucket: Bucket, rate: Rate) -> String {
    written(bucket, rate).map_or_else(|| "?".into(), |(unit, usd)| format!("{usd} {}", spoken(unit)))
}

/// What is implausible about rates beside each other. `place` says which: "" for the base, else with a space at its end.
fn together(rates: &Rates, kind: Kind, place: &str, out: &mut Vec<String>) {
    use Bucket::{CacheRead, CacheWrite, CacheWriteLong, Input, Output};
    let Some(input) = rates.get(Input) else {
        if let (Kind::Chat, Some(_)) = (kind, rates.get(Output)) {
            out.push(format!("{place}output has a price and input has none"));
        }
        return;
    };
    if let Some(cached) = rates.get(CacheRead).filter(|c| exceeds(*c, input, 1)) {
        let (cached, input) = (said(CacheRead, cached), said(Input, input));
        out.push(format!("{place}cache_read ({cached}) costs more than input ({input})"));
    }
    for bucket in [CacheWrite, CacheWriteLong] {
        if let Some(write) = rates.get(bucket).filter(|w| input.pico > 0 && exceeds(*w, input, 10)) {
            let (name, write, input) = (bucket.name(), said(bucket, write), said(Input, input));
            out.push(format!("{place}{name} ({write}) costs more than ten times input ({input})"));
        }
    }
    if kind != Kind::Chat {
        return;
    }
    match rates.get(Output) {
        None => out.push(format!("{place}input has a price and output has none")),
        Some(output) if input.pico > 0 && exceeds(input, output, 100) => {
            let (output, input) = (said(Output, output), said(Input, input));
            out.push(format!("{place}output ({output}) costs less than a hundredth of input ({input})"));
        }
        Some(output) if output.pico > 0 && exceeds(output, input, 100) => {
            let (output, input) = (said(Output, output), said(Input, input));
            out.push(format!("{place}output ({output}) costs more than a hundred times input ({input})"));
        }
        Some(_) => {}
    }
}

fn ladder(base: &Rates, tiers: &[Tier], kind: Kind, place: &str, out: &mut Vec<String>) {
    let mut below: Option<u64> = None;
    let mut cheaper = base;
    for tier in tiers {
        let above = tier.above_input;
        let name = format!("{place}tier above {above}: ");
        if above == 0 {
            out.push(format!("{name}a tier from the first token is the base price"));
        }
        if below.is_some_and(|b| above <= b) {
            out.push(format!(
                "{name}tiers must ascend; the one before is above {}",
                below.unwrap_or_default()
            ));
        }
        for bucket in [Bucket::Input, Bucket::Output] {
            if let (Some(here), Some(before)) = (tier.rates.get(bucket), cheaper.get(bucket))
                && exceeds(before, here, 1)
            {
                let (here, before) = (said(bucket, here), said(bucket, before));
                out.push(format!(
                    "{name}{} ({here}) costs less than below the threshold ({before})",
                    bucket.name()
                ));
            }
        }
        together(&tier.rates, kind, &name, out);
        below = Some(above);
        cheaper = &tier.rates;
    }
}

/// What is implausible about a whole price.
pub(super) fn price(price: &Price, kind: Kind, out: &mut Vec<String>) {
    together(&price.rates, kind, "", out);
    ladder(&price.rates, &price.tiers, kind, "", out);
    for pair in price.changes.windows(2) {
        if let [a, b] = pair
            && b.from <= a.from
        {
            let (a, b) = (super::date_text(a.from), super::date_text(b.from));
            out.push(format!("changes must ascend; {b} comes after {a}"));
        }
    }
    for change in &price.changes {
        let place = format!("change from {}: ", super::date_text(change.from));
        together(&change.rates, kind, &place, out);
        ladder(&change.rates, &change.tiers, kind, &place, out);
    }
    for (modifier, ratio) in &price.multipliers {
        let (num, den) = (u64::from(ratio.num), u64::from(ratio.den));
        if num * 20 < den || num > den * 10 {
            let name: Vec<&str> = modifier.iter_names().map(|(n, _)| n).collect();
            let name = name.join("|").to_ascii_lowercase();
            out.push(format!("multiplier {name} is {num}/{den}; between 0.05 and 10 was expected"));
        }
    }
}
