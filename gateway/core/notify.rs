//! Accepting a notification: one durable batch with the delivery and the job that sends it.

use heliograph_connectors::channel::{Body, Channel};

use crate::model::{Author, Delivery, Id, NewJob, Priority, Purpose, Timestamp};
use crate::store::Batch;

use super::{Core, CoreError, Once, Route};

/// A message to an address, outside any conversation.
#[derive(Debug, Clone)]
pub struct Notify {
    /// The address as the caller gave it.
    pub destination: String,
    /// Who the business says it is.
    pub author: Author,
    /// What is sent.
    pub body: Body,
    /// How urgent it is.
    pub priority: Priority,
    /// When it may leave; at once when unset.
    pub not_before: Option<Timestamp>,
    /// When it is too late to send it; the operator's time after it may leave when unset.
    pub expires_at: Option<Timestamp>,
}

impl Core {
    /// Accepts a notification; when this returns, it will end in exactly one final state.
    pub async fn notify(
        &self,
        route: Route<'_>,
        notify: Notify,
        once: Once<'_, Id<Delivery>>,
    ) -> Result<Id<Delivery>, CoreError> {
        let Route { tenant, integration, channel } = route;
        let destination = canonical(channel, "destination.destinationId", &notify.destination)?;
        if let Body::Native { schema, .. } = &notify.body
            && channel.capabilities().schema != Some(schema.as_str())
        {
            return Err(CoreError::Invalid(format!(
                "{} does not take messageSchema `{schema}`",
                integration.kind
            )));
        }
        let now = self.clock.now();
        let purpose = Purpose::Notification { author: notify.author, priority: notify.priority };
        let due = notify.not_before.map_or(now, |moment| moment.max(now));
        let expires = notify.expires_at.unwrap_or(due + self.policy.expires_after);
        let id = Id::fresh_uuid(now);
        let mut delivery = Delivery::queued(id, purpose, integration, destination, notify.body, now, expires);
        let mut batch = Batch::new(&tenant.app.id);
        self.accept(&mut delivery, &mut batch);
        batch.job(match due > now {
            true => NewJob::send_later(&delivery, due),
            false => NewJob::send(&delivery, now),
        });
        once.enter(&mut batch, now, &delivery.id);
        self.store.commit(batch).await?;
        Ok(delivery.id)
    }
}

/// The address under which clients are stored; `field` is where the caller gave it.
pub(super) fn canonical(channel: &dyn Channel, field: &str, given: &str) -> Result<String, CoreError> {
    match channel.destination(given) {
        Ok(destination) => Ok(destination.address),
        Err(invalid) => Err(CoreError::Invalid(format!("{field}: {invalid}"))),
    }
}
