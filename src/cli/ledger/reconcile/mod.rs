//! `weir ledger reconcile`: what was booked beside what a provider says.
//!
//! Here are the formats; what is compared and why it may differ is `billing::reconcile`. `docs/reconcile.md` tells people which
//! exports to ask for.

mod anthropic;
mod generic;
mod number;
mod openai;
mod pages;
mod show;
mod table;

#[cfg(test)]
mod tests;

use super::export::{Span, each};
use super::{Books, file, lines};
use crate::cli::{Common, Done, Failure};
use billing::Entry;
use billing::reconcile::{self, Limits, Prices, Statement, undated};
use clap::{Args, ValueEnum};
use providers::catalogue::Catalogue;
use relay::config::Config;
use std::collections::BTreeMap;
use std::path::PathBuf;
use vocab::{Pico, Price};

#[derive(Args)]
pub struct Reconcile {
    /// Whose export it is
    #[arg(long, value_enum)]
    provider: Vendor,
    /// The export: JSON pages or CSV; several are added up
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The provider's name in the ledger; may be repeated [default: those of its kind; with generic, all]
    #[arg(long = "name")]
    names: Vec<String>,
    /// An export of the ledger (JSON lines) instead of the store
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// A model of the export's is one of the ledger's, where names do not tell; may be repeated
    #[arg(long, value_name = "THEIRS=OURS", value_parser = same)]
    same: Vec<(String, String)>,
    #[command(flatten)]
    span: Span,
    /// Tokens or requests that may differ in each figure of a model and day
    #[arg(long, default_value_t = 0)]
    max_tokens: u64,
    /// USD that may differ for a model and day
    #[arg(long, default_value = "0.01")]
    max_usd: Pico,
    /// Per cent of the larger figure that may differ, if that is more
    #[arg(long, default_value = "0", value_parser = per_million)]
    max_percent: u32,
    /// Show what agrees as well
    #[arg(long)]
    all: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Vendor {
    /// Pages of organization/usage and organization/costs, or the dashboard's CSV
    Openai,
    /// Pages of usage_report/messages and cost_report, or the console's CSV
    Anthropic,
    /// CSV with the columns that docs/reconcile.md names
    Generic,
}

/// A statement in the making.
#[derive(Default)]
pub struct Bucketed {
    statement: Statement,
    /// The last page says that there are more.
    more: bool,
    /// Kinds of results that were passed over, with how many.
    passed: BTreeMap<String, u64>,
}

impl Bucketed {
    fn pass(&mut self, kind: &str) {
        *self.passed.entry(kind.into()).or_default() += 1;
    }

    fn done(self) -> Statement {
        let mut statement = self.statement;
        let passed =
            self.passed.iter().map(|(kind, count)| format!("{count} results of {kind} were passed over"));
        statement.notes.extend(passed);
        statement
    }
}

fn same(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(theirs, ours)| !theirs.is_empty() && !ours.is_empty());
    let (theirs, ours) = pair.ok_or("expected THEIRS=OURS, like gpt-4o-2024-08-06=gpt-4o")?;
    Ok((theirs.into(), ours.into()))
}

fn per_million(text: &str) -> Result<u32, String> {
    let wrong = || "expected a number of per cent from 0 to 100, with four places at most".to_owned();
    let pico: Pico = text.parse().map_err(|_| wrong())?;
    let unit = Pico::PER_USD / 10_000;
    u32::try_from(pico.0 / unit).ok().filter(|ppm| pico.0 % unit == 0 && *ppm <= 1_000_000).ok_or_else(wrong)
}

impl Vendor {
    /// The shelf of the catalogue, and the kind of provider.
    const fn shelf(self) -> Option<&'static str> {
        match self {
            Self::Openai => Some("openai"),
            Self::Anthropic => Some("anthropic"),
            Self::Generic => None,
        }
    }

    fn statement(self) -> Statement {
        match self {
            Self::Openai => openai::statement(),
            Self::Anthropic => anthropic::statement(),
            Self::Generic => Statement::default(),
        }
    }

    /// Adds a file's text.
    fn read(self, text: &str, into: &mut Bucketed) -> Result<(), String> {
        let text = text.trim_start_matches('\u{feff}');
        let json = text.trim_start().starts_with(['{', '[']);
        match (self, json) {
            (Self::Openai, true) => openai::json(text, into),
            (Self::Openai, false) => openai::csv(text, into),
            (Self::Anthropic, true) => anthropic::json(text, into),
            (Self::Anthropic, false) => anthropic::csv(text, into),
            (Self::Generic, false) => generic::csv(text, into),
            (Self::Generic, true) => Err("expected CSV with date, model and figures".into()),
        }
    }
}

impl Reconcile {
    pub fn run(self, books: &Books, common: &Common) -> Done {
        let statement = self.statement()?;
        let config = crate::configure::file(common.config.as_deref())?.map(|(_, config)| config);
        let catalogue =
            crate::node::catalogue(config.as_ref().and_then(|config| config.catalogue.as_deref()))?;
        let prices = |provider: &str, model: &str| self.price(config.as_ref(), &catalogue, provider, model);
        let ours = self.booked(books, &prices, config.as_ref(), !common.json)?;
        let limits = Limits { count: self.max_tokens, money: self.max_usd, per_million: self.max_percent };
        let found = reconcile::reconcile(&ours, &statement, &limits);
        if common.json {
            show::json(&found, self.all);
        } else {
            show::table(&found, self.all);
        }
        if found.over { Err(Failure::Unwell) } else { Ok(()) }
    }

    fn statement(&self) -> Result<Statement, Failure> {
        let mut read = Bucketed { statement: self.provider.statement(), ..Bucketed::default() };
        for path in &self.files {
            let named = |why: String| Failure::Cannot(format!("{}: {why}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
            read.more = false;
            self.provider.read(&text, &mut read).map_err(named)?;
            if read.more {
                let note = format!("{} ends with a page that says there are more", path.display());
                read.statement.notes.push(note);
            }
        }
        let mut statement = read.done();
        statement.cut(self.span.from, self.span.to);
        for row in &mut statement.rows {
            if let Some((_, ours)) = self.same.iter().find(|(theirs, _)| row.model.as_ref() == Some(theirs)) {
                row.model = Some(ours.clone());
            }
        }
        Ok(statement)
    }

    /// The names in the ledger of the providers that are meant.
    fn providers(&self, config: Option<&Config>) -> Vec<String> {
        let (names, Some(shelf)) = (&self.names, self.provider.shelf()) else { return self.names.clone() };
        if !names.is_empty() {
            return names.clone();
        }
        let configured = config.into_iter().flat_map(|config| &config.providers);
        let of_kind =
            configured.filter(|(_, provider)| provider.kind.name() == shelf).map(|(name, _)| name.clone());
        let mut of_kind: Vec<String> = of_kind.collect();
        if of_kind.is_empty() {
            of_kind.push(shelf.into());
        }
        of_kind
    }

    fn price<'p>(
        &self,
        config: Option<&Config>,
        catalogue: &'p Catalogue,
        provider: &str,
        model: &str,
    ) -> Option<&'p Price> {
        let configured = config.and_then(|config| config.providers.get(provider));
        let named = configured.map(|provider| provider.catalogue.as_deref().unwrap_or(provider.kind.name()));
        let shelf = self.provider.shelf().or(named).unwrap_or(provider);
        let find = |model: &str| catalogue.find(shelf, model).and_then(|entry| entry.card.price.as_deref());
        find(model).or_else(|| find(undated(model)))
    }

    fn booked<'p>(
        &self,
        books: &Books,
        prices: &'p Prices<'p>,
        config: Option<&Config>,
        bar: bool,
    ) -> Result<reconcile::Books<'p>, Failure> {
        let mut ours = reconcile::Books::of(self.providers(config), prices);
        let mut wrong = None;
        let mut add = |entry: &Entry| match lines::of(entry) {
            Ok(None) => {}
            Ok(Some(ended)) => {
                ended.lines.iter().for_each(|line| ours.add(entry.time, line, ended.estimated))
            }
            Err(error) => wrong = wrong.take().or(Some(error)),
        };
        match &self.ledger {
            Some(path) => {
                if let Err(bad) = file::walk(path, books.account.as_deref(), bar, &mut add)? {
                    return Err(Failure::Cannot(format!("{}, {bad}", path.display())));
                }
            }
            None => {
                let (reader, accounts) = books.open()?;
                for account in &accounts {
                    each(&reader, account, |entry| {
                        add(entry);
                        Ok(true)
                    })?;
                }
            }
        }
        wrong.map_or(Ok(ours), Err)
    }
}
