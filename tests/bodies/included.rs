//! `includeFullAppUser` and `includeClient`: what they add, and that they change nothing else.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{all_lines, id_of, of_user, post, write};
use crate::harness::line::called;
use crate::harness::receiver::{Arrival, Receiver};
use crate::harness::{Engine, Golden, Rig, eventually, on_both_engines};

on_both_engines! {
    the_flags_add_the_client_and_the_profile_and_nothing_else,
}

const NUMBER: &str = "+15145550149";

/// What is told with both flags, which has a receiver of its own.
async fn rig(engine: Engine) -> (Rig, Receiver) {
    let more = Receiver::start().await;
    let webhook = format!(
        "id = \"5f1e438bf99fb467810c0ac1\"\ntarget = \"{}\"\ntriggers = [\"*\"]\nsecret = \"fake-webhook-secret\"\n\
         includeClient = true\nincludeFullAppUser = true",
        more.url
    );
    let webhook = webhook.parse().expect("TOML");
    let rig = Rig::with(engine, |config| all_lines(config).push("apps.0.webhooks", webhook)).await;
    (rig, more)
}

/// Steve, of whom everything is known.
async fn steve(rig: &Rig) -> String {
    let user = rig.user("steveb@example.com").await;
    let facts = json!({
        "givenName": "Steve", "surname": "Example", "email": "steveb@example.com",
        "signedUpAt": "2019-01-14T18:55:12.515Z", "properties": {"favoriteFood": "pizza", "vip": true},
    });
    rig.gateway.api().put(&of_user(&user, ""), &facts).await.expect(200);
    user
}

/// Everything that a person can do and that can be done to them.
async fn live(rig: &Rig) {
    let user = steve(rig).await;
    rig.link(&user, NUMBER, json!({"type": "immediate"})).await;
    rig.receiver.trigger("link:success").await;
    rig.sim().write(NUMBER, "Hello").await;
    rig.receiver.trigger("message:appUser").await;
    let message = json!({"_id": post(rig, &user, json!({"text": "Welcome"})).await["message"]["_id"]});
    let is_there = |event: &Value| event["trigger"] == "message:delivery:user" && event["message"] == message;
    rig.receiver.event("the arrival", is_there).await;
    rig.notify_and_deliver(NUMBER, "Your parcel leaves today.").await;
    rig.gateway.api().delete(&of_user(&user, "/channels/twilio")).await.expect(200);
    rig.receiver.trigger("client:remove").await;
    on_messenger(rig).await;
}

/// A person on Messenger reads, and presses a button.
async fn on_messenger(rig: &Rig) {
    let line = called("messenger");
    let event = write(rig, line, json!({"text": "Hello", "name": "Pat Example"})).await;
    let user = id_of(&event["appUser"]);
    let buttons =
        json!({"text": "Which?", "actions": [{"type": "postback", "text": "Red", "payload": "RED"}]});
    let message = json!({"_id": post(rig, &user, buttons).await["message"]["_id"]});
    let taken = |event: &Value| event["trigger"] == "message:delivery:channel" && event["message"] == message;
    rig.receiver.event("the acceptance", taken).await;
    let sent = rig.sim().first_to(line.person).await;
    let provider_id = sent["providerId"].as_str().expect("an id");
    assert_eq!(rig.sim().receipt(provider_id, "read", "valid").await, 200);
    rig.receiver.trigger("conversation:read").await;
    let press = json!({"integrationId": line.integration, "from": line.person, "payload": "RED"});
    assert_eq!(rig.sim().control("/control/write", &press).await["status"], 200);
    rig.receiver.trigger("postback").await;
}

/// By the event's id, under which every webhook is told of it.
fn by_event(arrivals: Vec<Arrival>) -> BTreeMap<String, Value> {
    arrivals.into_iter().map(|one| (one.webhook_id().to_owned(), one.event)).collect()
}

/// The same without what the flags add.
fn without(mut event: Value) -> Value {
    let trigger = event["trigger"].as_str().unwrap_or_default().to_owned();
    if !trigger.starts_with("client:") {
        event.as_object_mut().expect("an object").remove("client");
    }
    for place in ["/appUser", "/matchResult/appUser"] {
        if let Some(Value::Object(user)) = event.pointer_mut(place) {
            user.retain(|key, _| ["_id", "userId", "conversationStarted"].contains(&key.as_str()));
        }
    }
    event
}

async fn the_flags_add_the_client_and_the_profile_and_nothing_else(engine: Engine) {
    let (rig, more) = rig(engine).await;
    live(&rig).await;
    let plain = by_event(rig.receiver.arrivals());
    let full = eventually("as many events on both", async || {
        let full = by_event(more.arrivals());
        plain.keys().all(|id| full.contains_key(id)).then_some(full)
    })
    .await;
    for (id, event) in &plain {
        assert_eq!(without(full[id].clone()), *event);
    }
    let mut told = BTreeMap::<&str, &Value>::new();
    for event in full.values() {
        // Of several with one trigger the one about Steve, whose profile is full.
        let is_steve = event.to_string().contains("steveb@example.com");
        let trigger = event["trigger"].as_str().expect("a trigger");
        if is_steve || !told.contains_key(trigger) {
            told.insert(trigger, event);
        }
    }
    for (trigger, event) in told {
        Golden::of("v1/included").compare(&format!("{}.json", trigger.replace(':', "_")), event);
    }
}
