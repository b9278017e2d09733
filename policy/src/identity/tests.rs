use super::*;
use crate::{Cors, KeySetting};
use http::{HeaderName, HeaderValue};

const HOME: Origin = Origin { loopback: true };
const AWAY: Origin = Origin { loopback: false };

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    list.iter()
        .map(|(k, v)| (HeaderName::try_from(*k).unwrap(), HeaderValue::try_from(*v).unwrap()))
        .collect()
}

fn keyed() -> Settings {
    let key = |key: &str, account: &str| KeySetting {
        sha256: Digest::of(key),
        account: account.into(),
        name: format!("{account}'s"),
    };
    Settings {
        keys: vec![key("wk_alice", "alice"), key("wk_bob", "bob")],
        admin_key_sha256: Some(Digest::of("operator")),
        ..Settings::default()
    }
}

fn who(
    settings: &Settings,
    list: &[(&str, &str)],
    query: Option<&str>,
    from: Origin,
) -> Result<String, Refused> {
    identify(settings, &headers(list), query, from, Instant::ZERO).map(|c| c.account)
}

#[test]
fn without_keys_only_this_machine_is_let_in() {
    let open = Settings::default();
    assert_eq!(who(&open, &[], None, HOME).unwrap(), "local");
    assert_eq!(who(&open, &[("authorization", "Bearer sk-whatever")], None, HOME).unwrap(), "local");
    assert_eq!(who(&open, &[], None, AWAY), Err(Refused::Missing));
    assert_eq!(who(&open, &[("x-api-key", "wk_x")], None, AWAY), Err(Refused::Unknown));
    let shut = Settings { loopback_open: false, ..open };
    assert_eq!(who(&shut, &[], None, HOME), Err(Refused::Missing));
}

#[test]
fn a_key_is_found_wherever_it_is_sent() {
    let settings = keyed();
    for (list, query) in [
        (vec![("authorization", "Bearer wk_bob")], None),
        (vec![("authorization", "bearer  wk_bob")], None),
        (vec![("x-api-key", "wk_bob")], None),
        (vec![("x-goog-api-key", "wk_bob")], None),
        (vec![("xi-api-key", "wk_bob")], None),
        (vec![], Some("alt=sse&key=wk_bob")),
    ] {
        for from in [HOME, AWAY] {
            assert_eq!(who(&settings, &list, query, from).unwrap(), "bob", "{list:?} {query:?}");
        }
    }
    assert_eq!(who(&settings, &[("x-api-key", "wk_alice")], None, AWAY).unwrap(), "alice");
}

#[test]
fn with_keys_nobody_comes_in_without_one() {
    let settings = keyed();
    assert_eq!(who(&settings, &[], None, HOME), Err(Refused::Missing));
    for bad in ["wk_carol", "wk_bo", "wk_bob2", "WK_BOB", ""] {
        let refused = who(&settings, &[("x-api-key", bad)], None, HOME).unwrap_err();
        assert_eq!(refused.status(), 401, "{bad}");
        assert!(bad.is_empty() || !refused.to_string().contains(bad), "the key is not repeated");
    }
    assert_eq!(who(&settings, &[("authorization", "Basic wk_bob")], None, HOME), Err(Refused::Missing));
}

#[test]
fn the_operator_is_known_by_the_admin_key() {
    let settings = keyed();
    let asks = headers(&[("authorization", "Bearer operator")]);
    assert!(is_admin(&settings, &asks, None));
    assert!(identify(&settings, &asks, None, AWAY, Instant::ZERO).unwrap().admin);
    assert!(!is_admin(&settings, &headers(&[("authorization", "Bearer wk_bob")]), None));
    assert!(!is_admin(&Settings::default(), &asks, None), "no admin key configured, no operator");
}

#[test]
fn a_web_page_cannot_use_the_open_door() {
    let mut settings = Settings::default();
    let page = [("host", "127.0.0.1:8787"), ("origin", "https://evil.example")];
    assert!(matches!(who(&settings, &page, None, HOME), Err(Refused::ForeignPage { .. })));
    let rebound = [("host", "evil.example:8787")];
    assert!(matches!(who(&settings, &rebound, None, HOME), Err(Refused::ForeignHost { .. })));
    for fine in
        ["localhost", "localhost:8787", "127.0.0.1", "127.9.9.9:1", "[::1]:8787", "[::1]", "a.localhost"]
    {
        assert_eq!(who(&settings, &[("host", fine)], None, HOME).unwrap(), "local", "{fine}");
    }
    let own_page = [("host", "localhost:8787"), ("origin", "http://localhost:8787")];
    assert_eq!(who(&settings, &own_page, None, HOME).unwrap(), "local");
    settings.cors = Cors { origins: vec!["https://evil.example".into()], credentials: false };
    settings.loopback_hosts = vec!["evil.example".into()];
    assert_eq!(who(&settings, &page, None, HOME).unwrap(), "local");
    assert_eq!(who(&settings, &rebound, None, HOME).unwrap(), "local");
}

#[test]
fn secrets_are_not_printed() {
    let headers = headers(&[("x-api-key", "wk_secret")]);
    assert!(!format!("{:?}", Credential::of(&headers, None)).contains("secret"));
    assert!(!format!("{:?}", keyed()).contains("wk_"));
}

/// What a request is, where there are keys outside the configuration.
fn beside(settings: &Settings, list: &[(&str, &str)], from: Origin) -> Result<String, Refused> {
    claim(settings, &headers(list), None, from, Instant::ZERO, true).map(|claim| match claim {
        Claim::Caller(caller) => caller.account,
        Claim::Key(digest) => format!("{digest:?}"),
        Claim::Token(_) => "a token".into(),
    })
}

#[test]
fn a_key_that_the_configuration_does_not_know_is_asked_for_elsewhere() {
    let settings = keyed();
    let bearer = [("authorization", "Bearer wk_carol")];
    assert_eq!(beside(&settings, &bearer, AWAY).unwrap(), format!("{:?}", Digest::of("wk_carol")));
    assert_eq!(beside(&settings, &[("x-api-key", "wk_bob")], AWAY).unwrap(), "bob");
    assert_eq!(beside(&settings, &[("x-api-key", "operator")], AWAY).unwrap(), "local");
    // One key anywhere shuts the open door.
    let open = Settings::default();
    assert_eq!(beside(&open, &[], HOME), Err(Refused::Missing));
    assert_eq!(beside(&open, &bearer, HOME).unwrap(), format!("{:?}", Digest::of("wk_carol")));
}

const SAYS: (&str, &str) = ("x-user-email", "Alice@Example.com");

#[test]
fn the_word_of_a_gateway_counts_only_where_that_is_configured() {
    // Anybody can write a header. It neither opens nor changes anything.
    for settings in [Settings { loopback_open: false, ..Settings::default() }, keyed()] {
        assert_eq!(who(&settings, &[SAYS], Some("email=alice@example.com"), HOME), Err(Refused::Missing));
    }
    assert_eq!(who(&keyed(), &[SAYS, ("x-api-key", "wk_bob")], None, AWAY).unwrap(), "bob");
    assert_eq!(who(&Settings::default(), &[SAYS], None, HOME).unwrap(), "local");

    let trusting = Settings { trust_gateway: true, ..Settings::default() };
    assert_eq!(who(&trusting, &[SAYS], None, AWAY).unwrap(), "alice@example.com");
    assert_eq!(
        who(&trusting, &[], Some("a=b&email=alice%40example.com"), AWAY).unwrap(),
        "alice@example.com"
    );
    assert_eq!(who(&trusting, &[SAYS], Some("email=ALICE@example.com"), AWAY).unwrap(), "alice@example.com");
    assert_eq!(who(&trusting, &[], None, HOME), Err(Refused::Missing), "nobody is somebody without a word");
    for (list, query) in [
        (vec![SAYS], Some("email=bob@example.com")),
        (vec![("x-user-email", "")], None),
        (vec![("x-user-email", "local")], None),
        (vec![("x-user-email", "a@b@c")], None),
        (vec![("x-user-email", "@example.com")], None),
        (vec![("x-user-email", "a b@example.com")], None),
        (vec![], Some("email=%zz@x")),
        (vec![], Some("email=%ff%fe@x")),
        (vec![], Some("email=")),
    ] {
        assert_eq!(who(&trusting, &list, query, HOME), Err(Refused::Email), "{list:?} {query:?}");
    }
    let mut twice = headers(&[SAYS]);
    twice.append("x-user-email", HeaderValue::from_static("bob@example.com"));
    assert_eq!(identify(&trusting, &twice, None, HOME, Instant::ZERO), Err(Refused::Email));
}

#[test]
fn a_bad_key_is_not_made_good_by_the_word_of_a_gateway() {
    let both = Settings { trust_gateway: true, ..keyed() };
    assert_eq!(who(&both, &[SAYS, ("x-api-key", "wk_carol")], None, AWAY), Err(Refused::Unknown));
    assert_eq!(who(&both, &[SAYS, ("x-api-key", "wk_bob")], None, AWAY).unwrap(), "bob");
    assert_eq!(who(&both, &[SAYS], None, AWAY).unwrap(), "alice@example.com");
    // Where nobody here has a key, what an SDK insists on sending is none.
    let trusting = Settings { trust_gateway: true, ..Settings::default() };
    assert_eq!(who(&trusting, &[SAYS, ("x-api-key", "sk-x")], None, AWAY).unwrap(), "alice@example.com");
    assert!(!identify(&both, &headers(&[SAYS]), None, AWAY, Instant::ZERO).unwrap().admin);
}
