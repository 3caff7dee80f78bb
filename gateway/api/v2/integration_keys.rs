//! The keys of custom integrations.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::{Caller, Outlet};
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::model::{Id, Integration, Tenant};
use crate::settings::{KeyOwner, SettingsError};
use crate::wire::v2::{self, DisplayName};

use super::integrations::custom_of;
use super::keys::{KeyPath, shown};

/// What is said of channels (`reference: Sunshine v2, errors`).
const LACKING: &str = "API keys are available only for custom integrations";

fn owner(tenant: &Tenant, id: &Id<Integration>) -> Result<KeyOwner, Problem> {
    let custom = custom_of(tenant, id, LACKING)?;
    Ok(KeyOwner::Integration { app: tenant.app.id.clone(), integration: custom.id })
}

/// `POST …/integrations/{integration}/keys`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Outlet(id): Outlet,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let owner = owner(&tenant, &id)?;
    let (now, DisplayName(name)) = (api.core.now(), DisplayName::parse(&body)?);
    let once = marked.once(StatusCode::CREATED, shown);
    let key = api.settings.create_key(&owner, name, &|batch, key| once.enter(batch, now, key)).await?;
    Ok((StatusCode::CREATED, Json(shown(&key))))
}

/// `GET …/integrations/{integration}/keys`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Outlet(id): Outlet,
) -> Result<Json<Value>, Problem> {
    let keys: Vec<Value> = api.settings.keys_of(&owner(&tenant, &id)?).iter().map(v2::key).collect();
    Ok(Json(json!({ "keys": keys })))
}

/// `GET …/integrations/{integration}/keys/{key}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Outlet(id): Outlet,
    Named(KeyPath { key }): Named<KeyPath>,
) -> Result<Json<Value>, Problem> {
    let scope = owner(&tenant, &id)?.scope();
    let found = api.settings.key(&key).filter(|key| key.scope == scope);
    Ok(Json(shown(&found.ok_or(SettingsError::NotFound)?)))
}

/// `DELETE …/integrations/{integration}/keys/{key}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Outlet(id): Outlet,
    Named(KeyPath { key }): Named<KeyPath>,
) -> Result<Json<Value>, Problem> {
    api.settings.delete_key(&owner(&tenant, &id)?, &key).await?;
    Ok(Json(json!({})))
}
