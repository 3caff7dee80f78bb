//! Menus: a channel shows what is now set for it, whatever was set when the work was committed.

use heliograph_connectors::channel::{Fate, Menus};
use tracing::{info, warn};

use crate::model::{Id, Integration};
use crate::store::{Retry, Settlement, StoreError};

use super::{Claim, Outbox, STORE_PAUSE};

impl Outbox {
    /// Has an integration show its menu, or none, and settles its claim.
    pub(super) async fn show_menu(&self, claim: Claim<'_>, integration: &Id<Integration>) {
        let settlement = match self.channels.get(integration) {
            // It was committed just now and is not live yet, or it was removed meanwhile.
            None => self.menu_again(claim),
            Some(channel) => match channel.menus() {
                None => Settlement::Done,
                Some(face) => self.try_show_menu(claim, integration, face).await.unwrap_or_else(|error| {
                    warn!(%integration, %error, "a menu waits for the store");
                    Settlement::Again(Retry::later(claim.job, self.core.now() + STORE_PAUSE))
                }),
            },
        };
        self.settle_alone(claim, settlement).await;
    }

    fn menu_again(&self, claim: Claim<'_>) -> Settlement {
        self.core.show_menu_again(claim.job).map_or(Settlement::Done, Settlement::Again)
    }

    async fn try_show_menu(
        &self,
        claim: Claim<'_>,
        integration: &Id<Integration>,
        face: &dyn Menus,
    ) -> Result<Settlement, StoreError> {
        let door = self.media.providers();
        let shown = match self.settings.menu_shown(&claim.job.app, integration).await? {
            Some(menu) => face.put(&menu, door).await,
            None => face.remove(door).await,
        };
        let Err(error) = shown else { return Ok(Settlement::Done) };
        if error.fate == Fate::Permanent {
            warn!(%integration, %error, "a menu was refused");
            return Ok(Settlement::Done);
        }
        info!(%integration, %error, "a menu could not be shown yet");
        if let Fate::Throttled { retry_after: Some(wait), .. } = error.fate {
            return Ok(Settlement::Again(Retry::later(claim.job, self.core.now() + wait)));
        }
        Ok(self.menu_again(claim))
    }
}
