//! Sends that may not leave yet, what left in the last day, and how the pace of each integration stands: what the
//! outbox writes for those who ask.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{App, Delivery, Id, Integration, Timestamp};
use crate::store::{Batch, Expect, Record};

use super::{Core, CoreError};

/// What leaves is counted in steps of this length.
pub const DAY_STEP: Duration = Duration::from_secs(600);

/// What is written about a pace is true for so long unless it is written again.
pub const REPORT_LASTS: Duration = Duration::from_secs(60);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How the pace of an integration stands, as the outbox last wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaceReport {
    /// Which.
    pub integration: Id<Integration>,
    /// Messages a second now.
    pub rate: f64,
    /// Nothing leaves before then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked_until: Option<Timestamp>,
}

impl Record for PaceReport {
    const KIND: &'static str = "pace";

    fn record_id(&self) -> String {
        self.integration.to_string()
    }
}

impl Core {
    /// Notes that a send waits, and why. The caller settles its claim with the batch.
    pub async fn limited(
        &self,
        app: &Id<App>,
        id: &Id<Delivery>,
        why: &str,
        wait: Duration,
    ) -> Result<Batch, CoreError> {
        let mut batch = Batch::new(app);
        let now = self.clock.now();
        if let Some(mut read) = self.store.load::<Delivery>(app, id.as_str()).await?
            && read.value.state.is_open()
        {
            let detail = format!("{why}: waits {:.1} s", wait.as_secs_f64());
            read.value.note(now, "limited", Some(detail));
            self.save_delivery(now, &mut read, &mut batch);
        }
        Ok(batch)
    }

    /// What an integration sent in the last day, by the number of the step since 1970.
    pub async fn sent_lately(
        &self,
        app: &Id<App>,
        integration: &Id<Integration>,
    ) -> Result<Vec<(i64, u64)>, CoreError> {
        let today = day_of(self.clock.now());
        let mut counted = Vec::new();
        for day in [today - 1, today] {
            let tally = self.store.tally(app, &family(integration, day), &[]).await?;
            counted.extend(
                tally.counts.iter().filter_map(|(step, count)| {
                    Some((step.parse::<i64>().ok()?, u64::try_from(*count).ok()?))
                }),
            );
        }
        Ok(counted)
    }

    /// How many sends of an integration wait, are out, or are put off.
    pub async fn queued_for(&self, app: &Id<App>, integration: &Id<Integration>) -> Result<u64, CoreError> {
        Ok(self.store.queued(app, &[integration.as_str()]).await?)
    }

    /// Writes how an integration's pace stands, until it is written again or this process is gone.
    pub async fn report_pace(&self, app: &Id<App>, report: &PaceReport) -> Result<(), CoreError> {
        let expires = self.clock.now() + REPORT_LASTS;
        let mut batch = Batch::new(app);
        batch.put(PaceReport::KIND, report.record_id(), report, Expect::Anything, Some(expires));
        Ok(self.store.commit(batch).await?)
    }

    /// An integration goes at the pace that is set again: there is nothing to write about it.
    pub async fn forget_pace(&self, app: &Id<App>, integration: &Id<Integration>) -> Result<(), CoreError> {
        let mut batch = Batch::new(app);
        batch.delete(PaceReport::KIND, integration.as_str());
        Ok(self.store.commit(batch).await?)
    }

    /// How the pace of an integration stands; `None` when nothing holds it back.
    pub async fn pace(
        &self,
        app: &Id<App>,
        integration: &Id<Integration>,
    ) -> Result<Option<PaceReport>, CoreError> {
        let read = self.store.load::<PaceReport>(app, integration.as_str()).await?;
        Ok(read.map(|read| read.value))
    }
}

/// Counts a call of an integration that has a limit per day.
pub(super) fn count_call(integration: &Integration, now: Timestamp, batch: &mut Batch) {
    if integration.limits.per_day.is_none() {
        return;
    }
    let day = day_of(now);
    let step = now.millis().div_euclid(DAY_STEP.as_millis() as i64);
    let expires = Timestamp::from_millis((day + 1) * DAY.as_millis() as i64) + DAY + DAY_STEP;
    batch.add_until(family(&integration.id, day), step.to_string(), 1, expires);
}

/// The counters of one calendar day: they are forgotten together.
fn family(integration: &Id<Integration>, day: i64) -> String {
    format!("sent:{integration}:{day}")
}

fn day_of(at: Timestamp) -> i64 {
    at.millis().div_euclid(DAY.as_millis() as i64)
}
