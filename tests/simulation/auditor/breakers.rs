//! Who was asked when: open breakers are not, rests are kept, the innocent stay closed.

use crate::story::Record;
use crate::wire::Flown;
use lab::Kind;
use router::State;
use std::collections::BTreeMap;
use vocab::{Dialect, Duration};

pub fn check(record: &Record, complaints: &mut Vec<String>) {
    let mut by_model: BTreeMap<(u32, &str, &str), Vec<&Flown>> = BTreeMap::new();
    for flown in &record.flown {
        by_model.entry((flown.process, &flown.provider, &flown.model)).or_default().push(flown);
    }
    for ((_, provider, model), calls) in by_model {
        for call in &calls {
            let complaint = admitted(call)
                .or_else(|| told_to_wait(call, &calls))
                .or_else(|| innocent(record, call, &calls));
            complaints
                .extend(complaint.map(|what| format!("{provider}/{model}, call {}: {what}", call.ticket)));
        }
        complaints.extend(five_failures(&calls).map(|what| format!("{provider}/{model}: {what}")));
    }
    let mut by_key: BTreeMap<(u32, &str, &str), Vec<&Flown>> = BTreeMap::new();
    for flown in record.flown.iter().filter(|f| f.key != "none") {
        by_key.entry((flown.process, &flown.provider, &flown.key)).or_default().push(flown);
    }
    for ((_, provider, _), calls) in by_key {
        complaints.extend(refused_keys(&calls).map(|what| format!("{provider}: {what}")));
    }
}

fn admitted(call: &Flown) -> Option<String> {
    match call.state {
        State::Closed => None,
        State::Open { .. } => Some("made while the breaker was open".into()),
        State::Probing { .. } if call.other_probes > 0 => Some("a second probe beside the first".into()),
        State::Probing { .. } => None,
    }
}

/// The reply was read to its end, so whoever asked knows what it says.
fn learnt<'a>(calls: &[&'a Flown]) -> impl Iterator<Item = (&'a Flown, vocab::Instant, u64)> {
    let known: Vec<_> = calls
        .iter()
        .filter(|c| c.complete)
        .filter_map(|c| c.ended.map(|(at, order)| (*c, at, order)))
        .collect();
    known.into_iter()
}

fn told_to_wait(call: &Flown, calls: &[&Flown]) -> Option<String> {
    learnt(calls).find_map(|(limited, at, order)| {
        let span = match limited.status? {
            429 => Duration::from_secs(limited.retry_after?),
            404 | 410 => Duration::from_secs(600),
            _ => return None,
        };
        // Over its quota the key rests and not the model.
        let quota =
            ["quota", "allocation", "RESOURCE_EXHAUSTED"].iter().any(|word| limited.words.contains(word));
        let early = call.order > order && call.started < at.after(span) && !quota;
        early.then(|| {
            format!(
                "made {:?} after call {} was told to wait {span:?}",
                call.started.since(at),
                limited.ticket
            )
        })
    })
}

/// Nothing that is the client's fault, or harmless, opens a breaker.
fn innocent(record: &Record, call: &Flown, calls: &[&Flown]) -> Option<String> {
    let harmless = |kind: &Kind| {
        // Workers AI's first family cannot say that a filter stopped it: an empty answer is only an empty answer.
        let tells = record.scenario.provider(&call.provider).is_some_and(|p| p.dialect != Dialect::WorkersAi);
        let client = [Kind::ContextOverflow, if tells { Kind::ContentFilter } else { Kind::ContextOverflow }];
        let figures =
            [Kind::UsageMissing, Kind::UsageZero, Kind::UsageOdd, Kind::UsageImpossible, Kind::OtherTier];
        kind.harmless() || client.contains(kind) || figures.contains(kind)
    };
    if call.state == State::Closed {
        return None;
    }
    let before = calls.iter().filter(|c| c.order < call.order);
    let clean =
        before.clone().all(|c| record.seen[usize::try_from(c.ticket).unwrap()].troubles.iter().all(harmless));
    clean.then(|| "the breaker opened though nothing was the provider's fault".into())
}

/// The first five ends of a model's calls were plain failures: nobody asks for the five seconds that follow.
fn five_failures(calls: &[&Flown]) -> Option<String> {
    let mut ends: Vec<&&Flown> = calls.iter().filter(|c| c.ended.is_some()).collect();
    ends.sort_by_key(|c| c.ended.map(|(_, order)| order));
    let plain = |c: &&&Flown| c.refused || (c.complete && matches!(c.status, Some(500 | 502)));
    let five: Vec<_> = ends.iter().take(5).filter(|c| plain(c)).collect();
    let (at, order) = five.get(4)?.ended?;
    let soon = calls.iter().find(|c| c.order > order && c.started < at.after(Duration::from_secs(5)))?;
    Some(format!("call {} came {:?} after five failures in a row", soon.ticket, soon.started.since(at)))
}

/// A refused credential rests.
fn refused_keys(calls: &[&Flown]) -> Option<String> {
    learnt(calls).find_map(|(refused, at, order)| {
        if !matches!(refused.status, Some(401 | 402)) {
            return None;
        }
        let soon =
            calls.iter().find(|c| c.order > order && c.started < at.after(Duration::from_secs(250)))?;
        Some(format!(
            "call {} used a key {:?} after call {} showed it is refused",
            soon.ticket,
            soon.started.since(at),
            refused.ticket
        ))
    })
}
