//! What a person may be shown beside messages: that somebody writes to them, that somebody read theirs.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{ChannelError, Destination, Egress};

/// The face of channels that show what the business does.
///
/// Messenger takes `sender_action`s for a person (`typing_on` lasts some 20 seconds). WhatsApp knows no person here,
/// only their newest message: that is marked read, and while it is, typing may be shown for up to 25 seconds. The
/// other channels have nothing of the kind.
#[async_trait]
pub trait Activities: Send + Sync {
    /// Whether the channel has a way to show this at all; what it has none for need not be tried.
    fn shows(&self, activity: Activity) -> bool;

    /// Shows it. Nothing is lost when that fails: it is no message, and soon over.
    async fn show(&self, shown: &Shown, egress: &dyn Egress) -> Result<(), ChannelError>;
}

/// What the business does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Activity {
    /// Somebody there began to write.
    TypingStarted,
    /// They stopped.
    TypingStopped,
    /// What the person wrote was read.
    Read,
}

/// What is shown to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Whom.
    pub destination: Destination,
    /// What.
    pub activity: Activity,
    /// The provider's id of the newest message that the person wrote, where one is known.
    pub newest: Option<String>,
}
