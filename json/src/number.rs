//! Numbers by the grammar of RFC 8259, section 6, as far as any parser takes them alike.

use crate::Found;

/// This many digits fit into 64 bits, whatever they are.
const WHOLE_MAX: usize = 19;
/// A fraction with this many digits is exactly one whole float divided by another, which is rounded once.
const REAL_MAX: usize = 15;
const TENS: [f64; REAL_MAX + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// A power of ten that, with a [`WHOLE_MAX`] digits before the point, is far from too large.
const EXPONENT_DIGITS_MAX: usize = 2;

/// A number as it is written.
#[derive(Clone, Copy)]
pub struct Number {
    minus: bool,
    /// All digits before the exponent as one number, where they fit.
    digits: u64,
    figures: usize,
    /// How many of them stand after the point.
    places: usize,
    exponent: bool,
}

impl Number {
    /// The number that a text begins with, and its length.
    #[inline]
    pub fn begin(text: &[u8]) -> Option<(Self, usize)> {
        let minus = text.first() == Some(&b'-');
        let mut at = usize::from(minus);
        let mut digits = 0;
        let figures = take_digits(text.get(at..)?, &mut digits);
        if figures == 0 || figures > WHOLE_MAX || figures > 1 && text.get(at) == Some(&b'0') {
            return None;
        }
        at += figures;
        let mut number = Self { minus, digits, figures, places: 0, exponent: false };
        if let Some(b'.' | b'e' | b'E') = text.get(at) {
            at = number.goes_on(text, at)?;
        }
        Some((number, at))
    }

    /// Says where it is over.
    fn goes_on(&mut self, text: &[u8], mut at: usize) -> Option<usize> {
        if text.get(at) == Some(&b'.') {
            at += 1;
            self.places = take_digits(text.get(at..)?, &mut self.digits);
            if self.places == 0 {
                return None;
            }
            self.figures += self.places;
            at += self.places;
        }
        if let Some(b'e' | b'E') = text.get(at) {
            self.exponent = true;
            at += 1;
            at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
            let digits = take_digits(text.get(at..)?, &mut 0);
            if !(1..=EXPONENT_DIGITS_MAX).contains(&digits) {
                return None;
            }
            at += digits;
        }
        Some(at)
    }

    /// Its value. None where parsers may differ by a bit.
    #[inline]
    pub fn value<'a>(self) -> Option<Found<'a>> {
        if self.exponent {
            return None;
        }
        if self.places == 0 && !self.minus {
            return Some(Found::Whole(self.digits.into()));
        }
        if self.places == 0 && self.digits > 0 {
            return i64::try_from(self.digits).ok().map(|digits| Found::Whole((-digits).into()));
        }
        if self.figures > REAL_MAX {
            return None;
        }
        let real = self.digits as f64 / TENS.get(self.places)?;
        // There is a zero below zero, and it is no whole number.
        Some(Found::Real(if self.minus { -real } else { real }))
    }
}

/// The count that a text begins with, digits and nothing else, and its length.
pub fn count(text: &[u8]) -> Option<(u64, usize)> {
    let mut count = 0;
    let figures = take_digits(text, &mut count);
    let zero_first = figures > 1 && text.first() == Some(&b'0');
    let goes_on = matches!(text.get(figures), Some(b'.' | b'e' | b'E'));
    ((1..=WHOLE_MAX).contains(&figures) && !zero_first && !goes_on).then_some((count, figures))
}

/// Adds the digits that a text begins with to a number, and says how many there are.
#[inline]
fn take_digits(text: &[u8], number: &mut u64) -> usize {
    let mut count = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        *number = number.wrapping_mul(10).wrapping_add(digit.into());
        count += 1;
    }
    count
}
