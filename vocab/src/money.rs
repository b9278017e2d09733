//! Money is whole numbers.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;
use std::str::FromStr;

/// An amount of money in picodollars (1e-12 USD). On the wire a decimal string in USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pico(pub i128);

impl Pico {
    pub const ZERO: Self = Self(0);
    pub const PER_USD: i128 = 1_000_000_000_000;
    pub const PER_NANO: i128 = 1_000;

    pub const fn from_usd(usd: i64) -> Self {
        Self(usd as i128 * Self::PER_USD)
    }

    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// For scores and pictures only; never for a bill.
    pub const fn as_usd_f64(self) -> f64 {
        self.0 as f64 / 1e12
    }

    /// Whole nanodollars, for counters; nothing where that is negative or does not fit.
    pub fn nanos(self) -> u64 {
        // Division of 128 bits is slow, and nearly every amount fits into 64.
        match u64::try_from(self.0) {
            Ok(small) => small / 1_000,
            Err(_) => u64::try_from(self.0 / Self::PER_NANO).unwrap_or(0),
        }
    }

    /// Half up to whole nanodollars, still in picodollars.
    pub const fn round_to_nano(self) -> Self {
        Self((self.0 + Self::PER_NANO / 2).div_euclid(Self::PER_NANO) * Self::PER_NANO)
    }
}

impl std::iter::Sum for Pico {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Self::plus)
    }
}

/// Decimal USD: nine places, or twelve where the amount has a part below a nanodollar.
impl fmt::Display for Pico {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl Pico {
    /// The same text as [`Display`](fmt::Display) gives, without the formatter: every answer has several amounts.
    pub fn text(self) -> Decimal {
        let abs = self.0.unsigned_abs();
        // Division of 128 bits is slow, and nearly every amount fits into 64.
        let (usd, rest) = match u64::try_from(abs) {
            Ok(small) => (u128::from(small / PER_USD), small % PER_USD),
            Err(_) => {
                (abs / u128::from(PER_USD), u64::try_from(abs % u128::from(PER_USD)).unwrap_or_default())
            }
        };
        let (places, width) = if rest.is_multiple_of(1_000) { (rest / 1_000, 9) } else { (rest, 12) };
        let mut text = Decimal::default();
        text.places(places, width);
        text.push(b'.');
        text.whole(usd);
        if self.0 < 0 {
            text.push(b'-');
        }
        text
    }
}

/// A decimal number as text, without an allocation. Written from its last digit to its first.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    digits: [u8; Self::ROOM],
    from: usize,
}

impl Default for Decimal {
    fn default() -> Self {
        Self { digits: [b'0'; Self::ROOM], from: Self::ROOM }
    }
}

impl Decimal {
    /// What the longest of them takes: 39 digits, twelve places at most among them, a point and a sign.
    const ROOM: usize = 56;

    pub fn as_str(&self) -> &str {
        // Only ASCII is ever written.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.from..).unwrap_or_default()
    }

    /// Puts it behind a text.
    pub fn add_to(&self, text: &mut String) {
        text.extend(self.as_bytes().iter().copied().map(char::from));
    }

    /// Puts a byte before what is there. More than there is room for is left out.
    pub fn push(&mut self, ascii: u8) {
        let Some(at) = self.from.checked_sub(1) else { return };
        if let Some(place) = self.digits.get_mut(at) {
            *place = if ascii.is_ascii() { ascii } else { b'?' };
            self.from = at;
        }
    }

    /// Exactly `width` digits of a number, with zeros before it.
    pub fn places(&mut self, mut number: u64, width: usize) {
        let from = self.from.saturating_sub(width);
        for place in self.digits.get_mut(from..self.from).unwrap_or_default().iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.from = from;
    }

    /// A whole number.
    pub fn whole(&mut self, mut number: u128) {
        // 128-bit division only while it is needed.
        while number > u128::from(u64::MAX) {
            self.push(b'0' + (number % 10) as u8);
            number /= 10;
        }
        let mut number = number as u64;
        loop {
            self.push(b'0' + (number % 10) as u8);
            number /= 10;
            if number == 0 {
                return;
            }
        }
    }
}

const PER_USD: u64 = 1_000_000_000_000;

/// A text that is no amount of money, or one finer than a picodollar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAmount(pub String);

impl fmt::Display for BadAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a decimal amount with at most 12 places, like \"0.15\"", self.0)
    }
}

impl std::error::Error for BadAmount {}

/// `digits[.digits]` with an optional minus, scaled by ten to the `places`; exact or refused.
fn parse_scaled(text: &str, places: usize) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let fraction = fraction.trim_end_matches('0');
    if whole.is_empty() || whole.len() > 20 || fraction.len() > places || !plain(whole) || !plain(fraction) {
        return None;
    }
    if digits.ends_with('.') {
        return None;
    }
    let mut value: i128 = whole.parse().ok()?;
    for place in 0..places {
        let digit = fraction.as_bytes().get(place).map_or(0, |b| i128::from(b - b'0'));
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(if negative { -value } else { value })
}

impl FromStr for Pico {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        parse_scaled(text, 12).map(Self).ok_or_else(|| BadAmount(text.into()))
    }
}

impl Serialize for Pico {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

impl<'de> Deserialize<'de> for Pico {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What units cost: `pico` picodollars for every `per` units. A token price is per 1, a price per minute of audio
/// is per 60,000 (milliseconds), so that no published price has to be rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rate {
    pub pico: u64,
    pub per: u32,
}

impl Rate {
    /// From a decimal number of USD for `units` units: `Rate::of("0.15", 1_000_000)` is 150,000 picodollars a token.
    /// Exact: the fraction is reduced, and refused where it does not fit.
    pub fn of(usd: &str, units: u32) -> Result<Self, BadAmount> {
        let bad = || BadAmount(usd.into());
        let pico = parse_scaled(usd, 12).ok_or_else(bad)?;
        let mut pico = u128::try_from(pico).map_err(|_| bad())?;
        let mut per = u128::from(units);
        if per == 0 {
            return Err(bad());
        }
        let shared = gcd(pico, per).max(1);
        pico /= shared;
        per /= shared;
        Ok(Self {
            pico: u64::try_from(pico).map_err(|_| bad())?,
            per: u32::try_from(per).map_err(|_| bad())?,
        })
    }

    pub const FREE: Self = Self { pico: 0, per: 1 };
}

/// A positive rational, for multipliers and mark-ups: `1.1` is 11/10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ratio {
    pub num: u32,
    pub den: u32,
}

impl Ratio {
    pub const ONE: Self = Self { num: 1, den: 1 };
}

impl FromStr for Ratio {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let bad = || BadAmount(text.into());
        let num = u128::try_from(parse_scaled(text, 6).ok_or_else(bad)?).map_err(|_| bad())?;
        let shared = gcd(num, 1_000_000).max(1);
        let fit = |n: u128| u32::try_from(n / shared).map_err(|_| bad());
        if num == 0 {
            return Err(bad());
        }
        Ok(Self { num: fit(num)?, den: fit(1_000_000)? })
    }
}

const fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_text() {
        for (text, pico) in [
            ("0", 0),
            ("0.0000425", 42_500_000),
            ("1.000000000001", 1_000_000_000_001),
            ("-3.5", -3_500_000_000_000),
        ] {
            assert_eq!(text.parse::<Pico>().unwrap(), Pico(pico), "{text}");
        }
        assert_eq!(Pico(42_500_000).to_string(), "0.000042500");
        assert_eq!(Pico(1).to_string(), "0.000000000001");
        assert_eq!(Pico(-1_500_000_000_000).to_string(), "-1.500000000");
        assert_eq!(Pico(i128::MIN).to_string(), "-170141183460469231731687303.715884105728");
        assert_eq!(Pico(i128::MIN).text().as_str(), "-170141183460469231731687303.715884105728");
        assert_eq!(Pico::ZERO.to_string(), "0.000000000");
        assert_eq!(Pico(i128::from(u64::MAX)).to_string(), "18446744.073709551615");
        for bad in [
            "",
            ".",
            "1.",
            ".5",
            "1e3",
            "1,5",
            "NaN",
            "inf",
            "0.0000000000001",
            "--1",
            "+1",
            "999999999999999999999",
        ] {
            assert!(bad.parse::<Pico>().is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_keep_thirds() {
        assert_eq!(Rate::of("0.15", 1_000_000).unwrap(), Rate { pico: 150_000, per: 1 });
        assert_eq!(Rate::of("0.0005", 60_000).unwrap(), Rate { pico: 25_000, per: 3 });
        assert!(Rate::of("-1", 1).is_err());
        assert_eq!("1.1".parse::<Ratio>().unwrap(), Ratio { num: 11, den: 10 });
        assert!("0".parse::<Ratio>().is_err());
    }

    #[test]
    fn rounding_is_half_up_to_nano() {
        for (pico, nano) in [(37_499, 37_000), (37_500, 38_000), (-500, 0), (-501, -1_000)] {
            assert_eq!(Pico(pico).round_to_nano(), Pico(nano), "{pico}");
        }
    }
}
