//! What a request may come to, before it is sent.

use crate::charge::{Fraction, cost};
use vocab::{Bucket, Instant, Modifiers, Pico, Price, Rate, Rates, Usage};

const INPUTS: [Bucket; 6] = [
    Bucket::Input,
    Bucket::CacheRead,
    Bucket::CacheWrite,
    Bucket::CacheWriteLong,
    Bucket::InputAudio,
    Bucket::InputImage,
];
const OUTPUTS: [Bucket; 4] = [Bucket::Output, Bucket::Reasoning, Bucket::OutputAudio, Bucket::OutputImage];

/// The most that a request of up to `tokens_in` input tokens and `n` answers of up to `max_output` tokens each can
/// cost at the rates in force at `now`, without multipliers: what is set aside for it. None where the price is
/// unknown.
///
/// Every token is taken at the dearest rate that its side of the price lists (all input may turn out to be a cache
/// write, all output audio), and at the dearest tier within reach, because an estimate may be above the count.
pub fn worst(price: &Price, tokens_in: u64, max_output: u64, n: u32, now: Instant) -> Option<Pico> {
    worst_under(Modifiers::empty(), price, tokens_in, max_output, n, now)
}

/// [`worst`], for a reply that may state any of `modifiers` (priority service asked for, say): each of them whose
/// multiplier is above one counts.
pub fn worst_under(
    modifiers: Modifiers,
    price: &Price,
    tokens_in: u64,
    max_output: u64,
    n: u32,
    now: Instant,
) -> Option<Pico> {
    let (base, tiers) = price.at(now);
    let reached = tiers.iter().filter(|tier| tokens_in > tier.above_input).map(|tier| &tier.rates);
    let tokens_out = max_output.checked_mul(u64::from(n))?;
    let mut most = worst_at(base, tokens_in, tokens_out)?;
    for rates in reached {
        most = most.max(worst_at(rates, tokens_in, tokens_out)?);
    }
    for (needs, ratio) in &price.multipliers {
        if modifiers.intersects(*needs) && ratio.num > ratio.den {
            most = up_to_nano(most.0.checked_mul(i128::from(ratio.num))?, i128::from(ratio.den))?;
        }
    }
    Some(most)
}

fn worst_at(rates: &Rates, tokens_in: u64, tokens_out: u64) -> Option<Pico> {
    let mut sum = Fraction::ZERO;
    for (count, buckets) in [(tokens_in, &INPUTS[..]), (tokens_out, &OUTPUTS[..])] {
        if count > 0 {
            sum = sum.plus(Fraction::of(count, dearest(rates, buckets)?)?)?;
        }
    }
    if let Some(per_request) = rates.get(Bucket::Requests) {
        sum = sum.plus(Fraction::of(1, per_request)?)?;
    }
    sum.rounded(Pico::PER_NANO)
}

/// Of those that are listed: where a bucket falls back to another of its side, that one is listed.
fn dearest(rates: &Rates, buckets: &[Bucket]) -> Option<Rate> {
    let listed = buckets.iter().filter_map(|bucket| rates.get(*bucket)).filter(|rate| rate.per > 0);
    let worth = |rate: Rate, per: u32| u128::from(rate.pico) * u128::from(per);
    listed.max_by(|a, b| worth(*a, b.per).cmp(&worth(*b, a.per)))
}

/// Up, not half up: a worst case that is a nanodollar short is none.
fn up_to_nano(num: i128, den: i128) -> Option<Pico> {
    let step = den.checked_mul(Pico::PER_NANO)?;
    let up = num.checked_add(step - 1)?.div_euclid(step);
    up.checked_mul(Pico::PER_NANO).map(Pico)
}

/// What a request of these token counts probably costs; `cached` of the `tokens_in` are taken as cache reads. None
/// where the price is unknown.
pub fn expected(price: &Price, tokens_in: u64, cached: u64, tokens_out: u64, now: Instant) -> Option<Pico> {
    let cached = cached.min(tokens_in);
    let mut usage = Usage::default()
        .with(Bucket::Input, tokens_in - cached)
        .with(Bucket::CacheRead, cached)
        .with(Bucket::Output, tokens_out);
    if price.for_input(tokens_in, now).get(Bucket::Requests).is_some() {
        usage.set(Bucket::Requests, 1);
    }
    cost(price, &usage, now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{Ratio, Tier};

    const NOW: Instant = Instant::from_secs(1);

    fn per_million(usd: &str) -> Rate {
        Rate::of(usd, 1_000_000).unwrap()
    }

    fn sonnet() -> Price {
        let rates = Rates::default()
            .with(Bucket::Input, per_million("2"))
            .with(Bucket::CacheRead, per_million("0.1"))
            .with(Bucket::CacheWriteLong, per_million("4"))
            .with(Bucket::Output, per_million("10"));
        let high = rates.clone().with(Bucket::Output, per_million("20"));
        Price {
            rates,
            tiers: vec![Tier { above_input: 1_000, rates: high }],
            multipliers: vec![
                (Modifiers::BATCH, Ratio { num: 1, den: 2 }),
                (Modifiers::PRIORITY, Ratio { num: 2, den: 1 }),
            ],
            ..Price::default()
        }
    }

    #[test]
    fn the_worst_takes_the_dearest_rates_within_reach() {
        let price = sonnet();
        assert_eq!(worst(&price, 1_000, 100, 1, NOW), Some(Pico(1_000 * 4_000_000 + 100 * 10_000_000)));
        assert_eq!(worst(&price, 1_001, 100, 3, NOW), Some(Pico(1_001 * 4_000_000 + 300 * 20_000_000)));
        assert_eq!(
            worst_under(Modifiers::all(), &price, 1_000, 0, 1, NOW),
            Some(Pico(2 * 1_000 * 4_000_000)),
            "a discount is no worst case"
        );
        assert_eq!(worst(&Price::default(), 1, 0, 1, NOW), None);
        assert_eq!(worst(&price, u64::MAX, u64::MAX, 2, NOW), None);
    }

    #[test]
    fn what_is_expected_counts_cached_tokens_as_such() {
        let price = sonnet();
        assert_eq!(
            expected(&price, 1_000, 900, 10, NOW),
            Some(Pico(100 * 2_000_000 + 900 * 100_000 + 100_000_000))
        );
        assert_eq!(expected(&price, 10, 900, 0, NOW), Some(Pico(10 * 100_000)));
        assert_eq!(expected(&Price::default(), 1, 0, 0, NOW), None);
    }
}
