//! Writes into the store how the paces stand that something holds back: there the admin socket reads it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::core::{PaceReport, REPORT_LASTS};
use crate::model::{Id, Integration, Timestamp};

use super::{Outbox, PaceNow};

/// How often paces are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What was written, and when.
type Written = HashMap<Id<Integration>, (PaceReport, Timestamp)>;

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
