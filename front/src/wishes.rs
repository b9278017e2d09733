//! How a caller narrows its own route: `X-Weir-*` headers, and the same as fields of an SI body.

use http::HeaderMap;
use relay::{BadInput, Wishes};
use std::collections::BTreeMap;
use vocab::{Duration, Pico};

const POLICY: &str = "x-weir-policy";
const MAX_COST: &str = "x-weir-max-cost-usd";
const MAX_LATENCY: &str = "x-weir-max-latency-ms";
const MIN_QUALITY: &str = "x-weir-min-quality";
const PROVIDERS: &str = "x-weir-providers";
const SESSION: &str = "x-weir-session";
const TAGS: &str = "x-weir-tags";
const SEED: &str = "x-weir-seed";
const TRAILER: &str = "x-weir-trailer";
const CACHE: &str = "x-weir-cache";
/// What all of them begin with.
const OURS: &str = "x-weir-";

const LATENCY_MS_MAX: u64 = 600_000;
const PROVIDERS_MAX: usize = 32;
const NAME_MAX: usize = 128;
const TAGS_MAX: usize = 16;
const TAG_KEY_MAX: usize = 64;
const TAG_VALUE_MAX: usize = 256;

/// All that the headers say.
#[derive(Debug, Default)]
pub struct Asked {
    pub wishes: Wishes,
    /// Same request, same seed, same decision.
    pub seed: Option<u64>,
    /// The final `event: weir` of a stream is wanted.
    pub trailer: bool,
}

/// Reads them. A header of ours that we do not know is refused: a misspelt limit is no limit.
pub fn of_headers(headers: &HeaderMap) -> Result<Asked, BadInput> {
    let mut asked = Asked::default();
    for (name, value) in headers {
        let name = name.as_str();
        if !name.starts_with(OURS) {
            continue;
        }
        let value = value
            .to_str()
            .map_err(|_| BadInput::at(name, format!("{name}: expected printable ASCII")))?
            .trim();
        let wishes = &mut asked.wishes;
        let limits = &mut wishes.limits;
        match name {
            POLICY => wishes.policy = Some(policy(name, value)?),
            MAX_COST => limits.max_cost = Some(max_cost(name, value)?),
            MAX_LATENCY => limits.max_latency = Some(max_latency(name, value)?),
            MIN_QUALITY => limits.min_quality = Some(min_quality(name, value)?),
            PROVIDERS => {
                (limits.allow, limits.deny) = providers(name, value.split(','))?;
            }
            SESSION => wishes.session = Some(session(name, value)?),
            TAGS => wishes.tags = tags(name, pairs(name, value)?)?,
            SEED => {
                let wrong = || wrong(name, "a whole number from 0 to 18446744073709551615", value);
                asked.seed = Some(value.parse().map_err(|_| wrong())?);
            }
            TRAILER => {
                asked.trailer = match value {
                    "1" | "true" => true,
                    "0" | "false" => false,
                    _ => return Err(wrong(name, "1 or 0", value)),
                };
            }
            // Read before; see `http/repeats.rs`.
            CACHE => drop(cache(name, value)?),
            // Who is calling, which identity has read.
            policy::CONTEXT_HEADER => {}
            _ => {
                let known = [
                    POLICY,
                    MAX_COST,
                    MAX_LATENCY,
                    MIN_QUALITY,
                    PROVIDERS,
                    SESSION,
                    TAGS,
                    SEED,
                    TRAILER,
                    CACHE,
                ];
                return Err(BadInput::at(
                    name,
                    format!("The header {name} is not known. Known: {}.", known.join(", ")),
                ));
            }
        }
    }
    Ok(asked)
}

/// What a request wants of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheWish {
    On,
    Off,
    /// To be answered anew, and that for those who ask after it.
    Refresh,
}

/// The same of the headers.
pub fn cached(headers: &HeaderMap) -> Result<Option<CacheWish>, BadInput> {
    let read = |value: &http::HeaderValue| cache(CACHE, value.to_str().unwrap_or_default().trim());
    headers.get(CACHE).map(read).transpose()
}

fn cache(field: &str, value: &str) -> Result<CacheWish, BadInput> {
    match value {
        "on" => Ok(CacheWish::On),
        "off" => Ok(CacheWish::Off),
        "refresh" => Ok(CacheWish::Refresh),
        _ => Err(wrong(field, "on, off or refresh", value)),
    }
}

/// Those of ours, and of a dialect, that an answer depends on, in order. Tags and who is calling are none of them, nor whether
/// an answer may come out of the cache.
pub fn decisive(headers: &HeaderMap) -> Vec<(&str, &[u8])> {
    let ours = |name: &str| {
        name.starts_with(OURS) && !matches!(name, TAGS | CACHE | policy::CONTEXT_HEADER)
            || matches!(name, "anthropic-version" | "anthropic-beta")
    };
    let all = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let mut found: Vec<_> = all.filter(|(name, _)| ours(name)).collect();
    // Of one name several stay as they came.
    found.sort_by_key(|(name, _)| *name);
    found
}

fn wrong(field: &str, wanted: &str, got: &str) -> BadInput {
    BadInput::at(field, format!("{field}: expected {wanted}, got {:?}", crate::json::shortened(got)))
}

/// A name without the `auto:` that model names have.
pub fn policy(field: &str, value: &str) -> Result<String, BadInput> {
    let name = value.strip_prefix("auto:").unwrap_or(value);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(plain) {
        return Err(wrong(field, "the name of a policy, like cheap, balanced, fast or best", value));
    }
    Ok(name.to_owned())
}

pub fn max_cost(field: &str, value: &str) -> Result<Pico, BadInput> {
    let cost = value.parse::<Pico>().ok().filter(|cost| *cost >= Pico::ZERO);
    cost.ok_or_else(|| wrong(field, "USD as a decimal from 0 with at most 12 places, like 0.002", value))
}

pub fn max_latency(field: &str, value: &str) -> Result<Duration, BadInput> {
    let millis = value.parse::<u64>().ok().filter(|ms| (1..=LATENCY_MS_MAX).contains(ms));
    let wanted = format!("whole milliseconds from 1 to {LATENCY_MS_MAX}");
    millis.map(Duration::from_millis).ok_or_else(|| wrong(field, &wanted, value))
}

pub fn min_quality(field: &str, value: &str) -> Result<f64, BadInput> {
    let decimal = value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let quality = value.parse::<f64>().ok().filter(|q| decimal && (0.0..=1.0).contains(q));
    quality.ok_or_else(|| wrong(field, "a number from 0 to 1, like 0.8", value))
}

/// Allowed ones, and denied ones (`-name`).
pub fn providers<'a>(
    field: &str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(Vec<String>, Vec<String>), BadInput> {
    let (mut allow, mut deny) = (Vec::new(), Vec::new());
    for name in names.map(str::trim) {
        let (list, bare) = match name.strip_prefix('-') {
            Some(bare) => (&mut deny, bare),
            None => (&mut allow, name),
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if bare.is_empty() || bare.len() > NAME_MAX || !bare.bytes().all(plain) {
            return Err(wrong(field, "names of providers separated by commas, `-name` to exclude one", name));
        }
        list.push(bare.to_owned());
    }
    if allow.len() + deny.len() > PROVIDERS_MAX {
        return Err(BadInput::at(field, format!("{field}: at most {PROVIDERS_MAX} providers can be named")));
    }
    Ok((allow, deny))
}

pub fn session(field: &str, value: &str) -> Result<String, BadInput> {
    if value.is_empty() || value.len() > NAME_MAX || !value.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(wrong(field, &format!("1 to {NAME_MAX} printable characters without spaces"), value));
    }
    Ok(value.to_owned())
}

fn pairs(field: &str, value: &str) -> Result<Vec<(String, String)>, BadInput> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    };
    value
        .split(',')
        .map(|p| pair(p).ok_or_else(|| wrong(field, "k=v pairs separated by commas", p)))
        .collect()
}

/// Canonical JSON: keys in order, no space. So the same tags are the same text in the ledger.
pub fn tags(field: &str, list: Vec<(String, String)>) -> Result<String, BadInput> {
    let mut tags = BTreeMap::new();
    if list.len() > TAGS_MAX {
        return Err(BadInput::at(field, format!("{field}: at most {TAGS_MAX} tags can be set")));
    }
    for (key, value) in list {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':');
        if key.is_empty() || key.len() > TAG_KEY_MAX || !key.bytes().all(plain) {
            let wanted = format!("tag names of 1 to {TAG_KEY_MAX} letters, digits or `_.:-`");
            return Err(wrong(field, &wanted, &key));
        }
        if value.len() > TAG_VALUE_MAX || value.chars().any(char::is_control) {
            let wanted = format!("tag values of at most {TAG_VALUE_MAX} bytes without control characters");
            return Err(wrong(field, &wanted, &value));
        }
        if let Some(twice) = tags.insert(key.clone(), value) {
            return Err(BadInput::at(
                field,
                format!("{field}: the tag {key:?} is there twice (first {twice:?})"),
            ));
        }
    }
    if tags.is_empty() {
        return Ok(String::new());
    }
    Ok(serde_json::to_string(&tags).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn asked(list: &[(&str, &str)]) -> Result<Asked, BadInput> {
        let headers = list
            .iter()
            .map(|(k, v)| (HeaderName::try_from(*k).unwrap(), HeaderValue::from_bytes(v.as_bytes()).unwrap()))
            .collect();
        of_headers(&headers)
    }

    #[test]
    fn every_wish_is_understood() {
        let asked = asked(&[
            ("X-Weir-Policy", "auto:cheap"),
            ("X-Weir-Max-Cost-Usd", "0.000042"),
            ("X-Weir-Max-Latency-Ms", "1500"),
            ("X-Weir-Min-Quality", "0.8"),
            ("X-Weir-Providers", "openai, groq,-gemini"),
            ("X-Weir-Session", "talk-7"),
            ("X-Weir-Tags", "team=red, app=chat"),
            ("X-Weir-Seed", "42"),
            ("X-Weir-Trailer", "1"),
            ("X-Other", "x"),
        ])
        .unwrap();
        let wishes = asked.wishes;
        assert_eq!(wishes.policy.as_deref(), Some("cheap"));
        assert_eq!(wishes.limits.max_cost, Some(Pico(42_000_000)));
        assert_eq!(wishes.limits.max_latency, Some(Duration::from_millis(1_500)));
        assert_eq!(wishes.limits.min_quality, Some(0.8));
        assert_eq!(wishes.limits.allow, ["openai", "groq"]);
        assert_eq!(wishes.limits.deny, ["gemini"]);
        assert_eq!(wishes.session.as_deref(), Some("talk-7"));
        assert_eq!(wishes.tags, r#"{"app":"chat","team":"red"}"#);
        assert_eq!((asked.seed, asked.trailer), (Some(42), true));
    }

    #[test]
    fn what_an_answer_does_not_depend_on_is_left_out() {
        let headers: HeaderMap = [
            ("x-weir-tags", "a=b"),
            ("x-weir-seed", "1"),
            ("x-weir-cache", "on"),
            ("x-weir-context", "token"),
            ("authorization", "Bearer x"),
            ("anthropic-beta", "b"),
            ("x-weir-policy", "cheap"),
            ("x-request-id", "r"),
        ]
        .iter()
        .map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v)))
        .collect();
        let names: Vec<&str> = decisive(&headers).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["anthropic-beta", "x-weir-policy", "x-weir-seed"]);
        assert_eq!(cached(&headers).unwrap(), Some(CacheWish::On));
    }

    #[test]
    fn every_bad_wish_names_its_header() {
        let long = "x".repeat(200);
        let many_providers = vec!["p"; 33].join(",");
        let many_tags = (0..17).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join(",");
        for (header, value) in [
            (POLICY, ""),
            (POLICY, "a b"),
            (POLICY, long.as_str()),
            (MAX_COST, "-1"),
            (MAX_COST, "1e-3"),
            (MAX_COST, "NaN"),
            (MAX_COST, "0.0000000000001"),
            (MAX_COST, "$1"),
            (MAX_LATENCY, "0"),
            (MAX_LATENCY, "1.5"),
            (MAX_LATENCY, "600001"),
            (MAX_LATENCY, "99999999999999999999"),
            (MIN_QUALITY, "1.01"),
            (MIN_QUALITY, "NaN"),
            (MIN_QUALITY, "inf"),
            (MIN_QUALITY, "-0.1"),
            (MIN_QUALITY, ""),
            (PROVIDERS, ""),
            (PROVIDERS, "a,,b"),
            (PROVIDERS, "-"),
            (PROVIDERS, "a/b"),
            (PROVIDERS, many_providers.as_str()),
            (SESSION, ""),
            (SESSION, "a b"),
            (SESSION, long.as_str()),
            (TAGS, "k"),
            (TAGS, "=v"),
            (TAGS, "k=v,k=w"),
            (TAGS, many_tags.as_str()),
            (SEED, "-1"),
            (SEED, "0x1"),
            (TRAILER, "yes"),
            (CACHE, ""),
            (CACHE, "ON"),
            (CACHE, "1"),
            ("x-weir-max-cost", "1"),
            ("x-weir-session", "é"),
        ] {
            let bad = asked(&[(header, value)]).unwrap_err();
            assert_eq!(bad.param.as_deref(), Some(header), "{header}: {value}");
            assert!(bad.message.contains(header), "{}", bad.message);
        }
    }
}
