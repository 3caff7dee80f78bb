//! Valid signatures over arbitrary hooks, as each provider makes them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64_URL};
use heliograph_connectors::channel::signature::{hmac_sha1, hmac_sha256, sha256};
use heliograph_connectors::channel::{RawWebhook, Secret};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, Value, json};
use url::form_urlencoded::{byte_serialize, parse};

/// The hook with the signature that its provider would give it.
pub(crate) fn sign(kind: &str, settings: &Map<String, Value>, raw: RawWebhook) -> RawWebhook {
    let key = |name: &str| settings.get(name).and_then(Value::as_str).unwrap_or_default();
    match kind {
        "twilio" => twilio(key("authToken"), raw),
        "whatsapp" | "messenger" => {
            let proof = hex::encode(hmac_sha256(key("appSecret").as_bytes(), raw.untrusted_body()));
            with(raw, "x-hub-signature-256", &format!("sha256={proof}"))
        }
        "messagebird" => messagebird(key("signingKey"), raw),
        "mailgun" if key("signingKey").is_empty() => mailgun(key("apiKey"), raw),
        "mailgun" => mailgun(key("signingKey"), raw),
        _ => raw,
    }
}

fn with(mut raw: RawWebhook, name: &'static str, value: &str) -> RawWebhook {
    raw.headers.insert(name, HeaderValue::from_str(value).expect("letters and digits"));
    raw
}

fn twilio(key: &str, mut raw: RawWebhook) -> RawWebhook {
    if let Some((before, _)) = raw.url.split_once("bodySHA256=") {
        raw.url = format!("{before}bodySHA256={}", hex::encode(sha256(raw.untrusted_body())));
    }
    let mut signed = raw.url.clone();
    if raw.method != Method::GET && !raw.url.contains("bodySHA256=") {
        let mut by_name: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (name, value) in parse(raw.untrusted_body()) {
            by_name.entry(name).or_default().insert(value);
        }
        for (name, values) in &by_name {
            signed.extend(values.iter().flat_map(|value| [name.as_ref(), value.as_ref()]));
        }
    }
    let proof = BASE64.encode(hmac_sha1(&Secret::new(key), signed.as_bytes()));
    with(raw, "x-twilio-signature", &proof)
}

fn messagebird(key: &str, raw: RawWebhook) -> RawWebhook {
    let now = raw.received_at / 1000;
    let mut claims = json!({"iss": "MessageBird", "nbf": now, "exp": now + 60, "jti": "fuzz",
                            "url_hash": hex::encode(sha256(raw.url.as_bytes()))});
    if !raw.untrusted_body().is_empty() {
        claims["payload_hash"] = hex::encode(sha256(raw.untrusted_body())).into();
    }
    let head = BASE64_URL.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{head}.{}", BASE64_URL.encode(claims.to_string()));
    let proof = BASE64_URL.encode(hmac_sha256(key.as_bytes(), signed.as_bytes()));
    with(raw, "messagebird-signature-jwt", &format!("{signed}.{proof}"))
}

/// Mailgun signs a time and a token, and not the body: a form is given all three, JSON and files keep what they have.
fn mailgun(key: &str, raw: RawWebhook) -> RawWebhook {
    let is_form = |headers: &HeaderMap| {
        let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        kind.starts_with("application/x-www-form-urlencoded")
    };
    if !is_form(&raw.headers) {
        return raw;
    }
    let (time, token) = ((raw.received_at / 1000).to_string(), "f".repeat(50));
    let proof = hex::encode(hmac_sha256(key.as_bytes(), format!("{time}{token}").as_bytes()));
    let mut body = raw.untrusted_body().to_vec();
    for (name, value) in [("timestamp", &time), ("token", &token), ("signature", &proof)] {
        let value: String = byte_serialize(value.as_bytes()).collect();
        body.extend_from_slice(format!("&{name}={value}").as_bytes());
    }
    RawWebhook::new(raw.method, raw.url, raw.headers, raw.received_at, body.into())
}
