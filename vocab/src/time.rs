//! Time as it is told, never read.

use serde::{Deserialize, Serialize};
pub use std::time::Duration;

/// A moment, in microseconds since 1970-01-01 UTC, as the shell's clock told it.
///
/// One type serves for waiting, for prices with an effective date and for ledger entries. The shell makes it
/// monotonic (a wall clock that steps back does not take this back), so a difference is never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

/// In microseconds.
const DAY: u64 = 86_400_000_000;

impl Instant {
    pub const ZERO: Self = Self(0);

    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    pub const fn as_micros(self) -> u64 {
        self.0
    }

    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// This moment and `span` more; saturates at the end of time.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }

    /// How long since `earlier`; zero if that is not earlier.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Midnight UTC that begins `year-month-day`, by the civil-calendar algorithm of Howard Hinnant
    /// (<https://howardhinnant.github.io/date_algorithms.html#days_from_civil>). None for a date that is none or
    /// before 1970.
    pub fn from_date(year: i64, month: u32, day: u32) -> Option<Self> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let longest = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if !(1..=longest).contains(&day) || !(1970..=9999).contains(&year) {
            return None;
        }
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let yoe = y.rem_euclid(400);
        let doy = (153 * (i64::from(month) + if month > 2 { -3 } else { 9 }) + 2) / 5 + i64::from(day) - 1;
        let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
        let days = era * 146_097 + doe - 719_468;
        u64::try_from(days).ok().map(|d| Self::from_secs(d * 86_400))
    }

    /// A date written `YYYY-MM-DD`.
    pub fn parse_date(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (y, m, d) = (parts.next()?, parts.next()?, parts.next()?);
        if y.len() != 4 || m.len() != 2 || d.len() != 2 {
            return None;
        }
        Self::from_date(y.parse().ok()?, m.parse().ok()?, d.parse().ok()?)
    }

    /// Midnight UTC that begins this moment's day.
    pub const fn day(self) -> Self {
        Self(self.0 - self.0 % DAY)
    }

    /// Midnight UTC that begins the next day.
    pub const fn next_day(self) -> Self {
        Self(self.day().0.saturating_add(DAY))
    }

    /// Midnight UTC that begins the first of this moment's month.
    pub fn month(self) -> Self {
        let (year, month, _) = self.civil();
        Self::from_date(year, month, 1).unwrap_or_default()
    }

    /// Midnight UTC that begins the first of the next month; the end of time after the year 9999.
    pub fn next_month(self) -> Self {
        let (year, month, _) = self.civil();
        let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        Self::from_date(year, month, 1).unwrap_or(Self(u64::MAX))
    }

    /// Year, month and day, by the other way of the same algorithm.
    fn civil(self) -> (i64, u32, u32) {
        let days = i64::try_from(self.as_secs() / 86_400).unwrap_or(0);
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let d = doy - (153 * mp + 2) / 5 + 1;
        let m = if mp < 10 { mp + 3 } else { mp - 9 };
        let y = yoe + era * 400 + i64::from(m <= 2);
        (y, u32::try_from(m).unwrap_or(1), u32::try_from(d).unwrap_or(1))
    }

    /// `YYYY-MM-DDTHH:MM:SS.mmmZ`.
    pub fn rfc3339(self) -> String {
        let (y, m, d) = self.civil();
        let rest = self.as_secs() % 86_400;
        let (h, min, s) = (rest / 3_600, rest / 60 % 60, rest % 60);
        format!("{y:04}-{m:02}-{d:02}T{h:02}:{min:02}:{s:02}.{:03}Z", self.as_millis() % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        for (text, secs) in [("1970-01-01", 0), ("2000-02-29", 951_782_400), ("2026-11-21", 1_795_219_200)] {
            let at = Instant::parse_date(text).unwrap();
            assert_eq!(at.as_secs(), secs, "{text}");
            assert_eq!(at.rfc3339(), format!("{text}T00:00:00.000Z"));
        }
        for (at, day, next_day, month, next_month) in [
            ("2026-11-21", "2026-11-21", "2026-11-22", "2026-11-01", "2026-12-01"),
            ("2028-02-29", "2028-02-29", "2028-03-01", "2028-02-01", "2028-03-01"),
            ("2026-12-31", "2026-12-31", "2027-01-01", "2026-12-01", "2027-01-01"),
            ("1970-01-01", "1970-01-01", "1970-01-02", "1970-01-01", "1970-02-01"),
        ] {
            let midnight = |text| Instant::parse_date(text).unwrap();
            let (first, last) = (midnight(at), midnight(next_day).0 - 1);
            for at in [first, Instant(last)] {
                let found = (at.day(), at.next_day(), at.month(), at.next_month());
                let expected = (midnight(day), midnight(next_day), midnight(month), midnight(next_month));
                assert_eq!(found, expected, "{}", at.rfc3339());
            }
        }
        for bad in ["2026-02-29", "2026-13-01", "2026-1-1", "1969-12-31", "x", "", "2026-11-00"] {
            assert_eq!(Instant::parse_date(bad), None, "{bad}");
        }
    }
}
