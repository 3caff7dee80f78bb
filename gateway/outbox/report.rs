//! How paces stand, as others are told: what something holds back is written into the store, where the admin socket
//! reads it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::core::{PaceReport, REPORT_LASTS};
use crate::model::{App, Id, Integration, Timestamp};

use super::Outbox;
use super::breaker::BreakerState;

/// How often paces are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What was written, and when.
type Written = HashMap<Id<Integration>, (PaceReport, Timestamp)>;

/// How an integration's pace stands, for `now` at the admin socket and for metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct PaceNow {
    /// Whose.
    pub app: Id<App>,
    /// Which.
    pub integration: Id<Integration>,
    /// Messages a second that are set, and how many of them it goes at now.
    pub per_second: f64,
    /// Messages a second now: less than set after the provider asked to slow down.
    pub rate: f64,
    /// Messages that could leave at once.
    pub left: u32,
    /// The provider's word, or the day's limit, holds it back until then; long ago when nothing does.
    pub parked_until: Timestamp,
    /// Whether an operator holds it back.
    pub paused: bool,
    /// Whether its provider works.
    pub breaker: BreakerState,
    /// Messages that may still leave today, where the day has a limit.
    pub left_today: Option<u64>,
    /// How often nothing could leave when it was looked at, since the process began.
    pub waits: u64,
}

impl Outbox {
    /// Follows the paces until the outbox is stopped.
    pub async fn report(self: Arc<Self>) {
        let mut written = Written::new();
        while !self.stop.is_cancelled() {
            for now in self.paces() {
                self.report_one(now, &mut written).await;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    async fn report_one(&self, now: PaceNow, written: &mut Written) {
        let at = self.core.now();
        let parked_until = Some(now.parked_until).filter(|until| *until > at);
        let is_at_rest = parked_until.is_none() && now.rate >= now.per_second;
        let PaceNow { app, integration, rate, .. } = now;
        let known = written.get(&integration);
        let done = if is_at_rest {
            if known.is_none() {
                return;
            }
            written.remove(&integration);
            self.core.forget_pace(&app, &integration).await
        } else {
            let report = PaceReport { integration: integration.clone(), rate, parked_until };
            let lasts = |(before, since): &&(PaceReport, Timestamp)| {
                *before == report && at.since(*since) < REPORT_LASTS / 2
            };
            if known.filter(lasts).is_some() {
                return;
            }
            written.insert(integration.clone(), (report.clone(), at));
            self.core.report_pace(&app, &report).await
        };
        if let Err(error) = done {
            // The next look writes it again.
            written.remove(&integration);
            warn!(%integration, %error, "how a pace stands could not be written");
        }
    }
}
