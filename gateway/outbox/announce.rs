//! Telling customers: one signed POST per event and webhook, repeated on a schedule, buried at its end.

use std::time::Duration;

use tracing::{debug, info, warn};

use crate::core::{Attempt, DeadLetter};
use crate::egress::{Answer, Unreached};
use crate::metrics::PostOutcome;
use crate::model::{Event, Id, Job, Timestamp, Webhook};
use crate::store::{Batch, Retry, Settlement, StoreError};
use crate::wire;

use super::batches::Answered;
use super::breaker::Pass;
use super::{Announcing, Claim, Outbox};

/// The longest wait a receiver may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// What is said of a post that was never made because its host is down.
const HOST_DOWN: &str = "host down";

impl Announcing {
    /// How long the attempts that are left would take by the schedule.
    pub(super) fn left(&self, attempt: u32) -> Duration {
        self.schedule.iter().skip(attempt as usize).sum()
    }
}

impl Outbox {
    /// Performs an announcement and settles its claim. Without a pass nobody is asked: its schedule ran out while
    /// its host was down.
    pub(super) async fn announce(
        &self,
        claim: Claim<'_>,
        webhook: &Id<Webhook>,
        event: &Event,
        pass: Option<Pass>,
    ) {
        let tenant = self.settings.tenant(&claim.job.app);
        let Some(webhook) = tenant.as_deref().and_then(|tenant| tenant.webhook(webhook)) else {
            debug!(event = %event.id, %webhook, "the webhook is gone, and with it what it would have been told");
            return self.settle_alone(claim, Settlement::Done).await;
        };
        let Some(payload) = wire::told(webhook, event) else {
            debug!(event = %event.id, webhook = %webhook.id, "the webhook's version has no word for it any more");
            return self.settle_alone(claim, Settlement::Done).await;
        };
        let told = Telling { webhook, event, trigger: payload.trigger };
        let Some(pass) = pass else {
            let attempt = Attempt::unasked(self.core.now(), HOST_DOWN);
            return self.conclude(claim, told, attempt, Verdict::GivenUp).await;
        };
        let receiver = self.receivers.of(webhook);
        let Some(answered) = self.tell(&receiver, webhook, &payload, pass).await else {
            // It went down while this waited for its turn there.
            let retry = Retry::later(claim.job, self.core.now() + self.receivers.pause());
            return self.settle_alone(claim, Settlement::Again(retry)).await;
        };
        let Answered { answer, begun, ended: now } = answered;
        let verdict = verdict(&answer, claim.job, &self.announcing, now);
        let attempt = Attempt {
            at: now,
            number: claim.job.attempt + 1,
            status: answer.as_ref().ok().map(|answer| answer.status),
            error: answer.err().map(|unreached| unreached.to_string()),
            took: now.since(begun).as_millis() as u64,
            next: None,
            letter: None,
        };
        self.conclude(claim, told, attempt, verdict).await;
    }

    /// Settles the claim with all that follows from an attempt.
    async fn conclude(&self, claim: Claim<'_>, told: Telling<'_>, mut attempt: Attempt, verdict: Verdict) {
        let Telling { webhook, event, trigger } = told;
        self.core.metrics().announcement(verdict.outcome(), attempt.at.since(event.at));
        let mut batch = Batch::new(&event.app);
        let settlement = match verdict {
            Verdict::Taken => Settlement::Done,
            Verdict::Again(due) => {
                info!(event = %event.id, webhook = %webhook.id, ?attempt, "webhook not taken, will try again");
                attempt.next = Some(due);
                let keeps_lane = self.announcing.strict;
                Settlement::Again(Retry { due, attempt: claim.job.attempt + 1, keeps_lane })
            }
            Verdict::GivenUp => {
                warn!(event = %event.id, webhook = %webhook.id, ?attempt, "webhook given up");
                let letter = letter(claim.job, told, &attempt);
                self.core.bury(&mut batch, &letter);
                attempt.letter = Some(letter.id);
                // The list grows here, so here it is kept from outgrowing its letters; another time will do too.
                let _ = self.core.forget_expired_letters(&event.app, &mut batch).await;
                Settlement::Done
            }
        };
        self.core.remember(&mut batch, claim.job, &webhook.id, event, trigger, attempt).await;
        let settled = self.settle(claim, settlement, batch).await;
        if let Err(error @ (StoreError::Lost | StoreError::Unavailable(_))) = settled {
            warn!(event = %event.id, %error, "an announcement was not settled and will be made again");
        }
    }
}

/// Who is told of what.
#[derive(Debug, Clone, Copy)]
struct Telling<'a> {
    webhook: &'a Webhook,
    event: &'a Event,
    trigger: &'a str,
}

fn letter(job: &Job, told: Telling<'_>, attempt: &Attempt) -> DeadLetter {
    let Telling { webhook, event, trigger } = told;
    let last_error = match attempt.status {
        Some(status) => format!("http {status}"),
        None => attempt.error.clone().unwrap_or_default(),
    };
    DeadLetter {
        id: Id::new(job.id.as_str()),
        webhook: webhook.id.clone(),
        target: webhook.target.clone(),
        trigger: trigger.to_owned(),
        attempts: attempt.number.max(job.attempt),
        last_status: attempt.status,
        last_error,
        first_at: event.at,
        last_at: attempt.at,
        event: event.clone(),
        lane: job.lane.clone(),
    }
}

/// What an answer means for the announcement.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Taken,
    Again(Timestamp),
    GivenUp,
}

impl Verdict {
    fn outcome(&self) -> PostOutcome {
        match self {
            Verdict::Taken => PostOutcome::Taken,
            Verdict::Again(_) => PostOutcome::Again,
            Verdict::GivenUp => PostOutcome::GivenUp,
        }
    }
}

fn verdict(answer: &Result<Answer, Unreached>, job: &Job, by: &Announcing, now: Timestamp) -> Verdict {
    if matches!(answer, Ok(answer) if (200..300).contains(&answer.status)) {
        return Verdict::Taken;
    }
    let refused = matches!(answer, Ok(answer) if answer.aborts || by.finals.contains(&answer.status));
    let Some(wait) = by.schedule.get(job.attempt as usize).filter(|_| !refused) else {
        return Verdict::GivenUp;
    };
    let asked = answer.as_ref().ok().and_then(|answer| answer.retry_after).unwrap_or_default();
    Verdict::Again(now + jittered(*wait).max(asked.min(RETRY_AFTER_MAX)))
}

/// Between 80 and 100 % of a wait, so that a receiver that comes back is not hit by all at once.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::random_range(0.8..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Work;

    fn job(attempt: u32) -> Job {
        let work = Work::Send { delivery: Id::new("d") };
        let due = Timestamp::from_millis(0);
        Job { id: Id::new("j"), app: Id::new("a"), group: "g".into(), lane: "l".into(), due, attempt, work }
    }

    fn judged(answer: Result<Answer, Unreached>, attempt: u32) -> Verdict {
        let by = Announcing {
            schedule: vec![Duration::from_secs(10)],
            finals: &[404],
            strict: false,
            window: Duration::ZERO,
            most: 1,
        };
        verdict(&answer, &job(attempt), &by, Timestamp::from_millis(0))
    }

    fn status(status: u16) -> Result<Answer, Unreached> {
        Ok(Answer { status, retry_after: None, aborts: false })
    }

    #[test]
    fn answers_are_taken_repeated_or_given_up() {
        assert_eq!(judged(status(204), 0), Verdict::Taken);
        assert_eq!(judged(status(404), 0), Verdict::GivenUp);
        let aborted = Ok(Answer { status: 500, retry_after: None, aborts: true });
        assert_eq!(judged(aborted, 0), Verdict::GivenUp);
        for again in [status(301), status(410), status(429), status(500), Err(Unreached::Timeout)] {
            assert!(matches!(judged(again.clone(), 0), Verdict::Again(_)), "{again:?}");
            assert_eq!(judged(again, 1), Verdict::GivenUp);
        }
    }

    #[test]
    fn a_wait_is_jittered_and_yields_to_what_the_receiver_asks() {
        let Verdict::Again(due) = judged(status(500), 0) else { panic!("it is tried again") };
        assert!((8_000..=10_000).contains(&due.millis()), "{due:?}");
        let asked = |wait| Ok(Answer { status: 503, retry_after: Some(wait), aborts: false });
        let minute = Verdict::Again(Timestamp::from_millis(60_000));
        assert_eq!(judged(asked(Duration::from_secs(60)), 0), minute);
        let hour = Verdict::Again(Timestamp::from_millis(3_600_000));
        assert_eq!(
            judged(asked(Duration::from_secs(86_400)), 0),
            hour,
            "no receiver holds us back for a day"
        );
    }
}
