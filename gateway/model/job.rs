//! Work that must happen later. A job is born only in the batch of the fact that caused it.

use serde::{Deserialize, Serialize};

use super::{App, Delivery, Event, Id, MediaFile, Timestamp, Webhook};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
pub enum Work {
    /// Hand a delivery to its channel.
    Send {
        /// Which.
        delivery: Id<Delivery>,
    },
    /// Tell a webhook about an event.
    Announce {
        /// Which webhook.
        webhook: Id<Webhook>,
        /// What.
        event: Box<Event>,
    },
    /// Get a person's file from its provider.
    Fetch {
        /// Which.
        media: Id<MediaFile>,
    },
}

/// A job to be committed.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Unique; committing the same job twice changes nothing.
    pub id: Id<Job>,
    /// Who is paced together: the integration, its files, or the webhook. Claims are made per group.
    pub group: String,
    /// At most one job of a lane is in flight, in the order of their commits.
    pub lane: String,
    /// Not before.
    pub due: Timestamp,
    /// What.
    pub work: Work,
}

impl NewJob {
    /// A send: one lane per destination of an integration. It has the delivery's id: a delivery has one job.
    pub fn send(delivery: &Delivery, due: Timestamp) -> NewJob {
        NewJob {
            id: Id::new(delivery.id.as_str()),
            group: delivery.integration.to_string(),
            lane: format!("{}>{}", delivery.integration, delivery.destination),
            due,
            work: Work::Send { delivery: delivery.id.clone() },
        }
    }

    /// A file to be fetched; none waits for another.
    pub fn fetch(file: &MediaFile) -> NewJob {
        NewJob {
            id: Id::fresh(file.created),
            group: format!("{}>files", file.integration),
            lane: file.id.to_string(),
            due: file.created,
            work: Work::Fetch { media: file.id.clone() },
        }
    }

    /// An announcement: one lane per conversation of a webhook (or whatever stands in for one).
    pub fn announce(webhook: &Webhook, event: &Event, conversation: &str) -> NewJob {
        NewJob {
            id: Id::fresh(event.at),
            group: webhook.id.to_string(),
            lane: format!("{}>{conversation}", webhook.id),
            due: event.at,
            work: Work::Announce { webhook: webhook.id.clone(), event: Box::new(event.clone()) },
        }
    }
}

/// A job as the store gives it out.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: Id<Job>,
    /// Whose.
    pub app: Id<App>,
    /// Who is paced together.
    pub group: String,
    /// Its lane.
    pub lane: String,
    /// When it was due.
    pub due: Timestamp,
    /// How many tries it had.
    pub attempt: u32,
    /// What.
    pub work: Work,
}
