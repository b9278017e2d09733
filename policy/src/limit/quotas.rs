//! What is configured.

use super::{Rate, What};
use serde::{Deserialize, Serialize};
use vocab::{Duration, Pico};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// How fast, how many at a time, how dear. What is absent is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    pub requests_per_minute: Option<u32>,
    /// How many of a minute's requests may come at once; absent: all of them.
    pub burst: Option<u32>,
    pub requests_per_hour: Option<u32>,
    /// Of input and output together. Estimated when a request comes, corrected when it has ended.
    pub tokens_per_minute: Option<u32>,
    /// Requests under way at a time.
    pub concurrent: Option<u32>,
    /// The most that one request may cost, in USD.
    pub max_cost_usd: Option<Pico>,
}

impl Quotas {
    /// Nothing is counted.
    pub const fn counts_nothing(&self) -> bool {
        self.requests_per_minute.is_none()
            && self.requests_per_hour.is_none()
            && self.tokens_per_minute.is_none()
            && self.concurrent.is_none()
    }

    /// What is limited by time, in the order in which a meter keeps it.
    pub(super) fn rated(&self) -> impl Iterator<Item = (Option<Rate>, What)> {
        let rate = |period, per: Option<u32>, burst: Option<u32>| {
            per.map(|per_period| Rate { per_period, period, burst: burst.unwrap_or(per_period) })
        };
        [
            (rate(MINUTE, self.requests_per_minute, self.burst), What::Minute),
            (rate(HOUR, self.requests_per_hour, None), What::Hour),
            (rate(MINUTE, self.tokens_per_minute, None), What::Tokens),
        ]
        .into_iter()
    }

    /// What is wrong with it, each in a sentence that begins with the field's name.
    pub fn faults(&self) -> Vec<String> {
        let numbers = [
            ("requests_per_minute", self.requests_per_minute),
            ("burst", self.burst),
            ("requests_per_hour", self.requests_per_hour),
            ("tokens_per_minute", self.tokens_per_minute),
            ("concurrent", self.concurrent),
        ];
        let none = numbers.iter().filter(|(_, number)| *number == Some(0));
        let mut faults: Vec<String> = none
            .map(|(name, _)| format!("{name}: 0 would refuse every request; leave it out for no limit"))
            .collect();
        if self.max_cost_usd.is_some_and(|most| most <= Pico::ZERO) {
            faults.push("max_cost_usd: must be above 0; leave it out for no limit".into());
        }
        if self.burst.is_some() && self.requests_per_minute.is_none() {
            faults.push("burst: is a part of requests_per_minute, which is not there".into());
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_limits_nothing() {
        let none: Quotas = serde_json::from_str("{}").unwrap();
        assert_eq!(none, Quotas::default());
        assert!(none.counts_nothing() && none.faults().is_empty());
        let dear: Quotas = serde_json::from_str(r#"{"max_cost_usd":"0.05"}"#).unwrap();
        assert!(dear.counts_nothing(), "a cost is not counted");
    }

    #[test]
    fn what_would_refuse_everything_is_refused() {
        for (bad, word) in [
            (r#"{"requests_per_minute":0}"#, "requests_per_minute: 0"),
            (r#"{"concurrent":0}"#, "concurrent: 0"),
            (r#"{"max_cost_usd":"0"}"#, "max_cost_usd:"),
            (r#"{"burst":3}"#, "burst: is a part"),
        ] {
            let faults = serde_json::from_str::<Quotas>(bad).unwrap().faults();
            assert!(faults.len() == 1 && faults[0].starts_with(word), "{bad}: {faults:?}");
        }
        assert!(serde_json::from_str::<Quotas>(r#"{"request_per_minute":1}"#).is_err());
    }
}
