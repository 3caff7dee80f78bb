//! To WhatsApp: messages cut into pieces, pieces written as requests, answers read. Pure.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages>.

use bytes::{BufMut, Bytes, BytesMut};
use http::{Method, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::{address_of, error, is_scoped_id, template};
use crate::channel::text::{self, Unit};
use crate::channel::{
    Accepted, ChannelError, Code, Connected, Content, Fate, Item, OutboundMessage, Request, Response,
    signature,
};
use crate::meta::{Graph, error_in};

/// The longest text. The unit is not documented; UTF-16 code units are the strictest reading.
const TEXT_LIMIT: usize = 4096;
/// The longest caption.
const CAPTION_LIMIT: usize = 1024;

/// The messages WhatsApp is asked to send for one of ours.
pub(super) fn parts(content: &Content) -> Result<Vec<Content>, ChannelError> {
    if choices(content).is_some() {
        return Ok(vec![content.clone()]);
    }
    let parts = match content {
        Content::Image { text, actions, .. } => {
            with_caption(content, &text::with_actions(text.as_deref().unwrap_or_default(), actions))
        }
        Content::File { text, .. } => with_caption(content, text.as_deref().unwrap_or_default()),
        Content::Location { .. } => vec![content.clone()],
        Content::Carousel { items, .. } if items.iter().any(|item| item.media_url.is_some()) => {
            let each: Result<Vec<_>, _> = items.iter().map(|item| parts(&alone(item))).collect();
            each?.into_iter().flatten().collect()
        }
        other => texts(&text::fallback(other)?),
    };
    if parts.is_empty() {
        return Err(ChannelError::permanent(Code::BadRequest, "a message needs a text or a file"));
    }
    Ok(parts)
}

/// The buttons of a piece as WhatsApp's own; `None` where there are none, or none that fit.
fn choices(content: &Content) -> Option<Value> {
    match content {
        Content::Text { text, actions } => template::choices(text, actions),
        Content::Image { text, actions, .. } => {
            let choices = template::choices(text.as_deref()?, actions)?;
            let has_picture_above = matches!(choices["type"].as_str(), Some("button" | "cta_url"));
            (has_picture_above && file_of(content)?.kind == FileKind::Image).then_some(choices)
        }
        Content::List { items, actions } if actions.is_empty() => template::list(items),
        _ => None,
    }
}

fn texts(text: &str) -> Vec<Content> {
    let pieces = text::split(text, TEXT_LIMIT, Unit::Utf16).into_iter();
    pieces.filter(|piece| !piece.trim().is_empty()).map(Content::text).collect()
}

/// A file with as much of its caption as one message holds, and the rest as texts. WhatsApp has no place for an
/// alternative text.
fn with_caption(content: &Content, caption: &str) -> Vec<Content> {
    let takes_caption = file_of(content).is_some_and(|file| file.kind != FileKind::Audio);
    let first =
        if takes_caption { text::split(caption, CAPTION_LIMIT, Unit::Utf16).first().copied() } else { None };
    let mut file = content.clone();
    if let Content::Image { text, alt_text, actions, .. } = &mut file {
        (*text, *alt_text) = (first.map(str::to_owned), None);
        actions.clear();
    }
    if let Content::File { text, alt_text, .. } = &mut file {
        (*text, *alt_text) = (first.map(str::to_owned), None);
    }
    let rest = &caption[first.map_or(0, str::len)..];
    std::iter::once(file).chain(texts(rest)).collect()
}

/// An item of a carousel as a message of its own.
fn alone(item: &Item) -> Content {
    let text = [Some(item.title.as_str()), item.description.as_deref()];
    let text = text.into_iter().flatten().collect::<Vec<_>>().join("\n");
    let actions = item.actions.clone();
    match &item.media_url {
        Some(media_url) => Content::Image {
            media_url: media_url.clone(),
            media_type: item.media_type.clone(),
            text: Some(text),
            alt_text: None,
            actions,
        },
        None => Content::Text { text, actions },
    }
}

/// What WhatsApp calls a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Image,
    Video,
    Audio,
    Document,
}

impl FileKind {
    fn of(media_type: Option<&str>) -> FileKind {
        match media_type.unwrap_or_default() {
            "image/jpeg" | "image/png" => FileKind::Image,
            "video/mp4" | "video/3gpp" => FileKind::Video,
            "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg" => FileKind::Audio,
            _ => FileKind::Document,
        }
    }

    fn word(self) -> &'static str {
        match self {
            FileKind::Image => "image",
            FileKind::Video => "video",
            FileKind::Audio => "audio",
            FileKind::Document => "document",
        }
    }

    /// How many bytes WhatsApp takes.
    fn limit(self) -> usize {
        match self {
            FileKind::Image => 5 << 20,
            FileKind::Video | FileKind::Audio => 16 << 20,
            FileKind::Document => 100 << 20,
        }
    }
}

/// A type by the ending of a name, for the kinds that WhatsApp tells apart.
fn type_by_ending(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "mp4" => "video/mp4",
        "3gp" => "video/3gpp",
        "aac" => "audio/aac",
        "amr" => "audio/amr",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "ogg" | "opus" => "audio/ogg",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        _ => return None,
    })
}

/// `audio/ogg; codecs=opus` is `audio/ogg`.
fn bare_type(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The file of a piece.
#[derive(Debug)]
pub(super) struct File<'a> {
    pub(super) url: &'a str,
    kind: FileKind,
    media_type: Option<String>,
    name: Option<String>,
    caption: Option<&'a str>,
}

/// The file of a piece, if it has one.
pub(super) fn file_of(content: &Content) -> Option<File<'_>> {
    let (url, media_type, caption) = match content {
        Content::Image { media_url, media_type, text, .. }
        | Content::File { media_url, media_type, text, .. } => (media_url, media_type, text.as_deref()),
        _ => return None,
    };
    let parsed = Url::parse(url).ok();
    let last = parsed.as_ref().and_then(|url| url.path_segments()?.next_back().map(str::to_owned));
    let name = last.map(|name| decoded(&name)).filter(|name| name.contains('.'));
    let media_type = media_type.as_deref().map(bare_type);
    let media_type =
        media_type.or_else(|| type_by_ending(name.as_deref().unwrap_or_default()).map(str::to_owned));
    let kind = match (content, &media_type) {
        // A picture of unknown type is most likely one that WhatsApp shows; others can be sent as documents.
        (Content::Image { .. }, None) => FileKind::Image,
        _ => FileKind::of(media_type.as_deref()),
    };
    Some(File { url, kind, media_type, name, caption })
}

/// A segment of a URL's path, read as the text it stands for.
fn decoded(segment: &str) -> String {
    let query = format!("n={}", segment.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(query.as_bytes())
        .next()
        .map(|(_, name)| name.into_owned())
        .unwrap_or_default()
}

impl File<'_> {
    /// Whether Meta could not get it by itself: it takes public HTTPS addresses alone, and ours may be known to
    /// nobody outside.
    pub(super) fn must_be_uploaded(&self, hook_url: &Url) -> bool {
        Url::parse(self.url).is_ok_and(|url| url.scheme() == "http" || url.origin() == hook_url.origin())
    }
}

/// How a message names its file.
#[derive(Debug)]
pub(super) enum FileRef {
    Link(String),
    Id(String),
}

impl FileRef {
    fn object(self) -> Value {
        match self {
            FileRef::Link(url) => json!({ "link": url }),
            FileRef::Id(id) => json!({ "id": id }),
        }
    }
}

/// A file on its way to Meta.
#[derive(Debug)]
pub(super) struct Upload {
    bytes: Bytes,
    media_type: String,
    name: String,
}

impl Upload {
    /// The file that was downloaded, if WhatsApp takes it as what it is to be.
    pub(super) fn of(file: &File<'_>, answer: &Response) -> Result<Upload, ChannelError> {
        let status = answer.status();
        if !status.is_success() {
            let fate = if status.is_server_error() {
                Fate::Transient { maybe_sent: false }
            } else {
                Fate::Permanent
            };
            let detail = format!("the file's address answered {status}");
            return Err(ChannelError { fate, ..ChannelError::permanent(Code::BadRequest, detail) });
        }
        let said =
            answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(bare_type);
        let media_type =
            file.media_type.clone().or(said).unwrap_or_else(|| "application/octet-stream".into());
        let (kind, size) = (file.kind, answer.body().len());
        if kind != FileKind::Document && FileKind::of(Some(&media_type)) != kind {
            let detail = format!("WhatsApp takes no {} of type {media_type}", kind.word());
            return Err(ChannelError::permanent(Code::BadRequest, detail));
        }
        if size == 0 {
            return Err(ChannelError::permanent(Code::BadRequest, "the file is empty"));
        }
        if size > kind.limit() {
            let detail = format!("the {} has {size} bytes, WhatsApp takes {}", kind.word(), kind.limit());
            return Err(ChannelError::permanent(Code::PayloadTooLarge, detail));
        }
        let name = file.name.clone().unwrap_or_else(|| "file".into());
        Ok(Upload { bytes: answer.body().clone(), media_type, name })
    }

    /// The form in which files are put at Meta, and the boundary between its fields, which the file does not hold.
    fn form(&self) -> (String, Bytes) {
        let boundary = format!("heliograph-{}", hex::encode(&signature::sha256(&self.bytes)[..16]));
        let plain = |c: char| !c.is_control() && !matches!(c, '"' | '\\');
        let name: String = self.name.chars().filter(|c| plain(*c)).collect();
        let media_type: String = self.media_type.chars().filter(|c| plain(*c)).collect();
        let mut form = BytesMut::new();
        for (field, value) in [("messaging_product", "whatsapp"), ("type", &media_type)] {
            let part = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"
            );
            form.put(part.as_bytes());
        }
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: {media_type}\r\n\r\n"
        );
        form.put(head.as_bytes());
        form.put(&self.bytes[..]);
        form.put(format!("\r\n--{boundary}--\r\n").as_bytes());
        (boundary, form.freeze())
    }
}

/// Puts a file at Meta.
pub(super) fn upload_request(
    graph: &Graph,
    number_id: &str,
    upload: &Upload,
) -> Result<Request, ChannelError> {
    let (boundary, form) = upload.form();
    let mut request = graph.request(Method::POST, &format!("/{number_id}/media"), None)?;
    let kind = format!("multipart/form-data; boundary={boundary}");
    let kind = kind.parse().map_err(|_| ChannelError::permanent(Code::BadRequest, "no such content type"))?;
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    *request.body_mut() = form;
    Ok(request)
}

/// The id under which Meta has the file now.
pub(super) fn uploaded(answer: &Response) -> Result<String, ChannelError> {
    #[derive(Deserialize)]
    struct Held {
        id: String,
    }
    read::<Held>(answer).map(|held| held.id)
}

/// Gets a file from where the caller says it is.
pub(super) fn ask_for_file(url: &str) -> Result<Request, ChannelError> {
    // Some hosts, Meta's among them, refuse a caller without a name.
    let request = http::Request::get(url).header(header::USER_AGENT, "heliograph").body(Bytes::new());
    request.map_err(|error| ChannelError::permanent(Code::BadRequest, format!("the file's address: {error}")))
}

/// Gets a file from where Meta says it is. The token is for Meta alone, whatever the answer names.
pub(super) fn ask_for_held(graph: &Graph, url: &str) -> Result<Request, ChannelError> {
    let mut request = ask_for_file(url)?;
    if graph.is_own(url)
        && let Ok(value) = graph.authorization().parse()
    {
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    Ok(request)
}

/// Where a held file is, and its type.
pub(super) fn held_file(answer: &Response) -> Result<(String, Option<String>), ChannelError> {
    #[derive(Deserialize)]
    struct Held {
        url: String,
        mime_type: Option<String>,
    }
    read::<Held>(answer).map(|held| (held.url, held.mime_type))
}

/// An answer to a call that sends nothing.
pub(super) fn read<T: for<'de> Deserialize<'de>>(answer: &Response) -> Result<T, ChannelError> {
    if !answer.status().is_success() || error_in(answer).is_some() {
        return Err(error::nothing_sent(error::refused(answer)));
    }
    serde_json::from_slice(answer.body())
        .map_err(|_| error::nothing_sent(error::unreadable(answer, "what was asked for")))
}

/// Meta's `{"success": true}`.
pub(super) fn done(answer: &Response) -> Result<(), ChannelError> {
    let is_done = read::<Value>(answer)?["success"] == true;
    if is_done { Ok(()) } else { Err(error::nothing_sent(error::unreadable(answer, "success"))) }
}

/// What a piece is in WhatsApp's words.
pub(super) fn payload(content: &Content, file: Option<FileRef>) -> Result<Map<String, Value>, ChannelError> {
    let (kind, object) = match (choices(content), content, file_of(content).zip(file)) {
        (Some(mut choices), _, Some((_, place))) => {
            choices["header"] = json!({"type": "image", "image": place.object()});
            ("interactive", choices)
        }
        (Some(choices), _, None) => ("interactive", choices),
        (None, _, Some((file, place))) => {
            let mut object = place.object();
            if let Some(caption) = file.caption.filter(|_| file.kind != FileKind::Audio) {
                object["caption"] = caption.into();
            }
            if let (FileKind::Document, Some(name)) = (file.kind, file.name) {
                object["filename"] = name.into();
            }
            (file.kind.word(), object)
        }
        (None, Content::Text { text, .. }, None) => ("text", text_object(text)),
        (None, Content::Location { lat, long, place }, None) => {
            let mut object = json!({"latitude": lat, "longitude": long});
            let (name, address) =
                place.as_ref().map_or((None, None), |place| (place.name.as_ref(), place.address.as_ref()));
            for (key, value) in [("name", name), ("address", address)] {
                if let Some(value) = value {
                    object[key] = value.as_str().into();
                }
            }
            ("location", object)
        }
        (None, other, None) => return Err(ChannelError::unsupported(other.kind())),
    };
    let members = [("type".to_owned(), kind.into()), (kind.to_owned(), object)];
    Ok(members.into_iter().collect())
}

fn text_object(text: &str) -> Value {
    let has_link = text.contains("http://") || text.contains("https://");
    if has_link { json!({"body": text, "preview_url": true}) } else { json!({ "body": text }) }
}

/// The whole of a send. A number always keeps its plus: without it Meta puts the business's own country code before
/// it, and a stranger gets the message.
pub(super) fn envelope(mut payload: Map<String, Value>, message: &OutboundMessage) -> Value {
    let address = &message.destination.address;
    let recipient = if is_scoped_id(address) { "recipient" } else { "to" };
    for (key, value) in [
        ("messaging_product", "whatsapp"),
        ("recipient_type", "individual"),
        (recipient, address),
        ("biz_opaque_callback_data", &message.reference),
    ] {
        payload.insert(key.into(), value.into());
    }
    Value::Object(payload)
}

/// What the answer to a send says.
pub(super) fn accepted(answer: &Response, address: &str) -> Result<Accepted, ChannelError> {
    // Meta can report a refusal inside its 200.
    if !answer.status().is_success() || error_in(answer).is_some() {
        return Err(error::refused(answer));
    }
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let Some(id) = body.pointer("/messages/0/id").and_then(Value::as_str) else {
        return Err(error::unreadable(answer, "a message's id"));
    };
    let known =
        ["/contacts/0/wa_id", "/contacts/0/user_id"].into_iter().filter_map(|at| body.pointer(at)?.as_str());
    let mut aliases: Vec<String> = known.filter_map(address_of).filter(|alias| alias != address).collect();
    aliases.dedup();
    Ok(Accepted { aliases, ..Accepted::under(id) })
}

/// What the API shows about an integration once its number answered.
pub(super) fn facts(answer: &Response, verify_token: &str) -> Result<Connected, ChannelError> {
    #[derive(Deserialize)]
    struct Number {
        display_phone_number: String,
        verified_name: Option<String>,
    }
    let number: Number = read(answer)?;
    let digits: String = number.display_phone_number.chars().filter(char::is_ascii_digit).collect();
    let mut facts = Map::new();
    facts.insert("phoneNumber".into(), format!("+{digits}").into());
    facts.extend(number.verified_name.map(|name| ("name".into(), name.into())));
    facts.insert("verifyToken".into(), verify_token.into());
    Ok(Connected { facts })
}
