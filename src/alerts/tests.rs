use super::*;
use crate::store::{Options, Store};
use policy::alert::{Delivery, Event, LATE};
use tempfile::TempDir;
use vocab::Cap;

const NOW: Instant = Instant::from_secs(1_795_219_200);

fn seconds(n: u64) -> Instant {
    NOW.after(Duration::from_secs(n))
}

/// What a budget of this account is told of, for these webhooks.
fn message(account: &str, hooks: &[&str]) -> Message {
    let until = Some(NOW.next_day());
    let cap = Cap { budget: "account/day".into(), from: NOW.day(), until, limit: Pico(100) };
    let event = Event::exceeded(account, &cap, Pico(90), Pico(20), NOW);
    Message { event, hooks: hooks.iter().map(|hook| (*hook).to_owned()).collect() }
}

/// What holds of every outbox. Both are of the same tables.
pub async fn law(one: &Outbox, other: &Outbox) {
    let (both, single) = (message("acme's \"ü\"", &["ops", "billing"]), message("other", &["ops"]));
    one.add(vec![both.clone(), single.clone()]).await.unwrap();
    other.add(vec![both.clone(), message("acme's \"ü\"", &["late"])]).await.unwrap();
    assert_eq!(one.soonest().await.unwrap(), Some(NOW));
    let sorted = |mut taken: Vec<Delivery>| {
        taken.sort_by_key(|delivery| (delivery.id != both.event.id, delivery.hook.clone()));
        taken
    };
    let first = one.take(NOW, seconds(60), 2).await.unwrap();
    let rest = other.take(NOW, seconds(60), 9).await.unwrap();
    assert_eq!((first.len(), rest.len()), (2, 1), "each is taken by one of them");
    assert!(one.take(seconds(59), seconds(120), 9).await.unwrap().is_empty());
    let mut all = first;
    all.extend(rest);
    let all = sorted(all);
    let places: Vec<_> = all.iter().map(|d| (&*d.id, &*d.hook, d.tries, d.made, &*d.body)).collect();
    let (a, b) = (&both.event, &single.event);
    let expected = [
        (&*a.id, "billing", 0, NOW, &*a.body),
        (&*a.id, "ops", 0, NOW, &*a.body),
        (&*b.id, "ops", 0, NOW, &*b.body),
    ];
    assert_eq!(places, expected);
    // One was heard, one failed, of one nobody says anything.
    one.next(all[0].clone(), None, seconds(1)).await.unwrap();
    other.next(all[1].clone(), Some(seconds(10)), seconds(1)).await.unwrap();
    assert_eq!(one.soonest().await.unwrap(), Some(seconds(10)));
    let again = one.take(seconds(10), seconds(70), 9).await.unwrap();
    assert_eq!(again, [Delivery { tries: 1, ..all[1].clone() }]);
    one.next(again[0].clone(), None, seconds(11)).await.unwrap();
    let again = other.take(seconds(60), seconds(120), 9).await.unwrap();
    assert_eq!(again, [Delivery { tries: 1, ..all[2].clone() }]);
    other.next(again[0].clone(), None, seconds(61)).await.unwrap();
    assert_eq!(one.soonest().await.unwrap(), None);
    one.add(vec![both, single]).await.unwrap();
    assert!(one.take(seconds(900), seconds(999), 9).await.unwrap().is_empty(), "told once and for all");
    // What is over may go; what was told stays known as long as it could be noticed.
    one.add(vec![message("waits", &["ops"])]).await.unwrap();
    for dry_run in [true, false] {
        assert_eq!(one.clear_ended(seconds(10), dry_run).await, Ok(1));
        assert_eq!(other.clear_ended(seconds(61), dry_run).await, Ok(if dry_run { 3 } else { 2 }));
    }
    let over = NOW.next_day().after(LATE);
    assert_eq!(one.clear_alerts(Instant::from_micros(over.as_micros() - 1), false).await, Ok(0));
    for dry_run in [true, false] {
        assert_eq!(
            other.clear_alerts(over, dry_run).await,
            Ok(2),
            "somebody is still to be told of the third"
        );
    }
    assert_eq!(one.take(seconds(900), seconds(999), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_written_down_in_the_file_is_told_once() {
    let dir = TempDir::new().unwrap();
    let open = || Store::open(dir.path().join("weir.db"), Options::default(), NOW).unwrap();
    let store = open();
    let outbox = Outbox::File(store.alerts());
    law(&outbox, &outbox.clone()).await;
    outbox.add(vec![message("third", &["ops"])]).await.unwrap();
    let taken = outbox.take(NOW, seconds(60), 9).await.unwrap();
    store.close();
    drop(store);
    // A node that is gone before it says how it went: the next one tries again.
    let outbox = Outbox::File(open().alerts());
    outbox.add(vec![message("third", &["ops"])]).await.unwrap();
    assert!(outbox.take(seconds(59), seconds(120), 9).await.unwrap().is_empty());
    let again = outbox.take(seconds(60), seconds(120), 9).await.unwrap();
    assert_eq!(again, [Delivery { tries: 1, ..taken[0].clone() }]);
}
