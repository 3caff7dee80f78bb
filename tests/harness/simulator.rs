//! The provider simulator's control interface (`gateway/sim/README.md`), as stories call it.

use serde_json::{Value, json};

use super::api::Api;
use super::config::{APP, TWILIO};
use super::wait::eventually;

/// The text of the notification by which `Rig::settled` knows that what came before it is over.
pub(crate) const FENCE: &str = "fence";

/// A running simulator.
#[derive(Clone, Debug)]
pub(crate) struct Simulator {
    api: Api,
}

impl Simulator {
    pub(crate) fn at(address: &str) -> Self {
        Self { api: Api::anonymous(address) }
    }

    /// Every message a provider here accepted, oldest first.
    pub(crate) async fn sent(&self) -> Vec<Value> {
        let answer = self.api.get("/control/sent").await.expect(200);
        answer["sent"].as_array().expect("sent is a list").clone()
    }

    /// Every send a provider here was asked for, taken or not, oldest first.
    pub(crate) async fn calls(&self) -> Vec<Value> {
        let answer = self.api.get("/control/calls").await.expect(200);
        answer["calls"].as_array().expect("calls is a list").clone()
    }

    /// What people were shown beside messages, oldest first.
    pub(crate) async fn acts(&self) -> Vec<Value> {
        let answer = self.api.get("/control/acts").await.expect(200);
        answer["acts"].as_array().expect("acts is a list").clone()
    }

    /// Refuses connections for so many milliseconds; returns when it does.
    pub(crate) async fn shut_for(&self, ms: u64) {
        self.api.put("/control/door", &json!({"shutMs": ms})).await.expect(200);
        eventually("refused connections", async || {
            self.api.attempt("GET", "/", &[], None).await.err().filter(reqwest::Error::is_connect)
        })
        .await;
    }

    /// Waits until it takes connections again.
    pub(crate) async fn opened(&self) {
        eventually("an open door", async || self.api.attempt("GET", "/", &[], None).await.ok()).await;
    }

    /// What providers took of each integration and turned away.
    pub(crate) async fn limits(&self) -> Vec<Value> {
        let answer = self.api.get("/control/limits").await.expect(200);
        answer["limits"].as_array().expect("limits is a list").clone()
    }

    /// How many messages a second a provider takes of an integration.
    pub(crate) async fn limit(&self, limit: Value) {
        self.api.put("/control/limits", &limit).await.expect(200);
    }

    /// What was accepted for this number, oldest first; fences do not count.
    pub(crate) async fn sent_to(&self, number: &str) -> Vec<Value> {
        let sent = self.sent().await.into_iter();
        sent.filter(|one| one["to"] == number && one["text"] != FENCE).collect()
    }

    /// Waits until something was accepted for this number, and answers the first.
    pub(crate) async fn first_to(&self, number: &str) -> Value {
        eventually(&format!("a message to {number}"), async || self.sent_to(number).await.into_iter().next())
            .await
    }

    /// A person writes a text; the gateway must take the hook. Answers the provider's id.
    pub(crate) async fn write(&self, from: &str, text: &str) -> String {
        let told = self.tell(json!({"from": from, "text": text})).await;
        assert_eq!(told["status"].as_u64().map(|status| status / 100), Some(2), "{told}");
        told["providerId"].as_str().expect("a provider id").to_owned()
    }

    /// `POST /control/write` with any fields, on the Twilio integration. Answers `{providerId, status}`.
    pub(crate) async fn tell(&self, mut fields: Value) -> Value {
        fields["integrationId"] = json!(TWILIO);
        self.control("/control/write", &fields).await
    }

    /// Any control call; answers what it says.
    pub(crate) async fn control(&self, path: &str, body: &Value) -> Value {
        self.api.post(path, body).await.expect(200)
    }

    /// One more receipt. Answers the status the gateway gave.
    pub(crate) async fn receipt(&self, provider_id: &str, status: &str, signature: &str) -> Value {
        let body = json!({"providerId": provider_id, "status": status, "signature": signature});
        self.api.post("/control/receipt", &body).await.expect(200)["status"].clone()
    }

    /// Knows an integration from now on, or anew. One that the API makes takes two calls: before, under any id, so that
    /// its credentials are good, and afterwards under its own.
    pub(crate) async fn admit(&self, integration: &str, kind: &str, hook_url: &str, settings: &Value) {
        let account =
            json!({"integrationId": integration, "type": kind, "hookUrl": hook_url, "settings": settings});
        self.api.put("/control/accounts", &account).await.expect(200);
    }

    /// What happens to the next sends that match.
    pub(crate) async fn rule(&self, rule: Value) {
        self.api.post("/control/rules", &rule).await.expect(200);
    }

    pub(crate) async fn forget_rules(&self) {
        self.api.delete("/control/rules").await.expect(200);
    }

    pub(crate) async fn pace(&self, pace: Value) {
        self.api.put("/control/pace", &pace).await.expect(200);
    }
}

/// The path of a resource of the demo app.
pub(crate) fn of_app(rest: &str) -> String {
    format!("/v1.1/apps/{APP}{rest}")
}
