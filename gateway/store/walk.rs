//! Walks: all that an app keeps, looked at or taken away in bites.

use super::{Key, Stored};

/// A bite of a walk.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk<T> {
    /// What was met.
    pub found: Vec<T>,
    /// The place to go on from; `None` at the end.
    pub next: Option<String>,
}

/// A document met on a walk.
#[derive(Debug, Clone, PartialEq)]
pub struct Met {
    /// Under what it is kept.
    pub key: Key,
    /// The document.
    pub stored: Stored,
}

/// A bite of what was taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Razed {
    /// How much it was.
    pub removed: usize,
    /// The place to go on from; `None` at the end.
    pub next: Option<String>,
}
