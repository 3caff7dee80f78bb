//! How customers are told: when again, how long it may take, and how much at once.

use std::time::Duration;

use super::reader::{Problem, Section, note};
use super::values;

/// Sunshine's schedule: five attempts in about a quarter of an hour (v1.1 reference, retry policy).
const SUNSHINE: [&str; 4] = ["20s", "80s", "4m", "8m"];

/// The Standard Webhooks schedule: ten attempts in about 76 hours.
const DURABLE: [&str; 9] = ["5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"];

/// Answers after which Sunshine does not try again (v1.1 reference, retry policy).
const SUNSHINE_FINALS: &[u16] = &[400, 401, 403, 404, 406];

/// Standard Webhooks goes on unless the receiver says that it is gone: the others may be a deployment in progress.
const DURABLE_FINALS: &[u16] = &[410];

/// The longest wait for more events: a receiver must not wonder where they are.
const WINDOW_MAX: Duration = Duration::from_secs(60);

/// Events of one post, unless and at most.
const BATCH_MAX: usize = 100;

/// How customers are told.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// The waits before each further attempt.
    pub schedule: Vec<Duration>,
    /// Answers after which there is none.
    pub finals: &'static [u16],
    /// How long an attempt may take.
    pub timeout: Duration,
    /// Whether an event in retry holds back later ones of its conversation.
    pub strict: bool,
    /// How many events go into one post, where the webhook's version allows for several.
    pub batch: Batching,
}

/// How events are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// How long the first waits for others; nothing is gathered when zero.
    pub window: Duration,
    /// Events of one post, at most.
    pub most: usize,
}

/// Reads the section.
pub(super) fn read(mut webhooks: Section<'_>, problems: &mut Vec<Problem>) -> Webhooks {
    let named = |waits: &[&str]| waits.iter().filter_map(|wait| values::duration(wait)).collect::<Vec<_>>();
    let schedule_given = webhooks.value("schedule");
    let is_durable = matches!(&schedule_given, Some(toml::Value::String(name)) if name == "durable");
    let schedule = match schedule_given {
        None => named(&SUNSHINE),
        Some(toml::Value::String(name)) if name == "sunshine" => named(&SUNSHINE),
        Some(toml::Value::String(name)) if name == "durable" => named(&DURABLE),
        Some(toml::Value::Array(_)) => webhooks.durations("schedule", problems).unwrap_or_default(),
        Some(_) => {
            note(problems, &webhooks.at("schedule"), "must be `sunshine`, `durable` or a list of waits");
            Vec::new()
        }
    };
    let timeout = webhooks.duration("timeout", "20s", problems);
    let strict =
        webhooks.word("ordering", &[("relaxed", false), ("strict", true)], problems).unwrap_or(false);
    let batch = read_batch(webhooks.section("batch", problems), problems);
    webhooks.finish(problems);
    let finals = if is_durable { DURABLE_FINALS } else { SUNSHINE_FINALS };
    Webhooks { schedule, finals, timeout, strict, batch }
}

fn read_batch(mut batch: Section<'_>, problems: &mut Vec<Problem>) -> Batching {
    let window = batch.duration("window", "0s", problems);
    if window > WINDOW_MAX {
        note(problems, &batch.at("window"), "must not be longer than a minute");
    }
    let most = batch.count("most", problems).unwrap_or(BATCH_MAX);
    if most > BATCH_MAX {
        note(problems, &batch.at("most"), &format!("must not be larger than {BATCH_MAX}"));
    }
    batch.finish(problems);
    Batching { window, most }
}
