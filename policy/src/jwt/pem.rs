//! Private keys as text (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// The bytes of a private key in PKCS#8. Where secrets are one line, `\n` may stand for the ends of its lines.
///
/// # Errors
/// What it is instead, without anything of it.
pub fn pkcs8(pem: &str) -> Result<Vec<u8>, &'static str> {
    let text = pem.replace("\\n", "\n");
    let Some((_, rest)) = text.split_once(BEGIN) else {
        return Err(match () {
            () if text.contains("BEGIN RSA PRIVATE KEY") => {
                "is a key in PKCS#1; `openssl pkcs8 -topk8 -nocrypt` makes it PKCS#8"
            }
            () if text.contains("BEGIN ENCRYPTED PRIVATE KEY") => {
                "is a key under a password; store it without one"
            }
            () if text.contains("BEGIN PUBLIC KEY") => "is a public key; the private one is needed to sign",
            () => "must be a PKCS#8 key as PEM: -----BEGIN PRIVATE KEY-----",
        });
    };
    let (body, _) = rest.split_once(END).ok_or("has no -----END PRIVATE KEY-----: it was cut off")?;
    let plain: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(plain).map_err(|_| "holds what is no base64 between its lines BEGIN and END")
}
