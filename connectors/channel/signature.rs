//! Checking that a provider sent what arrived: keyed hashes compared in constant time.
//!
//! Only this module makes a [`Proof`], and only a proof (or a written excuse) turns a
//! [`super::RawWebhook`] into something that can be parsed.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::{Forged, Secret};

/// Evidence that a comparison succeeded.
#[derive(Debug)]
pub struct Proof(());

/// Compares what was expected with what was given, in constant time.
pub fn prove(expected: &[u8], given: &[u8]) -> Result<Proof, Forged> {
    if expected.ct_eq(given).into() { Ok(Proof(())) } else { Err(Forged("signature does not match".into())) }
}

/// HMAC-SHA1 (Twilio).
pub fn hmac_sha1(key: &Secret, message: &[u8]) -> Vec<u8> {
    let mut mac =
        Hmac::<Sha1>::new_from_slice(key.expose().as_bytes()).expect("an HMAC key may have any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// HMAC-SHA256 (Meta, MessageBird, Mailgun, JSON Web Tokens, Standard Webhooks).
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC key may have any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// HMAC-SHA384 (JSON Web Tokens).
pub fn hmac_sha384(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha384>::new_from_slice(key).expect("an HMAC key may have any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// HMAC-SHA512 (JSON Web Tokens).
pub fn hmac_sha512(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("an HMAC key may have any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// SHA-256.
pub fn sha256(message: &[u8]) -> Vec<u8> {
    Sha256::digest(message).to_vec()
}

/// SHA-256 of bytes that come one after the other.
#[derive(Debug, Clone, Default)]
pub struct Sha256Stream(Sha256);

impl Sha256Stream {
    /// Takes in what comes next.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all of it.
    pub fn finish(self) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}
