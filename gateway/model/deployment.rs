//! A WhatsApp number set up for the account, before an app takes it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Id, Timestamp};

/// A number with what opens it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// 24 hex digits.
    pub id: Id<Deployment>,
    /// Who runs its client, in the caller's words: `smooch` or `self`. Here that is always Meta.
    pub hosting: String,
    /// The connector's settings, secrets included.
    pub settings: Map<String, Value>,
    /// What the provider said of it.
    #[serde(default)]
    pub facts: Map<String, Value>,
    /// When it was made.
    pub created: Timestamp,
}

/// Without the settings: they hold secrets.
impl fmt::Debug for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deployment").field("id", &self.id).finish_non_exhaustive()
    }
}
