//! What MessageBird's errors mean: the codes of its API, and those of its status reports.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::channel::{ChannelError, Code, Fate, Response, Scope};

/// The account's balance is used up until somebody pays: a second's pause would not help.
const NO_BALANCE_PAUSE: Duration = Duration::from_secs(300);
/// A campaign's volume is used up. When it is filled again is not said, so it is tried by the hour.
const VOLUME_PAUSE: Duration = Duration::from_secs(3600);
/// A longer wait than this is not believed.
const LONGEST_PAUSE: f64 = 86_400.0;

/// The report's code for a person who wants no more messages from this sender.
pub(super) const OPTED_OUT: u64 = 103;

/// An error answer.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<Error>,
}

#[derive(Debug, Deserialize)]
struct Error {
    code: Option<u64>,
    description: Option<String>,
    parameter: Option<String>,
}

fn errors(answer: &Response) -> Vec<Error> {
    serde_json::from_slice::<Refusal>(answer.body()).unwrap_or_default().errors
}

/// Whether an answer names errors, whatever its status says.
pub(super) fn is_refusal(answer: &Response) -> bool {
    !answer.status().is_success() || !errors(answer).is_empty()
}

/// What an answer that is no success means.
pub(super) fn refused(answer: &Response) -> ChannelError {
    let status = answer.status();
    let errors = errors(answer);
    let number = errors.iter().find_map(|error| error.code);

    let fate = match (status, number) {
        (StatusCode::TOO_MANY_REQUESTS, _) => throttled(retry_after(answer)),
        // A server's or a proxy's fault after it took the request.
        (status, _) if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => unknown(),
        (_, Some(25)) => throttled(Some(NO_BALANCE_PAUSE)),
        // The provider's own internal error, under whatever status.
        (_, Some(99)) => unknown(),
        (status, number) if status.is_client_error() || number.is_some() => Fate::Permanent,
        // An answer that nobody documents.
        _ => unknown(),
    };
    let code = match fate {
        Fate::Transient { .. } => Code::ChannelError,
        Fate::Throttled { .. } => Code::RateLimited,
        Fate::Permanent => number.and_then(meaning).unwrap_or_else(|| meaning_of_status(status)),
    };
    let said: Vec<&str> = errors.iter().filter_map(|error| error.description.as_deref()).collect();
    ChannelError {
        fate,
        code,
        detail: if said.is_empty() { format!("MessageBird answered {status}") } else { said.join("; ") },
        provider_code: number.map(|number| number.to_string()),
        underlying: error_object(&errors),
    }
}

/// A success that is not one: no message in it that we could name. It may have been sent all the same.
pub(super) fn unreadable(answer: &Response) -> ChannelError {
    ChannelError::transient(
        true,
        format!("MessageBird answered {} without what was asked for", answer.status()),
    )
}

/// A message that MessageBird has given up: in the answer to a send, or in a status report.
pub(super) fn undelivered(status: &str, number: Option<u64>, said: Option<&str>) -> ChannelError {
    let detail = match (said, number) {
        (Some(said), _) => said.to_owned(),
        (None, Some(number)) => format!("message {status}, MessageBird error {number}"),
        (None, None) => format!("message {status}"),
    };
    ChannelError {
        fate: number.and_then(limit).unwrap_or(Fate::Permanent),
        code: number.map_or(Code::ChannelError, meaning_of_report),
        detail,
        provider_code: number.map(|number| number.to_string()),
        underlying: Some(json!({"status": status, "statusErrorCode": number, "statusReason": said})),
    }
}

/// The platform's word for a code of the API. Codes that are not here keep the word their status suggests.
fn meaning(number: u64) -> Option<Code> {
    Some(match number {
        // The access key is wrong or lacks a right.
        2 => Code::Unauthorized,
        // The recipient, a parameter, the request, an entry that exists, the base URL.
        9 | 10 | 21 | 98 | 101 => Code::BadRequest,
        20 => Code::NotFound,
        _ => return None,
    })
}

fn meaning_of_status(status: StatusCode) -> Code {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Code::Unauthorized,
        StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
        _ => Code::BadRequest,
    }
}

/// The platform's word for a `statusErrorCode`. Below 100 they are the causes of the GSM network.
fn meaning_of_report(number: u64) -> Code {
    match number {
        // Unknown and unidentified subscribers.
        1 | 5 => Code::NotFound,
        OPTED_OUT => Code::Forbidden,
        // Sender or content not registered where that is asked for.
        104 | 105 => Code::BadRequest,
        // A campaign's volume and rate.
        106 | 107 => Code::RateLimited,
        // Barred, absent, busy, full, congested, unheard of.
        _ => Code::ChannelError,
    }
}

/// What a code of a report holds back that says: not sent, because it was too much.
fn limit(number: u64) -> Option<Fate> {
    match number {
        // A campaign's volume at this person's carrier; those with other carriers are reached.
        106 => Some(Fate::Throttled { retry_after: Some(VOLUME_PAUSE), scope: Scope::Destination }),
        107 => Some(throttled(None)),
        _ => None,
    }
}

fn unknown() -> Fate {
    Fate::Transient { maybe_sent: true }
}

fn throttled(retry_after: Option<Duration>) -> Fate {
    Fate::Throttled { retry_after, scope: Scope::Integration }
}

/// `Retry-After` in seconds. Its other form, a date, would need a clock: the channel's own pause serves.
fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds: f64 = answer.headers().get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    (0.0..=LONGEST_PAUSE).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// MessageBird's error object, without fields that are not part of it.
fn error_object(errors: &[Error]) -> Option<Value> {
    let error = |error: &Error| json!({"code": error.code, "description": error.description, "parameter": error.parameter});
    let errors: Vec<Value> = errors.iter().map(error).collect();
    (!errors.is_empty()).then(|| json!({ "errors": errors }))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(status: u16, body: &'static str) -> Response {
        http::Response::builder().status(status).body(Bytes::from(body)).expect("a response")
    }

    #[test]
    fn an_internal_error_is_never_a_refusal() {
        for (status, body) in [
            (500, ""),
            (503, r#"{"errors":[{"code":9}]}"#),
            (408, "<html>"),
            (422, r#"{"errors":[{"code":99}]}"#),
            (200, r#"{"errors":[{"description":"odd"}]}"#),
            (302, ""),
        ] {
            assert_eq!(refused(&answer(status, body)).fate, unknown(), "{status} {body}");
        }
    }

    #[test]
    fn a_wait_that_is_no_wait_is_none() {
        for wait in ["soon", "-1", "NaN", "inf", "1e9", "Sun, 22 Nov 2026 10:00:00 GMT"] {
            let throttle = http::Response::builder().status(429).header("Retry-After", wait);
            let throttle = throttle.body(Bytes::new()).expect("a response");
            assert_eq!(refused(&throttle).fate, throttled(None), "{wait}");
        }
    }

    #[test]
    fn an_object_of_another_shape_still_is_an_answer() {
        for body in [r#"{"errors":"no"}"#, r#"{"errors":[{"code":"x"}]}"#, "[]", "null"] {
            let error = refused(&answer(422, body));
            assert_eq!((error.fate, error.code), (Fate::Permanent, Code::BadRequest), "{body}");
        }
    }
}
