//! A custom integration of the story's app, and whoever holds its key.

use serde_json::{Value, json};

use super::api::Api;
use super::config::APP;
use super::rig::Rig;

/// One with a webhook at the receiver.
#[derive(Clone, Debug)]
pub(crate) struct Custom {
    pub(crate) id: String,
    /// Its webhook as it was made.
    pub(crate) webhook: Value,
    /// Its key as it was made.
    pub(crate) key: Value,
    /// Calls with that key.
    pub(crate) api: Api,
}

/// A path of the story's app in v2.
pub(crate) fn v2_of_app(path: &str) -> String {
    format!("/v2/apps/{APP}{path}")
}

impl Rig {
    /// Makes one whose webhook hears of these.
    pub(crate) async fn custom(&self, triggers: &[&str]) -> Custom {
        let webhook = json!({"target": self.receiver.url, "triggers": triggers});
        let asked = json!({"type": "custom", "webhooks": [webhook]});
        let api = self.gateway.api();
        let made = api.post(&v2_of_app("/integrations"), &asked).await.expect(201)["integration"].clone();
        let id = made["id"].as_str().expect("an id").to_owned();
        let keys = v2_of_app(&format!("/integrations/{id}/keys"));
        let key = api.post(&keys, &json!({"displayName": "story"})).await.expect(201)["key"].clone();
        let text = |name: &str| key[name].as_str().expect("a text").to_owned();
        let api = Api::basic(self.gateway.api_address(), &text("id"), &text("secret"));
        Custom { id, webhook: made["webhooks"][0].clone(), key, api }
    }
}
