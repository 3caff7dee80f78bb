//! Acts: a person is shown that the business types, or has read. No message, so nothing is lost when it fails.

use tracing::{info, warn};

use crate::core::CoreError;
use crate::model::Act;
use crate::store::{Retry, Settlement};

use super::{Claim, Outbox, STORE_PAUSE};

impl Outbox {
    /// Shows an act and settles its claim.
    pub(super) async fn act(&self, claim: Claim<'_>, act: &Act) {
        let settlement = match self.try_act(claim, act).await {
            Ok(settlement) => settlement,
            Err(error) => {
                warn!(integration = %act.integration, %error, "an act waits for the store");
                Settlement::Again(Retry::later(claim.job, self.core.now() + STORE_PAUSE))
            }
        };
        self.settle_alone(claim, settlement).await;
    }

    async fn try_act(&self, claim: Claim<'_>, act: &Act) -> Result<Settlement, CoreError> {
        let Some(channel) = self.channels.get(&act.integration) else { return Ok(Settlement::Done) };
        let Some(face) = channel.activity() else { return Ok(Settlement::Done) };
        let Some(shown) = self.core.to_show(&claim.job.app, &*channel, act).await? else {
            return Ok(Settlement::Done);
        };
        match face.show(&shown, self.media.providers()).await {
            Ok(()) => Ok(Settlement::Done),
            Err(error) => {
                info!(integration = %act.integration, %error, "an act was not shown");
                let again = self.core.act_again(claim.job, act, &error);
                Ok(again.map_or(Settlement::Done, Settlement::Again))
            }
        }
    }
}
