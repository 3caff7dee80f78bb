//! What the business says: `message:appMaker` for each kind of content, the same in answer, webhook and history.

use serde_json::{Value, json};

use super::{everywhere, id_of, of_user, post, write};
use crate::harness::line::called;
use crate::harness::{Engine, Golden, Rig, on_both_engines};

on_both_engines! {
    what_the_business_says_is_told_by_its_kind,
    what_is_said_in_one_breath_is_told_one_by_one,
    whatsapps_own_words_are_told_as_they_read,
}

fn golden() -> Golden {
    Golden::of("v1/said_by_the_business")
}

/// Each kind of message with everything that it can carry, under the name of its file.
fn kinds() -> Vec<(&'static str, Value)> {
    let picture = "https://example.com/red.png";
    vec![
        (
            "text",
            json!({
                "type": "text", "text": "Hello", "name": "Ada", "email": "ada@example.com",
                "avatarUrl": "https://example.com/ada.png", "metadata": {"order": 7, "vip": true},
            }),
        ),
        (
            "actions",
            json!({"type": "text", "text": "What now?", "actions": [
                {"type": "link", "text": "See it", "uri": "https://example.com/see", "default": true,
                 "metadata": {"place": 1}, "extraChannelOptions": {"messenger": {"webview_share_button": "hide"}}},
                {"type": "webview", "text": "Choose", "uri": "https://example.com/choose",
                 "fallback": "https://example.com/plain", "size": "compact"},
                {"type": "buy", "text": "Pay", "amount": 500, "currency": "EUR"},
                {"type": "postback", "text": "Stop it", "payload": "STOP_IT"},
            ]}),
        ),
        (
            "replies",
            json!({"type": "text", "text": "When?", "actions": [
                {"type": "reply", "text": "Today", "payload": "TODAY", "iconUrl": picture, "metadata": {"day": 1}},
                {"type": "locationRequest", "text": "Where I am"},
            ]}),
        ),
        (
            "image",
            json!({
                "type": "image", "mediaUrl": picture, "mediaType": "image/png", "text": "The red one",
                "altText": "A red parcel",
            }),
        ),
        (
            "file",
            json!({
                "type": "file", "mediaUrl": "https://example.com/bill.pdf", "mediaType": "application/pdf",
                "text": "Your bill", "altText": "A bill",
            }),
        ),
        (
            "location",
            json!({
                "type": "location", "coordinates": {"lat": 45.5261583, "long": -73.595346},
                "location": {"name": "Office", "address": "1 Example Street"},
            }),
        ),
    ]
}

/// The same of those that are made of parts.
fn kinds_with_parts() -> Vec<(&'static str, Value)> {
    vec![
        (
            "carousel",
            json!({
                "type": "carousel", "displaySettings": {"imageAspectRatio": "square"}, "items": items(),
            }),
        ),
        (
            "list",
            json!({"type": "list", "items": items(), "actions": [
                {"type": "link", "text": "All of them", "uri": "https://example.com/all"},
            ]}),
        ),
        (
            "form",
            json!({"type": "form", "blockChatInput": true, "fields": [
                {"type": "text", "name": "who", "label": "Your name?", "placeholder": "Ann", "minSize": 2, "maxSize": 20},
                {"type": "email", "name": "mail", "label": "Your mail?"},
                {"type": "select", "name": "size", "label": "Your size?",
                 "options": [{"name": "s", "label": "Small"}, {"name": "m", "label": "Middle"}]},
            ]}),
        ),
    ]
}

fn items() -> Value {
    json!([
        {"title": "Red", "description": "The red one", "mediaUrl": "https://example.com/red.png",
         "mediaType": "image/png", "altText": "A red parcel", "size": "large", "actions": [
            {"type": "link", "text": "See it", "uri": "https://example.com/red"},
            {"type": "share"},
        ]},
        {"title": "Blue", "actions": [{"type": "postback", "text": "Take it", "payload": "BLUE"}]},
    ])
}

/// Waits until a message is told.
async fn told(rig: &Rig, message: &Value) -> Value {
    rig.receiver.event("the message", |event| event["messages"][0]["_id"] == message["_id"]).await
}

async fn what_the_business_says_is_told_by_its_kind(engine: Engine) {
    let rig = everywhere(engine).await;
    let user = rig.user("steveb@example.com").await;
    for (kind, message) in kinds().into_iter().chain(kinds_with_parts()) {
        let answer = post(&rig, &user, message).await;
        let event = told(&rig, &answer["message"]).await;
        golden().compare(&format!("{kind}.json"), &event);
        assert_eq!(event["messages"], json!([answer["message"]]), "told as it was answered");
        assert_eq!(rig.messages(&user).await.last(), Some(&answer["message"]), "and kept so");
    }
}

async fn what_is_said_in_one_breath_is_told_one_by_one(engine: Engine) {
    let rig = everywhere(engine).await;
    let user = rig.user("steveb@example.com").await;
    let text = "This one ![](https://example.com/red.png) or that ![](https://example.com/blue.png)";
    let answer = post(&rig, &user, json!({"type": "text", "text": text})).await;
    let mut golden = golden();
    golden.compare("extra_messages.response.json", &answer);
    let extra = answer["extraMessages"].as_array().expect("a list");
    let all: Vec<&Value> = std::iter::once(&answer["message"]).chain(extra).collect();
    for message in &all {
        assert_eq!(told(&rig, message).await["messages"], json!([message]));
    }
    assert_eq!(rig.messages(&user).await.iter().collect::<Vec<_>>(), all);
}

async fn whatsapps_own_words_are_told_as_they_read(engine: Engine) {
    let rig = everywhere(engine).await;
    let user = id_of(&write(&rig, called("whatsapp"), json!({"text": "Hello"})).await["appUser"]);
    let text = json!({"type": "text", "text": {"body": "Said as WhatsApp says it"}});
    let body = json!({"role": "appMaker", "messageSchema": "whatsapp", "message": text});
    let answer = rig.gateway.api().post(&of_user(&user, "/messages"), &body).await.expect(201);
    golden().compare("whatsapp_payload.json", &told(&rig, &answer["message"]).await);
}
