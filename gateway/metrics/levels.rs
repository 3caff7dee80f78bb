//! Levels: what is not counted as it happens but looked at every few seconds, and shown as it was then.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// What can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Jobs of an integration or webhook that wait or are out.
    JobsWaiting,
    /// For how long its oldest job that may be done has been due.
    OldestDueAge,
    /// Messages a second that are set for an integration.
    RateSet,
    /// Messages a second at which it goes now.
    Rate,
    /// Messages that could leave at once.
    Budget,
    /// Messages that may still leave today.
    DayBudget,
    /// Whether something holds the whole integration back: its provider, the day's limit, an operator.
    HeldBack,
    /// How often a send had to wait for its pace.
    LimiterWaits,
    /// Whether a provider or a webhook's host is called: 0 it is, 1 probing, 2 it is not.
    Breaker,
    /// Posts open at a webhook's receiver.
    PostsOpen,
    /// Announcements of an app that were given up and are kept for replay.
    DeadLetters,
    /// Sends of an app whose outcome is not known at present.
    UnknownOutcomes,
}

/// One level of one integration, webhook or app.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What was looked at.
    pub level: Level,
    /// Whose: the label's name and value.
    pub of: (&'static str, String),
    /// How much.
    pub value: f64,
}

impl Level {
    const ALL: [Level; 12] = [
        Level::JobsWaiting,
        Level::OldestDueAge,
        Level::RateSet,
        Level::Rate,
        Level::Budget,
        Level::DayBudget,
        Level::HeldBack,
        Level::LimiterWaits,
        Level::Breaker,
        Level::PostsOpen,
        Level::DeadLetters,
        Level::UnknownOutcomes,
    ];

    fn name(self) -> &'static str {
        match self {
            Level::JobsWaiting => "jobs_waiting",
            Level::OldestDueAge => "oldest_due_age",
            Level::RateSet => "rate_set",
            Level::Rate => "rate",
            Level::Budget => "rate_budget",
            Level::DayBudget => "day_budget",
            Level::HeldBack => "held_back",
            Level::LimiterWaits => "limiter_waits",
            Level::Breaker => "breaker",
            Level::PostsOpen => "posts_open",
            Level::DeadLetters => "dead_letters",
            Level::UnknownOutcomes => "unknown_outcomes",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Level::JobsWaiting => "Jobs that wait or are out",
            Level::OldestDueAge => "For how long the oldest job that may be done has been due",
            Level::RateSet => "Messages a second that are set",
            Level::Rate => "Messages a second at which it goes now",
            Level::Budget => "Messages that could leave at once",
            Level::DayBudget => "Messages that may still leave today",
            Level::HeldBack => "Whether all of it is held back",
            Level::LimiterWaits => "How often a send had to wait for its pace",
            Level::Breaker => "0 called, 1 probed, 2 not called",
            Level::PostsOpen => "Posts open at the receiver",
            Level::DeadLetters => "Announcements given up and kept",
            Level::UnknownOutcomes => "Sends of unknown outcome at present",
        }
    }

    fn unit(self) -> Option<Unit> {
        (self == Level::OldestDueAge).then_some(Unit::Seconds)
    }
}

/// The last readings.
#[derive(Debug, Default)]
pub(super) struct Levels(Mutex<Vec<Reading>>);

impl Levels {
    /// Takes the place of what was read before.
    pub(super) fn read(&self, readings: Vec<Reading>) {
        *self.lock() = readings;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Reading>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Levels {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let readings = self.lock();
        for level in Level::ALL {
            let is_counter = level == Level::LimiterWaits;
            let kind = if is_counter { MetricType::Counter } else { MetricType::Gauge };
            let unit = level.unit();
            let mut metric = encoder.encode_descriptor(level.name(), level.help(), unit.as_ref(), kind)?;
            for reading in readings.iter().filter(|reading| reading.level == level) {
                let labels = [(reading.of.0, reading.of.1.as_str())];
                let mut family = metric.encode_family(&labels)?;
                if is_counter {
                    family.encode_counter::<NoLabelSet, _, f64>(&reading.value, None)?;
                } else {
                    family.encode_gauge(&reading.value)?;
                }
            }
        }
        Ok(())
    }
}
