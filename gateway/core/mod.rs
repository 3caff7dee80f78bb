//! The use cases: what the gateway does, independent of API version, channel and storage engine.
//!
//! Each loads facts, decides purely, and commits one batch; on a conflict it loads again.

mod activity;
mod adopt;
mod announce;
mod approved;
mod attach;
mod belongings;
mod blanking;
mod blobs;
mod blocked;
mod control;
mod conversations;
mod converse;
mod dead_letters;
mod early;
mod erase;
mod erasing;
mod expire;
mod forget;
mod hidden;
mod history;
mod history_moves;
mod identify;
mod identities;
mod ingest;
mod known;
mod ledger;
mod limited;
mod link;
mod linkrequest;
mod listing;
mod mask;
mod media;
mod menu;
mod merge;
mod notify;
mod once;
mod participants;
mod ping;
mod postback;
mod profile;
mod reading;
mod records;
mod send;
mod settle;
mod start;
mod take_over;
mod talk;
mod templates;
mod unknown;
mod unlink;
mod watch;
mod watermark;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use activity::FindChannel;
pub use announce::{Announced, Attempt};
pub use approved::{Instead, bare};
pub use blanking::Blanking;
pub use blobs::Placed;
pub use control::{Move, Mover, Turn};
pub use conversations::{NewTalk, TalkChange};
pub use converse::{Beside, Post, Posted};
pub use dead_letters::{DEAD_LETTERS_PAGE, DeadLetter, DeadLetters, DeadLettersPage, Place};
pub use erasing::{Bite, Erasure};
pub use history::{History, Window};
pub use identify::NewUser;
pub use ledger::{Account, Pending};
pub use limited::{DAY_STEP, PaceReport, REPORT_LASTS};
pub use link::{Link, Linking};
pub use listing::{Listed, Slice};
pub use notify::Notify;
pub use once::{Earlier, Mark, Once};
pub use participants::{Leaver, Member};
pub use profile::{Change, ProfileChange};
pub use send::{Begin, Conclusion};
pub use talk::{Talk, Toward};
pub use templates::TemplateChange;
pub use unknown::{Decision, Kept};
pub use unlink::Which;
pub use watch::{DueLooks, Overdue};

use heliograph_connectors::channel::Channel;

use crate::metrics::Metrics;
use crate::model::{Clock, Event, Integration, Tenant, Timestamp, Webhook};
use crate::store::{Store, StoreError};

/// How often a use case loads again after somebody else wrote first, before it gives up.
const CONFLICTS_MAX: usize = 32;

/// The use cases and what they need.
#[derive(Debug, Clone)]
pub struct Core {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    policy: Policy,
    wants: Wants,
    metrics: Arc<Metrics>,
}

/// Whether a webhook subscribed to an event. Handed in, because only the wire knows trigger names.
pub type Wants = fn(&Webhook, &Event) -> bool;

/// The way a message takes: whose, through which integration, on which channel.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// Whose.
    pub tenant: &'a Tenant,
    /// Through which integration of theirs.
    pub integration: &'a Integration,
    /// Its channel.
    pub channel: &'a dyn Channel,
}

/// Times that the operator sets.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The waits before each further try of a send that certainly had no effect.
    pub retry: Vec<Duration>,
    /// When a message is too old to be sent.
    pub expires_after: Duration,
    /// How long a send of unknown outcome waits for a receipt.
    pub reconcile_window: Duration,
    /// Per channel, after how long without a receipt a delivery is unconfirmed.
    pub receipt_deadlines: BTreeMap<String, Duration>,
    /// How long a receipt may take before the provider is asked for it.
    pub receipt_check: Duration,
    /// How long a settled delivery is kept.
    pub keep_deliveries: Duration,
    /// How long a provider's event ids are remembered.
    pub keep_dedupe: Duration,
    /// How long dead letters are kept.
    pub keep_dead_letters: Duration,
    /// How long a link waits for its confirmation.
    pub links_expire_after: Duration,
    /// The address under which others reach the gateway, without a trailing slash.
    pub public_base: String,
}

#[cfg(test)]
impl Policy {
    /// Everything takes this long.
    pub(crate) fn lasting(time: Duration) -> Policy {
        Policy {
            retry: Vec::new(),
            expires_after: time,
            reconcile_window: time,
            receipt_deadlines: BTreeMap::new(),
            receipt_check: time,
            keep_deliveries: time,
            keep_dedupe: time,
            keep_dead_letters: time,
            links_expire_after: time,
            public_base: String::new(),
        }
    }
}

/// Does something that loads, decides and commits, and does it again while somebody else writes first; not without end.
async fn retried<T, F>(mut once: impl FnMut() -> F) -> Result<T, CoreError>
where
    F: Future<Output = Result<T, CoreError>>,
{
    let mut tried = 0;
    loop {
        let result = once().await;
        tried += 1;
        let others_won = matches!(&result, Err(error) if error.is_conflict());
        if !others_won || tried >= CONFLICTS_MAX {
            return result;
        }
    }
}

/// Why a use case refused.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// What was named is not there.
    #[error("{0} not found")]
    NotFound(Thing),
    /// It would clash with what is there.
    #[error("{0}")]
    Conflict(String),
    /// Whoever was named does not take part.
    #[error("User is not a member of the conversation")]
    NotAMember,
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// It is not the caller's to do.
    #[error("Forbidden")]
    Forbidden,
    /// The conversation is full.
    #[error("Message limit of 30000 per conversation reached.")]
    ConversationFull,
    /// The store refused, or others kept writing first.
    #[error(transparent)]
    Store(StoreError),
}

/// What was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A user.
    User,
    /// A linked channel.
    Client,
    /// A notification or delivery.
    Delivery,
    /// A conversation.
    Conversation,
    /// A message.
    Message,
    /// A button.
    Action,
    /// An integration.
    Integration,
    /// A stored template.
    Template,
}

impl std::fmt::Display for Thing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Thing::User => "user",
            Thing::Client => "client",
            Thing::Delivery => "notification",
            Thing::Conversation => "conversation",
            Thing::Message => "message",
            Thing::Action => "action",
            Thing::Integration => "integration",
            Thing::Template => "template",
        })
    }
}

impl CoreError {
    /// Whether somebody else wrote first, so that loading again may help.
    pub fn is_conflict(&self) -> bool {
        matches!(self, CoreError::Store(StoreError::Conflict(_)))
    }

    /// Whether the store could not be reached, so that trying later may help.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, CoreError::Store(StoreError::Unavailable(_)))
    }
}

impl From<StoreError> for CoreError {
    fn from(error: StoreError) -> CoreError {
        CoreError::Store(error)
    }
}

impl Core {
    /// The present moment, by the clock everything here goes by.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What counts what happens here.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// How many sends of an app wait, through all of its integrations.
    pub async fn queued(&self, tenant: &Tenant) -> Result<u64, CoreError> {
        let integrations: Vec<&str> = tenant.integrations.iter().map(|one| one.id.as_str()).collect();
        Ok(self.store.queued(&tenant.app.id, &integrations).await?)
    }

    /// Whether what is accepted now could be kept.
    pub async fn healthy(&self) -> Result<(), CoreError> {
        Ok(self.store.healthy().await?)
    }

    /// The use cases over a store.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        policy: Policy,
        wants: Wants,
        metrics: Arc<Metrics>,
    ) -> Core {
        Core { store, clock, policy, wants, metrics }
    }
}
