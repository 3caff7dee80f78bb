//! Showing: whoever is sent the address of a private file gets a token with it.

use std::time::Duration;

use heliograph_connectors::channel::{ChannelError, OutboundMessage};
use serde_json::Value;

use crate::core::CoreError;
use crate::model::{App, Id};

use super::Outbox;

/// How long what was sent shows a private file: providers fetch it at once, people follow a link when they read it.
const SHOWN_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What ends an address within a text.
const ENDS: [char; 7] = [' ', '\n', '\r', '\t', '"', ')', '>'];

impl Outbox {
    /// A piece with tokens behind the addresses of private files. An error says that nothing was sent.
    pub(super) async fn shown(
        &self,
        app: &Id<App>,
        mut message: Box<OutboundMessage>,
    ) -> Result<Box<OutboundMessage>, ChannelError> {
        let odd = |error: serde_json::Error| ChannelError::transient(false, error.to_string());
        let body = serde_json::to_value(&message.body).map_err(odd)?;
        let start = format!("{}/media/{app}/", self.channels.public_base());
        let mut addresses = Vec::new();
        collect(&body, &start, &mut addresses);
        // Who wrote one with a token of their own knows what they do.
        addresses.retain(|address| !address.contains('?'));
        if addresses.is_empty() {
            return Ok(message);
        }
        let away = |error: CoreError| ChannelError::transient(false, error.to_string());
        let (mut body, until) = (body, self.core.now() + SHOWN_FOR);
        addresses.sort();
        addresses.dedup();
        for address in addresses {
            let file = self.core.media_at(app, &address).await.map_err(away)?;
            if let Some(token) = file.and_then(|file| file.token(app, until)) {
                replace(&mut body, &address, &format!("{address}?token={token}"));
            }
        }
        message.body = serde_json::from_value(body).map_err(odd)?;
        Ok(message)
    }
}

/// Addresses that begin so, wherever they stand.
fn collect(value: &Value, start: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            for (at, _) in text.match_indices(start) {
                let rest = &text[at..];
                found.push(rest[..rest.find(ENDS).unwrap_or(rest.len())].to_owned());
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, start, found)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, start, found)),
        _ => {}
    }
}

fn replace(value: &mut Value, address: &str, with: &str) {
    match value {
        Value::String(text) if text.contains(address) => *text = text.replace(address, with),
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, address, with)),
        Value::Object(fields) => fields.values_mut().for_each(|value| replace(value, address, with)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn addresses_are_found_and_replaced_wherever_they_stand() {
        let start = "https://hub/media/5963/";
        let mut body = json!({"text": format!("See {start}a/b.png\nand ({start}c/d.pdf)"), "items": [
            {"mediaUrl": format!("{start}a/b.png")}, {"mediaUrl": "https://example.org/e.png"},
        ]});
        let mut found = Vec::new();
        collect(&body, start, &mut found);
        found.sort();
        found.dedup();
        assert_eq!(found, [format!("{start}a/b.png"), format!("{start}c/d.pdf")]);
        replace(&mut body, &found[0], "X");
        assert_eq!(body["text"], json!(format!("See X\nand ({start}c/d.pdf)")));
        assert_eq!(body["items"][0]["mediaUrl"], json!("X"));
    }
}
