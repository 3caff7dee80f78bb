//! The watchdog's rounds: whose deliveries need a look, and asking providers for receipts that are overdue.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use heliograph_connectors::channel::{Fate, InboundEvent};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::core::{CoreError, Overdue, Route};
use crate::model::{Id, Integration, Timestamp};

use super::{Outbox, STORE_PAUSE};

/// Deliveries of one integration looked at per round.
const LOOKS_MAX: usize = 100;

/// Integrations looked after at once.
const ROUNDS_MAX: usize = 8;

/// New integrations are noticed after this long.
const SWEEP: Duration = Duration::from_secs(15);

/// The shortest pause between two rounds: a long queue is looked through at leisure.
const BREATH: Duration = Duration::from_millis(50);

impl Outbox {
    /// Looks after everything that has no end, until the outbox is stopped.
    pub async fn watch(self: Arc<Self>) {
        // When each integration needs its next look.
        let mut next: HashMap<Id<Integration>, Timestamp> = HashMap::new();
        while !self.stop.is_cancelled() {
            let now = self.core.now();
            let all = self.settings.tenants().iter().flat_map(|tenant| tenant.integrations.clone()).collect();
            let all: Vec<Integration> = all;
            next.retain(|id, _| all.iter().any(|integration| integration.id == *id));
            let due = all.into_iter().filter(|one| next.get(&one.id).is_none_or(|at| *at <= now));
            let due: Vec<Integration> = due.collect();
            next.extend(due.iter().map(|integration| (integration.id.clone(), now + SWEEP)));
            let mut due = due.into_iter();
            let mut rounds = JoinSet::new();
            let mut begin = |rounds: &mut JoinSet<_>| {
                let Some(integration) = due.next() else { return };
                let outbox = self.clone();
                rounds.spawn(async move {
                    let at = outbox.look_after(&integration).await;
                    (integration.id, at)
                });
            };
            (0..ROUNDS_MAX).for_each(|_| begin(&mut rounds));
            while let Some(ended) = rounds.join_next().await {
                match ended {
                    Ok((id, at)) => drop(next.insert(id, at)),
                    Err(error) => warn!(%error, "a look at what has no end failed"),
                }
                begin(&mut rounds);
            }
            let first = next.values().min().copied().unwrap_or(now + SWEEP).min(now + SWEEP);
            tokio::select! {
                () = tokio::time::sleep(first.since(self.core.now()).max(BREATH)) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Looks at what is due of one integration. When to come again.
    async fn look_after(&self, integration: &Integration) -> Timestamp {
        match self.try_look_after(integration).await {
            Ok(next) => next,
            Err(error) => {
                warn!(integration = %integration.id, %error, "what has no end could not be looked at");
                self.core.now() + STORE_PAUSE
            }
        }
    }

    async fn try_look_after(&self, integration: &Integration) -> Result<Timestamp, CoreError> {
        // What is accepted from now on is due later than this.
        let later = self.core.now() + self.core.first_look(integration);
        let (Some(tenant), Some(channel)) =
            (self.settings.tenant(&integration.app), self.channels.get(&integration.id))
        else {
            return Ok(later);
        };
        let Some(integration) = tenant.integration(&integration.id) else { return Ok(later) };
        let route = Route { tenant: &tenant, integration, channel: &*channel };
        let due = self.core.due_looks(&tenant.app.id, &integration.id, LOOKS_MAX).await?;
        let pieces = self.core.look(route, &due.deliveries).await?;
        self.ask_for_receipts(route, pieces).await?;
        if due.deliveries.len() == LOOKS_MAX {
            return Ok(self.core.now() + BREATH);
        }
        Ok(due.next.map_or(later, |next| next.min(later)))
    }

    /// Takes in what the provider says about messages whose receipts are overdue, as long as it answers.
    async fn ask_for_receipts(&self, route: Route<'_>, pieces: Vec<Overdue>) -> Result<(), CoreError> {
        let Some((pace, _)) = self.pace(route.integration.id.as_str()) else { return Ok(()) };
        for piece in pieces {
            if self.stop.is_cancelled() || pace.parked_until() > self.core.now() {
                return Ok(());
            }
            let (began, answer) = {
                let _open = pace.open().await;
                let looked = route.channel.look_up(&piece.provider_id, self.media.providers());
                (self.began.elapsed(), looked.await)
            };
            self.heed(route, began, &answer);
            match answer {
                Ok(Some(mut receipt)) => {
                    info!(
                        reference = piece.reference,
                        status = receipt.status,
                        "an overdue receipt was asked for"
                    );
                    receipt.reference = Some(piece.reference);
                    self.core.ingest(route, None, vec![InboundEvent::Receipt(receipt)]).await?;
                }
                Ok(None) => {}
                Err(error) => {
                    info!(reference = piece.reference, %error, "the provider did not say what became of a message");
                    if error.fate != Fate::Permanent {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}
