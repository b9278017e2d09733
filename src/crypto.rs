//! Secrets and RS256 on this platform: the operating system's generator, and `ring`.

use async_trait::async_trait;
use policy::jwt::PublicKey;
use relay::ports::{Crypto, CryptoError, Signer};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use std::sync::Arc;

/// The `Crypto` port. Nothing in it waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeCrypto;

#[async_trait]
impl Crypto for NativeCrypto {
    fn random(&self, into: &mut [u8]) -> Result<(), CryptoError> {
        getrandom::getrandom(into).map_err(|e| CryptoError::Failed(e.to_string()))
    }

    async fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<bool, CryptoError> {
        let key = PublicKeyComponents { n: &key.n, e: &key.e };
        Ok(key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok())
    }

    async fn signer(&self, pkcs8: &[u8]) -> Result<Arc<dyn Signer>, CryptoError> {
        Ok(Arc::new(Rsa::new(pkcs8).map_err(CryptoError::Failed)?))
    }
}

struct Rsa {
    pair: KeyPair,
    public: PublicKey,
}

impl Rsa {
    fn new(pkcs8: &[u8]) -> Result<Self, String> {
        let unusable = |why| format!("is no RSA key of 2048 to 4096 bits that can sign ({why})");
        let pair = KeyPair::from_pkcs8(pkcs8).map_err(unusable)?;
        let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public());
        let public = PublicKey::named_by_itself(n, e)?;
        Ok(Self { pair, public })
    }
}

#[async_trait]
impl Signer for Rsa {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let signed = self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
        signed.map_err(|_| CryptoError::Failed("the key does not sign".into()))?;
        Ok(signature)
    }
}

/// What is wrong with the keys that tokens are to be signed with, each in a sentence that names the variable.
pub fn faults(settings: &policy::Settings) -> Vec<String> {
    let keys = settings.signing.iter().flat_map(|signing| signing.secrets());
    let fault = |key: &policy::jwt::PrivateKey| {
        let why = Rsa::new(key.pkcs8()).err()?;
        Some(format!("service.signing.keys: {} {why}", key.name))
    };
    keys.filter_map(fault).collect()
}
