//! What a message says, wherever a request carries some.

use std::collections::BTreeSet;

use heliograph_connectors::channel::{Action, Body, Content, Field, FieldKind, Item, SelectOption};
use serde_json::json;

use crate::model::{Role, Timestamp};
use crate::wire::Invalid;
use crate::wire::given::{Given, MISSING};
use crate::wire::v1::{aspect, fresh, location};
use crate::wire::v2::{html, markdown};

use super::actions;

/// Characters of a text, whatever it is written in, and of a payload.
pub(super) const TEXT_MAX: usize = 4096;

/// Characters of a title, a description, a label.
const LABEL_MAX: usize = 128;

/// Items of a carousel or list.
const ITEMS_MAX: usize = 10;

/// Questions of a form.
const FIELDS_MAX: usize = 20;

/// Choices of one question.
const OPTIONS_MAX: usize = 200;

/// Characters that can be asked of an answer.
const ANSWER_MAX: i64 = 256;

/// What a message says, as its `content` and the `schema` beside it have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What is said. A template stands for the whole message, in its channel's own words.
    pub body: Body,
    /// Its text as HTML, as it was given or as the Markdown became it.
    pub html_text: Option<String>,
    /// Whether free text is to be refused until it is answered.
    pub block_chat_input: Option<bool>,
    /// What a quick reply carried.
    pub payload: Option<String>,
}

/// The content of a request, from its `content` and `schema`. What is for the business alone is refused of others.
pub(super) fn said(request: &Given<'_>, role: Role, now: Timestamp) -> Result<Said, Invalid> {
    let schema = request.optional("schema", |schema| schema.word(&["whatsapp"]))?;
    if schema.is_some() && role == Role::User {
        return Err(request.refuse_member("schema", "is for messages of the business"));
    }
    request.required("content", |given| {
        let block_chat_input = given.optional("blockChatInput", Given::flag)?;
        let (body, html_text) = match schema {
            Some(schema) => (template(given, schema)?, None),
            None => {
                let (content, html_text) = content(given, role, now)?;
                (Body::Content(content), html_text)
            }
        };
        let payload = given.optional("payload", |payload| payload.text_within(TEXT_MAX))?;
        Ok(Said { body, html_text, block_chat_input, payload })
    })
}

/// A message in a channel's own words.
fn template(given: &Given<'_>, schema: &str) -> Result<Body, Invalid> {
    given.required("type", |kind| kind.word(&["template"]))?;
    let template = given.required("template", |template| template.object().cloned())?;
    Ok(Body::Native {
        schema: schema.to_owned(),
        message: json!({ "type": "template", "template": template }),
    })
}

const PLAIN: [&str; 4] = ["text", "image", "file", "location"];
const RICH: [&str; 5] = ["carousel", "list", "form", "formResponse", "template"];

/// Content in the platform's vocabulary, and its text as HTML.
fn content(given: &Given<'_>, role: Role, now: Timestamp) -> Result<(Content, Option<String>), Invalid> {
    let kinds: Vec<&str> = PLAIN.into_iter().chain(RICH).collect();
    let kind = given.required("type", |kind| kind.word(&kinds))?;
    if kind == "formResponse" {
        return Err(given.refuse_member("type", "formResponse cannot be sent through the API"));
    }
    if kind == "template" {
        return Err(given.refuse_member("type", "template needs the schema whatsapp"));
    }
    if role == Role::User && RICH.contains(&kind) {
        return Err(given.refuse_member("type", format!("{kind} is for messages of the business")));
    }
    let items = || given.required("items", |items| self::items(items, now));
    Ok(match kind {
        "image" => {
            let Written { text, html } = Written::read(given)?;
            let image = Content::Image {
                media_url: given.required("mediaUrl", Given::web_url)?,
                media_type: label(given, "mediaType")?,
                text,
                alt_text: label(given, "altText")?,
                actions: message_actions(given, role, now)?,
            };
            (image, html)
        }
        "file" => {
            let Written { text, html } = Written::read(given)?;
            let file = Content::File {
                media_url: given.required("mediaUrl", Given::web_url)?,
                media_type: label(given, "mediaType")?,
                text,
                alt_text: label(given, "altText")?,
            };
            (file, html)
        }
        "location" => (location(given)?, None),
        "carousel" => {
            let aspect = given.optional("displaySettings", aspect)?.unwrap_or_default();
            (Content::Carousel { items: items()?, aspect }, None)
        }
        "list" => (Content::List { items: items()?, actions: actions::of_list(given, now)? }, None),
        "form" => (form(given, now)?, None),
        _ => text(given, message_actions(given, role, now)?)?,
    })
}

/// People press buttons; only the business sends them.
fn message_actions(given: &Given<'_>, role: Role, now: Timestamp) -> Result<Vec<Action>, Invalid> {
    let actions = actions::of_message(given, now)?;
    if role == Role::User && !actions.is_empty() {
        return Err(given.refuse_member("actions", "are for messages of the business"));
    }
    Ok(actions)
}

fn text(given: &Given<'_>, actions: Vec<Action>) -> Result<(Content, Option<String>), Invalid> {
    let Written { text, html } = Written::read(given)?;
    if text.is_none() && actions.is_empty() {
        return Err(given.refuse_member("text", MISSING));
    }
    Ok((Content::Text { text: text.unwrap_or_default(), actions }, html))
}

/// A text, in the words that every channel knows and as HTML.
#[derive(Debug)]
struct Written {
    text: Option<String>,
    html: Option<String>,
}

impl Written {
    fn read(given: &Given<'_>) -> Result<Written, Invalid> {
        let filled = |key: &str| {
            let text = given.optional(key, |text| text.text_within(TEXT_MAX))?;
            Ok::<_, Invalid>(text.filter(|text| !text.is_empty()))
        };
        let (text, html, markdown) = (filled("text")?, filled("htmlText")?, filled("markdownText")?);
        let (html, plain) = match (html, markdown) {
            (Some(_), Some(_)) => {
                return Err(given.refuse_member("markdownText", "must not stand beside htmlText"));
            }
            (Some(html), None) => (Some(html.clone()), html::plain(&html)),
            (None, Some(markdown)) => {
                let html = markdown::html(&markdown);
                if html.chars().count() > TEXT_MAX {
                    let message = format!("must not be longer than {TEXT_MAX} characters as HTML");
                    return Err(given.refuse_member("markdownText", message));
                }
                (Some(html), markdown::plain(&markdown))
            }
            (None, None) => (None, String::new()),
        };
        // A link's address can make the plain text longer than what it was derived from.
        let plain: String = plain.chars().take(TEXT_MAX).collect();
        Ok(Written { text: text.or(Some(plain).filter(|plain| !plain.is_empty())), html })
    }
}

/// The elements of a list that has so many, refused in the words of the library that the platform validates with
/// (`reference: Sunshine v2, errors`).
pub(super) fn counted<'a>(
    list: &Given<'a>,
    (least, most): (usize, usize),
) -> Result<Vec<Given<'a>>, Invalid> {
    let elements = list.list()?;
    if elements.len() < least {
        return Err(list.refuse(format!("should not have fewer than {least} items")));
    }
    if elements.len() > most {
        return Err(list.refuse(format!("should not have more than {most} items")));
    }
    Ok(elements)
}

fn label(given: &Given<'_>, key: &str) -> Result<Option<String>, Invalid> {
    Ok(given.optional(key, |label| label.text_within(LABEL_MAX))?.filter(|label| !label.is_empty()))
}

fn name(given: &Given<'_>) -> Result<String, Invalid> {
    given.filled_within(LABEL_MAX)
}

fn items(given: &Given<'_>, now: Timestamp) -> Result<Vec<Item>, Invalid> {
    counted(given, (1, ITEMS_MAX))?.iter().map(|each| item(each, now)).collect()
}

fn item(given: &Given<'_>, now: Timestamp) -> Result<Item, Invalid> {
    Ok(Item {
        id: fresh(now),
        title: given.required("title", name)?,
        description: label(given, "description")?,
        media_url: given.optional("mediaUrl", Given::web_url)?,
        media_type: label(given, "mediaType")?,
        alt_text: label(given, "altText")?,
        size: given.optional("size", |size| size.word(&["compact", "large"]))?.map(str::to_owned),
        actions: given.required("actions", |each| actions::of_item(each, now))?,
        metadata: given.optional("metadata", Given::facts)?.unwrap_or_default(),
    })
}

fn form(given: &Given<'_>, now: Timestamp) -> Result<Content, Invalid> {
    let (mut names, mut fields) = (BTreeSet::new(), Vec::new());
    for each in given.required("fields", |fields| counted(fields, (1, FIELDS_MAX)))? {
        let field = field(&each, now)?;
        if !names.insert(field.name.clone()) {
            return Err(each.refuse_member("name", "must be unique within the form"));
        }
        fields.push(field);
    }
    let block_chat_input = given.optional("blockChatInput", Given::flag)?.unwrap_or(false);
    let text = given.optional("text", |text| text.text_within(TEXT_MAX))?.filter(|text| !text.is_empty());
    Ok(Content::Form { fields, block_chat_input, text })
}

fn field(given: &Given<'_>, now: Timestamp) -> Result<Field, Invalid> {
    let kind = match given.required("type", |kind| kind.word(&["email", "select", "text"]))? {
        "email" => FieldKind::Email,
        "select" => FieldKind::Select,
        _ => FieldKind::Text,
    };
    let (min_size, max_size) = match kind {
        FieldKind::Text => sizes(given)?,
        FieldKind::Email | FieldKind::Select => (None, None),
    };
    let options = match kind {
        FieldKind::Select => given.required("options", |options| self::options(options, now))?,
        FieldKind::Text | FieldKind::Email => Vec::new(),
    };
    Ok(Field {
        id: fresh(now),
        kind,
        name: given.required("name", name)?,
        label: given.required("label", name)?,
        placeholder: given.optional("placeholder", name)?,
        min_size,
        max_size,
        options,
        format: given.optional("format", |format| format.word(&["integer", "decimal"]))?.map(str::to_owned),
    })
}

/// The least and most characters of an answer.
fn sizes(given: &Given<'_>) -> Result<(Option<u32>, Option<u32>), Invalid> {
    let size = |size: &Given<'_>| match u32::try_from(size.integer()?) {
        Ok(asked) if (1..=ANSWER_MAX).contains(&i64::from(asked)) => Ok(asked),
        _ => Err(size.refuse(format!("must lie between 1 and {ANSWER_MAX}"))),
    };
    let (least, most) = (given.optional("minSize", size)?, given.optional("maxSize", size)?);
    if least.unwrap_or(1) > most.unwrap_or(LABEL_MAX as u32) {
        return Err(given.refuse_member("minSize", "must not be larger than maxSize"));
    }
    Ok((least, most))
}

fn options(given: &Given<'_>, now: Timestamp) -> Result<Vec<SelectOption>, Invalid> {
    let option = |given: &Given<'_>| {
        Ok(SelectOption {
            id: fresh(now),
            name: given.required("name", name)?,
            label: given.required("label", name)?,
        })
    };
    counted(given, (0, OPTIONS_MAX))?.iter().map(option).collect()
}

#[cfg(test)]
mod tests;
