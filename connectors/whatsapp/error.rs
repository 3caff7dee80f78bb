//! What Meta's error codes mean on WhatsApp. The code decides: Meta pairs it with one HTTP status or another.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use crate::channel::{ChannelError, Code, Fate, Response, Scope};
use crate::meta::{GraphError, error_in, retry_after};

/// A number's messages a second were too many: the next second has new ones.
const THROUGHPUT_PAUSE: Duration = Duration::from_secs(2);
/// One person may be sent a message every six seconds.
const PAIR_PAUSE: Duration = Duration::from_secs(6);
/// Calls are counted by the hour, but the count moves on all the time.
const CALLS_PAUSE: Duration = Duration::from_secs(60);
/// Meta thinks that the number sends spam; only time and better messages help.
const QUALITY_PAUSE: Duration = Duration::from_secs(15 * 60);
/// A longer wait than this is not believed.
const LONGEST_PAUSE: u64 = 86_400;

/// What an answer with an error in it means, whatever its status.
pub(super) fn refused(answer: &Response) -> ChannelError {
    let Some((error, object)) = error_in(answer) else { return unexplained(answer) };
    let fate = fate(&error, answer);
    let code = match fate {
        Fate::Transient { .. } => Code::ChannelError,
        Fate::Throttled { .. } => Code::RateLimited,
        Fate::Permanent => meaning(error.code).unwrap_or(Code::UncategorizedError),
    };
    ChannelError { fate, code, ..told(object, error.code) }
}

/// A message that Meta took and then gave up, from the `errors` of its status.
pub(super) fn failed(errors: &Value) -> ChannelError {
    let error = errors.get(0).cloned().unwrap_or(Value::Null);
    match error.get("code").and_then(Value::as_i64) {
        Some(number) => ChannelError {
            fate: limit(number).map_or(Fate::Permanent, |(pause, scope)| Fate::Throttled {
                retry_after: Some(pause),
                scope,
            }),
            code: meaning(number).unwrap_or(Code::ChannelError),
            ..told(error, number)
        },
        None => ChannelError::permanent(Code::ChannelError, "message failed"),
    }
}

/// A success that is not one: what should be in it is missing. A message may have been sent all the same.
pub(super) fn unreadable(answer: &Response, missing: &str) -> ChannelError {
    ChannelError::transient(true, format!("Meta answered {} without {missing}", answer.status()))
}

/// The same error for a call that sends nothing: whatever went wrong, no message left.
pub(super) fn nothing_sent(error: impl Into<ChannelError>) -> ChannelError {
    let mut error = error.into();
    if let Fate::Transient { maybe_sent } = &mut error.fate {
        *maybe_sent = false;
    }
    error
}

/// No error object: a proxy's page, or nothing at all.
fn unexplained(answer: &Response) -> ChannelError {
    let status = answer.status();
    let (fate, code) = match status {
        StatusCode::TOO_MANY_REQUESTS => {
            let wait = retry_after(answer).unwrap_or(CALLS_PAUSE);
            (Fate::Throttled { retry_after: Some(wait), scope: Scope::Integration }, Code::RateLimited)
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (Fate::Permanent, Code::Unauthorized),
        StatusCode::NOT_FOUND => (Fate::Permanent, Code::NotFound),
        StatusCode::PAYLOAD_TOO_LARGE => (Fate::Permanent, Code::PayloadTooLarge),
        status if status.is_client_error() => (Fate::Permanent, Code::BadRequest),
        _ => (Fate::Transient { maybe_sent: true }, Code::ChannelError),
    };
    ChannelError { fate, code, ..ChannelError::permanent(code, format!("Meta answered {status}")) }
}

fn fate(error: &GraphError, answer: &Response) -> Fate {
    let asked = retry_after(answer);
    if let Some((usual, scope)) = limit(error.code) {
        // The usage that Meta reports is that of calls.
        let regained = || regained_in(answer).filter(|_| usual == CALLS_PAUSE);
        return Fate::Throttled { retry_after: Some(asked.or_else(regained).unwrap_or(usual)), scope };
    }
    let integration = |wait| Fate::Throttled { retry_after: Some(wait), scope: Scope::Integration };
    match error.code {
        // The number is being moved, the server is busy: nothing was done.
        131057 | 133004 => Fate::Transient { maybe_sent: false },
        // An outage; when the status says that the server broke, it may have broken after it sent.
        2 | 131000 | 131016 => Fate::Transient { maybe_sent: answer.status().is_server_error() },
        // Says nothing of what was done.
        1 => Fate::Transient { maybe_sent: true },
        known if meaning(known).is_some() => Fate::Permanent,
        _ if error.is_transient == Some(true) => Fate::Transient { maybe_sent: false },
        _ if answer.status() == StatusCode::TOO_MANY_REQUESTS => integration(asked.unwrap_or(CALLS_PAUSE)),
        _ if answer.status().is_server_error() => Fate::Transient { maybe_sent: true },
        _ => Fate::Permanent,
    }
}

/// How long a limit holds that a message ran into before it was sent, and what it holds back.
fn limit(number: i64) -> Option<(Duration, Scope)> {
    match number {
        131056 => Some((PAIR_PAUSE, Scope::Destination)),
        130429 => Some((THROUGHPUT_PAUSE, Scope::Integration)),
        131048 | 131064 => Some((QUALITY_PAUSE, Scope::Integration)),
        4 | 613 | 80007 | 133016 => Some((CALLS_PAUSE, Scope::Integration)),
        _ => None,
    }
}

/// When calls are taken again, by the usage that Meta reports: the longest of its estimates, in minutes.
fn regained_in(answer: &Response) -> Option<Duration> {
    let usage = answer.headers().get("X-Business-Use-Case-Usage")?.to_str().ok()?;
    let usage: Value = serde_json::from_str(usage).ok()?;
    let entries = usage.as_object()?.values().filter_map(Value::as_array).flatten();
    let minutes = entries.filter_map(|entry| entry.get("estimated_time_to_regain_access")?.as_u64()).max()?;
    let seconds = minutes.checked_mul(60).filter(|seconds| (1..=LONGEST_PAUSE).contains(seconds))?;
    Some(Duration::from_secs(seconds))
}

/// A final error in Meta's own words. Customers look for WhatsApp's code in `errors[0].code`.
fn told(mut object: Value, number: i64) -> ChannelError {
    // Meta quotes a token that it cannot read.
    if number == 190 && object.get("message").is_some() {
        object["message"] = "the access token is refused".into();
    }
    let detail = ["/error_data/details", "/error_data", "/details", "/message", "/title"]
        .into_iter()
        .find_map(|place| object.pointer(place)?.as_str())
        .map_or_else(|| format!("Meta error {number}"), str::to_owned);
    ChannelError {
        provider_code: Some(number.to_string()),
        underlying: Some(json!({ "errors": [object] })),
        ..ChannelError::permanent(Code::UncategorizedError, detail)
    }
}

/// The platform's word for a code that ends a message; `None` for those Meta added since.
fn meaning(number: i64) -> Option<Code> {
    Some(match number {
        // The token and its rights; the account's standing.
        0 | 3 | 10 | 190 | 200..=299 | 131005 | 368 | 131031 => Code::Unauthorized,
        // The number and account: deleted, unnamed, unpaid, unregistered, terms not accepted.
        33 | 131037 | 131042 | 131044 | 131045 | 131063 | 133000..=133015 | 134011 => Code::BadRequest,
        // The message and its template.
        100 | 131008 | 131009 | 131051 | 131055 | 132000 | 132008 | 132012 | 132018 => Code::BadRequest,
        132001 | 132007 | 132015 | 132016 | 132068 | 132069 | 134100..=134102 => Code::BadRequest,
        132005 => Code::PayloadTooLarge,
        // Files that Meta could not fetch or read.
        131014 | 131052 | 131053 => Code::BadRequest,
        // The recipient: the sender itself, not in the test list, a group, no place for this kind of message.
        131020 | 131021 | 131030 | 131041 | 131062 | 137000 => Code::BadRequest,
        // The person wants none of it.
        130403 | 131050 => Code::Forbidden,
        // The person wrote too long ago for anything but a template.
        131047 => Code::Forbidden,
        // Not on WhatsApp, too old an app, a country that this account may not write to.
        131026 | 130497 => Code::ChannelError,
        // So much marketing and no more.
        130472 | 131049 => Code::RateLimited,
        // Throttles, and outages that ended a message: only a status can say so.
        4 | 613 | 80007 | 130429 | 131048 | 131056 | 131064 | 133016 => Code::RateLimited,
        1 | 2 | 131000 | 131016 | 131057 => Code::ChannelError,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(status: u16, usage: &str, body: &Value) -> Response {
        let answer = http::Response::builder().status(status).header("X-Business-Use-Case-Usage", usage);
        answer.body(Bytes::from(body.to_string())).expect("a response")
    }

    #[test]
    fn the_code_decides_and_not_the_status() {
        for (status, error, fate) in [
            (200, json!({"code": 131026}), Fate::Permanent),
            (400, json!({"code": 131016}), Fate::Transient { maybe_sent: false }),
            (500, json!({"code": 131016}), Fate::Transient { maybe_sent: true }),
            (500, json!({"code": 131057}), Fate::Transient { maybe_sent: false }),
            (500, json!({"code": 131047}), Fate::Permanent),
            (500, json!({"code": 999_999}), Fate::Transient { maybe_sent: true }),
            (400, json!({"code": 999_999, "is_transient": true}), Fate::Transient { maybe_sent: false }),
            (400, json!({"code": 999_999}), Fate::Permanent),
        ] {
            assert_eq!(refused(&answer(status, "{}", &json!({ "error": error }))).fate, fate, "{error}");
        }
    }

    #[test]
    fn usage_says_how_long_to_wait() {
        let throttled = |seconds| Fate::Throttled {
            retry_after: Some(Duration::from_secs(seconds)),
            scope: Scope::Integration,
        };
        let body = json!({"error": {"code": 80007}});
        for (usage, seconds) in [
            (
                r#"{"1": [{"estimated_time_to_regain_access": 3}, {"estimated_time_to_regain_access": 7}]}"#,
                420,
            ),
            (r#"{"1": [{"estimated_time_to_regain_access": 0}]}"#, 60),
            (r#"{"1": [{"estimated_time_to_regain_access": 99999999999999999999}]}"#, 60),
            (r#"{"1": 5}"#, 60),
            ("soon", 60),
        ] {
            assert_eq!(refused(&answer(400, usage, &body)).fate, throttled(seconds), "{usage}");
        }
    }

    #[test]
    fn a_token_that_meta_quotes_is_not_passed_on() {
        let error = json!({"error": {"code": 190, "message": "Malformed access token EAAfake"}});
        let refused = refused(&answer(401, "{}", &error));
        assert!(!format!("{refused:?}").contains("EAAfake"));
    }
}
