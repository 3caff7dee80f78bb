//! Webhook subscriptions: made, listed, changed and removed through the API.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::config::{APP, WEBHOOK};
use crate::harness::receiver::Receiver;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, eventually, on_both_engines};

on_both_engines! {
    a_webhook_is_made_with_a_secret_and_default_triggers,
    a_webhook_is_changed_and_removed,
    a_webhook_must_have_a_target_and_known_triggers,
    an_app_has_ten_webhooks_at_most,
    who_asks_at_once_makes_no_eleventh_webhook,
    a_new_webhook_hears_what_it_subscribed_to,
    a_declared_webhook_belongs_to_the_file,
}

const TARGET: &str = "http://example.com/callback";

async fn make(rig: &Rig, body: Value) -> Value {
    rig.gateway.api().post(&of_app("/webhooks"), &body).await.expect(201)["webhook"].clone()
}

fn path_of(webhook: &Value) -> String {
    of_app(&format!("/webhooks/{}", webhook["_id"].as_str().expect("an id")))
}

async fn a_webhook_is_made_with_a_secret_and_default_triggers(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v1/webhook");
    let made = rig.gateway.api().post(&of_app("/webhooks"), &json!({"target": TARGET})).await.expect(201);
    golden.compare("created.json", &made);
    assert!(golden.holes.text("secret").len() >= 24, "a secret nobody guesses");
    golden.compare("created.json", &rig.gateway.api().get(&path_of(&made["webhook"])).await.expect(200));
    let list = rig.gateway.api().get(&of_app("/webhooks")).await.expect(200);
    let list = list["webhooks"].as_array().expect("webhooks");
    assert!(list.contains(&made["webhook"]), "{list:?}");
    assert!(list.iter().any(|one| one["_id"] == WEBHOOK), "the declared webhook is listed too");
}

async fn a_webhook_is_changed_and_removed(engine: Engine) {
    let rig = Rig::start(engine).await;
    let made = make(&rig, json!({"target": TARGET, "triggers": ["message:appUser"]})).await;
    let change = json!({"triggers": ["notification:delivery:failure"], "includeClient": true});
    let changed = rig.gateway.api().put(&path_of(&made), &change).await.expect(200)["webhook"].clone();
    let mut expected = made.clone();
    expected["triggers"] = json!(["notification:delivery:failure"]);
    expected["includeClient"] = json!(true);
    assert_eq!(changed, expected);
    assert_eq!(rig.gateway.api().get(&path_of(&made)).await.expect(200)["webhook"], expected);
    assert_eq!(rig.gateway.api().delete(&path_of(&made)).await.expect(200), json!({}));
    assert_eq!(rig.gateway.api().get(&path_of(&made)).await.status, 404);
}

async fn a_webhook_must_have_a_target_and_known_triggers(engine: Engine) {
    let rig = Rig::start(engine).await;
    for (body, field) in [
        (json!({"triggers": ["*"]}), "target"),
        (json!({"target": "callback"}), "target"),
        (json!({"target": "ftp://example.com/"}), "target"),
        (json!({"target": TARGET, "triggers": ["message:appuser"]}), "triggers"),
        (json!({"target": TARGET, "triggers": "message"}), "triggers"),
        (json!({"target": TARGET, "includeClient": "yes"}), "includeClient"),
    ] {
        let answer = rig.gateway.api().post(&of_app("/webhooks"), &body).await;
        let description = answer.refused(400, "bad_request");
        assert!(description.contains(field), "{description:?} does not name {field}");
    }
    let accepted = [
        "*",
        "message",
        "message:appUser",
        "message:appMaker",
        "message:delivery:channel",
        "message:delivery:user",
        "message:delivery:failure",
        "notification:delivery:channel",
        "notification:delivery:user",
        "notification:delivery:failure",
        "notification:match:failure",
        "conversation:start",
        "conversation:read",
        "conversation:referral",
        "postback",
        "link:match",
        "link:success",
        "link:failure",
        "client:add",
        "client:remove",
        "client:update",
        "merge:appUser",
        "appUser:delete",
        "typing:appUser",
        "payment:success",
    ];
    make(&rig, json!({"target": TARGET, "triggers": accepted})).await;
}

async fn an_app_has_ten_webhooks_at_most(engine: Engine) {
    let rig = Rig::start(engine).await;
    // One is declared in the configuration.
    for count in 2..=10 {
        make(&rig, json!({"target": format!("{TARGET}/{count}")})).await;
    }
    let one_more = json!({"target": format!("{TARGET}/11")});
    rig.gateway.api().post(&of_app("/webhooks"), &one_more).await.refused(400, "bad_request");
    let list = rig.gateway.api().get(&format!("/v1.1/apps/{APP}/webhooks")).await.expect(200);
    assert_eq!(list["webhooks"].as_array().map(Vec::len), Some(10));
}

async fn who_asks_at_once_makes_no_eleventh_webhook(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut callers = JoinSet::new();
    for count in 0..30 {
        let api = rig.gateway.api();
        let body = json!({"target": format!("{TARGET}/{count}")});
        callers.spawn(async move { api.post(&of_app("/webhooks"), &body).await.status });
    }
    let answers = callers.join_all().await;
    // One is declared in the configuration.
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 9, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 400).count(), 21, "{answers:?}");
    let list = rig.gateway.api().get(&of_app("/webhooks")).await.expect(200);
    assert_eq!(list["webhooks"].as_array().map(Vec::len), Some(10));
}

async fn a_new_webhook_hears_what_it_subscribed_to(engine: Engine) {
    let rig = Rig::start(engine).await;
    let second = Receiver::start().await;
    let body = json!({"target": second.url, "triggers": ["message:appUser"], "includeClient": true});
    let made = make(&rig, body).await;
    rig.notify_and_deliver("+15145550151", "not for the second").await;
    // Other nodes learn of a new webhook within a second; so may this one's outbox.
    let event = eventually("the new webhook to hear", async || {
        rig.sim().write("+15145550151", "for both").await;
        second.events().into_iter().next()
    })
    .await;
    assert_eq!(event["trigger"], "message:appUser");
    assert_eq!(event["client"]["externalId"], "+15145550151");
    let arrival = &second.arrivals()[0];
    assert_eq!(arrival.header("x-api-key"), made["secret"].as_str().expect("a secret"));
    assert!(second.triggers().iter().all(|trigger| trigger == "message:appUser"));
}

async fn a_declared_webhook_belongs_to_the_file(engine: Engine) {
    let rig = Rig::start(engine).await;
    let path = of_app(&format!("/webhooks/{WEBHOOK}"));
    rig.gateway.api().put(&path, &json!({"triggers": ["*"]})).await.refused(403, "forbidden");
    rig.gateway.api().delete(&path).await.refused(403, "forbidden");
}
