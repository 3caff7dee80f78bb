//! MessageBird's two ways to sign a hook: a token, and the older hash that may come along with it. Pure.
//!
//! <https://developers.messagebird.com/api/#verifying-http-requests>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use url::{Url, form_urlencoded};

use crate::channel::jwt::Token;
use crate::channel::signature::{hmac_sha256, prove, sha256};
use crate::channel::{Forged, RawWebhook, Secret, Verified};

/// How far MessageBird's clock and ours may be apart where a token says when it is good.
const SKEW_MS: i64 = 1_000;
/// How old a request signed in the older way may be.
const LEGACY_WINDOW_MS: i64 = 300_000;

/// Proves that the hook was signed with our signing key. A token is preferred to the older signature, which
/// may come along with it.
pub(super) fn verify(signing_key: Option<&Secret>, raw: RawWebhook) -> Result<Verified, Forged> {
    let Some(key) = signing_key else {
        return Err(forged("the integration has no signingKey to prove hooks with"));
    };
    if let Some(token) = raw.header("MessageBird-Signature-JWT") {
        let token = token.to_owned();
        return verify_token(key, &token, raw);
    }
    match (raw.header("MessageBird-Signature"), raw.header("MessageBird-Request-Timestamp")) {
        (Some(signature), Some(timestamp)) => {
            let (signature, timestamp) = (signature.to_owned(), timestamp.to_owned());
            verify_legacy(key, &signature, &timestamp, raw)
        }
        _ => Err(forged("no MessageBird-Signature-JWT")),
    }
}

fn forged(why: &str) -> Forged {
    Forged(why.to_owned())
}

/// What a token says about the request it came with.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    /// Unix seconds from which and before which it is good.
    nbf: i64,
    exp: i64,
    /// The token's own id.
    jti: String,
    /// Hashes of the whole URL, and of the body if there is one.
    url_hash: String,
    payload_hash: Option<String>,
}

fn verify_token(key: &Secret, token: &str, raw: RawWebhook) -> Result<Verified, Forged> {
    let (claims, proof) = Token::parse(token)?.claims::<Claims>(key.expose().as_bytes())?;
    check_claims(&claims, &raw)?;
    Ok(raw.verified(proof).once(claims.jti))
}

/// Whether a token is about this request, at this time.
fn check_claims(claims: &Claims, raw: &RawWebhook) -> Result<(), Forged> {
    let (now, body) = (raw.received_at, raw.untrusted_body());
    let is_hash_of = |given: &str, bytes: &[u8]| given.eq_ignore_ascii_case(&hex::encode(sha256(bytes)));
    if claims.iss != "MessageBird" {
        return Err(forged("the token is not issued by MessageBird"));
    }
    if claims.nbf.saturating_mul(1000) > now.saturating_add(SKEW_MS) {
        return Err(forged("the token is not good yet"));
    }
    if claims.exp.saturating_mul(1000) <= now.saturating_sub(SKEW_MS) {
        return Err(forged("the token is good no more"));
    }
    if claims.jti.is_empty() {
        return Err(forged("the token has no id"));
    }
    if !is_hash_of(&claims.url_hash, raw.url.as_bytes()) {
        return Err(forged("the token is for another URL"));
    }
    match &claims.payload_hash {
        None if body.is_empty() => Ok(()),
        Some(hash) if !body.is_empty() && is_hash_of(hash, body) => Ok(()),
        _ => Err(forged("the token is for another body")),
    }
}

/// The older way: a hash of time, sorted query and body.
fn verify_legacy(key: &Secret, given: &str, timestamp: &str, raw: RawWebhook) -> Result<Verified, Forged> {
    let given = BASE64.decode(given).map_err(|_| forged("signature is not base64"))?;
    let seconds: i64 = timestamp.parse().map_err(|_| forged("the request's time is no number"))?;
    let message = legacy_message(timestamp, &raw.url, raw.untrusted_body());
    let proof = prove(&hmac_sha256(key.expose().as_bytes(), &message), &given)?;
    if raw.received_at.saturating_sub(seconds.saturating_mul(1000)).saturating_abs() > LEGACY_WINDOW_MS {
        return Err(forged("the request was signed at another time"));
    }
    Ok(raw.verified(proof))
}

/// The query is sorted by name and encoded as Go does it, which leaves `~` alone and `*` not.
fn legacy_message(timestamp: &str, url: &str, body: &[u8]) -> Vec<u8> {
    let mut query = query_of(url);
    query.sort_by(|(one, _), (other, _)| one.cmp(other));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let query = query.replace('*', "%2A").replace("%7E", "~");
    [format!("{timestamp}\n{query}\n").into_bytes(), sha256(body)].concat()
}

fn query_of(url: &str) -> Vec<(String, String)> {
    Url::parse(url).map_or_else(|_| Vec::new(), |url| url.query_pairs().into_owned().collect())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const HOOK: &str = "https://gateway.example.com/hooks/messagebird/1?a=1";
    const KEY: &str = "fake-signing-key";
    const NOW: i64 = 1_795_255_200;

    fn hook(headers: &[(&'static str, &[u8])], url: &str, body: &[u8]) -> RawWebhook {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                map.insert(*name, value);
            }
        }
        RawWebhook::new(Method::POST, url.into(), map, NOW * 1000, Bytes::copy_from_slice(body))
    }

    fn token(claims: &Value) -> String {
        let part = |value: &Value| BASE64_URL.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(claims));
        format!("{signed}.{}", BASE64_URL.encode(hmac_sha256(KEY.as_bytes(), signed.as_bytes())))
    }

    fn claims(body: &[u8]) -> Value {
        let hash = |bytes: &[u8]| Value::from(hex::encode(sha256(bytes)));
        let mut claims = json!({"iss": "MessageBird", "nbf": NOW, "exp": NOW + 60, "jti": "j-1"});
        claims["url_hash"] = hash(HOOK.as_bytes());
        if !body.is_empty() {
            claims["payload_hash"] = hash(body);
        }
        claims
    }

    fn check(token: &str, body: &[u8]) -> Result<Option<String>, String> {
        let raw = hook(&[("MessageBird-Signature-JWT", token.as_bytes())], HOOK, body);
        verify(Some(&Secret::new(KEY)), raw).map(|hook| hook.replay_key).map_err(|forged| forged.0)
    }

    #[test]
    fn a_token_is_for_one_request_at_one_time() {
        let with = |name: &str, value: Value| {
            let mut claims = claims(b"hi");
            claims[name] = value;
            check(&token(&claims), b"hi")
        };
        assert!(with("exp", json!(NOW)).is_ok() && with("nbf", json!(NOW + 1)).is_ok(), "a second of skew");
        for (name, value) in [
            ("iss", json!("Somebody")),
            ("nbf", json!(NOW + 2)),
            ("exp", json!(NOW - 1)),
            ("nbf", json!(i64::MAX)),
            ("exp", json!(i64::MIN)),
            ("nbf", Value::Null),
            ("jti", json!("")),
            ("jti", Value::Null),
            ("url_hash", json!(hex::encode(sha256(b"https://gateway.example.com/")))),
            ("payload_hash", json!(hex::encode(sha256(b"ho")))),
            ("payload_hash", Value::Null),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name}: {value}");
        }
        assert!(check(&token(&claims(b"hi")), b"").is_err(), "a body that was removed");
        assert!(check(&token(&claims(b"")), b"hi").is_err(), "a body that was added");
    }

    #[test]
    fn the_older_signature_sorts_the_query() {
        let check = |query: &str, signed: &str, seconds: i64| {
            let message = [format!("{seconds}\n{signed}\n").into_bytes(), sha256(b"hi")].concat();
            let signature = BASE64.encode(hmac_sha256(KEY.as_bytes(), &message)).into_bytes();
            let seconds = seconds.to_string().into_bytes();
            let headers =
                [("MessageBird-Signature", &signature[..]), ("MessageBird-Request-Timestamp", &seconds[..])];
            verify(
                Some(&Secret::new(KEY)),
                hook(&headers, &format!("https://a.example.com/h?{query}"), b"hi"),
            )
            .is_ok()
        };
        assert!(check("b=2&a=x+y&b=1&c=~*", "a=x+y&b=2&b=1&c=~%2A", NOW));
        assert!(check("a=%2b", "a=%2B", NOW + 300));
        assert!(!check("a=1", "a=1", NOW - 301));
        assert!(!check("a=1", "a=2", NOW));
    }

    proptest! {
        #[test]
        fn nothing_a_stranger_sends_panics(
            url in r"(https?://)?\PC{0,40}",
            value in prop::collection::vec(any::<u8>(), 0..60),
            body in prop::collection::vec(any::<u8>(), 0..200),
            dotted in r"[A-Za-z0-9_=-]{0,9}(\.[A-Za-z0-9_=-]{0,9}){0,3}",
        ) {
            for jwt in [&value[..], dotted.as_bytes()] {
                let _ = verify(Some(&Secret::new(KEY)), hook(&[("MessageBird-Signature-JWT", jwt)], &url, &body));
            }
            let older = [("MessageBird-Signature", &value[..]), ("MessageBird-Request-Timestamp", &value[..])];
            let _ = verify(Some(&Secret::new(KEY)), hook(&older, &url, &body));
        }
    }
}
