//! Switchboards through v2: made, filled, changed, and what they hold on to.

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::config::{APP, TWILIO, WEBHOOK, other_twilio};
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    an_app_has_one_switchboard,
    a_switchboard_needs_a_default_to_be_enabled,
    who_takes_turns_is_made_changed_and_removed,
    nobody_takes_turns_twice_and_no_more_than_ten_do,
    what_takes_turns_is_not_let_go,
    a_switchboard_outlives_a_restart,
}

fn boards(rest: &str) -> String {
    format!("/v2/apps/{APP}/switchboards{rest}")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The switchboard of the sample app, and where its integrations are.
async fn board(api: &Api) -> (String, String) {
    let made = api.request("POST", &boards(""), &[], None).await.expect(201);
    let one = boards(&format!("/{}", text(&made["switchboard"]["id"])));
    let seats = format!("{one}/switchboardIntegrations");
    (one, seats)
}

async fn seat(api: &Api, seats: &str, body: Value) -> Value {
    api.post(seats, &body).await.expect(201)["switchboardIntegration"].clone()
}

async fn an_app_has_one_switchboard(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    assert_eq!(api.get(&boards("")).await.expect(200), json!({"switchboards": []}));
    let key = [("idempotency-key", "the first")];
    let made = api.request("POST", &boards(""), &key, None).await.expect(201);
    let expected = json!({"switchboard": {"id": made["switchboard"]["id"], "enabled": false}});
    assert_eq!(made, expected);
    assert_eq!(api.request("POST", &boards(""), &key, None).await.expect(201), made, "asked again");
    let second = api.request("POST", &boards(""), &[], None).await.refused_v2(400, "bad_request");
    assert_eq!(second, "Only one switchboard can be created per app");
    assert_eq!(api.get(&boards("")).await.expect(200), json!({"switchboards": [made["switchboard"]]}));
    let path = boards(&format!("/{}", text(&made["switchboard"]["id"])));
    assert_eq!(api.delete(&path).await.expect(200), json!({}));
    for gone in [api.delete(&path).await, api.patch(&path, &json!({})).await] {
        assert_eq!(gone.refused_v2(404, "switchboard_not_found"), "Switchboard not found");
    }
    let seats = format!("{path}/switchboardIntegrations");
    api.get(&seats).await.refused_v2(404, "switchboard_not_found");
    api.post(&seats, &json!({})).await.refused_v2(404, "switchboard_not_found");
    api.request("POST", &boards(""), &[], None).await.expect(201);
}

async fn a_switchboard_needs_a_default_to_be_enabled(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let (one, seats) = board(&api).await;
    let refused = async |body: Value| api.patch(&one, &body).await.refused_v2(400, "bad_request");
    assert_eq!(refused(json!({"enabled": true})).await, ".enabled: needs a defaultSwitchboardIntegrationId");
    let unknown = json!({"defaultSwitchboardIntegrationId": TWILIO});
    assert!(refused(unknown).await.starts_with(".defaultSwitchboardIntegrationId: must be"));
    let bot = seat(&api, &seats, json!({"name": "bot", "integrationId": WEBHOOK})).await;
    let enabled = json!({"enabled": true, "defaultSwitchboardIntegrationId": bot["id"]});
    let changed = api.patch(&one, &enabled).await.expect(200)["switchboard"].clone();
    let expected =
        json!({"id": changed["id"], "enabled": true, "defaultSwitchboardIntegrationId": bot["id"]});
    assert_eq!(changed, expected);
    let off = api.patch(&one, &json!({"enabled": false})).await.expect(200);
    assert_eq!((&off["switchboard"]["enabled"], &off["switchboard"]["id"]), (&json!(false), &changed["id"]));
    let seat = format!("{seats}/{}", text(&bot["id"]));
    let refused = api.delete(&seat).await.refused_v2(400, "bad_request");
    assert_eq!(refused, "The switchboardIntegration is the default of its switchboard");
}

async fn who_takes_turns_is_made_changed_and_removed(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let (_, seats) = board(&api).await;
    let bot = seat(&api, &seats, json!({"name": "bot", "integrationType": "twilio"})).await;
    let expected = json!({
        "id": bot["id"], "name": "bot", "integrationId": TWILIO, "integrationType": "twilio",
        "deliverStandbyEvents": true,
    });
    assert_eq!(bot, expected);
    let asked = json!({
        "name": "Agents_1", "integrationId": WEBHOOK, "deliverStandbyEvents": false,
        "nextSwitchboardIntegrationId": bot["id"], "messageHistoryCount": 5,
    });
    let agents = seat(&api, &seats, asked).await;
    let expected = json!({
        "id": agents["id"], "name": "Agents_1", "integrationId": WEBHOOK, "integrationType": "custom",
        "deliverStandbyEvents": false, "nextSwitchboardIntegrationId": bot["id"], "messageHistoryCount": 5,
    });
    assert_eq!(agents, expected);
    let all = api.get(&seats).await.expect(200);
    assert_eq!(all, json!({"switchboardIntegrations": [bot, agents]}));
    let (of_bot, of_agents) =
        (format!("{seats}/{}", text(&bot["id"])), format!("{seats}/{}", text(&agents["id"])));
    let named = api.delete(&of_bot).await.refused_v2(400, "bad_request");
    assert_eq!(named, "The switchboardIntegration is the next one of Agents_1");
    let itself = json!({"nextSwitchboardIntegrationId": agents["id"]});
    api.patch(&of_agents, &itself).await.refused_v2(400, "bad_request");
    let change = json!({"name": "agents", "nextSwitchboardIntegrationId": null, "messageHistoryCount": null});
    let changed = api.patch(&of_agents, &change).await.expect(200)["switchboardIntegration"].clone();
    let expected = json!({
        "id": agents["id"], "name": "agents", "integrationId": WEBHOOK, "integrationType": "custom",
        "deliverStandbyEvents": false,
    });
    assert_eq!(changed, expected);
    assert_eq!(api.delete(&of_bot).await.expect(200), json!({}));
    for gone in [api.delete(&of_bot).await, api.patch(&of_bot, &json!({})).await] {
        let title = gone.refused_v2(404, "switchboard_integration_not_found");
        assert_eq!(title, "SwitchboardIntegration not found");
    }
    assert_eq!(api.get(&seats).await.expect(200), json!({"switchboardIntegrations": [changed]}));
}

async fn nobody_takes_turns_twice_and_no_more_than_ten_do(engine: Engine) {
    let rig = Rig::with(engine, |config| config.push("apps.0.integrations", other_twilio())).await;
    let api = rig.gateway.api();
    let (_, seats) = board(&api).await;
    let refused = async |body: Value| api.post(&seats, &body).await.refused_v2(400, "bad_request");
    let several = json!({"name": "a", "integrationType": "twilio"});
    assert_eq!(refused(several).await, ".integrationType: the app has several integrations of this type");
    let none = json!({"name": "a", "integrationType": "line"});
    assert_eq!(refused(none).await, ".integrationType: the app has no integration of this type");
    let nobody = api.post(&seats, &json!({"name": "a", "integrationId": APP})).await;
    assert_eq!(nobody.refused_v2(404, "integration_not_found"), "Integration not found");
    assert_eq!(refused(json!({"integrationId": TWILIO})).await, "should have required property 'name'");
    seat(&api, &seats, json!({"name": "a", "integrationId": TWILIO})).await;
    let twice = json!({"name": "b", "integrationId": TWILIO});
    assert_eq!(refused(twice).await, ".integrationId: has a switchboardIntegration");
    let webhook = async || {
        let target = json!({"target": "http://example.com/", "triggers": ["*"]});
        let made = api.post(&format!("/v1.1/apps/{APP}/webhooks"), &target).await.expect(201);
        text(&made["webhook"]["_id"])
    };
    let taken = json!({"name": "a", "integrationId": WEBHOOK});
    assert_eq!(refused(taken).await, ".name: is taken");
    for n in 1..10 {
        let id = webhook().await;
        seat(&api, &seats, json!({"name": format!("bot-{n}"), "integrationId": id})).await;
    }
    let eleventh = api.post(&seats, &json!({"name": "b", "integrationId": WEBHOOK})).await;
    assert_eq!(
        eleventh.refused_v2(400, "too_many_switchboard_integrations"),
        "Switchboard has reached the max number of switchboard integrations (10)"
    );
}

async fn what_takes_turns_is_not_let_go(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let (_, seats) = board(&api).await;
    let target = json!({"target": "http://example.com/"});
    let webhook = api.post(&format!("/v1.1/apps/{APP}/webhooks"), &target).await.expect(201);
    let id = text(&webhook["webhook"]["_id"]);
    let bot = seat(&api, &seats, json!({"name": "bot", "integrationId": id})).await;
    let path = format!("/v1.1/apps/{APP}/webhooks/{id}");
    api.delete(&path).await.refused(400, "bad_request");
    api.delete(&format!("{seats}/{}", text(&bot["id"]))).await.expect(200);
    api.delete(&path).await.expect(200);
}

async fn a_switchboard_outlives_a_restart(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let (one, seats) = board(&api).await;
    let bot = seat(&api, &seats, json!({"name": "bot", "integrationId": WEBHOOK})).await;
    let enabled = json!({"enabled": true, "defaultSwitchboardIntegrationId": bot["id"]});
    let changed = api.patch(&one, &enabled).await.expect(200)["switchboard"].clone();
    rig.gateway.kill();
    rig.gateway.start().await;
    let api = rig.gateway.api();
    assert_eq!(api.get(&boards("")).await.expect(200), json!({"switchboards": [changed]}));
    assert_eq!(api.get(&seats).await.expect(200), json!({"switchboardIntegrations": [bot]}));
}
