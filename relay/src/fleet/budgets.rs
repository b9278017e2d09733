//! Whose requests come under which budgets: an account's own, and under them those of the plan that it is asked under.

use crate::config::Config;
use policy::Budgets;
use std::collections::BTreeMap;

/// All budgets. Where a plan and an account have some, both are put together once, here, and not for each request.
#[derive(Debug, Default)]
pub(super) struct Budgeted {
    /// By account; those that have any.
    own: BTreeMap<String, Budgets>,
    /// By plan; those that have any.
    plans: BTreeMap<String, OfPlan>,
}

#[derive(Debug)]
struct OfPlan {
    /// Of accounts that have none of their own.
    alone: Budgets,
    /// Of those that have.
    with_own: BTreeMap<String, Budgets>,
}

impl Budgeted {
    pub fn of(config: &Config, problems: &mut Vec<String>) -> Self {
        for (name, account) in &config.accounts {
            let faults = account.budget.faults();
            problems.extend(faults.into_iter().map(|fault| format!("accounts.{name}.budget.{fault}")));
        }
        let some = config.accounts.iter().filter(|(_, account)| !account.budget.is_none());
        let own: BTreeMap<String, Budgets> =
            some.map(|(name, account)| (name.clone(), account.budget.clone())).collect();
        let plans = config.plans.0.iter().filter(|(_, plan)| !plan.off && !plan.budget.is_none());
        let together = |plan: &Budgets| OfPlan {
            alone: plan.clone(),
            with_own: own.iter().map(|(name, own)| (name.clone(), own.over(plan))).collect(),
        };
        let plans = plans.map(|(name, plan)| (name.clone(), together(&plan.budget))).collect();
        Self { own, plans }
    }

    /// Those of an account's requests under a plan.
    pub fn find(&self, account: &str, plan: Option<&str>) -> Option<&Budgets> {
        match plan.and_then(|plan| self.plans.get(plan)) {
            Some(plan) => Some(plan.with_own.get(account).unwrap_or(&plan.alone)),
            None => self.own.get(account),
        }
    }
}
