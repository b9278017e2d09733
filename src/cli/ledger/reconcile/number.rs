//! Figures as exports have them: `59200.0`, `8.25e-05`, `0.003835980000000000000000000000`. Digits are moved, not computed.

use vocab::Pico;

/// A decimal number times ten to the `shift`, half away from zero to a whole number, and whether that was exact. None for what is no
/// number or does not fit.
fn whole(text: &str, shift: i32) -> Option<(i128, bool)> {
    let text = text.trim();
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok().filter(|e| e.abs() <= 400)?),
        None => (rest, 0),
    };
    let (before, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = before.bytes().chain(behind.bytes()).collect();
    if before.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // How many of the digits stand before the point at the end.
    let point = i32::try_from(before.len()).ok()?.checked_add(exponent)?.checked_add(shift)?;
    let kept = usize::try_from(point.max(0)).ok()?;
    let mut value: i128 = 0;
    for at in 0..kept {
        let digit = digits.get(at).map_or(0, |digit| i128::from(digit - b'0'));
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    let rest = digits.get(kept..).unwrap_or_default();
    let exact = rest.iter().all(|digit| *digit == b'0')
        && (point >= 0 || value == 0 && digits.iter().all(|d| *d == b'0'));
    if point >= 0 && rest.first().is_some_and(|digit| *digit >= b'5') {
        value = value.checked_add(1)?;
    }
    Some((if negative { -value } else { value }, exact))
}

/// An amount in USD, or with `places` 2 in cents; what is finer than a picodollar is rounded.
pub fn money(text: &str, places: i32) -> Option<Pico> {
    whole(text, 12 - places).map(|(pico, _)| Pico(pico))
}

/// How far off an amount may be that was rounded for people to read: half of its last place, where it has four at most.
pub fn rounding(text: &str) -> Pico {
    let places = text.trim().split_once('.').map_or(0, |(_, places)| places.len());
    let plain = !text.contains(['e', 'E']);
    match i32::try_from(places) {
        Ok(places @ 0..=4) if plain => whole("0.5", 12 - places).map_or(Pico::ZERO, |(pico, _)| Pico(pico)),
        _ => Pico::ZERO,
    }
}

/// A whole number that is not below zero; nothing behind its point but zeros.
pub fn count(text: &str) -> Option<u64> {
    whole(text, 0).filter(|(_, exact)| *exact).and_then(|(count, _)| u64::try_from(count).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact_to_the_picodollar() {
        for (text, pico) in [
            ("0.06", 60_000_000_000),
            ("0.8958740000000000", 895_874_000_000),
            ("0.003835980000000000000000000000", 3_835_980_000),
            ("8.25e-05", 82_500_000),
            ("1E+2", 100_000_000_000_000),
            ("1e-12", 1),
            ("5e-13", 1),
            ("4.9e-13", 0),
            ("0.30000000000000004", 300_000_000_000),
            ("0.0000000000005", 1),
            ("-1.5", -1_500_000_000_000),
            ("0", 0),
            ("1e-400", 0),
            ("12.", 12_000_000_000_000),
        ] {
            assert_eq!(money(text, 0), Some(Pico(pico)), "{text}");
        }
        assert_eq!(money("123.78912", 2), Some(Pico(1_237_891_200_000)), "cents");
        for bad in ["", ".", ".5", "-", "1,5", "1.2.3", "NaN", "1e", "1e999", "1e300", "$1", "0x1", "1 2"] {
            assert_eq!(money(bad, 0), None, "{bad}");
        }
    }

    #[test]
    fn counts_are_whole() {
        for (text, number) in [("59200.0", 59_200), ("0", 0), ("5.92e4", 59_200), (" 7 ", 7), ("0.0e0", 0)] {
            assert_eq!(count(text), Some(number), "{text}");
        }
        for bad in ["", "1.5", "-1", "x", "1e30", "1e-1", "0.00001", "184467440737095516160"] {
            assert_eq!(count(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_shown_in_cents_may_be_off_by_half_a_cent() {
        for (text, pico) in [
            ("0.05", 5_000_000_000),
            ("3", 500_000_000_000),
            ("0.1234", 50_000_000),
            ("0.12345", 0),
            ("1e-3", 0),
        ] {
            assert_eq!(rounding(text), Pico(pico), "{text}");
        }
    }
}
