//! What the gateway knows: plain data and state machines, without I/O.

mod app;
mod clock;
mod conversation;
mod custom;
mod delivery;
mod deployment;
mod event;
mod id;
mod job;
mod media;
mod message;
mod particulars;
mod seal;
mod switchboard;
mod template;
mod user;
mod whom;

pub use app::{
    App, AppSettings, Integration, IntegrationStatus, Key, KeyScope, Limits, OnUnknown, ServiceAccount,
    Tenant, Webhook, WebhookVersion,
};
pub use clock::{Clock, SystemClock, Timestamp};
pub use conversation::{Controller, Conversation, ConversationKind, Held, Participant, Whole};
pub use custom::Custom;
pub use delivery::{
    Booked, Delivery, DeliveryError, Doubt, Moment, Notified, Part, Purpose, Slowdown, Standing, State,
    Total, answer_in_words, wait_in_words,
};
pub use deployment::Deployment;
pub use event::{Event, What};
pub use id::Id;
pub use job::{Act, Job, NewJob, Priority, Work};
pub use media::{Blob, MediaFile};
pub use message::{Author, Markup, Message, Quoted, Reference, Role, Source};
pub use particulars::{
    ControlAction, ControlError, CreationReason, DeliverySubject, Departed, EventDestination, LinkOutcome,
    Referral, Union,
};
pub use seal::{Seal, SealBroken};
pub use switchboard::{Control, Switchboard, SwitchboardIntegration};
pub use template::Template;
pub use user::{Client, ClientStatus, Confirmation, PendingLink, User};
pub use whom::Whom;
