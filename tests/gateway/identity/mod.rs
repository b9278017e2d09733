//! Who is calling, over real sockets: keys that are made while weir runs, tokens of its own and of an issuer outside, and
//! a gateway's word. Signatures are made and checked here by `ring` and with keys of the tests' own.

mod attacks;
mod commands;
mod issuer;
mod keys;
mod tenants;
mod tokens;

use crate::net::Reply;
use crate::process::{Lab, Setup, Weir};
use crate::world::{scenario, weir_of};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

const ADMIN: &str = "the operator's key, made up for tests";
const ONE: &str = include_str!("rsa/one.pem");
const NEXT: &str = include_str!("rsa/next.pem");
const ISSUER: &str = include_str!("rsa/issuer.pem");
const SHORT: &str = include_str!("rsa/short.pem");

/// A weir with an operator, on one fake provider.
pub struct House {
    pub setup: Setup,
    pub weir: Weir,
    _lab: Lab,
}

impl House {
    pub fn new(config: &str) -> Self {
        Self::with(config, &[])
    }

    fn with(config: &str, variables: &[(&str, &str)]) -> Self {
        let lab = Lab::start(&scenario(1, &[]));
        let mut setup =
            weir_of(&lab, 1, config).variable("WEIR_ADMIN_KEY", ADMIN).variable("WEIR_LOG", "debug");
        for (name, value) in variables {
            setup = setup.variable(name, value);
        }
        Self { weir: setup.start(), setup, _lab: lab }
    }

    pub fn operator(&self, method: &str, path: &str, body: &Value) -> Reply {
        let bearer = format!("Bearer {ADMIN}");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.weir.ask(method, path, &[("Authorization", &bearer)], &body)
    }

    /// A new key of an account; all that is said of it.
    pub fn key(&self, account: &str) -> Value {
        self.operator("POST", "/api/admin/keys", &json!({"account": account})).is(200).json()
    }

    pub fn with_key(&self, key: &str, method: &str, path: &str, body: &str) -> Reply {
        self.weir.ask(method, path, &[("Authorization", &format!("Bearer {key}"))], body)
    }

    /// What a key or token opens: the account, or the error's code.
    fn opens(&self, credential: &str) -> String {
        let reply = self.with_key(credential, "GET", "/api/credits", "");
        let said = reply.json();
        match reply.status {
            200 => said["account"].as_str().unwrap().into(),
            _ => format!("{} {}", reply.status, said["error"]["code"].as_str().unwrap()),
        }
    }

    /// Ends in peace, and starts again on the same books.
    pub fn restart(&mut self) {
        self.weir.process.signal("TERM");
        assert!(self.weir.process.ends(std::time::Duration::from_secs(30)).success());
        self.weir = self.setup.start();
    }

    /// Nothing of these texts is in the log or in the files.
    fn never_says(&self, secrets: &[&str]) {
        let said = self.weir.process.said();
        let mut files = vec![said.into_bytes()];
        for entry in std::fs::read_dir(&self.setup.dir.0).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains("books.db") {
                files.push(std::fs::read(path).unwrap());
            }
        }
        for secret in secrets {
            let found =
                files.iter().any(|file| file.windows(secret.len()).any(|part| part == secret.as_bytes()));
            assert!(!found, "a secret is told: {}…", &secret[..6]);
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// A private key of the tests'.
struct Rsa(RsaKeyPair);

impl Rsa {
    fn of(pem: &str) -> Self {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        Self(RsaKeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap())
    }

    fn parts(&self) -> (Vec<u8>, Vec<u8>) {
        let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(self.0.public());
        (public.n, public.e)
    }

    fn jwk(&self, kid: &str) -> Value {
        let (n, e) = self.parts();
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": encoded(n), "e": encoded(e)})
    }

    fn sign(&self, head: &str, payload: &str) -> String {
        let text = format!("{}.{}", encoded(head), encoded(payload));
        let mut signature = vec![0; self.0.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        self.0.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", encoded(signature))
    }

    fn token(&self, kid: &str, claims: &Value) -> String {
        self.sign(&json!({"alg": "RS256", "typ": "JWT", "kid": kid}).to_string(), &claims.to_string())
    }
}

/// What a token says, whether or not it holds.
fn payload(token: &str) -> Value {
    serde_json::from_slice(&decoded(token.split('.').nth(1).unwrap())).unwrap()
}

fn head(token: &str) -> Value {
    serde_json::from_slice(&decoded(token.split('.').next().unwrap())).unwrap()
}
