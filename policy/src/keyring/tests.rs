use super::*;
use crate::managed::{KeyChange, KeyEdit, KeyWish, Secret};
use vocab::Duration;

const NOW: Instant = Instant::from_secs(1_795_219_200);
const HOUR: Duration = Duration::from_secs(3_600);

fn secret(n: u32) -> Secret {
    let mut random = [0; 32];
    random[..4].copy_from_slice(&n.to_be_bytes());
    Secret::new(random)
}

fn key(n: u32) -> ManagedKey {
    let wish = KeyWish { account: format!("team-{n}"), ..KeyWish::default() };
    ManagedKey::new(&wish, &secret(n), n.into(), NOW).unwrap()
}

fn ring(keys: impl IntoIterator<Item = ManagedKey>) -> Keyring {
    Keyring::new(keys.into_iter().map(Arc::new).collect())
}

fn opens(ring: &Keyring, n: u32, now: Instant) -> Option<String> {
    let (place, key) = ring.find(&secret(n).digest(), now)?;
    assert_eq!(ring.keys()[place].id, key.id);
    Some(key.account.clone())
}

#[test]
fn every_key_is_found_and_no_other() {
    for count in [0, 1, 2, 3, 100] {
        let ring = ring((0..count).map(key));
        assert_eq!(ring.is_empty(), count == 0);
        for n in 0..count {
            assert_eq!(opens(&ring, n, NOW), Some(format!("team-{n}")));
        }
        for n in count..count + 100 {
            assert_eq!(opens(&ring, n, NOW), None);
        }
        assert!(ring.keys().iter().all(|key| ring.get(&key.id) == Some(key)));
        assert_eq!(ring.get("key_"), None);
    }
}

#[test]
fn keys_that_begin_alike_are_told_apart() {
    let twin = |last: u8, account: &str| {
        let mut key = key(1);
        let mut digest = [7; 32];
        digest[31] = last;
        key.digest = Digest::from_bytes(digest);
        key.account = account.into();
        key.id = account.into();
        key
    };
    let ring = ring([twin(1, "a"), twin(2, "b"), twin(3, "c")]);
    let find = |last| {
        let mut digest = [7; 32];
        digest[31] = last;
        ring.find(&Digest::from_bytes(digest), NOW).map(|(_, key)| key.account.clone())
    };
    assert_eq!([find(1), find(2), find(3), find(4)].map(|f| f.unwrap_or_default()), ["a", "b", "c", ""]);
}

#[test]
fn what_is_disabled_expired_or_replaced_does_not_open() {
    let disabled =
        key(1).changed(&KeyChange::Edit(KeyEdit { disabled: Some(true), ..KeyEdit::default() }), NOW);
    let mut expires = key(2);
    expires.expires = Some(NOW.after(HOUR));
    let next = secret(30);
    let rotate = KeyChange::Rotate { digest: next.digest(), hint: next.hint(), overlap: HOUR };
    let rotated = key(3).changed(&rotate, NOW).unwrap();
    let ring = ring([disabled.unwrap(), expires, rotated]);
    assert_eq!(opens(&ring, 1, NOW), None);
    assert_eq!(opens(&ring, 2, NOW), Some("team-2".into()));
    assert_eq!(opens(&ring, 2, NOW.after(HOUR)), None);
    for both in [3, 30] {
        assert_eq!(opens(&ring, both, NOW), Some("team-3".into()));
    }
    assert_eq!(opens(&ring, 3, NOW.after(HOUR)), None);
    assert_eq!(opens(&ring, 30, NOW.after(HOUR)), Some("team-3".into()));
}

#[test]
fn a_replaced_secret_of_a_disabled_key_does_not_open_either() {
    let next = secret(30);
    let rotate = KeyChange::Rotate { digest: next.digest(), hint: next.hint(), overlap: HOUR };
    let off = KeyChange::Edit(KeyEdit { disabled: Some(true), ..KeyEdit::default() });
    let ring = ring([key(3).changed(&rotate, NOW).unwrap().changed(&off, NOW).unwrap()]);
    assert_eq!((opens(&ring, 3, NOW), opens(&ring, 30, NOW)), (None, None));
}
