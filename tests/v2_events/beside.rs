//! Webhooks of both versions beside each other, and what the two switches add.

use serde_json::{Value, json};

use super::{LINES, Scene};
use crate::harness::config::{WEBHOOK_SECRET, v2_webhook};
use crate::harness::receiver::Receiver;
use crate::harness::signing::assert_signed;
use crate::harness::{Engine, Golden, Rig, eventually, on_both_engines};

on_both_engines! {
    both_versions_are_told_the_same_each_in_its_words,
    a_webhook_hears_what_it_named_and_nothing_else,
    the_switches_add_the_person_and_the_client,
}

const NUMBER: &str = "+15145550149";

/// What each version calls what happens when somebody writes and is answered.
const WORDS: [(&str, &str); 5] = [
    ("conversation:start", "conversation:create"),
    ("message:appUser", "conversation:message"),
    ("message:appMaker", "conversation:message"),
    ("message:delivery:channel", "conversation:message:delivery:channel"),
    ("message:delivery:user", "conversation:message:delivery:user"),
];

async fn both_versions_are_told_the_same_each_in_its_words(engine: Engine) {
    let scene = Scene::start(engine).await;
    let line = LINES.iter().find(|line| line.reports).expect("a channel that reports");
    let user = scene.person(line).await;
    let message = scene.post(&user, json!({"text": "Welcome"})).await["_id"].clone();
    let is_it = |payload: &Value| payload["message"]["id"] == message;
    scene.desk.told_of("conversation:message:delivery:user", is_it).await;
    for (old, new) in WORDS {
        scene.rig.receiver.trigger(old).await;
        scene.desk.told_of(new, |_| true).await;
    }
    assert_eq!(scene.desk.told().len(), scene.rig.receiver.events().len(), "as many events of each");
    assert!(scene.rig.receiver.events().iter().all(|event| event["version"] == "v1.1"));
    for call in scene.desk.arrivals() {
        assert_eq!(call.webhook_id(), call.event["events"][0]["id"]);
        assert_eq!(call.header("x-api-key"), WEBHOOK_SECRET);
        assert_signed(&call, WEBHOOK_SECRET);
    }
}

async fn a_webhook_hears_what_it_named_and_nothing_else(engine: Engine) {
    let (all, one) = (Receiver::start().await, Receiver::start().await);
    let mut second = v2_webhook(&one.url, &["conversation:create", "notification:delivery:user"]);
    second.insert("id".into(), "5f1e438bf99fb467810c0ac3".into());
    let rig = Rig::with(engine, |config| {
        config.push("apps.0.webhooks", v2_webhook(&all.url, &["*"])).push("apps.0.webhooks", second)
    })
    .await;
    rig.sim().write(NUMBER, "Hello").await;
    rig.notify_and_deliver(NUMBER, "Your parcel leaves today.").await;
    one.told_of("notification:delivery:user", |_| true).await;
    all.told_of("conversation:message", |_| true).await;
    let kinds = |receiver: &Receiver| -> Vec<String> {
        receiver.told().iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect()
    };
    assert_eq!(kinds(&one), ["conversation:create", "notification:delivery:user"]);
    assert_eq!(kinds(&all), ["conversation:create", "conversation:message"], "not of notifications");
}

async fn the_switches_add_the_person_and_the_client(engine: Engine) {
    let (plain, full) = (Receiver::start().await, Receiver::start().await);
    let mut second = v2_webhook(&full.url, &["*"]);
    for (key, value) in [("includeClient", true), ("includeFullAppUser", true)] {
        second.insert(key.into(), value.into());
    }
    second.insert("id".into(), "5f1e438bf99fb467810c0ac3".into());
    let rig = Rig::with(engine, |config| {
        config
            .push("apps.0.webhooks", v2_webhook(&plain.url, &["conversation:message"]))
            .push("apps.0.webhooks", second)
    })
    .await;
    rig.sim().write(NUMBER, "Hello").await;
    let bare = plain.told_of("conversation:message", |_| true).await;
    let said = full.told_of("conversation:message", |_| true).await;
    Golden::of("v2/included").compare("conversation_message.json", &said);
    let is_new = |_: &Value| true;
    let begun = full.told_of("conversation:create", is_new).await;
    Golden::of("v2/included").compare("conversation_create.json", &begun);
    let mut less = said.clone();
    less["payload"]["message"]["source"].as_object_mut().expect("an object").remove("client");
    less["payload"]["message"]["author"]["user"] = bare["payload"]["message"]["author"]["user"].clone();
    assert_eq!(less, bare, "nothing else, and the same event");
    eventually("both", async || (full.told().len() >= 2).then_some(())).await;
}
