//! Every body that webhooks are told, each a golden file of what the running binary posted.

mod answers;
mod business;
mod complete;
mod deliveries;
mod included;
mod people;

use serde_json::{Value, json};

use crate::harness::line::{LINES, Line};
use crate::harness::simulator::of_app;
use crate::harness::{Config, Engine, Rig};

fn all_lines(config: Config) -> Config {
    LINES.iter().fold(config, |config, line| line.join(config))
}

/// A gateway with an integration of each channel.
async fn everywhere(engine: Engine) -> Rig {
    Rig::with(engine, all_lines).await
}

/// The path of something of a user's.
fn of_user(user: &str, rest: &str) -> String {
    of_app(&format!("/appusers/{user}{rest}"))
}

/// Says something on behalf of the business, and answers the body.
async fn post(rig: &Rig, user: &str, mut message: Value) -> Value {
    message["role"] = json!("appMaker");
    rig.gateway.api().post(&of_user(user, "/messages"), &message).await.expect(201)
}

/// The channel's person writes. Answers what the webhook was told of it.
async fn write(rig: &Rig, line: &Line, mut fields: Value) -> Value {
    fields["integrationId"] = json!(line.integration);
    fields["from"] = json!(line.person);
    let told = rig.sim().control("/control/write", &fields).await;
    assert_eq!(told["status"].as_u64().map(|status| status / 100), Some(2), "{told}");
    let text = fields.get("text").cloned().unwrap_or(json!(""));
    let is_it = |event: &Value| {
        let message = &event["messages"][0];
        message["source"]["integrationId"] == line.integration && message["text"] == text
    };
    rig.receiver.event("what was written", is_it).await
}

fn id_of(value: &Value) -> String {
    value["_id"].as_str().expect("an id").to_owned()
}
