//! Whom announcements go to: per host a breaker and a bound, per webhook what an operator is told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use url::Url;

use crate::model::{Id, Job, Webhook, Work};

use super::Outbox;
use super::breaker::{BreakerPolicy, BreakerState, Closed, Gate, Pass, number};
use super::pace::Held;

/// Posts open at one host at once, of all its webhooks.
const HOST_POSTS_MAX: usize = 96;

/// So many different events must fail one after the other before a host counts as down.
const FAILURES: usize = 10;

/// The ramp is over when so many posts at once were taken.
const RAMP_FULL: usize = 32;

/// The first pause is as long as the schedule's first wait, within these.
const PAUSE: std::ops::RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(30);

/// A host that is down is asked at least this often.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);

/// How soon a job is looked at again that found every place of the ramp taken: it may not be told when one is free,
/// since other queues may hold them.
const RAMP_LOOK: Duration = Duration::from_millis(100);

/// Webhooks remembered; beyond this those are forgotten that have nothing to remember.
const RECEIVERS_MAX: usize = 4_096;

/// Who is told, as far as this process knows them.
#[derive(Debug)]
pub(super) struct Receivers {
    policy: BreakerPolicy,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    receivers: HashMap<Id<Webhook>, Arc<Receiver>>,
    hosts: HashMap<String, Weak<Host>>,
}

/// A webhook's receiver.
#[derive(Debug)]
pub(super) struct Receiver {
    target: String,
    pub(super) host: Arc<Host>,
    pub(super) in_flight: AtomicUsize,
}

/// What the webhooks of one host and port share.
#[derive(Debug)]
pub(super) struct Host {
    gate: Arc<Gate>,
    pub(super) places: Semaphore,
}

/// A webhook at present, for an operator.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookNow {
    /// Which.
    pub webhook: Id<Webhook>,
    /// Whether that host is called.
    pub breaker: BreakerState,
    /// Posts open.
    pub in_flight: usize,
}

impl Receivers {
    pub(super) fn new(schedule: &[Duration]) -> Receivers {
        let first = schedule.first().copied().unwrap_or(*PAUSE.end());
        let pause = first.clamp(*PAUSE.start(), *PAUSE.end());
        let pause_max = (pause * 16).min(PAUSE_MAX);
        let policy = BreakerPolicy { failures: FAILURES, pause, pause_max, full: RAMP_FULL };
        Receivers { policy, known: Mutex::default() }
    }

    /// The receiver of a webhook as it is set up now.
    pub(super) fn of(&self, webhook: &Webhook) -> Arc<Receiver> {
        let mut known = self.lock();
        if let Some(receiver) = known.receivers.get(&webhook.id)
            && receiver.target == webhook.target
        {
            return receiver.clone();
        }
        if known.receivers.len() >= RECEIVERS_MAX {
            known.receivers.retain(|_, receiver| !receiver.is_idle());
            known.hosts.retain(|_, host| host.strong_count() > 0);
        }
        let name = host_of(&webhook.target);
        let host = known.hosts.get(&name).and_then(Weak::upgrade).unwrap_or_else(|| {
            let gate = Gate::new(self.policy);
            Arc::new(Host { gate, places: Semaphore::new(HOST_POSTS_MAX) })
        });
        known.hosts.insert(name, Arc::downgrade(&host));
        let receiver =
            Arc::new(Receiver { target: webhook.target.clone(), host, in_flight: AtomicUsize::new(0) });
        known.receivers.insert(webhook.id.clone(), receiver.clone());
        receiver
    }

    /// How long a host that just went down is left alone.
    pub(super) fn pause(&self) -> Duration {
        self.policy.pause
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receiver {
    fn is_idle(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1 && self.host.gate.state() == BreakerState::Closed
    }
}

impl Host {
    /// Whether nobody calls it at present.
    pub(super) fn is_down(&self) -> bool {
        self.gate.state() == BreakerState::Open
    }
}

impl Outbox {
    /// Whether a job that nothing else paces may be begun, with the right to one post if somebody is to be asked; an
    /// announcement without it is to be given up. What must wait waits in memory: nothing is written, no attempt is
    /// spent.
    pub(super) fn admit(&self, job: &Job) -> Result<Option<Pass>, Held> {
        let Work::Announce { webhook, event } = &job.work else { return Ok(None) };
        let tenant = self.settings.tenant(&job.app);
        let Some(webhook) = tenant.as_deref().and_then(|tenant| tenant.webhook(webhook)) else {
            return Ok(None);
        };
        let receiver = self.receivers.of(webhook);
        let now = self.core.now();
        let closed = match receiver.host.gate.begin(number(&event.id), now) {
            Ok(pass) => return Ok(Some(pass)),
            Err(closed) => closed,
        };
        match closed {
            // It works again, so far: nothing is given up now that will have its turn.
            Closed::Full => Err(Held::For(RAMP_LOOK)),
            Closed::Until(until) => {
                let end = job.due + self.announcing.left(job.attempt);
                if end <= now { Ok(None) } else { Err(Held::Until(until.min(end))) }
            }
        }
    }

    /// The webhooks this process has told of something, as they are now.
    pub fn webhooks_now(&self) -> Vec<WebhookNow> {
        let known = self.receivers.lock();
        let now = known.receivers.iter().map(|(webhook, receiver)| WebhookNow {
            webhook: webhook.clone(),
            breaker: receiver.host.gate.state(),
            in_flight: receiver.in_flight.load(Ordering::Relaxed),
        });
        now.collect()
    }
}

/// Host and port. What is no URL is nobody's host but its own.
fn host_of(target: &str) -> String {
    let url = Url::parse(target).ok();
    let host = url.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
    host.map_or_else(|| target.to_owned(), |(host, port)| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::WebhookVersion;

    fn webhook(id: &str, target: &str) -> Webhook {
        Webhook {
            id: Id::new(id),
            app: Id::new("a"),
            target: target.into(),
            triggers: Default::default(),
            secret: String::new(),
            version: WebhookVersion::V1,
            include_client: false,
            include_full_user: false,
            integration: None,
            name: None,
            declared: true,
        }
    }

    #[test]
    fn webhooks_of_one_host_share_its_breaker_and_no_others() {
        let receivers = Receivers::new(&[Duration::from_secs(20)]);
        let host = |id, target| receivers.of(&webhook(id, target)).host.clone();
        let one = host("1", "https://example.com/one");
        assert!(Arc::ptr_eq(&one, &host("2", "https://example.com:443/two")));
        assert!(!Arc::ptr_eq(&one, &host("3", "https://example.com:8443/one")));
        assert!(!Arc::ptr_eq(&one, &host("1", "https://example.org/one")), "its target was changed");
    }

    #[test]
    fn a_pause_follows_the_schedule_within_bounds() {
        let policy = |wait| Receivers::new(&[Duration::from_millis(wait)]).policy;
        assert_eq!(policy(20_000).pause, Duration::from_secs(20));
        assert_eq!(policy(20_000).pause_max, Duration::from_secs(300));
        assert_eq!(policy(1).pause, Duration::from_millis(50));
        assert_eq!(Receivers::new(&[]).policy.pause, Duration::from_secs(30));
    }
}
