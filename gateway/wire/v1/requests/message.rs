//! A message of a conversation, and content wherever a request carries some.

use std::collections::{BTreeMap, BTreeSet};

use heliograph_connectors::channel::{
    Action, AspectRatio, Body, Content, Field, FieldKind, Item, MapPlace, SelectOption,
};
use serde_json::{Map, Value};

use crate::model::{Author, Id, Integration, Role, Timestamp};
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

use super::{actions, answers};

/// Characters of a text or a payload.
pub(super) const TEXT_MAX: usize = 4096;

/// Characters of a title, a description, a label.
pub(super) const LABEL_MAX: usize = 128;

/// Items of a carousel or list.
const ITEMS_MAX: usize = 10;

/// Questions of a form: no number is documented, a person answers fewer.
pub(super) const FIELDS_MAX: usize = 25;

/// Choices of one question.
pub(super) const OPTIONS_MAX: usize = 20;

/// `POST …/appusers/{id}/messages`.
#[derive(Debug, Clone, PartialEq)]
pub struct PostMessage {
    /// Who says it; the person's id is the path's.
    pub author: Author,
    /// What is said: content, or a channel's own payload that stands for the whole message.
    pub body: Body,
    /// A channel's own payload in place of the content there, by the channel's type.
    pub overrides: BTreeMap<String, Value>,
    /// What a quick reply carried, echoed.
    pub payload: Option<String>,
    /// The business's own facts.
    pub metadata: Map<String, Value>,
    /// Where to, when the gateway is not to choose.
    pub destination: Option<MessageDestination>,
}

/// The channel a message is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageDestination {
    /// One integration.
    Integration(Id<Integration>),
    /// Whatever integration is of this type.
    Kind(String),
}

impl PostMessage {
    /// Reads a request's body.
    pub fn parse(body: &[u8], now: Timestamp) -> Result<PostMessage, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        let role = match given.required("role", |role| role.word(&["appUser", "appMaker"]))? {
            "appUser" => Role::User,
            _ => Role::Business,
        };
        let schema = given.optional("messageSchema", |schema| schema.word(&["whatsapp"]))?;
        let body = match (role, schema) {
            (Role::User, None) => Body::Content(answers::or_content(&given, now)?),
            (Role::Business, None) => Body::Content(content(&given, now)?),
            (Role::Business, Some(schema)) => {
                let message = given.required("message", |message| message.object().cloned())?;
                Body::Native { schema: schema.to_owned(), message: message.into() }
            }
            (Role::User, Some(_)) => {
                return Err(given.refuse_member("messageSchema", "is for messages of the appMaker"));
            }
        };
        let overrides = given.optional("override", overrides)?.unwrap_or_default();
        let destination = given.optional("destination", destination)?;
        if role == Role::User {
            if let Body::Content(content) = &body {
                plain(&given, content)?;
            }
            if !overrides.is_empty() {
                return Err(given.refuse_member("override", "is for messages of the appMaker"));
            }
            if destination.is_some() {
                return Err(given.refuse_member("destination", "is for messages of the appMaker"));
            }
        }
        Ok(PostMessage {
            author: author(&given, role)?,
            body,
            overrides,
            payload: given.optional("payload", |payload| payload.text_within(TEXT_MAX))?,
            metadata: given.optional("metadata", Given::facts)?.unwrap_or_default(),
            destination,
        })
    }
}

/// The payloads of the channels that are known here; those of others are for somebody else.
pub(in crate::wire) fn overrides(given: &Given<'_>) -> Result<BTreeMap<String, Value>, Invalid> {
    let mut found = BTreeMap::new();
    for kind in ["messenger", "whatsapp"] {
        let payload = given.optional(kind, |channel| {
            channel.required("payload", |payload| payload.object().cloned().map(Value::from))
        })?;
        found.extend(payload.map(|payload| (kind.to_owned(), payload)));
    }
    Ok(found)
}

/// People press buttons and fill in forms; only the business sends them.
fn plain(given: &Given<'_>, content: &Content) -> Result<(), Invalid> {
    match content {
        Content::Text { actions, .. } | Content::Image { actions, .. } if !actions.is_empty() => {
            Err(given.refuse_member("actions", "are for messages of the appMaker"))
        }
        Content::Text { .. }
        | Content::Image { .. }
        | Content::File { .. }
        | Content::Location { .. }
        | Content::FormResponse { .. } => Ok(()),
        Content::Carousel { .. } | Content::List { .. } | Content::Form { .. } => {
            let message = format!("{} is for messages of the appMaker", content.kind());
            Err(given.refuse_member("type", message))
        }
    }
}

fn destination(given: &Given<'_>) -> Result<MessageDestination, Invalid> {
    if let Some(integration) = given.optional("integrationId", id)? {
        return Ok(MessageDestination::Integration(integration));
    }
    match given.optional("integrationType", |kind| kind.filled_within(64))? {
        Some(kind) => Ok(MessageDestination::Kind(kind)),
        None => Err(given.refuse("must hold integrationId or integrationType")),
    }
}

/// Who speaks, from `name`, `email` and `avatarUrl` beside each other.
pub(super) fn author(given: &Given<'_>, role: Role) -> Result<Author, Invalid> {
    Ok(Author {
        role,
        user: None,
        name: given.optional("name", |name| name.text_within(LABEL_MAX))?.filter(|name| !name.is_empty()),
        email: given
            .optional("email", |email| email.text_within(LABEL_MAX))?
            .filter(|email| !email.is_empty()),
        avatar_url: given.optional("avatarUrl", Given::web_url)?,
        subtypes: Vec::new(),
    })
}

/// An id somebody was given before.
pub(super) fn id<T>(given: &Given<'_>) -> Result<Id<T>, Invalid> {
    given.filled_within(LABEL_MAX).map(Id::new)
}

/// A new id for what stands inside a message.
pub(in crate::wire) fn fresh(now: Timestamp) -> String {
    Id::<()>::fresh(now).to_string()
}

/// What a message object says. Old clients omit the type of a text.
pub(super) fn content(given: &Given<'_>, now: Timestamp) -> Result<Content, Invalid> {
    let kinds = ["text", "image", "file", "location", "carousel", "list", "form"];
    let kind = given.optional("type", |kind| kind.word(&kinds))?.unwrap_or("text");
    let message_actions = || actions::of_message(given, now);
    match kind {
        "image" => Ok(Content::Image {
            media_url: given.required("mediaUrl", Given::web_url)?,
            media_type: label(given, "mediaType")?,
            text: caption(given)?,
            alt_text: label(given, "altText")?,
            actions: message_actions()?,
        }),
        "file" => Ok(Content::File {
            media_url: given.required("mediaUrl", Given::web_url)?,
            media_type: label(given, "mediaType")?,
            text: caption(given)?,
            alt_text: label(given, "altText")?,
        }),
        "location" => location(given),
        "carousel" => Ok(Content::Carousel {
            items: given.required("items", |items| self::items(items, now))?,
            aspect: given.optional("displaySettings", aspect)?.unwrap_or_default(),
        }),
        "list" => Ok(Content::List {
            items: given.required("items", |items| self::items(items, now))?,
            actions: message_actions()?,
        }),
        "form" => Ok(Content::Form {
            fields: given.required("fields", |fields| self::fields(fields, now))?,
            block_chat_input: given.optional("blockChatInput", Given::flag)?.unwrap_or(false),
            text: None,
        }),
        _ => text(given, message_actions()?),
    }
}

fn text(given: &Given<'_>, actions: Vec<Action>) -> Result<Content, Invalid> {
    if actions.is_empty() {
        let text = given.required("text", |text| text.filled_within(TEXT_MAX))?;
        return Ok(Content::Text { text, actions });
    }
    Ok(Content::Text { text: caption(given)?.unwrap_or_default(), actions })
}

fn caption(given: &Given<'_>) -> Result<Option<String>, Invalid> {
    Ok(given.optional("text", |text| text.text_within(TEXT_MAX))?.filter(|text| !text.is_empty()))
}

fn label(given: &Given<'_>, key: &str) -> Result<Option<String>, Invalid> {
    given.optional(key, |label| label.text_within(LABEL_MAX))
}

pub(in crate::wire) fn location(given: &Given<'_>) -> Result<Content, Invalid> {
    let (lat, long) = given.required("coordinates", |coordinates| {
        let lat = coordinates.required("lat", |lat| lat.number_between(-90.0, 90.0))?;
        Ok((lat, coordinates.required("long", |long| long.number_between(-180.0, 180.0))?))
    })?;
    let place = given.optional("location", |place| {
        let line = |key| place.optional(key, |line| line.text_within(TEXT_MAX));
        Ok(MapPlace { name: line("name")?, address: line("address")? })
    })?;
    Ok(Content::Location { lat, long, place })
}

pub(in crate::wire) fn aspect(given: &Given<'_>) -> Result<AspectRatio, Invalid> {
    match given.optional("imageAspectRatio", |ratio| ratio.word(&["horizontal", "square"]))? {
        Some("square") => Ok(AspectRatio::Square),
        _ => Ok(AspectRatio::Horizontal),
    }
}

fn items(given: &Given<'_>, now: Timestamp) -> Result<Vec<Item>, Invalid> {
    given.list_of(1, ITEMS_MAX)?.iter().map(|each| item(each, now)).collect()
}

fn item(given: &Given<'_>, now: Timestamp) -> Result<Item, Invalid> {
    Ok(Item {
        id: fresh(now),
        title: given.required("title", |title| title.filled_within(LABEL_MAX))?,
        description: label(given, "description")?,
        media_url: given.optional("mediaUrl", Given::web_url)?,
        media_type: label(given, "mediaType")?,
        alt_text: label(given, "altText")?,
        size: given.optional("size", |size| size.word(&["compact", "large"]))?.map(str::to_owned),
        actions: given.required("actions", |each| actions::of_item(each, now))?,
        metadata: Map::new(),
    })
}

fn fields(given: &Given<'_>, now: Timestamp) -> Result<Vec<Field>, Invalid> {
    let mut names = BTreeSet::new();
    let mut fields = Vec::new();
    for each in given.list_of(1, FIELDS_MAX)? {
        let field = field(&each, now)?;
        if !names.insert(field.name.clone()) {
            return Err(each.refuse_member("name", "must be unique within the form"));
        }
        fields.push(field);
    }
    Ok(fields)
}

fn field(given: &Given<'_>, now: Timestamp) -> Result<Field, Invalid> {
    let kind = match given.required("type", |kind| kind.word(&["text", "email", "select"]))? {
        "email" => FieldKind::Email,
        "select" => FieldKind::Select,
        _ => FieldKind::Text,
    };
    let name = given.required("name", |name| name.filled_within(LABEL_MAX))?;
    let label = given.required("label", |label| label.filled_within(LABEL_MAX))?;
    let placeholder = self::label(given, "placeholder")?;
    let (min_size, max_size) = match kind {
        FieldKind::Text => sizes(given)?,
        FieldKind::Email | FieldKind::Select => (None, None),
    };
    let options = match kind {
        FieldKind::Select => given.required("options", |options| self::options(options, now))?,
        FieldKind::Text | FieldKind::Email => Vec::new(),
    };
    Ok(Field { id: fresh(now), kind, name, label, placeholder, min_size, max_size, options, format: None })
}

/// The least and most characters of an answer.
fn sizes(given: &Given<'_>) -> Result<(Option<u32>, Option<u32>), Invalid> {
    let size = |size: &Given<'_>| {
        u32::try_from(size.integer()?).map_err(|_| size.refuse("must not be negative or that large"))
    };
    let (least, most) = (given.optional("minSize", size)?, given.optional("maxSize", size)?);
    if least.unwrap_or(1) > most.unwrap_or(128) {
        return Err(given.refuse_member("minSize", "must not be larger than maxSize"));
    }
    Ok((least, most))
}

fn options(given: &Given<'_>, now: Timestamp) -> Result<Vec<SelectOption>, Invalid> {
    let option = |given: &Given<'_>| {
        Ok(SelectOption {
            id: fresh(now),
            name: given.required("name", |name| name.filled_within(LABEL_MAX))?,
            label: given.required("label", |label| label.filled_within(LABEL_MAX))?,
        })
    };
    given.list_of(1, OPTIONS_MAX)?.iter().map(option).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn post(body: Value) -> Result<PostMessage, Invalid> {
        PostMessage::parse(body.to_string().as_bytes(), Timestamp::from_millis(0))
    }

    #[test]
    fn a_channels_own_payloads_are_read() {
        let exact = json!({"type": "text", "text": {"body": "Hi"}});
        let asked = json!({
            "role": "appMaker", "text": "Hello",
            "override": {"whatsapp": {"payload": exact}, "line": {"payload": {"type": "flex"}}},
        });
        let read = post(asked).expect("a message");
        assert_eq!(read.overrides, [("whatsapp".to_owned(), exact.clone())].into());
        assert_eq!(read.body, Body::Content(Content::text("Hello")));
        let whole = json!({"role": "appMaker", "messageSchema": "whatsapp", "message": exact.clone()});
        let native = Body::Native { schema: "whatsapp".into(), message: exact };
        assert_eq!(post(whole).expect("a message").body, native);
    }

    #[test]
    fn a_refused_payload_is_named() {
        for (body, path) in [
            (json!({"role": "appMaker", "messageSchema": "line", "message": {}}), "messageSchema"),
            (json!({"role": "appMaker", "messageSchema": "whatsapp", "message": "Hi"}), "message"),
            (json!({"role": "appUser", "messageSchema": "whatsapp", "message": {}}), "messageSchema"),
            (
                json!({"role": "appMaker", "text": "x", "override": {"whatsapp": {}}}),
                "override.whatsapp.payload",
            ),
            (json!({"role": "appUser", "text": "x", "override": {"whatsapp": {"payload": {}}}}), "override"),
        ] {
            assert_eq!(post(body).expect_err("a refusal").path, path);
        }
    }
}
