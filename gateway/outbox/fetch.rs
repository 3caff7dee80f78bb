//! Files: a person's is taken from its provider, who keeps it only for a while; bytes that are nobody's are removed.

use std::time::Duration;

use heliograph_connectors::channel::{Fate, Scope};
use tracing::{info, warn};

use crate::core::CoreError;
use crate::model::{Id, MediaFile};
use crate::store::{Retry, Settlement};

use super::{Claim, Outbox, STORE_PAUSE};

/// How long to wait before bytes are removed that could not be.
const DISK_PAUSE: Duration = Duration::from_secs(60);

impl Outbox {
    /// Gets a file and settles its claim.
    pub(super) async fn fetch(&self, claim: Claim<'_>, id: &Id<MediaFile>) {
        let settlement = match self.try_fetch(claim, id).await {
            Ok(settlement) => settlement,
            Err(error) => {
                warn!(media = %id, %error, "a file waits for the store");
                Settlement::Again(Retry::later(claim.job, self.core.now() + STORE_PAUSE))
            }
        };
        self.settle_alone(claim, settlement).await;
    }

    /// Takes bytes away that are no file's any more.
    pub(super) async fn unlink(&self, claim: Claim<'_>, place: &str) {
        let settlement = match self.media.unlink(place).await {
            Ok(()) => Settlement::Done,
            Err(error) => {
                warn!(%error, "bytes of a file could not be removed yet");
                Settlement::Again(Retry::later(claim.job, self.core.now() + DISK_PAUSE))
            }
        };
        self.settle_alone(claim, settlement).await;
    }

    async fn try_fetch(&self, claim: Claim<'_>, id: &Id<MediaFile>) -> Result<Settlement, CoreError> {
        let app = &claim.job.app;
        let Some(file) = self.core.media(app, id).await? else { return Ok(Settlement::Done) };
        // Somebody may have opened its address before we came to it.
        if matches!(self.media.find(&self.core, app, &file).await, Ok(Some(_))) {
            return Ok(Settlement::Done);
        }
        let again = || self.core.fetch_again(claim.job, &file).map_or(Settlement::Done, Settlement::Again);
        let channel = file.integration.as_ref().and_then(|integration| self.channels.get(integration));
        let Some(channel) = channel else { return Ok(again()) };
        match self.media.fetch(&self.core, app, &file, &*channel).await {
            Ok(_) => Ok(Settlement::Done),
            Err(error) if error.fate == Fate::Permanent => {
                info!(media = %id, %error, "a file is not to be had");
                Ok(Settlement::Done)
            }
            Err(error) => {
                info!(media = %id, %error, "a file could not be fetched");
                if let Fate::Throttled { retry_after: Some(wait), scope: Scope::Integration } = error.fate {
                    return Ok(Settlement::Again(Retry::later(claim.job, self.core.now() + wait)));
                }
                Ok(again())
            }
        }
    }
}
