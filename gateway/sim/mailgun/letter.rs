//! A mail as a stranger reads it: what is in it, and whether it keeps the rules of mails. Pure.

use mail_parser::{Address, Message, MessageParser, MimeHeaders};
use serde_json::{Map, Value, json};

use super::answer::Refusal;

/// Bytes of a mail.
const MAIL_LIMIT: usize = 25_000_000;

/// Bytes of a line without its end.
const LINE_LIMIT: usize = 998;

/// Headers without which a mail is none, or is taken for spam.
const NEEDED: &[&str] = &["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"];

/// What a mail says.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) id: String,
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) text: String,
    pub(super) files: Vec<String>,
    subject: String,
    sender: String,
    reply_to: Option<String>,
    html: String,
    headers: Map<String, Value>,
}

impl Letter {
    /// Reads a mail and checks it.
    pub(super) fn read(mail: &[u8]) -> Result<Letter, Refusal> {
        check_lines(mail)?;
        let message =
            MessageParser::default().parse(mail).ok_or_else(|| Refusal::bad("the mail cannot be read"))?;
        let headers = headers(&message)?;
        let addresses = |of: Option<&Address<'_>>| -> Vec<String> {
            let all = of.into_iter().flat_map(|address| address.iter());
            all.filter_map(|one| one.address().map(str::to_owned)).collect()
        };
        let [from] = <[String; 1]>::try_from(addresses(message.from())).map_err(|_| {
            Refusal::bad("'from' parameter is not a valid address. please check documentation")
        })?;
        let id = message.message_id().filter(|id| id.contains('@'));
        let id = id.ok_or_else(|| Refusal::bad("the mail's Message-ID is none"))?.to_owned();
        if !message.date().is_some_and(mail_parser::DateTime::is_valid) {
            return Err(Refusal::bad("the mail's Date is none"));
        }
        let (text, html) = bodies(&message)?;
        let sender = message.from().and_then(|from| from.first()).and_then(|from| from.name());
        Ok(Letter {
            id,
            to: addresses(message.to()),
            text,
            html,
            files: message
                .attachments()
                .map(|file| file.attachment_name().unwrap_or_default().to_owned())
                .collect(),
            subject: message.subject().unwrap_or_default().to_owned(),
            sender: sender.map_or_else(|| from.clone(), |name| format!("{name} <{from}>")),
            reply_to: addresses(message.reply_to()).into_iter().next(),
            from,
            headers,
        })
    }

    /// What is more than text and files say.
    pub(super) fn as_json(&self) -> Value {
        json!({
            "subject": self.subject,
            "from": self.sender,
            "replyTo": self.reply_to,
            "html": self.html,
            "headers": self.headers,
        })
    }
}

/// Mail servers tear long lines and mend lone line breaks, each in its own way.
fn check_lines(mail: &[u8]) -> Result<(), Refusal> {
    if mail.len() > MAIL_LIMIT {
        return Err(Refusal::bad("message size exceeds 25 MB"));
    }
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        let line =
            line.strip_suffix(b"\r\n").ok_or_else(|| Refusal::bad("the mail has a line without CRLF"))?;
        if line.contains(&b'\r') || line.contains(&0) {
            return Err(Refusal::bad("the mail has a lone CR or a NUL"));
        }
        if line.len() > LINE_LIMIT {
            return Err(Refusal::bad("the mail has a line of more than 998 bytes"));
        }
        if !line.is_ascii() {
            return Err(Refusal::bad("the mail has a line that is not ASCII"));
        }
    }
    Ok(())
}

/// All headers by their names, each at most once.
fn headers(message: &Message<'_>) -> Result<Map<String, Value>, Refusal> {
    let mut headers = Map::new();
    for (name, value) in message.headers_raw() {
        let unfolded = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if headers.insert(name.to_owned(), unfolded.into()).is_some() {
            return Err(Refusal::bad(format!("the mail has two {name}")));
        }
    }
    match NEEDED.iter().find(|name| !headers.contains_key(**name)) {
        Some(missing) => Err(Refusal::bad(format!("the mail has no {missing}"))),
        None => Ok(headers),
    }
}

/// The mail as plain text and as HTML: it must have both, or some people could not read it.
fn bodies(message: &Message<'_>) -> Result<(String, String), Refusal> {
    let unix = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    let plain = message.text_part(0).filter(|part| part.is_text() && !part.is_text_html());
    let html = message.html_part(0).filter(|part| part.is_text_html());
    match (plain.and_then(|part| part.text_contents()), html.and_then(|part| part.text_contents())) {
        (Some(plain), Some(html)) => Ok((unix(plain), unix(html))),
        _ => Err(Refusal::bad("Need at least one of 'text' or 'html' parameters specified")),
    }
}
