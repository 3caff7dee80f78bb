//! Who may call: Basic and JSON Web Tokens, app and account keys, and how the others are turned away.

use serde_json::{Value, json};

use crate::harness::api::{Answer, Api};
use crate::harness::config::{
    ACCOUNT_KEY, ACCOUNT_SECRET, APP, KEY, OTHER_APP, OTHER_KEY, OTHER_SECRET, SECRET,
};
use crate::harness::signing::{token, unsigned_token};
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    a_key_opens_its_app_and_no_other,
    an_account_key_opens_every_app,
    tokens_open_what_their_key_opens,
    tokens_that_prove_nothing_are_refused,
    a_users_token_opens_that_user_alone,
    a_users_token_speaks_as_the_user,
    a_token_may_come_without_its_scheme,
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
        ("a user not named", token(KEY, SECRET, &json!({"scope": "appUser"}))),
        ("a user named by a number", token(KEY, SECRET, &json!({"scope": "appUser", "userId": 7}))),
        ("a user of the account's", token(ACCOUNT_KEY, ACCOUNT_SECRET, &user_claims("ann"))),
        ("no token", "three.odd.words".to_owned()),
    ];
    for (why, token) in cases {
        let answer = webhooks_of(&Api::bearer(rig.gateway.api_address(), &token), APP).await;
        assert_eq!(answer.status, 401, "{why}: {}", answer.text);
        answer.refused(401, "unauthorized");
    }
}

fn user_claims(user: &str) -> Value {
    json!({"scope": "appUser", "userId": user})
}

fn as_user(rig: &Rig, user: &str) -> Api {
    Api::bearer(rig.gateway.api_address(), &token(KEY, SECRET, &user_claims(user)))
}

async fn a_users_token_opens_that_user_alone(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (ann, bob) = (rig.user("ann").await, rig.user("bob").await);
    rig.sim().write("+15145550158", "Is anybody there?").await;
    let event = rig.receiver.trigger("message:appUser").await;
    let stranger = event["appUser"]["_id"].as_str().expect("an id");
    let api = as_user(&rig, "ann");
    for own in ["/v1.1/appusers/ann", &format!("/v1.1/AppUsers/{ann}"), &of_app("/appusers/ann")] {
        let user = api.get(own).await.expect(200);
        assert_eq!((&user["appUser"]["_id"], &user["appUser"]["userId"]), (&json!(ann), &json!("ann")));
    }
    for user in ["bob", &bob, stranger, "nobody"] {
        api.get(&of_app(&format!("/appusers/{user}"))).await.refused(403, "forbidden");
    }
    as_user(&rig, "nobody").get("/v1.1/appusers/nobody").await.refused(403, "forbidden");
    for path in ["/webhooks", "/appusers/ann/messages", "/appusers/ann/channels"] {
        api.get(&of_app(path)).await.refused(403, "forbidden");
    }
    api.get(&format!("/v1.1/apps/{OTHER_APP}/appusers/ann")).await.refused(403, "forbidden");
    let admin = rig.gateway.open_admin();
    let authorization = format!("Bearer {}", token(KEY, SECRET, &user_claims("ann")));
    let headers = [("authorization", authorization.as_str())];
    admin.request("GET", "/heliograph/v1/deadletters", &headers, None).await.refused(403, "forbidden");
}

async fn a_users_token_speaks_as_the_user(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.user("ann").await;
    let api = as_user(&rig, "ann");
    let said = |role: &str| json!({"role": role, "type": "text", "text": "It is me."});
    api.post("/v1.1/appusers/ann/messages", &said("appMaker")).await.refused(403, "forbidden");
    let headers = [("idempotency-key", "k")];
    let post = async || {
        let body = Some(said("appUser").to_string());
        api.request("POST", "/v1.1/appusers/ann/messages", &headers, body).await.expect(201)
    };
    assert_eq!(post().await, post().await, "done once");
    let messages = rig.messages("ann").await;
    assert_eq!((messages.len(), &messages[0]["role"]), (1, &json!("appUser")));
}

async fn a_token_may_come_without_its_scheme(engine: Engine) {
    let rig = Rig::start(engine).await;
    let alone = async |secret: &str| {
        let token = token(KEY, secret, &json!({"scope": "app"}));
        rig.gateway.anonymous().request("GET", "/v1.1/webhooks", &[("authorization", &token)], None).await
    };
    alone(SECRET).await.expect(200);
    alone("fake-guess").await.refused(401, "unauthorized");
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
