//! Notifications in the shapes of v2, from the 201 to the final event.

use serde_json::{Value, json};

use crate::harness::config::{APP, TWILIO, v2_webhook};
use crate::harness::line::{LINES, called};
use crate::harness::receiver::Receiver;
use crate::harness::{Engine, Golden, Rig, on_both_engines};

on_both_engines! {
    a_notification_of_v2_is_accepted_sent_and_reported,
    every_channel_takes_notifications_of_v2,
    a_channels_own_words_go_out_as_they_are,
    the_same_key_sends_once,
    what_is_wrong_with_a_notification_of_v2_is_named,
}

const NUMBER: &str = "+15145550142";

fn path() -> String {
    format!("/v2/apps/{APP}/notifications")
}

fn to(integration: &str, address: &str, content: Value) -> Value {
    json!({
        "destination": {"integrationId": integration, "destinationId": address},
        "author": {"type": "business", "displayName": "Ada"},
        "content": content,
    })
}

fn hello() -> Value {
    json!({"type": "text", "text": "Check this out!"})
}

/// A gateway with an integration of each channel, and who is told of notifications by v2.
async fn rig(engine: Engine) -> (Rig, Receiver) {
    let desk = Receiver::start().await;
    let named =
        ["*", "notification:delivery:channel", "notification:delivery:user", "notification:delivery:failure"];
    let webhook = v2_webhook(&desk.url, &named);
    let rig = Rig::with(engine, |config| {
        LINES.iter().fold(config, |config, line| line.join(config)).push("apps.0.webhooks", webhook)
    })
    .await;
    (rig, desk)
}

async fn accepted(rig: &Rig, body: &Value) -> String {
    let answer = rig.gateway.api().post(&path(), body).await.expect(201);
    let id = answer["notification"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(answer, json!({"notification": {"id": id}}));
    id
}

async fn a_notification_of_v2_is_accepted_sent_and_reported(engine: Engine) {
    let (rig, desk) = rig(engine).await;
    let id = accepted(&rig, &to(TWILIO, NUMBER, hello())).await;
    assert_eq!(rig.sim().first_to(NUMBER).await["text"], "Check this out!");
    let mut golden = Golden::of("v2/notification");
    golden.holes.bind("notification", id.as_str());
    let mine = |payload: &Value| payload["notification"]["id"] == id.as_str();
    let reached = desk.told_of("notification:delivery:user", mine).await;
    golden.compare("channel.json", &desk.told_of("notification:delivery:channel", mine).await);
    golden.compare("user.json", &reached);
    rig.receiver.about("notification:delivery:user", &id).await;
    rig.sim().write(NUMBER, "Thank you").await;
    let is_it = |payload: &Value| payload["message"]["content"]["text"] == "Thank you";
    let reply = desk.told_of("conversation:message", is_it).await;
    let recent = &reply["payload"]["recentNotifications"];
    assert_eq!(recent[0]["content"], hello(), "{reply}");
    assert_eq!(recent[0]["author"], json!({"type": "business", "displayName": "Ada"}));
}

async fn every_channel_takes_notifications_of_v2(engine: Engine) {
    let (rig, desk) = rig(engine).await;
    for line in &LINES {
        let id = accepted(&rig, &to(line.integration, line.person, hello())).await;
        let last = if line.reports { "notification:delivery:user" } else { "notification:delivery:channel" };
        let mine = |payload: &Value| payload["notification"]["id"] == id.as_str();
        let event = desk.told_of(last, mine).await;
        assert_eq!(event["payload"]["isFinalEvent"], true, "{event}");
        assert_eq!(event["payload"]["destination"]["integrationId"], line.integration);
    }
}

async fn a_channels_own_words_go_out_as_they_are(engine: Engine) {
    let (rig, _) = rig(engine).await;
    let line = called("whatsapp");
    let mut body = to(line.integration, line.person, hello());
    body["override"] =
        json!({"whatsapp": {"payload": {"type": "text", "text": {"body": "Said as WhatsApp says it"}}}});
    accepted(&rig, &body).await;
    assert_eq!(rig.sim().first_to(line.person).await["text"], "Said as WhatsApp says it");
    let template = json!({"name": "greeting", "language": {"policy": "deterministic", "code": "en"}});
    let mut body = to(line.integration, "+15145550167", json!({"type": "template", "template": template}));
    body["schema"] = json!("whatsapp");
    accepted(&rig, &body).await;
    let sent = rig.sim().first_to("+15145550167").await;
    assert!(sent.to_string().contains("greeting"), "{sent}");
}

async fn the_same_key_sends_once(engine: Engine) {
    let (rig, _) = rig(engine).await;
    let body = to(TWILIO, NUMBER, hello()).to_string();
    let headers = [("idempotency-key", "once")];
    let mut answers = Vec::new();
    for _ in 0..2 {
        let answer = rig.gateway.api().request("POST", &path(), &headers, Some(body.clone())).await;
        answers.push(answer.expect(201));
    }
    assert_eq!(answers[0], answers[1]);
    rig.settled(NUMBER).await;
    let texts: Vec<Value> = rig.sim().sent_to(NUMBER).await.iter().map(|sent| sent["text"].clone()).collect();
    assert_eq!(texts.iter().filter(|text| **text == "Check this out!").count(), 1, "{texts:?}");
}

async fn what_is_wrong_with_a_notification_of_v2_is_named(engine: Engine) {
    let (rig, _) = rig(engine).await;
    let api = rig.gateway.api();
    let good = to(TWILIO, NUMBER, hello());
    for (key, value, named) in [
        ("content", Value::Null, "content"),
        ("content", json!({"type": "smoke"}), "content.type"),
        ("author", json!({"type": "user", "userId": "a"}), "author.type"),
        ("destination", json!({"integrationId": TWILIO}), "destinationId"),
        ("destination", json!({"integrationId": TWILIO, "destinationId": "nobody"}), "destinationId"),
        ("schema", json!("whatsapp"), "template"),
    ] {
        let mut body = good.clone();
        body[key] = value;
        let title = api.post(&path(), &body).await.refused_v2(400, "bad_request");
        assert!(title.contains(named), "{title:?} does not name {named}");
    }
    let unknown = to("5e1f438bf99fb467810c0aff", NUMBER, hello());
    api.post(&path(), &unknown).await.refused_v2(404, "integration_not_found");
}
