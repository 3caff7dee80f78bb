//! To MessageBird: messages cut into pieces, pieces written as requests, answers read. Pure.
//!
//! <https://developers.messagebird.com/api/sms-messaging/>.

use bytes::Bytes;
use http::{Method, header};
use serde_json::{Map, Value, json};

use super::{MessageBird, error};
use crate::channel::text::{self, Unit};
use crate::channel::{
    Accepted, Body, ChannelError, Code, Connected, Content, OutboundMessage, Request, Response,
};

/// The longest body: 1377 characters of GSM 03.38 or 603 UTF-16 code units, nine segments either way.
const SEGMENT_LIMIT: usize = 9;

/// The messages MessageBird is asked to send for one of ours.
pub(super) fn parts(body: &Body) -> Result<Vec<Body>, ChannelError> {
    let content = match body {
        Body::Content(content) => content,
        Body::Native { schema, .. } => return Err(ChannelError::unsupported(schema)),
    };
    let text = text::fallback(content)?;
    let pieces = text::split(&text, SEGMENT_LIMIT, Unit::Segment);
    if pieces.is_empty() {
        return Err(ChannelError::permanent(Code::BadRequest, "a message needs a text"));
    }
    Ok(pieces.into_iter().map(|piece| Body::Content(Content::text(piece))).collect())
}

/// Sends one piece to one recipient, so that MessageBird's id names one delivery.
pub(super) fn create_message(
    messagebird: &MessageBird,
    message: &OutboundMessage,
) -> Result<Request, ChannelError> {
    let text = match &message.body {
        Body::Content(Content::Text { text, .. }) => text,
        Body::Content(other) => return Err(ChannelError::unsupported(other.kind())),
        Body::Native { schema, .. } => return Err(ChannelError::unsupported(schema)),
    };
    let body = json!({
        "originator": messagebird.originator.as_str(),
        "recipients": [message.destination.address.trim_start_matches('+')],
        "body": text,
        // Left to itself MessageBird sends in the GSM alphabet and loses what is not in it.
        "datacoding": "auto",
        // Without a reference there are no reports at all.
        "reference": message.reference,
        "reportUrl": message.hook_url.as_str(),
    });
    Ok(messagebird.request(Method::POST, "/messages", Some(&body)))
}

/// Asks for the balance, to see whether the access key opens the account.
pub(super) fn ask_for_balance(messagebird: &MessageBird) -> Request {
    messagebird.request(Method::GET, "/balance", None)
}

/// Asks for a file that came with a message, by the address in its hook.
pub(super) fn ask_for_file(messagebird: &MessageBird, address: &str) -> Result<Request, ChannelError> {
    let mut request = http::Request::get(address);
    // The access key is for MessageBird alone, whatever address a hook names.
    if address.starts_with(&format!("{}/", messagebird.base_url)) {
        request = request.header(header::AUTHORIZATION, messagebird.authorization());
    }
    let bad = |error| ChannelError::permanent(Code::BadRequest, format!("the file's address: {error}"));
    request.body(Bytes::new()).map_err(bad)
}

impl MessageBird {
    fn authorization(&self) -> String {
        format!("AccessKey {}", self.access_key.expose())
    }

    pub(super) fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Request {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header(header::AUTHORIZATION, self.authorization())
            .header(header::ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request
            .body(body.map(|body| Bytes::from(body.to_string())).unwrap_or_default())
            .expect("the base URL and the access key were checked when the channel was built")
    }
}

/// What the answer to a send says. Once there is an id the message was taken, however odd the rest may be.
pub(super) fn accepted(answer: &Response) -> Result<Accepted, ChannelError> {
    if !answer.status().is_success() {
        return Err(error::refused(answer));
    }
    let message: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let Some(id) = message["id"].as_str().filter(|id| !id.is_empty()) else {
        let refused = error::is_refusal(answer);
        return Err(if refused { error::refused(answer) } else { error::unreadable(answer) });
    };
    // MessageBird can report a failure inside its 201.
    for recipient in message["recipients"]["items"].as_array().into_iter().flatten() {
        if let Some(status @ ("delivery_failed" | "expired")) = recipient["status"].as_str() {
            let (number, reason) = (&recipient["statusErrorCode"], &recipient["statusReason"]);
            return Err(error::undelivered(status, number.as_u64(), reason.as_str()));
        }
    }
    Ok(Accepted::under(id))
}

/// What the API shows about an integration once its balance could be read.
pub(super) fn balance_facts(messagebird: &MessageBird, answer: &Response) -> Result<Connected, ChannelError> {
    if error::is_refusal(answer) {
        return Err(error::refused(answer));
    }
    let balance: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    if balance.get("payment").is_none() {
        return Err(error::unreadable(answer));
    }
    let mut facts = Map::new();
    facts.insert("originator".into(), messagebird.originator.as_str().into());
    Ok(Connected { facts })
}
