//! Sends that do not succeed at first: throttled, refused connections, broken providers, unknown outcomes.

use serde_json::json;

use crate::harness::receiver::DELIVERED;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    a_throttled_notification_is_delivered_later,
    a_broken_provider_is_tried_again,
    an_unreachable_provider_is_tried_again,
    an_accepted_send_that_answered_an_error_is_settled_by_its_receipt,
    retries_end_when_the_notification_expires,
}

const NUMBER: &str = "+15145550154";

async fn a_throttled_notification_is_delivered_later(engine: Engine) {
    let rig = Rig::start(engine).await;
    let rule = json!({"destination": NUMBER, "behaviour": "throttle", "retryAfter": 0.3, "times": 3});
    rig.sim().rule(rule).await;
    let (id, _) = rig.notify_and_deliver(NUMBER, "patience").await;
    rig.settled(NUMBER).await;
    assert_eq!(rig.receiver.triggers_about(&id), DELIVERED);
    assert_eq!(rig.sim().sent_to(NUMBER).await.len(), 1);
}

async fn a_broken_provider_is_tried_again(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("send.reconcileWindow", "100ms")).await;
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "error", "times": 3})).await;
    let (id, _) = rig.notify_and_deliver(NUMBER, "through").await;
    rig.settled(NUMBER).await;
    assert_eq!(rig.receiver.triggers_about(&id), DELIVERED);
    assert_eq!(rig.sim().sent_to(NUMBER).await.len(), 1);
}

async fn an_unreachable_provider_is_tried_again(engine: Engine) {
    let mut rig = Rig::apart(engine, |config| config).await;
    rig.gateway.start().await;
    let id = rig.notify(NUMBER, "is there anybody").await;
    // The connection is refused until now; what was not sent may be sent freely.
    rig.start_sim().await;
    rig.receiver.about("notification:delivery:user", &id).await;
    rig.settled(NUMBER).await;
    assert_eq!(rig.receiver.triggers_about(&id), DELIVERED);
    assert_eq!(rig.sim().sent_to(NUMBER).await.len(), 1);
}

async fn an_accepted_send_that_answered_an_error_is_settled_by_its_receipt(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("send.reconcileWindow", "60s")).await;
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "accept-then-error", "times": 1})).await;
    let (id, event) = rig.notify_and_deliver(NUMBER, "once").await;
    rig.settled(NUMBER).await;
    assert_eq!(rig.receiver.triggers_about(&id), DELIVERED);
    let sent = rig.sim().sent_to(NUMBER).await;
    assert_eq!(sent.len(), 1, "it was not sent twice");
    assert_eq!(event["externalMessages"], json!([{"id": sent[0]["providerId"]}]));
}

async fn retries_end_when_the_notification_expires(engine: Engine) {
    let rig =
        Rig::with(engine, |config| config.set("send.expiresAfter", "1s").set("send.reconcileWindow", "50ms"))
            .await;
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "throttle", "retryAfter": 0.2})).await;
    let id = rig.notify(NUMBER, "too late").await;
    let event = rig.receiver.about("notification:delivery:failure", &id).await;
    assert_eq!(event["isFinalEvent"], true);
    rig.settled(NUMBER).await;
    assert_eq!(rig.receiver.triggers_about(&id), ["notification:delivery:failure"]);
    rig.sim().forget_rules().await;
    let (after, _) = rig.notify_and_deliver(NUMBER, "in time").await;
    assert_eq!(rig.receiver.triggers_about(&after), DELIVERED);
}
