//! The page's persistent menu, a property of its Messenger profile.
//!
//! <https://developers.facebook.com/documentation/business-messaging/messenger-platform/send-messages/persistent-menu>.

use async_trait::async_trait;
use http::Method;
use serde_json::{Value, json};

use super::button::{bounded, web};
use super::{Messenger, error, outbound};
use crate::channel::{ChannelError, Code, Egress, Menu, MenuItem, Menus};

const TITLE_LIMIT: usize = 30;
const PAYLOAD_LIMIT: usize = 1000;
const MOST_ITEMS: usize = 20;

/// What the Get Started button says that a page is given which had none: without one Meta takes no menu.
const GET_STARTED: &str = "GET_STARTED";

const PROFILE: &str = "/me/messenger_profile";

#[async_trait]
impl Menus for Messenger {
    fn check(&self, menu: &Menu) -> Result<(), ChannelError> {
        persistent(menu).map(drop)
    }

    async fn put(&self, menu: &Menu, egress: &dyn Egress) -> Result<(), ChannelError> {
        let mut profile = json!({"persistent_menu": [persistent(menu)?]});
        // A button that is there may say something the business relies on.
        let path = format!("{PROFILE}?fields=get_started");
        let answer = egress.call(self.graph.request(Method::GET, &path, None)?).await?;
        if outbound::success(&answer)?.pointer("/data/0/get_started").is_none() {
            profile["get_started"] = json!({"payload": GET_STARTED});
        }
        let request = self.graph.request(Method::POST, PROFILE, Some(&profile))?;
        done(&egress.call(request).await?)
    }

    async fn remove(&self, egress: &dyn Egress) -> Result<(), ChannelError> {
        let body = json!({"fields": ["persistent_menu"]});
        done(&egress.call(self.graph.request(Method::DELETE, PROFILE, Some(&body))?).await?)
    }
}

fn done(answer: &crate::channel::Response) -> Result<(), ChannelError> {
    match outbound::success(answer)?["result"].as_str() {
        Some("success") => Ok(()),
        _ => Err(error::unreadable(answer)),
    }
}

/// The menu for everybody. Messenger shows one level: the entries of a submenu stand in its place.
fn persistent(menu: &Menu) -> Result<Value, ChannelError> {
    let mut entries = Vec::new();
    for item in &menu.items {
        match item {
            MenuItem::Submenu { items, .. } => {
                for item in items {
                    entries.push(entry(item)?);
                }
            }
            single => entries.push(entry(single)?),
        }
    }
    if entries.is_empty() || entries.len() > MOST_ITEMS {
        return Err(unfit(format!("a menu has 1 to {MOST_ITEMS} entries on Messenger")));
    }
    Ok(json!({
        "locale": "default", "composer_input_disabled": !menu.input_enabled, "call_to_actions": entries,
    }))
}

fn entry(item: &MenuItem) -> Result<Value, ChannelError> {
    let titled = |text: &str| match bounded(text, TITLE_LIMIT) {
        Some(title) => Ok(title.to_owned()),
        None => Err(unfit(format!("`{text}` is no label of 1 to {TITLE_LIMIT} characters"))),
    };
    match item {
        MenuItem::Link { text, uri, .. } => match web(uri) {
            Some(url) => Ok(json!({"type": "web_url", "title": titled(text)?, "url": url})),
            None => Err(unfit(format!("`{uri}` is no address of a page"))),
        },
        MenuItem::Postback { text, payload, .. } => match bounded(payload, PAYLOAD_LIMIT) {
            Some(payload) => Ok(json!({"type": "postback", "title": titled(text)?, "payload": payload})),
            None => Err(unfit(format!("the payload of `{text}` must have 1 to {PAYLOAD_LIMIT} characters"))),
        },
        MenuItem::Submenu { text, .. } => Err(unfit(format!("`{text}` is a submenu within a submenu"))),
    }
}

fn unfit(why: String) -> ChannelError {
    ChannelError::permanent(Code::BadRequest, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postback(text: &str, payload: &str) -> MenuItem {
        MenuItem::Postback { id: "1".into(), text: text.into(), payload: payload.into() }
    }

    fn submenu(items: Vec<MenuItem>) -> MenuItem {
        MenuItem::Submenu { id: "1".into(), text: "More".into(), items }
    }

    #[test]
    fn a_submenu_stands_open() {
        let link = MenuItem::Link { id: "1".into(), text: "Shop".into(), uri: "https://example.com/".into() };
        let menu = Menu { items: vec![submenu(vec![postback("Pay", "PAY"), link])], input_enabled: false };
        assert_eq!(
            persistent(&menu),
            Ok(json!({"locale": "default", "composer_input_disabled": true, "call_to_actions": [
                {"type": "postback", "title": "Pay", "payload": "PAY"},
                {"type": "web_url", "title": "Shop", "url": "https://example.com/"}
            ]}))
        );
    }

    #[test]
    fn what_messenger_cannot_show_is_said() {
        let tel = MenuItem::Link { id: "1".into(), text: "Call".into(), uri: "tel:+15145550133".into() };
        for (items, word) in [
            (vec![], "1 to 20 entries"),
            (vec![postback("x", "p"); 21], "1 to 20 entries"),
            (vec![postback(&"x".repeat(31), "p")], "no label"),
            (vec![postback("x", "")], "payload"),
            (vec![tel], "no address"),
            (vec![submenu(vec![submenu(vec![])])], "within a submenu"),
        ] {
            let refused = persistent(&Menu { items, input_enabled: true }).expect_err("a refusal");
            assert!(refused.detail.contains(word), "{refused}");
        }
    }
}
