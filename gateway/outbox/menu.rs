//! Menus: a channel shows what is now set for it, whatever was set when the work was committed.

use heliograph_connectors::channel::{Fate, Menu};
use tracing::{info, warn};

use crate::model::{Id, Integration};
use crate::store::{Batch, Retry, Settlement, StoreError};

use super::{Claim, Outbox, STORE_PAUSE};

impl Outbox {
    /// Has an integration show its menu, or none, and settles its claim. One that was removed shows none.
    pub(super) async fn show_menu(&self, claim: Claim<'_>, id: &Id<Integration>) {
        let mut batch = Batch::new(&claim.job.app);
        let settlement = match self.at_hand(claim, id).await {
            Err(error) => {
                warn!(integration = %id, %error, "a menu waits for the store");
                Settlement::Again(Retry::later(claim.job, self.core.now() + STORE_PAUSE))
            }
            Ok(AtHand::Nothing) => Settlement::Done,
            Ok(AtHand::Live(integration, menu)) => self.put_menu(claim, &integration, menu.as_ref()).await,
            Ok(AtHand::Removed(integration)) => {
                let settlement = self.put_menu(claim, &integration, None).await;
                if settlement == Settlement::Done {
                    self.settings.part(id, &mut batch);
                }
                settlement
            }
        };
        if let Err(error) = self.settle(claim, settlement, batch).await {
            warn!(job = %claim.job.id, %error, "a claim was not settled");
        }
    }

    /// The work may be older or newer than the live channel: what is committed has the say.
    async fn at_hand(&self, claim: Claim<'_>, id: &Id<Integration>) -> Result<AtHand, StoreError> {
        let (app, settings) = (&claim.job.app, &self.settings);
        if let Some(integration) = settings.integration_now(app, id).await? {
            return Ok(AtHand::Live(integration, settings.menu_shown(app, id).await?));
        }
        Ok(settings.parting(app, id).await?.map_or(AtHand::Nothing, AtHand::Removed))
    }

    /// Asks the provider to show a menu, or none. How the claim is settled.
    async fn put_menu(&self, claim: Claim<'_>, integration: &Integration, menu: Option<&Menu>) -> Settlement {
        let Ok(channel) = self.channels.build(integration) else { return Settlement::Done };
        let Some(face) = channel.menus() else { return Settlement::Done };
        let door = self.media.providers();
        let shown = match menu {
            Some(menu) => face.put(menu, door).await,
            None => face.remove(door).await,
        };
        let Err(error) = shown else { return Settlement::Done };
        let integration = &integration.id;
        if error.fate == Fate::Permanent {
            warn!(%integration, %error, "a menu was refused");
            return Settlement::Done;
        }
        info!(%integration, %error, "a menu could not be shown yet");
        if let Fate::Throttled { retry_after: Some(wait), .. } = error.fate {
            return Settlement::Again(Retry::later(claim.job, self.core.now() + wait));
        }
        self.core.show_menu_again(claim.job).map_or(Settlement::Done, Settlement::Again)
    }
}

/// The integration whose menu is to be shown, as the store has it.
enum AtHand {
    Live(Integration, Option<Menu>),
    Removed(Integration),
    Nothing,
}
