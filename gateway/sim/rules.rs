//! What happens to the next sends: rules, and the plan each behaviour stands for. Pure.

use std::time::Duration;

use axum::http::StatusCode;
use serde::Deserialize;

use super::provider::{ErrorCode, Fate};

/// So many rules at most: each send looks through them.
const RULE_LIMIT: usize = 10_000;

/// How long `hang` lasts when it does not say.
const HANG: Duration = Duration::from_secs(60);

/// Rules that hold for ever or a number of times; the newest that matches wins.
pub(super) struct Counted<R> {
    rules: Vec<(R, Option<u64>)>,
}

impl<R> Default for Counted<R> {
    fn default() -> Counted<R> {
        Counted { rules: Vec::new() }
    }
}

impl<R: Clone> Counted<R> {
    /// Adds a rule for so many times, or for ever.
    pub(super) fn add(&mut self, rule: R, times: Option<u64>) -> Result<(), String> {
        if times == Some(0) {
            return Err("times must be at least 1".into());
        }
        if self.rules.len() >= RULE_LIMIT {
            return Err(format!("there are {RULE_LIMIT} rules already"));
        }
        self.rules.push((rule, times));
        Ok(())
    }

    /// The newest rule that matches, used once.
    pub(super) fn take(&mut self, matches: impl Fn(&R) -> bool) -> Option<R> {
        let place = self.rules.iter().rposition(|(rule, _)| matches(rule))?;
        let (rule, times) = &mut self.rules[place];
        let rule = rule.clone();
        if let Some(left) = times {
            *left -= 1;
            if *left == 0 {
                self.rules.remove(place);
            }
        }
        Some(rule)
    }

    /// Forgets all rules.
    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }
}

/// The rules for sends.
#[derive(Default)]
pub(super) struct Rules {
    rules: Counted<Rule>,
    given: u64,
}

#[derive(Clone)]
struct Rule {
    integration_id: Option<String>,
    destination: Option<String>,
    behaviour: Behaviour,
}

impl Rules {
    /// Adds a rule and answers its id.
    pub(super) fn add(&mut self, asked: RuleRequest) -> Result<String, String> {
        let behaviour = asked.behaviour()?;
        let rule = Rule { integration_id: asked.integration_id, destination: asked.destination, behaviour };
        self.rules.add(rule, asked.times)?;
        self.given += 1;
        Ok(format!("rule-{}", self.given))
    }

    /// What happens to this send.
    pub(super) fn decide(&mut self, integration_id: &str, destination: &str) -> Behaviour {
        let rule = self.rules.take(|rule| {
            rule.integration_id.as_deref().is_none_or(|id| id == integration_id)
                && rule.destination.as_deref().is_none_or(|to| to == destination)
        });
        rule.map_or(Behaviour::Deliver, |rule| rule.behaviour)
    }

    /// Forgets all rules.
    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }
}

/// A rule as asked for. Flat, so that a field that does not belong is noticed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RuleRequest {
    #[serde(default)]
    pub(super) integration_id: Option<String>,
    #[serde(default)]
    destination: Option<String>,
    behaviour: Word,
    #[serde(default)]
    times: Option<u64>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    code: Option<ErrorCode>,
    #[serde(default)]
    retry_after: Option<f64>,
    #[serde(default)]
    ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Deliver,
    Refuse,
    Fail,
    Throttle,
    Error,
    AcceptThenError,
    Hang,
    Silent,
}

impl RuleRequest {
    fn behaviour(&self) -> Result<Behaviour, String> {
        self.only_fields_of(self.behaviour)?;
        let status = self.status.map(error_status).transpose()?;
        let broken = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Ok(match self.behaviour {
            Word::Deliver => Behaviour::Deliver,
            Word::Refuse => Behaviour::Refuse { status, code: self.code.clone() },
            Word::Fail => Behaviour::Fail { code: self.code.clone() },
            Word::Throttle => Behaviour::Throttle { retry_after: self.seconds()? },
            Word::Error => Behaviour::Error { status: broken },
            Word::AcceptThenError => Behaviour::AcceptThenError { status: broken },
            Word::Hang => Behaviour::Hang(self.ms.map_or(HANG, Duration::from_millis)),
            Word::Silent => Behaviour::Silent,
        })
    }

    fn only_fields_of(&self, word: Word) -> Result<(), String> {
        let given = [
            ("status", self.status.is_some(), &[Word::Refuse, Word::Error, Word::AcceptThenError][..]),
            ("code", self.code.is_some(), &[Word::Refuse, Word::Fail]),
            ("retryAfter", self.retry_after.is_some(), &[Word::Throttle]),
            ("ms", self.ms.is_some(), &[Word::Hang]),
        ];
        match given.iter().find(|(_, given, words)| *given && !words.contains(&word)) {
            Some((name, ..)) => Err(format!("{name} is not a field of this behaviour")),
            None => Ok(()),
        }
    }

    fn seconds(&self) -> Result<Option<String>, String> {
        match self.retry_after {
            Some(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(Some(seconds.to_string())),
            Some(_) => Err("retryAfter must not be negative".into()),
            None => Ok(None),
        }
    }
}

fn error_status(given: u16) -> Result<StatusCode, String> {
    let status = StatusCode::from_u16(given).ok().filter(|_| (400..600).contains(&given));
    status.ok_or_else(|| format!("status {given} is not an error"))
}

/// What the provider does with a send.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Behaviour {
    Deliver,
    Refuse { status: Option<StatusCode>, code: Option<ErrorCode> },
    Fail { code: Option<ErrorCode> },
    Throttle { retry_after: Option<String> },
    Error { status: StatusCode },
    AcceptThenError { status: StatusCode },
    Hang(Duration),
    Silent,
}

/// What the caller is told, before it is put into a provider's own words.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Accepted,
    Refused { status: Option<StatusCode>, code: Option<ErrorCode> },
    Throttled { retry_after: Option<String> },
    Broken { status: StatusCode },
}

/// What becomes of a send: the message's fate if it is taken at all, the answer, and how long that hangs.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) fate: Option<Fate>,
    pub(super) answer: Answer,
    pub(super) hang: Duration,
}

impl Behaviour {
    /// What this behaviour comes to.
    pub(super) fn plan(self) -> Plan {
        let (fate, answer, hang) = match self {
            Behaviour::Deliver => (Some(Fate::Delivered), Answer::Accepted, Duration::ZERO),
            Behaviour::Refuse { status, code } => (None, Answer::Refused { status, code }, Duration::ZERO),
            Behaviour::Fail { code } => (Some(Fate::Failed(code)), Answer::Accepted, Duration::ZERO),
            Behaviour::Throttle { retry_after } => (None, Answer::Throttled { retry_after }, Duration::ZERO),
            Behaviour::Error { status } => (None, Answer::Broken { status }, Duration::ZERO),
            Behaviour::AcceptThenError { status } => {
                (Some(Fate::Delivered), Answer::Broken { status }, Duration::ZERO)
            }
            Behaviour::Hang(hang) => (Some(Fate::Delivered), Answer::Accepted, hang),
            Behaviour::Silent => (Some(Fate::Silent), Answer::Accepted, Duration::ZERO),
        };
        Plan { fate, answer, hang }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn add(rules: &mut Rules, rule: Value) -> Result<String, String> {
        rules.add(serde_json::from_value(rule).map_err(|error| error.to_string())?)
    }

    #[test]
    fn the_newest_matching_rule_wins_as_often_as_it_says() {
        let mut rules = Rules::default();
        add(&mut rules, json!({"behaviour": "silent"})).expect("rule");
        add(&mut rules, json!({"behaviour": "fail", "destination": "+15145550101", "times": 2}))
            .expect("rule");
        let fail = Behaviour::Fail { code: None };
        assert_eq!(rules.decide("i", "+15145550102"), Behaviour::Silent);
        assert_eq!(rules.decide("i", "+15145550101"), fail);
        assert_eq!(rules.decide("i", "+15145550101"), fail);
        assert_eq!(rules.decide("i", "+15145550101"), Behaviour::Silent);
        rules.clear();
        assert_eq!(rules.decide("i", "+15145550101"), Behaviour::Deliver);
    }

    #[test]
    fn a_rule_may_be_for_one_integration() {
        let mut rules = Rules::default();
        add(&mut rules, json!({"behaviour": "silent", "integrationId": "a"})).expect("rule");
        assert_eq!(rules.decide("b", "x"), Behaviour::Deliver);
        assert_eq!(rules.decide("a", "x"), Behaviour::Silent);
    }

    #[test]
    fn fields_reach_the_behaviour() {
        let mut rules = Rules::default();
        add(&mut rules, json!({"behaviour": "throttle", "retryAfter": 0.25})).expect("rule");
        assert_eq!(rules.decide("i", "x"), Behaviour::Throttle { retry_after: Some("0.25".into()) });
        add(&mut rules, json!({"behaviour": "throttle", "retryAfter": 2})).expect("rule");
        assert_eq!(rules.decide("i", "x"), Behaviour::Throttle { retry_after: Some("2".into()) });
        add(&mut rules, json!({"behaviour": "refuse", "status": 404, "code": "20404"})).expect("rule");
        let refused = rules.decide("i", "x").plan();
        assert_eq!(refused.fate, None);
        let code = Some(ErrorCode::from("20404"));
        assert_eq!(refused.answer, Answer::Refused { status: Some(StatusCode::NOT_FOUND), code });
        add(&mut rules, json!({"behaviour": "hang", "ms": 5})).expect("rule");
        assert_eq!(rules.decide("i", "x").plan().hang, Duration::from_millis(5));
    }

    #[test]
    fn what_does_not_belong_is_refused() {
        for rule in [
            json!({"behaviour": "deliver", "code": 1}),
            json!({"behaviour": "throttle", "ms": 1}),
            json!({"behaviour": "throttle", "retryAfter": -1}),
            json!({"behaviour": "error", "status": 200}),
            json!({"behaviour": "silent", "times": 0}),
            json!({"behaviour": "explode"}),
            json!({"behaviour": "silent", "speed": 1}),
            json!({}),
        ] {
            assert!(add(&mut Rules::default(), rule.clone()).is_err(), "{rule} was taken");
        }
    }
}
