//! Who calls, and which app they reach.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use heliograph_connectors::channel::signature::prove;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::model::{Id, KeyScope, Tenant, Timestamp};
use crate::settings::Settings;

use super::Api;
use super::jwt::{self, Scope};
use super::problem::Problem;

/// The app that a proven caller works on: named in the path, or the key's own.
#[derive(Debug)]
pub(super) struct Caller(pub(super) Arc<Tenant>);

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Caller, Problem> {
        let scope = authenticate(&api.settings, &parts.headers, api.core.now())?;
        let params = RawPathParams::from_request_parts(parts, api)
            .await
            .map_err(|_| Problem::bad_request("The path is not UTF-8"))?;
        let app = params.iter().find(|(name, _)| *name == "app").map(|(_, value)| value);
        reach(&api.settings, &scope, app).map(Caller)
    }
}

/// What the caller's key may reach.
pub(super) fn authenticate(
    settings: &Settings,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<KeyScope, Problem> {
    let required = || Problem::unauthorized("Authorization is required");
    let given = headers.get(AUTHORIZATION).ok_or_else(required)?;
    let (scheme, credential) =
        given.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(required)?;
    if scheme.eq_ignore_ascii_case("basic") {
        return basic(settings, credential.trim()).ok_or_else(|| Problem::unauthorized("Invalid credential"));
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return bearer(settings, credential.trim(), now);
    }
    Err(required())
}

fn basic(settings: &Settings, credential: &str) -> Option<KeyScope> {
    let decoded = String::from_utf8(STANDARD.decode(credential).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let key = settings.key(id)?;
    prove(key.secret.expose().as_bytes(), secret.as_bytes()).ok()?;
    Some(key.scope)
}

fn bearer(settings: &Settings, token: &str, now: Timestamp) -> Result<KeyScope, Problem> {
    let (key, scope) =
        jwt::verify(token, now, |id| settings.key(id)).map_err(|refused| Problem::unauthorized(refused.0))?;
    match (scope, &key.scope) {
        (Scope::App, KeyScope::App(_))
        | (Scope::Account, KeyScope::Account | KeyScope::ServiceAccount(_)) => Ok(key.scope),
        (Scope::AppUser, KeyScope::App(_)) => {
            Err(Problem::forbidden("A token of scope appUser does not reach this resource"))
        }
        _ => Err(Problem::unauthorized("The token's scope is not its key's")),
    }
}

/// The app, if the key reaches it.
pub(super) fn reach(
    settings: &Settings,
    scope: &KeyScope,
    app: Option<&str>,
) -> Result<Arc<Tenant>, Problem> {
    let id = match (scope, app) {
        (KeyScope::App(own), None) => own.clone(),
        (KeyScope::App(own), Some(app)) if own.as_str() == app => own.clone(),
        (KeyScope::App(_), Some(_)) => return Err(Problem::forbidden("The key belongs to another app")),
        (KeyScope::Account | KeyScope::ServiceAccount(_), Some(app)) => Id::new(app),
        (KeyScope::Account | KeyScope::ServiceAccount(_), None) => {
            return Err(Problem::forbidden("With an account key the app must be named: /apps/{appId}/…"));
        }
    };
    settings.tenant(&id).ok_or_else(|| Problem::missing("app_not_found", "App not found"))
}
