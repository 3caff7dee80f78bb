//! What clients of v2 know by name; they refuse a whole answer for the sake of one word they do not know.

use serde_json::Value;

use crate::model::Client;

use super::views;

/// Types of clients.
const CLIENT_TYPES: [&str; 17] = [
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
    CLIENT_TYPES.contains(&kind)
}

/// An identity, where its channel is one that clients of v2 know.
pub(super) fn client(client: &Client) -> Option<Value> {
    is_client_type(&client.kind).then(|| views::client(client))
}
