//! What is said and done in conversations, and what becomes of what is sent.

use heliograph_connectors::channel::Action;
use serde_json::{Value, json};

use crate::model::{
    Author, Client, Conversation, DeliverySubject, EventDestination, Id, Message, Notified, Role, Source,
    User,
};
use crate::wire::v2::message::{More, author_webhook, message_webhook, source_webhook};
use crate::wire::written::Written;

use super::{Teller, failure, reference};

impl Teller<'_> {
    pub(super) fn said(
        self,
        said: &Message,
        user: Option<&User>,
        from: Option<&Client>,
        recent: &[Message],
    ) -> Written {
        let user = user.map(|user| self.user(user));
        // What the business says goes to an identity, it comes from none.
        let from = from.filter(|_| said.author.role == Role::User);
        let more = More { user: user.as_ref(), client: self.client(from) };
        let recent: Vec<Value> = recent.iter().map(|each| message_webhook(each, More::default())).collect();
        self.in_conversation(&said.conversation)
            .with("message", message_webhook(said, more))
            .maybe("recentNotifications", (!recent.is_empty()).then_some(recent))
    }

    /// The conversation it happened in, by its id alone where nothing else was kept.
    fn in_conversation(self, id: &Id<Conversation>) -> Written {
        match &self.event.conversation {
            Some(_) => self.conversation(),
            None => Written::new().with("conversation", json!({"id": id, "type": "personal"})),
        }
    }

    /// Whose delivery it is, as far as known.
    pub(super) fn whose(self, user: Option<&User>, conversation: Option<&Id<Conversation>>) -> Written {
        let held = conversation.map_or_else(|| self.conversation(), |id| self.in_conversation(id));
        held.maybe("user", user.map(|user| self.user(user)))
    }

    pub(super) fn delivered(
        self,
        told: &Notified,
        subject: &DeliverySubject,
        to: &EventDestination,
        external_ids: &[String],
    ) -> Written {
        let external: Vec<Written> = external_ids.iter().map(|id| Written::new().with("id", id)).collect();
        let error = match told {
            Notified::Failure { error } => Some(failure(error)),
            Notified::Channel { .. } | Notified::User => None,
        };
        let destination = Written::new().with("type", &to.kind).with("integrationId", &to.integration);
        let about = match subject {
            DeliverySubject::Message(id) => {
                Written::new().with("message", reference(id)).with("destination", destination)
            }
            DeliverySubject::Notification(id) => Written::new()
                .with("notification", Written::new().with("id", id))
                .with("destination", destination.with("destinationId", &to.address)),
        };
        about
            .maybe("externalMessages", (!external.is_empty()).then_some(external))
            .with("isFinalEvent", told.is_final())
            .maybe("error", error)
    }

    pub(super) fn pressed(self, payload: &str, button: Option<&Action>) -> Written {
        let metadata = match button {
            Some(Action::Postback { metadata, .. }) if !metadata.is_empty() => Some(metadata),
            _ => None,
        };
        let postback = Written::new().with("payload", payload).maybe("metadata", metadata);
        Written::new().with("postback", postback)
    }

    /// Somebody reads or types.
    pub(super) fn active(
        self,
        kind: &str,
        (by, user): (Role, Option<&User>),
        from: Option<&Client>,
        source: &Source,
    ) -> Written {
        let who = match by {
            Role::User => Author::person(user.map(|user| user.id.clone()), None),
            Role::Business => Author::business(),
        };
        let user = user.map(|user| self.user(user));
        let activity = Written::new()
            .with("type", kind)
            .with("author", author_webhook(&who, user.as_ref()))
            .with("source", source_webhook(source, self.client(from)));
        self.conversation().with("activity", activity)
    }
}
