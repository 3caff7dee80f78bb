//! Apps: made, listed, changed and removed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::auth::{Authority, Principal};
use crate::api::gate::Caller;
use crate::api::once::Marked;
use crate::api::page::Page;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Asked};
use crate::model::{App, Id};
use crate::wire::v1::{self, AppFields};

/// Which apps are wanted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AppFilter {
    service_account_id: Option<String>,
}

/// `POST /apps`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    principal: Principal,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let now = api.core.now();
    let asked = AppFields::parse(&body, now)?;
    let name = asked.name.clone().ok_or_else(|| Problem::required("name"))?;
    let mut app = App::new(Id::fresh(now), name);
    asked.apply(&mut app);
    if let Authority::ServiceAccount(maker) = principal.authority {
        app.service_account = Some(maker);
    }
    let once = marked.once(StatusCode::CREATED, shown);
    let app = api.settings.create_app(app, &|batch, app| once.enter(batch, now, app)).await?;
    Ok((StatusCode::CREATED, Json(shown(&app))))
}

/// `GET /apps`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    page: Page,
    Asked(filter): Asked<AppFilter>,
) -> Json<Value> {
    let mut tenants = api.settings.tenants();
    if let Some(maker) = filter.service_account_id.map(Id::new) {
        tenants.retain(|tenant| tenant.app.service_account.as_ref() == Some(&maker));
    }
    tenants.sort_by(|one, other| (one.app.created, &one.app.id).cmp(&(other.app.created, &other.app.id)));
    Json(page.of("apps", tenants.iter().map(|tenant| v1::app(&tenant.app))))
}

/// `GET /apps/{app}`
pub(super) async fn read(Caller(tenant): Caller) -> Json<Value> {
    Json(shown(&tenant.app))
}

/// `PUT /apps/{app}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let asked = AppFields::parse(&body, api.core.now())?;
    let app = api.settings.update_app(&tenant.app.id, |app| asked.apply(app)).await?;
    Ok(Json(shown(&app)))
}

/// `DELETE /apps/{app}`
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
    json!({ "app": v1::app(app) })
}

/// `GET /sdks`: the integrations of the platform's own SDKs, of which an app here has none.
pub(super) async fn sdks() -> Json<Value> {
    Json(json!({}))
}
