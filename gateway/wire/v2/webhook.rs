//! Subscriptions, of either version, as v2 shows them.

use serde_json::Value;

use crate::model::{Webhook, WebhookVersion};
use crate::wire::written::Written;

/// A webhook, its secret included: whoever owns it checks signatures with it.
pub fn webhook(webhook: &Webhook) -> Value {
    let version = match webhook.version {
        WebhookVersion::V1 => "v1.1",
        WebhookVersion::V2 => "v2",
    };
    Written::new()
        .with("id", &webhook.id)
        .with("version", version)
        .with("target", &webhook.target)
        .with("triggers", &webhook.triggers)
        .with("secret", &webhook.secret)
        .with("includeFullUser", webhook.include_full_user)
        .with("includeFullSource", webhook.include_client)
        .into()
}
