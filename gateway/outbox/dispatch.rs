//! Sending: mark, call, conclude, and again for each further piece.

use std::sync::Arc;
use std::time::Duration;

use heliograph_connectors::channel::{Accepted, ChannelError, Fate, OutboundMessage, Scope, Verdict};
use tracing::{debug, info, warn};

use crate::core::{Begin, Conclusion, CoreError, Route};
use crate::metrics::AttemptOutcome;
use crate::model::{App, Delivery, Id, Job, Slowdown, Tenant, Timestamp, Work};
use crate::recorder::Overheard;
use crate::store::{Batch, Retry, Settlement, StoreError};

use super::breaker::Seen;
use super::pace::{Held, Pace};
use super::{Claim, Outbox, STORE_PAUSE, holds};

/// While a piece waits for its permit it looks so often whether the pace was changed.
const HELD_LOOK: Duration = Duration::from_millis(500);

/// How long a send rests whose integration is not there: it may come back with the next configuration.
const NO_INTEGRATION_PAUSE: Duration = Duration::from_secs(60);

impl Outbox {
    /// Performs a send and settles its claim. What its calls showed about the provider.
    pub(super) async fn send(&self, claim: Claim<'_>, delivery: &Id<Delivery>) -> Seen {
        let mut seen = Seen::Nothing;
        let id = Id::new(Job::integration(&claim.job.group));
        let tenant = self.settings.tenant(&claim.job.app);
        let integration = tenant.as_deref().and_then(|tenant| tenant.integration(&id));
        let channel = self.channels.get(&id);
        let (Some(tenant), Some(integration), Some(channel)) = (&tenant, integration, &channel) else {
            warn!(%delivery, integration = %id, "the integration of a queued message is not active");
            self.without_integration(claim, delivery).await;
            return seen;
        };
        // It was let through before the provider asked to slow down, or while that was said.
        if let Some((pace, _)) = self.pace(&claim.job.group)
            && pace.parked_until() > self.core.now()
        {
            let later = Retry::later(claim.job, pace.parked_until());
            self.settle_alone(claim, Settlement::Again(later)).await;
            return seen;
        }
        let route = Route { tenant, integration, channel: &**channel };
        let mut waits_since = Some(claim.job.due);
        loop {
            let limited = waits_since.take().and_then(|since| self.limited(claim, since));
            match self.send_piece(claim, route, delivery, limited, &mut seen).await {
                Ok(Progress::NextPiece) => waits_since = self.permit(claim).await,
                Ok(Progress::Again) => {}
                Ok(Progress::Settled) => return seen,
                // Nothing was sent, or what was sent is marked: beginning again is safe.
                Err(CoreError::Store(StoreError::Unavailable(error))) if !self.stop.is_cancelled() => {
                    warn!(%delivery, error, "the store is away, a send waits");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
                Err(error) => {
                    warn!(%delivery, %error, "a send was interrupted");
                    let retry = Retry::later(claim.job, self.core.now() + NO_INTEGRATION_PAUSE);
                    self.settle_alone(claim, Settlement::Again(retry)).await;
                    return seen;
                }
            }
        }
    }

    /// Gives back a send whose person has had enough messages for now: it keeps its lane and costs no attempt.
    pub(super) async fn put_off(&self, claim: Claim<'_>, wait: Duration) {
        let Work::Send { delivery } = &claim.job.work else { return };
        let due = self.core.now() + wait + Duration::from_millis(1);
        let later = || Settlement::Again(Retry::later(claim.job, due));
        let noted = self.core.limited(&claim.job.app, delivery, "messages to one person", wait).await;
        let batch = match noted {
            Ok(batch) => batch,
            Err(error) => {
                warn!(%delivery, %error, "why a send waits could not be noted");
                Batch::new(&claim.job.app)
            }
        };
        match self.settle(claim, later(), batch).await {
            Ok(()) => {}
            // A receipt changed the story meanwhile: it does without this line.
            Err(StoreError::Conflict(_)) => self.settle_alone(claim, later()).await,
            Err(error) => warn!(%delivery, %error, "a claim was not settled"),
        }
    }

    async fn send_piece(
        &self,
        claim: Claim<'_>,
        route: Route<'_>,
        delivery: &Id<Delivery>,
        limited: Option<String>,
        seen: &mut Seen,
    ) -> Result<Progress, CoreError> {
        // The place at the provider comes first: what waits for one is not marked, so a crash leaves it no doubt.
        let pace = self.pace(&claim.job.group);
        let open = match &pace {
            Some((pace, _)) => pace.open().await,
            None => None,
        };
        let hook_url = self.channels.hook_url(route.integration);
        let (part, message) =
            match self.core.begin(route, delivery, claim.job.attempt, &hook_url, limited).await? {
                Begin::Settle(settlement, batch) => return self.settled(claim, settlement, batch).await,
                Begin::Slow(slowdown, batch) => {
                    let settlement = self.slow_down(claim, &slowdown);
                    return self.settled(claim, settlement, batch).await;
                }
                Begin::Ask { part, attempt } => {
                    let began = self.began.elapsed();
                    let verdict = route.channel.reconcile(&attempt, self.media.providers()).await;
                    drop(open);
                    return self.asked(claim, route, delivery, part, began, &verdict).await;
                }
                Begin::Call { part, message } => (part, message),
            };
        let pace = pace.as_ref().map(|(pace, _)| &**pace);
        let (began, result) = match self.shown(&claim.job.app, message).await {
            Ok(message) => self.call(claim, route, pace, &message).await,
            Err(error) => (self.began.elapsed(), Err(error)),
        };
        drop(open);
        *seen = shown_by(&result);
        match &result {
            Ok(_) => debug!(%delivery, part, "message accepted by channel"),
            Err(error) => {
                info!(%delivery, part, fate = ?error.fate, code = error.provider_code, "message not accepted");
            }
        }
        self.concluded(claim, route, delivery, part, began, &result).await
    }

    /// Settles a claim for which nothing is to be done now.
    async fn settled(
        &self,
        claim: Claim<'_>,
        settlement: Settlement,
        batch: Batch,
    ) -> Result<Progress, CoreError> {
        match self.settle(claim, settlement, batch).await {
            Ok(()) => Ok(Progress::Settled),
            // Something moved meanwhile: look again.
            Err(StoreError::Conflict(_)) => Ok(Progress::Again),
            Err(error) => Err(error.into()),
        }
    }

    /// Holds back what a receipt said was too much. How the claim of its message is settled.
    fn slow_down(&self, claim: Claim<'_>, slowdown: &Slowdown) -> Settlement {
        let Slowdown { scope, until, began } = *slowdown;
        let now = self.moment();
        let later = Settlement::Again(Retry::later(claim.job, until));
        let pause = until.since(now.at);
        match scope {
            Scope::Destination => self.refused_person(claim, Some(pause), later),
            Scope::Integration => {
                if let Some((pace, _)) = self.pace(&claim.job.group) {
                    let began = now.ticks.saturating_sub(now.at.since(began));
                    pace.throttled(began, pause, now);
                }
                later
            }
        }
    }

    async fn call(
        &self,
        claim: Claim<'_>,
        route: Route<'_>,
        pace: Option<&Pace>,
        message: &OutboundMessage,
    ) -> (Duration, Result<Accepted, ChannelError>) {
        if let Some(pace) = pace {
            pace.leave(self.began).await;
        }
        let began = self.began.elapsed();
        let door = self.media.providers();
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
        let took = self.began.elapsed() - began;
        let channel = route.channel.capabilities().kind;
        self.core.metrics().attempt(channel, route.integration.id.as_str(), outcome(&result), took);
        if let (Some(pace), Ok(_)) = (pace, &result) {
            pace.accepted(claim.job.destination(), self.moment());
        }
        (began, result)
    }

    /// Goes on from what the provider says became of an attempt.
    async fn asked(
        &self,
        claim: Claim<'_>,
        route: Route<'_>,
        delivery: &Id<Delivery>,
        part: usize,
        began: Duration,
        verdict: &Result<Verdict, ChannelError>,
    ) -> Result<Progress, CoreError> {
        self.heed(route, began, verdict);
        info!(%delivery, part, ?verdict, "the provider was asked about a send of unknown outcome");
        let conclusion = self.core.reconciled(route, delivery, part, claim.job.attempt, verdict).await?;
        match self.follow(claim, conclusion).await {
            // Something moved meanwhile: look again.
            Err(CoreError::Store(StoreError::Conflict(_))) => Ok(Progress::Again),
            followed => followed,
        }
    }

    /// Slows an integration down whose provider asks for it, in answer to a call begun then.
    pub(super) fn heed<T>(&self, route: Route<'_>, began: Duration, result: &Result<T, ChannelError>) {
        if let (Err(error), Some((pace, _))) = (result, self.pace(route.integration.id.as_str()))
            && let Fate::Throttled { retry_after, scope: Scope::Integration } = &error.fate
        {
            let usual = route.channel.capabilities().rate.pause;
            pace.throttled(began, retry_after.unwrap_or(usual), self.moment());
        }
    }

    /// Saves what came of a call. The result is in hand, so this goes on until the store has it.
    async fn concluded(
        &self,
        claim: Claim<'_>,
        route: Route<'_>,
        delivery: &Id<Delivery>,
        part: usize,
        began: Duration,
        result: &Result<Accepted, ChannelError>,
    ) -> Result<Progress, CoreError> {
        self.heed(route, began, result);
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
        let conclusion = self.core.conclude(route, delivery, part, claim.job.attempt, result).await?;
        self.follow(claim, conclusion).await
    }

    async fn follow(&self, claim: Claim<'_>, conclusion: Conclusion) -> Result<Progress, CoreError> {
        match conclusion {
            Conclusion::Again(batch) => {
                self.store.commit(batch).await?;
                return Ok(Progress::Again);
            }
            Conclusion::NextPart(batch) => {
                self.store.commit(batch).await?;
                return Ok(Progress::NextPiece);
            }
            Conclusion::Settle(settlement, batch) => self.settle(claim, settlement, batch).await?,
            Conclusion::Throttled { settlement, batch, scope: Scope::Integration, .. } => {
                self.settle(claim, settlement, batch).await?;
            }
            Conclusion::Throttled { settlement, batch, scope: Scope::Destination, asked } => {
                let settlement = self.refused_person(claim, asked, settlement);
                self.settle(claim, settlement, batch).await?;
            }
        }
        Ok(Progress::Settled)
    }

    /// A person whom the provider refuses for now waits longer each time.
    fn refused_person(
        &self,
        claim: Claim<'_>,
        asked: Option<Duration>,
        settlement: Settlement,
    ) -> Settlement {
        let Some((pace, _)) = self.pace(&claim.job.group) else { return settlement };
        let now = self.moment();
        let wait = pace.refused(claim.job.destination(), asked, now);
        Settlement::Again(Retry::later(claim.job, now.at + wait))
    }

    /// Waits for a permit, from when on is answered. The claim came with one, which the first piece used; each further
    /// piece is a message to the provider like any other.
    async fn permit(&self, claim: Claim<'_>) -> Option<Timestamp> {
        let since = self.core.now();
        let integration = Job::integration(&claim.job.group);
        while let Some((pace, app)) = self.pace(&claim.job.group) {
            let now = self.moment();
            let wait = match pace.take_more(app.as_deref(), integration, claim.job.destination(), now) {
                Ok(()) => return Some(since),
                Err(Held::Until(until)) => until.since(now.at),
                Err(Held::For(wait) | Held::Person(wait)) => wait,
                Err(Held::Full) => return Some(since),
            };
            tokio::time::sleep(wait.min(HELD_LOOK)).await;
        }
        None
    }

    /// Why a send that was due since then leaves only now, where that is long enough ago to be told.
    fn limited(&self, claim: Claim<'_>, since: Timestamp) -> Option<String> {
        let now = self.core.now();
        let (pace, _) = self.pace(&claim.job.group).filter(|_| now.since(since) >= holds::LONG)?;
        pace.held_since(since, now)
    }

    /// The integration is gone, and perhaps its app: wait for it, until the message is too old.
    async fn without_integration(&self, claim: Claim<'_>, delivery: &Id<Delivery>) {
        let later = Settlement::Again(Retry::later(claim.job, self.core.now() + NO_INTEGRATION_PAUSE));
        let nobody = || {
            // Of an app that is gone nobody is left to be told.
            let app = App::new(claim.job.app.clone(), "");
            Arc::new(Tenant::new(app))
        };
        let tenant = self.settings.tenant(&claim.job.app).unwrap_or_else(nobody);
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

/// What a call's result says about the provider: only its own failures count against it, not what it says about one
/// message or about the pace.
fn shown_by(result: &Result<Accepted, ChannelError>) -> Seen {
    match result {
        Err(ChannelError { fate: Fate::Transient { .. }, .. }) => Seen::Broken,
        Err(_) | Ok(_) => Seen::Works,
    }
}

/// How far a send came.
enum Progress {
    /// There is another piece, which needs a permit.
    NextPiece,
    /// There is reason to look again.
    Again,
    /// The claim is settled.
    Settled,
}
