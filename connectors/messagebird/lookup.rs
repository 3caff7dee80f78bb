//! Asking MessageBird afterwards: how far a message came, and whether one whose answer was lost is there. Pure.
//!
//! <https://developers.messagebird.com/api/sms-messaging/>.

use http::Method;
use serde_json::Value;
use url::form_urlencoded;

use super::{MessageBird, error, inbound};
use crate::channel::{Accepted, Attempt, ChannelError, Receipt, Request, Response, Verdict};

/// Asks for a message by its id; `None` for an id that MessageBird never gave.
pub(super) fn ask_for_message(messagebird: &MessageBird, id: &str) -> Option<Request> {
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_id.then(|| messagebird.request(Method::GET, &format!("/messages/{id}"), None))
}

/// How far the message came, in the words of a report.
pub(super) fn receipt(answer: &Response) -> Result<Option<Receipt>, ChannelError> {
    let message = message(answer)?;
    let recipient = &message["recipients"]["items"][0];
    let status = recipient["status"].as_str().unwrap_or_default();
    let (number, reason) = (recipient["statusErrorCode"].as_u64(), recipient["statusReason"].as_str());
    let stage = inbound::stage(status, number, reason);
    let provider_id = message["id"].as_str().map(str::to_owned);
    Ok(stage.map(|stage| Receipt { reference: None, provider_id, stage, status: status.to_owned() }))
}

/// Asks for the messages with the attempt's reference.
pub(super) fn ask_for_messages(messagebird: &MessageBird, attempt: &Attempt) -> Request {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("reference", &attempt.reference);
    query.append_pair("recipient", attempt.destination.address.trim_start_matches('+'));
    messagebird.request(Method::GET, &format!("/messages?{}", query.finish()), None)
}

/// Whether the attempt is among them. The reference is looked at again, in case the filter was not understood. One
/// that is not there may still be on its way, so MessageBird never says that it has not seen it.
pub(super) fn verdict(attempt: &Attempt, answer: &Response) -> Result<Verdict, ChannelError> {
    let listed = message(answer)?;
    let mut messages = listed["items"].as_array().into_iter().flatten();
    let found = messages.find(|message| message["reference"] == attempt.reference.as_str());
    match found.and_then(|message| message["id"].as_str()) {
        Some(id) => Ok(Verdict::Accepted(Accepted::under(id))),
        None => Ok(Verdict::NoAnswer),
    }
}

fn message(answer: &Response) -> Result<Value, ChannelError> {
    if !answer.status().is_success() {
        return Err(error::refused(answer));
    }
    let body: Value = serde_json::from_slice(answer.body()).map_err(|_| error::unreadable(answer))?;
    if body.is_object() && !error::is_refusal(answer) { Ok(body) } else { Err(error::refused(answer)) }
}
