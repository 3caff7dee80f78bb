//! Who calls: a credential is proven here, and the app found that it reaches.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use heliograph_connectors::channel::signature::prove;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::model::{App, Id, Integration, Key, KeyScope, ServiceAccount, Tenant, Timestamp};
use crate::settings::Settings;

use super::jwt::{self, Speaker};
use super::problem::Problem;

/// A caller whose credential is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    /// The key that proved it.
    pub(super) key_id: String,
    /// What it may reach.
    pub(super) authority: Authority,
}

/// What a caller may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Authority {
    /// Every app.
    Account,
    /// Every app, for a service account.
    ServiceAccount(Id<ServiceAccount>),
    /// One app.
    App(Id<App>),
    /// One user of an app, by the business's own id.
    User {
        /// The app.
        app: Id<App>,
        /// The `userId` of the token.
        external_id: String,
    },
    /// What v2 lets a custom integration do in its app.
    Integration {
        /// The app.
        app: Id<App>,
        /// Which one it is.
        integration: Id<Integration>,
    },
}

impl Authority {
    /// Whether it reaches every app.
    pub(super) fn is_account(&self) -> bool {
        matches!(self, Authority::Account | Authority::ServiceAccount(_))
    }
}

impl From<KeyScope> for Authority {
    fn from(scope: KeyScope) -> Authority {
        match scope {
            KeyScope::Account => Authority::Account,
            KeyScope::ServiceAccount(id) => Authority::ServiceAccount(id),
            KeyScope::App(app) => Authority::App(app),
            KeyScope::Integration { app, integration } => Authority::Integration { app, integration },
        }
    }
}

/// Proves the credential of a call.
pub(super) fn authenticate(
    settings: &Settings,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Principal, Problem> {
    let required = || Problem::unauthorized("Authorization is required");
    let given = headers.get(AUTHORIZATION).and_then(|given| given.to_str().ok()).ok_or_else(required)?;
    let Some((scheme, credential)) = given.split_once(' ') else {
        // Some of the platform's own examples send the token alone.
        let is_token = given.split('.').count() == 3;
        return if is_token { bearer(settings, given, now) } else { Err(required()) };
    };
    if scheme.eq_ignore_ascii_case("basic") {
        return basic(settings, credential.trim()).ok_or_else(|| Problem::unauthorized("Invalid credential"));
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return bearer(settings, credential.trim(), now);
    }
    Err(required())
}

/// The same at the operator's socket, where users and custom integrations have no business.
pub(super) fn operator(
    settings: &Settings,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Authority, Problem> {
    match authenticate(settings, headers, now)?.authority {
        Authority::User { .. } => Err(Problem::forbidden("A user's token does not reach this resource")),
        Authority::Integration { .. } => {
            Err(Problem::forbidden("A custom integration's key does not reach this resource"))
        }
        authority => Ok(authority),
    }
}

/// Whether the credential says that it is a user's token. Nobody has proven it.
pub(super) fn says_user(headers: &HeaderMap) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(|given| given.to_str().ok());
    given.and_then(|given| given.split(' ').next_back()).is_some_and(jwt::says_user)
}

fn basic(settings: &Settings, credential: &str) -> Option<Principal> {
    let decoded = String::from_utf8(STANDARD.decode(credential).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let key = settings.key(id)?;
    prove(key.secret.expose().as_bytes(), secret.as_bytes()).ok()?;
    Some(Principal { key_id: key.id, authority: key.scope.into() })
}

fn bearer(settings: &Settings, token: &str, now: Timestamp) -> Result<Principal, Problem> {
    let (key, speaker) =
        jwt::verify(token, now, |id| settings.key(id)).map_err(|refused| Problem::unauthorized(refused.0))?;
    let Key { id, scope, .. } = key;
    let authority = match (speaker, scope) {
        (Speaker::User(external_id), KeyScope::App(app)) => Authority::User { app, external_id },
        (Speaker::App, scope @ KeyScope::App(_)) => scope.into(),
        (Speaker::Integration, scope @ KeyScope::Integration { .. }) => scope.into(),
        (Speaker::Account, scope @ (KeyScope::Account | KeyScope::ServiceAccount(_))) => scope.into(),
        _ => return Err(Problem::unauthorized("The token's scope is not its key's")),
    };
    Ok(Principal { key_id: id, authority })
}

/// The app named, or the caller's own, if the caller reaches it.
pub(super) fn reach(
    settings: &Settings,
    authority: &Authority,
    app: Option<&str>,
) -> Result<Arc<Tenant>, Problem> {
    let id = match (authority, app) {
        (
            Authority::App(own) | Authority::User { app: own, .. } | Authority::Integration { app: own, .. },
            app,
        ) => {
            if app.is_some_and(|app| app != own.as_str()) {
                return Err(Problem::forbidden("The key belongs to another app"));
            }
            own.clone()
        }
        (Authority::Account | Authority::ServiceAccount(_), Some(app)) => Id::new(app),
        (Authority::Account | Authority::ServiceAccount(_), None) => {
            return Err(Problem::forbidden("With an account key the app must be named: /apps/{appId}/…"));
        }
    };
    settings.tenant(&id).ok_or_else(|| Problem::missing("app_not_found", "App not found"))
}
