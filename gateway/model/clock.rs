//! Time: read in one place, a value everywhere else.

use std::fmt::Debug;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment, in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment so many milliseconds after 1970 began.
    pub const fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    /// Milliseconds since 1970 began.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Seconds with millisecond decimals, as v1.1 writes most times.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// ISO 8601 with milliseconds and `Z`, as the APIs write the others.
    pub fn iso(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => format!("{moment:.3}"),
            Err(_) => String::new(),
        }
    }

    /// Reads ISO 8601.
    pub fn parse_iso(text: &str) -> Option<Timestamp> {
        Some(Timestamp(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()))
    }

    /// Reads a date as HTTP and mail write it: `Sat, 21 Nov 2026 08:00:00 GMT`.
    pub fn parse_http_date(text: &str) -> Option<Timestamp> {
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(Timestamp(date.as_millisecond()))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0) as u64)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Where the present comes from.
pub trait Clock: Debug + Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_has_milliseconds_and_reads_back() {
        let moment = Timestamp::from_millis(1_547_492_112_510);
        assert_eq!(moment.iso(), "2019-01-14T18:55:12.510Z");
        assert_eq!(Timestamp::parse_iso(&moment.iso()), Some(moment));
        assert_eq!(Timestamp::from_millis(1_000).iso(), "1970-01-01T00:00:01.000Z");
    }
}
