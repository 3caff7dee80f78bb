//! Provider hooks: duplicates count once, what is not proven is refused.

use serde_json::{Value, json};

use crate::harness::config::TWILIO;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    a_repeated_hook_is_one_message,
    forged_and_unsigned_hooks_are_refused,
    forged_receipts_change_nothing,
    a_hook_for_nobody_is_not_found,
    a_large_hook_is_refused_before_it_is_read,
}

const NUMBER: &str = "+15145550155";

async fn written(rig: &Rig) -> Vec<Value> {
    rig.receiver.events().into_iter().filter(|event| event["trigger"] == "message:appUser").collect()
}

async fn a_repeated_hook_is_one_message(engine: Engine) {
    let rig = Rig::start(engine).await;
    let first = rig.sim().tell(json!({"from": NUMBER, "text": "once"})).await;
    let again = json!({"from": NUMBER, "text": "once", "providerId": first["providerId"]});
    for _ in 0..3 {
        let told = rig.sim().tell(again.clone()).await;
        assert_eq!(told["status"], first["status"], "a repeat is taken like the first");
    }
    rig.sim().write(NUMBER, "last").await;
    let messages = eventually("the last message", async || {
        let messages = written(&rig).await;
        messages.iter().any(|event| event["messages"][0]["text"] == "last").then_some(messages)
    })
    .await;
    let texts: Vec<&Value> = messages.iter().map(|event| &event["messages"][0]["text"]).collect();
    assert_eq!(texts, ["once", "last"]);
    let user = messages[0]["appUser"]["_id"].as_str().expect("an id");
    assert_eq!(rig.messages(user).await.len(), 2);
}

async fn forged_and_unsigned_hooks_are_refused(engine: Engine) {
    let rig = Rig::start(engine).await;
    for signature in ["forged", "missing"] {
        let told = rig.sim().tell(json!({"from": NUMBER, "text": signature, "signature": signature})).await;
        assert_eq!(told["status"], 401, "{signature}");
    }
    rig.sim().write(NUMBER, "proven").await;
    let event = rig.receiver.trigger("message:appUser").await;
    assert_eq!(event["messages"][0]["text"], "proven");
    let user = event["appUser"]["_id"].as_str().expect("an id");
    assert_eq!(rig.messages(user).await.len(), 1);
}

async fn forged_receipts_change_nothing(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "silent", "times": 1})).await;
    let id = rig.notify(NUMBER, "quiet").await;
    rig.receiver.about("notification:delivery:channel", &id).await;
    let provider_id = rig.sim().first_to(NUMBER).await["providerId"].as_str().expect("an id").to_owned();
    assert_eq!(rig.sim().receipt(&provider_id, "delivered", "forged").await, 401);
    assert_eq!(rig.sim().receipt(&provider_id, "undelivered", "missing").await, 401);
    assert_eq!(rig.receiver.triggers_about(&id), ["notification:delivery:channel"]);
    rig.sim().receipt(&provider_id, "delivered", "valid").await;
    rig.receiver.about("notification:delivery:user", &id).await;
}

async fn a_hook_for_nobody_is_not_found(engine: Engine) {
    let rig = Rig::start(engine).await;
    for path in ["/hooks/twilio/5e1f438bf99fb467810c0fff", "/hooks/pigeon/5e1f438bf99fb467810c0ab9"] {
        let answer = rig.gateway.anonymous().request("POST", path, &[], Some("From=x".to_owned())).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

async fn a_large_hook_is_refused_before_it_is_read(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("server.limits.hookBody", "10kB")).await;
    let body = format!("Body={}", "x".repeat(20_000));
    let path = format!("/hooks/twilio/{TWILIO}");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = rig.gateway.anonymous().request("POST", &path, &headers, Some(body)).await;
    assert_eq!(answer.status, 413);
}
