//! Checks the gateway's sends as strictly as Meta, and here and there more. Pure.

use std::sync::Arc;

use axum::http::HeaderMap;
use serde_json::{Map, Value};
use url::Url;

use crate::sim::{
    Account,
    meta::{self, Refusal},
    outbox::Draft,
};

/// A text must be shorter; UTF-16 units are the strictest reading of Meta's characters.
const TEXT_LIMIT: usize = 2000;
const METADATA_LIMIT: usize = 1000;
const BUTTON_TEXT_LIMIT: usize = 640;
const PAYLOAD_LIMIT: usize = 1000;
const TITLE_LIMIT: usize = 20;
const ELEMENT_TEXT_LIMIT: usize = 80;
const BUTTONS: usize = 3;
const ELEMENTS: usize = 10;
const QUICK_REPLIES: usize = 13;

/// Whether this can be a person's or page's id.
pub(super) fn is_id(id: &str) -> bool {
    (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is shown to whom without a message: a sender action. `None` when the call is none.
pub(super) fn action(headers: &HeaderMap, body: &[u8]) -> Checked<Option<(String, String)>> {
    let request = meta::object(headers, body)?;
    if !request.contains_key("sender_action") || request.contains_key("message") {
        return Ok(None);
    }
    only(&request, "request", &["recipient", "sender_action"])?;
    one_of(&request, "sender_action", &["typing_on", "typing_off", "mark_seen"])?;
    Ok(Some((text(&request, "sender_action", usize::MAX)?.to_owned(), recipient(&request)?)))
}

/// What a send asks for.
#[derive(Debug)]
pub(super) struct Order {
    to: String,
    text: String,
    media: Vec<String>,
    reference: Option<String>,
    request: Value,
}

type Checked<T = ()> = Result<T, Refusal>;
type Object = Map<String, Value>;

/// Reads a send and checks everything in it.
pub(super) fn order(headers: &HeaderMap, body: &[u8]) -> Checked<Order> {
    let request = meta::object(headers, body)?;
    let known =
        ["recipient", "messaging_type", "tag", "notification_type", "persona_id", "reply_to", "message"];
    only(&request, "request", &known)?;
    let to = recipient(&request)?;
    check_standing(&request)?;
    let message = object(&request, "message")?;
    let (text, media) = check_message(message)?;
    let reference = optional(message, "metadata", METADATA_LIMIT - 1)?.map(str::to_owned);
    Ok(Order { to, text, media, reference, request: Value::Object(request) })
}

impl Order {
    /// The message, sent from a page.
    pub(super) fn draft(self, account: &Arc<Account>, page_id: &str, provider_id: String) -> Draft {
        Draft {
            account: Arc::clone(account),
            provider_id,
            to: self.to,
            from: page_id.to_owned(),
            text: self.text,
            media: self.media,
            request: self.request,
            reference: self.reference,
            callback: None,
            pool: None,
            status: "sent",
        }
    }
}

fn wrong(name: &str) -> Refusal {
    Refusal::parameter(&format!("Invalid parameter: {name}"))
}

/// Meta refuses names it does not know.
fn only(object: &Object, param: &str, known: &[&str]) -> Checked {
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            let message = format!("Invalid keys \"{name}\" were found in param \"{param}\".");
            Err(Refusal::parameter(&message))
        }
        None => Ok(()),
    }
}

fn object<'a>(of: &'a Object, name: &str) -> Checked<&'a Object> {
    of.get(name).and_then(Value::as_object).ok_or_else(|| wrong(name))
}

/// A text that is there and not empty.
fn text<'a>(of: &'a Object, name: &str, limit: usize) -> Checked<&'a str> {
    optional(of, name, limit)?.ok_or_else(|| wrong(name))
}

fn optional<'a>(of: &'a Object, name: &str, limit: usize) -> Checked<Option<&'a str>> {
    let Some(given) = of.get(name) else { return Ok(None) };
    let text = given.as_str().filter(|text| !text.trim().is_empty()).ok_or_else(|| wrong(name))?;
    if text.encode_utf16().count() > limit {
        let message = format!("Length of param {name} must be less than or equal to {limit}");
        return Err(Refusal::parameter(&message));
    }
    Ok(Some(text))
}

fn one_of(of: &Object, name: &str, words: &[&str]) -> Checked {
    match of.get(name) {
        Some(given) if !given.as_str().is_some_and(|word| words.contains(&word)) => Err(wrong(name)),
        _ => Ok(()),
    }
}

fn web<'a>(of: &'a Object, name: &str) -> Checked<&'a str> {
    let given = text(of, name, usize::MAX)?;
    let is_web = |url: Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    if Url::parse(given).is_ok_and(is_web) { Ok(given) } else { Err(wrong(name)) }
}

/// So many objects.
fn list<'a>(of: &'a Object, name: &str, most: usize) -> Checked<Vec<&'a Object>> {
    let given = of.get(name).and_then(Value::as_array).ok_or_else(|| wrong(name))?;
    if !(1..=most).contains(&given.len()) {
        return Err(Refusal::parameter(&format!("param {name} must have 1 to {most} elements")));
    }
    given.iter().map(|item| item.as_object().ok_or_else(|| wrong(name))).collect()
}

fn recipient(request: &Object) -> Checked<String> {
    let recipient = object(request, "recipient")?;
    only(recipient, "recipient", &["id"])?;
    match text(recipient, "id", usize::MAX)? {
        id if is_id(id) => Ok(id.to_owned()),
        _ => Err(Refusal::new(100, "No matching user found").with_subcode(2_018_001)),
    }
}

/// What allows the message. Meta takes a send without `messaging_type`; here that is a mistake.
fn check_standing(request: &Object) -> Checked {
    one_of(request, "notification_type", &["REGULAR", "SILENT_PUSH", "NO_PUSH"])?;
    let messaging_type = text(request, "messaging_type", usize::MAX)?;
    match (messaging_type, request.contains_key("tag")) {
        ("RESPONSE" | "UPDATE" | "UTILITY", false) => {}
        // All other tags have been retired.
        ("MESSAGE_TAG", true) => one_of(request, "tag", &["HUMAN_AGENT", "CUSTOMER_FEEDBACK"])?,
        ("MESSAGE_TAG", false) | (_, true) => return Err(wrong("tag")),
        _ => return Err(wrong("messaging_type")),
    }
    if let Some(reply_to) = request.get("reply_to") {
        text(reply_to.as_object().ok_or_else(|| wrong("reply_to"))?, "mid", usize::MAX)?;
    }
    optional(request, "persona_id", usize::MAX).map(|_| ())
}

/// The text and the files that a message shows.
fn check_message(message: &Object) -> Checked<(String, Vec<String>)> {
    only(message, "message", &["text", "attachment", "quick_replies", "metadata"])?;
    if message.contains_key("quick_replies") {
        list(message, "quick_replies", QUICK_REPLIES)?.into_iter().try_for_each(check_quick_reply)?;
    }
    match (message.contains_key("text"), message.contains_key("attachment")) {
        (true, false) => Ok((text(message, "text", TEXT_LIMIT - 1)?.to_owned(), Vec::new())),
        (false, true) => check_attachment(object(message, "attachment")?),
        (true, true) => Err(Refusal::parameter("message cannot contain both text and attachment")),
        (false, false) => Err(Refusal::parameter("message must contain one of text or attachment")),
    }
}

fn check_quick_reply(reply: &Object) -> Checked {
    only(reply, "quick_replies", &["content_type", "title", "payload", "image_url"])?;
    match text(reply, "content_type", usize::MAX)? {
        "text" => {
            text(reply, "title", TITLE_LIMIT)?;
            text(reply, "payload", PAYLOAD_LIMIT)?;
        }
        "user_email" | "user_phone_number" => only(reply, "quick_replies", &["content_type", "payload"])?,
        _ => return Err(wrong("content_type")),
    }
    if reply.contains_key("image_url") { web(reply, "image_url").map(|_| ()) } else { Ok(()) }
}

fn check_attachment(attachment: &Object) -> Checked<(String, Vec<String>)> {
    only(attachment, "attachment", &["type", "payload"])?;
    let payload = object(attachment, "payload")?;
    match text(attachment, "type", usize::MAX)? {
        "image" | "audio" | "video" | "file" => {
            only(payload, "payload", &["url", "attachment_id", "is_reusable"])?;
            match (payload.contains_key("url"), payload.contains_key("attachment_id")) {
                (true, false) => Ok((String::new(), vec![web(payload, "url")?.to_owned()])),
                (false, true) => text(payload, "attachment_id", usize::MAX).map(|_| Default::default()),
                _ => Err(wrong("payload")),
            }
        }
        "template" => check_template(payload).map(|text| (text, Vec::new())),
        _ => Err(wrong("type")),
    }
}

/// A template, and the text that it shows.
fn check_template(payload: &Object) -> Checked<String> {
    match text(payload, "template_type", usize::MAX)? {
        "button" => {
            only(payload, "payload", &["template_type", "text", "buttons"])?;
            check_buttons(payload)?;
            text(payload, "text", BUTTON_TEXT_LIMIT).map(str::to_owned)
        }
        "generic" => {
            only(payload, "payload", &["template_type", "elements", "image_aspect_ratio"])?;
            one_of(payload, "image_aspect_ratio", &["horizontal", "square"])?;
            let elements = list(payload, "elements", ELEMENTS)?;
            Ok(elements.into_iter().map(check_element).collect::<Checked<Vec<&str>>>()?.join("\n"))
        }
        _ => Err(wrong("template_type")),
    }
}

/// One element of a generic template, and its title.
fn check_element(element: &Object) -> Checked<&str> {
    only(element, "elements", &["title", "subtitle", "image_url", "default_action", "buttons"])?;
    let title = text(element, "title", ELEMENT_TEXT_LIMIT)?;
    optional(element, "subtitle", ELEMENT_TEXT_LIMIT)?;
    if element.len() < 2 {
        return Err(Refusal::parameter("At least one property must be set in addition to title"));
    }
    if element.contains_key("image_url") {
        web(element, "image_url")?;
    }
    if element.contains_key("default_action") {
        let action = object(element, "default_action")?;
        only(action, "default_action", &["type", "url", "webview_height_ratio"])?;
        one_of(action, "type", &["web_url"])?;
        web(action, "url")?;
    }
    if element.contains_key("buttons") {
        check_buttons(element)?;
    }
    Ok(title)
}

fn check_buttons(of: &Object) -> Checked {
    for button in list(of, "buttons", BUTTONS)? {
        text(button, "title", TITLE_LIMIT)?;
        match text(button, "type", usize::MAX)? {
            "web_url" => {
                only(button, "buttons", &["type", "title", "url", "webview_height_ratio"])?;
                one_of(button, "webview_height_ratio", &["compact", "tall", "full"])?;
                web(button, "url")?;
            }
            "postback" => {
                only(button, "buttons", &["type", "title", "payload"])?;
                text(button, "payload", PAYLOAD_LIMIT)?;
            }
            "phone_number" => {
                only(button, "buttons", &["type", "title", "payload"])?;
                let number = text(button, "payload", PAYLOAD_LIMIT)?;
                if !number.starts_with('+') {
                    return Err(wrong("payload"));
                }
            }
            _ => return Err(wrong("type")),
        }
    }
    Ok(())
}
