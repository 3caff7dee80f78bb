//! Where receipts name messages only by the provider's ids: whose they are, and those that came before that was known.
//!
//! The id's document is written by whoever is first, the receipt or the answer to the send, under the condition that
//! the other has not been; so whichever is second sees what the first left.

use std::time::Duration;

use heliograph_connectors::channel::{ChannelError, Fate, Receipt, Stage};
use tracing::info;

use crate::model::{App, Delivery, DeliveryError, Id, Integration, Notified};
use crate::store::{Batch, Expect, Record, Versioned};

use super::hidden::{both_ids, hidden_id};
use super::records::{Early, ProviderId};
use super::settle::Scene;
use super::{Core, CoreError};

/// How long a receipt waits for the answer to its send. It may also be about a message that is not ours.
const EARLY_KEPT: Duration = Duration::from_secs(10 * 60);

/// Receipts that wait for one message.
const EARLY_MAX: usize = 8;

impl Core {
    /// The reference of the piece a receipt is about; `None` when that is not known, or not yet. Then it waits.
    pub(super) async fn reference_of(
        &self,
        scene: Scene<'_>,
        receipt: &Receipt,
    ) -> Result<Option<String>, CoreError> {
        if receipt.reference.is_some() {
            return Ok(receipt.reference.clone());
        }
        let Some(id) = receipt.provider_id.clone() else { return Ok(None) };
        if scene.channel.capabilities().echoes_reference {
            return Ok(None);
        }
        let app = &scene.tenant.app.id;
        let (expect, mut kept) = self.provider_id(app, &scene.integration.id, &id).await?;
        let early = Early::of(receipt);
        if kept.reference.is_none() && !kept.early.contains(&early) && kept.early.len() < EARLY_MAX {
            info!(integration = %scene.integration.id, status = receipt.status, "a receipt waits for its message");
            kept.early.push(early);
            let mut batch = Batch::new(app);
            let until = Some(scene.now + self.policy.reconcile_window.max(EARLY_KEPT));
            batch.put(ProviderId::KIND, kept.record_id(), &kept, expect, until);
            self.store.commit(batch).await?;
        }
        Ok(kept.reference)
    }

    /// What is known of a provider's id, and the condition under which it may be written.
    async fn provider_id(
        &self,
        app: &Id<App>,
        integration: &Id<Integration>,
        id: &str,
    ) -> Result<(Expect, ProviderId), CoreError> {
        let found = self.store.load_all::<ProviderId>(app, &both_ids(integration, id)).await?;
        let expect = match found.first() {
            Some(Some(read)) => Expect::Version(read.version),
            _ => Expect::Absent,
        };
        let hidden = hidden_id(integration, id);
        let fresh = || ProviderId { hidden: hidden.clone(), reference: None, early: Vec::new() };
        // Before ids were hidden it was kept under the id itself.
        let found: Option<Versioned<ProviderId>> = found.into_iter().flatten().next();
        let kept = found.map_or_else(fresh, |read| ProviderId { hidden: hidden.clone(), ..read.value });
        Ok((expect, kept))
    }

    /// Remembers whose the provider's ids are, and takes in the receipts that waited for them.
    pub(super) async fn keep_provider_ids(
        &self,
        scene: Scene<'_>,
        delivery: &mut Delivery,
        batch: &mut Batch,
    ) -> Result<Vec<Notified>, CoreError> {
        let mut told = Vec::new();
        if scene.channel.capabilities().echoes_reference {
            return Ok(told);
        }
        let app = &scene.tenant.app.id;
        for part in 0..delivery.parts.len() {
            let Some(id) = delivery.parts[part].provider_id.clone() else { continue };
            let (expect, kept) = self.provider_id(app, &delivery.integration, &id).await?;
            if kept.reference.is_some() {
                continue;
            }
            for early in kept.early {
                delivery.reported(part, &early.status, scene.now);
                let stage = scene.with_pause(early.into_stage());
                told.extend(delivery.receipt(part, Some(id.clone()), stage, scene.reach(), scene.now));
            }
            let reference = Some(delivery.reference(part));
            let kept = ProviderId { hidden: kept.hidden, reference, early: Vec::new() };
            let until = Some(scene.now + self.policy.keep_deliveries);
            batch.put(ProviderId::KIND, kept.record_id(), &kept, expect, until);
        }
        Ok(told)
    }
}

impl Early {
    fn of(receipt: &Receipt) -> Early {
        let (rank, failure) = match &receipt.stage {
            Stage::Accepted => (1, None),
            Stage::Delivered => (2, None),
            Stage::Read => (3, None),
            Stage::Failed(error) => (0, Some(error.clone())),
        };
        let fate = failure.as_ref().map(|error| error.fate.clone());
        Early { status: receipt.status.clone(), rank, error: failure.map(DeliveryError::from), fate }
    }

    fn into_stage(self) -> Stage {
        match (self.rank, self.error) {
            (_, Some(DeliveryError { code, message, underlying })) => Stage::Failed(ChannelError {
                fate: self.fate.unwrap_or(Fate::Permanent),
                code,
                detail: message,
                provider_code: None,
                underlying,
            }),
            (2, None) => Stage::Delivered,
            (3, None) => Stage::Read,
            _ => Stage::Accepted,
        }
    }
}
