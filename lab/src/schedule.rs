//! When it goes wrong.

use crate::scenario::Rule;
use crate::trouble::Troubles;
use vocab::{Dice, Instant};

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    /// Requests to the provider so far, this one included.
    pub request: u64,
    /// Since the lab began.
    pub now: Instant,
    pub model: &'a str,
    pub key: Option<&'a str>,
    pub stream: bool,
}

/// The troubles whose rules hold. The dice are thrown once for every rule with a chance, whether or not the rest of
/// it holds, so that one rule does not shift the luck of the next.
pub(crate) fn troubles(rules: &[Rule], moment: &Moment<'_>, dice: &mut Dice) -> Troubles {
    let mut out = Troubles::default();
    for rule in rules {
        let lucky = rule.chance.is_none_or(|chance| dice.unit() < chance);
        if lucky && holds(rule, moment) {
            out.0.push(rule.trouble());
        }
    }
    out
}

fn holds(rule: &Rule, moment: &Moment<'_>) -> bool {
    let secs = moment.now.as_secs();
    let from = rule.from_s.unwrap_or(0);
    let in_period = match (rule.period_s, rule.for_s) {
        (Some(period), Some(span)) => secs.saturating_sub(from) % period.max(1) < span,
        _ => true,
    };
    in_period
        && secs >= from
        && rule.to_s.is_none_or(|to| secs < to)
        && rule.every.is_none_or(|k| moment.request.is_multiple_of(k.max(1)))
        && rule.from_request.is_none_or(|from| moment.request >= from)
        && rule.to_request.is_none_or(|to| moment.request < to)
        && (rule.models.is_empty() || rule.models.iter().any(|m| m == moment.model))
        && rule.key.as_deref().is_none_or(|key| moment.key == Some(key))
        && rule.stream.is_none_or(|stream| stream == moment.stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    fn rules(text: &str) -> Vec<Rule> {
        let head = "[[provider]]\nname='p'\ndialect='gemini'\n[[provider.model]]\nname='m'\n[[provider.fault]]\nkind='cut'\n";
        Scenario::parse(&format!("{head}{text}")).unwrap().providers.remove(0).faults
    }

    fn hits(text: &str, at: impl Fn(u64) -> Moment<'static>) -> Vec<u64> {
        let rules = rules(text);
        (1..=12).filter(|n| !troubles(&rules, &at(*n), &mut Dice::seeded(*n)).0.is_empty()).collect()
    }

    const fn request(n: u64) -> Moment<'static> {
        Moment { request: n, now: Instant::from_secs(n), model: "m", key: Some("k"), stream: true }
    }

    #[test]
    fn rules_hold_when_they_say() {
        let all: Vec<u64> = (1..=12).collect();
        let none: Vec<u64> = vec![];
        for (text, expected) in [
            ("", all.clone()),
            ("every=5", vec![5, 10]),
            ("from_request=10", vec![10, 11, 12]),
            ("to_request=3", vec![1, 2]),
            ("from_s=3\nto_s=6", vec![3, 4, 5]),
            ("period_s=5\nfor_s=2", vec![1, 5, 6, 10, 11]),
            ("models=['m']", all.clone()),
            ("key='other'", none.clone()),
            ("key='k'\nstream=true", all.clone()),
            ("stream=false", none.clone()),
            ("chance=0.0", none),
            ("chance=1.0", all),
        ] {
            assert_eq!(hits(text, request), expected, "{text}");
        }
    }

    #[test]
    fn chance_is_about_as_often_as_it_says() {
        let rules = rules("chance=0.25");
        let mut dice = Dice::seeded(1);
        let hits = (0..4_000).filter(|_| !troubles(&rules, &request(1), &mut dice).0.is_empty()).count();
        assert!((900..1_100).contains(&hits), "{hits}");
    }
}
