//! Secrets and RS256 by the runtime's own cryptography.

use super::glue;
use super::task::brought;
use async_trait::async_trait;
use js_sys::{Array, Uint8Array};
use policy::jwt::{PublicKey, document, read_jwks};
use relay::ports::{Crypto, CryptoError, Signer};
use std::sync::Arc;
use wasm_bindgen::JsValue;
use worker::send::{SendFuture, SendWrapper};

/// The `Crypto` port.
#[derive(Clone, Copy, Debug, Default)]
pub struct EdgeCrypto;

/// What it comes to, or why it was not done.
async fn done(begin: impl FnOnce(u32)) -> Result<JsValue, CryptoError> {
    let (value, _) = brought(begin).await.map_err(|e| CryptoError::Failed(glue::thrown(&e)))?;
    Ok(value)
}

#[async_trait]
impl Crypto for EdgeCrypto {
    fn random(&self, into: &mut [u8]) -> Result<(), CryptoError> {
        let length = u32::try_from(into.len()).map_err(|e| CryptoError::Failed(e.to_string()))?;
        glue::secret(length).copy_to(into);
        Ok(())
    }

    async fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<bool, CryptoError> {
        SendFuture::new(async move {
            let set = document([key]);
            let jwk = set["keys"][0].to_string();
            let good = done(|number| glue::verify(number, &jwk, message, signature)).await?;
            Ok(good.is_truthy())
        })
        .await
    }

    async fn signer(&self, pkcs8: &[u8]) -> Result<Arc<dyn Signer>, CryptoError> {
        SendFuture::new(async move {
            let ready = Array::from(&done(|number| glue::signer(number, pkcs8)).await?);
            let set = ready.get(1).as_string().unwrap_or_default();
            let public = read_jwks(set.as_bytes()).map_err(CryptoError::Failed)?.pop();
            let public = public.and_then(|key| PublicKey::named_by_itself(key.n, key.e).ok());
            let public =
                public.ok_or_else(|| CryptoError::Failed("its public half cannot be used".into()))?;
            let signer: Arc<dyn Signer> = Arc::new(Rsa { private: SendWrapper::new(ready.get(0)), public });
            Ok(signer)
        })
        .await
    }
}

struct Rsa {
    private: SendWrapper<JsValue>,
    public: PublicKey,
}

#[async_trait]
impl Signer for Rsa {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        SendFuture::new(async move {
            let signature = done(|number| glue::sign(number, &self.private, message)).await?;
            Ok(Uint8Array::new(&signature).to_vec())
        })
        .await
    }
}
