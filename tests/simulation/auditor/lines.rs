//! Every line of a bill against the call that it is for.

use super::money;
use crate::story::Record;
use crate::wire::Flown;
use lab::{Figures, Flavour, Kind, Seen};
use serde_json::Value;
use vocab::Dialect;

/// Whether each line belongs to another call that explains it.
pub fn explained(record: &Record, lines: &[&Value], calls: &[&Flown]) -> Result<(), String> {
    let Some((line, rest)) = lines.split_first() else { return Ok(()) };
    let mut why = format!("no call for the line {line}");
    for (at, call) in calls.iter().enumerate() {
        if line["provider"] != call.provider || line["model"] != call.model {
            continue;
        }
        let others: Vec<&Flown> =
            calls.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, c)| *c).collect();
        let found = explains(record, line, call).and_then(|()| explained(record, rest, &others));
        match found {
            Ok(()) => return Ok(()),
            Err(complaint) => why = complaint,
        }
    }
    Err(why)
}

fn explains(record: &Record, line: &Value, call: &Flown) -> Result<(), String> {
    let seen = &record.seen[usize::try_from(call.ticket).unwrap()];
    let reported = if call.status == Some(200) { seen.reported() } else { None };
    // A frame that ends with CR LF is whole without the LF, which may come in a write of its own.
    let nearly =
        seen.reports.iter().find(|(step, _)| *step == seen.progress.steps).map(|(_, figures)| *figures);
    match nearly.filter(|_| seen.troubles.contains(&Kind::OddSplits)) {
        Some(nearly) if due(record, line, call, seen, Some(nearly)).is_ok() => Ok(()),
        _ => due(record, line, call, seen, reported),
    }
}

/// Whether the line is what is due for a call that reported these figures.
fn due(
    record: &Record,
    line: &Value,
    call: &Flown,
    seen: &Seen,
    reported: Option<Figures>,
) -> Result<(), String> {
    let amount = money::read(line["amount"].as_str().unwrap());
    let outcome = line["outcome"].as_str().unwrap_or_default();
    let usage = &line["usage"];
    let estimated = usage["estimated"] == true;
    let wrong = |what: String| Err(format!("{what}; line {line}, on the wire {seen:?}"));
    // Whose client left is read on for a while: then it may have come to its own end after all.
    let read_out = outcome == "left" && (seen.reported().is_some() || seen.progress.steps == seen.steps);
    if amount > 0 && outcome != "ok" && usage["partial"] != true && !read_out {
        return wrong("a call that did not end well is not marked as partial".into());
    }
    // In one write with a broken frame and behind it: nobody reads on.
    let behind = matches!(outcome, "garbled" | "left")
        && [Kind::Merged, Kind::BrokenJson].iter().all(|k| seen.troubles.contains(k));
    let Some(figures) = reported else {
        let silent = matches!(outcome, "silent" | "left" | "lost");
        return match (amount > 0, call.status == Some(200) || silent) {
            (true, false) => wrong("a refused call was charged".into()),
            (true, true) if !estimated => {
                wrong("charged without a report and not marked as estimated".into())
            }
            (false, true) if outcome == "ok" => wrong("served without a report and nothing charged".into()),
            _ => Ok(()),
        };
    };
    // Nobody reads a call any more that was given up before it brought content, and nobody believes half a document.
    if estimated {
        let whole = !seen.stream || seen.troubles.contains(&Kind::PlainJson);
        let doubtful =
            matches!(outcome, "left" | "lost" | "silent") || (whole && matches!(outcome, "cut" | "garbled"));
        let doubtful = doubtful || behind;
        return if doubtful { Ok(()) } else { wrong("estimated although it was reported".into()) };
    }
    let figures = told(record, seen, figures);
    if figures.cached > figures.input {
        return if usage["anomaly"] == true {
            Ok(())
        } else {
            wrong("an impossible usage without a mark".into())
        };
    }
    let rates = &record.tariff[&(call.provider.clone(), call.model.clone())];
    let due = money::price(rates, &figures, tier(record, seen));
    if amount != due && !behind {
        return wrong(format!("charged {amount}, due {due}"));
    }
    Ok(())
}

/// The figures as this server writes them: some say nothing of caches.
fn told(record: &Record, seen: &Seen, figures: Figures) -> Figures {
    let provider = record.scenario.provider(&seen.provider).unwrap();
    let mute = provider.dialect == Dialect::OpenaiChat
        && matches!(provider.flavour, Flavour::Vllm | Flavour::Ollama);
    if mute { Figures { cached: 0, written: 0, written_long: 0, ..figures } } else { figures }
}

/// What the tier that the reply names multiplies the price by.
fn tier(record: &Record, seen: &Seen) -> i128 {
    let provider = record.scenario.provider(&seen.provider).unwrap();
    let dearer = match (provider.dialect, provider.flavour) {
        (Dialect::OpenaiChat, Flavour::Openai) => true,
        (Dialect::OpenaiChat, _) | (Dialect::WorkersAi, _) => false,
        (Dialect::Elevenlabs | Dialect::Cartesia | Dialect::Deepgram, _) => false,
        (Dialect::OpenaiResponses | Dialect::Gemini | Dialect::Anthropic, _) => true,
    };
    if dearer && seen.troubles.contains(&Kind::OtherTier) { 2 } else { 1 }
}
