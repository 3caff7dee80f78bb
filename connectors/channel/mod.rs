//! The contract: what a channel (a kind of medium) is to the gateway. Read this file first.
//!
//! A channel maps between the platform's vocabulary and one provider's protocol. It is stateless: one value
//! per integration with the settings inside, no clock, no tasks, no storage. The network comes in as
//! [`Egress`], time comes in with the values it is needed for.

mod activity;
mod approved;
mod business;
mod capabilities;
mod content;
mod egress;
mod error;
mod inbound;
pub mod jwt;
mod menus;
mod outbound;
pub mod phone;
mod secret;
mod settings;
pub mod signature;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;
mod webhook;

use std::fmt::Debug;

use async_trait::async_trait;

pub use activity::{Activities, Activity, Shown};
pub use approved::{
    ApprovedTemplate, ApprovedTemplates, NewTemplate, TemplateName, TemplatePage, TemplateQuery,
};
pub use business::{Business, BusinessProfile};
pub use capabilities::{Capabilities, Confirmations, Rate, Reach};
pub use content::{
    Action, Answer, Answered, AspectRatio, Body, Choice, Content, Field, FieldKind, Item, MapPlace,
    SelectOption,
};
pub use egress::{Egress, EgressError, Incoming, Request, Response, Streamed};
pub use error::{ChannelError, Code, Fate, Scope};
pub use inbound::{InboundEvent, InboundMessage, MediaSource, Person, Receipt, Stage};
pub use menus::{Menu, MenuItem, Menus};
pub use outbound::{
    Accepted, Arriving, Attempt, Connected, Destination, Earlier, InvalidDestination, Media, Occasion,
    OutboundMessage, Verdict,
};
pub use secret::Secret;
#[cfg(test)]
pub(crate) use settings::problems;
pub use settings::{Problem, Settings};
pub use webhook::{Forged, Malformed, RawWebhook, Reply, Verified};

/// One configured channel of an app: how to reach people through it and how to understand its provider.
///
/// The required methods are the whole of a simple channel. Each default is the safe answer, so a verb added
/// later changes no existing connector.
#[async_trait]
pub trait Channel: Debug + Send + Sync {
    /// What this channel can carry, how far it reports and how fast it may be driven.
    fn capabilities(&self) -> &Capabilities;

    /// The address in the form under which clients are stored and compared, or why it is none.
    fn destination(&self, given: &str) -> Result<Destination, InvalidDestination>;

    /// Checks the credentials with the provider and resolves names it knows better (a number's id, a page).
    async fn connect(&self, egress: &dyn Egress) -> Result<Connected, ChannelError>;

    /// Answers a provider's subscription handshake (Meta's `hub.challenge`); `None` when this is not one.
    fn handshake(&self, _raw: &RawWebhook) -> Option<Reply> {
        None
    }

    /// Whether a hook that is not proven yet may be about this integration. It only saves work where many
    /// integrations share an address ([`Capabilities::shares_hooks`]): what the hook says is proven afterwards.
    fn may_concern(&self, _raw: &RawWebhook) -> bool {
        true
    }

    /// Proves that the provider sent this hook. There is no default: forgetting it must not compile.
    fn verify(&self, raw: RawWebhook) -> Result<Verified, Forged>;

    /// What a proven hook says; one hook may carry many events. Kinds it does not know become
    /// [`InboundEvent::Unrecognised`]; `Err` is for a body that is not the provider's format at all.
    fn parse(&self, hook: &Verified) -> Result<Vec<InboundEvent>, Malformed>;

    /// The answer a provider expects after its hook was stored.
    fn acknowledge(&self) -> Reply {
        Reply::ok()
    }

    /// Cuts a message into the pieces this channel sends one by one, in order, with the platform's text
    /// fallback applied to what it cannot carry. Pure; `Err` when the message cannot be expressed at all.
    ///
    /// Each piece is ledgered apart, so a failure of the second never repeats the first.
    fn parts(&self, body: &Body) -> Result<Vec<Body>, ChannelError>;

    /// Sends one piece made by [`Channel::parts`] as one provider message.
    async fn send(&self, message: &OutboundMessage, egress: &dyn Egress) -> Result<Accepted, ChannelError>;

    /// Gets the file of an inbound message by the name that [`MediaSource::Held`] gave it.
    async fn fetch(&self, _media: &str, _egress: &dyn Egress) -> Result<Arriving, ChannelError> {
        Err(ChannelError::permanent(Code::NotFound, "this channel's provider holds no files"))
    }

    /// What the provider knows about a person; `None` when no more than we do.
    async fn profile(&self, _address: &str, _egress: &dyn Egress) -> Result<Option<Person>, ChannelError> {
        Ok(None)
    }

    /// Asks the provider how far a message came whose receipts are overdue. The answer is a receipt like any
    /// other; `None` when it cannot be asked, or says nothing that a receipt would.
    async fn look_up(
        &self,
        _provider_id: &str,
        _egress: &dyn Egress,
    ) -> Result<Option<Receipt>, ChannelError> {
        Ok(None)
    }

    /// Asks the provider what became of an attempt whose answer was never seen.
    async fn reconcile(&self, _attempt: &Attempt, _egress: &dyn Egress) -> Result<Verdict, ChannelError> {
        Ok(Verdict::NoAnswer)
    }

    /// How it shows what the business does; `None` when it shows nothing.
    fn activity(&self) -> Option<&dyn Activities> {
        None
    }

    /// How it shows a menu; `None` when it shows none.
    fn menus(&self) -> Option<&dyn Menus> {
        None
    }

    /// The templates its provider approves; `None` when it approves none, or the settings open them not.
    fn templates(&self) -> Option<&dyn ApprovedTemplates> {
        None
    }

    /// How the business shows itself there; `None` when it cannot.
    fn business(&self) -> Option<&dyn BusinessProfile> {
        None
    }
}
