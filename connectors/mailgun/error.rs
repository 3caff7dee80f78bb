//! What Mailgun's errors mean: <https://documentation.mailgun.com/docs/mailgun/api-reference/mg-errors>.

use std::time::{Duration, SystemTime};

use http::{StatusCode, header};
use lettre::message::header::{Date, Header};
use serde_json::{Map, Value, json};

use crate::channel::{ChannelError, Code, EgressError, Fate, Response, Scope};

/// A longer wait than this is not believed.
const LONGEST_PAUSE: f64 = 86_400.0;

/// So much of an answer that is not JSON is shown.
const EXCERPT: usize = 200;

/// What an answer that is no success means.
pub(super) fn refused(answer: &Response) -> ChannelError {
    let status = answer.status();
    let said = said(answer);
    let fate = match status {
        StatusCode::TOO_MANY_REQUESTS => {
            Fate::Throttled { retry_after: wait(answer, &said), scope: Scope::Integration }
        }
        StatusCode::REQUEST_TIMEOUT => Fate::Transient { maybe_sent: true },
        status if status.is_client_error() => Fate::Permanent,
        // A server's fault after it took the request, or an answer that nobody documents. Mailgun can answer
        // 5xx and send all the same.
        _ => Fate::Transient { maybe_sent: true },
    };
    let code = match fate {
        Fate::Transient { .. } => Code::ChannelError,
        Fate::Throttled { .. } => Code::RateLimited,
        Fate::Permanent => meaning(status, &said),
    };
    let detail = if said.is_empty() { format!("Mailgun answered {status}") } else { said };
    ChannelError {
        fate,
        code,
        underlying: Some(json!({"status": status.as_u16(), "message": detail})),
        detail,
        provider_code: Some(status.as_u16().to_string()),
    }
}

/// The platform's word for a refusal for good.
fn meaning(status: StatusCode, said: &str) -> Code {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Code::Unauthorized,
        // A domain in sandbox, unverified or disabled is a 400 like any wrong field.
        StatusCode::BAD_REQUEST if said.contains("is not allowed to send") => Code::Unauthorized,
        StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
        _ => Code::BadRequest,
    }
}

/// A 200 without an id. On a path it does not know Mailgun greets instead of refusing: then nothing was sent.
/// Any other answer that cannot be read leaves that open.
pub(super) fn unreadable(answer: &Response) -> ChannelError {
    let body = String::from_utf8_lossy(answer.body());
    if body.contains("Mailgun Magnificent API") {
        return ChannelError::permanent(
            Code::BadRequest,
            "Mailgun does not know the address it was called at; check baseUrl and domain",
        );
    }
    ChannelError::transient(true, format!("Mailgun answered {} without a message id", answer.status()))
}

/// The file of a message could not be had.
pub(super) fn no_file(cause: &EgressError) -> ChannelError {
    ChannelError::transient(false, format!("the message's file: {cause}"))
}

/// The address of a message's file answers, but not with the file. Only a fault of its server may pass.
pub(super) fn file_refused(status: StatusCode) -> ChannelError {
    let passes = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    ChannelError {
        fate: if passes { Fate::Transient { maybe_sent: false } } else { Fate::Permanent },
        code: if passes { Code::ChannelError } else { Code::BadRequest },
        detail: format!("the message's file: its address answered {status}"),
        provider_code: None,
        underlying: None,
    }
}

/// A mail that Mailgun has given up (`failed` for good, or `rejected`), as its event tells it.
pub(super) fn undelivered(event: &Value) -> ChannelError {
    // `delivery-status` may be null, and then every look into it is.
    let status = &event["delivery-status"];
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let reason = text(&event["reason"]).or_else(|| text(&event["reject"]["reason"])).unwrap_or_default();
    let number = status["code"].as_u64();
    let enhanced = status["enhanced-code"].as_str().unwrap_or_default();
    let code = match number {
        Some(605..=607) => Code::Forbidden,
        _ if reason.starts_with("suppress-") => Code::Forbidden,
        // No mail server for the domain; no such domain or mailbox.
        Some(498) => Code::NotFound,
        _ if enhanced.starts_with("5.1.") => Code::NotFound,
        _ if enhanced == "5.3.4" => Code::PayloadTooLarge,
        _ => Code::ChannelError,
    };
    let said = text(&status["message"]).or_else(|| text(&status["description"]));
    let detail = match (said, reason.is_empty()) {
        (Some(said), _) => said,
        (None, false) => reason,
        (None, true) => "Mailgun could not deliver the mail".to_owned(),
    };
    let mut underlying = Map::new();
    for (name, of) in [
        ("severity", event),
        ("reason", event),
        ("reject", event),
        ("code", status),
        ("enhanced-code", status),
        ("message", status),
        ("description", status),
    ] {
        if let Some(value) = of.get(name) {
            underlying.insert(name.to_owned(), value.clone());
        }
    }
    ChannelError {
        fate: Fate::Permanent,
        code,
        detail,
        provider_code: number.map(|number| number.to_string()),
        underlying: Some(Value::Object(underlying)),
    }
}

/// The answer's `message`, or the beginning of an answer in plain text (401 is `Forbidden`).
fn said(answer: &Response) -> String {
    let message = serde_json::from_slice::<Value>(answer.body()).ok();
    if let Some(message) = message.as_ref().and_then(|body| body["message"].as_str()) {
        return message.to_owned();
    }
    let text = String::from_utf8_lossy(answer.body());
    let is_markup = text.trim_start().starts_with(['<', '{', '[']);
    if is_markup { String::new() } else { text.trim().chars().take(EXCERPT).collect() }
}

/// How long Mailgun asks to wait: `Retry-After` in seconds, `X-RateLimit-Reset` as a moment, or a date in the
/// message. A moment needs a clock: the answer's own `Date` is one.
fn wait(answer: &Response, said: &str) -> Option<Duration> {
    let text = |name: &str| answer.headers().get(name)?.to_str().ok().map(str::trim);
    let seconds = |text: &str| text.parse::<f64>().ok();
    let now = || moment(text(header::DATE.as_str())?);
    let asked = text("Retry-After").and_then(seconds).or_else(|| {
        let until_reset = text("X-RateLimit-Reset").and_then(seconds);
        let until = until_reset.or_else(|| moment(said.split_once("try again after ")?.1));
        Some(until? - now()?)
    })?;
    (0.0..=LONGEST_PAUSE).contains(&asked).then(|| Duration::from_secs_f64(asked))
}

/// An HTTP date in Unix seconds. Mailgun writes `UTC` for `GMT`.
fn moment(date: &str) -> Option<f64> {
    let date = Date::parse(&date.trim().replace("UTC", "GMT")).ok()?;
    let since = SystemTime::from(date).duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn waits(headers: &[(&str, &str)], message: &str) -> Option<f64> {
        let mut answer = http::Response::builder().status(429);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        let body = json!({ "message": message }).to_string();
        match refused(&answer.body(Bytes::from(body)).expect("a response")).fate {
            Fate::Throttled { retry_after, scope: Scope::Integration } => {
                retry_after.map(|wait| wait.as_secs_f64())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_wait_is_where_mailgun_says_it() {
        let date = ("Date", "Mon, 20 Dec 2021 20:33:11 GMT");
        let said = "recipient limit exceeded, try again after Mon, 20 Dec 2021 20:33:21 UTC";
        assert_eq!(waits(&[("Retry-After", "1.5"), date], said), Some(1.5));
        assert_eq!(waits(&[("X-RateLimit-Reset", "1640032396.5"), date], said), Some(5.5));
        assert_eq!(waits(&[date], said), Some(10.0));
        assert_eq!(waits(&[], said), None);
        for nonsense in ["soon", "-1", "NaN", "inf", "1e9"] {
            assert_eq!(waits(&[("Retry-After", nonsense)], "limit exceeded"), None, "{nonsense}");
        }
        assert_eq!(waits(&[("Date", "Mon, 20 Dec 2021 20:33:31 GMT")], said), None);
        assert_eq!(waits(&[date], "try again after a while"), None);
    }
}
