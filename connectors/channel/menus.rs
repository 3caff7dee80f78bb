//! A menu that stays open to a person whatever was said last.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{ChannelError, Egress};

/// The face of channels that show a menu.
///
/// Messenger keeps one for a page (`/me/messenger_profile`, property `persistent_menu`). It wants a Get Started button
/// on the page before, shows items one level deep, and counts ten calls in ten minutes.
#[async_trait]
pub trait Menus: Send + Sync {
    /// Whether this menu can be shown here; if not, why. Pure, so that whoever sets it learns it at once.
    fn check(&self, _menu: &Menu) -> Result<(), ChannelError> {
        Ok(())
    }

    /// Shows this menu, in place of whatever was shown; `Err` with [`super::Fate::Permanent`] when it cannot be shown.
    async fn put(&self, menu: &Menu, egress: &dyn Egress) -> Result<(), ChannelError>;

    /// Shows none any more.
    async fn remove(&self, egress: &dyn Egress) -> Result<(), ChannelError>;
}

/// A menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Menu {
    /// Its entries.
    pub items: Vec<MenuItem>,
    /// Whether the person may write, too.
    pub input_enabled: bool,
}

/// An entry of a menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum MenuItem {
    /// Opens a page.
    Link {
        /// Given by the platform.
        #[serde(rename = "_id")]
        id: String,
        /// The label.
        text: String,
        /// The page.
        uri: String,
    },
    /// Tells the business that it was pressed.
    Postback {
        /// Given by the platform.
        #[serde(rename = "_id")]
        id: String,
        /// The label.
        text: String,
        /// What the business is told.
        payload: String,
    },
    /// Opens more entries.
    Submenu {
        /// Given by the platform.
        #[serde(rename = "_id")]
        id: String,
        /// The label.
        text: String,
        /// The entries; links and postbacks alone.
        items: Vec<MenuItem>,
    },
}
