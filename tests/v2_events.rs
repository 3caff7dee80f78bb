//! What webhooks of v2 are told: each event type a golden file of what the running binary posted.

mod beside;
mod complete;
mod groups;
mod people;
mod talk;
mod ways;

use serde_json::{Value, json};

use crate::harness::config::v2_webhook;
use crate::harness::line::{LINES, Line};
use crate::harness::receiver::Receiver;
use crate::harness::simulator::of_app;
use crate::harness::{Config, Engine, Golden, Rig};

/// A gateway with an integration of each channel, and who hears of it by v2 beside who hears by v1.1.
struct Scene {
    rig: Rig,
    desk: Receiver,
}

impl Scene {
    async fn start(engine: Engine) -> Scene {
        Scene::with(engine, |config| config).await
    }

    async fn with(engine: Engine, change: impl FnOnce(Config) -> Config) -> Scene {
        let desk = Receiver::start().await;
        let named = [
            "*",
            "notification:delivery:channel",
            "notification:delivery:user",
            "notification:delivery:failure",
        ];
        let webhook = v2_webhook(&desk.url, &named);
        let joined = |config| LINES.iter().fold(config, |config, line| line.join(config));
        let rig = Rig::with(engine, |config| change(joined(config).push("apps.0.webhooks", webhook))).await;
        Scene { rig, desk }
    }

    /// The channel's person writes. Answers what v2 is told of it.
    async fn write(&self, line: &Line, mut fields: Value) -> Value {
        fields["integrationId"] = json!(line.integration);
        fields["from"] = json!(line.person);
        let told = self.rig.sim().control("/control/write", &fields).await;
        assert_eq!(told["status"].as_u64().map(|status| status / 100), Some(2), "{told}");
        let text = fields.get("text").cloned().unwrap_or(Value::Null);
        let is_it = |payload: &Value| {
            let message = &payload["message"];
            message["source"]["integrationId"] == line.integration && message["content"]["text"] == text
        };
        self.desk.told_of("conversation:message", is_it).await
    }

    /// The person of a line, who has written, by our id of them.
    async fn person(&self, line: &Line) -> String {
        let event = self.write(line, json!({"text": "Hello", "name": "Pat Example"})).await;
        event["payload"]["message"]["author"]["userId"].as_str().expect("an id").to_owned()
    }

    /// Says something on behalf of the business, and answers the message as v1.1 shows it.
    async fn post(&self, user: &str, mut message: Value) -> Value {
        message["role"] = json!("appMaker");
        let path = of_app(&format!("/appusers/{user}/messages"));
        self.rig.gateway.api().post(&path, &message).await.expect(201)["message"].clone()
    }
}

/// A golden event, under its type and what is special about it.
fn compare(event: &Value, special: &str) {
    compare_with(&mut Golden::of("v2/event"), event, special);
}

fn compare_with(golden: &mut Golden, event: &Value, special: &str) {
    let kind = event["type"].as_str().expect("a type").replace(':', "_");
    let dot = if special.is_empty() { "" } else { "." };
    golden.compare(&format!("{kind}{dot}{special}.json"), event);
}
