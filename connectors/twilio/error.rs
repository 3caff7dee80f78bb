//! What Twilio's errors mean: <https://www.twilio.com/docs/api/errors>.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::channel::{ChannelError, Code, Fate, Response, Scope};

/// More than ten hours of messages wait behind this sender: a second's pause would not help.
const FULL_QUEUE_PAUSE: Duration = Duration::from_secs(60);
/// A carrier's limit for the day is used up. When its day ends is not said, so it is tried by the hour.
const DAY_CAP_PAUSE: Duration = Duration::from_secs(3600);
/// A longer wait than this is not believed.
const LONGEST_PAUSE: f64 = 86_400.0;

/// What an answer that is no success means.
pub(super) fn refused(answer: &Response) -> ChannelError {
    let status = answer.status();
    let body: Option<Map<String, Value>> = serde_json::from_slice(answer.body()).ok();
    let body = body.unwrap_or_default();
    let number = body.get("code").and_then(Value::as_u64);

    let fate = match (status, number) {
        (StatusCode::TOO_MANY_REQUESTS, _) | (_, Some(20429)) => throttled(retry_after(answer)),
        (_, Some(21611)) => throttled(Some(retry_after(answer).unwrap_or(FULL_QUEUE_PAUSE))),
        (status, _) if status.is_client_error() => Fate::Permanent,
        // A server's fault after it took the request, or an answer that nobody documents.
        _ => Fate::Transient { maybe_sent: true },
    };
    let code = match fate {
        Fate::Transient { .. } => Code::ChannelError,
        Fate::Throttled { .. } => Code::RateLimited,
        Fate::Permanent => number.and_then(meaning).unwrap_or_else(|| meaning_of_status(status)),
    };
    let said = body.get("message").and_then(Value::as_str);
    ChannelError {
        fate,
        code,
        detail: said.map_or_else(|| format!("Twilio answered {status}"), str::to_owned),
        provider_code: number.map(|number| number.to_string()),
        underlying: error_object(body),
    }
}

/// A success that is not one: no message in it that we could name. It may have been sent all the same.
pub(super) fn unreadable(answer: &Response) -> ChannelError {
    ChannelError::transient(true, format!("Twilio answered {} without a message resource", answer.status()))
}

/// A message that Twilio has given up: in the answer to a send, or in a status callback.
pub(super) fn undelivered(status: &str, number: Option<u64>, said: Option<&str>) -> ChannelError {
    let detail = match (said, number) {
        (Some(said), _) => said.to_owned(),
        (None, Some(number)) => format!("message {status}, Twilio error {number}"),
        (None, None) => format!("message {status}"),
    };
    ChannelError {
        fate: number.and_then(limit).unwrap_or(Fate::Permanent),
        code: number.and_then(meaning).unwrap_or(Code::ChannelError),
        detail,
        provider_code: number.map(|number| number.to_string()),
        underlying: Some(json!({"errorCode": number, "errorMessage": said, "messageStatus": status})),
    }
}

/// What a code of a status callback holds back that says: not sent, because it was too much.
fn limit(number: u64) -> Option<Fate> {
    match number {
        // The sender's queue was full.
        30001 => Some(throttled(Some(FULL_QUEUE_PAUSE))),
        // More than the campaign's pace at a carrier.
        30022 => Some(throttled(None)),
        // A day's limit at this person's carrier; those with other carriers are reached.
        30023 | 30027 => {
            Some(Fate::Throttled { retry_after: Some(DAY_CAP_PAUSE), scope: Scope::Destination })
        }
        _ => None,
    }
}

/// The platform's word for a Twilio error code. Codes that are not here keep the word their circumstances
/// suggest: Twilio adds and re-assigns them.
fn meaning(number: u64) -> Option<Code> {
    Some(match number {
        // The account: its credentials, rights and standing.
        20003 | 20006 | 20403 | 30002 => Code::Unauthorized,
        // The integration's settings: wrong ids and senders, countries or carriers not enabled for them.
        20404 | 21212 | 21408 | 21601 | 21603 | 21606 | 21608 | 21609 | 21626 => Code::BadRequest,
        21701 | 21703 | 21704 | 21705 | 30018 | 30024 | 30032 | 30034 => Code::BadRequest,
        // The number or the content.
        21211 | 21266 | 21604 | 21612 | 21614 => Code::BadRequest,
        21602 | 21618 | 21619 | 21620 | 21623 | 21624 | 21655 | 21656 => Code::BadRequest,
        21617 | 30019 => Code::PayloadTooLarge,
        // The person or their carrier wants none of it.
        21610 | 30004 => Code::Forbidden,
        30005 => Code::NotFound,
        // Queues that were full, caps that were used up, a message that grew too old in them.
        30001 | 30022 | 30023 | 30027 | 30036 => Code::RateLimited,
        // The way to the person: unreachable, landline, filtered, congested, unknown.
        30003 | 30006 | 30007 | 30008 | 30011 | 30017 | 30410 | 11751 => Code::ChannelError,
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

fn throttled(retry_after: Option<Duration>) -> Fate {
    Fate::Throttled { retry_after, scope: Scope::Integration }
}

/// `Retry-After` in seconds. Its other form, a date, would need a clock: the channel's own pause serves.
fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds: f64 = answer.headers().get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    (0.0..=LONGEST_PAUSE).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// Twilio's error object, without fields that are not part of it.
fn error_object(mut body: Map<String, Value>) -> Option<Value> {
    body.retain(|name, _| matches!(name.as_str(), "code" | "message" | "more_info" | "status"));
    (!body.is_empty()).then_some(Value::Object(body))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn throttle(wait: &str) -> Response {
        let answer = http::Response::builder().status(429).header("Retry-After", wait);
        answer.body(Bytes::new()).expect("a response")
    }

    #[test]
    fn a_wait_that_is_no_wait_is_none() {
        let none = Fate::Throttled { retry_after: None, scope: Scope::Integration };
        for wait in ["soon", "-1", "NaN", "inf", "1e9", "Sun, 22 Nov 2026 10:00:00 GMT"] {
            assert_eq!(refused(&throttle(wait)).fate, none, "{wait}");
        }
    }
}
