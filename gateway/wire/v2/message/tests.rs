//! Whole messages.

use serde_json::json;

use super::*;
use crate::model::{Id, Timestamp};
use crate::wire::v1::sample;

#[test]
fn a_persons_message_names_them_and_where_it_came_from() {
    let said = Message {
        source: Source {
            original_id: Some("wamid.x".into()),
            original_at: Some(Timestamp::from_millis(1_552_571_286_000)),
            client: Some(Id::new("5c8a5b90fa8624128cc5ba33")),
            ..sample::reply().source
        },
        payload: Some("YES".into()),
        delivery: Some(Id::new("e361392f-7dd3-4bdb-8844-d0d002ac7f72")),
        ..sample::reply()
    };
    assert_eq!(
        message(&said),
        json!({
            "id": "5c8a5b96bac2a4128e5225ec",
            "received": "2019-03-14T13:48:06.396Z",
            "author": {"type": "user", "userId": "4a9006a2b1a17bebf00542ab", "displayName": "Alice"},
            "content": {"type": "text", "text": "This is a user reply to a notification", "payload": "YES"},
            "source": {"type": "whatsapp", "integrationId": "5b354bdab42a1d61143ccc26",
                       "originalMessageId": "wamid.x", "originalMessageTimestamp": "2019-03-14T13:48:06.000Z"},
        })
    );
}

#[test]
fn the_business_without_a_face_has_none() {
    let said = Message {
        author: Author {
            name: Some("Ada".into()),
            avatar_url: Some("https://example.com/ada.png".into()),
            email: Some("ada@example.com".into()),
            ..Author::business()
        },
        source: Source::of("api"),
        metadata: serde_json::Map::from_iter([("lang".to_owned(), json!("en-ca"))]),
        ..sample::notified()
    };
    let shown = message(&said);
    assert_eq!(
        shown["author"],
        json!({"type": "business", "displayName": "Ada", "avatarUrl": "https://example.com/ada.png"})
    );
    assert_eq!(shown["source"], json!({"type": "api:conversations"}));
    assert_eq!(shown["metadata"], json!({"lang": "en-ca"}));
    let faceless = message(&sample::notified());
    assert_eq!(faceless["author"], json!({"type": "business"}));
    assert_eq!(faceless["source"], json!({"type": "notification"}));
}

#[test]
fn a_message_shows_its_files_size_and_what_it_answers() {
    let content = json!({"type": "file", "mediaUrl": "https://example.com/a.pdf"});
    let content = serde_json::from_value(content).expect("content");
    let external = Quoted::ExternalMessageId { external_message_id: "wamid.1".into() };
    let first = Message { media_size: Some(7192), content, quoted: Some(external), ..sample::notified() };
    let shown = message(&first);
    assert_eq!(shown["content"]["mediaSize"], 7192);
    assert_eq!(shown["quotedMessage"], json!({"type": "externalMessageId", "externalMessageId": "wamid.1"}));
    let quoted = Some(Quoted::Message { content: Box::new(first) });
    let second = message(&Message { quoted, ..sample::reply() });
    let mut bare = shown;
    bare.as_object_mut().expect("an object").remove("quotedMessage");
    assert_eq!(second["quotedMessage"], json!({"type": "message", "message": bare}));
}
