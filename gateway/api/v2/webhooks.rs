//! The webhooks of custom integrations.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::{Caller, Outlet};
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::model::{Id, Integration, Tenant, Webhook};
use crate::settings::{SettingsError, WebhookChange};
use crate::wire::v2::{self, WebhookFields};

use super::integrations::custom_of;

/// What is said of channels.
const LACKING: &str = "Webhooks are available only for custom integrations";

/// The webhook a path names.
#[derive(Debug, Deserialize)]
pub(super) struct WebhookPath {
    webhook: String,
}

/// `POST …/integrations/{integration}/webhooks`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Outlet(id): Outlet,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let custom = custom_of(&tenant, &id, LACKING)?;
    let change = change(WebhookFields::parse_new(&body)?);
    let (once, now) = (marked.once(StatusCode::CREATED, shown), api.core.now());
    let app = &tenant.app.id;
    let made = api
        .settings
        .create_webhook_of(app, &custom.id, change, &|batch, webhook| once.enter(batch, now, webhook))
        .await?;
    Ok((StatusCode::CREATED, Json(shown(&made))))
}

/// `GET …/integrations/{integration}/webhooks`
pub(super) async fn list(Caller(tenant): Caller, Outlet(id): Outlet) -> Result<Json<Value>, Problem> {
    let custom = custom_of(&tenant, &id, LACKING)?;
    let webhooks: Vec<Value> = tenant.webhooks_of(&custom.id).map(v2::webhook).collect();
    Ok(Json(json!({ "webhooks": webhooks })))
}

/// `GET …/integrations/{integration}/webhooks/{webhook}`
pub(super) async fn read(
    Caller(tenant): Caller,
    Outlet(id): Outlet,
    Named(path): Named<WebhookPath>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(named(&tenant, &id, &path)?)))
}

/// `PATCH …/integrations/{integration}/webhooks/{webhook}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Outlet(id): Outlet,
    Named(path): Named<WebhookPath>,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let found = named(&tenant, &id, &path)?;
    let change = change(WebhookFields::parse(&body, found.version)?);
    let changed = api.settings.update_webhook(&tenant.app.id, &found.id, change).await?;
    Ok(Json(shown(&changed)))
}

/// `DELETE …/integrations/{integration}/webhooks/{webhook}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Outlet(id): Outlet,
    Named(path): Named<WebhookPath>,
) -> Result<Json<Value>, Problem> {
    let found = named(&tenant, &id, &path)?;
    api.settings.delete_webhook_of(&tenant.app.id, &id, &found.id).await?;
    Ok(Json(json!({})))
}

fn named<'a>(tenant: &'a Tenant, id: &Id<Integration>, path: &WebhookPath) -> Result<&'a Webhook, Problem> {
    let custom = custom_of(tenant, id, LACKING)?;
    let found = tenant.webhooks_of(&custom.id).find(|webhook| webhook.id.as_str() == path.webhook);
    Ok(found.ok_or(SettingsError::NotFound)?)
}

/// What a caller wants of a webhook.
pub(super) fn change(fields: WebhookFields) -> WebhookChange {
    WebhookChange {
        target: fields.target,
        triggers: fields.triggers,
        include_client: fields.include_full_source,
        include_full_user: fields.include_full_user,
    }
}

fn shown(webhook: &Webhook) -> Value {
    json!({ "webhook": v2::webhook(webhook) })
}
