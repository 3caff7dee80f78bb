//! Two people who turn out to be one where people may have several conversations.

use serde_json::{Value, json};

use crate::harness::config::{APP, TWILIO};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    both_conversations_stay_and_each_is_answered_where_it_is,
    what_was_begun_takes_the_place_of_what_was_not,
    a_link_unites_in_the_conversation_it_names,
}

const NUMBER: &str = "+15145550149";
const OTHER: &str = "+15145550148";

async fn rig(engine: Engine) -> Rig {
    Rig::with(engine, |config| config.set("apps.0.settings.multiConvoEnabled", true)).await
}

/// Somebody unknown writes. Answers who they are, and in which conversation.
async fn stranger(rig: &Rig, number: &str, text: &str) -> (String, String) {
    rig.sim().write(number, text).await;
    let event = rig.receiver.event(text, |event| event["messages"][0]["text"] == text).await;
    let id = |of: &str| event[of]["_id"].as_str().expect("an id").to_owned();
    (id("appUser"), id("conversation"))
}

async fn merge(rig: &Rig, surviving: &str, discarded: &str) {
    let body = json!({"surviving": {"_id": surviving}, "discarded": {"_id": discarded}});
    rig.gateway.api().post(&of_app("/appusers/merge"), &body).await.expect(200);
}

/// What v1.1 shows of what was said with somebody.
async fn texts(rig: &Rig, user: &str) -> Vec<String> {
    let all = rig.messages(user).await;
    all.iter().map(|message| message["text"].as_str().expect("a text").to_owned()).collect()
}

/// The business says something in somebody's default conversation.
async fn say(rig: &Rig, user: &str, text: &str) {
    let body = json!({"role": "appMaker", "type": "text", "text": text});
    rig.gateway.api().post(&of_app(&format!("/appusers/{user}/messages")), &body).await.expect(201);
}

async fn both_conversations_stay_and_each_is_answered_where_it_is(engine: Engine) {
    let rig = rig(engine).await;
    let (one, here) = stranger(&rig, NUMBER, "first").await;
    let (two, there) = stranger(&rig, OTHER, "second").await;
    merge(&rig, &one, &two).await;
    rig.gateway.api().get(&of_app(&format!("/appusers/{two}"))).await.refused(404, "user_not_found");
    let merged = rig.get_user(&one).await;
    assert_eq!(merged["clients"].as_array().map(Vec::len), Some(2), "{merged}");
    assert_eq!(texts(&rig, &one).await, ["first"]);
    // The other number wrote last, and speaks elsewhere.
    rig.sim().write(OTHER, "third").await;
    say(&rig, &one, "an answer").await;
    assert_eq!(rig.sim().first_to(NUMBER).await["text"], "an answer");
    assert!(rig.sim().sent_to(OTHER).await.is_empty());
    // v1.1 has the default conversation alone.
    assert_eq!(stranger(&rig, NUMBER, "fourth").await, (one.clone(), here.clone()));
    assert_eq!(texts(&rig, &one).await, ["first", "an answer", "fourth"]);
    let told = rig.receiver.events();
    assert!(!told.iter().any(|event| event["messages"][0]["text"] == "third"), "{there} is not v1.1's");
}

async fn what_was_begun_takes_the_place_of_what_was_not(engine: Engine) {
    let rig = rig(engine).await;
    let one = rig.user("steveb@example.com").await;
    let (two, conversation) = stranger(&rig, NUMBER, "first").await;
    merge(&rig, &one, &two).await;
    assert_eq!(texts(&rig, &one).await, ["first"]);
    assert_eq!(stranger(&rig, NUMBER, "second").await, (one.clone(), conversation));
    say(&rig, &one, "an answer").await;
    assert_eq!(rig.sim().first_to(NUMBER).await["text"], "an answer");
    assert_eq!(rig.get_user(&one).await["conversationStarted"], true);
}

async fn a_link_unites_in_the_conversation_it_names(engine: Engine) {
    let rig = rig(engine).await;
    let (one, here) = stranger(&rig, NUMBER, "first").await;
    let (two, _) = stranger(&rig, OTHER, "second").await;
    stranger(&rig, NUMBER, "third").await;
    let known = rig.get_user(&two).await["clients"][0]["_id"].clone();
    let body = json!({
        "matchCriteria": {"type": "twilio", "integrationId": TWILIO, "phoneNumber": OTHER},
        "confirmation": {"type": "immediate"},
        "target": {"conversationId": here},
    });
    let path = format!("/v2/apps/{APP}/users/{one}/clients");
    rig.gateway.api().post(&path, &body).await.expect(201);
    rig.receiver.trigger("merge:appUser").await;
    assert_eq!(texts(&rig, &one).await, ["first", "second", "third"]);
    let listed = rig.gateway.api().get(&path).await.expect(200);
    let ids: Vec<&Value> =
        listed["clients"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
    assert!(ids.len() == 2 && ids.contains(&&known), "the identity is known by its id: {listed} {known}");
    assert_eq!(stranger(&rig, OTHER, "fourth").await, (one.clone(), here));
    eventually("the answer goes where they wrote last", async || {
        say(&rig, &one, "an answer").await;
        rig.sim().sent_to(OTHER).await.pop()
    })
    .await;
}
