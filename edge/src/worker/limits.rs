//! Limits that all isolates count together: an account's by its object, those that accounts share by one object each.
//!
//! Only requests that something limits come here; each is one call there and back before it is held, and one call behind the
//! answer. Who counts may be out of reach: then the request is let in, as its money is held all the same, and the log says so.

use super::task::brought;
use super::{glue, later};
use crate::account::{Count, Counted};
use async_trait::async_trait;
use policy::limit::{Estimate, Over, Readings, Rule, Taken, Use};
use relay::ports::Limits;
use std::cell::Cell;
use std::rc::Rc;
use vocab::{Instant, Name};
use wasm_bindgen::JsValue;
use worker::send::{SendFuture, SendWrapper};

/// The `Limits` port over the binding `ACCOUNT`.
pub struct ObjectLimits(SendWrapper<Rc<Inner>>);

struct Inner {
    accounts: JsValue,
    /// What this isolate calls itself before objects.
    name: String,
    tickets: Cell<u64>,
}

impl ObjectLimits {
    /// `name`: another for each isolate.
    pub fn new(accounts: JsValue, name: String) -> Self {
        Self(SendWrapper::new(Rc::new(Inner { accounts, name, tickets: Cell::default() })))
    }
}

/// The object that counts a rule.
fn home(rule: &Rule) -> &Name {
    rule.home.as_ref().unwrap_or(&rule.counter)
}

/// What was taken here and there, until somebody else sees to its end.
struct Asked {
    limits: Rc<Inner>,
    ticket: Name,
    at: Vec<Name>,
}

impl Drop for Asked {
    /// The request was refused elsewhere, or its client has left.
    fn drop(&mut self) {
        let (limits, ticket, at) = (self.limits.clone(), self.ticket.clone(), std::mem::take(&mut self.at));
        if !at.is_empty() {
            later::spawn(async move { limits.end(&ticket, at, Use::Nothing).await });
        }
    }
}

impl Inner {
    async fn take(self: Rc<Self>, mut rules: Vec<Rule>, estimate: Estimate) -> Result<Box<Taken>, Box<Over>> {
        let number = self.tickets.get();
        self.tickets.set(number + 1);
        let ticket = Name::from(format!("{}-{number}", self.name));
        // One call to each.
        rules.sort_by(|one, other| home(one).cmp(home(other)));
        let mut asked = Asked { limits: self.clone(), ticket: ticket.clone(), at: Vec::new() };
        let mut readings = Readings::default();
        let mut left: &[Rule] = &rules;
        while let Some(first) = left.first() {
            let here = left.iter().take_while(|rule| home(rule) == home(first)).count();
            let (own, others) = left.split_at(here);
            left = others;
            // Before the call: it may be counted and the answer lost.
            asked.at.push(home(first).clone());
            match self
                .call(home(first), &Count::take(&ticket, own, estimate))
                .await
                .map(|told| told.read(own, estimate))
            {
                Ok(Ok(theirs)) => readings.join(theirs),
                Ok(Err(mut over)) => {
                    asked.at.pop();
                    over.readings.join(readings);
                    return Err(over);
                }
                Err(why) => tracing::warn!(why, "limits cannot be asked for; let in uncounted"),
            }
        }
        asked.at.clear();
        Ok(Box::new(Taken::elsewhere(rules, readings, ticket)))
    }

    async fn end(&self, ticket: &Name, at: Vec<Name>, used: Use) {
        for home in at {
            if let Err(why) = self.call(&home, &Count::end(ticket, used)).await {
                // Whoever counts ends it by himself in time.
                tracing::warn!(why, "limits cannot be told that a request is over");
            }
        }
    }

    async fn call(&self, home: &str, what: &Count) -> Result<Counted, String> {
        let text = serde_json::to_string(what).map_err(|e| e.to_string())?;
        let told = brought(|number| glue::order(number, &self.accounts, home, "/count", &text)).await;
        let (told, _) = told.map_err(|e| glue::thrown(&e))?;
        serde_json::from_str(&told.as_string().unwrap_or_default()).map_err(|e| e.to_string())
    }
}

#[async_trait]
impl Limits for ObjectLimits {
    async fn take(&self, rules: Vec<Rule>, estimate: Estimate, _: Instant) -> Result<Box<Taken>, Box<Over>> {
        SendFuture::new(Rc::clone(&self.0).take(rules, estimate)).await
    }

    async fn end(&self, taken: Box<Taken>, used: Use, _: Instant) {
        SendFuture::new(async move {
            let Some(ticket) = taken.ticket.clone() else { return };
            let mut at: Vec<Name> = taken.rules().map(|rule| home(rule).clone()).collect();
            at.sort_unstable();
            at.dedup();
            self.0.end(&ticket, at, used).await;
        })
        .await;
    }
}
