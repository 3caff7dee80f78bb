//! Stored templates: messages that an app keeps under names.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::core::TemplateChange;
use crate::model::Template;
use crate::wire::v1::{self, TemplateFields};

/// The template a path names.
#[derive(Debug, Deserialize)]
pub(super) struct TemplatePath {
    template: String,
}

/// `POST /templates`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let TemplateFields { name, message } = TemplateFields::parse(&body, api.core.now())?;
    let name = name.ok_or_else(|| Problem::required("name"))?;
    let message = message.ok_or_else(|| Problem::required("message"))?;
    let once = marked.once(StatusCode::CREATED, view);
    let template = api.core.create_template(&tenant.app.id, name, message, once).await?;
    Ok((StatusCode::CREATED, Json(view(&template))))
}

/// `GET /templates`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    page: Page,
) -> Result<Json<Value>, Problem> {
    let templates = api.core.templates(&tenant.app.id).await?;
    Ok(Json(page.of("templates", templates.iter().map(v1::template))))
}

/// `GET /templates/{template}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<TemplatePath>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(view(&api.core.template(&tenant.app.id, &path.template).await?)))
}

/// `PUT /templates/{template}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<TemplatePath>,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let TemplateFields { name, message } = TemplateFields::parse(&body, api.core.now())?;
    let change = TemplateChange { name, message };
    let template = api.core.update_template(&tenant.app.id, &path.template, change).await?;
    Ok(Json(view(&template)))
}

/// `DELETE /templates/{template}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<TemplatePath>,
) -> Result<Json<Value>, Problem> {
    api.core.delete_template(&tenant.app.id, &path.template).await?;
    Ok(Json(json!({})))
}

fn view(template: &Template) -> Value {
    json!({ "template": v1::template(template) })
}
