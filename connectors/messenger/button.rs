//! Buttons and quick replies as Messenger shows them. Pure.

use serde_json::{Value, json};
use url::Url;

use crate::channel::Action;
use crate::channel::text::Unit;

const TITLE_LIMIT: usize = 20;
const PAYLOAD_LIMIT: usize = 1000;

pub(super) fn quick_reply(action: &Action) -> Option<Value> {
    let Action::Reply { text, payload, icon_url, .. } = action else { return None };
    let mut reply = json!({"content_type": "text", "title": bounded(text, TITLE_LIMIT)?, "payload": bounded(payload, PAYLOAD_LIMIT)?});
    if let Some(icon) = icon_url.as_deref().and_then(web) {
        reply["image_url"] = icon.into();
    }
    Some(reply)
}

pub(super) fn buttons(actions: &[Action]) -> Vec<Value> {
    actions.iter().filter_map(button).collect()
}

/// A button, where its label, address and payload fit in one.
pub(super) fn button(action: &Action) -> Option<Value> {
    Some(match action {
        Action::Link { text, uri, extra_channel_options, .. } => match uri.strip_prefix("tel:") {
            Some(number) if number.starts_with('+') => {
                json!({"type": "phone_number", "title": bounded(text, TITLE_LIMIT)?, "payload": number})
            }
            _ => {
                let mut button =
                    json!({"type": "web_url", "title": bounded(text, TITLE_LIMIT)?, "url": web(uri)?});
                add_options(&mut button, extra_channel_options.as_ref());
                button
            }
        },
        Action::Webview { text, uri, size, .. } => {
            let mut button =
                json!({"type": "web_url", "title": bounded(text, TITLE_LIMIT)?, "url": web(uri)?});
            if let Some(size @ ("compact" | "tall" | "full")) = size.as_deref() {
                button["webview_height_ratio"] = size.into();
            }
            button
        }
        Action::Postback { text, payload, .. } => {
            json!({"type": "postback", "title": bounded(text, TITLE_LIMIT)?, "payload": bounded(payload, PAYLOAD_LIMIT)?})
        }
        _ => return None,
    })
}

/// What the page behind a button may do in Messenger, as the business said it.
fn add_options(button: &mut Value, extra: Option<&Value>) {
    let Some(options) = extra.and_then(|extra| extra.get("messenger")) else { return };
    for name in ["messenger_extensions", "webview_share_button"] {
        if let Some(value) = options.get(name) {
            button[name] = value.clone();
        }
    }
}

pub(super) fn bounded(text: &str, limit: usize) -> Option<&str> {
    (!text.trim().is_empty() && Unit::Utf16.measure(text) <= limit).then_some(text)
}

pub(super) fn web(address: &str) -> Option<&str> {
    let is_web = |url: Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    Url::parse(address).is_ok_and(is_web).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_may_say_what_its_page_can_do() {
        let link = |extra: Value| {
            let link = json!({"_id": "1", "type": "link", "text": "Open", "uri": "https://example.com/",
                              "extraChannelOptions": extra});
            button(&serde_json::from_value(link).expect("an action")).expect("a button")
        };
        let options = json!({"messenger_extensions": true, "webview_share_button": "hide", "colour": 1});
        assert_eq!(
            link(json!({"messenger": options})),
            json!({"type": "web_url", "title": "Open", "url": "https://example.com/",
                   "messenger_extensions": true, "webview_share_button": "hide"})
        );
        let plain = json!({"type": "web_url", "title": "Open", "url": "https://example.com/"});
        assert_eq!(link(json!({"line": options})), plain);
    }
}
