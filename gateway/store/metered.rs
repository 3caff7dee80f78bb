//! A store whose commits are timed and whose failures are counted.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::metrics::Metrics;
use crate::model::{App, Id, Job, NewJob, Timestamp, Total, Work};

use super::{
    Batch, Cut, Epoch, Key, ListEntry, Met, Queue, Razed, Settlement, Store, StoreError, Stored, Tally,
    Waiting, Walk,
};

/// A store, and what counts its calls.
#[derive(Debug)]
pub struct Metered {
    inner: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl Metered {
    /// The same store, counted.
    pub fn new(inner: Arc<dyn Store>, metrics: Arc<Metrics>) -> Metered {
        Metered { inner, metrics }
    }

    fn counted<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match &result {
            Err(StoreError::Unavailable(_)) => self.metrics.store_error("unavailable"),
            Err(StoreError::Corrupt(_)) => self.metrics.store_error("corrupt"),
            Ok(_) | Err(StoreError::Conflict(_) | StoreError::Lost) => {}
        }
        result
    }

    fn committed(
        &self,
        began: Instant,
        booked: &[(String, u64)],
        result: Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if result.is_ok() {
            self.metrics.commit(began.elapsed());
            for (counter, delta) in booked {
                let Some((integration, total)) = Total::of_counter(counter) else { continue };
                self.metrics.messages(integration, total, *delta);
            }
        }
        self.counted(result)
    }
}

/// What a batch adds to the totals of the ledger. (What it takes away was counted when it was added.)
fn booked(batch: &Batch) -> Vec<(String, u64)> {
    let counts = batch.counts.iter().filter(|count| count.family == Total::FAMILY);
    counts.filter_map(|count| Some((count.counter.clone(), u64::try_from(count.delta).ok()?))).collect()
}

#[async_trait]
impl Store for Metered {
    async fn read(&self, app: &Id<App>, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.counted(self.inner.read(app, keys).await)
    }

    async fn page(&self, app: &Id<App>, list: &str, cut: Cut) -> Result<Vec<ListEntry>, StoreError> {
        self.counted(self.inner.page(app, list, cut).await)
    }

    async fn tally(&self, app: &Id<App>, family: &str, lists: &[String]) -> Result<Tally, StoreError> {
        self.counted(self.inner.tally(app, family, lists).await)
    }

    async fn is_queued(&self, app: &Id<App>, job: &NewJob) -> Result<bool, StoreError> {
        self.counted(self.inner.is_queued(app, job).await)
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (began, ledger) = (Instant::now(), booked(&batch));
        self.committed(began, &ledger, self.inner.commit(batch).await)
    }

    fn queues(&self) -> Vec<Queue> {
        self.inner.queues()
    }

    async fn lease(&self, queue: Queue) -> Result<Epoch, StoreError> {
        self.counted(self.inner.lease(queue).await)
    }

    async fn groups(&self, queue: Queue, limit: usize) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.counted(self.inner.groups(queue, limit).await)
    }

    async fn backlog(&self, queue: Queue) -> Result<Vec<Waiting>, StoreError> {
        self.counted(self.inner.backlog(queue).await)
    }

    async fn claim(
        &self,
        queue: Queue,
        epoch: Epoch,
        group: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        self.counted(self.inner.claim(queue, epoch, group, now, limit).await)
    }

    async fn settle(
        &self,
        queue: Queue,
        epoch: Epoch,
        job: &Job,
        settlement: Settlement,
        batch: Batch,
    ) -> Result<(), StoreError> {
        let (began, ledger) = (Instant::now(), booked(&batch));
        self.committed(began, &ledger, self.inner.settle(queue, epoch, job, settlement, batch).await)
    }

    fn bell(&self, queue: Queue) -> Arc<Notify> {
        self.inner.bell(queue)
    }

    async fn walk(
        &self,
        app: &Id<App>,
        kinds: &[&'static str],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Walk<Met>, StoreError> {
        self.counted(self.inner.walk(app, kinds, after, limit).await)
    }

    async fn jobs(&self, app: &Id<App>, after: Option<&str>, limit: usize) -> Result<Walk<Job>, StoreError> {
        self.counted(self.inner.jobs(app, after, limit).await)
    }

    async fn strike(&self, app: &Id<App>, jobs: &[Id<Job>]) -> Result<usize, StoreError> {
        self.counted(self.inner.strike(app, jobs).await)
    }

    async fn revise(&self, app: &Id<App>, job: &Id<Job>, work: &Work) -> Result<(), StoreError> {
        self.counted(self.inner.revise(app, job, work).await)
    }

    async fn raze(&self, app: &Id<App>, after: Option<&str>, limit: usize) -> Result<Razed, StoreError> {
        self.counted(self.inner.raze(app, after, limit).await)
    }

    async fn compact(&self) -> Result<(), StoreError> {
        self.counted(self.inner.compact().await)
    }

    async fn healthy(&self) -> Result<(), StoreError> {
        self.counted(self.inner.healthy().await)
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
