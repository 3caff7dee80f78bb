//! Webhook payloads: each event as v1.1 tells it, and the names it subscribes by.

use std::collections::BTreeSet;

use heliograph_connectors::channel::Action;
use serde_json::{Map, Value};

use crate::model::{
    Client, Conversation, CreationReason, DeliveryError, DeliverySubject, Departed, Event, EventDestination,
    Id, LinkOutcome, Message, Notified, Referral, Role, Source, User, Webhook, What,
};
use crate::wire::written::Written;

use super::content::action;
use super::views::{client_of, departed, full_user, message, truncated_user};

/// Every name a subscription may use. `message` means both kinds of message and `*` everything; some are
/// accepted because callers subscribe to them, though nothing here ever fires them.
pub const TRIGGERS: &[&str] = &[
    "*",
    "appUser:delete",
    "client:add",
    "client:remove",
    "client:update",
    "conversation:read",
    "conversation:referral",
    "conversation:start",
    "link:failure",
    "link:match",
    "link:success",
    "merge:appUser",
    "message",
    "message:appMaker",
    "message:appUser",
    "message:delivery:channel",
    "message:delivery:failure",
    "message:delivery:user",
    "notification:delivery:channel",
    "notification:delivery:failure",
    "notification:delivery:user",
    "notification:match:failure",
    "payment:success",
    "postback",
    "typing:appUser",
];

/// The name of an event; none for what v1.1 does not tell, and for what happens in conversations it does not show.
pub(in crate::wire) fn trigger(event: &Event) -> Option<&'static str> {
    if !event.is_of_default() {
        return None;
    }
    Some(match &event.what {
        What::Message { message, .. } => match message.author.role {
            Role::User => "message:appUser",
            Role::Business => "message:appMaker",
        },
        What::Delivery { subject: DeliverySubject::Message(_), told, .. } => match told {
            Notified::Channel { .. } => "message:delivery:channel",
            Notified::User => "message:delivery:user",
            Notified::Failure { .. } => "message:delivery:failure",
        },
        What::Delivery { subject: DeliverySubject::Notification(_), told, .. } => match told {
            Notified::Channel { .. } => "notification:delivery:channel",
            Notified::User => "notification:delivery:user",
            Notified::Failure { .. } => "notification:delivery:failure",
        },
        What::Link { outcome, .. } => match outcome {
            LinkOutcome::Match => "link:match",
            LinkOutcome::Success => "link:success",
            LinkOutcome::Failure(_) => "link:failure",
        },
        What::ClientAdded { .. } => "client:add",
        What::ClientRemoved { .. } => "client:remove",
        What::Postback { .. } => "postback",
        What::ConversationStarted { reason: CreationReason::Notification | CreationReason::None, .. } => {
            return None;
        }
        What::ConversationStarted { .. } => "conversation:start",
        What::Read { by: Role::User, .. } => "conversation:read",
        What::Referral { .. } => "conversation:referral",
        What::Typing { by: Role::User, .. } => "typing:appUser",
        What::Merged { .. } => "merge:appUser",
        What::UserDeleted { .. } => "appUser:delete",
        What::Read { by: Role::Business, .. }
        | What::Typing { by: Role::Business, .. }
        | What::LinkStarted { .. }
        | What::ClientChanged { .. }
        | What::UserUpdated { .. }
        | What::ConversationRemoved { .. }
        | What::Joined { .. }
        | What::Left { .. }
        | What::Control { .. } => return None,
    })
}

/// Whether a set of subscribed names covers an event's.
pub(in crate::wire) fn subscribes(subscribed: &BTreeSet<String>, trigger: &str) -> bool {
    let is_message = matches!(trigger, "message:appUser" | "message:appMaker");
    subscribed.contains(trigger) || subscribed.contains("*") || (is_message && subscribed.contains("message"))
}

/// The body posted to a webhook.
pub(in crate::wire) fn payload(webhook: &Webhook, event: &Event) -> Value {
    let teller = Teller { webhook, event };
    let head = Written::new()
        .maybe("trigger", trigger(event))
        .with("app", reference(&event.app))
        .with("version", "v1.1");
    head.and(teller.facts()).into()
}

/// Tells one webhook of one event: the webhook decides how much of people is shown.
#[derive(Debug, Clone, Copy)]
struct Teller<'a> {
    webhook: &'a Webhook,
    event: &'a Event,
}

impl Teller<'_> {
    fn facts(self) -> Written {
        match &self.event.what {
            What::Message { message, user, client, recent_notifications } => {
                self.said(message, user.as_ref(), client.as_ref(), recent_notifications)
            }
            What::Delivery { told, subject, destination, external_ids, user, conversation } => {
                let person = Person { user: user.as_ref(), conversation: conversation.as_ref() };
                self.delivery(told, external_ids).and(self.subject(subject, destination, person))
            }
            What::Link { outcome, user, channel, criteria, .. } => {
                self.link(outcome, user, channel, criteria)
            }
            What::ClientAdded { user, client, reason } => self.client_moved(user, client, reason),
            What::ClientRemoved { user, client, reason, error } => {
                self.client_moved(user, client, reason).maybe("error", error.as_ref().map(failure))
            }
            What::Postback { user, client, payload, message, action, .. } => self
                .postback(payload, message.as_ref(), action.as_ref())
                .and(self.here(Some(user), client.as_ref())),
            What::ConversationStarted { user, client, source, referral, .. } => {
                self.came(source, referral.as_ref()).and(self.here(user.as_ref(), client.as_ref()))
            }
            What::Read { user, client, source, .. } => {
                self.came(source, None).and(self.here(user.as_ref(), client.as_ref()))
            }
            What::Referral { user, client, source, referral } => {
                self.came(source, Some(referral)).and(self.here(Some(user), client.as_ref()))
            }
            What::Typing { user, client, source, started, .. } => {
                let activity = if *started { "typing:start" } else { "typing:stop" };
                self.came(source, None)
                    .with("activity", Written::new().with("type", activity))
                    .and(self.here(user.as_ref(), client.as_ref()))
            }
            What::Merged { surviving, discarded, .. } => self.merged(surviving, discarded),
            What::UserDeleted { user } => {
                Written::new().with("appUser", departed(user)).with("timestamp", self.event.at.seconds())
            }
            // None of these has a name in v1.1, so that no webhook of it is told of them.
            What::LinkStarted { .. }
            | What::ClientChanged { .. }
            | What::UserUpdated { .. }
            | What::ConversationRemoved { .. }
            | What::Joined { .. }
            | What::Left { .. }
            | What::Control { .. } => Written::new(),
        }
    }

    fn said(self, said: &Message, user: Option<&User>, from: Option<&Client>, recent: &[Message]) -> Written {
        let recent: Vec<Value> = recent.iter().map(message).collect();
        Written::new()
            .with("messages", [message(said)])
            .maybe("appUser", user.map(|user| self.user(user)))
            .with("conversation", reference(&said.conversation))
            .maybe("client", user.and_then(|user| self.client(user, from)))
            .maybe("recentNotifications", (!recent.is_empty()).then_some(recent))
    }

    fn delivery(self, told: &Notified, external_ids: &[String]) -> Written {
        let external: Vec<Written> = external_ids.iter().map(|id| Written::new().with("id", id)).collect();
        let error = match told {
            Notified::Failure { error } => Some(failure(error)),
            Notified::Channel { .. } | Notified::User => None,
        };
        Written::new()
            .with("isFinalEvent", told.is_final())
            .maybe("externalMessages", (!external.is_empty()).then_some(external))
            .maybe("error", error)
            .with("timestamp", self.event.at.seconds())
    }

    /// What the delivery is about. A notification shows its address and what it was matched with, a message
    /// stands in a conversation that is known anyway.
    fn subject(self, subject: &DeliverySubject, to: &EventDestination, person: Person<'_>) -> Written {
        let destination = Written::new().with("type", &to.kind).with("integrationId", &to.integration);
        let user = person.user.map(|user| self.user(user));
        match subject {
            DeliverySubject::Message(id) => Written::new()
                .with("destination", destination)
                .with("message", reference(id))
                .maybe("appUser", user)
                .maybe("conversation", person.conversation.map(reference)),
            DeliverySubject::Notification(id) => Written::new()
                .with("destination", destination.with("destinationId", &to.address))
                .with("notification", Written::new().with("_id", id))
                .maybe("matchResult", user.map(|user| Written::new().with("appUser", user))),
        }
    }

    fn link(
        self,
        outcome: &LinkOutcome,
        user: &User,
        channel: &str,
        criteria: &Map<String, Value>,
    ) -> Written {
        let error = match outcome {
            LinkOutcome::Failure(error) => Some(failure(error)),
            LinkOutcome::Match | LinkOutcome::Success => None,
        };
        Written::new()
            .with("appUser", self.user(user))
            .with("channel", channel)
            .with("criteria", criteria)
            .maybe("error", error)
    }

    fn client_moved(self, user: &User, moved: &Client, reason: &str) -> Written {
        Written::new()
            .with("appUser", self.user(user))
            .with("client", client_of(user, moved))
            .with("reason", reason)
            .with("timestamp", self.event.at.seconds())
    }

    fn postback(self, payload: &str, under: Option<&Message>, pressed: Option<&Action>) -> Written {
        let bare = || Written::new().with("type", "postback").with("payload", payload);
        let postback = Written::new()
            .maybe("message", under.map(message))
            .with("action", pressed.map_or_else(bare, action));
        Written::new().with("postbacks", [postback])
    }

    /// Where something came from, and what led the person there.
    fn came(self, source: &Source, referral: Option<&Referral>) -> Written {
        let from =
            Written::new().with("type", &source.kind).maybe("integrationId", source.integration.as_ref());
        Written::new().with("source", from).maybe("referral", referral)
    }

    /// Who did something, in which conversation and when.
    fn here(self, user: Option<&User>, from: Option<&Client>) -> Written {
        Written::new()
            .maybe("appUser", user.map(|user| self.user(user)))
            .maybe("conversation", user.map(|user| reference(&user.conversation)))
            .maybe("client", user.and_then(|user| self.client(user, from)))
            .with("timestamp", self.event.at.seconds())
    }

    fn merged(self, surviving: &User, discarded: &[Departed]) -> Written {
        let discarded: Vec<Value> = discarded.iter().map(departed).collect();
        Written::new().with("surviving", truncated_user(surviving)).with("discarded", discarded)
    }

    fn user(self, user: &User) -> Value {
        if self.webhook.include_full_user { full_user(user) } else { truncated_user(user) }
    }

    fn client(self, user: &User, from: Option<&Client>) -> Option<Value> {
        from.filter(|_| self.webhook.include_client).map(|client| client_of(user, client))
    }
}

/// The person a delivery reaches, as far as known.
#[derive(Debug, Clone, Copy)]
struct Person<'a> {
    user: Option<&'a User>,
    conversation: Option<&'a Id<Conversation>>,
}

fn reference<T>(id: &Id<T>) -> Written {
    Written::new().with("_id", id.as_str())
}

fn failure(error: &DeliveryError) -> Written {
    Written::new()
        .with("code", error.code)
        .with("message", &error.message)
        .maybe("underlyingError", error.underlying.as_ref())
}

#[cfg(test)]
mod tests;
