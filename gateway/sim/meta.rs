//! What Meta's two channels share here: the Graph API's errors, its token check and its signed hooks. Pure.

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use heliograph_connectors::channel::signature::{hmac_sha256, sha256};
use serde_json::{Value, json};

use super::provider::{ErrorCode, Hook, Signature};

/// An error as the Graph API words it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: i64,
    subcode: Option<i64>,
    message: String,
    details: Option<String>,
    retry_after: Option<String>,
}

impl Refusal {
    /// 400 with this code; Meta writes the code before the message.
    pub(super) fn new(code: i64, message: &str) -> Refusal {
        Refusal {
            status: StatusCode::BAD_REQUEST,
            kind: "OAuthException",
            code,
            subcode: None,
            message: format!("(#{code}) {message}"),
            details: None,
            retry_after: None,
        }
    }

    /// A parameter that is missing, unknown or wrong.
    pub(super) fn parameter(message: &str) -> Refusal {
        Refusal::new(100, message)
    }

    /// A token that opens nothing.
    pub(super) fn unauthorised() -> Refusal {
        let message = "Invalid OAuth access token - Cannot parse access token".into();
        Refusal { status: StatusCode::UNAUTHORIZED, message, ..Refusal::new(190, "") }
    }

    /// A number, page or person that is not there, or not for this token.
    pub(super) fn no_such_object(method: &Method, id: &str) -> Refusal {
        let message = format!(
            "Unsupported {} request. Object with ID '{id}' does not exist, cannot be loaded due to missing \
             permissions, or does not support this operation",
            method.as_str().to_ascii_lowercase()
        );
        Refusal { kind: "GraphMethodException", message, ..Refusal::new(100, "").with_subcode(33) }
    }

    /// A call that the Graph API does not have.
    pub(super) fn no_such_call() -> Refusal {
        Refusal::new(2500, "Unknown path components")
    }

    /// Too much at a time.
    pub(super) fn throttled(code: i64, message: &str, retry_after: Option<String>) -> Refusal {
        Refusal { status: StatusCode::TOO_MANY_REQUESTS, retry_after, ..Refusal::new(code, message) }
    }

    /// With a wait, which Meta does not document.
    pub(super) fn with_retry_after(self, retry_after: Option<String>) -> Refusal {
        Refusal { retry_after, ..self }
    }

    /// Meta's own fault.
    pub(super) fn broken(status: StatusCode, code: i64) -> Refusal {
        Refusal { status, ..Refusal::new(code, "Something went wrong. Please try again later.") }
    }

    /// What a rule says: a code, or a code and a subcode with a slash between.
    pub(super) fn by_rule(status: Option<StatusCode>, code: Option<ErrorCode>, default: i64) -> Refusal {
        let given = code.map_or_else(|| default.to_string(), |code| code.to_string());
        let (code, subcode) = given.split_once('/').unwrap_or((&given, ""));
        let message = "Error asked for by a rule of the simulator.";
        let refusal = Refusal::new(code.parse().unwrap_or(default), message);
        Refusal {
            status: status.unwrap_or(StatusCode::BAD_REQUEST),
            subcode: subcode.parse().ok(),
            ..refusal
        }
    }

    /// With the finer code.
    pub(super) fn with_subcode(self, subcode: i64) -> Refusal {
        Refusal { subcode: Some(subcode), ..self }
    }

    /// With WhatsApp's sentence in `error_data`.
    pub(super) fn with_details(self, details: impl Into<String>) -> Refusal {
        Refusal { details: Some(details.into()), ..self }
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> i64 {
        self.code
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut error = json!({
            "message": self.message, "type": self.kind, "code": self.code, "fbtrace_id": "AheliographSimulator00",
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        if let Some(details) = self.details {
            error["error_data"] = json!({ "messaging_product": "whatsapp", "details": details });
        }
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        if let Some(value) = self.retry_after.and_then(|wait| HeaderValue::try_from(wait).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}

/// The token of a call. One in the query would be kept by logs, so none is looked for there.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Whether the version in a path is one: `v25.0`.
pub(super) fn is_version(version: &str) -> bool {
    let numbers = version.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    numbers.is_some_and(|(major, minor)| major.parse::<u8>().is_ok() && minor.parse::<u8>().is_ok())
}

/// The object in a call's body, which must say that it is JSON.
pub(super) fn object(headers: &HeaderMap, body: &[u8]) -> Result<serde_json::Map<String, Value>, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/json") {
        return Err(Refusal::parameter("the content type must be application/json"));
    }
    serde_json::from_slice(body).map_err(|_| Refusal::parameter("The body is not a JSON object"))
}

/// The request that posts a hook, signed as asked.
pub(super) fn signed(app_secret: &str, url: &str, hook: &Value, signature: Signature) -> Hook {
    let body = escaped(hook).into_bytes();
    let key = match signature {
        Signature::Valid => Some(app_secret.to_owned()),
        Signature::Forged => Some(format!("not {app_secret}")),
        Signature::Missing => None,
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("facebookexternalua"));
    let value = key.map(|key| format!("sha256={}", hex::encode(hmac_sha256(key.as_bytes(), &body))));
    if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
        headers.insert("x-hub-signature-256", value);
    }
    Hook { method: Method::POST, url: url.to_owned(), headers, body: Bytes::from(body) }
}

/// JSON as Meta sends and signs it: ASCII alone, slashes escaped.
fn escaped(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        match c {
            '/' => text.push_str("\\/"),
            c if c.is_ascii() => text.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    text
}

/// A number of digits that looks like Meta's ids and is always the same for the same text.
pub(super) fn id_of(text: &str) -> String {
    let hash = sha256(text.as_bytes());
    let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{:015}", number % 900_000_000_000_000 + 100_000_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_are_escaped_as_meta_escapes_and_signed_as_sent() {
        let hook = signed("fake-secret", "http://127.0.0.1/", &json!({"a": "é 😀 b/c"}), Signature::Valid);
        assert_eq!(hook.body, r#"{"a":"\u00e9 \ud83d\ude00 b\/c"}"#);
        let expected = format!("sha256={}", hex::encode(hmac_sha256(b"fake-secret", &hook.body)));
        assert_eq!(hook.headers["x-hub-signature-256"], expected.as_str());
        let missing = signed("fake-secret", "http://127.0.0.1/", &json!({}), Signature::Missing);
        assert!(!missing.headers.contains_key("x-hub-signature-256"));
    }

    /// A published pair of key and text.
    #[test]
    fn the_hash_is_the_published_one() {
        let hash = hex::encode(hmac_sha256(b"sesame", b"hello world"));
        assert_eq!(hash, "f39034b29165ec6a5104d9aef27266484ab26c8caa7bca8bcb2dd02e8be61b17");
    }

    #[test]
    fn a_rule_may_name_a_subcode() {
        let refusal = Refusal::by_rule(None, Some(ErrorCode::from("10/2018278")), 100);
        assert_eq!((refusal.code, refusal.subcode), (10, Some(2_018_278)));
        let refusal = Refusal::by_rule(Some(StatusCode::FORBIDDEN), None, 100);
        assert_eq!((refusal.code, refusal.status), (100, StatusCode::FORBIDDEN));
    }

    #[test]
    fn versions_are_recognised() {
        assert!(is_version("v25.0") && is_version("v9.1"));
        assert!(!is_version("25.0") && !is_version("v25") && !is_version("me"));
    }
}
