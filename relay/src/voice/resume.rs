//! A provider died in the middle of a text: somebody else with an equivalent voice goes on where it stopped.

use super::call;
use super::casting::Cast;
use super::script;
use super::sounding::{Ended, Flow, Part};
use crate::attempt::Lost;
use crate::faults::{self, Next, Row};
use crate::serve::admit;
use crate::tab::Flight;
use vocab::{Fault, Instant, Usage};

/// After `lost`. Its line is written, its breaker hears of it; whoever goes on says what was being said once more, of which
/// what was heard is left out. Where nobody can, the answer is broken.
pub(super) async fn resume(mut flow: Box<Flow>, lost: Lost) -> Box<Flow> {
    let now = flow.tab.relay.clock().now();
    let row = learn(&mut flow, lost.usage.map(|usage| *usage), &lost.fault, now);
    let going_on = match row.next {
        // What a provider says of the text it says of all of it.
        Next::Stop => None,
        Next::Candidate | Next::CandidateOrSame | Next::Larger => flow.desk.goes_on(),
    };
    let Some(wanted) = going_on else { return broken(flow, lost.fault) };
    while flow.tab.calls() < flow.tab.fleet.bounds.attempts as usize {
        let Some(at) = flow.others.pop_front() else { break };
        let now = flow.tab.relay.clock().now();
        let Some((flight, cast, part)) = ready(&mut flow, at, wanted, now).await else { continue };
        let fleet = flow.tab.fleet.clone();
        let candidate = &fleet.candidates[at];
        let call = match cast.call(&flow.speak, &part, candidate) {
            Ok(call) => call,
            Err(fault) => {
                flow.tab.failed(&flight, &fault, None, now);
                continue;
            }
        };
        flow.tab.says_anew(flow.speak.text.get(part.clone()).unwrap_or_default());
        flow.tab.takes_off(flight);
        let relay = flow.tab.relay.clone();
        let sending = relay.http().send(call, fleet.bounds.connect());
        let patience = fleet.bounds.first_content();
        match call::begin(sending, relay.clock(), candidate, &cast, patience).await {
            Ok(talk) => {
                tracing::info!(
                    request = %flow.tab.id, candidate = %candidate.id(), fault = lost.fault.name(),
                    "another voice goes on"
                );
                candidate.meters.first_content(talk.first.since(flight.sent));
                flow.desk.resume(cast.made);
                flow.taken_over(Part { flight, cast, talk, said: part });
                return flow;
            }
            Err(next) => {
                let now = relay.clock().now();
                tracing::info!(
                    request = %flow.tab.id, candidate = %candidate.id(), fault = next.fault.name(),
                    message = next.fault.message(), "an upstream call failed"
                );
                flow.tab.failed(&flight, &next.fault, next.usage.map(|usage| *usage), now);
                if faults::row(&next.fault).next == Next::Stop {
                    break;
                }
            }
        }
    }
    broken(flow, lost.fault)
}

fn broken(mut flow: Box<Flow>, fault: Fault) -> Box<Flow> {
    flow.hang_up();
    flow.ended = Some(Ended::Fault(fault));
    flow
}

/// What a failure means for whoever failed. It may be asked again, after all others.
fn learn(flow: &mut Flow, told: Option<Usage>, fault: &Fault, now: Instant) -> Row {
    let row = faults::row(fault);
    let mut usage = flow.usage();
    if let Some(told) = told {
        usage = usage.plus(&told);
    }
    let flight = flow.flight;
    tracing::info!(
        request = %flow.tab.id, candidate = %flow.tab.fleet.candidates[flight.candidate].id(), fault = fault.name(),
        message = fault.message(), "a provider died in mid-answer"
    );
    flow.tab.failed(&flight, fault, Some(usage), now);
    flow.spent(usage);
    if row.next == Next::CandidateOrSame {
        flow.others.push_back(flight.candidate);
    }
    row
}

/// Whoever may be asked now, in its role, with what it would say first; once that is set aside.
async fn ready(
    flow: &mut Flow,
    at: usize,
    wanted: vocab::Sound,
    now: Instant,
) -> Option<(Flight, Cast, std::ops::Range<usize>)> {
    let fleet = flow.tab.fleet.clone();
    let candidate = &fleet.candidates[at];
    let from = flow.said.start;
    let cast = |wanted| Cast::of(&fleet, &flow.speak, wanted, from, candidate).ok();
    // Who cannot be told a rate may have just this one.
    let cast = cast(wanted).or_else(|| cast(flow.speak.sound))?;
    let part = script::next(&flow.speak, &cast, from)?;
    let dearest = cast.dearest(&flow.speak, candidate, from, now)?;
    if !flow.tab.covers(dearest) && flow.tab.cover(dearest, now).await.is_err() {
        return None;
    }
    let flight = admit(&fleet, at, dearest, now)?;
    Some((flight, cast, part))
}
