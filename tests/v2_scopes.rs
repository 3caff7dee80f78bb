//! Whom v2 lets do what: above all what a custom integration's key opens, and what a person's token does not.

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::config::{APP, KEY, OTHER_APP, SECRET};
use crate::harness::custom::v2_of_app;
use crate::harness::signing::token;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    an_integrations_key_opens_its_app_and_its_own_webhooks,
    an_integrations_key_opens_nothing_of_v1_and_nothing_of_the_operators,
    an_integrations_token_opens_what_its_key_opens,
    a_persons_token_opens_nothing,
    a_key_tells_whose_it_is,
    there_is_no_oauth,
    an_integration_revokes_itself,
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

async fn an_integrations_key_opens_its_app_and_its_own_webhooks(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (custom, other) = (rig.custom(&["*"]).await, rig.custom(&["*"]).await);
    custom.api.post(&v2_of_app("/users"), &json!({"externalId": "ada"})).await.expect(201);
    custom.api.get(&v2_of_app("/users/ada")).await.expect(200);
    let of = |integration: &str| v2_of_app(&format!("/integrations/{integration}/webhooks"));
    let own = json!({"webhooks": [custom.webhook]});
    assert_eq!(custom.api.get(&of("me")).await.expect(200), own);
    assert_eq!(custom.api.get(&of(&custom.id)).await.expect(200), own);
    assert_eq!(custom.api.get(&of(&other.id)).await.refused_v2(403, "forbidden"), "Forbidden");
    custom.api.get(&of(APP)).await.refused_v2(403, "forbidden");
    custom.api.get(&of("me").replace(APP, OTHER_APP)).await.refused_v2(403, "forbidden");
    // Settings are for those who own the app.
    for path in ["", "/integrations", "/integrations/me", "/integrations/me/keys", "/keys"] {
        custom.api.get(&v2_of_app(path)).await.refused_v2(403, "forbidden");
    }
    // `me` is somebody for an integration alone.
    rig.gateway.api().get(&of("me")).await.refused_v2(404, "integration_not_found");
    rig.gateway.account().get(&of(&custom.id)).await.expect(200);
}

async fn an_integrations_key_opens_nothing_of_v1_and_nothing_of_the_operators(engine: Engine) {
    let rig = Rig::start(engine).await;
    let custom = rig.custom(&["*"]).await;
    for path in [&of_app("/webhooks"), &of_app("/appusers/ada"), "/v1.1/webhooks", "/v1.1/apps"] {
        custom.api.get(path).await.refused(403, "forbidden");
    }
    let (id, secret) = (text(&custom.key["id"]), text(&custom.key["secret"]));
    rig.gateway.admin_as(id, secret).get("/heliograph/v1/audit").await.refused(403, "forbidden");
}

async fn an_integrations_token_opens_what_its_key_opens(engine: Engine) {
    let rig = Rig::start(engine).await;
    let custom = rig.custom(&["*"]).await;
    let (id, secret) = (text(&custom.key["id"]), text(&custom.key["secret"]));
    let with = |claims: Value| Api::bearer(rig.gateway.api_address(), &token(id, secret, &claims));
    let webhooks = v2_of_app("/integrations/me/webhooks");
    with(json!({"scope": "integration"})).get(&webhooks).await.expect(200);
    for claims in
        [json!({"scope": "app"}), json!({"scope": "account"}), json!({"scope": "appUser", "userId": "a"})]
    {
        with(claims).get(&webhooks).await.refused_v2(401, "unauthorized");
    }
    let of_app = token(KEY, SECRET, &json!({"scope": "integration"}));
    let api = Api::bearer(rig.gateway.api_address(), &of_app);
    api.get(&webhooks).await.refused_v2(401, "unauthorized");
}

async fn a_persons_token_opens_nothing(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.user("ada").await;
    let person = token(KEY, SECRET, &json!({"scope": "appUser", "userId": "ada"}));
    let person = Api::bearer(rig.gateway.api_address(), &person);
    person.get(&of_app("/appusers/ada")).await.expect(200);
    for path in [&v2_of_app("/users/ada"), &v2_of_app(""), "/v2/tokenInfo"] {
        person.get(path).await.refused_v2(403, "forbidden");
    }
}

async fn a_key_tells_whose_it_is(engine: Engine) {
    let rig = Rig::start(engine).await;
    let custom = rig.custom(&["*"]).await;
    let app = rig.gateway.api().get(&v2_of_app("")).await.expect(200);
    for api in [rig.gateway.api(), custom.api] {
        assert_eq!(api.get("/v2/tokenInfo").await.expect(200), app);
    }
    rig.gateway.account().get("/v2/tokenInfo").await.refused_v2(403, "forbidden");
    rig.gateway.anonymous().get("/v2/tokenInfo").await.refused_v2(401, "unauthorized");
}

async fn there_is_no_oauth(engine: Engine) {
    let rig = Rig::start(engine).await;
    let nobody = rig.gateway.anonymous();
    for prefix in ["", "/sc"] {
        let asked = format!("{prefix}/oauth/authorize?client_id=c&response_type=code");
        let told = nobody.get(&asked).await.refused_v2(404, "not_found");
        assert!(told.contains("offers no OAuth"), "{told}");
        let code = json!({"code": "c", "grant_type": "authorization_code"});
        nobody.post(&format!("{prefix}/oauth/token"), &code).await.refused_v2(404, "not_found");
    }
    let code = Some("{}".to_owned());
    let once = nobody.request("POST", "/oauth/token", &[("idempotency-key", "k")], code).await;
    once.refused_v2(404, "not_found");
    nobody.delete("/oauth/authorization").await.refused_v2(401, "unauthorized");
}

async fn an_integration_revokes_itself(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (custom, other) = (rig.custom(&["*"]).await, rig.custom(&["*"]).await);
    for api in [rig.gateway.api(), rig.gateway.account()] {
        api.delete("/oauth/authorization").await.refused_v2(403, "forbidden");
    }
    assert_eq!(custom.api.delete("/oauth/authorization").await.expect(200), json!({}));
    custom.api.delete("/oauth/authorization").await.refused_v2(401, "unauthorized");
    let path = v2_of_app(&format!("/integrations/{}", custom.id));
    rig.gateway.api().get(&path).await.refused_v2(404, "integration_not_found");
    let webhook = of_app(&format!("/webhooks/{}", text(&custom.webhook["id"])));
    rig.gateway.api().get(&webhook).await.refused(404, "not_found");
    other.api.get(&v2_of_app("/integrations/me/webhooks")).await.expect(200);
}
