//! The gate before every route: it proves who calls, asks whether the route is for them, and finds their app.
//!
//! Handlers and `once` read here what was found out; nothing behind the gate looks at a credential again.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use tracing::debug;

use crate::core::CoreError;
use crate::model::{App, Id, Integration, Tenant};
use crate::settings::ACCOUNT;

use super::Api;
use super::auth::{Authority, Principal, authenticate, reach};
use super::problem::Problem;

/// Whom a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The account and its service accounts: apps, keys and what else stands above the apps.
    Account,
    /// The account for any app, an app's key for its own: the app itself, which is kept with the account.
    AccountOrApp,
    /// Whoever reaches the app by a key: what lives inside an app.
    App,
    /// The same, and the user whom the path names as `{user}`, by a token of their own.
    AppOrUser,
    /// Whoever reaches the app, and a custom integration of it: what v2 lets it do. Of the settings that is its own
    /// webhooks: where the path names an `{integration}`, it is let through to itself alone.
    AppOrIntegration,
    /// A key that is of one app, which the path does not name: the app's own, or a custom integration's.
    OneApp,
    /// A custom integration, about itself.
    Integration,
    /// Whoever asks; no credential is looked at.
    Anybody,
}

impl Access {
    fn is_for(self, authority: &Authority) -> bool {
        let is_own = matches!(self, Access::OneApp | Access::Integration);
        match authority {
            Authority::Account | Authority::ServiceAccount(_) => !is_own,
            Authority::App(_) => !matches!(self, Access::Account | Access::Integration),
            Authority::User { .. } => self == Access::AppOrUser,
            Authority::Integration { .. } => is_own || self == Access::AppOrIntegration,
        }
    }

    /// Whether the app is that of the key, and the path has no place for it.
    pub(super) fn implies_app(self) -> bool {
        matches!(self, Access::OneApp | Access::Integration)
    }

    /// Whether what these routes change is kept with the account.
    fn is_above_apps(self) -> bool {
        matches!(self, Access::Account | Access::AccountOrApp)
    }
}

/// The gate of one route.
#[derive(Clone)]
pub(super) struct Gate {
    /// What it asks.
    pub(super) api: Arc<Api>,
    /// Whom it lets through.
    pub(super) access: Access,
    /// Whether the route is about an app, which the path names or the key implies.
    pub(super) is_of_app: bool,
}

/// What the gate found out about a request that it let through.
#[derive(Debug, Clone)]
pub(super) struct Passed {
    /// Who calls.
    pub(super) principal: Principal,
    /// The namespace that the request's changes are committed in.
    pub(super) home: Id<App>,
    tenant: Option<Arc<Tenant>>,
    /// The integration that the path names, or that calls about itself.
    integration: Option<Id<Integration>>,
}

/// Around a route: lets through whom it is for.
pub(super) async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match gate.admit(&mut parts).await {
        Ok(passed) => {
            parts.extensions.insert(passed);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    }
}

impl Gate {
    async fn admit(&self, parts: &mut Parts) -> Result<Passed, Problem> {
        let principal = authenticate(&self.api.settings, &parts.headers, self.api.core.now())?;
        if !self.access.is_for(&principal.authority) {
            debug!(key = principal.key_id, access = ?self.access, "a key was refused at the gate");
            return Err(Problem::forbidden("The credential's scope does not reach this resource"));
        }
        let named = RawPathParams::from_request_parts(parts, &())
            .await
            .map_err(|_| Problem::bad_request("The path is not UTF-8"))?;
        let named = |wanted| named.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        if !self.is_of_app {
            return Ok(Passed { principal, home: Id::new(ACCOUNT), tenant: None, integration: None });
        }
        let tenant = reach(&self.api.settings, &principal.authority, named("app"))?;
        if let Authority::User { external_id, .. } = &principal.authority {
            self.admit_user(&tenant, named("user"), external_id).await?;
        }
        let integration = meant(&principal.authority, named("integration"))?;
        let home = if self.access.is_above_apps() { Id::new(ACCOUNT) } else { tenant.app.id.clone() };
        Ok(Passed { principal, home, tenant: Some(tenant), integration })
    }

    /// A user's token opens that user alone. Whether others exist cannot be learned with it: they are refused alike.
    async fn admit_user(
        &self,
        tenant: &Tenant,
        named: Option<&str>,
        external_id: &str,
    ) -> Result<(), Problem> {
        let refused = || Problem::forbidden("The token is not this user's");
        match self.api.core.user(tenant, named.ok_or_else(refused)?).await {
            Ok(user) if user.external_id.as_deref() == Some(external_id) => {
                Ok(self.api.core.prove(tenant, &user).await?)
            }
            Ok(_) | Err(CoreError::NotFound(_)) => Err(refused()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The integration that a path means. A custom integration may call itself `me`, and reaches no other.
fn meant(authority: &Authority, named: Option<&str>) -> Result<Option<Id<Integration>>, Problem> {
    match (authority, named) {
        (Authority::Integration { integration, .. }, None | Some("me")) => Ok(Some(integration.clone())),
        (Authority::Integration { integration, .. }, Some(named)) if named != integration.as_str() => {
            Err(Problem::forbidden("Forbidden"))
        }
        (_, named) => Ok(named.map(Id::new)),
    }
}

/// The app that a caller works on: named in the path, or the key's own. For routes of an app.
#[derive(Debug)]
pub(super) struct Caller(pub(super) Arc<Tenant>);

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Caller, Problem> {
        let tenant = passed(parts)?.tenant.clone();
        tenant.map(Caller).ok_or_else(Problem::internal)
    }
}

/// The integration that a path names, `me` being understood, or the one that calls. Whether it is there is not asked.
#[derive(Debug)]
pub(super) struct Outlet(pub(super) Id<Integration>);

impl FromRequestParts<Arc<Api>> for Outlet {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Outlet, Problem> {
        let integration = passed(parts)?.integration.clone();
        integration.map(Outlet).ok_or_else(Problem::internal)
    }
}

impl FromRequestParts<Arc<Api>> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Principal, Problem> {
        Ok(passed(parts)?.principal.clone())
    }
}

/// What the gate found out. A route without a gate opens to nobody.
pub(super) fn passed(parts: &Parts) -> Result<&Passed, Problem> {
    parts.extensions.get().ok_or_else(Problem::internal)
}
