//! Which channels there are: a value handed around, never a global.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::channel::{Channel, Problem, Settings};

/// Makes a channel from an integration's settings. Pure: no network, no files.
pub type Build = fn(Settings<'_>) -> Result<Arc<dyn Channel>, Vec<Problem>>;

/// The channels a gateway knows, by their type in the API.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, Build>,
}

impl Registry {
    /// Every connector compiled in.
    pub fn builtin() -> Registry {
        let registry = Registry::default();
        #[cfg(feature = "mailgun")]
        let registry = registry.with("mailgun", crate::mailgun::build);
        #[cfg(feature = "messagebird")]
        let registry = registry.with("messagebird", crate::messagebird::build);
        #[cfg(feature = "messenger")]
        let registry = registry.with("messenger", crate::messenger::build);
        #[cfg(feature = "twilio")]
        let registry = registry.with("twilio", crate::twilio::build);
        #[cfg(feature = "whatsapp")]
        let registry = registry.with("whatsapp", crate::whatsapp::build);
        registry
    }

    /// The same and one more.
    pub fn with(mut self, kind: &'static str, build: Build) -> Registry {
        self.kinds.insert(kind, build);
        self
    }

    /// How to build a channel of this type.
    pub fn get(&self, kind: &str) -> Option<Build> {
        self.kinds.get(kind).copied()
    }

    /// The types known, in alphabetical order.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.keys().copied()
    }
}
