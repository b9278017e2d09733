use super::*;
use crate::account::memory::Memory as Notes;
use policy::{KeyChange, KeyEdit, KeyWish, Secret};

const NOW: Instant = Instant::from_secs(1_800_000_000);

fn later(seconds: u64) -> Instant {
    NOW.after(Duration::from_secs(seconds))
}

fn secret(n: u8) -> Secret {
    Secret::new([n; 32])
}

fn key(n: u8, account: &str) -> ManagedKey {
    let wish = KeyWish {
        account: account.into(),
        name: "Ω 🔑".into(),
        user: Some("u".into()),
        plan: Some("pro".into()),
        expires: Some(later(1_000)),
    };
    ManagedKey::new(&wish, &secret(n), u64::from(n), NOW).unwrap()
}

/// Over the wire and back, as it goes between isolate and object.
fn ask(notes: &mut Notes, ask: &Ask, at: Instant) -> Told {
    let ask = serde_json::from_str(&serde_json::to_string(ask).unwrap()).unwrap();
    let told = serve(&ask, &mut &mut *notes, at).unwrap();
    serde_json::from_str(&serde_json::to_string(&told).unwrap()).unwrap()
}

fn found(notes: &mut Notes, secret: &Secret, at: Instant) -> Option<Kept> {
    ask(notes, &Ask::find(&secret.digest()), at).keys().pop()
}

#[test]
fn a_key_is_found_by_what_it_is_and_by_what_it_was() {
    let mut notes = Notes::default();
    let old = key(1, "alice");
    assert!(ask(&mut notes, &Ask::put(None, Some(&old)), NOW).done());
    assert_eq!(*found(&mut notes, &secret(1), NOW).unwrap().0, old, "all of it");
    assert!(found(&mut notes, &secret(2), NOW).is_none());
    let (digest, hint, overlap) = (secret(2).digest(), secret(2).hint(), Duration::from_secs(60));
    let new = old.changed(&KeyChange::Rotate { digest, hint, overlap }, NOW).unwrap();
    assert!(ask(&mut notes, &Ask::put(Some(&old), Some(&new)), NOW).done());
    for n in [1, 2] {
        assert_eq!(*found(&mut notes, &secret(n), NOW).unwrap().0, new);
    }
    // At the next change the old secret, whose time is over, leads nowhere any more.
    let edit = KeyEdit { name: Some("b".into()), ..KeyEdit::default() };
    let newer = new.changed(&KeyChange::Edit(edit), later(61)).unwrap();
    assert!(ask(&mut notes, &Ask::put(Some(&new), Some(&newer)), NOW).done());
    assert!(found(&mut notes, &secret(1), NOW).is_none());
    assert!(ask(&mut notes, &Ask::put(Some(&newer), None), NOW).done());
    assert!(notes.notes.is_empty(), "nothing is left of it: {:?}", notes.notes);
}

#[test]
fn of_two_changes_at_once_one_is_made() {
    let mut notes = Notes::default();
    let old = key(1, "alice");
    ask(&mut notes, &Ask::put(None, Some(&old)), NOW);
    assert!(!ask(&mut notes, &Ask::put(None, Some(&old)), NOW).done(), "it is there");
    let disabled = |disabled| KeyEdit { disabled: Some(disabled), ..KeyEdit::default() };
    let one = old.changed(&KeyChange::Edit(disabled(true)), NOW).unwrap();
    assert!(ask(&mut notes, &Ask::put(Some(&old), Some(&one)), NOW).done());
    assert!(!ask(&mut notes, &Ask::put(Some(&old), None), NOW).done(), "it is another by now");
    assert!(ask(&mut notes, &Ask::get(&one.id), NOW).keys().pop().unwrap().0.disabled);
}

#[test]
fn keys_are_listed_in_the_order_in_which_they_were_made_and_say_when_they_opened() {
    let mut notes = Notes::default();
    let keys: Vec<_> =
        (1..=5).map(|n| ManagedKey { id: format!("key_{n}").into(), ..key(n, "alice") }).collect();
    for key in keys.iter().rev() {
        ask(&mut notes, &Ask::put(None, Some(key)), NOW);
    }
    found(&mut notes, &secret(4), later(3_600));
    found(&mut notes, &secret(4), later(3_601));
    let page = ask(&mut notes, &Ask::list("key_2", 2), NOW).keys();
    let seen: Vec<_> = page.iter().map(|(key, used)| (&*key.id, *used)).collect();
    assert_eq!(seen[0], ("key_3", None));
    assert_eq!(seen[1].0, "key_4");
    assert!(seen[1].1.is_none(), "it expired before it was tried: that is no use of it");
    found(&mut notes, &secret(5), later(120));
    let page = ask(&mut notes, &Ask::list("key_4", 9), NOW).keys();
    assert_eq!(page[0].1, Some(later(120)));
    assert!(ask(&mut notes, &Ask::list("key_5", 9), NOW).keys().is_empty());
}

#[test]
fn an_isolate_believes_what_it_was_told_for_a_moment() {
    let mut memory = Memory::default();
    let key = Arc::new(key(1, "alice"));
    let (known, other) = (secret(1).digest(), secret(2).digest());
    assert_eq!(memory.holder(&known, NOW), Holder::Elsewhere);
    memory.learn(&known, Some(key.clone()), NOW);
    memory.learn(&other, None, NOW);
    assert_eq!(memory.holder(&known, later(29)), Holder::Known(key.caller()));
    assert_eq!(memory.holder(&known, later(30)), Holder::Elsewhere);
    assert_eq!(memory.holder(&other, later(2)), Holder::Nobody);
    assert_eq!(memory.holder(&other, later(3)), Holder::Elsewhere);
    memory.learn(&known, Some(key), later(990));
    assert_eq!(memory.holder(&known, later(1_000)), Holder::Nobody, "it ends when it ends");
    memory.forget();
    assert_eq!(memory.holder(&known, later(990)), Holder::Elsewhere);
}

#[test]
fn an_isolate_remembers_no_more_than_it_has_room_for() {
    let mut memory = Memory::default();
    for n in 0..10_000_u32 {
        memory.learn(&Digest::of(&n.to_string()), None, NOW);
        assert!(memory.0.len() <= REMEMBERED);
    }
}
