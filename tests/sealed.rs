//! Encryption at rest: with `secrets.key` the files of the store show no secret, and without it they open to nobody.

use std::process::{Command, Output};

use serde_json::{Value, json};
use toml::Table;

use crate::harness::api::Api;
use crate::harness::custom::v2_of_app;
use crate::harness::process::BINARY;
use crate::harness::scene::Scene;
use crate::harness::simulator::of_app;
use crate::harness::{Config, Engine, on_both_engines};

on_both_engines! {
    with_a_key_no_secret_stands_in_the_store,
    without_the_key_the_store_is_refused,
    the_first_key_seals_what_stood_in_the_clear,
}

/// 32 bytes in base64.
const THE_KEY: &str = "ZmFrZS1mYWtlLWZha2UtZmFrZS1mYWtlLWZha2UtZmE=";
const ANOTHER: &str = "b3RoZXItZmFrZS1mYWtlLWZha2UtZmFrZS1mYWtlLWY=";

/// The declared webhook has no secret in the file, so that one is made and kept.
async fn start(engine: Engine, change: impl FnOnce(Config) -> Config) -> Scene {
    Scene::start(engine, |config| change(config.set("apps.0.webhooks.0.secret", ""))).await
}

/// Makes a webhook under an idempotency key.
async fn make(scene: &Scene) -> Value {
    let body = json!({"target": "http://example.com/"}).to_string();
    let key = [("idempotency-key", "once")];
    let answer = scene.rig.gateway.api().request("POST", &of_app("/webhooks"), &key, Some(body)).await;
    answer.expect(201)
}

/// Makes a key of the app under an idempotency key.
async fn make_key(scene: &Scene) -> Value {
    let body = json!({"name": "Ada's"}).to_string();
    let key = [("idempotency-key", "once")];
    let answer = scene.rig.gateway.account().request("POST", &of_app("/keys"), &key, Some(body)).await;
    answer.expect(200)
}

/// The secret with which the declared webhook is told.
async fn declared_secret(scene: &Scene, number: &str) -> String {
    scene.rig.notify_and_deliver(number, "told with a secret").await;
    let arrivals = scene.rig.receiver.arrivals();
    arrivals.last().expect("it was told").header("x-api-key").to_owned()
}

/// Starts it with another `secrets`, and answers how that ended.
fn refused_with(scene: &mut Scene, secrets: Table) -> String {
    scene.rig.gateway.change(|config| config.set("secrets", secrets));
    let config = scene.rig.gateway.config_path();
    let serve = ["60", BINARY, "serve", "--no-sim", "--config"];
    let output: Output = Command::new("timeout").args(serve).arg(config).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "it is refused");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn secret_of(made: &Value) -> &str {
    made["webhook"]["secret"].as_str().expect("a secret")
}

fn keyed(key: &str) -> Table {
    Table::from_iter([("key".to_owned(), key.into())])
}

async fn with_a_key_no_secret_stands_in_the_store(engine: Engine) {
    let mut scene = start(engine, |config| config.set("secrets.key", THE_KEY)).await;
    let (made, key) = (make(&scene).await, make_key(&scene).await);
    let own = key["key"]["secret"].as_str().expect("a secret");
    let custom = scene.rig.custom(&["*"]).await;
    let of_custom = custom.key["secret"].as_str().expect("a secret");
    let declared = declared_secret(&scene, "+15145550191").await;
    // Killed, so that what is not yet in its place stands in the log beside it.
    scene.rig.gateway.kill();
    let id = made["webhook"]["_id"].as_str().expect("an id");
    assert!(scene.holds(id) && scene.holds("sealed"), "what was made is in the files");
    for secret in [secret_of(&made), own, of_custom, &declared, THE_KEY] {
        assert!(!scene.holds(secret), "{secret} can be read");
    }
    scene.rig.gateway.start().await;
    assert_eq!(make(&scene).await, made, "the answer that was kept is opened");
    assert_eq!(make_key(&scene).await, key);
    let opened = Api::basic(scene.rig.gateway.api_address(), key["key"]["_id"].as_str().expect("an id"), own);
    opened.get(&of_app("/webhooks")).await.expect(200);
    custom.api.get(&v2_of_app("/integrations/me/webhooks")).await.expect(200);
    let listed = scene.rig.gateway.api().get(&of_app(&format!("/webhooks/{id}"))).await.expect(200);
    assert_eq!(secret_of(&listed), secret_of(&made));
    assert_eq!(declared_secret(&scene, "+15145550192").await, declared);
}

async fn without_the_key_the_store_is_refused(engine: Engine) {
    let mut scene = start(engine, |config| config.set("secrets.key", THE_KEY)).await;
    let made = make(&scene).await;
    scene.rig.gateway.kill();
    let said = refused_with(&mut scene, Table::new());
    assert!(said.contains("is encrypted, and secrets.key is not set"), "{said}");
    assert!(said.contains("secret webhook:"), "the kind is named: {said}");
    let said = refused_with(&mut scene, keyed(ANOTHER));
    assert!(said.contains("was not encrypted with this secrets.key"), "{said}");
    scene.rig.gateway.change(|config| config.set("secrets.key", THE_KEY));
    scene.rig.gateway.start().await;
    assert_eq!(make(&scene).await, made);
}

async fn the_first_key_seals_what_stood_in_the_clear(engine: Engine) {
    let mut scene = start(engine, |config| config).await;
    let made = make(&scene).await;
    let declared = declared_secret(&scene, "+15145550193").await;
    assert_eq!(scene.rig.gateway.terminate().await.code(), Some(0));
    assert!(scene.holds(secret_of(&made)) && scene.holds(&declared), "nothing was sealed yet");
    scene.rig.gateway.change(|config| config.set("secrets.key", THE_KEY));
    scene.rig.gateway.start().await;
    let id = made["webhook"]["_id"].as_str().expect("an id");
    let read = scene.rig.gateway.api().get(&of_app(&format!("/webhooks/{id}"))).await.expect(200);
    assert_eq!(secret_of(&read), secret_of(&made));
    assert_eq!(declared_secret(&scene, "+15145550194").await, declared);
    assert_eq!(scene.rig.gateway.terminate().await.code(), Some(0));
    // Redis' file is a history, which forgets when it is rewritten.
    if engine == Engine::Embedded {
        assert!(!scene.holds(&declared), "it was overwritten");
    }
    let said = refused_with(&mut scene, Table::new());
    assert!(said.contains("secrets.key is not set"), "{said}");
}
