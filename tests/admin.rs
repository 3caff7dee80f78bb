//! The operator's socket: health, one notification's timeline, the ledger, and the commands that ask for them.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::config::{APP, TWILIO};
use crate::harness::process::BINARY;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    a_running_gateway_is_healthy_and_ready,
    a_timeline_tells_what_happened_to_a_notification,
    the_ledger_adds_up,
    a_paused_integration_sends_nothing_until_resumed,
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

    let config = rig.gateway.config_path();
    let told = Command::new(BINARY).arg("trace").arg(&id).arg("--config").arg(config).output();
    let told = told.expect("the command runs");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    assert!(String::from_utf8_lossy(&told.stdout).contains("delivered"));
}

async fn the_ledger_adds_up(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (good, bad) = ("+15145550159", "+15145550160");
    rig.sim().rule(json!({"destination": bad, "behaviour": "refuse"})).await;
    rig.notify_and_deliver(good, "one").await;
    rig.notify_and_deliver(good, "two").await;
    let id = rig.notify(bad, "three").await;
    rig.receiver.about("notification:delivery:failure", &id).await;
    let audit = rig.settled().await;
    let of = |list: &Value, id: &str| -> Value {
        let mut all = list.as_array().expect("a list").iter();
        all.find(|one| one["id"] == id).unwrap_or_else(|| panic!("{id} is missing in {list}")).clone()
    };
    let twilio = of(&of(&audit["apps"], APP)["integrations"], TWILIO);
    let count = |name: &str| twilio[name].as_u64().expect("a count");
    assert_eq!((count("accepted"), count("delivered"), count("failed")), (3, 2, 1), "{twilio}");
    assert_eq!((count("unconfirmed"), count("resentAfterUnknown")), (0, 0), "{twilio}");
}

async fn a_paused_integration_sends_nothing_until_resumed(engine: Engine) {
    let rig = Rig::start(engine).await;
    let admin = rig.gateway.admin();
    let switch = |what: &str| format!("/heliograph/v1/integrations/{TWILIO}/{what}");
    let paused = admin.post(&switch("pause"), &json!({})).await.expect(200);
    assert_eq!(paused, json!({"integration": {"id": TWILIO, "paused": true}}));
    // A change reaches the outbox within a second; what is told here waits for that.
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    let id = rig.notify("+15145550161", "later").await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(rig.sim().sent().await.is_empty(), "paused");
    let resumed = admin.post(&switch("resume"), &json!({})).await.expect(200);
    assert_eq!(resumed["integration"]["paused"], false);
    rig.receiver.about("notification:delivery:user", &id).await;
}
