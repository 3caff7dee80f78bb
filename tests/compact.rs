//! `heliograph compact`: what was deleted leaves the files, while the gateway goes on.

use serde_json::json;

use crate::harness::Engine;
use crate::harness::on_both_engines;
use crate::harness::scene::Scene;
use crate::harness::simulator::of_app;

on_both_engines! {
    a_deleted_message_leaves_the_files,
    messages_go_through_while_the_store_is_compacted,
    only_an_account_compacts,
}

const NUMBER: &str = "+15145550175";

async fn a_deleted_message_leaves_the_files(engine: Engine) {
    let scene = Scene::start(engine, |config| config).await;
    let api = scene.rig.gateway.api();
    scene.rig.user("somebody").await;
    let path = of_app("/appusers/somebody/messages");
    let body = json!({"role": "appUser", "type": "text", "text": "a word taken back"});
    let said = api.post(&path, &body).await.expect(201);
    let id = said["message"]["_id"].as_str().expect("an id");
    scene.rig.receiver.event("the message", |event| event["messages"][0]["_id"] == id).await;
    assert!(scene.holds("a word taken back"));
    api.delete(&format!("{path}/{id}")).await.expect(200);
    // Its announcement is settled soon after it was taken.
    crate::harness::eventually("no trace of the message", async || {
        scene.compact().await;
        (!scene.holds("a word taken back")).then_some(())
    })
    .await;
}

async fn messages_go_through_while_the_store_is_compacted(engine: Engine) {
    let scene = Scene::start(engine, |config| config).await;
    let sending = async {
        for n in 0..25 {
            scene.rig.notify_and_deliver(NUMBER, &format!("message {n}")).await;
        }
    };
    let compacting = async {
        for _ in 0..10 {
            let config = scene.rig.gateway.config_path();
            let mut command = std::process::Command::new(crate::harness::process::BINARY);
            command.args(["compact", "--config"]).arg(config);
            let run = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends");
            let output = run.expect("it runs");
            assert!(output.status.success(), "{output:?}");
            assert!(String::from_utf8_lossy(&output.stdout).contains("written anew"), "{output:?}");
        }
    };
    tokio::join!(sending, compacting);
    scene.adds_up();
}

async fn only_an_account_compacts(engine: Engine) {
    let scene = Scene::start(engine, |config| config).await;
    let (key, secret) = (crate::harness::config::KEY, crate::harness::config::SECRET);
    let path = "/heliograph/v1/compact";
    scene.rig.gateway.admin_as(key, secret).post(path, &json!({})).await.refused(403, "forbidden");
    scene.rig.gateway.open_admin().post(path, &json!({})).await.refused(401, "unauthorized");
    let answer = scene.rig.gateway.admin().post(path, &json!({})).await.expect(200);
    assert_eq!((&answer["compacted"], &answer["erasing"]), (&json!(true), &json!(0)));
}
