use super::*;

const NOON: Instant = Instant::from_secs(1_795_262_400);

fn usd(text: &str) -> Pico {
    text.parse().unwrap()
}

fn cap(limit: &str) -> Cap {
    Cap {
        budget: "tag:team=red/day".into(),
        from: NOON.day(),
        until: Some(NOON.next_day()),
        limit: usd(limit),
    }
}

fn hook(json: &str) -> Webhook {
    serde_json::from_str(json).unwrap()
}

#[test]
fn each_threshold_is_told_by_an_id_of_its_own_that_does_not_depend_on_when() {
    let alerts = Alerts { thresholds: vec![80, 50, 100, 50], ..Alerts::default() };
    let ids = |charged, limit, now| -> Vec<String> {
        let events = alerts.of_budget("acme", &cap(limit), usd(charged), now);
        events.into_iter().map(|event| event.id).collect()
    };
    assert!(ids("0", "10", NOON).is_empty() && ids("4.999999999", "10", NOON).is_empty());
    let half = ids("5", "10", NOON);
    assert_eq!(half.len(), 1);
    let all = ids("12", "10", NOON.after(Duration::from_secs(60)));
    assert_eq!(
        (all.len(), &all[..1]),
        (3, &half[..]),
        "the same thing is the same id, later and with more charged"
    );
    assert!(all.iter().all(|id| id.len() == 36 && id.starts_with("evt_")));
    assert!(ids("5", "0", NOON).is_empty(), "a budget of nothing has no parts");
    assert_ne!(ids("12", "20", NOON), half, "another limit is another crossing");
    assert!(ids("12", "10", NOON.next_day().after(LATE)).is_empty(), "long over");
    assert_eq!(ids("12", "10", NOON.next_day().after(Duration::from_secs(9))), all);
    let vast = Cap { limit: Pico(i128::MAX), ..cap("1") };
    assert!(alerts.of_budget("acme", &vast, Pico(i128::MAX / 2), NOON).len() < 4, "no overflow");
}

#[test]
fn what_is_told_says_which_budget_and_how_it_stands() {
    let event = Alerts::default().of_budget("acme", &cap("10"), usd("8.5"), NOON).pop().unwrap();
    let told: serde_json::Value = serde_json::from_str(&event.body).unwrap();
    assert_eq!(
        told,
        serde_json::json!({
            "type": "budget.threshold", "timestamp": NOON.rfc3339(), "data": {
                "account": "acme", "budget": "tag:team=red/day", "scope": "tag", "tag": "team=red", "window": "day",
                "window_start": NOON.day().rfc3339(), "window_end": NOON.next_day().rfc3339(),
                "limit_usd": "10.000000000", "percent": 80, "spent_usd": "8.500000000",
            }
        })
    );
}

#[test]
fn credit_is_told_of_again_after_it_was_filled_up() {
    let alerts = Alerts { credit_low_usd: Some(usd("5")), ..Alerts::default() };
    let id = |granted, left| alerts.of_credit("acme", usd(granted), usd(left), NOON).map(|event| event.id);
    assert_eq!(id("100", "5"), None);
    assert_eq!(id("100", "4"), id("100", "-1"));
    assert_ne!(id("100", "4"), id("150", "4"));
    assert!(Alerts::default().of_credit("acme", usd("1"), usd("0"), NOON).is_none());
}

#[test]
fn a_signature_is_what_the_standard_says() {
    // The example of the standard's reference implementations.
    let mut hook = hook(r#"{"url":"https://example.com","secret":"S"}"#);
    hook.unlock(&|_| Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into())).unwrap();
    let at = Instant::from_secs(1_614_265_330);
    let body = r#"{"test": 2432232314}"#;
    let signed = hook.signed("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body);
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    hook.unlock(&|_| Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into()))
        .unwrap();
    let both = hook.signed("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body);
    assert!(both.starts_with(&format!("{signed} v1,")), "{both}");
    assert!(!format!("{hook:?}").contains("MfKQ") && !serde_json::to_string(&hook).unwrap().contains("MfKQ"));
    for bad in ["", "short", "whsec_", "whsec_c2hvcnQ=", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw !"] {
        assert!(hook.unlock(&|_| Some(bad.into())).unwrap_err().starts_with("secret: S "), "{bad}");
    }
}

#[test]
fn a_webhook_hears_of_what_it_asked_for() {
    let threshold = &Alerts::default().of_budget("acme", &cap("10"), usd("5"), NOON)[0];
    let low = Event::credit_exhausted("other", usd("1"), usd("0"), usd("1"), NOON);
    for (more, wanted) in [
        ("", (true, true)),
        (r#","events":["budget.*"]"#, (true, false)),
        (r#","events":["credit.exhausted"]"#, (false, true)),
        (r#","accounts":["ac*"]"#, (true, false)),
        (r#","accounts":["other"],"events":["budget.*"]"#, (false, false)),
    ] {
        let hook = hook(&format!(r#"{{"url":"https://x.example","secret":"S"{more}}}"#));
        assert_eq!((hook.wants(threshold), hook.wants(&low)), wanted, "{more}");
    }
    let bad = hook(r#"{"url":"https://x.example","secret":"S","events":["budget.treshold"]}"#).faults();
    assert!(bad.len() == 1 && bad[0].starts_with("events:"), "{bad:?}");
}

#[test]
fn numbers_as_hosts_are_read_as_what_they_are() {
    for url in [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.0.0.1./",
        "https://0/",
        "https://1.2.3.0x4/",
        "https://010.8.8.8/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:8.8.8.8]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1]/",
        "https://[fd00:ec2::254]/",
        "https://[::127.0.0.1]/",
        "https://169.254.169.254/latest",
        "https://100.100.100.200/",
        "https://10.0.0.1/",
        "https://user@8.8.8.8/",
        "https://8.8.8.8@10.0.0.1/",
        "http://8.8.8.8/",
        "ftp://8.8.8.8/",
        "https:///x",
        "x",
        "https://[fe80::1%25eth0]/",
        "https://8.8.8.8:0/",
        "https://4294967296/",
    ] {
        assert!(Target::read(url, false).is_err(), "{url}");
    }
    for (url, host, port) in [
        ("https://8.8.8.8/x", Host::Address([8, 8, 8, 8].into()), 443),
        ("https://example.com:8443", Host::Name("example.com".into()), 8443),
        ("https://2130706433.example.com/", Host::Name("2130706433.example.com".into()), 443),
        ("https://[2606:4700::1111]/", Host::Address("2606:4700::1111".parse().unwrap()), 443),
    ] {
        let target = Target::read(url, false).unwrap();
        assert_eq!((target.host, target.port, target.secure), (host, port, true), "{url}");
    }
    let inside = Target::read("http://10.0.0.1/", true).unwrap();
    assert!(!inside.secure && inside.port == 80 && inside.may_reach([10, 0, 0, 1].into()));
    assert!(Target::read("https://2130706433/", true).is_err(), "nobody writes that who means well");
}

#[test]
fn only_the_internets_addresses_are_public() {
    for text in [
        "0.0.0.0",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::",
        "::1",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "::8.8.8.8",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:10::1",
        "2001:db8::1",
        "2002:808:808::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
    ] {
        assert!(!is_public(text.parse().unwrap()), "{text}");
    }
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "168.63.129.15",
        "2606:4700::1111",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2a00:1450::1",
    ] {
        assert!(is_public(text.parse().unwrap()), "{text}");
    }
}

#[test]
fn what_cannot_be_meant_is_named() {
    let alerts: Alerts = serde_json::from_str(
        r#"{"thresholds":[0],"credit_low_usd":"0","webhooks":{"ops":{"url":"http://x","secret":"S"}}}"#,
    )
    .unwrap();
    let faults = alerts.faults();
    let begins: Vec<&str> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
    assert_eq!(begins, ["thresholds", "credit_low_usd", "webhooks.ops.url"]);
    let mut alerts = alerts;
    assert!(alerts.is_on() && alerts.unlock(&|_| None)[0].starts_with("webhooks.ops.secret: S is not set"));
    assert!(serde_json::from_str::<Alerts>(r#"{"webhook":{}}"#).is_err());
}
