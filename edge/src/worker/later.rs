//! Work that may outlive the answer. The runtime gives it 30 seconds after the answer has ended.

use super::glue;
use futures::future::BoxFuture;
use relay::ports::Later;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;

#[derive(Clone, Copy, Debug)]
pub struct EdgeLater;

impl Later for EdgeLater {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        spawn(work);
    }
}

/// The same for work that stays on this thread, as everything here does.
pub fn spawn(work: impl Future<Output = ()> + 'static) {
    glue::later(&future_to_promise(async move {
        work.await;
        Ok(JsValue::UNDEFINED)
    }));
}
