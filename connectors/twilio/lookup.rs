//! Asking Twilio afterwards: how far a message came, and whether one whose answer was lost is there. Pure.
//!
//! <https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources>.

use http::Method;
use jiff::fmt::rfc2822;
use serde::Deserialize;
use url::form_urlencoded;

use super::{Sender, Twilio, error, inbound};
use crate::channel::{Accepted, Attempt, Body, ChannelError, Content, Receipt, Request, Response, Verdict};

/// Messages on the page that is looked through: the newest to this person.
const PAGE: &str = "50";

/// How far Twilio's clock may lag behind ours. Its times are whole seconds.
const CLOCKS_APART: i64 = 5_000;

/// A message as Twilio shows it; only what is looked at.
#[derive(Debug, Deserialize)]
struct Shown {
    sid: String,
    status: Option<String>,
    error_code: Option<u64>,
    error_message: Option<String>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    direction: String,
    #[serde(default)]
    date_created: String,
    #[serde(default)]
    num_media: String,
}

#[derive(Debug, Deserialize)]
struct Listed {
    messages: Vec<Shown>,
}

/// Asks for a message by its id; `None` for an id that Twilio never gave.
pub(super) fn ask_for_message(twilio: &Twilio, sid: &str) -> Option<Request> {
    let is_sid = !sid.is_empty() && sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_sid.then(|| twilio.request(Method::GET, &format!("/Messages/{sid}.json"), None))
}

/// How far the message came, in the words of a status callback.
pub(super) fn receipt(answer: &Response) -> Result<Option<Receipt>, ChannelError> {
    if !answer.status().is_success() {
        return Err(error::refused(answer));
    }
    let shown: Shown = serde_json::from_slice(answer.body()).map_err(|_| error::unreadable(answer))?;
    let status = shown.status.unwrap_or_default();
    let stage = inbound::stage(&status, shown.error_code, shown.error_message.as_deref());
    let provider_id = Some(shown.sid);
    Ok(stage.map(|stage| Receipt { reference: None, provider_id, stage, status }))
}

/// Asks for the newest messages to the person. Not by date: that filter knows only days, and when it was sent.
pub(super) fn ask_for_messages(twilio: &Twilio, attempt: &Attempt) -> Request {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("To", &attempt.destination.address);
    if let Sender::Number(number) = &twilio.sender {
        query.append_pair("From", number);
    }
    query.append_pair("PageSize", PAGE);
    twilio.request(Method::GET, &format!("/Messages.json?{}", query.finish()), None)
}

/// Whether the attempt is among them. Twilio shows no reference of ours, so it is known by what it says, to whom
/// and when: enough only where nothing else was sent there about that time. One that is not there may still be on
/// its way, so Twilio never says that it has not seen it.
pub(super) fn verdict(attempt: &Attempt, answer: &Response) -> Result<Verdict, ChannelError> {
    if !answer.status().is_success() {
        return Err(error::refused(answer));
    }
    let listed: Listed = serde_json::from_slice(answer.body()).map_err(|_| error::unreadable(answer))?;
    let (text, has_media) = match &attempt.body {
        Body::Content(Content::Text { text, .. }) => (text.as_str(), false),
        Body::Content(Content::Image { text, .. }) => (text.as_deref().unwrap_or_default(), true),
        _ => return Ok(Verdict::NoAnswer),
    };
    let is_it = |shown: &&Shown| {
        let created = rfc2822::parse(&shown.date_created).map(|at| at.timestamp().as_millisecond());
        shown.direction.starts_with("outbound")
            && shown.to == attempt.destination.address
            && shown.body == text
            && (shown.num_media != "0") == has_media
            && !attempt.known.contains(&shown.sid)
            && created.is_ok_and(|at| at >= attempt.started_at - CLOCKS_APART)
    };
    match listed.messages.iter().find(is_it) {
        Some(shown) if attempt.alone => Ok(Verdict::Accepted(Accepted::under(&*shown.sid))),
        _ => Ok(Verdict::NoAnswer),
    }
}
