//! From a fact to the jobs that tell customers about it, and what is remembered of how each was told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{
    App, Delivery, DeliverySubject, Event, Id, Job, NewJob, Notified, Tenant, Timestamp, Webhook, What,
};
use crate::store::{Batch, Expect, Key, StoreError, Stored};

use super::control::hears;
use super::{Core, DeadLetter};

/// Attempts remembered per delivery, webhook and trigger; the last ones tell the most.
const ATTEMPTS_MAX: usize = 32;

/// The end of a delivery may be noticed so much later than it is due.
const LATE: Duration = Duration::from_secs(24 * 60 * 60);

/// One attempt to tell a webhook of something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When it ended.
    pub at: Timestamp,
    /// Which it was, from 1. 0 when nobody was asked.
    pub number: u32,
    /// The answer's status, if there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub took: u64,
    /// When it will be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// What it became when it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<Id<DeadLetter>>,
}

impl Attempt {
    /// The end of an announcement for which nobody was asked this time.
    pub fn unasked(at: Timestamp, why: &str) -> Attempt {
        Attempt {
            at,
            number: 0,
            status: None,
            error: Some(why.to_owned()),
            took: 0,
            next: None,
            letter: None,
        }
    }
}

/// How one webhook was told of one move of a delivery. Kept beside the delivery and not in it: announcements end
/// while receipts come in, and neither should wait for the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Told {
    trigger: String,
    attempts: Vec<Attempt>,
}

/// The kind of [`Told`].
const TOLD: &str = "told";

/// An attempt as a delivery's timeline shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Announced {
    /// Which webhook.
    pub webhook: Id<Webhook>,
    /// The trigger's name in the webhook's version.
    pub trigger: String,
    /// The attempt.
    pub attempt: Attempt,
}

impl Core {
    /// Adds to the batch one announcement per webhook that wants to know. Those are answered.
    pub(super) fn announce<'a>(
        &self,
        batch: &mut Batch,
        tenant: &'a Tenant,
        event: &Event,
    ) -> Vec<&'a Id<Webhook>> {
        let may_hear = |webhook: &&Webhook| (self.wants)(webhook, event) && hears(tenant, webhook, event);
        let hearers = tenant.webhooks.iter().filter(may_hear);
        let told = hearers.map(|webhook| {
            batch.job(NewJob::announce(webhook, event, order_key(event)));
            &webhook.id
        });
        told.collect()
    }

    /// Adds to the batch of an attempt's settlement what its delivery's timeline will show. An event that moved no
    /// delivery has none.
    ///
    /// The first attempt at a new event writes without reading: that is what nearly all are.
    pub async fn remember(
        &self,
        batch: &mut Batch,
        job: &Job,
        webhook: &Id<Webhook>,
        event: &Event,
        trigger: &str,
        attempt: Attempt,
    ) {
        let Some(id) = told_id(webhook, &event.what) else { return };
        let is_first = job.attempt == 0 && job.due == event.at;
        // What cannot be read now is not worth the announcement: its past is then told shorter.
        let past = if is_first { None } else { self.told(event, &id).await.ok().flatten() };
        let mut told = past.unwrap_or(Told { trigger: trigger.to_owned(), attempts: Vec::new() });
        told.attempts.push(attempt);
        let too_many = told.attempts.len().saturating_sub(ATTEMPTS_MAX);
        told.attempts.drain(..too_many);
        let expires = self.clock.now() + self.told_kept(&event.what);
        batch.put(TOLD, id, &told, Expect::Anything, Some(expires));
    }

    /// How long it is remembered that a webhook was told: no shorter than its delivery can live from then on.
    fn told_kept(&self, what: &What) -> Duration {
        let kept = self.policy.keep_deliveries;
        match what {
            What::Delivery { told, destination, .. } if !told.is_final() => {
                kept + self.policy.longest_wait(&destination.kind) + LATE
            }
            _ => kept,
        }
    }

    async fn told(&self, event: &Event, id: &str) -> Result<Option<Told>, StoreError> {
        Ok(self.read_told(&event.app, &[id.to_owned()]).await?.pop().flatten())
    }

    async fn read_told(&self, app: &Id<App>, ids: &[String]) -> Result<Vec<Option<Told>>, StoreError> {
        let keys: Vec<Key> = ids.iter().map(|id| Key::new(TOLD, id)).collect();
        let found = self.store.read(app, &keys).await?.into_iter();
        let read = |stored: Stored| serde_json::from_slice(&stored.body);
        let read = found.map(|stored| stored.map(read).transpose()).collect::<Result<_, _>>();
        read.map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    /// How webhooks were told of a delivery, those that are gone since included, oldest first.
    pub async fn announced(
        &self,
        tenant: &Tenant,
        delivery: &Delivery,
    ) -> Result<Vec<Announced>, StoreError> {
        let of = told_of(delivery);
        let ids: Vec<String> = of.iter().map(|(_, id)| id.clone()).collect();
        let found = self.read_told(&tenant.app.id, &ids).await?;
        let mut announced = Vec::new();
        for ((webhook, _), told) in of.into_iter().zip(found) {
            let Some(Told { trigger, attempts }) = told else { continue };
            announced.extend(attempts.into_iter().map(|attempt| Announced {
                webhook: webhook.clone(),
                trigger: trigger.clone(),
                attempt,
            }));
        }
        announced.sort_by_key(|announced| announced.attempt.at);
        Ok(announced)
    }
}

/// What a delivery can be told of, each at most once.
const STAGES: [char; 3] = ['c', 'u', 'f'];

/// Under what it is kept how each webhook was told of a delivery.
fn told_of(delivery: &Delivery) -> Vec<(&Id<Webhook>, String)> {
    let mut of = Vec::new();
    for webhook in &delivery.hearers {
        of.extend(STAGES.map(|stage| (webhook, id_of(delivery.id.as_str(), webhook, stage))));
    }
    of
}

/// Forgets how webhooks were told of a delivery.
pub(super) fn forget_told(delivery: &Delivery, batch: &mut Batch) {
    for (_, id) in told_of(delivery) {
        batch.delete(TOLD, id);
    }
}

fn told_id(webhook: &Id<Webhook>, what: &What) -> Option<String> {
    let What::Delivery { told, subject, .. } = what else { return None };
    let stage = match told {
        Notified::Channel { .. } => 'c',
        Notified::User => 'u',
        Notified::Failure { .. } => 'f',
    };
    Some(match subject {
        DeliverySubject::Notification(id) => id_of(id, webhook, stage),
        DeliverySubject::Message(id) => id_of(id.as_str(), webhook, stage),
    })
}

fn id_of(delivery: &str, webhook: &Id<Webhook>, stage: char) -> String {
    format!("{delivery}/{webhook}/{stage}")
}

/// What events must stay in order with: the conversation, or the destination while there is none.
fn order_key(event: &Event) -> &str {
    if let Some(held) = &event.conversation {
        return held.id.as_str();
    }
    match &event.what {
        What::Message { message, .. } => message.conversation.as_str(),
        What::Delivery { conversation: Some(conversation), .. } => conversation.as_str(),
        What::Delivery { destination, .. } => &destination.address,
        What::UserDeleted { user } => user.conversation.as_str(),
        what => what.user().map_or("", |user| user.conversation.as_str()),
    }
}
