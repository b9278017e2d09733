//! From a request to what can be chosen for it: which candidates its model name means, and what each would cost.

use crate::answer::Trouble;
use crate::ask::{Ask, Wishes};
use crate::fleet::{Fleet, Named, Policy};
use crate::sessions::Sessions;
use router::{Limits, Offer, Weights, Wish};
use std::borrow::Cow;
use std::collections::BTreeSet;
use vocab::{Brief, Instant};

/// What a request may choose from, and how it weighs.
pub struct Route<'a> {
    /// Indexes into the fleet's candidates; offers are in the same order.
    pub candidates: &'a [usize],
    pub weights: Weights,
    pub limits: Cow<'a, Limits>,
    pub hedge: bool,
    /// The client named a model rather than a policy.
    pub pinned: bool,
}

impl<'a> Route<'a> {
    pub fn of(fleet: &'a Fleet, ask: &'a Ask) -> Result<Self, Trouble> {
        let model = ask.brief().model.as_str();
        let unknown = || Trouble::UnknownModel { asked: model.into(), nearest: fleet.nearest(model) };
        let named = fleet.named(model).ok_or_else(unknown)?;
        let (candidates, policy_named) = match named {
            Named::Model(list) => (list, None),
            Named::Policy("balanced") if model == "auto" => (fleet.all(), None),
            Named::Policy(policy) => (fleet.all(), Some(policy)),
        };
        let policy_name = policy_named.or(ask.wishes.policy.as_deref()).unwrap_or("balanced");
        let Some(policy) = fleet.policies.get(policy_name) else {
            let known = fleet.policies.keys().cloned().collect();
            return Err(Trouble::UnknownPolicy { asked: policy_name.into(), known });
        };
        let limits = merged(policy, &ask.wishes);
        let pinned = matches!(named, Named::Model(_));
        Ok(Self { candidates, weights: policy.weights, limits, hedge: policy.hedge, pinned })
    }

    pub fn wish(&'a self, brief: &'a Brief, fleet: &Fleet) -> Wish<'a> {
        Wish {
            brief,
            weights: self.weights,
            limits: &self.limits,
            expected_out: expected_out(brief, fleet),
            candidates_max: fleet.bounds.attempts as usize,
        }
    }
}

/// The caller's wishes narrow the policy; they never widen it.
fn merged<'a>(policy: &'a Policy, wishes: &'a Wishes) -> Cow<'a, Limits> {
    let (ours, theirs) = (&policy.limits, &wishes.limits);
    if *theirs == Limits::default() {
        return Cow::Borrowed(ours);
    }
    let allow = match (ours.allow.as_slice(), theirs.allow.as_slice()) {
        ([], some) | (some, []) => some.to_vec(),
        (a, b) => {
            let both: Vec<String> = a.iter().filter(|p| b.contains(p)).cloned().collect();
            // Nothing in common allows nothing, which an empty list would not say.
            if both.is_empty() { vec![String::new()] } else { both }
        }
    };
    let deny: BTreeSet<String> = ours.deny.iter().chain(&theirs.deny).cloned().collect();
    let tighter = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    };
    Cow::Owned(Limits {
        max_cost: ours.max_cost.into_iter().chain(theirs.max_cost).min(),
        max_latency: ours.max_latency.into_iter().chain(theirs.max_latency).min(),
        min_quality: tighter(ours.min_quality, theirs.min_quality),
        allow,
        deny: deny.into_iter().collect(),
    })
}

fn expected_out(brief: &Brief, fleet: &Fleet) -> u32 {
    let expected = fleet.bounds.expected_output;
    brief.max_output.map_or(expected, |max| max.min(expected)).saturating_mul(brief.n.max(1))
}

/// The offers of a route at this moment, in its order.
pub fn offers<'a>(
    route: &Route<'_>,
    fleet: &'a Fleet,
    brief: &Brief,
    session: Option<&str>,
    sessions: &Sessions,
    now: Instant,
) -> Vec<Offer<'a>> {
    let tokens_in = u64::from(brief.tokens_in);
    let out = u64::from(expected_out(brief, fleet));
    let warm = session.and_then(|s| sessions.last(s, now));
    route
        .candidates
        .iter()
        .map(|&at| {
            let candidate = &fleet.candidates[at];
            let card = candidate.card.as_ref();
            let price = card.price.as_deref();
            let cached = warm.as_ref().map_or(0, |w| w.cached(candidate, brief.tokens_in));
            let limit = brief.max_output.or(card.max_output).unwrap_or(fleet.bounds.assumed_output);
            let limit = card.max_output.map_or(limit, |m| m.min(limit));
            Offer {
                provider: &candidate.provider.name,
                domain: &candidate.provider.domain,
                card,
                caps: candidate.caps,
                cost: price.and_then(|p| billing::expected(p, tokens_in, u64::from(cached), out, now)),
                dearest: price
                    .and_then(|p| billing::worst(p, tokens_in, u64::from(limit), brief.n.max(1), now)),
                standing: candidate
                    .with_pulse(|health| health.standing(now, &fleet.rules))
                    .with_credential(candidate.credential.state(now)),
            }
        })
        .collect()
}
