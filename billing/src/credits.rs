//! Credits: what customers see instead of dollars.

use crate::charge::divided;
use serde::{Serialize, Serializer};
use vocab::{Decimal, Pico, Ratio};

/// How many dollars a credit is, and what is added to the provider's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credits {
    pub usd_per_credit: Ratio,
    /// 1.2 bills 20 % more than the provider does.
    pub markup: Ratio,
}

impl Default for Credits {
    /// A credit is a cent, without mark-up.
    fn default() -> Self {
        Self { usd_per_credit: Ratio { num: 1, den: 100 }, markup: Ratio::ONE }
    }
}

/// A number of credits, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credit(pub i128);

impl Credit {
    pub const PER_CREDIT: i128 = 1_000_000;
}

impl Credits {
    /// What is billed for a provider's cost: the mark-up on it, half up to whole nanodollars. None if that does not
    /// fit.
    pub fn billed(&self, cost: Pico) -> Option<Pico> {
        scaled(
            cost.0,
            self.markup.num.into(),
            i128::from(self.markup.den).checked_mul(Pico::PER_NANO)?,
            Way::HalfUp,
        )?
        .checked_mul(Pico::PER_NANO)
        .map(Pico)
    }

    /// The credits that an amount used, half up to a millionth.
    pub fn used(&self, amount: Pico) -> Option<Credit> {
        self.credits(amount, Way::HalfUp)
    }

    /// The credits that a balance is worth, down to a millionth: never more than there is.
    pub fn worth(&self, balance: Pico) -> Option<Credit> {
        self.credits(balance, Way::Down)
    }

    /// The money for a number of credits, down to a picodollar.
    pub fn money(&self, credit: Credit) -> Option<Pico> {
        let rate = self.usd_per_credit;
        let num = i128::from(rate.num).checked_mul(Pico::PER_USD)?;
        scaled(credit.0, num, i128::from(rate.den).checked_mul(Credit::PER_CREDIT)?, Way::Down).map(Pico)
    }

    fn credits(&self, amount: Pico, way: Way) -> Option<Credit> {
        let rate = self.usd_per_credit;
        // Both numbers of units are reduced against each other, so that the product stays small.
        let den = i128::from(rate.num).checked_mul(Pico::PER_USD / Credit::PER_CREDIT)?;
        scaled(amount.0, rate.den.into(), den, way).map(Credit)
    }
}

#[derive(Clone, Copy)]
enum Way {
    Down,
    HalfUp,
}

/// `value × num / den`, exact until the one rounding at the end.
fn scaled(value: i128, num: i128, den: i128, way: Way) -> Option<i128> {
    if den <= 0 {
        return None;
    }
    let product = value.checked_mul(num)?;
    let (whole, rest) = divided(product, den);
    match way {
        Way::Down => Some(whole),
        Way::HalfUp => whole.checked_add(i128::from(rest >= den - rest)),
    }
}

/// Decimal, without trailing zeros: `12.5`, `0.000043`, `-3`.
impl std::fmt::Display for Credit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl Credit {
    /// The same text as `Display` gives, without the formatter.
    pub fn text(self) -> Decimal {
        let per = Self::PER_CREDIT.unsigned_abs();
        let abs = self.0.unsigned_abs();
        let (whole, rest) = match u64::try_from(abs) {
            Ok(small) => (u128::from(small / MILLION), small % MILLION),
            Err(_) => (abs / per, u64::try_from(abs % per).unwrap_or_default()),
        };
        let mut text = Decimal::default();
        if rest > 0 {
            let (mut places, mut width) = (rest, 6);
            while places.is_multiple_of(10) {
                (places, width) = (places / 10, width - 1);
            }
            text.places(places, width);
            text.push(b'.');
        }
        text.whole(whole);
        if self.0 < 0 {
            text.push(b'-');
        }
        text
    }
}

const MILLION: u64 = 1_000_000;

impl Serialize for Credit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credits(usd: &str, markup: &str) -> Credits {
        Credits { usd_per_credit: usd.parse().unwrap(), markup: markup.parse().unwrap() }
    }

    #[test]
    fn a_mark_up_is_rounded_half_up_to_a_nanodollar() {
        let plus = credits("0.01", "1.15");
        for (cost, billed) in
            [(0, 0), (1_000, 1_000), (10_000, 12_000), (30_000, 35_000), (1_000_000, 1_150_000)]
        {
            assert_eq!(plus.billed(Pico(cost)), Some(Pico(billed)), "{cost}");
        }
    }

    #[test]
    fn credits_used_are_half_up_and_balances_down() {
        let cent = credits("0.01", "1");
        for (pico, used, worth) in [
            (Pico::PER_USD, "100", "100"),
            (42_500_000, "0.00425", "0.00425"),
            (15_000, "0.000002", "0.000001"),
            (14_999, "0.000001", "0.000001"),
            (-15_000, "-0.000001", "-0.000002"),
        ] {
            assert_eq!(cent.used(Pico(pico)).unwrap().to_string(), used, "{pico}");
            assert_eq!(cent.worth(Pico(pico)).unwrap().to_string(), worth, "{pico}");
        }
    }

    #[test]
    fn credits_are_written_without_trailing_zeros() {
        for (millionths, text) in [
            (0, "0"),
            (-3_000_000, "-3"),
            (12_500_000, "12.5"),
            (43, "0.000043"),
            (i128::MAX, "170141183460469231731687303715884.105727"),
            (i128::from(u64::MAX) + 1, "18446744073709.551616"),
        ] {
            assert_eq!(Credit(millionths).to_string(), text);
        }
    }

    #[test]
    fn credits_are_money_and_back() {
        let odd = credits("0.0003", "1");
        for credit in [0, 1, 999_999, 1_000_000, 123_456_789] {
            let money = odd.money(Credit(credit)).unwrap();
            assert_eq!(odd.used(money), Some(Credit(credit)));
        }
        assert_eq!(odd.money(Credit(i128::MAX)), None);
    }
}
