use super::*;
use crate::identity::identify;
use crate::{Origin, Settings};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use serde_json::{Value, json};

const NOW: u64 = 1_795_219_200;
const FIRST: &str = "the first secret, of 32 bytes and more";
const SECOND: &str = "the second secret, which replaces it";
const HEAD: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn settings() -> Settings {
    let text = r#"{"context": {"secrets": ["NOW", "NEXT"], "issuer": "gateway"}}"#;
    let mut settings: Settings = serde_json::from_str(text).unwrap();
    let secrets = |name: &str| Some(if name == "NOW" { FIRST } else { SECOND }.to_owned());
    assert_eq!(settings.unlock(&secrets), Vec::<String>::new());
    assert_eq!(settings.faults(), Vec::<String>::new());
    settings
}

fn claims() -> Value {
    json!({"iss": "gateway", "aud": "weir", "iat": NOW, "exp": NOW + 60, "tenant": "acme", "user": "Zoë", "plan": "pro"})
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn signed(secret: &str, head: &str, payload: &str) -> String {
    let text = format!("{}.{}", encoded(head), encoded(payload));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", encoded(mac.finalize().into_bytes()))
}

fn token(claims: &Value) -> String {
    signed(FIRST, HEAD, &claims.to_string())
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
    token(&all)
}

fn asks(settings: &Settings, list: &[(&'static str, &str)]) -> Result<Caller, Refused> {
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    identify(settings, &headers, None, Origin { loopback: true }, Instant::from_secs(NOW))
}

fn why(token: &str) -> Option<BadContext> {
    match asks(&settings(), &[(CONTEXT_HEADER, token)]) {
        Ok(_) => None,
        Err(Refused::Context(bad)) => Some(bad),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_signed_context_is_the_caller() {
    let settings = settings();
    let token = token(&claims());
    for list in [
        vec![(CONTEXT_HEADER, token.clone())],
        vec![("authorization", format!("Bearer {token}"))],
        vec![("authorization", format!("bearer  {token} "))],
        // What the gateway vouches for comes before what its client happened to send.
        vec![(CONTEXT_HEADER, token.clone()), ("authorization", "Bearer sk-other".into())],
    ] {
        let list: Vec<(&str, &str)> = list.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let caller = asks(&settings, &list).unwrap();
        assert_eq!((caller.account.as_str(), caller.user.as_deref()), ("acme", Some("Zoë")), "{list:?}");
        assert_eq!(
            (caller.plan.as_deref(), caller.key.as_deref(), caller.admin),
            (Some("pro"), Some("context"), false)
        );
    }
}

/// RFC 7515, A.1: the example of HS256 from the standard, so that both sides are not wrong in the same way.
#[test]
fn the_standards_own_example_verifies() {
    let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
                 cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let [_, _, signature] = parts(token.as_bytes()).unwrap();
    let signed = &token[..token.rfind('.').unwrap()];
    let mut mac = Hmac::<Sha256>::new_from_slice(&URL_SAFE_NO_PAD.decode(key).unwrap()).unwrap();
    mac.update(signed.as_bytes());
    assert!(mac.verify_slice(&decoded(signature).unwrap()).is_ok());
}

#[test]
fn either_of_two_secrets_will_do_and_no_third() {
    let payload = claims().to_string();
    assert_eq!(why(&signed(FIRST, HEAD, &payload)), None);
    assert_eq!(why(&signed(SECOND, HEAD, &payload)), None);
    assert_eq!(
        why(&signed("some other secret of 32 bytes and more", HEAD, &payload)),
        Some(BadContext::Signature)
    );
    assert_eq!(why(&signed("", HEAD, &payload)), Some(BadContext::Signature));
}

#[test]
fn a_header_chooses_nothing() {
    let payload = claims().to_string();
    for head in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None","typ":"JWT"}"#,
        r#"{"alg":"RS256","typ":"JWT"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":null}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","typ":"JWE"}"#,
    ] {
        // Properly signed by us all the same: not even then.
        assert_eq!(why(&signed(FIRST, head, &payload)), Some(BadContext::Algorithm), "{head}");
    }
    for head in [r#"{"alg":"none","alg":"HS256"}"#, r#"{"alg":"HS256","a\u006cg":"none"}"#, "[]", "7", ""] {
        assert_eq!(why(&signed(FIRST, head, &payload)), Some(BadContext::Malformed), "{head}");
    }
    let unsigned = format!("{}.{}.", encoded(r#"{"alg":"none"}"#), encoded(&payload));
    assert_eq!(why(&unsigned), Some(BadContext::Signature));
    // A public key taken for the secret is the classic confusion of RS256 with HS256; no public key is a secret here.
    let confused = signed("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0B", HEAD, &payload);
    assert_eq!(why(&confused), Some(BadContext::Signature));
}

#[test]
fn a_token_that_was_touched_is_refused() {
    let whole = token(&claims());
    for end in 0..whole.len() {
        assert!(why(&whole[..end]).is_some(), "cut at {end}");
    }
    for place in 0..whole.len() {
        let mut bytes = whole.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let touched = String::from_utf8(bytes).unwrap();
        assert!(why(&touched).is_some(), "changed at {place}");
    }
    let [head, payload, signature] =
        parts(whole.as_bytes()).unwrap().map(|p| String::from_utf8_lossy(p).into_owned());
    for odd in [
        format!("{whole}="),
        format!("{whole}."),
        format!(".{whole}"),
        format!("{head}.{payload}"),
        format!("{head}..{signature}"),
        format!("{head}.{payload}.{signature}.{signature}"),
        format!("{head}.{payload}.{signature}{signature}"),
        format!(" {whole}"),
        format!("Bearer {whole}"),
        String::new(),
        "…".into(),
        ".".repeat(9),
        format!("{whole}{}", "A".repeat(LONGEST)),
    ] {
        assert!(why(&odd).is_some(), "{odd}");
    }
    // The other alphabet of base64, and unused bits that are not zero, would be second texts of one token.
    let swapped = whole.replace('-', "+").replace('_', "/");
    assert!(swapped == whole || why(&swapped).is_some());
    let last = whole.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.chars().nth(alphabet.find(last).unwrap() ^ 1).unwrap();
    assert_eq!(why(&format!("{}{next}", &whole[..whole.len() - 1])), Some(BadContext::Malformed));
}

#[test]
fn a_token_holds_for_its_time_and_no_longer() {
    for (change, then) in [
        (json!({"exp": NOW + 1}), None),
        (json!({"exp": NOW - 29}), None),
        (json!({"exp": NOW - 30}), Some(BadContext::Expired)),
        (json!({"exp": 0}), Some(BadContext::Expired)),
        (json!({"exp": null}), Some(BadContext::Claim("exp"))),
        (json!({"exp": "1795219260"}), Some(BadContext::Claim("exp"))),
        (json!({"exp": 1_795_219_260.5}), Some(BadContext::Claim("exp"))),
        (json!({"exp": -1}), Some(BadContext::Claim("exp"))),
        (json!({"exp": 1e300}), Some(BadContext::Claim("exp"))),
        (json!({"exp": u64::MAX}), Some(BadContext::LongLived)),
        (json!({"exp": NOW + 330}), None),
        (json!({"exp": NOW + 331}), Some(BadContext::LongLived)),
        (json!({"nbf": NOW + 30}), None),
        (json!({"nbf": NOW + 31}), Some(BadContext::Early)),
        (json!({"iat": NOW + 31}), Some(BadContext::Early)),
        (json!({"iat": u64::MAX}), Some(BadContext::Early)),
        (json!({"iat": null}), None),
        (json!({"iat": true}), Some(BadContext::Claim("iat"))),
    ] {
        assert_eq!(why(&but(change.clone())), then, "{change}");
    }
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    for (change, then) in [
        (json!({"aud": ["other", "weir"]}), None),
        (json!({"aud": "other"}), Some(BadContext::Audience)),
        (json!({"aud": "weir2"}), Some(BadContext::Audience)),
        (json!({"aud": ["Weir", "weir ", 1]}), Some(BadContext::Audience)),
        (json!({"aud": []}), Some(BadContext::Audience)),
        (json!({"aud": null}), Some(BadContext::Audience)),
        (json!({"aud": {"weir": 1}}), Some(BadContext::Audience)),
        (json!({"iss": "other"}), Some(BadContext::Issuer)),
        (json!({"iss": null}), Some(BadContext::Issuer)),
        (json!({"iss": ["gateway"]}), Some(BadContext::Issuer)),
    ] {
        assert_eq!(why(&but(change.clone())), then, "{change}");
    }
}

#[test]
fn a_tenant_is_a_name_of_an_account_and_never_the_operators() {
    for bad in
        ["", "local", "a b", "a/b", "acme\n", "açme", "\u{202e}emca", "аcme", "acme\u{0}", &"x".repeat(129)]
    {
        assert_eq!(why(&but(json!({"tenant": bad}))), Some(BadContext::Claim("tenant")), "{bad:?}");
    }
    for bad in [json!(7), json!(["acme"]), json!({"": 1}), json!(true)] {
        assert_eq!(why(&but(json!({"tenant": bad}))), Some(BadContext::Claim("tenant")), "{bad}");
    }
    assert_eq!(why(&but(json!({"tenant": null}))), Some(BadContext::Claim("tenant")));
    // A null is no text, and no absence either.
    let null = signed(FIRST, HEAD, &claims().to_string().replace("\"pro\"", "null"));
    assert_eq!(why(&null), Some(BadContext::Claim("plan")));
    assert_eq!(why(&but(json!({"user": null, "plan": null}))), None);
    assert_eq!(why(&but(json!({"user": "a\u{7}b"}))), Some(BadContext::Claim("user")));
    assert_eq!(why(&but(json!({"user": "é".repeat(129)}))), Some(BadContext::Claim("user")));
}

#[test]
fn a_claim_that_stands_twice_is_refused() {
    let base = claims().to_string();
    for twice in [
        base.replace("{", r#"{"tenant":"victim","#),
        base.replace("}", r#","tenant":"victim"}"#),
        base.replace("}", r#","ten\u0061nt":"victim"}"#),
        base.replace("}", r#","exp":99999999999}"#),
        base.replace("}", r#","x":1,"x":1}"#),
    ] {
        assert_eq!(why(&signed(FIRST, HEAD, &twice)), Some(BadContext::Malformed), "{twice}");
    }
    for none in ["[]", "null", "", "{", "{}{}", "\u{feff}{}", r#"{"tenant":"\ud800"}"#] {
        assert_eq!(why(&signed(FIRST, HEAD, none)), Some(BadContext::Malformed), "{none}");
    }
    assert_eq!(why(&signed(FIRST, HEAD, &"[".repeat(1_000))), Some(BadContext::Malformed), "nested too deep");
}

#[test]
fn users_can_have_accounts_of_their_own() {
    let mut settings = settings();
    settings.context.as_mut().unwrap().account = AccountOf::User;
    let account = |change: Value| asks(&settings, &[(CONTEXT_HEADER, &but(change))]).map(|c| c.account);
    assert_eq!(account(json!({"user": "u1"})).unwrap(), "acme:u1");
    assert!(account(json!({"user": null})).is_err(), "nobody pays for nobody");
    assert!(account(json!({"user": "zoë"})).is_err());
    assert!(account(json!({"tenant": "a:b", "user": "u1"})).is_err(), "two tenants could share an account");
    assert!(account(json!({"user": "x".repeat(128)})).is_err());
}

#[test]
fn a_bad_one_is_not_made_good_by_another_credential() {
    let mut settings = settings();
    let key = |key: &str, account: &str| crate::KeySetting {
        sha256: crate::Digest::of(key),
        account: account.into(),
        name: String::new(),
    };
    settings.keys = vec![key("wk_alice", "alice")];
    settings.admin_key_sha256 = Some(crate::Digest::of("operator"));
    let expired = but(json!({"exp": NOW - 100}));
    for beside in ["Bearer wk_alice", "Bearer operator"] {
        let refused = asks(&settings, &[(CONTEXT_HEADER, &expired), ("authorization", beside)]).unwrap_err();
        assert_eq!((refused.status(), refused.code()), (401, "context_expired"), "{beside}");
    }
    let bearer = format!("Bearer {expired}");
    assert!(asks(&settings, &[("authorization", &bearer), ("x-api-key", "wk_alice")]).is_err());
    let good = token(&claims());
    let twice = [(CONTEXT_HEADER, good.as_str()), (CONTEXT_HEADER, expired.as_str())];
    assert_eq!(asks(&settings, &twice), Err(Refused::Context(BadContext::Several)));
    // A key still opens, and other software's JWTs are just unknown keys.
    assert_eq!(asks(&settings, &[("x-api-key", "wk_alice")]).unwrap().account, "alice");
    let foreign = format!("Bearer {}", signed(FIRST, r#"{"alg":"RS256"}"#, &claims().to_string()));
    assert_eq!(asks(&settings, &[("authorization", &foreign)]), Err(Refused::Unknown));
}

#[test]
fn nothing_is_taken_where_nothing_was_configured() {
    let open = Settings::default();
    let token = token(&claims());
    let refused = asks(&open, &[(CONTEXT_HEADER, &token)]).unwrap_err();
    assert_eq!((refused.status(), refused.code()), (401, "context_not_accepted"));
    let bearer = format!("Bearer {token}");
    assert_eq!(asks(&open, &[("authorization", &bearer)]).unwrap().account, "local", "some SDK's key");
    // Configured, the open door is shut, and without its secrets nobody comes in.
    assert_eq!(asks(&settings(), &[]), Err(Refused::Missing));
    let mut locked = settings();
    assert_eq!(locked.unlock(&|_| None).len(), 2);
    assert_eq!(asks(&locked, &[(CONTEXT_HEADER, &token)]), Err(Refused::Context(BadContext::Signature)));
}

#[test]
fn settings_that_cannot_be_say_so() {
    let with = |text: &str| serde_json::from_str::<Settings>(&format!("{{\"context\":{text}}}"));
    for (text, faults) in [
        (r#"{"secrets":[]}"#, 1),
        (r#"{"secrets":["A","B","C"]}"#, 1),
        (r#"{"secrets":["A"],"audience":"","leeway_s":9999,"life_max_s":0}"#, 3),
        (r#"{"secrets":["A"],"issuer":""}"#, 1),
        (r#"{"secrets":["A"]}"#, 0),
    ] {
        let settings = with(text).unwrap();
        assert_eq!(settings.faults().len(), faults, "{text}: {:?}", settings.faults());
    }
    for bad in [
        r#"{}"#,
        r#"{"secret":["A"]}"#,
        r#"{"secrets":["A"],"keys":[]}"#,
        r#"{"secrets":["A"],"account":"x"}"#,
    ] {
        assert!(with(bad).is_err(), "{bad}");
    }
    let mut short = with(r#"{"secrets":["A"]}"#).unwrap();
    let faults = short.unlock(&|_| Some("hunter2".into()));
    assert!(faults.len() == 1 && !faults[0].contains("hunter2"), "{faults:?}");
}

#[test]
fn no_secret_and_no_token_is_ever_shown() {
    let settings = settings();
    let shown = format!("{settings:?}{}", serde_json::to_string(&settings).unwrap());
    assert!(!shown.contains("secret, of") && !shown.contains("secret, which"), "{shown}");
    let forged = signed("some other secret of 32 bytes and more", HEAD, &but(json!({})));
    let refused = asks(&settings, &[(CONTEXT_HEADER, &forged)]).unwrap_err();
    assert!(!format!("{refused:?} {refused}").contains("eyJ"), "{refused}");
}
