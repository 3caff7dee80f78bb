//! What becomes of messages and notifications: the delivery events of each channel.

use serde_json::{Value, json};

use super::{everywhere, id_of, post, write};
use crate::harness::line::{LINES, Line};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, on_both_engines};

on_both_engines! {
    a_messages_way_is_told_as_each_channel_knows_it,
    a_notifications_way_is_told_as_each_channel_knows_it,
    a_failure_after_acceptance_is_told_as_each_channel_reports_it,
}

/// What is told of something that a channel takes.
fn ways(line: &Line) -> &'static [&'static str] {
    if line.reports { &["channel", "user"] } else { &["channel"] }
}

fn golden(line: &Line) -> Golden {
    Golden::of(&format!("v1/delivery_on_{}", line.kind))
}

async fn refuse(rig: &Rig, line: &Line, behaviour: &str) {
    rig.sim().rule(json!({"integrationId": line.integration, "behaviour": behaviour})).await;
}

/// Waits for an event of one message.
async fn of_message(rig: &Rig, way: &str, message: &Value) -> Value {
    let trigger = format!("message:delivery:{way}");
    rig.receiver
        .event(&trigger, |event| event["trigger"] == trigger.as_str() && event["message"] == *message)
        .await
}

async fn a_messages_way_is_told_as_each_channel_knows_it(engine: Engine) {
    let rig = everywhere(engine).await;
    for line in &LINES {
        let user = id_of(&write(&rig, line, json!({"text": "Hello"})).await["appUser"]);
        let message = json!({"_id": post(&rig, &user, json!({"text": "Welcome"})).await["message"]["_id"]});
        let mut golden = golden(line);
        for way in ways(line) {
            golden.compare(&format!("message.{way}.json"), &of_message(&rig, way, &message).await);
        }
        refuse(&rig, line, "refuse").await;
        let message = json!({"_id": post(&rig, &user, json!({"text": "Lost"})).await["message"]["_id"]});
        let event = of_message(&rig, "failure", &message).await;
        self::golden(line).compare("message.failure.json", &event);
    }
}

async fn notify(rig: &Rig, line: &Line) -> String {
    let body = json!({
        "destination": {"integrationId": line.integration, "destinationId": line.person},
        "author": {"role": "appMaker"},
        "message": {"type": "text", "text": "Your parcel leaves today."},
    });
    let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
    id_of(&answer["notification"])
}

async fn a_notifications_way_is_told_as_each_channel_knows_it(engine: Engine) {
    let rig = everywhere(engine).await;
    for line in &LINES {
        let id = notify(&rig, line).await;
        let mut golden = golden(line);
        for way in ways(line) {
            let event = rig.receiver.about(&format!("notification:delivery:{way}"), &id).await;
            golden.compare(&format!("notification.{way}.json"), &event);
        }
        refuse(&rig, line, "refuse").await;
        let id = notify(&rig, line).await;
        let event = rig.receiver.about("notification:delivery:failure", &id).await;
        self::golden(line).compare("notification.failure.json", &event);
    }
}

async fn a_failure_after_acceptance_is_told_as_each_channel_reports_it(engine: Engine) {
    let rig = everywhere(engine).await;
    for line in LINES.iter().filter(|line| line.reports) {
        refuse(&rig, line, "fail").await;
        let id = notify(&rig, line).await;
        let event = rig.receiver.about("notification:delivery:failure", &id).await;
        golden(line).compare("notification.late_failure.json", &event);
    }
}
