//! Sharing hints between isolates, beside requests: see [`crate::hints`].

use super::glue;
use super::later;
use super::node::Node;
use crate::hints::Board;
use std::rc::Rc;
use wasm_bindgen_futures::JsFuture;

/// Looks at the board, and pins to it what is new, where it is time to.
pub fn share(node: &Rc<Node>) {
    let now = node.relay.clock().now();
    if !node.rhythm.borrow_mut().looks(now) {
        return;
    }
    let node = node.clone();
    later::spawn(async move {
        // Without a cache every isolate goes by what it sees itself.
        let Ok(text) = JsFuture::from(glue::board()).await else { return };
        let board: Board = serde_json::from_str(&text.as_string().unwrap_or_default()).unwrap_or_default();
        let (fleet, now) = (node.relay.fleet(), node.relay.clock().now());
        let mut own = Board::default();
        for model in fleet.models() {
            let id = model.id();
            let told = model.with_pulse(|health| {
                if let Some(said) = board.0.get(&id) {
                    health.hear(said, now);
                }
                health.tell(now)
            });
            own.0.extend(told.map(|said| (id, said)));
        }
        let (joined, news) = board.joined(&own, now);
        if news
            && node.rhythm.borrow_mut().pins(now)
            && let Ok(text) = serde_json::to_string(&joined)
            && let Err(error) = JsFuture::from(glue::pin(&text)).await
        {
            tracing::warn!(why = glue::thrown(&error), "hints cannot be shared");
        }
    });
}
