//! Those who write: each has a connection, and takes from the desk what has gathered there.

use super::batch::{self, Report};
use super::desk::{How, Turn, Work};
use super::session::Session;
use super::{Inner, lease, tend};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant as Moment;

/// How long a worker waits after a failure before he tries again: twice as long each time.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MOST: Duration = Duration::from_secs(1);

/// Works until the store is closed and everything is written, or cannot be.
pub(super) async fn all(inner: &Arc<Inner>, first: Option<Session>) {
    let mut first = first;
    let workers: Vec<_> = (0..inner.options.sessions.max(1))
        .map(|_| tokio::spawn(worker(Arc::clone(inner), first.take())))
        .collect();
    let beating = tokio::spawn(tend::beat(Arc::clone(inner)));
    let leasing = tokio::spawn(lease::tend(Arc::clone(inner)));
    inner.farewell.notified().await;
    let until = Moment::now() + inner.options.farewell;
    for mut worker in workers {
        if tokio::time::timeout_at(until, &mut worker).await.is_err() {
            worker.abort();
        }
    }
    beating.abort();
    leasing.abort();
}

async fn worker(inner: Arc<Inner>, mut session: Option<Session>) {
    let mut pause = PAUSE;
    loop {
        session = session.filter(|session| !session.is_closed());
        if !wait(&inner).await {
            return;
        }
        let open = match session.take() {
            Some(open) => open,
            None => match inner.sessions.open().await {
                Ok(open) => {
                    inner.went_well();
                    open
                }
                Err(error) => {
                    inner.went_wrong(&error);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MOST);
                    continue;
                }
            },
        };
        let Some(work) = next(&inner) else {
            session = Some(open);
            continue;
        };
        let waits = work.waits;
        let report = batch::run(&open, work, &inner.options).await;
        if waits {
            inner.desk().waited();
        }
        // One that cannot be used any more is dropped, and a new one opened; after a moment, if it goes on like that.
        let rest = match &report.error {
            None => {
                pause = PAUSE;
                None
            }
            Some(error) if error.ends_session() => {
                inner.went_wrong(error);
                pause = (pause * 2).min(PAUSE_MOST);
                Some(pause)
            }
            Some(error) => {
                tracing::debug!(%error, "a transaction failed");
                Some(PAUSE)
            }
        };
        if report.error.as_ref().is_none_or(|error| !error.ends_session()) {
            session = Some(open);
        }
        if report.wrote {
            inner.went_well();
        }
        settle(&inner, report);
        if let Some(rest) = rest {
            tokio::time::sleep(rest).await;
        }
    }
}

/// Takes the next piece of work, and wakes a colleague where there is more.
fn next(inner: &Inner) -> Option<Work> {
    let mut desk = inner.desk();
    let work = desk.take(Moment::now());
    if desk.has_work() {
        inner.bell.notify_one();
    }
    work
}

/// Returns when there is something to do. False when there never will be again.
async fn wait(inner: &Inner) -> bool {
    loop {
        let rung = inner.bell.notified();
        let (look, work) = {
            let desk = inner.desk();
            (desk.next_look(), desk.has_work())
        };
        if work || look.is_some_and(|at| at <= Moment::now()) {
            return true;
        }
        if inner.closing.load(Ordering::Acquire) && inner.waiting.load(Ordering::Acquire) == 0 {
            // The others are to look as well.
            inner.bell.notify_one();
            return false;
        }
        match look {
            Some(at) => drop(tokio::time::timeout_at(at, rung).await),
            None => rung.await,
        }
    }
}

/// What is done is done; what is not gets back into the line.
fn settle(inner: &Inner, report: Report) {
    let now = Moment::now();
    inner.waiting.fetch_sub(report.finished, Ordering::AcqRel);
    inner.waiting.fetch_add(report.added, Ordering::AcqRel);
    for turn in report.done {
        let mut state = turn.cell.lock();
        state.queued = false;
        let more = inner.due(&turn.cell, &mut state);
        drop(state);
        if let Some(more) = more {
            inner.desk().line_up(more);
            inner.bell.notify_one();
        }
    }
    for Turn { cell, how } in report.locked {
        let times = if let How::Contended(times) = how { times.saturating_add(1) } else { 1 };
        inner.desk().stand_aside(Turn { cell, how: How::Contended(times) }, now);
    }
    for (mark, how) in report.promised {
        inner.promises().end(mark, how);
    }
    for turn in report.short {
        inner.desk().stand_short(turn, now);
    }
    for turn in report.again {
        inner.desk().line_up(turn);
    }
    inner.bell.notify_one();
}
