//! A stored template: a message that is kept under a name, to be said again by that name.

use heliograph_connectors::channel::Content;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Id, Timestamp};

/// A message kept under a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// 24 hex digits.
    pub id: Id<Template>,
    /// What it is called in a text; unique within the app.
    pub name: String,
    /// What it says.
    pub content: Content,
    /// The business's own facts.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// When it was made.
    pub created: Timestamp,
}
