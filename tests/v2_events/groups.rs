//! Conversations of several, what the business does in them, and what else only v2 has.

use serde_json::{Value, json};

use super::{Scene, compare, compare_with};
use crate::harness::config::APP;
use crate::harness::{Engine, Golden, on_both_engines};

on_both_engines! {
    who_comes_and_goes_is_told,
    what_the_business_does_is_told,
}

fn of_app(rest: &str) -> String {
    format!("/v2/apps/{APP}{rest}")
}

fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

async fn who_comes_and_goes_is_told(engine: Engine) {
    let scene = Scene::start(engine).await;
    let api = scene.rig.gateway.api();
    let mut golden = Golden::of("v2/event");
    let group = json!({"type": "sdkGroup", "displayName": "Us", "metadata": {"team": "red"}});
    let made = api.post(&of_app("/conversations"), &group).await.expect(201);
    let group = id_of(&made["conversation"]);
    golden.holes.bind("conversation", group.as_str());
    let user = scene.rig.user("steveb@example.com").await;
    golden.holes.bind("user", user.as_str());
    let path = of_app(&format!("/conversations/{group}"));
    api.post(&format!("{path}/join"), &json!({"userId": user})).await.expect(201);
    api.post(&format!("{path}/leave"), &json!({"userId": user})).await.expect(200);
    api.delete(&path).await.expect(200);
    let is_group = |payload: &Value| payload["conversation"]["id"] == group.as_str();
    let create = scene.desk.told_of("conversation:create", is_group).await;
    compare_with(&mut golden, &create, "of_a_group");
    for kind in ["conversation:join", "conversation:leave", "conversation:remove"] {
        compare_with(&mut golden, &scene.desk.told_of(kind, is_group).await, "");
    }
    assert!(scene.rig.receiver.events().is_empty(), "v1.1 knows no groups");
}

async fn what_the_business_does_is_told(engine: Engine) {
    let scene = Scene::start(engine).await;
    let api = scene.rig.gateway.api();
    let user = scene.rig.user("steveb@example.com").await;
    let body = json!({"type": "personal", "participants": [{"userId": user}]});
    let made = api.post(&of_app("/conversations"), &body).await.expect(201);
    let path = of_app(&format!("/conversations/{}", id_of(&made["conversation"])));
    for kind in ["typing:start", "typing:stop", "conversation:read"] {
        let activity = json!({"author": {"type": "business"}, "type": kind});
        api.post(&format!("{path}/activity"), &activity).await.expect(200);
        let trigger = if kind == "conversation:read" { kind } else { "conversation:typing" };
        let is_it = |payload: &Value| payload["activity"]["type"] == kind;
        let special = format!("{}_by_us", kind.replace(':', "_"));
        compare(&scene.desk.told_of(trigger, is_it).await, &special);
    }
    let by_api = |payload: &Value| payload["creationReason"] == "none";
    compare(&scene.desk.told_of("conversation:create", by_api).await, "by_api");
    assert!(scene.rig.receiver.events().is_empty(), "v1.1 hears of nobody who says nothing");
}
