//! Stopping and starting: what was accepted is kept, what was sent is not sent again.

use std::collections::HashSet;

use serde_json::json;

use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    work_in_the_queue_survives_a_restart,
    a_send_in_flight_is_finished_before_the_gateway_stops,
    a_killed_send_is_not_repeated_when_its_receipt_comes,
    an_idle_gateway_stops_at_once_and_in_peace,
    what_the_api_made_is_there_after_a_restart,
}

async fn work_in_the_queue_survives_a_restart(engine: Engine) {
    let mut rig = Rig::apart(engine, |config| config).await;
    rig.gateway.start().await;
    let mut ids = Vec::new();
    for count in 0..10 {
        ids.push(rig.notify(&format!("+1514555016{count}"), &format!("kept {count}")).await);
    }
    let ended = rig.gateway.terminate().await;
    assert_eq!(ended.code(), Some(0), "a graceful stop");
    rig.start_sim().await;
    rig.gateway.start().await;
    for id in &ids {
        rig.receiver.about("notification:delivery:user", id).await;
    }
    rig.receiver.quiet().await;
    let sent = rig.sim().sent().await;
    let texts: HashSet<&str> = sent.iter().filter_map(|one| one["text"].as_str()).collect();
    assert_eq!((sent.len(), texts.len()), (10, 10), "each was sent once");
    for id in &ids {
        assert_eq!(rig.receiver.triggers_about(id).len(), 2);
    }
}

async fn a_send_in_flight_is_finished_before_the_gateway_stops(engine: Engine) {
    let mut rig = Rig::apart(engine, |config| config.set("server.drain", "15s")).await;
    rig.start_sim().await;
    rig.gateway.start().await;
    let number = "+15145550170";
    rig.sim().rule(json!({"destination": number, "behaviour": "hang", "ms": 1500, "times": 1})).await;
    let id = rig.notify(number, "in flight").await;
    rig.sim().first_to(number).await;
    let ended = rig.gateway.terminate().await;
    assert_eq!(ended.code(), Some(0));
    rig.gateway.start().await;
    rig.receiver.about("notification:delivery:user", &id).await;
    rig.receiver.quiet().await;
    assert_eq!(rig.sim().sent_to(number).await.len(), 1);
}

async fn a_killed_send_is_not_repeated_when_its_receipt_comes(engine: Engine) {
    let mut rig = Rig::apart(engine, |config| config.set("send.reconcileWindow", "60s")).await;
    rig.start_sim().await;
    rig.gateway.start().await;
    let number = "+15145550171";
    rig.sim().rule(json!({"destination": number, "behaviour": "hang", "ms": 3000, "times": 1})).await;
    let id = rig.notify(number, "cut off").await;
    rig.sim().first_to(number).await;
    rig.gateway.kill();
    rig.gateway.start().await;
    rig.receiver.about("notification:delivery:user", &id).await;
    rig.receiver.quiet().await;
    assert_eq!(rig.sim().sent_to(number).await.len(), 1);
    assert_eq!(rig.receiver.final_events()[&id].len(), 1);
}

async fn an_idle_gateway_stops_at_once_and_in_peace(engine: Engine) {
    let mut rig = Rig::with(engine, |config| config.set("server.drain", "60s")).await;
    rig.gateway.open_admin().get("/readyz").await.expect(200);
    assert_eq!(rig.gateway.terminate().await.code(), Some(0));
}

async fn what_the_api_made_is_there_after_a_restart(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let user = rig.user("kept@example.com").await;
    let path = crate::harness::simulator::of_app("/webhooks");
    let body = json!({"target": "https://example.com/kept", "triggers": ["message:appUser"]});
    let made = rig.gateway.api().post(&path, &body).await.expect(201)["webhook"].clone();
    rig.gateway.kill();
    rig.gateway.start().await;
    assert_eq!(rig.get_user("kept@example.com").await["_id"], user);
    let listed = eventually("the webhook", async || {
        let list = rig.gateway.api().get(&path).await.expect(200);
        list["webhooks"].as_array().expect("webhooks").iter().find(|one| one["_id"] == made["_id"]).cloned()
    })
    .await;
    assert_eq!(listed, made);
}
