//! Why a model and day may differ, each with what speaks for it.
//!
//! A cause is told where figures fit it, not where it is merely possible. Money that fits a supposition is compared with what
//! the ledger's own calls would have come to under it, call by call; where the tokens differ as well, with the provider's
//! tokens at the catalogue's price.

use super::books::Sum;
use super::report::REQUESTS;
use super::statement::Told;
use super::supposed::{Supposed, Supposition};
use super::{Books, Cell, Drift, Key, Limits, Statement, undated};
use serde::Serialize;
use vocab::{Bucket, Modifiers, Pico, Usage};

/// What a difference comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It is another day's: neighbouring days together agree.
    DayBoundary,
    /// The other side has it under another name.
    Renamed,
    /// The provider has a model that the ledger has not.
    NotInLedger,
    /// The ledger has a model that the export has not.
    NotInExport,
    /// Nobody knows what the model costs.
    UnknownModel,
    /// The export ties the money to no model.
    Untied,
    /// One side has more calls than the other.
    Requests,
    /// Some of the ledger's figures are its own estimates.
    Estimates,
    /// The same input, otherwise divided into fresh and cached.
    CacheSplit,
    /// Cached tokens were charged as fresh ones, by one of the two.
    CachedPrice,
    /// Another service tier was charged.
    Tier,
    /// The ledger charged another price than the catalogue has now, which fits.
    PriceVersion,
    /// The money follows from the tokens that differ.
    Tokens,
    /// Nothing that is known fits.
    Unexplained,
}

impl Cause {
    /// As it is written in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DayBoundary => "day_boundary",
            Self::Renamed => "renamed",
            Self::NotInLedger => "not_in_ledger",
            Self::NotInExport => "not_in_export",
            Self::UnknownModel => "unknown_model",
            Self::Untied => "untied",
            Self::Requests => "requests",
            Self::Estimates => "estimates",
            Self::CacheSplit => "cache_split",
            Self::CachedPrice => "cached_price",
            Self::Tier => "tier",
            Self::PriceVersion => "price_version",
            Self::Tokens => "tokens",
            Self::Unexplained => "unexplained",
        }
    }
}

/// A cause, and what speaks for it, in a sentence with figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Likely {
    pub cause: Cause,
    pub evidence: String,
}

/// One difference with everything that is known of it.
pub(super) struct Case<'a, 'p> {
    pub key: &'a Key,
    pub ours: Option<&'a Sum>,
    pub told: Option<&'a Told>,
    pub cell: &'a Cell,
    pub books: &'a Books<'p>,
    pub statement: &'a Statement,
}

/// All causes that fit, the likeliest first; never none.
pub(super) fn of(case: &Case<'_, '_>) -> Vec<Likely> {
    let mut found: Vec<Likely> = Vec::new();
    let mut likely =
        |cause, evidence: Option<String>| found.extend(evidence.map(|evidence| Likely { cause, evidence }));
    likely(Cause::Untied, case.untied());
    likely(Cause::NotInLedger, case.not_in_ledger());
    likely(Cause::NotInExport, case.not_in_export());
    likely(Cause::UnknownModel, case.unknown_model());
    if let (Some(ours), Some(told), Some(_)) = (case.ours, case.told, &case.key.0) {
        likely(Cause::Requests, case.requests(ours));
        likely(Cause::CacheSplit, case.cache_split(ours, told));
        likely(Cause::Estimates, case.estimates(ours));
        if let Some(money) = case.cell.money.filter(|money| money.by() != Pico::ZERO) {
            for (cause, evidence) in case.money(ours, told, money) {
                likely(cause, Some(evidence));
            }
        }
    }
    if found.is_empty() {
        found.push(Likely { cause: Cause::Unexplained, evidence: case.unexplained() });
    }
    found
}

impl Case<'_, '_> {
    fn untied(&self) -> Option<String> {
        let told = self.told.filter(|_| self.key.0.is_none())?;
        let about: Vec<String> = told.about.iter().map(|(about, sum)| format!("{about} {sum}")).collect();
        let about = if about.is_empty() { "it does not say for what".into() } else { about.join(", ") };
        Some(match self.ours {
            Some(_) => format!("the export has one sum for the day, so no model can be told ({about})"),
            None => format!(
                "the export ties {} USD to no model ({about}); in the ledger such things are in their model's line",
                told.cost.unwrap_or_default()
            ),
        })
    }

    fn not_in_ledger(&self) -> Option<String> {
        let (model, None, Some(_)) = (self.key.0.as_deref()?, self.ours, self.told) else { return None };
        let never = !self.books.models().contains(model);
        let when = if never { "at all" } else { "on this day" };
        Some(format!(
            "the ledger has no call of {model} {when}: another client of the same provider account?"
        ))
    }

    fn not_in_export(&self) -> Option<String> {
        let (model, Some(ours), None) = (self.key.0.as_deref()?, self.ours, self.told) else { return None };
        Some(format!(
            "the export has nothing of {model}, the ledger {} calls: another provider account, or a part of the export is missing?",
            ours.calls
        ))
    }

    fn unknown_model(&self) -> Option<String> {
        let model = self.key.0.as_deref()?;
        let ceiling = self.ours.is_some_and(|ours| ours.versions.contains("ceiling"));
        if ceiling {
            return Some(format!(
                "{model} was charged at the configured ceiling, because no price of it was known"
            ));
        }
        self.books
            .price(model)
            .is_none()
            .then(|| format!("the catalogue has no price of {model}, so no figure of it can be recomputed"))
    }

    fn requests(&self, ours: &Sum) -> Option<String> {
        let drift = self.cell.measure(REQUESTS).filter(|drift| drift.by() != 0)?;
        let unwell: Vec<String> =
            ours.unwell.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        let unwell = if unwell.is_empty() {
            "all of ours ended well".into()
        } else {
            format!("of ours, {} did not end well", unwell.join(", "))
        };
        let who = if drift.by() > 0 { "more" } else { "fewer" };
        Some(format!(
            "they count {} requests, {} {who} than the ledger's {}; {unwell}",
            drift.theirs,
            drift.by().abs(),
            drift.ours
        ))
    }

    fn cache_split(&self, ours: &Sum, told: &Told) -> Option<String> {
        let input = |bucket: &Bucket| {
            use Bucket::{CacheRead, CacheWrite, CacheWriteLong, Input, InputAudio, InputImage};
            matches!(bucket, Input | CacheRead | CacheWrite | CacheWriteLong | InputAudio | InputImage)
        };
        let (mut whole, mut apart) = (0i128, false);
        for (column, theirs) in self.statement.columns.iter().zip(&told.counts) {
            if !column.buckets.iter().all(input) {
                continue;
            }
            let drift = i128::from((*theirs)?) - i128::from(column.count(&ours.usage));
            whole += drift;
            apart |= drift != 0;
        }
        let cached = self.cell.measure("cache_read").map_or(0, |drift| drift.by());
        (apart && whole == 0).then(|| {
            format!(
                "input is {} tokens on both sides, but they read {cached:+} of them from the cache",
                ours.usage.tokens_in()
            )
        })
    }

    fn estimates(&self, ours: &Sum) -> Option<String> {
        let guessed = ours.estimated;
        if guessed.calls == 0 {
            return None;
        }
        // What was guessed may be off by as much as it is; more than that it does not explain.
        let bound = |count: u64| i128::from(count.max(1)) * 2;
        let columns = self.statement.columns.iter();
        let mut counts = columns.filter_map(|column| {
            Some((self.cell.measure(column.name)?.by().abs(), bound(column.count(&guessed.usage))))
        });
        let (tokens, any) = (counts.all(|(drift, bound)| drift <= bound), !self.cell.counts_agree());
        let money =
            self.cell.money.is_none_or(|money| money.by().0.abs() <= guessed.cost.0.saturating_mul(2));
        let requests = self
            .cell
            .measure(REQUESTS)
            .is_none_or(|drift| drift.by().unsigned_abs() <= u128::from(guessed.calls));
        (tokens && money && requests && (any || self.cell.money.is_some())).then(|| {
            format!(
                "{} of the ledger's {} calls are estimates, together {} USD: what differs is within that",
                guessed.calls, ours.calls, guessed.cost
            )
        })
    }

    /// Why money differs, with the call's own price or with what their tokens come to.
    fn money(&self, ours: &Sum, told: &Told, money: Drift<Pico>) -> Vec<(Cause, String)> {
        let price = self.key.0.as_deref().and_then(|model| self.books.price(model));
        let agree = self.cell.counts_agree() || told.counts.iter().all(Option::is_none);
        let supposed = if agree {
            ours.supposed.clone()
        } else {
            let whole =
                told.usage(&self.statement.columns).map(|usage| Usage { modifiers: usual(ours), ..usage });
            match (price, whole) {
                (Some(price), Some(usage)) => Supposed::of_whole(price, &usage, self.key.1.start()),
                _ => return Vec::new(),
            }
        };
        let now = supposed.get(Supposition::AsIs);
        let fits = |sum: Pico| self.fits(sum, money, ours.calls);
        let mut found = Vec::new();
        if let Some(sum) = now.filter(|sum| !agree && fits(*sum)) {
            found.push((
                Cause::Tokens,
                format!("at the catalogue's price their tokens come to {sum} USD, which fits"),
            ));
            return found;
        }
        if let Some(sum) = now.filter(|sum| agree && fits(*sum)) {
            let versions: Vec<&str> = ours.versions.iter().map(String::as_str).collect();
            let version = price.map_or("?", |price| &*price.version);
            found.push((
                Cause::PriceVersion,
                format!(
                    "charged at {}; at the catalogue's {version} it comes to {sum} USD, which fits",
                    versions.join(", ")
                ),
            ));
        }
        let cached = ours
            .usage
            .get(Bucket::CacheRead)
            .max(self.cell.measure("cache_read").map_or(0, |drift| drift.theirs));
        let fresh = supposed.get(Supposition::CachedAsFresh).filter(|sum| cached > 0 && Some(*sum) != now);
        if let Some(sum) = fresh.filter(|sum| fits(*sum)) {
            found.push((
                Cause::CachedPrice,
                format!("with its {cached} cached tokens at the rate of fresh ones it comes to {sum} USD, which fits: they give no discount here"),
            ));
        }
        let rate = price.and_then(|price| {
            let rates = price.for_input(0, self.key.1.start());
            rates.get(Bucket::Input).filter(|_| rates.get(Bucket::CacheRead).is_none())
        });
        if let Some(rate) = rate.filter(|rate| agree && cached > 0 && money.by() < Pico::ZERO && rate.per > 0)
        {
            // What they left off, spread over the cached tokens; up to a token for nothing it may be a discount.
            let most = i128::from(cached) * i128::from(rate.pico) / i128::from(rate.per);
            let left = most + money.by().0;
            if left >= 0 {
                let million = Pico(left.saturating_mul(1_000_000) / i128::from(cached)).round_to_nano();
                found.push((
                    Cause::CachedPrice,
                    format!("the catalogue has no price for cached tokens, so {cached} were charged as fresh; theirs fits {million} USD per million of them"),
                ));
            }
        }
        for (tier, sum) in supposed.tiers().filter(|(_, sum)| Some(*sum) != now && fits(*sum)) {
            let said = if told.about.is_empty() {
                String::new()
            } else {
                format!(" (the export says: {})", told.about.keys().cloned().collect::<Vec<_>>().join(", "))
            };
            found.push((
                Cause::Tier,
                format!("as {} it comes to {sum} USD, which fits{said}", tier_name(tier)),
            ));
        }
        if found.is_empty() && agree {
            let double = Pico(ours.cost.0.saturating_mul(2));
            for (sum, why) in [
                (Pico(ours.cost.0 / 2), "half: batch or flex?"),
                (double, "twice as much: priority or fast?"),
            ] {
                if fits(sum) {
                    found.push((Cause::Tier, format!("theirs is {why}")));
                }
            }
        }
        found
    }

    /// Whether their money is a sum of ours but for rounding: half a nanodollar a call on our side, theirs as it was told, and one in
    /// ten thousand for what they round on the way. A fit has to be nearer than what was charged.
    fn fits(&self, sum: Pico, money: Drift<Pico>, calls: u64) -> bool {
        let off = sum.0.abs_diff(money.theirs.0);
        let room = u128::from(calls) * 1_000
            + self.cell.rounding.0.unsigned_abs()
            + money.theirs.0.unsigned_abs() / 10_000;
        off <= room && off < money.by().0.unsigned_abs() / 2
    }

    fn unexplained(&self) -> String {
        match self.cell.money {
            Some(money) if self.cell.counts_agree() && money.ours > Pico::ZERO => {
                let percent = money.theirs.0.saturating_mul(10_000) / money.ours.0;
                format!(
                    "the tokens agree, their money is {}.{:02} % of the ledger's",
                    percent / 100,
                    percent % 100
                )
            }
            _ => "no supposition fits these figures".into(),
        }
    }
}

/// The tier that all calls of a sum had, as far as a sum can tell.
fn usual(ours: &Sum) -> Modifiers {
    if ours.calls <= 1 { ours.usage.modifiers } else { Modifiers::empty() }
}

fn tier_name(tier: Modifiers) -> String {
    if tier.is_empty() {
        return "the usual tier".into();
    }
    let names: Vec<String> = tier.iter_names().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.join(" and ")
}

/// Where each side has a model of its own on the same day, and the two are one but for a date, that is what it is.
pub(super) fn renamed(cells: &mut [Cell]) {
    let alone = |cell: &Cell, cause| cell.causes.first().is_some_and(|likely| likely.cause == cause);
    let lonely: Vec<(usize, String)> = (0..cells.len())
        .filter_map(|at| cells.get(at).map(|cell| (at, cell)))
        .filter(|(_, cell)| alone(cell, Cause::NotInLedger) || alone(cell, Cause::NotInExport))
        .filter_map(|(at, cell)| Some((at, cell.model.clone()?)))
        .collect();
    let mut found = Vec::new();
    for (at, model) in &lonely {
        let Some(cell) = cells.get(*at) else { continue };
        let missing = alone(cell, Cause::NotInLedger);
        let other = lonely.iter().find(|(other, name)| {
            let there = cells.get(*other);
            undated(name) == undated(model)
                && there
                    .is_some_and(|there| there.day == cell.day && alone(there, Cause::NotInLedger) != missing)
        });
        if let Some((_, other)) = other {
            let side = if missing { "the ledger" } else { "the export" };
            found.push((*at, format!("{side} has {other} on this day: an alias and a dated name?")));
        }
    }
    for (at, evidence) in found {
        if let Some(cell) = cells.get_mut(at) {
            cell.causes.insert(0, Likely { cause: Cause::Renamed, evidence });
        }
    }
}

/// Neighbouring days of a model that differ, but together agree, differ by where a day ends.
pub(super) fn day_boundaries(cells: &mut [Cell], limits: &Limits) {
    let mut at = 0;
    while at < cells.len() {
        let end =
            if cells.get(at).is_some_and(|cell| cell.over) { together(cells, at, limits) } else { None };
        let Some(end) = end else {
            at += 1;
            continue;
        };
        let Some(run) = cells.get_mut(at..=end) else { return };
        let (first, last) = (run.first().map(|cell| cell.day), run.last().map(|cell| cell.day));
        for cell in run.iter_mut().filter(|cell| cell.over) {
            let drifts: Vec<String> = cell
                .measures
                .iter()
                .filter(|measure| measure.drift.by() != 0)
                .map(|measure| format!("{} {:+}", measure.name, measure.drift.by()))
                .collect();
            let (Some(first), Some(last)) = (first, last) else { continue };
            let moved = if drifts.is_empty() { "money".into() } else { drifts.join(", ") };
            let evidence = format!(
                "{first} to {last} agree together; here {moved}: calls around midnight, or a clock that is off"
            );
            cell.causes = vec![Likely { cause: Cause::DayBoundary, evidence }];
        }
        at = end + 1;
    }
}

/// The first neighbour with which, and all between, a cell's differences cancel.
fn together(cells: &[Cell], from: usize, limits: &Limits) -> Option<usize> {
    let first = cells.get(from)?;
    first.model.as_ref()?;
    let mut counts: Vec<(&str, i128, i128)> = Vec::new();
    let mut money: Option<(Pico, Pico, Pico)> = None;
    for (at, cell) in cells.iter().enumerate().skip(from) {
        let before = cells.get(at.wrapping_sub(1)).filter(|_| at > from);
        let next_to = before.is_none_or(|before| before.day.next() == cell.day);
        if cell.model != first.model || !next_to {
            return None;
        }
        for measure in &cell.measures {
            let (ours, theirs) = (i128::from(measure.drift.ours), i128::from(measure.drift.theirs));
            match counts.iter_mut().find(|(name, ..)| *name == measure.name) {
                Some(sum) => *sum = (sum.0, sum.1 + ours, sum.2 + theirs),
                None => counts.push((measure.name, ours, theirs)),
            }
        }
        if let Some(drift) = cell.money {
            let (ours, theirs, rounding) = money.unwrap_or_default();
            money = Some((ours.plus(drift.ours), theirs.plus(drift.theirs), rounding.plus(cell.rounding)));
        }
        let agree = counts.iter().all(|(_, ours, theirs)| limits.allow_count(*ours, *theirs))
            && money.is_none_or(|(ours, theirs, rounding)| limits.allow_money(ours, theirs, rounding));
        if agree && at > from {
            return Some(at);
        }
    }
    None
}
