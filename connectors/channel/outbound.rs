//! What we tell a provider, and what it answers.

use serde_json::Value;
use url::Url;

use super::Body;

/// One message on its way out: what [`super::Channel::send`] is given.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboundMessage {
    /// Our id. Goes to the provider wherever it echoes one, so that a receipt finds its delivery even when
    /// the answer to the send was never seen. URL-safe, at most 64 characters.
    pub reference: String,
    /// Whom it is for.
    pub destination: Destination,
    /// One piece, as [`super::Channel::parts`] made it.
    pub body: Body,
    /// Where this integration's hooks arrive, for providers that take a callback with each send.
    pub hook_url: Url,
}

/// An address in the form under which clients are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The canonical form.
    pub address: String,
    /// Other spellings under which the provider may know the same person, most likely first.
    pub variants: Vec<String>,
}

impl Destination {
    /// An address that has one spelling.
    pub fn new(address: impl Into<String>) -> Destination {
        Destination { address: address.into(), variants: Vec::new() }
    }
}

/// Why a given address is none. One lowercase sentence that names what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidDestination(pub String);

/// The provider took the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The provider's id of it, as receipts will name it; `None` where the provider gives none.
    pub provider_id: Option<String>,
}

/// A send whose answer was never seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The reference it carried.
    pub reference: String,
    /// Whom it was for.
    pub destination: Destination,
    /// When it began, in Unix milliseconds.
    pub started_at: i64,
}

/// What the provider knows about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has the message.
    Accepted(Accepted),
    /// It never got it.
    NeverSeen,
    /// It cannot be asked, or does not know yet.
    NoAnswer,
}

/// What the provider said about the integration itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Connected {
    /// Facts it knows better than the settings (`phoneNumber`, `name`), as the API shows them.
    pub facts: serde_json::Map<String, Value>,
}
