//! The events and mails that Mailgun posts to the gateway, and their signature.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use bytes::Bytes;
use heliograph_connectors::channel::signature::hmac_sha256;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::Mailbox;
use crate::sim::{
    files,
    outbox::Sent,
    provider::{ErrorCode, Hook, Report, Signature, Written},
};

/// What Mailgun says about a mail of ours.
pub(super) fn event(mailbox: &Mailbox, sent: &Sent, report: &Report) -> Value {
    let draft = &sent.draft;
    let (word, severity) = match report.status.as_str() {
        "failed" | "permanent_fail" => ("failed", Some("permanent")),
        "temporary_fail" => ("failed", Some("temporary")),
        other => (other, None),
    };
    let mut event = json!({
        "account": { "id": "000000000000000000000001" },
        "campaigns": [],
        "domain": { "name": mailbox.domain },
        "envelope": { "sender": mailbox.address, "targets": draft.to, "transport": "smtp" },
        "event": word,
        "flags": {
            "is-authenticated": true, "is-routed": false, "is-system-test": false, "is-test-mode": false
        },
        "id": random_hex(11),
        "log-level": if word == "failed" { "error" } else { "info" },
        "message": {
            "attachments": draft.media.iter().map(|name| json!({ "filename": name })).collect::<Vec<_>>(),
            "headers": {
                "from": draft.from,
                "message-id": draft.provider_id,
                "subject": draft.request["subject"],
                "to": draft.to,
            },
            "size": draft.text.len(),
        },
        "recipient": draft.to,
        "recipient-domain": draft.to.rsplit_once('@').map(|(_, domain)| domain),
        "tags": [],
        "timestamp": Timestamp::now().as_microsecond() as f64 / 1e6,
        "user-variables": {},
    });
    if let Some(reference) = &draft.reference {
        event["user-variables"]["heliograph"] = reference.as_str().into();
    }
    match (word, severity) {
        ("delivered", _) => {
            event["delivery-status"] = json!({
                "attempt-no": 1, "code": 250, "description": "", "message": "OK",
                "mx-host": "mx.example.com", "session-seconds": 0.1, "tls": true
            });
        }
        ("failed", Some(severity)) => fail(&mut event, severity, report.error.as_ref()),
        _ => {}
    }
    event
}

/// Why a mail did not arrive, by an SMTP code or one of Mailgun's own.
fn fail(event: &mut Value, severity: &str, code: Option<&ErrorCode>) {
    let usual = ErrorCode::from(if severity == "permanent" { "550" } else { "451" });
    let code = code.unwrap_or(&usual).to_json();
    let (reason, said, enhanced) = match code.as_i64() {
        Some(451) => ("greylisted", "4.7.1 Greylisted, try again later", Some("4.7.1")),
        Some(498) => ("generic", "No MX for the recipient's domain", None),
        Some(550) => {
            ("bounce", "5.1.1 The email account that you tried to reach does not exist", Some("5.1.1"))
        }
        Some(552) => ("bounce", "5.3.4 Message too big", Some("5.3.4")),
        Some(605) => ("suppress-bounce", "Not delivering to previously bounced address", None),
        Some(606) => ("suppress-unsubscribe", "Not delivering to unsubscribed address", None),
        Some(607) => {
            ("suppress-complaint", "Not delivering to a user who marked your messages as spam", None)
        }
        _ => ("generic", "Error asked for by a rule of the simulator", None),
    };
    event["severity"] = severity.into();
    event["reason"] = reason.into();
    event["delivery-status"] = json!({
        "attempt-no": 1, "code": code, "description": "", "message": said, "session-seconds": 0.1, "tls": true
    });
    if let Some(enhanced) = enhanced {
        event["delivery-status"]["enhanced-code"] = enhanced.into();
    }
}

/// The request that posts an event, signed as asked.
pub(super) fn about(mailbox: &Mailbox, event: &Value, signature: Signature) -> Hook {
    let mut body = json!({ "event-data": event });
    if let Some(signed) = sign(mailbox, signature) {
        body["signature"] =
            signed.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    }
    post(mailbox, "application/json", body.to_string().into())
}

/// The request that forwards what a person wrote, or why no mail could carry it.
pub(super) fn written(mailbox: &Mailbox, written: &Written, signature: Signature) -> Result<Hook, String> {
    if written.from.contains(['\r', '\n', '<', '>']) || !written.from.contains('@') {
        return Err("from must be an email address".into());
    }
    let mut fields = mail(mailbox, written);
    fields
        .extend(sign(mailbox, signature).into_iter().flatten().map(|(name, value)| (name.to_owned(), value)));
    if written.media.is_empty() {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        return Ok(post(mailbox, "application/x-www-form-urlencoded", body.into()));
    }
    fields.push(("attachment-count".into(), written.media.len().to_string()));
    let boundary = random_hex(16);
    let mut body = Vec::new();
    for (name, value) in fields {
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(head.as_bytes());
    }
    for (place, media) in written.media.iter().enumerate() {
        let (_, file) =
            files::at(&media.url).ok_or("media must be files of this simulator, …/files/{name}")?;
        let name = media.url.rsplit('/').next().unwrap_or_default().replace(['"', '\r', '\n'], "");
        let kind = media.kind.replace(['\r', '\n'], "");
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"attachment-{}\"; filename=\"{name}\"\r\n\
             Content-Type: {kind}\r\n\r\n",
            place + 1
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&file);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(post(mailbox, &format!("multipart/form-data; boundary={boundary}"), body.into()))
}

/// The fields of a mail: what Mailgun makes of it, then its headers again, each as a field.
fn mail(mailbox: &Mailbox, written: &Written) -> Vec<(String, String)> {
    let one_line = |text: &str| text.replace(['\r', '\n'], " ");
    let from = match &written.name {
        Some(name) => format!("\"{}\" <{}>", one_line(name).replace('"', "\\\""), written.from),
        None => written.from.clone(),
    };
    let usual = if written.answers.is_some() { "Re: your message" } else { "Hello" };
    let subject = one_line(written.subject.as_deref().unwrap_or(usual));
    let mut headers = vec![
        ("X-Envelope-From", format!("<{}>", written.from)),
        ("From", from.clone()),
        ("To", mailbox.address.clone()),
        ("Subject", subject.clone()),
        ("Message-Id", format!("<{}>", written.provider_id)),
        ("Date", Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()),
        ("X-Mailgun-Incoming", "Yes".to_owned()),
    ];
    let mut plain = written.text.replace('\n', "\r\n");
    if let Some(answers) = &written.answers {
        headers.push(("In-Reply-To", format!("<{answers}>")));
        headers.push(("References", format!("<{answers}>")));
        plain += &format!("\r\n\r\nOn another day, {} wrote:\r\n> {answers}\r\n", mailbox.address);
    }
    let mut fields = vec![
        ("recipient", mailbox.address.clone()),
        ("sender", written.from.clone()),
        ("subject", subject),
        ("from", from),
        ("message-headers", json!(headers).to_string()),
    ];
    // A mail of nothing but files has no text.
    if !written.text.is_empty() || written.media.is_empty() {
        fields.push(("body-plain", plain));
        fields.push(("stripped-text", written.text.clone()));
    }
    fields.extend(headers);
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Time, token and signature. The body is not signed.
fn sign(mailbox: &Mailbox, signature: Signature) -> Option<[(&'static str, String); 3]> {
    let timestamp = Timestamp::now().as_second().to_string();
    let token = random_hex(25);
    let key = match signature {
        Signature::Valid => mailbox.signing_key.expose().to_owned(),
        Signature::Forged => format!("not {}", mailbox.signing_key.expose()),
        Signature::Missing => return None,
    };
    let mac = hmac_sha256(key.as_bytes(), format!("{timestamp}{token}").as_bytes());
    Some([("timestamp", timestamp), ("token", token), ("signature", hex::encode(mac))])
}

fn random_hex(bytes: usize) -> String {
    (0..bytes).map(|_| format!("{:02x}", rand::random::<u8>())).collect()
}

fn post(mailbox: &Mailbox, kind: &str, body: Bytes) -> Hook {
    let mut headers = HeaderMap::new();
    headers.extend(HeaderValue::try_from(kind).ok().map(|kind| (header::CONTENT_TYPE, kind)));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("mailgun/treq-21.1.0"));
    Hook { method: Method::POST, url: mailbox.account.hook_url.clone(), headers, body }
}
