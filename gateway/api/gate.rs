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
use crate::model::{App, Id, Tenant};
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
}

impl Access {
    fn is_for(self, authority: &Authority) -> bool {
        match authority {
            Authority::Account | Authority::ServiceAccount(_) => true,
            Authority::App(_) => self != Access::Account,
            Authority::User { .. } => self == Access::AppOrUser,
        }
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
            return Ok(Passed { principal, home: Id::new(ACCOUNT), tenant: None });
        }
        let tenant = reach(&self.api.settings, &principal.authority, named("app"))?;
        if let Authority::User { external_id, .. } = &principal.authority {
            self.admit_user(&tenant, named("user"), external_id).await?;
        }
        let home = if self.access.is_above_apps() { Id::new(ACCOUNT) } else { tenant.app.id.clone() };
        Ok(Passed { principal, home, tenant: Some(tenant) })
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
