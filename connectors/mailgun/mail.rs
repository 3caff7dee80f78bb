//! Letters: what a message looks like as a mail, and what an answer must know about the mail it answers. Pure.
//!
//! A letter is the same at every attempt: its date, its id and its boundaries come from the message.

use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body as Encoded, Mailbox, Message, MultiPart, SinglePart};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::Mailgun;
use super::body::{self, Bodies};
use crate::channel::text::{self, Unit};
use crate::channel::{ChannelError, Code, Content, Media, OutboundMessage};

/// Characters in names and subjects: more than any mail program shows.
const NAME_LIMIT: usize = 120;
const SUBJECT_LIMIT: usize = 250;

/// Ids in `References`: the first, which names the thread, and the last.
const CHAIN_LIMIT: usize = 20;
/// A longer Message-ID is not repeated: it would not fit into a line of a mail.
const ID_LIMIT: usize = 250;

/// The last moment that a mail's date can name: the end of the year 9999.
const LAST_DATE: u64 = 253_402_300_799;

/// What an answer to a person's mail must know about it; kept as their message's `thread`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Thread {
    /// The mail's Message-ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    /// The mails it refers to, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) references: Vec<String>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) subject: String,
}

impl Thread {
    /// Reads the headers of a person's mail.
    pub(super) fn of(id: Option<&str>, references: &str, subject: &str) -> Thread {
        let id = id.and_then(|id| ids(id).into_iter().next());
        Thread { id, references: chain(ids(references)), subject: line(subject, SUBJECT_LIMIT) }
    }

    /// Reads what was remembered of a mail, as warily as the mail itself.
    fn remembered(thread: &str) -> Thread {
        let Thread { id, references, subject } = serde_json::from_str(thread).unwrap_or_default();
        Thread::of(id.as_deref(), &references.join(" "), &subject)
    }

    /// `References` of an answer.
    fn references_of_answer(&self) -> String {
        let mut all = self.references.clone();
        all.extend(self.id.clone());
        chain(all).join(" ")
    }

    fn subject_of_answer(&self) -> Option<String> {
        let is_answer = self.subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:"));
        match self.subject.as_str() {
            "" => None,
            subject if is_answer => Some(subject.to_owned()),
            subject => Some(line(&format!("Re: {subject}"), SUBJECT_LIMIT)),
        }
    }
}

/// The Message-IDs in a header, with their angle brackets.
fn ids(header: &str) -> Vec<String> {
    let pieces = header.split('<').skip(1).filter_map(|piece| piece.split_once('>'));
    let is_id =
        |id: &str| id.contains('@') && id.len() <= ID_LIMIT && id.bytes().all(|byte| byte.is_ascii_graphic());
    pieces.filter(|(id, _)| is_id(id)).map(|(id, _)| format!("<{id}>")).collect()
}

fn chain(mut ids: Vec<String>) -> Vec<String> {
    if let Some(surplus) = ids.len().checked_sub(CHAIN_LIMIT) {
        ids.drain(1..=surplus);
    }
    ids
}

/// The Message-ID that a message travels under: known before Mailgun is asked, so that a receipt or an answer
/// finds its message even when Mailgun's own answer was lost.
pub(super) fn message_id(mailgun: &Mailgun, reference: &str) -> String {
    format!("hg-{reference}@{}", mailgun.domain)
}

/// The reference in a Message-ID of ours.
pub(super) fn reference_in(mailgun: &Mailgun, message_id: &str) -> Option<String> {
    let reference = message_id.strip_prefix("hg-")?.strip_suffix(&mailgun.domain)?.strip_suffix('@')?;
    (!reference.is_empty()).then(|| reference.to_owned())
}

/// A text as one line, without what is not to be seen: a header that begins a new line would be another header.
fn line(text: &str, limit: usize) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    text::split(&line, limit, Unit::Char).first().map(|piece| piece.trim_end().to_owned()).unwrap_or_default()
}

/// The mail, ready for the wire. `file` goes with it; without one, a message about a file links to it.
pub(super) fn write(
    mailgun: &Mailgun,
    to: &str,
    message: &OutboundMessage,
    content: &Content,
    file: Option<Media>,
) -> Result<Vec<u8>, ChannelError> {
    let unwritable = |cause: &dyn std::fmt::Display| {
        ChannelError::permanent(Code::BadRequest, format!("the mail: {cause}"))
    };
    let to: Address = to.parse().map_err(|cause| unwritable(&cause))?;
    let from: Address = mailgun.from_address.parse().map_err(|cause| unwritable(&cause))?;
    let name = sender_name(message);
    let sender = Mailbox::new((!name.is_empty()).then_some(name), from.clone());
    let earlier = message.earlier.as_ref().and_then(|earlier| earlier.thread.as_deref());
    let thread = earlier.map(Thread::remembered).unwrap_or_default();

    let mut letter = Message::builder()
        .from(sender)
        .reply_to(Mailbox::new(None, from))
        .to(Mailbox::new(None, to))
        .subject(subject(message, &thread))
        .date(date(message.accepted_at))
        .message_id(Some(format!("<{}>", message_id(mailgun, &message.reference))));
    if let Some(id) = &thread.id {
        letter = letter.in_reply_to(id.clone()).references(thread.references_of_answer());
    }
    if mailgun.has_unsubscribe_link {
        let name = HeaderName::new_from_ascii_str("List-Unsubscribe");
        letter = letter.raw_header(HeaderValue::new(name, format!("<{}>", body::UNSUBSCRIBE)));
    }

    let bodies = Bodies::of(content, file.is_some(), mailgun.has_unsubscribe_link)?;
    let body = MultiPart::alternative()
        .boundary(boundary("hga", &message.reference, &bodies.plain))
        .singlepart(SinglePart::plain(bodies.plain.clone()))
        .singlepart(SinglePart::html(bodies.html));
    let body = match file {
        Some(file) => MultiPart::mixed()
            .boundary(boundary("hgm", &message.reference, &bodies.plain))
            .multipart(body)
            .singlepart(attachment(content, file)),
        None => body,
    };
    letter.multipart(body).map(|letter| letter.formatted()).map_err(|cause| unwritable(&cause))
}

/// A line that ends one part and begins the next: made of the reference, and such that it is in none.
pub(super) fn boundary(start: &str, reference: &str, content: &str) -> String {
    let mut boundary = format!("{start}-{reference}");
    while content.contains(&boundary) {
        boundary.push('x');
    }
    boundary
}

fn sender_name(message: &OutboundMessage) -> String {
    let author = line(message.author.as_deref().unwrap_or_default(), NAME_LIMIT);
    if author.is_empty() { line(&message.app, NAME_LIMIT) } else { author }
}

fn subject(message: &OutboundMessage, thread: &Thread) -> String {
    let given = line(message.subject.as_deref().unwrap_or_default(), SUBJECT_LIMIT);
    if !given.is_empty() {
        return given;
    }
    let first = || line(&format!("New message from {}", message.app), SUBJECT_LIMIT);
    thread.subject_of_answer().unwrap_or_else(first)
}

fn date(unix_millis: i64) -> SystemTime {
    let seconds = u64::try_from(unix_millis / 1000).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_DATE))
}

fn attachment(content: &Content, file: Media) -> SinglePart {
    let (url, said) = match content {
        Content::Image { media_url, media_type, .. } | Content::File { media_url, media_type, .. } => {
            (media_url.as_str(), media_type.clone())
        }
        _ => ("", None),
    };
    let kind = said.or(file.media_type).filter(|kind| is_plain_file(kind));
    let kind = kind.and_then(|kind| ContentType::parse(&kind).ok()).unwrap_or_else(octets);
    // A file is binary whatever is in it: its line ends are its own.
    let bytes = file.bytes.to_vec();
    let body =
        Encoded::new_with_encoding(bytes, ContentTransferEncoding::Base64).unwrap_or_else(Encoded::new);
    Attachment::new(file_name(file.name.as_deref(), url)).body(body, kind)
}

/// Types of which mail programs expect no file but more mail: they may not be encoded.
fn is_plain_file(kind: &str) -> bool {
    let kind = kind.trim_start().to_ascii_lowercase();
    !kind.starts_with("multipart/") && !kind.starts_with("message/")
}

fn octets() -> ContentType {
    ContentType::parse("application/octet-stream").unwrap_or(ContentType::TEXT_PLAIN)
}

/// What the file is called: by its server, or by its address; never a path.
fn file_name(given: Option<&str>, url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let of_url =
        path.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| unescaped(path));
    let names = [given, of_url.as_deref()].into_iter().flatten().map(|path| {
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        line(&name.replace(['"', '<', '>', ':', '|'], " "), NAME_LIMIT)
    });
    let mut good = names.filter(|name| !name.is_empty() && !name.starts_with('.'));
    good.next().unwrap_or_else(|| "file".to_owned())
}

/// A URL's path without its percent signs.
fn unescaped(path: &str) -> String {
    // As the value of a form's field, where a plus would be a space and an ampersand the end.
    let field = format!("={}", path.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(field.as_bytes()).next().map(|(_, path)| path.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use mail_parser::{MessageParser, MimeHeaders};
    use proptest::prelude::*;

    use super::*;
    use crate::channel::{Body, Destination, Earlier, Occasion, Secret};

    fn mailgun() -> Mailgun {
        Mailgun {
            api_key: Secret::new("fake"),
            signing_key: Secret::new("fake"),
            domain: "mg.example.com".into(),
            incoming_address: "support@mg.example.com".into(),
            from_address: "support@mg.example.com".into(),
            has_unsubscribe_link: true,
            base_url: String::new(),
        }
    }

    fn message([author, app, subject, thread]: [String; 4], accepted_at: i64) -> OutboundMessage {
        OutboundMessage {
            reference: "r".repeat(64),
            destination: Destination::new("jane@example.org"),
            body: Body::Content(Content::text("unused")),
            hook_url: "https://gateway.example.com/".parse().expect("a URL"),
            occasion: Occasion::Conversation,
            app,
            author: Some(author),
            subject: Some(subject),
            accepted_at,
            earlier: Some(Earlier { at: 0, thread: Some(thread) }),
        }
    }

    #[test]
    fn a_file_is_called_by_its_last_name() {
        for (given, url, name) in [
            (Some("bill.pdf"), "https://example.com/x.pdf", "bill.pdf"),
            (Some("../../etc/passwd"), "", "passwd"),
            (Some("C:\\fotos\\a\".png"), "", "a .png"),
            (Some(".."), "https://example.com/a/M%C3%BCller+%26.pdf?x=/y", "Müller+&.pdf"),
            (None, "https://example.com", "file"),
            (None, "https://example.com/a/", "file"),
            (None, "https://example.com/%2E%2E%2Fa%0d%0ab", "a b"),
        ] {
            assert_eq!(file_name(given, url), name, "{given:?} {url}");
        }
    }

    /// What people put where a name is asked for.
    fn anything() -> impl Strategy<Value = String> {
        prop_oneof![
            r"(\PC|[\r\n\t\x00\x0b\x1b\x7f]|[\x22\\<>@,;:()]|👩‍🚀|\u{202e}|=\?utf-8\?b\?){0,60}",
            Just("x".repeat(10_000)),
            Just("é".repeat(10_000)),
            Just("a \r\nBcc: all@example.org\r\n\r\nbody".to_owned()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn nothing_that_people_say_becomes_a_header(
            words in prop::array::uniform4(anything()), text in anything(), name in anything(), url in anything(),
            kind in anything(), subject in anything(), id in anything(), accepted_at in any::<i64>(),
        ) {
            let [author, app, given, thread] = words;
            let known = serde_json::json!({"id": id, "references": [id, "<a@b>"], "subject": subject}).to_string();
            for thread in [thread, known] {
                let message = message([author.clone(), app.clone(), given.clone(), thread], accepted_at);
                let content = Content::File {
                    media_url: url.clone(), media_type: Some(kind.clone()), text: Some(text.clone()), alt_text: None,
                };
                let file = Media { bytes: Bytes::from_static(b"file"), media_type: None, name: Some(name.clone()) };
                let mail = write(&mailgun(), "jane@example.org", &message, &content, Some(file)).expect("a mail");
                let read = MessageParser::default().parse(&mail).expect("a mail");
                let mut names: Vec<&str> = read.headers_raw().map(|(name, _)| name).collect();
                names.retain(|name| !matches!(*name, "In-Reply-To" | "References"));
                prop_assert_eq!(names, [
                    "From", "Reply-To", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "MIME-Version",
                    "Content-Type",
                ]);
                let from = read.from().and_then(|from| from.first()).expect("a sender");
                prop_assert_eq!(from.address(), Some("support@mg.example.com"));
                prop_assert_eq!(read.attachment_count(), 1);
                let attached = read.attachment(0).expect("the file");
                prop_assert_eq!(attached.contents(), b"file");
                prop_assert!(attached.attachment_name().is_some());
                prop_assert!(mail.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));
            }
        }

        #[test]
        fn a_name_and_a_subject_arrive_as_they_were(name in r"(\PC| ){1,40}", subject in r"(\PC| ){1,200}") {
            let message = message([name.clone(), String::new(), subject.clone(), String::new()], 0);
            prop_assume!(!line(&name, NAME_LIMIT).is_empty() && !line(&subject, SUBJECT_LIMIT).is_empty());
            let mail = write(&mailgun(), "jane@example.org", &message, &Content::text("x"), None).expect("a mail");
            let read = MessageParser::default().parse(&mail).expect("a mail");
            let (name, subject) = (line(&name, NAME_LIMIT), line(&subject, SUBJECT_LIMIT));
            prop_assert_eq!(read.subject(), Some(subject.as_str()));
            let from = read.from().and_then(|from| from.first()).expect("a sender");
            prop_assert_eq!(from.name(), Some(name.as_str()));
        }
    }
}
