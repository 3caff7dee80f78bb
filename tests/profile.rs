//! What the business knows about a person: changed field by field, shown, blanked.

use serde_json::{Value, json};

use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    a_change_leaves_what_it_does_not_name,
    properties_have_four_kilobytes_together,
    a_forgotten_profile_leaves_the_messages,
    clients_tell_which_was_used_last,
}

const NUMBER: &str = "+15145550149";

async fn put(rig: &Rig, user: &str, change: &Value) -> Value {
    rig.gateway.api().put(&of_app(&format!("/appusers/{user}")), change).await.expect(200)["appUser"].clone()
}

async fn a_change_leaves_what_it_does_not_name(engine: Engine) {
    let rig = Rig::start(engine).await;
    let id = rig.user("steveb@example.com").await;
    let first = json!({
        "givenName": "Steve", "surname": "Example", "email": "s@example.com",
        "signedUpAt": "2019-01-14T18:55:12.515Z", "properties": {"food": "pizza", "age": 42},
        "userId": "somebody@example.com", "unheardOf": {},
    });
    let user = put(&rig, &id, &first).await;
    assert_eq!((&user["givenName"], &user["userId"]), (&json!("Steve"), &json!("steveb@example.com")));
    assert_eq!(user["signedUpAt"], "2019-01-14T18:55:12.515Z");
    let second = json!({"surname": null, "properties": {"age": null, "vip": true}});
    let user = put(&rig, "steveb@example.com", &second).await;
    assert_eq!(user, rig.get_user(&id).await);
    assert_eq!(user["properties"], json!({"food": "pizza", "vip": true}));
    assert_eq!((&user["givenName"], user.get("surname")), (&json!("Steve"), None));
    assert_eq!(user["email"], "s@example.com");
    assert_eq!(put(&rig, &id, &json!({})).await, user);
    let path = of_app(&format!("/appusers/{id}"));
    rig.gateway.api().put(&path, &json!({"givenName": 7})).await.refused(400, "bad_request");
    rig.gateway.api().put(&of_app("/appusers/nobody"), &first).await.refused(404, "user_not_found");
}

async fn properties_have_four_kilobytes_together(engine: Engine) {
    let rig = Rig::start(engine).await;
    let id = rig.user("steveb@example.com").await;
    let large = |key: &str| json!({"properties": {key: "x".repeat(3000)}});
    let user = put(&rig, &id, &large("first")).await;
    let path = of_app(&format!("/appusers/{id}"));
    let why = rig.gateway.api().put(&path, &large("second")).await.refused(400, "bad_request");
    assert!(why.contains("4096"), "{why}");
    assert_eq!(rig.get_user(&id).await, user);
    let instead = json!({"properties": {"first": null, "second": "x".repeat(3000)}});
    assert_eq!(put(&rig, &id, &instead).await["properties"], json!({"second": "x".repeat(3000)}));
}

async fn a_forgotten_profile_leaves_the_messages(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.sim().write(NUMBER, "Hello").await;
    let id =
        rig.receiver.trigger("message:appUser").await["appUser"]["_id"].as_str().expect("an id").to_owned();
    put(&rig, &id, &json!({"givenName": "Steve", "email": "s@example.com", "properties": {"age": 42}})).await;
    let path = of_app(&format!("/appusers/{id}/profile"));
    let answer = rig.gateway.api().delete(&path).await.expect(200);
    let user = rig.get_user(&id).await;
    assert_eq!(answer, json!({"appUser": user}));
    assert_eq!((user.get("givenName"), user.get("email")), (None, None));
    assert_eq!(user["properties"], json!({}));
    let client = &user["clients"][0];
    for gone in ["displayName", "avatarUrl", "info", "raw"] {
        assert_eq!(client.get(gone), None, "{gone}: {client}");
    }
    assert_eq!(client["externalId"], NUMBER);
    assert_eq!(rig.messages(&id).await.len(), 1);
    rig.gateway.api().delete(&of_app("/appusers/nobody/profile")).await.refused(404, "user_not_found");
}

async fn clients_tell_which_was_used_last(engine: Engine) {
    let rig = Rig::start(engine).await;
    let id = rig.user("steveb@example.com").await;
    let other = "+15145550148";
    rig.link(&id, NUMBER, json!({"type": "immediate"})).await;
    let linked = rig.link(&id, other, json!({"type": "immediate"})).await;
    let pending = &linked["appUser"]["pendingClients"][0];
    assert_eq!((&pending["info"]["phoneNumber"], pending.get("primary")), (&json!(other), None));
    let primary = async || {
        let user = rig.get_user(&id).await;
        let of = |client: &Value| (client["externalId"].clone(), client["primary"].clone());
        user["clients"].as_array().expect("a list").iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(primary().await, [(json!(NUMBER), json!(false)), (json!(other), json!(true))]);
    rig.sim().write(NUMBER, "Hello").await;
    assert_eq!(primary().await, [(json!(NUMBER), json!(true)), (json!(other), json!(false))]);
}
