//! Mailgun's answers, in its own shapes. Pure.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::sim::{outbox::Sent, provider::ErrorCode};

/// An error as Mailgun words it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    retry_after: Option<String>,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Refusal {
        Refusal { status, message: message.into(), retry_after: None }
    }

    /// 400.
    pub(super) fn bad(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, message)
    }

    /// A key that opens nothing.
    pub(super) fn forbidden() -> Refusal {
        Refusal::new(StatusCode::UNAUTHORIZED, "Forbidden")
    }

    /// Not this key's domain, or none of this region.
    pub(super) fn no_domain(domain: &str) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, format!("Domain not found: {domain}"))
    }

    /// A request of more than 52.4 MiB.
    pub(super) fn too_large() -> Refusal {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "request size exceeds 52.4MiB limit")
    }

    /// What a rule says: by default an invalid address. Mailgun has no error codes, so a code stands in the text.
    pub(super) fn by_rule(status: Option<StatusCode>, code: Option<&ErrorCode>, domain: &str) -> Refusal {
        let status = status.unwrap_or(StatusCode::BAD_REQUEST);
        let usual = match status {
            StatusCode::UNAUTHORIZED => "Forbidden".to_owned(),
            StatusCode::NOT_FOUND => format!("Domain not found: {domain}"),
            StatusCode::PAYLOAD_TOO_LARGE => "request size exceeds 52.4MiB limit".to_owned(),
            _ => "to parameter is not a valid address. please check documentation".to_owned(),
        };
        Refusal::new(
            status,
            code.map_or(usual, |code| format!("Error {code} asked for by a rule of the simulator")),
        )
    }

    /// Too much at a time.
    pub(super) fn throttled(domain: &str, retry_after: Option<String>) -> Refusal {
        let message = format!("Domain {domain} is not allowed to send: request limit exceeded");
        Refusal { retry_after, ..Refusal::new(StatusCode::TOO_MANY_REQUESTS, message) }
    }

    /// Mailgun's own fault.
    pub(super) fn broken(status: StatusCode) -> Refusal {
        Refusal::new(status, status.canonical_reason().unwrap_or("Internal Server Error"))
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // The one error that is plain text.
        let is_plain = self.status == StatusCode::UNAUTHORIZED;
        let mut response = match is_plain {
            true => (self.status, self.message).into_response(),
            false => (self.status, Json(json!({ "message": self.message }))).into_response(),
        };
        if let Some(value) = self.retry_after.and_then(|wait| HeaderValue::try_from(wait).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}

/// What Mailgun says on a path it does not know: no error, but no success either.
pub(super) async fn greeting() -> &'static str {
    "Mailgun Magnificent API"
}

/// The 200 of a send. The id has angle brackets here and nowhere else.
pub(super) fn queued(sent: &Sent) -> Value {
    json!({ "id": format!("<{}>", sent.draft.provider_id), "message": "Queued. Thank you." })
}

/// A domain.
pub(super) fn domain(name: &str) -> Value {
    json!({
        "domain": {
            "created_at": "Thu, 01 Jan 1970 00:00:00 GMT",
            "id": "000000000000000000000001",
            "is_disabled": false,
            "name": name,
            "require_tls": false,
            "skip_verification": false,
            "smtp_login": format!("postmaster@{name}"),
            "spam_action": "disabled",
            "state": "active",
            "type": "custom",
            "web_prefix": "email",
            "web_scheme": "https",
            "wildcard": false,
        },
        "receiving_dns_records": [],
        "sending_dns_records": [],
    })
}

/// One page of events.
pub(super) fn page(items: impl IntoIterator<Item = Value>) -> Value {
    let items: Vec<Value> = items.into_iter().collect();
    json!({ "items": items, "paging": { "first": "", "last": "", "next": "", "previous": "" } })
}
