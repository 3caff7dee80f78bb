//! What is an erased person's among jobs, events, deliveries and conversations.

use crate::model::{Conversation, Delivery, Event, Id, Integration, What, Work};
use crate::store::{Batch, Expect, Record};

use super::super::erase::Erasing;
use super::super::records::conversations_of;

impl Erasing {
    /// Whether a job is about the person and nothing else. Sends go with their deliveries.
    pub(super) fn is_about(&self, work: &Work) -> bool {
        match work {
            Work::Announce { event, .. } => self.is_told_of(event),
            Work::Expire { user, .. } | Work::Blank { user, .. } | Work::Adopt { user } => {
                self.people.contains(user)
            }
            Work::Act(act) => self.people.contains(&act.user),
            Work::Move { from, user, .. } => self.people.contains(user) || self.conversations.contains(from),
            Work::Sweep { conversation, .. } | Work::Prune { conversation } => {
                self.conversations.contains(conversation)
            }
            Work::Send { .. }
            | Work::Fetch { .. }
            | Work::Unlink { .. }
            | Work::ShowMenu { .. }
            | Work::Erase { .. }
            | Work::EraseApp => false,
        }
    }

    /// Whether an event tells of the person. That they are gone is told all the same.
    pub(super) fn is_told_of(&self, event: &Event) -> bool {
        match &event.what {
            What::UserDeleted { .. } => false,
            What::Delivery { user: None, destination, conversation, .. } => {
                let is_theirs = conversation.as_ref().is_some_and(|one| self.conversations.contains(one));
                let is_old = event.at <= self.at;
                is_theirs || (is_old && self.is_at(&destination.integration, &destination.address))
            }
            what => {
                let held = event.conversation.as_ref();
                held.is_some_and(|held| self.conversations.contains(&held.id))
                    || what.user().is_some_and(|user| self.people.contains(&user.id))
            }
        }
    }

    /// Takes a conversation of theirs away in which nothing is said any more.
    pub(super) fn leave(&self, conversation: &Id<Conversation>, version: Option<u64>, batch: &mut Batch) {
        if let Some(version) = version {
            batch.delete_expecting(Conversation::KIND, conversation.as_str(), Expect::Version(version));
        }
        for person in &self.people {
            batch.remove(conversations_of(person), conversation.as_str());
        }
    }

    pub(super) fn is_at(&self, integration: &Id<Integration>, address: &str) -> bool {
        self.addresses.iter().any(|(one, known)| one == integration && known == address)
    }

    /// Whether a delivery was for the person.
    pub(super) fn owns(&self, delivery: &Delivery) -> bool {
        match &delivery.user {
            Some(user) => self.people.contains(user),
            None => {
                let mut addresses = std::iter::once(&delivery.destination).chain(&delivery.aliases);
                let is_theirs = addresses.any(|address| self.is_at(&delivery.integration, address));
                delivery.created <= self.at && is_theirs
            }
        }
    }
}
