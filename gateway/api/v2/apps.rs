//! Apps: made, listed, changed and removed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::auth::{Authority, Principal};
use crate::api::cursor::Pages;
use crate::api::deep::Deep;
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::ApiBody;
use crate::model::{App, Id};
use crate::wire::v2::{self, AppFields};

/// `POST /v2/apps`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    principal: Principal,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let now = api.core.now();
    let asked = AppFields::parse(&body)?;
    let name = asked.display_name.clone().ok_or_else(|| Problem::required("displayName"))?;
    let mut app = asked.applied(App::new(Id::fresh(now), name))?;
    if let Authority::ServiceAccount(maker) = principal.authority {
        app.service_account = Some(maker);
    }
    let once = marked.once(StatusCode::CREATED, shown);
    let app = api.settings.create_app(app, &|batch, app| once.enter(batch, now, app)).await?;
    Ok((StatusCode::CREATED, Json(shown(&app))))
}

/// `GET /v2/apps`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    pages: Pages,
    Deep { filter, .. }: Deep,
) -> Json<Value> {
    let maker = filter.get("serviceAccountId").map(|id| Id::new(id.as_str()));
    let apps = api.settings.tenants();
    let wanted = apps.iter().map(|tenant| &tenant.app);
    let wanted = wanted.filter(|app| maker.is_none() || app.service_account == maker);
    let entries = wanted.map(|app| (app.id.to_string(), v2::app(app))).collect();
    Json(pages.of_all("apps", api.channels.public_base(), entries))
}

/// `GET /v2/apps/{app}`
pub(super) async fn read(Caller(tenant): Caller) -> Json<Value> {
    Json(shown(&tenant.app))
}

/// `PATCH /v2/apps/{app}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let (asked, mut refused) = (AppFields::parse(&body)?, None);
    let changed = api.settings.update_app(&tenant.app.id, |app| match asked.applied(app.clone()) {
        Ok(changed) => *app = changed,
        Err(refusal) => refused = Some(refusal),
    });
    let app = changed.await?;
    match refused {
        Some(refusal) => Err(refusal.into()),
        None => Ok(Json(shown(&app))),
    }
}

/// `DELETE /v2/apps/{app}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
) -> Result<Json<Value>, Problem> {
    api.settings.delete_app(&tenant.app.id).await?;
    for integration in &tenant.integrations {
        api.channels.remove(&integration.id);
    }
    Ok(Json(json!({})))
}

fn shown(app: &App) -> Value {
    json!({ "app": v2::app(app) })
}
