//! Receipts in every order, repeated and missing: the story ends once and never goes back.

use super::*;
use heliograph_connectors::channel::{ChannelError, Content};
use proptest::prelude::*;

fn delivery(total: usize) -> Delivery {
    let integration = Integration {
        id: Id::new("5e1f438bf99fb467810c0ab9"),
        app: Id::new("5963c0d619a30a2e00de36b8"),
        kind: "twilio".into(),
        display_name: None,
        settings: Default::default(),
        limits: Default::default(),
        paused: false,
        on_unknown: Default::default(),
        ignore_opt_out: false,
        user_receipts: None,
    };
    let now = Timestamp::from_millis(1_000);
    let purpose = Purpose::Notification { author: Author::business(), priority: Priority::Normal };
    let body = Body::Content(Content::text("hello"));
    let mut delivery =
        Delivery::queued(Id::fresh_uuid(now), purpose, &integration, "+15145550101".into(), body, now, now);
    delivery.sending(total, now);
    delivery
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

#[test]
fn acceptance_then_arrival() {
    let mut d = delivery(1);
    assert_eq!(
        d.accepted(0, Some("SM1".into()), Reach::User, at(2)),
        [Notified::Channel { is_final: false }]
    );
    assert_eq!(d.receipt(0, None, Stage::Accepted, Reach::User, at(3)), []);
    assert_eq!(d.receipt(0, None, Stage::Delivered, Reach::User, at(4)), [Notified::User]);
    assert_eq!(d.receipt(0, None, Stage::Delivered, Reach::User, at(5)), []);
    assert_eq!(d.state, State::Delivered);
}

#[test]
fn arrival_before_the_answer_tells_both_once() {
    let mut d = delivery(1);
    let told = d.receipt(0, Some("SM1".into()), Stage::Delivered, Reach::User, at(2));
    assert_eq!(told, [Notified::Channel { is_final: false }, Notified::User]);
    assert_eq!(d.accepted(0, Some("SM1".into()), Reach::User, at(3)), []);
    assert_eq!(d.state, State::Delivered);
    assert_eq!(d.external_ids(), ["SM1"]);
}

#[test]
fn acceptance_is_the_end_where_the_channel_reports_no_more() {
    let mut d = delivery(1);
    assert_eq!(d.accepted(0, None, Reach::Channel, at(2)), [Notified::Channel { is_final: true }]);
    assert_eq!(d.receipt(0, None, Stage::Delivered, Reach::Channel, at(3)), []);
}

#[test]
fn a_message_is_as_far_as_its_last_piece() {
    let mut d = delivery(2);
    assert_eq!(d.accepted(0, Some("a".into()), Reach::User, at(2)), []);
    assert_eq!((d.next_part(), &d.state), (Some(1), &State::Queued));
    d.sending(2, at(3));
    assert_eq!(d.receipt(0, None, Stage::Delivered, Reach::User, at(4)), []);
    d.sending(2, at(4));
    assert_eq!(d.accepted(1, Some("b".into()), Reach::User, at(5)), [Notified::Channel { is_final: false }]);
    assert_eq!(d.receipt(1, None, Stage::Delivered, Reach::User, at(6)), [Notified::User]);
    assert_eq!(d.external_ids(), ["a", "b"]);
}

#[test]
fn a_reference_names_its_piece() {
    let d = delivery(2);
    assert_eq!(Delivery::parse_reference(&d.reference(1)), (d.id.clone(), 1));
    assert_eq!(Delivery::parse_reference(&d.reference(0)), (d.id.clone(), 0));
}

fn any_stage() -> impl Strategy<Value = Stage> {
    prop_oneof![
        Just(Stage::Accepted),
        Just(Stage::Delivered),
        Just(Stage::Read),
        Just(Stage::Failed(ChannelError::permanent(Code::ChannelError, "carrier"))),
    ]
}

proptest! {
    #[test]
    fn any_receipts_end_once_and_never_go_back(
        total in 1usize..4,
        stages in proptest::collection::vec((0usize..5, any_stage()), 0..24),
    ) {
        let mut d = delivery(total);
        let mut told = Vec::new();
        let mut deepest = 0;
        for (n, (part, stage)) in stages.into_iter().enumerate() {
            told.extend(d.receipt(part, None, stage, Reach::User, at(n as i64)));
            let failed = matches!(d.state, State::Failed { .. });
            prop_assert!(d.depth() >= deepest || failed);
            deepest = d.depth();
        }
        prop_assert!(told.iter().filter(|told| told.is_final()).count() <= 1);
        let is_channel = |told: &&Notified| matches!(told, Notified::Channel { .. });
        prop_assert!(told.iter().filter(is_channel).count() <= 1);
        let end = told.iter().position(Notified::is_final);
        prop_assert!(end.is_none_or(|end| end == told.len() - 1), "nothing follows the end");
    }
}
