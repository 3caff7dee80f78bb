//! Apps and keys through v2.

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::config::APP;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    an_app_is_made_changed_and_removed,
    apps_are_read_page_by_page_in_both_spellings,
    a_key_is_made_and_opens_its_app,
    what_is_wrong_is_said_in_v2s_words,
    v2_is_found_under_the_platforms_base_path,
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

async fn make(account: &Api, name: &str) -> String {
    text(&account.post("/v2/apps", &json!({"displayName": name})).await.expect(201)["app"]["id"])
}

async fn an_app_is_made_changed_and_removed(engine: Engine) {
    let rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let asked =
        json!({"displayName": "Shop", "settings": {"multiConvoEnabled": true}, "metadata": {"tier": 1}});
    let app = account.post("/v2/apps", &asked).await.expect(201)["app"].clone();
    let expected = json!({
        "id": app["id"], "displayName": "Shop", "metadata": {"tier": 1},
        "settings": {
            "maskCreditCardNumbers": true, "useAnimalNames": false, "echoPostback": false,
            "ignoreAutoConversationStart": false, "multiConvoEnabled": true, "appLocalizationEnabled": true,
            "endSessionEnabled": false, "disableConversationReopen": false,
        },
    });
    assert_eq!(app, expected);
    let path = format!("/v2/apps/{}", text(&app["id"]));
    assert_eq!(account.get(&path).await.expect(200)["app"], app);
    let v1 = account.get(&path.replace("v2", "v1.1")).await.expect(200)["app"].clone();
    assert_eq!((&v1["_id"], &v1["name"], &v1["metadata"]), (&app["id"], &json!("Shop"), &json!({"tier": 1})));
    let change = json!({"displayName": "Store", "settings": {"echoPostback": true}, "metadata": null});
    let changed = account.patch(&path, &change).await.expect(200)["app"].clone();
    assert_eq!((&changed["displayName"], changed.get("metadata")), (&json!("Store"), None));
    assert_eq!(
        (&changed["settings"]["echoPostback"], &changed["settings"]["multiConvoEnabled"]),
        (&json!(true), &json!(true))
    );
    let back = account.patch(&path, &json!({"settings": {"multiConvoEnabled": false}})).await;
    assert_eq!(
        back.refused_v2(400, "bad_request"),
        ".settings.multiConvoEnabled: cannot be switched off again"
    );
    account.delete(&path).await.expect(200);
    assert_eq!(account.get(&path).await.refused_v2(404, "app_not_found"), "App not found");
}

/// The names on a page, and its answer.
async fn page(account: &Api, query: &str) -> (Vec<String>, Value) {
    let answer = account.get(&format!("/v2/apps{query}")).await.expect(200);
    let apps = answer["apps"].as_array().expect("a list").iter().map(|app| text(&app["displayName"]));
    (apps.collect(), answer.clone())
}

async fn apps_are_read_page_by_page_in_both_spellings(engine: Engine) {
    let rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    for name in ["one", "two", "three", "four"] {
        make(&account, name).await;
    }
    let (all, whole) = page(&account, "").await;
    assert_eq!(whole["meta"], json!({"hasMore": false}));
    let (first, answer) = page(&account, "?page[size]=2").await;
    assert_eq!((first.as_slice(), &answer["meta"]["hasMore"]), (&all[..2], &json!(true)));
    let (mut seen, mut next) = (first, text(&answer["links"]["next"]));
    loop {
        let (_, query) = next.split_once("/v2/apps").expect("an address of ours");
        let (names, answer) = page(&account, query).await;
        seen.extend(names);
        match answer["links"].get("next") {
            Some(more) => next = text(more),
            None => break,
        }
    }
    assert_eq!(seen, all);
    let after = text(&answer["meta"]["afterCursor"]);
    let json = format!("?page=%7B%22size%22%3A2%2C%22after%22%3A%22{after}%22%7D");
    let (second, _) = page(&account, &json).await;
    assert_eq!(second, all[2..4]);
    let (before, _) = page(&account, &format!("?page%5Bsize%5D=1&page%5Bbefore%5D={after}")).await;
    assert_eq!(before, all[..1]);
    for odd in
        ["?page[size]=0", "?page[after]=12", "?page=2", &format!("?page[after]={after}&page[before]={after}")]
    {
        account.get(&format!("/v2/apps{odd}")).await.refused_v2(400, "bad_request");
    }
}

async fn a_key_is_made_and_opens_its_app(engine: Engine) {
    let rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let app = make(&account, "Shop").await;
    let keys = format!("/v2/apps/{app}/keys");
    let key = account.post(&keys, &json!({"displayName": "its own"})).await.expect(201)["key"].clone();
    assert_eq!(account.get(&keys).await.expect(200)["keys"], json!([key]));
    let own = Api::basic(rig.gateway.api_address(), &text(&key["id"]), &text(&key["secret"]));
    assert_eq!(own.get(&format!("/v2/apps/{app}")).await.expect(200)["app"]["displayName"], "Shop");
    own.get(&keys).await.refused_v2(403, "forbidden");
    own.get(&format!("/v2/apps/{APP}")).await.refused_v2(403, "forbidden");
    let one = format!("{keys}/{}", text(&key["id"]));
    assert_eq!(account.get(&one).await.expect(200)["key"], key);
    account.delete(&one).await.expect(200);
    account.get(&one).await.refused_v2(404, "not_found");
    own.get(&format!("/v2/apps/{app}")).await.refused_v2(401, "unauthorized");
}

async fn what_is_wrong_is_said_in_v2s_words(engine: Engine) {
    let rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let refused = account.post("/v2/apps", &json!({})).await;
    assert_eq!(refused.refused_v2(400, "bad_request"), "should have required property 'displayName'");
    rig.gateway.anonymous().get("/v2/apps").await.refused_v2(401, "unauthorized");
    account.get("/v2/nothing").await.refused_v2(404, "not_found");
    account.delete("/v2/apps").await.refused_v2(405, "method_not_allowed");
    account.get("/v1.1/nothing").await.refused(404, "not_found");
}

async fn v2_is_found_under_the_platforms_base_path(engine: Engine) {
    let rig = Rig::start(engine).await;
    let account = rig.gateway.account();
    let app = account.get(&format!("/sc/v2/Apps/{APP}")).await.expect(200);
    assert_eq!(app["app"]["id"], APP);
    account.get("/sc/v2/nothing").await.refused_v2(404, "not_found");
}
