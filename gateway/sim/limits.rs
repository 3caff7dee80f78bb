//! How many messages a second a provider takes of each integration, and what it took and turned away. Pure but
//! for the time that is handed in.

use std::{collections::BTreeMap, time::Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use super::rules::seconds;

/// The limits and counts by integration; there is one entry per integration known here at most.
#[derive(Default)]
pub(super) struct Limits {
    of: BTreeMap<String, Count>,
}

/// What came of an integration's sends.
#[derive(Default)]
struct Count {
    limit: Option<Limit>,
    accepted: u64,
    throttled: u64,
}

/// A bucket of messages that fills with time.
struct Limit {
    per_second: f64,
    burst: f64,
    retry_after: Option<String>,
    left: f64,
    at: Instant,
}

/// A limit as asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LimitRequest {
    pub(super) integration_id: String,
    /// None takes the limit away.
    per_second: Option<f64>,
    #[serde(default)]
    burst: Option<u32>,
    #[serde(default)]
    retry_after: Option<f64>,
}

impl Limits {
    /// Sets an integration's limit from now on. A burst in hand is not given again.
    pub(super) fn set(&mut self, asked: LimitRequest, now: Instant) -> Result<(), String> {
        let LimitRequest { integration_id, per_second, burst, retry_after } = asked;
        let retry_after = seconds(retry_after)?;
        let count = self.of.entry(integration_id).or_default();
        let Some(per_second) = per_second else {
            count.limit = None;
            return Ok(());
        };
        if !(per_second.is_finite() && per_second > 0.0) || burst == Some(0) {
            return Err("perSecond and burst must be above 0".into());
        }
        let burst = burst.map_or(per_second.ceil(), f64::from);
        let left = count.limit.as_ref().map_or(burst, |limit| limit.left_at(now).min(burst));
        count.limit = Some(Limit { per_second, burst, retry_after, left, at: now });
        Ok(())
    }

    /// Lets a message of an integration in, or answers the `Retry-After` with which it is turned away.
    pub(super) fn admit(&mut self, integration_id: &str, now: Instant) -> Result<(), Option<String>> {
        let Some(limit) = self.of.get_mut(integration_id).and_then(|count| count.limit.as_mut()) else {
            return Ok(());
        };
        (limit.left, limit.at) = (limit.left_at(now), now);
        if limit.left < 1.0 {
            return Err(limit.retry_after.clone());
        }
        limit.left -= 1.0;
        Ok(())
    }

    /// Counts a message taken.
    pub(super) fn accepted(&mut self, integration_id: &str) {
        self.of.entry(integration_id.to_owned()).or_default().accepted += 1;
    }

    /// Counts a send told to slow down, for whatever reason.
    pub(super) fn throttled(&mut self, integration_id: &str) {
        self.of.entry(integration_id.to_owned()).or_default().throttled += 1;
    }

    /// All counts.
    pub(super) fn view(&self) -> Value {
        let view = |(id, count): (&String, &Count)| {
            let limit = count.limit.as_ref();
            json!({
                "integrationId": id,
                "perSecond": limit.map(|limit| limit.per_second),
                "burst": limit.map(|limit| limit.burst),
                "accepted": count.accepted,
                "throttled": count.throttled,
            })
        };
        self.of.iter().map(view).collect()
    }
}

impl Limit {
    fn left_at(&self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + since * self.per_second).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn set(limits: &mut Limits, asked: Value, now: Instant) -> Result<(), String> {
        limits.set(serde_json::from_value(asked).map_err(|error| error.to_string())?, now)
    }

    #[test]
    fn a_limit_lets_a_burst_in_and_then_its_rate() {
        let (mut limits, start) = (Limits::default(), Instant::now());
        assert!(limits.admit("a", start).is_ok(), "no limit, no end");
        set(&mut limits, json!({"integrationId": "a", "perSecond": 10, "burst": 2, "retryAfter": 1}), start)
            .expect("a limit");
        let taken = |limits: &mut Limits, ms: u64| {
            (0..100).filter(|_| limits.admit("a", start + Duration::from_millis(ms)).is_ok()).count()
        };
        assert_eq!([taken(&mut limits, 0), taken(&mut limits, 150), taken(&mut limits, 10_000)], [2, 1, 2]);
        assert_eq!(limits.admit("a", start), Err(Some("1".into())));
        assert!(limits.admit("b", start).is_ok());
    }

    #[test]
    fn a_limit_changed_gives_no_second_burst() {
        let (mut limits, start) = (Limits::default(), Instant::now());
        set(&mut limits, json!({"integrationId": "a", "perSecond": 4}), start).expect("a limit");
        assert_eq!((0..9).filter(|_| limits.admit("a", start).is_ok()).count(), 4);
        set(&mut limits, json!({"integrationId": "a", "perSecond": 2}), start).expect("a limit");
        assert!(limits.admit("a", start).is_err());
        set(&mut limits, json!({"integrationId": "a", "perSecond": null}), start).expect("no limit");
        assert!(limits.admit("a", start).is_ok());
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for asked in [
            json!({"integrationId": "a", "perSecond": 0}),
            json!({"integrationId": "a", "perSecond": 1, "burst": 0}),
            json!({"integrationId": "a", "perSecond": 1, "retryAfter": -1}),
            json!({"integrationId": "a", "perSecond": 1, "unit": "minute"}),
            json!({"perSecond": 1}),
        ] {
            assert!(set(&mut Limits::default(), asked.clone(), Instant::now()).is_err(), "{asked} was taken");
        }
    }
}
