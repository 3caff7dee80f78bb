//! Sending: mark, call, conclude, and again for each further piece.

use std::time::{Duration, Instant};

use heliograph_connectors::channel::{Accepted, ChannelError, Fate, OutboundMessage, Scope};
use tracing::{debug, info, warn};

use crate::core::{Begin, Conclusion, CoreError, Route};
use crate::metrics::AttemptOutcome;
use crate::model::{Delivery, Id};
use crate::recorder::Overheard;
use crate::store::{Batch, Retry, Settlement, StoreError};

use super::{Claim, Outbox, STORE_PAUSE};

/// How long a send rests whose integration is not there: it may come back with the next configuration.
const NO_INTEGRATION_PAUSE: Duration = Duration::from_secs(60);

impl Outbox {
    /// Performs a send and settles its claim.
    pub(super) async fn send(&self, claim: Claim<'_>, delivery: &Id<Delivery>) {
        let id = Id::new(&*claim.job.group);
        let tenant = self.settings.tenant(&claim.job.app);
        let integration = tenant.as_deref().and_then(|tenant| tenant.integration(&id));
        let channel = self.channels.get(&id);
        let (Some(tenant), Some(integration), Some(channel)) = (&tenant, integration, &channel) else {
            warn!(%delivery, integration = %id, "the integration of a queued message is not active");
            return self.without_integration(claim, delivery).await;
        };
        let route = Route { tenant, integration, channel: &**channel };
        loop {
            match self.send_piece(claim, route, delivery).await {
                Ok(Progress::NextPiece) => {}
                Ok(Progress::Settled) => return,
                // Nothing was sent, or what was sent is marked: beginning again is safe.
                Err(CoreError::Store(StoreError::Unavailable(error))) if !self.stop.is_cancelled() => {
                    warn!(%delivery, error, "the store is away, a send waits");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
                Err(error) => {
                    warn!(%delivery, %error, "a send was interrupted");
                    let retry = Retry::later(claim.job, self.core.now() + NO_INTEGRATION_PAUSE);
                    return self.settle_alone(claim, Settlement::Again(retry)).await;
                }
            }
        }
    }

    async fn send_piece(
        &self,
        claim: Claim<'_>,
        route: Route<'_>,
        delivery: &Id<Delivery>,
    ) -> Result<Progress, CoreError> {
        let hook_url = self.channels.hook_url(route.integration);
        let (part, message) = match self.core.begin(route, delivery, claim.job.attempt, &hook_url).await? {
            Begin::Settle(settlement, batch) => match self.settle(claim, settlement, batch).await {
                Ok(()) => return Ok(Progress::Settled),
                // Something moved meanwhile: look again.
                Err(StoreError::Conflict(_)) => return Ok(Progress::NextPiece),
                Err(error) => return Err(error.into()),
            },
            Begin::Call { part, message } => (part, message),
        };
        let result = self.call(claim, route, &message).await;
        match &result {
            Ok(_) => debug!(%delivery, part, "message accepted by channel"),
            Err(error) => {
                info!(%delivery, part, fate = ?error.fate, code = error.provider_code, "message not accepted");
            }
        }
        self.concluded(claim, route, delivery, part, &result).await
    }

    async fn call(
        &self,
        claim: Claim<'_>,
        route: Route<'_>,
        message: &OutboundMessage,
    ) -> Result<Accepted, ChannelError> {
        let pace = self.pace(&claim.job.group);
        let _open = match &pace {
            Some(pace) => pace.open.acquire().await.ok(),
            None => None,
        };
        let door = self.media.providers();
        let began = Instant::now();
        let result = match self.recorder.as_deref().filter(|recorder| recorder.hears(&route.integration.kind))
        {
            None => route.channel.send(message, door).await,
            Some(recorder) => {
                let door = Overheard::at(door);
                let result = route.channel.send(message, &door).await;
                recorder.sent(route.integration, message, door, &result);
                result
            }
        };
        let channel = route.channel.capabilities().kind;
        let integration = route.integration.id.as_str();
        self.core.metrics().attempt(channel, integration, outcome(&result), began.elapsed());
        result
    }

    /// Saves what came of a call. The result is in hand, so this goes on until the store has it.
    async fn concluded(
        &self,
        claim: Claim<'_>,
        route: Route<'_>,
        delivery: &Id<Delivery>,
        part: usize,
        result: &Result<Accepted, ChannelError>,
    ) -> Result<Progress, CoreError> {
        loop {
            match self.try_conclude(claim, route, delivery, part, result).await {
                Err(error) if error.is_conflict() => {}
                Err(CoreError::Store(StoreError::Unavailable(error))) if !self.stop.is_cancelled() => {
                    warn!(%delivery, error, "the store is away, a result waits");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
                done => return done,
            }
        }
    }

    async fn try_conclude(
        &self,
        claim: Claim<'_>,
        route: Route<'_>,
        delivery: &Id<Delivery>,
        part: usize,
        result: &Result<Accepted, ChannelError>,
    ) -> Result<Progress, CoreError> {
        match self.core.conclude(route, delivery, part, claim.job.attempt, result).await? {
            Conclusion::NextPart(batch) => {
                self.store.commit(batch).await?;
                self.permit(&claim.job.group).await;
                return Ok(Progress::NextPiece);
            }
            Conclusion::Settle(settlement, batch) => self.settle(claim, settlement, batch).await?,
            Conclusion::Throttled { settlement, batch, scope, pause } => {
                if let (Scope::Integration, Some(pace)) = (scope, self.pace(&claim.job.group)) {
                    pace.park(self.core.now() + pause);
                }
                self.settle(claim, settlement, batch).await?;
            }
        }
        Ok(Progress::Settled)
    }

    /// Waits for a permit. The claim came with one, which the first piece used; each further piece is a message to
    /// the provider like any other.
    async fn permit(&self, group: &str) {
        let Some(pace) = self.pace(group) else { return };
        while let Err(wait) = pace.limiter.take() {
            tokio::time::sleep(wait).await;
        }
    }

    /// The integration was taken out of the configuration: wait for it, until the message is too old.
    async fn without_integration(&self, claim: Claim<'_>, delivery: &Id<Delivery>) {
        let later = Settlement::Again(Retry::later(claim.job, self.core.now() + NO_INTEGRATION_PAUSE));
        let Some(tenant) = self.settings.tenant(&claim.job.app) else {
            return self.settle_alone(claim, later).await;
        };
        let settled = match self.core.abandon_expired(&tenant, delivery).await {
            Ok(Some(batch)) => self.settle(claim, Settlement::Done, batch).await,
            Ok(None) => self.settle(claim, later, Batch::new(&claim.job.app)).await,
            Err(error) => {
                warn!(%delivery, %error, "a message without integration could not be looked at");
                self.settle(claim, later, Batch::new(&claim.job.app)).await
            }
        };
        if let Err(error) = settled {
            warn!(%delivery, %error, "a claim was not settled");
        }
    }
}

/// What a call's result is counted as.
fn outcome(result: &Result<Accepted, ChannelError>) -> AttemptOutcome {
    match result.as_ref().map_err(|error| &error.fate) {
        Ok(_) => AttemptOutcome::Accepted,
        Err(Fate::Permanent) => AttemptOutcome::Refused,
        Err(Fate::Throttled { .. }) => AttemptOutcome::Throttled,
        Err(Fate::Transient { maybe_sent: false }) => AttemptOutcome::NotSent,
        Err(Fate::Transient { maybe_sent: true }) => AttemptOutcome::Unknown,
    }
}

/// How far a send came.
enum Progress {
    /// There is another piece, or reason to look again.
    NextPiece,
    /// The claim is settled.
    Settled,
}
