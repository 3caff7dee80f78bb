//! A person with one of their conversations, as a use case changes both.

use heliograph_connectors::channel::Content;

use crate::model::{Author, ClientStatus, Conversation, Id, Integration, Message, Source, Timestamp, User};
use crate::store::{Batch, Expect, Record, Versioned};

use super::records::{Linked, save};

/// Addresses under which one identity is known beside its own: a number's spellings and a provider's id.
pub(super) const ALIASES_MAX: usize = 8;

/// A person with one of their conversations, read for change. `None` versions: not stored yet.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) user: User,
    pub(super) user_version: Option<u64>,
    pub(super) conversation: Conversation,
    pub(super) conversation_version: Option<u64>,
    /// Whether the user differs from what is stored.
    user_changed: bool,
}

impl Known {
    /// What was read of both.
    pub(super) fn read(user: Versioned<User>, conversation: Versioned<Conversation>) -> Known {
        Known {
            user: user.value,
            user_version: Some(user.version),
            conversation: conversation.value,
            conversation_version: Some(conversation.version),
            user_changed: false,
        }
    }

    /// Somebody nobody knew.
    pub(super) fn stranger(now: Timestamp) -> Known {
        let user = User::new(now);
        let conversation = Conversation::default_of(&user, now);
        Known { user, user_version: None, conversation, conversation_version: None, user_changed: true }
    }

    /// Whether nothing was ever said in it, and that begins it.
    pub(super) fn is_to_start(&self) -> bool {
        self.conversation.is_default && !self.user.conversation_started
    }

    /// Notes that something was said in the default conversation. Whether it is the first time.
    pub(super) fn starts_default(&mut self) -> bool {
        let is_first = self.is_to_start();
        self.user_changed |= is_first;
        self.user.conversation_started |= is_first;
        is_first
    }

    /// The next message of the person, which moves the conversation along.
    pub(super) fn hears(
        &mut self,
        name: String,
        now: Timestamp,
        content: Content,
        source: Source,
        payload: Option<String>,
    ) -> Message {
        let (user, conversation) = (&self.user, &mut self.conversation);
        let received = conversation.next_message_at(now);
        conversation.said_by(&user.id, received);
        conversation.message_count += 1;
        let author = Author::person(Some(user.id.clone()), Some(name));
        Message { payload, ..Message::new(&conversation.id, author, received, content, source) }
    }

    /// The person did something on a channel just now.
    pub(super) fn seen_at(&mut self, integration: &Id<Integration>, address: &str, now: Timestamp) {
        let mut clients = self.user.clients.iter_mut();
        if let Some(client) = clients.find(|client| client.is_at(integration, address)) {
            // Who wants no messages may write all the same.
            if client.status != ClientStatus::Blocked {
                client.status = ClientStatus::Active;
            }
            client.last_seen = Some(now);
            self.user_changed = true;
        }
    }

    /// Whoever spoke in this conversation from a channel, or was to, speaks in the default one from now on.
    pub(super) fn leave_seats(&mut self) {
        let pending = self.user.pending.iter_mut().map(|link| &mut link.client);
        let clients = self.user.clients.iter_mut().chain(pending);
        for client in clients.filter(|client| client.seat.as_ref() == Some(&self.conversation.id)) {
            client.seat = None;
            self.user_changed = true;
        }
    }

    /// Writes the conversation, and the user only when new or changed.
    pub(super) fn save_changed(&self, batch: &mut Batch) {
        self.save_user_if_changed(batch);
        save(batch, self.conversation_version, &self.conversation);
    }

    /// Writes the user, when new or changed.
    pub(super) fn save_user_if_changed(&self, batch: &mut Batch) {
        if self.user_changed {
            save(batch, self.user_version, &self.user);
        }
    }

    /// Links further addresses to the client that was found under one.
    pub(super) fn learn(
        &mut self,
        integration: &Integration,
        under: &str,
        free: &[String],
        batch: &mut Batch,
    ) {
        let user = &mut self.user;
        let Some(at) = user.clients.iter().position(|client| client.is_at(&integration.id, under)) else {
            return;
        };
        let room = ALIASES_MAX.saturating_sub(user.clients[at].aliases.len());
        for address in free.iter().take(room) {
            user.clients[at].aliases.push(address.clone());
            batch.insert(&Linked::of(user, &user.clients[at], address));
            self.user_changed = true;
        }
    }

    /// Removes both documents, if nobody changed them meanwhile.
    pub(super) fn remove(&self, batch: &mut Batch) {
        let is = |version: Option<u64>| version.map_or(Expect::Absent, Expect::Version);
        batch.delete_expecting(User::KIND, self.user.record_id(), is(self.user_version));
        let conversation = self.conversation.record_id();
        batch.delete_expecting(Conversation::KIND, conversation, is(self.conversation_version));
    }

    /// Writes both documents.
    pub(super) fn save(&self, batch: &mut Batch) {
        save(batch, self.user_version, &self.user);
        save(batch, self.conversation_version, &self.conversation);
    }
}
