//! People through v2.

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::config::{APP, KEY, SECRET};
use crate::harness::line::called;
use crate::harness::signing::token;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    a_user_is_made_changed_and_blanked,
    somebody_without_an_id_of_the_business_is_made,
    what_one_version_knows_the_other_shows,
    people_have_no_devices,
    people_are_found_by_the_mail_they_write_from,
    a_user_is_erased_through_v2,
    who_brings_a_token_is_authenticated,
}

fn users(rest: &str) -> String {
    format!("/v2/apps/{APP}/users{rest}")
}

async fn a_user_is_made_changed_and_blanked(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let profile =
        json!({"givenName": "Ada", "surname": "L", "avatarUrl": "https://example.com/a.png", "locale": "fr"});
    let asked = json!({
        "externalId": "ada@example.com", "signedUpAt": "2019-01-14T18:55:12.515Z",
        "profile": profile, "metadata": {"tier": 1, "vip": true},
    });
    let user = api.post(&users(""), &asked).await.expect(201)["user"].clone();
    let expected = json!({
        "id": user["id"], "externalId": "ada@example.com", "signedUpAt": "2019-01-14T18:55:12.515Z",
        "authenticated": false, "hasPaymentInfo": false, "profile": profile,
        "metadata": {"tier": 1, "vip": true}, "identities": [],
    });
    assert_eq!(user, expected);
    assert_eq!(api.post(&users(""), &asked).await.refused_v2(409, "conflict"), "User already exists");
    let change =
        json!({"profile": {"surname": null, "email": "a@example.com"}, "metadata": {"vip": null, "age": 7}});
    let changed = api.patch(&users("/ada@example.com"), &change).await.expect(200)["user"].clone();
    let profile = json!({"givenName": "Ada", "email": "a@example.com", "avatarUrl": "https://example.com/a.png", "locale": "fr"});
    assert_eq!((&changed["profile"], &changed["metadata"]), (&profile, &json!({"tier": 1, "age": 7})));
    assert_eq!(api.get(&users("/ada@example.com")).await.expect(200)["user"], changed);
    let blanked =
        api.delete(&users("/ada@example.com/personalinformation")).await.expect(200)["user"].clone();
    assert_eq!((&blanked["profile"], &blanked["metadata"]), (&json!({}), &json!({})));
    assert_eq!((&blanked["id"], &blanked["externalId"]), (&user["id"], &json!("ada@example.com")));
    api.get(&users("/nobody")).await.refused_v2(404, "user_not_found");
    let sync = api.post(&users("/ada@example.com/sync"), &json!({"survivingZendeskId": "1"})).await;
    sync.refused_v2(404, "user_not_found");
}

async fn somebody_without_an_id_of_the_business_is_made(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let make = async || api.post(&users(""), &json!({})).await.expect(201)["user"].clone();
    let (one, other) = (make().await, make().await);
    assert!(one["id"] != other["id"] && one.get("externalId").is_none(), "{one} {other}");
}

async fn what_one_version_knows_the_other_shows(engine: Engine) {
    let rig = Rig::start(engine).await;
    let api = rig.gateway.api();
    let id = rig.user("steveb@example.com").await;
    let of = async |path: String| api.get(&path).await.expect(200);
    let v1 = json!({"givenName": "Steve", "properties": {"food": "pizza"}});
    api.put(&format!("/v1.1/apps/{APP}/appusers/{id}"), &v1).await.expect(200);
    let user: Value = of(users(&format!("/{id}"))).await["user"].clone();
    assert_eq!(
        (&user["profile"], &user["metadata"]),
        (&json!({"givenName": "Steve"}), &json!({"food": "pizza"}))
    );
    let v2 = json!({"profile": {"surname": "B"}, "metadata": null});
    api.patch(&users(&format!("/{id}")), &v2).await.expect(200);
    let user = of(format!("/v1.1/apps/{APP}/appusers/{id}")).await["appUser"].clone();
    assert_eq!(
        (&user["givenName"], &user["surname"], &user["properties"]),
        (&json!("Steve"), &json!("B"), &json!({}))
    );
}

async fn people_have_no_devices(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, id) = (rig.gateway.api(), rig.user("steveb@example.com").await);
    assert_eq!(api.get(&users(&format!("/{id}/devices"))).await.expect(200), json!({"devices": []}));
    api.get(&users(&format!("/{id}/devices/{id}"))).await.refused_v2(404, "device_not_found");
    api.get(&users("/nobody/devices")).await.refused_v2(404, "user_not_found");
}

async fn people_are_found_by_the_mail_they_write_from(engine: Engine) {
    let line = called("mailgun");
    let rig = Rig::with(engine, |config| line.join(config)).await;
    let api = rig.gateway.api();
    let written =
        json!({"integrationId": line.integration, "from": line.person, "text": "hello", "subject": "hi"});
    rig.sim().control("/control/write", &written).await;
    let event = rig.receiver.trigger("message:appUser").await;
    let id = event["appUser"]["_id"].as_str().expect("an id").to_owned();
    // Of somebody else the business says that it is theirs, which shows nothing.
    let named = json!({"externalId": "else", "profile": {"email": line.person}});
    api.post(&users(""), &named).await.expect(201);
    let shown = api.get(&users(&format!("/{id}"))).await.expect(200)["user"].clone();
    let identities = json!([{"type": "email", "value": line.person, "verification": "email"}]);
    assert_eq!(shown["identities"], identities);
    assert_eq!(rig.get_user(&id).await["identities"], identities);
    let filter = json!({"identities.email": line.person}).to_string();
    let encoded: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
    for query in [
        format!("filter[identities.email]={}", line.person.to_uppercase()),
        format!("filter%5Bidentities.email%5D={}", line.person),
        format!("filter={encoded}"),
    ] {
        assert_eq!(
            api.get(&users(&format!("?{query}"))).await.expect(200),
            json!({"users": [shown]}),
            "{query}"
        );
    }
    let nobody = api.get(&users("?filter[identities.email]=nobody@example.org")).await.expect(200);
    assert_eq!(nobody, json!({"users": []}));
    let all = api.get(&users("")).await.refused_v2(400, "bad_request");
    assert_eq!(all, "Invalid query parameters");
}

async fn a_user_is_erased_through_v2(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, id) = (rig.gateway.api(), rig.user("steveb@example.com").await);
    assert_eq!(api.delete(&users("/steveb@example.com")).await.expect(200), json!({}));
    for name in [id.as_str(), "steveb@example.com"] {
        api.get(&users(&format!("/{name}"))).await.refused_v2(404, "user_not_found");
        api.delete(&users(&format!("/{name}"))).await.refused_v2(404, "user_not_found");
    }
    assert_eq!(rig.receiver.trigger("appUser:delete").await["appUser"]["_id"], id);
    rig.user("steveb@example.com").await;
}

async fn who_brings_a_token_is_authenticated(engine: Engine) {
    let rig = Rig::start(engine).await;
    let (api, id) = (rig.gateway.api(), rig.user("steveb@example.com").await);
    let proven =
        async || api.get(&users(&format!("/{id}"))).await.expect(200)["user"]["authenticated"].clone();
    assert_eq!(proven().await, false);
    let of = |user: &str| token(KEY, SECRET, &json!({"scope": "appUser", "userId": user}));
    let path = of_app("/appusers/steveb@example.com");
    let other = Api::bearer(rig.gateway.api_address(), &of("somebody else"));
    other.get(&path).await.refused(403, "forbidden");
    assert_eq!(proven().await, false);
    let own = Api::bearer(rig.gateway.api_address(), &of("steveb@example.com"));
    own.get(&path).await.expect(200);
    assert_eq!(proven().await, true);
}
