//! What does it cost to find out who is calling? A key among many, whether it opens or not; a token that is checked; a token
//! that is signed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot start is none")]

#[path = "../src/crypto.rs"]
mod crypto;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crypto::NativeCrypto;
use futures::executor::block_on;
use http::{HeaderMap, HeaderValue};
use policy::jwt::{Token, guest, pkcs8};
use policy::{
    Digest, KEY_RANDOM, KeyChange, KeyEdit, KeyWish, Keyring, ManagedKey, Origin, Secret, Settings,
};
use relay::ports::Crypto;
use std::hint::black_box;
use std::sync::Arc;
use vocab::{Duration, Instant};

const PEM: &str = include_str!("../tests/gateway/identity/rsa/one.pem");
const NOW: Instant = Instant::from_secs(1_795_219_200);

fn secret(n: u32) -> Secret {
    let mut random = [0; KEY_RANDOM];
    random[..4].copy_from_slice(&n.to_be_bytes());
    Secret::new(random)
}

fn key(n: u32) -> ManagedKey {
    let wish = KeyWish { account: format!("team-{n}"), ..KeyWish::default() };
    let key = ManagedKey::new(&wish, &secret(n), n.into(), NOW).unwrap();
    match n {
        1 => key
            .changed(&KeyChange::Edit(KeyEdit { disabled: Some(true), ..KeyEdit::default() }), NOW)
            .unwrap(),
        2 => ManagedKey { expires: Some(NOW), ..key },
        _ => key,
    }
}

fn keys(c: &mut Criterion) {
    let mut group = c.benchmark_group("who has this key");
    for count in [10, 1_000, 100_000] {
        let ring = Keyring::new((0..count).map(|n| Arc::new(key(n))).collect());
        for (what, n) in [("known", 0), ("disabled", 1), ("expired", 2), ("unknown", count + 7)] {
            let digest = Digest::of(secret(n).text());
            let found = ring.find(&digest, NOW).is_some();
            assert_eq!(found, what == "known");
            let id = BenchmarkId::new(what, count);
            group.bench_function(id, |b| b.iter(|| ring.find(black_box(&digest), NOW).is_some()));
        }
    }
    group.finish();
    let settings = Settings::default();
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {}", secret(0).text());
    headers.insert("authorization", HeaderValue::from_str(&bearer).unwrap());
    let ring = Keyring::new((0..1_000).map(|n| Arc::new(key(n))).collect());
    c.bench_function("from a request's headers to the caller", |b| {
        b.iter(|| {
            let claim = policy::claim(&settings, black_box(&headers), None, Origin::default(), NOW, true);
            match claim.unwrap() {
                policy::Claim::Key(digest) => ring.find(&digest, NOW).map(|(_, key)| key.caller()),
                _ => None,
            }
        });
    });
}

fn tokens(c: &mut Criterion) {
    let text = r#"{"signing": {"keys": ["KEY"], "guest": {"plan": "trial"}}}"#;
    let mut settings: Settings = serde_json::from_str(text).unwrap();
    assert!(settings.unlock(&|_| Some(PEM.into())).is_empty());
    let signing = settings.signing.as_ref().unwrap();
    let signer = block_on(NativeCrypto.signer(&pkcs8(PEM).unwrap())).unwrap();
    let mint = |random: [u8; 16]| {
        let (_, unsigned) = guest(signing, &signer.public().kid, random, NOW).unwrap();
        let signature = block_on(signer.sign(unsigned.bytes())).unwrap();
        unsigned.signed(&signature)
    };
    c.bench_function("sign a guest's token (RSA, 2048 bits)", |b| {
        b.iter(|| {
            let mut random = [0; 16];
            NativeCrypto.random(&mut random).unwrap();
            mint(black_box(random))
        });
    });
    let token = mint([7; 16]);
    let keys = [signer.public().clone()];
    c.bench_function("check a token, whole", |b| {
        b.iter(|| {
            let token = Token::read(black_box(&token)).unwrap();
            let key = token.key(&keys).unwrap();
            assert!(block_on(NativeCrypto.verify(key, token.signed(), token.signature())).unwrap());
            let claims = token.claims(&signing.rules(), NOW.after(Duration::from_secs(5))).unwrap();
            signing.caller(&claims).unwrap()
        });
    });
    c.bench_function("make a private key ready", |b| {
        let pkcs8 = pkcs8(PEM).unwrap();
        b.iter(|| block_on(NativeCrypto.signer(black_box(&pkcs8))).unwrap());
    });
    assert!(crypto::faults(&settings).is_empty());
}

criterion_group!(benches, keys, tokens);
criterion_main!(benches);
