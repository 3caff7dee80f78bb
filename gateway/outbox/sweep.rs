//! Sweeping: what was deleted from a conversation, or kept there long enough, is taken away in bites.

use tracing::warn;

use crate::core::CoreError;
use crate::model::{Conversation, Id, Timestamp};
use crate::store::{Batch, Retry, Settlement, StoreError};

use super::{Claim, Outbox, STORE_PAUSE};

impl Outbox {
    /// Takes away what was deleted up to a moment, one bite after the other.
    pub(super) async fn sweep(&self, claim: Claim<'_>, conversation: &Id<Conversation>, up_to: Timestamp) {
        let swept = self.core.sweep(claim.job, conversation, up_to).await;
        self.swept(claim, swept).await;
    }

    /// Takes away what was kept long enough.
    pub(super) async fn prune(&self, claim: Claim<'_>, conversation: &Id<Conversation>) {
        let tenant = self.settings.tenant(&claim.job.app);
        let kept = tenant.as_deref().and_then(|tenant| tenant.app.retention());
        let swept = self.core.prune(claim.job, conversation, kept).await;
        self.swept(claim, swept).await;
    }

    async fn swept(&self, claim: Claim<'_>, swept: Result<(Settlement, Batch), CoreError>) {
        let later = || Settlement::Again(Retry::later(claim.job, self.core.now() + STORE_PAUSE));
        match swept {
            Ok((settlement, batch)) => match self.settle(claim, settlement, batch).await {
                Ok(()) => {}
                // Something was said meanwhile: what there is to take away is looked for anew.
                Err(StoreError::Conflict(_)) => self.settle_alone(claim, later()).await,
                Err(error) => warn!(job = %claim.job.id, %error, "a claim was not settled"),
            },
            Err(error) => {
                warn!(job = %claim.job.id, %error, "a sweep waits for the store");
                self.settle_alone(claim, later()).await;
            }
        }
    }
}
