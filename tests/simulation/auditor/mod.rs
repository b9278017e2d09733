//! Books of one's own, kept from what the wire carried and what clients heard.
//!
//! Nothing here calls the ledger, the router or an adapter. Money is read from the entries' text by this auditor's own
//! reader, prices are multiplied by its own hand, hashes are made from the published recipe.

mod answers;
mod breakers;
mod chain;
mod lines;
mod money;
mod requests;

use crate::story::Record;

/// Everything that is wrong with a story.
pub fn audit(record: &Record) -> Vec<String> {
    let mut complaints = Vec::new();
    for (account, entries) in &record.books {
        chain::check(account, entries, record, &mut complaints);
    }
    requests::check(record, &mut complaints);
    answers::check(record, &mut complaints);
    breakers::check(record, &mut complaints);
    calm(record, &mut complaints);
    complaints
}

/// After the faults have stopped: every breaker closes, every hold ends, everyone is answered.
fn calm(record: &Record, complaints: &mut Vec<String>) {
    for provider in &record.health {
        for model in &provider.models {
            if model.state != router::State::Closed {
                complaints.push(format!(
                    "the breaker of {}/{} never closed: {:?}",
                    provider.name, model.model, model.state
                ));
            }
        }
    }
    if record.open_holds > 0 {
        complaints.push(format!("{} holds never end", record.open_holds));
    }
    if record.tasks_left > 0 {
        complaints.push(format!("{} background tasks wait for ever", record.tasks_left));
    }
    for heard in &record.last {
        use crate::client::End;
        if !matches!(heard.end, End::Whole(_) | End::Finished(_)) {
            complaints.push(format!("{} was not answered in the calm: {:?}", heard.errand.id, heard.end));
        }
    }
}
