//! Webhook payloads: each event as v2 tells it, in an envelope that may hold several.

mod control;
mod people;
mod talk;

use heliograph_connectors::channel::signature::sha256;
use serde_json::{Value, json};

use crate::model::{
    Client, ControlAction, DeliveryError, DeliverySubject, Departed, Event, Id, LinkOutcome, Notified,
    Source, User, Webhook, What,
};
use crate::wire::written::Written;

use super::message::source_webhook;
use super::views;

/// Digits of an event's id, those of its second and those of chance.
const ID_DIGITS: usize = 24;

/// Digits of chance in it: what the model's id ends with.
const CHANCE_DIGITS: usize = 16;

/// The name of an event; none for what v2 tells by another one.
pub(in crate::wire) fn trigger(event: &Event) -> Option<&'static str> {
    Some(match &event.what {
        What::Message { .. } => "conversation:message",
        What::Delivery { subject, told, .. } => delivery(subject, told),
        What::Link { client: None, .. } | What::Link { outcome: LinkOutcome::Failure(_), .. } => return None,
        What::ClientAdded { .. } => return None,
        What::Link { .. } | What::ClientChanged { .. } => "client:update",
        What::LinkStarted { .. } => "client:add",
        What::ClientRemoved { .. } => "client:remove",
        What::Postback { .. } => "conversation:postback",
        What::ConversationStarted { .. } => "conversation:create",
        What::ConversationRemoved { .. } => "conversation:remove",
        What::Joined { .. } => "conversation:join",
        What::Left { .. } => "conversation:leave",
        What::Read { .. } => "conversation:read",
        What::Typing { .. } => "conversation:typing",
        What::Referral { .. } => "conversation:referral",
        What::Merged { .. } => "user:merge",
        What::UserUpdated { .. } => "user:update",
        What::UserDeleted { .. } => "user:remove",
        What::Control { action, error, .. } => match (action, error) {
            (ControlAction::Pass, None) => "switchboard:passControl",
            (ControlAction::Pass, Some(_)) => "switchboard:passControl:failure",
            (ControlAction::Offer, None) => "switchboard:offerControl",
            (ControlAction::Offer, Some(_)) => "switchboard:offerControl:failure",
            (ControlAction::Accept, None) => "switchboard:acceptControl",
            (ControlAction::Accept, Some(_)) => "switchboard:acceptControl:failure",
            (ControlAction::Release, None) => "switchboard:releaseControl",
            (ControlAction::Release, Some(_)) => return None,
        },
    })
}

fn delivery(subject: &DeliverySubject, told: &Notified) -> &'static str {
    match (subject, told) {
        (DeliverySubject::Message(_), Notified::Channel { .. }) => "conversation:message:delivery:channel",
        (DeliverySubject::Message(_), Notified::User) => "conversation:message:delivery:user",
        (DeliverySubject::Message(_), Notified::Failure { .. }) => "conversation:message:delivery:failure",
        (DeliverySubject::Notification(_), Notified::Channel { .. }) => "notification:delivery:channel",
        (DeliverySubject::Notification(_), Notified::User) => "notification:delivery:user",
        (DeliverySubject::Notification(_), Notified::Failure { .. }) => "notification:delivery:failure",
    }
}

/// An event's id as v2 has ids: nothing but what the event is made of goes in, so that every attempt, and whoever
/// replays it, tells the same.
pub(in crate::wire) fn event_id(event: &Event) -> String {
    let digits: String = event.id.as_str().chars().filter(char::is_ascii_hexdigit).collect();
    let chance = &digits[digits.len().saturating_sub(CHANCE_DIGITS)..];
    let seconds = (event.at.millis() / 1000) as u32;
    format!("{seconds:08x}{chance:0>CHANCE_DIGITS$}").to_lowercase()
}

/// The id of one post: its event's, or one made of those of all its events.
pub(in crate::wire) fn post_id(ids: &[&str]) -> String {
    if let [id] = ids {
        return (*id).to_owned();
    }
    let mut id = hex::encode(sha256(ids.concat().as_bytes()));
    id.truncate(ID_DIGITS);
    id
}

/// The body posted to a webhook, around events as [`payload`] gives them.
pub(in crate::wire) fn envelope(webhook: &Webhook, events: &[&str]) -> String {
    let app = json!({"id": webhook.app});
    let to = json!({"id": webhook.id, "version": "v2"});
    format!(r#"{{"app":{app},"webhook":{to},"events":[{}]}}"#, events.join(","))
}

/// An event as a webhook is told of it.
pub(in crate::wire) fn payload(webhook: &Webhook, event: &Event) -> Value {
    Teller { webhook, event }.event().into()
}

/// Tells one webhook of one event: the webhook decides how much of people is shown.
#[derive(Debug, Clone, Copy)]
struct Teller<'a> {
    webhook: &'a Webhook,
    event: &'a Event,
}

impl Teller<'_> {
    fn event(self) -> Written {
        Written::new()
            .with("id", event_id(self.event))
            .with("createdAt", self.event.at.iso())
            .maybe("type", trigger(self.event))
            .with("payload", self.facts())
    }

    fn facts(self) -> Written {
        match &self.event.what {
            What::Message { message, user, client, recent_notifications } => {
                self.said(message, user.as_ref(), client.as_ref(), recent_notifications)
            }
            What::Delivery { told, subject, destination, external_ids, user, conversation } => {
                let known = self.whose(user.as_ref(), conversation.as_ref());
                known.and(self.delivered(told, subject, destination, external_ids))
            }
            What::Postback { user, client, payload, source, action, .. } => {
                self.pressed(payload, action.as_ref()).and(self.here(Some(user), client.as_ref(), source))
            }
            What::ConversationStarted { user, reason, client, source, referral } => self
                .here(user.as_ref(), client.as_ref(), source)
                .with("creationReason", reason)
                .maybe("referral", referral.as_ref()),
            What::Referral { user, client, source, referral } => {
                self.here(Some(user), client.as_ref(), source).with("referral", referral)
            }
            What::Read { by, user, client, source } => {
                self.active("conversation:read", (*by, user.as_ref()), client.as_ref(), source)
            }
            What::Typing { by, user, client, source, started } => {
                let kind = if *started { "typing:start" } else { "typing:stop" };
                self.active(kind, (*by, user.as_ref()), client.as_ref(), source)
            }
            What::ConversationRemoved { .. } => self.conversation(),
            What::Joined { user, .. } | What::Left { user, .. } => {
                self.conversation().with("user", views::truncated_user(user))
            }
            what => self.about_people(what),
        }
    }

    fn about_people(self, what: &What) -> Written {
        match what {
            What::Link { outcome, user, client, .. } => self.linked(outcome, user, client.as_ref()),
            What::LinkStarted { user, client } => self.link_started(user, client),
            What::ClientChanged { user, client, reason } => self.client_changed(user, client, reason),
            What::ClientRemoved { user, client, reason, error } => {
                self.client_removed(user, client, reason, error.as_ref())
            }
            What::Merged { surviving, discarded, details } => {
                self.merged(surviving, discarded, details.as_deref())
            }
            What::UserUpdated { user, reason, source } => Written::new()
                .with("user", self.user(user))
                .with("reason", reason)
                .with("source", source_webhook(source, None)),
            What::UserDeleted { user } => Written::new().with("user", departed(user)),
            What::Control { error, metadata, to, history, .. } => {
                self.controlled(error.as_ref(), metadata, to.as_ref(), history)
            }
            // Told by another name, or above.
            _ => Written::new(),
        }
    }

    /// Who did something, in which conversation and from where.
    fn here(self, user: Option<&User>, from: Option<&Client>, source: &Source) -> Written {
        self.conversation()
            .maybe("user", user.map(|user| self.user(user)))
            .with("source", source_webhook(source, self.client(from)))
    }

    /// The conversation it happened in.
    fn conversation(self) -> Written {
        let held = self.event.conversation.as_ref();
        Written::new().maybe("conversation", held.map(views::truncated_conversation))
    }

    fn user(self, user: &User) -> Value {
        if self.webhook.include_full_user { views::user(user) } else { views::truncated_user(user) }
    }

    /// The identity something came from, for those who asked for it.
    fn client(self, from: Option<&Client>) -> Option<&Client> {
        from.filter(|_| self.webhook.include_client)
    }
}

/// Somebody who is no more.
fn departed(user: &Departed) -> Value {
    Written::new()
        .with("id", &user.id)
        .maybe("externalId", user.external_id.as_ref())
        .with("authenticated", user.authenticated)
        .into()
}

fn failure(error: &DeliveryError) -> Written {
    Written::new()
        .with("code", error.code)
        .with("message", &error.message)
        .maybe("underlyingError", error.underlying.as_ref())
}

fn reference<T>(id: &Id<T>) -> Written {
    Written::new().with("id", id.as_str())
}

#[cfg(test)]
mod tests;
