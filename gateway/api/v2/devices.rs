//! Devices are those of SDKs, of which there are none here.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::api::Api;
use crate::api::gate::Caller;
use crate::api::problem::Problem;
use crate::api::receive::Named;

use super::UserPath;

/// `GET …/users/{user}/devices`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    api.core.user(&tenant, &user).await?;
    Ok(Json(json!({ "devices": [] })))
}

/// `GET …/users/{user}/devices/{device}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    Caller(tenant): Caller,
    Named(UserPath { user }): Named<UserPath>,
) -> Result<Json<Value>, Problem> {
    api.core.user(&tenant, &user).await?;
    Err(Problem::missing("device_not_found", "Device not found"))
}
