//! Tokens that weir signs itself: guests', and the operator's.

use super::{ADMIN, House, NEXT, ONE, Rsa, SHORT, decoded, head, now, payload};
use crate::process::Setup;
use serde_json::{Value, json};

const SIGNING: &str = "[service.signing]\nkeys = [\"JWT_KEY\"]\nlife_max_s = 7200\n\
                       [service.signing.guest]\nlife_s = 600\nplan = \"starter\"\nper_minute = 5\n";

fn house() -> House {
    House::with(SIGNING, &[("JWT_KEY", ONE)])
}

fn guest(house: &House) -> Value {
    house.weir.ask("POST", "/auth/guest", &[], "").is(200).json()
}

fn token(said: &Value) -> &str {
    said["token"].as_str().unwrap()
}

fn jwks(house: &House) -> Vec<Value> {
    house.weir.get("/.well-known/jwks.json").is(200).json()["keys"].as_array().unwrap().clone()
}

#[test]
fn a_guest_comes_in_with_a_token_that_anybody_can_check() {
    let house = house();
    let said = guest(&house);
    let text = token(&said);
    assert_eq!((&said["token_type"], &said["expires_in"]), (&json!("Bearer"), &json!(600)));
    let claims = payload(text);
    let subject = claims["sub"].as_str().unwrap();
    assert!(subject.starts_with("guest_") && subject.len() > 20 && said["subject"] == subject, "{said}");
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["plan"]),
        (&json!("weir"), &json!("weir"), &json!("starter"))
    );
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 600);
    assert!(now().abs_diff(claims["iat"].as_u64().unwrap()) < 60);

    // The published key is the public half of the configured one, and checks the signature.
    let keys = jwks(&house);
    assert_eq!((head(text)["alg"].as_str(), &head(text)["kid"]), (Some("RS256"), &keys[0]["kid"]));
    let kid = keys[0]["kid"].as_str().unwrap();
    assert_eq!(keys, [Rsa::of(ONE).jwk(kid)], "and nothing else is published");
    let (n, e) = Rsa::of(ONE).parts();
    let (signed, signature) = text.rsplit_once('.').unwrap();
    ring::rsa::PublicKeyComponents { n: &n, e: &e }
        .verify(&ring::signature::RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &decoded(signature))
        .expect("the signature is good");

    // Each guest is an account of his own, and nobody comes in without a token.
    assert_eq!(house.opens(text), subject);
    let other = guest(&house);
    assert_ne!(other["subject"], said["subject"]);
    let foreign = house.with_key(token(&other), "GET", &format!("/api/credits?account={subject}"), "");
    assert_eq!(foreign.status, 403);
    house.weir.get("/api/credits").is(401);
    house.never_says(&[text, ADMIN, &ONE.lines().nth(3).unwrap()[..40]]);
}

#[test]
fn guests_come_only_where_they_are_let_in_and_not_all_at_once() {
    let house = house();
    for _ in 0..5 {
        guest(&house);
    }
    let refused = house.weir.ask("POST", "/auth/guest", &[], "").is(429);
    assert_eq!(refused.json()["error"]["code"], "too_many_guests");
    assert!((1..=60).contains(&refused.told("retry-after").parse::<u64>().unwrap()));
    house.weir.get("/auth/guest").is(405);

    let signs = House::with("[service.signing]\nkeys = [\"JWT_KEY\"]\n", &[("JWT_KEY", ONE)]);
    let bare = House::new("");
    for house in [&signs, &bare] {
        let refused = house.weir.ask("POST", "/auth/guest", &[], "").is(404);
        assert_eq!(refused.json()["error"]["code"], "not_configured");
    }
    assert_eq!((jwks(&signs).len(), jwks(&bare).len()), (1, 0));
    bare.operator("POST", "/generate-jwt", &json!({"claims": {"sub": "a"}})).is(404);
}

#[test]
fn the_operator_has_tokens_signed_and_nobody_else() {
    let house = house();
    let wanted = json!({"claims": {"sub": "u-1", "account": "acme", "plan": "pro", "roles": ["a"], "admin": true}, "expires_in_s": 7_200});
    let said = house.operator("POST", "/generate-jwt", &wanted).is(200).json();
    let text = token(&said);
    assert_eq!(house.opens(text), "acme");
    assert_eq!(payload(text)["roles"], json!(["a"]));
    // A claim makes nobody the operator.
    for (method, path) in [("GET", "/api/admin/ping"), ("GET", "/api/admin/keys"), ("POST", "/generate-jwt")]
    {
        let refused = house.with_key(text, method, path, "").is(401);
        assert_eq!(refused.json()["error"]["code"], "admin_key_required");
    }
    house.with_key(text, "GET", "/api/credits?account=local", "").is(403);
    house.weir.ask("POST", "/generate-jwt", &[], &wanted.to_string()).is(401);

    for (body, says) in [
        (json!({"claims": {"sub": "a", "iss": "other"}}), "claims.iss"),
        (json!({"claims": {"sub": "a", "exp": 99_999_999_999_u64}}), "claims.exp"),
        (json!({"claims": {"sub": "a"}, "expires_in_s": 7_201}), "expires_in_s"),
        (json!({"claims": {"x": "a"}}), "account"),
        (json!({"claims": {"sub": "local"}}), "local"),
        (json!({"claims": []}), "object"),
        (json!({"sub": "a"}), "claims"),
    ] {
        let refused = house.operator("POST", "/generate-jwt", &body).is(400).json();
        assert!(refused["error"]["message"].as_str().unwrap().contains(says), "{refused}");
    }
    house.never_says(&[text]);
}

#[test]
fn a_token_is_judged_and_never_repeated() {
    let house = house();
    let wanted = json!({"claims": {"sub": "u-1", "account": "acme"}, "expires_in_s": 60});
    let said = house.operator("POST", "/generate-jwt", &wanted).is(200).json();
    let text = token(&said).to_owned();
    let ask = |body: &str| house.with_key(&text, "POST", "/verify-jwt", body);
    let good = ask(&json!({"token": text}).to_string()).is(200);
    let told = good.json();
    assert_eq!(
        (&told["valid"], &told["account"], &told["claims"]["sub"]),
        (&json!(true), &json!("acme"), &json!("u-1"))
    );
    assert!(!good.text().contains(&text[20..60]));
    house.weir.ask("POST", "/verify-jwt", &[], &json!({"token": text}).to_string()).is(401);

    let (signed, signature) = text.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{signed}.{other}{}", &signature[1..]);
    for (body, status) in [
        (json!({"token": forged}).to_string(), 200),
        (json!({"token": format!("{text}.x")}).to_string(), 200),
        (json!({"token": "eyJhbGciOiJub25lIn0".repeat(60_000)}).to_string(), 200),
        // Whatever stands where it should not is not said again either.
        (format!("\"{text}\""), 400),
        (format!("{{\"{text}\": 1}}"), 400),
        (format!("{{\"token\": [\"{text}\"]}}"), 400),
        (text.clone(), 400),
        (String::new(), 400),
    ] {
        let reply = ask(&body).is(status);
        let told = reply.text();
        assert!(!told.contains("eyJ") && told.len() < 1_000, "{told}");
        if status == 200 {
            assert_eq!(reply.json()["valid"], false);
            assert!(reply.json()["reason"].as_str().unwrap().ends_with('.'));
        }
    }
}

#[test]
fn one_key_replaces_another_without_a_token_being_refused() {
    let both = "[service.signing]\nkeys = [\"JWT_KEY\", \"JWT_KEY_NEXT\"]\n[service.signing.guest]\n";
    let mut house = House::with(both, &[("JWT_KEY", ONE), ("JWT_KEY_NEXT", NEXT)]);
    let old = guest(&house);
    let before = jwks(&house);
    assert_eq!((before.len(), &head(token(&old))["kid"]), (2, &before[0]["kid"]), "the first signs");
    // The next key signs now; both are believed.
    let swapped = both.replace("\"JWT_KEY\", \"JWT_KEY_NEXT\"", "\"JWT_KEY_NEXT\", \"JWT_KEY\"");
    let file = house.setup.dir.0.join("weir-test.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(both, &swapped)).unwrap();
    house.weir.process.signal("HUP");
    let new = crate::net::until(std::time::Duration::from_secs(30), "the other key signs", || {
        Some(guest(&house)).filter(|said| head(token(said))["kid"] == before[1]["kid"])
    });
    assert_eq!(
        [house.opens(token(&old)), house.opens(token(&new))],
        [&old["subject"], &new["subject"]].map(|s| s.as_str().unwrap().to_owned())
    );
    // The old one is gone: its tokens are too.
    let last = text.replace(both, &both.replace("\"JWT_KEY\", ", ""));
    std::fs::write(&file, last).unwrap();
    house.restart();
    assert_eq!(jwks(&house).len(), 1);
    assert_eq!(house.opens(token(&old)), "401 invalid_token");
    assert_eq!(house.opens(token(&new)), new["subject"].as_str().unwrap());
}

#[test]
fn a_key_that_cannot_sign_is_found_at_once() {
    let config = format!("{SIGNING}\n[providers.x]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1\"\n");
    let pkcs1 = ONE.replace("PRIVATE KEY", "RSA PRIVATE KEY");
    let damaged = ONE.replace(ONE.lines().nth(4).unwrap(), ONE.lines().nth(5).unwrap());
    for (key, says) in [
        (None, "JWT_KEY is not set"),
        (Some(SHORT), "JWT_KEY"),
        (Some(pkcs1.as_str()), "PKCS#8"),
        (Some(damaged.as_str()), "JWT_KEY"),
        (Some("hunter2"), "PEM"),
    ] {
        let mut setup = Setup::new().config(&config);
        if let Some(key) = key {
            setup = setup.variable("JWT_KEY", key);
        }
        for (arguments, code) in [
            (vec!["check", "--config", "weir-test.toml"], 1),
            (vec!["serve", "--config", "weir-test.toml", "--listen", "127.0.0.1:0"], 2),
        ] {
            let out = setup.run(&arguments);
            let said =
                format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
            assert_eq!(out.status.code(), Some(code), "{said}");
            assert!(said.contains(says) && !said.contains("hunter2") && !said.contains("MII"), "{said}");
        }
    }
}
