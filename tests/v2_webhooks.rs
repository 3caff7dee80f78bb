//! The webhooks of custom integrations, and how both versions see those of the other.

use serde_json::{Value, json};

use crate::harness::config::{APP, OTHER_APP};
use crate::harness::custom::v2_of_app;
use crate::harness::simulator::of_app;
use crate::harness::{Config, Engine, Rig, on_both_engines};

on_both_engines! {
    a_webhook_is_made_changed_and_removed,
    a_webhook_says_where_to_post_and_what,
    the_last_one_stays,
    an_app_has_ten_over_both_versions,
    v1_lists_them_and_speaks_their_words,
    the_file_declares_them_too,
}

const TARGET: &str = "http://example.com/hook";

fn id_of(webhook: &Value) -> &str {
    webhook["id"].as_str().expect("an id")
}

fn asked(triggers: &[&str]) -> Value {
    json!({"target": TARGET, "triggers": triggers})
}

async fn a_webhook_is_made_changed_and_removed(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let custom = rig.custom(&["*"]).await;
    let webhooks = v2_of_app("/integrations/me/webhooks");
    let made = custom.api.post(&webhooks, &asked(&["client:add"])).await.expect(201)["webhook"].clone();
    let expected = json!({
        "id": made["id"], "version": "v2", "target": TARGET, "triggers": ["client:add"],
        "secret": made["secret"], "includeFullUser": false, "includeFullSource": false,
    });
    assert_eq!(made, expected);
    assert_eq!(custom.api.get(&webhooks).await.expect(200), json!({"webhooks": [custom.webhook, made]}));
    let path = format!("{webhooks}/{}", id_of(&made));
    let change = json!({"triggers": ["user:update"], "includeFullSource": true, "secret": "fake-own"});
    let changed = custom.api.patch(&path, &change).await.expect(200)["webhook"].clone();
    let mut expected = made.clone();
    (expected["triggers"], expected["includeFullSource"]) = (json!(["user:update"]), json!(true));
    assert_eq!(changed, expected, "all else stays, the secret too");
    rig.gateway.kill();
    rig.gateway.start().await;
    let path = v2_of_app(&format!("/integrations/{}/webhooks/{}", custom.id, id_of(&made)));
    let api = rig.gateway.api();
    assert_eq!(api.get(&path).await.expect(200)["webhook"], changed);
    assert_eq!(api.delete(&path).await.expect(200), json!({}));
    assert_eq!(api.get(&path).await.refused_v2(404, "not_found"), "Resource not found");
    api.patch(&path, &json!({})).await.refused_v2(404, "not_found");
    api.delete(&path).await.refused_v2(404, "not_found");
}

async fn a_webhook_says_where_to_post_and_what(engine: Engine) {
    let rig = Rig::start(engine).await;
    let custom = rig.custom(&["*"]).await;
    let webhooks = v2_of_app("/integrations/me/webhooks");
    for (body, title) in [
        (json!({"triggers": ["*"]}), "should have required property 'target'"),
        (json!({"target": TARGET}), "should have required property 'triggers'"),
        (json!({"target": "hook", "triggers": []}), ".target: "),
        (asked(&["message:appUser"]), ".triggers[0]: "),
        (asked(&["Client:add"]), ".triggers[0]: "),
        (json!({"target": TARGET, "triggers": [], "includeFullUser": "yes"}), ".includeFullUser: "),
    ] {
        let said = custom.api.post(&webhooks, &body).await.refused_v2(400, "bad_request");
        assert!(said.starts_with(title), "{said}");
    }
    custom.api.post(&webhooks, &asked(&["*", "notification:delivery:user"])).await.expect(201);
}

async fn the_last_one_stays(engine: Engine) {
    let rig = Rig::start(engine).await;
    let custom = rig.custom(&["*"]).await;
    let webhooks = v2_of_app("/integrations/me/webhooks");
    let kept = "A custom integration keeps at least one webhook";
    let own = format!("{webhooks}/{}", id_of(&custom.webhook));
    assert_eq!(custom.api.delete(&own).await.refused_v2(400, "bad_request"), kept);
    let through_v1 = of_app(&format!("/webhooks/{}", id_of(&custom.webhook)));
    assert_eq!(rig.gateway.api().delete(&through_v1).await.refused(400, "bad_request"), kept);
    custom.api.post(&webhooks, &asked(&["*"])).await.expect(201);
    custom.api.delete(&own).await.expect(200);
    assert_eq!(custom.api.get(&webhooks).await.expect(200)["webhooks"].as_array().map(Vec::len), Some(1));
}

async fn an_app_has_ten_over_both_versions(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    // One is declared, one is the custom integration's.
    let custom = rig.custom(&["*"]).await;
    for _ in 0..4 {
        api.post(&of_app("/webhooks"), &json!({"target": TARGET})).await.expect(201);
        custom.api.post(&v2_of_app("/integrations/me/webhooks"), &asked(&["*"])).await.expect(201);
    }
    let full = "may have at most 10 webhooks";
    let more = json!({"type": "custom", "webhooks": [asked(&["*"])]});
    for said in [
        api.post(&of_app("/webhooks"), &json!({"target": TARGET})).await.refused(400, "bad_request"),
        custom
            .api
            .post(&v2_of_app("/integrations/me/webhooks"), &asked(&["*"]))
            .await
            .refused_v2(400, "bad_request"),
        api.post(&v2_of_app("/integrations"), &more).await.refused_v2(400, "bad_request"),
    ] {
        assert!(said.ends_with(full), "{said}");
    }
    let listed = api.get(&v2_of_app("/integrations?filter[types]=custom")).await.expect(200);
    let listed = listed["integrations"].as_array().expect("a list").clone();
    assert_eq!(listed.len(), 6, "what is half made is not there: {listed:?}");
    assert!(listed.iter().all(|one| one["webhooks"].as_array().map(Vec::len) == Some(1)), "{listed:?}");
}

async fn v1_lists_them_and_speaks_their_words(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (custom, api) = (rig.custom(&["client:add"]).await, rig.gateway.api());
    let path = of_app(&format!("/webhooks/{}", id_of(&custom.webhook)));
    let expected = json!({
        "_id": custom.webhook["id"], "version": "v2", "target": custom.webhook["target"],
        "triggers": ["client:add"], "secret": custom.webhook["secret"],
        "includeClient": false, "includeFullAppUser": false,
    });
    assert_eq!(api.get(&path).await.expect(200)["webhook"], expected);
    let listed = api.get(&of_app("/webhooks")).await.expect(200);
    assert!(listed["webhooks"].as_array().expect("a list").contains(&expected), "{listed}");
    let said = api.put(&path, &json!({"triggers": ["message:appUser"]})).await.refused(400, "bad_request");
    assert!(said.starts_with("triggers[0]: "), "{said}");
    let change = json!({"triggers": ["user:merge"], "includeFullAppUser": true});
    api.put(&path, &change).await.expect(200);
    let webhooks = custom.api.get(&v2_of_app("/integrations/me/webhooks")).await.expect(200);
    let one = &webhooks["webhooks"][0];
    assert_eq!((&one["triggers"], &one["includeFullUser"]), (&json!(["user:merge"]), &json!(true)));
    api.get(&path.replace(APP, OTHER_APP)).await.refused(403, "forbidden");
}

async fn the_file_declares_them_too(engine: Engine) {
    let declared = |config: Config| {
        let config = config.set("apps.0.webhooks.0.version", "v2");
        config.list("apps.0.webhooks.0.triggers", &["conversation:message"])
    };
    let rig = Rig::with(engine, declared).await;
    let listed = rig.gateway.api().get(&of_app("/webhooks")).await.expect(200);
    let one = &listed["webhooks"][0];
    assert_eq!((&one["version"], &one["triggers"]), (&json!("v2"), &json!(["conversation:message"])));
}
