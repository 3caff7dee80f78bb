//! Deliveries that fail: refused at once, reported later, always with one final event that says why.

use serde_json::json;

use crate::harness::config::TWILIO;
use crate::harness::{Engine, Golden, Rig, on_both_engines};

on_both_engines! {
    a_refused_notification_fails_once_and_says_why,
    a_notification_may_fail_after_it_was_accepted,
    a_late_receipt_changes_nothing,
    a_refused_number_leaves_no_user,
    a_person_who_says_stop_is_sent_nothing_until_they_say_start,
}

const NUMBER: &str = "+15145550153";

async fn a_refused_notification_fails_once_and_says_why(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.sim().rule(json!({"integrationId": TWILIO, "destination": NUMBER, "behaviour": "refuse"})).await;
    let mut golden = Golden::of("v1/notification_refused");
    let id = rig.notify(NUMBER, "to nobody").await;
    golden.holes.bind("notification", id.as_str());
    let event = rig.receiver.about("notification:delivery:failure", &id).await;
    golden.compare("webhooks/1.failure.json", &event);
    assert_eq!(event["error"]["underlyingError"]["code"], 21211);
    rig.settled(NUMBER).await;
    assert_eq!(rig.receiver.triggers_about(&id), ["notification:delivery:failure"]);
}

async fn a_notification_may_fail_after_it_was_accepted(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "fail"})).await;
    let mut golden = Golden::of("v1/notification_undelivered");
    let id = rig.notify(NUMBER, "lost on the way").await;
    golden.holes.bind("notification", id.as_str());
    golden.holes.bind("external", rig.sim().first_to(NUMBER).await["providerId"].clone());
    let failed = rig.receiver.about("notification:delivery:failure", &id).await;
    golden
        .compare("webhooks/1.channel.json", &rig.receiver.about("notification:delivery:channel", &id).await);
    golden.compare("webhooks/2.failure.json", &failed);
    rig.settled(NUMBER).await;
    assert_eq!(
        rig.receiver.triggers_about(&id),
        ["notification:delivery:channel", "notification:delivery:failure"]
    );
}

async fn a_late_receipt_changes_nothing(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (id, _) = rig.notify_and_deliver(NUMBER, "arrived").await;
    let provider_id = rig.sim().first_to(NUMBER).await["providerId"].as_str().expect("an id").to_owned();
    for status in ["delivered", "sent", "undelivered", "delivered"] {
        let answered = rig.sim().receipt(&provider_id, status, "valid").await;
        assert_eq!(answered.as_u64().map(|status| status / 100), Some(2), "{answered}");
    }
    rig.settled(NUMBER).await;
    assert_eq!(
        rig.receiver.triggers_about(&id),
        ["notification:delivery:channel", "notification:delivery:user"]
    );
}

async fn a_refused_number_leaves_no_user(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "refuse"})).await;
    let id = rig.notify(NUMBER, "to nobody").await;
    let event = rig.receiver.about("notification:delivery:failure", &id).await;
    assert!(event.pointer("/matchResult/appUser").is_none(), "{event}");
    assert!(!rig.receiver.triggers().contains(&"conversation:start".to_owned()));
}

async fn a_person_who_says_stop_is_sent_nothing_until_they_say_start(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.notify_and_deliver(NUMBER, "do you want more").await;
    rig.sim().write(NUMBER, "Stop").await;
    let id = rig.notify(NUMBER, "more").await;
    let event = rig.receiver.about("notification:delivery:failure", &id).await;
    assert_eq!((&event["error"]["code"], &event["isFinalEvent"]), (&json!("forbidden"), &json!(true)));
    assert_eq!(rig.sim().sent_to(NUMBER).await.len(), 1, "nothing was sent after the STOP");
    rig.sim().write(NUMBER, "START").await;
    rig.notify_and_deliver(NUMBER, "welcome back").await;
}
