//! Objects as v1.1 shows them, not yet wrapped in their names.

use heliograph_connectors::channel::signature;
use serde_json::{Value, json};

use crate::model::{
    Client, ClientStatus, Conversation, Departed, Id, Message, Quoted, Role, User, Webhook, WebhookVersion,
};
use crate::wire::written::Written;

use super::said::Said;

/// What the business looks like while nobody gave it a face.
const FACELESS: &str = "00000000000000000000000000000000";

/// A user with all that is known about them.
pub fn app_user(user: &User) -> Value {
    let clients: Vec<Value> = user.clients.iter().map(|client| client_of(user, client)).collect();
    let pending: Vec<Value> = user.pending.iter().map(|link| client(&link.client)).collect();
    person(user)
        .and(profile(user))
        .with("hasPaymentInfo", false)
        .with("identities", identities(user))
        .with("clients", clients)
        .with("pendingClients", pending)
        .into()
}

/// What a user has shown to be theirs.
pub(in crate::wire) fn identities(user: &User) -> Vec<Value> {
    let identity = |email| json!({ "type": "email", "value": email, "verification": "email" });
    user.emails().into_iter().map(identity).collect()
}

/// A user as events name them: who, and nothing about them.
pub fn truncated_user(user: &User) -> Value {
    person(user).into()
}

/// Somebody who is no more, as events name them.
pub(super) fn departed(user: &Departed) -> Value {
    named(&user.id, user.external_id.as_ref(), user.conversation_started).into()
}

/// A user as events name them to those who asked for more: with the profile, without the clients.
pub(super) fn full_user(user: &User) -> Value {
    person(user).and(profile(user)).into()
}

fn person(user: &User) -> Written {
    named(&user.id, user.external_id.as_ref(), user.conversation_started)
}

fn named(id: &Id<User>, external_id: Option<&String>, conversation_started: bool) -> Written {
    Written::new()
        .with("_id", id)
        .maybe("userId", external_id)
        .with("conversationStarted", conversation_started)
}

fn profile(user: &User) -> Written {
    Written::new()
        .maybe("givenName", user.given_name.as_ref())
        .maybe("surname", user.surname.as_ref())
        .maybe("email", user.email.as_ref())
        .maybe("avatarUrl", user.avatar_url.as_ref())
        .with("signedUpAt", user.signed_up_at.iso())
        .with("properties", &user.properties)
}

/// An identity on a channel. `id` is the device's for devices; a channel has none, so it repeats `_id`.
pub(super) fn client(client: &Client) -> Value {
    identity(client).into()
}

/// An identity, and whether it is the one that its owner last used; one that waits to be linked is no choice yet.
pub(super) fn client_of(owner: &User, client: &Client) -> Value {
    if client.status == ClientStatus::Pending {
        return self::client(client);
    }
    let is_primary = owner.primary().is_some_and(|primary| primary.id == client.id);
    identity(client).with("primary", is_primary).into()
}

fn identity(client: &Client) -> Written {
    Written::new()
        .with("_id", &client.id)
        .with("id", &client.id)
        .with("platform", &client.kind)
        .with("integrationId", &client.integration)
        .with("externalId", &client.address)
        .with("status", client.status)
        .with("active", client.status == ClientStatus::Active)
        .maybe("blocked", (client.status == ClientStatus::Blocked).then_some(true))
        .maybe("displayName", client.display_name.as_ref())
        .maybe("avatarUrl", client.avatar_url.as_ref())
        .maybe("lastSeen", client.last_seen.map(|at| at.iso()))
        .maybe("linkedAt", client.linked_at.map(|at| at.iso()))
        .maybe("info", (!client.info.is_empty()).then_some(&client.info))
        .maybe("raw", (!client.raw.is_null()).then_some(&client.raw))
}

/// A message.
pub fn message(message: &Message) -> Value {
    serde_json::to_value(Said::of(message)).unwrap_or_default()
}

/// What a message answers: the message itself, or the provider's name of one that is not known here.
pub(super) fn quoted(quoted: &Quoted) -> Written {
    match quoted {
        Quoted::Message { content } => {
            let bare = Message { quoted: None, ..Message::clone(content) };
            Written::new().with("type", "message").with("content", message(&bare))
        }
        Quoted::ExternalMessageId { .. } => Written::of(quoted),
    }
}

pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::User => "appUser",
        Role::Business => "appMaker",
    }
}

/// An author of the business has no record here; the same email always gives the same id.
pub(super) fn business_id(email: Option<&str>) -> String {
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
pub(super) fn gravatar(email: Option<&str>) -> String {
    let hash = match email {
        Some(email) => hex::encode(signature::sha256(email.trim().to_lowercase().as_bytes())),
        None => FACELESS.to_owned(),
    };
    format!("https://www.gravatar.com/avatar/{hash}.png?s=200&d=mm")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Author, Confirmation, ConversationKind, Participant, PendingLink, Source, Timestamp};
    use crate::wire::v1::sample;

    #[test]
    fn everything_a_message_can_carry_is_shown() {
        let full = Message {
            author: Author {
                name: Some("Ada".into()),
                email: Some(" Ada@Example.com".into()),
                ..Author::business()
            },
            source: Source {
                client: Some(Id::new("5c8a5b90fa8624128cc5ba33")),
                original_id: Some("SM1".into()),
                original_at: Some(Timestamp::from_millis(1_552_571_286_000)),
                ..Source::of("twilio")
            },
            payload: Some("YES".into()),
            metadata: serde_json::Map::from_iter([("lang".to_owned(), json!("en-ca"))]),
            ..sample::reply()
        };
        let shown = message(&full);
        assert_eq!(shown["role"], "appMaker");
        assert_eq!(shown["name"], "Ada");
        assert_eq!(shown["payload"], "YES");
        assert_eq!(shown["metadata"], json!({"lang": "en-ca"}));
        assert_eq!(
            shown["source"],
            json!({"type": "twilio", "id": "5c8a5b90fa8624128cc5ba33", "originalMessageId": "SM1",
                   "originalMessageTimestamp": 1552571286.0})
        );
        assert_eq!(shown["avatarUrl"], gravatar(Some("ada@example.com")));
        assert_eq!(shown["authorId"], business_id(Some("ada@example.com")));
    }

    #[test]
    fn a_message_shows_its_files_size_and_what_it_answers() {
        let external = Quoted::ExternalMessageId { external_message_id: "wamid.1".into() };
        let first = Message { media_size: Some(7192), quoted: Some(external), ..sample::notified() };
        let shown = message(&first);
        assert_eq!(shown["mediaSize"], 7192);
        let expected = json!({"type": "externalMessageId", "externalMessageId": "wamid.1"});
        assert_eq!(shown["quotedMessage"], expected);
        let delivery = Some(Id::new("e361392f-7dd3-4bdb-8844-d0d002ac7f72"));
        let quoted = Some(Quoted::Message { content: Box::new(first.clone()) });
        let second = Message { quoted, delivery, ..sample::reply() };
        let mut bare = shown;
        bare.as_object_mut().expect("an object").remove("quotedMessage");
        assert_eq!(message(&second)["quotedMessage"], json!({"type": "message", "content": bare}));
        assert_eq!(message(&second).get("delivery"), None);
        let kept = serde_json::to_value(&second).expect("JSON");
        assert_eq!(serde_json::from_value::<Message>(kept).expect("as kept"), second);
    }

    #[test]
    fn authors_of_the_business_are_told_apart_by_email() {
        let ids = [None, Some("ada@example.com"), Some("bob@example.com")].map(business_id);
        assert!(ids.iter().all(|id| id.len() == 22 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())));
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    }

    #[test]
    fn a_user_is_shown_with_identities_and_pending_links() {
        let pending = PendingLink {
            client: Client { status: ClientStatus::Pending, ..sample::client() },
            confirmation: Confirmation::Prompt,
            criteria: Default::default(),
            expires_at: Timestamp::from_millis(0),
            delivery: None,
        };
        let user = User {
            external_id: Some("alice@example.com".into()),
            surname: Some("Brule".into()),
            email: Some("a@example.com".into()),
            pending: vec![pending.clone()],
            ..sample::user()
        };
        assert_eq!(
            app_user(&user),
            json!({
                "_id": "4a9006a2b1a17bebf00542ab",
                "userId": "alice@example.com",
                "givenName": "Alice",
                "surname": "Brule",
                "email": "a@example.com",
                "signedUpAt": "2019-03-14T13:48:00.984Z",
                "hasPaymentInfo": false,
                "identities": [],
                "conversationStarted": true,
                "clients": [client_of(&user, &sample::client())],
                "pendingClients": [client(&pending.client)],
                "properties": {"favoriteFood": "prizza"}
            })
        );
        assert_eq!(client(&pending.client)["status"], "pending");
        assert_eq!(client(&pending.client)["active"], false);
    }

    #[test]
    fn a_conversation_tells_who_read_how_far() {
        let mut conversation = Conversation::default_of(&sample::user(), sample::user().signed_up_at);
        assert_eq!(
            super::conversation(&conversation),
            json!({"_id": "0a01d368966f45bb6bd7d41c", "unreadCount": 0})
        );
        assert_eq!(conversation.kind, ConversationKind::Personal);
        let at = |millis| Some(Timestamp::from_millis(millis));
        conversation.business_last_read = at(1_529_675_979_541);
        conversation.participants = vec![Participant {
            id: None,
            user: sample::user().id,
            unread: 3,
            last_read: at(1_529_675_980_000),
        }];
        assert_eq!(
            super::conversation(&conversation),
            json!({"_id": "0a01d368966f45bb6bd7d41c", "unreadCount": 3,
                   "appMakerLastRead": 1529675979.541, "appUserLastRead": 1529675980.0})
        );
    }

    #[test]
    fn a_webhook_shows_its_secret() {
        assert_eq!(
            webhook(&sample::webhook()),
            json!({"_id": "55c8d9758590aa1900b9b9f6", "version": "v1.1",
                   "target": "https://example.com/callback", "triggers": ["message:appUser"],
                   "secret": "fake-secret", "includeClient": false, "includeFullAppUser": false})
        );
    }
}
