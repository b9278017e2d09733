use super::*;
use crate::jose::encoded;
use crate::{Caller, Claim, Origin, Refused, Settings, claim};
use http::{HeaderMap, HeaderValue};
use serde_json::json;

const NOW: u64 = 1_795_219_200;
const HEAD: &str = r#"{"alg":"RS256","typ":"JWT","kid":"one"}"#;

fn key(kid: &str, byte: u8) -> PublicKey {
    PublicKey { kid: kid.into(), n: [vec![0x80], vec![byte; 255]].concat(), e: vec![1, 0, 1] }
}

fn token(head: &str, payload: &str) -> String {
    format!("{}.{}.{}", encoded(head), encoded(payload), encoded([7; 256]))
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "weir", "iat": NOW, "exp": NOW + 60, "sub": "u-1", "email": "Alice@Example.com"})
}

/// With what is there replaced, added, or (null) taken away.
fn but(change: Value) -> String {
    let mut all = claims();
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            all.as_object_mut().unwrap().remove(name);
        } else {
            all[name] = value.clone();
        }
    }
    token(HEAD, &all.to_string())
}

fn setting(more: Value) -> JwtSetting {
    let mut all =
        json!({"issuer": "https://id.example", "audience": "weir", "jwks_url": "https://id.example/jwks"});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(all).unwrap()
}

/// As if the signature were good: what it says is judged here, who signed it elsewhere.
fn caller(setting: &JwtSetting, token: &str) -> Result<Caller, BadToken> {
    let claims = Token::read(token)?.claims(&setting.rules(), Instant::from_secs(NOW))?;
    setting.caller(&claims)
}

fn why(token: &str) -> Option<BadToken> {
    caller(&setting(json!({})), token).err()
}

fn bad(name: &str) -> Option<BadToken> {
    Some(BadToken::Claim(name.into()))
}

#[test]
fn a_token_says_who_is_calling() {
    let told = caller(&setting(json!({"plan": "tier"})), &but(json!({"tier": "pro"}))).unwrap();
    assert_eq!((told.account.as_str(), told.plan.as_deref()), ("alice@example.com", Some("pro")));
    assert_eq!((told.key.as_deref(), told.admin), (Some("jwt"), false));
    // The first claim that is there, in the order that is configured; what stands before it is the operator's.
    for (setting_json, change, account) in [
        (json!({}), json!({"email": null}), "u-1"),
        (json!({}), json!({"email": null, "em": "Bob@x.example"}), "bob@x.example"),
        (json!({"account": ["sub"]}), json!({}), "u-1"),
        (json!({"account": ["org", "sub"], "account_prefix": "acme:"}), json!({"org": "R.D"}), "acme:R.D"),
    ] {
        assert_eq!(caller(&setting(setting_json), &but(change)).unwrap().account, account);
    }
    let plain = caller(&setting(json!({})), &but(json!({"plan": "enterprise"}))).unwrap();
    assert_eq!(plain.plan, None, "a plan counts only where the operator says which claim it is");
}

#[test]
fn a_header_chooses_nothing_but_a_key() {
    let payload = claims().to_string();
    for head in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None","kid":"one"}"#,
        r#"{"alg":"HS256","kid":"one"}"#,
        r#"{"alg":"RS512","kid":"one"}"#,
        r#"{"alg":"PS256","kid":"one"}"#,
        r#"{"alg":"ES256","kid":"one"}"#,
        r#"{"alg":"rs256","kid":"one"}"#,
        r#"{"alg":["RS256"],"kid":"one"}"#,
        r#"{"alg":null}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":"RS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"RS256","typ":"JWE"}"#,
        r#"{"alg":"RS256","typ":"logout+jwt"}"#,
    ] {
        assert_eq!(Token::read(&token(head, &payload)).err(), Some(BadToken::Algorithm), "{head}");
    }
    for head in [r#"{"alg":"none","alg":"RS256"}"#, r#"{"alg":"RS256","a\u006cg":"none"}"#, "[]", "7", ""] {
        assert_eq!(Token::read(&token(head, &payload)).err(), Some(BadToken::Malformed), "{head}");
    }
    for typ in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        assert!(
            Token::read(&token(&format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#), &payload)).is_ok(),
            "{typ}"
        );
    }
    // Keys that a token brings along, or says where to find, are none of ours.
    let keys = [key("one", 1), key("two", 2)];
    let of = |head: &str| {
        let token = token(head, &payload);
        Token::read(&token).map(|token| token.key(&keys).map(|key| key.kid.clone()))
    };
    assert_eq!(of(HEAD).unwrap().as_deref(), Some("one"));
    let brought =
        r#"{"alg":"RS256","jwk":{"kty":"RSA","n":"AQAB","e":"AQAB"},"jku":"https://evil.example/jwks"}"#;
    assert_eq!(of(brought).unwrap(), None);
    assert_eq!(of(r#"{"alg":"RS256","kid":"../../one"}"#).unwrap(), None);
    assert_eq!(of(r#"{"alg":"RS256","kid":7}"#).err(), Some(BadToken::UnknownKey));
    let nameless = token(r#"{"alg":"RS256"}"#, &payload);
    let nameless = Token::read(&nameless).unwrap();
    assert!(
        nameless.key(&keys).is_none() && nameless.key(&keys[..1]).is_some() && nameless.key(&[]).is_none()
    );
}

#[test]
fn one_token_has_one_text() {
    let whole = but(json!({}));
    for end in 0..whole.len() {
        // What is cut within its signature can still be read; the signature is then too short to be good.
        let cut = Token::read(&whole[..end]);
        assert!(cut.is_err() || cut.is_ok_and(|token| token.signature().len() < 256), "cut at {end}");
    }
    let [head, payload, signature] =
        parts(whole.as_bytes()).unwrap().map(|p| String::from_utf8_lossy(p).into_owned());
    for odd in [
        format!("{whole}="),
        format!("{whole}."),
        format!(".{whole}"),
        format!("{head}.{payload}"),
        format!(" {whole}"),
        format!("{head}.{payload}.{signature}+/"),
        format!("{head}==.{payload}.{signature}"),
        // Unused bits that are not zero: of 256 bytes the last character carries four.
        format!("{head}.{payload}.{}x", &signature[..signature.len() - 1]),
        String::new(),
        "..".into(),
    ] {
        assert_eq!(Token::read(&odd).err(), Some(BadToken::Malformed), "{odd}");
    }
    for huge in [TOKEN_MAX + 1, 1 << 20] {
        let long = format!("{whole}{}", "A".repeat(huge - whole.len()));
        assert_eq!(Token::read(&long).err(), Some(BadToken::TooLong));
    }
    let deep = token(HEAD, &"[".repeat(5_000));
    assert_eq!(why(&deep), Some(BadToken::Malformed), "nested too deep");
}

#[test]
fn a_token_holds_for_its_time_and_no_longer() {
    for (change, then) in [
        (json!({"exp": NOW + 1}), None),
        (json!({"exp": NOW - 29}), None),
        (json!({"exp": NOW - 30}), Some(BadToken::Expired)),
        (json!({"exp": 0}), Some(BadToken::Expired)),
        (json!({"exp": null}), bad("exp")),
        (json!({"exp": "1795219260"}), bad("exp")),
        (json!({"exp": 1_795_219_260.5}), bad("exp")),
        (json!({"exp": -1}), bad("exp")),
        (json!({"nbf": NOW + 30}), None),
        (json!({"nbf": NOW + 31}), Some(BadToken::Early)),
        (json!({"iat": NOW + 31}), Some(BadToken::Early)),
        (json!({"iat": u64::MAX}), Some(BadToken::Early)),
        (json!({"iat": null}), None),
        (json!({"nbf": true}), bad("nbf")),
    ] {
        assert_eq!(why(&but(change.clone())), then, "{change}");
    }
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    for (change, then) in [
        (json!({"aud": ["other", "weir"]}), None),
        (json!({"aud": "other"}), Some(BadToken::Audience)),
        (json!({"aud": null}), Some(BadToken::Audience)),
        (json!({"aud": ["Weir", 1]}), Some(BadToken::Audience)),
        (json!({"iss": "https://id.example/"}), Some(BadToken::Issuer)),
        (json!({"iss": "weir"}), Some(BadToken::Issuer)),
        (json!({"iss": null}), Some(BadToken::Issuer)),
        (json!({"iss": ["https://id.example"]}), Some(BadToken::Issuer)),
    ] {
        assert_eq!(why(&but(change.clone())), then, "{change}");
    }
}

#[test]
fn an_account_is_a_name_and_never_the_operators() {
    for account in ["", "a b", "a/b", "a\nb", "zoë@example.com", "<x>@y.example", &"x".repeat(129)] {
        assert_eq!(why(&but(json!({"email": account}))), bad("email"), "{account:?}");
    }
    for odd in [json!(7), json!(["a@b.example"]), json!({"a": 1})] {
        assert_eq!(why(&but(json!({"email": odd}))), bad("email"), "no other claim takes its place");
    }
    assert_eq!(why(&but(json!({"email": null, "sub": "local"}))), bad("account"));
    assert!(matches!(why(&but(json!({"email": null, "sub": null}))), Some(BadToken::Nobody(_))));
    // Whoever can write any address into his profile is not that address.
    for unverified in [json!(false), json!("false")] {
        assert_eq!(why(&but(json!({"email_verified": unverified}))), bad("email_verified"));
    }
    assert_eq!(why(&but(json!({"email_verified": true}))), None);
}

#[test]
fn a_claim_that_stands_twice_is_refused() {
    let base = claims().to_string();
    for twice in [
        base.replacen('{', r#"{"email":"victim@example.com","#, 1),
        base.replacen('{', r#"{"em\u0061il":"victim@example.com","#, 1),
        format!(r#"{},"exp":99999999999}}"#, base.trim_end_matches('}')),
    ] {
        assert_eq!(why(&token(HEAD, &twice)), Some(BadToken::Malformed), "{twice}");
    }
}

#[test]
fn published_keys_are_read_and_others_passed_over() {
    let n = encoded([vec![0x80], vec![1; 255]].concat());
    let jwk = |more: &str| format!(r#"{{"kty":"RSA","kid":"one","n":"{n}","e":"AQAB"{more}}}"#);
    let set = |keys: &[String]| format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    let good = read_jwks(set(&[jwk(r#","use":"sig","alg":"RS256","x5c":["…"]"#)]).as_bytes()).unwrap();
    assert_eq!(good, [key("one", 1)]);
    // What is for something else is no key of ours.
    let ec = r#"{"kty":"EC","kid":"ec","crv":"P-256","x":"AA","y":"AA"}"#.to_owned();
    let others = [ec, jwk(r#","use":"enc""#), jwk(r#","alg":"RS512""#), jwk(r#","key_ops":["encrypt"]"#)];
    assert!(read_jwks(set(&others).as_bytes()).is_err());
    let mut mixed = others.to_vec();
    mixed.push(jwk(r#","key_ops":["verify"]"#));
    assert_eq!(read_jwks(set(&mixed).as_bytes()).unwrap().len(), 1);
    // The classic confusion has a public key taken for a shared secret: such keys are not even read.
    let secret = r#"{"kty":"oct","kid":"one","k":"c2VjcmV0"}"#.to_owned();
    for (odd, says) in [
        (set(&[secret]), "private or secret"),
        (set(&[jwk(r#","d":"AQAB""#)]), "private"),
        (set(&[jwk("").replace(&n, "AQAB")]), "bits"),
        (set(&[jwk("").replace(&n, &encoded([0x80; 1_200]))]), "bits"),
        (set(&[jwk("").replace("\"AQAB\"", "\"Aw\"")]), "exponent"),
        (set(&[jwk("").replace("\"AQAB\"", "\"AQAC\"")]), "exponent"),
        (set(&[jwk("").replace("\"AQAB\"", "\"AQ==\"")]), "base64url"),
        (set(&[]), "no RSA key"),
        ("{}".into(), "no list"),
        ("[".into(), "no JSON"),
        (set(&vec![jwk(""); 65]), "more than"),
        (" ".repeat(JWKS_MAX + 1), "larger"),
    ] {
        let why = read_jwks(odd.as_bytes()).unwrap_err();
        assert!(why.contains(says), "{says}: {why}");
    }
}

/// RFC 7638, 3.1: the example of the standard.
#[test]
fn a_key_is_named_by_its_thumbprint() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
             tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajr\
             n1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let key = PublicKey::named_by_itself(decoded(n).unwrap(), vec![0, 1, 0, 1]).unwrap();
    assert_eq!(key.kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let there = document([&key]).to_string();
    assert_eq!(read_jwks(there.as_bytes()).unwrap(), [key]);
}

fn signing(more: Value) -> SigningSetting {
    serde_json::from_value(more).unwrap()
}

#[test]
fn a_guest_has_a_name_and_an_account_of_his_own() {
    let now = Instant::from_secs(NOW);
    let setting = signing(json!({"guest": {"plan": "trial", "account_prefix": "g:"}}));
    let (subject, unsigned) = guest(&setting, "one", [9; 16], now).unwrap();
    assert!(subject.starts_with("guest_") && unsigned.expires == Instant::from_secs(NOW + 3_600));
    let text = unsigned.signed(&[7; 256]);
    let claims = Token::read(&text).unwrap().claims(&setting.rules(), now).unwrap();
    let told = setting.caller(&claims).unwrap();
    assert_eq!(told.account, format!("g:{subject}"));
    assert_eq!(
        (told.plan.as_deref(), told.user.as_deref(), told.admin),
        (Some("trial"), Some(subject.as_str()), false)
    );
    assert_eq!(
        Token::read(&text).unwrap().claims(&setting.rules(), Instant::from_secs(NOW + 3_630)).err(),
        Some(BadToken::Expired)
    );
    let (plain, unsigned) = guest(&signing(json!({"guest": {}})), "one", [8; 16], now).unwrap();
    let text = unsigned.signed(&[7; 256]);
    let claims = Token::read(&text).unwrap().claims(&setting.rules(), now).unwrap();
    assert_eq!(setting.caller(&claims).unwrap().account, plain);
    assert!(guest(&signing(json!({})), "one", [9; 16], now).is_none(), "off without a word");
}

#[test]
fn the_operator_says_what_a_token_says_but_for_what_is_weirs() {
    let setting = signing(json!({}));
    let made = |claims: &str, life| asked_for(&setting, "one", claims, life, Instant::from_secs(NOW));
    let text = made(r#"{"account":"acme","sub":"u-1","roles":["a"]}"#, Some(60)).unwrap().signed(&[7; 256]);
    let claims = Token::read(&text).unwrap().claims(&setting.rules(), Instant::from_secs(NOW)).unwrap();
    let told = setting.caller(&claims).unwrap();
    assert_eq!((told.account.as_str(), told.user.as_deref()), ("acme", Some("u-1")));
    assert_eq!(claims.to_value()["roles"], json!(["a"]));
    for (claims, life, claim) in [
        (r#"{"sub":"a","iss":"other"}"#, None, "iss"),
        (r#"{"sub":"a","exp":1}"#, None, "exp"),
        (r#"{"sub":"a","nbf":"soon"}"#, None, "nbf"),
        (r#"{"sub":"a"}"#, Some(0), "expires_in_s"),
        (r#"{"sub":"a"}"#, Some(86_401), "expires_in_s"),
        (r#"{"sub":"local"}"#, None, "claims"),
        (r#"{"x":"a"}"#, None, "claims"),
        (r#"{"sub":"a","sub":"b"}"#, None, "claims"),
        ("[]", None, "claims"),
    ] {
        assert_eq!(made(claims, life).err().map(|bad| bad.claim).as_deref(), Some(claim), "{claims}");
    }
    let long = format!(r#"{{"sub":"a","x":"{}"}}"#, "y".repeat(TOKEN_MAX));
    assert!(made(&long, None).is_err());
}

fn asks(settings: &Settings, list: &[(&'static str, &str)]) -> Result<String, Refused> {
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let home = Origin { loopback: true };
    claim(settings, &headers, None, home, Instant::from_secs(NOW), false).map(|claim| match claim {
        Claim::Caller(caller) => caller.account,
        Claim::Key(_) => "a key".into(),
        Claim::Token(_) => "a token".into(),
    })
}

#[test]
fn tokens_are_looked_for_only_where_they_are_taken() {
    let bearer = format!("Bearer {}", but(json!({})));
    let open = Settings::default();
    assert_eq!(asks(&open, &[("authorization", &bearer)]).unwrap(), "local", "some SDK's key");
    let taken = Settings { jwt: Some(setting(json!({}))), ..Settings::default() };
    assert_eq!(asks(&taken, &[("authorization", &bearer)]).unwrap(), "a token");
    assert_eq!(asks(&taken, &[("x-api-key", &bearer[7..])]).unwrap(), "a token");
    assert_eq!(asks(&taken, &[]), Err(Refused::Missing), "and the open door is shut");
    assert_eq!(asks(&taken, &[("authorization", "Bearer wk_x")]), Err(Refused::Unknown));
    let ours = Settings { signing: Some(signing(json!({}))), ..Settings::default() };
    assert_eq!(asks(&ours, &[]), Err(Refused::Missing));
}

#[test]
fn settings_that_cannot_be_say_so() {
    let faults = |jwt: Option<JwtSetting>, signing: Option<SigningSetting>| {
        Settings { jwt, signing, ..Settings::default() }.faults()
    };
    for (more, count) in [
        (json!({}), 0),
        (json!({"jwks_url": null}), 1),
        (json!({"jwks_url": "http://id.example/jwks"}), 1),
        (json!({"jwks_url": "http://127.0.0.1:9/jwks"}), 0),
        (json!({"jwks_url": "file:///etc/passwd"}), 1),
        (json!({"jwks_url": null, "jwks": "{}"}), 1),
        (json!({"issuer": "", "audience": "", "leeway_s": 301}), 2),
        (json!({"account": []}), 1),
        (json!({"account_prefix": "a b"}), 1),
    ] {
        assert_eq!(faults(Some(setting(more.clone())), None).len(), count, "{more}");
    }
    for (more, count) in [
        (json!({}), 0),
        (json!({"keys": []}), 1),
        (json!({"keys": ["A", "B", "C", "D", "E"]}), 1),
        (json!({"issuer": "", "life_max_s": 0}), 2),
        (json!({"guest": {"life_s": 0}}), 1),
        (json!({"guest": {"life_s": 86_401}}), 1),
        (json!({"guest": {"account_prefix": "a/b", "plan": "\n"}}), 2),
    ] {
        assert_eq!(faults(None, Some(signing(more.clone()))).len(), count, "{more}");
    }
    let both = faults(Some(setting(json!({"issuer": "weir"}))), Some(signing(json!({}))));
    assert_eq!(both.len(), 1, "two issuers by one name: {both:?}");
}

#[test]
fn a_private_key_is_looked_up_and_never_shown() {
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", "QUJD".repeat(16));
    let mut setting = signing(json!({"keys": ["ONE", "NEXT"]}));
    assert_eq!(setting.unlock(&|_| None).len(), 2);
    let one_line = pem.replace('\n', "\\n");
    let secret = |name: &str| Some(if name == "ONE" { pem.clone() } else { one_line.clone() });
    assert_eq!(setting.unlock(&secret), Vec::<String>::new());
    assert_eq!(setting.secrets().len(), 2);
    assert_eq!(setting.secrets()[0].pkcs8(), "ABC".repeat(16).as_bytes());
    assert_eq!(setting.secrets()[0].pkcs8(), setting.secrets()[1].pkcs8());
    let shown = format!("{setting:?}{}", serde_json::to_string(&setting).unwrap());
    assert!(!shown.contains("ABC") && !shown.contains("QUJD"), "{shown}");
    for (text, says) in [
        ("-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----", "PKCS#1"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2", "password"),
        ("-----BEGIN PUBLIC KEY-----\nhunter2", "public"),
        ("-----BEGIN PRIVATE KEY-----\nhunter2", "cut off"),
        ("-----BEGIN PRIVATE KEY-----\nhunter?\n-----END PRIVATE KEY-----", "base64"),
        ("hunter2", "PEM"),
    ] {
        let faults = signing(json!({"keys": ["ONE"]})).unlock(&|_| Some(text.into()));
        assert!(faults.len() == 1 && faults[0].contains(says) && !faults[0].contains("hunter"), "{faults:?}");
    }
}
