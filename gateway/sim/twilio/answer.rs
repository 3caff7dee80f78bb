//! Twilio's answers, in its own shapes. Pure.

use std::sync::Arc;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Line, request::Listing};
use crate::sim::{outbox::Sent, provider::ErrorCode, sms};

/// An error as Twilio words it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: Value,
    message: String,
    retry_after: Option<String>,
}

impl Refusal {
    fn new(status: StatusCode, code: Value, message: String) -> Refusal {
        Refusal { status, code, message, retry_after: None }
    }

    /// 400 with a message of the simulator's own.
    pub(super) fn bad(code: u32, message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, code.into(), message.into())
    }

    /// 400 with Twilio's message for this code.
    pub(super) fn coded(code: u32) -> Refusal {
        Refusal::bad(code, meaning(&code.into()))
    }

    /// What Twilio has not, or not for this account.
    pub(super) fn not_found() -> Refusal {
        Refusal::of(StatusCode::NOT_FOUND, 20404)
    }

    /// Credentials that are not the account's.
    pub(super) fn unauthorised() -> Refusal {
        Refusal::of(StatusCode::UNAUTHORIZED, 20003)
    }

    fn of(status: StatusCode, code: u32) -> Refusal {
        Refusal::new(status, code.into(), meaning(&code.into()).to_owned())
    }

    /// What a rule says: by default an invalid number.
    pub(super) fn by_rule(status: Option<StatusCode>, code: Option<ErrorCode>) -> Refusal {
        let code = code.map_or_else(|| 21211.into(), |code| code.to_json());
        let message = meaning(&code).to_owned();
        Refusal::new(status.unwrap_or(StatusCode::BAD_REQUEST), code, message)
    }

    /// Too much at a time.
    pub(super) fn throttled(retry_after: Option<String>) -> Refusal {
        Refusal { retry_after, ..Refusal::of(StatusCode::TOO_MANY_REQUESTS, 20429) }
    }

    /// Too much waits behind the sender. Twilio has no limit for one recipient; this comes nearest.
    pub(super) fn queue_full(retry_after: Option<String>) -> Refusal {
        Refusal { retry_after, ..Refusal::coded(21611) }
    }

    /// Twilio's own fault.
    pub(super) fn broken(status: StatusCode) -> Refusal {
        let code = if status == StatusCode::SERVICE_UNAVAILABLE { 20503 } else { 20500 };
        Refusal::of(status, code)
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> u32 {
        self.code.as_u64().and_then(|code| u32::try_from(code).ok()).expect("a number")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = self.code.as_str().map_or_else(|| self.code.to_string(), str::to_owned);
        let body = json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
            "status": self.status.as_u16(),
        });
        let mut response = (self.status, Json(body)).into_response();
        if let Some(value) = self.retry_after.and_then(|wait| HeaderValue::try_from(wait).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}

/// What a code means, for the people who read errors.
fn meaning(code: &Value) -> &'static str {
    match code.as_u64() {
        Some(20003) => "Authenticate",
        Some(20404) => "The requested resource was not found",
        Some(20429) => "Too Many Requests",
        Some(20500) => "Internal Server Error",
        Some(20503) => "Service unavailable",
        Some(21211) => "The 'To' number is not a valid phone number.",
        Some(21266) => "'To' and 'From' number cannot be the same.",
        Some(21602) => "Message body is required.",
        Some(21603) => "A 'From' phone number is required.",
        Some(21604) => "A 'To' phone number is required.",
        Some(21606) => "The 'From' number is not a message-capable number of this account.",
        Some(21609) => "The 'StatusCallback' URL is not a valid URL.",
        Some(21610) => "The recipient has opted out.",
        Some(21611) => "This 'From' number has exceeded the maximum number of queued messages.",
        Some(21614) => "The 'To' number is not a valid mobile number.",
        Some(21617) => "The message body is longer than 1600 characters.",
        Some(21620) => "A media URL is not valid.",
        Some(21623) => "The number of media files exceeds the allowed limit of 10.",
        Some(21624) => "The validity period is not within the allowed range.",
        Some(21701) => "The Messaging Service does not exist.",
        Some(30003) => "Unreachable destination handset",
        Some(30005) => "Unknown destination handset",
        Some(30007) => "Carrier violation",
        _ => "Error asked for by a rule of the simulator.",
    }
}

/// The 201 of a send. Twilio answers before it has picked a pool number and counted segments.
pub(super) fn created(sid: &str, sent: &Sent) -> Value {
    let is_pooled = sent.draft.pool.is_some();
    let mut message = message(sid, sent);
    message["status"] = sent.draft.status.into();
    message["date_updated"] = rfc2822(sent.at).into();
    for empty in ["date_sent", "error_code", "error_message"] {
        message[empty] = Value::Null;
    }
    if is_pooled {
        message["from"] = Value::Null;
        message["num_segments"] = "0".into();
    }
    message
}

/// A message as it stands now.
pub(super) fn fetched(sid: &str, sent: &Sent) -> Value {
    let mut message = message(sid, sent);
    let feedback = format!("{}/Feedback.json", message_path(sid, &sent.draft.provider_id));
    message["subresource_uris"]["feedback"] = feedback.into();
    message
}

fn message(sid: &str, sent: &Sent) -> Value {
    let (draft, progress) = (&sent.draft, sent.progress());
    let path = message_path(sid, &draft.provider_id);
    let is_waiting = progress.status == draft.status;
    let error = progress.error.map(|error| error.to_json());
    let segments = if draft.media.is_empty() { sms::segments(&draft.text) } else { 1 };
    json!({
        "account_sid": sid,
        "api_version": "2010-04-01",
        "body": draft.text,
        "date_created": rfc2822(sent.at),
        "date_sent": (!is_waiting).then(|| rfc2822(sent.at)),
        "date_updated": rfc2822(progress.changed_at),
        "direction": "outbound-api",
        "error_code": error,
        "error_message": error.as_ref().map(meaning),
        "from": draft.from,
        "messaging_service_sid": draft.pool,
        "num_media": draft.media.len().to_string(),
        "num_segments": segments.to_string(),
        "price": null,
        "price_unit": null,
        "sid": draft.provider_id,
        "status": progress.status,
        "subresource_uris": { "media": format!("{path}/Media.json") },
        "to": draft.to,
        "uri": format!("{path}.json"),
    })
}

fn account_path(sid: &str) -> String {
    format!("/2010-04-01/Accounts/{sid}")
}

fn message_path(sid: &str, id: &str) -> String {
    format!("{}/Messages/{id}", account_path(sid))
}

/// One page of messages; `found` holds one more than the page when there is another.
pub(super) fn listed(sid: &str, uri: &Uri, listing: &Listing, found: &[Arc<Sent>]) -> Value {
    let shown = &found[..found.len().min(listing.page_size)];
    let messages: Vec<Value> = shown.iter().map(|sent| fetched(sid, sent)).collect();
    let page_uri = |page: usize| page_uri(sid, uri.query().unwrap_or_default(), page, listing.page_size);
    let start = listing.skipped();
    json!({
        "messages": messages,
        "page": listing.page,
        "page_size": listing.page_size,
        "start": start,
        "end": (start + shown.len()).saturating_sub(1),
        "uri": page_uri(listing.page),
        "first_page_uri": page_uri(0),
        "next_page_uri": (found.len() > shown.len()).then(|| page_uri(listing.page + 1)),
        "previous_page_uri": listing.page.checked_sub(1).map(page_uri),
    })
}

/// The same list's other page.
fn page_uri(sid: &str, query: &str, page: usize, size: usize) -> String {
    let kept = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| !matches!(name.as_ref(), "Page" | "PageSize"));
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair("PageSize", &size.to_string())
        .append_pair("Page", &page.to_string())
        .finish();
    format!("{}/Messages.json?{query}", account_path(sid))
}

/// The account itself.
pub(super) fn account(line: &Line) -> Value {
    let path = account_path(&line.sid);
    let created = rfc2822(Timestamp::UNIX_EPOCH);
    json!({
        "auth_token": line.token.expose(),
        "date_created": created,
        "date_updated": created,
        "friendly_name": "Simulated account",
        "owner_account_sid": line.sid,
        "sid": line.sid,
        "status": "active",
        "subresource_uris": {
            "incoming_phone_numbers": format!("{path}/IncomingPhoneNumbers.json"),
            "messages": format!("{path}/Messages.json"),
        },
        "type": "Full",
        "uri": format!("{path}.json"),
    })
}

/// One of the account's numbers.
pub(super) fn number(line: &Line, number_sid: &str) -> Value {
    let created = rfc2822(Timestamp::UNIX_EPOCH);
    json!({
        "account_sid": line.sid,
        "api_version": "2010-04-01",
        "beta": false,
        "capabilities": { "fax": false, "mms": true, "sms": true, "voice": false },
        "date_created": created,
        "date_updated": created,
        "friendly_name": line.number,
        "phone_number": line.number,
        "sid": number_sid,
        "sms_application_sid": "",
        "sms_fallback_method": "POST",
        "sms_fallback_url": "",
        "sms_method": "POST",
        "sms_url": line.account.hook_url,
        "status": "in-use",
        "status_callback": "",
        "status_callback_method": "POST",
        "uri": format!("{}/IncomingPhoneNumbers/{number_sid}.json", account_path(&line.sid)),
    })
}

fn rfc2822(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}
