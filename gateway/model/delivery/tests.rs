//! Receipts in every order, repeated and missing: the story ends once and never goes back.

mod returned;

use super::*;
use heliograph_connectors::channel::{ChannelError, Content, Reach, Stage};
use proptest::prelude::*;

fn delivery(total: usize) -> Delivery {
    let (id, app) = (Id::new("5e1f438bf99fb467810c0ab9"), Id::new("5963c0d619a30a2e00de36b8"));
    let integration = Integration::new(id, app, "twilio", Default::default());
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

    #[test]
    fn whatever_the_order_the_end_and_the_books_are_the_same(
        given in proptest::collection::vec(any_news(), 1..6).prop_flat_map(twice_and_shuffled),
    ) {
        let (first, second) = given;
        let (one, told) = play(first);
        let (other, told_otherwise) = play(second);
        prop_assert_eq!(one.state.word(), other.state.word());
        prop_assert_eq!(one.standing(), other.standing());
        let fails = |told: &[Notified]| told.iter().any(|told| matches!(told, Notified::Failure { .. }));
        let arrives = one.standing() == Standing::Delivered;
        // A provider that says both tells customers whatever it said first.
        if !(arrives && (fails(&told) || fails(&told_otherwise))) {
            prop_assert_eq!(told, told_otherwise);
        }
    }
}

#[derive(Debug, Clone)]
enum News {
    Accepted,
    Unknown,
    Receipt(Stage),
}

fn any_news() -> impl Strategy<Value = News> {
    prop_oneof![Just(News::Accepted), Just(News::Unknown), any_stage().prop_map(News::Receipt)]
}

/// The same news in two orders, each with some of it repeated.
fn twice_and_shuffled(news: Vec<News>) -> impl Strategy<Value = (Vec<News>, Vec<News>)> {
    let doubled = news.iter().chain(&news).cloned().collect::<Vec<_>>();
    (Just(doubled).prop_shuffle(), Just(news).prop_shuffle())
}

/// Plays news to a message of one piece, ends in silence, and holds its books to be true after each.
fn play(news: Vec<News>) -> (Delivery, Vec<Notified>) {
    let mut d = delivery(1);
    let (mut told, mut books) = (Vec::new(), Books::default());
    for (n, news) in news.into_iter().enumerate() {
        let now = at(n as i64);
        match news {
            News::Accepted => told.extend(d.accepted(0, Some("SM1".into()), Reach::User, now)),
            News::Unknown => d.unknown("no answer", now),
            News::Receipt(stage) => told.extend(d.receipt(0, None, stage, Reach::User, now)),
        }
        books.take(&mut d);
    }
    d.unconfirmed(at(99));
    books.take(&mut d);
    assert!(told.iter().filter(|told| told.is_final()).count() <= 1);
    (d, told)
}

/// The totals, as the store would keep them.
#[derive(Debug, Default)]
struct Books(std::collections::BTreeMap<&'static str, i64>);

impl Books {
    /// Counts a delivery, twice, and holds the columns against it.
    fn take(&mut self, d: &mut Delivery) {
        for (total, delta) in d.book() {
            *self.0.entry(total.word()).or_default() += delta;
        }
        assert_eq!(d.book(), [], "counted once");
        let pending = i64::from(d.standing() == Standing::Pending);
        let count = |word: &str| self.0.get(word).copied().unwrap_or(0);
        let ended = count("delivered") + count("failed") + count("unconfirmed");
        assert_eq!((count("accepted"), ended + pending), (1, 1), "{self:?}");
        assert!(self.0.values().all(|count| *count >= 0), "{self:?}");
    }
}

#[test]
fn silence_is_corrected_by_what_comes_late() {
    let mut d = delivery(1);
    d.unconfirmed(at(1));
    assert_eq!(d.state.word(), "sending", "only what was sent waits for a receipt");
    d.accepted(0, None, Reach::User, at(2));
    d.unconfirmed(at(3));
    assert_eq!(d.standing(), Standing::Unconfirmed);
    assert_eq!(d.receipt(0, None, Stage::Accepted, Reach::User, at(4)), []);
    assert_eq!(d.standing(), Standing::Unconfirmed);
    assert_eq!(d.receipt(0, None, Stage::Delivered, Reach::User, at(5)), [Notified::User]);
    assert_eq!(d.standing(), Standing::Delivered);
}

#[test]
fn arrival_corrects_a_failure_in_silence() {
    let mut d = delivery(1);
    let failed = || Stage::Failed(ChannelError::permanent(Code::ChannelError, "carrier"));
    assert_eq!(d.receipt(0, None, failed(), Reach::User, at(1)).len(), 2);
    assert_eq!(d.receipt(0, None, Stage::Accepted, Reach::User, at(2)), []);
    assert_eq!(d.standing(), Standing::Failed);
    assert_eq!(d.receipt(0, None, Stage::Delivered, Reach::User, at(3)), []);
    assert_eq!(d.receipt(0, None, failed(), Reach::User, at(4)), []);
    assert_eq!(d.standing(), Standing::Delivered);
}

#[test]
fn a_receipt_for_an_earlier_piece_settles_no_open_call() {
    let mut d = delivery(2);
    d.accepted(0, Some("a".into()), Reach::User, at(2));
    d.sending(2, at(3));
    d.receipt(0, None, Stage::Delivered, Reach::User, at(4));
    assert_eq!(d.state.word(), "sending", "the second piece may have been sent");
    d.unknown("no answer", at(5));
    d.sending(2, at(6));
    assert_eq!(d.resends, 1);
    assert_eq!(d.began, Some(at(3)), "what is asked about began with the first call");
}

#[test]
fn a_decision_to_send_again_counts_as_a_resend() {
    let mut d = delivery(1);
    d.unknown("no answer", at(2));
    d.sent_back(Doubt::Settled, "never seen", at(3));
    assert_eq!((d.state.word(), d.resends), ("queued", 0));
    d.sending(1, at(4));
    d.unknown("no answer", at(5));
    d.sent_back(Doubt::Left, "decided", at(6));
    d.sent_back(Doubt::Left, "decided", at(7));
    d.sending(1, at(8));
    assert_eq!(d.resends, 1);
    let resent = |changes: Vec<(Total, i64)>| changes.contains(&(Total::ResentAfterUnknown, 1));
    assert!(resent(d.book()) && d.book().is_empty());
}

#[test]
fn a_copy_is_possible_known_or_none() {
    let told = |d: &Delivery| (d.copies().possible, d.copies().known);
    let sent_twice = || {
        let mut d = delivery(1);
        d.unknown("no answer", at(2));
        d.sending(1, at(3));
        d
    };
    let named = |id: &str| Some(id.to_owned());
    let mut d = sent_twice();
    assert_eq!(told(&d), (0, 0), "so far the second may be the first");
    d.requeued("retrying", "connection refused", at(4));
    d.sending(1, at(5));
    d.accepted(0, named("SM2"), Reach::User, at(6));
    assert_eq!((d.resends, told(&d)), (1, (1, 0)));
    d.receipt(0, named("SM2"), Stage::Delivered, Reach::User, at(7));
    assert_eq!(told(&d), (1, 0), "that says nothing about the first");
    d.receipt(0, named("SM1"), Stage::Accepted, Reach::User, at(8));
    assert_eq!(told(&d), (1, 1));
    assert_eq!(d.external_ids(), ["SM2"]);
    // The receipt of the first call comes while the second is open.
    let mut d = sent_twice();
    d.receipt(0, named("SM1"), Stage::Delivered, Reach::User, at(4));
    assert_eq!(told(&d), (1, 0), "it may be about either");
    assert!(d.clone().made_no_copy(0));
    let mut refused = d.clone();
    refused.made_no_copy(0);
    assert_eq!(told(&refused), (0, 0));
    d.accepted(0, named("SM2"), Reach::User, at(5));
    assert_eq!(told(&d), (1, 1));
    // Two calls without an answer, and one message.
    let mut d = sent_twice();
    d.unknown("no answer", at(4));
    assert_eq!(told(&d), (1, 0));
    d.receipt(0, named("SM1"), Stage::Accepted, Reach::User, at(5));
    assert_eq!(told(&d), (1, 0));
    // The provider never had it.
    let mut d = delivery(1);
    d.unknown("no answer", at(2));
    d.sent_back(Doubt::Settled, "never seen", at(3));
    d.sending(1, at(4));
    d.accepted(0, named("SM2"), Reach::User, at(5));
    assert_eq!(told(&d), (0, 0));
}
