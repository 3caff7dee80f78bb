//! A receiver that fails now and then: what arrives in the end, and in which order.

use std::collections::{HashMap, HashSet};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::harness::receiver::Arrival;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    a_failing_receiver_hears_everything_once_in_order_when_strict,
    a_failing_receiver_hears_everything_once_and_first_tries_come_in_order,
}

const PEOPLE: usize = 200;
const WORDS: [&str; 3] = ["one", "two", "three"];

/// Lets 200 people say three things each while three posts in ten fail, and waits until all was taken.
async fn talked(engine: Engine, ordering: &str) -> Vec<Arrival> {
    let rig = Rig::with(engine, |config| {
        let config = config.list("webhooks.schedule", &["20ms"; 20]).set("webhooks.ordering", ordering);
        config.list("apps.0.webhooks.0.triggers", &["message:appUser"])
    })
    .await;
    let mut chance = StdRng::seed_from_u64(20_261_121);
    let statuses: Vec<u16> = (0..3_000).map(|_| if chance.random_bool(0.3) { 500 } else { 200 }).collect();
    rig.receiver.answer_next(&statuses);
    let mut talks = tokio::task::JoinSet::new();
    for first in 0..10 {
        let sim = rig.sim();
        talks.spawn(async move {
            for word in WORDS {
                for person in (first..PEOPLE).step_by(10) {
                    sim.write(&format!("+1514555{person:04}"), word).await;
                }
            }
        });
    }
    while let Some(talk) = talks.join_next().await {
        talk.expect("everything is taken");
    }
    eventually("everything to be taken", async || {
        let taken = rig.receiver.arrivals().into_iter().filter(|arrival| arrival.status == 200);
        let ids: HashSet<String> = taken.map(|arrival| arrival.webhook_id().to_owned()).collect();
        (ids.len() == PEOPLE * WORDS.len()).then_some(())
    })
    .await;
    rig.receiver.arrivals()
}

/// What each person said, in the order of these arrivals, repeats of one webhook id left out.
fn said<'a>(arrivals: impl Iterator<Item = &'a Arrival>) -> HashMap<String, Vec<String>> {
    let mut seen = HashSet::new();
    let mut said = HashMap::<String, Vec<String>>::new();
    for arrival in arrivals.filter(|arrival| seen.insert(arrival.webhook_id().to_owned())) {
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let person = text(&arrival.event["appUser"]["_id"]);
        said.entry(person).or_default().push(text(&arrival.event["messages"][0]["text"]));
    }
    said
}

fn assert_in_order(said: &HashMap<String, Vec<String>>) {
    assert_eq!(said.len(), PEOPLE);
    for (person, words) in said {
        assert_eq!(words, &WORDS, "{person}");
    }
}

async fn a_failing_receiver_hears_everything_once_in_order_when_strict(engine: Engine) {
    let arrivals = talked(engine, "strict").await;
    assert_in_order(&said(arrivals.iter().filter(|arrival| arrival.status == 200)));
}

async fn a_failing_receiver_hears_everything_once_and_first_tries_come_in_order(engine: Engine) {
    let arrivals = talked(engine, "relaxed").await;
    assert_in_order(&said(arrivals.iter()));
    let mut taken = said(arrivals.iter().filter(|arrival| arrival.status == 200));
    taken.values_mut().for_each(|words| words.sort());
    assert!(taken.values().all(|words| words == &["one", "three", "two"]), "each once: {taken:?}");
}
