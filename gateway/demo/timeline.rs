//! What was seen against what was expected: ticks off, prints each line as it comes, names what is missing.

use std::fmt;

use jiff::Timestamp;

use super::channels::Stage;

/// What is seen when the gateway does not take a notification or a reply.
pub(super) const NOT_TAKEN: &str = "not taken";

/// Something that was seen to happen.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    /// When.
    pub(super) at: Timestamp,
    /// To whom: the channel's type, and what else tells it apart.
    pub(super) who: String,
    /// A stage of the way, or a trigger.
    pub(super) what: String,
    /// For an event about a delivery, whether it says that it is the last one.
    pub(super) is_final: Option<bool>,
    /// What else it says.
    pub(super) detail: String,
}

impl Sight {
    fn line(&self, start: Timestamp) -> String {
        let elapsed = self.at.duration_since(start).as_secs_f64().max(0.0);
        let is_final = self.is_final.map(|is_final| format!("final={is_final}  ")).unwrap_or_default();
        let line = format!("+{elapsed:.3}s  {:<16}  {:<29}  {is_final}{}", self.who, self.what, self.detail);
        line.trim_end().to_owned()
    }
}

impl fmt::Display for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.who, self.what)?;
        match self.is_final {
            Some(is_final) => write!(f, " final={is_final}"),
            None => Ok(()),
        }
    }
}

impl Sight {
    /// Whether nothing more is to be expected of them: the end of a delivery was told, a reply came with all it
    /// brings, or the gateway did not take what they were to begin with.
    fn ends(&self) -> bool {
        let is_last = ["message:appUser", NOT_TAKEN].contains(&&*self.what);
        is_last || self.is_final == Some(true)
    }
}

#[derive(Debug)]
struct Expected {
    who: String,
    stage: Stage,
    seen: bool,
    /// Whether there is still a reason to wait for it.
    waited_for: bool,
}

/// Everything expected so far, and what came that nobody expected.
#[derive(Debug)]
pub(super) struct Timeline {
    start: Timestamp,
    expected: Vec<Expected>,
    unexpected: Vec<String>,
}

impl Timeline {
    /// Nothing is expected yet.
    pub(super) fn begin(start: Timestamp) -> Timeline {
        Timeline { start, expected: Vec::new(), unexpected: Vec::new() }
    }

    /// Expects these of somebody, each once.
    pub(super) fn expect(&mut self, who: &str, stages: &[Stage]) {
        let expected =
            |stage: &Stage| Expected { who: who.to_owned(), stage: *stage, seen: false, waited_for: true };
        self.expected.extend(stages.iter().map(expected));
    }

    /// How much is expected so far.
    pub(super) fn len(&self) -> usize {
        self.expected.len()
    }

    /// Whether there is anything left to wait for.
    pub(super) fn is_waiting(&self) -> bool {
        self.expected.iter().any(|expected| expected.waited_for && !expected.seen)
    }

    /// Waits no longer for what has not come so far. It still counts when it comes later.
    pub(super) fn wait_no_longer(&mut self) {
        self.expected.iter_mut().for_each(|expected| expected.waited_for = false);
    }

    /// Ticks off what was seen and answers the line to print. What is not expected, or comes twice, is a mistake.
    pub(super) fn saw(&mut self, sight: &Sight) -> String {
        let is_this = |expected: &&mut Expected| {
            !expected.seen && expected.who == sight.who && expected.stage == (&*sight.what, sight.is_final)
        };
        match self.expected.iter_mut().find(is_this) {
            Some(expected) => expected.seen = true,
            None => self.unexpected.push(sight.to_string()),
        }
        if sight.ends() {
            let theirs = self.expected.iter_mut().filter(|expected| expected.who == sight.who);
            theirs.for_each(|expected| expected.waited_for = false);
        }
        sight.line(self.start)
    }

    /// A line for each thing that did not happen, and for each that should not have.
    pub(super) fn complaints(&self) -> Vec<String> {
        let missing = self.expected.iter().filter(|expected| !expected.seen);
        let missing = missing.map(|expected| format!("missing: {} {}", expected.who, expected.stage.0));
        missing.chain(self.unexpected.iter().map(|sight| format!("unexpected: {sight}"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGES: &[Stage] = &[("sent", None), ("notification:delivery:channel", Some(false))];

    fn sight(what: &str, is_final: Option<bool>) -> Sight {
        let at = Timestamp::from_millisecond(1_031).expect("a time");
        Sight { at, who: "twilio".into(), what: what.into(), is_final, detail: String::new() }
    }

    fn timeline() -> Timeline {
        let mut timeline = Timeline::begin(Timestamp::from_millisecond(1_000).expect("a time"));
        timeline.expect("twilio", STAGES);
        timeline
    }

    #[test]
    fn what_is_seen_is_ticked_off_and_shown() {
        let mut timeline = timeline();
        let sent = Sight { detail: "SM1".into(), ..sight("sent", None) };
        assert_eq!(timeline.saw(&sent), "+0.031s  twilio            sent                           SM1");
        assert!(timeline.is_waiting());
        let line = timeline.saw(&sight("notification:delivery:channel", Some(false)));
        assert!(line.ends_with("notification:delivery:channel  final=false"), "{line}");
        assert!(!timeline.is_waiting() && timeline.complaints().is_empty());
    }

    #[test]
    fn what_does_not_come_is_named() {
        let mut timeline = timeline();
        timeline.saw(&sight("sent", None));
        assert_eq!(timeline.complaints(), ["missing: twilio notification:delivery:channel"]);
    }

    #[test]
    fn after_the_end_nothing_is_waited_for_and_all_of_it_missing() {
        let mut timeline = timeline();
        timeline.saw(&sight("notification:delivery:failure", Some(true)));
        assert!(!timeline.is_waiting());
        assert_eq!(timeline.complaints().len(), 3, "{:?}", timeline.complaints());
        timeline.saw(&sight("sent", None));
        assert_eq!(timeline.complaints().len(), 2, "late is not missing: {:?}", timeline.complaints());
    }

    #[test]
    fn what_comes_twice_or_with_another_end_is_a_mistake() {
        let mut timeline = timeline();
        for _ in 0..2 {
            timeline.saw(&sight("sent", None));
        }
        timeline.saw(&sight("notification:delivery:channel", Some(true)));
        let expected = [
            "missing: twilio notification:delivery:channel",
            "unexpected: twilio sent",
            "unexpected: twilio notification:delivery:channel final=true",
        ];
        assert_eq!(timeline.complaints(), expected);
    }
}
