//! Work that may outlive the answer. The runtime gives it 30 seconds after the answer has ended.

use super::{glue, task};
use futures::future::BoxFuture;
use relay::ports::Later;

#[derive(Clone, Copy, Debug)]
pub struct EdgeLater;

impl Later for EdgeLater {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        spawn(work);
    }
}

/// The same for work that stays on this thread, as everything here does.
pub fn spawn(work: impl Future<Output = ()> + 'static) {
    let kept = glue::later();
    task::spawn(async move {
        work.await;
        glue::done(&kept);
    });
}
