//! What an isolate may decide about an account's money by itself, and what it still has to tell the account's object.
//!
//! Asking the object for every request costs more than everything else about a request together, and every first word
//! would wait for it. So an isolate that is in use has a slice of the balance set aside for it (`billing::Slices`):
//! requests are held against the slice here and now, and what was held and settled is told a moment later, all that
//! gathered in one letter. The slice is durable before anything is held against it, so nobody spends what is not there.
//!
//! - Letters go one after another, so that a settlement never comes before its hold.
//! - A slice that was not confirmed for [`USE`] is not used any more; then every request is decided by the object.
//! - A slice goes back when nothing happened for [`LINGER`], when the object wants it back, and after a letter was lost.

#[cfg(test)]
mod tests;

use crate::account::{Letter, Post, Progress, Reply, Slice};
use billing::{Balance, Op};
use std::collections::{BTreeMap, VecDeque};
use std::mem::take;
use vocab::{Duration, Instant, Pico};

/// How long what is to be told gathers.
pub const GATHER: Duration = Duration::from_millis(50);
/// How long a slice is used after the letter that confirmed it was sent.
pub const USE: Duration = Duration::from_secs(2);
/// How long after the last hold a slice is kept for the next.
pub const LINGER: Duration = Duration::from_secs(1);
/// A carrier's longest shift: the platform ends what outlives its request by 30 seconds.
pub const SHIFT: Duration = Duration::from_secs(15);
/// Who is not back by then was ended on the way.
const PATIENCE: Duration = Duration::from_secs(5);
/// After which pauses a letter that was lost is sent again. All of it is sooner than a slice is given up for lost.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(12)];
/// A slice is asked for that is worth so many requests like the first, or like the largest of late;
const WORTH: i128 = 64;
/// and so many times what the last letter told of.
const AHEAD: i128 = 4;
/// Told in one letter.
const LETTER_MAX: usize = 512;

/// See the module.
#[derive(Debug, Default)]
pub struct Purse {
    /// The isolate's name for itself, which the object knows its slice by.
    name: String,
    /// As the object said last, and what was done here since.
    balance: Balance,
    /// What is set aside for requests of this isolate.
    holds: BTreeMap<String, Pico>,
    slice: Option<Held>,
    /// Somebody is asking for a slice, since then.
    asking: Option<Instant>,
    posts: Vec<Post>,
    progress: Vec<Progress>,
    /// What posts did to the balance that the object may not have known when it answered last.
    effects: VecDeque<(u64, Effect)>,
    /// How many posts there were, and how many of them were sent.
    posted: u64,
    sent: u64,
    letters: u64,
    flying: Option<Flying>,
    failures: usize,
    carrier: Carrier,
}

/// The slice that this isolate holds.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    left: Pico,
    until: Instant,
    /// When something was held against it last, and what all and the largest came to since the last letter.
    used: Instant,
    spent: Pico,
    largest: Pico,
    /// Not to be used any more, and to be given back.
    over: bool,
}

/// A letter on its way, with what it takes to send it again.
#[derive(Debug)]
struct Flying {
    number: u64,
    since: Instant,
    /// The last post that it tells of.
    told: u64,
    posts: Vec<Post>,
    progress: Vec<Progress>,
    /// It gives the slice back.
    back: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Effect {
    held: Pico,
    settled: Pico,
}

impl Effect {
    const fn on(self, balance: Balance) -> Balance {
        let (held, settled) = (balance.held.plus(self.held), balance.settled.plus(self.settled));
        Balance { held, settled, ..balance }
    }
}

/// Who sees to it that letters go.
#[derive(Debug, Default)]
struct Carrier {
    shift: u64,
    begun: Instant,
    /// He looks again by then; zero where there is none.
    looks: Instant,
    /// He waits for nothing but the slice's end.
    idle: bool,
}

/// All that is to be told, in the letter of that number. It has no address yet.
#[derive(Debug)]
pub struct Packed {
    pub number: u64,
    pub letter: Letter,
}

/// What a carrier is to do.
#[derive(Debug)]
pub enum Task {
    Wait(Duration),
    Send(Box<Packed>),
    Go,
}

impl Purse {
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    pub const fn balance(&self) -> Balance {
        self.balance
    }

    /// Whether it can be forgotten.
    pub fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.posts.is_empty() && self.slice.is_none() && self.flying.is_none()
    }

    /// Holds or extends out of the slice. The operation comes back where the object has to decide. `at` is the ledger's time.
    pub fn hold(&mut self, op: Op, at: Instant, now: Instant) -> Result<Balance, Op> {
        let amount = match &op {
            // What a budget has taken only the object knows.
            Op::Hold { caps, .. } | Op::Extend { caps, .. } if !caps.is_empty() => return Err(op),
            Op::Hold { amount, .. } => *amount,
            Op::Extend { id, more, .. } if self.holds.contains_key(id) => *more,
            _ => return Err(op),
        };
        let usable = |slice: &&mut Held| !slice.over && now <= slice.until && amount <= slice.left;
        let Some(slice) = self.slice.as_mut().filter(usable) else { return Err(op) };
        slice.left = slice.left.minus(amount);
        slice.used = now;
        slice.spent = slice.spent.plus(amount);
        slice.largest = slice.largest.max(amount);
        let held = self.holds.entry(op.id().to_owned()).or_default();
        *held = held.plus(amount);
        Ok(self.leave(Post { now: at, op, leased: true }, Effect { held: amount, settled: Pico::ZERO }))
    }

    /// Ends a request whose hold was made here, or one that needed none: done for good as far as anybody here can tell, and
    /// told soon.
    pub fn end(&mut self, op: Op, at: Instant) -> Result<Balance, Op> {
        // Who has a slice knows the balance.
        if matches!(op, Op::Repeat { .. }) && self.slice.is_some() {
            return Ok(self.leave(Post { now: at, op, leased: false }, Effect::default()));
        }
        let settled = match &op {
            Op::Settle { lines, .. } => lines.iter().map(|line| line.amount).sum(),
            Op::Release { .. } => Pico::ZERO,
            _ => return Err(op),
        };
        let Some(held) = self.holds.remove(op.id()) else { return Err(op) };
        Ok(self.leave(Post { now: at, op, leased: false }, Effect { held: Pico::ZERO.minus(held), settled }))
    }

    /// Tells something that changes nothing here: how far a request has come, or that nothing came of it.
    pub fn tell(&mut self, posts: Vec<Post>, progress: Vec<Progress>) {
        for post in posts {
            self.leave(post, Effect::default());
        }
        self.progress.extend(progress);
    }

    fn leave(&mut self, post: Post, effect: Effect) -> Balance {
        self.posts.push(post);
        self.posted += 1;
        self.effects.push_back((self.posted, effect));
        self.balance = effect.on(self.balance);
        self.balance
    }

    /// Whether there is something that the object has to hear before it can be asked about anything of before.
    pub fn is_behind(&self) -> bool {
        self.flying.is_some() || !self.posts.is_empty() || !self.progress.is_empty()
    }

    /// Whether a letter is on its way.
    pub fn is_flying(&self, now: Instant) -> bool {
        self.flying.as_ref().is_some_and(|flying| now.since(flying.since) < PATIENCE)
    }

    /// The slice that a request that is decided by the object is to ask for.
    pub fn asks(&mut self, amount: Pico, now: Instant) -> Slice {
        let asking = self.asking.is_some_and(|since| now.since(since) < PATIENCE);
        let leased =
            self.posts.iter().chain(self.flying.iter().flat_map(|f| &f.posts)).any(|post| post.leased);
        let asks = self.slice.is_none() && !asking && !leased && amount > Pico::ZERO;
        if asks {
            self.asking = Some(now);
        }
        Slice { of: self.name.clone(), want: asks.then(|| Pico(amount.0.saturating_mul(WORTH))) }
    }

    /// How far the object will have heard when it answers what is asked now.
    pub const fn heard(&self) -> u64 {
        self.sent
    }

    /// The object decided about an operation, asked when it had `heard` so much, at `since`. `asked`: for a slice too.
    pub fn decided(
        &mut self,
        id: &str,
        amount: Option<Pico>,
        reply: &Reply,
        asked: bool,
        heard: u64,
        since: Instant,
    ) {
        self.catch_up(reply.balance, heard);
        if let Some(amount) = amount {
            let held = self.holds.entry(id.to_owned()).or_default();
            *held = held.plus(amount);
        }
        if asked {
            self.asking = None;
            if let (Some(left), None) = (reply.slice, &self.slice) {
                self.slice = Some(Held { left, until: since.after(USE), used: since, ..Held::default() });
            }
        }
    }

    /// Nobody answered who was asked for a slice too.
    pub const fn unanswered(&mut self) {
        self.asking = None;
    }

    /// Somebody is short of money: what is left here goes back.
    pub const fn give_back(&mut self) {
        if let Some(slice) = &mut self.slice {
            slice.over = true;
        }
    }

    /// Whether somebody is needed who sees to it that letters go: his shift's number.
    pub fn hires(&mut self, now: Instant) -> Option<u64> {
        let there = self.carrier.looks != Instant::ZERO && now <= self.carrier.looks.after(PATIENCE);
        let idle = self.carrier.idle && self.is_behind();
        if there && !idle || !self.is_behind() && self.slice.is_none() {
            return None;
        }
        let looks = now.after(GATHER);
        self.carrier = Carrier { shift: self.carrier.shift + 1, begun: now, looks, idle: false };
        Some(self.carrier.shift)
    }

    /// What the carrier of a shift is to do now.
    pub fn task(&mut self, shift: u64, now: Instant) -> Task {
        if shift != self.carrier.shift {
            return Task::Go;
        }
        if let Some(packed) = self.pack(now, true) {
            self.carrier.looks = now.after(PATIENCE);
            return Task::Send(Box::new(packed));
        }
        let wait = match (&self.flying, &self.slice) {
            (Some(_), _) => GATHER,
            (None, Some(slice)) => slice.used.after(LINGER).since(now).max(GATHER),
            (None, None) => {
                self.carrier.looks = Instant::ZERO;
                return Task::Go;
            }
        };
        self.carrier.idle = self.flying.is_none();
        self.carrier.looks = now.after(wait);
        Task::Wait(wait)
    }

    /// All that is to be told, where there is anything and nobody is telling. With `backs`, the slice goes back where it is
    /// time for that.
    pub fn pack(&mut self, now: Instant, backs: bool) -> Option<Packed> {
        if let Some(flying) = &self.flying {
            if now.since(flying.since) < PATIENCE {
                return None;
            }
            let number = flying.number;
            // Whoever went was ended on the way.
            let _again = self.lost(number);
        }
        let tired = now.since(self.carrier.begun) >= SHIFT;
        let back = backs
            && self.posts.len() <= LETTER_MAX
            && self.slice.is_some_and(|slice| {
                slice.over || now > slice.until || tired || now.since(slice.used) >= LINGER
            });
        if self.posts.is_empty() && self.progress.is_empty() && !back {
            return None;
        }
        let want = match &mut self.slice {
            Some(_) if back => Some(Pico::ZERO),
            Some(slice) if !slice.over => {
                let (spent, largest) = (take(&mut slice.spent), take(&mut slice.largest));
                let want = spent.0.saturating_mul(AHEAD).max(largest.0.saturating_mul(WORTH));
                Some(Pico(want.max(slice.left.0))).filter(|want| *want > Pico::ZERO)
            }
            _ => None,
        };
        if back && let Some(slice) = &mut self.slice {
            slice.over = true;
        }
        let rest = self.posts.split_off(self.posts.len().min(LETTER_MAX));
        let posts = std::mem::replace(&mut self.posts, rest);
        let progress = take(&mut self.progress);
        self.sent = self.posted - self.posts.len() as u64;
        self.letters += 1;
        let number = self.letters;
        let letter = Letter {
            posts: posts.clone(),
            progress: progress.clone(),
            slice: Some(Slice { of: self.name.clone(), want }),
            quiet: true,
            ..Letter::default()
        };
        self.flying = Some(Flying { number, since: now, told: self.sent, posts, progress, back });
        Some(Packed { number, letter })
    }

    /// A letter was answered.
    pub fn landed(&mut self, number: u64, reply: &Reply) {
        let Some(flying) = self.flying.take_if(|flying| flying.number == number) else { return };
        self.failures = 0;
        self.catch_up(reply.balance, flying.told);
        match (&mut self.slice, reply.slice) {
            (Some(_), None) if flying.back => self.slice = None,
            (Some(slice), Some(left)) if !slice.over => {
                // What was given out here since the letter was written.
                let since =
                    self.posts.iter().filter(|post| post.leased).map(|post| amount_of(&post.op)).sum();
                slice.left = left.minus(since);
                slice.until = flying.since.after(USE);
            }
            (Some(slice), None) => slice.over = true,
            _ => {}
        }
    }

    /// Nobody answered a letter: it is to be sent again after a pause. Or it is given up, with so many posts.
    pub fn lost(&mut self, number: u64) -> Result<Duration, usize> {
        let Some(mut flying) = self.flying.take_if(|flying| flying.number == number) else {
            return Ok(GATHER);
        };
        self.give_back();
        let pause = PAUSES.get(self.failures).copied();
        self.failures += 1;
        match pause {
            Some(pause) => {
                flying.posts.append(&mut self.posts);
                flying.progress.append(&mut self.progress);
                (self.posts, self.progress) = (flying.posts, flying.progress);
                self.sent = self.posted - self.posts.len() as u64;
                Ok(pause)
            }
            None => {
                self.failures = 0;
                self.slice = None;
                Err(flying.posts.len())
            }
        }
    }

    /// The balance as the object has it, with what it had not heard of.
    fn catch_up(&mut self, balance: Balance, heard: u64) {
        while self.effects.front().is_some_and(|(number, _)| *number <= heard) {
            self.effects.pop_front();
        }
        self.balance = self.effects.iter().fold(balance, |balance, (_, effect)| effect.on(balance));
    }
}

fn amount_of(op: &Op) -> Pico {
    match op {
        Op::Hold { amount, .. } => *amount,
        Op::Extend { more, .. } => *more,
        _ => Pico::ZERO,
    }
}
