//! Money as the auditor reads and reckons it: whole picodollars.

use crate::stage::Rates;
use lab::Figures;

/// A decimal number of USD as entries write it.
pub fn read(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(part.len() <= 12, "{text} is finer than a picodollar");
    sign * format!("{whole}{part:0<12}").parse::<i128>().expect("an amount is digits")
}

/// What figures cost, half up to whole nanodollars.
pub fn price(rates: &Rates, figures: &Figures, times: i128) -> i128 {
    let fresh = figures.input - figures.cached - figures.written - figures.written_long;
    let write = rates.cache_write.unwrap_or(rates.input);
    let parts = [
        (fresh, rates.input),
        (figures.cached, rates.cache_read.unwrap_or(rates.input)),
        (figures.written + figures.written_long, write),
        (figures.output + figures.reasoning, rates.output),
    ];
    let sum: i128 =
        parts.into_iter().map(|(count, rate)| i128::from(count) * i128::from(rate)).sum::<i128>() * times;
    (sum + 500).div_euclid(1_000) * 1_000
}

#[test]
fn amounts_are_read_to_the_last_place() {
    for (text, pico) in
        [("0.000000000", 0), ("1.5", 1_500_000_000_000), ("0.000000000001", 1), ("-2", -2_000_000_000_000)]
    {
        assert_eq!(read(text), pico, "{text}");
    }
}
