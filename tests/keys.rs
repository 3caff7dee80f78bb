//! The keys of apps and of service accounts: made, shown, signed with, taken back. What holds for one holds for the other.

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::config::{ACCOUNT_KEY, ACCOUNT_SECRET, APP, KEY, OTHER_APP, SECRET};
use crate::harness::signing::{claims_of, token};
use crate::harness::{Engine, Golden, Rig, on_both_engines};

on_both_engines! {
    a_key_is_shown_with_its_secret,
    a_key_opens_what_its_owner_reaches,
    a_deleted_key_opens_nothing_from_then_on,
    a_keys_token_opens_what_the_key_opens,
    an_owner_has_ten_keys_at_most,
    who_asks_at_once_makes_no_eleventh_key,
    what_is_wrong_with_a_key_is_named,
    declared_keys_belong_to_the_file,
    keys_outlive_a_crash,
    a_service_account_is_made_changed_and_removed,
    a_service_account_works_on_the_whole_account,
    service_accounts_are_listed_in_pages,
}

/// A service account and an app, by the paths of their keys.
struct Owners {
    app: String,
    account: String,
}

impl Owners {
    async fn of(rig: &Rig) -> Owners {
        let made = async |path: &str, name: &str| {
            let made = rig.gateway.account().post(path, &json!({"name": "made"})).await.expect(201);
            format!("{path}/{}/keys", made[name]["_id"].as_str().expect("an id"))
        };
        Owners {
            app: made("/v1.1/apps", "app").await,
            account: made("/v1.1/serviceaccounts", "serviceAccount").await,
        }
    }

    fn paths(&self) -> [&str; 2] {
        [&self.app, &self.account]
    }
}

/// A key, and who calls with it.
struct Made {
    key: Value,
    path: String,
    api: Api,
}

async fn make(rig: &Rig, keys: &str) -> Made {
    let answer = rig.gateway.account().post(keys, &json!({"name": "Ada's"})).await;
    let key = answer.expect(200)["key"].take();
    let text = |name: &str| key[name].as_str().expect("a text");
    let api = Api::basic(rig.gateway.api_address(), text("_id"), text("secret"));
    Made { path: format!("{keys}/{}", text("_id")), api, key }
}

async fn a_key_is_shown_with_its_secret(engine: Engine) {
    let rig = Rig::start(engine).await;
    let owners = Owners::of(&rig).await;
    for (keys, file) in [(&owners.app, "of_app.json"), (&owners.account, "of_service_account.json")] {
        let mut golden = Golden::of("v1/key");
        let made = rig.gateway.account().post(keys, &json!({"name": "Ada's"})).await.expect(200);
        golden.compare(file, &made);
        assert!(golden.holes.text("secret").len() >= 24, "a secret nobody guesses");
        let id = golden.holes.text("key").to_owned();
        let digits =
            id.strip_prefix(if keys == &owners.app { "app_" } else { "svc_" }).expect("says whose it is");
        assert!(digits.len() == 24 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        let path = format!("{keys}/{}", made["key"]["_id"].as_str().expect("an id"));
        golden.compare(file, &rig.gateway.account().get(&path).await.expect(200));
        let list = rig.gateway.account().get(keys).await.expect(200);
        assert_eq!(list, json!({"keys": [made["key"]]}));
    }
}

async fn a_key_opens_what_its_owner_reaches(engine: Engine) {
    let rig = Rig::start(engine).await;
    let owners = Owners::of(&rig).await;
    let (app, service) = (make(&rig, &owners.app).await, make(&rig, &owners.account).await);
    app.api.get("/v1.1/webhooks").await.expect(200);
    app.api.get(&format!("/v1.1/apps/{APP}")).await.refused(403, "forbidden");
    app.api.get(&owners.app).await.refused(403, "forbidden");
    service.api.get("/v1.1/webhooks").await.refused(403, "forbidden");
    for app in [APP, OTHER_APP] {
        service.api.get(&format!("/v1.1/apps/{app}/webhooks")).await.expect(200);
    }
    // Nobody finds a key under another owner.
    let id = app.key["_id"].as_str().expect("an id");
    for keys in [owners.account.as_str(), &format!("/v1.1/apps/{APP}/keys")] {
        for path in [format!("{keys}/{id}"), format!("{keys}/{id}/jwt")] {
            rig.gateway.account().get(&path).await.refused(404, "not_found");
        }
        rig.gateway.account().delete(&format!("{keys}/{id}")).await.refused(404, "not_found");
    }
    app.api.get("/v1.1/webhooks").await.expect(200);
}

async fn a_deleted_key_opens_nothing_from_then_on(engine: Engine) {
    let rig = Rig::start(engine).await;
    let owners = Owners::of(&rig).await;
    for keys in owners.paths() {
        let (gone, stays) = (make(&rig, keys).await, make(&rig, keys).await);
        let text = |name: &str| gone.key[name].as_str().expect("a text");
        let claims = json!({"scope": if keys == owners.app { "app" } else { "account" }});
        let bearer = Api::bearer(rig.gateway.api_address(), &token(text("_id"), text("secret"), &claims));
        let open = format!("/v1.1/apps/{}/webhooks", owners.app.split('/').nth(3).expect("an id"));
        for api in [&gone.api, &bearer] {
            api.get(&open).await.expect(200);
        }
        assert_eq!(rig.gateway.account().delete(&gone.path).await.expect(200), json!({}));
        for api in [&gone.api, &bearer] {
            api.get(&open).await.refused(401, "unauthorized");
        }
        stays.api.get(&open).await.expect(200);
        rig.gateway.account().get(&gone.path).await.refused(404, "not_found");
        rig.gateway.account().delete(&gone.path).await.refused(404, "not_found");
    }
    // A service account may take back its own key.
    let last = make(&rig, &owners.account).await;
    last.api.delete(&last.path).await.expect(200);
    last.api.get(&owners.account).await.refused(401, "unauthorized");
}

async fn a_keys_token_opens_what_the_key_opens(engine: Engine) {
    let rig = Rig::start(engine).await;
    let owners = Owners::of(&rig).await;
    let open = format!("{}/webhooks", owners.app.trim_end_matches("/keys"));
    for (keys, scope) in [(&owners.app, "app"), (&owners.account, "account")] {
        let made = make(&rig, keys).await;
        let answer = rig.gateway.account().get(&format!("{}/jwt", made.path)).await.expect(200);
        let jwt = answer["jwt"].as_str().expect("a token");
        let (header, claims) = claims_of(jwt);
        assert_eq!(header, json!({"alg": "HS256", "typ": "JWT", "kid": made.key["_id"]}));
        assert_eq!(claims["scope"], scope);
        assert!(claims["iat"].is_u64() && claims.get("exp").is_none(), "{claims}");
        let api = Api::bearer(rig.gateway.api_address(), jwt);
        api.get(&open).await.expect(200);
        assert_eq!(api.get(keys).await.status, if scope == "app" { 403 } else { 200 });
    }
}

async fn an_owner_has_ten_keys_at_most(engine: Engine) {
    let rig = Rig::start(engine).await;
    let owners = Owners::of(&rig).await;
    for keys in owners.paths() {
        let mut made = Vec::new();
        for _ in 0..10 {
            made.push(make(&rig, keys).await);
        }
        let eleventh = rig.gateway.account().post(keys, &json!({"name": "one more"})).await;
        let description = eleventh.refused(400, "bad_request");
        assert!(description.contains("10 keys"), "{description}");
        let list = rig.gateway.account().get(keys).await.expect(200);
        let expected: Vec<&Value> = made.iter().map(|made| &made.key).collect();
        assert_eq!(list, json!({"keys": expected}), "oldest first");
        rig.gateway.account().delete(&made[3].path).await.expect(200);
        make(&rig, keys).await;
    }
}

async fn who_asks_at_once_makes_no_eleventh_key(engine: Engine) {
    let rig = Rig::start(engine).await;
    let owners = Owners::of(&rig).await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..15 {
        let (account, keys) = (rig.gateway.account(), owners.app.clone());
        asking.spawn(async move { account.post(&keys, &json!({"name": "one"})).await.status });
    }
    let answers = asking.join_all().await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 10, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 400).count(), 5, "{answers:?}");
}

async fn what_is_wrong_with_a_key_is_named(engine: Engine) {
    let rig = Rig::start(engine).await;
    let owners = Owners::of(&rig).await;
    let account = rig.gateway.account();
    for path in [&owners.app, &owners.account, "/v1.1/serviceaccounts"] {
        for body in [json!({}), json!({"name": ""}), json!({"name": 5}), json!({"name": "x".repeat(129)})] {
            let description = account.post(path, &body).await.refused(400, "bad_request");
            assert!(description.contains("name"), "{description}");
        }
    }
    let nobody = "5963c0d619a30a2e00de3fff";
    for path in [
        format!("/v1.1/serviceaccounts/{nobody}"),
        format!("/v1.1/serviceaccounts/{nobody}/keys"),
        format!("{}/app_{nobody}", owners.app),
        format!("{}/svc_{nobody}/jwt", owners.account),
    ] {
        account.get(&path).await.refused(404, "not_found");
    }
    account.get(&format!("/v1.1/apps/{nobody}/keys")).await.refused(404, "app_not_found");
    // The short shape names no app, and a key of an app is not above it.
    account.get("/v1.1/keys").await.refused(403, "forbidden");
    rig.gateway.api().get("/v1.1/keys").await.refused(403, "forbidden");
}

async fn declared_keys_belong_to_the_file(engine: Engine) {
    let rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let keys = format!("/v1.1/apps/{APP}/keys");
    let made = make(&rig, &keys).await;
    let declared = json!({"_id": KEY, "name": KEY, "secret": SECRET});
    assert_eq!(account.get(&keys).await.expect(200), json!({"keys": [declared, made.key]}));
    let description = account.delete(&format!("{keys}/{KEY}")).await.refused(403, "forbidden");
    assert!(description.contains("configuration file"), "{description}");
    made.api.get(&format!("/v1.1/apps/{APP}/webhooks")).await.expect(200);
    account.delete(&made.path).await.expect(200);
    rig.gateway.api().get("/v1.1/webhooks").await.expect(200);
    // The account's own key is nobody's to show.
    account.get(&format!("{keys}/{ACCOUNT_KEY}")).await.refused(404, "not_found");
}

async fn keys_outlive_a_crash(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let owners = Owners::of(&rig).await;
    for keys in owners.paths() {
        let (made, gone) = (make(&rig, keys).await, make(&rig, keys).await);
        rig.gateway.account().delete(&gone.path).await.expect(200);
        rig.gateway.kill();
        rig.gateway.start().await;
        let list = rig.gateway.account().get(keys).await.expect(200);
        assert_eq!(list, json!({"keys": [made.key]}));
        let open = format!("{}/webhooks", owners.app.trim_end_matches("/keys"));
        made.api.get(&open).await.expect(200);
        gone.api.get(&open).await.refused(401, "unauthorized");
    }
}

async fn a_service_account_is_made_changed_and_removed(engine: Engine) {
    let mut rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let mut golden = Golden::of("v1/service_account");
    let made = account.post("/v1.1/serviceaccounts", &json!({"name": "Operations"})).await.expect(201);
    golden.compare("created.json", &made);
    let path = format!("/v1.1/serviceAccounts/{}", golden.holes.text("account"));
    golden.compare("created.json", &account.get(&path).await.expect(200));
    golden.compare("created.json", &account.put(&path, &json!({"odd": 1})).await.expect(200));
    let mut renamed = made.clone();
    renamed["serviceAccount"]["name"] = json!("Night shift");
    assert_eq!(account.put(&path, &json!({"name": "Night shift"})).await.expect(200), renamed);
    account.put(&path, &json!({"name": ""})).await.refused(400, "bad_request");
    let key = make(&rig, &format!("{path}/keys")).await;
    let mut app = key.api.post("/v1.1/apps", &json!({"name": "Its own"})).await.expect(201);
    assert_eq!(account.delete(&path).await.expect(200), json!({}));
    for _ in 0..2 {
        key.api.get("/v1.1/apps").await.refused(401, "unauthorized");
        account.get(&path).await.refused(404, "not_found");
        account.put(&path, &json!({"name": "x"})).await.refused(404, "not_found");
        account.get(&key.path).await.refused(404, "not_found");
        rig.gateway.kill();
        rig.gateway.start().await;
    }
    let app = app["app"]["_id"].take();
    let stays = format!("/v1.1/apps/{}", app.as_str().expect("an id"));
    assert_eq!(account.get(&stays).await.expect(200)["app"]["name"], "Its own", "what it made stays");
}

async fn a_service_account_works_on_the_whole_account(engine: Engine) {
    let rig = Rig::start(engine).await;
    let owners = Owners::of(&rig).await;
    let service = make(&rig, &owners.account).await.api;
    let app = service.post("/v1.1/apps", &json!({"name": "Shop"})).await.expect(201)["app"]["_id"].take();
    let app = format!("/v1.1/apps/{}", app.as_str().expect("an id"));
    service.post(&format!("{app}/keys"), &json!({"name": "Shop's"})).await.expect(200);
    service.put(&app, &json!({"name": "Store"})).await.expect(200);
    service.delete(&app).await.expect(200);
    let other = service.post("/v1.1/serviceaccounts", &json!({"name": "another"})).await.expect(201);
    let other = format!("/v1.1/serviceaccounts/{}", other["serviceAccount"]["_id"].as_str().expect("an id"));
    service.post(&format!("{other}/keys"), &json!({"name": "its"})).await.expect(200);
    service.delete(&other).await.expect(200);
    // At the operator's socket it is the account as well.
    let made = make(&rig, &owners.account).await.key;
    let text = |name: &str| made[name].as_str().expect("a text");
    let admin = rig.gateway.admin_as(text("_id"), text("secret"));
    admin.get("/heliograph/v1/audit").await.expect(200);
    let account = rig.gateway.admin_as(ACCOUNT_KEY, ACCOUNT_SECRET);
    account.get("/heliograph/v1/audit").await.expect(200);
}

async fn service_accounts_are_listed_in_pages(engine: Engine) {
    let rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let empty = json!({"serviceAccounts": [], "hasMore": false, "offset": 0});
    assert_eq!(account.get("/v1.1/serviceaccounts").await.expect(200), empty);
    let mut made = Vec::new();
    for number in 0..3 {
        let body = json!({"name": format!("made {number}")});
        made.push(account.post("/v1.1/serviceaccounts", &body).await.expect(201)["serviceAccount"].take());
    }
    let page = account.get("/v1.1/serviceaccounts?limit=2&offset=1").await.expect(200);
    assert_eq!(page, json!({"serviceAccounts": made[1..], "hasMore": false, "offset": 1}));
    let page = account.get("/v1.1/serviceaccounts?limit=2").await.expect(200);
    assert_eq!(page, json!({"serviceAccounts": made[..2], "hasMore": true, "offset": 0}));
}
