//! From a fact to the jobs that tell customers about it.

use crate::model::{Event, NewJob, Tenant, What};
use crate::store::Batch;

use super::Core;

impl Core {
    /// Adds to the batch one announcement per webhook that wants to know.
    pub(super) fn announce(&self, batch: &mut Batch, tenant: &Tenant, event: &Event) {
        for webhook in tenant.webhooks.iter().filter(|webhook| (self.wants)(webhook, event)) {
            batch.job(NewJob::announce(webhook, event, order_key(&event.what)));
        }
    }
}

/// What events must stay in order with: the conversation, or the destination while there is none.
fn order_key(what: &What) -> &str {
    match what {
        What::Message { message, .. } => message.conversation.as_str(),
        What::Delivery { conversation: Some(conversation), .. } => conversation.as_str(),
        What::Delivery { destination, .. } => &destination.address,
        What::Link { user, .. }
        | What::ClientAdded { user, .. }
        | What::ClientRemoved { user, .. }
        | What::Postback { user, .. } => user.conversation.as_str(),
    }
}
