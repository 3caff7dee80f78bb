//! Events of v2 that come close together: gathered into one call where that is set up, and each told once for who
//! tells them by their ids.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::config::{APP, WEBHOOK_SECRET};
use crate::harness::receiver::{Arrival, events_in};
use crate::harness::signing::assert_signed;
use crate::harness::{Config, Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    a_call_holds_one_event_unless_told_otherwise,
    events_of_a_moment_share_calls_and_stay_in_order,
    a_call_holds_no_more_than_it_may,
    a_consumer_of_a_failing_receiver_sees_each_event_once,
    a_consumer_of_batches_at_a_failing_receiver_sees_each_event_once,
    an_event_that_is_refused_takes_no_other_with_it,
    an_event_keeps_its_id_in_retries_and_in_a_replay,
}

const PEOPLE: usize = 20;
const TEXTS: usize = 3;

/// The demo app's webhook is of v2.
fn of_v2(config: Config) -> Config {
    config
        .set("apps.0.webhooks.0.version", "v2")
        .list("apps.0.webhooks.0.triggers", &["conversation:create", "conversation:message"])
}

fn gathering(config: Config, window: &str, most: i64) -> Config {
    of_v2(config).set("webhooks.batch.window", window).set("webhooks.batch.most", most)
}

fn number(person: usize) -> String {
    format!("+151455501{person:02}")
}

fn text(person: usize, nth: usize) -> String {
    format!("{person} says {nth}")
}

/// Everybody writes, each one thing after the other.
async fn all_write(rig: &Rig) {
    for nth in 0..TEXTS {
        for person in 0..PEOPLE {
            rig.sim().write(&number(person), &text(person, nth)).await;
        }
    }
}

/// What a consumer takes that goes through the events of each call and leaves out those it knows. Of the calls that
/// it fails it took every other one, and forgot to say so.
fn consumed(calls: &[Arrival]) -> Vec<Value> {
    let (mut known, mut taken, mut failed) = (BTreeSet::new(), Vec::new(), 0);
    for call in calls {
        if call.status / 100 != 2 {
            failed += 1;
            if failed % 2 == 1 {
                continue;
            }
        }
        for event in events_in(&call.event) {
            if known.insert(event["id"].as_str().expect("an id").to_owned()) {
                taken.push(event);
            }
        }
    }
    taken
}

fn texts_of(events: &[Value]) -> Vec<&str> {
    let messages = events.iter().filter(|event| event["type"] == "conversation:message");
    messages.map(|event| event["payload"]["message"]["content"]["text"].as_str().expect("a text")).collect()
}

/// Waits until the consumer has all that everybody said.
async fn all_consumed(rig: &Rig) -> Vec<Value> {
    eventually("all that was said", async || {
        let taken = consumed(&rig.receiver.arrivals());
        (taken.len() >= PEOPLE * (TEXTS + 1)).then_some(taken)
    })
    .await
}

/// Each thing that was said is there once, and each person's conversation began once.
fn assert_each_once(taken: &[Value]) {
    let mut found = texts_of(taken);
    found.sort_unstable();
    let mut all: Vec<String> =
        (0..PEOPLE).flat_map(|person| (0..TEXTS).map(move |nth| text(person, nth))).collect();
    all.sort_unstable();
    assert_eq!(found, all);
    let begun = taken.iter().filter(|event| event["type"] == "conversation:create");
    let begun: Vec<&Value> = begun.map(|event| &event["payload"]["conversation"]["id"]).collect();
    let different: BTreeSet<String> = begun.iter().map(ToString::to_string).collect();
    assert_eq!((begun.len(), different.len()), (PEOPLE, PEOPLE));
}

/// Under one id stands one event, whenever it is told.
fn assert_ids_mean_one_thing(calls: &[Arrival]) {
    let mut meant = BTreeMap::<String, Value>::new();
    for event in calls.iter().flat_map(|call| events_in(&call.event)) {
        let id = event["id"].as_str().expect("an id").to_owned();
        let before = meant.entry(id).or_insert_with(|| event.clone());
        assert_eq!(*before, event);
    }
}

async fn a_call_holds_one_event_unless_told_otherwise(engine: Engine) {
    let rig = Rig::with(engine, of_v2).await;
    all_write(&rig).await;
    assert_each_once(&all_consumed(&rig).await);
    for call in rig.receiver.arrivals() {
        assert_eq!(events_in(&call.event).len(), 1);
        assert_eq!(call.webhook_id(), call.event["events"][0]["id"]);
    }
}

async fn events_of_a_moment_share_calls_and_stay_in_order(engine: Engine) {
    let rig = Rig::with(engine, |config| gathering(config, "300ms", 100)).await;
    all_write(&rig).await;
    let taken = all_consumed(&rig).await;
    assert_each_once(&taken);
    for person in 0..PEOPLE {
        let theirs = format!("{person} says ");
        let said: Vec<&str> = texts_of(&taken).into_iter().filter(|text| text.starts_with(&theirs)).collect();
        let in_order: Vec<String> = (0..TEXTS).map(|nth| text(person, nth)).collect();
        assert_eq!(said, in_order);
    }
    let calls = rig.receiver.arrivals();
    assert!(calls.len() < taken.len() / 2, "{} calls for {} events", calls.len(), taken.len());
    let mut ids = BTreeSet::new();
    for call in &calls {
        assert_signed(call, WEBHOOK_SECRET);
        assert!(ids.insert(call.webhook_id().to_owned()), "each call has an id of its own");
        assert_eq!(call.event["webhook"]["version"], "v2");
    }
}

async fn a_call_holds_no_more_than_it_may(engine: Engine) {
    let rig = Rig::with(engine, |config| gathering(config, "300ms", 3)).await;
    all_write(&rig).await;
    assert_each_once(&all_consumed(&rig).await);
    let sizes: Vec<usize> = rig.receiver.arrivals().iter().map(|call| events_in(&call.event).len()).collect();
    assert_eq!(sizes.iter().max(), Some(&3), "{sizes:?}");
}

/// Three of ten calls fail.
fn fails_often(rig: &Rig) {
    let statuses: Vec<u16> = (0..2_000).map(|call| if call * 7 % 10 < 3 { 503 } else { 200 }).collect();
    rig.receiver.answer_next(&statuses);
}

async fn each_once_at_a_failing_receiver(rig: &Rig) {
    fails_often(rig);
    all_write(rig).await;
    let taken_in_time = |calls: &[Arrival]| {
        let answered: BTreeSet<String> = calls
            .iter()
            .filter(|call| call.status == 200)
            .flat_map(|call| events_in(&call.event))
            .map(|event| event["id"].as_str().expect("an id").to_owned())
            .collect();
        answered.len() >= PEOPLE * (TEXTS + 1)
    };
    eventually("everything to be taken", async || taken_in_time(&rig.receiver.arrivals()).then_some(()))
        .await;
    let calls = rig.receiver.arrivals();
    let refused = calls.iter().filter(|call| call.status != 200).count();
    assert!(refused * 5 > calls.len(), "{refused} of {} calls failed", calls.len());
    assert_each_once(&consumed(&calls));
    assert_ids_mean_one_thing(&calls);
    let letters = rig.gateway.admin().get(&format!("/heliograph/v1/deadletters?app={APP}")).await.expect(200);
    assert_eq!(letters["deadLetters"], json!([]), "nothing is given up");
}

async fn a_consumer_of_a_failing_receiver_sees_each_event_once(engine: Engine) {
    each_once_at_a_failing_receiver(&Rig::with(engine, of_v2).await).await;
}

async fn a_consumer_of_batches_at_a_failing_receiver_sees_each_event_once(engine: Engine) {
    each_once_at_a_failing_receiver(&Rig::with(engine, |config| gathering(config, "50ms", 100)).await).await;
}

async fn an_event_that_is_refused_takes_no_other_with_it(engine: Engine) {
    let rig = Rig::with(engine, |config| gathering(config, "500ms", 100)).await;
    rig.receiver.answer_next(&[400]);
    for person in 0..PEOPLE {
        rig.sim().write(&number(person), &text(person, 0)).await;
    }
    let taken = eventually("what was said", async || {
        let taken = rig.receiver.told();
        (texts_of(&taken).len() >= PEOPLE).then_some(taken)
    })
    .await;
    assert_eq!(texts_of(&taken).len(), PEOPLE);
    let calls = rig.receiver.arrivals();
    let refused = calls.iter().find(|call| call.status == 400).expect("the first call");
    assert!(events_in(&refused.event).len() > 1, "several shared it: {}", refused.event);
    for event in events_in(&refused.event) {
        let alone = calls.iter().any(|call| call.event["events"] == json!([event]));
        assert!(alone, "each was told again, alone");
    }
    let letters = rig.gateway.admin().get(&format!("/heliograph/v1/deadletters?app={APP}")).await.expect(200);
    assert_eq!(letters["deadLetters"], json!([]));
}

async fn an_event_keeps_its_id_in_retries_and_in_a_replay(engine: Engine) {
    let rig = Rig::with(engine, |config| {
        gathering(config, "100ms", 100)
            .list("webhooks.schedule", &["50ms", "50ms"])
            .list("apps.0.webhooks.0.triggers", &["conversation:message"])
    })
    .await;
    rig.receiver.always_answer(503);
    rig.sim().write(&number(0), "lost for now").await;
    let admin = rig.gateway.admin();
    let path = format!("/heliograph/v1/deadletters?app={APP}");
    let letter = eventually("a dead letter", async || {
        let letters = admin.get(&path).await.expect(200);
        letters["deadLetters"].as_array().and_then(|letters| letters.first()).cloned()
    })
    .await;
    assert_eq!((&letter["trigger"], &letter["attempts"]), (&json!("conversation:message"), &json!(3)));
    rig.receiver.always_answer(200);
    let replay = format!("/heliograph/v1/deadletters/replay?app={APP}");
    admin.post(&replay, &json!({"ids": [letter["id"]]})).await.expect(200);
    let told = rig.receiver.told_of("conversation:message", |_| true).await;
    let calls = rig.receiver.arrivals();
    assert_eq!(calls.len(), 4);
    for call in &calls {
        assert_eq!(events_in(&call.event), std::slice::from_ref(&told));
        assert_eq!(call.webhook_id(), told["id"]);
    }
}
