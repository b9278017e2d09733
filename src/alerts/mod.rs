//! Tells people of budgets that fill and credit that runs out: by webhooks, signed, once for each thing.
//!
//! Nobody's request waits for any of it. The books note where something was charged or refused ([`Watched`]); twice a second
//! those accounts are looked at, and what is so now gets an id that follows from what it is ([`policy::alert`]). An id that was
//! there before is no news. So what is new is found by comparing a state, not by catching a moment: a restart, another node, a
//! crash in between change nothing but when it is found. What is new is written down first ([`Outbox`]) and told then, again and
//! again until it is heard or a day is over.

mod deliver;
mod outbox;
#[cfg(test)]
pub mod tests;

pub use outbox::Outbox;

use crate::net::checked::{Resolve, System};
use crate::node::{Keeper, random};
use deliver::{Courier, Ended};
use policy::alert::{Alerts, Message};
use relay::Relay;
use relay::ports::BooksError;
use relay::watched::{Note, Watched};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;
use vocab::{Dice, Duration, Instant, Pico};

/// How often the notes of the books are looked through.
const EVERY: Duration = Duration::from_millis(500);
/// The same after something went wrong.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);
/// How often it is asked what is due, where nothing is known to be: another node may have left something.
const LOOK: Duration = Duration::from_secs(30);
/// Messages under way at a time.
const AT_ONCE: usize = 8;
/// So many ids are known to be written down, without asking.
const TOLD_MAX: usize = 100_000;

/// See the module.
pub struct Teller {
    relay: Arc<Relay>,
    watched: Arc<Watched>,
    outbox: Outbox,
    keeper: Keeper,
    resolver: Arc<dyn Resolve>,
    /// Ids that are written down.
    told: BTreeSet<String>,
    /// What could not be looked at.
    left: Vec<(String, Note)>,
    left_all: bool,
    /// When it is to be asked next what is due.
    look: Instant,
    under_way: JoinSet<Ended>,
    dice: Dice,
}

impl Teller {
    pub fn new(relay: Arc<Relay>, watched: Arc<Watched>, outbox: Outbox, keeper: Keeper) -> Self {
        Self {
            relay,
            watched,
            outbox,
            keeper,
            resolver: Arc::new(System),
            told: BTreeSet::new(),
            left: Vec::new(),
            left_all: false,
            look: Instant::ZERO,
            under_way: JoinSet::new(),
            // Where there is no chance to be had, nodes try again at the same moments, and no harm is done.
            dice: Dice::seeded(random().unwrap_or_default()),
        }
    }

    pub fn watched(&self) -> Arc<Watched> {
        self.watched.clone()
    }

    /// For ever.
    pub async fn run(mut self) {
        loop {
            let pause = match self.round().await {
                Ok(()) => EVERY,
                Err(why) => {
                    tracing::warn!(why, "what there is to be told to webhooks waits");
                    AFTER_TROUBLE
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn round(&mut self) -> Result<(), String> {
        let fleet = self.relay.fleet();
        self.watched.watch(fleet.alerts.is_on());
        if !fleet.alerts.is_on() {
            return Ok(());
        }
        let now = self.relay.clock().now();
        let (mut due, all) = self.watched.take(now);
        due.append(&mut self.left);
        if all || self.left_all {
            self.left_all = true;
            let names = self.accounts().await.inspect_err(|_| self.left.append(&mut due))?;
            let known: BTreeSet<String> = due.iter().map(|(account, _)| account.clone()).collect();
            let more = names.into_iter().filter(|name| !known.contains(name));
            due.extend(more.map(|name| (name, Note::default())));
            self.left_all = false;
        }
        // One that cannot be looked at is in nobody else's way.
        let mut trouble = None;
        for (account, note) in due {
            if let Err(why) = self.look_at(&fleet.alerts, &account, &note, now).await {
                trouble = Some(why);
                self.left.push((account, note));
            }
        }
        self.deliver(&fleet.alerts, now).await?;
        trouble.map_or(Ok(()), Err)
    }

    async fn accounts(&self) -> Result<Vec<String>, String> {
        match &self.keeper {
            Keeper::File(store) => {
                store.read(crate::store::Reader::accounts).await.map_err(|error| error.to_string())
            }
            Keeper::Shared(shared) => shared.accounts().await.map_err(|error| error.to_string()),
        }
    }

    /// Writes down what is new of an account.
    async fn look_at(
        &mut self,
        alerts: &Alerts,
        account: &str,
        note: &Note,
        now: Instant,
    ) -> Result<(), String> {
        let mut caps = self.relay.fleet().caps(account, None, now);
        caps.retain(|cap| !note.caps.contains_key(&cap.budget));
        caps.extend(note.caps.values().cloned());
        let credit = alerts.credit_low_usd.is_some() || !note.refused.is_empty();
        if caps.is_empty() && !credit {
            return Ok(());
        }
        let unreadable = |error: BooksError| format!("{account}: {error:?}");
        let books = self.relay.books();
        let taken = books.budgets(account).await.map_err(unreadable)?;
        let balance = if credit { Some(books.balance(account).await.map_err(unreadable)?) } else { None };
        // Who was never given any credit does not run out of it.
        let balance = balance.filter(|balance| balance.granted > Pico::ZERO);
        let events = relay::alerts::due(alerts, account, &caps, (&taken, balance), note, now);
        let message = |event| Message { hooks: alerts.wanting(&event).map(str::to_owned).collect(), event };
        let new: Vec<Message> = events
            .into_iter()
            .filter(|event| !self.told.contains(&event.id))
            .map(message)
            .filter(|message| !message.hooks.is_empty())
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = new.iter().map(|message| message.event.id.clone()).collect();
        self.outbox.add(new).await?;
        if self.told.len() >= TOLD_MAX {
            self.told.clear();
        }
        self.told.extend(ids);
        self.look = now;
        Ok(())
    }

    /// Sends what is due, and notes how what is under way went.
    async fn deliver(&mut self, alerts: &Arc<Alerts>, now: Instant) -> Result<(), String> {
        while let Some(ended) = self.under_way.try_join_next() {
            let Ok(ended) = ended else { continue };
            let due = deliver::next_try(&ended, now, &mut self.dice);
            self.relay.registry().webhook(ended.outcome(due));
            self.outbox.next(ended.delivery, due, now).await?;
            self.look = self.look.min(due.unwrap_or(self.look));
        }
        let room = AT_ONCE.saturating_sub(self.under_way.len());
        if now < self.look || room == 0 {
            return Ok(());
        }
        let taken = self.outbox.take(now, now.after(deliver::LEASE), room).await?;
        if taken.is_empty() {
            let soonest = self.outbox.soonest().await?;
            self.look = soonest.unwrap_or(now.after(LOOK)).min(now.after(LOOK));
        }
        for delivery in taken {
            let courier = Courier { alerts: alerts.clone(), resolver: self.resolver.clone() };
            self.under_way.spawn(courier.bring(delivery, now));
        }
        Ok(())
    }
}
