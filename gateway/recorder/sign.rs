//! Signatures over scrubbed hooks, made with the stand-ins for the secrets as each provider makes them.
//!
//! The providers' pages are named in the connectors, which prove what is written here: a tape whose hook does not
//! verify is not kept.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64_URL};
use bytes::Bytes;
use heliograph_connectors::channel::signature::{hmac_sha1, hmac_sha256, sha256};
use heliograph_connectors::channel::{Request, Secret};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, Value, json};
use url::form_urlencoded::parse;

use super::{Rewrite, body};

/// Signs a hook in place of its provider. `given` are the headers it came with, for the times inside signatures.
pub(super) fn sign(
    kind: &str,
    settings: &Map<String, Value>,
    hook: Request,
    given: &HeaderMap,
) -> Result<Request, String> {
    let key = |name: &str| settings.get(name).and_then(Value::as_str).filter(|key| !key.is_empty());
    let need =
        |key: Option<&str>| key.map(str::to_owned).ok_or(format!("no secret to sign a {kind} hook with"));
    match kind {
        "twilio" => twilio(need(key("authToken"))?, hook),
        "whatsapp" | "messenger" => meta(&need(key("appSecret"))?, hook),
        "messagebird" => messagebird(&need(key("signingKey"))?, hook, given),
        "mailgun" => mailgun(&need(key("signingKey").or(key("apiKey")))?, hook),
        _ => Err(format!("it is not known how {kind} signs")),
    }
}

fn set(hook: &mut Request, name: &'static str, value: &str) -> Result<(), String> {
    let value = HeaderValue::from_str(value).map_err(|error| error.to_string())?;
    hook.headers_mut().insert(name, value);
    Ok(())
}

/// HMAC-SHA1 over the URL and the sorted form; of any other body the URL carries the hash.
fn twilio(auth_token: String, mut hook: Request) -> Result<Request, String> {
    let mut url = hook.uri().to_string();
    let hash = |url: &str| url.split_once("bodySHA256=").map(|(before, _)| before.to_owned());
    if let Some(before) = hash(&url) {
        url = format!("{before}bodySHA256={}", hex::encode(sha256(hook.body())));
        *hook.uri_mut() = url.parse().map_err(|_| "no URL")?;
    } else if hook.method() != Method::GET {
        let mut by_name: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (name, value) in parse(hook.body()) {
            by_name.entry(name).or_default().insert(value);
        }
        for (name, values) in &by_name {
            url.extend(values.iter().flat_map(|value| [name.as_ref(), value.as_ref()]));
        }
    }
    let signature = BASE64.encode(hmac_sha1(&Secret::new(auth_token), url.as_bytes()));
    set(&mut hook, "x-twilio-signature", &signature)?;
    Ok(hook)
}

/// HMAC-SHA256 over the body. A subscription's handshake is a GET and carries a token instead.
fn meta(app_secret: &str, mut hook: Request) -> Result<Request, String> {
    if hook.method() != Method::GET {
        let signature = hex::encode(hmac_sha256(app_secret.as_bytes(), hook.body()));
        set(&mut hook, "x-hub-signature-256", &format!("sha256={signature}"))?;
    }
    Ok(hook)
}

/// A token over the hashes of URL and body; or, as before there were tokens, a signature over time, query and body.
fn messagebird(key: &str, mut hook: Request, given: &HeaderMap) -> Result<Request, String> {
    let text = |name: &str| given.get(name).and_then(|value| value.to_str().ok());
    if let Some(token) = text("messagebird-signature-jwt") {
        let mut claims = claims(token).ok_or("no claims in the token")?;
        claims.insert("jti".into(), "00000000-0000-4000-8000-000000000000".into());
        claims.insert("url_hash".into(), hex::encode(sha256(hook.uri().to_string().as_bytes())).into());
        claims.remove("payload_hash");
        if !hook.body().is_empty() {
            claims.insert("payload_hash".into(), hex::encode(sha256(hook.body())).into());
        }
        let head = BASE64_URL.encode(json!({"alg": "HS256", "typ": "JWT"}).to_string());
        let signed = format!("{head}.{}", BASE64_URL.encode(Value::Object(claims).to_string()));
        let signature = BASE64_URL.encode(hmac_sha256(key.as_bytes(), signed.as_bytes()));
        set(&mut hook, "messagebird-signature-jwt", &format!("{signed}.{signature}"))?;
        return Ok(hook);
    }
    let time = text("messagebird-request-timestamp").ok_or("no signature of MessageBird's")?;
    let mut pairs: Vec<_> = parse(hook.uri().query().unwrap_or_default().as_bytes()).collect();
    pairs.sort();
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let signed = [format!("{time}\n{query}\n").as_bytes(), &sha256(hook.body())].concat();
    let signature = BASE64.encode(hmac_sha256(key.as_bytes(), &signed));
    let time = time.to_owned();
    set(&mut hook, "messagebird-request-timestamp", &time)?;
    set(&mut hook, "messagebird-signature", &signature)?;
    Ok(hook)
}

fn claims(token: &str) -> Option<Map<String, Value>> {
    let claims = BASE64_URL.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&claims).ok()
}

/// HMAC-SHA256 over a time and a token, all three inside the body.
fn mailgun(key: &str, mut hook: Request) -> Result<Request, String> {
    let unreadable = |_| "a body nobody can read";
    let mut fields = Signed::default();
    let kind = hook.headers().get(CONTENT_TYPE).cloned();
    body::rewrite(kind.as_ref(), hook.body(), &mut fields).map_err(unreadable)?;
    let signed = format!("{}{}", fields.timestamp, fields.token);
    fields.signature = Some(hex::encode(hmac_sha256(key.as_bytes(), signed.as_bytes())));
    let (_, body): (_, Bytes) = body::rewrite(kind.as_ref(), hook.body(), &mut fields).map_err(unreadable)?;
    *hook.body_mut() = body;
    Ok(hook)
}

/// The fields of Mailgun's signature: at the top of a form, under `signature` in JSON.
#[derive(Debug, Default)]
struct Signed {
    timestamp: String,
    token: String,
    signature: Option<String>,
}

impl Rewrite for Signed {
    fn text(&mut self, path: &[String], text: &str) -> String {
        match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["timestamp"] | ["signature", "timestamp"] => self.timestamp = text.to_owned(),
            ["token"] | ["signature", "token"] => self.token = text.to_owned(),
            ["signature"] | ["signature", "signature"] => {
                return self.signature.clone().unwrap_or_else(|| text.to_owned());
            }
            _ => {}
        }
        text.to_owned()
    }

    fn number(&mut self, path: &[String], raw: &str) -> String {
        if path.iter().map(String::as_str).eq(["signature", "timestamp"]) {
            self.timestamp = raw.to_owned();
        }
        raw.to_owned()
    }
}
