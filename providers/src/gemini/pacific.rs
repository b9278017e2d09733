//! Midnight in California, when daily quotas of the Gemini API begin anew.

use vocab::Instant;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// The first midnight in Pacific time after `now`.
///
/// Since 2007 (Energy Policy Act of 2005, section 110) daylight saving time, UTC−7, runs from the second Sunday of
/// March, 2:00 standard time (10:00 UTC), to the first Sunday of November, 2:00 daylight time (09:00 UTC); the rest
/// of the year is standard time, UTC−8.
pub(super) fn next_midnight(now: Instant) -> Instant {
    let now = now.as_secs();
    let next_day = (now.saturating_sub(behind(now)) / DAY + 1) * DAY;
    // No change happens at midnight, so the guess is on the right side of it.
    let guess = next_day + behind(now);
    Instant::from_secs(next_day + behind(guess))
}

/// Seconds that Pacific time is behind UTC at `at`.
fn behind(at: u64) -> u64 {
    let year = Instant::from_secs(at).rfc3339().get(..4).and_then(|year| year.parse().ok()).unwrap_or(1970);
    let begin = sunday(year, 3, 1) + 10 * HOUR;
    let end = sunday(year, 11, 0) + 9 * HOUR;
    if (begin..end).contains(&at) { 7 * HOUR } else { 8 * HOUR }
}

/// Midnight UTC of the month's Sunday after `weeks` earlier ones.
fn sunday(year: i64, month: u32, weeks: u64) -> u64 {
    let first = Instant::from_date(year, month, 1).unwrap_or_default().as_secs() / DAY;
    // Day 0 was a Thursday, so day 3 was a Sunday.
    let until_sunday = (7 + 3 - first % 7) % 7;
    (first + until_sunday + 7 * weeks) * DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_follows_the_clocks_of_california() {
        for (now, midnight) in [
            // Winter: UTC−8.
            ("2026-11-21 12:00", "2026-11-22T08:00"),
            ("2026-11-21 07:59", "2026-11-21T08:00"),
            ("2026-11-21 08:00", "2026-11-22T08:00"),
            // Summer: UTC−7.
            ("2026-07-04 06:59", "2026-07-04T07:00"),
            ("2026-07-04 07:00", "2026-07-05T07:00"),
            // The short day: it begins in winter and ends in summer.
            ("2026-03-08 09:00", "2026-03-09T07:00"),
            ("2026-03-08 11:00", "2026-03-09T07:00"),
            // The long day.
            ("2026-11-01 07:30", "2026-11-02T08:00"),
            ("2026-11-01 23:00", "2026-11-02T08:00"),
            // A year that begins on a Sunday, and the turn of a year.
            ("2023-03-12 09:59", "2023-03-13T07:00"),
            ("2026-12-31 23:00", "2027-01-01T08:00"),
        ] {
            let (date, time) = now.split_once(' ').unwrap();
            let (hours, minutes) = time.split_once(':').unwrap();
            let seconds = hours.parse::<u64>().unwrap() * HOUR + minutes.parse::<u64>().unwrap() * 60;
            let now_at = Instant::from_secs(Instant::parse_date(date).unwrap().as_secs() + seconds);
            assert!(
                next_midnight(now_at).rfc3339().starts_with(midnight),
                "{now}: {:?}",
                next_midnight(now_at)
            );
        }
    }

    #[test]
    fn midnight_is_always_ahead_and_never_far() {
        for hour in 0..24 * 366 * 5 {
            let now = Instant::from_secs(1_700_000_000 + hour * HOUR + 17);
            let wait = next_midnight(now).since(now).as_secs();
            assert!((1..=25 * HOUR).contains(&wait), "{}", now.rfc3339());
        }
        assert!(next_midnight(Instant::ZERO) > Instant::ZERO);
    }
}
