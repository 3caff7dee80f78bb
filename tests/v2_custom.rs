//! Custom integrations: a customer's own software, its webhooks and its keys, and v1.1's webhooks seen as such.

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::config::{APP, TWILIO, WEBHOOK};
use crate::harness::custom::v2_of_app;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, eventually, on_both_engines};

on_both_engines! {
    one_is_made_shown_renamed_and_removed,
    one_is_made_with_exactly_one_webhook,
    made_twice_under_one_key_it_is_made_once,
    its_keys_are_made_shown_and_removed,
    channels_have_no_such_keys,
    with_it_go_its_webhooks_and_its_keys,
    a_webhook_of_v1_is_one,
    a_declared_webhook_is_one_that_belongs_to_the_file,
}

const TARGET: &str = "http://example.com/hook";

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn path_of(made: &Value) -> String {
    v2_of_app(&format!("/integrations/{}", text(&made["id"])))
}

async fn make(rig: &Rig, name: &str) -> Value {
    let webhook = json!({"target": TARGET, "triggers": ["user:merge"], "includeFullUser": true});
    let asked = json!({"type": "custom", "displayName": name, "webhooks": [webhook]});
    let answer = rig.gateway.api().post(&v2_of_app("/integrations"), &asked).await;
    answer.expect(201)["integration"].clone()
}

async fn one_is_made_shown_renamed_and_removed(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let mut golden = Golden::of("v2/custom");
    let made = make(&rig, "Helpdesk").await;
    golden.compare("created.json", &json!({ "integration": made }));
    let path = path_of(&made);
    let api = rig.gateway.api();
    assert_eq!(api.get(&path).await.expect(200)["integration"], made);
    let renamed = api.patch(&path, &json!({"displayName": "Desk"})).await.expect(200)["integration"].clone();
    assert_eq!((&renamed["displayName"], &renamed["webhooks"]), (&json!("Desk"), &made["webhooks"]));
    let same = api.patch(&path, &json!({"webhooks": []})).await.expect(200);
    assert_eq!(same["integration"], renamed, "what it does not know it leaves");
    let bare = api.patch(&path, &json!({"displayName": null})).await.expect(200)["integration"].clone();
    assert_eq!(bare.get("displayName"), None);
    rig.gateway.kill();
    rig.gateway.start().await;
    let api = rig.gateway.api();
    assert_eq!(api.get(&path).await.expect(200)["integration"], bare);
    let v1 = of_app(&format!("/integrations/{}", text(&made["id"])));
    api.get(&v1).await.refused(404, "integration_not_found");
    assert_eq!(api.delete(&path).await.expect(200), json!({}));
    assert_eq!(api.get(&path).await.refused_v2(404, "integration_not_found"), "Integration not found");
}

async fn one_is_made_with_exactly_one_webhook(engine: Engine) {
    let rig = Rig::start(engine).await;
    let one = json!({"target": TARGET, "triggers": ["*"]});
    let missing = "should have required property 'webhooks'";
    for (webhooks, title) in [
        (json!(null), missing),
        (json!([]), missing),
        (json!([one, one]), ".webhooks: should not have more than 1 items"),
        (json!([{"target": TARGET}]), ".webhooks[0] should have required property 'triggers'"),
        (json!([{"triggers": ["*"]}]), ".webhooks[0] should have required property 'target'"),
    ] {
        let asked = json!({"type": "custom", "webhooks": webhooks});
        let answer = rig.gateway.api().post(&v2_of_app("/integrations"), &asked).await;
        assert_eq!(answer.refused_v2(400, "bad_request"), title);
    }
    let asked = json!({"type": "custom", "webhooks": [{"target": TARGET, "triggers": ["message"]}]});
    let answer = rig.gateway.api().post(&v2_of_app("/integrations"), &asked).await;
    let title = answer.refused_v2(400, "bad_request");
    assert!(title.starts_with(".webhooks[0].triggers[0]: "), "a name of v1.1 is none of v2: {title}");
}

async fn made_twice_under_one_key_it_is_made_once(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (key, api) = ([("idempotency-key", "once")], rig.gateway.api());
    let asked = json!({"type": "custom", "webhooks": [{"target": TARGET, "triggers": ["*"]}]}).to_string();
    let make =
        async |path: String, body: String| api.request("POST", &path, &key, Some(body)).await.expect(201);
    let made = make(v2_of_app("/integrations"), asked.clone()).await;
    assert_eq!(make(v2_of_app("/integrations"), asked).await, made);
    let path = path_of(&made["integration"]);
    for (rest, body) in [
        ("keys", json!({"displayName": "one"})),
        ("webhooks", json!({"target": TARGET, "triggers": ["user:update"]})),
    ] {
        let one = make(format!("{path}/{rest}"), body.to_string()).await;
        assert_eq!(make(format!("{path}/{rest}"), body.to_string()).await, one);
    }
    assert_eq!(api.get(&format!("{path}/keys")).await.expect(200)["keys"].as_array().map(Vec::len), Some(1));
    let webhooks = api.get(&format!("{path}/webhooks")).await.expect(200);
    assert_eq!(webhooks["webhooks"].as_array().map(Vec::len), Some(2));
}

async fn its_keys_are_made_shown_and_removed(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let custom = rig.custom(&["*"]).await;
    let keys = v2_of_app(&format!("/integrations/{}/keys", custom.id));
    let api = rig.gateway.api();
    let id = text(&custom.key["id"]);
    assert!(id.len() == 28 && id.starts_with("int_"), "{id}");
    assert_eq!(api.get(&keys).await.expect(200), json!({"keys": [custom.key]}));
    let path = format!("{keys}/{id}");
    assert_eq!(api.get(&path).await.expect(200)["key"], custom.key);
    let refused = api.post(&keys, &json!({})).await.refused_v2(400, "bad_request");
    assert_eq!(refused, "should have required property 'displayName'");
    for _ in 1..10 {
        api.post(&keys, &json!({"displayName": "more"})).await.expect(201);
    }
    let eleventh = api.post(&keys, &json!({"displayName": "eleventh"})).await;
    assert_eq!(eleventh.refused_v2(400, "bad_request"), "A custom integration may have at most 10 keys");
    let other = rig.custom(&["*"]).await;
    let theirs = v2_of_app(&format!("/integrations/{}/keys/{id}", other.id));
    api.get(&theirs).await.refused_v2(404, "not_found");
    api.delete(&theirs).await.refused_v2(404, "not_found");
    api.get(&of_app(&format!("/keys/{id}"))).await.refused(403, "forbidden");
    rig.gateway.kill();
    rig.gateway.start().await;
    // What a client finds after a start: the same keys, behind another port.
    let held = Api::basic(rig.gateway.api_address(), &id, &text(&custom.key["secret"]));
    held.get(&v2_of_app("/integrations/me/webhooks")).await.expect(200);
    rig.gateway.api().delete(&path).await.expect(200);
    held.get(&v2_of_app("/integrations/me/webhooks")).await.refused_v2(401, "unauthorized");
    assert_eq!(rig.gateway.api().get(&keys).await.expect(200)["keys"].as_array().map(Vec::len), Some(9));
}

async fn channels_have_no_such_keys(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let keys = v2_of_app(&format!("/integrations/{TWILIO}/keys"));
    for answer in [api.get(&keys).await, api.post(&keys, &json!({"displayName": "k"})).await] {
        let title = answer.refused_v2(400, "bad_request");
        assert_eq!(title, "API keys are available only for custom integrations");
    }
    let webhooks = v2_of_app(&format!("/integrations/{TWILIO}/webhooks"));
    api.get(&webhooks).await.refused_v2(400, "bad_request");
    for rest in ["keys", "webhooks"] {
        let nobody = v2_of_app(&format!("/integrations/{APP}/{rest}"));
        api.get(&nobody).await.refused_v2(404, "integration_not_found");
    }
}

async fn with_it_go_its_webhooks_and_its_keys(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (custom, other) = (rig.custom(&["*"]).await, rig.custom(&["*"]).await);
    let path = v2_of_app(&format!("/integrations/{}", custom.id));
    let second = json!({"target": TARGET, "triggers": ["*"]});
    let second = rig.gateway.api().post(&format!("{path}/webhooks"), &second).await.expect(201);
    rig.gateway.api().delete(&path).await.expect(200);
    custom.api.get(&v2_of_app("/users/nobody")).await.refused_v2(401, "unauthorized");
    other.api.get(&v2_of_app("/users/nobody")).await.refused_v2(404, "user_not_found");
    for webhook in [&custom.webhook, &second["webhook"]] {
        let path = of_app(&format!("/webhooks/{}", text(&webhook["id"])));
        rig.gateway.api().get(&path).await.refused(404, "not_found");
    }
}

async fn a_webhook_of_v1_is_one(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let asked = json!({"target": rig.receiver.url, "triggers": ["notification:delivery:user"]});
    let v1 = api.post(&of_app("/webhooks"), &asked).await.expect(201)["webhook"].clone();
    let id = text(&v1["_id"]);
    let path = v2_of_app(&format!("/integrations/{id}"));
    let shown = api.get(&path).await.expect(200)["integration"].clone();
    let webhook = json!({
        "id": id, "version": "v1.1", "target": v1["target"], "triggers": v1["triggers"], "secret": v1["secret"],
        "includeFullUser": false, "includeFullSource": false,
    });
    let expected = json!({"id": id, "type": "custom", "status": "active", "webhooks": [webhook]});
    assert_eq!(shown, expected);
    let listed = api.get(&v2_of_app("/integrations?filter[types]=custom")).await.expect(200);
    assert!(listed["integrations"].as_array().expect("a list").contains(&expected), "{listed}");
    let renamed = api.patch(&path, &json!({"displayName": "Old"})).await.expect(200)["integration"].clone();
    assert_eq!(renamed["displayName"], "Old");
    // It keeps its words and its payload, whoever changes it.
    let change = |triggers: Value| json!({"triggers": triggers, "includeFullUser": true});
    let own = format!("{path}/webhooks/{id}");
    api.patch(&own, &change(json!(["user:merge"]))).await.refused_v2(400, "bad_request");
    let change = change(json!(["notification:delivery:channel"]));
    assert_eq!(api.patch(&own, &change).await.expect(200)["webhook"]["version"], "v1.1");
    let (sent, _) = rig.notify_and_deliver("+15145550133", "for the old one").await;
    let own = text(&v1["secret"]);
    let heard = eventually("it is told under its own secret", async || {
        rig.receiver.arrivals().into_iter().find(|arrival| arrival.header("x-api-key") == own)
    });
    let body = heard.await.event;
    assert_eq!((&body["version"], &body["notification"]["_id"]), (&json!("v1.1"), &json!(sent)));
    // A key of it, and a second webhook, which is v2's.
    let key =
        api.post(&format!("{path}/keys"), &json!({"displayName": "k"})).await.expect(201)["key"].clone();
    let held = Api::basic(rig.gateway.api_address(), &text(&key["id"]), &text(&key["secret"]));
    let second = json!({"target": TARGET, "triggers": ["user:merge"]});
    let second = held.post(&v2_of_app("/integrations/me/webhooks"), &second).await.expect(201);
    assert_eq!(second["webhook"]["version"], "v2");
    assert_eq!(api.get(&path).await.expect(200)["integration"]["webhooks"][0]["id"], id, "the oldest");
    api.delete(&format!("{path}/webhooks/{}", text(&second["webhook"]["id"]))).await.expect(200);
    // With v1.1 it goes as ever, and its keys with it.
    api.delete(&of_app(&format!("/webhooks/{id}"))).await.expect(200);
    api.get(&path).await.refused_v2(404, "integration_not_found");
    held.get(&v2_of_app("/integrations/me/webhooks")).await.refused_v2(401, "unauthorized");
}

async fn a_declared_webhook_is_one_that_belongs_to_the_file(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let path = v2_of_app(&format!("/integrations/{WEBHOOK}"));
    assert_eq!(api.get(&path).await.expect(200)["integration"]["webhooks"][0]["id"], WEBHOOK);
    for answer in [api.patch(&path, &json!({"displayName": "x"})).await, api.delete(&path).await] {
        let title = answer.refused_v2(403, "forbidden");
        assert_eq!(title, format!("Webhook {WEBHOOK} is declared in the configuration file"));
    }
    api.post(&format!("{path}/keys"), &json!({"displayName": "k"})).await.expect(201);
}
