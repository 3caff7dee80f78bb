//! Words of v2 that clients know, and beside which they know no others.

use serde_json::Value;

use crate::model::Client;

use super::views;

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

/// An identity, where its channel is one that clients of v2 know.
pub(super) fn client(client: &Client) -> Option<Value> {
    is_client_type(&client.kind).then(|| views::client(client))
}
