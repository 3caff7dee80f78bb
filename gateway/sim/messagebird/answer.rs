//! MessageBird's answers, in its own shapes. Pure.

use std::sync::Arc;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sim::{outbox::Sent, provider::ErrorCode, sms};

/// An error as MessageBird words it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    errors: Vec<Value>,
    retry_after: Option<String>,
}

impl Refusal {
    fn new(status: StatusCode, code: &Value, description: &str, parameter: Option<&str>) -> Refusal {
        let error = json!({"code": code, "description": description, "parameter": parameter});
        Refusal { status, errors: vec![error], retry_after: None }
    }

    /// A parameter that is wrong.
    pub(super) fn parameter(name: &str, description: &str) -> Refusal {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, &10.into(), description, Some(name))
    }

    /// Recipients that are none, or too many.
    pub(super) fn recipient(description: &str) -> Refusal {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, &9.into(), description, Some("recipient"))
    }

    /// A body that is no request at all.
    pub(super) fn bad(description: &str) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, &21.into(), description, None)
    }

    /// A message that MessageBird has not, or not for this account.
    pub(super) fn not_found() -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, &20.into(), "message not found", None)
    }

    /// A path that leads nowhere.
    pub(super) fn no_such_call() -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, &98.into(), "API not found", None)
    }

    /// An access key that opens no account.
    pub(super) fn unauthorised() -> Refusal {
        let description = "Request not allowed (incorrect access_key)";
        Refusal::new(StatusCode::UNAUTHORIZED, &2.into(), description, Some("access_key"))
    }

    /// What a rule says: by default that the recipient is none.
    pub(super) fn by_rule(status: Option<StatusCode>, code: Option<ErrorCode>) -> Refusal {
        let code = code.map_or_else(|| 9.into(), |code| code.to_json());
        let description = match code.as_u64() {
            Some(2) => "Request not allowed (incorrect access_key)",
            Some(9) => "no (correct) recipients found",
            Some(10) => "invalid parameter",
            Some(20) => "message not found",
            Some(21) => "bad request",
            Some(25) => "Not enough balance",
            _ => "Error asked for by a rule of the simulator.",
        };
        Refusal::new(status.unwrap_or(StatusCode::UNPROCESSABLE_ENTITY), &code, description, None)
    }

    /// Too much at a time. No error code is known for it.
    pub(super) fn throttled(retry_after: Option<String>) -> Refusal {
        Refusal { status: StatusCode::TOO_MANY_REQUESTS, errors: Vec::new(), retry_after }
    }

    /// MessageBird's own fault.
    pub(super) fn broken(status: StatusCode) -> Refusal {
        Refusal::new(status, &99.into(), "internal error", None)
    }

    #[cfg(test)]
    pub(super) fn told(&self) -> (u16, i64, &str) {
        let error = &self.errors[0];
        let parameter = error["parameter"].as_str().unwrap_or_default();
        (self.status.as_u16(), error["code"].as_i64().expect("a number"), parameter)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({ "errors": self.errors }))).into_response();
        if let Some(value) = self.retry_after.and_then(|wait| HeaderValue::try_from(wait).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}

/// Why a message was not delivered, in a report's words.
pub(super) fn reason(error: &ErrorCode) -> &'static str {
    match error.to_json().as_u64() {
        Some(1) => "unknown subscriber",
        Some(6 | 27) => "absent subscriber",
        Some(103) => "opted out",
        _ => "generic delivery failure",
    }
}

/// The 201 of a send: MessageBird calls a message sent at once.
pub(super) fn created(sent: &Sent) -> Value {
    let recipient = json!({
        "recipient": number(&sent.draft.to),
        "status": sent.draft.status,
        "statusDatetime": moment(sent.at),
        "messagePartCount": sms::segments(&sent.draft.text),
    });
    message(sent, sent.draft.status, recipient)
}

/// A message as it stands now.
pub(super) fn fetched(sent: &Sent) -> Value {
    let progress = sent.progress();
    let error = progress.error.as_ref();
    let reason = match (error, progress.status.as_str()) {
        (Some(error), _) => Some(reason(error)),
        (None, "delivered") => Some("successfully delivered"),
        _ => None,
    };
    let recipient = json!({
        "recipient": number(&sent.draft.to),
        "originator": null,
        "status": progress.status,
        "statusDatetime": moment(progress.changed_at),
        "messageLength": sent.draft.text.chars().count(),
        "statusErrorCode": error.map(ErrorCode::to_json),
        "statusReason": reason,
        "price": price(),
        "mccmnc": "302720",
        "mcc": "302",
        "mnc": "720",
        "messagePartCount": sms::segments(&sent.draft.text),
    });
    message(sent, &progress.status, recipient)
}

/// The messages asked for, as they stand now.
pub(super) fn listed(found: &[Arc<Sent>]) -> Value {
    let items: Vec<Value> = found.iter().map(|sent| fetched(sent)).collect();
    let count = items.len();
    json!({"offset": 0, "limit": 20, "count": count, "totalCount": count, "links": {}, "items": items})
}

fn message(sent: &Sent, status: &str, recipient: Value) -> Value {
    let draft = &sent.draft;
    let count = |is: bool| u8::from(is);
    json!({
        "id": draft.provider_id,
        "href": format!("https://rest.messagebird.com/messages/{}", draft.provider_id),
        "direction": "mt",
        "type": "sms",
        "originator": draft.from,
        "body": draft.text,
        "reference": draft.reference,
        "validity": null,
        "gateway": 10,
        "typeDetails": {},
        "datacoding": datacoding(&draft.text),
        "mclass": 1,
        "scheduledDatetime": null,
        "createdDatetime": moment(sent.at),
        "recipients": {
            "totalCount": 1,
            "totalSentCount": 1,
            "totalDeliveredCount": count(status == "delivered"),
            "totalDeliveryFailedCount": count(status == "delivery_failed"),
            "items": [recipient],
        },
    })
}

/// The balance, which never ends here.
pub(super) fn balance() -> Value {
    json!({"payment": "prepaid", "type": "euros", "amount": 1_000_000})
}

/// What one message costs.
pub(super) fn price() -> Value {
    json!({"amount": 0.05, "currency": "EUR"})
}

/// The alphabet a text went in.
pub(super) fn datacoding(text: &str) -> &'static str {
    if sms::is_gsm(text) { "plain" } else { "unicode" }
}

/// Numbers are JSON numbers here, and so without their plus sign.
fn number(address: &str) -> Value {
    address.trim_start_matches('+').parse::<u64>().map_or(Value::Null, Value::from)
}

/// A moment as MessageBird writes it.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}
