//! A person answers: the reply arrives with the notifications that went before it.

use serde_json::json;

use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, eventually, on_both_engines};

on_both_engines! {
    a_reply_carries_the_recent_notifications,
    the_next_message_carries_only_what_came_since,
    a_stranger_who_writes_becomes_a_user,
    a_message_is_named_after_its_user,
}

const NUMBER: &str = "+15145550146";

async fn a_reply_carries_the_recent_notifications(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v1/reply_with_context");
    let (_, delivered) = rig.notify_and_deliver(NUMBER, "Your parcel leaves today.").await;
    golden.holes.bind("user", delivered["matchResult"]["appUser"]["_id"].clone());

    let provider_id = rig.sim().write(NUMBER, "This is a user reply to a notification").await;
    golden.holes.bind("external", provider_id);
    let event = rig.receiver.trigger("message:appUser").await;
    golden.compare("webhooks/1.message.json", &event);

    let user = golden.holes.text("user").to_owned();
    let history = rig.gateway.api().get(&of_app(&format!("/appusers/{user}/messages"))).await.expect(200);
    golden.compare("messages.json", &history);
}

async fn the_next_message_carries_only_what_came_since(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.notify_and_deliver(NUMBER, "before").await;
    rig.sim().write(NUMBER, "first").await;
    rig.sim().write(NUMBER, "second").await;
    rig.notify_and_deliver(NUMBER, "between").await;
    rig.sim().write(NUMBER, "third").await;
    let recent = async |text: &str| -> Vec<String> {
        let event = rig.receiver.event(text, |event| event["messages"][0]["text"] == text).await;
        let recent = event["recentNotifications"].as_array().cloned().unwrap_or_default();
        recent.iter().map(|one| one["text"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(recent("first").await, ["before"]);
    assert_eq!(recent("second").await, Vec::<String>::new());
    assert_eq!(recent("third").await, ["between"]);
}

async fn a_stranger_who_writes_becomes_a_user(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.sim().write("+15145550147", "Is anybody there?").await;
    let event = rig.receiver.trigger("message:appUser").await;
    assert_eq!(event["messages"][0]["text"], "Is anybody there?");
    assert!(event.get("recentNotifications").is_none_or(|recent| recent == &json!([])), "{event}");
    let user = rig.get_user(event["appUser"]["_id"].as_str().expect("an id")).await;
    assert_eq!(user["clients"][0]["externalId"], "+15145550147");
    assert_eq!(user["conversationStarted"], true);
}

async fn a_message_is_named_after_its_user(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.sim().write(NUMBER, "no name yet").await;
    let event = rig.receiver.trigger("message:appUser").await;
    let name = event["messages"][0]["name"].as_str().expect("a name");
    assert!(name.ends_with(&format!(" User {NUMBER}")), "{name}");

    let body = json!({"userId": "alice", "givenName": "Alice", "surname": "Example"});
    rig.gateway.api().post(&of_app("/appusers"), &body).await.expect(201);
    rig.link("alice", NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    rig.sim().write(NUMBER, "named").await;
    let named = eventually("the second message", async || {
        rig.receiver.events().into_iter().find(|event| event["messages"][0]["text"] == "named")
    })
    .await;
    assert_eq!(named["messages"][0]["name"], "Alice Example");
}
