//! What was taken and not sent waits again, once per message of the provider's, and still ends once.

use std::time::Duration;

use heliograph_connectors::channel::{ChannelError, Code, Fate, Reach, Scope, Stage};
use proptest::prelude::*;

use super::*;

fn too_much() -> Stage {
    let fate = Fate::Throttled { retry_after: Some(Duration::from_millis(50)), scope: Scope::Integration };
    Stage::Failed(ChannelError { fate, ..ChannelError::permanent(Code::RateLimited, "too much") })
}

fn carrier() -> Stage {
    Stage::Failed(ChannelError::permanent(Code::ChannelError, "carrier"))
}

impl Delivery {
    fn hears(&mut self, part: usize, id: &str, stage: Stage, millis: i64) -> Vec<Notified> {
        self.receipt(part, Some(id.into()), stage, Reach::User, at(millis))
    }

    fn takes(&mut self, part: usize, id: &str, millis: i64) -> Vec<Notified> {
        self.accepted(part, Some(id.into()), Reach::User, at(millis))
    }
}

#[test]
fn what_was_not_sent_waits_and_is_sent_again() {
    let mut d = delivery(1);
    assert_eq!(d.takes(0, "SM1", 2), [Notified::Channel { is_final: false }]);
    assert_eq!(d.hears(0, "SM1", too_much(), 3), []);
    assert_eq!((d.state.word(), d.next_part(), d.sent_at), ("queued", Some(0), None));
    let slowdown = Slowdown { scope: Scope::Integration, until: at(53), began: at(1000) };
    assert_eq!(d.slowdown, Some(slowdown), "the call began with the delivery, at 1000");
    d.sending(1, at(60));
    assert_eq!(d.takes(0, "SM2", 61), [], "that it was taken is told once");
    assert_eq!(d.external_ids(), ["SM2"]);
    assert_eq!((d.state.word(), d.resends), ("sent", 0));
    // Repeated and late words about the first are about the first.
    for stage in [too_much(), Stage::Accepted, carrier()] {
        assert_eq!(d.hears(0, "SM1", stage, 62), []);
        assert_eq!(d.state.word(), "sent");
    }
    assert_eq!(d.hears(0, "SM2", Stage::Delivered, 63), [Notified::User]);
}

#[test]
fn a_word_that_is_faster_than_the_answer_counts_when_the_call_is_over() {
    let mut d = delivery(1);
    assert_eq!(d.hears(0, "SM1", too_much(), 2), []);
    assert_eq!(d.state.word(), "sending");
    assert_eq!(d.takes(0, "SM1", 3), []);
    assert_eq!((d.state.word(), d.next_part()), ("queued", Some(0)));
    d.sending(1, at(60));
    assert_eq!(d.takes(0, "SM2", 61), [Notified::Channel { is_final: false }]);
}

#[test]
fn it_settles_a_call_of_unknown_outcome_without_doubt() {
    let mut d = delivery(1);
    d.unknown("no answer", at(2));
    d.hears(0, "SM1", too_much(), 3);
    assert_eq!((d.state.word(), d.resends), ("queued", 0));
    // Of two calls one was not sent; the other may have been.
    let mut d = delivery(1);
    d.unknown("no answer", at(2));
    d.sending(1, at(3));
    d.unknown("no answer", at(4));
    d.hears(0, "SM2", too_much(), 5);
    assert_eq!((d.state.word(), d.resends), ("queued", 2));
}

#[test]
fn what_is_over_or_too_old_stays_so() {
    let mut d = delivery(1);
    d.accepted(0, Some("SM1".into()), Reach::Channel, at(2));
    assert_eq!(d.receipt(0, Some("SM1".into()), too_much(), Reach::Channel, at(3)), []);
    assert_eq!((d.state.word(), d.standing()), ("sent", Standing::Delivered), "its end was told");
    let mut d = delivery(1);
    d.takes(0, "SM1", 2);
    assert!(matches!(d.hears(0, "SM1", too_much(), 1000)[..], [Notified::Failure { .. }]), "it expired");
    let mut d = delivery(1);
    d.takes(0, "SM1", 2);
    d.unconfirmed(at(3));
    assert!(matches!(d.hears(0, "SM1", too_much(), 4)[..], [Notified::Failure { .. }]));
    let mut d = delivery(1);
    let told = d.receipt(0, None, too_much(), Reach::User, at(2));
    assert!(told.iter().any(Notified::is_final), "nobody can say which call it is about");
}

#[test]
fn a_piece_alone_waits_and_the_open_call_goes_on() {
    let mut d = delivery(3);
    d.takes(0, "a", 2);
    d.sending(3, at(3));
    d.hears(0, "a", too_much(), 4);
    assert_eq!((d.state.word(), d.next_part()), ("sending", Some(1)), "the call is for the second");
    d.unknown("no answer", at(5));
    assert_eq!(d.next_part(), Some(1), "its outcome comes first");
    d.takes(1, "b", 6);
    assert_eq!((d.state.word(), d.next_part()), ("queued", Some(0)));
    for (part, id) in [(0, "c"), (2, "d")] {
        d.sending(3, at(7));
        d.takes(part, id, 8);
    }
    assert_eq!((d.state.word(), d.external_ids()), ("sent", vec!["c".into(), "b".into(), "d".into()]));
}

#[test]
fn an_arrival_after_all_ends_it() {
    let mut d = delivery(1);
    d.hears(0, "SM1", too_much(), 2);
    assert_eq!(d.hears(0, "SM1", Stage::Delivered, 3).len(), 2);
    assert_eq!(d.takes(0, "SM1", 4), []);
    assert_eq!(d.state.word(), "delivered");
}

#[derive(Debug, Clone)]
enum Word {
    Call,
    Taken(u8),
    Lost,
    Heard(u8, Stage),
}

fn any_word() -> impl Strategy<Value = Word> {
    let stage = prop_oneof![Just(Stage::Accepted), Just(Stage::Delivered), Just(too_much()), Just(carrier())];
    prop_oneof![
        Just(Word::Call),
        (0u8..4).prop_map(Word::Taken),
        Just(Word::Lost),
        (0u8..4, stage).prop_map(|(id, stage)| Word::Heard(id, stage)),
    ]
}

proptest! {
    #[test]
    fn each_message_is_taken_back_once_and_the_end_is_told_once(
        words in proptest::collection::vec(any_word(), 0..40),
    ) {
        let mut d = delivery(1);
        let (mut told, mut books) = (Vec::new(), Books::default());
        for (n, word) in words.into_iter().enumerate() {
            let (depth, known, now) = (d.depth(), d.returned.len(), n as i64);
            match word {
                Word::Call if d.state == State::Queued => d.sending(1, at(now)),
                Word::Taken(id) if matches!(d.state, State::Sending { .. }) => {
                    told.extend(d.takes(0, &id.to_string(), now));
                }
                Word::Lost if matches!(d.state, State::Sending { .. }) => d.unknown("no answer", at(now)),
                Word::Heard(id, stage) => told.extend(d.hears(0, &id.to_string(), stage, now)),
                Word::Call | Word::Taken(_) | Word::Lost => {}
            }
            let is_failed = matches!(d.state, State::Failed { .. });
            let took_back = d.depth() == 0 && depth == 1 && d.returned.len() == known + 1;
            prop_assert!(d.depth() >= depth || is_failed || took_back, "{:?}", d.state);
            books.take(&mut d);
        }
        let is_channel = |told: &&Notified| matches!(told, Notified::Channel { .. });
        prop_assert!(told.iter().filter(is_channel).count() <= 1);
        let end = told.iter().position(Notified::is_final);
        prop_assert!(end.is_none_or(|end| end == told.len() - 1), "nothing follows the end");
        let mut ids = d.returned.clone();
        ids.dedup();
        prop_assert_eq!(ids.len(), d.returned.len());
    }
}
