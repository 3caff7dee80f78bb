//! Reading back: messages of a conversation, a delivery's story.

use crate::model::{Conversation, Delivery, Message, Tenant, Timestamp};
use crate::store::Cut;

use super::records::messages_of;
use super::{Core, CoreError, Thing};

/// Messages on one page (Sunshine v1.1, limits).
const PAGE: usize = 100;

/// Which messages to read. Bounds are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The newest.
    Newest,
    /// The newest before a moment.
    Before(Timestamp),
    /// The oldest after a moment.
    After(Timestamp),
}

/// A page of a conversation, oldest first.
#[derive(Debug, Clone)]
pub struct History {
    /// The conversation.
    pub conversation: Conversation,
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether older ones lie before the page.
    pub has_previous: bool,
    /// Whether newer ones lie after it.
    pub has_next: bool,
}

impl Core {
    /// A page of a user's conversation.
    pub async fn messages(&self, tenant: &Tenant, user: &str, window: Window) -> Result<History, CoreError> {
        let app = &tenant.app.id;
        let conversation = self.find_known(tenant, user).await?.conversation;
        let list = messages_of(&conversation.id);
        // One more than a page tells whether there are others on that side.
        let cut = match window {
            Window::Newest => Cut::Newest { limit: PAGE + 1 },
            Window::Before(at) => Cut::Before { rank: at.millis(), limit: PAGE + 1 },
            Window::After(at) => Cut::After { rank: at.millis(), limit: PAGE + 1 },
        };
        let mut entries = self.store.page(app, &list, cut).await?;
        let full = entries.len() > PAGE;
        if full && matches!(window, Window::After(_)) {
            entries.truncate(PAGE);
        } else if full {
            entries.remove(0);
        }
        let newest = conversation.last_message_at.map(Timestamp::millis);
        let has_next = match window {
            Window::After(_) => full,
            _ => entries.last().is_some_and(|entry| Some(entry.rank) < newest),
        };
        let has_previous = match window {
            Window::After(_) => conversation.message_count as usize > entries.len() + usize::from(full),
            _ => full,
        };
        let ids: Vec<String> = entries.into_iter().map(|entry| entry.member).collect();
        let found = self.store.load_all::<Message>(app, &ids).await?;
        let messages = found.into_iter().flatten().map(|read| read.value).collect();
        Ok(History { conversation, messages, has_previous, has_next })
    }

    /// A notification, or a message's delivery, by its id.
    pub async fn delivery(&self, tenant: &Tenant, id: &str) -> Result<Delivery, CoreError> {
        let found = self.store.load::<Delivery>(&tenant.app.id, id).await?;
        found.map(|read| read.value).ok_or(CoreError::NotFound(Thing::Delivery))
    }
}
