//! Menus: up to three entries, up to five below each.

use heliograph_connectors::channel::{Menu, MenuItem};

use crate::model::Timestamp;
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

use super::actions::address;
use super::message::{LABEL_MAX, TEXT_MAX, fresh};

/// Entries of a menu.
const ITEMS_MAX: usize = 3;

/// Entries of a submenu.
const SUBITEMS_MAX: usize = 5;

/// Reads a menu, as `PUT …/menu` and `POST …/menu` carry it.
pub fn parse(body: &[u8], now: Timestamp) -> Result<Menu, Invalid> {
    let document = document(body)?;
    let given = Given::root(&document);
    let items = given.required("items", |items| {
        items.list_of(1, ITEMS_MAX)?.iter().map(|each| item(each, true, now)).collect()
    })?;
    let input = given.optional("settings", |settings| settings.optional("inputEnabled", Given::flag))?;
    Ok(Menu { items, input_enabled: input.flatten().unwrap_or(true) })
}

fn item(given: &Given<'_>, is_top: bool, now: Timestamp) -> Result<MenuItem, Invalid> {
    let kinds: &[&'static str] =
        if is_top { &["link", "postback", "submenu"] } else { &["link", "postback"] };
    let kind = given.required("type", |kind| kind.word(kinds))?;
    let (id, text) = (fresh(now), given.required("text", |text| text.filled_within(LABEL_MAX))?);
    Ok(match kind {
        "link" => MenuItem::Link { id, text, uri: given.required("uri", address)? },
        "postback" => {
            let payload = given.required("payload", |payload| payload.filled_within(TEXT_MAX))?;
            MenuItem::Postback { id, text, payload }
        }
        _ => {
            let items = given.required("items", |items| {
                items.list_of(1, SUBITEMS_MAX)?.iter().map(|each| item(each, false, now)).collect()
            })?;
            MenuItem::Submenu { id, text, items }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(body: Value) -> Result<Menu, Invalid> {
        parse(body.to_string().as_bytes(), Timestamp::from_millis(0))
    }

    #[test]
    fn entries_lie_two_deep_at_most() {
        let link = json!({"type": "link", "text": "Shop", "uri": "https://example.com/"});
        let postback = json!({"type": "postback", "text": "Pay", "payload": "PAY"});
        let submenu = json!({"type": "submenu", "text": "More", "items": [link, postback]});
        let menu =
            read(json!({"items": [link, submenu], "settings": {"inputEnabled": false}})).expect("a menu");
        assert!(matches!(&menu.items[1], MenuItem::Submenu { items, .. } if items.len() == 2));
        assert!(!menu.input_enabled && read(json!({"items": [postback]})).expect("a menu").input_enabled);
        let deep = json!({"type": "submenu", "text": "x", "items": [submenu]});
        for (items, path) in [
            (json!([]), "items"),
            (json!([link, link, link, link]), "items"),
            (json!([{"type": "link", "text": "x"}]), "items[0].uri"),
            (json!([{"type": "postback", "text": "", "payload": "x"}]), "items[0].text"),
            (json!([{"type": "reply", "text": "x", "payload": "x"}]), "items[0].type"),
            (json!([{"type": "submenu", "text": "x", "items": vec![&link; 6]}]), "items[0].items"),
            (json!([deep]), "items[0].items[0].type"),
        ] {
            assert_eq!(read(json!({ "items": items })).expect_err("a refusal").path, path);
        }
    }
}
