//! Expiring: a link that was not confirmed in time is given up.

use tracing::warn;

use crate::core::CoreError;
use crate::model::{Client, Id, User};
use crate::store::{Batch, Retry, Settlement};

use super::{Claim, Outbox, STORE_PAUSE};

impl Outbox {
    /// Gives a link up and settles its claim.
    pub(super) async fn expire(&self, claim: Claim<'_>, user: &Id<User>, client: &Id<Client>) {
        // Whoever confirms at this very moment wins: what was read is then read again.
        let settled = match self.expired(claim, user, client).await {
            Ok(batch) => self.settle(claim, Settlement::Done, batch).await.map_err(CoreError::from),
            Err(error) => Err(error),
        };
        if let Err(error) = settled {
            warn!(%user, %error, "a link that ran out waits");
            let later = Retry::later(claim.job, self.core.now() + STORE_PAUSE);
            self.settle_alone(claim, Settlement::Again(later)).await;
        }
    }

    async fn expired(
        &self,
        claim: Claim<'_>,
        user: &Id<User>,
        client: &Id<Client>,
    ) -> Result<Batch, CoreError> {
        let app = &claim.job.app;
        match self.settings.tenant(app) {
            Some(tenant) => self.core.expired(&tenant, user, client).await,
            // Nobody is left who could be told.
            None => Ok(Batch::new(app)),
        }
    }
}
