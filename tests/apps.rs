//! Apps made, listed, changed and removed through the API.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::config::{APP, KEY, OTHER_APP, SECRET, TWILIO};
use crate::harness::rig::notification;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Golden, Rig, eventually, on_both_engines};

on_both_engines! {
    an_app_is_made_and_shown,
    an_app_opens_with_its_own_key_and_no_other,
    an_app_is_changed_field_by_field,
    what_is_wrong_with_an_app_is_named,
    apps_are_listed_in_pages,
    apps_are_listed_by_who_made_them,
    a_removed_app_is_gone_with_its_keys_and_webhooks,
    a_declared_app_belongs_to_the_file,
    what_was_to_be_sent_for_an_app_that_is_gone_ends,
    an_app_has_no_sdks,
    an_app_is_made_once_under_an_idempotency_key,
}

/// Makes an app and answers its id.
async fn make(account: &Api, name: &str) -> String {
    let made = account.post("/v1.1/apps", &json!({"name": name})).await.expect(201);
    made["app"]["_id"].as_str().expect("an id").to_owned()
}

/// A key of an app, as a caller.
async fn key_of(rig: &Rig, app: &str) -> Api {
    let made =
        rig.gateway.account().post(&format!("/v1.1/apps/{app}/keys"), &json!({"name": "its own"})).await;
    let made = made.expect(200);
    let text = |name: &str| made["key"][name].as_str().expect("a text").to_owned();
    Api::basic(rig.gateway.api_address(), &text("_id"), &text("secret"))
}

async fn an_app_is_made_and_shown(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut golden = Golden::of("v1/app");
    let account = rig.gateway.account();
    let asked =
        json!({"name": "Shop", "metadata": {"tier": 1}, "settings": {"echoPostback": true}, "odd": []});
    let made = account.post("/v1.1/apps", &asked).await.expect(201);
    golden.compare("created.json", &made);
    let path = format!("/v1.1/Apps/{}", golden.holes.text("app"));
    golden.compare("created.json", &account.get(&path).await.expect(200));
    let plain = account.post("/v1.1/apps", &json!({"name": "Plain"})).await.expect(201);
    Golden::of("v1/app").compare("plain.json", &plain);
}

async fn an_app_opens_with_its_own_key_and_no_other(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let (app, neighbour) =
        (make(&rig.gateway.account(), "Shop").await, make(&rig.gateway.account(), "Other").await);
    let (own, other) = (key_of(&rig, &app).await, key_of(&rig, &neighbour).await);
    let user = own.post("/v1.1/appusers", &json!({"userId": "ann"})).await.expect(201)["appUser"].clone();
    let path = format!("/v1.1/apps/{app}");
    assert_eq!(own.get(&path).await.expect(200)["app"]["name"], "Shop");
    other.get(&path).await.refused(403, "forbidden");
    rig.gateway.api().get(&path).await.refused(403, "forbidden");
    other.get("/v1.1/appusers/ann").await.refused(404, "user_not_found");
    own.get(&format!("/v1.1/apps/{APP}")).await.refused(403, "forbidden");
    for above in ["/v1.1/apps", "/v1.1/serviceaccounts", "/v1.1/keys", &format!("{path}/keys")] {
        own.get(above).await.refused(403, "forbidden");
    }
    rig.gateway.kill();
    rig.gateway.start().await;
    assert_eq!(
        own.get(&format!("{path}/appusers/ann")).await.expect(200)["appUser"],
        user,
        "after a restart"
    );
}

async fn an_app_is_changed_field_by_field(engine: Engine) {
    let rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let app = make(&account, "Shop").await;
    let (own, path) = (key_of(&rig, &app).await, format!("/v1.1/apps/{app}"));
    let mut expected = own.get(&path).await.expect(200);
    let mut change = async |api: &Api, body: Value, place: &str, value: Value| {
        *expected["app"].pointer_mut(place).expect("a place") = value;
        assert_eq!(api.put(&path, &body).await.expect(200), expected, "{body}");
        assert_eq!(account.get(&path).await.expect(200), expected, "{body}");
    };
    change(&account, json!({"name": "Store"}), "/name", json!("Store")).await;
    let masked = json!({"settings": {"maskCreditCardNumbers": false}});
    change(&own, masked, "/settings/maskCreditCardNumbers", json!(false)).await;
    let animals = json!({"settings": {"useAnimalNames": true}});
    change(&own, animals, "/settings/useAnimalNames", json!(true)).await;
    change(&own, json!({"metadata": {"a": 1, "b": true}}), "/metadata", json!({"a": 1, "b": true})).await;
    change(&own, json!({"metadata": {"c": "x"}}), "/metadata", json!({"c": "x"})).await;
    let keeping = async |seconds: Value| {
        let body = json!({"settings": {"conversationRetentionSeconds": seconds}});
        let shown = own.put(&path, &body).await.expect(200);
        shown["app"]["settings"].get("conversationRetentionSeconds").cloned()
    };
    assert_eq!(keeping(json!(86400)).await, Some(json!(86400)));
    assert_eq!(keeping(json!(null)).await, None, "for ever");
}

async fn what_is_wrong_with_an_app_is_named(engine: Engine) {
    let rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let big = json!({"name": "x", "metadata": {"a": "x".repeat(4096)}});
    for (body, named) in [
        (json!({}), "name"),
        (json!({"name": 5}), "name"),
        (json!({"name": "x", "settings": {"echoPostback": 1}}), "settings.echoPostback"),
        (json!({"name": "x", "metadata": {"a": {}}}), "metadata.a"),
        (big, "App metadata is limited to 4096 bytes in size."),
    ] {
        let description = account.post("/v1.1/apps", &body).await.refused(400, "bad_request");
        assert!(description.contains(named), "{description:?} does not name {named}");
    }
    let nowhere = "/v1.1/apps/5963c0d619a30a2e00de3fff";
    account.get(nowhere).await.refused(404, "app_not_found");
    account.put(nowhere, &json!({"name": "x"})).await.refused(404, "app_not_found");
    account.delete(nowhere).await.refused(404, "app_not_found");
}

/// The names that a list of apps shows, and whether there are more.
async fn listed(api: &Api, query: &str) -> (Vec<String>, Value, Value) {
    let mut page = api.get(&format!("/v1.1/apps{query}")).await.expect(200);
    let apps = page["apps"].as_array().expect("apps").iter();
    let names = apps.map(|app| app["name"].as_str().expect("a name").to_owned()).collect();
    (names, page["hasMore"].take(), page["offset"].take())
}

async fn apps_are_listed_in_pages(engine: Engine) {
    let rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    for number in 1..=3 {
        make(&account, &format!("made {number}")).await;
    }
    let all = ["Demo", "Other", "made 1", "made 2", "made 3"].map(str::to_owned);
    assert_eq!(listed(&account, "").await, (all.to_vec(), json!(false), json!(0)), "declared ones first");
    assert_eq!(listed(&account, "?limit=2").await, (all[..2].to_vec(), json!(true), json!(0)));
    assert_eq!(listed(&account, "?limit=2&offset=3").await, (all[3..].to_vec(), json!(false), json!(3)));
    assert_eq!(listed(&account, "?offset=9").await, (vec![], json!(false), json!(9)));
    for query in ["?limit=0", "?limit=101", "?limit=x", "?offset=-1"] {
        let description = account.get(&format!("/v1.1/apps{query}")).await.refused(400, "bad_request");
        assert!(description.contains(&query[1..query.find('=').expect("a name")]), "{description}");
    }
}

async fn apps_are_listed_by_who_made_them(engine: Engine) {
    let rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let body = json!({"name": "Operations"});
    let made = account.post("/v1.1/serviceaccounts", &body).await.expect(201)["serviceAccount"]["_id"].take();
    let maker = made.as_str().expect("an id");
    let key = account.post(&format!("/v1.1/serviceaccounts/{maker}/keys"), &body).await.expect(200);
    let text = |name: &str| key["key"][name].as_str().expect("a text");
    let service = Api::basic(rig.gateway.api_address(), text("_id"), text("secret"));
    make(&account, "the account's").await;
    make(&service, "the service account's").await;
    let its = (vec!["the service account's".to_owned()], json!(false), json!(0));
    assert_eq!(listed(&account, &format!("?serviceAccountId={maker}")).await, its);
    assert_eq!(listed(&service, "").await.0.len(), 4, "it reaches every app all the same");
    assert_eq!(listed(&account, "?serviceAccountId=5963c0d619a30a2e00de3fff").await.0.len(), 0);
}

async fn a_removed_app_is_gone_with_its_keys_and_webhooks(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let app = make(&account, "Shop").await;
    let (own, path) = (key_of(&rig, &app).await, format!("/v1.1/apps/{app}"));
    let webhook = json!({"target": "http://example.com/"});
    own.post("/v1.1/webhooks", &webhook).await.expect(201);
    own.delete(&path).await.refused(403, "forbidden");
    assert_eq!(account.delete(&path).await.expect(200), json!({}));
    for _ in 0..2 {
        own.get("/v1.1/webhooks").await.refused(401, "unauthorized");
        account.get(&path).await.refused(404, "app_not_found");
        account.get(&format!("{path}/webhooks")).await.refused(404, "app_not_found");
        account.get(&format!("{path}/keys")).await.refused(404, "app_not_found");
        assert_eq!(listed(&account, "").await.0, ["Demo", "Other"]);
        rig.gateway.kill();
        rig.gateway.start().await;
    }
    account.delete(&path).await.refused(404, "app_not_found");
}

async fn a_declared_app_belongs_to_the_file(engine: Engine) {
    let rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let path = format!("/v1.1/apps/{APP}");
    let before = rig.gateway.api().get(&path).await.expect(200);
    assert_eq!(before["app"]["name"], "Demo");
    for answer in [account.put(&path, &json!({"name": "x"})).await, account.delete(&path).await] {
        let description = answer.refused(403, "forbidden");
        assert!(description.contains("configuration file"), "{description}");
    }
    rig.gateway.api().put(&path, &json!({"name": "x"})).await.refused(403, "forbidden");
    assert_eq!(account.get(&path).await.expect(200), before);
    account.get(&format!("/v1.1/apps/{OTHER_APP}")).await.expect(200);
}

async fn what_was_to_be_sent_for_an_app_that_is_gone_ends(engine: Engine) {
    let mut rig = Rig::with(engine, |config| config.set("store.shards", 1)).await;
    let path = format!("/heliograph/v1/integrations/{TWILIO}/pause");
    rig.gateway.admin().post(&path, &json!({})).await.expect(200);
    let end = jiff::Timestamp::now() + Duration::from_secs(1);
    let mut body = notification("+15145550171", "too late");
    body["expiresAt"] = json!(format!("{end:.3}"));
    rig.gateway.api().post(&of_app("/notifications"), &body).await.expect(201);
    rig.gateway.terminate().await;
    rig.gateway.change(|config| config.without("apps", 0));
    eventually("the message to be too old", async || (jiff::Timestamp::now() > end).then_some(())).await;
    rig.gateway.start().await;
    rig.gateway.api().get("/v1.1/webhooks").await.refused(401, "unauthorized");
    eventually("nothing to wait", async || {
        let page = rig.gateway.open_admin().get("/metrics").await.text;
        let is_read = page.contains(&format!(r#"heliograph_dead_letters{{app="{OTHER_APP}"}}"#));
        (is_read && !page.contains("heliograph_jobs_waiting{")).then_some(())
    })
    .await;
}

async fn an_app_has_no_sdks(engine: Engine) {
    let rig = Rig::start(engine).await;
    assert_eq!(rig.gateway.api().get("/v1.1/sdks").await.expect(200), json!({}));
    let api = Api::basic(rig.gateway.api_address(), KEY, SECRET);
    assert_eq!(api.get(&format!("/v1.1/apps/{APP}/sdks")).await.expect(200), json!({}));
}

async fn an_app_is_made_once_under_an_idempotency_key(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let post = async |rig: &Rig, name: &str| {
        let body = Some(json!({"name": name}).to_string());
        rig.gateway.account().request("POST", "/v1.1/apps", &[("idempotency-key", "one")], body).await
    };
    let made = post(&rig, "Shop").await.expect(201);
    assert_eq!(post(&rig, "Shop").await.expect(201), made);
    rig.gateway.kill();
    rig.gateway.start().await;
    assert_eq!(post(&rig, "Shop").await.expect(201), made, "after a crash");
    post(&rig, "Another").await.refused(422, "unprocessable_entity");
    assert_eq!(listed(&rig.gateway.account(), "").await.0, ["Demo", "Other", "Shop"]);
}
