//! What the gateway knows: plain data and state machines, without I/O.

mod app;
mod clock;
mod conversation;
mod delivery;
mod event;
mod id;
mod job;
mod media;
mod message;
mod user;

pub use app::{
    App, AppSettings, Integration, Key, KeyScope, Limits, OnUnknown, Tenant, Webhook, WebhookVersion,
};
pub use clock::{Clock, SystemClock, Timestamp};
pub use conversation::{Conversation, ConversationKind, Participant};
pub use delivery::{
    Booked, Delivery, DeliveryError, Doubt, Moment, Notified, Part, Purpose, Slowdown, Standing, State,
    Total, answer_in_words, wait_in_words,
};
pub use event::{DeliverySubject, Event, EventDestination, LinkOutcome, What};
pub use id::Id;
pub use job::{Job, NewJob, Priority, Work};
pub use media::MediaFile;
pub use message::{Author, Message, Role, Source};
pub use user::{Client, ClientStatus, Confirmation, PendingLink, User};
