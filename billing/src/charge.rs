//! The price of a usage: an exact sum, rounded once.
//!
//! Rates are rationals (picodollars *per so many* units), multipliers are rationals; the sum over all buckets is kept
//! as a fraction of 128-bit integers until the very end, where it is rounded half up to whole nanodollars. Nothing
//! on the way allocates.

use vocab::{Bucket, Instant, Modifiers, Pico, Price, Rate, Rates, Usage};

/// Something was used that the price has no rate for. Unknown is never zero. (An amount beyond 128 bits counts as
/// unknown too.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpriced {
    pub bucket: Bucket,
}

impl std::fmt::Display for Unpriced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the price has no usable rate for {}", self.bucket.name())
    }
}

impl std::error::Error for Unpriced {}

/// What a usage costs, with what it takes to itemise it.
#[derive(Clone, Copy, Debug)]
pub struct Charge<'p> {
    /// Whole nanodollars: a multiple of 1,000.
    pub total: Pico,
    /// The version of the price, for the ledger line.
    pub version: &'p str,
    rates: &'p Rates,
    price: &'p Price,
    billed: Usage,
}

/// One bucket's part of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    pub bucket: Bucket,
    /// What was billed, a minimum included.
    pub count: u64,
    /// The bucket whose rate was used: `bucket` itself, or the broader one it fell back to.
    pub rated_as: Bucket,
    pub rate: Rate,
    /// Before multipliers, half up to a picodollar. Only the charge's total is exact.
    pub amount: Pico,
}

impl Charge<'_> {
    /// The parts in the order of [`Bucket::ALL`], for people to read. Computed when asked for.
    pub fn items(&self) -> impl Iterator<Item = Item> + '_ {
        self.billed.counted().filter_map(|(bucket, count)| {
            let (rated_as, rate) = rate_of(self.rates, bucket)?;
            let amount = Fraction::of(count, rate)?.rounded(1)?;
            Some(Item { bucket, count, rated_as, rate, amount })
        })
    }

    /// The multipliers that applied to the sum of the items, as one numerator and denominator each.
    pub fn multipliers(&self) -> impl Iterator<Item = (Modifiers, vocab::Ratio)> + '_ {
        applying(self.price, self.billed.modifiers)
    }
}

/// What `usage` costs at `price` as in force at `now`.
///
/// - The tier is chosen by all input tokens together, strictly above its threshold, and moves the whole request.
/// - A bucket without a rate falls back: cache reads and writes, audio and image input to fresh input (long cache
///   writes to short ones first); reasoning, audio and image output to output. The rest have no fallback.
/// - Every multiplier whose modifiers are all set applies to the whole sum.
/// - Rounded once, half up, to whole nanodollars.
pub fn charge<'p>(price: &'p Price, usage: &Usage, now: Instant) -> Result<Charge<'p>, Unpriced> {
    let total = cost(price, usage, now)?;
    let rates = price.for_input(usage.tokens_in(), now);
    let mut billed = *usage;
    billed.set(Bucket::AudioMillis, least(price, Bucket::AudioMillis, usage.get(Bucket::AudioMillis)));
    Ok(Charge { total, version: &price.version, rates, price, billed })
}

/// The total of [`charge`], for those who itemise nothing.
pub fn cost(price: &Price, usage: &Usage, now: Instant) -> Result<Pico, Unpriced> {
    let rates = price.for_input(usage.tokens_in(), now);
    let mut sum = Fraction::ZERO;
    let mut last = Bucket::Input;
    for (bucket, count) in usage.counted() {
        let unpriced = Unpriced { bucket };
        let (_, rate) = rate_of(rates, bucket).ok_or(unpriced)?;
        let part = Fraction::of(least(price, bucket, count), rate);
        sum = part.and_then(|part| sum.plus(part)).ok_or(unpriced)?;
        last = bucket;
    }
    for (_, ratio) in applying(price, usage.modifiers) {
        sum = sum.times(ratio.num, ratio.den).ok_or(Unpriced { bucket: last })?;
    }
    sum.rounded(Pico::PER_NANO).ok_or(Unpriced { bucket: last })
}

/// What is billed where so much was used: any audio at all counts as the least there is a price for.
const fn least(price: &Price, bucket: Bucket, count: u64) -> u64 {
    match bucket {
        Bucket::AudioMillis if 0 < count && count < price.audio_millis_min => price.audio_millis_min,
        _ => count,
    }
}

fn applying(price: &Price, set: Modifiers) -> impl Iterator<Item = (Modifiers, vocab::Ratio)> + '_ {
    price.multipliers.iter().copied().filter(move |(m, _)| !m.is_empty() && set.contains(*m))
}

/// The rate for a bucket and the bucket it was listed under.
pub(crate) fn rate_of(rates: &Rates, bucket: Bucket) -> Option<(Bucket, Rate)> {
    let mut at = bucket;
    loop {
        if let Some(rate) = rates.get(at) {
            return (rate.per > 0).then_some((at, rate));
        }
        at = broader(at)?;
    }
}

const fn broader(bucket: Bucket) -> Option<Bucket> {
    match bucket {
        Bucket::CacheWriteLong => Some(Bucket::CacheWrite),
        Bucket::CacheRead | Bucket::CacheWrite | Bucket::InputAudio | Bucket::InputImage => {
            Some(Bucket::Input)
        }
        Bucket::Reasoning | Bucket::OutputAudio | Bucket::OutputImage => Some(Bucket::Output),
        _ => None,
    }
}

/// A sum of money that is not rounded yet: `num / den` picodollars.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fraction {
    num: i128,
    den: i128,
}

impl Fraction {
    pub(crate) const ZERO: Self = Self { num: 0, den: 1 };

    pub(crate) fn of(count: u64, rate: Rate) -> Option<Self> {
        let num = i128::try_from(u128::from(count) * u128::from(rate.pico)).ok()?;
        (rate.per > 0).then_some(Self { num, den: i128::from(rate.per) })
    }

    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        if self.den == other.den {
            return Some(Self { num: self.num.checked_add(other.num)?, den: self.den });
        }
        let shared = gcd(self.den, other.den);
        let mine = self.num.checked_mul(other.den / shared)?;
        let theirs = other.num.checked_mul(self.den / shared)?;
        Some(Self { num: mine.checked_add(theirs)?, den: (self.den / shared).checked_mul(other.den)? })
    }

    pub(crate) fn times(self, num: u32, den: u32) -> Option<Self> {
        if den == 0 {
            return None;
        }
        Some(Self {
            num: self.num.checked_mul(i128::from(num))?,
            den: self.den.checked_mul(i128::from(den))?,
        })
    }

    /// Half up to whole multiples of `unit` picodollars.
    pub(crate) fn rounded(self, unit: i128) -> Option<Pico> {
        let step = self.den.checked_mul(unit)?;
        let (whole, rest) = divided(self.num, step);
        let up = i128::from(rest >= step - rest);
        Some(Pico(whole.checked_add(up)?.checked_mul(unit)?))
    }
}

/// `num / den` downwards, and what is left over; `den` is positive. Division of 128 bits is slow, and nearly every amount
/// fits into 64.
pub(crate) fn divided(num: i128, den: i128) -> (i128, i128) {
    match (u64::try_from(num), u64::try_from(den)) {
        (Ok(num), Ok(den)) => (i128::from(num / den), i128::from(num % den)),
        _ => (num.div_euclid(den), num.rem_euclid(den)),
    }
}

const fn gcd(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests;
