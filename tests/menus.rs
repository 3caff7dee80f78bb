//! Menus: set for the app or for one integration, and shown by Messenger.

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::config::TWILIO;
use crate::harness::line::called;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, eventually, on_both_engines};

on_both_engines! {
    the_apps_menu_is_shown_on_messenger,
    an_integrations_own_menu_comes_before_the_apps,
    a_menu_set_while_meta_is_away_is_shown_later,
    what_cannot_be_shown_is_refused,
    a_page_that_joins_later_shows_the_apps_menu,
    a_menu_outlives_a_restart_and_goes_with_its_integration,
    another_page_of_the_integration_shows_its_menu,
    an_integration_goes_though_its_menu_cannot_be_taken_down,
}

async fn rig(engine: Engine) -> Rig {
    Rig::with(engine, |config| called("messenger").join(config)).await
}

fn of_messenger() -> String {
    of_app(&format!("/integrations/{}/menu", called("messenger").integration))
}

fn postback(text: &str) -> Value {
    json!({"type": "postback", "text": text, "payload": text})
}

/// The labels that Messenger shows on the page; none when it shows no menu.
async fn labels(rig: &Rig) -> Vec<String> {
    labels_of(rig, "fake-page-token").await
}

/// The same on the page that a token opens.
async fn labels_of(rig: &Rig, token: &str) -> Vec<String> {
    let api = Api::bearer(rig.sim_address(), token);
    let shown = api.get("/messenger/v25.0/me/messenger_profile?fields=persistent_menu").await.expect(200);
    let entries = shown["data"][0]["persistent_menu"][0]["call_to_actions"].as_array().cloned();
    let label = |entry: &Value| entry["title"].as_str().map(str::to_owned);
    entries.iter().flatten().filter_map(label).collect()
}

async fn shows(rig: &Rig, expected: &[&str]) {
    let what = format!("{expected:?} on the page");
    eventually(&what, async || (labels(rig).await == expected).then_some(())).await;
}

async fn the_apps_menu_is_shown_on_messenger(engine: Engine) {
    let rig = rig(engine).await;
    let (api, path) = (rig.gateway.api(), of_app("/menu"));
    assert_eq!(api.get(&path).await.expect(200), json!({"menu": {"items": []}}));
    let link = json!({"type": "link", "text": "Shop", "uri": "https://example.com/"});
    let more = json!({"type": "submenu", "text": "More", "items": [postback("Pay"), postback("Help")]});
    let set = api.put(&path, &json!({"items": [link, more]})).await.expect(200);
    let items = set["menu"]["items"].as_array().expect("items");
    assert!(items.iter().all(|item| item["_id"].as_str().is_some_and(|id| id.len() == 24)), "{set}");
    assert_eq!(items[1]["items"][0]["payload"], "Pay", "{set}");
    assert_eq!(set["menu"]["settings"], json!({"inputEnabled": true}));
    assert_eq!(api.get(&path).await.expect(200), set);
    assert_eq!(api.get(&of_messenger()).await.expect(200), set, "it falls back to the app's");
    shows(&rig, &["Shop", "Pay", "Help"]).await;
    assert_eq!(api.delete(&path).await.expect(200), json!({"menu": {"items": []}}));
    shows(&rig, &[]).await;
}

async fn an_integrations_own_menu_comes_before_the_apps(engine: Engine) {
    let rig = rig(engine).await;
    let api = rig.gateway.api();
    let own = api.post(&of_messenger(), &json!({"items": [postback("Own")]})).await.expect(201);
    shows(&rig, &["Own"]).await;
    let of_app = of_app("/menu");
    let apps = api.put(&of_app, &json!({"items": [postback("Everybody")]})).await.expect(200);
    assert_eq!(api.get(&of_messenger()).await.expect(200), own);
    let changed = json!({"items": [postback("Changed")], "settings": {"inputEnabled": false}});
    let changed = api.put(&of_messenger(), &changed).await.expect(200);
    assert_eq!(changed["menu"]["settings"], json!({"inputEnabled": false}));
    shows(&rig, &["Changed"]).await;
    assert_eq!(api.delete(&of_messenger()).await.expect(200), json!({}));
    assert_eq!(api.get(&of_messenger()).await.expect(200), apps);
    shows(&rig, &["Everybody"]).await;
}

async fn a_menu_set_while_meta_is_away_is_shown_later(engine: Engine) {
    let rig = rig(engine).await;
    rig.sim().shut_for(700).await;
    rig.gateway.api().put(&of_app("/menu"), &json!({"items": [postback("Late")]})).await.expect(200);
    rig.sim().opened().await;
    shows(&rig, &["Late"]).await;
}

async fn what_cannot_be_shown_is_refused(engine: Engine) {
    let rig = rig(engine).await;
    let api = rig.gateway.api();
    let long = "x".repeat(31);
    let tel = json!({"type": "link", "text": "Call", "uri": "tel:+15145550133"});
    for (items, word) in [
        (json!([]), "items: must hold 1 to 3"),
        (json!([postback(&long)]), "no label of 1 to 30"),
        (json!([tel]), "no address of a page"),
        (json!([{"type": "postback", "text": "Pay"}]), "items[0].payload: is required"),
    ] {
        for path in [of_messenger(), of_app("/menu")] {
            let said = api.put(&path, &json!({ "items": items })).await.refused(400, "bad_request");
            assert!(said.contains(word), "{said:?} does not say {word}");
        }
    }
    let on_twilio = of_app(&format!("/integrations/{TWILIO}/menu"));
    let said = api.put(&on_twilio, &json!({"items": [postback("Pay")]})).await.refused(400, "bad_request");
    assert!(said.contains("shows no menu"), "{said}");
    let nobodys = of_app("/integrations/000000000000000000000000/menu");
    api.put(&nobodys, &json!({"items": [postback("Pay")]})).await.refused(404, "integration_not_found");
    api.get(&nobodys).await.refused(404, "integration_not_found");
    assert_eq!(labels(&rig).await, Vec::<String>::new());
}

async fn make_known(rig: &Rig) {
    let line = called("messenger");
    rig.sim().admit("before", line.kind, "http://127.0.0.1:1/", &line.settings()).await;
}

async fn make_page(rig: &Rig) -> String {
    let line = called("messenger");
    make_known(rig).await;
    let mut body = line.settings();
    body["type"] = json!(line.kind);
    let made = rig.gateway.api().post(&of_app("/integrations"), &body).await.expect(201);
    made["integration"]["_id"].as_str().expect("an id").to_owned()
}

async fn a_page_that_joins_later_shows_the_apps_menu(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.gateway.api().put(&of_app("/menu"), &json!({"items": [postback("Before")]})).await.expect(200);
    make_page(&rig).await;
    shows(&rig, &["Before"]).await;
}

async fn a_menu_outlives_a_restart_and_goes_with_its_integration(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let id = make_page(&rig).await;
    let path = of_app(&format!("/integrations/{id}/menu"));
    let set = rig.gateway.api().post(&path, &json!({"items": [postback("Kept")]})).await.expect(201);
    rig.gateway.kill();
    rig.gateway.start().await;
    assert_eq!(rig.gateway.api().get(&path).await.expect(200), set);
    make_known(&rig).await;
    rig.gateway.api().put(&path, &json!({"items": [postback("Kept")]})).await.expect(200);
    shows(&rig, &["Kept"]).await;
    rig.gateway.api().delete(&of_app(&format!("/integrations/{id}"))).await.expect(200);
    shows(&rig, &[]).await;
    rig.gateway.api().get(&path).await.refused(404, "integration_not_found");
}

async fn another_page_of_the_integration_shows_its_menu(engine: Engine) {
    let rig = Rig::start(engine).await;
    let path = of_app(&format!("/integrations/{}", make_page(&rig).await));
    let api = rig.gateway.api();
    api.put(&format!("{path}/menu"), &json!({"items": [postback("Own")]})).await.expect(200);
    shows(&rig, &["Own"]).await;
    let other = json!({"pageId": "180005062400001", "pageAccessToken": "fake-other-page-token"});
    let mut settings = called("messenger").settings();
    settings.as_object_mut().expect("an object").extend(other.as_object().expect("an object").clone());
    rig.sim().admit("other", "messenger", "http://127.0.0.1:1/", &settings).await;
    api.put(&path, &other).await.expect(200);
    eventually("the menu on the other page", async || {
        (labels_of(&rig, "fake-other-page-token").await == ["Own"]).then_some(())
    })
    .await;
}

async fn an_integration_goes_though_its_menu_cannot_be_taken_down(engine: Engine) {
    let rig = Rig::start(engine).await;
    let path = of_app(&format!("/integrations/{}", make_page(&rig).await));
    let api = rig.gateway.api();
    api.put(&format!("{path}/menu"), &json!({"items": [postback("Own")]})).await.expect(200);
    shows(&rig, &["Own"]).await;
    // Meta forgets the token.
    let mut settings = called("messenger").settings();
    settings["pageAccessToken"] = json!("fake-new-token");
    rig.sim().admit("before", "messenger", "http://127.0.0.1:1/", &settings).await;
    assert_eq!(api.delete(&path).await.expect(200), json!({}));
    api.get(&path).await.refused(404, "integration_not_found");
}
