//! What clients heard: of one upstream only, and never cut and called whole.

use crate::client::{End, Heard, saying};
use crate::story::Record;
use lab::Kind;
use vocab::Dialect;

pub fn check(record: &Record, complaints: &mut Vec<String>) {
    for heard in record.heard.iter().chain(&record.last) {
        if let Err(what) = answer(record, heard) {
            complaints.push(format!("{}: {what}: {heard:?}", heard.errand.id));
        }
    }
}

fn answer(record: &Record, heard: &Heard) -> Result<(), String> {
    let crashed = record.crashed.is_some_and(|crashed| heard.asked <= crashed);
    if !heard.over && !crashed {
        return Err("is still waiting".into());
    }
    if heard.beyond > 0 {
        return Err("heard more after the last piece".into());
    }
    let Some((provider, model)) = &heard.served else {
        let heard_nothing = heard.text.is_empty() && heard.models.is_empty();
        return if heard_nothing { Ok(()) } else { Err("heard something from nobody".into()) };
    };
    if let Some(other) = heard.models.iter().find(|m| *m != model) {
        return Err(format!("{model} served, and {other} is heard"));
    }
    let whole = saying(provider);
    if !whole.starts_with(&heard.text) && !heard.text.is_empty() {
        return Err(format!("not the words of {provider}"));
    }
    let marked = heard.end_marks;
    match &heard.end {
        End::Stopped => return Err("the stream stopped without a last piece".into()),
        End::Broken(..) if marked > 0 => return Err("broken after its end mark".into()),
        End::Finished(_) if marked != 1 => return Err(format!("{marked} end marks")),
        End::Whole(_) | End::Finished(_) => {}
        End::Left | End::Broken(..) | End::Refused(_) => return Ok(()),
    }
    let streamed = matches!(heard.end, End::Finished(_));
    let call = record
        .flown
        .iter()
        .rev()
        .find(|f| f.request == heard.errand.id && f.provider == *provider && f.model == *model);
    let call = call.ok_or("nobody was asked")?;
    let seen = &record.seen[usize::try_from(call.ticket).unwrap()];
    // Empty is an answer where a filter or a limit made it so.
    let stopped = matches!(heard.finish.as_deref(), Some("content_filter" | "length"));
    let empty = if stopped { Kind::Cut } else { Kind::ZeroTokens };
    let cutting = [Kind::Cut, Kind::Drop, Kind::Reset, Kind::BrokenJson, Kind::ErrorFrame, empty];
    let server = record.scenario.provider(provider).ok_or("no such provider")?;
    let only_streams = streamed && !seen.troubles.contains(&Kind::PlainJson) && seen.stream;
    if let Some(kind) =
        seen.troubles.iter().find(|k| cutting.contains(k) || (only_streams && **k == Kind::NoEndMark))
    {
        return Err(format!("whole in spite of {kind}"));
    }
    let limited = heard.errand.max_tokens.is_some() || seen.troubles.contains(&Kind::ContentFilter);
    match heard.finish.as_deref() {
        // Workers AI's first family gives no reason: a limit or a filter looks like a stop.
        Some("stop") if heard.text != whole && !(server.dialect == Dialect::WorkersAi && limited) => {
            Err("stopped in the middle".into())
        }
        Some("tool_calls") if heard.tools.is_empty() => Err("called nothing".into()),
        None => Err("whole without a finish reason".into()),
        Some(_) => Ok(()),
    }
}
