//! An identity on a channel.

use serde_json::Value;

use crate::model::{Client, ClientStatus};
use crate::wire::written::Written;

/// The types that clients of v2 know. They refuse whole lists for one type that is not among them.
const TYPES: [&str; 17] = [
    "apple",
    "gbm",
    "googlercs",
    "instagram",
    "kakao",
    "line",
    "mailgun",
    "messagebird",
    "messenger",
    "sdk",
    "slackconnect",
    "telegram",
    "twilio",
    "twitter",
    "viber",
    "wechat",
    "whatsapp",
];

/// Whether v2 shows clients of a channel at all.
pub fn is_client_type(kind: &str) -> bool {
    TYPES.contains(&kind)
}

/// An identity on a channel. Of one that waits to be linked nothing is known yet but where it will be.
pub fn client(client: &Client) -> Value {
    let shown = Written::new()
        .with("id", &client.id)
        .with("type", &client.kind)
        .with("status", client.status)
        .with("integrationId", &client.integration);
    if client.status == ClientStatus::Pending {
        return shown.into();
    }
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    shown
        .with("externalId", &client.address)
        .maybe("lastSeen", client.last_seen.map(|at| at.iso()))
        .maybe("linkedAt", client.linked_at.map(|at| at.iso()))
        .maybe("displayName", text(&client.display_name))
        .maybe("avatarUrl", text(&client.avatar_url))
        .maybe("info", (!client.info.is_empty()).then_some(&client.info))
        .maybe("raw", client.raw.is_object().then_some(&client.raw))
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_waits_shows_only_where_it_will_be() {
        let stored = json!({
            "id": "5e1f", "kind": "twilio", "integration": "i", "address": "+15145550149", "status": "pending",
            "displayName": "", "raw": {"FromCity": "Oslo"},
        });
        let mut one: Client = serde_json::from_value(stored).expect("a client");
        let waiting = json!({"id": "5e1f", "type": "twilio", "status": "pending", "integrationId": "i"});
        assert_eq!(client(&one), waiting);
        one.status = ClientStatus::Active;
        let linked = json!({
            "id": "5e1f", "type": "twilio", "status": "active", "integrationId": "i",
            "externalId": "+15145550149", "raw": {"FromCity": "Oslo"},
        });
        assert_eq!(client(&one), linked);
        assert!(is_client_type(&one.kind) && !is_client_type("pigeon"));
    }
}
