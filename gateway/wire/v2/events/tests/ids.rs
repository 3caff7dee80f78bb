//! What events and posts are known by.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::model::Departed;
use crate::wire::{post, told};

fn gone(at: i64) -> Event {
    let user = Departed::of(&sample::user());
    Event::new(&webhook().app, Timestamp::from_millis(at), What::UserDeleted { user })
}

#[test]
fn an_envelope_holds_one_event_or_several() {
    let (one, other) = (gone(1_480_001_440_731), gone(1_480_001_440_732));
    let tell = |event: &Event| told(&webhook(), event).expect("v2 has a word for it");
    let single = post(&webhook(), &tell(&one), []);
    assert_eq!(single.id, event_id(&one));
    let body: Value = serde_json::from_str(&single.body).expect("JSON");
    let envelope = |events: Value| {
        json!({"app": {"id": "5babc57a79ace012bba4781a"},
               "webhook": {"id": "55c8d9758590aa1900b9b9f6", "version": "v2"}, "events": events})
    };
    assert_eq!(body, envelope(json!([payload(&webhook(), &one)])));
    let second = tell(&other);
    let both = post(&webhook(), &tell(&one), [&second]);
    let body: Value = serde_json::from_str(&both.body).expect("JSON");
    assert_eq!(body, envelope(json!([payload(&webhook(), &one), payload(&webhook(), &other)])));
    assert_eq!(both, post(&webhook(), &tell(&one), [&second]), "the same again is the same post");
    assert!(both.id.len() == 24 && both.id != single.id && both.id != second.id);
}

#[test]
fn v1_tells_one_event_under_the_models_own_id() {
    let webhook = sample::webhook();
    let event = gone(1_480_001_440_731);
    let tell = told(&webhook, &event).expect("v1.1 has a word for it");
    assert_eq!((tell.trigger, tell.id.as_str()), ("appUser:delete", event.id.as_str()));
    assert!(!crate::wire::gathers(&webhook));
    let body: Value = serde_json::from_str(&post(&webhook, &tell, []).body).expect("JSON");
    assert_eq!(body["trigger"], "appUser:delete");
}

#[test]
fn ids_are_not_repeated() {
    let ids: BTreeSet<String> = (0..10_000).map(|_| event_id(&gone(1_480_001_440_731))).collect();
    assert_eq!(ids.len(), 10_000);
}

proptest! {
    /// Whenever it is told, and after however many trips through the store, an event has the same 24 digits, which
    /// begin with its second.
    #[test]
    fn an_id_is_made_of_the_event_alone(at in 0_i64..4_000_000_000_000) {
        let event = gone(at);
        let id = event_id(&event);
        prop_assert!(id.len() == ID_DIGITS && id.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit)));
        let kept = serde_json::to_vec(&event).expect("JSON");
        let read: Event = serde_json::from_slice(&kept).expect("as kept");
        prop_assert_eq!(&event_id(&read), &id);
        prop_assert_eq!(i64::from_str_radix(&id[..8], 16).expect("hex"), at / 1000);
    }
}
