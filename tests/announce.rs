//! How events reach the customer: headers, signature, retries, dead letters, and where they may not go.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::harness::config::{APP, WEBHOOK, WEBHOOK_SECRET};
use crate::harness::receiver::Arrival;
use crate::harness::signing::assert_signed;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    a_webhook_is_signed_and_carries_the_key,
    a_standard_webhooks_secret_is_decoded,
    a_webhook_is_tried_again_under_the_same_id,
    an_exhausted_webhook_becomes_a_dead_letter_and_can_be_replayed,
    a_final_refusal_is_not_tried_again,
    a_redirect_is_not_followed,
    a_private_address_is_not_called,
}

const NUMBER: &str = "+15145550152";

async fn a_webhook_is_signed_and_carries_the_key(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.notify_and_deliver(NUMBER, "signed").await;
    let arrivals = rig.receiver.arrivals();
    for arrival in &arrivals {
        assert_eq!(arrival.header("x-api-key"), WEBHOOK_SECRET);
        assert!(arrival.header("content-type").starts_with("application/json"));
        assert_signed(arrival, WEBHOOK_SECRET);
        assert!(arrival.header("webhook-timestamp").parse::<i64>().expect("seconds") > 1_700_000_000);
        assert_eq!((&arrival.event["app"]["_id"], &arrival.event["version"]), (&json!(APP), &json!("v1.1")));
    }
    let ids: HashSet<&str> = arrivals.iter().map(Arrival::webhook_id).collect();
    assert_eq!(ids.len(), arrivals.len(), "each event has its own id");
}

async fn a_standard_webhooks_secret_is_decoded(engine: Engine) {
    let secret = "whsec_ZmFrZS13ZWJob29rLXNlY3JldC1mYWtl";
    let rig = Rig::with(engine, |config| config.set("apps.0.webhooks.0.secret", secret)).await;
    rig.notify_and_deliver(NUMBER, "signed").await;
    for arrival in rig.receiver.arrivals() {
        assert_signed(&arrival, secret);
    }
}

async fn a_webhook_is_tried_again_under_the_same_id(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.receiver.answer_next(&[500, 429, 410, 302]);
    let (id, _) = rig.notify_and_deliver(NUMBER, "again").await;
    rig.receiver.about("notification:delivery:channel", &id).await;
    eventually("all tries", async || (rig.receiver.arrivals().len() >= 6).then_some(())).await;
    let arrivals = rig.receiver.arrivals();
    let refused = arrivals.iter().filter(|arrival| arrival.status / 100 != 2);
    for one in refused {
        let mut again = arrivals.iter().filter(|other| other.webhook_id() == one.webhook_id());
        let taken = again.find(|other| other.status == 200).expect("each was taken in the end");
        assert_eq!(taken.body, one.body);
        assert_signed(taken, WEBHOOK_SECRET);
    }
}

/// The dead letters of the declared webhook, when there are this many.
async fn dead_letters(rig: &Rig, count: usize) -> Vec<Value> {
    let path = format!("/heliograph/v1/deadletters?app={APP}&webhook={WEBHOOK}");
    eventually(&format!("{count} dead letters"), async || {
        let body = rig.gateway.admin().get(&path).await.expect(200);
        let letters = body["deadLetters"].as_array().expect("deadLetters").clone();
        (letters.len() == count).then_some(letters)
    })
    .await
}

async fn an_exhausted_webhook_becomes_a_dead_letter_and_can_be_replayed(engine: Engine) {
    let rig = Rig::with(engine, |config| config.list("webhooks.schedule", &["50ms", "50ms"])).await;
    rig.receiver.always_answer(503);
    let id = rig.notify(NUMBER, "lost for now").await;
    // Two events of the notification; each is tried at once and twice more.
    let letters = dead_letters(&rig, 2).await;
    for letter in &letters {
        assert_eq!((&letter["attempts"], &letter["lastStatus"]), (&json!(3), &json!(503)), "{letter}");
        assert_eq!((&letter["app"], &letter["webhook"]), (&json!(APP), &json!(WEBHOOK)));
        assert_eq!(letter["target"], rig.receiver.url);
    }
    let triggers: HashSet<&str> = letters.iter().filter_map(|letter| letter["trigger"].as_str()).collect();
    assert_eq!(triggers, HashSet::from(["notification:delivery:channel", "notification:delivery:user"]));
    assert_eq!(rig.receiver.arrivals().len(), 6);

    rig.receiver.always_answer(200);
    let ids: Vec<&Value> = letters.iter().map(|letter| &letter["id"]).collect();
    let path = format!("/heliograph/v1/deadletters/replay?app={APP}");
    let replayed = rig.gateway.admin().post(&path, &json!({"ids": ids})).await.expect(200);
    assert_eq!(replayed, json!({"replayed": 2}));
    rig.receiver.about("notification:delivery:channel", &id).await;
    rig.receiver.about("notification:delivery:user", &id).await;
    dead_letters(&rig, 0).await;
    let ids: HashSet<String> =
        rig.receiver.arrivals().iter().map(|arrival| arrival.webhook_id().to_owned()).collect();
    assert_eq!(ids.len(), 2, "a replay keeps the webhook's id");
}

async fn a_final_refusal_is_not_tried_again(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.receiver.answer_next(&[400, 404]);
    rig.notify(NUMBER, "never").await;
    let letters = dead_letters(&rig, 2).await;
    assert!(letters.iter().all(|letter| letter["attempts"] == 1), "{letters:?}");
    assert_eq!(rig.receiver.arrivals().len(), 2);
}

async fn a_redirect_is_not_followed(engine: Engine) {
    let rig = Rig::with(engine, |config| config.list("webhooks.schedule", &["20ms"])).await;
    rig.receiver.always_answer(307);
    rig.notify(NUMBER, "elsewhere").await;
    let letters = dead_letters(&rig, 2).await;
    assert!(letters.iter().all(|letter| letter["lastStatus"] == 307), "{letters:?}");
}

async fn a_private_address_is_not_called(engine: Engine) {
    let rig =
        Rig::with(engine, |config| config.list("egress.allow", &[]).list("webhooks.schedule", &["50ms"]))
            .await;
    rig.notify(NUMBER, "hidden").await;
    let letters = dead_letters(&rig, 2).await;
    for letter in &letters {
        assert!(letter["lastError"].as_str().is_some_and(|error| !error.is_empty()), "{letter}");
        assert!(letter.get("lastStatus").is_none_or(Value::is_null), "{letter}");
    }
    assert!(rig.receiver.arrivals().is_empty());
    rig.gateway.open_admin().get("/healthz").await.expect(200);
}
