//! One person's messages leave in the order in which they were accepted.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::config::{Config, LIMITS};
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    notifications_to_one_number_leave_in_order,
    a_failing_number_does_not_hold_back_another,
    a_receipt_that_overtakes_the_answer_keeps_the_events_in_order,
    every_piece_of_a_long_text_keeps_the_pace,
}

async fn notifications_to_one_number_leave_in_order(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("send.reconcileWindow", "100ms")).await;
    let number = "+15145550143";
    rig.sim()
        .rule(json!({"destination": number, "behaviour": "throttle", "retryAfter": 0.2, "times": 2}))
        .await;
    let texts: Vec<String> = (1..=8).map(|count| format!("message {count}")).collect();
    for text in &texts {
        rig.notify(number, text).await;
    }
    let sent = eventually("all eight", async || {
        let sent = rig.sim().sent_to(number).await;
        (sent.len() == texts.len()).then_some(sent)
    })
    .await;
    let order: Vec<&str> = sent.iter().filter_map(|one| one["text"].as_str()).collect();
    assert_eq!(order, texts);
}

async fn a_failing_number_does_not_hold_back_another(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("send.reconcileWindow", "30s")).await;
    let (stuck, free) = ("+15145550144", "+15145550145");
    rig.sim().rule(json!({"destination": stuck, "behaviour": "hang", "ms": 3000, "times": 1})).await;
    rig.notify(stuck, "slow").await;
    rig.sim().first_to(stuck).await;
    let (id, _) = rig.notify_and_deliver(free, "quick").await;
    assert_eq!(rig.receiver.triggers_about(&id).len(), 2);
}

async fn a_receipt_that_overtakes_the_answer_keeps_the_events_in_order(engine: Engine) {
    let rig = Rig::start(engine).await;
    let number = "+15145550162";
    rig.sim().pace(json!({"latencyMs": 800, "receiptDelayMs": 0})).await;
    let (id, _) = rig.notify_and_deliver(number, "overtaken").await;
    rig.settled(number).await;
    assert_eq!(
        rig.receiver.triggers_about(&id),
        ["notification:delivery:channel", "notification:delivery:user"]
    );
}

async fn every_piece_of_a_long_text_keeps_the_pace(engine: Engine) {
    let slow =
        |config: Config| config.set(&format!("{LIMITS}.perSecond"), 4).set(&format!("{LIMITS}.burst"), 1);
    let rig = Rig::with(engine, slow).await;
    let number = "+15145550163";
    let began = Instant::now();
    let (_, event) = rig.notify_and_deliver(number, &"0123456789".repeat(400)).await;
    assert_eq!(event["externalMessages"].as_array().map(Vec::len), Some(3));
    // Three messages to the provider, a quarter of a second apart; how much longer it took is the machine's affair.
    assert!(began.elapsed() >= Duration::from_millis(450), "{:?}", began.elapsed());
}
