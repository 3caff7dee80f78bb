//! The calls MessageBird makes to the gateway, and their signature. Pure.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use heliograph_connectors::channel::signature::{hmac_sha256, sha256};
use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{Line, answer};
use crate::sim::{
    outbox::Sent,
    provider::{Hook, Report, Signature, Written},
    sms,
};

/// How long a token is good, in seconds.
const LIFETIME: i64 = 60;

/// What a person wrote, as Flow Builder forwards it: everything under each of its names.
pub(super) fn written(line: &Line, written: &Written, now: Timestamp) -> Value {
    let from = written.from.trim_start_matches('+');
    let mut body = json!({
        "id": written.provider_id,
        "message_id": written.provider_id,
        "recipient": line.originator,
        "receiver": line.originator,
        "originator": from,
        "sender": from,
        "body": written.text,
        "message": written.text,
        "date_utc": now.as_second(),
        "createdDatetime": answer::moment(now),
    });
    if !written.media.is_empty() {
        let urls = written.media.iter().map(|media| media.url.as_str());
        body["mediaUrls"] = urls.collect();
    }
    body
}

/// The address of a report: where the send said, and everything in the query. `None` when it said nothing.
pub(super) fn report_url(sent: &Sent, report: &Report) -> Option<String> {
    let draft = &sent.draft;
    let (callback, reference) = (draft.callback.as_deref()?, draft.reference.as_deref()?);
    let reason = match (&report.error, report.status.as_str()) {
        (Some(error), _) => Some(answer::reason(error)),
        (None, "delivered") => Some("successfully delivered"),
        _ => None,
    };
    let price = answer::price();
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("id", &draft.provider_id)
        .append_pair("mccmnc", "302720")
        .append_pair("ported", "0")
        .append_pair("recipient", draft.to.trim_start_matches('+'))
        .append_pair("reference", reference)
        .append_pair("status", &report.status)
        .append_pair("statusDatetime", &answer::moment(sent.progress().changed_at))
        .append_pair("messageLength", &draft.text.chars().count().to_string())
        .append_pair("messagePartCount", &sms::segments(&draft.text).to_string())
        .append_pair("datacoding", answer::datacoding(&draft.text))
        .append_pair("price[amount]", &price["amount"].to_string())
        .append_pair("price[currency]", price["currency"].as_str().unwrap_or_default());
    if let Some(reason) = reason {
        query.append_pair("statusReason", reason);
    }
    if let Some(error) = &report.error {
        query.append_pair("statusErrorCode", &error.to_string());
    }
    let joint = if callback.contains('?') { '&' } else { '?' };
    Some(format!("{callback}{joint}{}", query.finish()))
}

/// A report's call.
pub(super) fn get(line: &Line, url: String, signature: Signature, now: Timestamp) -> Hook {
    let headers = signed(line, &url, &[], signature, now);
    Hook { method: Method::GET, url, headers, body: Bytes::new() }
}

/// The call that brings what a person wrote.
pub(super) fn post(line: &Line, body: &Value, signature: Signature, now: Timestamp) -> Hook {
    let (url, body) = (line.account.hook_url.clone(), Bytes::from(body.to_string()));
    let mut headers = signed(line, &url, &body, signature, now);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Hook { method: Method::POST, url, headers, body }
}

/// A line without a signing key cannot sign, and so its calls are not signed.
fn signed(line: &Line, url: &str, body: &[u8], signature: Signature, now: Timestamp) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, HeaderValue::from_static("MessageBird/ApiClient"));
    let key = line.signing_key.as_ref().and_then(|key| match signature {
        Signature::Valid => Some(key.expose().to_owned()),
        Signature::Forged => Some(format!("not {}", key.expose())),
        Signature::Missing => None,
    });
    let id = format!("{:032x}", rand::random::<u128>());
    let token = key.map(|key| token(&key, url, body, &id, now.as_second()));
    if let Some(value) = token.and_then(|token| HeaderValue::try_from(token).ok()) {
        headers.insert("messagebird-signature-jwt", value);
    }
    headers
}

/// `MessageBird-Signature-JWT`: a token for this URL, this body and the next minute.
fn token(key: &str, url: &str, body: &[u8], id: &str, now: i64) -> String {
    let hash = |bytes: &[u8]| hex::encode(sha256(bytes));
    let mut claims = json!({
        "iss": "MessageBird", "nbf": now, "exp": now + LIFETIME, "jti": id, "url_hash": hash(url.as_bytes()),
    });
    if !body.is_empty() {
        claims["payload_hash"] = hash(body).into();
    }
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(&claims));
    let signature = hmac_sha256(key.as_bytes(), signed.as_bytes());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}
