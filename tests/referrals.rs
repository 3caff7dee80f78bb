//! What led people here, as Messenger tells it: once, and a link request's code links them.

use serde_json::{Value, json};

use crate::harness::line::called;
use crate::harness::signing::hmac_sha256;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    a_referral_with_a_link_requests_code_links_the_person,
    a_referral_told_twice_counts_once,
}

const PAGE: &str = "180005062406476";
const NUMBER: &str = "+15145550149";

async fn rig(engine: Engine) -> Rig {
    Rig::with(engine, |config| called("messenger").join(config)).await
}

/// Has Meta tell of something that the person did on the page at a moment.
async fn tell(rig: &Rig, at: i64, mut event: Value) {
    let line = called("messenger");
    event["sender"] = json!({"id": line.person});
    event["recipient"] = json!({"id": PAGE});
    event["timestamp"] = json!(at);
    let entry = json!({"id": PAGE, "time": at, "messaging": [event]});
    let body = json!({"object": "page", "entry": [entry]}).to_string();
    let signature = format!("sha256={}", hex::encode(hmac_sha256(b"fake-app-secret", body.as_bytes())));
    let path = format!("/hooks/messenger/{}", line.integration);
    let headers = [("x-hub-signature-256", signature.as_str())];
    assert_eq!(rig.gateway.anonymous().request("POST", &path, &headers, Some(body)).await.status, 200);
}

fn referral(code: &str) -> Value {
    json!({"ref": code, "source": "SHORTLINK", "type": "OPEN_THREAD"})
}

async fn code_for(rig: &Rig, user: &str) -> String {
    let integration = called("messenger").integration;
    let path = of_app(&format!("/appusers/{user}/linkrequest?integrationIds={integration}"));
    let asked = rig.gateway.api().get(&path).await.expect(200);
    asked["linkRequests"][0]["code"].as_str().expect("a code").to_owned()
}

/// How often each trigger was told of, once nothing more can follow.
async fn told(rig: &Rig, trigger: &str) -> usize {
    rig.settled(NUMBER).await;
    rig.receiver.triggers().iter().filter(|one| *one == trigger).count()
}

async fn a_referral_with_a_link_requests_code_links_the_person(engine: Engine) {
    let rig = rig(engine).await;
    let user = rig.user("steveb@example.com").await;
    let code = code_for(&rig, &user).await;
    // The link opens the page, whose Get Started button brings it along; Meta may tell of it again.
    let started =
        json!({"postback": {"mid": "m_start", "payload": "GET_STARTED", "referral": referral(&code)}});
    for _ in 0..2 {
        tell(&rig, 1_795_255_200_123, started.clone()).await;
    }
    let linked = rig.receiver.trigger("link:success").await;
    assert_eq!((&linked["appUser"]["_id"], &linked["criteria"]), (&json!(user), &json!({})));
    let pressed = rig.receiver.trigger("postback").await;
    assert_eq!(pressed["appUser"]["_id"], user, "who pressed is known by then");
    let shown = rig.get_user(&user).await;
    assert_eq!(shown["clients"][0]["externalId"], called("messenger").person, "{shown}");
    assert_eq!(told(&rig, "link:success").await, 1);
    assert_eq!(told(&rig, "conversation:referral").await, 0);
}

async fn a_referral_told_twice_counts_once(engine: Engine) {
    let rig = rig(engine).await;
    let first = json!({"referral": referral("first")});
    for _ in 0..2 {
        tell(&rig, 1_795_255_200_123, first.clone()).await;
    }
    rig.receiver.trigger("conversation:start").await;
    for _ in 0..2 {
        tell(&rig, 1_795_255_300_123, first.clone()).await;
    }
    let event = rig.receiver.trigger("conversation:referral").await;
    assert_eq!(event["referral"]["code"], "first");
    assert_eq!(told(&rig, "conversation:start").await, 1);
    assert_eq!(told(&rig, "conversation:referral").await, 1, "the same link, opened once more");
}
