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

/// An identity, where its channel is one that clients of v2 know.
pub(super) fn client(client: &Client) -> Option<Value> {
    CLIENT_TYPES.contains(&&*client.kind).then(|| views::client(client))
}
