//! How long to wait before asking again, wherever a server says so.

use http::HeaderMap;
use std::time::Duration;
use vocab::Instant;

/// Longer than a day is not a wait but a mistake.
const WAIT_MAX: Duration = Duration::from_secs(86_400);

/// In the order of the official SDK: `retry-after-ms`, then `Retry-After` (seconds or a date). Then what is left: the
/// rate-limit reset of what is used up, and the sentence "try again in 7.66s".
pub(super) fn wait(headers: &HeaderMap, message: &str, now: Instant) -> Option<Duration> {
    explicit(headers, now)
        .or_else(|| reset(headers))
        .or_else(|| sentence(message))
        .filter(|wait| *wait <= WAIT_MAX)
}

/// What the retry headers alone say.
pub(super) fn explicit(headers: &HeaderMap, now: Instant) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let millis =
        text("retry-after-ms").and_then(|t| t.parse::<f64>().ok()).and_then(|ms| seconds(ms / 1_000.0));
    let after = || {
        let value = text("retry-after")?;
        value.parse::<f64>().ok().map_or_else(|| date(value).map(|at| at.since(now)), seconds)
    };
    millis.or_else(after)
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// What has nothing remaining decides, the later of two; else the sooner of what is named.
fn reset(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: String| headers.get(name).and_then(|value| value.to_str().ok());
    let all = ["requests", "tokens"].map(|what| {
        let wait = text(format!("x-ratelimit-reset-{what}")).and_then(duration)?;
        let spent = text(format!("x-ratelimit-remaining-{what}")).is_some_and(|left| left.trim() == "0");
        Some((spent, wait))
    });
    let all = || all.into_iter().flatten();
    all()
        .filter(|(spent, _)| *spent)
        .map(|(_, wait)| wait)
        .max()
        .or_else(|| all().map(|(_, wait)| wait).min())
}

fn sentence(message: &str) -> Option<Duration> {
    let (_, rest) = message.split_once("try again in ")?;
    duration(rest.split_whitespace().next()?.trim_end_matches('.'))
}

/// Durations as rate-limit headers write them: `1s`, `6m0s`, `2m59.56s`, `12ms`, `1h2m`; plain numbers are seconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, tail) = rest.split_at_checked(digits)?;
        let number: f64 = number.parse().ok()?;
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at_checked(letters)?;
        total += number
            * match unit {
                "ms" => 0.001,
                "s" | "" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = tail;
    }
    seconds(total)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 § 5.6.7, the form that servers must send).
fn date(text: &str) -> Option<Instant> {
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year) = (words.next()?.parse().ok()?, words.next()?, words.next()?.parse().ok()?);
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = u32::try_from(months.iter().position(|m| *m == month)?).ok()? + 1;
    let mut clock = words.next()?.splitn(3, ':').map(str::parse::<u64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    if words.next()? != "GMT" || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let midnight = Instant::from_date(year, month, day)?;
    Some(midnight.after(Duration::from_secs(hour * 3_600 + minute * 60 + second)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_rate_limit_headers_write_them() {
        for (text, millis) in [
            ("1s", Some(1_000)),
            ("6m0s", Some(360_000)),
            ("59.7s", Some(59_700)),
            ("12ms", Some(12)),
            ("2m59.56s", Some(179_560)),
            ("1h2m", Some(3_720_000)),
            ("20", Some(20_000)),
            ("-1", None),
            ("", None),
            ("soon", None),
            ("1x", None),
        ] {
            assert_eq!(duration(text).map(|d| u64::try_from(d.as_millis()).unwrap()), millis, "{text}");
        }
    }

    #[test]
    fn the_surest_word_wins() {
        let now = Instant::parse_date("1994-11-06").unwrap().after(Duration::from_secs(31_777 - 30));
        for (headers, message, secs) in [
            (&[("retry-after-ms", "1500"), ("retry-after", "9")][..], "", Some(1.5)),
            (&[("retry-after", "9"), ("x-ratelimit-reset-tokens", "1s")], "", Some(9.0)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], "", Some(30.0)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT")], "", Some(0.0)),
            (&[("retry-after", "whenever")], "", None),
            (&[("retry-after", "-5")], "", None),
            (&[("retry-after", "999999999")], "", None),
            (&[("x-ratelimit-reset-requests", "6s"), ("x-ratelimit-reset-tokens", "1.5s")], "", Some(1.5)),
            (
                &[
                    ("x-ratelimit-reset-requests", "6s"),
                    ("x-ratelimit-remaining-requests", "0"),
                    ("x-ratelimit-reset-tokens", "1.5s"),
                ],
                "",
                Some(6.0),
            ),
            (&[], "Limit 6000. Please try again in 1m7.66s. Need more?", Some(67.66)),
            (&[], "Slow down", None),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            assert_eq!(wait(&map, message, now), secs.map(Duration::from_secs_f64), "{headers:?} {message}");
        }
    }
}
