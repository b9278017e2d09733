//! From a request to what can be chosen for it: which candidates its model name means, and what each would cost.

use crate::answer::Trouble;
use crate::ask::{Ask, Wishes, Words};
use crate::fleet::{Fleet, Named, Plan, Policy};
use crate::sessions::Sessions;
use crate::voice;
use router::{Learned, Limits, Offer, Weights, Wish};
use std::borrow::Cow;
use std::collections::BTreeSet;
use tokens::Family;
use vocab::{Brief, Card, Instant, Kind, Pico, Price};

/// What a request may choose from, and how it weighs.
pub struct Route<'a> {
    /// Indexes into the fleet's candidates; offers are in the same order.
    pub candidates: &'a [usize],
    /// The policy's name.
    pub policy: &'a str,
    pub weights: Weights,
    pub limits: Cow<'a, Limits>,
    pub hedge: bool,
    /// USD a day that trying may cost.
    pub explore: Option<f64>,
    /// The client named a model rather than a policy.
    pub pinned: bool,
    /// What its caller has booked.
    pub plan: Option<&'a Plan>,
}

impl<'a> Route<'a> {
    pub fn of(fleet: &'a Fleet, ask: &'a Ask) -> Result<Self, Trouble> {
        let model = ask.brief().model.as_str();
        let unknown = || Trouble::UnknownModel { asked: model.into(), nearest: fleet.nearest(model) };
        let named = fleet.named(model).ok_or_else(unknown)?;
        let (candidates, policy_named) = match named {
            Named::Model(list) => (list, None),
            Named::Policy("balanced") if model == "auto" => (fleet.choice(ask.brief().kind)?, None),
            Named::Policy(policy) => (fleet.choice(ask.brief().kind)?, Some(policy)),
        };
        let leave = ask.leave.as_deref();
        let plan = leave.and_then(|leave| leave.plan.as_deref()).map(|name| fleet.plan(name)).transpose()?;
        let usual = plan.and_then(|plan| plan.policy.as_deref()).unwrap_or("balanced");
        let policy_name = policy_named.or(ask.wishes.policy.as_deref()).unwrap_or(usual);
        let Some(policy) = fleet.policies.get(policy_name) else {
            let known = fleet.policies.keys().cloned().collect();
            return Err(Trouble::UnknownPolicy { asked: policy_name.into(), known });
        };
        let mut limits = merged(policy, &ask.wishes);
        if let Some((most, _)) = leave.and_then(|leave| leave.cost_max.as_ref())
            && limits.max_cost.is_none_or(|max| *most < max)
        {
            limits.to_mut().max_cost = Some(*most);
        }
        let pinned = matches!(named, Named::Model(_));
        if let Words::Speak { speak, .. } = &ask.words {
            fleet.voices.role(&speak.voice, pinned).map_err(Trouble::BadInput)?;
        }
        // Whoever names a model gets it as it is, and what nobody speaks of cannot be learned from.
        let explore = policy.explore.filter(|_| !pinned && ask.brief().kind == Kind::Chat);
        Ok(Self {
            candidates,
            policy: policy_name,
            weights: policy.weights,
            limits,
            hedge: policy.hedge,
            explore,
            pinned,
            plan,
        })
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
    if brief.kind != Kind::Chat {
        return 0;
    }
    let expected = fleet.bounds.expected_output;
    brief.max_output.map_or(expected, |max| max.min(expected)).saturating_mul(brief.n.max(1))
}

/// The offers of a route at this moment, in its order. So is `learned`, where there is anything.
pub fn offers<'a>(
    route: &Route<'_>,
    fleet: &'a Fleet,
    ask: &Ask,
    session: Option<&str>,
    sessions: &Sessions,
    learned: &[Option<Learned>],
    now: Instant,
) -> Vec<Offer<'a>> {
    let brief = ask.brief();
    let speak = match &ask.words {
        Words::Speak { speak, .. } => Some(speak),
        _ => None,
    };
    let out = u64::from(expected_out(brief, fleet));
    let warm = session.and_then(|s| sessions.last(s, now));
    // Once for each family that is asked, not for each of hundreds of candidates.
    let mut sizes = [None; Family::COUNT];
    route
        .candidates
        .iter()
        .enumerate()
        .map(|(place, &at)| {
            let candidate = &fleet.candidates[at];
            let card = candidate.card.as_ref();
            let price = card.price.as_deref();
            let family = candidate.family;
            let known = sizes.get_mut(family as usize).and_then(|known: &mut Option<_>| *known);
            let (likely, most) = known.unwrap_or_else(|| (brief.likely(family), brief.most(family)));
            if let Some(place) = sizes.get_mut(family as usize) {
                *place = Some((likely, most));
            }
            let cached = warm.as_ref().map_or(0, |w| w.cached(candidate, likely));
            let limit = brief.max_output.or(card.max_output).unwrap_or(fleet.bounds.assumed_output);
            let limit = card.max_output.map_or(limit, |m| m.min(limit));
            let mut unfit = None;
            let (cost, dearest) = match price {
                _ if let Some(speak) = speak => {
                    let (removed, cost, dearest) = voice::offered(fleet, speak, candidate, now);
                    unfit = removed;
                    (cost, dearest)
                }
                None => (None, None),
                Some(price) if brief.kind == Kind::Chat => (
                    billing::expected(price, likely.into(), u64::from(cached), out, now),
                    billing::worst(price, most.into(), u64::from(limit), brief.n.max(1), now),
                ),
                Some(price) => of_task(price, card, brief, (likely, most), now),
            };
            Offer {
                provider: &candidate.provider.name,
                domain: &candidate.provider.domain,
                card,
                caps: candidate.caps,
                tokens_in: Some(likely),
                cost,
                dearest,
                learned: learned.get(place).copied().flatten(),
                barred: route.plan.is_some_and(|plan| plan.bars(at)),
                unfit,
                standing: candidate
                    .with_pulse(|health| health.standing(now, &fleet.rules))
                    .with_credential(candidate.credential.state(now)),
            }
        })
        .collect()
}

/// What a task probably comes to, and at most.
fn of_task(
    price: &Price,
    card: &Card,
    brief: &Brief,
    (likely, most): (u32, u32),
    now: Instant,
) -> (Option<Pico>, Option<Pico>) {
    if brief.kind == Kind::Image {
        let cost = |tokens: u32, most| {
            let made = providers::pictures(card, brief.canvas, brief.n.max(1).into(), tokens.into(), most);
            billing::cost(price, &made, now).ok()
        };
        return (cost(likely, false), cost(most, true));
    }
    if brief.kind == Kind::Stt {
        let cost = |millis, most| billing::cost(price, &providers::sound_ahead(card, millis, most), now).ok();
        return (cost(brief.length.likely, false), cost(brief.length.most, true));
    }
    // Vectors are paid for by what they are made of.
    (billing::expected(price, likely.into(), 0, 0, now), billing::worst(price, most.into(), 0, 1, now))
}
