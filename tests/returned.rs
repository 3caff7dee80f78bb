//! Messages that the provider took, and by receipt says it did not send because of a limit.

use serde_json::{Value, json};

use crate::harness::config::{APP, TWILIO};
use crate::harness::line::called;
use crate::harness::receiver::DELIVERED;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    what_a_receipt_calls_too_much_is_sent_again_later,
    a_limit_at_one_person_is_nobody_elses,
    whatsapp_takes_a_throttled_message_back,
    it_ends_when_the_message_expires,
}

const NUMBER: &str = "+15145550186";

fn lines<'a>(trace: &'a Value, what: &str) -> Vec<&'a str> {
    let timeline = trace["timeline"].as_array().expect("a timeline");
    let found = timeline.iter().filter(|moment| moment["what"] == what);
    found.map(|moment| moment["detail"].as_str().unwrap_or_default()).collect()
}

async fn what_a_receipt_calls_too_much_is_sent_again_later(engine: Engine) {
    let rig = Rig::start(engine).await;
    let path = format!("/heliograph/v1/integrations/{TWILIO}/limits?app={APP}");
    let set = rig.gateway.admin().get(&path).await.expect(200)["now"]["rate"].as_f64().expect("a rate");
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "fail", "code": "30022", "times": 1})).await;
    let (id, event) = rig.notify_and_deliver(NUMBER, "too fast").await;
    let sent = rig.sim().sent_to(NUMBER).await;
    assert_eq!(sent.len(), 2, "it was sent again");
    assert_eq!(event["externalMessages"], json!([{"id": sent[1]["providerId"]}]));
    let trace = rig.timeline(&id).await;
    assert!(lines(&trace, "throttled")[0].starts_with("waits 1.0s: 30022"), "{trace}");
    assert_eq!(lines(&trace, "failed").len(), 0, "{trace}");
    eventually("the rate is cut", async || {
        let now = rig.gateway.admin().get(&path).await.expect(200)["now"].clone();
        (now["rate"].as_f64()? < set).then_some(())
    })
    .await;
    // The same word about the first message again is about nothing any more.
    let again = json!({"providerId": sent[0]["providerId"], "status": "undelivered", "errorCode": "30022"});
    assert_eq!(rig.sim().control("/control/receipt", &again).await["status"], 200);
    rig.settled(NUMBER).await;
    assert_eq!(rig.receiver.triggers_about(&id), DELIVERED);
    assert_eq!(rig.sim().sent_to(NUMBER).await.len(), 2);
    let audit = rig.gateway.admin().get(&format!("/heliograph/v1/audit?app={APP}")).await.expect(200);
    assert_eq!(audit["balanced"], true, "{audit}");
    let rows = audit["apps"][0]["integrations"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["id"] == TWILIO).expect("the integration");
    assert_eq!(row["resentAfterUnknown"], 0, "what was not sent is doubled by nothing: {row}");
}

async fn a_limit_at_one_person_is_nobody_elses(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "fail", "code": "30027"})).await;
    let id = rig.notify(NUMBER, "their carrier has enough").await;
    let throttled = eventually("it is taken back", async || {
        let trace = rig.timeline(&id).await;
        lines(&trace, "throttled").first().map(ToString::to_string)
    })
    .await;
    assert!(throttled.starts_with("waits 3600.0s: 30027"), "{throttled}");
    rig.notify_and_deliver("+15145550187", "another carrier").await;
    assert_eq!(rig.timeline(&id).await["state"], "queued");
    assert_eq!(rig.receiver.triggers_about(&id), DELIVERED[..1]);
}

async fn whatsapp_takes_a_throttled_message_back(engine: Engine) {
    let line = called("whatsapp");
    let rig = Rig::with(engine, |config| line.join(config)).await;
    rig.sim()
        .rule(json!({"destination": line.person, "behaviour": "fail", "code": "130429", "times": 1}))
        .await;
    let body = json!({
        "destination": {"integrationId": line.integration, "destinationId": line.person},
        "author": {"role": "appMaker"},
        "message": {"type": "text", "text": "too fast"},
    });
    let answer = rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
    let id = answer["notification"]["_id"].as_str().expect("an id").to_owned();
    rig.receiver.about("notification:delivery:user", &id).await;
    assert_eq!(rig.receiver.triggers_about(&id), DELIVERED);
    let trace = rig.timeline(&id).await;
    assert!(lines(&trace, "throttled")[0].starts_with("waits 2.0s: 130429"), "{trace}");
}

async fn it_ends_when_the_message_expires(engine: Engine) {
    let rig = Rig::with(engine, |config| config.set("send.expiresAfter", "1500ms")).await;
    rig.sim().rule(json!({"destination": NUMBER, "behaviour": "fail", "code": "30022"})).await;
    let id = rig.notify(NUMBER, "never").await;
    let event = rig.receiver.about("notification:delivery:failure", &id).await;
    assert_eq!(event["isFinalEvent"], true);
    rig.receiver.quiet().await;
    assert_eq!(
        rig.receiver.triggers_about(&id),
        ["notification:delivery:channel", "notification:delivery:failure"]
    );
}
