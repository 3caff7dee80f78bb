//! The forms Twilio posts to the gateway, and their signature. Pure.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{HeaderMap, HeaderValue, Method, header};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use heliograph_connectors::channel::{Secret, signature::hmac_sha1};
use url::form_urlencoded;

use super::Line;
use crate::sim::{
    outbox::Sent,
    provider::{Hook, Report, Signature, Written},
    sms,
};

const VERSION: &str = "2010-04-01";

type Form = Vec<(String, String)>;

fn form<const N: usize>(pairs: [(&str, &str); N]) -> Form {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// What a person wrote.
pub(super) fn written(line: &Line, written: &Written) -> Form {
    let id = written.provider_id.as_str();
    let (media, segments) = (written.media.len(), sms::segments(&written.text).max(1));
    // Places are guesses of the carriers; empty ones are sent too and count for the signature.
    let mut form = form([
        ("ToCountry", "US"),
        ("ToState", "CA"),
        ("SmsMessageSid", id),
        ("NumMedia", &media.to_string()),
        ("ToCity", ""),
        ("FromZip", "94105"),
        ("SmsSid", id),
        ("FromState", "CA"),
        ("SmsStatus", "received"),
        ("FromCity", "SAN FRANCISCO"),
        ("Body", &written.text),
        ("FromCountry", "US"),
        ("To", &line.number),
        ("ToZip", ""),
        ("NumSegments", &segments.to_string()),
        ("MessageSid", id),
        ("AccountSid", &line.sid),
        ("From", &written.from),
        ("ApiVersion", VERSION),
    ]);
    for (place, media) in written.media.iter().enumerate() {
        form.push((format!("MediaContentType{place}"), media.kind.clone()));
        form.push((format!("MediaUrl{place}"), media.url.clone()));
    }
    if let Some(service) = &line.service {
        form.push(("MessagingServiceSid".into(), service.clone()));
        form.extend(opt_out(&written.text).map(|kind| ("OptOutType".into(), kind.into())));
    }
    form
}

/// What Twilio's keywords mean. It says so only for a Messaging Service.
fn opt_out(text: &str) -> Option<&'static str> {
    match text.trim().to_ascii_uppercase().as_str() {
        "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "REVOKE" | "OPTOUT" => Some("STOP"),
        "START" | "YES" | "UNSTOP" => Some("START"),
        "HELP" | "INFO" => Some("HELP"),
        _ => None,
    }
}

/// What became of a message.
pub(super) fn receipt(line: &Line, sent: &Sent, report: &Report) -> Form {
    let id = sent.draft.provider_id.as_str();
    let mut form = form([
        ("SmsSid", id),
        ("SmsStatus", &report.status),
        ("MessageStatus", &report.status),
        ("To", &sent.draft.to),
        ("MessageSid", id),
        ("AccountSid", &line.sid),
        ("From", &sent.draft.from),
        ("ApiVersion", VERSION),
    ]);
    if let Some(service) = &sent.draft.pool {
        form.push(("MessagingServiceSid".into(), service.clone()));
    }
    if let Some(error) = &report.error {
        form.push(("ErrorCode".into(), error.to_string()));
    }
    form
}

/// The request that posts a form, signed as asked.
pub(super) fn signed(line: &Line, url: &str, form: &Form, signature: Signature) -> Hook {
    // A fragment steers Twilio's own retries and never leaves it, so the gateway cannot have it signed.
    let url = url.split('#').next().unwrap_or_default();
    let token = match signature {
        Signature::Valid => Some(line.token.clone()),
        Signature::Forged => Some(Secret::new(format!("not {}", line.token.expose()))),
        Signature::Missing => None,
    };
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded; charset=UTF-8");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::USER_AGENT, HeaderValue::from_static("TwilioProxy/1.1"));
    if let Some(value) = token.and_then(|token| HeaderValue::try_from(sign(&token, url, form)).ok()) {
        headers.insert("x-twilio-signature", value);
    }
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    Hook { method: Method::POST, url: url.to_owned(), headers, body: Bytes::from(body) }
}

/// `X-Twilio-Signature`: the URL and then every name with its values, both sorted and without repetitions.
fn sign(token: &Secret, url: &str, form: &Form) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in form {
        sorted.entry(name).or_default().insert(value);
    }
    let mut message = url.to_owned();
    for (name, values) in sorted {
        for value in values {
            message.push_str(name);
            message.push_str(value);
        }
    }
    BASE64_STANDARD.encode(hmac_sha1(token, message.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Twilio's security page, which its client libraries test too.
    #[test]
    fn the_signature_is_twilios() {
        let form = form([
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
        ]);
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        assert_eq!(sign(&Secret::new("12345"), url, &form), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    }

    #[test]
    fn order_and_repetition_do_not_change_a_signature() {
        let token = Secret::new("fake-token");
        let once = form([("A", "1"), ("A", "2"), ("B", "")]);
        let shuffled = form([("B", ""), ("A", "2"), ("A", "1"), ("A", "2")]);
        assert_eq!(sign(&token, "https://x.example/", &once), sign(&token, "https://x.example/", &shuffled));
    }

    #[test]
    fn keywords_are_whole_words_of_any_case() {
        assert_eq!(opt_out(" Stop "), Some("STOP"));
        assert_eq!(opt_out("unstop"), Some("START"));
        assert_eq!(opt_out("please stop"), None);
    }
}
