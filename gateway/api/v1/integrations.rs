//! Integrations: an app's channels, made, changed and taken away while the gateway runs.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Asked, Named, commas};
use crate::api::{Api, integrations};
use crate::model::{Id, Integration, Tenant};
use crate::wire::v1::{self, IntegrationChange, NewIntegration};

/// The integration a path names.
#[derive(Debug, Deserialize)]
pub(super) struct IntegrationPath {
    pub(super) integration: String,
}

/// Which integrations are wanted.
#[derive(Debug, Deserialize)]
pub(super) struct KindsQuery {
    types: Option<String>,
}

/// `POST /integrations`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let given = NewIntegration::parse(&body)?;
    let made = integrations::make(&api, &tenant, given, &marked, v1::integration).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// `GET /integrations`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    page: Page,
    Asked(query): Asked<KindsQuery>,
) -> Json<Value> {
    let kinds: Vec<&str> = query.types.as_deref().map(|types| commas(types).collect()).unwrap_or_default();
    let wanted = tenant.integrations.iter().filter(|one| kinds.is_empty() || kinds.contains(&&*one.kind));
    Json(page.of("integrations", wanted.map(|integration| view(&api, integration))))
}

/// `GET /integrations/{integration}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "integration": view(&api, named(&tenant, &path)?) })))
}

/// `PUT /integrations/{integration}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let current = named(&tenant, &path)?;
    let changed = integrations::change(&api, current, IntegrationChange::parse(&body)?).await?;
    Ok(Json(json!({ "integration": view(&api, &changed) })))
}

/// `DELETE /integrations/{integration}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
) -> Result<Json<Value>, Problem> {
    integrations::remove(&api, named(&tenant, &path)?).await?;
    Ok(Json(json!({})))
}

/// The integration of the app that a path names.
pub(super) fn named<'a>(tenant: &'a Tenant, path: &IntegrationPath) -> Result<&'a Integration, Problem> {
    integrations::named(tenant, &Id::new(path.integration.as_str()))
}

fn view(api: &Api, integration: &Integration) -> Value {
    integrations::view(api, integration, v1::integration)
}
