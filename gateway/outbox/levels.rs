//! Looks every few seconds how much waits and what holds it back, for the page of metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use crate::core::CoreError;
use crate::metrics::{Level, Reading};
use crate::model::{Id, Job};
use crate::store::{Queue, SLOTS, shard_of};

use super::breaker::BreakerState;
use super::worker::unit_of;
use super::{Outbox, PaceNow};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(5);

impl Outbox {
    /// Looks until the outbox is stopped.
    pub async fn gauge(self: Arc<Self>) {
        while !self.stop.is_cancelled() {
            let mut readings = Vec::new();
            for now in self.paces() {
                read_pace(&now, now.parked_until > self.core.now(), &mut readings);
            }
            for now in self.webhooks_now() {
                let of = ("webhook", now.webhook.to_string());
                readings.push(Reading { level: Level::Breaker, of: of.clone(), value: stage(now.breaker) });
                readings.push(Reading { level: Level::PostsOpen, of, value: now.in_flight as f64 });
            }
            // What the store cannot tell now, it tells the next time: its own errors are counted elsewhere.
            if let Err(error) = self.read_store(&mut readings).await {
                debug!(%error, "the store could not be asked how much waits");
            }
            self.core.metrics().levels(readings);
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    async fn read_store(&self, readings: &mut Vec<Reading>) -> Result<(), CoreError> {
        let shards = (self.store.queues().len() / usize::from(SLOTS)) as u16;
        let mut busy = BTreeSet::new();
        for tenant in self.settings.tenants() {
            let app = &tenant.app.id;
            busy.insert(shard_of(app, shards));
            let kept = self.core.kept_for_operators(app).await?;
            let of = ("app", app.to_string());
            let (letters, unknown) = (kept.dead_letters as f64, kept.unknown as f64);
            readings.push(Reading { level: Level::DeadLetters, of: of.clone(), value: letters });
            readings.push(Reading { level: Level::UnknownOutcomes, of, value: unknown });
        }
        // A group's jobs are spread over slots where they need no common pace, and over groups by priority.
        let mut waits: BTreeMap<(&'static str, String), (u64, f64)> = BTreeMap::new();
        let now = self.core.now();
        for shard in busy {
            for slot in 0..SLOTS {
                for waiting in self.store.backlog(Queue { shard, slot }).await? {
                    let age = waiting.due.map_or(0.0, |due| now.since(due).as_secs_f64());
                    let (jobs, oldest) = waits.entry(self.whose(&waiting.group)).or_default();
                    (*jobs, *oldest) = (*jobs + waiting.jobs, oldest.max(age));
                }
            }
        }
        for (of, (jobs, oldest)) in waits {
            readings.push(Reading { level: Level::JobsWaiting, of: of.clone(), value: jobs as f64 });
            readings.push(Reading { level: Level::OldestDueAge, of, value: oldest });
        }
        Ok(())
    }

    /// Whose group it is: an integration's sends, files or acts, an app's sweeps, or a webhook's announcements.
    fn whose(&self, group: &str) -> (&'static str, String) {
        let owner = Job::integration(group);
        let kind = if self.settings.owner(&Id::new(owner)).is_some() {
            "integration"
        } else if self.settings.tenant(&Id::new(owner)).is_some() {
            "app"
        } else {
            "webhook"
        };
        (kind, unit_of(group).to_owned())
    }
}

fn read_pace(now: &PaceNow, is_parked: bool, readings: &mut Vec<Reading>) {
    let held_back = f64::from(u8::from(is_parked || now.paused));
    let levels = [
        (Level::RateSet, Some(now.per_second)),
        (Level::Rate, Some(now.rate)),
        (Level::Budget, Some(f64::from(now.left))),
        (Level::DayBudget, now.left_today.map(|left| left as f64)),
        (Level::HeldBack, Some(held_back)),
        (Level::LimiterWaits, Some(now.waits as f64)),
        (Level::Breaker, Some(stage(now.breaker))),
    ];
    let of = ("integration", now.integration.to_string());
    let read = |(level, value): (Level, Option<f64>)| Some(Reading { level, of: of.clone(), value: value? });
    readings.extend(levels.into_iter().filter_map(read));
}

fn stage(breaker: BreakerState) -> f64 {
    match breaker {
        BreakerState::Closed => 0.0,
        BreakerState::HalfOpen => 1.0,
        BreakerState::Open => 2.0,
    }
}
