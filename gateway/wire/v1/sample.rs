//! The people and messages the tests tell of.

use heliograph_connectors::channel::Content;
use serde_json::{Map, json};

use crate::model::{Author, Client, Id, Message, Source, Timestamp, User, Webhook, WebhookVersion};

pub(in crate::wire) fn webhook() -> Webhook {
    Webhook {
        id: Id::new("55c8d9758590aa1900b9b9f6"),
        app: Id::new("5babc57a79ace012bba4781a"),
        target: "https://example.com/callback".into(),
        triggers: ["message:appUser".to_owned()].into(),
        secret: "fake-secret".into(),
        version: WebhookVersion::V1,
        include_client: false,
        include_full_user: false,
        integration: None,
        name: None,
        declared: false,
    }
}

pub(in crate::wire) fn user() -> User {
    User {
        id: Id::new("4a9006a2b1a17bebf00542ab"),
        external_id: None,
        given_name: Some("Alice".into()),
        surname: None,
        email: None,
        avatar_url: None,
        locale: None,
        to_be_retained: false,
        authenticated: false,
        listed: true,
        signed_up_at: Timestamp::from_millis(1_552_571_280_984),
        properties: Map::from_iter([("favoriteFood".to_owned(), json!("prizza"))]),
        conversation: Id::new("0a01d368966f45bb6bd7d41c"),
        conversation_started: true,
        clients: vec![client()],
        pending: Vec::new(),
    }
}

pub(in crate::wire) fn client() -> Client {
    let id = Id::new("5c8a5b90fa8624128cc5ba33");
    Client {
        display_name: Some("+1 514-555-0155".into()),
        raw: json!({"profile": {"name": "Alice"}}),
        last_seen: Some(Timestamp::from_millis(1_552_571_286_396)),
        ..Client::new(id, Id::new("5b354bdab42a1d61143ccc26"), "whatsapp", "+15145550155")
    }
}

pub(in crate::wire) fn reply() -> Message {
    let received = Timestamp::from_millis(1_552_571_286_396);
    let author = Author::person(Some(user().id), Some("Alice".into()));
    let content = Content::text("This is a user reply to a notification");
    let source = Source { integration: Some(client().integration), ..Source::of("whatsapp") };
    let id = Id::new("5c8a5b96bac2a4128e5225ec");
    Message { id, ..Message::new(&user().conversation, author, received, content, source) }
}

pub(in crate::wire) fn notified() -> Message {
    Message {
        id: Id::new("5c8a5b90fa8624128cc5ba32"),
        author: Author::business(),
        received: Timestamp::from_millis(1_552_571_280_984),
        content: Content::text("This is a sample notification."),
        source: Source::of("notification"),
        ..reply()
    }
}
