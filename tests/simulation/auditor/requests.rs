//! Every request: one hold, one end, no more calls than it may make, each call on a line of its own.

use super::{lines, money};
use crate::client::{End, Heard};
use crate::story::Record;
use crate::wire::Flown;
use billing::{Entry, Kind};
use serde_json::Value;
use std::collections::BTreeMap;

pub fn check(record: &Record, complaints: &mut Vec<String>) {
    let mut entries: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in record.books.iter().flat_map(|(_, entries)| entries).filter(|e| e.kind != Kind::Grant) {
        entries.entry(&entry.op_id).or_default().push(entry);
    }
    let mut calls: BTreeMap<&str, Vec<&Flown>> = BTreeMap::new();
    for flown in &record.flown {
        calls.entry(&flown.request).or_default().push(flown);
    }
    let mut heard: BTreeMap<&str, Vec<&Heard>> = BTreeMap::new();
    for one in record.heard.iter().chain(&record.last) {
        heard.entry(&one.errand.id).or_default().push(one);
    }
    for (id, heard) in heard {
        let none = (vec![], vec![]);
        let request = Request {
            record,
            heard,
            entries: entries.remove(id).unwrap_or(none.0),
            calls: calls.remove(id).unwrap_or(none.1),
        };
        complaints.extend(request.complaints().into_iter().map(|what| format!("{id}: {what}")));
    }
    complaints.extend(entries.keys().map(|id| format!("{id}: in the books, and nobody asked it")));
    complaints.extend(calls.keys().map(|id| format!("{id}: on the wire, and nobody asked it")));
}

struct Request<'a> {
    record: &'a Record,
    /// More than one where somebody sends it twice.
    heard: Vec<&'a Heard>,
    entries: Vec<&'a Entry>,
    calls: Vec<&'a Flown>,
}

impl Request<'_> {
    fn complaints(&self) -> Vec<String> {
        let mut out = Vec::new();
        let most = self.record.bounds.attempts as usize;
        // A request that is sent again after its process died is another one under the same id.
        let processes = 1 + self.calls.iter().map(|c| c.process).max().unwrap_or(0) as usize;
        for process in 0..processes {
            let made = self.calls.iter().filter(|c| c.process as usize == process).count();
            if made > most {
                out.push(format!("{made} upstream calls, {most} are allowed"));
            }
        }
        let count = |kind| self.entries.iter().filter(|e| e.kind == kind).count();
        let (holds, ends) = (count(Kind::Hold), count(Kind::Settle) + count(Kind::Release));
        if holds > 1 || ends > 1 || ends != holds {
            out.push(format!("{holds} holds and {ends} ends"));
        }
        if holds == 0 {
            self.unheld(&mut out);
            return out;
        }
        let end = self.entries.iter().find(|e| matches!(e.kind, Kind::Settle | Kind::Release));
        if let Some(end) = end {
            self.ended(end, &mut out);
        }
        out
    }

    /// Without a hold nothing may have happened, unless a crash took the hold and nobody had heard anything.
    fn unheld(&self, out: &mut Vec<String>) {
        let lost = self.record.crashed.is_some_and(|crashed| self.heard.iter().any(|h| h.asked < crashed));
        if !self.calls.is_empty() && !lost {
            out.push("calls without a hold".into());
        }
        if self.heard.iter().any(|h| h.served.is_some()) {
            out.push("an answer began and its hold is not on the disk".into());
        }
    }

    fn ended(&self, end: &Entry, out: &mut Vec<String>) {
        let detail: Value = serde_json::from_str(&end.detail).unwrap();
        let lines: Vec<&Value> = detail["lines"].as_array().map(|l| l.iter().collect()).unwrap_or_default();
        let estimated = lines.iter().any(|l| l["usage"]["estimated"] == true);
        if end.kind == Kind::Settle && (detail["estimated"] == true) != estimated {
            out.push("marked as estimated and is not, or the other way round".into());
        }
        if lines.iter().any(|l| l["outcome"] == "orphan") {
            let excused = self.record.unlucky.contains(&end.op_id) || self.record.crashed.is_some();
            if !excused {
                out.push("an orphan without a crash or an outage".into());
            }
            return;
        }
        let poor = |h: &Heard| matches!(h.end, End::Refused(relay::Trouble::Poor { .. }));
        if self.heard.iter().all(|h| poor(h)) && end.kind == Kind::Settle {
            out.push("refused for want of money, and charged".into());
        }
        for heard in &self.heard {
            let (End::Whole(bill) | End::Finished(bill) | End::Broken(_, bill)) = &heard.end else {
                continue;
            };
            if bill.cost.0 != end.amount.0 {
                out.push(format!("the client was told {} and {} was settled", bill.cost.0, end.amount.0));
            }
            if bill.attempts.len() != lines.len() {
                out.push(format!(
                    "the client was told of {} attempts, the books of {}",
                    bill.attempts.len(),
                    lines.len()
                ));
            }
        }
        if self.record.crashed.is_some_and(|_| self.calls.iter().any(|c| c.process == 0)) {
            return;
        }
        if lines.len() != self.calls.len() {
            out.push(format!("{} calls on the wire and {} lines: {detail}", self.calls.len(), lines.len()));
            return;
        }
        if let Err(why) = lines::explained(self.record, &lines, &self.calls) {
            out.push(why);
        }
        let sum: i128 = lines.iter().map(|l| money::read(l["amount"].as_str().unwrap())).sum();
        if sum != end.amount.0 {
            out.push(format!("lines of {sum}, settled {}", end.amount.0));
        }
    }
}
