//! What happens to the next sends: rules, whom they are for, how often and how likely. Pure.

use std::time::Duration;

use axum::http::StatusCode;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Deserialize;

use super::{behaviour::Behaviour, provider::ErrorCode};

/// So many rules at most: each send looks through them.
const RULE_LIMIT: usize = 10_000;

/// How long `hang` lasts and `late` waits when they do not say.
const HANG: Duration = Duration::from_secs(60);

/// Rules that hold for ever or a number of times; the newest that applies wins.
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

    /// The newest rule that applies, used once. Asking a rule may be a throw of its dice.
    pub(super) fn take(&mut self, mut applies: impl FnMut(&mut R) -> bool) -> Option<R> {
        let place = (0..self.rules.len()).rev().find(|place| applies(&mut self.rules[*place].0))?;
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

/// How likely a rule is to apply. The same seed throws the same dice.
#[derive(Clone)]
pub(super) struct Chance {
    of: f64,
    dice: StdRng,
}

impl Chance {
    /// Always, unless a chance is given.
    pub(super) fn given(of: Option<f64>, seed: Option<u64>) -> Result<Chance, String> {
        let of = match (of, seed) {
            (None, Some(_)) => return Err("seed is for a chance".into()),
            (None, None) => 1.0,
            (Some(of), _) if of > 0.0 && of <= 1.0 => of,
            (Some(_), _) => return Err("chance must be above 0 and at most 1".into()),
        };
        Ok(Chance { of, dice: StdRng::seed_from_u64(seed.unwrap_or_default()) })
    }

    /// Without dice.
    pub(super) fn always() -> Chance {
        Chance { of: 1.0, dice: StdRng::seed_from_u64(0) }
    }

    /// One throw.
    pub(super) fn happens(&mut self) -> bool {
        self.dice.random_bool(self.of)
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
    kind: Option<String>,
    integration_id: Option<String>,
    destination: Option<String>,
    chance: Chance,
    behaviour: Behaviour,
}

/// Of which send a rule is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending<'a> {
    pub(super) kind: &'a str,
    pub(super) integration_id: &'a str,
    pub(super) destination: &'a str,
}

impl Rules {
    /// Adds a rule and answers its id.
    pub(super) fn add(&mut self, asked: RuleRequest) -> Result<String, String> {
        let behaviour = asked.behaviour()?;
        let chance = Chance::given(asked.chance, asked.seed)?;
        let RuleRequest { kind, integration_id, destination, times, .. } = asked;
        self.rules.add(Rule { kind, integration_id, destination, chance, behaviour }, times)?;
        self.given += 1;
        Ok(format!("rule-{}", self.given))
    }

    /// What happens to this send.
    pub(super) fn decide(&mut self, sending: Sending<'_>) -> Behaviour {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        let rule = self.rules.take(|rule| {
            rule.behaviour != Behaviour::ResetBeforeBody
                && fits(&rule.kind, sending.kind)
                && fits(&rule.integration_id, sending.integration_id)
                && fits(&rule.destination, sending.destination)
                && rule.chance.happens()
        });
        rule.map_or(Behaviour::Deliver, |rule| rule.behaviour)
    }

    /// Whether a call to this provider is cut before its body is read, when nobody knows yet what it is.
    pub(super) fn cuts(&mut self, kind: &str) -> bool {
        let rule = self.rules.take(|rule| {
            rule.behaviour == Behaviour::ResetBeforeBody
                && rule.kind.as_deref().is_none_or(|wanted| wanted == kind)
                && rule.chance.happens()
        });
        rule.is_some()
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
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) integration_id: Option<String>,
    #[serde(default)]
    destination: Option<String>,
    behaviour: Word,
    #[serde(default)]
    times: Option<u64>,
    #[serde(default)]
    chance: Option<f64>,
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    code: Option<ErrorCode>,
    #[serde(default)]
    retry_after: Option<f64>,
    #[serde(default)]
    ms: Option<u64>,
    #[serde(default)]
    reports: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Deliver,
    Refuse,
    Fail,
    Throttle,
    PairLimit,
    Error,
    AcceptThenError,
    Reset,
    ResetBeforeBody,
    AcceptThenReset,
    HalfAnswer,
    BrokenJson,
    Hang,
    Silent,
    Missing,
    Late,
    Early,
    Duplicate,
    Reorder,
    Forge,
}

impl RuleRequest {
    fn behaviour(&self) -> Result<Behaviour, String> {
        self.only_fields_of(self.behaviour)?;
        let wait = self.ms.map_or(HANG, Duration::from_millis);
        let reports = self.reports.unwrap_or(true);
        Ok(match self.behaviour {
            Word::Deliver => Behaviour::Deliver,
            Word::Refuse => Behaviour::Refuse {
                status: self.status.map(refusal_status).transpose()?,
                code: self.code.clone(),
            },
            Word::Fail => Behaviour::Fail { code: self.code.clone() },
            Word::Throttle => Behaviour::Throttle { retry_after: seconds(self.retry_after)? },
            Word::PairLimit => Behaviour::PairLimit { retry_after: seconds(self.retry_after)? },
            Word::Error => Behaviour::Error { status: self.broken()? },
            Word::AcceptThenError => Behaviour::AcceptThenError { status: self.broken()?, reports },
            Word::Reset => Behaviour::Reset,
            Word::ResetBeforeBody => Behaviour::ResetBeforeBody,
            Word::AcceptThenReset => Behaviour::AcceptThenReset { reports },
            Word::HalfAnswer => Behaviour::HalfAnswer { reports },
            Word::BrokenJson => Behaviour::BrokenJson { reports },
            Word::Hang => Behaviour::Hang(wait),
            Word::Silent => Behaviour::Silent,
            Word::Missing => Behaviour::Missing,
            Word::Late => Behaviour::Late(wait),
            Word::Early => Behaviour::Early,
            Word::Duplicate => Behaviour::Duplicate,
            Word::Reorder => Behaviour::Reorder,
            Word::Forge => Behaviour::Forge,
        })
    }

    fn only_fields_of(&self, word: Word) -> Result<(), String> {
        let spoilt = [Word::AcceptThenError, Word::AcceptThenReset, Word::HalfAnswer, Word::BrokenJson];
        let given = [
            ("status", self.status.is_some(), &[Word::Refuse, Word::Error, Word::AcceptThenError][..]),
            ("code", self.code.is_some(), &[Word::Refuse, Word::Fail]),
            ("retryAfter", self.retry_after.is_some(), &[Word::Throttle, Word::PairLimit]),
            ("ms", self.ms.is_some(), &[Word::Hang, Word::Late]),
            ("reports", self.reports.is_some(), &spoilt),
        ];
        if let Some((name, ..)) = given.iter().find(|(_, given, words)| *given && !words.contains(&word)) {
            return Err(format!("{name} is not a field of this behaviour"));
        }
        // Whose message it is stands in the body or behind it.
        let names_one = self.integration_id.is_some() || self.destination.is_some();
        if word == Word::ResetBeforeBody && names_one {
            return Err("before the body only the type is known".into());
        }
        Ok(())
    }

    fn broken(&self) -> Result<StatusCode, String> {
        self.status.map_or(Ok(StatusCode::INTERNAL_SERVER_ERROR), error_status)
    }
}

/// A `Retry-After` as it is written.
pub(super) fn seconds(given: Option<f64>) -> Result<Option<String>, String> {
    match given {
        Some(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(Some(seconds.to_string())),
        Some(_) => Err("retryAfter must not be negative".into()),
        None => Ok(None),
    }
}

fn error_status(given: u16) -> Result<StatusCode, String> {
    let status = StatusCode::from_u16(given).ok().filter(|_| (400..600).contains(&given));
    status.ok_or_else(|| format!("status {given} is not an error"))
}

/// Providers also hide errors in a 200.
fn refusal_status(given: u16) -> Result<StatusCode, String> {
    if given == 200 { Ok(StatusCode::OK) } else { error_status(given) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::sim::behaviour::Answer;

    fn decide(rules: &mut Rules, integration_id: &str, destination: &str) -> Behaviour {
        rules.decide(Sending { kind: "twilio", integration_id, destination })
    }

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
        assert_eq!(decide(&mut rules, "i", "+15145550102"), Behaviour::Silent);
        assert_eq!(decide(&mut rules, "i", "+15145550101"), fail);
        assert_eq!(decide(&mut rules, "i", "+15145550101"), fail);
        assert_eq!(decide(&mut rules, "i", "+15145550101"), Behaviour::Silent);
        rules.clear();
        assert_eq!(decide(&mut rules, "i", "+15145550101"), Behaviour::Deliver);
    }

    #[test]
    fn a_rule_may_be_for_one_integration() {
        let mut rules = Rules::default();
        add(&mut rules, json!({"behaviour": "silent", "integrationId": "a"})).expect("rule");
        assert_eq!(decide(&mut rules, "b", "x"), Behaviour::Deliver);
        assert_eq!(decide(&mut rules, "a", "x"), Behaviour::Silent);
    }

    #[test]
    fn fields_reach_the_behaviour() {
        let mut rules = Rules::default();
        add(&mut rules, json!({"behaviour": "throttle", "retryAfter": 0.25})).expect("rule");
        assert_eq!(decide(&mut rules, "i", "x"), Behaviour::Throttle { retry_after: Some("0.25".into()) });
        add(&mut rules, json!({"behaviour": "throttle", "retryAfter": 2})).expect("rule");
        assert_eq!(decide(&mut rules, "i", "x"), Behaviour::Throttle { retry_after: Some("2".into()) });
        add(&mut rules, json!({"behaviour": "refuse", "status": 404, "code": "20404"})).expect("rule");
        let refused = decide(&mut rules, "i", "x").plan();
        assert_eq!(refused.fate, None);
        let code = Some(ErrorCode::from("20404"));
        assert_eq!(refused.answer, Answer::Refused { status: Some(StatusCode::NOT_FOUND), code });
        add(&mut rules, json!({"behaviour": "hang", "ms": 5})).expect("rule");
        assert_eq!(decide(&mut rules, "i", "x").plan().hang, Duration::from_millis(5));
    }

    #[test]
    fn what_does_not_belong_is_refused() {
        for rule in [
            json!({"behaviour": "deliver", "code": 1}),
            json!({"behaviour": "throttle", "ms": 1}),
            json!({"behaviour": "throttle", "retryAfter": -1}),
            json!({"behaviour": "error", "status": 200}),
            json!({"behaviour": "refuse", "status": 201}),
            json!({"behaviour": "silent", "chance": 0}),
            json!({"behaviour": "silent", "chance": 1.5}),
            json!({"behaviour": "silent", "seed": 7}),
            json!({"behaviour": "reset", "ms": 7}),
            json!({"behaviour": "reset", "reports": false}),
            json!({"behaviour": "reset-before-body", "destination": "x"}),
            json!({"behaviour": "silent", "times": 0}),
            json!({"behaviour": "explode"}),
            json!({"behaviour": "silent", "speed": 1}),
            json!({}),
        ] {
            assert!(add(&mut Rules::default(), rule.clone()).is_err(), "{rule} was taken");
        }
    }

    #[test]
    fn a_rule_may_be_for_one_type() {
        let mut rules = Rules::default();
        add(&mut rules, json!({"behaviour": "silent", "type": "mailgun"})).expect("rule");
        add(&mut rules, json!({"behaviour": "reset-before-body", "type": "twilio", "times": 1}))
            .expect("rule");
        assert_eq!(decide(&mut rules, "i", "x"), Behaviour::Deliver);
        assert!(!rules.cuts("mailgun"));
        assert!(rules.cuts("twilio") && !rules.cuts("twilio"));
    }

    #[test]
    fn a_chance_is_the_same_for_the_same_seed_and_leaves_the_rest_to_older_rules() {
        let drawn = |seed: u64| {
            let mut rules = Rules::default();
            add(&mut rules, json!({"behaviour": "silent"})).expect("rule");
            add(&mut rules, json!({"behaviour": "reset", "chance": 0.25, "seed": seed, "times": 40}))
                .expect("rule");
            (0..400).map(|_| decide(&mut rules, "i", "x") == Behaviour::Reset).collect::<Vec<bool>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert_eq!(drawn(7).iter().filter(|reset| **reset).count(), 40, "as often as it says");
        assert!(drawn(7)[..40].iter().filter(|reset| **reset).count() < 25, "and not always");
    }
}
