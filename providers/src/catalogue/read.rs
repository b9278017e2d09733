//! From text to a catalogue, collecting everything that is wrong on the way.

use super::fields::{Reader, is_partial_date};
use super::{Catalogue, Entry, Flag, Problem, Source};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use vocab::{Caps, Card, Effort, Instant, Kind};

const SCHEMA_VERSION: u64 = 1;

/// The file as far as its frame goes; each model stays raw so that its line is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    schema_version: u64,
    as_of: String,
    #[serde(default)]
    sources: BTreeMap<String, FileSource>,
    #[serde(borrow)]
    models: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSource {
    name: String,
    date: String,
    licence: String,
}

/// The line of a position, for positions asked in ascending order.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, part: &str) -> usize {
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let between = self.text.as_bytes().get(self.at..offset).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', between).count();
        self.at = self.at.max(offset);
        self.line
    }
}

pub(super) fn catalogue(text: &str) -> Result<Catalogue, Vec<Problem>> {
    let file: File<'_> = serde_json::from_str(text).map_err(|e| {
        let message = format!("not a catalogue file: {e}");
        vec![Problem { line: Some(e.line()), entry: None, message }]
    })?;
    let mut problems = Vec::new();
    let mut say = |message: String| problems.push(Problem { line: None, entry: None, message });
    if file.schema_version != SCHEMA_VERSION {
        say(format!(
            "schema_version is {}; this version of weir reads {SCHEMA_VERSION}",
            file.schema_version
        ));
    }
    let as_of = Instant::parse_date(&file.as_of).unwrap_or_else(|| {
        say(format!("as_of is {:?}; a date like 2026-11-21 was expected", file.as_of));
        Instant::ZERO
    });
    for (key, source) in &file.sources {
        if !is_partial_date(&source.date) {
            say(format!("source {key}: date is {:?}; YYYY, YYYY-MM or YYYY-MM-DD was expected", source.date));
        }
    }
    let sources: BTreeMap<String, Source> = file
        .sources
        .into_iter()
        .map(|(key, s)| (key, Source { name: s.name, date: s.date, licence: s.licence }))
        .collect();

    let mut lines = Lines { text, at: 0, line: 1 };
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut models = Vec::with_capacity(file.models.len());
    for (place, raw) in file.models.iter().enumerate() {
        let line = lines.of(raw.get());
        let fields: Map<String, Value> = match serde_json::from_str(raw.get()) {
            Ok(fields) => fields,
            Err(e) => {
                let message = format!("a model has to be an object: {e}");
                problems.push(Problem {
                    line: Some(line),
                    entry: Some(format!("model {}", place + 1)),
                    message,
                });
                continue;
            }
        };
        let mut found = Vec::new();
        let entry = entry(fields, &sources, &mut found);
        if let Some(entry) = &entry
            && let Some(first) = seen.insert(entry.id(), line)
        {
            found.push(format!("is in the file twice, first on line {first}"));
        }
        let name = entry.as_ref().map_or_else(|| named(raw, place), Entry::id);
        problems.extend(found.into_iter().map(|message| Problem {
            line: Some(line),
            entry: Some(name.clone()),
            message,
        }));
        models.extend(entry);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    models.sort_by_cached_key(Entry::id);
    Ok(Catalogue { as_of, sources, models })
}

/// What to call an entry whose id could not be used.
fn named(raw: &RawValue, place: usize) -> String {
    serde_json::from_str::<Value>(raw.get())
        .ok()
        .and_then(|v| v.get("id")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| format!("model {}", place + 1))
}

/// One entry. What is wrong with it goes to `problems`; None where it has no usable id or kind.
pub(super) fn entry(
    fields: Map<String, Value>,
    sources: &BTreeMap<String, Source>,
    problems: &mut Vec<String>,
) -> Option<Entry> {
    let mut read = Reader { place: String::new(), fields, problems };
    let id = read.text("id");
    let kind: Option<Kind> = read.word("kind", "chat, embedding, image, tts, stt");
    let status = read.word("status", "active, deprecated, retired");
    let price = read.object("price");
    let context = read.count("context");
    let max_output = read.count("max_output");
    let chars_max = read.count("max_characters");
    let caps = read.names("caps", Caps::named).into_iter().fold(Caps::empty(), Caps::union);
    let mut efforts = read.names("efforts", Effort::named);
    efforts.sort_unstable();
    efforts.dedup();
    let reasons_always = read.flag("reasons_always");
    let (quality, quality_from) = read.quality();
    let (ttft_ms, tokens_per_s, latency_from) = read.latency();
    let shutdown = read.optional_text("shutdown").and_then(|text| {
        let at = Instant::parse_date(&text);
        if at.is_none() {
            read.say(format!("shutdown is {text:?}; a date like 2026-11-30 was expected"));
        }
        at
    });
    let own_sources = read.sources(sources);
    let mut flags = read.names("flags", Flag::named);
    flags.sort_unstable();
    flags.dedup();
    read.rest();

    let id = id?;
    let Some((provider, model)) = split(&id) else {
        problems.push(format!(
            "id is {id:?}; provider/model without spaces was expected, the provider in lower case"
        ));
        return None;
    };
    let kind = kind?;
    let source = own_sources.iter().map(|(key, date)| format!("{key} {date}")).collect::<Vec<_>>().join(", ");
    let price = price.map(|fields| Arc::new(super::price::price(fields, &id, source, kind, problems)));
    let card = Card {
        provider: provider.to_owned(),
        model: model.to_owned(),
        kind,
        status: status?,
        context,
        max_output,
        chars_max,
        caps,
        efforts,
        reasons_always,
        quality,
        ttft_ms,
        tokens_per_s,
        price,
        shutdown,
    };
    Some(Entry { card: Arc::new(card), quality_from, latency_from, sources: own_sources, flags })
}

/// The provider ends at the first slash; the model may hold more of them.
fn split(id: &str) -> Option<(&str, &str)> {
    let (provider, model) = id.split_once('/')?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fine = !provider.is_empty() && provider.bytes().all(plain) && !model.is_empty();
    (fine && !id.contains(|c: char| c.is_whitespace() || c.is_control())).then_some((provider, model))
}
