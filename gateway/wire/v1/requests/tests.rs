//! Requests as callers send them: what is read, and which field a refusal names.

use heliograph_connectors::channel::{Action, Body, Content};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::{Author, Confirmation, Id, Priority, Role, Timestamp, WebhookVersion};
use crate::wire::Invalid;
use crate::wire::v1;

const NOW: Timestamp = Timestamp::from_millis(1_552_571_286_396);

fn notification(body: Value) -> Result<Notification, Invalid> {
    Notification::parse(body.to_string().as_bytes(), NOW)
}

fn post(body: Value) -> Result<PostMessage, Invalid> {
    PostMessage::parse(body.to_string().as_bytes(), NOW)
}

fn link(body: Value) -> Result<LinkChannel, Invalid> {
    LinkChannel::parse(body.to_string().as_bytes(), NOW)
}

fn pre_create(body: Value) -> Result<PreCreate, Invalid> {
    PreCreate::parse(body.to_string().as_bytes(), NOW)
}

fn webhook(body: Value) -> Result<WebhookFields, Invalid> {
    WebhookFields::parse(body.to_string().as_bytes(), WebhookVersion::V1)
}

/// The path a refusal names.
#[track_caller]
fn path<T: std::fmt::Debug>(refused: Result<T, Invalid>) -> String {
    refused.expect_err("a refusal").path
}

/// The path a message of the business is refused for.
#[track_caller]
fn refused(message: Value) -> String {
    let mut message = message;
    message["role"] = json!("appMaker");
    path(post(message))
}

/// The content of a message of the business.
#[track_caller]
fn content(message: Value) -> Content {
    let mut message = message;
    message["role"] = json!("appMaker");
    content_of(post(message).expect("a message"))
}

fn content_of(post: PostMessage) -> Content {
    let Body::Content(content) = post.body else { panic!("content") };
    content
}

#[test]
fn a_notification_is_read() {
    let read = notification(json!({
        "destination": {"integrationId": "5e1f438bf99fb467810c0ab9", "destinationId": "+15145550133"},
        "author": {"role": "appMaker", "name": "Ada", "email": "a@example.com"},
        "message": {"role": "appMaker", "text": "Check this out!"},
        "storage": "full"
    }));
    let author =
        Author { name: Some("Ada".into()), email: Some("a@example.com".into()), ..Author::business() };
    let expected = Notification {
        integration: Id::new("5e1f438bf99fb467810c0ab9"),
        destination: "+15145550133".into(),
        author,
        body: Body::Content(Content::text("Check this out!")),
        when: When { priority: Priority::Normal, not_before: None, expires_at: None },
    };
    assert_eq!(read, Ok(expected));
}

#[test]
fn a_schema_passes_the_message_on_untouched() {
    let template = json!({"type": "template", "template": {"name": "sample", "components": [null]}});
    let read = notification(json!({
        "destination": {"integrationId": "5e1f438bf99fb467810c0ab9", "destinationId": "+15145550133"},
        "messageSchema": "whatsapp",
        "message": template
    }))
    .expect("a notification");
    assert_eq!(read.author, Author::business());
    assert_eq!(read.body, Body::Native { schema: "whatsapp".into(), message: template });
}

#[test]
fn a_notifications_refusal_names_the_field() {
    let to = json!({"integrationId": "5e1f438bf99fb467810c0ab9", "destinationId": "+15145550133"});
    let hi = json!({"type": "text", "text": "Hi"});
    for (body, expected) in [
        (json!({}), "destination"),
        (json!({"destination": "+15145550133", "message": hi}), "destination"),
        (json!({"destination": {"destinationId": "x"}, "message": hi}), "destination.integrationId"),
        (json!({"destination": {"integrationId": "x"}, "message": hi}), "destination.destinationId"),
        (json!({"destination": {"integrationId": "x", "destinationId": 1}}), "destination.destinationId"),
        (json!({"destination": to}), "message"),
        (json!({"destination": to, "message": hi, "author": {"name": "Ada"}}), "author.role"),
        (json!({"destination": to, "message": hi, "author": {"role": "appUser"}}), "author.role"),
        (json!({"destination": to, "message": hi, "author": {"role": "appmaker"}}), "author.role"),
        (json!({"destination": to, "message": "Hi"}), "message"),
        (json!({"destination": to, "message": {"type": "text"}}), "message.text"),
        (json!({"destination": to, "message": [], "messageSchema": "whatsapp"}), "message"),
    ] {
        assert_eq!(path(notification(body.clone())), expected, "{body}");
    }
}

#[test]
fn refusals_read_as_sentences() {
    let refusal = |body: &[u8]| Notification::parse(body, NOW).expect_err("a refusal").to_string();
    assert_eq!(refusal(b" "), "destination: is required");
    assert_eq!(refusal(b"[]"), "must be a JSON object");
    assert_eq!(refusal(b"{"), "malformed JSON: EOF while parsing an object at line 1 column 1");
    let nested =
        |depth: usize| format!("{{\"a\":\"\\\"[[\",\"b\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(refusal(nested(31).as_bytes()), "destination: is required");
    assert_eq!(refusal(nested(32).as_bytes()), "must not be nested deeper than 32");
    assert_eq!(refusal("[".repeat(100_000).as_bytes()), "must not be nested deeper than 32");
}

#[test]
fn a_message_is_read() {
    let read = post(json!({
        "role": "appUser", "type": "location", "name": "Alice", "payload": "HERE", "whatever": [1],
        "coordinates": {"lat": 45.5261583, "long": -73.595346}, "location": {"name": "Office"},
        "metadata": {"lang": "en-ca", "items": 3, "vip": true, "nothing": null}
    }))
    .expect("a message");
    assert_eq!((read.author.role, read.author.name.as_deref()), (Role::User, Some("Alice")));
    assert_eq!(content_of(read.clone()).kind(), "location");
    assert_eq!(read.payload.as_deref(), Some("HERE"));
    assert_eq!(Value::Object(read.metadata), json!({"lang": "en-ca", "items": 3, "vip": true}));
    assert_eq!(read.destination, None);

    let to = |destination| post(json!({"role": "appMaker", "text": "Hi", "destination": destination}));
    let chosen = |destination| to(destination).expect("a message").destination;
    assert_eq!(
        chosen(json!({"integrationId": "5e1f438bf99fb467810c0ab9"})),
        Some(MessageDestination::Integration(Id::new("5e1f438bf99fb467810c0ab9")))
    );
    assert_eq!(chosen(json!({"integrationType": "twilio"})), Some(MessageDestination::Kind("twilio".into())));
    assert_eq!(path(to(json!({}))), "destination");
}

#[test]
fn roles_say_what_they_may() {
    assert_eq!(path(post(json!({"text": "Hi"}))), "role");
    assert_eq!(path(post(json!({"role": "AppMaker", "text": "Hi"}))), "role");
    assert_eq!(path(post(json!({"role": "appMaker", "messageSchema": "whatsapp"}))), "message");
    let reply = json!([{"type": "reply", "text": "Yes", "payload": "y"}]);
    for (message, expected) in [
        (json!({"text": "Hi", "actions": reply}), "actions"),
        (json!({"text": "Hi", "destination": {"integrationType": "twilio"}}), "destination"),
        (json!({"type": "form", "fields": [{"type": "email", "name": "e", "label": "E"}]}), "type"),
    ] {
        let mut message = message;
        message["role"] = json!("appUser");
        assert_eq!(path(post(message.clone())), expected, "{message}");
    }
}

#[test]
fn what_stands_inside_a_message_gets_an_id() {
    let actions = json!([
        {"type": "buy", "text": "Pay", "amount": 500, "currency": "CAD"},
        {"type": "link", "text": "Call", "uri": "tel:+15145550133", "default": true},
        {"type": "webview", "text": "See", "uri": "https://example.com/w",
         "fallback": "https://example.com/f", "size": "tall"}
    ]);
    let Content::Carousel { items, .. } = content(json!({
        "type": "carousel", "displaySettings": {"imageAspectRatio": "square"},
        "items": [{"title": "Tacos", "size": "large", "actions": actions}, {"title": "Ramen", "actions": actions}]
    })) else {
        panic!("a carousel");
    };
    let mut ids: Vec<String> = items.iter().map(|item| item.id.clone()).collect();
    for action in items.iter().flat_map(|item| &item.actions) {
        let shown = serde_json::to_value(action).expect("JSON");
        ids.push(shown["_id"].as_str().expect("an id").to_owned());
    }
    assert_eq!(ids.len(), 8);
    assert!(ids.iter().all(|id| id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8, "no id is given twice");
    assert!(matches!(&items[0].actions[0], Action::Buy { currency, .. } if currency == "cad"));
}

#[test]
fn a_contents_refusal_names_the_field() {
    let item = |item: Value| json!({"type": "list", "items": [item]});
    let button = json!([{"type": "postback", "text": "Go", "payload": "go"}]);
    let long = "x".repeat(4097);
    for (message, expected) in [
        (json!({"type": "Text", "text": "Hi"}), "type"),
        (json!({"type": "template"}), "type"),
        (json!({"text": ""}), "text"),
        (json!({"text": long}), "text"),
        (json!({"text": "Hi", "payload": long}), "payload"),
        (json!({"type": "image", "text": "Hi"}), "mediaUrl"),
        (json!({"type": "file", "mediaUrl": "/a.pdf"}), "mediaUrl"),
        (json!({"type": "file", "mediaUrl": "ftp://example.com/a.pdf"}), "mediaUrl"),
        (json!({"type": "file", "mediaUrl": format!("https://example.com/{long}")}), "mediaUrl"),
        (json!({"type": "location", "coordinates": {"lat": 91, "long": 0}}), "coordinates.lat"),
        (json!({"type": "location", "coordinates": {"lat": 1, "lng": 0}}), "coordinates.long"),
        (json!({"type": "carousel", "items": []}), "items"),
        (json!({"type": "carousel", "items": vec![json!({"title": "T", "actions": button}); 11]}), "items"),
        (json!({"type": "list"}), "items"),
        (item(json!({"actions": button})), "items[0].title"),
        (item(json!({"title": "T"})), "items[0].actions"),
        (item(json!({"title": "T", "actions": []})), "items[0].actions"),
        (item(json!({"title": "T", "actions": button, "size": "huge"})), "items[0].size"),
        (item(json!({"title": "x".repeat(129), "actions": button})), "items[0].title"),
        (item(json!({"title": "T", "actions": [{"type": "reply"}]})), "items[0].actions[0].type"),
        (json!({"text": "Hi", "metadata": {"a": {"b": 1}}}), "metadata.a"),
        (json!({"text": "Hi", "metadata": {"a": "x".repeat(4096)}}), "metadata"),
        (json!({"text": "Hi", "avatarUrl": "me.png"}), "avatarUrl"),
    ] {
        assert_eq!(refused(message.clone()), expected, "{message}");
    }
    assert_eq!(content(json!({"text": "é".repeat(4096)})).kind(), "text");
    assert!(post(json!({"role": "appMaker", "text": "Hi", "metadata": {"a": "x".repeat(4095)}})).is_ok());
}

#[test]
fn an_actions_refusal_names_the_field() {
    for (action, expected) in [
        (json!("Go"), "actions[0]"),
        (json!({"text": "Go"}), "actions[0].type"),
        (json!({"type": "share"}), "actions[0].type"),
        (json!({"type": "link", "text": "Go"}), "actions[0].uri"),
        (json!({"type": "link", "text": "Go", "uri": "example"}), "actions[0].uri"),
        (json!({"type": "link", "uri": "https://example.com"}), "actions[0].text"),
        (json!({"type": "webview", "text": "Go", "uri": "https://example.com"}), "actions[0].fallback"),
        (json!({"type": "buy", "text": "Go"}), "actions[0].amount"),
        (json!({"type": "buy", "text": "Go", "amount": 2.5}), "actions[0].amount"),
        (json!({"type": "buy", "text": "Go", "amount": 1, "currency": "dollar"}), "actions[0].currency"),
        (json!({"type": "postback", "text": "Go"}), "actions[0].payload"),
        (json!({"type": "reply", "text": "Go", "payload": "x", "iconUrl": "i"}), "actions[0].iconUrl"),
        (json!({"type": "locationRequest", "text": "Go", "metadata": []}), "actions[0].metadata"),
    ] {
        assert_eq!(refused(json!({"text": "Hi", "actions": [action]})), expected, "{action}");
    }
    let reply = json!({"type": "reply", "text": "Yes", "payload": "y"});
    let place = json!({"type": "locationRequest", "text": "Where?"});
    let page = json!({"type": "link", "text": "More", "uri": "https://example.com"});
    assert_eq!(refused(json!({"text": "Hi", "actions": [reply, page]})), "actions");
    let Content::Text { text, actions } = content(json!({"actions": [reply, place]})) else {
        panic!("a text");
    };
    assert_eq!((text.as_str(), actions.len()), ("", 2));
}

#[test]
fn a_forms_refusal_names_the_field() {
    let select = |options: Value| json!({"type": "select", "name": "s", "label": "S", "options": options});
    let option = json!({"name": "a", "label": "A"});
    let text = json!({"type": "text", "name": "t", "label": "T"});
    for (fields, expected) in [
        (json!([]), "fields"),
        (json!([{"type": "phone", "name": "t", "label": "T"}]), "fields[0].type"),
        (json!([{"type": "text", "label": "T"}]), "fields[0].name"),
        (json!([{"type": "text", "name": "t"}]), "fields[0].label"),
        (json!([text, text]), "fields[1].name"),
        (
            json!([{"type": "text", "name": "t", "label": "T", "minSize": 9, "maxSize": 8}]),
            "fields[0].minSize",
        ),
        (json!([{"type": "text", "name": "t", "label": "T", "maxSize": -8}]), "fields[0].maxSize"),
        (json!([text, {"type": "select", "name": "s", "label": "S"}]), "fields[1].options"),
        (json!([select(json!([]))]), "fields[0].options"),
        (json!([select(json!(vec![&option; 21]))]), "fields[0].options"),
        (json!([select(json!([{"name": "a"}]))]), "fields[0].options[0].label"),
    ] {
        assert_eq!(refused(json!({"type": "form", "fields": fields})), expected, "{fields}");
    }
    let form = content(json!({"type": "form", "fields": [text, select(json!([option]))]}));
    let Content::Form { fields, block_chat_input: false, .. } = form else { panic!("an open form") };
    assert!(fields[0].id.len() == 24 && fields[1].options[0].id.len() == 24);
}

#[test]
fn a_person_is_made_known() {
    let read = pre_create(json!({
        "userId": "steveb@example.com", "givenName": "Steve", "surname": null, "email": "",
        "signedUpAt": "2019-01-14T18:55:12.510Z", "properties": {"favoriteFood": "prizza"},
        "credentialRequired": true
    }))
    .expect("a person");
    assert_eq!(read.user_id, "steveb@example.com");
    assert_eq!((read.given_name.as_deref(), read.surname, read.email), (Some("Steve"), None, None));
    assert_eq!(read.signed_up_at, Some(Timestamp::from_millis(1_547_492_112_510)));
    assert_eq!(Value::Object(read.properties), json!({"favoriteFood": "prizza"}));
    for (body, expected) in [
        (json!({}), "userId"),
        (json!({"userId": ""}), "userId"),
        (json!({"userId": 7}), "userId"),
        (json!({"userId": "x".repeat(1025)}), "userId"),
        (json!({"userId": "x", "givenName": "x".repeat(129)}), "givenName"),
        (json!({"userId": "x", "signedUpAt": "yesterday"}), "signedUpAt"),
        (json!({"userId": "x", "properties": {"a": []}}), "properties.a"),
    ] {
        assert_eq!(path(pre_create(body.clone())), expected, "{body}");
    }
}

#[test]
fn a_link_keeps_what_names_the_person() {
    let read = link(json!({
        "type": "twilio", "integrationId": "5e1f438bf99fb467810c0ab9", "phoneNumber": "+1 514-555-0133",
        "givenName": "Steve", "primary": true,
        "confirmation": {"type": "userActivity", "message": {"role": "appMaker", "type": "text", "text": "Hello"}}
    }))
    .expect("a link");
    assert_eq!((read.kind.as_str(), read.integration), ("twilio", Some(Id::new("5e1f438bf99fb467810c0ab9"))));
    assert_eq!(Value::Object(read.fields), json!({"phoneNumber": "+1 514-555-0133", "givenName": "Steve"}));
    assert_eq!(read.confirmation, Confirmation::UserActivity { message: Some(Content::text("Hello")) });
}

#[test]
fn a_confirmation_is_asked_in_few_words() {
    let confirmed = |confirmation| link(json!({"type": "twilio", "confirmation": confirmation}));
    assert_eq!(
        confirmed(json!({"type": "immediate"})).map(|link| link.confirmation),
        Ok(Confirmation::Immediate { message: None })
    );
    assert_eq!(
        confirmed(json!({"type": "prompt", "message": 1})).map(|link| link.confirmation),
        Ok(Confirmation::Prompt)
    );
    let link_action = json!({"type": "link", "text": "More", "uri": "https://example.com"});
    let reply = json!({"type": "reply", "text": "Yes", "payload": "y"});
    let image = json!({"type": "image", "mediaUrl": "https://example.com/a.png", "actions": [link_action]});
    assert!(confirmed(json!({"type": "immediate", "message": image})).is_ok());
    for (confirmation, expected) in [
        (json!(null), "confirmation"),
        (json!({}), "confirmation.type"),
        (json!({"type": "none"}), "confirmation.type"),
        (json!({"type": "userActivity"}), "confirmation.message"),
        (json!({"type": "immediate", "message": {"type": "text"}}), "confirmation.message.text"),
        (
            json!({"type": "immediate", "message": {"type": "file", "mediaUrl": "https://example.com/a.pdf"}}),
            "confirmation.message.type",
        ),
        (
            json!({"type": "immediate", "message": {"text": "Hi", "actions": [reply]}}),
            "confirmation.message.actions[0].type",
        ),
    ] {
        assert_eq!(path(confirmed(confirmation.clone())), expected, "{confirmation}");
    }
    assert_eq!(path(link(json!({"confirmation": {"type": "prompt"}}))), "type");
    assert_eq!(path(link(json!({"type": "twilio", "phoneNumber": 15145550133_u64}))), "phoneNumber");
}

#[test]
fn a_subscription_is_read_in_part_or_whole() {
    let none =
        WebhookFields { target: None, triggers: None, include_client: None, include_full_app_user: None };
    assert_eq!(WebhookFields::parse(b"", WebhookVersion::V1), Ok(none));
    let whole = webhook(json!({
        "target": "http://example.com/callback", "triggers": v1::TRIGGERS, "includeClient": true,
        "includeFullAppUser": false
    }))
    .expect("a webhook");
    assert_eq!(whole.triggers.map(|triggers| triggers.len()), Some(v1::TRIGGERS.len()));
    assert_eq!((whole.include_client, whole.include_full_app_user), (Some(true), Some(false)));
    for (body, expected) in [
        (json!({"target": "example.com/callback"}), "target"),
        (json!({"target": "file:///etc/passwd"}), "target"),
        (json!({"target": "http://"}), "target"),
        (json!({"triggers": "*"}), "triggers"),
        (json!({"triggers": ["message", "message:appuser"]}), "triggers[1]"),
        (json!({"includeClient": "yes"}), "includeClient"),
    ] {
        assert_eq!(path(webhook(body.clone())), expected, "{body}");
    }
}

/// JSON made of the words requests are made of.
fn any_request() -> impl Strategy<Value = Value> {
    let words =
        "text|type|image|list|form|items|actions|title|link|reply|select|appMaker|https://example.com|.{0,6}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    let keys = "role|type|text|message|destination|integrationId|destinationId|author|items|actions|fields|options\
        |title|uri|payload|mediaUrl|coordinates|lat|long|confirmation|metadata|triggers|userId|name|label";
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(keys, inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn parse_as_anything(body: &[u8]) {
    let _ = Notification::parse(body, NOW);
    let _ = PreCreate::parse(body, NOW);
    let _ = LinkChannel::parse(body, NOW);
    let _ = PostMessage::parse(body, NOW);
    let _ = WebhookFields::parse(body, WebhookVersion::V1);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        parse_as_anything(&body);
    }

    #[test]
    fn any_json_is_read_or_refused(body in any_request()) {
        parse_as_anything(body.to_string().as_bytes());
    }
}
