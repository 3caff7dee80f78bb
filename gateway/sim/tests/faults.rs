//! Networks that break, receipts that come as they please, limits that change, files that are gone.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ANN, Stage, until};

impl Stage {
    /// A send that gets no whole answer; answers what went wrong.
    async fn fails(&self) -> reqwest::Error {
        let request = self.send_request(&[("To", ANN), ("From", "+15145550100"), ("Body", "x")]);
        match request.send().await {
            Ok(answer) => answer.text().await.expect_err("half an answer at most"),
            Err(error) => error,
        }
    }

    async fn calls(&self) -> Vec<(String, bool)> {
        let (_, answer) = self.call("GET", "/control/calls", Value::Null).await;
        let calls = answer["calls"].as_array().expect("a list").iter();
        calls.map(|call| (call["told"].to_string(), call["providerId"].is_string())).collect()
    }

    async fn limits(&self) -> Value {
        self.call("GET", "/control/limits", Value::Null).await.1["limits"][0].clone()
    }
}

/// The innermost reason, which tells a reset from an end.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[tokio::test]
async fn connections_are_reset_before_and_after_the_body() {
    let stage = Stage::set().await;
    for (behaviour, taken) in [("reset-before-body", 0), ("reset", 0), ("accept-then-reset", 1)] {
        stage.rule(json!({"behaviour": behaviour, "type": "twilio", "times": 1})).await;
        let error = stage.fails().await;
        assert!(reason(&error).contains("reset"), "{behaviour}: {}", reason(&error));
        assert_eq!(stage.sent().await.len(), taken, "{behaviour}");
    }
    let told = |word: &str, taken| (format!("\"{word}\""), taken);
    assert_eq!(stage.calls().await, [told("reset", false), told("reset", true)]);
    assert_eq!(stage.send(ANN).await.0, 201);
    stage.end().await;
}

#[tokio::test]
async fn half_an_answer_ends_the_connection_and_broken_json_does_not() {
    let stage = Stage::set().await;
    stage.rule(json!({"behaviour": "half-answer", "times": 1})).await;
    let error = stage.fails().await;
    assert!(error.is_body() || error.is_decode(), "the head and some of the body came: {error:?}");
    stage.rule(json!({"behaviour": "broken-json", "times": 1})).await;
    let (status, answer) = stage.send(ANN).await;
    assert!(
        status == 201 && answer.as_str().is_some_and(|text| text.starts_with("{\"account_sid\"")),
        "{answer}"
    );
    assert_eq!(stage.sent().await.len(), 2, "both were taken");
    stage.end().await;
}

#[tokio::test]
async fn a_shut_door_refuses_connections_and_opens_again() {
    let stage = Stage::set().await;
    stage.send(ANN).await;
    assert_eq!(stage.call("PUT", "/control/door", json!({"shutMs": 200})).await.0, 200);
    until("refused", async || {
        let request = stage.send_request(&[("To", ANN), ("From", "+15145550100"), ("Body", "x")]);
        request.send().await.is_err_and(|error| error.is_connect())
    })
    .await;
    until("open", async || stage.client.get(&stage.url).send().await.is_ok()).await;
    assert_eq!(stage.send(ANN).await.0, 201);
    stage.end().await;
}

#[tokio::test]
async fn a_provider_may_refuse_in_a_success_and_limit_one_person() {
    let stage = Stage::set().await;
    stage.rule(json!({"behaviour": "refuse", "status": 200, "times": 1})).await;
    let (status, error) = stage.send(ANN).await;
    assert_eq!((status, &error["code"]), (200, &json!(21211)));
    stage.rule(json!({"behaviour": "pair-limit", "times": 1})).await;
    let (status, error) = stage.send(ANN).await;
    assert_eq!((status, &error["code"]), (400, &json!(21611)));
    assert!(stage.sent().await.is_empty());
    stage.end().await;
}

#[tokio::test]
async fn receipts_come_twice_reversed_early_or_not_at_all() {
    let stage = Stage::set().await;
    for (behaviour, expected) in [
        ("duplicate", &["sent", "sent", "delivered", "delivered"][..]),
        ("reorder", &["delivered", "sent"]),
        ("late", &["sent", "delivered"]),
    ] {
        let mut rule = json!({"behaviour": behaviour, "times": 1});
        if behaviour == "late" {
            rule["ms"] = json!(30);
        }
        stage.rule(rule).await;
        let before = stage.gateway.heard().len();
        stage.send(ANN).await;
        until(behaviour, async || stage.gateway.heard().len() == before + expected.len()).await;
        assert_eq!(stage.gateway.statuses()[before..], *expected, "{behaviour}");
    }
    stage.call("PUT", "/control/pace", json!({"receiptDelayMs": 60_000})).await;
    stage.rule(json!({"behaviour": "early", "times": 1})).await;
    let before = stage.gateway.heard().len();
    stage.send(ANN).await;
    assert_eq!(stage.gateway.statuses()[before..], ["sent", "delivered"], "before the answer");

    for (behaviour, shown) in [("missing", "delivered"), ("forge", "delivered"), ("silent", "queued")] {
        stage.call("PUT", "/control/pace", json!({"receiptDelayMs": 0})).await;
        stage.rule(json!({"behaviour": behaviour, "times": 1})).await;
        let before = stage.gateway.heard().len();
        let (_, created) = stage.send(ANN).await;
        let path = format!("{}/Messages/{}.json", super::SID, created["sid"].as_str().expect("an id"));
        until(behaviour, async || stage.get(&path).await.1["status"] == shown).await;
        // A receipt that is believed comes after those that are not.
        stage.send(ANN).await;
        until("the next", async || stage.gateway.heard().len() == before + 2).await;
        assert!(stage.gateway.heard()[before..].iter().all(|form| form["MessageSid"] != created["sid"]));
    }
    stage.end().await;
}

#[tokio::test]
async fn a_limit_changes_in_mid_run_and_counts() {
    let stage = Stage::set().await;
    let set = async |limit: Value| stage.call("PUT", "/control/limits", limit).await.0;
    assert_eq!(
        set(json!({"integrationId": "number", "perSecond": 0.01, "burst": 2, "retryAfter": 7})).await,
        200
    );
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(stage.send(ANN).await.0);
    }
    assert_eq!(statuses, [201, 201, 429, 429]);
    let limits = stage.limits().await;
    assert_eq!(
        (&limits["accepted"], &limits["throttled"], &limits["burst"]),
        (&json!(2), &json!(2), &json!(2.0))
    );
    assert_eq!(set(json!({"integrationId": "number", "perSecond": null})).await, 200);
    assert_eq!(stage.send(ANN).await.0, 201);
    assert_eq!(stage.limits().await["accepted"], 3);
    assert_eq!(set(json!({"integrationId": "nobody", "perSecond": 1})).await, 400);
    stage.end().await;
}

#[tokio::test]
async fn files_whose_time_is_over_are_gone() {
    let stage = Stage::set().await;
    for (name, status) in [("photo.png", 200), ("expired.png", 410), ("missing.png", 404)] {
        let answer = stage.client.get(format!("{}/files/{name}", stage.url)).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{name}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_chance_makes_some_sends_fail() {
    let stage = Stage::set().await;
    stage.rule(json!({"behaviour": "error", "chance": 0.5, "seed": 3})).await;
    let mut broken = 0;
    for _ in 0..40 {
        broken += usize::from(stage.send(ANN).await.0 == 500);
    }
    assert!((5..35).contains(&broken), "{broken}");
    let rule = json!({"status": 500, "chance": 0.5, "seed": 3});
    assert_eq!(stage.call("POST", "/control/inbox", rule).await.0, 200);
    let mut refused = 0;
    for _ in 0..40 {
        refused += usize::from(stage.call("POST", "/inbox", json!({})).await.0 == 500);
    }
    assert!((5..35).contains(&refused), "{refused}");
    tokio::time::timeout(Duration::from_secs(5), stage.end()).await.expect("an end");
}
