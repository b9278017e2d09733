//! What an account has booked: which models, how fast, how dear.

use crate::budget::Budgets;
use crate::limit::Quotas;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vocab::Pico;

/// One plan, as configured. What is not said is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlanSetting {
    /// Models that it may use, as `provider/model` or `model`, with `*` for any letters; empty is all.
    pub models: Vec<String>,
    /// Providers that it may use, in the same way; empty is all.
    pub providers: Vec<String>,
    /// The policy that `auto` is, where the request names none.
    pub policy: Option<String>,
    /// Of each account.
    pub limits: Quotas,
    /// Of each key of each account; where a token names a user, of each user.
    pub key_limits: Quotas,
    /// Of all accounts together.
    pub shared_limits: Quotas,
    /// How much each account may spend, and how fast; an account's own comes before it, part by part.
    pub budget: Budgets,
    /// There is no plan of this name: takes a built-in one away.
    pub off: bool,
}

impl PlanSetting {
    /// Whether it may use this model of this provider.
    pub fn allows(&self, provider: &str, model: &str) -> bool {
        let one_of =
            |list: &[String], fits: &dyn Fn(&str) -> bool| list.is_empty() || list.iter().any(|p| fits(p));
        one_of(&self.providers, &|pattern| fits(pattern, provider))
            && one_of(&self.models, &|pattern| is_meant(pattern, provider, model))
    }

    /// Its limits by the names of their tables.
    pub const fn quotas(&self) -> [(&'static str, &Quotas); 3] {
        [("limits", &self.limits), ("key_limits", &self.key_limits), ("shared_limits", &self.shared_limits)]
    }

    /// What is wrong with it, each in a sentence that begins with the field's name.
    pub fn faults(&self) -> Vec<String> {
        let limits = self.quotas().into_iter();
        let mut faults: Vec<String> = limits
            .flat_map(|(table, quotas)| {
                quotas.faults().into_iter().map(move |fault| format!("{table}.{fault}"))
            })
            .collect();
        for (name, list) in [("models", &self.models), ("providers", &self.providers)] {
            if list.iter().any(String::is_empty) {
                faults.push(format!("{name}: an empty name fits nothing"));
            }
        }
        faults.extend(self.budget.faults().into_iter().map(|fault| format!("budget.{fault}")));
        if self.off && *self != (Self { off: true, ..Self::default() }) {
            faults.push("off: takes the plan away, so nothing else can be said of it".into());
        }
        faults
    }
}

/// Whether this model of this provider is meant.
pub fn is_meant(pattern: &str, provider: &str, model: &str) -> bool {
    fits(pattern, model) || fits_in_two(pattern, provider, model)
}

/// Whether a pattern fits `provider/model`.
fn fits_in_two(pattern: &str, provider: &str, model: &str) -> bool {
    // Without an asterisk, which is nearly always, nothing has to be put together.
    if !pattern.contains('*') {
        return pattern.split_once('/') == Some((provider, model));
    }
    fits(pattern, &format!("{provider}/{model}"))
}

/// Whether a pattern fits a text: `*` is any letters, also none, also slashes.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    text.ends_with(last)
}

/// All plans by name: those of the file and the built-in ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Plans(pub BTreeMap<String, PlanSetting>);

impl Default for Plans {
    fn default() -> Self {
        Self(built_in())
    }
}

impl<'de> Deserialize<'de> for Plans {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut plans = built_in();
        plans.extend(BTreeMap::<String, PlanSetting>::deserialize(deserializer)?);
        Ok(Self(plans))
    }
}

/// In picodollars.
const CENT: i128 = 10_000_000_000;

/// The plans that are there without any configuration. One of the same name in the file replaces one.
fn built_in() -> BTreeMap<String, PlanSetting> {
    let plan = |policy: &str, per_minute, per_hour, tokens, concurrent, cents| PlanSetting {
        policy: Some(policy.into()),
        limits: Quotas {
            requests_per_minute: Some(per_minute),
            requests_per_hour: per_hour,
            tokens_per_minute: Some(tokens),
            concurrent: Some(concurrent),
            max_cost_usd: Some(Pico(CENT * cents)),
            ..Quotas::default()
        },
        ..PlanSetting::default()
    };
    [
        ("starter", plan("cheap", 20, Some(300), 40_000, 4, 5)),
        ("pro", plan("balanced", 120, None, 400_000, 16, 50)),
        ("business", plan("balanced", 600, None, 2_000_000, 64, 500)),
        ("enterprise", PlanSetting { policy: Some("balanced".into()), ..PlanSetting::default() }),
    ]
    .into_iter()
    .map(|(name, plan)| (name.to_owned(), plan))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(json: &str) -> PlanSetting {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn patterns_fit_as_people_mean_them() {
        for (pattern, text, expected) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4o*", "gpt-4o-mini", true),
            ("gpt-4o*", "gpt-4o", true),
            ("*mini", "gpt-4o-mini", true),
            ("*mini", "mini-gpt", false),
            ("openai/*", "openai/gpt-4o", true),
            ("*/llama*8b*", "groq/meta/llama-3.1-8b-instant", true),
            ("a*a", "a", false),
            ("a*b*b", "ab", false),
            ("a**b", "ab", true),
            ("*", "", true),
            ("", "x", false),
            ("é*", "été", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
        assert!(is_meant("openai/gpt-4o", "openai", "gpt-4o") && is_meant("gpt-4o", "azure", "gpt-4o"));
        assert!(is_meant("groq/meta/llama", "groq", "meta/llama"), "models may have slashes");
        assert!(!is_meant("openai/gpt-4o", "azure", "gpt-4o"));
    }

    #[test]
    fn a_model_is_allowed_by_its_provider_and_by_itself() {
        let both = plan(r#"{"providers":["openai","gro*"],"models":["gpt-4o*","groq/*"]}"#);
        assert!(both.allows("openai", "gpt-4o-mini") && both.allows("groq", "x"));
        assert!(!both.allows("openai", "o3") && !both.allows("azure", "gpt-4o"));
        assert!(PlanSetting::default().allows("any", "thing"));
    }

    #[test]
    fn built_in_plans_can_be_replaced_and_taken_away() {
        let plans: Plans =
            serde_json::from_str(r#"{"starter":{"limits":{"concurrent":1}},"pro":{"off":true},"own":{}}"#)
                .unwrap();
        assert_eq!(plans.0.keys().collect::<Vec<_>>(), ["business", "enterprise", "own", "pro", "starter"]);
        assert_eq!(plans.0["starter"].limits, Quotas { concurrent: Some(1), ..Quotas::default() });
        assert!(plans.0["pro"].off && plans.0.values().all(|plan| plan.faults().is_empty()));
        assert_eq!(Plans::default().0["starter"].limits.max_cost_usd.unwrap().to_string(), "0.050000000");
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (bad, word) in [
            (r#"{"limits":{"burst":1}}"#, "limits.burst:"),
            (r#"{"shared_limits":{"concurrent":0}}"#, "shared_limits.concurrent:"),
            (r#"{"models":[""]}"#, "models:"),
            (r#"{"budget":{"day_usd":"-1"}}"#, "budget.account:"),
            (r#"{"off":true,"budget":{"day_usd":"1"}}"#, "off:"),
            (r#"{"off":true,"policy":"cheap"}"#, "off:"),
        ] {
            let faults = plan(bad).faults();
            assert!(faults.len() == 1 && faults[0].starts_with(word), "{bad}: {faults:?}");
        }
        assert!(serde_json::from_str::<PlanSetting>(r#"{"model":[]}"#).is_err());
    }
}
