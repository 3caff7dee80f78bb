//! How callers name a person.

use super::{Id, User};

/// A person, by one of the two ids that they have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Ours.
    Id(Id<User>),
    /// The business's own.
    ExternalId(String),
}
