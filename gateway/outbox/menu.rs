//! Menus: a channel shows what is now set for it, whatever was set when the work was committed.

use heliograph_connectors::channel::Fate;
use tracing::{info, warn};

use crate::model::{Id, Integration};
use crate::store::{Batch, Retry, Settlement, StoreError};

use super::{Claim, Outbox, STORE_PAUSE};

impl Outbox {
    /// Has an integration show its menu, or none, and settles its claim. One that was removed shows none.
    pub(super) async fn show_menu(&self, claim: Claim<'_>, integration: &Id<Integration>) {
        let mut batch = Batch::new(&claim.job.app);
        let settlement = self.try_show_menu(claim, integration).await.unwrap_or_else(|error| {
            warn!(%integration, %error, "a menu waits for the store");
            Settlement::Again(Retry::later(claim.job, self.core.now() + STORE_PAUSE))
        });
        if settlement == Settlement::Done {
            self.settings.part(integration, &mut batch);
        }
        if let Err(error) = self.settle(claim, settlement, batch).await {
            warn!(job = %claim.job.id, %error, "a claim was not settled");
        }
    }

    async fn try_show_menu(&self, claim: Claim<'_>, id: &Id<Integration>) -> Result<Settlement, StoreError> {
        let (app, settings) = (&claim.job.app, &self.settings);
        // The work may be older or newer than the live channel: what is committed has the say.
        let (integration, menu) = match settings.integration_now(app, id).await? {
            Some(integration) => (integration, settings.menu_shown(app, id).await?),
            None => match settings.parting(app, id).await? {
                Some(removed) => (removed, None),
                None => return Ok(Settlement::Done),
            },
        };
        let Ok(channel) = self.channels.build(&integration) else { return Ok(Settlement::Done) };
        let Some(face) = channel.menus() else { return Ok(Settlement::Done) };
        let door = self.media.providers();
        let shown = match menu {
            Some(menu) => face.put(&menu, door).await,
            None => face.remove(door).await,
        };
        let Err(error) = shown else { return Ok(Settlement::Done) };
        if error.fate == Fate::Permanent {
            warn!(integration = %id, %error, "a menu was refused");
            return Ok(Settlement::Done);
        }
        info!(integration = %id, %error, "a menu could not be shown yet");
        if let Fate::Throttled { retry_after: Some(wait), .. } = error.fate {
            return Ok(Settlement::Again(Retry::later(claim.job, self.core.now() + wait)));
        }
        Ok(self.core.show_menu_again(claim.job).map_or(Settlement::Done, Settlement::Again))
    }
}
