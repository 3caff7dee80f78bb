//! The people and messages the tests tell of.

use heliograph_connectors::channel::Content;
use serde_json::{Map, json};

use crate::model::{
    Author, Client, ClientStatus, Id, Message, Role, Source, Timestamp, User, Webhook, WebhookVersion,
};

pub(super) fn webhook() -> Webhook {
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

pub(super) fn user() -> User {
    User {
        id: Id::new("4a9006a2b1a17bebf00542ab"),
        external_id: None,
        given_name: Some("Alice".into()),
        surname: None,
        email: None,
        avatar_url: None,
        locale: None,
        to_be_retained: false,
        signed_up_at: Timestamp::from_millis(1_552_571_280_984),
        properties: Map::from_iter([("favoriteFood".to_owned(), json!("prizza"))]),
        conversation: Id::new("0a01d368966f45bb6bd7d41c"),
        conversation_started: true,
        clients: vec![client()],
        pending: Vec::new(),
    }
}

pub(super) fn client() -> Client {
    Client {
        aliases: Vec::new(),
        thread: None,
        id: Id::new("5c8a5b90fa8624128cc5ba33"),
        kind: "whatsapp".into(),
        integration: Id::new("5b354bdab42a1d61143ccc26"),
        address: "+15145550155".into(),
        status: ClientStatus::Active,
        display_name: Some("+1 514-555-0155".into()),
        raw: json!({"profile": {"name": "Alice"}}),
        last_seen: Some(Timestamp::from_millis(1_552_571_286_396)),
        linked_at: None,
        avatar_url: None,
        info: Map::new(),
    }
}

pub(super) fn reply() -> Message {
    Message {
        id: Id::new("5c8a5b96bac2a4128e5225ec"),
        conversation: user().conversation,
        author: Author {
            role: Role::User,
            user: Some(user().id),
            name: Some("Alice".into()),
            email: None,
            avatar_url: None,
        },
        received: Timestamp::from_millis(1_552_571_286_396),
        content: Content::text("This is a user reply to a notification"),
        source: Source { integration: Some(client().integration), ..Source::of("whatsapp") },
        payload: None,
        metadata: Map::new(),
        delivery: None,
        media_size: None,
        quoted: None,
    }
}

pub(super) fn notified() -> Message {
    Message {
        id: Id::new("5c8a5b90fa8624128cc5ba32"),
        author: Author::business(),
        received: Timestamp::from_millis(1_552_571_280_984),
        content: Content::text("This is a sample notification."),
        source: Source::of("notification"),
        ..reply()
    }
}
