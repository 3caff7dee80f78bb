//! To Mailgun: messages cut into mails, mails wrapped into requests, answers read. Pure.
//!
//! <https://documentation.mailgun.com/docs/mailgun/api-reference/openapi-final/tag/Messages/>.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use super::{Mailgun, address, error, mail};
use crate::channel::{
    Accepted, Attempt, Body, ChannelError, Code, Connected, Content, Media, OutboundMessage, Request,
    Response, Verdict, text,
};

/// The largest file that goes into a mail: Mailgun takes 25 MB, and on its way a file grows by three eighths.
const FILE_LIMIT: usize = 18_000_000;

/// The variable that carries our reference. Recipients can see it.
pub(super) const REFERENCE: &str = "heliograph";

/// One mail: no text is too long for it. What a mail has no form for is told in words.
pub(super) fn parts(body: &Body) -> Result<Vec<Body>, ChannelError> {
    let content = match body {
        Body::Content(content) => content,
        Body::Native { schema, .. } => return Err(ChannelError::unsupported(schema)),
    };
    if let Content::Image { .. } | Content::File { .. } = content {
        return Ok(vec![body.clone()]);
    }
    let text = text::fallback(content)?;
    if text.trim().is_empty() {
        return Err(ChannelError::permanent(Code::BadRequest, "a message needs a text or a file"));
    }
    match content {
        // Kept with its buttons, which a mail makes links of.
        Content::Text { .. } => Ok(vec![body.clone()]),
        _ => Ok(vec![Body::Content(Content::text(text))]),
    }
}

/// Asks for the file that a message is about; `None` when it is about none.
pub(super) fn ask_for_file(body: &Body) -> Result<Option<Request>, ChannelError> {
    let Body::Content(Content::Image { media_url, .. } | Content::File { media_url, .. }) = body else {
        return Ok(None);
    };
    let bad = |cause| ChannelError::permanent(Code::BadRequest, format!("the file's address: {cause}"));
    http::Request::get(media_url).body(Bytes::new()).map(Some).map_err(bad)
}

/// The file in the answer; `None` when no mail can carry it, so that the message links to it instead.
pub(super) fn enclosure(answer: &Response) -> Result<Option<Media>, ChannelError> {
    if !answer.status().is_success() {
        return Err(error::file_refused(answer.status()));
    }
    Ok((answer.body().len() <= FILE_LIMIT).then(|| Media::of(answer)))
}

/// Sends one mail.
pub(super) fn create_message(
    mailgun: &Mailgun,
    message: &OutboundMessage,
    file: Option<Media>,
) -> Result<Request, ChannelError> {
    let content = match &message.body {
        Body::Content(content) => content,
        Body::Native { schema, .. } => return Err(ChannelError::unsupported(schema)),
    };
    let no_address = || ChannelError::permanent(Code::BadRequest, "the destination is no email address");
    let to = address(&message.destination.address).ok_or_else(no_address)?;
    let mail = mail::write(mailgun, &to, message, content, file)?;
    let fields = [
        ("to", to.as_str()),
        // Tracking rewrites every link in the text. The link to unsubscribe is no part of these two.
        ("o:tracking-clicks", "no"),
        ("o:tracking-opens", "no"),
        (&format!("v:{REFERENCE}"), &message.reference),
    ];
    Ok(mailgun.post_mail(&message.reference, &fields, Some(&mail)))
}

/// A send without recipient and mail: refused in any case, and for the key first.
pub(super) fn send_nothing(mailgun: &Mailgun) -> Request {
    mailgun.post_mail("nothing", &[("o:testmode", "yes")], None)
}

/// Asks for the domain, to see whether the key opens it.
pub(super) fn ask_for_domain(mailgun: &Mailgun) -> Request {
    mailgun.get(&format!("/v3/domains/{}", mailgun.domain))
}

/// Asks what happened to the mail of an attempt.
pub(super) fn ask_for_events(mailgun: &Mailgun, attempt: &Attempt) -> Request {
    let id = mail::message_id(mailgun, &attempt.reference);
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("message-id", &id).finish();
    mailgun.get(&format!("/v3/{}/events?{query}", mailgun.domain))
}

impl Mailgun {
    fn authorization(&self) -> String {
        format!("Basic {}", BASE64.encode(format!("api:{}", self.api_key.expose())))
    }

    fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path, None, Vec::new())
    }

    /// A form about a mail. The mail must be a file of the form, or Mailgun does not find it.
    fn post_mail(&self, reference: &str, fields: &[(&str, &str)], mail: Option<&[u8]>) -> Request {
        let within = String::from_utf8_lossy(mail.unwrap_or_default());
        let boundary = mail::boundary("hgf", reference, &within);
        let mut form = Vec::with_capacity(within.len() + 1024);
        for (name, value) in fields {
            let part =
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            form.extend_from_slice(part.as_bytes());
        }
        if let Some(mail) = mail {
            let head = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"message\"; filename=\"message.eml\"\r\n\
                 Content-Type: message/rfc822\r\n\r\n"
            );
            form.extend_from_slice(head.as_bytes());
            form.extend_from_slice(mail);
            form.extend_from_slice(b"\r\n");
        }
        form.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={boundary}");
        self.request(Method::POST, &format!("/v3/{}/messages.mime", self.domain), Some(&kind), form)
    }

    fn request(&self, method: Method, path: &str, kind: Option<&str>, body: Vec<u8>) -> Request {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header(header::AUTHORIZATION, self.authorization());
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        request
            .body(Bytes::from(body))
            .expect("the base URL and the domain were checked when the channel was built")
    }
}

/// The answer to a send.
#[derive(Debug, Deserialize)]
struct Queued {
    id: String,
}

/// What the answer to a send says.
pub(super) fn accepted(answer: &Response) -> Result<Accepted, ChannelError> {
    if !answer.status().is_success() {
        return Err(error::refused(answer));
    }
    let queued: Queued = serde_json::from_slice(answer.body()).map_err(|_| error::unreadable(answer))?;
    // Events name the same id without its angle brackets.
    let id = queued.id.trim_matches(['<', '>', ' ']);
    if id.is_empty() { Err(error::unreadable(answer)) } else { Ok(Accepted::under(id)) }
}

/// A domain as Mailgun shows it; only what is looked at.
#[derive(Debug, Deserialize)]
struct DomainResource {
    domain: Domain,
}

#[derive(Debug, Deserialize)]
struct Domain {
    state: Option<String>,
}

/// What the API shows about an integration once its domain answered: nothing that its settings do not say.
pub(super) fn domain_facts(answer: &Response) -> Result<Connected, ChannelError> {
    if !answer.status().is_success() {
        return Err(error::refused(answer));
    }
    let resource: DomainResource =
        serde_json::from_slice(answer.body()).map_err(|_| error::unreadable(answer))?;
    match resource.domain.state.as_deref() {
        None | Some("active") => Ok(Connected::default()),
        Some(state) => {
            Err(ChannelError::permanent(Code::Unauthorized, format!("the Mailgun domain is {state}")))
        }
    }
}

/// Whether a key that may not see its domain may send from it.
pub(super) fn may_send(answer: &Response) -> Result<Connected, ChannelError> {
    match answer.status() {
        StatusCode::BAD_REQUEST => Ok(Connected::default()),
        status if status.is_success() => Err(error::unreadable(answer)),
        _ => Err(error::refused(answer)),
    }
}

/// What Mailgun's events say about an attempt. That there is none yet proves nothing: events may be half an hour
/// late.
pub(super) fn verdict(
    mailgun: &Mailgun,
    attempt: &Attempt,
    answer: &Response,
) -> Result<Verdict, ChannelError> {
    if !answer.status().is_success() {
        return Err(error::refused(answer));
    }
    let page: Value = serde_json::from_slice(answer.body()).map_err(|_| error::unreadable(answer))?;
    let id = mail::message_id(mailgun, &attempt.reference);
    let is_ours = |event: &Value| event["message"]["headers"]["message-id"] == id.as_str();
    let is_known = page["items"].as_array().is_some_and(|items| items.iter().any(is_ours));
    Ok(if is_known { Verdict::Accepted(Accepted::under(id)) } else { Verdict::NoAnswer })
}
