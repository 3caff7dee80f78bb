//! Calls from pages in browsers: a person's token may come from any page, a business's keys from none.

use serde_json::{Value, json};

use crate::harness::api::{Answer, Api};
use crate::harness::config::{ACCOUNT_KEY, ACCOUNT_SECRET, APP, KEY, SECRET};
use crate::harness::signing::token;
use crate::harness::simulator::of_app;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    a_page_may_read_what_its_person_is_answered,
    a_page_may_read_nothing_that_a_key_is_answered,
    a_browser_asks_first_and_is_told_what_is_open,
}

const ORIGIN: (&str, &str) = ("origin", "https://shop.example.com");

fn allowed(answer: &Answer) -> Option<&str> {
    answer.headers.get("access-control-allow-origin").and_then(|value| value.to_str().ok())
}

fn of_person(user: &str, more: &Value) -> String {
    let mut claims = json!({"scope": "appUser", "userId": user});
    claims.as_object_mut().expect("claims").extend(more.as_object().cloned().unwrap_or_default());
    token(KEY, SECRET, &claims)
}

async fn a_page_may_read_what_its_person_is_answered(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.user("ann").await;
    rig.user("bob").await;
    let address = rig.gateway.api_address();
    let ann = Api::bearer(address, &of_person("ann", &json!({})));
    let said = json!({"role": "appUser", "type": "text", "text": "It is me."}).to_string();
    let read = ann.request("GET", "/v1.1/appusers/ann", &[ORIGIN], None).await;
    let spoke = ann.request("POST", &of_app("/appusers/ann/messages"), &[ORIGIN], Some(said)).await;
    let missing = ann.request("POST", "/v1.1/appusers/ann/messages", &[ORIGIN], Some("{}".into())).await;
    let others = ann.request("GET", "/v1.1/appusers/bob", &[ORIGIN], None).await;
    let closed = ann.request("GET", "/v1.1/webhooks", &[ORIGIN], None).await;
    let late = Api::bearer(address, &of_person("ann", &json!({"exp": 1_600_000_000})));
    let late = late.request("GET", "/v1.1/appusers/ann", &[ORIGIN], None).await;
    let bare = of_person("ann", &json!({}));
    let bare = [ORIGIN, ("authorization", bare.as_str())];
    let bare = rig.gateway.anonymous().request("GET", "/v1.1/appusers/ann", &bare, None).await;
    let answers =
        [(read, 200), (spoke, 201), (missing, 400), (others, 403), (closed, 403), (late, 401), (bare, 200)];
    for (answer, status) in answers {
        assert_eq!((answer.status, allowed(&answer)), (status, Some("*")), "{}", answer.text);
    }
}

async fn a_page_may_read_nothing_that_a_key_is_answered(engine: Engine) {
    let rig = Rig::start(engine).await;
    rig.user("ann").await;
    let address = rig.gateway.api_address();
    for (api, status) in [
        (rig.gateway.api(), 200),
        (rig.gateway.account(), 200),
        (Api::bearer(address, &token(KEY, SECRET, &json!({"scope": "app"}))), 200),
        (Api::bearer(address, &token(ACCOUNT_KEY, ACCOUNT_SECRET, &json!({"scope": "account"}))), 200),
        (Api::bearer(address, &token(KEY, SECRET, &json!({"scope": "app", "exp": 1}))), 401),
        (Api::basic(address, KEY, "fake-guess"), 401),
        (rig.gateway.anonymous(), 401),
    ] {
        let answer = api.request("GET", &of_app("/appusers/ann"), &[ORIGIN], None).await;
        assert_eq!((answer.status, allowed(&answer)), (status, None), "{}", answer.text);
        let named = answer.headers.keys().find(|name| name.as_str().starts_with("access-control"));
        assert_eq!(named, None);
    }
}

async fn a_browser_asks_first_and_is_told_what_is_open(engine: Engine) {
    let rig = Rig::start(engine).await;
    let asking = async |path: &str, method: &str| {
        let headers = [ORIGIN, ("access-control-request-method", method)];
        rig.gateway.anonymous().request("OPTIONS", path, &headers, None).await
    };
    for (path, method) in [
        ("/v1.1/appusers/ann", "GET"),
        ("/v1.1/appUsers/ann/Messages", "POST"),
        (&of_app("/appusers/ann"), "GET"),
        (&of_app("/appusers/ann/messages"), "POST"),
    ] {
        let answer = asking(path, method).await;
        assert_eq!((answer.status, allowed(&answer), answer.text.as_str()), (204, Some("*"), ""), "{path}");
        let listed = |name: &str| -> Vec<String> {
            let value = answer.headers[name].to_str().expect("a text");
            value.split(", ").map(str::to_owned).collect()
        };
        assert!(listed("access-control-allow-methods").contains(&method.to_owned()), "{:?}", answer.headers);
        assert!(!listed("access-control-allow-methods").contains(&"DELETE".to_owned()), "not for a person");
        let sent = listed("access-control-allow-headers");
        assert_eq!(sent, ["authorization", "content-type", "idempotency-key"]);
    }
    for path in ["/v1.1/webhooks", "/v1.1/apps", "/v1.1/appusers", &format!("/v1.1/apps/{APP}/keys")] {
        let answer = asking(path, "GET").await;
        assert_eq!(allowed(&answer), None);
        answer.refused(405, "method_not_allowed");
    }
}
