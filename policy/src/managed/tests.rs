use super::*;

const NOW: Instant = Instant::from_secs(1_795_219_200);
const HOUR: Duration = Duration::from_secs(3_600);

fn secret(byte: u8) -> Secret {
    Secret::new([byte; KEY_RANDOM])
}

fn wish() -> KeyWish {
    KeyWish { account: "acme".into(), name: "laptop".into(), ..KeyWish::default() }
}

fn key() -> ManagedKey {
    ManagedKey::new(&wish(), &secret(1), 7, NOW).unwrap()
}

fn rotated(key: &ManagedKey, byte: u8, overlap: Duration, now: Instant) -> Result<ManagedKey, BadKey> {
    let next = secret(byte);
    key.changed(&KeyChange::Rotate { digest: next.digest(), hint: next.hint(), overlap }, now)
}

#[test]
fn a_key_is_256_bits_and_is_kept_as_its_digest() {
    let made = Secret::new([0xab; KEY_RANDOM]);
    assert_eq!(made.text().len(), KEY_PREFIX.len() + 43);
    assert!(made.text().starts_with("wk_") && !made.text().contains('.'));
    let key = ManagedKey::new(&wish(), &made, 7, NOW).unwrap();
    assert_eq!(key.digest, Digest::of(made.text()));
    assert!(key.id.starts_with("key_") && crate::is_sane(&key.id), "{}", key.id);
    // Four characters of 43 are shown; nothing anywhere has more.
    assert_eq!(key.hint, format!("wk_…{}", &made.text()[made.text().len() - 4..]));
    let told = format!("{key:?}{made:?}{}", key.shown(None, NOW));
    assert!(!told.contains(&made.text()[3..40]), "{told}");
}

#[test]
fn ids_sort_by_time_and_differ() {
    let at = |secs, throw| ManagedKey::new(&wish(), &secret(1), throw, Instant::from_secs(secs)).unwrap().id;
    assert!(at(1_000, 9) < at(1_001, 1));
    assert_ne!(at(1_000, 1), at(1_000, 2));
}

#[test]
fn what_cannot_be_is_refused_by_its_field() {
    let with = |change: fn(&mut KeyWish)| {
        let mut wish = wish();
        change(&mut wish);
        ManagedKey::new(&wish, &secret(1), 7, NOW).map_err(|bad| bad.param)
    };
    assert_eq!(with(|w| w.account = String::new()), Err("account"));
    assert_eq!(with(|w| w.account = "local".into()), Err("account"));
    assert_eq!(with(|w| w.account = "a b".into()), Err("account"));
    assert_eq!(with(|w| w.account = "x".repeat(129)), Err("account"));
    assert!(with(|w| w.account = "alice+work@example.com".into()).is_ok());
    assert_eq!(with(|w| w.name = "a\nb".into()), Err("name"));
    assert!(with(|w| w.name = "'); DROP TABLE managed_key; --".into()).is_ok(), "a name is only a name");
    assert_eq!(with(|w| w.user = Some(String::new())), Err("user"));
    assert_eq!(with(|w| w.plan = Some("\u{7}".into())), Err("plan"));
    assert_eq!(with(|w| w.expires = Some(NOW)), Err("expires_at"));
}

#[test]
fn a_key_stands_as_its_operator_says() {
    let key = key();
    assert_eq!(key.standing(NOW), Standing::Active);
    let edit = |edit| key.changed(&KeyChange::Edit(edit), NOW).unwrap();
    let disabled = edit(KeyEdit { disabled: Some(true), ..KeyEdit::default() });
    assert_eq!(disabled.standing(NOW), Standing::Disabled);
    let enabled =
        disabled.changed(&KeyChange::Edit(KeyEdit { disabled: Some(false), ..KeyEdit::default() }), NOW);
    assert_eq!(enabled.unwrap(), key, "and nothing else changed");
    let ends = edit(KeyEdit { expires: Some(Some(NOW.after(HOUR))), ..KeyEdit::default() });
    assert_eq!(ends.standing(NOW), Standing::Active);
    assert_eq!(ends.standing(NOW.after(HOUR)), Standing::Expired);
    let named =
        edit(KeyEdit { name: Some("phone".into()), plan: Some(Some("pro".into())), ..KeyEdit::default() });
    assert_eq!((named.name.as_str(), named.plan.as_deref()), ("phone", Some("pro")));
    let plain =
        named.changed(&KeyChange::Edit(KeyEdit { plan: Some(None), ..KeyEdit::default() }), NOW).unwrap();
    assert_eq!(plain.caller().plan, None);
}

#[test]
fn an_old_secret_holds_for_the_overlap_and_no_more_than_four_do() {
    let key = key();
    let next = rotated(&key, 2, HOUR, NOW).unwrap();
    assert_eq!(next.digest, secret(2).digest());
    assert_eq!(next.former, [Former { digest: key.digest, hint: key.hint.clone(), until: NOW.after(HOUR) }]);
    let mut many = next.clone();
    for byte in 3..=5 {
        many = rotated(&many, byte, HOUR, NOW).unwrap();
    }
    assert_eq!(rotated(&many, 6, HOUR, NOW).unwrap_err().param, "overlap_s");
    assert_eq!(
        rotated(&many, 6, HOUR, NOW.after(HOUR)).unwrap().former.len(),
        1,
        "those that ended are gone"
    );
    assert!(
        rotated(&many, 6, Duration::ZERO, NOW).unwrap().former.is_empty(),
        "a key that leaked ends at once"
    );
    assert_eq!(rotated(&key, 6, OVERLAP_MAX * 2, NOW).unwrap_err().param, "overlap_s");
}
