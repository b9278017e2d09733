//! What somebody tries who has no credential, or only a public key.

use super::{ADMIN, House, ISSUER, NEXT, ONE, Rsa, encoded, now};
use crate::net::request;
use base64::Engine;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// Everything is taken at once: weir's own tokens, an issuer's, a gateway's context, and keys.
fn house() -> House {
    let inline = json!({"keys": [Rsa::of(ISSUER).jwk("a")]});
    let config = format!(
        "[service.signing]\nkeys = [\"JWT_KEY\"]\n[service.signing.guest]\n\
         [service.jwt]\nissuer = \"https://id.example\"\naudience = \"weir\"\njwks = '{inline}'\n\
         [service.context]\nsecrets = [\"CONTEXT\"]\n"
    );
    House::with(&config, &[("JWT_KEY", ONE), ("CONTEXT", "a secret of the gateway's, 32 bytes and more")])
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "weir", "iat": now(), "exp": now() + 600, "sub": "u-1"})
}

fn but(change: Value) -> Value {
    let mut all = claims();
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            all.as_object_mut().unwrap().remove(name);
        } else {
            all[name] = value.clone();
        }
    }
    all
}

fn hs256(secret: &[u8], head: &str, payload: &str) -> String {
    let text = format!("{}.{}", encoded(head), encoded(payload));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", encoded(mac.finalize().into_bytes()))
}

#[test]
fn no_forged_token_opens() {
    let house = house();
    let issuer = Rsa::of(ISSUER);
    let good = issuer.token("a", &claims());
    assert_eq!(house.opens(&good), "u-1");
    let payload = claims().to_string();
    let (n, e) = issuer.parts();
    let published = issuer.jwk("a").to_string();
    let guest =
        house.weir.ask("POST", "/auth/guest", &[], "").is(200).json()["token"].as_str().unwrap().to_owned();
    let kid = super::head(&guest)["kid"].as_str().unwrap().to_owned();
    let [first, second, third] = [0, 1, 2].map(|part| good.split('.').nth(part).unwrap());

    let mut forged: Vec<(&str, String)> = vec![
        ("somebody else's signature", Rsa::of(NEXT).token("a", &claims())),
        ("alg none", format!("{}.{}.", encoded(r#"{"alg":"none"}"#), encoded(&payload))),
        ("alg none with a signature", format!("{}.{second}.{third}", encoded(r#"{"alg":"none","kid":"a"}"#))),
        ("alg twice", issuer.sign(r#"{"alg":"none","alg":"RS256","kid":"a"}"#, &payload)),
        ("alg RS384", issuer.sign(r#"{"alg":"RS384","kid":"a"}"#, &payload)),
        ("critical", issuer.sign(r#"{"alg":"RS256","kid":"a","crit":["x"],"x":1}"#, &payload)),
        ("another kind of token", issuer.sign(r#"{"alg":"RS256","kid":"a","typ":"secevent+jwt"}"#, &payload)),
        ("no such key", issuer.token("b", &claims())),
        ("a key's name as a path", issuer.token("../../dev/null", &claims())),
        ("a key's name as SQL", issuer.token("a' OR '1'='1", &claims())),
        (
            "its own key in its header",
            Rsa::of(NEXT).sign(&json!({"alg": "RS256", "jwk": Rsa::of(NEXT).jwk("a")}).to_string(), &payload),
        ),
        (
            "its own address of keys",
            Rsa::of(NEXT).sign(r#"{"alg":"RS256","kid":"a","jku":"http://127.0.0.1:9/jwks"}"#, &payload),
        ),
        ("expired", issuer.token("a", &but(json!({"exp": now() - 31})))),
        ("no end", issuer.token("a", &but(json!({"exp": null})))),
        ("not yet", issuer.token("a", &but(json!({"nbf": now() + 90})))),
        ("issued tomorrow", issuer.token("a", &but(json!({"iat": now() + 86_400})))),
        ("for another service", issuer.token("a", &but(json!({"aud": "other"})))),
        ("for nobody", issuer.token("a", &but(json!({"aud": null})))),
        ("of another issuer", issuer.token("a", &but(json!({"iss": "https://evil.example"})))),
        ("in weir's own name", issuer.token("a", &but(json!({"iss": "weir"})))),
        ("weir's key for the issuer", Rsa::of(ONE).token(&kid, &claims())),
        ("weir's key's name with the issuer's key", issuer.token(&kid, &but(json!({"iss": "weir"})))),
        ("the operator's account", issuer.token("a", &but(json!({"sub": "local"})))),
        (
            "an account twice",
            issuer.sign(r#"{"alg":"RS256","kid":"a"}"#, &payload.replacen('{', r#"{"sub":"victim","#, 1)),
        ),
        ("cut", good[..good.len() - 9].to_owned()),
        ("without a signature", format!("{first}.{second}.")),
        ("another claim", format!("{first}.{}.{third}", encoded(but(json!({"sub": "victim"})).to_string()))),
        ("padded base64", format!("{first}.{second}.{third}==")),
        ("more of it", format!("{good}.{third}")),
        ("signature of zeros", format!("{first}.{second}.{}", encoded([0; 256]))),
        ("signature of ones", format!("{first}.{second}.{}", encoded([0, 0, 0, 1]))),
    ];
    // Key confusion: a public key, in every form it is to be had in, as the secret of an HS256 token.
    let der = ring::signature::KeyPair::public_key(&issuer.0).as_ref().to_vec();
    let pem = format!(
        "-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n",
        base64::engine::general_purpose::STANDARD.encode(&der)
    );
    for secret in
        [n.clone(), e, der, pem.into_bytes(), encoded(&n).into_bytes(), published.into_bytes(), vec![]]
    {
        forged.push((
            "HS256 with a public key",
            hs256(&secret, r#"{"alg":"HS256","typ":"JWT","kid":"a"}"#, &payload),
        ));
    }
    // One token, one text: unused bits of the last character, and the other alphabet.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(good.chars().last().unwrap()).unwrap();
    forged.push(("unused bits", format!("{}{}", &good[..good.len() - 1], &alphabet[last ^ 1..=last ^ 1])));
    let other = good.replace('-', "+").replace('_', "/");
    if other != good {
        forged.push(("the other alphabet", other));
    }
    for (what, token) in &forged {
        let opened = house.opens(token);
        assert!(opened.starts_with("401 "), "{what}: {opened}");
        // By the other way in as well, and with the reason in words.
        let said =
            house.with_key(&good, "POST", "/verify-jwt", &json!({"token": token}).to_string()).is(200).json();
        assert_eq!(said["valid"], false, "{what}: {said}");
        // A gateway's header is another matter, and takes none of these either.
        let context = [("X-Weir-Context", token.as_str()), ("Authorization", &format!("Bearer {good}"))];
        house.weir.ask("GET", "/api/credits", &context, "").is(401);
    }
    assert_eq!(house.opens(&good), "u-1");
}

#[test]
fn a_token_of_a_megabyte_is_not_even_read() {
    let house = house();
    let good = Rsa::of(ISSUER).token("a", &claims());
    for size in [9 << 10, 60 << 10, 1 << 20] {
        let huge = Rsa::of(ISSUER).token("a", &but(json!({"x": "y".repeat(size)})));
        let sent = request("GET", "/api/credits", &[("Authorization", &format!("Bearer {huge}"))], b"");
        let mut conn = house.weir.open();
        // The server may close before it has read all of such a head.
        let _ = std::io::Write::write_all(&mut conn.stream, &sent);
        if let Ok(reply) = conn.reply() {
            assert!(matches!(reply.status, 400 | 401 | 431), "{size}: {}", reply.status);
        }
        let said =
            house.with_key(&good, "POST", "/verify-jwt", &json!({"token": huge}).to_string()).is(200).json();
        assert!(said["reason"].as_str().unwrap().contains("longer"), "{said}");
    }
    assert_eq!(house.opens(&good), "u-1");
}

#[test]
fn nobody_is_the_operator_without_the_operators_key() {
    let house = house();
    let tenant = house.key("team");
    let (key, id) = (tenant["key"].as_str().unwrap(), tenant["id"].as_str().unwrap());
    let token = Rsa::of(ISSUER).token("a", &but(json!({"admin": true, "sub": "admin", "role": "operator"})));
    let one = format!("/api/admin/keys/{id}");
    let rotate = format!("{one}/rotate");
    for (method, path) in [
        ("GET", "/api/admin/keys"),
        ("POST", "/api/admin/keys"),
        ("GET", &one),
        ("PATCH", &one),
        ("DELETE", &one),
        ("POST", &rotate),
        ("POST", "/generate-jwt"),
        ("GET", "/api/admin/ping"),
    ] {
        for path in [Some(path), path.strip_prefix("/api")].into_iter().flatten() {
            for headers in [
                vec![],
                vec![("Authorization", format!("Bearer {key}"))],
                vec![("Authorization", format!("Bearer {token}"))],
                vec![("x-api-key", "wk_guess".into())],
                vec![("X-User-Email", "admin@example.com".into())],
                vec![("X-Admin", "true".into()), ("X-Forwarded-For", "127.0.0.1".into())],
                vec![("Authorization", format!("Basic {ADMIN}"))],
            ] {
                let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
                let refused = house.weir.ask(method, path, &headers, r#"{"account":"mine"}"#).is(401);
                assert_eq!(refused.json()["error"]["code"], "admin_key_required", "{method} {path}");
                assert!(!refused.text().contains("wk_"));
            }
        }
    }
    assert_eq!(house.opens(key), "team", "nothing of it was done");
}

#[test]
fn names_are_only_names() {
    let house = House::new("");
    let first = house.key("team");
    let nasty = "Robert'); DROP TABLE managed_key; --";
    let wish = json!({"account": "team", "name": nasty, "user": "\" OR 1=1", "plan": "%_\\"});
    let key = house.operator("POST", "/api/admin/keys", &wish).is(200).json();
    assert_eq!((&key["name"], &key["plan"]), (&json!(nasty), &json!("%_\\")));
    for id in ["key_'%20OR%20'1'='1", "%27%3B--", "..%2F..%2F", "%00", "key_%25"] {
        for method in ["GET", "DELETE"] {
            let refused = house.operator(method, &format!("/api/admin/keys/{id}"), &Value::Null);
            assert_eq!(refused.status, 404, "{method} {id}: {}", refused.text());
        }
    }
    let some =
        house.operator("GET", "/api/admin/keys?account=team'%20OR%20''='", &Value::Null).is(200).json();
    assert_eq!(some["keys"], json!([]));
    for (body, param) in [
        (json!({"account": "team'; --"}), "account"),
        (json!({"account": "local"}), "account"),
        (json!({"account": "team", "name": "a\u{0}b"}), "name"),
        (json!({"account": "team", "user": "x".repeat(129)}), "user"),
        (json!({"account": "team", "expires_at": "tomorrow"}), "expires_at"),
        (json!({"account": "team", "expires_at": "2030-01-01T00:00:00Z", "expires_in_s": 5}), "expires_at"),
    ] {
        let refused = house.operator("POST", "/api/admin/keys", &body).is(400).json();
        assert_eq!(refused["error"]["param"], param, "{refused}");
    }
    for body in [
        "",
        "[]",
        "{}",
        r#"{"account":"a","account":"b"}"#,
        r#"{"account":"a","admin":true}"#,
        r#"{"account":"a","key":"wk_mine"}"#,
    ] {
        let bearer = format!("Bearer {ADMIN}");
        house.weir.ask("POST", "/api/admin/keys", &[("Authorization", &bearer)], body).is(400);
    }
    let all = house.operator("GET", "/api/admin/keys", &Value::Null).is(200).json();
    assert_eq!(all["keys"].as_array().unwrap().len(), 2);
    assert_eq!(house.opens(first["key"].as_str().unwrap()), "team");
}

#[test]
fn a_gateways_word_counts_only_where_nobody_else_can_write_it() {
    let says = [("X-User-Email", "Alice@Example.com")];
    let path = "/api/credits?email=alice%40example.com";
    // By default anybody can write such a header, so it says nothing.
    let house = House::new("");
    assert_eq!(house.weir.ask("GET", path, &says, "").is(200).json()["account"], "local");
    let key = house.key("team")["key"].as_str().unwrap().to_owned();
    house.weir.ask("GET", path, &says, "").is(401);
    let with_key = [says[0], ("Authorization", &format!("Bearer {key}"))];
    assert_eq!(house.weir.ask("GET", path, &with_key, "").is(200).json()["account"], "team");

    let house = House::new("[service]\ntrust_gateway = true\n");
    assert_eq!(
        house.weir.ask("GET", "/api/credits", &says, "").is(200).json()["account"],
        "alice@example.com"
    );
    assert_eq!(house.weir.get(path).is(200).json()["account"], "alice@example.com");
    house.weir.get("/api/credits").is(401);
    for headers in [
        vec![("X-User-Email", "local")],
        vec![("X-User-Email", "alice")],
        vec![says[0], ("X-User-Email", "bob@example.com")],
    ] {
        let refused = house.weir.ask("GET", "/api/credits", &headers, "").is(401);
        assert_eq!(refused.json()["error"]["code"], "invalid_email");
    }
    house.weir.ask("GET", "/api/credits?email=bob@example.com", &says, "").is(401);
    let bob = house.weir.ask(
        "GET",
        "/api/credits?account=alice@example.com",
        &[("X-User-Email", "bob@example.com")],
        "",
    );
    assert_eq!(bob.status, 403);
    house.weir.ask("GET", "/api/admin/keys", &[("X-User-Email", "admin@example.com")], "").is(401);
}
