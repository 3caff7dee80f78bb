//! The outbox: takes due jobs from the store, paces them, performs them, settles them.

mod act;
mod adapt;
mod announce;
mod batches;
mod breaker;
mod day;
mod dispatch;
mod erase;
mod expire;
mod fair;
mod fetch;
mod history_moves;
mod holds;
mod levels;
mod limiter;
mod menu;
mod pace;
mod pair;
mod receivers;
mod report;
mod shown;
mod sweep;
mod watch;
mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::channels::Channels;
use crate::core::Core;
use crate::egress::WebhookEgress;
use crate::media::Media;
use crate::model::{App, Id, Integration, Priority};
use crate::recorder::Recorder;
use crate::settings::Settings;
use crate::store::{Batch, Epoch, Queue, Settlement, Store, StoreError};

use batches::Batches;
use pace::{AppPace, Moment, Pace, quantity_of_app};

pub use breaker::BreakerState;
pub use receivers::WebhookNow;
pub use report::PaceNow;

use receivers::Receivers;

/// How long to wait before the store is asked again after it failed.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// What performs jobs.
#[derive(Debug)]
pub struct Outbox {
    store: Arc<dyn Store>,
    core: Core,
    settings: Arc<Settings>,
    channels: Arc<Channels>,
    media: Arc<Media>,
    webhooks: WebhookEgress,
    recorder: Option<Arc<Recorder>>,
    announcing: Announcing,
    /// What the limiters count time from.
    began: Instant,
    paces: Mutex<HashMap<Id<Integration>, Arc<Pace>>>,
    apps: Mutex<HashMap<Id<App>, Arc<AppPace>>>,
    receivers: Receivers,
    batches: Batches,
    stop: CancellationToken,
}

/// How webhooks are tried again.
#[derive(Debug, Clone)]
pub struct Announcing {
    /// The waits before each further attempt.
    pub schedule: Vec<Duration>,
    /// Answers after which there is none.
    pub finals: &'static [u16],
    /// Whether an event in retry holds back later ones of its conversation.
    pub strict: bool,
    /// How long the first event of a post waits for others; each goes alone when zero.
    pub window: Duration,
    /// Events of one post, at most.
    pub most: usize,
}

/// A job taken from a queue, and the right to settle it.
#[derive(Debug, Clone, Copy)]
struct Claim<'a> {
    queue: Queue,
    epoch: Epoch,
    job: &'a crate::model::Job,
}

impl Outbox {
    /// An outbox that works until `stop` is cancelled.
    #[expect(clippy::too_many_arguments, reason = "its parts, each once; there is one caller")]
    pub fn new(
        store: Arc<dyn Store>,
        core: Core,
        settings: Arc<Settings>,
        channels: Arc<Channels>,
        media: Arc<Media>,
        webhooks: WebhookEgress,
        announcing: Announcing,
        stop: CancellationToken,
    ) -> Outbox {
        Outbox {
            store,
            core,
            settings,
            channels,
            media,
            webhooks,
            recorder: None,
            receivers: Receivers::new(&announcing.schedule),
            batches: Batches::new(announcing.window, announcing.most),
            announcing,
            began: Instant::now(),
            paces: Mutex::default(),
            apps: Mutex::default(),
            stop,
        }
    }

    /// The same, with somebody who writes down what providers answer.
    pub fn recorded_by(self, recorder: Option<Arc<Recorder>>) -> Outbox {
        Outbox { recorder, ..self }
    }

    /// The present, as paces count it.
    fn moment(&self) -> Moment {
        Moment { at: self.core.now(), ticks: self.began.elapsed() }
    }

    /// The pace of the integration a group stands for, and its app's if that has one; `None` when the group stands for
    /// something else.
    fn pace(&self, group: &str) -> Option<(Arc<Pace>, Option<Arc<AppPace>>)> {
        let (integration, _) = Priority::of_group(group)?;
        let id = Id::new(integration);
        let tenant = self.settings.owner(&id)?;
        let integration = tenant.integration(&id)?;
        let channel = self.channels.get(&id)?;
        let now = self.moment();
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = match paces.get(&id) {
            Some(pace) => {
                pace.follow(integration, channel.capabilities(), now);
                pace.clone()
            }
            None => {
                // The integrations there are bound the paces kept.
                paces.retain(|known, _| self.settings.owner(known).is_some());
                let pace = Arc::new(Pace::new(integration, channel.capabilities(), now));
                paces.insert(id, pace.clone());
                pace
            }
        };
        drop(paces);
        Some((pace, self.app_pace(&tenant.app, now)))
    }

    /// The pace that an app's integrations share, if it is set.
    fn app_pace(&self, app: &App, now: Moment) -> Option<Arc<AppPace>> {
        let set = quantity_of_app(&app.limits)?;
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pace) = apps.get(&app.id) {
            pace.follow(set, now.ticks);
            return Some(pace.clone());
        }
        apps.retain(|known, _| self.settings.tenant(known).is_some());
        let pace = Arc::new(AppPace::new(set, now.ticks));
        apps.insert(app.id.clone(), pace.clone());
        Some(pace)
    }

    /// How every integration stands that has sent since the process began.
    pub fn paces(&self) -> Vec<PaceNow> {
        let now = self.moment();
        let paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        paces.iter().map(|(integration, pace)| pace.now(integration, now)).collect()
    }

    /// Settles a claim, waiting out a store that is away: a job that was done must not be done again.
    /// `Err` is a conflict (the batch must be made anew) or the loss of the claim.
    async fn settle(&self, claim: Claim<'_>, settlement: Settlement, batch: Batch) -> Result<(), StoreError> {
        loop {
            let Claim { queue, epoch, job } = claim;
            match self.store.settle(queue, epoch, job, settlement.clone(), batch.clone()).await {
                Err(StoreError::Unavailable(error)) if !self.stop.is_cancelled() => {
                    tracing::warn!(job = %job.id, error, "the store did not take a settlement, trying again");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
                settled => return settled,
            }
        }
    }

    /// Settles a claim that brings about nothing else.
    async fn settle_alone(&self, claim: Claim<'_>, settlement: Settlement) {
        let batch = Batch::new(&claim.job.app);
        if let Err(error) = self.settle(claim, settlement, batch).await {
            tracing::warn!(job = %claim.job.id, %error, "a claim was not settled");
        }
    }
}
