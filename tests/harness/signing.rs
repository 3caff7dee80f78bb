//! What a customer computes for itself: JSON Web Tokens to call with, Standard Webhooks signatures to check.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::receiver::Arrival;

/// A token `{"alg":"HS256","typ":"JWT","kid":…}` over these claims.
pub(crate) fn token(key: &str, secret: &str, claims: &Value) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": key});
    let signed = format!("{}.{}", encoded(&header), encoded(claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac_sha256(secret.as_bytes(), signed.as_bytes())))
}

/// The same without a signature, as `alg: none` would have it.
pub(crate) fn unsigned_token(key: &str, claims: &Value) -> String {
    format!("{}.{}.", encoded(&json!({"alg": "none", "typ": "JWT", "kid": key})), encoded(claims))
}

/// What a token says: its header and its claims.
pub(crate) fn claims_of(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let json = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        serde_json::from_slice(&json).unwrap_or_default()
    });
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// Asserts that `webhook-signature` is of this body, id and time under this secret.
pub(crate) fn assert_signed(arrival: &Arrival, secret: &str) {
    let key = match secret.strip_prefix("whsec_") {
        Some(rest) => STANDARD.decode(rest).expect("a whsec_ secret is base64"),
        None => secret.as_bytes().to_vec(),
    };
    let content =
        format!("{}.{}.{}", arrival.webhook_id(), arrival.header("webhook-timestamp"), arrival.body);
    let expected = format!("v1,{}", STANDARD.encode(hmac_sha256(&key, content.as_bytes())));
    let given = arrival.header("webhook-signature");
    assert!(given.split(' ').any(|one| one == expected), "{given} does not hold {expected}");
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// HMAC-SHA256, with which Meta and Mailgun sign.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC key may have any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[test]
fn a_known_token_comes_out() {
    let expected = concat!(
        "eyJhbGciOiJIUzI1NiIsImtpZCI6ImFwcF8xIiwidHlwIjoiSldUIn0.",
        "eyJzY29wZSI6ImFwcCJ9.",
        "ItPWPVnpvy6Cs9Gx4xTBcjhYPGK7_VmKpwoAGq39MAc",
    );
    assert_eq!(token("app_1", "fake-secret", &json!({"scope": "app"})), expected);
}
