//! What is told, and what waits again, once a transaction has ended one way or the other.

use super::{Outcome, Report, Taken};
use crate::postgres::PostgresError;
use crate::postgres::desk::{Answer, Cell, How, Job, State, Turn, What};
use billing::{Account, Op, Refusal};
use relay::ports::{BooksError, Mark, Posted};
use std::collections::VecDeque;

/// Tells everybody what came of it.
pub(super) fn finish(taken: Taken, report: &mut Report) {
    let Taken { turn, id, account, jobs, outcomes, news, wanted, given, begun, .. } = taken;
    let (mut unwanted, mut short) = (Vec::new(), Vec::new());
    {
        let mut state = turn.cell.lock();
        state.balance = account.balance();
        if news {
            // What others ended, as a sweep does, is not ours any more.
            let State { own, told, .. } = &mut *state;
            own.retain(|id, _| told.contains_key(id) || account.open(id).is_some());
        }
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            if matches!(outcome, Outcome::Short) {
                short.push(job);
                continue;
            }
            report.finished += 1;
            let Job { what, now, answer: waiting, effect, leased, .. } = job;
            state.came(effect);
            if let (Some(mark), What::Op(op)) = (leased, &what) {
                state.told.remove(op.id());
                let how = match &outcome {
                    Outcome::Refused(refusal) => Err(BooksError::Refused(refusal.clone())),
                    // It was another request's.
                    Outcome::Done(done) if !done.fresh => {
                        Err(BooksError::Refused(Refusal::Conflict { id: op.id().into() }))
                    }
                    _ => Ok(()),
                };
                if how.is_err() {
                    state.own.remove(op.id());
                }
                report.promised.push((mark, how));
            }
            match outcome {
                Outcome::Short => {}
                Outcome::Refused(refusal) if leased.is_some() => tracing::error!(
                    account = turn.cell.name, %refusal, "a hold out of a slice was not taken: its request is told so"
                ),
                Outcome::Dropped => drop(answer(waiting, Ok(posted(account.balance(), false)))),
                Outcome::Refused(refusal) => match (waiting, what) {
                    (Some(waiting), _) => drop(answer(Some(waiting), Err(BooksError::Refused(refusal)))),
                    // Nobody waits for the end of a hold of our own: it can only have been swept meanwhile.
                    (None, What::Op(op)) => tracing::error!(
                        account = turn.cell.name, id = op.id(), charged = %effect.settled, %refusal,
                        "a request's end was not taken: it was ended before, at its estimate"
                    ),
                    (None, _) => {}
                },
                Outcome::Done(done) => {
                    let hold = match &what {
                        // Of one that was told of before it is known already, and it may have ended.
                        What::Op(Op::Hold { id, .. }) if done.fresh && leased.is_none() => Some(id),
                        What::Op(Op::Extend { id, .. }) if done.fresh && state.own.contains_key(id) => {
                            Some(id)
                        }
                        _ => None,
                    };
                    let held = hold.and_then(|id| Some((id.clone(), account.open(id)?.held)));
                    let heard = answer(waiting, Ok(done));
                    match (held, &what) {
                        (Some((id, _)), What::Op(Op::Hold { .. })) if !heard => unwanted.push((id, now)),
                        (Some((id, held)), _) => drop(state.own.insert(id, held)),
                        (None, _) => {}
                    }
                }
            }
        }
        state.given(given, wanted, begun);
        report.added += unwanted.len();
        for (id, now) in unwanted {
            // Whoever wanted it gave up waiting just before it was made.
            let op = Op::Release { id, lines: vec![], why: "nobody waited for it".into() };
            state.waiting.push_front(Job::new(What::Op(op), now, None));
        }
        state.known = Some((id, account));
        if !short.is_empty() {
            let mut waiting: VecDeque<Job> = short.into();
            waiting.append(&mut state.waiting);
            state.waiting = waiting;
            drop(state);
            report.short.push(Turn { cell: turn.cell, how: How::Together });
            return;
        }
    }
    report.done.push(Turn { cell: turn.cell, how: How::Together });
}

/// Puts the jobs of an account back in front of what came since.
pub(super) fn put_back(cell: &Cell, jobs: Vec<Job>, known: Option<(i64, Box<Account>)>) {
    let mut state = cell.lock();
    let mut waiting: VecDeque<Job> = jobs.into();
    waiting.append(&mut state.waiting);
    state.waiting = waiting;
    state.known = known;
}

/// What becomes of an account's jobs after an error: another try, unless the same would come of it.
pub(super) fn fail(turn: Turn, jobs: Vec<Job>, error: &PostgresError, report: &mut Report) {
    if error.passes() || turn.how != How::Alone {
        put_back(&turn.cell, jobs, None);
        // Alone the next time: whoever is at fault is then the only one who is hurt.
        report.again.push(Turn { cell: turn.cell, how: How::Alone });
        return;
    }
    report.finished += jobs.len();
    let mut state = turn.cell.lock();
    for job in jobs {
        state.came(job.effect);
        if let (Some(mark), What::Op(op)) = (job.leased, &job.what) {
            state.told.remove(op.id());
            state.own.remove(op.id());
            report.promised.push((mark, Err(BooksError::Down(error.to_string()))));
        }
        if let (None, What::Op(op)) = (&job.answer, &job.what) {
            tracing::error!(account = turn.cell.name, id = op.id(), %error, "a request's end could not be written");
        }
        answer(job.answer, Err(BooksError::Down(error.to_string())));
    }
    drop(state);
    report.done.push(turn);
}

pub(in crate::postgres) const fn posted(balance: billing::Balance, fresh: bool) -> Posted {
    Posted { balance, fresh, mark: Mark(0) }
}

/// Returns whether anybody heard it, or nobody wanted to.
pub(super) fn answer(waiting: Option<Answer>, with: Result<Posted, BooksError>) -> bool {
    waiting.is_none_or(|waiting| waiting.send(with).is_ok())
}
