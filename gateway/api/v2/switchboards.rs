//! The switchboard of an app, and the integrations that take turns on it.

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
use crate::model::{Id, Switchboard, SwitchboardIntegration, Tenant};
use crate::settings::{SeatChange, Sought, SwitchboardChange, SwitchboardRefused};
use crate::wire::v2::{self, SeatFields, SwitchboardFields};

/// The switchboard a path names.
#[derive(Debug, Deserialize)]
pub(super) struct SwitchboardPath {
    switchboard: String,
}

/// The switchboard integration a path names.
#[derive(Debug, Deserialize)]
pub(super) struct SeatPath {
    switchboard: String,
    #[serde(rename = "switchboardIntegration")]
    seat: Id<SwitchboardIntegration>,
}

/// `POST …/switchboards`: without a body.
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    marked: Marked,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (now, once) = (api.core.now(), marked.once(StatusCode::CREATED, shown));
    let also = |batch: &mut _, board: &Switchboard| once.enter(batch, now, board);
    let board = api.settings.create_switchboard(&tenant.app.id, &also).await?;
    Ok((StatusCode::CREATED, Json(shown(&board))))
}

/// `GET …/switchboards`
pub(super) async fn list(Caller(tenant): Caller) -> Json<Value> {
    let boards: Vec<Value> = tenant.switchboard.iter().map(v2::switchboard).collect();
    Json(json!({ "switchboards": boards }))
}

/// `PATCH …/switchboards/{switchboard}`
pub(super) async fn update(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<SwitchboardPath>,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let SwitchboardFields { enabled, default } = SwitchboardFields::parse(&body)?;
    let change = SwitchboardChange { enabled, default };
    let board = api.settings.update_switchboard(&tenant.app.id, &path.switchboard, change).await?;
    Ok(Json(shown(&board)))
}

/// `DELETE …/switchboards/{switchboard}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<SwitchboardPath>,
) -> Result<Json<Value>, Problem> {
    api.settings.delete_switchboard(&tenant.app.id, &path.switchboard).await?;
    Ok(Json(json!({})))
}

/// `POST …/switchboardIntegrations`
pub(super) async fn create_seat(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(path): Named<SwitchboardPath>,
    marked: Marked,
    ApiBody(body): ApiBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    named(&tenant, &path.switchboard)?;
    let (now, change) = (api.core.now(), change_of(SeatFields::parse_new(&body)?));
    let once = marked.once(StatusCode::CREATED, shown_seat);
    let also = |batch: &mut _, seat: &SwitchboardIntegration| once.enter(batch, now, seat);
    let seat = api.settings.create_seat(&tenant.app.id, &path.switchboard, change, &also).await?;
    Ok((StatusCode::CREATED, Json(shown_seat(&seat))))
}

/// `GET …/switchboardIntegrations`
pub(super) async fn list_seats(
    Caller(tenant): Caller,
    Named(path): Named<SwitchboardPath>,
) -> Result<Json<Value>, Problem> {
    let board = named(&tenant, &path.switchboard)?;
    let seats: Vec<Value> = board.integrations.iter().map(v2::switchboard_integration).collect();
    Ok(Json(json!({ "switchboardIntegrations": seats })))
}

/// `PATCH …/switchboardIntegrations/{switchboardIntegration}`
pub(super) async fn update_seat(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(SeatPath { switchboard, seat }): Named<SeatPath>,
    ApiBody(body): ApiBody,
) -> Result<Json<Value>, Problem> {
    let change = change_of(SeatFields::parse(&body)?);
    let seat = api.settings.update_seat(&tenant.app.id, &switchboard, &seat, change).await?;
    Ok(Json(shown_seat(&seat)))
}

/// `DELETE …/switchboardIntegrations/{switchboardIntegration}`
pub(super) async fn delete_seat(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(SeatPath { switchboard, seat }): Named<SeatPath>,
) -> Result<Json<Value>, Problem> {
    api.settings.delete_seat(&tenant.app.id, &switchboard, &seat).await?;
    Ok(Json(json!({})))
}

fn named<'a>(tenant: &'a Tenant, id: &str) -> Result<&'a Switchboard, Problem> {
    let board = tenant.switchboard.as_ref().filter(|board| board.id.as_str() == id);
    board.ok_or_else(|| SwitchboardRefused::NoSwitchboard.into())
}

fn change_of(fields: SeatFields) -> SeatChange {
    let SeatFields { name, integration, standby, next, history } = fields;
    let integration = integration.map(|given| given.map_or_else(Sought::Kind, Sought::Id));
    SeatChange { name, integration, standby, next, history }
}

fn shown(board: &Switchboard) -> Value {
    json!({ "switchboard": v2::switchboard(board) })
}

fn shown_seat(seat: &SwitchboardIntegration) -> Value {
    json!({ "switchboardIntegration": v2::switchboard_integration(seat) })
}
