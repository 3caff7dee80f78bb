//! Whose a key is. Keys are given out by the API alone, so that the ways of OAuth to one end here.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::{Caller, Outlet};
use crate::api::problem::Problem;
use crate::wire::v2;

/// `GET /v2/tokenInfo`
pub(super) async fn token_info(Caller(tenant): Caller) -> Json<Value> {
    Json(json!({ "app": v2::app(&tenant.app) }))
}

/// `GET /oauth/authorize` and `POST /oauth/token`. A redirection would lead nowhere, and clients follow it.
pub(super) async fn refuse() -> Problem {
    Problem::missing("not_found", "This server offers no OAuth; use a custom integration's key")
}

/// `DELETE /oauth/authorization`: the custom integration that calls goes, with its webhooks and its keys.
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Outlet(id): Outlet,
) -> Result<Json<Value>, Problem> {
    api.settings.delete_custom(&tenant.app.id, &id).await?;
    Ok(Json(json!({})))
}
