//! Objects as v1.1 shows them, not yet wrapped in their names.

use heliograph_connectors::channel::{Action, Content, Field, FieldKind, Item, signature, text};
use serde_json::{Value, json};

use crate::model::{
    Author, Client, ClientStatus, Conversation, Message, Role, Source, User, Webhook, WebhookVersion,
};
use crate::wire::written::Written;

/// What the business looks like while nobody gave it a face.
const FACELESS: &str = "00000000000000000000000000000000";

/// A user with all that is known about them.
pub fn app_user(user: &User) -> Value {
    let clients: Vec<Value> = user.clients.iter().map(client).collect();
    let pending: Vec<Value> = user.pending.iter().map(|link| client(&link.client)).collect();
    person(user)
        .and(profile(user))
        .with("hasPaymentInfo", false)
        .with("identities", json!([]))
        .with("clients", clients)
        .with("pendingClients", pending)
        .into()
}

/// A user as events name them: who, and nothing about them.
pub fn truncated_user(user: &User) -> Value {
    person(user).into()
}

/// A user as events name them to those who asked for more: with the profile, without the clients.
pub(super) fn full_user(user: &User) -> Value {
    person(user).and(profile(user)).into()
}

fn person(user: &User) -> Written {
    Written::new()
        .with("_id", &user.id)
        .maybe("userId", user.external_id.as_ref())
        .with("conversationStarted", user.conversation_started)
}

fn profile(user: &User) -> Written {
    Written::new()
        .maybe("givenName", user.given_name.as_ref())
        .maybe("surname", user.surname.as_ref())
        .maybe("email", user.email.as_ref())
        .with("signedUpAt", user.signed_up_at.iso())
        .with("properties", &user.properties)
}

/// An identity on a channel. `id` is the device's for devices; a channel has none, so it repeats `_id`.
pub(super) fn client(client: &Client) -> Value {
    Written::new()
        .with("_id", &client.id)
        .with("id", &client.id)
        .with("platform", &client.kind)
        .with("integrationId", &client.integration)
        .with("externalId", &client.address)
        .with("status", client.status)
        .with("active", client.status == ClientStatus::Active)
        .maybe("displayName", client.display_name.as_ref())
        .maybe("lastSeen", client.last_seen.map(|at| at.iso()))
        .maybe("linkedAt", client.linked_at.map(|at| at.iso()))
        .maybe("raw", (!client.raw.is_null()).then_some(&client.raw))
        .into()
}

/// A message.
pub fn message(message: &Message) -> Value {
    Written::new()
        .with("_id", &message.id)
        .with("role", role(message.author.role))
        .and(author(&message.author))
        .and(content(&message.content))
        .with("received", message.received.seconds())
        .with("source", source(&message.source))
        .maybe("payload", message.payload.as_ref())
        .maybe("metadata", (!message.metadata.is_empty()).then_some(&message.metadata))
        .into()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::User => "appUser",
        Role::Business => "appMaker",
    }
}

fn author(author: &Author) -> Written {
    let (id, avatar) = match author.role {
        Role::User => (author.user.as_ref().map(ToString::to_string), author.avatar_url.clone()),
        Role::Business => {
            let avatar = author.avatar_url.clone().unwrap_or_else(|| gravatar(author.email.as_deref()));
            (Some(business_id(author.email.as_deref())), Some(avatar))
        }
    };
    Written::new().maybe("authorId", id).maybe("name", author.name.as_ref()).maybe("avatarUrl", avatar)
}

/// An author of the business has no record here; the same email always gives the same id.
fn business_id(email: Option<&str>) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const LENGTH: usize = 22;
    let known_by = email.map_or_else(|| "appMaker".to_owned(), |email| email.trim().to_lowercase());
    let hash = signature::sha256(known_by.as_bytes());
    let mut rest = hash.iter().take(16).fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    let mut id = String::with_capacity(LENGTH);
    for _ in 0..LENGTH {
        id.push(char::from(DIGITS[(rest % 62) as usize]));
        rest /= 62;
    }
    id
}

/// Gravatar knows pictures by the hash of an email address: <https://docs.gravatar.com/api/avatars/hash/>.
fn gravatar(email: Option<&str>) -> String {
    let hash = match email {
        Some(email) => hex::encode(signature::sha256(email.trim().to_lowercase().as_bytes())),
        None => FACELESS.to_owned(),
    };
    format!("https://www.gravatar.com/avatar/{hash}.png?s=200&d=mm")
}

fn source(source: &Source) -> Written {
    Written::new()
        .with("type", &source.kind)
        .maybe("integrationId", source.integration.as_ref())
        .maybe("id", source.client.as_ref())
        .maybe("originalMessageId", source.original_id.as_ref())
        .maybe("originalMessageTimestamp", source.original_at.map(|at| at.seconds()))
}

fn content(content: &Content) -> Written {
    let written = Written::new().with("type", content.kind()).with("text", text_form(content));
    match content {
        Content::Text { actions, .. } => written.and(all_actions(actions)),
        Content::Image { media_url, media_type, alt_text, actions, .. } => {
            written.and(media(media_url, media_type, alt_text)).and(all_actions(actions))
        }
        Content::File { media_url, media_type, alt_text, .. } => {
            written.and(media(media_url, media_type, alt_text))
        }
        Content::Location { lat, long, place } => {
            written.with("coordinates", json!({"lat": lat, "long": long})).maybe("location", place.as_ref())
        }
        Content::Carousel { items, aspect } => written
            .with("items", items.iter().map(item).collect::<Vec<_>>())
            .with("displaySettings", json!({"imageAspectRatio": aspect})),
        Content::List { items, actions } => {
            written.with("items", items.iter().map(item).collect::<Vec<_>>()).and(all_actions(actions))
        }
        Content::Form { fields, block_chat_input } => written
            .with("fields", fields.iter().map(field).collect::<Vec<_>>())
            .with("submitted", false)
            .with("blockChatInput", block_chat_input),
    }
}

/// What the message reads like; receivers that know no rich content show this.
fn text_form(content: &Content) -> String {
    match content {
        Content::Text { text, .. } => text.clone(),
        Content::Image { text, .. } | Content::File { text, .. } => text.clone().unwrap_or_default(),
        Content::Location { lat, long, .. } => text::location(*lat, *long),
        Content::Carousel { items, .. } | Content::List { items, .. } => text::items(items),
        Content::Form { fields, .. } => {
            fields.iter().map(|field| field.label.as_str()).collect::<Vec<_>>().join("\n")
        }
    }
}

fn media(url: &str, kind: &Option<String>, alt_text: &Option<String>) -> Written {
    Written::new().with("mediaUrl", url).maybe("mediaType", kind.as_ref()).maybe("altText", alt_text.as_ref())
}

fn item(item: &Item) -> Written {
    Written::of(item).and(all_actions(&item.actions))
}

fn all_actions(actions: &[Action]) -> Written {
    let shown: Vec<Written> = actions.iter().map(action).collect();
    Written::new().maybe("actions", (!shown.is_empty()).then_some(shown))
}

/// An action as it is kept, with what receivers expect to find beside it.
fn action(action: &Action) -> Written {
    let shown = Written::of(action);
    match action {
        Action::Postback { .. } | Action::Reply { .. } | Action::LocationRequest { .. } => {
            shown.with("uri", "")
        }
        Action::Buy { .. } => shown.with("state", "offered"),
        Action::Link { .. } | Action::Webview { .. } | Action::Share { .. } => shown,
    }
}

fn field(field: &Field) -> Written {
    let is_select = field.kind == FieldKind::Select;
    Written::of(field).maybe("selectSize", is_select.then_some(1))
}

/// What v1.1 shows of a conversation: how much its person has not read, and until when everyone has.
pub fn conversation(conversation: &Conversation) -> Value {
    let person = conversation.participants.first();
    Written::new()
        .with("_id", &conversation.id)
        .with("unreadCount", person.map_or(0, |person| person.unread))
        .maybe("appMakerLastRead", conversation.business_last_read.map(|at| at.seconds()))
        .maybe("appUserLastRead", person.and_then(|person| person.last_read).map(|at| at.seconds()))
        .into()
}

/// A subscription, its secret included: that is how receivers learn it.
pub fn webhook(webhook: &Webhook) -> Value {
    let version = match webhook.version {
        WebhookVersion::V1 => "v1.1",
        WebhookVersion::V2 => "v2",
    };
    Written::new()
        .with("_id", &webhook.id)
        .with("version", version)
        .with("target", &webhook.target)
        .with("triggers", &webhook.triggers)
        .with("secret", &webhook.secret)
        .with("includeClient", webhook.include_client)
        .with("includeFullAppUser", webhook.include_full_user)
        .into()
}
