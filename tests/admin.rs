//! The operator's socket: health, and one notification's timeline.

use serde_json::{Value, json};

use crate::harness::config::{APP, TWILIO, WEBHOOK};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    a_running_gateway_is_healthy_and_ready,
    a_timeline_tells_what_happened_to_a_notification,
    a_timeline_tells_how_webhooks_were_told,
    a_timeline_still_tells_of_a_webhook_that_is_gone,
    a_timeline_keeps_what_was_told_as_long_as_its_delivery,
}

async fn a_running_gateway_is_healthy_and_ready(engine: Engine) {
    let rig = Rig::start(engine).await;
    let admin = rig.gateway.open_admin();
    assert_eq!(admin.get("/healthz").await.status, 200);
    assert_eq!(admin.get("/readyz").await.status, 200);
    assert_eq!(rig.gateway.anonymous().get("/healthz").await.status, 404, "not on the public socket");
}

async fn a_timeline_tells_what_happened_to_a_notification(engine: Engine) {
    let rig = Rig::start(engine).await;
    let number = "+15145550158";
    let (id, _) = rig.notify_and_deliver(number, "traced").await;
    let path = format!("/heliograph/v1/notifications/{id}?app={APP}");
    let trace = rig.gateway.admin().get(&path).await.expect(200)["notification"].clone();
    assert_eq!((&trace["id"], &trace["app"]), (&json!(id), &json!(APP)));
    assert_eq!((&trace["integration"], &trace["destination"]), (&json!(TWILIO), &json!(number)));
    assert_eq!((&trace["state"], &trace["final"]), (&json!("delivered"), &json!(true)));
    let timeline = trace["timeline"].as_array().expect("a timeline");
    assert!(timeline.len() >= 3, "accepted, sent, delivered: {trace}");
    let times: Vec<&str> = timeline.iter().map(|step| step["at"].as_str().expect("a time")).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(timeline.iter().all(|step| step["what"].is_string()), "{trace}");

    let unknown = "/heliograph/v1/notifications/e361392f-7dd3-4bdb-8844-d0d002ac7f72";
    assert_eq!(rig.gateway.admin().get(&format!("{unknown}?app={APP}")).await.status, 404);
}

/// What the timeline of a notification says of webhooks, once there are this many lines of it.
async fn told(rig: &Rig, id: &str, count: usize) -> Vec<Value> {
    let path = format!("/heliograph/v1/notifications/{id}?app={APP}");
    eventually(&format!("{count} attempts"), async || {
        let trace = rig.gateway.admin().get(&path).await.expect(200);
        let timeline = trace["notification"]["timeline"].as_array().expect("a timeline").clone();
        let times: Vec<&str> = timeline.iter().filter_map(|moment| moment["at"].as_str()).collect();
        assert!(times.is_sorted(), "{times:?}");
        let told: Vec<Value> = timeline.into_iter().filter(|moment| moment["what"] == "webhook").collect();
        (told.len() == count).then_some(told)
    })
    .await
}

async fn a_timeline_tells_how_webhooks_were_told(engine: Engine) {
    let rig = Rig::with(engine, |config| config.list("webhooks.schedule", &["30ms"])).await;
    rig.receiver.answer_next(&[500, 500, 500, 404]);
    let id = rig.notify("+15145550159", "told with effort").await;
    // Of the two events one fails twice, or both fail and one of them again: four posts, two dead letters.
    let attempts = told(&rig, &id, 4).await;
    for attempt in &attempts {
        assert_eq!(attempt["webhook"], WEBHOOK, "{attempt}");
        assert!(attempt["trigger"].as_str().is_some_and(|name| name.starts_with("notification:delivery:")));
        assert!(attempt["tookMs"].is_u64(), "{attempt}");
        assert_ne!(attempt["nextAt"].is_string(), attempt["deadLetter"].is_string(), "{attempt}");
    }
    let letters: Vec<&Value> =
        attempts.iter().map(|attempt| &attempt["deadLetter"]).filter(|letter| letter.is_string()).collect();
    assert_eq!(letters.len(), 2, "{attempts:?}");
    let path = format!("/heliograph/v1/deadletters/replay?app={APP}");
    rig.gateway.admin().post(&path, &json!({"ids": letters})).await.expect(200);
    let attempts = told(&rig, &id, 6).await;
    assert!(attempts[4..].iter().all(|attempt| attempt["status"] == 200), "{attempts:?}");
}

async fn a_timeline_still_tells_of_a_webhook_that_is_gone(engine: Engine) {
    let rig = Rig::start(engine).await;
    let webhook = json!({"target": rig.receiver.url, "triggers": ["notification:delivery:user"]});
    let made = rig.gateway.api().post(&of_app("/webhooks"), &webhook).await.expect(201)["webhook"].clone();
    let webhook = made["_id"].as_str().expect("an id");
    let id = rig.notify("+15145550188", "told to two").await;
    let before = told(&rig, &id, 3).await;
    assert!(before.iter().any(|attempt| attempt["webhook"] == webhook), "{before:?}");
    rig.gateway.api().delete(&of_app(&format!("/webhooks/{webhook}"))).await.expect(200);
    assert_eq!(told(&rig, &id, 3).await, before);
}

async fn a_timeline_keeps_what_was_told_as_long_as_its_delivery(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("retention.notifications", "200ms")).await;
    let (silent, quick) = ("+15145550189", "+15145550190");
    rig.sim().rule(json!({"destination": silent, "behaviour": "silent"})).await;
    let id = rig.notify(silent, "no receipt for long").await;
    let before = told(&rig, &id, 1).await;
    // What began and ended later is forgotten: so long ago was the other told.
    let (over, _) = rig.notify_and_deliver(quick, "over").await;
    let path = format!("/heliograph/v1/notifications/{over}?app={APP}");
    eventually("it is forgotten", async || {
        (rig.gateway.admin().get(&path).await.status == 404).then_some(())
    })
    .await;
    assert_eq!(told(&rig, &id, 1).await, before);
}
