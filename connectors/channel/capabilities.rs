//! What a channel can do, as data that the gateway, the documentation and the tests read alike.

use std::time::Duration;

/// What a channel can carry, how far it reports, its limits and its words.
#[derive(Debug, Clone, PartialEq)]
pub struct Capabilities {
    /// The channel's type in the API: `twilio`.
    pub kind: &'static str,
    /// The word in generated message names: `Twilio SMS User 1514…`.
    pub word: &'static str,
    /// The key that holds the address when a channel is linked through the API: `phoneNumber`, `address`.
    pub destination_key: &'static str,
    /// How far delivery reports reach.
    pub reach: Reach,
    /// Whether every receipt carries the reference given in [`super::OutboundMessage`]; if not, the gateway
    /// keeps the provider's ids to find the delivery again.
    pub echoes_reference: bool,
    /// Content kinds carried as they are, by their API word (`text`, `image`, …). All others fall back to text.
    pub native: &'static [&'static str],
    /// Raw provider payloads accepted under `messageSchema`: `whatsapp`.
    pub schema: Option<&'static str>,
    /// How a link to a person on this channel may be confirmed.
    pub confirmations: Confirmations,
    /// The pace at which the provider accepts sends when nothing else is configured.
    pub rate: Rate,
    /// How many requests may be open at the provider at once for one integration.
    pub concurrency: usize,
}

/// The last stage a channel reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Only that the provider accepted the message: its acceptance is final.
    Channel,
    /// Arrival at the person.
    User,
}

/// Which confirmations a link on this channel may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmations {
    /// Linked at once, or when the optional message was accepted.
    pub immediate: bool,
    /// Linked when the person next writes.
    pub user_activity: bool,
    /// Linked when the person answers yes to the platform's question.
    pub prompt: bool,
}

/// A sustained pace with room for a burst.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Messages a second in the long run.
    pub per_second: f64,
    /// Messages that may leave at once after a pause.
    pub burst: u32,
    /// The pause after a throttle answer that names none.
    pub pause: Duration,
}
