//! Webhooks: what a customer wants to be told, and where.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::model::{Id, Webhook, WebhookVersion};
use crate::settings::{SettingsError, WebhookChange};
use crate::wire::v1::{self, WebhookFields};

/// The webhook a path names.
#[derive(Debug, Deserialize)]
pub(super) struct WebhookPath {
    webhook: String,
}

/// `POST /webhooks`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let change = change(WebhookFields::parse(&body, WebhookVersion::V1)?);
    if change.target.is_none() {
        return Err(Problem::required("target"));
    }
    let (once, now) = (marked.once(StatusCode::CREATED, view), api.core.now());
    let app = &tenant.app.id;
    let webhook = api
        .settings
        .create_webhook(app, WebhookVersion::V1, change, &|batch, webhook| once.enter(batch, now, webhook))
        .await?;
    Ok((StatusCode::CREATED, shown(&webhook)))
}

/// `GET /webhooks`
pub(super) async fn list(Caller(tenant): Caller) -> Json<Value> {
    let webhooks: Vec<Value> = tenant.webhooks.iter().map(v1::webhook).collect();
    Json(json!({ "webhooks": webhooks }))
}

/// `GET /webhooks/{webhook}`
pub(super) async fn read(
    Caller(tenant): Caller,
    Named(path): Named<WebhookPath>,
) -> Result<Json<Value>, Problem> {
    let found = tenant.webhooks.iter().find(|webhook| webhook.id.as_str() == path.webhook);
    Ok(shown(found.ok_or(SettingsError::NotFound)?))
}

/// `PUT /webhooks/{webhook}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<WebhookPath>,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let id = Id::new(path.webhook);
    let version = tenant.webhook(&id).ok_or(SettingsError::NotFound)?.version;
    let change = change(WebhookFields::parse(&body, version)?);
    let webhook = api.settings.update_webhook(&tenant.app.id, &id, change).await?;
    Ok(shown(&webhook))
}

/// `DELETE /webhooks/{webhook}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<WebhookPath>,
) -> Result<Json<Value>, Problem> {
    api.settings.delete_webhook(&tenant.app.id, &Id::new(path.webhook)).await?;
    Ok(Json(json!({})))
}

fn change(fields: WebhookFields) -> WebhookChange {
    WebhookChange {
        target: fields.target,
        triggers: fields.triggers,
        include_client: fields.include_client,
        include_full_user: fields.include_full_app_user,
    }
}

fn view(webhook: &Webhook) -> Value {
    json!({ "webhook": v1::webhook(webhook) })
}

fn shown(webhook: &Webhook) -> Json<Value> {
    Json(view(webhook))
}
