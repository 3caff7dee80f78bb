//! What may be said through v2, by whom, and how what may not is refused.

use heliograph_connectors::channel::Action;
use serde_json::Value;

use super::*;
use crate::wire::given::document;

fn read(role: Role, request: Value) -> Result<Said, String> {
    let document = document(request.to_string().as_bytes()).expect("JSON");
    said(&Given::root(&document), role, Timestamp::from_millis(0)).map_err(|refused| refused.to_string())
}

fn business(content: Value) -> Result<Said, String> {
    read(Role::Business, json!({ "content": content }))
}

fn refused(content: Value) -> String {
    business(content.clone()).expect_err(&content.to_string())
}

fn text_of(said: Said) -> (String, Option<String>) {
    let Body::Content(Content::Text { text, .. }) = said.body else { panic!("a text: {said:?}") };
    (text, said.html_text)
}

#[test]
fn a_text_is_given_plainly_or_derived() {
    let html = "<p>Hello <b>you</b></p><script>alert(1)</script>";
    for (content, text, as_html) in [
        (json!({"type": "text", "text": "Hello"}), "Hello", None),
        (json!({"type": "text", "htmlText": html}), "Hello you", Some(html)),
        (json!({"type": "text", "text": "Plain", "htmlText": html}), "Plain", Some(html)),
        (
            json!({"type": "text", "markdownText": "Hello *you*"}),
            "Hello you",
            Some("<p>Hello <em>you</em></p>"),
        ),
    ] {
        let read = text_of(business(content).expect("is right"));
        assert_eq!(read, (text.to_owned(), as_html.map(str::to_owned)));
    }
    let image =
        json!({"type": "image", "mediaUrl": "https://example.com/a.png", "markdownText": "**A** parcel"});
    let Ok(Said { body: Body::Content(Content::Image { text, .. }), html_text, .. }) = business(image) else {
        panic!("an image");
    };
    assert_eq!(text.as_deref(), Some("A parcel"));
    assert_eq!(html_text.as_deref(), Some("<p><strong>A</strong> parcel</p>"));
}

#[test]
fn a_text_has_limits() {
    let long = "x".repeat(4097);
    for key in ["text", "htmlText", "markdownText"] {
        let refused = refused(json!({"type": "text", key: long}));
        assert_eq!(refused, format!("content.{key}: must not be longer than 4096 characters"));
    }
    let short = "*a* ".repeat(1000);
    assert_eq!(
        refused(json!({"type": "text", "markdownText": short})),
        "content.markdownText: must not be longer than 4096 characters as HTML"
    );
    assert_eq!(
        refused(json!({"type": "text", "htmlText": "<b>a</b>", "markdownText": "*a*"})),
        "content.markdownText: must not stand beside htmlText"
    );
    for empty in [
        json!({"type": "text"}),
        json!({"type": "text", "text": ""}),
        json!({"type": "text", "htmlText": "<script>1</script>"}),
    ] {
        assert_eq!(refused(empty), "content.text: is required");
    }
}

#[test]
fn every_kind_is_read() {
    let link = json!({"type": "link", "text": "Open", "uri": "https://example.com/"});
    let item = json!({"title": "One", "description": "first", "actions": [link]});
    let field = |kind: &str| json!({"type": kind, "name": kind, "label": kind, "options": [{"name": "a", "label": "A"}]});
    for content in [
        json!({"type": "text", "actions": [{"type": "reply", "text": "Yes", "payload": "y"}]}),
        json!({"type": "image", "mediaUrl": "https://example.com/a.png", "actions": [link]}),
        json!({"type": "file", "mediaUrl": "https://example.com/a.pdf", "altText": "a letter"}),
        json!({"type": "location", "coordinates": {"lat": 1, "long": 2.5}, "location": {"name": "Office"}}),
        json!({"type": "carousel", "items": [item], "displaySettings": {"imageAspectRatio": "square"}}),
        json!({"type": "list", "items": [item], "actions": [link]}),
        json!({"type": "form", "fields": [field("text"), field("email"), field("select")], "blockChatInput": true}),
    ] {
        let said = business(content.clone()).unwrap_or_else(|refused| panic!("{content}: {refused}"));
        let Body::Content(read) = said.body else { panic!("content") };
        assert_eq!(read.kind(), content["type"]);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let link = json!({"type": "link", "text": "Open", "uri": "https://example.com/"});
    let item = |actions: Value| json!({"type": "carousel", "items": [{"title": "One", "actions": actions}]});
    let field = |field: Value| json!({"type": "form", "fields": [field]});
    let many = |count: usize| vec![json!({"title": "One", "actions": [link]}); count];
    for (content, expected) in [
        (json!({"text": "no type"}), "content.type: is required"),
        (
            json!({"type": "formResponse", "fields": []}),
            "content.type: formResponse cannot be sent through the API",
        ),
        (json!({"type": "template", "template": {}}), "content.type: template needs the schema whatsapp"),
        (json!({"type": "image"}), "content.mediaUrl: is required"),
        (
            json!({"type": "file", "mediaUrl": "a.pdf"}),
            "content.mediaUrl: must be an absolute http or https URL",
        ),
        (json!({"type": "location", "coordinates": {"lat": 1}}), "content.coordinates.long: is required"),
        (json!({"type": "carousel", "items": []}), "content.items: should not have fewer than 1 items"),
        (json!({"type": "list", "items": many(11)}), "content.items: should not have more than 10 items"),
        (item(json!([])), "content.items[0].actions: should not have fewer than 1 items"),
        (
            item(json!([link, link, link, link])),
            "content.items[0].actions: should not have more than 3 items",
        ),
        (
            item(json!([{"type": "reply", "text": "Yes", "payload": "y"}])),
            "content.items[0].actions[0].type: must be one of buy, link, postback, webview",
        ),
        (
            json!({"type": "text", "text": "a", "actions": [link, {"type": "locationRequest", "text": "Where?"}]}),
            "content.actions: reply and locationRequest can be mixed only with each other",
        ),
        (
            json!({"type": "text", "text": "a", "actions": [{"type": "postback", "text": "Go"}]}),
            "content.actions[0].payload: is required",
        ),
        (json!({"type": "form", "fields": []}), "content.fields: should not have fewer than 1 items"),
        (field(json!({"type": "text", "name": "a"})), "content.fields[0].label: is required"),
        (
            field(json!({"type": "select", "name": "a", "label": "A"})),
            "content.fields[0].options: is required",
        ),
        (
            field(json!({"type": "text", "name": "a", "label": "A", "maxSize": 257})),
            "content.fields[0].maxSize: must lie between 1 and 256",
        ),
        (
            json!({"type": "form", "fields": vec![json!({"type": "text", "name": "a", "label": "A"}); 2]}),
            "content.fields[1].name: must be unique within the form",
        ),
    ] {
        assert_eq!(refused(content), expected);
    }
}

#[test]
fn people_say_plain_things() {
    let user = |content: Value| read(Role::User, json!({ "content": content }));
    let said = user(json!({"type": "text", "text": "Yes", "payload": "y"})).expect("is right");
    assert_eq!(said.payload.as_deref(), Some("y"));
    for (content, field) in [
        (
            json!({"type": "text", "text": "a", "actions": [{"type": "reply", "text": "Yes", "payload": "y"}]}),
            "content.actions",
        ),
        (json!({"type": "carousel", "items": []}), "content.type"),
        (json!({"type": "formResponse", "fields": []}), "content.type"),
    ] {
        let refused = user(content).expect_err("a refusal");
        assert!(refused.starts_with(field), "{refused}");
    }
    let native = json!({"schema": "whatsapp", "content": {"type": "template", "template": {}}});
    assert_eq!(read(Role::User, native), Err("schema: is for messages of the business".into()));
}

#[test]
fn a_template_passes_through() {
    let template = json!({"name": "hello", "language": {"code": "en", "policy": "deterministic"}});
    let request = |content: Value| json!({"schema": "whatsapp", "content": content});
    let said =
        read(Role::Business, request(json!({"type": "template", "template": template}))).expect("is right");
    let message = json!({"type": "template", "template": template});
    assert_eq!(said.body, Body::Native { schema: "whatsapp".into(), message });
    assert!(read(Role::Business, request(json!({"type": "text", "text": "Hi"}))).is_err());
    assert!(
        read(Role::Business, json!({"schema": "line", "content": {"type": "text", "text": "Hi"}})).is_err()
    );
}

#[test]
fn actions_carry_what_channels_know() {
    let options = json!({"messenger": {"messenger_extensions": true}});
    let link = json!({"type": "link", "text": "Open", "uri": "tel:+15145550101", "default": true,
                      "extraChannelOptions": options, "metadata": {"a": 1}});
    let said = business(json!({"type": "text", "text": "a", "actions": [link]})).expect("is right");
    let Body::Content(Content::Text { actions, .. }) = said.body else { panic!("a text") };
    let [Action::Link { default: true, extra_channel_options, metadata, .. }] = &actions[..] else {
        panic!("a link: {actions:?}");
    };
    assert_eq!((extra_channel_options.as_ref(), metadata.len()), (Some(&options), 1));
}
