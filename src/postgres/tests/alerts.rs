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
