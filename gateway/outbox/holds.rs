//! What held an integration back, and when: so that a message that had to wait can be told why. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::Timestamp;

/// A wait shorter than this is not worth a word.
pub(super) const LONG: Duration = Duration::from_secs(1);

/// What is held is looked at twice a second: a longer time without a word of it, and it was not held.
const GAP: Duration = Duration::from_secs(1);

/// Spans that are remembered; of longer stories the beginning is forgotten.
const SPANS_MAX: usize = 64;

/// What holds an integration back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Its own rate.
    Rate,
    /// The limit that it shares with its app's others.
    App,
    /// Its limit of the day.
    Day,
    /// The provider asked for a pause.
    Asked,
    /// An operator paused it.
    Paused,
    /// The provider fails.
    Broken,
}

impl Why {
    const ALL: [Why; 6] = [Why::Rate, Why::App, Why::Day, Why::Asked, Why::Paused, Why::Broken];

    fn words(self) -> &'static str {
        match self {
            Why::Rate => "the integration's rate",
            Why::App => "the app's limit",
            Why::Day => "the limit of the day",
            Why::Asked => "the provider's pause",
            Why::Paused => "an operator's pause",
            Why::Broken => "a provider that fails",
        }
    }
}

/// When an integration was held back.
#[derive(Debug, Default)]
pub(super) struct Holds(VecDeque<Span>);

#[derive(Debug)]
struct Span {
    why: Why,
    from: Timestamp,
    to: Timestamp,
}

impl Holds {
    /// It is held back now.
    pub(super) fn note(&mut self, why: Why, now: Timestamp) {
        match self.0.back_mut() {
            Some(span) if span.why == why && now.since(span.to) <= GAP => span.to = span.to.max(now),
            last => {
                if let Some(span) = last
                    && now.since(span.to) <= GAP
                {
                    span.to = now;
                }
                self.0.push_back(Span { why, from: now, to: now });
                if self.0.len() > SPANS_MAX {
                    self.0.pop_front();
                }
            }
        }
    }

    /// What held it back since then for long enough to be told, and how long each did.
    pub(super) fn since(&self, since: Timestamp, now: Timestamp) -> Option<String> {
        let held = |why: Why| -> Duration {
            let spans = self.0.iter().enumerate().filter(|(_, span)| span.why == why);
            let lengths = spans.map(|(at, span)| {
                let is_last = at + 1 == self.0.len() && now.since(span.to) <= GAP;
                let to = if is_last { now } else { span.to.min(now) };
                to.since(span.from.max(since))
            });
            lengths.sum()
        };
        let told = Why::ALL.into_iter().map(|why| (why, held(why))).filter(|(_, held)| *held >= LONG);
        let told = told.map(|(why, held)| format!("{}: waited {:.1} s", why.words(), held.as_secs_f64()));
        let told = told.collect::<Vec<_>>().join("; ");
        (!told.is_empty()).then_some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn looks_at_what_is_held_are_one_wait() {
        let mut holds = Holds::default();
        (0..=20).for_each(|look| holds.note(Why::Rate, at(look * 500)));
        let told = |since, now| holds.since(at(since), at(now));
        assert_eq!(told(0, 10_200).as_deref(), Some("the integration's rate: waited 10.2 s"));
        assert_eq!(told(8_000, 10_200).as_deref(), Some("the integration's rate: waited 2.2 s"));
        assert_eq!(told(9_500, 10_200), None, "too short to be told");
        assert_eq!(told(12_000, 12_500), None, "it was not held any more");
        assert_eq!(told(0, 60_000).as_deref(), Some("the integration's rate: waited 10.0 s"));
    }

    #[test]
    fn each_reason_is_told_and_a_time_without_any_is_not() {
        let mut holds = Holds::default();
        (0..=4).for_each(|look| holds.note(Why::Paused, at(look * 500)));
        (5..=10).for_each(|look| holds.note(Why::Rate, at(look * 500)));
        holds.note(Why::Rate, at(60_000));
        (0..=2).for_each(|look| holds.note(Why::App, at(60_500 + look * 500)));
        let told = holds.since(at(0), at(62_000)).expect("it waited");
        assert_eq!(
            told,
            "the integration's rate: waited 3.0 s; the app's limit: waited 1.5 s; \
             an operator's pause: waited 2.5 s"
        );
    }

    #[test]
    fn a_long_story_is_cut_at_its_beginning() {
        let mut holds = Holds::default();
        for second in 0..1_000 {
            holds.note(if second % 2 == 0 { Why::Rate } else { Why::App }, at(second * 1_000));
        }
        assert_eq!(holds.0.len(), SPANS_MAX);
        assert!(holds.since(at(0), at(999_000)).is_some());
    }
}
