//! Checks the gateway's requests as strictly as Mailgun, and here and there more.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{FromRequest, Multipart, Request, multipart::MultipartError},
    http::{HeaderMap, StatusCode, header},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use url::form_urlencoded;

use super::{Mailbox, answer::Refusal, letter::Letter};
use crate::sim::outbox::Draft;

/// Bytes of options, headers and variables together.
const OPTIONS_LIMIT: usize = 16_000;

/// Options that are yes or no and that the simulator may ignore.
const SWITCHES: &[&str] = &["o:tracking", "o:tracking-clicks", "o:tracking-opens", "o:dkim", "o:require-tls"];

/// The variable that the gateway's reference travels in.
const REFERENCE: &str = "v:heliograph";

/// The user and password of Basic authentication, with a colon between.
pub(super) fn credentials(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = given.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()
}

/// The one filter of events that the simulator plays.
pub(super) fn message_id(query: &str) -> Result<String, Refusal> {
    let mut pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
    match (pairs.next(), pairs.next()) {
        (Some((name, id)), None) if name == "message-id" => Ok(id),
        _ => Err(Refusal::bad("the simulator lists the events of one message-id")),
    }
}

/// What a send asks for.
#[derive(Debug)]
pub(super) struct Order {
    to: String,
    letter: Letter,
    reference: Option<String>,
}

/// Reads a send's form and checks everything that needs no knowledge of the account.
pub(super) async fn order(request: Request) -> Result<Order, Refusal> {
    let form = Multipart::from_request(request, &()).await;
    let form = form.map_err(|_| Refusal::bad("the content type must be multipart/form-data"))?;
    let (fields, mail) = read(form).await?;
    check(fields, mail)
}

type Fields = BTreeMap<String, String>;

/// Fields and the mail. Mailgun ignores what it does not know; the simulator refuses it, and what is there twice,
/// because each would be a mistake of ours.
async fn read(mut form: Multipart) -> Result<(Fields, Option<Bytes>), Refusal> {
    let (mut fields, mut mail) = (Fields::new(), None);
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        let is_file = field.file_name().is_some();
        let value = field.bytes().await.map_err(unreadable)?;
        let is_new = match (name.as_str(), is_file) {
            ("message", true) => mail.replace(value).is_none(),
            ("message", false) => return Err(Refusal::bad("the message must be a file of the form")),
            (_, true) => return Err(Refusal::bad(format!("{name} is no file"))),
            _ => {
                let value = String::from_utf8(value.to_vec());
                let value = value.map_err(|_| Refusal::bad(format!("{name} is not UTF-8")))?;
                fields.insert(name.clone(), value).is_none()
            }
        };
        if !is_new {
            return Err(Refusal::bad(format!("the simulator takes one {name}")));
        }
    }
    Ok((fields, mail))
}

fn unreadable(error: MultipartError) -> Refusal {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_large(),
        _ => Refusal::bad(format!("the form cannot be read: {}", error.body_text())),
    }
}

fn check(mut fields: Fields, mail: Option<Bytes>) -> Result<Order, Refusal> {
    let to = fields.remove("to").ok_or_else(|| Refusal::bad("to parameter is missing"))?;
    if !is_address(&to) {
        return Err(Refusal::bad("to parameter is not a valid address. please check documentation"));
    }
    check_options(&fields)?;
    let mail = mail.ok_or_else(|| Refusal::bad("message parameter is missing"))?;
    let letter = Letter::read(&mail)?;
    if !letter.to.contains(&to) {
        return Err(Refusal::bad("the mail is not addressed to its recipient"));
    }
    Ok(Order { to, letter, reference: fields.remove(REFERENCE) })
}

fn check_options(fields: &Fields) -> Result<(), Refusal> {
    let size: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > OPTIONS_LIMIT {
        return Err(Refusal::bad("sending options (starting with o:, h:, or v:) are limited to 16 kB total"));
    }
    for (name, value) in fields {
        let is_known = name.starts_with("v:") || SWITCHES.contains(&name.as_str());
        if !is_known {
            return Err(Refusal::bad(format!("the simulator does not know the parameter {name}")));
        }
        let is_switch = !name.starts_with("v:");
        if is_switch && !matches!(value.as_str(), "yes" | "no") {
            return Err(Refusal::bad(format!("{name} must be yes or no")));
        }
    }
    Ok(())
}

/// An address as the gateway writes it: bare, in lower-case ASCII.
pub(super) fn is_address(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>(),;:\\\"[]@".contains(&byte);
    let is_bare = !local.is_empty() && local.bytes().all(is_plain) && domain.bytes().all(is_plain);
    is_bare
        && domain.contains('.')
        && address.len() <= 254
        && !address.bytes().any(|b| b.is_ascii_uppercase())
}

impl Order {
    /// The message, sent from one of the domain's mailboxes: the one it names as its sender.
    pub(super) fn draft(self, mailboxes: &[Arc<Mailbox>]) -> Result<Draft, Refusal> {
        let Order { to, letter, reference } = self;
        let mailbox = mailboxes.iter().find(|mailbox| mailbox.sender == letter.from);
        // Mailgun would let anybody's name pass; that would be a mistake of ours.
        let mailbox = mailbox.ok_or_else(|| Refusal::bad(format!("{} is no sender here", letter.from)))?;
        Ok(Draft {
            account: Arc::clone(&mailbox.account),
            request: letter.as_json(),
            provider_id: letter.id,
            to,
            from: letter.from,
            text: letter.text,
            media: letter.files,
            reference,
            callback: None,
            pool: None,
            status: "queued",
        })
    }
}
