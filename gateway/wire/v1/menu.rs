//! Menus as v1.1 shows them.

use heliograph_connectors::channel::Menu;
use serde_json::{Value, json};

/// A menu, or what there is without one.
pub fn menu(menu: Option<&Menu>) -> Value {
    match menu {
        Some(menu) => json!({ "items": menu.items, "settings": { "inputEnabled": menu.input_enabled } }),
        None => json!({ "items": [] }),
    }
}
