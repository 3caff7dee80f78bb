//! The operator's socket: health, and one notification's timeline.

use serde_json::json;

use crate::harness::config::{APP, TWILIO};
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    a_running_gateway_is_healthy_and_ready,
    a_timeline_tells_what_happened_to_a_notification,
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
