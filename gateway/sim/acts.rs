//! What the gateway shows people beside messages: that somebody writes, that somebody has read.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Account, iso, kept::Kept, lock};

/// How many are remembered, and how many bytes of them.
const ACTS_LIMIT: (usize, usize) = (50_000, 16 << 20);

/// Every act that was asked for and taken.
pub(super) struct Acts(Mutex<Kept<Value>>);

impl Acts {
    /// None yet.
    pub(super) fn new() -> Acts {
        Acts(Mutex::new(Kept::new(ACTS_LIMIT)))
    }

    /// Remembers one, in the provider's own word. `about` is whom or what it was shown to.
    pub(super) fn note(&self, account: &Account, word: &str, about: &str) {
        let act = json!({
            "at": iso(Timestamp::now()), "type": account.kind, "integrationId": account.integration_id,
            "act": word, "about": about,
        });
        lock(&self.0).push(None, 256 + about.len(), Arc::new(act));
    }

    /// All of them, oldest first.
    pub(super) fn view(&self) -> Vec<Value> {
        lock(&self.0).iter().map(|act| Value::clone(act)).collect()
    }

    /// Forgets them.
    pub(super) fn clear(&self) {
        *lock(&self.0) = Kept::new(ACTS_LIMIT);
    }
}
