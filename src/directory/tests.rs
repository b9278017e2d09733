use super::*;
use crate::store::{Options, Store};
use policy::{KeyChange, KeyEdit, KeyWish, ManagedKey, Secret};
use relay::ports::Holder;
use std::path::PathBuf;
use tempfile::TempDir;
use vocab::Duration;

const NOW: Instant = Instant::from_secs(1_795_219_200);
const HOUR: Duration = Duration::from_secs(3_600);

fn file(dir: &TempDir) -> PathBuf {
    dir.path().join("weir.db")
}

fn open(dir: &TempDir) -> (Store, FileKeys) {
    let store = Store::open(file(dir), Options::default(), NOW).unwrap();
    let keys = FileKeys::open(store.keys()).unwrap();
    (store, keys)
}

fn secret(n: u8) -> Secret {
    Secret::new([n; policy::KEY_RANDOM])
}

fn made(n: u8, name: &str) -> ManagedKey {
    let wish = KeyWish {
        account: format!("team-{n}"),
        name: name.into(),
        user: Some("O'Brien".into()),
        plan: Some("pro".into()),
        expires: Some(NOW.after(HOUR)),
    };
    ManagedKey::new(&wish, &secret(n), n.into(), NOW).unwrap()
}

fn opens(keys: &dyn Directory, n: u8, now: Instant) -> Option<String> {
    match keys.holder(&secret(n).digest(), now) {
        Holder::Known(caller) => Some(caller.account),
        Holder::Nobody => None,
        Holder::Elsewhere => panic!("all keys are here"),
    }
}

fn rotate(n: u8) -> KeyChange {
    KeyChange::Rotate { digest: secret(n).digest(), hint: secret(n).hint(), overlap: HOUR }
}

#[tokio::test]
async fn keys_outlive_the_process_to_the_letter() {
    let dir = TempDir::new().unwrap();
    let (store, keys) = open(&dir);
    assert!(!keys.has_keys());
    let nasty = "'); DROP TABLE managed_key; -- \u{1f511}";
    keys.add(made(1, nasty)).await.unwrap();
    keys.add(made(2, "")).await.unwrap();
    let id = keys.keys(None, "", 10).await.unwrap()[0].0.id.clone();
    keys.change(&id, rotate(11), NOW).await.unwrap();
    let before = keys.keys(None, "", 10).await.unwrap();
    store.close();
    drop((store, keys));

    let (_store, keys) = open(&dir);
    assert!(keys.has_keys());
    assert_eq!(keys.keys(None, "", 10).await.unwrap(), before);
    assert_eq!(before.iter().find(|(key, _)| key.id == id).unwrap().0.former.len(), 1);
    for (n, account) in [(1, "team-1"), (11, "team-1"), (2, "team-2")] {
        assert_eq!(opens(&keys, n, NOW).as_deref(), Some(account));
    }
    assert_eq!(opens(&keys, 3, NOW), None);
    assert_eq!(opens(&keys, 2, NOW.after(HOUR)), None, "it expired");
}

#[tokio::test]
async fn a_change_counts_at_once_and_a_refused_one_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let (_store, keys) = open(&dir);
    let key = made(1, "laptop");
    let id = key.id.clone();
    keys.add(key).await.unwrap();
    let off = KeyChange::Edit(KeyEdit { disabled: Some(true), ..KeyEdit::default() });
    let on = KeyChange::Edit(KeyEdit { disabled: Some(false), ..KeyEdit::default() });
    keys.change(&id, off, NOW).await.unwrap();
    assert_eq!(opens(&keys, 1, NOW), None);
    assert!(keys.has_keys(), "a disabled key shuts the open door as well");
    keys.change(&id, on, NOW).await.unwrap();
    assert_eq!(opens(&keys, 1, NOW).as_deref(), Some("team-1"));
    let past = KeyChange::Edit(KeyEdit { expires: Some(Some(Instant::ZERO)), ..KeyEdit::default() });
    assert!(matches!(keys.change(&id, past, NOW).await, Err(DirectoryError::Bad(_))));
    assert_eq!(keys.change("key_none", rotate(2), NOW).await, Err(DirectoryError::Unknown));
    assert_eq!(opens(&keys, 1, NOW).as_deref(), Some("team-1"));
    // The same secret cannot be two keys'; the file says so, and memory stays as it was.
    let mut twin = made(1, "twin");
    twin.id = "key_twin".into();
    assert!(matches!(keys.add(twin).await, Err(DirectoryError::Down(_))));
    assert_eq!(keys.keys(None, "", 10).await.unwrap().len(), 1);
    keys.remove(&id).await.unwrap();
    assert_eq!((opens(&keys, 1, NOW), keys.has_keys()), (None, false));
    assert_eq!(keys.remove(&id).await, Err(DirectoryError::Unknown));
    assert_eq!(keys.key(&id).await, Err(DirectoryError::Unknown));
}

#[tokio::test]
async fn when_a_key_was_used_is_known_to_the_minute_and_kept() {
    let dir = TempDir::new().unwrap();
    let (store, keys) = open(&dir);
    let key = made(1, "");
    let id = key.id.clone();
    keys.add(key).await.unwrap();
    keys.keep_marks().await.unwrap();
    assert_eq!(keys.key(&id).await.unwrap().1, None);
    opens(&keys, 1, NOW.after(Duration::from_secs(59)));
    let used = keys.key(&id).await.unwrap().1;
    assert_eq!(used, Some(NOW));
    // A change takes over what is not written yet.
    keys.change(&id, rotate(2), NOW).await.unwrap();
    keys.keep_marks().await.unwrap();
    store.close();
    drop((store, keys));
    let (_store, keys) = open(&dir);
    assert_eq!(keys.key(&id).await.unwrap().1, used);
}

#[tokio::test]
async fn pages_follow_one_another() {
    let dir = TempDir::new().unwrap();
    let (_store, keys) = open(&dir);
    for n in 0..7 {
        let mut key = made(n, "");
        key.account = if n % 2 == 0 { "even".into() } else { "odd".into() };
        keys.add(key).await.unwrap();
    }
    let (mut after, mut seen) = (String::new(), Vec::new());
    loop {
        let page = keys.keys(Some("even"), &after, 3).await.unwrap();
        seen.extend(page.iter().map(|(key, _)| key.id.clone()));
        match page.last() {
            Some((key, _)) => after = key.id.to_string(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 4);
    assert!(seen.is_sorted());
}

/// A client that leaves in the middle of a change leaves file and memory alike.
#[tokio::test]
async fn a_change_is_carried_to_its_end() {
    let dir = TempDir::new().unwrap();
    let (store, keys) = open(&dir);
    for n in 0..20 {
        let mut add = Box::pin(keys.add(made(n, "")));
        // Asked once and dropped.
        let _ = futures::poll!(add.as_mut());
    }
    // Whoever comes after waits for them.
    keys.add(made(99, "")).await.unwrap();
    let there = loop {
        let there = keys.keys(None, "", 100).await.unwrap();
        if there.len() == 21 {
            break there;
        }
        tokio::task::yield_now().await;
    };
    store.close();
    drop((store, keys));
    let (_store, keys) = open(&dir);
    assert_eq!(keys.keys(None, "", 100).await.unwrap(), there);
}
