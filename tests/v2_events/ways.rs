//! What becomes of messages and notifications: the delivery events of each channel.

use serde_json::{Value, json};

use super::{Scene, compare};
use crate::harness::line::{LINES, Line};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, on_both_engines};

on_both_engines! {
    a_messages_way_is_told_as_each_channel_knows_it,
    a_notifications_way_is_told_to_who_names_it,
}

/// What is told of something that a channel takes; the last is the end.
fn ways(line: &Line) -> &'static [&'static str] {
    if line.reports { &["channel", "user"] } else { &["channel"] }
}

async fn refuse(scene: &Scene, line: &Line) {
    scene.rig.sim().rule(json!({"integrationId": line.integration, "behaviour": "refuse"})).await;
}

async fn of_message(scene: &Scene, way: &str, message: &Value) -> Value {
    let is_it = |payload: &Value| payload["message"]["id"] == *message;
    scene.desk.told_of(&format!("conversation:message:delivery:{way}"), is_it).await
}

async fn a_messages_way_is_told_as_each_channel_knows_it(engine: Engine) {
    let scene = Scene::start(engine).await;
    for line in &LINES {
        let user = scene.person(line).await;
        let message = scene.post(&user, json!({"text": "Welcome"})).await["_id"].clone();
        for way in ways(line) {
            let event = of_message(&scene, way, &message).await;
            let is_last = Some(way) == ways(line).last();
            assert_eq!(event["payload"]["isFinalEvent"], is_last, "{event}");
            compare(&event, &format!("on_{}", line.kind));
        }
        refuse(&scene, line).await;
        let message = scene.post(&user, json!({"text": "Lost"})).await["_id"].clone();
        let event = of_message(&scene, "failure", &message).await;
        assert_eq!(event["payload"]["isFinalEvent"], true, "{event}");
        compare(&event, &format!("on_{}", line.kind));
    }
}

async fn notify(scene: &Scene, line: &Line) -> Value {
    let body = json!({
        "destination": {"integrationId": line.integration, "destinationId": line.person},
        "author": {"role": "appMaker"},
        "message": {"type": "text", "text": "Your parcel leaves today."},
    });
    let answer = scene.rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
    answer["notification"]["_id"].clone()
}

async fn a_notifications_way_is_told_to_who_names_it(engine: Engine) {
    let scene = Scene::start(engine).await;
    for line in &LINES {
        let about = |id: Value| move |payload: &Value| payload["notification"]["id"] == id;
        let id = notify(&scene, line).await;
        for way in ways(line) {
            let kind = format!("notification:delivery:{way}");
            let event = scene.desk.told_of(&kind, about(id.clone())).await;
            compare(&event, &format!("on_{}", line.kind));
        }
        refuse(&scene, line).await;
        let id = notify(&scene, line).await;
        let event = scene.desk.told_of("notification:delivery:failure", about(id)).await;
        compare(&event, &format!("on_{}", line.kind));
    }
}
