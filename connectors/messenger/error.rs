//! What Messenger's errors mean: <https://developers.facebook.com/docs/messenger-platform/error-codes>.

use std::time::Duration;

use http::StatusCode;

use crate::channel::{ChannelError, Code, Fate, Response, Scope};
use crate::meta::{GraphError, error_in, retry_after};

/// The app's calls are counted over a day: a second's pause would not help.
const APP_PAUSE: Duration = Duration::from_secs(60);

/// What an answer that is no success means. Meta tells by code and subcode, not by status.
pub(super) fn refused(answer: &Response) -> ChannelError {
    let Some((error, underlying)) = error_in(answer) else { return unreadable(answer) };
    let (fate, code) = meaning(&error, answer);
    let said = error.message.filter(|message| !message.is_empty());
    let number = match error.error_subcode {
        Some(subcode) => format!("{}/{subcode}", error.code),
        None => error.code.to_string(),
    };
    ChannelError {
        fate,
        code,
        detail: said.unwrap_or_else(|| format!("Messenger error {number}")),
        provider_code: Some(number),
        underlying: Some(underlying),
    }
}

/// An answer without anything that Meta documents, a success included: the message may have been sent.
pub(super) fn unreadable(answer: &Response) -> ChannelError {
    let status = answer.status();
    let (fate, code) = match status {
        StatusCode::TOO_MANY_REQUESTS => (throttled(retry_after(answer)), Code::RateLimited),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (Fate::Permanent, Code::Unauthorized),
        StatusCode::NOT_FOUND => (Fate::Permanent, Code::NotFound),
        StatusCode::PAYLOAD_TOO_LARGE => (Fate::Permanent, Code::PayloadTooLarge),
        status if status.is_client_error() => (Fate::Permanent, Code::BadRequest),
        _ => (Fate::Transient { maybe_sent: true }, Code::ChannelError),
    };
    let detail = format!("Messenger answered {status} without saying what became of the call");
    ChannelError { fate, code, detail, provider_code: None, underlying: None }
}

/// Whether an error says no more than that a person's profile is not to be had.
pub(super) fn is_about_profile(answer: &Response) -> bool {
    let Some((error, _)) = error_in(answer) else { return false };
    let closed = [2_018_218, 2_018_247];
    closed.contains(&error.code)
        || error.error_subcode.is_some_and(|subcode| closed.contains(&subcode))
        || (error.code, error.error_subcode) == (100, Some(33))
}

fn meaning(error: &GraphError, answer: &Response) -> (Fate, Code) {
    let number = (error.code, error.error_subcode.unwrap_or_default());
    match number {
        // Named as calls whose messages may have left all the same (1/1357046 says that they did), or that
        // failed inside Meta: nothing tells the two apart but the echo.
        (1 | 2 | 1200, _) => (Fate::Transient { maybe_sent: true }, Code::ChannelError),
        // Meta could not get the file (yet); nothing was sent.
        (100, 2_018_008 | 2_018_047 | 2_018_294) => {
            (Fate::Transient { maybe_sent: false }, Code::ChannelError)
        }
        // One person's or one topic's limit, which no pause of ours lifts.
        (4, 2_018_354) | (9, 2_018_352) | (613, 2_018_338 | 1_893_016) => {
            (Fate::Permanent, Code::RateLimited)
        }
        (4, _) => (throttled(Some(retry_after(answer).unwrap_or(APP_PAUSE))), Code::RateLimited),
        (17 | 32 | 613 | 80_006, _) => (throttled(retry_after(answer)), Code::RateLimited),
        _ => match word(number) {
            Some(code) => (Fate::Permanent, code),
            None => unheard_of(error, answer),
        },
    }
}

/// The platform's word for a refusal.
fn word(number: (i64, i64)) -> Option<Code> {
    Some(match number {
        // Another app holds the conversation; seen as code and as subcode.
        (2_018_300 | 2_018_321 | 2_534_037, _) | (_, 2_018_300 | 2_018_321 | 2_534_037) => Code::ChannelError,
        // Outside the window, or the person wants none of it.
        (10, 2_018_278 | 2_018_065 | 2_534_022) => Code::Forbidden,
        (10, 2_018_108 | 1_893_015) | (200, 1_545_041) | (551, _) => Code::Forbidden,
        // Nobody there.
        (100, 2_018_001 | 33) | (803 | 2_018_218 | 2_018_247, _) => Code::NotFound,
        // The content.
        (100, 2_018_109) | (36_000, _) => Code::PayloadTooLarge,
        (100 | 9_000_001, _) => Code::BadRequest,
        // The token, the app's rights, the page's standing.
        (0 | 3 | 10 | 102 | 190 | 200..=299 | 368 | 2022, _) => Code::Unauthorized,
        _ => return None,
    })
}

/// Meta adds codes: what it says besides decides then.
fn unheard_of(error: &GraphError, answer: &Response) -> (Fate, Code) {
    let status = answer.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        return (throttled(retry_after(answer)), Code::RateLimited);
    }
    if error.is_transient == Some(true) || status.is_server_error() {
        return (Fate::Transient { maybe_sent: true }, Code::ChannelError);
    }
    (Fate::Permanent, Code::ChannelError)
}

fn throttled(retry_after: Option<Duration>) -> Fate {
    Fate::Throttled { retry_after, scope: Scope::Integration }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;

    fn told(status: u16, error: Value) -> (Fate, Code) {
        let body = Bytes::from(json!({"error": error}).to_string());
        let error = refused(&http::Response::builder().status(status).body(body).expect("a response"));
        (error.fate, error.code)
    }

    #[test]
    fn the_status_decides_only_where_the_code_is_unheard_of() {
        let again = Fate::Transient { maybe_sent: true };
        let slow = throttled(None);
        for (status, error, expected) in [
            (400, json!({"code": 613}), (slow.clone(), Code::RateLimited)),
            (500, json!({"code": 100}), (Fate::Permanent, Code::BadRequest)),
            (200, json!({"code": 1, "error_subcode": 1_357_046}), (again.clone(), Code::ChannelError)),
            (400, json!({"code": 10, "error_subcode": 2_018_300}), (Fate::Permanent, Code::ChannelError)),
            (400, json!({"code": 4242, "is_transient": true}), (again.clone(), Code::ChannelError)),
            (429, json!({"code": 4242}), (slow, Code::RateLimited)),
            (503, json!({"code": 4242}), (again, Code::ChannelError)),
            (400, json!({"code": 4242}), (Fate::Permanent, Code::ChannelError)),
        ] {
            assert_eq!(told(status, error.clone()), expected, "{status} {error}");
        }
    }

    #[test]
    fn the_apps_limit_pauses_longer_than_the_pages() {
        let slow = throttled(Some(APP_PAUSE));
        assert_eq!(told(400, json!({"code": 4})), (slow, Code::RateLimited));
        assert_eq!(
            told(400, json!({"code": 4, "error_subcode": 2_018_354})),
            (Fate::Permanent, Code::RateLimited)
        );
    }
}
