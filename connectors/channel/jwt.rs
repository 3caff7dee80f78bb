//! JSON Web Tokens signed with a shared key: taken apart, proven, and only then read.
//!
//! Written here because a crate for tokens brings a clock and a choice of algorithms, and times and keys are the
//! caller's: MessageBird signs hooks so, customers their calls.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::Forged;
use super::signature::{Proof, hmac_sha256, hmac_sha384, hmac_sha512, prove};

/// A token nobody has proven yet. Its head may be looked at, to find the key.
#[derive(Debug)]
pub struct Token<'a> {
    /// The name of the key it says it was signed with.
    pub key_id: Option<String>,
    /// The algorithm it says it was signed with.
    pub algorithm: String,
    signed: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; we understand none.
    crit: Option<IgnoredAny>,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    pub fn parse(text: &'a str) -> Result<Token<'a>, Forged> {
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (head, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let head: Head = decode(head)?;
        if head.crit.is_some() {
            return Err(Forged("a token with critical extensions is not understood".into()));
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
        Ok(Token { key_id: head.kid, algorithm: head.alg, signed, claims, signature })
    }

    /// What the token says, once it is proven to be signed with this key by HS256, HS384 or HS512.
    pub fn claims<C: DeserializeOwned>(&self, key: &[u8]) -> Result<(C, Proof), Forged> {
        let hmac = match self.algorithm.as_str() {
            "HS256" => hmac_sha256,
            "HS384" => hmac_sha384,
            "HS512" => hmac_sha512,
            _ => return Err(Forged("the token is not signed with a shared key".into())),
        };
        let proof = prove(&hmac(key, self.signed.as_bytes()), &self.signature)?;
        Ok((decode(self.claims)?, proof))
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, Forged> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed())?;
    serde_json::from_slice(&json).map_err(|_| malformed())
}

fn malformed() -> Forged {
    Forged("malformed token".into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn token(head: &Value, hmac: fn(&[u8], &[u8]) -> Vec<u8>) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(head), part(&json!({"a": 1})));
        let signature = URL_SAFE_NO_PAD.encode(hmac(b"fake-key", signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn opened(text: &str, key: &[u8]) -> Result<Value, String> {
        let token = Token::parse(text).map_err(|forged| forged.0)?;
        token.claims(key).map(|(claims, _)| claims).map_err(|forged| forged.0)
    }

    #[test]
    fn three_algorithms_are_believed_with_the_right_key() {
        for (alg, hmac) in
            [("HS256", hmac_sha256 as fn(&[u8], &[u8]) -> _), ("HS384", hmac_sha384), ("HS512", hmac_sha512)]
        {
            let text = token(&json!({"alg": alg, "kid": "k"}), hmac);
            assert_eq!(opened(&text, b"fake-key"), Ok(json!({"a": 1})), "{alg}");
            assert!(opened(&text, b"another-key").is_err(), "{alg}");
        }
    }

    #[test]
    fn others_are_not() {
        for head in [
            json!({"alg": "none"}),
            json!({"alg": "RS256"}),
            json!({"alg": "hs256"}),
            json!({"alg": "HS512"}),
            json!({"alg": "HS256", "crit": ["exp"]}),
            json!({}),
        ] {
            assert!(opened(&token(&head, hmac_sha256), b"fake-key").is_err(), "{head}");
        }
        for text in ["", ".", "..", "a.b", "e30.e30.", "e30.e30.e30.e30"] {
            assert!(opened(text, b"fake-key").is_err(), "{text}");
        }
    }
}
