//! What callers have booked: which of the candidates they may use, and which limits they come under.

use super::{Candidate, Policy};
use crate::answer::Trouble;
use crate::config::Config;
use crate::limits::Leave;
use foldhash::{HashMap, HashMapExt};
use policy::Caller;
use policy::limit::{Quotas, Rule, Scope};
use policy::plan::PlanSetting;
use std::collections::BTreeMap;
use std::sync::Arc;
use vocab::{Name, Pico};

/// A plan, as far as choosing for its callers goes.
#[derive(Debug)]
pub struct Plan {
    pub name: Arc<str>,
    /// Its place among all of them.
    pub number: usize,
    /// What `auto` is, where the request names no policy.
    pub policy: Option<String>,
    /// By candidate: whether it is not part of the plan.
    barred: Vec<bool>,
    limits: Limited,
    key_limits: Limited,
    shared_limits: Limited,
}

/// Quotas, and what of them is counted.
#[derive(Debug, Default)]
struct Limited {
    counted: Option<Arc<Quotas>>,
    cost_max: Option<Pico>,
}

impl Limited {
    fn of(quotas: &Quotas) -> Self {
        let counted = (!quotas.counts_nothing()).then(|| Arc::new(*quotas));
        Self { counted, cost_max: quotas.max_cost_usd }
    }

    const fn is_nothing(&self) -> bool {
        self.counted.is_none() && self.cost_max.is_none()
    }

    /// Puts a request under it.
    fn on(
        &self,
        leave: &mut Leave,
        home: Option<&str>,
        scope: impl FnOnce() -> Scope,
        counter: impl FnOnce() -> String,
    ) {
        if self.is_nothing() {
            return;
        }
        let scope = scope();
        if let Some(most) = self.cost_max
            && leave.cost_max.as_ref().is_none_or(|(other, _)| most < *other)
        {
            leave.cost_max = Some((most, scope.clone()));
        }
        if let Some(quotas) = &self.counted {
            let (counter, quotas) = (counter().into(), Arc::clone(quotas));
            leave.rules.push(Rule { scope, home: home.map(Name::from), counter, quotas });
        }
    }
}

/// What is said of one account.
#[derive(Debug, Default)]
struct Account {
    plan: Option<Name>,
    limits: Limited,
    key_limits: Limited,
}

/// All plans, and who has which.
#[derive(Debug)]
pub(super) struct Plans {
    by_name: BTreeMap<String, Plan>,
    accounts: HashMap<String, Account>,
    /// Of accounts of which nothing is said.
    usual: Option<Name>,
    /// Nobody comes under anything, unless his own key or token says so.
    nothing: bool,
}

impl Plans {
    pub fn of(
        config: &Config,
        candidates: &[Candidate],
        policies: &BTreeMap<String, Policy>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut by_name = BTreeMap::new();
        for (name, setting) in &config.plans.0 {
            problems.extend(setting.faults().into_iter().map(|fault| format!("plans.{name}.{fault}")));
            if setting.off {
                continue;
            }
            if let Some(policy) = setting.policy.as_ref().filter(|policy| !policies.contains_key(*policy)) {
                problems.push(format!("plans.{name}.policy: there is no policy {policy:?}"));
            }
            let plan = Plan::of(name, by_name.len(), setting, candidates);
            if !candidates.is_empty() && plan.barred.iter().all(|barred| *barred) {
                warnings.push(format!("plans.{name}: of all models that are served it may use none"));
            }
            by_name.insert(name.clone(), plan);
        }
        let named = |place: String, plan: Option<&str>, problems: &mut Vec<String>| {
            if let Some(plan) = plan.filter(|plan| !by_name.contains_key(*plan)) {
                let known: Vec<&str> = by_name.keys().map(String::as_str).collect();
                problems.push(format!("{place}: there is no plan {plan:?}; known: {}", known.join(", ")));
            }
            plan.map(Name::from)
        };
        let usual = named("service.plan".into(), config.service.plan.as_deref(), &mut problems);
        if let Some(guest) = config.service.signing.as_ref().and_then(|signing| signing.guest.as_ref()) {
            let plan = Some(&*guest.plan).filter(|plan| !plan.is_empty());
            named("service.signing.guest.plan".into(), plan, &mut problems);
        }
        let mut accounts = HashMap::new();
        for (name, account) in &config.accounts {
            let plan = named(format!("accounts.{name}.plan"), account.plan.as_deref(), &mut problems);
            for (table, quotas) in [("limits", &account.limits), ("key_limits", &account.key_limits)] {
                let faults = quotas.faults().into_iter();
                problems.extend(faults.map(|fault| format!("accounts.{name}.{table}.{fault}")));
            }
            let (limits, key_limits) = (Limited::of(&account.limits), Limited::of(&account.key_limits));
            accounts.insert(name.clone(), Account { plan, limits, key_limits });
        }
        accounts.retain(|_, account| !account.is_nothing());
        let nothing = usual.is_none() && accounts.is_empty();
        if problems.is_empty() { Ok(Self { by_name, accounts, usual, nothing }) } else { Err(problems) }
    }

    pub fn named(&self, name: &str) -> Result<&Plan, Trouble> {
        let unknown =
            || Trouble::UnknownPlan { asked: name.into(), known: self.by_name.keys().cloned().collect() };
        self.by_name.get(name).ok_or_else(unknown)
    }

    /// The plan of an account whose key or token names none.
    pub fn of_account(&self, account: &str) -> Option<&str> {
        let own = self.accounts.get(account).and_then(|account| account.plan.as_ref());
        own.or(self.usual.as_ref()).map(|name| &**name)
    }

    /// What a caller may. A key's plan comes before its account's, and that before the usual one. The operator may
    /// everything.
    pub fn leave(&self, caller: &Caller) -> Result<Option<Box<Leave>>, Trouble> {
        if caller.admin || (self.nothing && caller.plan.is_none()) {
            return Ok(None);
        }
        let mut leave = Box::<Leave>::default();
        let account = self.accounts.get(&caller.account);
        let own = account.and_then(|account| account.plan.as_ref());
        if let Some(name) = caller.plan.as_ref().or(own).or(self.usual.as_ref()) {
            let plan = self.named(name)?;
            let (name, of) = (&plan.name, &caller.account);
            leave.plan = Some(name.clone());
            plan.key_limits.on(
                &mut leave,
                Some(of),
                || Scope::PlanKey(name.clone()),
                || format!("plan key\n{name}\n{of}\n{}", which(caller)),
            );
            plan.limits.on(
                &mut leave,
                Some(of),
                || Scope::PlanAccount(name.clone()),
                || format!("plan account\n{name}\n{of}"),
            );
            plan.shared_limits.on(&mut leave, None, || Scope::Plan(name.clone()), || format!("plan\n{name}"));
        }
        if let Some(account) = account {
            let of = &caller.account;
            account.key_limits.on(
                &mut leave,
                Some(of),
                || Scope::Key,
                || format!("key\n{of}\n{}", which(caller)),
            );
            account.limits.on(&mut leave, Some(of), || Scope::Account, || format!("account\n{of}"));
        }
        Ok((!leave.is_nothing()).then_some(leave))
    }
}

/// Which of an account's keys it is. Of tokens, whose kind is all that they have in common: whose it is.
fn which(caller: &Caller) -> String {
    format!("{}\n{}", caller.key.as_deref().unwrap_or_default(), caller.user.as_deref().unwrap_or_default())
}

impl Plan {
    /// Whether this candidate of the fleet is not part of it.
    pub fn bars(&self, candidate: usize) -> bool {
        self.barred.get(candidate).copied().unwrap_or(true)
    }

    fn of(name: &str, number: usize, setting: &PlanSetting, candidates: &[Candidate]) -> Self {
        let barred = |c: &Candidate| !setting.allows(&c.provider.name, &c.door.model);
        Self {
            name: name.into(),
            number,
            policy: setting.policy.clone(),
            barred: candidates.iter().map(barred).collect(),
            limits: Limited::of(&setting.limits),
            key_limits: Limited::of(&setting.key_limits),
            shared_limits: Limited::of(&setting.shared_limits),
        }
    }
}

impl Account {
    fn is_nothing(&self) -> bool {
        self.plan.is_none() && self.limits.is_nothing() && self.key_limits.is_nothing()
    }
}
