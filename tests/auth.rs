//! Who may call: Basic and JSON Web Tokens, app and account keys, and how the others are turned away.

use serde_json::{Value, json};

use crate::harness::api::{Answer, Api};
use crate::harness::config::{
    ACCOUNT_KEY, ACCOUNT_SECRET, APP, KEY, OTHER_APP, OTHER_KEY, OTHER_SECRET, SECRET,
};
use crate::harness::signing::{token, unsigned_token};
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    a_key_opens_its_app_and_no_other,
    an_account_key_opens_every_app,
    tokens_open_what_their_key_opens,
    tokens_that_prove_nothing_are_refused,
    a_call_without_a_credential_is_refused,
    the_admin_socket_wants_a_key_of_the_account_or_the_app,
}

async fn webhooks_of(api: &Api, app: &str) -> Answer {
    api.get(&format!("/v1.1/apps/{app}/webhooks")).await
}

async fn a_key_opens_its_app_and_no_other(engine: Engine) {
    let rig = Rig::start(engine).await;
    let other = Api::basic(rig.gateway.api_address(), OTHER_KEY, OTHER_SECRET);
    webhooks_of(&rig.gateway.api(), APP).await.expect(200);
    webhooks_of(&other, OTHER_APP).await.expect(200);
    webhooks_of(&rig.gateway.api(), OTHER_APP).await.refused(403, "forbidden");
    webhooks_of(&other, APP).await.refused(403, "forbidden");
    rig.user("mine").await;
    let theirs = other.get(&format!("/v1.1/apps/{OTHER_APP}/appusers/mine")).await;
    theirs.refused(404, "user_not_found");
}

async fn an_account_key_opens_every_app(engine: Engine) {
    let rig = Rig::start(engine).await;
    webhooks_of(&rig.gateway.account(), APP).await.expect(200);
    webhooks_of(&rig.gateway.account(), OTHER_APP).await.expect(200);
    let nowhere = webhooks_of(&rig.gateway.account(), "5963c0d619a30a2e00de3fff").await;
    nowhere.refused(404, "app_not_found");
}

async fn tokens_open_what_their_key_opens(engine: Engine) {
    let rig = Rig::start(engine).await;
    let bearer = |key: &str, secret: &str, claims: Value| {
        Api::bearer(rig.gateway.api_address(), &token(key, secret, &claims))
    };
    let app = bearer(KEY, SECRET, json!({"scope": "app", "iat": 1_600_000_000}));
    webhooks_of(&app, APP).await.expect(200);
    app.get("/v1.1/webhooks").await.expect(200);
    webhooks_of(&app, OTHER_APP).await.refused(403, "forbidden");
    let account = bearer(ACCOUNT_KEY, ACCOUNT_SECRET, json!({"scope": "account"}));
    webhooks_of(&account, OTHER_APP).await.expect(200);
    let lasting = bearer(KEY, SECRET, json!({"scope": "app", "exp": 4_000_000_000_u64}));
    webhooks_of(&lasting, APP).await.expect(200);
}

async fn tokens_that_prove_nothing_are_refused(engine: Engine) {
    let rig = Rig::start(engine).await;
    let app = json!({"scope": "app"});
    let mut tampered = token(KEY, SECRET, &app);
    tampered.replace_range(tampered.len() - 6.., "AAAAAA");
    let cases = [
        ("wrong secret", token(KEY, "fake-guess", &app)),
        ("tampered", tampered),
        ("no signature", unsigned_token(KEY, &app)),
        ("expired", token(KEY, SECRET, &json!({"scope": "app", "exp": 1_600_000_000}))),
        ("unknown key", token("app_000000000000000000000fff", SECRET, &app)),
        ("scope above its key", token(KEY, SECRET, &json!({"scope": "account"}))),
        ("no scope", token(KEY, SECRET, &json!({}))),
        ("no token", "three.odd.words".to_owned()),
    ];
    for (why, token) in cases {
        let answer = webhooks_of(&Api::bearer(rig.gateway.api_address(), &token), APP).await;
        assert_eq!(answer.status, 401, "{why}: {}", answer.text);
        answer.refused(401, "unauthorized");
    }
}

async fn a_call_without_a_credential_is_refused(engine: Engine) {
    let rig = Rig::start(engine).await;
    webhooks_of(&rig.gateway.anonymous(), APP).await.refused(401, "unauthorized");
    let address = rig.gateway.api_address();
    for api in [
        Api::basic(address, KEY, "fake-guess"),
        Api::basic(address, "app_000000000000000000000fff", SECRET),
        Api::basic(address, KEY, ""),
        Api::basic(address, "", ""),
    ] {
        webhooks_of(&api, APP).await.refused(401, "unauthorized");
    }
    for header in ["Basic", "Basic !!!", "Bearer", "Digest username=x", ""] {
        let path = format!("/v1.1/apps/{APP}/webhooks");
        let answer = rig.gateway.anonymous().request("GET", &path, &[("authorization", header)], None).await;
        answer.refused(401, "unauthorized");
    }
}

async fn the_admin_socket_wants_a_key_of_the_account_or_the_app(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (id, _) = rig.notify_and_deliver("+15145550156", "seen").await;
    rig.gateway.open_admin().get("/heliograph/v1/deadletters").await.refused(401, "unauthorized");
    let path = format!("/heliograph/v1/notifications/{id}");
    let with = |key: &str, secret: &str| rig.gateway.admin_as(key, secret);
    with(KEY, SECRET).get(&path).await.expect(200);
    with(ACCOUNT_KEY, ACCOUNT_SECRET).get(&format!("{path}?app={APP}")).await.expect(200);
    let other = with(OTHER_KEY, OTHER_SECRET).get(&path).await;
    assert_eq!(other.status, 404, "another app's notification does not exist: {}", other.text);
}
