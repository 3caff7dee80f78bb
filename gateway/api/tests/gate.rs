//! Who is let through to which kind of route, and what handlers find behind the gate.

use axum::Json;

use super::super::gate::passed;
use super::super::once::Marked;
use super::super::table::{Shapes, Table};
use super::*;

/// Says what it finds behind the gate.
async fn probe(request: axum::extract::Request) -> Json<Value> {
    let (parts, _) = request.into_parts();
    let home = passed(&parts).map(|passed| passed.home.to_string()).unwrap_or_default();
    Json(json!({ "home": home, "isMarked": parts.extensions.get::<Marked>().is_some() }))
}

fn table() -> Table {
    Table::at("/v1.1", Shapes::Both)
        .post("/apps", Access::Account, probe)
        .get("/apps/{app}", Access::AccountOrApp, probe)
        .post("/apps/{app}/keys", Access::Account, probe)
        .post("/apps/{app}/appusers", Access::App, probe)
        .get("/apps/{app}/appusers/{user}", Access::AppOrUser, probe)
}

fn of_user(kid: &str, user: &str) -> String {
    let (header, claims) =
        (json!({ "alg": "HS256", "kid": kid }), json!({ "scope": "appUser", "userId": user }));
    format!("Bearer {}", jwt::tests::token(&header, &claims, &format!("fake-{kid}")))
}

/// The status, and the namespace in which the request works.
async fn home(method: Method, uri: &str, authorization: &str) -> (u16, Value) {
    let api = api().await;
    let router = table().router(&api).with_state(api);
    let request = Request::builder().method(method).uri(uri).header("authorization", authorization);
    let (status, mut body) = answer(router, request.body(Body::empty()).expect("is a request")).await;
    (status.as_u16(), body["home"].take())
}

async fn check(method: Method, uri: &str, key: &str, status: u16, expected: Option<&str>) {
    let found = home(method, uri, &basic(key)).await;
    assert_eq!(found, (status, expected.map_or(Value::Null, Value::from)), "{uri} as {key}");
}

#[tokio::test]
async fn what_is_above_the_apps_is_the_accounts() {
    let (app, keys) = (format!("/v1.1/apps/{APP}"), format!("/v1.1/apps/{APP}/keys"));
    for key in ["act_1", "svc_1"] {
        check(Method::POST, "/v1.1/apps", key, 200, Some("account")).await;
        check(Method::POST, &keys, key, 200, Some("account")).await;
        check(Method::POST, "/v1.1/apps/0000/keys", key, 404, None).await;
        check(Method::POST, "/v1.1/keys", key, 403, None).await;
        check(Method::GET, &app, key, 200, Some("account")).await;
        check(Method::POST, &format!("{app}/appusers"), key, 200, Some(APP)).await;
    }
    for uri in ["/v1.1/apps", "/v1.1/keys", &keys, &format!("/v1.1/apps/{OTHER}/keys")] {
        check(Method::POST, uri, "app_1", 403, None).await;
    }
    check(Method::GET, &app, "app_1", 200, Some("account")).await;
    check(Method::GET, &format!("/v1.1/apps/{OTHER}"), "app_1", 403, None).await;
    check(Method::POST, "/v1.1/appusers", "app_1", 200, Some(APP)).await;
}

#[tokio::test]
async fn a_users_token_is_turned_away_wherever_no_user_is_meant() {
    // There are no users here: to a token that names one, the others look the same.
    for (method, uri) in [
        (Method::POST, "/v1.1/apps"),
        (Method::GET, &format!("/v1.1/apps/{APP}")),
        (Method::POST, "/v1.1/keys"),
        (Method::POST, "/v1.1/appusers"),
        (Method::GET, "/v1.1/appusers/u"),
        (Method::GET, &format!("/v1.1/apps/{OTHER}/appusers/u")),
    ] {
        assert_eq!(home(method, uri, &of_user("app_1", "u")).await.0, 403, "{uri}");
    }
    assert_eq!(home(Method::GET, "/v1.1/appusers/u", &of_user("act_1", "u")).await.0, 401);
    let admin = Request::get("/heliograph/v1/audit").header("authorization", of_user("app_1", "u"));
    let admin = admin.body(Body::empty()).expect("is a request");
    assert_eq!(answer(admin_router(api().await), admin).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_post_above_the_apps_takes_an_idempotency_key() {
    for (uri, key) in [("/v1.1/apps", "act_1"), ("/v1.1/apps", "svc_1"), ("/v1.1/appusers", "app_1")] {
        let api = api().await;
        let mut request = asked(Method::POST, uri, key, "");
        request.headers_mut().insert("idempotency-key", http::HeaderValue::from_static("k"));
        let (status, body) = answer(table().router(&api).with_state(api), request).await;
        assert_eq!((status, &body["isMarked"]), (StatusCode::OK, &Value::Bool(true)), "{uri} as {key}");
    }
}

#[tokio::test]
async fn every_route_wants_a_credential_of_its_own_app() {
    let routes = routes();
    assert!(routes.len() > 20, "{routes:?}");
    for (method, path, access) in routes {
        if access == Access::Anybody {
            continue;
        }
        let uri = |app: &str| {
            let uri = path.replace("{app}", app);
            let named = uri.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
            named.collect::<Vec<_>>().join("/")
        };
        for (key, app, expected) in [("", APP, 401), ("app_2", APP, 401), ("app_1", OTHER, 403)] {
            if expected == 401 || path.contains("{app}") {
                let (status, _) = said(asked(method.clone(), &uri(app), key, "")).await;
                assert_eq!(status, expected, "{method} {path} as {key:?}");
            }
        }
    }
}
