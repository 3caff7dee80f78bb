//! What the gateway counts about itself, for Prometheus. What each number means and the alert to set on it stands in
//! `README.md` beside this file; a story holds the two to each other.

mod levels;
mod process;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

pub use levels::{Level, Reading};

use levels::Levels;

/// The media type of what [`Metrics::page`] gives.
pub const PAGE_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bounds of what takes milliseconds to seconds: calls, requests, commits.
const QUICK: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Bounds of what takes seconds to days: receipts, announcements that are tried again.
const SLOW: [f64; 12] =
    [0.01, 0.05, 0.25, 1.0, 5.0, 20.0, 60.0, 300.0, 1_800.0, 7_200.0, 43_200.0, 259_200.0];

type Counters<const N: usize> = Family<[(&'static str, String); N], Counter>;
type Histograms = Family<[(&'static str, &'static str); 1], Histogram, fn() -> Histogram>;

/// Everything that is counted. Cheap to count into from anywhere; read as one page.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Counters<3>,
    request_time: Histogram,
    hook_events: Counters<2>,
    hooks_refused: Counters<2>,
    attempts: Counters<3>,
    attempt_time: Histograms,
    receipt_lag: Histograms,
    announcements: Counters<1>,
    announcement_lag: Histogram,
    commit_time: Histogram,
    store_errors: Counters<1>,
    messages: Counters<2>,
    erasures: Counter,
    spooled_hooks: Gauge,
    spooled_bytes: Gauge,
    levels: Arc<Levels>,
}

/// How a call to a provider ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The provider has the message.
    Accepted,
    /// It will not take it.
    Refused,
    /// It asked for patience.
    Throttled,
    /// It certainly did not get it.
    NotSent,
    /// Nobody knows.
    Unknown,
}

/// How a post to a webhook ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostOutcome {
    /// The receiver took it.
    Taken,
    /// It will be tried again.
    Again,
    /// It is a dead letter.
    GivenUp,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let quick = || Histogram::new(QUICK);
        let slow = || Histogram::new(SLOW);
        let mut metrics = Metrics {
            registry: Registry::default(),
            requests: Family::default(),
            request_time: quick(),
            hook_events: Family::default(),
            hooks_refused: Family::default(),
            attempts: Family::default(),
            attempt_time: Family::new_with_constructor(quick),
            receipt_lag: Family::new_with_constructor(slow),
            announcements: Family::default(),
            announcement_lag: slow(),
            commit_time: quick(),
            store_errors: Family::default(),
            messages: Family::default(),
            erasures: Counter::default(),
            spooled_hooks: Gauge::default(),
            spooled_bytes: Gauge::default(),
            levels: Arc::default(),
        };
        metrics.register();
        metrics.begin_at_zero();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let process = self.registry.sub_registry_with_prefix("process");
        process.register_collector(Box::new(process::Process::default()));
        let registry = self.registry.sub_registry_with_prefix("heliograph");
        registry.register("requests", "Answers of the API and the hooks", self.requests.clone());
        let help = "From a request's head to its answer";
        registry.register_with_unit("request", help, Unit::Seconds, self.request_time.clone());
        registry.register("hook_events", "Events that providers told", self.hook_events.clone());
        registry.register("hooks_refused", "Hooks not taken in", self.hooks_refused.clone());
        registry.register("attempts", "Calls to providers to send a message", self.attempts.clone());
        let help = "A provider's time to answer a send";
        registry.register_with_unit("attempt", help, Unit::Seconds, self.attempt_time.clone());
        let help = "From a provider's acceptance to its word that the message arrived";
        registry.register_with_unit("receipt_lag", help, Unit::Seconds, self.receipt_lag.clone());
        registry.register("announcements", "Posts to webhooks", self.announcements.clone());
        let help = "From an event to the receiver's 2xx";
        registry.register_with_unit("announcement_lag", help, Unit::Seconds, self.announcement_lag.clone());
        let help = "A commit or settlement, until it is durable";
        registry.register_with_unit("store_commit", help, Unit::Seconds, self.commit_time.clone());
        let help = "Messages by what became of them";
        registry.register("messages", help, self.messages.clone());
        registry.register("erasures", "People and apps taken away whole", self.erasures.clone());
        let help = "Hooks on disk that the store was not told yet";
        registry.register("spooled_hooks", help, self.spooled_hooks.clone());
        let help = "Their size on disk";
        registry.register_with_unit("spooled", help, Unit::Bytes, self.spooled_bytes.clone());
        registry.register_collector(Box::new(self.levels.clone()));
        registry.register("store_errors", "Calls that the store could not answer", self.store_errors.clone());
    }

    /// What has few labels is there from the start: an alert on its rising must not miss the first time.
    fn begin_at_zero(&self) {
        for outcome in [PostOutcome::Taken, PostOutcome::Again, PostOutcome::GivenUp] {
            self.announcements.get_or_create(&[("outcome", outcome.word().to_owned())]).inc_by(0);
        }
        for kind in ["unavailable", "corrupt"] {
            self.store_errors.get_or_create(&[("kind", kind.to_owned())]).inc_by(0);
        }
    }

    /// A request was answered.
    pub fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels =
            [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
        self.requests.get_or_create(&labels).inc();
        self.request_time.observe(took.as_secs_f64());
    }

    /// A proven hook told of something.
    pub fn hook_event(&self, channel: &str, event: &str) {
        self.hook_events.get_or_create(&[("channel", channel.to_owned()), ("event", event.to_owned())]).inc();
    }

    /// A hook was not taken in: it was `forged` or `malformed`, or was `not_stored`.
    pub fn hook_refused(&self, channel: &str, reason: &str) {
        let labels = [("channel", channel.to_owned()), ("reason", reason.to_owned())];
        self.hooks_refused.get_or_create(&labels).inc();
    }

    /// A provider answered a send, or did not.
    pub fn attempt(&self, channel: &'static str, integration: &str, outcome: AttemptOutcome, took: Duration) {
        let labels = [
            ("channel", channel.to_owned()),
            ("integration", integration.to_owned()),
            ("outcome", outcome.word().to_owned()),
        ];
        self.attempts.get_or_create(&labels).inc();
        self.attempt_time.get_or_create(&[("channel", channel)]).observe(took.as_secs_f64());
    }

    /// A provider said that a message arrived, so long after it had taken it.
    pub fn receipt(&self, channel: &'static str, lag: Duration) {
        self.receipt_lag.get_or_create(&[("channel", channel)]).observe(lag.as_secs_f64());
    }

    /// A webhook was told, or not; `lag` is the time since the event.
    pub fn announcement(&self, outcome: PostOutcome, lag: Duration) {
        self.announcements.get_or_create(&[("outcome", outcome.word().to_owned())]).inc();
        if outcome == PostOutcome::Taken {
            self.announcement_lag.observe(lag.as_secs_f64());
        }
    }

    /// The store made something durable.
    pub fn commit(&self, took: Duration) {
        self.commit_time.observe(took.as_secs_f64());
    }

    /// So many messages of an integration were `accepted`, `delivered`, `failed`, …, as the ledger has it.
    pub fn messages(&self, integration: &str, became: &str, count: u64) {
        let labels = [("integration", integration.to_owned()), ("became", became.to_owned())];
        self.messages.get_or_create(&labels).inc_by(count);
    }

    /// All that was left of a person or an app is gone.
    pub fn erased(&self) {
        self.erasures.inc();
    }

    /// So many hooks, of so many bytes, wait on disk for the store.
    pub fn spooled(&self, (hooks, bytes): (u64, u64)) {
        self.spooled_hooks.set(hooks.cast_signed());
        self.spooled_bytes.set(bytes.cast_signed());
    }

    /// What was just looked at.
    pub fn levels(&self, readings: Vec<Reading>) {
        self.levels.read(readings);
    }

    /// The store could not answer: it is `unavailable`, or what it holds is `corrupt`.
    pub fn store_error(&self, kind: &str) {
        self.store_errors.get_or_create(&[("kind", kind.to_owned())]).inc();
    }

    /// Everything, in the text format of OpenMetrics.
    pub fn page(&self) -> String {
        let mut page = String::new();
        encode(&mut page, &self.registry).expect("a string takes whatever is written to it");
        page
    }
}

impl AttemptOutcome {
    fn word(self) -> &'static str {
        match self {
            AttemptOutcome::Accepted => "accepted",
            AttemptOutcome::Refused => "refused",
            AttemptOutcome::Throttled => "throttled",
            AttemptOutcome::NotSent => "not_sent",
            AttemptOutcome::Unknown => "unknown",
        }
    }
}

impl PostOutcome {
    fn word(self) -> &'static str {
        match self {
            PostOutcome::Taken => "taken",
            PostOutcome::Again => "again",
            PostOutcome::GivenUp => "given_up",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_on_the_page() {
        let metrics = Metrics::default();
        metrics.attempt("twilio", "i1", AttemptOutcome::Throttled, Duration::from_millis(3));
        metrics.announcement(PostOutcome::Again, Duration::from_secs(1));
        metrics.announcement(PostOutcome::Taken, Duration::from_secs(2));
        let page = metrics.page();
        for line in [
            r#"heliograph_attempts_total{channel="twilio",integration="i1",outcome="throttled"} 1"#,
            r#"heliograph_attempt_seconds_count{channel="twilio"} 1"#,
            r#"heliograph_announcements_total{outcome="again"} 1"#,
            "heliograph_announcement_lag_seconds_sum 2.0",
        ] {
            assert!(page.contains(line), "{line} in\n{page}");
        }
        assert!(page.ends_with("# EOF\n"));
    }
}
