//! Reading back: messages of a conversation, a delivery's story.

use crate::model::{Conversation, Delivery, Id, Message, Tenant, Timestamp};
use crate::store::Cut;

use super::listing::Slice;
use super::records::messages_of;
use super::talk::Talk;
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
    /// A page of a conversation.
    pub async fn messages(
        &self,
        tenant: &Tenant,
        talk: Talk<'_>,
        window: Window,
    ) -> Result<History, CoreError> {
        let app = &tenant.app.id;
        let (conversation, _) = self.room(tenant, talk).await?.into_conversation();
        let list = messages_of(&conversation.id);
        let since = self.shown_since(tenant, &conversation).map_or(i64::MIN, Timestamp::millis);
        // One more than a page tells whether there are others on that side.
        let cut = match window {
            Window::Newest => Cut::Newest { limit: PAGE + 1 },
            Window::Before(at) => Cut::Before { rank: at.millis(), limit: PAGE + 1 },
            Window::After(at) => Cut::After { rank: at.millis().max(since), limit: PAGE + 1 },
        };
        let mut entries = self.store.page(app, &list, cut).await?;
        entries.retain(|entry| entry.rank > since);
        let full = entries.len() > PAGE;
        if full && matches!(window, Window::After(_)) {
            entries.truncate(PAGE);
        } else if full {
            entries.remove(0);
        }
        let (has_previous, has_next) = match (window, entries.first(), entries.last()) {
            (_, None, _) | (_, _, None) => (false, false),
            (Window::Newest, ..) => (full, false),
            (Window::Before(_), _, Some(last)) => {
                let later = Cut::After { rank: last.rank, limit: 1 };
                (full, !self.store.page(app, &list, later).await?.is_empty())
            }
            (Window::After(_), Some(first), _) => {
                let earlier = Cut::Before { rank: first.rank, limit: 1 };
                let earlier = self.store.page(app, &list, earlier).await?;
                (earlier.iter().any(|entry| entry.rank > since), full)
            }
        };
        let ids: Vec<String> = entries.into_iter().map(|entry| entry.member).collect();
        let found = self.store.load_all::<Message>(app, &ids).await?;
        let messages = found.into_iter().flatten().map(|read| read.value).collect();
        Ok(History { conversation, messages, has_previous, has_next })
    }

    /// A page of a conversation beside one of its messages, whether or not that one is there; the newest without one.
    pub async fn messages_beside(
        &self,
        tenant: &Tenant,
        id: &str,
        slice: &Slice,
    ) -> Result<History, CoreError> {
        let at = match slice.cursor() {
            Some(cursor) => self.said_when(tenant, cursor).await?,
            None => Timestamp::from_millis(0),
        };
        let window = match slice {
            Slice::First(_) => Window::Newest,
            Slice::After(..) => Window::After(at),
            Slice::Before(..) => Window::Before(at),
        };
        self.messages(tenant, Talk::Named(id), window).await
    }

    /// When a message was said, or one that is gone: ids tell.
    async fn said_when(&self, tenant: &Tenant, id: &str) -> Result<Timestamp, CoreError> {
        let found = self.store.load::<Message>(&tenant.app.id, id).await?;
        let made = || Id::<Message>::new(id).moment().unwrap_or(Timestamp::from_millis(0));
        Ok(found.map_or_else(made, |read| read.value.received))
    }

    /// A notification, or a message's delivery, by its id.
    pub async fn delivery(&self, tenant: &Tenant, id: &str) -> Result<Delivery, CoreError> {
        let found = self.store.load::<Delivery>(&tenant.app.id, id).await?;
        found.map(|read| read.value).ok_or(CoreError::NotFound(Thing::Delivery))
    }
}
