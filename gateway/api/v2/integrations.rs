//! Integrations: channels, and a customer's own software.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::cursor::Pages;
use crate::api::deep::Deep;
use crate::api::gate::{Caller, Outlet};
use crate::api::once::Marked;
use crate::api::problem::Problem;
use crate::api::receive::{ApiBody, commas};
use crate::api::{Api, integrations};
use crate::core::{CoreError, Thing};
use crate::model::{Custom, Id, Integration, Tenant, Webhook};
use crate::wire::v1::{IntegrationChange, NewIntegration};
use crate::wire::v2::{self, INTEGRATION_TYPES, NewCustom};

use super::webhooks;

/// The type of a customer's own software.
const CUSTOM: &str = "custom";

/// `POST …/integrations`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let given = NewIntegration::parse(&body)?;
    let made = match given.kind == CUSTOM {
        true => create_custom(&api, &tenant, &marked, NewCustom::parse(&body)?).await?,
        false => integrations::make(&api, &tenant, given, &marked, v2::integration).await?,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

async fn create_custom(
    api: &Api,
    tenant: &Tenant,
    marked: &Marked,
    given: NewCustom,
) -> Result<Value, Problem> {
    let (once, now) = (marked.once(StatusCode::CREATED, shown_new), api.core.now());
    let (name, change) = (given.display_name, webhooks::change(given.webhook));
    let app = &tenant.app.id;
    let made =
        api.settings.create_custom(app, name, change, &|batch, made| once.enter(batch, now, made)).await?;
    Ok(shown_new(&made))
}

/// `GET …/integrations`. Types that strict clients do not know are shown to whom asks for them.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    pages: Pages,
    Deep { filter, .. }: Deep,
) -> Json<Value> {
    let asked: Option<Vec<&str>> = filter.get("types").map(|types| commas(types).collect());
    let wanted = asked.unwrap_or_else(|| INTEGRATION_TYPES.to_vec());
    let channels = tenant.integrations.iter().filter(|one| wanted.contains(&&*one.kind));
    let mut entries: Vec<(String, Value)> =
        channels.map(|one| (one.id.to_string(), channel(&api, &tenant, one))).collect();
    if wanted.contains(&CUSTOM) {
        let customs = tenant.all_customs();
        entries.extend(customs.iter().filter_map(|one| Some((one.id.to_string(), view(&tenant, one)?))));
    }
    Json(pages.of_all("integrations", api.channels.public_base(), entries))
}

/// `GET …/integrations/{integration}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Outlet(id): Outlet,
) -> Result<Json<Value>, Problem> {
    if let Some(custom) = tenant.custom(&id) {
        return shown(&tenant, &custom);
    }
    let found = integrations::named(&tenant, &id)?;
    Ok(Json(json!({ "integration": channel(&api, &tenant, found) })))
}

/// `PATCH …/integrations/{integration}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Outlet(id): Outlet,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let change = IntegrationChange::parse(&body)?;
    if let Some(custom) = tenant.custom(&id) {
        let custom = match change.display_name {
            Some(name) => api.settings.rename_custom(&tenant.app.id, &id, name).await?,
            None => custom,
        };
        return shown(&tenant, &custom);
    }
    let changed = integrations::change(&api, integrations::named(&tenant, &id)?, change).await?;
    Ok(Json(json!({ "integration": channel(&api, &tenant, &changed) })))
}

/// `DELETE …/integrations/{integration}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Outlet(id): Outlet,
) -> Result<Json<Value>, Problem> {
    match tenant.custom(&id) {
        Some(_) => api.settings.delete_custom(&tenant.app.id, &id).await?,
        None => integrations::remove(&api, integrations::named(&tenant, &id)?).await?,
    }
    Ok(Json(json!({})))
}

/// The custom integration that is meant; a channel is none, of which `lacking` says what it has not.
pub(super) fn custom_of(
    tenant: &Tenant,
    id: &Id<Integration>,
    lacking: &'static str,
) -> Result<Custom, Problem> {
    match (tenant.custom(id), tenant.integration(id)) {
        (Some(custom), _) => Ok(custom),
        (None, Some(_)) => Err(Problem::bad_request(lacking)),
        (None, None) => Err(CoreError::NotFound(Thing::Integration).into()),
    }
}

/// A channel, with who leads conversations that begin on it.
fn channel(api: &Api, tenant: &Tenant, integration: &Integration) -> Value {
    let mut shown = integrations::view(api, integration, v2::integration);
    let board = tenant.switchboard.as_ref();
    if let Some(responder) = board.and_then(|board| v2::default_responder(board, integration)) {
        shown["defaultResponder"] = responder;
    }
    shown
}

fn view(tenant: &Tenant, custom: &Custom) -> Option<Value> {
    Some(v2::custom(custom, tenant.webhooks_of(&custom.id).next()?))
}

fn shown(tenant: &Tenant, custom: &Custom) -> Result<Json<Value>, Problem> {
    let view = view(tenant, custom).ok_or(CoreError::NotFound(Thing::Integration))?;
    Ok(Json(json!({ "integration": view })))
}

fn shown_new((custom, webhook): &(Custom, Webhook)) -> Value {
    json!({ "integration": v2::custom(custom, webhook) })
}
