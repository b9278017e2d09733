//! How much may be spent, by whom and how fast. Windows are days and months in UTC.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use vocab::{Cap, Instant, Pico};

/// What may be charged and set aside within a day, a month, and ever. Absent is without a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day_usd: Option<Pico>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month_usd: Option<Pico>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_usd: Option<Pico>,
}

impl Budget {
    /// What it allows at `now`; `whose` is the first half of the budgets' names.
    fn caps<'a>(&self, whose: &'a str, now: Instant) -> impl Iterator<Item = Cap> + use<'a> {
        let windows = [
            ("day", self.day_usd, now.day(), Some(now.next_day())),
            ("month", self.month_usd, now.month(), Some(now.next_month())),
            ("total", self.total_usd, Instant::ZERO, None),
        ];
        windows.into_iter().filter_map(move |(window, limit, from, until)| {
            Some(Cap { budget: format!("{whose}/{window}"), from, until, limit: limit? })
        })
    }

    /// These where they say something, and those of `other` where they do not.
    fn over(self, other: Self) -> Self {
        Self {
            day_usd: self.day_usd.or(other.day_usd),
            month_usd: self.month_usd.or(other.month_usd),
            total_usd: self.total_usd.or(other.total_usd),
        }
    }

    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn is_below_zero(&self) -> bool {
        [self.day_usd, self.month_usd, self.total_usd].into_iter().flatten().any(|limit| limit < Pico::ZERO)
    }
}

/// An account's budgets. A request falls under all that are of it, and each must have room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// Of all that the account does, within a day …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day_usd: Option<Pico>,
    /// … a month …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month_usd: Option<Pico>,
    /// … and ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_usd: Option<Pico>,
    /// Of one of its keys, by the name of a configured key or the id of a managed one.
    pub keys: BTreeMap<String, Budget>,
    /// Of requests that carry a tag (`X-Weir-Tags`), as `KEY=VALUE`.
    pub tags: BTreeMap<String, Budget>,
}

impl Budgets {
    /// Of all that the account does.
    const fn all(&self) -> Budget {
        Budget { day_usd: self.day_usd, month_usd: self.month_usd, total_usd: self.total_usd }
    }

    /// What a request at `now` falls under, that carries this key and these tags (a JSON object of texts, or empty).
    pub fn caps(&self, key: Option<&str>, tags: &str, now: Instant) -> Vec<Cap> {
        let mut caps: Vec<Cap> = self.all().caps("account", now).collect();
        if let Some((name, budget)) = key.and_then(|key| self.keys.get_key_value(key)) {
            caps.extend(budget.caps(&format!("key:{name}"), now));
        }
        if self.tags.is_empty() || tags.is_empty() {
            return caps;
        }
        let carried: BTreeMap<String, Value> = serde_json::from_str(tags).unwrap_or_default();
        for (key, value) in &carried {
            let Some(value) = value.as_str() else { continue };
            if let Some((tag, budget)) = self.tags.get_key_value(&format!("{key}={value}")) {
                caps.extend(budget.caps(&format!("tag:{tag}"), now));
            }
        }
        caps
    }

    /// All that there are at `now`.
    pub fn all_caps(&self, now: Instant) -> Vec<Cap> {
        let mut caps: Vec<Cap> = self.all().caps("account", now).collect();
        for (kind, budgets) in [("key", &self.keys), ("tag", &self.tags)] {
            for (name, budget) in budgets {
                caps.extend(budget.caps(&format!("{kind}:{name}"), now));
            }
        }
        caps
    }

    /// Both together: of each part these where they say something, and those of `other` where they do not.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        let Budget { day_usd, month_usd, total_usd } = self.all().over(other.all());
        let together = |own: &BTreeMap<String, Budget>, other: &BTreeMap<String, Budget>| {
            let mut all = other.clone();
            for (name, own) in own {
                let place = all.entry(name.clone()).or_default();
                *place = own.over(*place);
            }
            all
        };
        let (keys, tags) = (together(&self.keys, &other.keys), together(&self.tags, &other.tags));
        Self { day_usd, month_usd, total_usd, keys, tags }
    }

    /// There are none at all.
    pub fn is_none(&self) -> bool {
        self.all().is_none() && self.keys.is_empty() && self.tags.is_empty()
    }

    /// What is wrong with them: the field, and why.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let named = self.keys.iter().map(|(name, budget)| (format!("keys.{name:?}"), budget));
        let tagged = self.tags.iter().map(|(tag, budget)| (format!("tags.{tag:?}"), budget));
        for (field, budget) in std::iter::once(("account".to_owned(), &self.all())).chain(named).chain(tagged)
        {
            if budget.is_below_zero() {
                faults.push(format!("{field}: a budget is not below zero"));
            }
        }
        let no_pair = |tag: &&String| tag.split_once('=').is_none_or(|(key, _)| key.is_empty());
        faults
            .extend(self.tags.keys().filter(no_pair).map(|tag| format!("tags.{tag:?}: expected KEY=VALUE")));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Option<Pico> {
        text.parse().ok()
    }

    fn budgets() -> Budgets {
        let daily = |text| Budget { day_usd: usd(text), ..Budget::default() };
        Budgets {
            month_usd: usd("100"),
            total_usd: usd("1000"),
            day_usd: None,
            keys: [("ci".to_owned(), daily("5"))].into(),
            tags: [("team=red".to_owned(), daily("2")), ("team=blue".to_owned(), daily("3"))].into(),
        }
    }

    #[test]
    fn a_request_falls_under_all_that_are_of_it() {
        let noon = Instant::parse_date("2026-11-21").unwrap().after(vocab::Duration::from_secs(43_200));
        let names = |key, tags| -> Vec<String> {
            budgets().caps(key, tags, noon).into_iter().map(|cap| cap.budget).collect()
        };
        assert_eq!(names(None, ""), ["account/month", "account/total"]);
        assert_eq!(names(Some("ci"), ""), ["account/month", "account/total", "key:ci/day"]);
        assert_eq!(names(Some("other"), r#"{"team":"green"}"#), ["account/month", "account/total"]);
        let tagged = names(None, r#"{"app":"x","team":"red"}"#);
        assert_eq!(tagged, ["account/month", "account/total", "tag:team=red/day"]);
        assert_eq!(names(None, "no JSON"), ["account/month", "account/total"]);
        let caps = budgets().caps(Some("ci"), "", noon);
        let window = |at: usize| (caps[at].from.rfc3339(), caps[at].until.map(Instant::rfc3339));
        assert_eq!(window(0), ("2026-11-01T00:00:00.000Z".into(), Some("2026-12-01T00:00:00.000Z".into())));
        assert_eq!(window(1), ("1970-01-01T00:00:00.000Z".into(), None));
        assert_eq!(window(2), ("2026-11-21T00:00:00.000Z".into(), Some("2026-11-22T00:00:00.000Z".into())));
        assert_eq!(budgets().all_caps(noon).len(), 5);
    }

    #[test]
    fn one_comes_before_another_part_by_part() {
        let daily = |text| Budget { day_usd: usd(text), ..Budget::default() };
        let own = Budgets {
            month_usd: usd("7"),
            keys: [("ci".to_owned(), Budget { total_usd: usd("9"), ..Budget::default() })].into(),
            tags: [("team=red".to_owned(), daily("1")), ("team=new".to_owned(), daily("4"))].into(),
            ..Budgets::default()
        };
        let both = own.over(&budgets());
        assert_eq!((both.day_usd, both.month_usd, both.total_usd), (None, usd("7"), usd("1000")));
        let ci = Budget { day_usd: usd("5"), month_usd: None, total_usd: usd("9") };
        assert_eq!(both.keys, [("ci".to_owned(), ci)].into());
        let tags = [("team=blue", "3"), ("team=new", "4"), ("team=red", "1")];
        assert_eq!(both.tags, tags.map(|(tag, usd)| (tag.to_owned(), daily(usd))).into());
        assert_eq!(Budgets::default().over(&own), own);
        assert_eq!(own.over(&Budgets::default()), own);
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        assert_eq!(budgets().faults(), Vec::<String>::new());
        let mut bad = budgets();
        bad.tags.insert("red".into(), Budget { total_usd: usd("-1"), ..Budget::default() });
        assert_eq!(
            bad.faults(),
            [r#"tags."red": a budget is not below zero"#, r#"tags."red": expected KEY=VALUE"#]
        );
        assert!(Budgets::default().is_none() && !budgets().is_none());
    }
}
