//! Receipts that say "everything up to this moment": what is on its way to a person is kept in a list until then.

use heliograph_connectors::channel::{Person, Receipt, Stage};

use crate::model::{Delivery, Id, Integration, Timestamp};
use crate::store::{Batch, Cut};

use super::settle::Scene;
use super::{Core, CoreError};

/// Messages on their way to one person that a watermark can reach; who does not read for longer than that is
/// told about the newest ones only.
const UNREAD_MAX: usize = 200;

/// Notes that a call is about to be made. The moment is that before the call: the provider's own can only be
/// later, so a watermark never falls short of what it covers.
pub(super) fn on_its_way(scene: Scene<'_>, address: &str, reference: &str, batch: &mut Batch) {
    if scene.channel.capabilities().watermarks {
        batch.append(unread_by(&scene.integration.id, address), scene.now.millis(), reference);
    }
}

impl Core {
    /// Everything sent to a person up to a moment got this far.
    pub(super) async fn reached(
        &self,
        scene: Scene<'_>,
        who: &Person,
        up_to: Timestamp,
        stage: Stage,
    ) -> Result<(), CoreError> {
        let app = &scene.tenant.app.id;
        let list = unread_by(&scene.integration.id, &who.address);
        let before = Cut::Before { rank: up_to.millis().saturating_add(1), limit: UNREAD_MAX };
        let page = self.store.page(app, &list, before).await?;
        let is_full = page.len() == UNREAD_MAX;
        let mut covered = Vec::new();
        for entry in page {
            if self.is_taken(scene, &entry.member).await? {
                covered.push(entry);
            }
        }
        let is_read = stage == Stage::Read;
        let status = if is_read { "read watermark" } else { "delivery watermark" };
        for entry in &covered {
            let receipt = Receipt {
                reference: Some(entry.member.clone()),
                provider_id: None,
                stage: stage.clone(),
                status: status.into(),
            };
            self.receipt(scene, &receipt).await?;
        }
        // What was delivered may still be read; what was read is over.
        if is_read || is_full {
            let mut batch = Batch::new(app);
            for entry in covered {
                batch.remove(&list, entry.member);
            }
            self.store.commit(batch).await?;
        }
        Ok(())
    }

    /// Whether the provider is known to have a piece. A watermark is about such alone: what was throttled, or cut off
    /// before the provider read it, is in the list as well, and to call it delivered would lose it.
    async fn is_taken(&self, scene: Scene<'_>, reference: &str) -> Result<bool, CoreError> {
        let (id, part) = Delivery::parse_reference(reference);
        let found = self.store.load::<Delivery>(&scene.tenant.app.id, id.as_str()).await?;
        // What is no longer kept is over.
        let Some(read) = found else { return Ok(true) };
        Ok(read.value.parts.get(part).is_some_and(|part| part.rank > 0))
    }
}

/// The list of what is on its way to a person, by when it left.
pub(super) fn unread_by(integration: &Id<Integration>, address: &str) -> String {
    format!("unread:{integration}:{address}")
}
