//! To Twilio: messages cut into pieces, pieces written as requests, answers read. Pure.
//!
//! <https://www.twilio.com/docs/messaging/api/message-resource>.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use http::{Method, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{Sender, Twilio, error};
use crate::channel::text::{self, Unit};
use crate::channel::{
    Accepted, Body, ChannelError, Code, Connected, Content, OutboundMessage, Request, Response,
};

/// The longest `Body`. The unit is not documented; UTF-16 code units are the strictest reading.
const BODY_LIMIT: usize = 1600;

/// The query parameter of the status callback that carries our reference; Twilio signs it with the URL.
pub(super) const REFERENCE: &str = "hg";

/// The messages Twilio is asked to send for one of ours.
pub(super) fn parts(body: &Body) -> Result<Vec<Body>, ChannelError> {
    let content = match body {
        Body::Content(content) => content,
        Body::Native { schema, .. } => return Err(ChannelError::unsupported(schema)),
    };
    let (picture, text) = match content {
        Content::Image { text, actions, .. } => {
            (Some(content), text::with_actions(text.as_deref().unwrap_or_default(), actions))
        }
        _ => (None, text::fallback(content)?),
    };
    let mut pieces = text::split(&text, BODY_LIMIT, Unit::Utf16).into_iter();
    let mut parts = Vec::new();
    if let Some(picture) = picture {
        parts.push(captioned(picture, pieces.next()));
    }
    parts.extend(pieces.map(Content::text));
    if parts.is_empty() {
        return Err(ChannelError::permanent(Code::BadRequest, "a message needs a text or a picture"));
    }
    Ok(parts.into_iter().map(Body::Content).collect())
}

/// The picture with as much of its caption as one message holds. MMS has no place for an alternative text.
fn captioned(picture: &Content, caption: Option<&str>) -> Content {
    let mut picture = picture.clone();
    if let Content::Image { text, actions, alt_text, .. } = &mut picture {
        *text = caption.map(str::to_owned);
        *alt_text = None;
        actions.clear();
    }
    picture
}

/// Sends one piece.
pub(super) fn create_message(
    twilio: &Twilio,
    sender: &Sender,
    message: &OutboundMessage,
) -> Result<Request, ChannelError> {
    let (text, media_url) = match &message.body {
        Body::Content(Content::Text { text, .. }) => (Some(text), None),
        Body::Content(Content::Image { text, media_url, .. }) => (text.as_ref(), Some(media_url)),
        Body::Content(other) => return Err(ChannelError::unsupported(other.kind())),
        Body::Native { schema, .. } => return Err(ChannelError::unsupported(schema)),
    };
    let mut callback = message.hook_url.clone();
    callback.query_pairs_mut().append_pair(REFERENCE, &message.reference);

    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("To", &message.destination.address);
    match sender {
        Sender::Number(number) => form.append_pair("From", number),
        Sender::Service(sid) => form.append_pair("MessagingServiceSid", sid),
        Sender::NumberSid(_) => {
            return Err(ChannelError::permanent(Code::BadRequest, "the sender's number is not known"));
        }
    };
    if let Some(text) = text {
        form.append_pair("Body", text);
    }
    if let Some(url) = media_url {
        form.append_pair("MediaUrl", url);
    }
    form.append_pair("StatusCallback", callback.as_str());
    Ok(twilio.request(Method::POST, "/Messages.json", Some(form.finish())))
}

/// Asks for the number behind a number's id.
pub(super) fn ask_for_number(twilio: &Twilio, sid: &str) -> Request {
    twilio.request(Method::GET, &format!("/IncomingPhoneNumbers/{sid}.json"), None)
}

/// Asks for the account, to see whether the credentials open it.
pub(super) fn ask_for_account(twilio: &Twilio) -> Request {
    twilio.request(Method::GET, ".json", None)
}

/// Asks for a file that came with a message, by the address in its hook.
pub(super) fn ask_for_file(twilio: &Twilio, address: &str) -> Result<Request, ChannelError> {
    let mut request = http::Request::get(address);
    // The account's credentials are for Twilio alone, whatever address a hook names.
    if address.starts_with(&format!("{}/", twilio.base_url)) {
        request = request.header(header::AUTHORIZATION, twilio.authorization());
    }
    let bad = |error| ChannelError::permanent(Code::BadRequest, format!("the file's address: {error}"));
    request.body(Bytes::new()).map_err(bad)
}

impl Twilio {
    fn authorization(&self) -> String {
        format!("Basic {}", BASE64.encode(format!("{}:{}", self.account_sid, self.auth_token.expose())))
    }

    /// A request about this account; `path` follows its id.
    pub(super) fn request(&self, method: Method, path: &str, form: Option<String>) -> Request {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}/2010-04-01/Accounts/{}{path}", self.base_url, self.account_sid))
            .header(header::AUTHORIZATION, self.authorization());
        if form.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        request
            .body(form.map(Bytes::from).unwrap_or_default())
            .expect("the base URL and the ids were checked when the channel was built")
    }
}

/// A message as Twilio shows it; only what is looked at.
#[derive(Debug, Deserialize)]
struct MessageResource {
    sid: String,
    status: Option<String>,
    error_code: Option<u64>,
    error_message: Option<String>,
}

/// What the answer to a send says.
pub(super) fn accepted(answer: &Response) -> Result<Accepted, ChannelError> {
    if !answer.status().is_success() {
        return Err(error::refused(answer));
    }
    let message: MessageResource =
        serde_json::from_slice(answer.body()).map_err(|_| error::unreadable(answer))?;
    // Twilio can report a failure inside its 201.
    let status = message.status.as_deref().unwrap_or_default();
    let given_up = matches!(status, "failed" | "undelivered" | "canceled");
    if given_up || message.error_code.is_some() {
        return Err(error::undelivered(status, message.error_code, message.error_message.as_deref()));
    }
    Ok(Accepted::under(message.sid))
}

/// A number as Twilio shows it; only what is looked at.
#[derive(Debug, Deserialize)]
struct NumberResource {
    phone_number: String,
    friendly_name: Option<String>,
}

fn number_resource(answer: &Response) -> Result<NumberResource, ChannelError> {
    if !answer.status().is_success() {
        return Err(error::refused(answer));
    }
    serde_json::from_slice(answer.body()).map_err(|_| error::unreadable(answer))
}

/// The number itself.
pub(super) fn number(answer: &Response) -> Result<String, ChannelError> {
    number_resource(answer).map(|resource| resource.phone_number)
}

/// What the API shows about an integration that named its number by id.
pub(super) fn number_facts(answer: &Response) -> Result<Connected, ChannelError> {
    let resource = number_resource(answer)?;
    let mut facts = Map::new();
    facts.insert("phoneNumber".into(), Value::String(resource.phone_number));
    facts.extend(resource.friendly_name.map(|name| ("name".into(), Value::String(name))));
    Ok(Connected { facts })
}

/// An account as Twilio shows it; only what is looked at.
#[derive(Debug, Deserialize)]
struct AccountResource {
    status: String,
}

/// What the API shows about an integration once its account answered.
pub(super) fn account_facts(twilio: &Twilio, answer: &Response) -> Result<Connected, ChannelError> {
    if !answer.status().is_success() {
        return Err(error::refused(answer));
    }
    let account: AccountResource =
        serde_json::from_slice(answer.body()).map_err(|_| error::unreadable(answer))?;
    if account.status != "active" {
        return Err(ChannelError::permanent(
            Code::Unauthorized,
            format!("the Twilio account is {}", account.status),
        ));
    }
    let mut facts = Map::new();
    if let Sender::Number(number) = &twilio.sender {
        facts.insert("phoneNumber".into(), Value::String(number.clone()));
    }
    Ok(Connected { facts })
}
