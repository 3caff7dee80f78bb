//! The outbox: takes due jobs from the store, paces them, performs them, settles them.

mod announce;
mod dispatch;
mod fetch;
mod limiter;
mod watch;
mod worker;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::channels::Channels;
use crate::core::Core;
use crate::egress::WebhookEgress;
use crate::media::Media;
use crate::model::{Id, Integration, Timestamp, Webhook};
use crate::recorder::Recorder;
use crate::settings::Settings;
use crate::store::{Batch, Epoch, Queue, Settlement, Store, StoreError};

use limiter::Limiter;

/// How long to wait before the store is asked again after it failed.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// A provider's answer is expected within this span: so many of its permits may be in use at once.
const OPEN_SPAN: Duration = Duration::from_millis(100);

/// Requests open at one provider at once, whatever its pace.
const OPEN_MAX: usize = 256;

/// Posts open at one webhook's receiver at once: a slow one is not flooded.
const POSTS_MAX: usize = 64;

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
    paces: Mutex<HashMap<Id<Integration>, Arc<Pace>>>,
    /// Posts open at each webhook's receiver.
    posts: Mutex<HashMap<Id<Webhook>, Arc<Semaphore>>>,
    stop: CancellationToken,
}

/// How webhooks are tried again.
#[derive(Debug, Clone)]
pub struct Announcing {
    /// The waits before each further attempt.
    pub schedule: Vec<Duration>,
    /// Whether an event in retry holds back later ones of its conversation.
    pub strict: bool,
}

/// How fast an integration may go, and how far it is held back.
#[derive(Debug)]
struct Pace {
    limiter: Limiter,
    /// Requests open at the provider at once.
    open: Semaphore,
    parked_until: Mutex<Timestamp>,
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
            announcing,
            paces: Mutex::default(),
            posts: Mutex::default(),
            stop,
        }
    }

    /// The same, with somebody who writes down what providers answer.
    pub fn recorded_by(self, recorder: Option<Arc<Recorder>>) -> Outbox {
        Outbox { recorder, ..self }
    }

    /// The pace of the integration a group stands for; `None` when it stands for a webhook.
    fn pace(&self, group: &str) -> Option<Arc<Pace>> {
        let id = Id::new(group);
        let tenant = self.settings.owner(&id)?;
        let integration = tenant.integration(&id)?;
        let channel = self.channels.get(&id)?;
        let capabilities = channel.capabilities();
        let mut paces = self.paces.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(pace) = paces.get(&id)
            && pace.limiter.keeps(&integration.limits, &capabilities.rate)
        {
            return Some(pace.clone());
        }
        let limiter = Limiter::new(&integration.limits, &capabilities.rate);
        let pace = Arc::new(Pace {
            open: Semaphore::new(open_calls(limiter.permits_in(OPEN_SPAN), capabilities.concurrency)),
            limiter,
            parked_until: Mutex::new(Timestamp::from_millis(0)),
        });
        paces.insert(id, pace.clone());
        Some(pace)
    }

    /// The right to have posts open at a webhook's receiver.
    fn posts(&self, webhook: &Id<Webhook>) -> Arc<Semaphore> {
        let mut posts = self.posts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        posts.entry(webhook.clone()).or_insert_with(|| Arc::new(Semaphore::new(POSTS_MAX))).clone()
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

/// How many requests may be open: the channel's usual number, or what a faster pace needs.
fn open_calls(permits: usize, usual: usize) -> usize {
    permits.clamp(usual, OPEN_MAX.max(usual))
}

impl Pace {
    fn parked_until(&self) -> Timestamp {
        *self.parked_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn park(&self, until: Timestamp) {
        let mut parked = self.parked_until.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *parked = (*parked).max(until);
    }
}
