//! Ended requests in pages, all or those that fit a filter.
//!
//! A page looks at so many entries at most, for so long at most, and then says where to go on. So a page is quick however rare
//! what is looked for is, and however long the record; times are found by halving.

use super::books::{account, bad, books, page};
use super::entry;
use super::query::query;
use super::serve::{Call, Front};
use crate::refusal::Refusal;
use crate::report::credits;
use billing::{Entry, Kind};
use policy::plan::fits;
use relay::ports::BooksError;
use relay::still::moment;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use vocab::{Duration, Instant};

/// Ended requests read at a time where there is a filter, and looked at for one page.
const STEP: usize = 500;
/// The same where their holds have to be read as well.
const STEP_WITH_HOLDS: usize = 100;
const LOOKS: usize = 4_000;
/// A page that was looked for that long is told as it is. A clock that stands still between I/O makes it no longer: see above.
const PATIENCE: Duration = Duration::from_millis(8);
/// Holds are read together where no more than so many entries lie between them.
const GAP: u64 = 8;

/// What may be said of a page, in the address or in a body.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    cursor: Option<String>,
    limit: Option<u64>,
    model: Option<String>,
    provider: Option<String>,
    kind: Option<String>,
    key: Option<String>,
    tag: Option<String>,
    from: Option<String>,
    to: Option<String>,
    request_id_prefix: Option<String>,
}

/// What an ended request must be.
#[derive(Debug, Default)]
struct Filter {
    /// With `*` for any letters.
    model: Option<String>,
    provider: Option<String>,
    kind: Option<Kind>,
    prefix: Option<String>,
    from: Option<Instant>,
    to: Option<Instant>,
    /// The beginning of the budgets of a key.
    key: Option<String>,
    tag: Option<(String, String)>,
}

/// Of a line, what is looked for.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    provider: Cow<'a, str>,
    #[serde(borrow)]
    model: Cow<'a, str>,
}

/// Of the detail of an entry that ended something.
#[derive(Deserialize)]
struct Ended<'a> {
    hold: u64,
    #[serde(borrow)]
    lines: Vec<Line<'a>>,
}

/// Of the detail of a hold.
#[derive(Deserialize)]
struct Held<'a> {
    #[serde(default)]
    budgets: BTreeMap<String, u64>,
    #[serde(borrow, default)]
    tags: Option<&'a RawValue>,
}

impl Front {
    pub(super) async fn usage(&self, call: &Call<'_>, body: &[u8]) -> Result<Value, Refusal> {
        let account = account(call)?;
        let wanted = wanted(call, body)?;
        let limit = wanted.limit.map(|limit| limit.to_string()).or_else(|| query(call, "limit"));
        let (before, limit) = page(wanted.cursor.as_deref(), limit.as_deref())?;
        let (ended, next) = match filter(&wanted)? {
            Some(filter) => self.sifted(&account, &filter, (before, wanted.cursor.is_none()), limit).await,
            None => self.relay.books().ended(&account, before, limit).await.map(|ended| {
                let next = (ended.len() == limit).then(|| ended.last().map(|last| last.seq)).flatten();
                (ended, next)
            }),
        }
        .map_err(|error| books(call.id, error))?;
        let money = credits(call.settings);
        let events: Vec<Value> = ended.iter().map(|entry| entry::usage(entry, &money)).collect();
        let next = next.map(|seq| seq.to_string());
        Ok(json!({ "account": account, "events": events, "next_cursor": next }))
    }

    /// Those below `before` that fit, newest first, and from where to go on; None: there are no more.
    async fn sifted(
        &self,
        account: &str,
        filter: &Filter,
        (mut before, first): (u64, bool),
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<u64>), BooksError> {
        let (books, clock) = (self.relay.books(), self.relay.clock());
        let started = clock.now();
        let size = if filter.wants_holds() { STEP_WITH_HOLDS } else { STEP };
        if let Some(to) = filter.to.filter(|_| first) {
            before = before.min(books.seq_before(account, to).await?.saturating_add(1));
        }
        let mut found = Vec::new();
        let mut looked = 0;
        while looked < LOOKS && (looked == 0 || clock.now().since(started) < PATIENCE) {
            let step = books.ended(account, before, size).await?;
            let (read, last) = (step.len(), step.last().map(|entry| entry.seq));
            let over = filter.from.is_some_and(|from| step.last().is_some_and(|entry| entry.time < from));
            let mut fitting: Vec<Entry> = step.into_iter().filter(|entry| filter.takes(entry)).collect();
            if filter.wants_holds() {
                fitting = self.by_their_holds(account, filter, fitting).await?;
            }
            let room = limit - found.len();
            if fitting.len() >= room {
                fitting.truncate(room);
                found.append(&mut fitting);
                return Ok(match found.last().map(|entry| entry.seq) {
                    // The last of all was looked at, and it is the last of this page.
                    Some(seq) if read < size && Some(seq) == last => (found, None),
                    seq => (found, seq),
                });
            }
            found.append(&mut fitting);
            let Some(last) = last.filter(|_| read == size && !over) else { return Ok((found, None)) };
            before = last;
            looked += read;
        }
        Ok((found, Some(before)))
    }

    /// Those whose hold fits: key and tags are in it.
    async fn by_their_holds(
        &self,
        account: &str,
        filter: &Filter,
        entries: Vec<Entry>,
    ) -> Result<Vec<Entry>, BooksError> {
        let hold_of = |entry: &Entry| {
            serde_json::from_str(&entry.detail)
                .ok()
                .map(|ended: Ended<'_>| ended.hold)
                .filter(|hold| *hold > 0)
        };
        let mut wanted: Vec<u64> = entries.iter().filter_map(hold_of).collect();
        wanted.sort_unstable();
        let mut good = Vec::new();
        let mut rest = wanted.as_slice();
        while let Some(first) = rest.first().copied() {
            let together =
                rest.windows(2).position(|pair| pair[1] - pair[0] > GAP).map_or(rest.len(), |at| at + 1);
            let (run, later) = rest.split_at(together);
            let last = run.last().copied().unwrap_or(first);
            let span = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
            let holds = self.relay.books().entries(account, first - 1, span).await?;
            good.extend(holds.iter().filter(|hold| filter.takes_hold(hold)).map(|hold| hold.seq));
            rest = later;
        }
        let fits = |entry: &Entry| hold_of(entry).is_some_and(|hold| good.binary_search(&hold).is_ok());
        Ok(entries.into_iter().filter(fits).collect())
    }
}

impl Filter {
    /// As far as the end of a request tells.
    fn takes(&self, entry: &Entry) -> bool {
        self.kind.is_none_or(|kind| kind == entry.kind)
            && self.prefix.as_ref().is_none_or(|prefix| entry.op_id.starts_with(prefix))
            && self.from.is_none_or(|from| entry.time >= from)
            && self.to.is_none_or(|to| entry.time < to)
            && (self.model.is_none() && self.provider.is_none() || self.takes_a_line(&entry.detail))
    }

    fn takes_a_line(&self, detail: &str) -> bool {
        // Nearly always a name stands there as it is, and then nothing has to be read where it does not.
        let plain =
            |name: &&String| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:@".contains(&b));
        let mut names = self.model.iter().chain(&self.provider).filter(plain);
        if names.any(|name| !detail.contains(name.as_str())) {
            return false;
        }
        let fits = |pattern: &Option<String>, name: &str| pattern.as_ref().is_none_or(|p| fits(p, name));
        serde_json::from_str::<Ended<'_>>(detail).is_ok_and(|ended| {
            let mut lines = ended.lines.iter();
            lines.any(|line| fits(&self.model, &line.model) && fits(&self.provider, &line.provider))
        })
    }

    const fn wants_holds(&self) -> bool {
        self.key.is_some() || self.tag.is_some()
    }

    fn takes_hold(&self, entry: &Entry) -> bool {
        let Ok(held) = serde_json::from_str::<Held<'_>>(&entry.detail) else { return false };
        let of_key = |key: &String| held.budgets.keys().any(|budget| is_of(budget, key));
        let tagged = |(key, value): &(String, String)| {
            let tags: Option<Value> = held.tags.and_then(|tags| serde_json::from_str(tags.get()).ok());
            tags.is_some_and(|tags| tags.get(key).and_then(Value::as_str) == Some(value))
        };
        self.key.as_ref().is_none_or(of_key) && self.tag.as_ref().is_none_or(tagged)
    }
}

/// Whether a budget, like `key:ci/day`, is one of this key.
fn is_of(budget: &str, key: &str) -> bool {
    let whose = budget.rsplit_once('/').and_then(|(whose, _)| whose.strip_prefix("key:"));
    whose == Some(key)
}

fn wanted(call: &Call<'_>, body: &[u8]) -> Result<Wanted, Refusal> {
    let said: Wanted = if body.is_empty() {
        Wanted::default()
    } else {
        serde_json::from_slice(body)
            .map_err(|e| Refusal::new(400, "invalid_request", format!("The body cannot be read: {e}.")))?
    };
    let or = |said: Option<String>, name: &str| said.or_else(|| query(call, name));
    Ok(Wanted {
        cursor: or(said.cursor, "cursor"),
        limit: said.limit,
        model: or(said.model, "model"),
        provider: or(said.provider, "provider"),
        kind: or(said.kind, "kind"),
        key: or(said.key, "key"),
        tag: or(said.tag, "tag"),
        from: or(said.from, "from"),
        to: or(said.to, "to"),
        request_id_prefix: or(said.request_id_prefix, "request_id_prefix"),
    })
}

/// None where nothing is asked for.
fn filter(wanted: &Wanted) -> Result<Option<Filter>, Refusal> {
    let Wanted { model, provider, kind, key, tag, from, to, request_id_prefix, .. } = wanted;
    if [model, provider, kind, key, tag, from, to, request_id_prefix].into_iter().all(Option::is_none) {
        return Ok(None);
    }
    let kind = match kind.as_deref() {
        None => None,
        Some("settle") => Some(Kind::Settle),
        Some("release") => Some(Kind::Release),
        Some(_) => return Err(bad("kind", "kind: expected settle or release".into())),
    };
    let tag = tag.as_ref().map(|tag| match tag.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(bad("tag", "tag: expected KEY=VALUE".into())),
    });
    let filter = Filter {
        model: model.clone(),
        provider: provider.clone(),
        kind,
        prefix: request_id_prefix.clone(),
        from: from.as_deref().map(|text| date("from", text)).transpose()?,
        to: to.as_deref().map(|text| date("to", text)).transpose()?,
        key: key.clone(),
        tag: tag.transpose()?,
    };
    Ok(Some(filter))
}

/// A day, which is its beginning, or a moment; both UTC's.
fn date(name: &str, text: &str) -> Result<Instant, Refusal> {
    Instant::parse_date(text).or_else(|| moment(text)).ok_or_else(|| {
        bad(
            name,
            format!("{name}: expected a day like 2030-01-31 or a moment in UTC like 2030-01-31T23:59:59Z"),
        )
    })
}
