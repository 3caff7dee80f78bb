//! Every route with every kind of credential: who is let through follows from whom the route's line says it is for.
//!
//! The routes are the gateway's own list, so that none can be added without being tried.

use std::collections::BTreeSet;

use heliograph::api::{Access, routes};
use serde_json::{Value, json};

use crate::harness::api::{Answer, Api};
use crate::harness::config::{KEY, OTHER_KEY, OTHER_SECRET, SECRET};
use crate::harness::signing::token;
use crate::harness::{Engine, Rig, on_both_engines};

on_both_engines! {
    every_route_opens_to_whom_it_is_for_and_to_nobody_else,
}

/// An app that nobody has.
const NO_APP: &str = "5963c0d619a30a2e00de3fff";

/// What a route does with a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// 401: nobody is known by it.
    Unknown,
    /// 403: it does not reach that far.
    Refused,
    /// 404 `app_not_found`: it would, if there were such an app.
    NoApp,
    /// Let through; what the route then makes of it is its own business.
    Allowed,
}

impl Class {
    fn of(answer: &Answer) -> Class {
        match answer.status {
            401 => Class::Unknown,
            403 => Class::Refused,
            404 if answer.json["error"]["code"] == "app_not_found" => Class::NoApp,
            404 if answer.json["errors"][0]["code"] == "app_not_found" => Class::NoApp,
            status => {
                assert!(status != 405 && status < 500, "{status} {}", answer.text);
                Class::Allowed
            }
        }
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Nobody,
    WrongSecret,
    UnknownKey,
    ForgedToken,
    User,
    OtherUser,
    OwnKey,
    OwnToken,
    OtherAppsKey,
    AccountKey,
    ServiceAccountKey,
    OwnIntegrationKey,
    OwnIntegrationToken,
    OtherIntegrationKey,
}

const CALLERS: &[Caller] = &[
    Caller::Nobody,
    Caller::WrongSecret,
    Caller::UnknownKey,
    Caller::ForgedToken,
    Caller::OtherUser,
    Caller::OtherAppsKey,
    Caller::User,
    Caller::OwnKey,
    Caller::OwnToken,
    Caller::AccountKey,
    Caller::ServiceAccountKey,
    Caller::OtherIntegrationKey,
    Caller::OwnIntegrationToken,
    Caller::OwnIntegrationKey,
];

/// A route as the gateway lists it.
#[derive(Debug)]
struct Route {
    method: String,
    path: String,
    access: Access,
    /// Of an app that the path leaves to the key.
    is_short: bool,
}

impl Route {
    fn all() -> Vec<Route> {
        let listed = routes();
        let paths: BTreeSet<String> = listed.iter().map(|(_, path, _)| path.clone()).collect();
        let in_app = |path: &str| {
            let (version, rest) =
                path.match_indices('/').nth(1).map_or((path, ""), |(at, _)| path.split_at(at));
            paths.contains(&format!("{version}/apps/{{app}}{rest}"))
        };
        let route = |(method, path, access): (http::Method, String, Access)| {
            let is_short = in_app(&path);
            Route { method: method.to_string(), path, access, is_short }
        };
        listed.into_iter().map(route).collect()
    }

    fn names_app(&self) -> bool {
        self.path.contains("{app}")
    }

    /// What must come of it, by nothing but whom it is for.
    fn expected(&self, caller: Caller, has_app: bool) -> Class {
        if self.access == Access::Anybody {
            return Class::Allowed;
        }
        let is_own = matches!(self.access, Access::OneApp | Access::Integration);
        let above_apps = if self.is_short || is_own { Class::Refused } else { Class::Allowed };
        let reaches_in = !matches!(self.access, Access::Account | Access::Integration);
        let for_integrations = is_own || self.access == Access::AppOrIntegration;
        let class = match caller {
            Caller::Nobody | Caller::WrongSecret | Caller::UnknownKey | Caller::ForgedToken => Class::Unknown,
            Caller::AccountKey | Caller::ServiceAccountKey => above_apps,
            Caller::User if self.access == Access::AppOrUser => Class::Allowed,
            Caller::User | Caller::OtherUser => Class::Refused,
            Caller::OwnKey | Caller::OwnToken if reaches_in => Class::Allowed,
            // Without an app in the path it is the caller's own that is meant.
            Caller::OtherAppsKey if reaches_in && !self.names_app() => Class::Allowed,
            Caller::OwnIntegrationKey | Caller::OwnIntegrationToken if for_integrations => Class::Allowed,
            Caller::OtherIntegrationKey if for_integrations && !self.path.contains("{integration}") => {
                Class::Allowed
            }
            Caller::OwnKey | Caller::OwnToken | Caller::OtherAppsKey => Class::Refused,
            Caller::OwnIntegrationKey | Caller::OwnIntegrationToken | Caller::OtherIntegrationKey => {
                Class::Refused
            }
        };
        match class {
            Class::Allowed if !has_app && caller.is_above_apps() => Class::NoApp,
            Class::Allowed if !has_app => Class::Refused,
            class => class,
        }
    }
}

impl Caller {
    fn is_above_apps(self) -> bool {
        matches!(self, Caller::AccountKey | Caller::ServiceAccountKey)
    }
}

/// An app with a key, two users and two custom integrations with keys, and a service account with a key.
struct Scene {
    app: String,
    own: (String, String),
    service: (String, String),
    /// The custom integration that paths name.
    integration: String,
    integration_key: (String, String),
    other_integration_key: (String, String),
    address: String,
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

impl Scene {
    async fn of(rig: &Rig) -> Scene {
        let account = rig.gateway.account();
        let name = json!({"name": "tried"});
        let app = text(&account.post("/v1.1/apps", &name).await.expect(201)["app"]["_id"]);
        let service = account.post("/v1.1/serviceaccounts", &name).await.expect(201);
        let service = text(&service["serviceAccount"]["_id"]);
        let key = async |keys: String| {
            let made = account.post(&keys, &name).await.expect(200);
            (text(&made["key"]["_id"]), text(&made["key"]["secret"]))
        };
        let own = key(format!("/v1.1/apps/{app}/keys")).await;
        let service = key(format!("/v1.1/serviceaccounts/{service}/keys")).await;
        let custom = async || {
            let integrations = format!("/v2/apps/{app}/integrations");
            let webhook = json!({"target": "http://127.0.0.1:1/", "triggers": ["user:merge"]});
            let asked = json!({"type": "custom", "webhooks": [webhook]});
            let id = text(&account.post(&integrations, &asked).await.expect(201)["integration"]["id"]);
            let keys = format!("{integrations}/{id}/keys");
            let key = account.post(&keys, &json!({"displayName": "tried"})).await.expect(201)["key"].clone();
            (id, (text(&key["id"]), text(&key["secret"])))
        };
        let ((integration, integration_key), (_, other_integration_key)) = (custom().await, custom().await);
        let address = rig.gateway.api_address().to_owned();
        let scene = Scene { app, own, service, integration, integration_key, other_integration_key, address };
        for user in ["ann", "bob"] {
            let api = scene.caller(rig, Caller::OwnKey);
            api.post("/v1.1/appusers", &json!({"userId": user})).await.expect(201);
        }
        scene
    }

    fn caller(&self, rig: &Rig, caller: Caller) -> Api {
        let basic = |id: &str, secret: &str| Api::basic(&self.address, id, secret);
        let bearer =
            |secret: &str, claims: Value| Api::bearer(&self.address, &token(&self.own.0, secret, &claims));
        let of_user = |user: &str| json!({"scope": "appUser", "userId": user});
        let (own, secret) = (&self.own.0, &self.own.1);
        match caller {
            Caller::Nobody => rig.gateway.anonymous(),
            Caller::WrongSecret => basic(own, SECRET),
            Caller::UnknownKey => basic(&format!("app_{NO_APP}"), secret),
            Caller::ForgedToken => bearer(OTHER_SECRET, json!({"scope": "app"})),
            Caller::User => bearer(secret, of_user("ann")),
            Caller::OtherUser => bearer(secret, of_user("bob")),
            Caller::OwnKey => basic(own, secret),
            Caller::OwnToken => bearer(secret, json!({"scope": "app"})),
            Caller::OtherAppsKey => basic(OTHER_KEY, OTHER_SECRET),
            Caller::AccountKey => rig.gateway.account(),
            Caller::ServiceAccountKey => basic(&self.service.0, &self.service.1),
            Caller::OwnIntegrationKey => basic(&self.integration_key.0, &self.integration_key.1),
            Caller::OwnIntegrationToken => {
                let (id, secret) = &self.integration_key;
                Api::bearer(&self.address, &token(id, secret, &json!({"scope": "integration"})))
            }
            Caller::OtherIntegrationKey => {
                basic(&self.other_integration_key.0, &self.other_integration_key.1)
            }
        }
    }

    /// Asks so that a route which lets through has little to do: nothing but the user is there.
    async fn class(&self, rig: &Rig, route: &Route, caller: Caller, app: &str) -> Class {
        let named = route.path.replace("{app}", app).replace("{user}", "ann");
        // Its own webhooks are all that an integration's key opens of the settings.
        let named = match route.access == Access::AppOrIntegration {
            true => named.replace("{integration}", &self.integration),
            false => named,
        };
        let path: Vec<&str> =
            named.split('/').map(|part| if part.starts_with('{') { NO_APP } else { part }).collect();
        let body = matches!(route.method.as_str(), "POST" | "PUT" | "PATCH").then(|| "{}".to_owned());
        let api = self.caller(rig, caller);
        Class::of(&api.request(&route.method, &path.join("/"), &[], body).await)
    }
}

async fn every_route_opens_to_whom_it_is_for_and_to_nobody_else(engine: Engine) {
    let rig = Rig::start(engine).await;
    let mut scene = Scene::of(&rig).await;
    let mut wrong = Vec::new();
    for route in Route::all() {
        for &caller in CALLERS {
            let mut try_app = async |scene: &Scene, app: &str| {
                let expected = route.expected(caller, app != NO_APP);
                let found = scene.class(&rig, &route, caller, app).await;
                if found != expected {
                    wrong.push(format!("{route:?} as {caller:?} in {app}: {found:?}, not {expected:?}"));
                }
            };
            try_app(&scene, &scene.app).await;
            if route.names_app() {
                try_app(&scene, NO_APP).await;
            }
            // It may have taken away what the next one needs.
            if route.method == "DELETE" && route.expected(caller, true) == Class::Allowed {
                scene = Scene::of(&rig).await;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What is declared was not touched by any of it.
    Api::basic(rig.gateway.api_address(), KEY, SECRET).get("/v1.1/webhooks").await.expect(200);
}
