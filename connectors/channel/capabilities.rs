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
    /// The key that holds the address where a person's channels are listed, if that is another one.
    pub entity_key: &'static str,
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
    /// Whether the provider calls one address for all numbers or pages of an account, so that a hook that
    /// arrives for one integration may tell about others too.
    pub shares_hooks: bool,
    /// Whether the provider tells a hook again, for hours, that was refused with a 5xx. If not, the gateway keeps on
    /// disk what it cannot store at that moment.
    pub repeats_hooks: bool,
    /// Whether receipts may say "everything up to this moment" ([`super::InboundEvent::Reached`], `Read`); then
    /// the gateway keeps in mind what is on its way to each person.
    pub watermarks: bool,
    /// Whether a send wants to know what the person last said ([`super::OutboundMessage::earlier`]).
    pub answers: bool,
    /// Whether [`super::Channel::profile`] knows more about a person than their messages say.
    pub profiles: bool,
    /// The pace at which the provider accepts sends when nothing else is configured.
    pub rate: Rate,
    /// The pace towards one person, where the provider limits that apart.
    pub pair: Option<Rate>,
    /// Settings, and facts the provider told, that the API shows. Whatever is not named here is a secret.
    pub shown: &'static [&'static str],
    /// How many requests may be open at the provider at once for one integration.
    pub concurrency: usize,
}

impl Capabilities {
    /// The least a channel can do: text, accepted by a provider that never reports, one message a second. What
    /// a channel can do beyond that it says with `..Capabilities::of(…)`, so a capability added later changes
    /// no existing connector.
    pub const fn of(kind: &'static str, word: &'static str, destination_key: &'static str) -> Capabilities {
        Capabilities {
            kind,
            word,
            destination_key,
            entity_key: destination_key,
            reach: Reach::Channel,
            echoes_reference: false,
            native: &["text"],
            schema: None,
            confirmations: Confirmations { immediate: true, user_activity: false, prompt: false },
            shares_hooks: false,
            repeats_hooks: false,
            watermarks: false,
            answers: false,
            profiles: false,
            rate: Rate { per_second: 1.0, burst: 1, pause: Duration::from_secs(1) },
            pair: None,
            shown: &[],
            concurrency: 4,
        }
    }
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

impl Confirmations {
    /// Nobody can be linked by their address.
    pub const NONE: Confirmations = Confirmations { immediate: false, user_activity: false, prompt: false };
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
