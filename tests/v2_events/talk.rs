//! What is said and done in conversations.

use serde_json::{Value, json};

use super::{Scene, compare};
use crate::harness::line::{LINES, called};
use crate::harness::signing::hmac_sha256;
use crate::harness::{Engine, Golden, on_both_engines};

on_both_engines! {
    a_conversation_begins_and_a_text_is_told_as_each_channel_brings_it,
    what_people_send_is_told_by_its_kind,
    what_the_business_says_is_told_by_its_kind,
    a_reply_brings_the_notifications_before_it,
    who_reads_and_presses_is_told,
    a_referral_is_told,
}

async fn a_conversation_begins_and_a_text_is_told_as_each_channel_brings_it(engine: Engine) {
    let scene = Scene::start(engine).await;
    for line in &LINES {
        let hello = json!({"text": "Where is my parcel?", "subject": "Parcel"});
        compare(&scene.write(line, hello).await, &format!("on_{}", line.kind));
        let is_here = |payload: &Value| payload["source"]["integrationId"] == line.integration;
        let begun = scene.desk.told_of("conversation:create", is_here).await;
        compare(&begun, &format!("on_{}", line.kind));
    }
    let calls = scene.desk.arrivals();
    assert!(calls.iter().all(|call| call.event["events"].as_array().is_some_and(|all| all.len() == 1)));
    let is_begin =
        |call: &&crate::harness::receiver::Arrival| call.event["events"][0]["type"] == "conversation:create";
    let mut envelope = calls.iter().find(is_begin).expect("a beginning").event.clone();
    envelope["events"] = json!([]);
    Golden::of("v2/envelope").compare("call.json", &envelope);
}

async fn what_people_send_is_told_by_its_kind(engine: Engine) {
    let scene = Scene::start(engine).await;
    let file = |name: &str| format!("{}/files/{name}", scene.rig.sim_address());
    let press = json!({"text": "The red one", "payload": "RED"});
    compare(&scene.write(called("messenger"), press).await, "quick_reply");
    let picture = json!({"text": "Look", "media": [{"url": file("photo.png"), "type": "image/png"}]});
    compare(&scene.write(called("twilio"), picture).await, "image");
    let bill = json!({"media": [{"url": file("bill.pdf"), "type": "application/pdf"}]});
    compare(&scene.write(called("whatsapp"), bill).await, "file");
    let line = called("whatsapp");
    let user = scene.person(line).await;
    let asked = scene.post(&user, json!({"text": "Red or blue?"})).await["_id"].clone();
    let is_there = |payload: &Value| payload["message"]["id"] == asked;
    let delivered = scene.desk.told_of("conversation:message:delivery:user", is_there).await;
    let external = &delivered["payload"]["externalMessages"][0]["id"];
    compare(&scene.write(line, json!({"text": "Red", "answers": external})).await, "answer");
    let unknown = json!({"text": "Blue", "answers": "wamid.unheard.of"});
    compare(&scene.write(line, unknown).await, "answer_to_something_unknown");
}

/// Each kind of message with everything that it can carry.
fn kinds() -> Vec<(&'static str, Value)> {
    let picture = "https://example.com/red.png";
    let items = json!([
        {"title": "Red", "description": "The red one", "mediaUrl": picture, "mediaType": "image/png",
         "altText": "A red parcel", "size": "large", "actions": [
            {"type": "link", "text": "See it", "uri": "https://example.com/red"}, {"type": "share"}]},
        {"title": "Blue", "actions": [{"type": "postback", "text": "Take it", "payload": "BLUE"}]},
    ]);
    vec![
        (
            "text",
            json!({"type": "text", "text": "Hello", "name": "Ada", "email": "ada@example.com",
                        "avatarUrl": "https://example.com/ada.png", "metadata": {"order": 7, "vip": true}}),
        ),
        (
            "actions",
            json!({"type": "text", "text": "What now?", "actions": [
            {"type": "link", "text": "See it", "uri": "https://example.com/see", "default": true},
            {"type": "webview", "text": "Choose", "uri": "https://example.com/choose",
             "fallback": "https://example.com/plain", "size": "compact"},
            {"type": "buy", "text": "Pay", "amount": 500, "currency": "EUR"},
            {"type": "postback", "text": "Stop it", "payload": "STOP_IT"}]}),
        ),
        (
            "replies",
            json!({"type": "text", "text": "When?", "actions": [
            {"type": "reply", "text": "Today", "payload": "TODAY", "iconUrl": picture},
            {"type": "locationRequest", "text": "Where I am"}]}),
        ),
        (
            "image_of_ours",
            json!({"type": "image", "mediaUrl": picture, "mediaType": "image/png",
                                 "text": "The red one", "altText": "A red parcel"}),
        ),
        (
            "file_of_ours",
            json!({"type": "file", "mediaUrl": "https://example.com/bill.pdf",
                                "mediaType": "application/pdf", "text": "Your bill", "altText": "A bill"}),
        ),
        (
            "location",
            json!({"type": "location", "coordinates": {"lat": 45.5261583, "long": -73.595346},
                            "location": {"name": "Office", "address": "1 Example Street"}}),
        ),
        (
            "carousel",
            json!({"type": "carousel", "displaySettings": {"imageAspectRatio": "square"},
                            "items": items}),
        ),
        (
            "list",
            json!({"type": "list", "items": items, "actions": [
            {"type": "link", "text": "All of them", "uri": "https://example.com/all"}]}),
        ),
        (
            "form",
            json!({"type": "form", "blockChatInput": true, "fields": [
            {"type": "text", "name": "who", "label": "Your name?", "placeholder": "Ann", "minSize": 2},
            {"type": "select", "name": "size", "label": "Your size?",
             "options": [{"name": "s", "label": "Small"}, {"name": "m", "label": "Middle"}]}]}),
        ),
    ]
}

async fn what_the_business_says_is_told_by_its_kind(engine: Engine) {
    let scene = Scene::start(engine).await;
    let user = scene.rig.user("steveb@example.com").await;
    for (kind, message) in kinds() {
        let said = scene.post(&user, message).await;
        let is_it = |payload: &Value| payload["message"]["id"] == said["_id"];
        compare(&scene.desk.told_of("conversation:message", is_it).await, kind);
    }
}

async fn a_reply_brings_the_notifications_before_it(engine: Engine) {
    let scene = Scene::start(engine).await;
    let number = "+15145550149";
    scene.rig.notify_and_deliver(number, "Your parcel leaves today.").await;
    let is_new = |payload: &Value| payload["creationReason"] == "notification";
    compare(&scene.desk.told_of("conversation:create", is_new).await, "by_notification");
    scene.rig.sim().write(number, "Thank you").await;
    let is_it = |payload: &Value| payload["message"]["content"]["text"] == "Thank you";
    let reply = scene.desk.told_of("conversation:message", is_it).await;
    compare(&reply, "with_recent_notifications");
    let started = scene.rig.receiver.triggers().iter().filter(|one| *one == "conversation:start").count();
    assert_eq!(started, 0, "v1.1 hears of no conversation that a notification began");
}

async fn who_reads_and_presses_is_told(engine: Engine) {
    let scene = Scene::start(engine).await;
    let line = called("messenger");
    let user = scene.person(line).await;
    let buttons = json!({"text": "Which?", "actions": [
        {"type": "postback", "text": "Red", "payload": "RED", "metadata": {"colour": "red"}}]});
    let message = scene.post(&user, buttons).await["_id"].clone();
    let taken = |payload: &Value| payload["message"]["id"] == message;
    scene.desk.told_of("conversation:message:delivery:channel", taken).await;
    let sent = scene.rig.sim().first_to(line.person).await;
    let provider_id = sent["providerId"].as_str().expect("an id");
    assert_eq!(scene.rig.sim().receipt(provider_id, "read", "valid").await, 200);
    compare(&scene.desk.told_of("conversation:read", |_| true).await, "");
    let press = json!({"integrationId": line.integration, "from": line.person, "payload": "RED"});
    assert_eq!(scene.rig.sim().control("/control/write", &press).await["status"], 200);
    compare(&scene.desk.told_of("conversation:postback", |_| true).await, "");
}

/// Has Meta tell that a link was opened.
async fn opened(scene: &Scene, at: i64, code: &str) {
    let line = called("messenger");
    let page = "180005062406476";
    let event = json!({
        "sender": {"id": line.person}, "recipient": {"id": page}, "timestamp": at,
        "referral": {"ref": code, "source": "ADS", "type": "OPEN_THREAD", "ad_id": "7"},
    });
    let body =
        json!({"object": "page", "entry": [{"id": page, "time": at, "messaging": [event]}]}).to_string();
    let signature = format!("sha256={}", hex::encode(hmac_sha256(b"fake-app-secret", body.as_bytes())));
    let path = format!("/hooks/messenger/{}", line.integration);
    let headers = [("x-hub-signature-256", signature.as_str())];
    let answer = scene.rig.gateway.anonymous().request("POST", &path, &headers, Some(body)).await;
    assert_eq!(answer.status, 200);
}

async fn a_referral_is_told(engine: Engine) {
    let scene = Scene::start(engine).await;
    opened(&scene, 1_795_255_200_123, "first").await;
    compare(&scene.desk.told_of("conversation:create", |_| true).await, "by_referral");
    opened(&scene, 1_795_255_300_123, "second").await;
    compare(&scene.desk.told_of("conversation:referral", |_| true).await, "");
}
