//! To Messenger: messages cut into pieces, pieces written as requests, answers read. Pure.
//!
//! <https://developers.facebook.com/docs/messenger-platform/reference/send-api>.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::button::{button, buttons, quick_reply, web};
use super::{Messenger, error};
use crate::channel::text::{self, Unit};
use crate::channel::{
    Accepted, Action, AspectRatio, Body, ChannelError, Code, Connected, Content, Destination, Fate, Item,
    Occasion, OutboundMessage, Person, Request, Response,
};
use crate::meta::error_in;

/// Meta says "2000 characters" and "less than 2000"; UTF-16 code units are the strictest reading of both.
const TEXT_LIMIT: usize = 1999;
const BUTTON_TEXT_LIMIT: usize = 640;
const ELEMENT_TEXT_LIMIT: usize = 80;
const MOST_QUICK_REPLIES: usize = 13;
const MOST_BUTTONS: usize = 3;
const MOST_ELEMENTS: usize = 10;

/// How long a person's message may be answered, and how long a human may still answer it, in milliseconds.
const WINDOW: i64 = 24 * 3_600_000;
const HUMAN_WINDOW: i64 = 7 * WINDOW;

/// What a native payload may say besides its message; recipient and metadata are ours.
const NATIVE_FIELDS: &[&str] = &["messaging_type", "tag", "notification_type", "persona_id", "reply_to"];

/// The messages Messenger is asked to send for one of ours.
pub(super) fn parts(body: &Body) -> Result<Vec<Body>, ChannelError> {
    let content = match body {
        Body::Content(content) => content,
        Body::Native { schema, message } => {
            native(schema, message)?;
            return Ok(vec![body.clone()]);
        }
    };
    let parts = match content {
        Content::Text { text, actions } => texts(text, actions),
        Content::Image { text, actions, .. } => captioned(content, text.as_deref(), actions),
        Content::File { text, .. } => captioned(content, text.as_deref(), &[]),
        Content::Carousel { items, .. } if elements(items).is_some() => vec![content.clone()],
        _ => texts(&text::fallback(content)?, &[]),
    };
    if parts.is_empty() {
        return Err(ChannelError::permanent(Code::BadRequest, "a message needs a text or a file"));
    }
    Ok(parts.into_iter().map(Body::Content).collect())
}

/// A file has no caption here: its text follows, with the buttons.
fn captioned(file: &Content, caption: Option<&str>, actions: &[Action]) -> Vec<Content> {
    let mut file = file.clone();
    if let Content::Image { text, alt_text, .. } | Content::File { text, alt_text, .. } = &mut file {
        (*text, *alt_text) = (None, None);
    }
    if let Content::Image { actions, .. } = &mut file {
        actions.clear();
    }
    std::iter::once(file).chain(texts(caption.unwrap_or_default(), actions)).collect()
}

/// A text in pieces, the last of which carries the buttons and quick replies.
fn texts(text: &str, actions: &[Action]) -> Vec<Content> {
    let (carried, rest) = carried(actions);
    let mut text = text::with_actions(text, &rest);
    if text.trim().is_empty() {
        // Buttons cannot stand without a text.
        text = text::with_actions("", &carried);
    }
    let mut pieces = text::split(&text, TEXT_LIMIT, Unit::Utf16);
    if !buttons(&carried).is_empty()
        && let Some(last) = pieces.pop()
    {
        pieces.extend(text::split(last, BUTTON_TEXT_LIMIT, Unit::Utf16));
    }
    // Meta refuses a text of nothing but spaces.
    let mut texts: Vec<Content> =
        pieces.into_iter().filter(|piece| !piece.trim().is_empty()).map(Content::text).collect();
    if let Some(Content::Text { actions, .. }) = texts.last_mut() {
        *actions = carried;
    }
    texts
}

/// Which actions Messenger carries, and which become lines of text: all of a kind or none, so that no choice
/// hides among the words.
fn carried(actions: &[Action]) -> (Vec<Action>, Vec<Action>) {
    let fit = |kind: fn(&Action) -> bool, form: fn(&Action) -> Option<Value>, most: usize| {
        let of_kind: Vec<&Action> = actions.iter().filter(|action| kind(action)).collect();
        of_kind.len() <= most && of_kind.iter().all(|action| form(action).is_some())
    };
    let replies_fit = fit(is_reply, quick_reply, MOST_QUICK_REPLIES);
    let buttons_fit = fit(is_button, button, MOST_BUTTONS);
    actions
        .iter()
        .cloned()
        .partition(|action| (is_reply(action) && replies_fit) || (is_button(action) && buttons_fit))
}

fn is_reply(action: &Action) -> bool {
    matches!(action, Action::Reply { .. })
}

fn is_button(action: &Action) -> bool {
    matches!(action, Action::Link { .. } | Action::Webview { .. } | Action::Postback { .. })
}

/// The elements of a generic template; `None` when they do not fit in one.
fn elements(items: &[Item]) -> Option<Vec<Value>> {
    let fits = (1..=MOST_ELEMENTS).contains(&items.len());
    if fits { items.iter().map(element).collect() } else { None }
}

fn element(item: &Item) -> Option<Value> {
    let mut element = Map::new();
    let mut put = |name: &str, value: Value| element.insert(name.into(), value);
    put("title", cut(&item.title)?.into());
    if let Some(subtitle) = item.description.as_deref().and_then(cut) {
        put("subtitle", subtitle.into());
    }
    if let Some(picture) = item.media_url.as_deref().and_then(web) {
        put("image_url", picture.into());
    }
    let pressed: Vec<&Action> = item.actions.iter().filter(|action| is_button(action)).collect();
    let buttons = pressed.iter().map(|action| button(action)).collect::<Option<Vec<_>>>()?;
    if buttons.len() > MOST_BUTTONS {
        return None;
    }
    if !buttons.is_empty() {
        put("buttons", buttons.into());
    }
    let default = pressed.iter().find_map(|action| match action {
        Action::Link { uri, default: true, .. } => web(uri),
        _ => None,
    });
    if let Some(uri) = default {
        put("default_action", json!({"type": "web_url", "url": uri}));
    }
    // Meta refuses an element that is nothing but a title.
    (element.len() > 1).then_some(Value::Object(element))
}

/// As much of a title or subtitle as an element shows; `None` when there is none.
fn cut(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return None;
    }
    if Unit::Utf16.measure(text) <= ELEMENT_TEXT_LIMIT {
        return Some(text.to_owned());
    }
    let first = |text, limit| text::split(text, limit, Unit::Utf16).first().map_or(0, |piece| piece.len());
    let mut end = first(text, ELEMENT_TEXT_LIMIT - 1);
    let left = ELEMENT_TEXT_LIMIT - 1 - Unit::Utf16.measure(&text[..end]);
    if left > ELEMENT_TEXT_LIMIT / 2 {
        // The next word alone would fill the rest: better half of it than none.
        end += first(&text[end..], left);
    }
    Some(format!("{}…", text[..end].trim_end()))
}

/// Sends one piece.
pub(super) fn send_message(
    messenger: &Messenger,
    message: &OutboundMessage,
) -> Result<Request, ChannelError> {
    let mut request = match &message.body {
        Body::Content(content) => Map::from_iter([("message".to_owned(), piece(content)?)]),
        Body::Native { schema, message } => native(schema, message)?,
    };
    if !request.contains_key("messaging_type") {
        let given_tag = request.contains_key("tag");
        let (messaging_type, tag) = if given_tag { ("MESSAGE_TAG", None) } else { standing(message) };
        request.insert("messaging_type".into(), messaging_type.into());
        request.extend(tag.map(|tag| ("tag".to_owned(), Value::from(tag))));
    }
    request.insert("recipient".into(), json!({"id": message.destination.address}));
    // Comes back in the echo, which finds the delivery even when the answer to this call is never seen.
    request["message"]["metadata"] = message.reference.as_str().into();
    let path = format!("/{}/messages", messenger.page_id.as_deref().unwrap_or("me"));
    messenger.graph.request(Method::POST, &path, Some(&Value::Object(request)))
}

/// What allows the message. After a day without a word of the person only a human may still answer, and Meta
/// asks to be told so; after a week nobody may, and the refusal is left to Meta.
fn standing(message: &OutboundMessage) -> (&'static str, Option<&'static str>) {
    if message.occasion == Occasion::Notification {
        return ("UPDATE", None);
    }
    let silence =
        message.earlier.as_ref().map_or(0, |earlier| message.accepted_at.saturating_sub(earlier.at));
    if silence > WINDOW && silence <= HUMAN_WINDOW {
        return ("MESSAGE_TAG", Some("HUMAN_AGENT"));
    }
    ("RESPONSE", None)
}

/// A piece as Messenger's message object.
fn piece(content: &Content) -> Result<Value, ChannelError> {
    Ok(match content {
        Content::Text { text, actions } => {
            let mut message = match buttons(actions) {
                buttons if buttons.is_empty() => json!({"text": text}),
                buttons => template(json!({"template_type": "button", "text": text, "buttons": buttons})),
            };
            let replies: Vec<Value> = actions.iter().filter_map(quick_reply).collect();
            if !replies.is_empty() {
                message["quick_replies"] = replies.into();
            }
            message
        }
        Content::Image { media_url, .. } => attachment("image", media_url),
        Content::File { media_url, media_type, .. } => {
            attachment(attachment_type(media_type.as_deref()), media_url)
        }
        Content::Carousel { items, aspect } => {
            let elements = elements(items).ok_or_else(|| ChannelError::unsupported(content.kind()))?;
            let mut generic = json!({"template_type": "generic", "elements": elements});
            if *aspect == AspectRatio::Square {
                generic["image_aspect_ratio"] = "square".into();
            }
            template(generic)
        }
        other => return Err(ChannelError::unsupported(other.kind())),
    })
}

fn template(payload: Value) -> Value {
    json!({"attachment": {"type": "template", "payload": payload}})
}

fn attachment(kind: &str, url: &str) -> Value {
    json!({"attachment": {"type": kind, "payload": {"url": url}}})
}

fn attachment_type(media_type: Option<&str>) -> &'static str {
    match media_type.unwrap_or_default().split('/').next() {
        Some("image") => "image",
        Some("audio") => "audio",
        Some("video") => "video",
        _ => "file",
    }
}

/// A caller's own payload, without what is not theirs to say.
fn native(schema: &str, payload: &Value) -> Result<Map<String, Value>, ChannelError> {
    if schema != "messenger" {
        return Err(ChannelError::unsupported(schema));
    }
    let refused = |why: String| Err(ChannelError::permanent(Code::BadRequest, why));
    if !payload["message"].is_object() {
        return refused("a messenger payload needs an object `message`".into());
    }
    let mut request = payload.as_object().cloned().unwrap_or_default();
    request.remove("recipient");
    let foreign = request.keys().find(|name| *name != "message" && !NATIVE_FIELDS.contains(&name.as_str()));
    if let Some(name) = foreign {
        return refused(format!("`{name}` cannot be part of a messenger payload"));
    }
    Ok(request)
}

/// What the answer to a send says.
pub(super) fn accepted(answer: &Response) -> Result<Accepted, ChannelError> {
    let body = success(answer)?;
    let mid = body["message_id"].as_str().filter(|mid| !mid.is_empty());
    mid.map(Accepted::under).ok_or_else(|| error::unreadable(answer))
}

/// The object in an answer, unless it holds an error: Meta has been seen to answer 200 with one.
pub(super) fn success(answer: &Response) -> Result<Value, ChannelError> {
    if !answer.status().is_success() || error_in(answer).is_some() {
        return Err(error::refused(answer));
    }
    let body = serde_json::from_slice(answer.body()).ok().filter(Value::is_object);
    body.ok_or_else(|| error::unreadable(answer))
}

/// Asks for the page behind the token, to see whether the token opens it.
pub(super) fn ask_for_page(messenger: &Messenger) -> Result<Request, ChannelError> {
    messenger.graph.request(Method::GET, "/me?fields=id,name", None)
}

/// What the API shows about an integration once its page answered.
pub(super) fn page_facts(messenger: &Messenger, answer: &Response) -> Result<Connected, ChannelError> {
    let mut page = success(answer)?;
    let id = page["id"].as_str().ok_or_else(|| error::unreadable(answer))?;
    if messenger.page_id.as_deref().is_some_and(|expected| expected != id) {
        let detail = format!("the page access token is for page {id}");
        return Err(ChannelError::permanent(Code::Unauthorized, detail));
    }
    let mut facts = Map::from_iter([("pageId".to_owned(), Value::from(id))]);
    if page["name"].is_string() {
        facts.insert("name".into(), page["name"].take());
    }
    facts.insert("verifyToken".into(), messenger.graph.verify_token().into());
    Ok(Connected { facts })
}

/// Asks for what a person shows of themselves.
pub(super) fn ask_for_profile(messenger: &Messenger, whom: &Destination) -> Result<Request, ChannelError> {
    let path = format!("/{}?fields=first_name,last_name,profile_pic", whom.address);
    messenger.graph.request(Method::GET, &path, None)
}

/// Who somebody is; `None` where they or Meta do not say.
pub(super) fn profile(whom: &Destination, answer: &Response) -> Result<Option<Person>, ChannelError> {
    if error::is_about_profile(answer) {
        return Ok(None);
    }
    let raw = success(answer)?;
    let names: Vec<&str> = ["first_name", "last_name"]
        .iter()
        .filter_map(|name| raw[*name].as_str().map(str::trim).filter(|name| !name.is_empty()))
        .collect();
    let display_name = (!names.is_empty()).then(|| names.join(" "));
    Ok(Some(Person { display_name, raw, ..Person::at(&whom.address) }))
}

/// Asks for a file by the signed address in its hook, which opens without the token.
pub(super) fn ask_for_file(address: &str) -> Result<Request, ChannelError> {
    let bad = |error| ChannelError::permanent(Code::BadRequest, format!("the file's address: {error}"));
    http::Request::get(address).body(Bytes::new()).map_err(bad)
}

/// An answer that holds no file.
pub(super) fn no_file(answer: &Response) -> ChannelError {
    let status = answer.status();
    let is_gone = matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE);
    ChannelError {
        fate: if is_gone { Fate::Permanent } else { Fate::Transient { maybe_sent: false } },
        ..ChannelError::permanent(Code::NotFound, format!("the file's address answered {status}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content(value: Value) -> Content {
        serde_json::from_value(value).expect("content")
    }

    #[test]
    fn what_does_not_fit_in_a_button_becomes_a_line() {
        let postback = |label: &str| json!({"_id": "1", "type": "postback", "text": label, "payload": "p"});
        let all = [postback("A"), postback("B"), postback("C"), postback("D")];
        for (actions, text) in [
            (json!(all), "Hi\nA\nB\nC\nD"),
            (json!([postback("A label that is too long")]), "Hi\nA label that is too long"),
            (
                json!([{"_id": "1", "type": "link", "text": "Mail", "uri": "mailto:a@example.com"}]),
                "Hi\nMail: mailto:a@example.com",
            ),
            (json!([{"_id": "1", "type": "buy", "text": "Pay", "amount": 1, "currency": "cad"}]), "Hi\nPay"),
        ] {
            let asked = content(json!({"type": "text", "text": "Hi", "actions": actions}));
            assert_eq!(parts(&Body::Content(asked)), Ok(vec![Body::Content(Content::text(text))]));
        }
    }

    #[test]
    fn an_item_is_cut_between_graphemes() {
        for start in ["", "A hat "] {
            let cut = cut(&format!("{start}{}", "👩‍🚀".repeat(20))).expect("a title");
            let kept = (ELEMENT_TEXT_LIMIT - 1 - start.len()) / 5;
            assert_eq!(cut, format!("{start}{}…", "👩‍🚀".repeat(kept)));
        }
        assert_eq!(cut(&"word ".repeat(20)), Some(format!("{}word…", "word ".repeat(14))));
    }

    proptest! {
        #[test]
        fn no_piece_exceeds_what_messenger_takes(
            text in r"(\PC|[ \n]|👩‍🚀){0,60}", repeated in 0_usize..120, label in r"\PC{0,24}", count in 0_usize..5,
        ) {
            let action = json!({"_id": "1", "type": "postback", "text": label, "payload": "p"});
            let actions = vec![action; count];
            let body = json!({"type": "text", "text": text.repeat(repeated), "actions": actions});
            let Ok(parts) = parts(&Body::Content(content(body))) else { return Ok(()) };
            for part in parts {
                let Body::Content(Content::Text { text, actions }) = part else { panic!("a text") };
                let limit = if actions.is_empty() { TEXT_LIMIT } else { BUTTON_TEXT_LIMIT };
                prop_assert!(!text.trim().is_empty() && Unit::Utf16.measure(&text) <= limit);
                prop_assert!(actions.len() <= MOST_BUTTONS);
            }
        }
    }
}
