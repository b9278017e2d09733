//! What is told of accounts, by several nodes.

use super::*;
use crate::alerts::{Outbox, tests::law};

#[tokio::test]
async fn what_two_nodes_write_down_is_told_once() {
    let Some(base) = Base::new() else { return };
    let (one, other) = (Arc::new(base.node("one", None, 0)), Arc::new(base.node("other", None, 0)));
    law(&Outbox::Shared(one.clone()), &Outbox::Shared(other)).await;
    assert_eq!(one.accounts().await.unwrap(), Vec::<String>::new());
    post(&one, hold("a", 1)).await.unwrap();
    assert_eq!(one.accounts().await.unwrap(), ["alice"]);
}

#[tokio::test]
async fn a_time_is_found_by_halving() {
    let Some(base) = Base::new() else { return };
    let node = base.node("one", None, 0);
    assert_eq!(node.seq_before("alice", NOW).await.unwrap(), 0);
    for n in 0..25u64 {
        let at = NOW.after(Duration::from_micros(n / 3 * 10));
        node.post("alice", hold(&format!("r{n}"), 2), at).await.unwrap();
    }
    for (at, expected) in [(0, 0), (1, 3), (10, 3), (11, 6), (80, 24), (81, 25), (9_999, 25)] {
        let found = node.seq_before("alice", NOW.after(Duration::from_micros(at))).await.unwrap();
        assert_eq!(found, expected, "{at}");
    }
}
