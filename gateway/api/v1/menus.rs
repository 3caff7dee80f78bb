//! Menus: the app's, and an integration's own, which comes before it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use heliograph_connectors::channel::Menu;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::integrations::refused;
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, Named};
use crate::model::{Id, Integration, NewJob, Tenant};
use crate::wire::v1;

use super::integrations::{IntegrationPath, named};

/// `GET /menu`
pub(super) async fn read_of_app(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
) -> Result<Json<Value>, Problem> {
    Ok(Json(view(api.settings.menu(&tenant.app.id, None).await?.as_ref())))
}

/// `PUT /menu`
pub(super) async fn update_of_app(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let menu = v1::parse_menu(&body, api.core.now())?;
    let showing = without_own(&api, &tenant).await?;
    for integration in &showing {
        check(&api, integration, &menu)?;
    }
    set(&api, &tenant, None, Some(&menu), &showing, None).await?;
    Ok(Json(view(Some(&menu))))
}

/// `DELETE /menu`
pub(super) async fn delete_of_app(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
) -> Result<Json<Value>, Problem> {
    let showing = without_own(&api, &tenant).await?;
    set(&api, &tenant, None, None, &showing, None).await?;
    Ok(Json(view(None)))
}

/// `GET /integrations/{integration}/menu`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
) -> Result<Json<Value>, Problem> {
    let integration = named(&tenant, &path)?;
    let own = api.settings.menu(&tenant.app.id, Some(&integration.id)).await?;
    let shown = match own {
        None => api.settings.menu(&tenant.app.id, None).await?,
        own => own,
    };
    Ok(Json(view(shown.as_ref())))
}

/// `POST /integrations/{integration}/menu`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let shown = change(&api, &tenant, &path, &body, Some(&marked)).await?;
    Ok((StatusCode::CREATED, Json(shown)))
}

/// `PUT /integrations/{integration}/menu`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    change(&api, &tenant, &path, &body, None).await.map(Json)
}

/// `DELETE /integrations/{integration}/menu`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<IntegrationPath>,
) -> Result<Json<Value>, Problem> {
    let integration = named(&tenant, &path)?;
    let showing: &[&Integration] = if shows_menus(&api, integration) { &[integration] } else { &[] };
    set(&api, &tenant, Some(&integration.id), None, showing, None).await?;
    Ok(Json(json!({})))
}

async fn change(
    api: &Api,
    tenant: &Tenant,
    path: &IntegrationPath,
    body: &[u8],
    marked: Option<&Marked>,
) -> Result<Value, Problem> {
    let integration = named(tenant, path)?;
    let menu = v1::parse_menu(body, api.core.now())?;
    check(api, integration, &menu)?;
    set(api, tenant, Some(&integration.id), Some(&menu), &[integration], marked).await?;
    Ok(view(Some(&menu)))
}

/// Commits a menu, or that there is none, with the work of showing it.
async fn set(
    api: &Api,
    tenant: &Tenant,
    of: Option<&Id<Integration>>,
    menu: Option<&Menu>,
    showing: &[&Integration],
    marked: Option<&Marked>,
) -> Result<(), Problem> {
    let now = api.core.now();
    api.settings
        .set_menu(&tenant.app.id, of, menu.cloned(), &|batch| {
            for integration in showing {
                batch.job(NewJob::show_menu(&integration.id, now));
            }
            if let Some(marked) = marked {
                marked.once(StatusCode::CREATED, Value::clone).enter(batch, now, &view(menu));
            }
        })
        .await?;
    Ok(())
}

/// The integrations that show menus and have none of their own: they show the app's.
async fn without_own<'a>(api: &Api, tenant: &'a Tenant) -> Result<Vec<&'a Integration>, Problem> {
    let mut found = Vec::new();
    for integration in tenant.integrations.iter().filter(|one| shows_menus(api, one)) {
        if api.settings.menu(&tenant.app.id, Some(&integration.id)).await?.is_none() {
            found.push(integration);
        }
    }
    Ok(found)
}

fn shows_menus(api: &Api, integration: &Integration) -> bool {
    api.channels.get(&integration.id).is_some_and(|channel| channel.menus().is_some())
}

/// Refuses what the channel cannot show.
fn check(api: &Api, integration: &Integration, menu: &Menu) -> Result<(), Problem> {
    let channel = api.live(integration)?;
    let Some(face) = channel.menus() else {
        return Err(Problem::bad_request(format!("{} shows no menu", channel.capabilities().word)));
    };
    face.check(menu).map_err(|error| refused(&*channel, &error))
}

fn view(menu: Option<&Menu>) -> Value {
    json!({ "menu": v1::menu(menu) })
}
