//! What people become, and how they are reached.

use serde_json::{Value, json};

use super::{Scene, compare_with};
use crate::harness::api::Api;
use crate::harness::config::{KEY, SECRET};
use crate::harness::signing::token;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, on_both_engines};

on_both_engines! {
    a_link_is_told_from_its_beginning,
    an_identity_that_goes_is_told_with_its_reason,
    people_who_turn_out_to_be_one_are_told_of,
    who_is_erased_is_told_of,
    who_proves_to_be_somebody_is_told_of,
}

const NUMBER: &str = "+15145550149";

/// Somebody the business knows, and a golden file's holes with their id.
async fn steve(scene: &Scene, name: &str) -> (String, Golden) {
    let user = scene.rig.user(name).await;
    let mut golden = Golden::of("v2/event");
    golden.holes.bind("user", user.as_str());
    (user, golden)
}

/// Waits for what is told of a person's identity.
async fn client(scene: &Scene, kind: &str, reason: &str, user: &str) -> Value {
    let is_it = |payload: &Value| payload["reason"] == reason && payload["user"]["id"] == user;
    scene.desk.told_of(kind, is_it).await
}

async fn a_link_is_told_from_its_beginning(engine: Engine) {
    let scene = Scene::start(engine).await;
    let (user, mut golden) = steve(&scene, "steveb@example.com").await;
    let hello = json!({"role": "appMaker", "type": "text", "text": "Hello from us"});
    scene.rig.link(&user, NUMBER, json!({"type": "userActivity", "message": hello})).await;
    compare_with(&mut golden, &client(&scene, "client:add", "channelLinking", &user).await, "");
    compare_with(&mut golden, &client(&scene, "client:update", "matched", &user).await, "matched");
    scene.rig.sim().write(NUMBER, "Hello").await;
    compare_with(&mut golden, &client(&scene, "client:update", "confirmed", &user).await, "confirmed");
}

async fn an_identity_that_goes_is_told_with_its_reason(engine: Engine) {
    let scene = Scene::start(engine).await;
    let (one, mut golden) = steve(&scene, "one@example.com").await;
    scene.rig.link(&one, NUMBER, json!({"type": "immediate"})).await;
    client(&scene, "client:update", "confirmed", &one).await;
    let (two, mut of_two) = steve(&scene, "two@example.com").await;
    scene.rig.link(&two, NUMBER, json!({"type": "immediate"})).await;
    compare_with(&mut golden, &client(&scene, "client:remove", "theft", &one).await, "theft");
    let path = of_app(&format!("/appusers/{two}/channels/twilio"));
    scene.rig.gateway.api().delete(&path).await.expect(200);
    compare_with(&mut of_two, &client(&scene, "client:remove", "api", &two).await, "api");
    scene.rig.link(&two, "+15145550148", json!({"type": "prompt"})).await;
    scene.rig.sim().first_to("+15145550148").await;
    scene.rig.sim().write("+15145550148", "no").await;
    let declined = client(&scene, "client:remove", "linkFailed", &two).await;
    compare_with(&mut of_two, &declined, "declined");
    let calls = scene.desk.told();
    let failed: Vec<&Value> = calls.iter().filter(|event| event["type"] == "link:failure").collect();
    assert!(failed.is_empty(), "that is a word of v1.1: {failed:?}");
}

async fn people_who_turn_out_to_be_one_are_told_of(engine: Engine) {
    let scene = Scene::start(engine).await;
    let (one, mut golden) = steve(&scene, "one@example.com").await;
    let two = scene.rig.user("two@example.com").await;
    golden.holes.bind("other", two.as_str());
    let body = json!({"surviving": {"_id": one}, "discarded": {"_id": two}});
    scene.rig.gateway.api().post(&of_app("/appusers/merge"), &body).await.expect(200);
    compare_with(&mut golden, &scene.desk.told_of("user:merge", |_| true).await, "");
}

async fn who_is_erased_is_told_of(engine: Engine) {
    let scene = Scene::start(engine).await;
    let (user, mut golden) = steve(&scene, "steveb@example.com").await;
    scene.rig.gateway.api().delete(&of_app(&format!("/appusers/{user}"))).await.expect(200);
    compare_with(&mut golden, &scene.desk.told_of("user:remove", |_| true).await, "");
}

async fn who_proves_to_be_somebody_is_told_of(engine: Engine) {
    let scene = Scene::start(engine).await;
    let (user, mut golden) = steve(&scene, "steveb@example.com").await;
    let proof = token(KEY, SECRET, &json!({"scope": "appUser", "userId": "steveb@example.com"}));
    let own = Api::bearer(scene.rig.gateway.api_address(), &proof);
    own.get(&of_app(&format!("/appusers/{user}"))).await.expect(200);
    compare_with(&mut golden, &scene.desk.told_of("user:update", |_| true).await, "");
}
