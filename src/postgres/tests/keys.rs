//! One directory of managed keys for several nodes.

use super::*;
use crate::directory::{Keeping, SharedKeys};
use crate::store::{self, Store};
use policy::{KeyChange, KeyEdit, KeyWish, ManagedKey, Secret};
use relay::ports::{Directory, DirectoryError, Holder};
use tempfile::TempDir;

/// What the README promises.
const BOUND: Duration = Duration::from_secs(1);
const HOUR: vocab::Duration = vocab::Duration::from_secs(3_600);

/// A node with a directory, and a file of its own.
struct Here {
    keys: SharedKeys,
    file: Store,
    postgres: Postgres,
    _dir: TempDir,
}

fn here(postgres: Postgres) -> Here {
    let dir = TempDir::new().unwrap();
    let file = Store::open(dir.path().join("weir.db"), store::Options::default(), NOW).unwrap();
    let keys = SharedKeys::open(postgres.key_table(), file.keys());
    Here { keys, file, postgres, _dir: dir }
}

fn secret(n: u8) -> Secret {
    Secret::new([n; policy::KEY_RANDOM])
}

fn made(n: u8) -> ManagedKey {
    let wish = KeyWish {
        account: format!("team-{n}"),
        name: "'); DROP TABLE weir.managed_key; -- \u{1f511}".into(),
        user: Some("O'Brien".into()),
        plan: None,
        expires: Some(NOW.after(HOUR)),
    };
    ManagedKey::new(&wish, &secret(n), n.into(), NOW).unwrap()
}

fn disabled(disabled: bool) -> KeyChange {
    KeyChange::Edit(KeyEdit { disabled: Some(disabled), ..KeyEdit::default() })
}

fn rotated(n: u8) -> KeyChange {
    KeyChange::Rotate { digest: secret(n).digest(), hint: secret(n).hint(), overlap: HOUR }
}

fn opens(keys: &SharedKeys, n: u8, now: Instant) -> bool {
    matches!(keys.holder(&secret(n).digest(), now), Holder::Known(caller) if caller.account.starts_with("team-"))
}

/// Waits until it is so on all nodes, no longer than was promised.
async fn everywhere(nodes: &[Here], what: &str, so: impl Fn(&SharedKeys) -> bool) {
    let begun = Moment::now();
    for node in nodes {
        until(what, async || so(&node.keys).then_some(())).await;
    }
    assert!(begun.elapsed() < BOUND, "{what}: {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_key_that_is_made_changed_or_taken_back_anywhere_is_that_everywhere() {
    let Some(base) = Base::new() else { return };
    let nodes = ["a", "b", "c"].map(|name| here(base.node(name, None, 0)));
    assert!(nodes.iter().all(|node| !node.keys.has_keys()));
    let [a, b, c] = &nodes;
    let key = made(1);
    let id = key.id.clone();
    a.keys.add(key.clone()).await.unwrap();
    assert!(opens(&a.keys, 1, NOW), "where it was made it opens at once");
    everywhere(&nodes, "it opens", |keys| opens(keys, 1, NOW) && keys.has_keys()).await;
    assert_eq!(*c.keys.key(&id).await.unwrap().0, key, "to the letter");

    b.keys.change(&id, disabled(true), NOW).await.unwrap();
    assert!(!opens(&b.keys, 1, NOW), "where it was disabled it opens no more at once");
    everywhere(&nodes, "it is disabled", |keys| !opens(keys, 1, NOW)).await;
    assert!(nodes.iter().all(|node| node.keys.has_keys()), "a disabled key shuts the open door as well");
    c.keys.change(&id, disabled(false), NOW).await.unwrap();
    everywhere(&nodes, "it is enabled", |keys| opens(keys, 1, NOW)).await;

    c.keys.change(&id, rotated(11), NOW).await.unwrap();
    everywhere(&nodes, "both secrets open", |keys| opens(keys, 11, NOW) && opens(keys, 1, NOW)).await;
    let later = NOW.after(HOUR);
    assert!(nodes.iter().all(|node| !opens(&node.keys, 11, later)), "it expires by the clock alone");

    a.keys.add(made(2)).await.unwrap();
    b.keys.remove(&id).await.unwrap();
    assert_eq!(a.keys.remove(&id).await, Err(DirectoryError::Unknown));
    everywhere(&nodes, "one is gone, one is new", |keys| {
        !opens(keys, 1, NOW) && !opens(keys, 11, NOW) && opens(keys, 2, NOW)
    })
    .await;
    assert_eq!(a.keys.change(&id, disabled(true), NOW).await, Err(DirectoryError::Unknown));
    assert_eq!(b.keys.key("key_\0").await, Err(DirectoryError::Unknown));

    // A node that comes later has them when it is there.
    let late = here(base.node("late", None, 0));
    assert!(opens(&late.keys, 2, NOW) && !opens(&late.keys, 1, NOW));
}

#[tokio::test]
async fn changes_of_one_key_on_several_nodes_all_count() {
    let Some(base) = Base::new() else { return };
    let nodes = ["a", "b", "c"].map(|name| here(base.node(name, None, 0)));
    let key = made(1);
    let id = key.id.clone();
    nodes[0].keys.add(key).await.unwrap();
    let edits = [
        KeyEdit { name: Some("other".into()), ..KeyEdit::default() },
        KeyEdit { user: Some(None), ..KeyEdit::default() },
        KeyEdit { plan: Some(Some("pro".into())), ..KeyEdit::default() },
        KeyEdit { disabled: Some(true), ..KeyEdit::default() },
    ];
    let changes = edits.map(KeyChange::Edit).into_iter().chain((20..24).map(rotated));
    let all = changes.enumerate().map(|(n, change)| {
        let (keys, id) = (&nodes[n % 3].keys, &id);
        async move { keys.change(id, change, NOW).await.unwrap() }
    });
    futures::future::join_all(all).await;
    let (key, _) = nodes[1].keys.key(&id).await.unwrap();
    assert_eq!((key.name.as_str(), key.user.as_deref(), key.plan.as_deref()), ("other", None, Some("pro")));
    assert!(key.disabled);
    assert_eq!(key.former.len(), 4, "each secret but the last is a former one");
    // A change that cannot be changes nothing.
    assert!(matches!(nodes[2].keys.change(&id, rotated(30), NOW).await, Err(DirectoryError::Bad(_))));
    // The same secret cannot be two keys'.
    let mut twin = made(20 + 3);
    twin.digest = key.digest;
    assert!(matches!(nodes[0].keys.add(twin).await, Err(DirectoryError::Down(_))));
    assert_eq!(nodes[0].keys.keys(None, "", 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn while_the_database_is_away_keys_stay_as_they_were() {
    let Some(cluster) = Cluster::make(&[]) else { return };
    let cluster = Arc::new(cluster);
    let base = Base { name: cluster.database(), cluster: cluster.clone() };
    let node = here(base.node("a", None, 0));
    node.keys.add(made(1)).await.unwrap();
    cluster.stop("QUIT");
    let patience = Duration::from_millis(200);
    let open = |name: &str| {
        let address = Address::parse(&base.url()).unwrap();
        here(Postgres::open(address, Options { patience, ..options(name, None, 0) }).unwrap())
    };
    let blind = open("blind");
    assert!(blind.keys.has_keys(), "nobody knows whether there are keys: the door is shut");
    let digest = secret(1).digest();
    assert_eq!(blind.keys.holder(&digest, NOW), Holder::Elsewhere);
    assert!(matches!(blind.keys.look_up(&digest, NOW).await, Err(DirectoryError::Down(_))));
    assert!(matches!(blind.keys.add(made(2)).await, Err(DirectoryError::Down(_))));
    assert!(opens(&node.keys, 1, NOW), "what is known goes on");
    cluster.start();
    until("the one that was blind sees", async || opens(&blind.keys, 1, NOW).then_some(())).await;
    until("a key can be taken back", async || {
        let (key, _) = blind.keys.keys(None, "", 1).await.ok()?.pop()?;
        blind.keys.change(&key.id, disabled(true), NOW).await.ok()
    })
    .await;
    until("the other knows", async || (!opens(&node.keys, 1, NOW)).then_some(())).await;
}

#[tokio::test]
async fn when_a_key_was_used_is_the_latest_of_all_nodes() {
    let Some(base) = Base::new() else { return };
    let nodes = ["a", "b"].map(|name| here(base.node(name, None, 0)));
    let key = made(1);
    nodes[0].keys.add(key.clone()).await.unwrap();
    everywhere(&nodes, "it opens", |keys| opens(keys, 1, NOW)).await;
    let minute = |n: u64| Instant::from_secs(NOW.as_secs() / 60 * 60 + n * 60);
    for (node, at) in [(0, 3), (1, 7), (0, 5)] {
        assert!(opens(&nodes[node].keys, 1, minute(at)));
        nodes[node].keys.keep_marks().await.unwrap();
    }
    for node in &nodes {
        assert_eq!(node.keys.key(&key.id).await.unwrap().1, Some(minute(7)));
        assert_eq!(node.keys.keys(Some("team-1"), "", 9).await.unwrap()[0].1, Some(minute(7)));
    }
}

#[tokio::test]
async fn what_is_of_no_use_any_more_is_cleared_for_all() {
    let Some(base) = Base::new() else { return };
    let nodes = ["a", "b"].map(|name| here(base.node(name, None, 0)));
    let mut lasting = made(1);
    lasting.expires = None;
    nodes[0].keys.add(lasting.clone()).await.unwrap();
    nodes[0].keys.change(&lasting.id, rotated(11), NOW).await.unwrap();
    nodes[0].keys.add(made(2)).await.unwrap();
    let later = NOW.after(HOUR);
    for (dry_run, found) in [(true, 1), (false, 1), (true, 0)] {
        assert_eq!(nodes[1].keys.clear_expired(later, dry_run).await.unwrap(), found);
        assert_eq!(nodes[0].keys.clear_former(later, dry_run).await.unwrap(), found);
    }
    everywhere(&nodes, "only the newest secret opens", |keys| {
        opens(keys, 11, NOW) && !opens(keys, 1, NOW) && !opens(keys, 2, NOW)
    })
    .await;
}

#[tokio::test]
async fn keys_of_a_nodes_own_file_are_taken_over_once() {
    let Some(base) = Base::new() else { return };
    let node = here(base.node("a", None, 0));
    let (key, used) = (made(1), Instant::from_secs(600));
    node.file.keys().put(&key).unwrap();
    node.file.keys().used(&[(key.id.clone(), used)]).unwrap();
    let again = || SharedKeys::open(node.postgres.key_table(), node.file.keys());
    let keys = again();
    assert_eq!(keys.key(&key.id).await.unwrap(), (Arc::new(key.clone()), Some(used)));
    assert!(opens(&keys, 1, NOW));
    assert_eq!(node.file.keys().all().unwrap(), []);
    keys.remove(&key.id).await.unwrap();
    drop(keys);
    assert!(!opens(&again(), 1, NOW), "what was taken back stays so");
}
